"""Quadrature: exact where it should be, and an estimate that bounds the error elsewhere."""

import math

import numpy as np
import pytest
from scipy.special import erf

from ntklib import expectations
from ntklib.expectations import Quadrature, QuadratureError, _spaced, quadrature
from tests.unit.samples import refused


def test_gauss_hermite_is_exact_for_polynomials():
    for nodes in (8, 128, 2048):
        x, Q = quadrature._gauss_hermite(nodes)
        np.testing.assert_allclose(Q @ Q.T, np.eye(nodes), atol=2e-14)
        for k in (2, 4, 6):
            moment = math.prod(range(1, k, 2))
            assert abs(np.sum(Q[0] ** 2 * x**k) / moment - 1) < 1e-14


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu", lambda z: np.maximum(z, 0)),
        ("absolute", np.abs),
        ("erf", erf),
        ("gaussian", lambda z: np.exp(-z * z)),
        ("cos", np.cos),
        ("exp", np.exp),
        ("square", np.square),
    ],
)
@pytest.mark.parametrize("a", [0.1, 1.0, 2.0, 5.0])
def test_the_estimate_is_never_below_the_error(name, function, a):
    rho = np.array([-1.0, -0.5, 0.0, 0.5, 0.9, 0.99, 1.0])
    # The first takes one round of doubling; the last is met or, by a kink, missed and refused.
    for tolerance in (1e300, 1e-2, 1e-12):
        law = Quadrature(function, tolerance=tolerance)
        _, estimate = law.coefficients([a])
        if estimate[0] > max(tolerance, 1e-10):
            more = _spaced.coefficients(function, np.array([a]), tolerance, law._bends)
            if law.mixture is not None and law.mixture.error([a])[0] <= 1e-10:
                estimate = law.mixture.error([a])  # test_mixture.py has more
            elif more is not None and more[1][0] <= tolerance:
                estimate = more[1]
            else:
                with pytest.raises(QuadratureError):
                    expectations.expectations(law, a, a, rho)
                continue
        with np.errstate(all="ignore"):
            value, slope = expectations.expectations(law, a, a, rho)
        right, right_slope = expectations.expectations(name, a, a, rho)
        size = right[-1]
        assert np.abs(value - right).max() / size <= estimate[0] + 1e-14
        # The slope r' is a^2 E[s' s'] / e^2; 1e-14 for the rounding of the formulas compared.
        rounding = 1e-14 * max(1, a * a * right_slope[-1] / size)
        assert np.abs(slope - right_slope).max() * a * a / size <= estimate[0] + rounding


def test_what_is_not_known_to_ten_digits_is_refused():
    def steep_away_from_zero(z):
        return np.tanh(9 * z - 45)

    law = Quadrature(steep_away_from_zero, tolerance=100.0)
    law.rows(np.array([5.0]))
    with pytest.raises(
        QuadratureError, match=r"quadrature of steep_away_from_zero: .* at standard deviation 5"
    ):
        Quadrature(steep_away_from_zero).rows(np.array([0.5, 5.0]))
    Quadrature(steep_away_from_zero).rows(np.array([0.3]))


def test_the_slope_counts_by_itself():
    """Of 1 + 1e-3 |z - 1|_+ the slope is a millionth of e^2, and not known to ten digits of it."""
    _, error = Quadrature(lambda z: 1 + 1e-3 * np.maximum(z - 1, 0)).coefficients([1.0])
    _, alone = Quadrature(lambda z: np.maximum(z - 1, 0)).coefficients([1.0])
    assert error[0] > alone[0] / 10


def test_bad_arguments_are_named():
    refused("function must be callable", Quadrature, 3, error=TypeError)
    refused("nodes must lie between 4 and 2048", Quadrature, np.tanh, nodes=2)
    refused("nodes must lie between", Quadrature, np.tanh, nodes=4096)
    refused("tolerance must be positive", Quadrature, np.tanh, tolerance=0)
    refused("std must be at least 0", Quadrature(np.tanh).coefficients, [-1.0])
