"""What the functions take and refuse: chapters/takes.toml as tables of a page.

`{takes} NAME` is one of them: the functions, the containers, a table of results by its name, or
what is never taken. The tests try out the same file cell by cell (`tools/takes.py`), and one of
them holds that every cell is tried, so that the page says nothing that no test holds.
"""

import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

SOURCE = Path("chapters", "takes.toml")


class Takes(SphinxDirective):
    """`{takes} NAME`: a part of the table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir, SOURCE)
        self.env.note_dependency(str(path))
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return [PARTS.get(self.arguments[0], results)(table, self.arguments[0])]


def functions(table: dict[str, Any], _: str) -> nodes.Node:
    """Which functions stand in which column."""
    (part,) = (part for part in table["table"] if part["name"] == "numpy")
    items = []
    for column in part["columns"]:
        names = [name for group in column["groups"] for name in table["functions"][group]]
        words: list[nodes.Node] = [nodes.strong("", column["says"]), nodes.Text(": ")]
        for i, name in enumerate(names):
            words += [nodes.Text(", ")] * (i > 0) + [nodes.literal("", name)]
        items.append(nodes.list_item("", nodes.paragraph("", "", *words)))
    return nodes.bullet_list("", *items)


def containers(table: dict[str, Any], _: str) -> nodes.Node:
    """What kind of array comes back."""
    says = {row["name"]: row["says"] for row in table["container"]}
    rows = [[row["says"], says[row["kernels"]], says[row["others"]]] for row in table["container"]]
    return words_table(["Points in a", "A kernel gives a", "Everything else gives a"], rows)


def results(table: dict[str, Any], name: str) -> nodes.Node:
    """The dtypes of the results, or the errors; rows of the same results are one."""
    (part,) = (part for part in table["table"] if part["name"] == name)
    head = [part["stored"], *(column["says"] for column in part["columns"])]
    alike: dict[tuple[str, ...], list[str]] = {}
    for row in part["row"]:
        alike.setdefault(tuple(row["results"]), []).append(row["says"])
    return words_table(
        head, [["; ".join(says), *map(outcome, found)] for found, says in alike.items()]
    )


def never(table: dict[str, Any], _: str) -> nodes.Node:
    """What no function takes."""
    rows = [[row["says"], row["says_error"], row["error"]] for row in table["never"]]
    return words_table(["Points with", "The message", "Error"], rows)


PARTS = {"functions": functions, "containers": containers, "never": never}


def outcome(result: str) -> str:
    """A result in words."""
    return f"refused, {result}" if "Error" in result else result


def words_table(head: list[str], rows: list[list[str]]) -> nodes.table:
    """A table of plain words."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    group += nodes.thead("", row(head))
    group += nodes.tbody("", *map(row, rows))
    return nodes.table("", group, classes=["takes"])


def row(cells: list[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph(cell, cell)) for cell in cells))
