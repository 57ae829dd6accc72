"""Builds that follow a change, and builds side by side, give the pages of a build from nothing."""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import website
from tools import execute
from tools.notebooks import NOTEBOOK_METADATA
from website import renewal

ROOT = Path(__file__).resolve().parents[2]

# What of the book's own set-up the small one needs.
CONF = """
extensions = [
    "myst_nb", "sphinx.ext.autodoc", "sphinxcontrib.bibtex", "sphinx_proof", "sphinx_exercise",
    "website",
]
bibtex_bibfiles = []
root_doc = "start"
html_theme = "sphinx_book_theme"
html_title = "A small book"
nb_execution_mode = "off"
numfig = True
myst_enable_extensions = ["dollarmath"]
nitpicky = True
prf_realtyp_to_countertyp = {"lemma": "theorem", "definition": "theorem"}
mathjax3_config = {"tex": {"macros": {"R": "\\\\mathbb{R}"}}}
mathjax_path = "mathjax.js"
templates_path = ["website/templates"]
html_static_path = ["website/assets"]
exclude_patterns = ["website", "_build", "README.md"]
"""

PAGES = {
    "start.md": """# Start

```{toctree}
:numbered:
one
two
api
ledger
```

```{take-away}
```
""",
    "one.md": """# One

```{prf:definition} A line
:label: dfn-line

Let $x\\in\\R$.
```

```{unchecked} dfn-line
A name.
```
""",
    "two.md": """# Two

```{prf:lemma} A sum
:label: lem-sum

$1+1=2$.
```

```{prf:proof}
Count. See {prf:ref}`dfn-line`.
```

```{unchecked} lem-sum
Known.
```
""",
    "api.md": "# Code\n\n```{eval-rst}\n.. autofunction:: small.total\n```\n",
    "ledger.md": "# Ledger\n\n```{ledger}\n```\n",
}
NEW = "```{prf:lemma}\n:label: lem-new\nx\n```\n\n```{unchecked} lem-new\nNew.\n```\n"
NAMES = [name.removesuffix(".md") for name in PAGES]
CODE = '"""Sums."""\n\n\ndef total():\n    """Computes :prf:ref:`lem-sum`."""\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A small book, built once, that tests leave as it is."""
    book = sources(tmp_path_factory.mktemp("book"))
    build(book)
    return book


def sources(folder: Path) -> Path:
    """A book of a few pages, with a copy of the extension."""
    shutil.copytree(ROOT / "website", folder / "website", ignore=_unneeded)
    package = folder / "ntklib"
    shutil.copytree(ROOT / "ntklib", package, ignore=_unneeded)
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT"):
        shutil.copyfile(ROOT / name, folder / name)
    for name, text in {**PAGES, "conf.py": CONF, "small.py": CODE}.items():
        folder.joinpath(name).write_text(text, encoding="utf-8")
    return folder


def _unneeded(folder: str, names: list[str]) -> set[str]:
    return {"vendor", "__pycache__"} & set(names)


def build(folder: Path, *options: str, to: str = "html") -> Path:
    """Build, and return the folder of the pages; a warning is a failure."""
    out = folder / "_build" / to
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", *options]
    done = subprocess.run(
        [*command, "-d", str(folder / "_build" / f".{to}"), str(folder), str(out)],
        cwd=folder,  # so that its copies are imported
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


def replace(path: Path, old: str, new: str) -> None:
    """Change a file, later than the build that read it."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def pages(out: Path) -> dict[str, str]:
    """All pages, without the checksums of scripts and styles."""
    return {
        path.name: re.sub(r"\?v=\w+", "", path.read_text(encoding="utf-8"))
        for path in out.glob("*.html")
    }


def checksums(out: Path) -> set[str]:
    """Of the book's style, as the pages name it."""
    found = (
        re.search(r"page\.css\?v=(\w+)", p.read_text(encoding="utf-8")) for p in out.glob("*.html")
    )
    return {match[1] for match in found if match}


def read(folder: Path, name: str) -> str:
    return pages(folder / "_build" / "html")[name]


def test_statement_entry_and_ledger_find_each_other(home):
    entry = '<a class="reference internal" href="api.html#small.total">'
    assert f'<p class="in-code">In code: {entry}' in read(home, "two.html")
    assert 'href="two.html#lem-sum"' in read(home, "api.html")
    assert "in-code" not in read(home, "one.html")
    ledger = read(home, "ledger.html")
    assert f'<span class="in-code">In code: {entry}' in ledger
    assert '<span class="in-code">No code</span>' in ledger  # of the definition
    assert "A name." in ledger
    assert "A name." not in read(home, "one.html")


def test_side_by_side_gives_the_same_pages(home):
    side = build(home, "-j", "2", to="side")
    assert pages(side) == pages(home / "_build" / "html")


CHANGES = [
    # A number is shown wherever its statement is named.
    ("one.md", "# One\n", f"# One\n\n{NEW}", {"two.html": "Definition 1.2", "ledger.html": "New."}),
    ("small.py", "Computes :prf:ref:`lem-sum`.", "Computes.", {"ledger.html": "Pure proof"}),
    ("conf.py", "mathbb{R}", "mathbf{RRRRR}", {"one.html": "--room:"}),
    # The extension: a step that reads pages, one that writes them, and what they look like.
    ("website/ledger.py", '" ".join(self.content)', '"Anew."', {"ledger.html": "Anew."}),
    ("website/page/folds.py", '_fold("Proof"', '_fold("Argument"', {"two.html": "Argument"}),
    ("website/assets/page.css", "/* The ledger", "/* A ledger", {}),
]


def test_after_each_change_pages_are_those_of_a_build_from_nothing(tmp_path):
    """One change after the other, without cleaning; in the end, all is as if built anew."""
    book = sources(tmp_path)
    after = pages(build(book))
    for path, old, new, changed in CHANGES:
        before = after
        replace(book / path, old, new)
        after = pages(build(book))
        for name, words in changed.items():
            assert words in after[name], (path, name)
            assert after[name] != before[name], (path, name)
    assert after == pages(build(book, to="new"))
    style = checksums(book / "_build" / "html")
    assert style == checksums(book / "_build" / "new")
    assert len(style) == 1


def drawn(folder: Path, page: str, **figure: str) -> None:
    """Add a page, before the others, with a drawing that its cell names so."""
    data = {"text/html": '<div class="ntk-figure"><svg></svg></div>'}
    output = nbformat.v4.new_output("display_data", data)
    metadata = {"mystnb": {"figure": figure}} if figure else {}
    cell = nbformat.v4.new_code_cell("x", outputs=[output], metadata=metadata)
    cells = [nbformat.v4.new_markdown_cell(f"# {page}"), cell]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=NOTEBOOK_METADATA)
    folder.joinpath(f"{page}.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")
    replace(folder / "start.md", ":numbered:\n", f":numbered:\n{page}\n")


