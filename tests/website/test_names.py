"""Permanent numbers on pages and in print, and what a citation is made of."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes

from website import names
from website.page import cite

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
TABLE = """
["chapters/one"]
lem-a = { name = "Lemma 4a", since = "1.0.0", text = ["aaaaaaaaaaaa"] }
fig-a = { name = "Figure 7", since = "1.0.0" }

[sealed]
"1.0.0" = "x"
"""


@pytest.fixture
def app(tmp_path):
    tmp_path.joinpath("chapters").mkdir()
    tmp_path.joinpath(names.TABLE).write_text(TABLE, encoding="utf-8")
    return SimpleNamespace(srcdir=str(tmp_path))


def counted():
    equations = {"equation-eq-a": (1,)}
    counts = {"theorem": {"lem-a": (1,), "lem-new": (2,)}, "figure": {"fig-a": (1,)}}
    return SimpleNamespace(toc_fignumbers={"chapters/one": counts | {"displaymath": equations}})


def test_names_take_the_place_of_counts_and_give_it_back(app):
    env = counted()
    assert names.number(app, env) == []
    shown = env.toc_fignumbers["chapters/one"]
    assert shown["theorem"] == {"lem-a": ("4a",), "lem-new": (2,)}
    assert (shown["figure"], shown["displaymath"]) == ({"fig-a": ("7",)}, {"equation-eq-a": (1,)})
    assert names.restore(app, env) == []
    assert env.toc_fignumbers == counted().toc_fignumbers
    names.restore(app, env)  # a build that was not numbered yet
    assert env.toc_fignumbers == counted().toc_fignumbers


def test_a_book_without_a_table_counts(tmp_path):
    env, app = counted(), SimpleNamespace(srcdir=str(tmp_path))
    names.number(app, env)
    assert env.__dict__ == counted().__dict__


def test_what_has_no_name_is_told(app, monkeypatch):
    told = []
    monkeypatch.setattr(names.logger, "warning", lambda *words, **_: told.append(words[1:]))
    names.check_consistency(app, counted())
    assert told == [("chapters/names.toml", "lem-new")]


def test_latex_prints_the_name_of_a_figure(app):
    page = nodes.section("", nodes.figure("", ids=["id1", "fig-a"]), nodes.figure(ids=["fig-b"]))
    names.print_numbers(app, page, "one")
    told, *figures = page.children
    assert told.astext() == r"\renewcommand{\thefigure}{7}"
    assert [figure["ids"][-1] for figure in figures] == ["fig-a", "fig-b"]


def test_the_pages_show_the_names_of_the_table_and_link_to_each_line():
    wrong = []
    for page, labels in names.table(ROOT).items():
        text = HTML.joinpath(f"{page}.html").read_text(encoding="utf-8")
        for label, one in labels.items():
            at = text.index(f'id="{label}"')
            shown = re.compile(r'caption-number">(.*?)<').search(text, at)[1]
            link = re.compile(r'class="headerlink" href="(.*?)"').search(text, at)[1]
            if (" ".join(shown.split()), link) != (one["name"], f"#{label}"):
                wrong.append((label, shown, link))
    assert wrong == []


# ---- What a citation is made of ------------------------------------------------------------------


def test_only_statements_and_exercises_get_a_link():
    title = (
        '<p class="admonition-title"><span class="caption-number">Lemma 1 </span> (A <i>b</i>)</p>'
    )
    lemma = f'<div class="proof lemma admonition" id="lem-a">\n{title}'
    exercise = lemma.replace("proof lemma", "exercise").replace("lem-a", "ex-a")
    note = f'<div class="admonition note">\n{title}'
    found = cite.linked(lemma + note + exercise)
    assert re.findall(r'href="#([\w-]+)"', found) == ["lem-a", "ex-a"]
    assert '(A <i>b</i>)<a class="headerlink" href="#lem-a"' in found
    assert note in found


def facts(folder, *, more="", changes="## 1.0.0 (2027-01-01)\n", repository_url=""):
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    folder.joinpath("CITATION.cff").write_text(text + more, encoding="utf-8")
    folder.joinpath("CHANGELOG.md").write_text(f"# Changelog\n\n{changes}", encoding="utf-8")
    project = '[project]\nname = "ntklib"\nversion = "1.0.0"\n'
    folder.joinpath("pyproject.toml").write_text(project, encoding="utf-8")
    config = SimpleNamespace(html_baseurl="https://example.org/", repository_url=repository_url)
    return cite.facts(SimpleNamespace(srcdir=str(folder), config=config))


def test_the_facts_of_a_citation(tmp_path):
    found = facts(tmp_path)
    assert found["title"] == "Kernels: the lecture that checks itself"
    assert (found["version"], found["doi"], found["repository"]) == ("1.0.0", "", "")
    assert found["base"] == "https://example.org/"
    changed = facts(tmp_path, changes="## Unreleased\n\n- More.\n\n## 1.0.0 (2027-01-01)\n")
    assert changed["version"] == "1.0.0, with later changes"
    url = "https://github.com/someone/book"
    more = facts(tmp_path, more="doi: 10.5281/zenodo.1234\n", repository_url=url)
    assert (more["doi"], more["repository"]) == ("10.5281/zenodo.1234", url)


def test_the_site_has_them():
    text = (HTML / "_static" / "cite-data.js").read_text(encoding="utf-8")
    found = json.loads(text.removeprefix("window.CITATION = ").rstrip(";\n"))
    assert set(found) == {"author", "base", "doi", "repository", "title", "version", "year"}
