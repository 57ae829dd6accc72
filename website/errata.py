"""The errata of the book: chapters/errata.yml as a page.

`{errata}` becomes a list, the newest first: where something was wrong, what it said, what is right,
which versions have it, and the test that fails should it come back. Below it stand the names of the
table of permanent names whose labels have left the book. An entry that says too little fails the
build here, one that leads to no statement, page or function where Sphinx resolves it.
"""

import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from website.decisions import reference
from website.names import TABLE, table

SOURCE = Path("chapters", "errata.yml")
# What an erratum must say, and what it may.
KEYS = {
    "number": int,
    "where": list,
    "said": str,
    "right": str,
    "since": str,
    "until": str,
    "test": str,
}
MORE = {"reporter"}
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_TEST = re.compile(r"tests/[\w/]+\.py::\w+")


class Errata(SphinxDirective):
    """`{errata}`: all of them, and the names that are no longer used."""

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir, SOURCE)
        for source in (path, Path(self.env.srcdir, TABLE)):
            self.env.note_dependency(str(source))
        items = map(self._item, reversed(read(path.read_text(encoding="utf-8"))))
        found: list[nodes.Node] = [nodes.definition_list("", *items, classes=["errata"])]
        if gone := self._gone():
            found += [nodes.paragraph("", GONE), nodes.bullet_list("", *gone, bullet="-")]
        return found

    def _item(self, one: dict[str, Any]) -> nodes.definition_list_item:
        places = ", ".join(map(place, one["where"]))
        term = nodes.term("", "", *self._words(f"{one['number']}. {places}"))
        term["ids"].append(f"erratum-{one['number']}")
        first, last = one["since"], one["until"]
        versions = f"version {last}" if first == last else f"versions {first} to {last}"
        path, test = one["test"].split("::")
        by = f" Reported by {one['reporter']}." if "reporter" in one else ""
        lines = [
            f"It said: {one['said']}",
            f"Right is: {one['right']}",
            f"In {versions}.{by} It cannot come back unseen: `{path}`, `{test}`.",
        ]
        texts = (nodes.paragraph("", "", *self._words(line)) for line in lines)
        return nodes.definition_list_item("", term, nodes.definition("", *texts))

    def _gone(self) -> list[nodes.list_item]:
        """The names that no statement, figure or exercise has any more."""
        return [
            nodes.list_item(
                "", nodes.paragraph("", f"{one['name']}, until {one['gone']}"), ids=[label]
            )
            for page in table(Path(self.env.srcdir)).values()
            for label, one in page.items()
            if "gone" in one
        ]

    def _words(self, text: str) -> list[nodes.Node]:
        found, problems = self.parse_inline(" ".join(text.split()))
        return [*found, *problems]


GONE = "These names are no longer in the book, and no other gets them:"


def read(text: str) -> list[dict[str, Any]]:
    """The errata, in the order of their numbers.

    Raises
    ------
    ValueError
        An entry that lacks something, has something unknown, or a version, a test or a number that
        is none.
    """
    errata: list[dict[str, Any]] = yaml.safe_load(text)
    for count, one in enumerate(errata, 1):
        wrong = _wrong(one, count)
        if wrong:
            raise ValueError(f"{SOURCE.as_posix()}: {wrong}, got {one}")
    return errata


def _wrong(one: dict[str, Any], count: int) -> str:
    for key, kind in KEYS.items():
        if not isinstance(one.get(key), kind) or not one[key]:
            return f"erratum {count} needs {key!r}, a {kind.__name__}"
    if unknown := one.keys() - KEYS.keys() - MORE:
        return f"erratum {count} has unknown {sorted(unknown)}"
    if one["number"] != count:
        return f"the erratum after {count - 1} must have the number {count}"
    for key in ("since", "until"):
        if not _VERSION.fullmatch(one[key]):
            return f"{key!r} of erratum {count} must be a version in quotes, such as '0.2.0'"
    if not _TEST.fullmatch(one["test"]):
        return f"'test' of erratum {count} must be tests/FILE.py::NAME"
    return ""


def place(where: str) -> str:
    """How the place of an erratum is cited: as part of the package, or as a part of the book."""
    if where.startswith("ntklib"):
        return f"{{py:obj}}`{where}`"
    return reference(where)
