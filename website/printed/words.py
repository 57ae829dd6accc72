"""Words that stay on one line, headings that stay at their text."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

from website.printed.raw import raw


def tie(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Keep the two words of a reference, and "et al.", on one line; a small heading at its text."""
    for text in list(doctree.findall(nodes.Text)):
        above = text.parent
        linked = isinstance(above, nodes.reference) or isinstance(above.parent, nodes.reference)
        if text == "et al." or (linked and _NUMBERED.fullmatch(text)):
            above.replace(text, nodes.Text(text.replace(" ", "\u00a0")))
    for rubric in list(doctree.findall(nodes.rubric)):  # in a docstring
        start = r"\Needspace{3\baselineskip}\noindent"
        rubric.replace_self(raw(rf"{start}\textbf{{{rubric.astext()}}}\par\nobreak"))


_NUMBERED = re.compile(r"[A-Z][a-z]+ [\d.]+")
