"""Every notebook is in the form that `make notebooks` writes, and nbval bites.

The comparison of outputs itself is nbval's: `make test` runs it on chapters/.
"""

import shutil
from pathlib import Path

import nbformat
import pytest

from tests.pytest_process import NBVAL, run_pytest
from tools import notebooks

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
# The landing page states nothing, so it checks nothing.
STATING = [path for path in CHAPTERS if path.stem != "intro"]


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def unrun(notebook: nbformat.NotebookNode) -> list[str]:
    """What shows that a notebook was not run from top to bottom, in words."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    faults = []
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        faults.append("execution counts are not 1..n")
    if any(output.output_type == "error" for cell in code for output in cell.outputs):
        faults.append("an error is stored")
    if not any(cell.outputs for cell in code):
        faults.append("no output is stored")
    if "widgets" in notebook.metadata:
        faults.append("widget state is stored")
    return faults


def test_there_are_chapters():
    assert CHAPTERS


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_run_from_top_to_bottom(path):
    assert unrun(read(path)) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_is_as_make_notebooks_writes_it(path):
    notebook = notebooks.normalize(read(path), path.stem)
    assert notebooks.text(notebook) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", STATING, ids=lambda path: path.stem)
def test_cells_are_short(path):
    lengths = sorted(
        len(cell.source.splitlines()) for cell in read(path).cells if cell.cell_type == "code"
    )
    assert lengths[len(lengths) // 2] <= 8
    assert lengths[-1] <= 16


@pytest.mark.parametrize("path", STATING, ids=lambda path: path.stem)
def test_has_a_check_and_a_slider(path):
    source = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
    assert "check(" in source
    assert "interact(" in source


def small_notebook(tmp_path: Path) -> Path:
    """A notebook of one printed number, run and normalized."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("from ntklib.book import show\nshow(answer=42)")]
    )
    path = tmp_path / "small.ipynb"
    done = notebooks.normalize(notebooks.run(notebook, tmp_path), "small")
    path.write_text(notebooks.text(done), encoding="utf-8")
    shutil.copy(ROOT / "conftest.py", tmp_path)
    return path


def test_nbval_sees_a_changed_output(tmp_path):
    path = small_notebook(tmp_path)
    assert run_pytest(tmp_path, *NBVAL, path.name).returncode == 0
    text = path.read_text(encoding="utf-8")
    assert text.count("answer = 42") == 1
    path.write_text(text.replace("answer = 42", "answer = 43"), encoding="utf-8")
    done = run_pytest(tmp_path, *NBVAL, path.name)
    assert done.returncode == 1
    assert "43" in done.stdout


def test_a_stripped_notebook_is_seen(tmp_path):
    notebook = read(small_notebook(tmp_path))
    assert unrun(notebook) == []
    for cell in notebook.cells:
        cell.outputs, cell.execution_count = [], None
    assert unrun(notebook) == ["execution counts are not 1..n", "no output is stored"]


def test_normalizing_twice_changes_nothing(tmp_path):
    path = small_notebook(tmp_path)
    assert notebooks.text(notebooks.normalize(read(path), "small")) == path.read_text(
        encoding="utf-8"
    )
