"""What the search shows of formulas is what they say.

The built website is needed: `make book`, which `make test` runs first.
"""

import json
import re
from pathlib import Path

import pytest
import yaml

from website.page.search import FORMULAS, plain

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
MACROS = CONFIG["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"]

READ = {
    r"\frac\pi2": "π/2",
    r"\frac{1+s}2z": "(1+s)/2z",
    r"\tfrac12\norm{x}^2": "1/2‖x‖^2",
    r"x_1,\dots,x_n\ne0": "x_1,…,x_n≠0",
    r"e^{-\pi\sqrt{k/2}/a}": "e^(-π√(k/2)/a)",
    r"t^{2k+1}": "t^(2k+1)",
    r"10^{-9}": "10^-9",
    r"w_{0,j}^\T x": "w_(0,j)^⊤ x",
    r"\lambda_{\min}(K)": "λ_min(K)",
    r"\ip{\dF(x;w_0)}{w-w_0}": "⟨∂̅F(x;w_0), w-w_0⟩",
    r"\Bigl(\frac1L\Bigr)": "(1/L)",
    r"\binom{2l}{l}": "C(2l, l)",
    r"\sin a\ge\ker J": "sin a≥ker J",
    r"J^\pinv=\{0\}": "J^+={0}",
    r"\begin{aligned}a&=b\phonebreak=c\end{aligned}": "a =b=c",
    r"a\xrightarrow{m\to\infty}b": "a→(m→∞)b",
    r"\newfangled x": "newfangled x",
}


@pytest.mark.parametrize(("tex", "text"), READ.items())
def test_a_formula_in_a_line(tex, text):
    assert plain(tex, MACROS) == text


def test_every_formula_of_the_site_has_its_line():
    text = (HTML / FORMULAS).read_text(encoding="utf-8")
    table = json.loads(text.removeprefix("window.FORMULAS = ").rstrip(";\n"))
    assert len(table) > 2000
    assert [source for source, line in table.items() if "\\" in line or not line] == []
    # A command that is not known leaves its name: there is none longer than the names in use.
    names = {word for line in table.values() for word in re.findall(r"[A-Za-z]{6,}", line)}
    commands = {word for source in table for word in re.findall(r"\\([A-Za-z]{6,})", source)}
    assert names & commands == {"arccos", "arcsin", "arctan"}


def test_titles_in_the_index_are_read_too():
    text = (HTML / "searchindex.js").read_text(encoding="utf-8")
    titles = json.loads(text.partition("(")[2].rstrip().removesuffix(")"))["alltitles"]
    assert "When only ε√m matters" in titles
    assert [title for title in titles if "\\" in title] == []
