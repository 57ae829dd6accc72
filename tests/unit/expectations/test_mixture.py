"""Steep smooth functions as mixtures of Gaussians: against closed forms and nested quadrature."""

import math
from functools import cache

import numpy as np
import pytest
from scipy.special import erf

from ntklib import activations, nngp, ntk
from ntklib.expectations import Mixture, Quadrature, QuadratureError, expectations
from ntklib.gaussian_process import NetworkKernel
from tests.unit.samples import refused

RHO = np.array([-1, -1 + 1e-12, -1 + 1e-6, -0.9, -0.3, 0, 0.5, 0.99, 1 - 1e-6, 1 - 1e-12, 1])


def logistic(z):
    return 1 / (1 + np.exp(-z))


def swish(z):
    return z * logistic(z)


FUNCTIONS = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "logistic": (logistic, lambda z: logistic(z) * logistic(-z)),
    "swish": (swish, lambda z: logistic(z) * (1 + z * logistic(-z))),
    "gelu": (activations.gelu.f, activations.gelu.df),
    "shifted": (lambda z: np.tanh(z - 1), lambda z: 1 - np.tanh(z - 1) ** 2),
}


@cache
def mixture(name):
    """Fitted once, and only where a test of it runs."""
    return Mixture(FUNCTIONS[name][0], name=name)


def scales(law, a, b):
    """Roots of E s(u)^2 E s(v)^2 and of the same with the derivatives."""
    ends = [expectations(law, s, s, 1.0) for s in (a, b)]
    return [math.sqrt(ends[0][k] * ends[1][k]) for k in (0, 1)]


@pytest.mark.parametrize("k", [1, 100])
def test_a_steep_error_function_has_its_closed_form(k):
    """erf(k z) as any function, against arcsines: within the estimate, and that below 1e-11."""
    law = Mixture(lambda z: erf(k * z))
    for a, b in ((1, 1), (0.1, 0.1), (1, 1 + 1e-6), (2, 0.3), (300, 300)):
        value, slope = expectations(law, a, b, RHO)
        right, right_slope = expectations("erf", k * a, k * b, RHO)
        size, size_slope = scales("erf", k * a, k * b)
        estimate = law.error([a, b]).max()
        assert estimate <= 1e-11
        assert np.abs(value - right).max() <= estimate * size
        assert np.abs(slope / k**2 - right_slope).max() <= estimate * size_slope


def rule(breaks):
    """Gauss-Legendre on each panel: nodes and weights along the last axis."""
    x, w = np.polynomial.legendre.leggauss(16)
    low, width = breaks[..., :-1, None], np.diff(breaks)[..., None]
    nodes, weights = low + width * (x + 1) / 2, width * w / 2
    shape = (*breaks.shape[:-1], -1)
    return nodes.reshape(shape), weights.reshape(shape)


def nested(f, a, b, rho):
    """E f(u) f(v), first over v given u: panels that halve towards where either is steep."""
    halves = np.concatenate([[0], 9.0 * 0.5 ** np.arange(12, -1, -1)])
    both = np.unique(np.concatenate([-halves, halves]))
    x, w = rule(both)
    w = w * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    if abs(rho) == 1:
        return np.sum(w * f(a * x) * f(rho * b * x))
    sine = math.sqrt((1 - rho) * (1 + rho))
    steep = np.clip((both - b * rho * x[:, None]) / (b * sine), -9, 9)
    grid = np.broadcast_to(np.arange(-9.0, 10.0), (len(x), 19))
    y, v = rule(np.sort(np.concatenate([steep, grid], axis=1), axis=1))
    inner = np.sum(
        v * np.exp(-y * y / 2) * f(b * (rho * x[:, None] + sine * y)), axis=1
    ) / math.sqrt(2 * math.pi)
    return np.sum(w * f(a * x) * inner)


@pytest.mark.parametrize("name", FUNCTIONS)
@np.errstate(over="ignore")
def test_steep_functions_by_nested_quadrature(name):
    """Equal, nearly equal, generic and opposite pairs, values and derivatives.

    Panels that halve 12 times have nodes as near as the function is steep; on each it is analytic
    with the poles as far away as the panel is long, so that 16 nodes leave an error of 1e-12.
    """
    law = mixture(name)
    a, b = (30, 30) if name == "tanh" else (30, 7)
    size, size_slope = scales(law, a, b)
    for rho in (-1.0, -0.4, 1 - 1e-5, 1.0):
        value, slope = expectations(law, a, b, rho)
        for function, found, scale in zip(
            FUNCTIONS[name], (value, slope), (size, size_slope), strict=True
        ):
            assert abs(found - nested(function, a, b, rho)) <= 2e-12 * scale, (rho, scale)


