"""The ledger: every numbered statement with the checks that its chapter ran, and with its code.

`{ledger}` becomes a table of every numbered statement with the checks that its chapter ran when
the site was built. `{unchecked} label` gives the written reason of a statement without a check.
A statement that has neither, a check of an unknown statement, or one of which nobody has tried what
it would catch (`chapters/wrong/NAME.json`, written by `tools/wrong.py`), fails the build.
"""

import html
import json
import re
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from ntklib.book.printing import typeset
from website import proofs
from website.absent import absent
from website.facts import Facts
from website.implementations import implementations, links
from website.project import reading_order
from website.statements import link, name, statements, with_maths

logger = logging.getLogger(__name__)
RECORD = re.compile(r'class="ntk-check" data-record="([^"]*)"')


class ledger_node(nodes.General, nodes.Element):
    """Placeholder, replaced once every chapter has been read."""


class reason_node(nodes.Invisible, nodes.Element):
    """Why a statement has no check; it is shown in the ledger, not where it stands."""


class Ledger(SphinxDirective):
    """`{ledger}`: the table of all statements and their checks."""

    def run(self) -> list[nodes.Node]:
        for path in wrong_statements(self.env):
            self.env.note_dependency(str(path))
        return [ledger_node()]


class Unchecked(SphinxDirective):
    """`{unchecked} label`: why this statement has no check, in a sentence."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        self.assert_has_content()
        return [reason_node("", label=self.arguments[0], reason=" ".join(self.content))]


class Checks(Facts):
    """The records that the checks of a page left in its outputs, in order."""

    def gather(self, page: nodes.document) -> list[dict[str, Any]]:
        """What `ntklib.book.check` wrote into the markup."""
        raw = (node.astext() for node in page.findall(nodes.raw))
        found = (record for text in raw for record in RECORD.findall(text))
        return [json.loads(html.unescape(record)) for record in found]


class Reasons(Facts):
    """Label -> why the statement has no check."""

    def gather(self, page: nodes.document) -> dict[str, str]:
        """The reasons, which leave the page."""
        found = list(page.findall(reason_node))
        for node in found:
            node.parent.remove(node)
        return {node["label"]: node["reason"] for node in found}


def wrong_statements(env: BuildEnvironment) -> list[Path]:
    """The records of what the checks would catch, one a chapter."""
    return sorted(Path(env.srcdir, "chapters", "wrong").glob("*.json"))


def caught(env: BuildEnvironment) -> dict[tuple[str, str, str], dict[str, Any]]:
    """(Page, label, claim) -> which wrong statements turn that check red."""
    return {
        (f"chapters/{path.stem}", record["label"], record["claim"]): record
        for path in wrong_statements(env)
        for record in json.loads(path.read_text(encoding="utf-8"))
    }


def check_consistency(app: Sphinx, env: BuildEnvironment) -> None:
    """Every statement has a check or a reason; every check and reason has a statement.

    A page that lacks a part in a course was found complete where it is whole.
    """
    cut = absent(Path(env.srcdir))["cut"]
    known, checked = statements(env), set()
    reasons = {label: page for page, found in Reasons.of(env).items() for label in found}
    tried = caught(env)
    for docname, records in sorted(Checks.of(env).items()):
        for label, claim in ((record["label"], record["claim"]) for record in records):
            checked.add(label)
            if label not in known and docname not in cut:
                logger.warning("check of an unknown statement %r", label, location=docname)
            if (docname, label, claim) not in tried:
                words = "not tried what the check of %r would catch: %s"
                logger.warning(words, label, claim, location=docname)
    for label, statement in known.items():
        whole = statement["docname"] not in cut
        if label not in checked and label not in reasons and whole:
            logger.warning("statement %r has no check", label, location=statement["docname"])
    for label, docname in reasons.items():
        if label not in known and docname not in cut:
            logger.warning("reason for an unknown statement %r", label, location=docname)
        if label in checked:
            logger.warning("statement %r has a check and a reason", label, location=docname)


def drop_records(
    app: Sphinx, pagename: str, template: str, context: dict[str, Any], page: nodes.document | None
) -> None:
    """The records leave the markup of a page: they are read from its tree."""
    if "body" in context:
        context["body"] = RECORD.sub('class="ntk-check"', context["body"])


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace `{ledger}` by one table a chapter."""
    for placeholder in list(doctree.findall(ledger_node)):
        by_page = defaultdict(list)
        for label, statement in statements(app.env).items():
            by_page[statement["docname"]].append((label, statement))
        sections: list[nodes.Node] = []
        for page in (doc for doc in reading_order(app.env) if doc in by_page):
            rows = [
                row
                for label, statement in by_page[page]
                for row in _rows(app, docname, label, statement)
            ]
            section = nodes.section(ids=[nodes.make_id(f"ledger-{page}")])
            section += nodes.title("", app.env.titles[page].astext())
            section += _table(COLUMNS, rows)
            sections.append(section)
        placeholder.replace_self(sections)


