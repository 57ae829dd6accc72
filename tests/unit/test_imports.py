"""One way to import, quick and without circles; arrows between the modules go one way."""

import ast
import functools
import graphlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ntklib

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ntklib"
MODULES = [
    *("activations", "complexity", "concentration", "dynamics", "empirical", "expectations"),
    *("gaussian_process", "groups", "harmonics", "large", "least_squares", "model", "regression"),
    "systems",
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


X = "import numpy as np; X = np.eye(2); from ntklib import relu_ntk"
LARGE = f"{X}; from ntklib import large;"
# What is blocked, what is asked for, what the error says.
MISSING = {
    "regression": ("sklearn", "import ntklib.regression", "scikit-learn", "regression"),
    "process": ("sklearn", "import ntklib.gaussian_process", "scikit-learn", "regression"),
    "figures": ("sklearn", "import ntklib.book.figures.guide", "scikit-learn", "regression"),
    "book": ("matplotlib", "import ntklib.book", "matplotlib", "show"),
    "figure": ("matplotlib", "from ntklib.book.figures import limit", "matplotlib", "show"),
    "cluster": ("dask", f"{LARGE} large.dask_gram(relu_ntk, X)", "dask", "large"),
    "operator": ("dask", f"{LARGE} large.dask_operator(X)", "dask", "large"),
    "store": ("zarr", f"{LARGE} large.store_gram(relu_ntk, X, 'x', name='x')", "zarr", "large"),
    "bar": ("tqdm", f"{LARGE} large.ridge_solve(X, X[0], 1, progress=True)", "tqdm", "large"),
    "arrays": (
        "array_api_compat",
        f"{X}; import array_api_strict as xp; relu_ntk(xp.asarray(X))",
        "array-api-compat",
        "arrays",
    ),
    "slider": (
        "ipywidgets",
        "import types; from ntklib.book import interactive\n"
        "interactive.notebook = lambda: types.SimpleNamespace(kernel=1)\n"
        "from matplotlib.figure import Figure\n"
        "interactive.interact(lambda n: Figure(), n=[1, 2], alt='nothing is drawn')",
        "ipywidgets",
        "show",
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_missing_extra_is_named(case):
    blocked, code, library, extra = MISSING[case]
    said = fresh(
        f"import sys; sys.modules[{blocked!r}] = None\n"
        f"try:\n    exec({code!r})\nexcept ImportError as error:\n    print(error)"
    )
    assert library in said
    assert f"pip install 'ntklib[{extra}]'" in said
    assert (
        extra
        in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "optional-dependencies"
        ]
    )


@pytest.mark.parametrize("blocked", ["numba", "threadpoolctl", "pandas", "IPython", "ipywidgets"])
def test_what_is_not_needed_may_be_missing(blocked):
    """Compiled kernels, threads, tables, and what shows the book in a notebook."""
    code = (
        f"{X}; from ntklib.book import check, show\n"
        "K = relu_ntk(np.vander(np.arange(300.0), 3))\n"
        "check('prp-x', 'equal', measured=float(np.abs(K - K.T).max()), equals=0.0, because='y')\n"
        "show(n=1)"
    )
    said = fresh(f"import sys; sys.modules[{blocked!r}] = None\n{code}")
    assert said.endswith("n = 1")


@functools.cache
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

    Of modules only those whose names are those of functions elsewhere.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.Import):
                assert not any(a.name.split(".")[0] == "ntklib" for a in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module == "ntklib":
                assert {a.name for a in node.names} <= {
                    *ntklib.__all__,
                    "activations",
                    "dynamics",
                    "harmonics",
                }
