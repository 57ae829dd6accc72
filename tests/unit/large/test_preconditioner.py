"""The thin factor of a Gram matrix, and the preconditioner made of it."""

import numpy as np
import pytest

from ntklib import relu_ntk
from ntklib.large import low_rank_preconditioner, pivoted_cholesky

N = 300


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


def test_bad_arguments_are_named(X, rng):
    y = np.ones(N)
    with pytest.raises(ValueError, match="diagonal must be 300 numbers"):
        pivoted_cholesky(relu_ntk, X, 5, diagonal=np.ones(3), rng=rng)
    with pytest.raises(TypeError, match="rng must be a numpy"):
        pivoted_cholesky(relu_ntk, X, 5, diagonal=y, rng=0)
    with pytest.raises(ValueError, match="ridge must be positive"):
        low_rank_preconditioner(np.ones((3, 1)), 0.0)
