"""Small faults in a program, one at a time: what a slip of the pen would make of each expression.

An operator is another one, a term or a factor is missing, a comparison is off by its edge or turned
round, a condition is its opposite, a number is another one, a function is its neighbor (``min`` for
``max``), a statement is missing. Left as they are: annotations, decorators, words, imports, and
what stands in a ``raise``, which itself may be missing.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_PAIRS = [
    ("max", "min"),
    ("maximum", "minimum"),
    ("argmax", "argmin"),
    ("sin", "cos"),
    ("any", "all"),
    ("floor", "ceil"),
]
NEIGHBORS = dict(_PAIRS) | {b: a for a, b in _PAIRS}
_UNTOUCHED = {"annotation", "returns", "decorator_list", "type_params", "exc", "cause"}


@dataclass(frozen=True)
class Fault:
    """One of them.

    Attributes
    ----------
    name : str
        Where it is, what stands there and what instead; the same while that code is the same.
    line : int
        Its line, in the file as it is.
    code : code
        The module with it, compiled.
    """

    name: str
    line: int
    code: CodeType


@dataclass(frozen=True)
class _Place:
    """A node of the tree: what holds it, in which field, and the names of what is around."""

    holder: ast.AST
    field: str
    index: int | None
    scope: str

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.holder, self.field, node)
        else:
            getattr(self.holder, self.field)[self.index] = node


def _places(holder: ast.AST, scope: str = "") -> Iterator[tuple[_Place, ast.AST]]:
    """Every node that may be changed, in the order of the text."""
    for field, value in ast.iter_fields(holder):
        if field in _UNTOUCHED:
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.AST):
                yield _Place(holder, field, index, scope), node
                inside = scope
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    inside = f"{scope}.{node.name}".strip(".")
                yield from _places(node, inside)


def _others(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand instead of a node."""
    match node:
        case ast.BinOp(left, op, right):
            if type(op) in BINARY:
                yield ast.BinOp(left, BINARY[type(op)](), right)
            if isinstance(op, ast.Add | ast.Sub | ast.Mult):
                yield left
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            yield operand
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.Compare(left, [op], right):
            for other in COMPARISONS[type(op)]:
                yield ast.Compare(left, [other()], right)
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(float() as value):
            yield ast.Constant(1.5 * value or 1.0)
        case ast.Name(name, ast.Load()) if name in NEIGHBORS:
            yield ast.Name(NEIGHBORS[name], ast.Load())
        case ast.Attribute(value, name, ast.Load()) if name in NEIGHBORS:
            yield ast.Attribute(value, NEIGHBORS[name], ast.Load())
        case ast.If(test, body, orelse) if not isinstance(test, ast.Compare):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.IfExp(test, body, orelse) if not isinstance(test, ast.Compare):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Expr(ast.Constant()):  # a docstring
            return
        case ast.Expr() | ast.AugAssign() | ast.Raise():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()


def _shown(node: ast.AST) -> str:
    """A node in one line."""
    return ast.unparse(ast.fix_missing_locations(node)).split("\n")[0]


def changes(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name and line of each fault of a module, while the tree has it; then it is taken back."""
    seen: Counter[str] = Counter()
    for place, node in list(_places(tree)):
        for other in list(_others(node)):
            # A number or a name says little alone.
            wide = isinstance(place.holder, ast.expr | ast.keyword) and isinstance(
                node, ast.Constant | ast.Name | ast.Attribute
            )
            before = _shown(place.holder if wide else node)
            place.put(other)
            after = _shown(place.holder if wide else other)
            name = f"{place.scope or 'module'}: {before} -> {after}"
            seen[name] += 1
            yield name + (f" ({seen[name]})" if seen[name] > 1 else ""), _line(node)
            place.put(node)


def faults(source: str, filename: str) -> Iterator[Fault]:
    """All faults of a module's text."""
    tree = ast.parse(source)
    for name, line in changes(tree):
        yield Fault(name, line, compile(ast.fix_missing_locations(tree), filename, "exec"))


def _line(node: Any) -> int:
    return int(node.lineno)
