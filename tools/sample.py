"""A part of the cases of what takes long, another one for each commit; `ALL=1` takes all."""

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def commit() -> str:
    """The commit that is checked out; empty outside a repository."""
    try:
        command = ("git", "rev-parse", "HEAD")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def sample(cases: Sequence[str], share: int, *, at: str | None = None) -> list[str]:
    """One case of so many, rounded up, chosen by the commit; in the order given.

    Whoever tests a commit tests the same, and over commits every case has its turn.
    """
    if os.environ.get("ALL"):
        return list(cases)
    where = commit() if at is None else at
    drawn = sorted(cases, key=lambda case: _lot(where, case))[: -(-len(cases) // share)]
    return [case for case in cases if case in drawn]


def turn(case: str, share: int, *, at: str | None = None) -> bool:
    """Whether it is the turn of what has no others of its kind: at one commit of so many."""
    where = commit() if at is None else at
    return bool(os.environ.get("ALL")) or int.from_bytes(_lot(where, case)) % share == 0


def _lot(where: str, case: str) -> bytes:
    return hashlib.sha256(f"{where} {case}".encode()).digest()
