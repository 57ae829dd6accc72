"""What the functions make of points: the table in chapters/takes.toml, read and spread out.

    python -m tools.takes    print how many cells there are, by table

Its tests and its page read it here, so that the page says nothing that no test tries.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PATH = Path(__file__).resolve().parent.parent / "chapters" / "takes.toml"


class Cell(NamedTuple):
    """One function, given numbers that are stored in a way, in a container: what comes out.

    `result` is a dtype, "number" for a number of Python's, or the names of errors, one of which is
    raised; `kind` is the library of an array that comes back.
    """

    function: str
    container: str
    stored: str
    result: str
    kind: str


def read() -> dict[str, Any]:
    """The table as it is written."""
    return tomllib.loads(PATH.read_text(encoding="utf-8"))


def names(table: dict[str, Any]) -> list[str]:
    """All functions of the table."""
    groups = table["functions"]
    return [name for group in groups if group != "images" for name in groups[group]]


def refused(result: str) -> bool:
    """Whether a result is an error."""
    return "Error" in result


def cells(where: str) -> Iterator[Cell]:
    """Every cell of the tables that are tested there: "unit" or "libraries"."""
    table = read()
    containers = {container["name"]: container for container in table["container"]}
    for part in (part for part in table["table"] if part["where"] == where):
        for row in part["row"]:
            for column, result in zip(part["columns"], row["results"], strict=True):
                for group in column["groups"]:
                    for name in row.get("containers", part["containers"]):
                        side = "kernels" if group in ("shallow", "deep") else "others"
                        kind = containers[name][side]
                        number = group == "numbers" and not refused(result)
                        for function in table["functions"][group]:
                            for stored in row["stored"]:
                                yield Cell(
                                    function, name, stored, "number" if number else result, kind
                                )


if __name__ == "__main__":
    for place in ("unit", "libraries"):
        print(place, sum(1 for _ in cells(place)))
