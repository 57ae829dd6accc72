"""Polynomials, harmonics, power series, features: identities that hold to rounding."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
import scipy.special

from ntklib import gate_kernel, ntk, relu_nngp, relu_ntk, with_bias
from ntklib.harmonics import (
    DotProduct,
    eigenvalues,
    features,
    gegenbauer,
    multiplicity,
    power_series,
    spherical_harmonics,
    truncation_error,
)
from tests.unit.samples import points, refused

KERNELS = [relu_ntk, relu_nngp, gate_kernel]


def sphere(n, d, seed=0):
    X = points(n, d, seed)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


# -- polynomials ----------------------------------------------------------------------------------


def test_known_polynomials():
    t = np.linspace(-1, 1, 41)
    for k in (0, 1, 2, 7, 30):
        legendre = scipy.special.eval_legendre(k, t)
        np.testing.assert_allclose(gegenbauer(3, k, t), legendre, atol=1e-13)
        np.testing.assert_allclose(gegenbauer(2, k, t), np.cos(k * np.arccos(t)), atol=1e-13)
    all_of_them = gegenbauer(9, [[0, 1], [2, 3]], t)
    assert all_of_them.shape == (2, 2, 41)
    np.testing.assert_allclose(all_of_them[1, 0], (9 * t * t - 1) / 8, atol=1e-15)
    assert gegenbauer(5, 100, 1.0) == 1
    assert gegenbauer(5, 101, -1) == -1


def test_bad_arguments_of_polynomials():
    refused(r"t must lie in \[-1, 1\], got 1.5", gegenbauer, 3, 1, [0, 1.5])
    refused("t must be finite", gegenbauer, 3, 1, np.nan)
    refused("degree must be at least 0", gegenbauer, 3, -1, 0.0)
    refused("d must be at least 2", gegenbauer, 1, 1, 0.0)


# -- harmonics ------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 3, 4, 8])
@pytest.mark.parametrize("k", [0, 1, 2, 5])
def test_harmonics_reproduce(d, k):
    """Their kernel is N P_k: so they span the degree and are orthonormal."""
    X, count = sphere(40, d), multiplicity(d, k)
    Y = spherical_harmonics(X, k)
    assert Y.shape == (40, count)
    right = count * gegenbauer(d, k, np.clip(X @ X.T, -1, 1))
    np.testing.assert_allclose(Y @ Y.T, right, atol=1e-13 * count)


def test_harmonics_are_orthonormal_on_the_sphere():
    """By a rule that is exact: equal steps around, Gauss's nodes along the axis."""
    t, w = np.polynomial.legendre.leggauss(8)
    phi = 2 * np.pi * np.arange(16) / 16
    X = np.array(
        [
            (z, math.sqrt(1 - z * z) * math.cos(p), math.sqrt(1 - z * z) * math.sin(p))
            for z, p in itertools.product(t, phi)
        ]
    )
    weights = np.repeat(w / 2, 16) / 16
    Y = np.hstack([spherical_harmonics(X, k) for k in range(6)])
    np.testing.assert_allclose(Y.T @ (weights[:, None] * Y), np.eye(36), atol=1e-13)


def test_harmonics_at_the_poles_and_far_up():
    Y = spherical_harmonics(np.eye(3), 40)
    np.testing.assert_allclose(np.sum(Y * Y, axis=1), 81, rtol=1e-12)
    assert spherical_harmonics(-np.eye(4), 1).shape == (4, 4)


def test_bad_arguments_of_harmonics():
    refused("rows of length 1, row 0 has length 2", spherical_harmonics, [[2.0, 0.0]], 1)
    refused("columns of X must be at least 2, got 1", spherical_harmonics, [[1.0]], 1)
    refused("degree must be one integer", spherical_harmonics, [[1.0, 0.0]], [1, 2])
    refused("degree must be integers", spherical_harmonics, [[1.0, 0]], 1.5, error=TypeError)


# -- power series ---------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.0, 0.4, 2.0])
@pytest.mark.parametrize("kernel", KERNELS)
def test_series_sum_to_the_kernel(kernel, beta):
    """Coefficients are at most 1 + beta^2, so that past 0.6^120 nothing is left."""
    t, k = np.array([-0.6, -0.1, 0.0, 0.25, 0.6]), np.arange(120)
    x, z = np.array([[1.0, 0.0]]), np.column_stack([t, np.sqrt(1 - t * t)])
    if beta:
        x, z = with_bias(x, beta), with_bias(z, beta)
    coefficients = power_series(kernel, k, bias=-beta)
    np.testing.assert_allclose(
        t[:, None] ** k @ coefficients, kernel(x, z)[0], rtol=0, atol=2e-15 * (1 + beta**2)
    )
    if beta:
        assert (coefficients > 0).all()


