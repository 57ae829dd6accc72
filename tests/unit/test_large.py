"""Past memory and past one machine: the same matrix, by other means."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

from ntklib import relu_ntk
from ntklib.large import (
    ConvergenceWarning,
    dask_gram,
    dask_operator,
    gram_operator,
    low_rank_preconditioner,
    pivoted_cholesky,
    ridge_solve,
    store_gram,
)

EPS = np.finfo(np.float64).eps
N, RIDGE = 300, 1e-2


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def X():
    X = np.random.default_rng(1).standard_normal((N, 8))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def size(K, V):
    """A product of n terms is off by at most n eps times the product of absolute values."""
    return len(K) * EPS * (np.abs(K) @ np.abs(V)).max()


# Products -----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1000, 300, 128, 7])
@pytest.mark.parametrize("dtype", [None, np.float64])
def test_products_are_those_of_the_matrix(X, rng, block, dtype):
    K, V = relu_ntk(X), rng.standard_normal((N, 3))
    operator = gram_operator(relu_ntk, X, block=block, dtype=dtype)
    # Blocks round their entries on their own: 4e-15 each, beside the rounding of the sums.
    bound = size(K, V) + 4e-15 * np.abs(V).sum(axis=0).max()
    assert np.abs(operator @ V - K @ V).max() <= bound
    assert np.abs(operator @ V[:, 0] - K @ V[:, 0]).max() <= bound
    assert operator.shape == (N, N)


def test_products_in_float32(X, rng):
    K, v = relu_ntk(X), rng.standard_normal(N)
    found = gram_operator(relu_ntk, X, block=100, dtype=np.float32) @ v
    assert found.dtype == np.float64
    # Entries, v and the sums of 100 terms in float32.
    eps32 = np.finfo(np.float32).eps
    assert np.abs(found - K @ v).max() <= 102 * eps32 * (np.abs(K) @ np.abs(v)).max()
    assert np.abs(found - K @ v).max() > 1e-12


def test_without_dtype_nothing_is_kept(X):
    calls = []

    def counted(A, B=None):
        calls.append(len(A))
        return relu_ntk(A, B)

    operator = gram_operator(counted, X, block=100)
    assert calls == []
    operator @ np.ones(N)
    assert len(calls) == 6  # blocks of the lower triangle of 3 x 3
    operator @ np.ones(N)
    assert len(calls) == 12


def test_a_kernel_of_the_wrong_shape_is_refused(X):
    operator = gram_operator(lambda A, B=None: np.ones((2, 2)), X)
    with pytest.raises(ValueError, match=r"kernel must return shape \(300, 300\)"):
        operator @ np.ones(N)


# The thin factor ----------------------------------------------------------------------------


def test_pivoted_cholesky_leaves_a_positive_remainder(X, rng):
    K = relu_ntk(X)
    traces = []
    for rank in (10, 50, 150):
        F = pivoted_cholesky(relu_ntk, X, rank, diagonal=np.full(N, 0.5), rng=rng, block=16)
        assert F.shape == (N, rank)
        rest = K - F @ F.T
        assert np.linalg.eigvalsh(rest)[0] >= -1e-13
        traces.append(np.trace(rest))
        # No factor of this rank can leave less than the tail of the eigenvalues.
        tail = np.sort(np.linalg.eigvalsh(K))[: N - rank].sum()
        assert tail <= traces[-1] <= 4 * tail
    assert traces == sorted(traces, reverse=True)


def test_pivoted_cholesky_stops_at_the_rank(X, rng):
    twice = np.vstack([X[:40], X[:40]])
    F = pivoted_cholesky(relu_ntk, twice, 80, diagonal=np.full(80, 0.5), rng=rng)
    assert F.shape[1] == 40
    assert np.abs(F @ F.T - relu_ntk(twice)).max() <= 1e-13
    full = pivoted_cholesky(relu_ntk, X, 10 * N, diagonal=np.full(N, 0.5), rng=rng)
    assert np.abs(full @ full.T - relu_ntk(X)).max() <= 1e-13


def test_woodbury(rng):
    F, V = rng.standard_normal((20, 4)), rng.standard_normal((20, 3))
    inverse = low_rank_preconditioner(F, 0.3)
    assert np.abs((F @ F.T + 0.3 * np.eye(20)) @ (inverse @ V) - V).max() <= 1e-13


# Solving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [None, 4])
def test_ridge_solve(X, rng, columns):
    K = relu_ntk(X)
    y = rng.standard_normal(N if columns is None else (N, columns))
    right = np.linalg.solve(K + RIDGE * np.eye(N), y)
    found = ridge_solve(gram_operator(relu_ntk, X, block=100), y, RIDGE, rtol=1e-12)
    assert found.converged
    assert found.residual <= 1e-12
    # The error is at most the condition number times the residual.
    condition = (np.linalg.eigvalsh(K)[-1] + RIDGE) / RIDGE
    error = np.linalg.norm(found.coef - right, axis=0) / np.linalg.norm(right, axis=0)
    assert np.max(error) <= 1e-12 * condition
    assert found.coef.shape == y.shape


@pytest.mark.parametrize("make", ["gram", "dask"])
def test_products_in_float32_do_not_limit_the_residual(X, rng, make):
    y = rng.standard_normal((N, 2))
    if make == "gram":
        K = gram_operator(relu_ntk, X, block=100, dtype=np.float32)
    else:
        K = dask_operator(dask_gram(relu_ntk, X, chunk=100, dtype=np.float32))
    rounded = relu_ntk(X).astype(np.float32).astype(np.float64) + RIDGE * np.eye(N)
    found = ridge_solve(K, y, RIDGE, rtol=1e-11)
    assert found.converged
    assert np.linalg.norm(rounded @ found.coef - y) <= 1.1e-11 * np.linalg.norm(y)


def test_the_preconditioner_saves_steps(rng):
    # Points near a curve: eigenvalues fall fast, and a small ridge makes it hard.
    t = np.linspace(0, 3, 400)
    X = np.stack([np.cos(t), np.sin(t), 0.1 * np.sin(5 * t), np.ones_like(t)], axis=1)
    y = np.sin(7 * t)
    diagonal = np.sum(X * X, axis=1) / 2
    F = pivoted_cholesky(relu_ntk, X, 100, diagonal=diagonal, rng=rng)
    plain = ridge_solve(relu_ntk(X), y, 1e-4, rtol=1e-8)
    better = ridge_solve(
        relu_ntk(X), y, 1e-4, rtol=1e-8, preconditioner=low_rank_preconditioner(F, 1e-4)
    )
    assert better.converged
    assert better.iterations <= plain.iterations / 4


def test_not_converged_is_said(X, rng):
    y = rng.standard_normal(N)
    with pytest.warns(ConvergenceWarning, match="after 3 iterations, asked for was 1.0e-08"):
        found = ridge_solve(relu_ntk(X), y, RIDGE, maxiter=3)
    assert not found.converged
    true = np.linalg.norm(y - relu_ntk(X) @ found.coef - RIDGE * found.coef) / np.linalg.norm(y)
    assert abs(found.residual - true) <= 1e-12


def test_zero_columns_and_solved_columns(X):
    y = np.zeros((N, 2))
    y[:, 1] = relu_ntk(X)[:, 0] + RIDGE * np.eye(N)[:, 0]
    found = ridge_solve(relu_ntk(X), y, RIDGE)
    assert np.array_equal(found.coef[:, 0], np.zeros(N))
    assert np.abs(found.coef[:, 1] - np.eye(N)[:, 0]).max() <= 1e-5


def test_bad_arguments_are_named(X, rng):
    y = np.ones(N)
    with pytest.raises(ValueError, match=r"K must have shape \(300, 300\)"):
        ridge_solve(np.eye(4), y, 1.0)
    with pytest.raises(ValueError, match="ridge must be at least 0, got -1"):
        ridge_solve(np.eye(N), y, -1.0)
    with pytest.raises(ValueError, match="K must be positive semidefinite"):
        ridge_solve(-np.eye(N), y, 0.0)
    with pytest.raises(ValueError, match="preconditioner must have shape"):
        ridge_solve(np.eye(N), y, 1.0, preconditioner=np.eye(2))
    with pytest.raises(ValueError, match="y must be finite"):
        ridge_solve(np.eye(N), np.full(N, np.nan), 1.0)
    with pytest.raises(ValueError, match="dtype must be None, float32 or float64"):
        gram_operator(relu_ntk, X, dtype=np.int32)
    with pytest.raises(ValueError, match="block must be at least 1"):
        gram_operator(relu_ntk, X, block=0)
    with pytest.raises(ValueError, match="diagonal must be 300 numbers"):
        pivoted_cholesky(relu_ntk, X, 5, diagonal=np.ones(3), rng=rng)
    with pytest.raises(TypeError, match="rng must be a numpy"):
        pivoted_cholesky(relu_ntk, X, 5, diagonal=y, rng=0)
    with pytest.raises(ValueError, match="ridge must be positive"):
        low_rank_preconditioner(np.ones((3, 1)), 0.0)


# Dask ---------------------------------------------------------------------------------------


def test_dask_matrix(X, rng):
    K = dask_gram(relu_ntk, X, chunk=128, dtype=np.float64)
    whole = K.compute()
    assert (whole == whole.T).all()
    assert np.abs(whole - relu_ntk(X)).max() <= 8e-15
    V = rng.standard_normal((N, 2))
    assert np.abs(dask_operator(K) @ V - whole @ V).max() <= size(whole, V)
    with pytest.raises(ValueError, match="K must be square"):
        dask_operator(K[:5])
    with pytest.raises(TypeError, match="K must be a Dask array, got ndarray"):
        dask_operator(whole)
    with pytest.raises(ValueError, match="dtype must be float32 or float64"):
        dask_gram(relu_ntk, X, dtype=np.int8)


def test_two_workers_and_the_loss_of_one(X, rng):
    from dask.distributed import Client, LocalCluster

    y = rng.standard_normal(N)
    right = np.linalg.solve(relu_ntk(X) + RIDGE * np.eye(N), y)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        K = dask_gram(relu_ntk, X, chunk=100, dtype=np.float64).persist()
        operator = dask_operator(K)
        operator @ y  # every block is on a worker now
        lost = []

        def lose_one():
            time.sleep(0.1)  # in mid-run: the solver takes longer than this
            pid = int(next(iter(client.run(os.getpid).values())))
            os.kill(pid, 9)
            lost.append(time.monotonic())

        killer = threading.Thread(target=lose_one)
        killer.start()
        found = ridge_solve(operator, y, RIDGE, rtol=1e-10)
        ended = time.monotonic()
        killer.join()
        assert lost[0] < ended
        assert found.converged
        again = operator @ y
    condition = (np.linalg.eigvalsh(relu_ntk(X))[-1] + RIDGE) / RIDGE
    assert np.linalg.norm(found.coef - right) <= 1e-10 * condition * np.linalg.norm(right)
    assert np.abs(again - relu_ntk(X) @ y).max() <= size(relu_ntk(X), y) + 8e-15 * N


# Disk ---------------------------------------------------------------------------------------


def test_store_goes_on_where_it_was_stopped(X, tmp_path):
    calls = []

    def failing(A, B=None):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(1)
        return relu_ntk(A, B)

    def counted(A, B=None):
        calls.append(1)
        return relu_ntk(A, B)

    options = {"name": "relu_ntk", "chunk": 100, "dtype": np.float64}
    with pytest.raises(KeyboardInterrupt):
        store_gram(failing, X, tmp_path / "K", **options)
    assert len(calls) == 4
    K = store_gram(counted, X, tmp_path / "K", **options)
    assert len(calls) == 6  # of six blocks
    assert np.abs(K[:] - relu_ntk(X)).max() <= 8e-15
    assert (K[:] == K[:].T).all()
    store_gram(counted, X, tmp_path / "K", **options)
    assert len(calls) == 6


def test_store_refuses_another_matrix(X, tmp_path):
    store_gram(relu_ntk, X, tmp_path / "K", name="relu_ntk", chunk=100)
    for change in ({"name": "relu_nngp"}, {"chunk": 50}, {"dtype": np.float64}):
        options = {"name": "relu_ntk", "chunk": 100, **change}
        with pytest.raises(ValueError, match="path holds another matrix"):
            store_gram(relu_ntk, X, tmp_path / "K", **options)
    with pytest.raises(ValueError, match="its points is"):
        store_gram(relu_ntk, X + 1, tmp_path / "K", name="relu_ntk", chunk=100)


def test_multiply_out_of_core(X, tmp_path, rng):
    import dask.array as da

    K = store_gram(relu_ntk, X, tmp_path / "K", name="relu_ntk", chunk=100, dtype=np.float64)
    v = rng.standard_normal(N)
    found = dask_operator(da.from_zarr(K)) @ v
    assert np.abs(found - relu_ntk(X) @ v).max() <= size(relu_ntk(X), v) + 8e-15 * N