def test_figures_are_numbered_and_cited_or_fail_the_build(tmp_path):
    book = sources(tmp_path)
    replace(book / "one.md", "# One\n", "# One\n\nSee {numref}`fig-b`.\n")
    drawn(book, "b", name="fig-b", caption="A $x$ of it.")
    assert "Fig. 1.1</span></a>." in pages(build(book))["one.html"]
    drawn(book, "a", name="fig-a", caption="Another, before.")
    after = pages(build(book))
    assert "Fig. 2.1</span></a>." in after["one.html"]
    shown = r'<figure [^>]*id="fig-b">.*Fig\. 2\.1 .*A <span class="math'
    assert re.search(shown, after["b.html"], re.S)
    drawn(book, "neither")
    drawn(book, "unnamed", caption="A caption.")
    drawn(book, "silent", name="fig-silent")
    drawn(book, "twin", name="fig-a", caption="The name of another.")
    with pytest.raises(AssertionError) as failure:
        build(book)
    for page in ("neither", "unnamed", "silent"):
        assert re.search(rf"{page}\.ipynb.*needs a name and a caption", str(failure.value))
    assert re.search(r"duplicate label fig-a", str(failure.value))


def test_without_a_change_nothing_is_written_but_what_lists_a_new_pdf(home):
    out = home / "_build" / "html"
    printed = home / "_build" / "latex" / "kernels.pdf"
    printed.parent.mkdir()
    before = times(out)
    build(home)
    assert times(out) == before
    printed.write_bytes(b"")
    build(home)
    assert {name for name, time in times(out).items() if time != before[name]} == {"start.html"}
    assert 'href="kernels.pdf"' in read(home, "start.html")
    printed.unlink()
    build(home)
    assert 'href="kernels.pdf"' not in read(home, "start.html")


def times(out: Path) -> dict[str, int]:
    """When each page was written."""
    return {f"{page}.html": (out / f"{page}.html").stat().st_mtime_ns for page in NAMES}


def test_what_the_chapters_ran_on_is_a_source_of_the_pages(tmp_path):
    class App:
        outdir = tmp_path / "html"

    before = renewal.version(App)
    tmp_path.joinpath(execute.STAMP.name).write_text("other libraries", encoding="utf-8")
    assert renewal.version(App) != before


def test_the_table_names_the_steps_that_are_registered():
    rows = [row.split(" | ") for row in website.__doc__.splitlines() if row.startswith("| ")][1:]
    listed = [(event[2:], kind, step) for event, kind, step, *_ in rows]
    registered = [("doctree-read", "all", _name(one)) for one in website.COLLECTORS]
    registered += [("post-transform", "latex", "sliders.Captions")]
    registered += [(event, kind or "all", _name(step)) for event, kind, _, step in website.STEPS]
    assert sorted(listed) == sorted(registered)
    steps = [row for row in listed if row not in registered[: len(website.COLLECTORS) + 1]]
    assert steps == [(event, kind or "all", _name(step)) for event, kind, _, step in website.STEPS]


def _name(step: object) -> str:
    return f"{step.__module__.rpartition('.')[2]}.{step.__name__}"


def test_nothing_else_registers_anything():
    for path in (ROOT / "website").rglob("*.py"):
        if path.name != "__init__.py" and "app." in (text := path.read_text(encoding="utf-8")):
            assert not re.search(r"app\.(connect|add_(?!js_file|css_file))", text), path


def test_every_file_says_what_it_is_for():
    for path in (ROOT / "website").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        assert inspect.getdoc(importlib.import_module(name)), name
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 450
