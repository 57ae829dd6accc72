"""Plant faults in the package, one at a time, and see which the tests catch.

``python do.py mutants [MODULE ...]`` tries every fault of `tools.mutations` in the modules that
tests/mutants.toml lists, each against the tests that stand there, and writes tests/mutants.json.
What it has tried it keeps in _build/mutants, by a hash of the module and of the test
that caught the fault, or of all where none did: stopped, it goes on from there, and what has not
changed is not tried again. With
``--part 1/3`` it tries a third, and leaves the record alone until nothing is missing.

A fault that changes nothing stands in tests/mutants.toml with the reason; one that is caught though
it stands there is an error.

Libraries for this were looked at. mutmut leaves alone what is decorated and what is no function:
the methods of the network and the constants of the activations. cosmic-ray and poodle start Python
for each fault, which takes longer than the tests. Here a process that has loaded the libraries, but
nothing of the package, is forked for each.
"""

from __future__ import annotations

import argparse
import ast
import gc
import hashlib
import importlib
import json
import math
import os
import resource
import signal
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any

import hypothesis
import pytest  # its plugins are not loaded: nbval takes longer than the tests

from tools import mutations

ROOT = Path(__file__).resolve().parents[1]
TABLE, RECORD = ROOT / "tests" / "mutants.toml", ROOT / "tests" / "mutants.json"
TRIED = ROOT / "_build" / "mutants"
# What most tests import, loaded once.
LOADED = (
    *("numpy", "scipy.linalg", "scipy.special", "mpmath", "sklearn.base", "numba"),
    *("sklearn.utils.validation", "array_api_strict", "dask.array"),
    *("hypothesis", "hypothesis.extra.numpy", "threadpoolctl"),
)
MEMORY = 4 << 30  # bytes of addresses: a fault may ask for any array
PATIENCE = 600  # seconds by the clock, where a fault makes threads wait for each other


@dataclass(eq=False)  # pytest keeps its plugins in sets
class Tests:
    """A plugin of pytest that puts the quickest and the sharpest tests first, and tells of them."""

    seconds: dict[str, float] = field(default_factory=dict)
    caught: Counter[str] = field(default_factory=Counter)
    failed: str = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda i: self.seconds.get(i.nodeid, 0) / (1 + self.caught[i.nodeid]))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if report.failed:
            self.failed = self.failed or report.nodeid


class Planted:
    """A finder of modules that gives one of them with a fault."""

    def __init__(self, module: str, path: Path, code: CodeType) -> None:
        class Loader(SourceFileLoader):
            def get_code(self, fullname: str) -> CodeType:
                return code

        self.module, self.path, self.loader = module, path, Loader(module, str(path))

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        if name != self.module:
            return None
        return spec_from_file_location(name, self.path, loader=self.loader)


def path_of(module: str) -> Path:
    """The file of a module."""
    return ROOT / (module.replace(".", "/") + ".py")


@cache
def digest(module: str, tests: tuple[str, ...]) -> str:
    """What stands for a module and tests: files, or single functions of them.

    Of the file of a single test, the other tests make no difference.
    """
    files = [path_of(module), *(ROOT / f"tests/unit/{name}.py" for name in ("exact", "samples"))]
    texts = [path.read_text(encoding="utf-8") for path in files]
    for test in tests:
        name, _, function = test.partition("::")
        text = (ROOT / name).read_text(encoding="utf-8")
        texts += [test, _alone(text, function.partition("[")[0]) if function else text]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _alone(text: str, function: str) -> str:
    """The text of a file of tests, without the tests but one."""
    tree = ast.parse(text)
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.FunctionDef) and node.name.startswith("test"))
        or node.name == function
    ]
    return ast.unparse(tree)


def forked(
    arguments: Sequence[str], plugin: Tests, finder: Planted | None, seconds: int
) -> tuple[int, dict[str, Any]]:
    """Run pytest in a copy of this process: its status, negative for a signal, and what it told."""
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.close(reads)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.alarm(PATIENCE)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        if finder is not None:
            sys.meta_path.insert(0, finder)
        status = 99
        try:
            status = int(pytest.main(list(arguments), plugins=[plugin]))
        finally:
            with os.fdopen(writes, "w", encoding="utf-8") as out:
                json.dump({"failed": plugin.failed, "seconds": plugin.seconds}, out)
            os._exit(status)
    os.close(writes)
    with os.fdopen(reads, encoding="utf-8") as told:
        text = told.read()
    _, ended, used = os.wait4(child, 0)
    status = os.waitstatus_to_exitcode(ended)
    return status, json.loads(text or "{}") | {"used": used.ru_utime + used.ru_stime}


