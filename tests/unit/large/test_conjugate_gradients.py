"""Solving by products alone."""

import numpy as np
import pytest

from ntklib import large, relu_ntk
from ntklib.large import ridge_solve
from tests.unit.samples import refused

N, RIDGE = 300, 1e-2


@pytest.mark.parametrize("columns", [None, 4])
def test_ridge_solve(X, rng, columns):
    K = relu_ntk(X)
    y = rng.standard_normal(N if columns is None else (N, columns))
    right = np.linalg.solve(K + RIDGE * np.eye(N), y)
    found = ridge_solve(large.gram_operator(relu_ntk, X, block=100), y, RIDGE, rtol=1e-12)
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
        K = large.gram_operator(relu_ntk, X, block=100, dtype=np.float32)
    else:
        K = large.dask_operator(large.dask_gram(relu_ntk, X, chunk=100, dtype=np.float32))
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
    F = large.pivoted_cholesky(relu_ntk, X, 100, diagonal=diagonal, rng=rng)
    plain = ridge_solve(relu_ntk(X), y, 1e-4, rtol=1e-8)
    better = ridge_solve(
        relu_ntk(X), y, 1e-4, rtol=1e-8, preconditioner=large.low_rank_preconditioner(F, 1e-4)
    )
    assert better.converged
    assert better.iterations <= plain.iterations / 4


def test_not_converged_is_said(X, rng):
    y = rng.standard_normal(N)
    with pytest.warns(large.ConvergenceWarning, match="after 3 iterations, asked for was 1.0e-08"):
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


def test_bad_arguments_are_named():
    y = np.ones(N)
    refused(r"K must have shape \(300, 300\)", ridge_solve, np.eye(4), y, 1.0)
    refused("ridge must be at least 0, got -1", ridge_solve, np.eye(N), y, -1.0)
    refused("K must be positive semidefinite", ridge_solve, -np.eye(N), y, 0.0)
    with pytest.raises(ValueError, match="preconditioner must have shape"):
        ridge_solve(np.eye(N), y, 1.0, preconditioner=np.eye(2))
    refused("y must be finite", ridge_solve, np.eye(N), np.full(N, np.nan), 1.0)
