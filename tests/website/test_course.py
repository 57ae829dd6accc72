"""A course on the page: whatever it leaves out is named, and its build has nothing to warn of."""

import html
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.search.en import SearchEnglish

from tools import course, course_parts
from tools.sample import sample
from website import absent, names
from website.downloads.markdown import Book
from website.downloads.notebook import notebook

ROOT = course.ROOT
PAGES = course.pages(ROOT)
FREE = [name for name in PAGES if name not in course.BESIDE]
ASKING = [name for name in FREE if course_parts.exercises(course.joined(course.cells(PAGES[name])))]
SOURCES = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
AWAY = {
    "book": "https://example.org/b/",
    "labels": {
        "lem-a": {"anchor": "lem-a", "words": "Lemma 4 “An $x$”", "page": "chapters/one"},
        "eq-a": {"anchor": "equation-eq-a", "words": "(2) of Lemma 4", "page": "chapters/one"},
    },
    "pages": {"chapters/one": "“One”"},
    "cut": ["chapters/two"],
    "equations": {"equation-eq-b": "3"},
}


@pytest.mark.drawn(2 * len(FREE))
@pytest.mark.parametrize("dropped", FREE)
def test_without_a_chapter_nothing_is_warned_of(dropped, tmp_path):
    """Of the pages that refer to it four are kept, drawn with it; ALL=1 takes all."""
    labels = course.absent({dropped: course.cells(PAGES[dropped])}, {}, course.named(ROOT))[
        "labels"
    ]
    named = re.compile("|".join([*labels, rf"\b{dropped}(?:\.|`)"]))
    near = [name for name in FREE if name != dropped and named.search(SOURCES[name])]
    kept = sample(near, max(1, len(near) // 4)) or [name for name in FREE if name != dropped][:1]
    source = tmp_path / "source"
    course.make(ROOT, source, course.Course(title="A course", chapters=kept))
    warned = built(source, tmp_path / "out")
    # The outputs that are kept in git are less than what the pages show.
    assert [line for line in warned if "has no check" not in line] == []


def said(text: str) -> set[str]:
    """The lines of the solutions of a page that are long enough to be told, and nowhere else."""
    found = course_parts.others(text, None, solutions=False)
    own = {line for start, end in found for line in pieces(text[start:end])}
    return own - set(pieces(course_parts.cut(text, found)))


def pieces(text: str) -> list[str]:
    """Words between formulas and other markup."""
    return re.findall(r"[A-Za-z][A-Za-z ,]{20,}[a-z]", text)


def stems(text: str) -> set[str]:
    """What Sphinx's search makes of the longer words of a text."""
    stem = SearchEnglish({}).stem
    return {stem(word) for word in re.findall(r"[a-z]{4,}", text.lower())}


def shown(out: Path) -> dict[str, str]:
    """Path -> text of all files of a site, those in archives too, without markup and escapes."""
    found: dict[str, str] = {}
    for path in out.rglob("*"):
        if path.suffix in (".zip", ".whl"):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    found[f"{path.name}/{name}"] = archive.read(name).decode(errors="replace")
        elif path.is_file():
            found[path.relative_to(out).as_posix()] = path.read_text(
                encoding="utf-8", errors="replace"
            )
    return {name: plain(text) for name, text in found.items()}


def plain(text: str) -> str:
    """A text of a file without markup, escapes and breaks of lines."""
    text = html.unescape(re.sub(r"<[^<>]*>", "", text)).replace('\\"', '"').replace("\\n", " ")
    return " ".join(text.split())


@pytest.mark.drawn(2 * len(ASKING))
@pytest.mark.parametrize("name", ASKING)
def test_without_solutions_no_file_of_the_site_has_one(name, tmp_path):
    page = course.cells(PAGES[name])
    text = course.joined(page)
    code = [cell.source for cell in page if re.search(r"^grade\(", cell.source, re.MULTILINE)]
    graded = {line for source in code for line in re.findall(r"^grade\(.*$", source, re.MULTILINE)}
    answers = ROOT.joinpath("ntklib", "book", "answers", f"{name}.py").read_text(encoding="utf-8")
    looked_for = (
        said(text) | graded | set(re.findall(r'^def \w+.*$|"ex-[\w-]+": Answer', answers, re.M))
    )
    assert len(said(text)) >= 3
    assert len(graded) >= len(course_parts.exercises(text))
    source, out = tmp_path / "source", tmp_path / "out"
    course.make(ROOT, source, course.Course(title="A course", chapters=[name]), solutions=False)
    built(source, out, "html")
    files = shown(out)
    kept = pieces(course_parts.cut(text, course_parts.others(text, None, solutions=False)))
    for must in (
        f"chapters/{name}.html",
        f"notebooks/{name}.ipynb",
        f"kernels.zip/kernels/{name}.ipynb",
    ):
        assert sum(plain(line) in files[must] for line in kept) > 5, must
    # The index of the search has stems of words.
    pages = " ".join(one for file, one in files.items() if file.endswith(".html"))
    only = stems(" ".join(said(text))) - stems(pages)
    assert not only & stems(files["searchindex.js"])
    assert [(file, one) for file in files for one in looked_for if plain(one) in files[file]] == []


def built(source: Path, out: Path, builder: str = "dummy") -> list[str]:
    """What Sphinx warns of; nothing is executed."""
    configure = (
        f"from jupyter_book.cli.main import main; main(['config', 'sphinx', {str(source)!r}])"
    )
    options = ("-q", "-n", "-b", builder, "-D", "nb_execution_mode=off")
    for command in (("-c", configure), ("-m", "sphinx", *options, str(source), str(out))):
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return [line for line in done.stderr.splitlines() if "WARNING" in line or "ERROR" in line]


def test_a_notebook_has_hidden_code_only_where_it_is_needed():
    sources = {"a = 1": [], "b = a": ["remove-cell"], "c = 3": ["left-out", "remove-cell"]}
    page = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(source, metadata={"tags": tags})
            for source, tags in sources.items()
        ]
    )
    made = notebook(page, "page", Book({}, *([str] * 5)), guard="import ntklib").cells
    assert [cell.source for cell in made] == ["import ntklib", "a = 1", "b = a"]
    assert [cell.metadata.get("jupyter") for cell in made] == [None, None, {"source_hidden": True}]