def test_coefficients_of_the_tangent_kernel():
    found = power_series(relu_ntk, range(8))
    b = [math.comb(2 * k, k) / 4**k / (2 * k + 1) / (2 * math.pi) for k in range(4)]
    np.testing.assert_allclose(found, [0, 0.25, b[0], 0, b[1], 0, b[2], 0], rtol=1e-14)
    assert power_series(partial(relu_ntk, eps=2.0), 1) == 1
    # Wallis, from both sides: b_k (2 k + 1) 2 pi sqrt(pi (k + c)) is 1 for some c in (1/4, 1/2).
    k = np.array([0, 1, 10, 1000, 10**6])
    a = power_series(relu_ntk, 2 * k + 2) * (2 * k + 1) * 2 * math.pi
    assert (a >= 1 / np.sqrt(math.pi * (k + 0.5)) * (1 - 1e-13)).all()
    assert (a <= 1 / np.sqrt(math.pi * (k + 0.25)) * (1 + 1e-13)).all()


@pytest.mark.parametrize("d", [2, 5])
def test_series_make_the_eigenvalues(d):
    """Of t^j at degree k it is a ratio of Gammas, by parts.

    Their products with the coefficients fall like j^-(d+2)/2, so what follows after J is J / d of
    the last one. The next order comes from exp(-(k+d/2)^2 / 2j), as of a binomial coefficient, and
    from the sum, where J is J + 1: not more than (k+d/2)^2 / 2 + d, over J.
    """
    j, k, log = np.arange(6, 2001, 2), 6, scipy.special.gammaln
    ratio = log(d / 2) + log(j + 1) - log((j - k) / 2 + 1) - log((j + k + d) / 2)
    terms = power_series(relu_ntk, j) * np.exp(ratio - j * math.log(2))
    left = eigenvalues(relu_ntk, d, k) - terms.sum()
    order = ((k + d / 2) ** 2 / 2 + d) / j[-1]
    assert left == pytest.approx(terms[-1] * j[-1] / d, rel=order, abs=0)


def test_other_series_are_not_known():
    refused("whose series is known", power_series, DotProduct(np.exp), 3)
    refused("whose series is known", power_series, partial(ntk, depth=1), 3)
    refused("degrees must be at least 0", power_series, relu_ntk, -1)
    refused("bias must be finite", power_series, relu_ntk, 1, bias=np.nan)


# -- features -------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.0, 0.5])
@pytest.mark.parametrize("d", [2, 3, 6])
@pytest.mark.parametrize("kernel", KERNELS)
def test_features_leave_out_what_is_stated(kernel, d, beta):
    X, top = sphere(30, d), 6
    F = features(X, kernel, top, bias=beta)
    assert F.shape == (30, sum(multiplicity(d, k) for k in range(top + 1)))
    K = kernel(with_bias(X, beta)) if beta else kernel(X)
    left = K - F @ F.T
    error = truncation_error(kernel, d, top, bias=beta)
    assert error > 0
    np.testing.assert_allclose(np.diag(left), error, rtol=1e-11)
    assert np.abs(left).max() <= error * (1 + 1e-11)
    assert np.linalg.eigvalsh(left)[0] >= -1e-14


def test_features_of_a_deep_kernel():
    X, kernel = sphere(20, 3), partial(ntk, depth=3)
    F = features(X, kernel, 10)
    left = kernel(X) - F @ F.T
    error = truncation_error(kernel, 3, 10)
    np.testing.assert_allclose(np.diag(left), error, rtol=1e-10)
    assert np.abs(left).max() <= error * (1 + 1e-10)


def test_a_polynomial_is_all_there():
    X = sphere(15, 4)
    F = features(X, DotProduct(np.square), 2)
    np.testing.assert_allclose(F @ F.T, (X @ X.T) ** 2, atol=1e-13)
    assert abs(truncation_error(DotProduct(np.square), 4, 2)) <= 1e-13


def test_what_is_not_semidefinite_is_refused():
    kernel = DotProduct(np.negative)
    refused("positive semidefinite.*degree 1 is -0.333", features, np.eye(3), kernel, 2)
    refused("positive semidefinite", truncation_error, kernel, 3, 2)
    refused("rows of length 1", features, 2 * np.eye(3), relu_ntk, 2)
    refused("degree must be one integer", truncation_error, relu_ntk, 3, [1])
