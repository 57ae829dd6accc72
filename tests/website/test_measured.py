"""Numbers in prose agree with what cells printed, and none stands there unmarked."""

import html
import json
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import nbformat
import numpy as np
import pytest
from docutils import nodes

from ntklib.book.printing import show
from tests.website.test_build import CONF, FILES, ROOT
from tools.notebooks import NOTEBOOK_METADATA
from website import measured

CODE = "rate = 22.5\ntries = 1e-6\nshow(gap=gap, shares=shares)"
PRINTED = "gap = 0.0351   shares = (0.94, 0.337)\nsmall = 1.49e-08\ntimes = 3\ntimes = 4\n"

RIGHT = """# Right

The gap is {measured}`0.035 <gap>`, the root {measured}`$\\eps\\approx1.5\\cdot10^{-8}$ <small>`,
{measured}`94 in
100 <shares[0]>`, {measured}`a third <shares[1]>` of them, at 22.5 degrees, below
$10^{-6}$, as in Section 3.4 of a book, with `b_std=0.77`.

```{prf:lemma} A bound
:label: lem-bound

It is $0.123$.
```

```{prf:proof}
By hand, $0.456$.
```

```{unchecked} lem-bound
Known.
```

## In the scan

| Line | It says |
|---|---|
| 1 | 0.789 |
"""
# Each line, and what is said of it.
WRONG = {
    "A digit, {measured}`0.036 <gap>`, is wrong.": "'0.036' does not agree with 'gap'",
    "A name, {measured}`0.035 <gab>`, is unknown.": "no cell of this page prints 'gab'",
    "One, {measured}`0.035`, has no name.": "'0.035' needs the name",
}
UNMARKED = {
    "A decimal, 0.041, is unmarked.": "'0.041'",
    "A formula, $x\\le0.042$, as well.": "'0.042'",
    "Nine in\nten are.": "'Nine in ten'",
    "Two thirds are.": "'Two thirds'",
    "That is 43\u00a0% of them.": "'43 %'",
    "It is $10^{-9}$.": "'10^{-9}'",
    "It is four times as large.": "'four times as'",
}


def notebook(text: str, caption: str = "A figure.") -> str:
    """A page with one cell, which printed, and drew a figure."""
    cells = [nbformat.v4.new_markdown_cell(text)]
    stream = nbformat.v4.new_output("stream", text=PRINTED)
    cells.append(nbformat.v4.new_code_cell(CODE, outputs=[stream]))
    drawn = nbformat.v4.new_output("display_data", {"text/html": '<div class="ntk-figure"></div>'})
    figure = {"figure": {"name": f"fig-{len(text)}", "caption": caption}}
    cells.append(nbformat.v4.new_code_cell("x", outputs=[drawn], metadata={"mystnb": figure}))
    return str(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=NOTEBOOK_METADATA)))


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> tuple[Path, list[str]]:
    """A small book, built, and the warnings."""
    folder = tmp_path_factory.mktemp("measured")
    for name in ("website", "ntklib"):
        unneeded = shutil.ignore_patterns("vendor", "__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=unneeded)
    for name in FILES:
        shutil.copyfile(ROOT / name, folder / name)
    unmarked = "\n\n".join(UNMARKED)
    pages = {
        "conf.py": CONF,
        "rfc3987_syntax.py": "raise ImportError",  # of no use here, and slow to import
        "start.md": "# Start, 0.5\n\n```{toctree}\nright\nwrong\nunmarked\n```\n",
        "right.ipynb": notebook(RIGHT, "Of $x$, {measured}`0.04 <gap>` wide."),
        "wrong.ipynb": notebook("# Wrong\n\n" + "\n\n".join(WRONG)),
        "unmarked.ipynb": notebook("# Unmarked\n\n" + unmarked, "A width of 0.044."),
    }
    for name, text in pages.items():
        folder.joinpath(name).write_text(text, encoding="utf-8")
    options = ["-q", "-b", "html", "-j", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(folder), str(folder / "_build" / "html")],
        cwd=folder,  # so that its copies are imported
        capture_output=True,
        text=True,
        check=True,
    )
    return folder / "_build" / "html", done.stderr.splitlines()


def said_of(book: tuple[Path, list[str]], page: str) -> list[str]:
    return [line for line in book[1] if f"{page}.ipynb:" in line]


def test_a_number_that_a_cell_printed_passes_and_so_does_a_setting(book):
    assert said_of(book, "right") == []


def test_a_wrong_digit_and_an_unknown_name_are_reported(book):
    for line, expected in zip(said_of(book, "wrong"), WRONG.values(), strict=True):
        assert f"WARNING: {expected}" in line


def test_an_unmarked_number_is_reported(book):
    expected = [*UNMARKED.values(), "'0.044'"]
    for line, number in zip(said_of(book, "unmarked"), expected, strict=True):
        assert f"WARNING: {number} is neither" in line


