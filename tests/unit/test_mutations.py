"""Planted faults: each is one, all are different, and the reasons stand under those there are."""

import ast
import json
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tools.mutations import changes, faults

ROOT = Path(__file__).resolve().parents[2]
RECORD = json.loads((ROOT / "tests" / "mutants.json").read_text(encoding="utf-8"))
TABLE = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))


def planted(source):
    return {fault.name: fault for fault in faults(source, "a.py")}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a + b", ["a + b -> a - b", "a + b -> a"]),
        ("x = a * b", ["a * b -> a / b", "a * b -> a"]),
        ("x = a / b", ["a / b -> a * b"]),
        ("x = a @ b", []),
        ("x = -a", ["-a -> a"]),
        ("x = a < b", ["a < b -> a <= b", "a < b -> a >= b"]),
        ("x = a is None", ["a is None -> a is not None"]),
        ("x = a and b", ["a and b -> a or b"]),
        ("x = f(2)", ["f(2) -> f(3)"]),
        ("x = f(0.0, y=0.5)", ["f(0.0, y=0.5) -> f(1.0, y=0.5)", "y=0.5 -> y=0.75"]),
        ("x = np.max(a)", ["np.max(a) -> np.min(a)"]),
        ("x = f(True)", ["f(True) -> f(False)"]),
        ("x: int = f(a)", []),
        ("f(a)", ["f(a) -> pass"]),
        ("x[i] = a", ["x[i] = a -> pass"]),
        ("x += a", ["x += a -> pass"]),
        ("if a:\n    b = c", ["if a: -> if not a:"]),
        ("raise ValueError(a + 1)", ["raise ValueError(a + 1) -> pass"]),
        ('"""Words, 1 + 1."""', []),
        (
            "x = 1 if a else b",
            ["1 if a else b -> 1 if not a else b", "1 if a else b -> 2 if a else b"],
        ),
        (
            "a = b - b\na = b - b",
            ["b - b -> b + b", "b - b -> b", "b - b -> b + b (2)", "b - b -> b (2)"],
        ),
    ],
)
def test_what_may_go_wrong(source, expected):
    assert [name.removeprefix("module: ") for name in planted(source)] == expected


def test_a_fault_is_in_the_code_and_no_other():
    source = "def f(a, b: int = 3) -> int:\n    return a + 2 * b\n\ny = f(5)\n"
    values = {}
    for name, fault in planted(source).items():
        space = {}
        exec(fault.code, space)
        values[name] = space["y"]
    assert values == {
        "f: a + 2 * b -> a - 2 * b": -1,
        "f: a + 2 * b -> a": 5,
        "f: 2 * b -> 2 / b": 5 + 2 / 3,
        "f: 2 * b -> 2": 7,
        "f: 2 * b -> 3 * b": 14,
        "f: 3 -> 4": 13,
        "module: f(5) -> f(6)": 12,
    }


@pytest.mark.parametrize("module", TABLE["tests"])
def test_reasons_stand_under_faults(module):
    path = ROOT / (module.replace(".", "/") + ".py")
    names = Counter(name for name, _ in changes(ast.parse(path.read_text(encoding="utf-8"))))
    assert set(names.values()) == {1}
    assert set(TABLE["same"].get(module, {})) <= set(names)
    for test in TABLE["tests"][module]:
        name, _, function = test.partition("::")
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        assert function in {"", *(getattr(node, "name", "") for node in tree.body)}


@pytest.mark.parametrize("module", RECORD)
def test_the_record_adds_up(module):
    row = RECORD[module]
    assert row["caught"] + row["without effect"] + len(row["survived"]) == row["faults"]
    assert row["without effect"] == len(TABLE["same"].get(module, {}))
    assert not set(row["survived"]) & set(TABLE["same"].get(module, {}))


def test_every_module_has_a_record():
    assert set(RECORD) == set(TABLE["tests"])
