"""Many ridges at once, against one at a time, and the scores against their definitions."""

import numpy as np
import pytest

from ntklib import large, relu_ntk
from ntklib.large import nystroem_path, nystroem_solve

N, RIDGES = 300, (1e-3, 0.1, 10.0)


@pytest.mark.parametrize("columns", [None, 2])
def test_each_ridge_is_that_of_one_solve_and_its_scores_are_as_defined(X, rng, columns):
    y = np.ldexp(rng.standard_normal(N if columns is None else (N, columns)), 300)
    C = np.vstack([X[:40], X[:5]])
    path = nystroem_path(relu_ntk, X, y, C, RIDGES, rng=rng, dtype=np.float64)
    assert path.rank == 40
    assert path.coef.shape == (3, 45, *y.shape[1:])
    assert np.isnan(path.held_out).all()
    K, Km = relu_ntk(X, X[:40]), relu_ntk(X[:40])
    for ridge, coef, degrees, gcv in zip(RIDGES, path.coef, path.degrees, path.gcv, strict=True):
        one = nystroem_solve(relu_ntk, X, y, C, ridge, rng=rng, dtype=np.float64, rtol=1e-12)
        fit, wanted = relu_ntk(X, C) @ coef, relu_ntk(X, C) @ one.coef
        assert np.abs(fit - wanted).max() <= 1e-8 * np.abs(wanted).max()
        H = K @ np.linalg.solve(K.T @ K + ridge * Km, K.T)
        assert degrees == pytest.approx(np.trace(H), rel=1e-8)
        score = np.mean((y - H @ y) ** 2) / (1 - np.trace(H) / N) ** 2
        assert gcv == pytest.approx(score, rel=1e-8)


def test_points_held_out_are_not_seen(X, rng, monkeypatch):
    monkeypatch.setattr("ntklib.large.rows.CHUNK", 70)
    monkeypatch.setattr("ntklib.large.rows.LEAST", 70)
    y, kernels = rng.standard_normal(N), np.random.default_rng(5)
    path = nystroem_path(
        relu_ntk, X, y, X[:40], RIDGES, rng=kernels, held_out=0.25, dtype=np.float64
    )
    outside = np.zeros(N, dtype=bool)
    outside[np.random.default_rng(5).choice(N, size=75, replace=False)] = True
    alone = nystroem_path(
        relu_ntk, X[~outside], y[~outside], X[:40], RIDGES, rng=rng, dtype=np.float64
    )
    assert np.allclose(path.gcv, alone.gcv, rtol=1e-10)
    predicted = relu_ntk(X[outside], X[:40]) @ alone.coef.T
    errors = np.mean((predicted - y[outside][:, None]) ** 2, axis=0)
    assert np.allclose(path.held_out, errors, rtol=1e-8)


def test_scores_find_the_ridge_of_the_noise():
    # A target drawn from the kernel's own prior, with noise of variance 0.04: the best ridge is
    # 0.04, and both scores estimate the error of prediction, which is that and what is not known
    # of the target.
    rng = np.random.default_rng(3)
    X = rng.standard_normal((800, 3))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    y = np.linalg.cholesky(relu_ntk(X) + 1e-10 * np.eye(800)) @ rng.standard_normal(800)
    y += 0.2 * rng.standard_normal(800)
    ridges = 0.04 * 10.0 ** np.arange(-3, 4)
    path = nystroem_path(relu_ntk, X, y, 150, ridges, rng=rng, held_out=0.5)
    for score in (path.gcv, path.held_out):
        assert abs(np.argmin(score) - 3) <= 1
        # Mean squares of 400 numbers: five standard errors are 5 sqrt(2 / 400) = 0.35 of them.
        assert 0.04 * 0.65 <= score.min() <= 0.08


def test_bad_arguments_are_named(X, rng):
    y = np.ones(N)

    def call(message, ridges=RIDGES, **more):
        with pytest.raises(ValueError, match=message):
            nystroem_path(relu_ntk, X, y, 10, ridges, rng=rng, **more)

    call("ridges must be positive, got 0.0", ridges=[1.0, 0.0])
    call("ridges must have 1 dimension", ridges=1.0)
    call("held_out must be below 1, got 1", held_out=1.0)
    call("held_out must leave a point", held_out=0.9999)
    call("held_out must be at least 0", held_out=-0.1)
    call("centers must be at most", memory=1e3)
    assert np.isinf(
        large.nystroem_path(relu_ntk, X, y, 300, [1e-300], rng=rng, dtype=np.float64).gcv
    ).all()
