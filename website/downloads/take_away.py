"""What a reader can take home: notebooks of plain Markdown, the package, a zip of both; live code.

When the website is built, `notebooks/` in it receives a plain notebook of every chapter, the wheel
of ntklib, `requirements.txt`, the licenses, a README, and a zip of all these. The same source gives
the same bytes. `{take-away}` lists the links. The links to Colab and Binder come from one setting,
`repository_url` in _config.yml, and open the branch `notebooks`, to which the workflow of the
website publishes that folder.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import nbformat
from docutils import nodes
from pybtex.plugin import find_plugin
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from website.downloads.plain import Book, notebook
from website.ledger import statements

FOLDER = "notebooks"
ZIP = "kernels.zip"
PDF = "kernels.pdf"
BRANCH = "notebooks"
EXTRAS = "arrays,large,regression,show"
# The same in every build: the first moment that a zip can name.
_EPOCH = (1980, 1, 1, 0, 0, 0)
# What the chapters run on. The wheel asks for no versions, so that it can live with others.
_PINNED = ("numpy", "scipy", "scikit-learn", "matplotlib", "ipywidgets", "ipykernel", "jupyterlab")
_REPOSITORY = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")
_MARKDOWN = find_plugin("pybtex.backends", "markdown")


class take_away_node(nodes.General, nodes.Element):
    """Placeholder: the links depend on the builder, and on what has been built before."""


class TakeAway(SphinxDirective):
    """`{take-away}`: what there is to download."""

    def run(self) -> list[nodes.Node]:
        return [take_away_node()]


def repository(app: Sphinx) -> tuple[str, str] | None:
    """Owner and name of the repository on GitHub, or None if the setting is empty.

    Raises
    ------
    ValueError
        The setting is not the address of a repository on GitHub: Colab opens no other.
    """
    url = app.config.repository_url
    if not url:
        return None
    match = _REPOSITORY.fullmatch(url)
    if match is None:
        raise ValueError(
            "repository_url in _config.yml must be empty or https://github.com/OWNER/NAME, "
            f"got {url!r}"
        )
    return match[1], match[2]


def launch_links(found: tuple[str, str] | None, name: str) -> list[tuple[str, str]]:
    """Name and address of each place that runs a notebook of the branch `notebooks`."""
    if found is None:
        return []
    path = "/".join(found)
    return [
        ("Colab", f"https://colab.research.google.com/github/{path}/blob/{BRANCH}/{name}.ipynb"),
        ("Binder", f"https://mybinder.org/v2/gh/{path}/{BRANCH}?labpath={name}.ipynb"),
    ]


def chapters(env: BuildEnvironment) -> dict[str, Path]:
    """Page -> notebook, for every page that is one, in reading order."""
    order, queue = [], [env.config.root_doc]
    while queue:
        page = queue.pop(0)
        order.append(page)
        queue = env.toctree_includes.get(page, []) + queue
    paths = {page: Path(env.doc2path(page)) for page in order if page in env.found_docs}
    return {page: path for page, path in paths.items() if path.suffix == ".ipynb"}


def guard(wheel: str, base: str, found: tuple[str, str] | None) -> str:
    """The first code cell: import the package, or say in one line how to get it."""
    if base:
        source = f"ntklib[{EXTRAS}] @ {base}/{FOLDER}/{wheel}"
    elif found:
        owner, name = found
        address = f"https://raw.githubusercontent.com/{owner}/{name}/{BRANCH}/{wheel}"
        source = f"ntklib[{EXTRAS}] @ {address}"
    else:
        source = f"./{wheel}[{EXTRAS}]"
    how = f'run %pip install "{source}" in a cell'
    if not base and not found:
        how += "; the file comes with the notebooks, in the zip on the first page of the book"
    return (
        "try:\n"
        "    import ntklib.book\n"
        "except ModuleNotFoundError as missing:\n"
        f"    how = {how!r}\n"
        '    raise ModuleNotFoundError(f"no module {missing.name}: {how}") from None'
    )


class Pages:
    """How one chapter names the rest of the book, as the website does."""

    def __init__(self, app: Sphinx, page: str) -> None:
        self.app, self.env, self.page = app, app.env, page
        self.base = str(app.config.html_baseurl).rstrip("/")
        self.xrefs = {
            " ".join(node.rawsource.split()): node
            for node in app.env.get_doctree(page).findall(pending_xref)
        }
        self.cited: list[str] = []

    def book(self) -> Book:
        """For `plain.notebook`."""
        macros = self.app.config.mathjax3_config["tex"]["macros"]
        return Book(macros, self.role, self.name, self.equation, self.link)

    def role(self, name: str, content: str) -> str:
        """The words that the website shows for a role, with a link if it has an address."""
        node = self.xrefs.get(f":{name}:`{content}`")
        if node is None:
            raise ValueError(f"{self.page}: the role {{{name}}}`{content}` has no plain form")
        if node["refdomain"] == "cite":
            self.cited += [key for key in re.split(r"[\s,]+", node["reftarget"]) if key]
        return self.words(self.resolved(node))

    def resolved(self, node: pending_xref) -> nodes.Node:
        """A reference as its domain writes it; its own words where the target is unknown."""
        words = node[0].deepcopy() if node.children else nodes.inline()
        found = self.env.domains[node["refdomain"]].resolve_xref(
            self.env, self.page, self.app.builder, node["reftype"], node["reftarget"], node, words
        )
        return found or words  # the build has warned of the unknown target

    def words(self, node: nodes.Node) -> str:
        """A reference as Markdown."""
        if isinstance(node, nodes.Text):
            return node.astext()
        inside = "".join(self.words(child) for child in node.children)
        if isinstance(node, nodes.literal):
            return f"`{node.astext()}`"
        if isinstance(node, nodes.emphasis):
            return f"*{inside}*"
        if isinstance(node, nodes.strong):
            return f"**{inside}**"
        if isinstance(node, nodes.reference) and self.base:
            return f"[{inside}]({self.absolute(node.get('refuri') or '#' + node['refid'])})"
        return inside

    def absolute(self, uri: str) -> str:
        """An address on the website, from one relative to this page."""
        return urljoin(f"{self.base}/{self.app.builder.get_target_uri(self.page)}", uri)

    def name(self, label: str) -> str:
        """Name and number of a statement or an exercise."""
        if statement := statements(self.env).get(label):
            return f"{statement['kind'].capitalize()} {statement['number']}".strip()
        registered = getattr(self.env, "sphinx_exercise_registry", {}).get(label)
        if registered is None:
            raise ValueError(f"{self.page}: nothing has the label {label!r}")
        numbers = self.env.toc_fignumbers.get(registered["docname"], {}).get("exercise", {})
        return f"Exercise {'.'.join(map(str, numbers.get(label, ())))}".strip()

    def equation(self, label: str) -> str:
        """Number of an equation, without its parentheses."""
        node = pending_xref("", refdomain="math", reftype="eq", reftarget=label)
        return self.resolved(node).astext().strip("()")

    def link(self, target: str) -> str | None:
        """Another chapter's notebook beside this one; another page's address on the website."""
        path, _, anchor = target.partition("#")
        other = str(Path(os.path.normpath(Path(self.page).parent / path)).with_suffix(""))
        page = other if path else self.page
        if page not in self.env.found_docs:
            return None  # the build has warned of the unknown target
        if path.endswith(".ipynb") and not anchor:
            return path
        if not self.base:
            return None
        uri = self.app.builder.get_target_uri(page)
        return f"{self.base}/{uri}" + (f"#{anchor}" if anchor else "")

    def closing(self) -> str:
        """The sources that the chapter cites, where it comes from, and its license."""
        entries = {
            citation.key: entry(citation)
            for citation in self.env.domains["cite"].citations  # type: ignore[attr-defined]
            if citation.key in self.cited
        }
        listed = "\n".join(f"- {text}" for text in sorted(entries.values()))
        home = str(self.app.config.html_title or self.app.config.project)
        if self.base:
            home = f"[{home}]({self.absolute('')})"
        note = f"A chapter of *{home}*. Text and figures: CC BY 4.0. Code: BSD 3-Clause."
        return f"## References\n\n{listed}\n\n---\n\n{note}" if listed else f"---\n\n{note}"


def entry(citation: Any) -> str:
    """One item of the bibliography, as a line of Markdown."""
    text = " ".join(citation.formatted_entry.text.render(_MARKDOWN()).split())
    # A note may hold TeX's \\url, which the website takes apart.
    text = re.sub(r"\\\\url (\S+?)\\?\.?$", lambda m: f"<{m[1].replace(chr(92), '')}>.", text)
    return text.replace("\\.", ".")


def write(app: Sphinx, exception: Exception | None) -> None:
    """Fill the folder `notebooks` of the website."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir, FOLDER)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    root = Path(app.srcdir)
    wheel = build_wheel(root, out).name
    first = guard(wheel, str(app.config.html_baseurl).rstrip("/"), repository(app))
    for page, path in chapters(app.env).items():
        pages = Pages(app, page)
        source = nbformat.read(path, as_version=4)
        plain = notebook(source, path.stem, pages.book(), guard=first, closing=pages.closing)
        text = nbformat.writes(plain, version=4) + "\n"
        out.joinpath(path.name).write_text(text, encoding="utf-8")
    for license in ("LICENSE", "LICENSE-TEXT"):
        shutil.copyfile(root / license, out / license)
    out.joinpath("requirements.txt").write_text(requirements(wheel), encoding="utf-8")
    out.joinpath("README.md").write_text(readme(app, wheel), encoding="utf-8")
    pack(out, out / ZIP)
    # Binder's own file: repo2docker takes its Python from here.
    out.joinpath("runtime.txt").write_text("python-3.12\n", encoding="utf-8")
    if built := pdf(app):
        shutil.copyfile(built, Path(app.outdir, PDF))