def _rows(
    app: Sphinx, docname: str, label: str, statement: dict[str, Any]
) -> list[list[nodes.Node]]:
    """One row a check, or the reason for none; the first says what code there is."""
    page, title = statement["docname"], statement["title"]
    words = with_maths(name(statement) + (f" ({title})" if title else ""))
    there = link(app, docname, page, statement["id"], *words)
    records = [one for one in Checks.of(app.env).get(page, []) if one["label"] == label]
    again = nodes.inline("", "", there, classes=["again"])
    reason = Reasons.of(app.env).get(page, {}).get(label, "none given")
    tried = caught(app.env)
    rows = [
        _check_row(again, one, tried.get((page, label, one["claim"]), UNTRIED)) for one in records
    ] or [_reason_row(again, reason)]
    entries = implementations(app.env).get(label, [])
    code = [nodes.Text("In code: "), *links(app, docname, entries)]
    without = "Pure proof" if statement["kind"] in PROVED else "No code"
    note = nodes.inline("", "", *(code if entries else [nodes.Text(without)]), classes=["in-code"])
    rows[0][0] = nodes.inline("", "", there, nodes.Text(" "), note)
    if face := proofs.face(Path(app.srcdir), label):
        rows[0][0] += [nodes.Text(" "), nodes.inline("", face, classes=["in-code"])]
    return rows


COLUMNS = ("Statement", "Claim", "Measured", "Why this bound", "Would catch")
UNTRIED: dict[str, Any] = {"wrong": [], "illustration": ""}
# Kinds of statements that have a proof.
PROVED = {"theorem", "proposition", "lemma", "corollary"}


def _check_row(
    name: nodes.Element, record: dict[str, Any], tried: dict[str, Any]
) -> list[nodes.Node]:
    relation = {"at_most": "≤", "at_least": "≥", "equals": "="}[record["relation"]]
    raw = record.get("raw")
    text = f"{raw:.3g}" if isinstance(raw, float) else record["measured"]
    measured = f"{text} {relation}\u00a0{record['bound']}"
    cells = [
        nodes.inline("", "", *_formula(cell))
        for cell in (record["claim"], measured, record["because"], _wrong(tried))
    ]
    if tried["illustration"]:
        why = nodes.inline("", "", *_formula(f": {tried['illustration']}"))
        mark = nodes.emphasis("", "Illustration", classes=["illustration"])
        dot = [nodes.Text(". ")] if tried["wrong"] else []
        cells[-1] += [*dot, mark, *why.children]
    return [name.deepcopy(), *cells]


def _wrong(tried: dict[str, Any]) -> str:
    """The wrong statements that turn a check red, as one line."""
    return "; ".join(wrong["says"] for wrong in tried["wrong"])


def _formula(text: str) -> list[nodes.Node]:
    """A formula in plain text, with its letters, indices and exponents."""
    kinds = {
        "": nodes.Text,
        "sub": partial(nodes.subscript, ""),
        "sup": partial(nodes.superscript, ""),
        "over": partial(nodes.superscript, "", classes=["over"]),
    }
    return [kinds[place](part) for place, part in typeset(text) if part]


def _reason_row(name: nodes.Element, reason: str) -> list[nodes.Node]:
    why = nodes.inline("", "", *with_maths(reason))
    return [name.deepcopy(), nodes.Text("no check"), nodes.Text("—"), why, nodes.Text("—")]


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
