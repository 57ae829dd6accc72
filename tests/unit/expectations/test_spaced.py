"""Smooth functions that are steep away from zero: closed forms, and what nobody sees is refused."""

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.special import expit, ndtr

from ntklib import ntk
from ntklib.expectations import Quadrature, QuadratureError, expectations
from tests.unit.samples import refused

RHO = np.array([-1, -0.7, 0.5, 0.99, 1 - 1e-6, 1])
# Coefficients lack at most 1e-12 of a norm, and rounding of a slope in units of a value's is 1e-12.
LIMIT = 2e-12


def density(c, A, B, C):
    """Of a centered Gaussian pair at (c, c), from its variances and its covariance."""
    det = A * B - C * C
    return mp.exp(-c * c * (A + B - 2 * C) / det / 2) / (2 * mp.pi * mp.sqrt(det))


def bump(c, w, a, b, rho):
    """The expectations of exp(-(z - c)^2 / 2w^2): the density of the pair with noise added."""
    c, A, B = mp.mpf(c), mp.mpf(a) ** 2 + mp.mpf(w) ** 2, mp.mpf(b) ** 2 + mp.mpf(w) ** 2
    of = lambda C: 2 * mp.pi * mp.mpf(w) ** 2 * density(c, A, B, C)  # noqa: E731
    C, det = mp.mpf(a) * b * rho, A * B - (mp.mpf(a) * b * rho) ** 2
    # By Price's theorem the other one is the derivative in the covariance.
    change = C / det + c * c / det - c * c * (A + B - 2 * C) * C / det**2
    return of(C), of(C) * change


def step(c, w, a, b, rho):
    """Of the distribution function at (z - c) / w: the integral of its derivatives' expectation."""
    c, A, B = mp.mpf(c), mp.mpf(a) ** 2 + mp.mpf(w) ** 2, mp.mpf(b) ** 2 + mp.mpf(w) ** 2
    C = mp.mpf(a) * b * rho
    # Panels that halve towards correlation one, where it is steep.
    ends = [0, *(C * (1 - mp.mpf(2) ** -k) for k in (2, 5, 8)), C]
    value = mp.quad(lambda t: density(c, A, B, t), ends)
    return mp.ncdf(-c / mp.sqrt(A)) * mp.ncdf(-c / mp.sqrt(B)) + value, density(c, A, B, C)


def panels(width):
    """Gauss's rule of 16 nodes on panels of [-9, 9], for a standard Gaussian."""
    x, w = np.polynomial.legendre.leggauss(16)
    nodes = (np.arange(-9, 9, width)[:, None] + width * (x + 1) / 2).reshape(-1)
    weights = np.tile(width / 2 * w, round(18 / width))
    return nodes, weights * np.exp(-(nodes**2) / 2) / math.sqrt(2 * math.pi)


# Poles are pi/18 = 0.17 from the line, and farther where u is held: for panels of a tenth 3.4
# half-widths, so that 16 nodes leave (3.4 + 3.2)^-32 < 1e-26.
GRID = panels(0.1)


def by_panels(f, rho):
    x, w = GRID
    inner = f(rho * x[:, None] + math.sqrt(1 - rho * rho) * x) @ w
    return float(w @ (f(x) * inner))


CASES = {
    "bump": (lambda c, w: lambda z: np.exp(-(((z - c) / w) ** 2) / 2), bump),
    "step": (lambda c, w: lambda z: ndtr((z - c) / w), step),
}


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize(
    ("c", "w", "a", "b"),
    [(0.5, 0.1, 1, 1), (0.5, 0.03, 0.5, 0.5), (3, 0.1, 1, 1), (2, 0.1, 1.5, 1.2), (1, 0.5, 5, 0.1)],
)
def test_steep_away_from_zero_against_closed_forms(kind, c, w, a, b):
    make, right = CASES[kind]
    with mp.workdps(20):
        ends = [right(c, w, s, s, 1) for s in (a, b)]
        sizes = [float(mp.sqrt(ends[0][k] * ends[1][k])) for k in (0, 1)]
        both = zip(*(right(c, w, a, b, mp.mpf(float(r))) for r in RHO), strict=True)
        rights = [np.array(values, float) for values in both]
    found = expectations(Quadrature(make(c, w)), a, b, RHO)
    for value, known, size in zip(found, rights, sizes, strict=True):
        assert np.abs(value - known).max() <= LIMIT * size


@pytest.mark.parametrize(
    ("f", "df"),
    [
        (lambda z: np.tanh(9 * (z - 0.5)), lambda z: 9 / np.cosh(9 * (z - 0.5)) ** 2),
        (
            lambda z: expit(9 * (z + 0.9)),
            lambda z: 9 * expit(9 * (z + 0.9)) * expit(-9 * (z + 0.9)),
        ),
    ],
)
def test_sigmoids_about_a_centre_by_nested_quadrature(f, df):
    value, slope = expectations(Quadrature(f), 1.0, 1.0, 0.6)
    for function, found in ((f, value), (df, slope)):
        size = float(GRID[1] @ function(GRID[0]) ** 2)
        assert abs(found - by_panels(function, 0.6)) <= LIMIT * size


@pytest.mark.parametrize("centre", [0.7, 0.7021, -3.0])
@pytest.mark.parametrize("width", [0.02, 0.01, 0.003, 0.001])
@pytest.mark.parametrize("line", [0.0, 1.0])
def test_what_nodes_may_pass_over_is_refused(centre, width, line):
    """A bump that 128 nodes do not meet had no error, and no bump either."""

    def function(z):
        return line * z + np.exp(-(((z - centre) / width) ** 2) / 2)

    refused("quadrature of function", Quadrature(function).rows, np.ones(1), error=QuadratureError)


@pytest.mark.parametrize("std", [1.0, 30.0, 1000.0])
def test_far_steeper_functions_are_refused(std):
    for function in (
        lambda z: np.tanh((z - 0.5) / 1e-3),
        lambda z: np.exp(-(((z - 0.5) / 1e-3) ** 2)),
        lambda z: np.logaddexp(0, (z - 3) / 1e-3),
    ):
        refused("relative error", Quadrature(function).rows, np.array([std]), error=QuadratureError)


@pytest.mark.parametrize("std", [1e-200, 1e-30, 1e-3, 1.0, 2.0])
@pytest.mark.parametrize("f", [np.tanh, np.square, lambda z: 3 * z, lambda z: z * expit(z)])
def test_the_second_look_refuses_nothing_that_is_right(f, std):
    assert Quadrature(f).coefficients([std])[1][0] <= 1e-13


def test_deep_kernels_of_a_function_steep_away_from_zero():
    """On the diagonal both kernels follow from the layers' variances, by the closed form."""
    c, w, depth = 0.5, 0.1, 2
    function = CASES["bump"][0](c, w)
    X = np.array([[0.6, 0.8], [0.0, 1.2], [0.5, 0.5]])
    K = ntk(X, depth=depth, activation=Quadrature(function), W_std=1.0, b_std=0.3)
    with mp.workdps(30):
        for x, found in zip(X, np.diag(K), strict=True):
            variance = mp.mpf(0.3) ** 2 + mp.mpf(x @ x)
            tangent = variance
            for _ in range(depth):
                a = mp.sqrt(variance)
                value, slope = bump(c, w, a, a, 1)
                variance = mp.mpf(0.3) ** 2 + value
                tangent = variance + tangent * slope
            assert abs(found - float(tangent)) <= 1e-11 * float(tangent)
