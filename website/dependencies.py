"""What each statement rests on, read from the references in its text and its proof.

`{dependencies}` becomes the map of the book: a picture with one dot a statement, and a list in
which each statement has what it rests on, what rests on it, and the shortest path to it from the
beginning. Each chapter says at its head which statements of other chapters it uses. Nothing of it
is written by hand; statements that rest on each other in a circle fail the build.
"""

from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx_proof.nodes import proof_node

from website.dependencies_drawn import draw
from website.facts import Facts
from website.page.folds import fold_node
from website.project import reading_order
from website.statements import link, name, statements, with_maths

logger = logging.getLogger(__name__)
PAGE = "chapters/map"

Graph = dict[str, list[str]]


class dependencies_node(nodes.General, nodes.Element):
    """Placeholder, replaced once every chapter has been read."""


class Dependencies(SphinxDirective):
    """`{dependencies}`: the map."""

    def run(self) -> list[nodes.Node]:
        return [dependencies_node()]


class Uses(Facts):
    """Label -> labels of statements and equations that its text or its proof cites, in order."""

    def gather(self, page: nodes.document) -> Graph:
        """A proof belongs to the last statement before it."""
        found: Graph = {}
        owner = ""
        for node in page.findall(nodes.Element):
            if "realtype" in node.attributes:
                owner = node["label"]
            elif not isinstance(node, proof_node):
                continue
            cited = found.setdefault(owner, [])
            for reference in node.findall(addnodes.pending_xref):
                if reference["refdomain"] == "prf" or reference["reftype"] == "eq":
                    cited.append(reference["reftarget"])
        return found


class Equations(Facts):
    """Label of a numbered equation -> the statement in which it stands."""

    def gather(self, page: nodes.document) -> dict[str, str]:
        """Those outside of statements are left out: they are part of the chapter's text."""
        return {
            equation["label"]: node["label"]
            for node in page.findall(nodes.Element)
            if "realtype" in node.attributes
            for equation in node.findall(nodes.math_block)
            if equation.get("label")
        }


# ---- The graph -----------------------------------------------------------------------------------


def graph(env: BuildEnvironment) -> Graph:
    """Label -> what it rests on; labels in reading order, each list too."""
    known = statements(env)
    pages = [page for page in reading_order(env) if page in env.found_docs]
    holds = {label: owner for found in Equations.of(env).values() for label, owner in found.items()}
    cited = {label: labels for found in Uses.of(env).values() for label, labels in found.items()}
    order = sorted(known, key=lambda label: pages.index(known[label]["docname"]))
    place = {label: i for i, label in enumerate(order)}
    rests = {}
    for label in order:
        named = {holds.get(one, one) for one in cited.get(label, [])} - {label}
        rests[label] = sorted((one for one in named if one in place), key=place.__getitem__)
    return rests


def reverse(rests: Graph) -> Graph:
    """Label -> what rests on it."""
    used: Graph = {label: [] for label in rests}
    for label, needs in rests.items():
        for need in needs:
            used[need].append(label)
    return used


def path(rests: Graph, label: str) -> list[str]:
    """All that a statement rests on, each after what it rests on itself; nothing else.

    Raises
    ------
    graphlib.CycleError
        Statements that rest on each other.
    """
    needed: dict[str, list[str]] = {}
    queue = [label]
    while queue:
        one = queue.pop()
        if one not in needed:
            needed[one] = rests[one]
            queue += rests[one]
    place = {one: i for i, one in enumerate(rests)}
    sorter = TopologicalSorter(needed)
    sorter.prepare()
    found: list[str] = []
    ready: list[str] = []
    while sorter.is_active():
        ready += sorter.get_ready()
        ready.sort(key=place.__getitem__)
        found.append(ready.pop(0))
        sorter.done(found[-1])
    return found[:-1]


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """No statement rests on itself, not even by way of others."""
    try:
        TopologicalSorter(graph(env)).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        logger.warning("statements rest on each other in a circle: %s", circle)


