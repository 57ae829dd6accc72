"""Run chapters on the Python of the pages, under node, and compare every text that they print.

    python -m tools.live_check             every chapter
    python -m tools.live_check span        one
    python -m tools.live_check --sample    Part I, and one of the others, by the commit's hash

Needs node and what `make live` made. Where there is no node, one line says so.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import yaml

from website.live import make

ROOT = Path(__file__).resolve().parents[1]


def parts() -> list[list[str]]:
    """The chapters that are notebooks, part by part, as the table of contents has them."""
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [[{"file": contents["root"]}, *contents["parts"][0]["chapters"]]]
    listed += [part["chapters"] for part in contents["parts"][1:]]
    files = ([ROOT / f"{chapter['file']}.ipynb" for chapter in part] for part in listed)
    return [[path.stem for path in part if path.is_file()] for part in files]


def sample(commit: str) -> list[str]:
    """The chapters of Part I, and one of the others, chosen by the commit's hash."""
    first, *others = parts()
    rest = [name for part in others for name in part]
    return [*first, rest[int(hashlib.sha256(commit.encode()).hexdigest(), 16) % len(rest)]]


def commit() -> str:
    """The commit that is checked out; empty outside a repository."""
    try:
        command = ("git", "rev-parse", "HEAD")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("names", nargs="*", help="chapters, without .ipynb (default: all)")
    parser.add_argument("--sample", action="store_true", help="Part I and one other")
    asked = parser.parse_args(arguments)
    node = shutil.which("node")
    if node is None:
        print("== Not run, for want of node: the chapters on the pages' Python")
        return 0
    names = sample(commit()) if asked.sample else asked.names or [*chain(*parts())]
    paths = (f"chapters/{name}.ipynb" for name in names)
    command = [node, "tools/live_check.mjs", str(make.OUT / make.RUNTIME), *paths]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
