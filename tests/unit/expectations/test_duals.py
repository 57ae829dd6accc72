"""Gaussian expectations of every activation: the right value, and angles with all their digits."""

import math

import mpmath as mp
import numpy as np
import pytest

from ntklib import activations, expectations
from ntklib.expectations import dual
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