def test_nothing_else_is_reported(book):
    pages = [said_of(book, page) for page in ("wrong", "unmarked")]
    assert len(book[1]) == sum(map(len, pages))


def test_the_page_and_its_notebook_show_the_literal(book):
    page = book[0].joinpath("right.html").read_text(encoding="utf-8")
    assert "The gap is 0.035, the root" in page
    assert re.search(
        r'<span class="math [^>]*>\\\(\\eps\\approx1\.5\\cdot10\^\{-8\}\\\)</span>', page
    )
    assert ", 0.04 wide." in re.sub(r"<[^>]+>", "", page)
    taken = nbformat.read(book[0] / "notebooks" / "right.ipynb", as_version=4)
    words = "\n".join(cell.source for cell in taken.cells)
    assert (
        "The gap is 0.035, the root $\\eps\\approx1.5\\cdot10^{-8}$,\n94 in\n100, a third" in words
    )


@pytest.mark.parametrize(
    ("literal", "agrees", "differs"),
    [
        ("0.035", ["0.0345", "0.0355"], ["0.0344", "0.0356"]),
        ("−0.09", ["-0.0893"], ["0.0893"]),
        ("12 000", ["12000.4"], ["12001"]),
        ("94 %", ["0.9449"], ["0.946", "94"]),
        ("94 in 100", ["0.9449"], ["0.946"]),
        ("nine in ten", ["0.86", "0.94"], ["0.84", "0.96"]),
        ("seven cases of ten", ["0.7"], ["0.76"]),
        ("a third", ["0.3", "0.374"], ["0.29", "0.38"]),
        ("two thirds", ["0.64"], ["0.6"]),
        ("an eighteenth", ["0.056"], ["0.0526", "0.0589"]),
        ("twice", ["2.2"], ["2.3"]),
        ("four times", ["3.8"], ["3.7"]),
        ("1.7 times", ["1.72"], ["1.8"]),
        ("5.5·10⁻⁷", ["5.46e-07"], ["5.4e-07", "5.5e-06"]),
        ("$1.5\\cdot10^{-8}$", ["1.49e-08"], ["1.44e-08"]),
        ("$10^{-16}$", ["1.1e-16"], ["2e-16"]),
        ("$\\lambda_1=0.039$", ["0.0391"], ["0.0396"]),
        ("$0.02\\,\\eps^2$", ["0.02"], ["0.03"]),
        ("$w=(4.4,\\,-0.8)$", ["[4.4  -0.8]"], ["[4.4  0.8]", "4.4", "ReLU"]),
    ],
)
def test_agreement(literal, agrees, differs):
    for value in agrees:
        measured.compare(literal, "x", {"x": [measured._value(value)]})
    for value in differs:
        with pytest.raises(ValueError, match=r"agree|numbers in|not a number"):
            measured.compare(literal, "x", {"x": [measured._value(value)]})


def test_names_are_those_of_show_and_labels_of_checks(capsys):
    show(gap=0.25, pairs=((1, 2), (3, 4)), kind="ReLU NTK", row=np.array([0.5, -1e-3]))
    show(table=np.array([[1.0, 2.5], [3.0, 4.0]]), after=7)
    show(gap=0.75)
    page = nodes.document(None, None)
    page += nodes.literal_block("", capsys.readouterr().out, classes=["output", "stream"])
    record = html.escape(json.dumps({"label": "lem-a", "raw": 0.125}))
    page += nodes.raw("", f'<p class="ntk-check" data-record="{record}">', format="html")
    values = measured.printed(page)
    found = {
        "gap[1]": ["0.75"],
        "pairs[1][0]": ["3"],
        "lem-a": ["0.125"],
        "row": ["0.5", "-0.001"],
        "table[0][1]; after": ["2.5", "7"],
    }
    for name, numbers in found.items():
        assert measured.look_up(name, values) == [Fraction(number) for number in numbers]
    for name in ("gap", "gap[2]", "kind", "pairs[x]", "after[0]", "none", ""):
        with pytest.raises(ValueError, match="print"):
            measured.look_up(name, values)


@pytest.mark.parametrize(
    "text",
    [
        "a third network, and a sixth, a diamond",
        "seven neurons in 3 dimensions, one of two reasons, a matrix and one of ten thousand",
        "toss it 200 times over; three times differentiable; $m$ times $d$",
        "half of it, Theorem 5.1.1, version 1.2.3, $10^k$, $2^{-53}$, 50 000 points",
    ],
)
def test_what_is_no_measured_number(text):
    assert list(measured.unmarked(text, set())) == []


@pytest.mark.parametrize(
    "text",
    ["a third of", "one quarter", "70 of 257", "one in a thousand", "two percent", "10⁻⁷", "1e-9"],
)
def test_what_is_one(text):
    (found,) = measured.unmarked(text, set())
    assert re.match(f"'{text.removesuffix(' of')}'", found)
