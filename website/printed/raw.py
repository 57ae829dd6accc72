"""LaTeX between the nodes of the one big tree that the printed book is."""

from typing import Any

from docutils import nodes
from sphinx.environment import BuildEnvironment

# Letters that fit on a line of the printed page.
LINE = 80


def raw(text: str) -> nodes.raw:
    return nodes.raw("", text, format="latex")


def classed(doctree: nodes.document, kind: type[nodes.Element], name: str) -> list[Any]:
    """The nodes of a kind that have a class."""
    return [node for node in doctree.findall(kind) if name in node["classes"]]


def page_of(node: nodes.Node, env: BuildEnvironment) -> str:
    """The page that a node of the one big tree comes from, which its sections keep."""
    while node is not None:
        if isinstance(node, nodes.section) and "docname" in node:
            return str(node["docname"])
        node = node.parent
    return str(env.config.root_doc)


def before(node: nodes.Element, mark: nodes.raw) -> None:
    """Put something in front of a display without beginning a paragraph for it."""
    place = node.parent.index(node)
    if place and isinstance(node.parent[place - 1], nodes.paragraph):
        node.parent[place - 1] += mark
    else:
        node.parent.insert(place, mark)
