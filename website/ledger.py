"""The book's own Sphinx extension: the ledger of checks.

`{ledger}` becomes a table of every numbered statement with the checks that its chapter ran when
the site was built. `{unchecked} label` gives the written reason of a statement without a check.
A statement that has neither, or a check of an unknown statement, fails the build.
"""

from __future__ import annotations

import html
import importlib.metadata
import json
import platform
import re
from collections import defaultdict
from functools import partial
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from ntklib.book.printing import typeset

logger = logging.getLogger(__name__)

RECORD = re.compile(r'class="ntk-check" data-record="([^"]*)"')
SHOWN = ("ntklib", "numpy", "scipy", "scikit-learn", "matplotlib", "ipywidgets", "jupyter-book")


class ledger_node(nodes.General, nodes.Element):
    """Placeholder, replaced once every chapter has been read."""


class Ledger(SphinxDirective):
    """`{ledger}`: the table of all statements and their checks."""

    def run(self) -> list[nodes.Node]:
        return [ledger_node()]


class Unchecked(SphinxDirective):
    """`{unchecked} label`: why this statement has no check, in a sentence."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        self.assert_has_content()
        reasons = _reasons(self.env)
        reasons[self.arguments[0]] = (self.env.docname, " ".join(self.content))
        return []


class Versions(SphinxDirective):
    """`{versions}`: what this build ran on, read from the environment itself."""

    def run(self) -> list[nodes.Node]:
        rows = [("Python", platform.python_version())]
        rows += [(name, importlib.metadata.version(name)) for name in SHOWN]
        items = (nodes.list_item("", nodes.paragraph("", f"{k} {v}")) for k, v in rows)
        return [nodes.bullet_list("", *items)]


def _reasons(env: BuildEnvironment) -> dict[str, tuple[str, str]]:
    if not hasattr(env, "book_unchecked"):
        env.book_unchecked = {}  # type: ignore[attr-defined]
    reasons: dict[str, tuple[str, str]] = env.book_unchecked  # type: ignore[attr-defined]
    return reasons


def _titles(env: BuildEnvironment) -> dict[str, str]:
    if not hasattr(env, "book_titles"):
        env.book_titles = {}  # type: ignore[attr-defined]
    titles: dict[str, str] = env.book_titles  # type: ignore[attr-defined]
    return titles


def purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget the reasons of a page that is read again."""
    _checks(env).pop(docname, None)
    reasons = _reasons(env)
    for label in [label for label, (owner, _) in reasons.items() if owner == docname]:
        del reasons[label]


