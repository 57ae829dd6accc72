"""Run the checks of the chapters with other seeds: a statement does not depend on luck.

    python tools/reseed.py                      every chapter, seeds 1000 to 1019
    python tools/reseed.py limit --seeds 3      one chapter, seeds 1000 to 1002

Each chapter has one line `SEED = ...`; it is replaced, and the code cells are run without their
figures. Prints one line a chapter; fails if any check does.
"""

import argparse
import contextlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import nbformat

import ntklib.book

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"
FIRST_SEED = 1000
_SEED = re.compile(r"^SEED = \d+$", flags=re.MULTILINE)


def code(path: Path, seed: int | None = None) -> str:
    """The code cells of a notebook as one program, with another seed if one is given."""
    notebook = nbformat.read(path, as_version=4)
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    if seed is None:
        return text
    text, found = _SEED.subn(f"SEED = {seed}", text)
    if found != 1:
        raise ValueError(f"{path.name} must have one line 'SEED = ...', found {found}")
    return text


@contextlib.contextmanager
def without_figures() -> Iterator[None]:
    """Draw nothing meanwhile: figures cost most of the time and check nothing."""
    with (
        mock.patch.object(ntklib.book, "interact"),
        mock.patch.object(ntklib.book, "figure"),
    ):
        yield


def run(path: Path, seed: int | None = None) -> str:
    """Run a chapter, with another seed if given; what its checks printed. Raises what it raises."""
    printed = io.StringIO()
    program = compile(code(path, seed), str(path), "exec")
    with without_figures(), contextlib.redirect_stdout(printed):
        exec(program, {"__name__": "__main__"})
    return printed.getvalue()


def failures(path: Path, seeds: range) -> list[str]:
    """A line for each seed with which the chapter does not run to its end."""
    found = []
    for seed in seeds:
        try:
            run(path, seed)
        except Exception as error:  # whatever a chapter raises is the finding
            found.append(f"{path.stem}, seed {seed}: {type(error).__name__}: {error}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("names", nargs="*", help="chapters, without .ipynb (default: all)")
    parser.add_argument("--seeds", type=int, default=20, help="how many (default: 20)")
    args = parser.parse_args(argv)
    paths = [CHAPTERS / f"{name}.ipynb" for name in args.names] or [
        path for path in sorted(CHAPTERS.glob("*.ipynb")) if _SEED.search(code(path))
    ]
    found = []
    for path in paths:
        lines = failures(path, range(FIRST_SEED, FIRST_SEED + args.seeds))
        print(f"{path.stem}: {args.seeds - len(lines)} of {args.seeds} seeds pass", flush=True)
        found += lines
    for line in found:
        print(line, file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
