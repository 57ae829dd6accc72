"""Facts of the project that its pages and downloads state: versions, address, chapters, a PDF."""

import importlib.metadata
import os
import platform
import re
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

# The whole book as one file: its name, where a build of it leaves it, and what it is for.
WHOLE = {
    "kernels.pdf": ("latex", "The book to print", ", a PDF with every figure."),
    "kernels.epub": ("epub", "The book for e-readers", ", an EPUB with every formula and figure."),
}
ADDRESS = "BOOK_URL"
SHOWN = ("ntklib", "numpy", "scipy", "scikit-learn", "matplotlib", "ipywidgets", "jupyter-book")
_REPOSITORY = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")


class Versions(SphinxDirective):
    """`{versions}`: what this build ran on, read from the environment itself."""

    def run(self) -> list[nodes.Node]:
        rows = [("Python", platform.python_version())]
        rows += [(name, importlib.metadata.version(name)) for name in SHOWN]
        items = (nodes.list_item("", nodes.paragraph("", f"{k} {v}")) for k, v in rows)
        return [nodes.bullet_list("", *items)]


def put(path: Path, text: str) -> None:
    """Write a file of the website: the same bytes on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def project(app: Sphinx) -> dict[str, Any]:
    """What pyproject.toml says of the package."""
    text = Path(app.srcdir, "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


def whole(app: Sphinx) -> list[Path]:
    """The book as `make pdf` and `make epub` left it, if they did."""
    home = Path(app.outdir).parent
    paths = (home / folder / name for name, (folder, *_) in WHOLE.items())
    return [path for path in paths if path.is_file()]


def take_address(app: Sphinx, config: Config) -> None:
    """Let the environment say where the site will stand, which only who publishes it knows.

    Site map, canonical links and the cards of social networks need whole addresses.
    """
    if address := os.environ.get(ADDRESS):
        if not address.startswith(("http://", "https://")):
            raise ValueError(f"{ADDRESS} must be the address of the site, got {address!r}")
        config.html_baseurl = address.rstrip("/") + "/"


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


def reading_order(env: BuildEnvironment) -> list[str]:
    """All pages, as the table of contents has them."""
    order, queue = [], [env.config.root_doc]
    while queue:
        page = queue.pop(0)
        order.append(page)
        queue = env.toctree_includes.get(page, []) + queue
    return order


def chapters(env: BuildEnvironment) -> dict[str, Path]:
    """Page -> notebook, for every page that is one, in reading order."""
    paths = {
        page: Path(env.doc2path(page)) for page in reading_order(env) if page in env.found_docs
    }
    return {page: path for page, path in paths.items() if path.suffix == ".ipynb"}