def build_wheel(root: Path, out: Path) -> Path:
    """The wheel of ntklib, the same bytes for the same source.

    Built from a copy, since a build leaves folders beside what it builds.
    """
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, "source")
        shutil.copytree(
            root / "ntklib", copied / "ntklib", ignore=shutil.ignore_patterns("__pycache__")
        )
        for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT"):
            shutil.copyfile(root / name, copied / name)
        for path in copied.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        # The hook of PEP 517, which is all that pip would call.
        done = subprocess.run(
            [sys.executable, "-c", _BUILD, str(Path(folder, "wheel"))],
            cwd=copied,
            env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},  # 1980, as below
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the wheel of ntklib cannot be built:\n{done.stderr}")
        (built,) = Path(folder, "wheel").glob("*.whl")
        return Path(shutil.copyfile(built, out / built.name))


_BUILD = """
import sys
from setuptools import build_meta
build_meta.build_wheel(sys.argv[1])
"""


def pack(folder: Path, target: Path) -> None:
    """Every file of a folder in a zip, in alphabetical order and without times."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            if path != target:
                entry = zipfile.ZipInfo(f"{target.stem}/{path.name}", _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes())


def requirements(wheel: str) -> str:
    """What pip needs to run the notebooks as this build did."""
    pins = (f"{name}=={importlib.metadata.version(name)}" for name in _PINNED)
    return "\n".join((f"./{wheel}[{EXTRAS}]", *pins)) + "\n"


def project(app: Sphinx) -> dict[str, Any]:
    """What pyproject.toml says of the package."""
    text = Path(app.srcdir, "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


def readme(app: Sphinx, wheel: str) -> str:
    """A page for whoever unpacks the zip."""
    env = app.env
    listed = "\n".join(
        f"- `{path.name}`: {env.titles[page].astext()}" for page, path in chapters(env).items()
    )
    return README.format(
        title=app.config.html_title or app.config.project,
        chapters=listed,
        wheel=wheel,
        python=project(app)["requires-python"].lstrip(">="),
    )


README = """# {title}

