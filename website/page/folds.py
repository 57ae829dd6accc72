"""Proofs and solutions as parts of the page that the reader can fold."""

import html
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_exercise.nodes import solution_node
from sphinx_proof.nodes import proof_node

# Between the word and the number of an exercise.
NUMBERED = re.compile(r"(?<=Exercise) (?=\d)")


class fold_node(nodes.General, nodes.Element):
    """A part of the page that the reader can fold: a proof, a solution."""


def visit_fold(self: Any, node: fold_node) -> None:
    """Open a native <details>: it works without a script and prints open. An EPUB has no folds."""
    if self.builder.format == "epub":
        self.body.append(self.starttag(node, "div"))
        self.body.append(f'<p class="summary">{html.escape(node["summary"])}</p>\n')
        return
    attributes = {"open": "open"} if node["open"] else {}
    self.body.append(self.starttag(node, "details", **attributes))
    self.body.append(f"<summary>{html.escape(node['summary'])}</summary>\n")


def depart_fold(self: Any, node: fold_node) -> None:
    """Close it."""
    self.body.append("</div>\n" if self.builder.format == "epub" else "</details>\n")


def fold(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Make proofs (open) and solutions (closed) foldable in the website."""
    for proof in list(doctree.findall(proof_node)):
        first = proof.next_node(nodes.Text)
        first.parent.replace(first, nodes.Text(first.removeprefix("Proof. ")))
        content = [child for part in proof.children for child in part.children]
        proof.replace_self(_fold("Proof", content, open=True, classes=["proof"]))
    for solution in list(doctree.findall(solution_node)):
        title = solution.next_node(nodes.title)
        content = [child for child in solution.children if child is not title]
        for part in content:
            part["ids"] = []
        summary = NUMBERED.sub("\u00a0", title.astext())
        attributes = {"open": False, "classes": ["solution"], "ids": solution["ids"]}
        solution.replace_self(_fold(summary, content, **attributes))
    # The extension gives every statement's content the same id.
    for section in doctree.findall(nodes.section):
        doubled = ("proof-content", "exercise-content")
        section["ids"] = [name for name in section["ids"] if name not in doubled]


def _fold(summary: str, content: list[nodes.Node], **attributes: Any) -> fold_node:
    return fold_node("", *content, summary=" ".join(summary.split()), **attributes)
