"""The printed book says what the website says: numbers, figures, sliders.

LaTeX itself is not needed: its source is written and read here. `make pdf` sets it, and reads the
log of doing so with `tools/latex_log.py`.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools import latex_log
from website.printed import cells, displays, preamble, sliders

ROOT = Path(__file__).resolve().parents[2]

HTML = ROOT / "_build" / "html" / "chapters"
# Writing all of it takes a minute.
whole_book = pytest.mark.drawn(3, group="the printed book")
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pages() -> str:
    """All pages of the website that have statements or figures, or lead to them, in one text."""
    names = [path.stem for path in sorted((ROOT / "chapters").glob("*.ipynb"))]
    names += ["speed", "closing"]
    return "\n".join((HTML / f"{name}.html").read_text(encoding="utf-8") for name in names)


@pytest.fixture(scope="module")
def tex() -> str:
    """The book as LaTeX, from the same reading of the chapters as the website."""
    jupyter_book = shutil.which("jupyter-book", path=str(Path(sys.executable).parent))
    options = ["-n", "-W", "--keep-going", "--quiet", "--builder", "latex"]
    done = subprocess.run(
        [jupyter_book, "build", *options, ROOT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return (ROOT / "_build" / "latex" / "kernels.tex").read_text(encoding="utf-8")


SHOWN = re.compile(
    r'<div class="(?:proof|exercise)[^"]*admonition" id="([^"]+)">\s*<p class="admonition-title">'
    r'<span class="caption-number">([^<]+)</span>'
)
PRINTED = re.compile(
    r"\\begin\{book(?:statement|exercise)\}\{\w*\}\{(\w+ \d+[a-z]*).*\}"
    r"\\phantomsection\\label\{[^}]*?:([\w-]+)\}"
)
LINKED = re.compile(
    r"\\hyperref\[\\detokenize\{chapters/\w+:([\w-]+)\}\]"
    r"\{\\sphinxcrossref\{(\w+[~\xa0]\d+[a-z]*)\}\}"
)


@whole_book
def test_statements_and_exercises_have_the_numbers_of_the_website(pages, tex):
    shown = {label: name.strip() for label, name in SHOWN.findall(pages)}
    printed = {label: name for name, label in PRINTED.findall(tex)}
    assert len(shown) > 50
    assert printed == shown


@whole_book
def test_every_reference_names_its_statement(pages, tex):
    shown = {label: name.strip() for label, name in SHOWN.findall(pages)}
    linked = LINKED.findall(tex)
    assert len(linked) > 100
    assert [name for label, name in linked if shown[label] != re.sub("[~\xa0]", " ", name)] == []


@whole_book
def test_equations_have_the_numbers_of_the_website(pages, tex):
    shown = re.findall(r'id="equation-([\w-]+)"[^>]*>\s*<span class="eqno">\(([\d.]+)\)', pages)
    number, printed = "", {}
    for match in re.finditer(
        r"\\renewcommand\{\\theequation\}\{([\d.]+)\}|\\label\{equation:[^}]*?:([\w-]+)\}", tex
    ):
        if match[1]:
            number = match[1]
        else:
            printed[match[2]], number = number, "none since the last"
    assert printed == dict(shown)
    assert printed


@whole_book
def test_every_figure_is_there_and_every_slider_has_its_line(pages, tex):
    figures = pages.count('class="ntk-figure')
    sliders = pages.count("ntk-interact")
    assert tex.count(r"\sphinxincludegraphics") == figures
    assert tex.count(r"{\slidercaption ") == sliders
    drawn = re.findall(r"\\sphinxincludegraphics\[[^]]*\]\{\{(\w+)\}\.pdf\}", tex)
    assert len(drawn) == figures - 2  # all but those of benchmarks, which are drawn beforehand
    for name in set(drawn):
        assert (ROOT / "_build" / "latex" / f"{name}.pdf").is_file()


@whole_book
def test_figures_have_the_numbers_of_the_website_and_stay_in_place(pages, tex):
    shown = re.findall(r'id="(fig-[\w-]+)">.*?caption-number">Figure\xa0(\w+) <', pages, re.DOTALL)
    number, printed = "", {}
    for match in re.finditer(
        r"\\renewcommand\{\\thefigure\}\{(\w+)\}"
        r"|\\caption\{.*\}\\label\{\\detokenize\{[\w/]+:(fig-[\w-]+)\}\}",
        tex,
    ):
        if match[1]:
            number = match[1]
        else:
            printed[match[2]], number = number, "none since the last"
    assert dict(shown) == printed
    places = list(printed)
    assert len(places) == len(shown) == pages.count('class="ntk-figure')
    assert tex.count(r"\begin{figure}[H]") == tex.count(r"\begin{figure}") == len(places)
    cited = re.findall(
        r"\\hyperref\[\\detokenize\{[\w/]+:(fig-[\w-]+)\}\]\{Figure[~\xa0]\\ref", tex
    )
    assert len(cited) == pages.count('class="std std-numref">Figure') > 20


@whole_book
def test_every_proof_is_there(pages, tex):
    assert tex.count(r"\begin{proof}") == len(re.findall(r'<details class="proof"', pages))


@whole_book
def test_every_sign_is_one_that_latex_can_set(tex):
    signs = set(tex) - set(preamble.SIGNS)
    letters = {chr(code) for code in range(0x180)} | set("–—‘’“”…")
    assert signs - letters == set()


def test_output_is_broken_at_spaces_and_not_before_a_bound():
    claim = "x" * 80 + ","  # "bound" has room beside it, its number has not
    wrapped = cells.wrapped(f"{claim} bound ≤ 1\n[1  2]\na, expected 3")
    assert list(wrapped) == [claim, "       bound ≤ 1", "[1  2]", "a, expected 3"]


def test_a_slider_says_where_it_moves():
    without = sliders.slider_caption("m from 1 to 2", "", "chapters/span")
    assert without.astext().endswith("One frame of many; m: 1 to 2. Move it on the website.}")
    address = "https://a.example/chapters/span.html"
    there = sliders.slider_caption("m from 1 to 2", "https://a.example", "chapters/span")
    assert address in there.astext()


def test_the_macros_of_the_website_are_those_of_latex():
    given = CONFIG["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"]
    written = preamble.macros(given)
    for name, value in given.items():
        body, count = value if isinstance(value, list) else (value, 0)
        assert rf"\renewcommand{{\{name}}}[{count}]{{{body}}}" in written


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("a,\\qquad\nb", "a,\\qquad\nb"),
        (f"{'a+' * 30},\\qquad\nb", f"\\begin{{gathered}}\n{'a+' * 30},\\\\\nb\n\\end{{gathered}}"),
        (f"{'a+' * 30}\\\\\\qquad\nb", f"{'a+' * 30}\\\\\\qquad\nb"),
    ],
)
def test_a_wide_display_is_broken_where_its_source_is(formula, expected):
    assert displays.broken(formula, {}) == expected


PLANTED = {
    "error": "! Undefined control sequence.\nl.7 \\nothing",
    "missing": "Missing character: There is no ⇒ (U+21D2) in font Latin Modern Roman 10 Regular!",
    "reference": (
        "LaTeX Warning: Hyper reference `chapters/least_squares:thm-minimum-norm' on page 1"
        "\n63 undefined on input line 13472."
    ),
    "label": "LaTeX Warning: Label `prp-a' multiply defined.",
    "wide": "Overfull \\hbox (21.50987pt too wide) in paragraph at lines 10722--10722",
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_planted_fault_of_the_print_is_found(planted):
    calm = "Overfull \\hbox (1.5pt too wide) in paragraph at lines 1--2\nOutput written."
    assert latex_log.faults(calm) == []
    assert len(latex_log.faults(f"{calm}\n{planted}\n{calm}")) == 1