@pytest.fixture
def root(tmp_path):
    tmp_path.joinpath(absent.SOURCE).write_text(json.dumps(AWAY), encoding="utf-8")
    return tmp_path


def reference(kind: str, target: str, words: str = "") -> pending_xref:
    domain, _, role = kind.partition(":")
    inside = nodes.inline("", words or target)
    return pending_xref(
        "", inside, refdomain=domain, reftype=role, reftarget=target, refexplicit=bool(words)
    )


@pytest.mark.parametrize(
    ("node", "text", "uri"),
    [
        (reference("prf:ref", "lem-a"), "Lemma 4 “An x”", "one.html#lem-a"),
        (reference("prf:ref", "lem-a", "the lemma"), "the lemma", "one.html#lem-a"),
        (reference("math:eq", "eq-a"), "(2) of Lemma 4", "one.html#equation-eq-a"),
        (reference("std:doc", "one"), "“One”", "one.html"),
        (reference(":myst", "one.ipynb", "there"), "there", "one.html"),
        (reference(":myst", "one.md#part", "there"), "there", "one.html#part"),
        (reference(":myst", "#lem-a", "there"), "there", "one.html#lem-a"),
    ],
)
def test_what_is_absent_is_named_and_linked(root, node, text, uri):
    found = absent.restated(root, "chapters/two", node)
    assert found.astext() == text
    assert found["refuri"] == f"https://example.org/b/chapters/{uri}"


def test_without_an_address_it_is_named_and_not_linked(root):
    text = json.dumps(AWAY | {"book": ""})
    root.joinpath("unlinked").mkdir()
    root.joinpath("unlinked", absent.SOURCE).write_text(text, encoding="utf-8")
    found = absent.restated(root / "unlinked", "chapters/two", reference("prf:ref", "lem-a"))
    assert isinstance(found, nodes.inline)
    assert [type(child) for child in found.children] == [nodes.Text, nodes.math, nodes.Text]


@pytest.mark.parametrize(
    "node",
    [
        reference("prf:ref", "lem-b"),
        reference("std:doc", "three"),
        reference("py:func", "one"),
        reference("cite:t", "one"),
    ],
)
def test_what_is_not_absent_is_left_to_others(root, node):
    assert absent.restated(root, "chapters/two", node) is None
    assert absent.restated(ROOT, "chapters/two", node) is None


def test_equations_have_the_numbers_of_the_book(root):
    root.joinpath("chapters").mkdir()
    table = '["chapters/one"]\nlem-a = { name = "Lemma 4", since = "1.0.0" }\n'
    root.joinpath(names.TABLE).write_text(table, encoding="utf-8")
    counts = {"displaymath": {"equation-eq-b": (1,), "equation-eq-c": (2,)}}
    env = SimpleNamespace(toc_fignumbers={"chapters/two": counts})
    names.number(SimpleNamespace(srcdir=str(root)), env)
    assert counts == {"displaymath": {"equation-eq-b": ("3",), "equation-eq-c": (2,)}}
    names.restore(SimpleNamespace(srcdir=str(root)), env)
    assert env.toc_fignumbers["chapters/two"]["displaymath"]["equation-eq-b"] == (1,)
