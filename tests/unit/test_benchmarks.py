"""The benchmark's own parts, at sizes at which time does not matter."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ntklib import ntk, relu_ntk

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def run():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import run
    finally:
        sys.path.remove(str(BENCHMARKS))
    return run


@pytest.fixture(scope="module")
def contenders(run):
    names = ("syrk", "ntklib", "naive NumPy")
    workers = [run.Contender(name, sys.executable) for name in names]
    yield workers
    for worker in workers:
        worker.close()


def test_reference(run):
    X = run.hard_points()[:16:3]
    norm = np.linalg.norm(X, axis=1)
    scale = np.outer(norm, norm)
    assert (np.abs(run.exact(X, "lecture")[0] - relu_ntk(X)) <= 4e-15 * scale).all()
    assert (np.abs(run.exact(X, "depth 3")[0] - ntk(X, depth=3)) <= 8e-13 * scale).all()


def test_exactness_tells_the_naive_from_the_exact(run, contenders):
    for row in run.exactness(contenders):
        ours, naive = row["contenders"]["ntklib"], row["contenders"]["naive NumPy"]
        bound = 1e-13 if row["dtype"] == "float64" else 2e-6
        assert max(ours["generic"], ours["nearly parallel"]) <= bound
        assert ours["symmetric"]
        if row["dtype"] == "float64":
            assert naive["generic"] <= 1e-13
            assert naive["nearly parallel"] >= 1e-9


def test_rounds_and_report(run, contenders, tmp_path):
    job = {"kernel": "lecture", "n": 60, "d": 7, "dtype": "float64"}
    row = run.rounds(contenders, 2, **job)
    assert row["contenders"]["syrk"]["ratio_of_minima"] == 1
    assert row["errors"] == {}
    alone = run.one_by_one(contenders, 2, **job)
    assert set(alone["contenders"]) == set(row["contenders"])
    results = {
        "date": "2024-01-01",
        "processor": "a processor",
        "threads": 2,
        "about": {c.name: c.ask(do="about") for c in contenders},
        "missing": {"PyTorch": "not installed in this environment"},
        "table": [row, row | {"dtype": "float32"}],
        "other_blas_kernel": [],
        "exactness": run.exactness(contenders),
        "scaling": [row],
        "by_threads": [{"threads": 1, **row}],
        "empirical": {"n": 20, "d": 3, "m": 16}
        | contenders[1].ask(do="empirical", n=20, d=3, m=16),
        "systems": {"n": 30} | contenders[1].ask(do="systems", n=30, d=40, dtype="float64"),
    }
    run.write_table(json.loads(json.dumps(results)), tmp_path / "table.md")
    run.write_figure(results, tmp_path / "figure.svg", tmp_path / "figure.png")
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "PyTorch: not installed in this environment." in text
    assert "| lecture | 60 | float64 |" in text
    drawn = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    assert "naive NumPy" in drawn
    assert (tmp_path / "figure.png").stat().st_size > 5000


def test_what_fails_is_said(run):
    worker = run.Contender("scikit-ntk", sys.executable)
    assert "skntk" in worker.ask(do="about")["error"]
    worker.close()
    gone = run.Contender("ntklib", sys.executable)
    gone.ask(do="values", kernel="lecture", X=[[1.0, 2.0]], dtype="float64")
    gone._process.kill()
    assert "the process ended" in gone.ask(do="about")["error"]


def test_committed_results_name_no_machine():
    for name in ("results.json", "results.md"):
        text = (BENCHMARKS / name).read_text(encoding="utf-8")
        assert "/home" not in text
        assert "://" not in text
    results = json.loads((BENCHMARKS / "results.json").read_text(encoding="utf-8"))
    for name in ("neural-tangents", "scikit-ntk", "PyTorch"):
        measured = all(name in r["contenders"] or name in r["errors"] for r in results["table"])
        assert measured or name in results["missing"]


def test_the_worker_needs_nothing_of_ours():
    """It runs in the environments of the rivals, which have neither ntklib nor this package."""
    code = (
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import worker; "
        "print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'ntklib'" not in done.stdout
    assert "'scipy'" not in done.stdout
