"""Ridge regression in the span of centres, against the equations solved whole and in order."""

from types import SimpleNamespace

import numpy as np
import pytest
import zarr

from ntklib import large, ntk, relu_ntk
from ntklib.large import extra, nystroem_solve
from ntklib.large.centers import leverage
from ntklib.large.panels import Panels
from tests.unit.samples import refused

N, RIDGE = 300, 1e-2
MEMORY = {"kept": 4e9, "formed": 6 * 8 * 40**2 + 1e3}


def right(X, y, C, ridge=RIDGE, kernel=relu_ntk):
    """Predictions by least squares of stacked rows: values at the points, and the penalty."""
    w, V = np.linalg.eigh(kernel(C))
    keep = w > 1e-10 * w[-1]
    basis = V[:, keep] / np.sqrt(w[keep])  # orthonormal functions of the span
    rows = np.vstack([kernel(X, C) @ basis, np.sqrt(ridge) * np.eye(keep.sum())])
    targets = np.concatenate([y, np.zeros((keep.sum(), *y.shape[1:]))])
    return basis @ np.linalg.lstsq(rows, targets, rcond=None)[0]


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("columns", [None, 3])
@pytest.mark.parametrize("centers", ["drawn", "given", "elsewhere"])
def test_it_is_the_least_squares_fit_in_the_span(X, rng, memory, columns, centers):
    y = rng.standard_normal(N if columns is None else (N, columns))
    C = {"drawn": 40, "given": X[:40], "elsewhere": rng.standard_normal((40, 8))}[centers]
    found = nystroem_solve(
        relu_ntk, X, y, C, RIDGE, rng=rng, memory=MEMORY[memory], dtype=np.float64, rtol=1e-12
    )
    assert found.converged
    assert found.rank == 40
    assert found.coef.shape == (40, *y.shape[1:])
    wanted = right(X, y, found.centers)
    Z = rng.standard_normal((20, 8))
    values, best = relu_ntk(Z, found.centers) @ found.coef, relu_ntk(Z, found.centers) @ wanted
    assert np.abs(values - best).max() <= 1e-9 * np.abs(best).max()


def test_all_points_as_centres_are_ridge_regression(X, rng):
    y = rng.standard_normal(N)
    found = nystroem_solve(relu_ntk, X, y, X, RIDGE, rng=rng, dtype=np.float64, rtol=1e-12)
    wanted = np.linalg.solve(relu_ntk(X) + RIDGE * np.eye(N), y)
    Z = rng.standard_normal((20, 8))
    assert np.abs(relu_ntk(Z, X) @ (found.coef - wanted)).max() <= 1e-8 * np.abs(y).max()


@pytest.mark.parametrize("memory", MEMORY)
def test_values_in_float32_are_solved_to_the_residual(X, rng, memory):
    y = rng.standard_normal(N)
    found = nystroem_solve(relu_ntk, X, y, 40, RIDGE, rng=rng, memory=MEMORY[memory], rtol=1e-10)
    assert found.converged
    C = found.centers
    K, Km = relu_ntk(X, C).astype(np.float32).astype(np.float64), relu_ntk(C)
    # In the coordinates of an orthonormal basis of the span.
    down = np.linalg.inv(np.linalg.cholesky(Km))
    left = down @ (K.T @ (y - K @ found.coef) - RIDGE * Km @ found.coef)
    assert np.linalg.norm(left) <= 1.01e-10 * np.linalg.norm(down @ K.T @ y)


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_centres_that_depend_on_others_get_nothing(X, rng, memory, dtype):
    y = rng.standard_normal(N)
    C = np.vstack([X[:30], X[:6], 2 * X[3:7]])  # scaled rows give scaled functions
    found = nystroem_solve(
        relu_ntk, X, y, C, RIDGE, rng=rng, memory=MEMORY[memory], dtype=dtype, rtol=1e-10
    )
    assert found.rank == 30
    assert np.count_nonzero(found.coef) == 30
    wanted = relu_ntk(X, X[:30]) @ right(X, y, X[:30])
    error = np.abs(relu_ntk(X, C) @ found.coef - wanted).max()
    assert error <= (1e-8 if dtype == np.float64 else 1e-4) * np.abs(wanted).max()


def test_a_linear_kernel_has_the_rank_of_its_features(X, rng):
    def linear(A, B=None):
        return A @ (A if B is None else B).T

    y = X @ np.arange(8.0) + 0.1 * rng.standard_normal(N)
    found = nystroem_solve(linear, X, y, 50, RIDGE, rng=rng, dtype=np.float64, rtol=1e-12)
    assert found.rank == 8
    w = np.linalg.solve(X.T @ X + RIDGE * np.eye(8), X.T @ y)
    assert np.abs(X @ w - linear(X, found.centers) @ found.coef).max() <= 1e-9 * np.abs(y).max()


