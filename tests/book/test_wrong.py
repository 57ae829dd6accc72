"""Each check turns red for the wrong statements that the ledger says it would catch.

The program that tries them out is held to its word on a small chapter.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import wrong
from tools.sample import sample

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "chapters" / "wrong").glob("*.toml"))

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

CELLS = (
    "import math\nfrom ntklib.book import check",
    "def area(r):\n    return math.pi * r ** 2",
    "check('prp-area', 'the unit disc', measured=abs(area(1) - 3.14159265),\n"
    "      at_most=1e-8, because='digits')\n"
    "check('prp-area', 'less than its square', measured=area(1), at_most=4.0, because='inside')",
)
DISC = """
[[check]]
label = "prp-area"
claim = "the unit disc"
[[check.wrong]]
says = "{c} pi for pi"
find = "math.pi"
put = "{c} * math.pi"
[[check.wrong]]
says = "r for r^2"
before = "area = lambda r: 2 * r"
"""
SQUARE = """
[[check]]
label = "prp-area"
claim = "less than its square"
"""
LOOSE = SQUARE + 'illustration = "a square is larger"\n[[check.wrong]]\n'
LOOSE += 'says = "{c} pi for pi"\nfind = "math.pi"\nput = "{c} * math.pi"\n'


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "tools.wrong", *arguments)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)


def test_every_chapter_with_checks_has_a_record():
    for path in (ROOT / "chapters").glob("*.ipynb"):
        if path.stem not in NAMES:
            cells = "\n".join(wrong.cells(path.stem))
            assert "check(" not in cells, f"chapters/wrong/{path.stem}.toml is missing"


@pytest.mark.parametrize("name", sample(NAMES, 9))
def test_what_is_on_record_turns_red(name):
    done = started(name, "--check")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def disc(tmp_path, monkeypatch):
    """Try out a chapter about discs with these entries."""
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "disc.ipynb")
    (tmp_path / "wrong").mkdir()
    monkeypatch.setattr(wrong, "CHAPTERS", tmp_path)
    monkeypatch.setattr("ntklib.book.check", wrong.ntklib.book.check)  # put back afterwards

    def tried(entries, **options):
        (tmp_path / "wrong" / "disc.toml").write_text(entries, encoding="utf-8")
        return wrong.try_out("disc", **options)

    return tried


def test_the_nearest_factors_and_a_structural_fault(disc):
    illustration = 'illustration = "a square is larger"\n'
    exact, loose = disc(DISC + LOOSE.replace(illustration, ""))
    assert [one["factors"] for one in exact["wrong"]] == [[1.001, 0.999], []]
    assert exact["wrong"][0]["says"] == "1.001 or 0.999 pi for pi"
    # pi times 1.5 is more than four, times 1.2 is not.
    assert loose["wrong"][0]["factors"] == [1.5]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (DISC, "without entry"),
        (DISC + SQUARE, "catches nothing near"),
        (DISC + LOOSE, "is a test, not an illustration"),
        (DISC.replace("2 * r", "math.pi * r") + LOOSE, "stays green"),
        (DISC.replace("2 * r", "1 / 0") + LOOSE, "ZeroDivisionError"),
        (DISC.replace('"math.pi"', '"math.tau"') + LOOSE, "no cell up to that of the check"),
    ],
)
def test_what_is_not_so_is_refused(disc, entries, words):
    with pytest.raises(ValueError, match=words):
        disc(entries)


def test_a_record_is_compared(disc):
    entries = DISC + LOOSE.replace('illustration = "a square is larger"\n', "")
    record = disc(entries)
    assert disc(entries, record=record) == record
    changed = json.loads(json.dumps(record))
    changed[1]["wrong"][0]["factors"] = [1.2]
    with pytest.raises(ValueError, match="stays green"):
        disc(entries, record=changed)


def test_a_check_that_moved_is_noticed(disc):
    entries = DISC + LOOSE.replace('illustration = "a square is larger"\n', "")
    record = disc(entries)
    assert [one["cell"] for one in record] == [2, 2]
    record[1]["cell"] = 1
    with pytest.raises(ValueError, match="stand elsewhere than on record"):
        disc(entries, record=record)
