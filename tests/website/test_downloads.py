"""The notebooks to take away are plain, whole and run alone; the zip and the wheel are complete.

The built website is needed: `make book`, which `make test` runs first.
"""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml

from tests.website.leftovers import leftovers
from tools import notebooks, reseed
from tools.sample import sample
from website import project, tex
from website.downloads import links, markdown, places
from website.downloads import wheel as packed_wheel
from website.page import formulas

ROOT = Path(__file__).resolve().parents[2]

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
MACROS = CONFIG["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"]
HTML = ROOT / "_build" / "html"
OUT = HTML / "notebooks"
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.ipynb"))
BOOK = markdown.Book(
    macros=MACROS,
    role=lambda name, content: f"<{name}|{content}>",
    name=lambda label: f"Lemma of {label}",
    equation=lambda label: f"7 of {label}",
    link=lambda target: "there.html" if "known" in target else None,
    code=lambda label: "In code: `f`." if label == "thm-coded" else "",
)


def source(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "chapters" / f"{name}.ipynb", as_version=4)


def taken(name: str) -> nbformat.NotebookNode:
    path = OUT / f"{name}.ipynb"
    assert path.is_file(), f"{path} is missing: run make book"
    return nbformat.read(path, as_version=4)


def shown_page(name: str) -> str:
    return (HTML / "chapters" / f"{name}.html").read_text(encoding="utf-8")