def test_any_kernel_and_no_ridge(X, rng):
    y = rng.standard_normal(N)

    def deep(A, B=None):
        return ntk(A, B, depth=3, b_std=0.3)

    found = nystroem_solve(deep, X, y, 20, 0.0, rng=rng, dtype=np.float64, rtol=1e-10)
    K = deep(X, found.centers)
    best = K @ np.linalg.lstsq(K, y, rcond=None)[0]
    assert np.abs(K @ found.coef - best).max() <= 1e-6 * np.abs(y).max()


def test_points_on_disk_are_read_in_chunks(X, rng, tmp_path, monkeypatch):
    monkeypatch.setattr("ntklib.large.rows.CHUNK", 70)
    monkeypatch.setattr("ntklib.large.rows.LEAST", 70)
    y = rng.standard_normal(N)
    disk = np.memmap(tmp_path / "X", np.float64, "w+", shape=X.shape)
    disk[:] = X
    most = 0

    def counting(A, B=None):
        nonlocal most
        most = max(most, len(A))
        return relu_ntk(A, B)

    for memory in MEMORY.values():
        options = {"memory": memory, "rtol": 1e-10}
        whole = nystroem_solve(
            relu_ntk, X, y, X[:40], RIDGE, rng=np.random.default_rng(0), **options
        )
        found = nystroem_solve(
            counting, disk, y, X[:40], RIDGE, rng=np.random.default_rng(0), **options
        )
        assert np.abs(found.coef - whole.coef).max() <= 1e-6 * np.abs(whole.coef).max()
        drawn = nystroem_solve(counting, disk, y, 40, RIDGE, rng=rng, **options)
        assert all((drawn.centers[:, None] == X[None]).all(2).any(1))
    assert most == 70
    disk[215, 3] = np.nan
    refused(
        "X must be finite, got NaN or inf in row 215, in chunk 3",
        *(nystroem_solve, relu_ntk, disk, y, X[:40], RIDGE),
        rng=rng,
    )


def test_zarr(X, rng, tmp_path):
    store = zarr.create_array(str(tmp_path / "X"), data=X, chunks=(50, 8))
    y = rng.standard_normal(N)
    found = nystroem_solve(relu_ntk, store, y, X[:40], RIDGE, rng=np.random.default_rng(0))
    whole = nystroem_solve(relu_ntk, X, y, X[:40], RIDGE, rng=np.random.default_rng(0))
    assert np.array_equal(found.coef, whole.coef)
    few = nystroem_solve(relu_ntk, store, y, 5, RIDGE, rng=rng)  # read one by one
    assert all((few.centers[:, None] == X[None]).all(2).any(1))


@pytest.mark.parametrize("memory", MEMORY)
def test_it_says_before_it_starts_what_it_takes(X, rng, monkeypatch, memory):
    said = []

    def tqdm(**options):
        said.append(options["desc"])
        return real(**options)

    real = extra.extra("tqdm.auto").tqdm
    monkeypatch.setattr(extra, "extra", lambda module: SimpleNamespace(tqdm=tqdm))
    y = rng.standard_normal(N)
    nystroem_solve(relu_ntk, X, y, 40, RIDGE, rng=rng, memory=MEMORY[memory], progress=True)
    held = {"kept": 4 * N * 40, "formed": 6 * 8 * 40**2}[memory]
    assert said[0].startswith(f"up to {held / 2**30:.2g} GiB, about ")
    assert float(said[0].split()[-2]) > 0
    assert len(said) == 2


def test_steps_do_not_grow_with_the_points(rng):
    steps = []
    for n in (500, 8000):
        Z = rng.standard_normal((n, 5))
        Z /= np.linalg.norm(Z, axis=1, keepdims=True)
        found = nystroem_solve(relu_ntk, Z, Z[:, 0] ** 2, 100, 1e-4 * n, rng=rng, rtol=1e-8)
        assert found.converged
        steps.append(found.iterations)
    assert steps[1] <= steps[0] + 5


@pytest.mark.parametrize("selection", ["leverage", "greedy"])
def test_points_that_stand_alone_are_chosen(rng, selection):
    # Two directions with 140 points each, and 20 with one. Drawn uniformly, 40 points are expected
    # to have 40 / 15 of the 20 among them.
    X = np.vstack([np.repeat(np.eye(22)[20:], 140, axis=0), np.eye(22)[:20]])

    def dot(A, B=None):
        return A @ (A if B is None else B).T

    y = X @ rng.standard_normal(22)
    options = {"rng": rng, "selection": selection, "dtype": np.float64, "rtol": 1e-10}
    found = nystroem_solve(dot, X, y, 40, 1e-3, **options)
    alone = found.centers[:, :20].sum(axis=0)
    assert alone.max() == 1
    assert alone.sum() >= 15
    if selection == "greedy":  # the others leave nothing
        assert found.rank == len(found.centers) == 22