def merge(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    """Collect the reasons found by a parallel reader."""
    _reasons(env).update(_reasons(other))
    _titles(env).update(_titles(other))
    _checks(env).update({doc: _checks(other)[doc] for doc in docnames if doc in _checks(other)})


def ledger_pages(app: Sphinx, env: BuildEnvironment, *changed: set[str]) -> list[str]:
    """The ledger shows other pages' results: read it again whenever any of them is."""
    if not any(changed):
        return []
    return [doc for doc in env.found_docs if doc.endswith("ledger")]


def _checks(env: BuildEnvironment) -> dict[str, list[dict[str, Any]]]:
    if not hasattr(env, "book_checks"):
        env.book_checks = {}  # type: ignore[attr-defined]
    checks: dict[str, list[dict[str, Any]]] = env.book_checks  # type: ignore[attr-defined]
    return checks


def remember_checks(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the records that a chapter's checks left in their outputs, in order."""
    _checks(app.env)[app.env.docname] = [
        json.loads(html.unescape(record))
        for node in doctree.findall(nodes.raw)
        for record in RECORD.findall(node.astext())
    ]


def remember_titles(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the titles of statements, which sphinx-proof does not index."""
    for node in doctree.findall(nodes.Element):
        if "realtype" in node.attributes and (title := node.next_node(nodes.title)):
            _titles(app.env)[node["label"]] = title.astext().strip(" ()")


def statements(env: BuildEnvironment) -> dict[str, dict[str, Any]]:
    """Label -> docname, kind, number, title of every numbered statement."""
    found = {}
    for label, entry in getattr(env, "proof_list", {}).items():
        if entry.get("nonumber") or entry["realtype"] == "proof":
            continue
        numbers = env.toc_fignumbers.get(entry["docname"], {}).get(entry["countertype"], {})
        number = next((numbers[i] for i in entry["ids"] if i in numbers), ())
        found[label] = {
            "docname": entry["docname"],
            "kind": entry["realtype"],
            "number": ".".join(map(str, number)),
            "title": _titles(env).get(label, ""),
            "id": entry["ids"][0],
        }
    return found


def check_consistency(app: Sphinx, env: BuildEnvironment) -> None:
    """Every statement has a check or a reason; every check and reason has a statement."""
    known, reasons = statements(env), _reasons(env)
    checked: set[str] = set()
    for docname in sorted(env.found_docs):
        for record in _checks(env).get(docname, []):
            checked.add(record["label"])
            if record["label"] not in known:
                logger.warning(
                    "check of an unknown statement %r", record["label"], location=docname
                )
    for label, statement in known.items():
        if label not in checked and label not in reasons:
            logger.warning("statement %r has no check", label, location=statement["docname"])
    for label, (docname, _) in reasons.items():
        if label not in known:
            logger.warning("reason for an unknown statement %r", label, location=docname)
        if label in checked:
            logger.warning(
                "statement %r has a check and a reason for none", label, location=docname
            )


def fill_ledger(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace `{ledger}` by one table a chapter."""
    for placeholder in list(doctree.findall(ledger_node)):
        by_page = defaultdict(list)
        for label, statement in statements(app.env).items():
            by_page[statement["docname"]].append((label, statement))
        sections: list[nodes.Node] = []
        for page in (doc for doc in _reading_order(app.env) if doc in by_page):
            records = defaultdict(list)
            for record in _checks(app.env).get(page, []):
                records[record["label"]].append(record)
            rows: list[list[nodes.Node]] = []
            for label, statement in by_page[page]:
                link = _link(app, docname, statement)
                if label in records:
                    again = nodes.inline("", "", link, classes=["again"])
                    names = [link, *[again] * (len(records[label]) - 1)]
                    rows += map(_check_row, names, records[label])
                else:
                    rows.append(
                        _reason_row(link, _reasons(app.env).get(label, ("", "none given"))[1])
                    )
            title = app.env.titles[page].astext()
            section = nodes.section(ids=[nodes.make_id(f"ledger-{page}")])
            section += nodes.title("", title)
            section += _table(("Statement", "Claim", "Measured", "Bound", "Why this bound"), rows)
            sections.append(section)
        placeholder.replace_self(sections)
        if any(section.next_node(nodes.math) for section in sections):
            # Sphinx looked for formulas before these came.
            app.env.get_domain("math").data["has_equations"][docname] = True


def _reading_order(env: BuildEnvironment) -> list[str]:
    order, queue = [], [env.config.root_doc]
    while queue:
        page = queue.pop(0)
        order.append(page)
        queue = env.toctree_includes.get(page, []) + queue
    return order


def _link(app: Sphinx, fromdoc: str, statement: dict[str, Any]) -> nodes.reference:
    uri = app.builder.get_relative_uri(fromdoc, statement["docname"]) + "#" + statement["id"]
    name = f"{statement['kind'].capitalize()} {statement['number']}"
    if statement["title"]:
        name += f" ({statement['title']})"
    return nodes.reference("", name, refuri=uri, internal=True)


def _check_row(link: nodes.Element, record: dict[str, Any]) -> list[nodes.Node]:
    relation = {"at_most": "≤", "at_least": "≥", "equals": "="}[record["relation"]]
    raw = record.get("raw")
    text = f"{raw:.3g}" if isinstance(raw, float) else record["measured"]
    cells = (record["claim"], text, f"{relation}\u00a0{record['bound']}", record["because"])
    return [link.deepcopy(), *(nodes.inline("", "", *_formula(cell)) for cell in cells)]


def _formula(text: str) -> list[nodes.Node]:
    """A formula in plain text, with its letters, indices and exponents."""
    kinds = {
        "": nodes.Text,
        "sub": partial(nodes.subscript, ""),
        "sup": partial(nodes.superscript, ""),
        "over": partial(nodes.superscript, "", classes=["over"]),
    }
    return [kinds[place](part) for place, part in typeset(text) if part]


def _reason_row(link: nodes.reference, reason: str) -> list[nodes.Node]:
    words = [nodes.Text("no check"), *[nodes.Text("—")] * 2]
    return [link.deepcopy(), *words, nodes.inline("", "", *_with_maths(reason))]


def _with_maths(text: str) -> list[nodes.Node]:
    """Text in which every second part stands between dollars."""
    parts = enumerate(re.split(r"\$([^$]+)\$", text))
    return [nodes.math(part, part) if i % 2 else nodes.Text(part) for i, part in parts]


def _table(head: tuple[str, ...], rows: list[list[nodes.Node]]) -> nodes.table:
    table = nodes.table(classes=["ledger"])
    group = nodes.tgroup(cols=len(head))
    table += group
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", _row([nodes.Text(word) for word in head]))
    group += nodes.tbody("", *(_row(row) for row in rows))
    return table


def _row(cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_node(ledger_node)
    app.add_directive("ledger", Ledger)
    app.add_directive("unchecked", Unchecked)
    app.add_directive("versions", Versions)
    app.connect("env-purge-doc", purge)
    app.connect("env-merge-info", merge)
    app.connect("env-get-outdated", ledger_pages)
    app.connect("doctree-read", remember_titles)
    app.connect("doctree-read", remember_checks)
    app.connect("env-check-consistency", check_consistency)
    app.connect("doctree-resolved", fill_ledger)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
