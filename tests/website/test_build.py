"""Builds that follow a change, and builds side by side, give the pages of a build from nothing."""

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
exclude_patterns = ["website", "_build", "README.md", "CHANGELOG.md"]
"""

PAGES = {
    "start.md": """# Start

```{toctree}
:numbered:
one
two
a
b
api
ledger
```

```{take-away}
```
""",
    "one.md": """# One

See {numref}`fig-b`.

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
# What of the project's own files the extension reads.
FILES = (
    *("pyproject.toml", "README.md", "CHANGELOG.md", "CITATION.cff"),
    *("LICENSE", "LICENSE-TEXT"),
)
NEW = "```{prf:lemma}\n:label: lem-new\nx\n```\n\n```{unchecked} lem-new\nNew.\n```\n"
CODE = '"""Sums."""\n\n\ndef total():\n    """Computes :prf:ref:`lem-sum`."""\n'


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """A small book with a copy of the extension, built once; test after test changes it."""
    folder = tmp_path_factory.mktemp("book")
    for name in ("website", "ntklib"):
        unneeded = shutil.ignore_patterns("vendor", "__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=unneeded)
    for name in FILES:
        shutil.copyfile(ROOT / name, folder / name)
    # Notebooks need no grammar of addresses, whose making takes a third of a process.
    files = {"conf.py": CONF, "small.py": CODE, "rfc3987_syntax.py": "raise ImportError"}
    for name, text in {**PAGES, **files}.items():
        folder.joinpath(name).write_text(text, encoding="utf-8")
    for name in ("a", "b"):
        draw(folder, name, name=f"fig-{name}", caption="A $x$ of it.")
    build(folder)
    return folder


def draw(folder: Path, page: str, **figure: str) -> None:
    """Write a page with a drawing that its cell names so."""
    data = {"text/html": '<div class="ntk-figure"><svg></svg></div>'}
    output = nbformat.v4.new_output("display_data", data)
    metadata = {"mystnb": {"figure": figure}} if figure else {}
    cell = nbformat.v4.new_code_cell("x", outputs=[output], metadata=metadata)
    cells = [nbformat.v4.new_markdown_cell(f"# {page}"), cell]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=NOTEBOOK_METADATA)
    folder.joinpath(f"{page}.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")


def build(folder: Path, *options: str, to: str = "html") -> dict[str, str]:
    """Build without cleaning; a warning is a failure. Gives the pages."""
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
    return pages(folder, to)


def pages(folder: Path, to: str = "html") -> dict[str, str]:
    """All pages, without the checksums of scripts, and of styles but the book's own."""
    return {
        path.name: re.sub(r"(?<!/page\.css)\?v=\w+", "", path.read_text(encoding="utf-8"))
        for path in (folder / "_build" / to).glob("*.html")
    }


def times(folder: Path) -> dict[str, int]:
    """When each page was written, but for those that Sphinx makes itself, in every build."""
    paths = (
        (folder / "_build" / "html" / name).with_suffix(".html") for name in (*PAGES, "a", "b")
    )
    return {path.name: path.stat().st_mtime_ns for path in paths}


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_statement_entry_and_ledger_find_each_other(book):
    shown = pages(book)
    entry = '<a class="reference internal" href="api.html#small.total">'
    assert f'<p class="in-code">In code: {entry}' in shown["two.html"]
    assert 'href="two.html#lem-sum"' in shown["api.html"]
    assert "in-code" not in shown["one.html"]
    ledger = shown["ledger.html"]
    assert f'<span class="in-code">In code: {entry}' in ledger
    assert '<span class="in-code">No code</span>' in ledger  # of the definition
    assert "A name." in ledger
    assert "A name." not in shown["one.html"]


def test_figures_are_numbered_and_cited(book):
    shown = pages(book)
    assert "Fig. 4.1</span></a>." in shown["one.html"]
    figure = r'<figure [^>]*id="fig-b">.*Fig\. 4\.1 .*A <span class="math'
    assert re.search(figure, shown["b.html"], re.S)


def test_without_a_change_nothing_is_written_but_what_lists_a_new_pdf_and_epub(book):
    for folder, name in (("latex", "kernels.pdf"), ("epub", "kernels.epub")):
        (book / "_build" / folder).mkdir(exist_ok=True)
        (book / "_build" / folder / name).write_bytes(b"")
    before = times(book)
    first = build(book)["start.html"]
    assert 'href="kernels.pdf"' in first
    assert 'href="kernels.epub"' in first
    assert (book / "_build" / "html" / "kernels.epub").is_file()
    after = times(book)
    assert {name for name in after if after[name] != before[name]} == {"start.html"}
    build(book)
    assert times(book) == after


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        (  # Numbers are shown wherever a statement or a figure is named; the PDF is gone.
            [
                ("one.md", "# One\n", f"# One\n\n{NEW}"),
                ("start.md", "a\nb\n", "b\na\n"),
                ("small.py", "Computes :prf:ref:`lem-sum`.", "Computes."),
            ],
            {
                "two.html": "Definition 1.2",
                "one.html": "Fig. 3.1</span></a>.",
                "ledger.html": "Pure proof",
            },
        ),
        ([("conf.py", "mathbb{R}", "mathbf{RRRRR}")], {"one.html": "--room:"}),
        (  # The extension: a step that reads pages, and one that writes them.
            [
                ("website/ledger.py", '" ".join(self.content)', '"Anew."'),
                ("website/page/folds.py", '_fold("Proof"', '_fold("Argument"'),
            ],
            {"ledger.html": "Anew.", "two.html": "Argument"},
        ),
        # What the pages look like: all of them name the style with its checksum.
        (
            [("website/assets/page.css", "/* The ledger", "/* A ledger")],
            {f"{name}.html": "page.css?v=" for name in ("start", "one", "two", "api", "ledger")},
        ),
    ],
    ids=["sources", "settings", "steps", "style"],
)
def test_a_change_reaches_the_pages(book, changes, shown):
    before = pages(book)
    for path, old, new in changes:
        replace(book / path, old, new)
    after = build(book)
    for name, words in shown.items():
        assert words in after[name], name
        assert after[name] != before[name], name


def test_after_all_that_a_build_from_nothing_and_side_by_side_gives_the_same(book):
    assert build(book, "-j", "2", to="new") == pages(book)


def test_a_figure_without_a_name_or_a_caption_fails_the_build(book):
    draw(book, "neither")
    draw(book, "unnamed", caption="A caption.")
    draw(book, "silent", name="fig-silent")
    draw(book, "twin", name="fig-a", caption="The name of another.")
    replace(book / "start.md", "a\n", "a\nneither\nunnamed\nsilent\ntwin\n")
    with pytest.raises(AssertionError) as failure:
        build(book)
    for page in ("neither", "unnamed", "silent"):
        assert re.search(rf"{page}\.ipynb.*needs a name and a caption", str(failure.value))
    assert re.search(r"duplicate label fig-a", str(failure.value))


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
    registered += [("post-transform", "all", "absent.Restate")]
    registered += [("post-transform", "latex epub", "sliders.Captions")]
    registered += [(event, kind or "all", _name(step)) for event, kind, _, step in website.STEPS]
    assert sorted(listed) == sorted(registered)
    steps = [row for row in listed if row not in registered[: len(website.COLLECTORS) + 2]]
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