def words(notebook: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def program(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


# The transformation.


def test_a_break_for_a_phone_is_a_line_there_and_nothing_elsewhere():
    formula = "\\begin{aligned}\na&=\\norm{b}\n\\phonebreak+c_d\n\\end{aligned}"
    assert tex.expand(r"a\phonebreak+b\phonebreak c", MACROS) == "a+b c"
    assert "+c_d" in markdown.display(formula, BOOK)
    assert leftovers(markdown.display(formula, BOOK), MACROS) == []
    config = {"tex": {"macros": MACROS}}
    body = f'<div class="math notranslate nohighlight">\n\\[{formula}\\]</div>'
    assert 'style="--room:1.60em;--room-phone:3.20em"' in formulas.give_room(body, config)
    body = body.replace("\\phonebreak", "")
    assert 'style="--room:1.60em"' in formulas.give_room(body, config)


@pytest.mark.parametrize(
    ("myst", "expected"),
    [
        ("text stays", "text stays"),
        ("See {prf:ref}`prp-a`.", "See <prf:ref|prp-a>."),
        ("{cite:t}`a` and\n{cite:p}`b,\nc`", "<cite:t|a> and\n<cite:p|b, c>"),
        (r"$\eps\in\R$, costs \$5", r"$\varepsilon\in\mathbb{R}$, costs \$5"),
        (r"$w_\relu^\T\ip{a}{\norm{b}}$", None),
        ("[a](known.md) and [b](other.md)", "[a](there.html) and b"),
        ("[$x_1$](https://a.example/b.md)", "[$x_1$](https://a.example/b.md)"),
        ("$$\n\\E x\n$$", "$$\n\\mathbb{E} x\n$$"),
        ("$$\nx\n$$ (eq-a)", "$$\nx\n\\tag{7 of eq-a}\n$$"),
        ("$$\na\\\\b\n$$", "$$\n\\begin{aligned}\na\\\\b\n\\end{aligned}\n$$"),
        ("$$\n\\begin{pmatrix}a\\\\b\\end{pmatrix}\n$$", None),
        ("% a comment\ntext", "text"),
        ("```{unchecked} prp-a\nwhy\n```\n\nafter", "after"),
        (
            "````{prf:lemma} Of $\\R$\n:label: lem-a\n\nLet $x\\in\\R$.\n\n$$\nx\n$$\n````",
            "<blockquote>\n\n**Lemma of lem-a (Of $\\mathbb{R}$).**\n\n"
            "Let $x\\in\\mathbb{R}$.\n\n$$\nx\n$$\n\n</blockquote>",
        ),
        (
            "```{prf:theorem}\n:label: thm-coded\n\nSo.\n```",
            "<blockquote>\n\n**Lemma of thm-coded.**\n\nSo.\n\nIn code: `f`.\n\n</blockquote>",
        ),
        ("```{prf:proof}\nClear.\n```", "*Proof.* Clear. ∎"),
        ("```{prf:proof}\nSo\n\n$$\nx\n$$\n```", "*Proof.* So\n\n$$\nx\n$$\n\n∎"),
        (
            "1. One:\n\n   $$\n   \\R\n   $$\n\n2. Two.",
            "1. One:\n\n   $$\n   \\mathbb{R}\n   $$\n\n2. Two.",
        ),
        (
            "```{exercise} Title\n:label: ex-a\n\nWhat?\n```",
            "### Lemma of ex-a (Title)\n\nWhat?",
        ),
        ("```{note}\nMind it.\n```", "<blockquote>\n\n**Note.** Mind it.\n\n</blockquote>"),
        ("\\begin{align*}\na&=b\n\\end{align*}", "$$\n\\begin{aligned}\na&=b\n\\end{aligned}\n$$"),
    ],
)
def test_markdown(myst, expected):
    result = markdown.markdown(myst, BOOK)
    assert leftovers(result, MACROS) == []
    if expected is not None:
        assert result == expected


@pytest.mark.parametrize("code", ["`{prf:ref}` and `$\\R$`", "```python\n{eq}`a` $\\R$\n```"])
def test_code_stays_as_it_is(code):
    assert markdown.markdown(code, BOOK) == code


@pytest.mark.parametrize(
    "myst",
    [
        "```{tabbed} A\nb\n```",
        "```{prf:lemma} No label\nb\n```",
        "(target)=\n# Title",
        "Term\n: its definition",
        "- $$\n  x\n  $$",
    ],
)
def test_what_has_no_plain_form_is_refused(myst):
    with pytest.raises(ValueError, match=r"plain form|label|line of its own"):
        markdown.markdown(myst, BOOK)


def test_the_parser_reads_what_the_website_reads():
    assert set(markdown.SYNTAX) == set(CONFIG["parse"]["myst_enable_extensions"])


PLANTED = {
    "directive": "```{prf:proof}\nx\n```",
    "longer fence": "`````{note}\nx\n`````",
    "colon fence": ":::{note}\nx\n:::",
    "quoted directive": "> ```{note}\n> x\n> ```",
    "role": "see {prf:ref}`a`",
    "role in a table": "| a |\n|---|\n| {eq}`b` |",
    "option": ":label: prp-a",
    "target": "(here)=\ntext",
    "label of a formula": "$$\nx\n$$ (eq-a)",
    "comment": "% secret",
    "link into the sources": "[ledger](ledger.md)",
    "stray environment": r"\end{align}",
    "macro": r"$x\in\R$",
    "macro in a display": "$$\n\\norm{x}\n$$",
    "macro that is a digit": r"$\1[x]$",
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_planted_leftover_is_found(planted):
    assert leftovers(f"Some text.\n\n{planted}\n\nMore text.", MACROS)
    assert leftovers("Some text with $x$ and `code`.\n\n$$\ny\n$$", MACROS) == []


# The notebooks of this build.


def test_every_chapter_is_there():
    assert sorted(path.stem for path in OUT.glob("*.ipynb")) == CHAPTERS


@pytest.mark.parametrize("name", CHAPTERS)
def test_nothing_of_the_website_is_left(name):
    assert leftovers(words(taken(name)), MACROS) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_code_is_the_chapters_with_a_guard_before_it(name):
    guard, *rest = program(taken(name))
    assert rest == program(source(name))
    assert guard.startswith("try:\n    import ntklib.book\n")


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_picture_has_its_text(name):
    notebook, pictures = taken(name), 0
    for cell, after in zip(notebook.cells, notebook.cells[1:], strict=False):
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                pictures += 1
                text = output.data["text/plain"]
                assert output.metadata["image/png"]["alt"] == text
                assert text in after.source
    assert pictures


NUMBERED = re.compile(
    r'<div class="proof [^"]*admonition" id="([^"]+)">\s*<p class="admonition-title">'
    r'<span class="caption-number">([^<]+)</span>'
)


@pytest.mark.parametrize("name", CHAPTERS)
def test_statements_have_the_numbers_of_the_website(name):
    page = shown_page(name)
    shown = [number.strip() for _, number in NUMBERED.findall(page)]
    bold = re.findall(r"<blockquote>\n\n\*\*(\w+ [\d.]+?)(?: \(|\.\*\*)", words(taken(name)))
    assert bold == shown
    assert len(shown) == len(re.findall(r'<div class="proof [a-z]+ admonition"', page))


CAPTION = re.compile(
    r'<span class="caption-number">(Figure\xa0\d+) </span><span class="caption-text">(\w+)'
)


@pytest.mark.parametrize("name", CHAPTERS)
def test_figures_have_the_numbers_and_captions_of_the_website(name):
    below = re.findall(r"^\*(Figure\xa0\d+)\.\* (\w+)", words(taken(name)), re.MULTILINE)
    assert below == CAPTION.findall(shown_page(name))
    assert below


@pytest.mark.parametrize("name", CHAPTERS)
def test_equations_have_the_numbers_of_the_website(name):
    shown = re.findall(r'<span class="eqno">\(([\d.]+)\)', shown_page(name))
    assert re.findall(r"\\tag\{([^}]+)\}", words(taken(name))) == shown


@pytest.mark.parametrize("name", CHAPTERS)
def test_no_label_is_shown_in_place_of_a_number(name):
    # A label within quotation marks is an argument of `grade`.
    assert not re.search(r'(?<![a-z"])(?:dfn|prp|thm|lem|cor|rmk|eq|ex)-[a-z]', words(taken(name)))


@pytest.mark.parametrize("name", sample([name for name in CHAPTERS if name != "intro"], 6))
def test_runs_alone_in_an_empty_folder_and_with_another_seed(name, tmp_path, monkeypatch):
    """All code of the notebook, with its checks; figures are drawn in the tests of the book.

    Statements do not depend on the seed; `python tools/reseed.py` tries twenty.
    """
    monkeypatch.chdir(tmp_path)
    assert "holds" in reseed.run(OUT / f"{name}.ipynb", seed=2026)
    assert list(tmp_path.iterdir()) == []


def test_the_shortest_runs_in_a_kernel_of_its_own(tmp_path):
    done = notebooks.run(taken("intro"), tmp_path)
    assert [out for cell in done.cells for out in cell.get("outputs", ()) if "data" in out]


def test_without_the_package_the_guard_says_in_one_line_how_to_get_it():
    guard = program(taken("intro"))[0]
    command = [sys.executable, "-I", "-S", "-c", guard]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ModuleNotFoundError")]
    assert "no module ntklib" in line
    assert "%pip install" in line


WHEEL = "ntklib-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("base", "repository", "expected"),
    [
        ("", None, f'"./{WHEEL}['),
        ("https://a.example", None, f"@ https://a.example/notebooks/{WHEEL}"),
        ("", ("o", "n"), f"@ https://raw.githubusercontent.com/o/n/notebooks/{WHEEL}"),
    ],
)
def test_the_guard_names_a_place_that_has_the_wheel(base, repository, expected):
    guard = places.guard(WHEEL, base, repository)
    compile(guard, "guard", "exec")
    assert expected in guard


# The wheel and the zip.


def wheel() -> Path:
    (path,) = OUT.glob("*.whl")
    return path


def test_the_wheel_holds_the_package(tmp_path):
    with zipfile.ZipFile(wheel()) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path)
    kinds = (".py", ".mplstyle", ".json")
    parts = [path for path in (ROOT / "ntklib").rglob("*") if path.suffix in kinds]
    assert {path.relative_to(ROOT).as_posix() for path in parts} <= names
    code = "import ntklib.book.figures.intro, sys; print(ntklib.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(tmp_path / "ntklib" / "__init__.py")


def test_the_same_source_gives_the_same_bytes(tmp_path, monkeypatch):
    again = packed_wheel.build_wheel(ROOT, tmp_path)
    same = again.read_bytes() == wheel().read_bytes()  # no one needs to see where they differ
    assert same
    for name in ("a.ipynb", "LICENSE"):
        tmp_path.joinpath(name).write_text(name, encoding="utf-8")
    packed = []
    for moment, system in ((1, "linux"), (10**9, "win32")):
        monkeypatch.setattr(sys, "platform", system)
        for path in tmp_path.iterdir():
            os.utime(path, (moment, moment))
        packed_wheel.pack(tmp_path, tmp_path / "kernels.zip")
        packed.append((tmp_path / "kernels.zip").read_bytes())
    assert packed[0] == packed[1]


def test_the_zip_holds_all_there_is_to_take():
    with zipfile.ZipFile(OUT / places.ZIP) as archive:
        assert archive.testzip() is None
        names = {Path(name).name for name in archive.namelist()}
        readme = archive.read("kernels/README.md").decode()
    expected = {f"{name}.ipynb" for name in CHAPTERS}
    expected |= {wheel().name, "requirements.txt", "README.md", "LICENSE", "LICENSE-TEXT"}
    assert names == expected
    assert wheel().name in readme
    assert all(f"`{name}.ipynb`" in readme for name in CHAPTERS)


def test_the_requirements_are_what_this_build_ran_on():
    first, *pins = (OUT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert first == f"./{wheel().name}[arrays,large,regression,show]"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    names = {re.split("==", pin)[0] for pin in pins}
    assert {"numpy", "scipy", "scikit-learn", "matplotlib", "ipywidgets"} <= names
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", pin) for pin in pins)
    assert all(re.search(rf"^{name}==", lock, re.MULTILINE) for name in names)


def test_the_landing_page_links_what_is_there():
    for name in (places.ZIP, wheel().name):
        assert f'href="../notebooks/{name}"' in shown_page("intro")


# The page of a chapter.


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_page_offers_its_notebook(name):
    page = shown_page(name)
    assert re.search(rf'href="\.\./notebooks/{name}\.ipynb"[^>]* download', page)
    assert "live.js" in page


def test_launch_links_come_from_one_setting():
    assert places.launch_links(None, "span") == []
    links = dict(places.launch_links(("o", "n"), "span"))
    assert links["Colab"].endswith("/github/o/n/blob/notebooks/span.ipynb")
    assert links["Binder"].endswith("/gh/o/n/notebooks?labpath=span.ipynb")
    url = CONFIG["sphinx"]["config"]["repository_url"]
    for name in CHAPTERS:
        page = shown_page(name)
        assert ("colab.research" in page) == ("mybinder" in page) == bool(url)


@pytest.mark.parametrize("url", ["", "https://github.com/o/n"])
def test_the_setting_reaches_the_page(url, monkeypatch):
    monkeypatch.setattr(links, "chapters", lambda env: {"chapters/a": Path("a.ipynb")})
    scripts = []
    app = SimpleNamespace(
        env=None,
        config=SimpleNamespace(repository_url=url),
        add_js_file=lambda name, **options: scripts.append(name),
    )
    context = {"pathto": lambda target, resource: f"../{target}"}
    links.offer(app, "chapters/a", "page.html", context, None)
    assert context["notebook_download"] == "../notebooks/a.ipynb"
    assert [name for name, _ in context["launch_links"]] == (["Colab", "Binder"] if url else [])
    assert scripts == ["live.js"]
    beside = {}
    links.offer(app, "chapters/b", "page.html", beside, None)
    assert beside == {}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", None),
        ("https://github.com/o/n", ("o", "n")),
        ("https://github.com/o/n.git", ("o", "n")),
        ("https://example.org/o/n", ValueError),
    ],
)
def test_the_setting_is_a_repository_or_empty(url, expected):
    app = SimpleNamespace(config=SimpleNamespace(repository_url=url))
    if expected is ValueError:
        with pytest.raises(ValueError, match="repository_url"):
            project.repository(app)
    else:
        assert project.repository(app) == expected


@pytest.mark.parametrize("name", CHAPTERS)
def test_stored_outputs_are_kept(name):
    ours, theirs = (
        [
            [one.get("data", one.get("text")) for one in cell.outputs]
            for cell in notebook.cells
            if cell.cell_type == "code"
        ]
        for notebook in (taken(name), source(name))
    )
    assert ours[1:] == theirs  # after the guard
