"""Tables that can be read on a phone."""

import re

from docutils import nodes
from sphinx.application import Sphinx


def label_cells(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Name the column in each cell of a table of words; the style shows the names on a phone.

    There a row becomes a card, because three to five columns of words do not fit side by side.
    Tables of numbers keep their columns, which are there to be compared, and scroll.
    """
    for table in doctree.findall(nodes.table):
        head, rows = table.next_node(nodes.thead), table.next_node(nodes.tbody)
        names = [entry.astext() for entry in head.findall(nodes.entry)] if head else []
        texts = [entry.astext().strip() for entry in rows.findall(nodes.entry)]
        if _numeric(texts):
            table["classes"].append("numbers")
            for column in zip(*(row.children for row in table.findall(nodes.row)), strict=True):
                if _numeric([entry.astext().strip() for entry in column[1:]]):
                    for entry in column:
                        entry["classes"].append("number")
            continue
        if app.builder.format not in ("html", "epub") or not 3 <= len(names) <= 5:
            continue
        table["classes"].append("cards")
        for row in rows.findall(nodes.row):
            for name, entry in zip(names, row.children, strict=True):
                if (words := entry.next_node(nodes.paragraph)) and entry.astext().strip():
                    mark = " " if name == "Line" else ": "  # line 30, but claim: ...
                    label = nodes.inline("", name + mark, classes=["label", nodes.make_id(name)])
                    words.insert(0, label)


def _numeric(texts: list[str]) -> bool:
    """Whether most of them are numbers."""
    return 2 * sum(NUMBER.fullmatch(text) is not None for text in texts) > len(texts)


# A number, or two of them with one in parentheses.
NUMBER = re.compile(r"[-+]?[\d.]+(?:e[-+]?\d+)?(?: \([\d.]+\))?")
