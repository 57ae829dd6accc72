"""Statements, proofs, exercises and solutions, in the environments of book.tex."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node, solution_node
from sphinx_proof.nodes import proof_node

from website.printed.raw import LINE, page_of, raw
from website.statements import name, stated, statements

# A box of at most so many lines stays on one page.
_WHOLE = 14


def frame(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put statements, proofs, exercises and solutions into their environments."""
    known = statements(app.env)
    for node in stated(doctree):
        statement = known[node["label"]]
        title = node.next_node(nodes.title)
        heading: list[nodes.Node] = [nodes.Text(name(statement))]
        if statement["title"] and title is not None:
            heading += [child.deepcopy() for child in title.children]
        _box(node, "statement", heading, title, [f"{page_of(node, app.env)}:{node['label']}"])
    for node in list(doctree.findall(proof_node)):
        first = node.next_node(nodes.Text)
        first.parent.replace(first, nodes.Text(first.removeprefix("Proof. ")))
        content = _flat(node)
        if isinstance(content[-1], nodes.paragraph):
            content[-1] += raw("\\qedhere")  # beside the last line, not below it
        node.replace_self([raw("\\begin{proof}\n"), *content, raw("\\end{proof}\n")])
    for kinds, environment in (
        ((exercise_node, exercise_enumerable_node), "exercise"),
        ((solution_node,), "solution"),
    ):
        for node in list(doctree.findall(lambda one, kinds=kinds: isinstance(one, kinds))):
            page, title = page_of(node, app.env), node.next_node(nodes.title)
            heading = [child.deepcopy() for child in title.children]
            labels = [f"exercise:{node['label']}", f"{page}:{node['label']}"]
            _box(node, environment, heading, title, labels)


def _box(
    node: nodes.Element,
    environment: str,
    heading: list[nodes.Node],
    title: nodes.Node | None,
    labels: list[str],
) -> None:
    """Replace a node by one of the environments of book.tex."""
    marks = "".join(rf"\phantomsection\label{{{label}}}" for label in labels)
    content = [child for child in _flat(node) if child is not title]
    whole = "unbreakable" if sum(map(_lines, content)) <= _WHOLE else ""
    start = rf"\begin{{book{environment}}}{{{whole}}}{{"
    head = nodes.paragraph("", "", raw(start), *heading, raw(f"}}{marks}"))
    node.replace_self([head, *content, raw(f"\\end{{book{environment}}}\n")])


def _lines(node: nodes.Node) -> int:
    """About how many lines of the printed page a part of the text takes."""
    if isinstance(node, nodes.math_block):
        return 3 + node.astext().count(r"\\")
    if isinstance(node, nodes.paragraph | nodes.Text):
        return 1 + len(node.astext()) // LINE
    return sum(map(_lines, node.children))


def _flat(node: nodes.Element) -> list[nodes.Node]:
    """The content without the sections and boxes that hold it, which are none of the book's."""
    found: list[nodes.Node] = []
    for child in node.children:
        inner = isinstance(child, nodes.section | nodes.admonition)
        found += _flat(child) if inner else [child]
    return found