def test_leverage_scores_are_those_of_the_matrix(X):
    K, ridge = relu_ntk(X), 0.1
    exact = np.diagonal(K @ np.linalg.inv(K + ridge * np.eye(N)))
    # All points stand for themselves: the scores are exact.
    found = leverage(relu_ntk, X, N, ridge, np.random.default_rng(0))
    assert np.abs(found - exact).max() <= 1e-9
    some = leverage(relu_ntk, X, 100, ridge, np.random.default_rng(0))
    S = np.sort(np.random.default_rng(0).choice(N, 100, replace=False))
    inner = np.linalg.inv(K[np.ix_(S, S)] + ridge * 100 / N * np.eye(100))
    wanted = (np.diagonal(K) - np.sum((K[:, S] @ inner) * K[:, S], axis=1)) / ridge
    assert np.abs(some - np.minimum(wanted, 1)).max() <= 1e-9


def test_a_start_that_solves_needs_no_step(X, rng):
    y = np.ldexp(rng.standard_normal((N, 2)), 700)  # a power of two is taken out
    C = np.vstack([X[:30], X[:3]])
    options = {"rng": rng, "dtype": np.float64, "rtol": 1e-8}
    first = nystroem_solve(relu_ntk, X, y, C, RIDGE, **options)
    again = nystroem_solve(relu_ntk, X, y, C, RIDGE, start=first.coef, **options)
    near = nystroem_solve(relu_ntk, X, y, C, 1.01 * RIDGE, start=first.coef, **options)
    cold = nystroem_solve(relu_ntk, X, y, C, 1.01 * RIDGE, **options)
    assert again.iterations == 0
    assert np.abs(again.coef - first.coef).max() <= 1e-10 * np.abs(first.coef).max()
    assert near.iterations < cold.iterations
    with pytest.raises(ValueError, match=r"start must have shape \(33, 2\)"):
        nystroem_solve(relu_ntk, X, y, C, RIDGE, start=first.coef[:4], **options)


@pytest.mark.parametrize("seen", [1, 3])
def test_what_was_reached_is_returned_when_interrupted(X, rng, monkeypatch, seen):
    squared, calls = Panels.squared, []

    def interrupted(self, V, precision):
        calls.append(precision)
        if len(calls) == seen + 1:
            raise KeyboardInterrupt
        return squared(self, V, precision)

    monkeypatch.setattr(Panels, "squared", interrupted)
    y = rng.standard_normal(N)
    options = {"rng": rng, "dtype": np.float64, "rtol": 1e-12}
    with pytest.warns(large.ConvergenceWarning, match=f"after {seen} iterations, when it was in"):
        found = nystroem_solve(relu_ntk, X, y, X[:40], 1e-5, interruptible=True, **options)
    assert 0 < found.residual < 1
    assert found.iterations == seen
    assert np.count_nonzero(found.coef) == 40
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        nystroem_solve(relu_ntk, X, y, X[:40], 1e-5, **options)


def test_bad_arguments_are_named(X, rng):
    y = np.ones(N)

    def call(
        message, *, X=X, y=y, centers=10, ridge=1.0, kernel=relu_ntk, error=ValueError, **more
    ):
        with pytest.raises(error, match=message):
            nystroem_solve(kernel, X, y, centers, ridge, **{"rng": rng} | more)

    call("centers must be at most 300, the number of points, got 301", centers=301)
    call("centers must be at most 300", centers=np.ones((301, 8)))
    call("centers must be at least 1, got 0", centers=0)
    call("centers must have 8 columns", centers=np.ones((3, 5)))
    call("ridge must be positive where centers depend", centers=np.vstack([X[:3], X[:1]]), ridge=0)
    call("ridge must be at least 0|ridge", ridge=-1.0)
    call(r"centers must be at most 45 in 1e\+05 bytes of memory, got 100", centers=100, memory=1e5)
    call("y must have 300 rows", y=np.ones(4))
    call("X must be finite", X=np.full((300, 8), np.nan))
    call("X must have 2", X=np.ones(300))
    call("dtype must be float32 or float64, got 'int'", dtype="int")
    call("selection must be one of uniform, leverage, greedy, got 'best'", selection="best")
    call("selection is for a number of centers", centers=X[:3], selection="greedy")
    call(
        r"centers must be at most 9128 in 4e\+09 bytes of memory, got 100000",
        **{"X": np.ones((10**5, 1)), "y": np.ones(10**5), "centers": 10**5},
    )
    call("rng must be a numpy.random.Generator", rng=0, error=TypeError)
    call("kernel must return shape", kernel=lambda A, B=None: np.eye(3))
    call("kernel must not vanish", kernel=lambda A, B=None: np.zeros((len(A), len(A))))
    call("centers must be an integer|centers must", centers=True, error=(TypeError, ValueError))
    with pytest.warns(large.ConvergenceWarning, match="after 1 iterations"):
        nystroem_solve(relu_ntk, X, X[:, 0], 60, 1e-4, rng=rng, maxiter=1, rtol=1e-12)
