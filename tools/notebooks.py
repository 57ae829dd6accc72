"""Run chapters in a fresh kernel and write them back in the one form that git keeps.

    python tools/notebooks.py              every chapter
    python tools/notebooks.py span         one chapter
    python tools/notebooks.py --check      only say which chapters are not in that form

Kept: sources, text outputs, one PNG a figure. Dropped: frames and live
widgets (the website makes them when it builds), timings, and metadata that changes from run to
run. Running it twice changes nothing.
"""

import argparse
import copy
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"
KEPT_MIMES = ("text/plain", "image/png")
KEPT_CELL_METADATA = ("tags", "mystnb")
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def run(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """Execute all cells in order in a fresh kernel; the first error ends it."""
    executed: nbformat.NotebookNode = copy.deepcopy(notebook)
    NotebookClient(executed, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return executed


def normalize(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """The same notebook without what changes from run to run."""
    result: nbformat.NotebookNode = nbformat.v4.new_notebook(
        metadata=copy.deepcopy(NOTEBOOK_METADATA)
    )
    count = 0
    cells = [cell for cell in notebook.cells if cell.source.strip()]
    for position, cell in enumerate(cells):
        metadata = {key: cell.metadata[key] for key in KEPT_CELL_METADATA if cell.metadata.get(key)}
        new = nbformat.from_dict(
            {
                "cell_type": cell.cell_type,
                "id": f"{re.sub(r'[^a-z0-9]+', '-', name)}-{position:03d}",
                "metadata": metadata,
                "source": cell.source.rstrip(),
            }
        )
        if cell.cell_type == "code":
            count += 1
            new.execution_count = count
            outputs = (_output(output, count) for output in cell.outputs)
            new.outputs = _joined([kept for kept in outputs if kept])
        result.cells.append(new)
    nbformat.validate(result)
    return result


def _output(output: nbformat.NotebookNode, count: int) -> nbformat.NotebookNode | None:
    kept = copy.deepcopy(output)
    if kept.output_type == "execute_result":
        kept.execution_count = count
    if kept.output_type in ("display_data", "execute_result"):
        kept.data = {mime: kept.data[mime] for mime in KEPT_MIMES if mime in kept.data}
        kept.metadata = {}
        return kept if kept.data else None
    return kept


def _joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Neighboring pieces of one stream as one: where a kernel cuts them is a matter of timing."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == "stream" and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def text(notebook: nbformat.NotebookNode) -> str:
    """What is written to the file."""
    return str(nbformat.writes(notebook, version=4)) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("names", nargs="*", help="chapters, without .ipynb (default: all)")
    parser.add_argument(
        "--check", action="store_true", help="run nothing; fail if any would change"
    )
    args = parser.parse_args(argv)
    paths = [CHAPTERS / f"{name}.ipynb" for name in args.names] or sorted(CHAPTERS.glob("*.ipynb"))
    stale = []
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        if args.check:
            if text(normalize(notebook, path.stem)) != path.read_text(encoding="utf-8"):
                stale.append(path.name)
            continue
        print(f"running {path.name}", flush=True)
        written = text(normalize(run(notebook, path.parent), path.stem))
        path.write_text(written, encoding="utf-8", newline="\n")
    for name in stale:
        print(f"{name} is not as `make notebooks` writes it", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    raise SystemExit(main())
