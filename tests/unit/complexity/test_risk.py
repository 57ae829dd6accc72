"""Expected risks against their definition, and against draws."""

import numpy as np
import pytest

from ntklib.complexity import ridge_risk, ridgeless_risk
from tests.unit.samples import refused

EXACT = 1e-10


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def defined(Z, beta, noise, ridge, C):
    """Bias and variance as the matrix products say, the estimator as a matrix."""
    p = Z.shape[1]
    if ridge == 0:
        A = np.linalg.pinv(Z, rcond=1e-11)
    else:
        A = np.linalg.solve(Z.T @ Z + ridge * np.eye(p), Z.T)
    error = A @ Z @ beta - beta
    return error @ C @ error, noise**2 * np.trace(C @ A @ A.T)


def designs(rng):
    yield "few points", rng.standard_normal((6, 15))
    yield "many points", rng.standard_normal((15, 6))
    yield "square", rng.standard_normal((8, 8)) + 4 * np.eye(8)
    yield "repeated points", np.repeat(rng.standard_normal((4, 7)), 2, axis=0)
    yield "of rank 2", rng.standard_normal((9, 2)) @ rng.standard_normal((2, 5))
    yield "one point", rng.standard_normal((1, 3))
    yield "zero", np.zeros((3, 2))


def test_given_features(rng):
    ridges = [0.0, 1e-3, 0.1, 1.0, 100.0]
    for name, Z in designs(rng):
        p = Z.shape[1]
        beta, root = rng.standard_normal(p), rng.standard_normal((p, p))
        for C in (None, root @ root.T):
            found = ridge_risk(Z, beta, 0.7, ridges, covariance=C)
            assert found.bias.shape == found.variance.shape == (5,)
            for at, ridge in enumerate(ridges):
                right = defined(Z, beta, 0.7, ridge, np.eye(p) if C is None else C)
                scale = np.linalg.norm(np.eye(p) if C is None else C) * (beta @ beta + 1)
                assert abs(found.bias[at] - right[0]) <= EXACT * scale, (name, ridge)
                assert found.variance[at] == pytest.approx(right[1], rel=EXACT, abs=EXACT), name
                one = ridge_risk(Z, beta, 0.7, ridge, covariance=C)
                assert one.total == pytest.approx(found.bias[at] + found.variance[at], rel=1e-12)
                assert one.bias.shape == ()


def test_draws_of_noise(rng):
    """The mean over noise, of an estimator fitted anew each time."""
    Z, beta, draws = rng.standard_normal((8, 12)), rng.standard_normal(12), 4000
    for ridge in (0.0, 0.5):
        y = Z @ beta + 0.7 * rng.standard_normal((draws, 8))
        A = np.linalg.pinv(Z) if ridge == 0 else np.linalg.solve(Z.T @ Z + ridge * np.eye(12), Z.T)
        errors = np.sum((y @ A.T - beta) ** 2, axis=1)
        z = (errors.mean() - ridge_risk(Z, beta, 0.7, ridge).total) / errors.std() * draws**0.5
        assert abs(z) <= 5


@pytest.mark.parametrize(("n", "p"), [(10, 30), (30, 10), (2, 12), (14, 1), (40, 60)])
def test_gaussian_features(rng, n, p):
    """The mean over features of the risk given them, part by part; gaps that have variances."""
    beta = rng.standard_normal(p)
    beta *= 1.3 / np.linalg.norm(beta)
    draws = [ridge_risk(rng.standard_normal((n, p)), beta, 0.7) for _ in range(1000)]
    for part, right in (
        ("bias", ridgeless_risk(n, p, 1.3)),
        ("variance", ridgeless_risk(n, p, 0.0, 0.7)),
        ("total", ridgeless_risk(n, p, 1.3, 0.7)),
    ):
        values = np.array([getattr(draw, part) for draw in draws])
        error = values.std() / 1000**0.5
        assert abs(values.mean() - right) <= 5 * error + 1e-13, part
        # And the test would see a third more or less.
        assert right == pytest.approx(0, abs=1e-13) or 5 * error <= 0.3 * right


def test_the_formula():
    assert ridgeless_risk(10, 30, 2, 3) == pytest.approx(4 * (1 - 1 / 3) + 9 * 10 / 19, rel=1e-14)
    assert ridgeless_risk(30, 10, 2, 3) == pytest.approx(9 * 10 / 19, rel=1e-14)


def test_the_peak_needs_noise():
    n = np.arange(1, 61)
    risk = ridgeless_risk(n, 30, 1.0, 0.5)
    assert np.isinf(risk[28:31]).all()
    assert np.isfinite(np.delete(risk, [28, 29, 30])).all()
    assert (risk > 0).all()
    np.testing.assert_allclose(
        ridgeless_risk(n, 30, 2.0), 4 * np.maximum(1 - n / 30, 0), rtol=1e-14
    )
    assert ridgeless_risk(n[:, None], [5, 6, 7], 1, 1).shape == (60, 3)
    assert ridgeless_risk(1, 1, 1, 0) == 0
    assert ridgeless_risk(1, 1, 1, 0.1) == np.inf


def test_scales(rng):
    """Powers of two, to the ends of the range."""
    Z, beta = rng.standard_normal((4, 6)), rng.standard_normal(6)
    right = ridge_risk(Z, beta, 0.5, [0.0, 0.25])
    for a in (400, -400, 500, -500):
        found = ridge_risk(np.ldexp(Z, a), beta, np.ldexp(0.5, a), np.ldexp([0.0, 0.25], 2 * a))
        np.testing.assert_allclose(found.bias, right.bias, rtol=1e-12)
        np.testing.assert_allclose(found.variance, right.variance, rtol=1e-12)


def test_bad_arguments_are_named(rng):
    Z, beta = np.ones((3, 2)), np.ones(2)
    refused("beta must have 2 entries", ridge_risk, Z, np.ones(3), 1.0)
    refused("noise must be at least 0", ridge_risk, Z, beta, -1.0)
    refused("ridge must be at least 0, got -1", ridge_risk, Z, beta, 1.0, [1.0, -1.0])
    refused("Z must be finite", ridge_risk, Z * np.nan, beta, 1.0)
    refused("covariance must be symmetric of", ridge_risk, Z, beta, 1, covariance=np.eye(3))
    refused("covariance must be symmetric of", ridge_risk, Z, beta, 1, covariance=[[1, 2], [0, 1]])
    refused("covariance must be positive semi", ridge_risk, Z, beta, 1, covariance=-np.eye(2))
    refused("n must be at least 1, got 0", ridgeless_risk, [1, 0], 2)
    refused("p must be whole numbers", ridgeless_risk, 1, 2.0, error=TypeError)
    refused("n must be whole numbers", ridgeless_risk, True, 2, error=TypeError)
    refused("signal must be at least 0", ridgeless_risk, 1, 2, -1.0)
    refused("noise must be at least 0", ridgeless_risk, 1, 2, 1.0, -1.0)