The chapters of the book as notebooks, and the package `ntklib` that they run on.

With Python {python} or newer, in this folder:

```
python -m venv .venv
.venv/bin/python -m pip install -r requirements.txt
.venv/bin/jupyter lab
```

On Windows, write `.venv\\Scripts` for `.venv/bin`.
The sliders are live, and every cell may be changed.

{chapters}

`{wheel}` is the package alone: `python -m pip install {wheel}` needs NumPy and SciPy only.

Code: BSD 3-Clause (`LICENSE`). Text and figures: CC BY 4.0 (`LICENSE-TEXT`).
"""


def pdf(app: Sphinx) -> Path | None:
    """The book as `make pdf` left it, if it did."""
    path = Path(app.outdir).parent / "latex" / PDF
    return path if path.is_file() else None


def outdated(app: Sphinx, env: BuildEnvironment, *changed: set[str]) -> list[str]:
    """The pages that list the downloads are read again when there is a PDF and was none."""
    there = pdf(app) is not None
    before, env.book_has_pdf = getattr(env, "book_has_pdf", there), there  # type: ignore[attr-defined]
    return sorted(_listing(env)) if app.builder.format == "html" and before != there else []


def _listing(env: BuildEnvironment) -> set[str]:
    if not hasattr(env, "book_take_away"):
        env.book_take_away = set()  # type: ignore[attr-defined]
    pages: set[str] = env.book_take_away  # type: ignore[attr-defined]
    return pages


def remember(app: Sphinx, doctree: nodes.document) -> None:
    """Keep which pages list the downloads."""
    if next(iter(doctree.findall(take_away_node)), None):
        _listing(app.env).add(app.env.docname)


def purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget a page that is read again."""
    _listing(env).discard(docname)


