"""One way to import, quick and without circles; arrows between the modules go one way."""

import ast
import graphlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import ntklib

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ntklib"
MODULES = [
    *("activations", "concentration", "empirical", "expectations", "gaussian_process", "large"),
    *("least_squares", "model", "regression", "systems"),
]
HEAVY = (
    *("scipy", "sklearn", "numba", "threadpoolctl", "array_api_compat", "dask", "zarr", "torch"),
    *("jax", "matplotlib", "IPython", "ipywidgets", "pandas"),
)


def fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_bare_import_reaches_every_name_and_module():
    names = json.loads(
        fresh(
            f"import json, ntklib; names = {MODULES} + ntklib.__all__\n"
            "found = [getattr(ntklib, name) for name in names]\n"
            "print(json.dumps([n for n in names if n in dir(ntklib)]))"
        )
    )
    assert names == [*MODULES, *ntklib.__all__]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = ntklib.nothing


def test_the_import_loads_nothing_heavy():
    loaded = f"[m for m in {HEAVY} if m in sys.modules]"
    assert fresh(f"import sys, ntklib; print({loaded})") == "[]"
    assert fresh(f"import sys, ntklib; ntklib.large; print({loaded})") == "['scipy']"


@pytest.mark.parametrize("module", ["regression", "gaussian_process"])
def test_a_missing_extra_is_named(module):
    code = (
        "import sys; sys.modules['sklearn'] = None; import ntklib\n"
        f"try:\n    ntklib.{module}\nexcept ImportError as error:\n    print(error)"
    )
    assert "pip install 'ntklib[regression]'" in fresh(code)


def arrows() -> dict[str, set[str]]:
    """For each module those it imports: in functions and for types too."""
    paths = {
        ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p
        for p in PACKAGE.rglob("*.py")
    }
    found: dict[str, set[str]] = {}
    for name, path in paths.items():
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found[name] |= {a.name for a in node.names if a.name in paths}
            elif isinstance(node, ast.ImportFrom) and node.module in paths:
                inside = {f"{node.module}.{a.name}" for a in node.names}
                found[name] |= inside & set(paths)
                if inside - set(paths):
                    found[name].add(str(node.module))
        assert name not in found[name]
    return found


def test_no_circle():
    assert len(list(graphlib.TopologicalSorter(arrows()).static_order())) == len(arrows())


def test_no_arrow_runs_back_up():
    for name, targets in arrows().items():
        if name.startswith("ntklib._engine"):
            assert {t for t in targets if not t.startswith("ntklib._")} == set(), name
        if not name.startswith("ntklib.book"):
            assert {t for t in targets if t.startswith("ntklib.book")} == set(), name
    assert "ntklib.linearization" not in arrows()["ntklib.network"]
    assert "ntklib.network" not in arrows()["ntklib.linearization"]


def test_no_private_name_crosses_a_file():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ntklib"):
                private = {a.name for a in node.names if a.name.startswith("_")}
                assert private <= {"_engine", "_validate"}, path


@pytest.mark.parametrize("path", sorted((ROOT / "chapters").glob("*.ipynb")), ids=lambda p: p.stem)
def test_chapters_import_by_name(path):
    """`from ntklib import name` or `from ntklib.module import name`.

    Of modules only activations, whose names are those of functions elsewhere.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.Import):
                assert not any(a.name.split(".")[0] == "ntklib" for a in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module == "ntklib":
                assert {a.name for a in node.names} <= {*ntklib.__all__, "activations"}
