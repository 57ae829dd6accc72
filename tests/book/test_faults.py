"""The tests bite: each planted fault is seen by a unit test, by a chapter's check and by nbval.

A fault is a few lines appended to a copy of a module, so that it survives any rewriting of the
module. The copy comes first on the path of the processes that are expected to fail.
"""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.pytest_process import NBVAL, run_pytest

ROOT = Path(__file__).resolve().parents[2]


class Fault(NamedTuple):
    """What is broken, in which module, whose unit test and which chapter must see it."""

    name: str
    module: str
    lines: str
    chapter: str


def kernel(value: str) -> str:
    """The kernel of the lecture, replaced by an expression of the right one."""
    return f"""
_right = relu_ntk
def relu_ntk(X, Z=None, *, eps=1.0):
    return {value}
"""


FAULTS = [
    Fault(
        "the kernel times 1.0001",
        "kernels",
        kernel("1.0001 * _right(X, Z, eps=eps)"),
        "invertibility",
    ),
    Fault("1 / pi for 1 / (2 pi)", "kernels", kernel("2 * _right(X, Z, eps=eps)"), "limit"),
    Fault("eps for eps squared", "kernels", kernel("_right(X, Z, eps=math.sqrt(eps))"), "limit"),
    Fault(
        "y for y - F(X; w_0)",
        "linearization",
        """
_right = Linearization.fit
def _forgets_the_start(self, X, y, rcond=None):
    return _right(self, X, np.asarray(y) + self.model(X, self.W0), rcond)
Linearization.fit = _forgets_the_start
""",
        "interpolation",
    ),
    Fault(
        "m for the root of m",
        "network",
        """
_right = ShallowNetwork.__init__
def _divides_by_m(self, a, activation="relu", eps=1.0):
    _right(self, a, activation, eps)
    self.scale = self.eps / self.m
ShallowNetwork.__init__ = _divides_by_m
""",
        "limit",
    ),
    Fault(
        "no union bound",
        "concentration",
        """
_right = hoeffding_deviation
def hoeffding_deviation(n, m, delta, *, spread=1.0):
    return _right(1, m, delta, spread=spread)
""",
        "limit",
    ),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, its unit tests and the settings of pytest, to be broken."""
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "ntklib", tmp_path / "ntklib", ignore=skip)
    shutil.copytree(ROOT / "tests" / "unit", tmp_path / "tests" / "unit", ignore=skip)
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.mark.drawn(3)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_seen(fault: Fault, copy: Path) -> None:
    with (copy / "ntklib" / f"{fault.module}.py").open("a", encoding="utf-8") as module:
        module.write(fault.lines)

    unit = run_pytest(copy, "-x", f"tests/unit/test_{fault.module}.py")
    assert unit.returncode == 1, f"no unit test sees it:\n{unit.stdout}"
    assert " failed" in unit.stdout

    shutil.copy(ROOT / "chapters" / f"{fault.chapter}.ipynb", copy)
    nbval = run_pytest(copy, *NBVAL, "--maxfail=3", f"{fault.chapter}.ipynb")
    assert nbval.returncode == 1, f"nbval does not see it:\n{nbval.stdout}"
    assert "CheckFailed" in nbval.stdout, f"no check of the chapter sees it:\n{nbval.stdout}"


def test_without_a_fault_the_copy_passes(copy: Path) -> None:
    shutil.copy(ROOT / "chapters" / "invertibility.ipynb", copy)
    done = run_pytest(copy, *NBVAL, "invertibility.ipynb")
    assert done.returncode == 0, done.stdout
    done = run_pytest(copy, "tests/unit/test_linearization.py")
    assert done.returncode == 0, done.stdout
