"""What the extensions for docstrings leave to mend on the page of the package."""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx


def straighten(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """In descriptions of names, take back quotes that were bent: "mean" is code, n' has a prime.

    What the extension for docstrings calls variables are attributes. And citations in docstrings
    have the same ids over and over, which nothing links to.
    """
    if next(doctree.findall(addnodes.desc_content), None):
        for citation in doctree.findall(nodes.inline):
            if "bibtex-citation" in citation["classes"]:
                citation["ids"] = []
    for description in doctree.findall(addnodes.desc_content):
        for text in list(description.findall(nodes.Text)):
            straight = QUOTED.sub(r'"\1"', text)
            if text == "Variables" and isinstance(text.parent, nodes.field_name):
                straight = "Attributes"
            text.parent.replace(text, nodes.Text(PRIMED.sub("′", straight)))


QUOTED = re.compile(r"[“”](\w+)[“”]")
PRIMED = re.compile(r"(?<=\b[a-z])’(?!\w)")
