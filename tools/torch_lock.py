"""Which build of torch is installed for the tests of the libraries, and what is left without it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence

# What of requirements-libraries.lock stands and falls with torch.
WITH_TORCH = ("torch", "gpytorch", "botorch", "linear-operator")


def without_torch(lock: str, python: str = "") -> tuple[str, Sequence[str]]:
    """A lock without torch and what needs it."""
    entries = rf"^(?:{'|'.join(WITH_TORCH)})==.*\n(?: .*\n)*"
    return re.sub(entries, "", lock, flags=re.MULTILINE), ()


def torch_found(wanted: str, python: str) -> tuple[str, str]:
    """The version and the SHA-256 of the build of torch that pip takes when held to no hash."""
    question = ("install", "-q", "--dry-run", "--ignore-installed", "--no-deps", "--report", "-")
    answer = subprocess.run(
        [python, "-m", "pip", *question, wanted], stdout=subprocess.PIPE, check=True
    )
    (found,) = json.loads(answer.stdout)["install"]
    return found["metadata"]["version"], found["download_info"]["archive_info"]["hashes"]["sha256"]


def with_torch(lock: str, python: str) -> tuple[str, Sequence[str]]:
    """A lock with the CPU build of torch by name where pip finds one; else LARGE must allow it.

    Of two builds of one version pip prefers one whose hash an index announces: held to hashes, it
    takes the build for GPUs even where the other lies in a folder, and lacks its libraries.
    """
    entry = re.search(r"^(torch==[\w.]+) \\\n(?: .*\n)+", lock, flags=re.MULTILINE)
    assert entry, "the lock has torch"
    wanted = entry[1]
    version, digest = torch_found(wanted, python)
    if version.endswith("+cpu"):
        if digest not in entry[0]:
            print(
                f"== The lock does not know this build of torch {version}; pip's word is taken",
                flush=True,
            )
        named = f"torch=={version} \\\n    --hash=sha256:{digest}\n"
        return lock.replace(entry[0], named), ()
    if sys.platform != "linux":
        return lock, ()
    if os.environ.get("LARGE") != "torch":
        sys.exit(
            f"pip finds only the build of torch {version} for GPUs here: a download of about 3 GB, "
            "6 GB on disk. LARGE=torch takes it, WITHOUT=torch leaves out torch, gpytorch and "
            "botorch with their tests; where pip also looks at an index with builds for the CPU "
            "(0.2 GB), it takes that."
        )
    return lock, (wanted,)
