"""What rests on what: the graph, its paths, and the pages that show it."""

import re
from graphlib import CycleError
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes

from website import dependencies

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html" / "chapters"
# In the order of the text; `c` uses `d`, which comes later.
RESTS = {"a": [], "b": ["a"], "c": ["a", "d"], "d": ["a"], "e": ["b", "c"], "f": []}


def test_a_path_has_all_that_is_needed_and_nothing_else_in_an_order_that_can_be_read():
    assert dependencies.path(RESTS, "e") == ["a", "b", "d", "c"]
    assert dependencies.path(RESTS, "b") == ["a"]
    assert dependencies.path(RESTS, "f") == []


def test_what_is_used_by_what_is_the_same_the_other_way_round():
    used = dependencies.reverse(RESTS)
    assert used == {"a": ["b", "c", "d"], "b": ["e"], "c": ["e"], "d": ["c"], "e": [], "f": []}
    assert dependencies.reverse(used) == RESTS


def test_a_circle_is_refused():
    with pytest.raises(CycleError):
        dependencies.path({**RESTS, "a": ["e"]}, "e")


def test_what_a_page_uses_of_others():
    pages = dict.fromkeys("abc", "one") | dict.fromkeys("def", "two")
    assert dependencies.outside(RESTS, pages, "two") == ["a", "b", "c"]
    assert dependencies.outside(RESTS, pages, "one") == ["d"]


def test_the_map_has_every_statement_of_the_ledger():
    shown = (HTML / "map.html").read_text(encoding="utf-8")
    drawn = re.findall(r'data-label="([\w-]+)"', shown)
    entries = re.findall(r'id="map-((?!of-)[\w-]+)"', shown)
    assert sorted(drawn) == sorted(entries)
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "chapters").glob("*.ipynb"))
    kinds = "definition|theorem|proposition|lemma|corollary|remark"
    stated = [
        label
        for text in sources
        for label in re.findall(rf"{{prf:(?:{kinds})}}[^`]*?:label: ([\w-]+)", text)
    ]
    assert sorted(entries) == sorted(stated)


def test_a_known_dependence_is_shown_both_ways_and_at_the_chapters_head():
    """The fit of least norm rests on the normal equations; chapters after it use it."""
    shown = (HTML / "map.html").read_text(encoding="utf-8")
    (entry,) = re.findall(r'id="map-thm-minimum-norm".*?</details>', shown, re.S)
    before, after, *_ = re.findall(r"<p>.*?</p>", entry, re.S)
    assert before.startswith("<p>Rests on: ")
    assert "#prp-normal-equations" in before
    assert "#thm-flow" in after
    head = (HTML / "training.html").read_text(encoding="utf-8")
    (needs,) = re.findall(r'<p class="needs">.*?</p>', head, re.S)
    assert "least_squares.html#thm-minimum-norm" in needs
    assert "training.html" not in needs


def test_a_map_of_no_statement_says_so(monkeypatch):
    for name in ("graph", "statements"):
        monkeypatch.setattr(dependencies, name, lambda env: {})
    page = nodes.section("", dependencies.dependencies_node())
    dependencies.fill(SimpleNamespace(env=None), page, "chapters/map")
    assert page.astext() == "No chapter here has a statement."
