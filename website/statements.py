"""The numbered statements of the book: names, numbers, titles, links to them."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx_proof.domain import ProofDomain

from website.facts import Facts


class Statements(ProofDomain):
    """The domain of sphinx-proof, which cannot be built side by side: it does not merge."""

    def merge_domaindata(self, docnames: list[str], otherdata: dict[str, Any]) -> None:
        """Nothing: its statements are in the environment, where sphinx-proof does merge them."""


class Titles(Facts):
    """Label -> title of a page's statements, which sphinx-proof does not index."""

    def gather(self, page: nodes.document) -> dict[str, str]:
        """The titles without the parentheses around them, formulas between dollars."""
        return {
            node["label"]: "".join(map(_written, title.children)).strip(" ()")
            for node in stated(page)
            if (title := node.next_node(nodes.title))
        }


def _written(node: nodes.Node) -> str:
    return f"${node.astext()}$" if isinstance(node, nodes.math) else node.astext()


def with_maths(text: str) -> list[nodes.Node]:
    """Text in which every second part stands between dollars."""
    parts = enumerate(re.split(r"\$([^$]+)\$", text))
    return [nodes.math(part, part) if i % 2 else nodes.Text(part) for i, part in parts]


def stated(page: nodes.document) -> list[nodes.Element]:
    """The nodes of a page's statements."""
    return [node for node in page.findall(nodes.Element) if "realtype" in node.attributes]


def statements(env: BuildEnvironment) -> dict[str, dict[str, Any]]:
    """Label -> docname, kind, number, title, id of every numbered statement."""
    found, titles = {}, Titles.of(env)
    for label, entry in getattr(env, "proof_list", {}).items():
        if entry.get("nonumber") or entry["realtype"] == "proof":
            continue
        numbers = env.toc_fignumbers.get(entry["docname"], {}).get(entry["countertype"], {})
        number = next((numbers[i] for i in entry["ids"] if i in numbers), ())
        found[label] = {
            "docname": entry["docname"],
            "kind": entry["realtype"],
            "number": ".".join(map(str, number)),
            "title": titles.get(entry["docname"], {}).get(label, ""),
            "id": entry["ids"][0],
        }
    return found


def name(statement: dict[str, Any]) -> str:
    """Kind and number."""
    return f"{statement['kind'].capitalize()} {statement['number']}".strip()


def link(app: Sphinx, page: str, target: str, anchor: str, *text: nodes.Node) -> nodes.reference:
    """A link from one page to an anchor of another, for the website and for LaTeX."""
    uri = f"{app.builder.get_relative_uri(page, target)}#{anchor}"
    return nodes.reference("", "", *text, refuri=uri, internal=True)
