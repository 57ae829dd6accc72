"""Gaussian expectations: closed forms, quadrature, and an estimate that bounds the error."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.special import erf

from ntklib import activations, expectations
from ntklib.activations import Activation
from ntklib.expectations import (
    Erf,
    Exponential,
    Homogeneous,
    Quadrature,
    QuadratureWarning,
    dual,
    quadrature,
)
from tests.unit import exact

SMOOTH = ["erf", "tanh", "gelu", "identity", "square", "exp", "gaussian", "sin", "cos", "rbf"]
STDS = [(1.0, 1.0), (0.4, 1.3), (1.3, 0.01)]


def trapezoid(f, g, a, b, rho):
    """E f(a p) g(b (rho p + sqrt(1 - rho^2) q)) by the trapezoidal rule in the plane.

    Step h, functions analytic up to distance c of the real axis: the error is a few
    exp(-2 pi c / h), by Poisson summation. tanh(1.3 z) is the worst, c = 1.2: 1e-32 at h = 1/10.
    The square of side 24 leaves out exp(-12^2 / 2) = 5e-32, times the function.
    """
    h = 0.1
    p = np.arange(-120, 121) * h
    weight = h * np.exp(-p * p / 2) / math.sqrt(2 * math.pi)
    q = rho * p[:, None] + math.sqrt((1 - rho) * (1 + rho)) * p
    return weight @ (f(a * p)[:, None] * g(b * q)) @ weight


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("stds", STDS)
def test_against_the_trapezoidal_rule(name, stds):
    act = activations.get(name)
    for rho in (-1.0, -0.7, 0.0, 0.3, 0.95, 1.0):
        value, slope = expectations.expectations(name, *stds, rho)
        sizes = [math.sqrt(trapezoid(act.f, act.f, s, s, 1.0)) for s in stds]
        right = trapezoid(act.f, act.f, *stds, rho)
        assert abs(value - right) <= 1e-14 * sizes[0] * sizes[1], rho
        right = trapezoid(act.df, act.df, *stds, rho)
        sizes = [math.sqrt(trapezoid(act.df, act.df, s, s, 1.0)) for s in stds]
        assert abs(slope - right) <= 1e-12 * sizes[0] * sizes[1], rho


@pytest.mark.parametrize("name", sorted(exact.LAWS))
@pytest.mark.parametrize("a", [0.01, 1.0, 5.0])
@pytest.mark.parametrize("ratio", [1.0, 1.0001, 1.5, 30.0])
def test_angles_keep_their_digits(name, a, ratio):
    """The angle of the result has an absolute error of some ulps: 1 - r and 1 + r lose nothing."""
    law, b = dual(name), a * ratio
    # The steepness of each map in the angles that it is given, beside the ulps of one at 1.
    steep = a * b if name in ("rbf", "exp", "cos", "sin") else 1.0
    left, right = law.rows(np.array([a])), law.rows(np.array([b]))
    for theta in (0.0, 1e-9, 1e-4, 0.1, 1.5, 2.0, 3.0):
        for backwards in (False, True):
            with mp.workdps(60):
                defect = 2 * mp.sin(mp.mpf(theta) / 2) ** 2
                A, B = mp.mpf(a), mp.mpf(b)
                c = A * B * (1 - defect) * (-1 if backwards else 1)
                value = law_value(name, A * A, B * B, c)
                bottom = mp.sqrt(law_value(name, A * A, A * A, A * A))
                bottom *= mp.sqrt(law_value(name, B * B, B * B, B * B))
                pair = (1 - value / bottom, 1 + value / bottom)
                small = np.array([float(defect)])
            sides = (2 - small, small) if backwards else (small, 2 - small)
            layer = law.pairs(left, right, *sides)
            for got, want in ((layer.minus[0], pair[0]), (layer.plus[0], pair[1])):
                difference = math.sqrt(got) - float(mp.sqrt(abs(want)))
                flat = name in ("erf", "sin") and ratio > 1
                # Where a map is close to linear and the norms differ, rounding of 1 - r itself
                # stays: what follows is as flat.
                bound = 3e-8 if flat else 2e-15 * (1 + math.sqrt(steep))
                assert abs(difference) <= bound, (theta, backwards)


def law_value(name, q, r, c):
    return exact.LAWS[name](q, r, c)[0]


def test_gauss_hermite_is_exact_for_polynomials():
    for nodes in (8, 128, 1024):
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
    law = Quadrature(function, tolerance=1e300)  # one round of doubling
    for law in (Quadrature(function, tolerance=1e300), Quadrature(function, tolerance=1e-12)):
        _, estimate = law.coefficients([a])
        with np.errstate(all="ignore"), _quiet():
            value, slope = expectations.expectations(law, a, a, rho)
        right, right_slope = expectations.expectations(name, a, a, rho)
        size = right[-1]
        assert np.abs(value - right).max() / size <= estimate[0] + 1e-14
        # The slope r' is a^2 E[s' s'] / e^2; 1e-14 for the rounding of the formulas compared.
        rounding = 1e-14 * max(1, a * a * right_slope[-1] / size)
        assert np.abs(slope - right_slope).max() * a * a / size <= estimate[0] + rounding


def _quiet():
    import warnings

    context = warnings.catch_warnings()
    warnings.simplefilter("ignore", QuadratureWarning)
    return context


def test_quadrature_warns_above_its_tolerance():
    law = Quadrature(np.tanh, tolerance=1e-3)
    law.rows(np.array([3.0]))
    with pytest.warns(QuadratureWarning, match="quadrature of tanh: .* at standard deviation 3"):
        Quadrature(np.tanh).rows(np.array([0.5, 3.0]))


def test_names_and_lookalikes():
    assert isinstance(dual("erf"), Erf)
    assert isinstance(dual("exp"), Exponential)
    assert dual(activations.relu).homogeneous
    assert not dual(activations.square).homogeneous
    # A stranger's activation is not taken for ours by its name.
    other = Activation("erf", np.tanh, lambda z: 1 - np.tanh(z) ** 2, 1.0, 1.0)
    assert isinstance(dual(other), Quadrature)
    law = Homogeneous(1, 1, 0)
    assert dual(law) is law


def test_leaky_relu_by_hand():
    """The answer of the reading: (1 + s^2)(pi - theta) / (2 pi) + s theta / pi."""
    s, theta = 0.3, 1.1
    _, slope = expectations.expectations(activations.leaky_relu(s), 1, 2, math.cos(theta))
    right = (1 + s * s) * (math.pi - theta) / (2 * math.pi) + s * theta / math.pi
    assert abs(slope - right) < 1e-15


def test_monte_carlo():
    """The mean of a product over draws, with its own standard error."""
    rng = np.random.default_rng(0)
    p, q = rng.standard_normal((2, 200_000))
    a, b, rho = 0.8, 1.7, -0.4
    u, v = a * p, b * (rho * p + math.sqrt(1 - rho * rho) * q)
    for name in (*SMOOTH, "relu", "leaky_relu", "absolute"):
        act = activations.get(name)
        for f, right in zip(
            (act.f, act.df), expectations.expectations(name, a, b, rho), strict=True
        ):
            sample = f(u) * f(v)
            error = sample.std() / math.sqrt(len(sample))
            assert abs(sample.mean() - right) <= 5 * error + 1e-15, name


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: Homogeneous(0, 1, 0), ValueError, "degree must be at least 1"),
        (lambda: Homogeneous(11, 1, 0), ValueError, "degree must be at most 10, got 11"),
        (lambda: Homogeneous(1, 0, 0), ValueError, "must not both be zero"),
        (lambda: Quadrature(3), TypeError, "function must be callable"),
        (lambda: Quadrature(np.tanh, nodes=2), ValueError, "nodes must lie between 4 and 1024"),
        (lambda: Quadrature(np.tanh, nodes=2048), ValueError, "nodes must lie between"),
        (lambda: Quadrature(np.tanh, tolerance=0), ValueError, "tolerance must be positive"),
        (lambda: Quadrature(np.tanh).coefficients([-1.0]), ValueError, "std must be at least 0"),
        (lambda: expectations.expectations("relu", 0, 1, 0), ValueError, "a must be positive"),
        (lambda: expectations.expectations("relu", 1, -1, 0), ValueError, "b must be positive"),
        (lambda: expectations.expectations("relu", 1, 1, 1.1), ValueError, r"rho must lie in"),
        (lambda: expectations.expectations("relu", 1, 1, math.nan), ValueError, "rho must be fin"),
        (lambda: activations.monomial(0), ValueError, "degree must be at least 1"),
        (lambda: activations.rectified_monomial(1.5), TypeError, "degree must be an integer"),
    ],
)
def test_bad_input(call, error, match):
    with pytest.raises(error, match=match):
        call()