def merge(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    """Collect what a parallel reader found."""
    _listing(env).update(_listing(other) & docnames)


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace `{take-away}` by the links."""
    for placeholder in list(doctree.findall(take_away_node)):
        placeholder.replace_self(nodes.bullet_list("", *_downloads(app, docname)))


def _downloads(app: Sphinx, docname: str) -> Iterator[nodes.list_item]:
    base = str(app.config.html_baseurl).rstrip("/")
    home = base + "/" if app.builder.format != "html" else "../" * docname.count("/")
    if app.builder.format != "html" and not base:
        yield nodes.list_item("", nodes.paragraph("", "All of it is on the website's first page."))
        return
    wheel = f"ntklib-{project(app)['version']}-py3-none-any.whl"
    yield _item(
        f"{home}{FOLDER}/{ZIP}", "All notebooks and the package", " in one zip, to run anywhere."
    )
    yield _item(f"{home}{FOLDER}/{wheel}", "The package alone", ", a wheel for pip.")
    if app.builder.format == "html" and pdf(app):
        yield _item(f"{home}{PDF}", "The book to print", ", a PDF with every figure.")


def _item(uri: str, text: str, rest: str) -> nodes.list_item:
    link = nodes.reference("", text, refuri=uri, internal=True)
    return nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(rest)))


def offer(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the page of a chapter its download, its launch links and, on localhost, `make lab`."""
    path = chapters(app.env).get(page)
    if path is None:
        return
    context["notebook_download"] = context["pathto"](f"{FOLDER}/{path.name}", 1)
    context["launch_links"] = launch_links(repository(app), path.stem)
    app.add_js_file("live.js", priority=810, defer="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_config_value("repository_url", "", "html", str)
    app.add_node(take_away_node)
    app.add_directive("take-away", TakeAway)
    app.connect("env-get-outdated", outdated)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    app.connect("doctree-read", remember)
    app.connect("doctree-resolved", fill)
    app.connect("html-page-context", offer)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
