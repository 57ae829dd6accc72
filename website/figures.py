"""The numbered figures of the book: a name, a caption, a number, and drawings in a page's colors.

The metadata of a cell name its figure (`mystnb: figure: name, caption`). From there on myst-nb and
Sphinx do the rest: a figure around the output in all its forms, its number, `{numref}`.
"""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

logger = logging.getLogger(__name__)

DRAWING = 'class="ntk-figure'


def check(app: Sphinx, doctree: nodes.document) -> None:
    """Every drawing stands in a figure that has a name and a caption."""
    for drawing in doctree.findall(nodes.raw):
        if DRAWING in drawing.astext() and not _cited(drawing):
            logger.warning(
                "a figure needs a name and a caption, in the metadata of its cell", location=drawing
            )


def _cited(node: nodes.Node) -> bool:
    while not isinstance(node, nodes.figure):
        node = node.parent
        if node is None:
            return False
    return bool(node["names"]) and any(node.findall(nodes.caption))


def name(env: BuildEnvironment, label: str) -> str | None:
    """Word and number of a figure, such as ``Figure 12``; None if no figure has that label."""
    page, anchor, _ = env.get_domain("std").labels.get(label, ("", "", ""))  # type: ignore[attr-defined]
    number = env.toc_fignumbers.get(page, {}).get("figure", {}).get(anchor)
    if number is None:
        return None
    return str(env.config.numfig_format["figure"] % ".".join(map(str, number)))


def inline(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put an SVG file of the book into the page itself, where it takes the color of the text."""
    for image in list(doctree.findall(nodes.image)):
        if path := image.get("candidates", {}).get("image/svg+xml"):
            drawn = Path(app.srcdir, path).read_text(encoding="utf-8")
            markup = f'<div class="ntk-figure">{drawn}</div>'
            image.replace_self(nodes.raw("", markup, format="html"))
