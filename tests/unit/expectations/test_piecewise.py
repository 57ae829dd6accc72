"""Straight pieces: exact at every standard deviation and every correlation."""

import math

import array_api_strict
import mpmath as mp
import numpy as np
import pytest

from ntklib import activations, expectations, nngp, ntk
from ntklib._slopes import scale_slope
from ntklib.activations import piecewise_linear
from ntklib.architecture import architecture
from ntklib.expectations import PiecewiseLinear, Quadrature, QuadratureError, dual
from tests.unit.samples import refused, stored

LAWS = {
    "hardtanh": dual("hardtanh"),
    "relu6": dual("relu6"),
    "stairs": PiecewiseLinear([-1, 0.5, 2], [0, 1, -1], 0.25, -0.5),
}
# What the package promises of a kernel. The values are mostly good to 1e-14.
PROMISE = 1e-10


def layers(row, convert=np.array):
    """The layer at a row of the table; the exact values."""
    name, a, b, small, opposite, *exact = row
    law = LAWS[name]
    left, right = (law.rows(np.array([s * 1.0])) for s in (a, b))
    minus, plus = np.array([small]), np.array([2 - small])
    pair = (plus, minus) if opposite else (minus, plus)
    layer = law.pairs(*(side.map(convert) for side in (left, right)), *map(convert, pair))
    return left, right, layer, [float(v) for v in exact]


@pytest.mark.parametrize("row", stored("piecewise_expectations.json"), ids=lambda r: str(r[:5]))
def test_stored_values(row):
    """Against the table of mpmath: the sizes, both expectations, and 1 - r and 1 + r in angles."""
    left, right, layer, (size, other, product, slope, less, more) = layers(row)
    a, b, e = row[1], row[2], size * other
    assert abs(left.size[0] / size - 1) <= 1e-12
    assert abs(right.size[0] / other - 1) <= 1e-12
    assert abs((layer.plus[0] - layer.minus[0]) / 2 - product / e) <= PROMISE / 100
    # At equal points the slope is the largest, sqrt(E f'(u)^2 E f'(v)^2) here.
    law = LAWS[row[0]]
    largest = math.sqrt(math.prod(expectations.expectations(law, s, s, 1)[1] for s in (a, b)))
    assert abs(layer.slope[0] * e / (a * b) - slope) <= PROMISE / 100 * largest
    assert abs(math.sqrt(layer.minus[0]) - math.sqrt(max(0, less))) <= PROMISE
    assert abs(math.sqrt(layer.plus[0]) - math.sqrt(max(0, more))) <= PROMISE


