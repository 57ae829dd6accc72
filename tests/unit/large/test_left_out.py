"""Leave-one-out residuals from products alone: how far they are off, and that this is said."""

import numpy as np
import pytest

from ntklib import large, relu_ntk
from ntklib.complexity import leave_one_out
from tests.unit.samples import refused

N = 300


@pytest.fixture
def y(X, rng):
    return X[:, 0] * X[:, 1] + 0.1 * rng.standard_normal(N)


def seeds(count):
    return [np.random.default_rng(seed) for seed in range(count)]


@pytest.mark.parametrize(("ridge", "rank"), [(1.0, 1), (0.1, 1), (0.1, 150), (1.0, 40)])
def test_errors_are_as_stated(X, y, ridge, rank):
    """Over ten seeds: no bias, and quotients by the standard errors of mean square one.

    The 3000 quotients depend on each other within a seed, so that a tenth of their number counts;
    with 63 degrees of freedom their mean square is 63/61, and 6 in 100 are beyond 2, 3 in 10 000
    beyond 4. Their largest is below 7: 8e-7 for three thousand.
    """
    right, quotients = leave_one_out(relu_ntk(X), y, ridge), []
    for rng in seeds(10):
        found = large.leave_one_out(relu_ntk, X, y, ridge, rank=rank, rng=rng, rtol=1e-10)
        assert found.converged
        quotients.append((found.residuals - right) / found.error)
    z = np.array(quotients)
    assert 0.85 <= np.mean(z**2) <= 1.2
    assert 0.02 <= np.mean(np.abs(z) > 2) <= 0.1
    assert np.abs(z).max() <= 7
    # The sign of a quotient's error is that of the residual, and says nothing of it.
    assert abs(np.mean(z * np.sign(right))) <= 5 / np.sqrt(N)


def test_errors_fall_with_probes_and_rank(X, y):
    def spread(rng, **options):
        found = large.leave_one_out(relu_ntk, X, y, 0.1, rng=rng, **options)
        return np.median(found.error / np.abs(found.residuals))

    (few,), (many,), (better,), (plain,) = (
        [np.mean([spread(rng, **options) for rng in seeds(3)])]
        for options in (
            {"probes": 16, "rank": 40},
            {"probes": 256, "rank": 40},
            {"probes": 16, "rank": 150},
            {"probes": 16, "rank": 1},
        )
    )
    # Four times as well with sixteen times as many; by a third or more with the factor.
    assert 3.6 <= few / many <= 4.4
    assert better <= 0.7 * plain
    assert few <= plain


def test_the_variance_is_that_of_the_rest(X, y):
    """Of the best of the shifts, and so no more than that of the mean shift, up to chance."""
    K, ridge, probes = relu_ntk(X), 0.1, 64
    rng = np.random.default_rng(5)
    F = large.pivoted_cholesky(relu_ntk, X, 100, diagonal=np.full(N, 0.5), rng=rng)
    found = large.leave_one_out(relu_ntk, X, y, ridge, rank=100, rng=np.random.default_rng(5))
    M = np.linalg.inv(K + ridge * np.eye(N))
    left = np.mean(0.5 - np.sum(F * F, axis=1))
    rest = np.linalg.inv(F @ F.T + (ridge + left) * np.eye(N)) - M
    variance = (np.sum(rest**2, axis=1) - rest.diagonal() ** 2) / probes
    relative = (found.error / found.residuals) ** 2
    assert 0.3 <= relative.sum() / np.sum(variance / M.diagonal() ** 2) <= 1.1


def test_a_complete_factor_leaves_no_error(X, y):
    right = leave_one_out(relu_ntk(X), y, 0.1)
    found = large.leave_one_out(
        relu_ntk, X, y, 0.1, rank=N, probes=2, rng=np.random.default_rng(0), rtol=1e-12
    )
    assert np.abs(found.residuals - right).max() <= 1e-10
    assert found.error.max() <= 1e-10
    np.testing.assert_allclose(found.coef, np.linalg.solve(relu_ntk(X) + 0.1 * np.eye(N), y))


def test_estimates_stay_within_bounds(X, y):
    """With two probes they would often leave them."""
    K, ridge = relu_ntk(X), 0.01
    found = large.leave_one_out(
        relu_ntk, X, y, ridge, probes=2, rank=30, rng=np.random.default_rng(0)
    )
    inverse = found.coef / found.residuals
    assert inverse.min() >= 1 / (K.diagonal().max() + ridge) * (1 - 1e-12)
    assert inverse.max() <= 1 / ridge * (1 + 1e-12)
    F = large.pivoted_cholesky(relu_ntk, X, 30, diagonal=K.diagonal(), rng=np.random.default_rng(0))
    upper = np.linalg.inv(F @ F.T + ridge * np.eye(N)).diagonal()
    assert (inverse <= upper * (1 + 1e-9)).all()
    assert (np.linalg.inv(K + ridge * np.eye(N)).diagonal() <= upper * (1 + 1e-9)).all()


def test_columns_and_options(X, y, rng):
    Y = np.stack([y, X[:, 2]], axis=1)
    both = large.leave_one_out(relu_ntk, X, Y, 0.1, rng=np.random.default_rng(3), rank=50)
    assert both.residuals.shape == both.error.shape == both.coef.shape == (N, 2)
    one = large.leave_one_out(
        *(relu_ntk, X, y, 0.1),
        **{"rng": np.random.default_rng(3), "rank": 50, "diagonal": np.full(N, 0.5), "block": 70},
    )
    np.testing.assert_allclose(one.residuals, both.residuals[:, 0], rtol=1e-4)
    np.testing.assert_allclose(one.error, both.error[:, 0], rtol=1e-3)
    kept = large.leave_one_out(
        relu_ntk, X, y, 0.1, rng=np.random.default_rng(3), rank=50, dtype=np.float32
    )
    np.testing.assert_allclose(one.residuals, kept.residuals, rtol=1e-3)
    tiny = large.leave_one_out(relu_ntk, X, np.ldexp(Y, -900), 0.1, rng=rng, rank=50)
    ratios = np.ldexp(tiny.residuals, 900) / both.residuals
    assert np.abs(ratios - 1).max() <= 0.5
    assert 0 < tiny.error.max() < 1e-250


def test_a_kernel_of_zeros(rng):
    X, y = np.zeros((20, 3)), rng.standard_normal(20)
    found = large.leave_one_out(relu_ntk, X, y, 0.5, rng=rng)
    np.testing.assert_allclose(found.residuals, y, rtol=1e-12)


def test_not_converged_is_said(X, y, rng):
    with pytest.warns(large.ConvergenceWarning, match="after 2 iterations"):
        found = large.leave_one_out(relu_ntk, X, y, 1e-3, rank=1, maxiter=2, rng=rng)
    assert not found.converged
    assert found.iterations == 2


def test_bad_arguments_are_named(X, y, rng):
    def call(*arguments, **options):
        return large.leave_one_out(relu_ntk, *arguments, **({"rng": rng} | options))

    refused("ridge must be positive", call, X, y, 0.0)
    refused("y must have 300 rows", call, X, y[:-1], 1.0)
    refused("probes must be at least 2, got 1", call, X, y, 1.0, probes=1)
    refused("rank must be at least 1", call, X, y, 1.0, rank=0)
    refused("diagonal must be 300 numbers", call, X, y, 1.0, diagonal=np.ones(3))
    refused("X must have 2 dim", call, X[0], y, 1.0)
    refused("rng must be a numpy", call, X, y, 1.0, rng=0, error=TypeError)
