"""The decision guide: chapters/decisions.toml as a picture whose arrows lead to the evidence.

`{decisions}` becomes a numbered list of questions, each with its answers; `page.css` draws it
as boxes and arrows on the page, beside each other where there is room and one below the other on a
phone. It stays a list for the keyboard, for those who listen, and in the PDF.

A row that leads nowhere fails the build: an answer without evidence here, and a label, a figure, a
page or a function that does not exist where Sphinx resolves it.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

SOURCE = Path("chapters", "decisions.toml")
# What an answer must say.
KEYS = {"if": str, "evidence": list, "then": str, "chapters": list}
# How a label is cited; what is neither a statement nor a figure is a page of the book.
_STATEMENT = re.compile(r"(?:dfn|lem|prp|thm|cor|rmk)-[\w-]+")
_FIGURE = re.compile(r"fig-[\w-]+")
# On paper a question stays with its first answer.
_TOGETHER = "\\csname @beginparpenalty\\endcsname=10000 "


class Decisions(SphinxDirective):
    """`{decisions}`: the guide."""

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir, SOURCE)
        self.env.note_dependency(str(path))
        questions = read(path.read_text(encoding="utf-8"))
        steps = nodes.enumerated_list("", *map(self._question, questions), enumtype="arabic")
        return [nodes.container("", steps, classes=["decisions"])]

    def _question(self, question: dict[str, Any]) -> nodes.list_item:
        words = nodes.strong("", "", *self._words(question["asks"]))
        asked = nodes.paragraph("", "", nodes.raw("", _TOGETHER, format="latex"), words)
        answers = nodes.bullet_list("", *map(self._answer, question["answer"]), bullet="-")
        return nodes.list_item("", asked, answers)

    def _answer(self, answer: dict[str, Any]) -> nodes.list_item:
        """The arrow, with what it rests on, and the box that it leads to."""
        proof = ", ".join(map(reference, answer["evidence"]))
        evidence = nodes.inline("", "", *self._words(f"See {proof}"), classes=["evidence"])
        arrow = nodes.paragraph(
            "", "", *self._words(answer["if"]), nodes.Text(" "), evidence, classes=["arrow"]
        )
        pages = ", ".join(map(reference, answer["chapters"]))
        more = nodes.inline("", "", *self._words(f"More: {pages}"), classes=["more"])
        mark = nodes.raw("", "$\\to$ ", format="latex")  # on the page the style draws it
        box = nodes.paragraph(
            "", "", mark, *self._words(answer["then"]), nodes.Text(" "), more, classes=["box"]
        )
        return nodes.list_item("", arrow, box)

    def _words(self, text: str) -> list[nodes.Node]:
        found, problems = self.parse_inline(text)
        return [*found, *problems]


def read(text: str) -> list[dict[str, Any]]:
    """The questions of the guide.

    Raises
    ------
    ValueError
        An answer that says too little, or has no evidence.
    """
    questions: list[dict[str, Any]] = tomllib.loads(text)["question"]
    for question in questions:
        for answer in question["answer"]:
            for key, kind in KEYS.items():
                if not isinstance(answer.get(key), kind) or not answer[key]:
                    raise ValueError(
                        f"{SOURCE.as_posix()}: an answer to {question['asks']!r} needs "
                        f"{key!r}, got {answer}"
                    )
            if unknown := answer.keys() - KEYS:
                raise ValueError(f"{SOURCE.as_posix()}: unknown {sorted(unknown)} in {answer}")
    return questions


def reference(label: str) -> str:
    """How a label is cited in the text of a page."""
    if _STATEMENT.fullmatch(label):
        return f"{{prf:ref}}`{label}`"
    if _FIGURE.fullmatch(label):
        return f"{{numref}}`{label}`"
    return f"{{doc}}`{label}`"