@pytest.mark.parametrize("name", ["tanh", "gelu"])
def test_where_both_rules_serve_they_agree(name):
    f = FUNCTIONS[name][0]
    by_hermite, law = Quadrature(f), mixture(name)
    for a, b in ((0.01, 0.01), (0.01, 1.0), (0.3, 2.0), (1.0, 1.0)):
        more = law.error([a, b]).max() + by_hermite.coefficients([a, b])[1].max() + 1e-13
        pair = (expectations(rule, a, b, RHO) for rule in (by_hermite, law))
        for one, other, size in zip(*pair, scales(law, a, b), strict=True):
            assert np.abs(one - other).max() <= more * size


def test_deep_steep_kernels():
    """erf as any function is the closed form through layers, at W_std = 30 and all angles.

    1 - rho keeps its relative error from layer to layer, so that the errors add up: each layer adds
    its estimate, which is below 1e-11, to the covariance and to the slope.
    """
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5, 3))
    X = np.concatenate([X, -X[:2], X[:2] * (1 + 1e-9), X[:1] + 1e-5 * X[1:2], X[:1] / 30])
    law = Quadrature(erf)
    for kernel, depth in ((nngp, 3), (ntk, 3)):
        options = dict(depth=depth, W_std=30, b_std=0.3)
        K, right = (kernel(X, activation=f, **options) for f in (law, "erf"))
        scale = np.sqrt(np.outer(np.diag(right), np.diag(right)))
        assert (np.abs(K - right) <= 2e-11 * depth * scale).all()
        np.testing.assert_array_equal(K, K.T)
    # One side steep, the other not; then so small that its square is no number.
    options = dict(depth=1, W_std=10, b_std=0)
    for far in (1e-2, 1e-200):
        other, right = (ntk(far * X[-1:], X, activation=f, **options) for f in (law, "erf"))
        assert np.abs(other - right).max() <= 2e-11 * np.abs(right).max()


def test_tanh_of_large_scales_is_served():
    X = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [1.0, 1e-9], [0.0, 0.0]])
    K = ntk(X, depth=3, activation="tanh", W_std=100)
    assert np.isfinite(K).all()
    assert (K[4] == 0).all()
    np.testing.assert_allclose(K[2], -K[0], rtol=1e-12, atol=1e-13 * K.max())
    assert K[0, 3] < K[0, 0]


def test_gradients_of_steep_kernels():
    """By complex steps through the mixture, against differences of the kernel."""
    X = np.random.default_rng(1).standard_normal((4, 3))
    kernel = NetworkKernel(depth=2, activation="tanh", W_std=8.0, b_std=0.5)
    _, gradient = kernel(X, eval_gradient=True)
    step = 1e-4
    for k in range(gradient.shape[2]):
        moved = [
            kernel.clone_with_theta(kernel.theta + s * step * np.eye(2)[k])(X) for s in (1, -1)
        ]
        # The difference errs by step^2 / 6 of a third derivative, here of about the kernel.
        right = (moved[0] - moved[1]) / (2 * step)
        assert np.abs(gradient[..., k] - right).max() <= 1e-7 * np.abs(right).max()


@pytest.mark.parametrize(
    "function",
    [
        lambda z: np.tanh(30 * (z - 0.5)),
        lambda z: np.maximum(z, 0) + 0.1 * z,
        np.exp,
        lambda z: np.tanh(z) + 1e-6 * np.exp(-(((z - 3) / 0.01) ** 2)),
    ],
    ids=["steep away from zero", "a kink at zero", "exp", "a bump between the points of the fit"],
)
def test_other_functions_are_refused(function):
    refused("is not a sum of Gaussians", Mixture, function, error=QuadratureError)


def test_an_error_that_is_too_large_is_said():
    """A bump has nothing to be relative to where the deviation is large."""
    law = Mixture(lambda z: z * np.exp(-z * z), name="bump")
    assert law.error([1.0])[0] <= 1e-10 < law.error([1e6])[0]
    with pytest.raises(QuadratureError, match=r"quadrature of bump: .* at standard deviation 1e"):
        law.rows(np.array([1.0, 1e6]))
