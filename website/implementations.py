"""Which code implements a statement: the entries of the package whose docstrings cite its label."""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from website.facts import Facts
from website.statements import link, stated

# How the id of a module begins.
MODULE = "module-"


class Citations(Facts):
    """Label -> ids of the entries on a page whose descriptions cite it."""

    def gather(self, page: nodes.document) -> dict[str, list[str]]:
        """A citation belongs to the innermost entry around it, or to the module it stands in."""
        found: dict[str, list[str]] = {}
        module = ""
        for node in page.findall(nodes.Element):
            if isinstance(node, nodes.target) and node.get("ismod"):
                module = node["ids"][0]
            if isinstance(node, addnodes.pending_xref) and node["refdomain"] == "prf":
                entry = _entry(node) or module
                named = found.setdefault(node["reftarget"], [])
                if entry and entry not in named:
                    named.append(entry)
        return {label: entries for label, entries in found.items() if entries}


def _entry(node: nodes.Node) -> str:
    """Id of the innermost entry around a node, if it has one."""
    while node is not None and not isinstance(node, addnodes.desc):
        node = node.parent
    signature = node.next_node(addnodes.desc_signature) if node else None
    return signature["ids"][0] if signature is not None and signature["ids"] else ""


def implementations(env: BuildEnvironment) -> dict[str, list[tuple[str, str]]]:
    """Label -> page and id of the entries that cite it; of a module only if no other does."""
    cited: dict[str, list[tuple[str, str]]] = {}
    for page, labels in sorted(Citations.of(env).items()):
        for label, entries in labels.items():
            objects = [entry for entry in entries if not entry.startswith(MODULE)]
            cited.setdefault(label, []).extend((page, entry) for entry in objects or entries)
    return cited


def links(app: Sphinx, page: str, entries: list[tuple[str, str]]) -> list[nodes.Node]:
    """Entries as links, with commas between them."""
    text: list[nodes.Node] = []
    for target, entry in entries:
        code = nodes.literal("", entry.removeprefix(MODULE))
        text += [nodes.Text(", "), link(app, page, target, entry, code)]
    return text[1:]


def name_code(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """End each statement that has code with links to it."""
    known = implementations(app.env)
    for statement in stated(doctree):
        if entries := known.get(statement["label"]):
            words = [nodes.Text("In code: "), *links(app, docname, entries)]
            statement[-1] += nodes.paragraph("", "", *words, classes=["in-code"])