# ---- The pages -----------------------------------------------------------------------------------


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace `{dependencies}` by the picture and the lists."""
    for placeholder in list(doctree.findall(dependencies_node)):
        rests, known = graph(app.env), statements(app.env)
        if not rests:  # a course may keep no chapter that has one
            placeholder.replace_self(nodes.paragraph("", "No chapter here has a statement."))
            continue
        used = reverse(rests)
        picture = nodes.raw("", draw(app, docname, rests, known), format="html")
        sections: list[nodes.Node] = [picture]
        for page in dict.fromkeys(known[label]["docname"] for label in rests):
            section = nodes.section(ids=[nodes.make_id(f"map-of-{page.split('/')[-1]}")])
            section += nodes.title("", app.env.titles[page].astext())
            section += nodes.bullet_list(
                "",
                *(
                    _entry(app, docname, label, rests, used)
                    for label in rests
                    if known[label]["docname"] == page
                ),
                bullet="-",
                classes=["map"],
            )
            sections.append(section)
        placeholder.replace_self(sections)


def _entry(app: Sphinx, page: str, label: str, rests: Graph, used: Graph) -> nodes.list_item:
    """A statement, and behind a fold what is before and after it."""
    known = statements(app.env)
    there = known[label]
    words = with_maths(name(there) + (f" ({there['title']})" if there["title"] else ""))
    item = nodes.list_item(
        "", nodes.paragraph("", "", link(app, page, there["docname"], there["id"], *words))
    )
    before, after, whole = rests[label], used[label], path(rests, label)
    lines = [("Rests on: ", before), ("Used by: ", after)]
    if len(whole) > len(before):
        lines.append(("To read it from the beginning: ", whole))
    parts = [
        nodes.paragraph("", "", nodes.Text(start), *_links(app, page, labels), nodes.Text("."))
        for start, labels in lines
        if labels
    ]
    count = f"Rests on {len(before) or 'none'}, used by {len(after) or 'none'}"
    anchor = [f"map-{label}"]
    if parts and app.builder.format == "html":  # a link to it opens the fold
        item += fold_node("", *parts, summary=count, open=False, ids=anchor)
    else:
        item["ids"] += anchor
        item += parts or [nodes.paragraph("", count)]
    return item


def _links(app: Sphinx, page: str, labels: Iterable[str]) -> list[nodes.Node]:
    """Kind and number of each, as links with commas between them."""
    known = statements(app.env)
    text: list[nodes.Node] = []
    for label in labels:
        there = known[label]
        word = nodes.Text(name(there).replace(" ", "\u00a0"))
        text += [nodes.Text(", "), link(app, page, there["docname"], there["id"], word)]
    return text[1:]


def outside(rests: Graph, pages: dict[str, str], page: str) -> list[str]:
    """The statements of other pages that those of one rest on directly, in reading order."""
    needed = {
        need
        for label, needs in rests.items()
        if pages[label] == page
        for need in needs
        if pages[need] != page
    }
    return [label for label in rests if label in needed]


def head(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Say below the introduction of a chapter which statements of other chapters it uses."""
    rests = graph(app.env)
    pages = {label: one["docname"] for label, one in statements(app.env).items()}
    needed = outside(rests, pages, docname)
    if not needed or PAGE not in app.env.found_docs:
        return
    there = link(app, docname, PAGE, "the-map-of-the-book", nodes.Text("map of the book"))
    words = [
        nodes.Text("Statements and proofs of this chapter use "),
        *_links(app, docname, needed),
    ]
    words += [nodes.Text(" of others. The "), there]
    words.append(nodes.Text(" shows how all of them hang together."))
    *_, last = _introduction(doctree)
    last.parent.insert(
        last.parent.index(last) + 1, nodes.paragraph("", "", *words, classes=["needs"])
    )


def _introduction(doctree: nodes.document) -> Iterator[nodes.Node]:
    """The title of a page and the paragraphs below it."""
    section = doctree.next_node(nodes.section)
    for child in section.children:
        if not isinstance(child, nodes.title | nodes.paragraph):
            return
        yield child
