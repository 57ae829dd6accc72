"""The tool that runs chapters with other seeds sees luck.

That every chapter's checks hold with another seed is tested on the notebooks to take away.
"""

from pathlib import Path

import nbformat
import pytest

from tools import reseed


def chapter(tmp_path: Path, *lines: str) -> Path:
    cell = nbformat.v4.new_code_cell("\n".join(lines))
    path = tmp_path / "lucky.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


def test_a_lucky_seed_is_seen(tmp_path):
    path = chapter(tmp_path, "SEED = 7", "assert SEED == 7")
    assert reseed.failures(path, range(2)) == [
        "lucky, seed 0: AssertionError: ",
        "lucky, seed 1: AssertionError: ",
    ]


def test_a_chapter_without_a_seed_is_refused(tmp_path):
    path = chapter(tmp_path, "x = 1")
    with pytest.raises(ValueError, match="one line 'SEED"):
        reseed.run(path, 1)
