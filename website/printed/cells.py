"""Cells on paper: what is left out, what stays on one page, lines that fit."""

import re
import textwrap
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx

from website.printed.raw import classed, raw

_CODE = 88
# A cell and its output of at most so many lines stay on one page.
_SHORT = 20
_BOUND = re.compile(r"\bbound [≤≥] |\bexpected ")


def trim(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Leave out what is of no use on paper; keep the rest together, and within the page."""
    leave_out(doctree)
    for printed in classed(doctree, nodes.container, "cell_output"):
        join(printed)
    for cell in classed(doctree, nodes.container, "cell"):
        keep_together(cell)
    for image in doctree.findall(nodes.image):
        image["align"], image["width"] = "center", "75%"


def leave_out(doctree: nodes.document) -> None:
    """What is of no use on paper: folded code, calls that draw a figure, words on downloads."""
    for cell in classed(doctree, nodes.container, "cell_input"):
        folded = {"tag_hide-input", "tag_remove-input"} & set(cell.parent["classes"])
        if folded or cell.astext().startswith(("interact(", "figure(")):
            cell.parent.remove(cell)
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if paragraph.astext().startswith("Downloaded alone?"):
            paragraph.parent.remove(paragraph)
    # The name of a statement that the row above has, too.
    for name in classed(doctree, nodes.inline, "again"):
        name.parent.remove(name)
    for entry in doctree.findall(nodes.entry):
        if not entry.astext().strip():
            entry.clear()  # an empty paragraph would have a height


def keep_together(cell: nodes.container) -> None:
    """Begin a short cell where its output has room on the same page."""
    blocks = list(cell.findall(nodes.literal_block))
    lines = sum(block.astext().count("\n") + 1 for block in blocks) + len(blocks)
    if lines <= _SHORT and not any(cell.findall(nodes.image)):
        cell.parent.insert(
            cell.parent.index(cell), raw(rf"\Needspace{{{0.75 * lines}\baselineskip}}")
        )


def join(printed: nodes.container) -> None:
    """Lines that a cell printed one after the other, as one block."""
    for first, second in zip(list(printed.children), printed.children[1:], strict=False):
        if isinstance(first, nodes.literal_block) and isinstance(second, nodes.literal_block):
            _fill(second, first.astext().rstrip("\n") + "\n" + second.astext())
            printed.remove(first)
    for block in printed.findall(nodes.literal_block):
        _fill(block, "\n".join(wrapped(block.astext())))


def _fill(block: nodes.literal_block, text: str) -> None:
    block.clear()
    block += nodes.Text(text)
    block.rawsource = text  # else the writer takes it for marked up


def wrapped(text: str) -> Iterator[str]:
    """Lines that fit the page, broken at spaces and not before a bound."""
    for line in text.split("\n"):
        tied = _BOUND.sub(lambda found: found[0].replace(" ", "\u00a0"), line)
        short = textwrap.wrap(
            tied, _CODE, subsequent_indent="       ", break_long_words=False, break_on_hyphens=False
        )
        yield from (part.replace("\u00a0", " ") for part in short or [""])
