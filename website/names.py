"""Permanent names: the numbers of statements, figures and exercises, from a committed table.

Sphinx counts; the book does not. `chapters/names.toml`, which `tools/names.py` writes, has the name
of every statement, figure and exercise, and what it has once given it never takes back. So a line
that is cited by its number is found by its number, whatever is put in before it or taken out.
Pages, the printed book and the notebooks all read what Sphinx has counted: here it is replaced.
"""

import copy
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from website.absent import absent
from website.printed.raw import before, raw

logger = logging.getLogger(__name__)

TABLE = Path("chapters", "names.toml")
# What has no permanent name: an equation is cited by the statement or the section it stands in.
UNNAMED = ("displaymath", "table", "code-block")


@cache
def table(root: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Page -> label -> what the table says; empty for a book without one."""
    path = root / TABLE
    read = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {page: labels for page, labels in read.items() if page != "sealed"}


def named(root: Path) -> dict[str, str]:
    """Label -> name, such as ``Theorem 12``, of all that the table has, also of what is gone."""
    return {label: one["name"] for page in table(root).values() for label, one in page.items()}


def restore(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Give Sphinx back its own count, so that it sees which pages it must write again."""
    env.toc_fignumbers = env.__dict__.pop("website_counted", env.toc_fignumbers)
    return []


def number(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Put the permanent numbers in place of those that Sphinx has counted."""
    names = named(Path(app.srcdir))
    equations = absent(Path(app.srcdir))["equations"]
    if names:
        env.__dict__["website_counted"] = copy.deepcopy(env.toc_fignumbers)
        for kinds in env.toc_fignumbers.values():
            for numbers in kinds.values():
                for label in numbers.keys() & names.keys():
                    # Sphinx joins the parts of a number with dots, and takes words like numbers.
                    numbers[label] = (names[label].split()[1],)  # type: ignore[assignment]
        for kinds in env.toc_fignumbers.values():
            for equation in kinds.get("displaymath", {}).keys() & equations.keys():
                kinds["displaymath"][equation] = (equations[equation],)
    return []


def check_consistency(app: Sphinx, env: BuildEnvironment) -> None:
    """All that is numbered has a name in the table, if there is one."""
    names = named(Path(app.srcdir))
    counted = [
        (page, label)
        for page, kinds in env.toc_fignumbers.items()
        for kind, numbers in kinds.items()
        for label in numbers
        if kind not in UNNAMED
    ]
    for page, label in counted if names else ():
        if label not in names:
            told = "%s lacks %r: run python do.py names"
            logger.warning(told, TABLE.as_posix(), label, location=page)


def print_numbers(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Have LaTeX, which counts figures itself, print the number of each.

    It is told before the figure begins, where a link to the figure takes its number from.
    """
    names = named(Path(app.srcdir))
    for figure in list(doctree.findall(nodes.figure)):
        for label in figure["ids"]:
            if label in names:
                value = names[label].split()[1]
                before(figure, raw(rf"\renewcommand{{\thefigure}}{{{value}}}"))
