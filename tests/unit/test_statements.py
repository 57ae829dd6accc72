"""Statements that docstrings cite: they exist, and a module's list is that of its objects."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CITED = re.compile(r":prf:ref:`(?:[^`<]*<)?([^`<>]+)>?`")
# A proof has no number.
NUMBERED = re.compile(r"\{prf:(?!proof|ref)\w+\}.*\n(?::(?!label).*\n)*:label: *(\S+)")
MODULES = sorted((ROOT / "ntklib").rglob("*.py"))


def source(page: Path) -> str:
    if page.suffix == ".md":
        return page.read_text(encoding="utf-8")
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


@cache
def statements() -> set[str]:
    pages = (p for p in (ROOT / "chapters").iterdir() if p.suffix in (".ipynb", ".md"))
    return {label for page in pages for label in NUMBERED.findall(source(page))}


def unknown(code: str) -> set[str]:
    return set(CITED.findall(code)) - statements()


def unfounded(code: str, others: str = "") -> set[str]:
    """Labels in the docstring of a module that neither its objects cite nor the other files."""
    about = ast.get_docstring(ast.parse(code), clean=False) or ""
    return set(CITED.findall(about)) - set(CITED.findall(code.replace(about, "", 1) + others))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_statements_that_are_cited_exist_and_a_module_names_only_those_of_its_objects(path):
    assert not unknown(path.read_text(encoding="utf-8"))
    room = path.parent.glob("*.py") if path.name == "__init__.py" else ()
    others = "".join(other.read_text(encoding="utf-8") for other in room if other != path)
    assert not unfounded(path.read_text(encoding="utf-8"), others)


def test_statements_are_found():
    found = statements()
    assert {"dfn-network", "thm-nullity", "lem-wedge", "cor-unseen", "rmk-digits"} <= found
    assert not any(label.startswith(("ex-", "eq-")) for label in found)


@pytest.mark.parametrize(
    "role", [":prf:ref:`prp-relu-ntq`", ":prf:ref:`the kernel <prp-relu-ntq>`"]
)
def test_a_wrong_label_is_seen(role):
    code = f'def f():\n    """Statements: :prf:ref:`prp-relu-ntk`, {role}."""\n'
    assert unknown(code) == {"prp-relu-ntq"}


def test_a_statement_that_only_a_module_names_is_seen():
    code = '"""Implements :prf:ref:`prp-a`, :prf:ref:`prp-b`."""\nA = 1  #: :prf:ref:`prp-a`\n'
    assert unfounded(code) == {"prp-b"}
    assert not unfounded(code, ":prf:ref:`prp-b`")
