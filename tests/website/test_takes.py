"""The page of what the functions take shows the file that the tests try out, and all of it."""

import re
from pathlib import Path

import pytest
from docutils import nodes

from tools import takes as table
from website import takes

PAGE = Path(__file__).resolve().parents[2] / "chapters" / "takes.md"
TABLE = table.read()


def texts(node):
    """The cells of a table, row by row."""
    return [
        [entry.astext() for entry in row.findall(nodes.entry)] for row in node.findall(nodes.row)
    ]


def test_the_page_has_every_part_once():
    shown = re.findall(r"^```\{takes\} (\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(shown) == sorted([*takes.PARTS, *(part["name"] for part in TABLE["table"])])


@pytest.mark.parametrize("part", TABLE["table"], ids=lambda part: part["name"])
def test_a_table_shows_its_results(part):
    found = texts(takes.results(TABLE, part["name"]))
    assert found[0] == [part["stored"], *(column["says"] for column in part["columns"])]
    shown = {says: cells for merged, *cells in found[1:] for says in merged.split("; ")}
    assert len(shown) == len(part["row"]) >= len(found) - 1
    for row in part["row"]:
        cells = shown[row["says"]]
        assert [cell.removeprefix("refused, ") for cell in cells] == row["results"]
        errors = [cell.startswith("refused, ") for cell in cells]
        assert errors == list(map(table.refused, row["results"]))
    with pytest.raises(ValueError, match="not enough values"):
        takes.results(TABLE, "unknown")


def test_functions_and_containers_are_shown():
    text = takes.functions(TABLE, "").astext()
    for name in table.names(TABLE):
        assert re.search(rf"\b{re.escape(name)}\b", text)
    for row, shown in zip(TABLE["container"], texts(takes.containers(TABLE, ""))[1:], strict=True):
        kinds = {one["name"]: one["says"] for one in TABLE["container"]}
        assert shown == [row["says"], kinds[row["kernels"]], kinds[row["others"]]]
    assert [row[0] for row in texts(takes.never(TABLE, ""))[1:]] == [
        row["says"] for row in TABLE["never"]
    ]