def verdict(status: int, told: dict[str, Any]) -> str:
    """What caught a fault; empty where nothing did."""
    if status == 0:
        return ""
    if status in (-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGALRM):
        return "time"
    if status < 0:
        return signal.Signals(-status).name
    if status in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        return str(told["failed"]) or "import"
    raise RuntimeError(f"pytest ended with status {status}")


def faults_of(module: str) -> list[mutations.Fault]:
    """All faults of a module."""
    path = path_of(module)
    return list(mutations.faults(path.read_text(encoding="utf-8"), str(path)))


def attempt(module: str, tests: Sequence[str], part: tuple[int, int]) -> dict[str, str]:
    """Try the faults of a module: for each name what caught it, of those that have been tried."""
    whole = digest(module, tuple(tests))

    def key(by: str) -> str:
        return digest(module, (by,)) if "::" in by else whole

    kept = TRIED / f"{module}.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    old = [json.loads(line) for line in lines]
    found = {entry["fault"]: entry["by"] for entry in old if entry["hash"] == key(entry["by"])}
    drawn = faults_of(module)[part[0] :: part[1]]
    left = [fault for fault in drawn if fault.name not in found]
    if left:
        plugin = Tests()
        # Without the plugin that collects garbage at the end, for longer than most tests take.
        asked = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:unraisableexception", *tests]
        status, told = forked(asked, plugin, None, PATIENCE)
        if status:
            failed = told.get("failed") or f"status {status}"
            raise SystemExit(f"{module}: without a fault its tests fail: {failed}")
        plugin.seconds = told["seconds"]
        limit = math.ceil(10 + 3 * told["used"])
        print(f"{module}: {len(left)} faults; its tests take {told['used']:.1f} s", flush=True)
    for fault in left:
        finder = Planted(module, path_of(module), fault.code)
        by = verdict(*forked(asked, plugin, finder, limit))
        plugin.caught[by] += 1
        found[fault.name] = by
        entry = {"hash": key(by), "fault": fault.name, "line": fault.line, "by": by}
        with kept.open("a", encoding="utf-8") as out:
            out.write(json.dumps(entry) + "\n")
        if not by:
            print(f"  survives, line {fault.line}: {fault.name}", flush=True)
    return found


def prepare() -> None:
    """Load what tests import; and let hypothesis neither remember nor shrink."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in LOADED:
        importlib.import_module(name)
    settings, phase = hypothesis.settings, hypothesis.Phase
    phases = (phase.explicit, phase.generate)
    settings.register_profile("mutants", database=None, derandomize=True, phases=phases)
    settings.load_profile("mutants")
    # Modules that are as they were are compiled once, also where Python is told to keep nothing.
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(TRIED / "compiled")
    gc.collect()
    gc.freeze()


def row(module: str, tests: Sequence[str], same: dict[str, str], found: dict[str, str]) -> Any:
    """What is recorded of a module; SystemExit where a reason stands under a fault that matters."""
    for name in same:
        if found[name]:
            raise SystemExit(f"{TABLE.name}: {module}: {name!r} is caught by {found[name]}")
    survived = [name for name, by in found.items() if not by and name not in same]
    return {
        "hash": digest(module, tuple(tests)),
        "faults": len(found),
        "caught": sum(map(bool, found.values())),
        "out of time": sum(by == "time" for by in found.values()),
        "without effect": len(same),
        "survived": survived,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Try what has not been tried, and write down what was found."""
    parser = argparse.ArgumentParser(prog="tools.mutants")
    parser.add_argument("names", nargs="*", help="modules (default: all of tests/mutants.toml)")
    parser.add_argument("--part", default="1/1", help="1/3, 2/3 or 3/3: a third of the faults")
    asked = parser.parse_args(arguments)
    index, share = map(int, asked.part.split("/"))
    if not 1 <= index <= share:
        parser.error(f"--part must be one of 1/{share} to {share}/{share}, got {asked.part}")
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    if unknown := set(asked.names) - set(table["tests"]):
        parser.error(f"not in {TABLE.name}: {sorted(unknown)}")
    prepare()
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for module in asked.names or table["tests"]:
        tests, same = table["tests"][module], table["same"].get(module, {})
        if record.get(module, {}).get("hash") == digest(module, tuple(tests)) and not asked.names:
            print(f"{module}: as recorded")
            continue
        found = attempt(module, tests, (index - 1, share))
        missing = [f.name for f in faults_of(module) if f.name not in found]
        if missing:
            print(f"{module}: {len(missing)} faults are left for other parts")
            continue
        record[module] = row(module, tests, same, found)
        text = json.dumps(dict(sorted(record.items())), indent=1, ensure_ascii=False)
        RECORD.write_text(text + "\n", encoding="utf-8")
        print(f"{module}: {record[module] | {'hash': None}}")


if __name__ == "__main__":
    main()
