"""Run chapters on the Python of the pages, under node, and compare every text that they print.

    python -m tools.live_check             every chapter
    python -m tools.live_check span        one
    python -m tools.live_check --sample    one of nine, by the commit's hash

Needs node and what `make live` made. Where there is no node, one line says so.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.sample import sample
from website.live import make

ROOT = Path(__file__).resolve().parents[1]


def chapters() -> list[str]:
    """The chapters that are notebooks."""
    return sorted(path.stem for path in (ROOT / "chapters").glob("*.ipynb"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("names", nargs="*", help="chapters, without .ipynb (default: all)")
    parser.add_argument("--sample", action="store_true", help="one of nine")
    asked = parser.parse_args(arguments)
    node = shutil.which("node")
    if node is None:
        print("== Not run, for want of node: the chapters on the pages' Python")
        return 0
    names = asked.names or chapters()
    if asked.sample:
        names = sample(names, 9)
    paths = (f"chapters/{name}.ipynb" for name in names)
    command = [node, "tools/live_check.mjs", str(make.OUT / make.RUNTIME), *paths]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