@pytest.mark.parametrize("row", stored("piecewise_expectations.json")[::9])
def test_the_same_on_other_arrays(row):
    _, _, here, _ = layers(row)
    _, _, there, _ = layers(row, array_api_strict.asarray)
    for one, other in zip(here, there, strict=True):
        assert np.allclose(one, np.asarray(other), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("a", [1e-3, 1.0, 30.0, 1e3])
def test_two_kinks_far_out_are_the_relu(a):
    """max(z, 0) with a kink at 0, and one that no number reaches; |z| likewise."""
    rho = np.array([-1.0, -0.5, 0.0, 0.9, 1 - 1e-15, 1.0])
    for name, left in (("relu", 0.0), ("absolute", -1.0)):
        law = PiecewiseLinear([0, 50 * a], [0, 50 * a], left, 1.0)
        found, right = (expectations.expectations(f, a, 2 * a, rho) for f in (law, name))
        assert np.abs(found[0] - right[0]).max() <= 1e-14 * 2 * a * a
        assert np.abs(found[1] - right[1]).max() <= 1e-14


def test_equal_and_nearly_equal_points_through_layers():
    """Depth 3: copies have the value of the diagonal, and the kernel is continuous there."""
    x = np.array([[1.0, 2.0, -0.5]])
    for activation in ("hardtanh", "relu6"):
        for scale in (1e-3, 1.0, 1e3):
            X = scale * np.vstack([x, x, x * (1 + 1e-12), x + np.array([0, 0, 1e-9]), -x, 0 * x])
            K = ntk(X, depth=3, activation=activation, b_std=0.1)
            other = ntk(X, X.copy(), depth=3, activation=activation, b_std=0.1)
            assert np.isfinite(K).all()
            assert np.abs(K[:3, :3] - K[0, 0]).max() <= PROMISE * K[0, 0]
            assert np.abs(other - K).max() <= PROMISE * K.max()
            assert np.linalg.eigvalsh(K)[0] >= -1e-12 * np.trace(K)


@pytest.mark.parametrize("activation", ["hardtanh", "selu"])
def test_the_derivative_in_the_scales(activation):
    """By central differences of the kernel, of error h^2 and 1e-16 / h."""
    X = np.random.default_rng(0).standard_normal((4, 3))
    h = 1e-5
    kernels = [
        ntk(X, depth=2, activation=activation, W_std=1.3 * math.exp(t), b_std=0.2) for t in (h, -h)
    ]
    net = architecture(2, activation, 1.3, 0.2, "all")
    found = scale_slope(net, X, True, "weights")
    assert np.abs(found - (kernels[0] - kernels[1]) / (2 * h)).max() <= 1e-8 * np.abs(found).max()


def test_functions_and_their_names():
    z = np.array([-9.0, -1.0, -0.5, 0.0, 1.0, 7.0])
    for name, right in (("hardtanh", np.clip(z, -1, 1)), ("relu6", np.clip(z, 0, 6))):
        act = activations.get(name)
        assert np.array_equal(act.f(z), right)
        assert act.f(z.astype(np.float32)).dtype == act.df(z.astype(np.float32)).dtype == np.float32
        assert np.array_equal(LAWS[name](z), right)
        assert (act.lipschitz, act.smoothness) == (1.0, math.inf)
    assert np.array_equal(activations.relu6.df(z), [0, 0, 0, 1, 1, 0])
    act = piecewise_linear([0], [1], -2, 3, name="mine")
    assert np.array_equal(act.f(np.array([-1.0, 0, 2])), [3, 1, 7])
    assert act.name == "mine"
    assert piecewise_linear([0], [1], 2, 2).smoothness == 0


def test_bad_arguments_are_named():
    for build in (PiecewiseLinear, piecewise_linear):
        refused("kinks must increase", build, [1, 1], [0, 0])
        refused(r"values must have the shape \(2,\) of kinks, got \(1,\)", build, [0, 1], [0])
        refused("kinks must be finite", build, [math.nan], [0])
        refused("right must be finite", build, [0.0], [0], right=math.inf)
    refused("must not all be zero", PiecewiseLinear, [0], [0])


def test_a_tail_that_has_no_digits_is_refused():
    law = PiecewiseLinear([20], [0], 0, 1)
    refused(
        "no digits are left at standard deviation 1", law.rows, np.ones(1), error=QuadratureError
    )


@pytest.mark.parametrize("a", [1e8, 1e20, 1e150])
@pytest.mark.parametrize(("name", "step", "lowest"), [("hardtanh", 2, -1), ("relu6", 6, 0)])
def test_large_deviations_are_a_step(name, step, lowest, a):
    """The function goes from its lowest value up by a step, of a width that is nothing beside a.

    With the probability p of two numbers above zero, E f(u) f(v) = lowest^2 + lowest step +
    step^2 p, and E f'(u) f'(v) is step^2 times the density of both at zero; up to the width over
    a sin(theta), and for the odd function to its square. At equal points E f'^2 is step / width
    times the density step / (a sqrt(2 pi)), of width step here.
    """
    rho = np.array([-0.99, -0.5, 0.0, 0.3, 0.9, 1 - 1e-9])
    sine = np.sqrt((1 - rho) * (1 + rho))
    both = (math.pi - np.arctan2(sine, rho)) / (2 * math.pi)
    found, slope = expectations.expectations(name, a, a, rho)
    off = (step / a / sine) ** (2 if name == "hardtanh" else 1)
    right = lowest**2 + lowest * step + step**2 * both
    assert (np.abs(found - right) <= (1e-14 + off) * step**2).all()
    right = step**2 / (2 * math.pi * a * a * sine)
    assert (np.abs(slope - right) <= (1e-11 + off) * right).all()
    largest = expectations.expectations(name, a, a, 1)[1]
    assert abs(largest / (step / (a * math.sqrt(2 * math.pi))) - 1) <= 1e-14 + step / a


@pytest.mark.parametrize("a", [1e4, 1e8, 1e16])
def test_nothing_jumps_where_the_integrals_turn(a):
    """Between angles at which they begin at zero, and others: 1 - r grows, by what its slope says.

    The turn is where a theta^2 is a few. The trapezoid rule errs by steps^2 / 12 times a curvature
    like that of theta, 1 / angle, over the range of angles.
    """
    law = LAWS["hardtanh"]
    theta = np.linspace(1, 6, 2001) / math.sqrt(a)
    minus = 2 * np.sin(theta / 2) ** 2
    side = law.rows(np.array([a]))
    layer = law.pairs(side, side, minus, 2 - minus)
    change = layer.slope * np.sin(theta)
    steps = np.diff(theta)
    right = steps * (change[1:] + change[:-1]) / 2
    assert np.abs(np.diff(layer.minus) - right).max() <= 1e-6 * right.max() + 1e-15


def test_squares_that_leave_the_range_are_refused():
    for name in ("hardtanh", "erf", "sin", "elu"):
        for function in (ntk, nngp):
            refused(
                "standard deviations of a layer are beyond 1e.153, got 1.41e.160",
                *(function, [[1e160, 1e160]]),
                **{"error": OverflowError, "depth": 1, "activation": name, "W_std": 1.0},
            )


@pytest.mark.parametrize("t", [8, 36])
@pytest.mark.parametrize("rho", [0.999999999, 0.99, 0.5])
def test_a_slope_far_out_keeps_its_digits(t, rho):
    """1, and 1 + z - t above t: E f'(u) f'(v) is the probability that both are above.

    By mpmath, from a density without its smallness exp(-t^2 / 2).
    """
    found = expectations.expectations(PiecewiseLinear([t], [1.0], 0.0, 1.0), 1, 1, rho)[1]
    with mp.workdps(25):
        r = mp.mpf(rho)
        s = mp.sqrt(1 - r * r)

        def both(x):
            return mp.exp((t - x) * (t + x) / 2) / mp.sqrt(2 * mp.pi) * mp.ncdf((r * x - t) / s)

        places = {t + mp.mpf(k) / t for k in (0, 0.3, 1, 3, 10, 30, 60)}
        places |= {t / r + k * s for k in (-9, -3, 0, 3, 9)}
        value = mp.quad(both, sorted(p for p in places if p >= t)) * mp.exp(-t * t / mp.mpf(2))
        largest = mp.ncdf(-t)
        assert abs(found - value) <= 2e-13 * largest


def test_a_narrow_piece_that_has_no_digits_is_refused():
    """The four terms of its slope are 1e9 as large as their sum."""
    law = PiecewiseLinear([0.5, 0.5 + 1e-9], [0, 1e-9])
    refused("flat but for narrow pieces", law.rows, np.ones(1), error=QuadratureError)
    # About zero the differences of these terms are known.
    assert PiecewiseLinear([0, 1e-9], [0, 1e-9]).rows(np.ones(1)).size[0] > 0


def test_gauss_hermite_would_not_do():
    """What the table would catch: at standard deviation 30 the slope is off by a tenth or more."""
    law = Quadrature(lambda z: np.clip(z, -1, 1), tolerance=1e300, nodes=512)
    right = expectations.expectations("hardtanh", 30.0, 30.0, 1.0)[1]
    assert abs(expectations.expectations(law, 30.0, 30.0, 1.0)[1] / right - 1) > 1e-2
