"""Displays with the numbers of the website, broken where the page is too narrow."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from website.printed.raw import before, raw
from website.tex import expand, width

# What fits on a line of the printed page, in em of its text.
_ROOM = 34.0


def number(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Break wide displays, and give those that have a number the website's."""
    given = app.config.mathjax3_config["tex"]["macros"]
    for formula in list(doctree.findall(nodes.math_block)):
        lines = broken(formula.astext(), given)
        formula.replace_self(new := formula.copy())
        new += nodes.Text(lines)
        if new.get("label"):
            value = equation_number(app.env, new)
            before(new, raw(rf"\renewcommand{{\theequation}}{{{value}}}"))


def broken(formula: str, given: dict[str, Any]) -> str:
    """A display too wide for the page on several lines, broken where its source is."""
    parts = re.split(r"\\qquad\s*\n", formula)
    if len(parts) == 1 or r"\\" in formula or width(expand(formula, given)) <= _ROOM:
        return formula
    return "\\begin{gathered}\n" + "\\\\\n".join(parts) + "\n\\end{gathered}"


def equation_number(env: BuildEnvironment, formula: nodes.math_block) -> str:
    """The number that the website prints beside an equation."""
    numbers = env.toc_fignumbers.get(formula["docname"], {}).get("displaymath", {})
    number = numbers.get(nodes.make_id(f"equation-{formula['label']}"), (formula["number"],))
    return ".".join(map(str, number))
