"""Systems with a Gram matrix: backward stable, in place, and frank about singular ones."""

import tracemalloc

import numpy as np
import pytest

from ntklib import relu_ntk
from ntklib.systems import SingularError, solve
from tests.unit.samples import refused

EPS = np.finfo(float).eps


def system(n=200, d=30, k=None, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal(n if k is None else (n, k))


@pytest.mark.parametrize("precision", ["double", "mixed", "auto"])
@pytest.mark.parametrize("k", [None, 1, 3])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_solves(precision, k, ridge):
    X, y = system(k=k)
    K = relu_ntk(X)
    before = K.copy()
    found = solve(K, y, ridge=ridge, precision=precision)
    A = K + ridge * np.eye(len(K))
    assert np.array_equal(K, before)
    assert found.coef.shape == y.shape
    assert found.factor == (np.float32 if precision == "mixed" else np.float64)
    residual = np.abs(A @ found.coef - y).max(axis=0)
    size = np.abs(A).sum(axis=1).max() * np.abs(found.coef).max(axis=0)
    assert found.error <= EPS
    assert (residual <= (found.error + len(K) * EPS) * size).all()
    # The condition number is at most n times that of the 2-norm, and estimated from below.
    condition = np.linalg.cond(A)
    assert 1 / (3 * len(K) * condition) <= found.rcond <= 3 / condition


def test_large_systems_are_factored_in_single_precision():
    X, y = system(n=1200, d=200)
    K = relu_ntk(X)
    found = solve(K, y)
    assert found.factor == np.float32
    assert found.steps >= 1
    assert found.error <= EPS
    double = solve(K, y, precision="double")
    gap = np.abs(found.coef - double.coef).max() / np.abs(double.coef).max()
    assert gap <= 2 * EPS / double.rcond


def test_ill_conditioned_systems_go_on_in_double():
    X, y = system(n=60)
    X[1] = X[0] + 1e-7 * X[2]
    K = relu_ntk(X)
    found = solve(K, y, precision="mixed")
    assert found.factor == np.float64
    assert found.error <= EPS


@pytest.mark.parametrize("order", ["C", "F"])
def test_in_the_memory_of_the_matrix(order):
    X, y = system(n=1500, d=200)
    K = np.array(relu_ntk(X), order=order)
    expected = solve(K, y, precision="double").coef
    tracemalloc.start()
    try:
        found = solve(K, y, overwrite=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.array_equal(found.coef, expected)
    # A block of rows for the checks and the norm, no second matrix.
    assert peak <= 0.3 * K.nbytes
    assert not np.array_equal(K, relu_ntk(X))


def test_only_memory_that_can_be_overwritten():
    X, y = system(n=20)
    K = relu_ntk(X)
    for bad in (K.astype(np.float32), K.tolist(), np.repeat(K, 2, axis=0)[::2]):
        refused("K must be a contiguous float64 array", solve, bad, y, overwrite=True)


def test_float32_entries_are_taken_as_exact():
    X, y = system(n=100)
    K = relu_ntk(X.astype(np.float32))
    assert K.dtype == np.float32
    for precision in ("double", "mixed"):
        found = solve(K, y, precision=precision)
        assert np.abs(K.astype(float) @ found.coef - y).max() <= 1e-11


@pytest.mark.parametrize("way", [{}, {"precision": "mixed"}, {"overwrite": True}])
def test_singular_matrices_say_why(way):
    X, y = system(n=120)
    X[70], X[90], X[110] = 2 * X[3], X[4], 0
    with pytest.raises(SingularError, match=r"nullity is 3 of 120") as caught:
        solve(relu_ntk(X), y, **way)
    error = caught.value
    assert error.nullity == 3
    assert len(error.rows) == 3
    assert 110 in error.rows
    # K[70] = 2 K[3]: rows of the kernel scale as their points.
    pairs = {3: (70, 0.5), 70: (3, 2.0), 4: (90, 1.0), 90: (4, 1.0)}
    for dependence in error.dependences:
        if dependence.row == 110:
            assert dependence.on == {}
            assert str(dependence) == "row 110 is zero"
        else:
            other, factor = pairs[dependence.row]
            assert list(dependence.on) == [other]
            assert abs(dependence.on[other] - factor) <= 1e-9
    kept = [i for i in range(120) if i not in error.rows]
    assert solve(relu_ntk(X[kept]), y[kept]).error <= EPS
    assert solve(relu_ntk(X), y, ridge=1e-3).error <= EPS


def test_targets_that_fit_do_not_hide_a_singular_matrix():
    """Equal targets at equal points: refinement would converge, on a singular system."""
    X, y = system(n=1500, d=40)
    X[800], y[800] = X[2], y[2]
    for precision in ("auto", "mixed", "double"):
        with pytest.raises(SingularError, match="nullity is 1 of 1500") as caught:
            solve(relu_ntk(X), y, precision=precision)
        assert caught.value.rows in ([2], [800])


@pytest.mark.parametrize(("n", "d"), [(30, 2), (12, 11), (50, 49)])
def test_the_nullity_of_a_linear_kernel(n, d):
    X, y = system(n=n, d=d)
    K = X @ X.T
    with pytest.raises(SingularError) as caught:
        solve(K, y)
    assert caught.value.nullity == n - d
    for dependence in caught.value.dependences:
        row = sum(c * K[i] for i, c in dependence.on.items())
        assert np.abs(row - K[dependence.row]).max() <= 1e-6 * np.abs(K).max()


def test_indefinite_and_zero_matrices():
    refused("nullity is 2 of 2", solve, np.zeros((2, 2)), [1.0, 1.0], error=SingularError)
    with pytest.raises(ValueError, match="must be positive semidefinite: a pivot is -3"):
        solve([[1.0, 2.0], [2.0, 1.0]], [1.0, 1.0])


def test_the_limit_can_be_set():
    X, y = system(n=40)
    X[1] = X[0] + 1e-12 * X[2]
    K = relu_ntk(X)
    assert solve(K, y, rcond=0.0).rcond > 0
    with pytest.raises(SingularError):
        solve(K, y, rcond=1e-6)


def test_bad_arguments_are_named():
    K, y = np.eye(3), np.ones(3)
    refused(r"K must be square, got shape \(2, 3\)", solve, np.ones((2, 3)), y)
    refused("K must be symmetric", solve, np.triu(np.ones((3, 3))), y)
    refused(r"y must have 3 rows, got shape \(4,\)", solve, K, np.ones(4))
    refused("ridge must be at least 0", solve, K, y, ridge=-1.0)
    refused("rcond must be at least 0", solve, K, y, rcond=-1.0)
    refused("precision must be auto, double or mixed, got 'half'", solve, K, y, precision="half")
    refused("K must be finite", solve, K * np.nan, y)
    refused("y must be finite", solve, K, y * np.inf)
