"""What of a page is for a screen with scripts, and how it reads without."""

import re

from docutils import nodes
from sphinx.application import Sphinx

from website.ledger import RECORD
from website.printed.cells import leave_out
from website.printed.raw import classed

# The frame of a slider that is shown first, and what follows it.
_FRAME = re.compile(r'<div class="ntk-stage">(.*?</svg>)</div>.*', re.DOTALL)


def trim(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Leave out folded code, and what needs a script; a slider is the frame it starts with."""
    for name in classed(doctree, nodes.inline, "again"):
        name.parent.parent.clear()  # a cell of a table, with the name of its column
    leave_out(doctree)
    for node in list(doctree.findall(nodes.raw)):
        if 'class="statement-map"' in node.astext():
            node.parent.remove(node)  # to be pointed at; the lists say the same
        elif "html" in node["format"]:
            node.replace_self(nodes.raw("", still(node.astext()), format="html"))
    for paragraph in list(doctree.findall(nodes.paragraph)):  # lists in those of docstrings
        if any(isinstance(child, nodes.paragraph | nodes.bullet_list) for child in paragraph):
            paragraph.replace_self(paragraph.children)


def still(markup: str) -> str:
    """The markup of an output without controls and other frames, and without data."""
    markup = RECORD.sub('class="ntk-check"', markup)
    if frame := _FRAME.search(markup):
        return f'<div class="ntk-figure">{frame[1]}</div>'
    return markup
