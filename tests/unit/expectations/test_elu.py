"""ELU, SELU and CELU: right at every standard deviation and every correlation."""

import math

import array_api_strict
import numpy as np
import pytest

from ntklib import activations, conv_ntk, expectations, ntk
from ntklib.expectations import Elu, Quadrature, dual
from tests.unit.samples import refused, stored

LAWS = {"elu": dual("elu"), "selu": dual("selu")}
TABLE = stored("elu_expectations.json")


def layers(row, convert=np.array):
    """The layer at a row of the table; the exact values."""
    name, a, b, small, opposite, *exact = row
    law = LAWS[name]
    left, right = (law.rows(np.array([s * 1.0])) for s in (a, b))
    minus, plus = np.array([small]), np.array([2 - small])
    pair = (plus, minus) if opposite else (minus, plus)
    layer = law.pairs(*(side.map(convert) for side in (left, right)), *map(convert, pair))
    return left, right, layer, [float(v) for v in exact]


@pytest.mark.parametrize("row", TABLE, ids=lambda r: str(r[:5]))
def test_stored_values(row):
    """Against the table of mpmath: the sizes, both expectations, and 1 - r in angles.

    Of 1 + r, which is small where the function is nearly straight and the points are opposite, an
    ulp is the root of one in the angle: such a function is as flat there.
    """
    left, right, layer, (size, other, product, slope, largest, less, more) = layers(row)
    a, b, e = row[1], row[2], size * other
    assert abs(left.size[0] / size - 1) <= 1e-14
    assert abs(right.size[0] / other - 1) <= 1e-14
    assert abs((layer.plus[0] - layer.minus[0]) / 2 - product / e) <= 1e-14
    assert abs(layer.slope[0] * e / (a * b) - slope) <= 1e-14 * largest
    assert abs(math.sqrt(layer.minus[0]) - math.sqrt(less)) <= 1e-14
    assert abs(layer.plus[0] - more) <= 1e-14


@pytest.mark.parametrize("row", TABLE[3::20])
def test_the_same_on_other_arrays(row):
    _, _, here, _ = layers(row)
    _, _, there, _ = layers(row, array_api_strict.asarray)
    for one, other in zip(here, there, strict=True):
        assert np.allclose(one, np.asarray(other), rtol=1e-13, atol=1e-15)


def test_a_celu_is_an_elu_of_another_unit():
    """alpha elu(z / alpha), so that both deviations go over alpha."""
    rho = np.array([-1.0, -0.5, 0.0, 0.9, 1 - 1e-12, 1.0])
    for alpha in (1e-3, 0.25, 7.0):
        found = expectations.expectations(activations.celu(alpha), 3.0, 0.5, rho)
        right = expectations.expectations("elu", 3.0 / alpha, 0.5 / alpha, rho)
        assert np.abs(found[0] - alpha**2 * right[0]).max() <= 1e-14 * 3.0 * 0.5
        assert np.abs(found[1] - right[1]).max() <= 1e-14


@pytest.mark.parametrize("a", [1e-6, 1.0, 1e6, 1e150])
def test_without_the_exponential_it_is_the_relu(a):
    """The exponential is bounded by its scale: beside the straight part 1e-20 of it is nothing."""
    rho = np.array([-1.0, -0.5, 0.0, 0.9, 1 - 1e-15, 1.0])
    law = Elu(1.0, a * 1e-20, a)
    found, right = (expectations.expectations(f, a, 2 * a, rho) for f in (law, "relu"))
    assert np.abs(found[0] / a - right[0] / a).max() <= 1e-14 * 2 * a
    assert np.abs(found[1] - right[1]).max() <= 1e-14


def test_equal_and_nearly_equal_points_through_layers():
    """Depth 3: copies have the value of the diagonal, and the kernel is continuous there."""
    x = np.array([[1.0, 2.0, -0.5]])
    for activation in ("elu", "selu"):
        for scale in (1e-9, 1.0, 1e9):
            X = scale * np.vstack([x, x, x * (1 + 1e-12), x + np.array([0, 0, 1e-9]), -x, 0 * x])
            K = ntk(X, depth=3, activation=activation, b_std=0.1)
            other = ntk(X, X.copy(), depth=3, activation=activation, b_std=0.1)
            # The slope of a kink's kernel falls with the angle: by 1e-9 a layer.
            assert np.abs(K[:3, :3] - K[0, 0]).max() <= 1e-8 * K[0, 0]
            assert np.abs(K[:2, :2] - K[0, 0]).max() <= 1e-14 * K[0, 0]
            assert np.abs(other - K).max() <= 1e-14 * K.max()
            assert np.linalg.eigvalsh(K)[0] >= -1e-14 * np.trace(K)


def test_signals():
    """One pixel and one channel: the network of a number, which layers of one weight are."""
    x = np.array([0.3, -1.0, 2.0])
    found = conv_ntk(x[:, None, None], depth=2, kernel_size=1, activation="elu", b_std=0.1)
    right = ntk(x[:, None], depth=2, activation="elu", b_std=0.1)
    assert np.abs(found - right).max() <= 1e-14 * right.max()


def test_functions_and_their_names():
    z = np.array([-9.0, -1.0, 0.0, 1e-3, 7.0])
    for act, slope, scale, width in (
        (activations.elu(0.5), 1.0, 0.5, 1.0),
        (activations.celu(3.0), 1.0, 3.0, 3.0),
        (activations.selu, 1.0507009873554805, 1.7580993408473773, 1.0),
    ):
        right = [slope * t if t >= 0 else scale * math.expm1(t / width) for t in z]
        assert np.abs(act.f(z) - right).max() <= 1e-15
        assert np.array_equal(dual(act)(z), act.f(z))
        h = 1e-6
        differences = (act.f(z[:2] + h) - act.f(z[:2] - h)) / (2 * h)
        assert np.abs(act.df(z[:2]) - differences).max() <= 1e-9
        assert np.array_equal(act.df(z[2:]), np.full(3, slope))
        assert act.f(z.astype(np.float32)).dtype == act.df(z.astype(np.float32)).dtype == np.float32
    assert activations.get("elu") == activations.elu()
    # The steepest and the most bent place is just below zero, or above.
    for act, lipschitz, smoothness in (
        (activations.elu(0.5), 1.0, math.inf),
        (activations.elu(2.0), 2.0, math.inf),
        (activations.elu(), 1.0, 1.0),
        (activations.celu(2.0), 1.0, 0.5),
        (activations.selu, activations.selu.f.scale, math.inf),
    ):
        assert (act.lipschitz, act.smoothness) == (lipschitz, smoothness)


def test_selu_keeps_the_mean_and_the_square():
    """Its two numbers are made for this: of a standard Gaussian E f = 0 and E f^2 = 1."""
    assert abs(expectations.expectations("selu", 1, 1, 1)[0] - 1) <= 1e-14
    mean = Quadrature(activations.selu.f, tolerance=1.0, nodes=512).coefficients([1.0])[0][0, 0]
    # The kink costs the quadrature the square of the distance of its nodes, 0.1.
    assert abs(mean) <= 1e-2


def test_bad_arguments_are_named():
    refused("alpha must be positive", activations.elu, 0)
    refused("alpha must be positive", activations.celu, -1)
    refused("width must be positive", Elu, 1, 1, 0)
    refused("scale must not be zero", Elu, 1, 0)
    refused("slope must be finite", Elu, math.inf)
