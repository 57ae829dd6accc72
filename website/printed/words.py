"""Words that stay on one line, headings that stay at their text."""

import re

from docutils import nodes
from sphinx.application import Sphinx

from website.printed.raw import classed, raw


def tie(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Keep the two words of a reference, and "et al.", on one line; a small heading at its text."""
    for text in list(doctree.findall(nodes.Text)):
        above = text.parent
        linked = isinstance(above, nodes.reference) or isinstance(above.parent, nodes.reference)
        if text == "et al." or (linked and _NUMBERED.fullmatch(text)):
            above.replace(text, nodes.Text(text.replace(" ", "\u00a0")))
    for code in list(doctree.findall(_is_code)):
        parts = re.findall(r".+?(?:[._](?=\w)|$)", code.astext())
        code.replace_self(
            [piece for part in parts for piece in (nodes.literal("", part), raw(r"\allowbreak{}"))]
        )
    for note in classed(doctree, nodes.inline, "in-code"):
        note.insert(0, raw("\\newline "))
    for rubric in list(doctree.findall(nodes.rubric)):  # in a docstring
        start = r"\Needspace{3\baselineskip}\noindent"
        rubric.replace_self(raw(rf"{start}\textbf{{{rubric.astext()}}}\par\nobreak"))


def _is_code(node: nodes.Node) -> bool:
    """The name of an entry of the package that implements a statement."""
    above = node.parent.parent if isinstance(node, nodes.literal) else None
    return isinstance(above, nodes.Element) and "in-code" in above.get("classes", ())


_NUMBERED = re.compile(r"[A-Z][a-z]+ [\d.]+[a-z]*")
