"""Activations: functions and derivatives by their formulas, constants by their functions."""

import math

import mpmath as mp
import numpy as np
import pytest

from ntklib import activations
from tests.unit.samples import refused

EPS = np.finfo(float).eps
TENT = activations.piecewise_linear([-2, 0, 1], [1, 2, -1], left=0.5, right=3.0)
LINE = activations.piecewise_linear([0, 1], [1, 3], left=2.0, right=2.0, name="line")


def between(low, high):
    """z between two kinks, constant beyond; the derivative at a kink is that from above."""
    return lambda z: min(max(z, low), high), lambda z: int(low <= z < high)


def root_two_pi():
    return mp.sqrt(2 * mp.pi)


def exponential(scale=1, alpha=1):
    """An ELU and its derivative; one number multiplies all, the other what is below."""
    return (
        lambda z: scale * (z if z >= 0 else alpha * mp.expm1(z)),
        lambda z: scale * (1 if z >= 0 else alpha * mp.exp(z)),
    )


# The constants of a SELU as Klambauer et al. (2017) print them.
SELU = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")


# The function, its derivative, whether that is bounded, whether the second is, the degree.
LAWS = {
    "relu": (lambda z: max(z, 0), lambda z: int(z >= 0), True, False, 1),
    "leaky_relu": (
        *(lambda z: z if z >= 0 else z / 100, lambda z: 1 if z >= 0 else mp.mpf(1) / 100),
        *(True, False, 1),
    ),
    "absolute": (abs, lambda z: 1 if z >= 0 else -1, True, False, 1),
    "identity": (lambda z: z, lambda z: 1, True, True, 1),
    "square": (lambda z: z**2, lambda z: 2 * z, False, True, 2),
    "tanh": (mp.tanh, lambda z: mp.sech(z) ** 2, True, True, None),
    "erf": (mp.erf, lambda z: 2 * mp.exp(-(z**2)) / mp.sqrt(mp.pi), True, True, None),
    "exp": (mp.exp, mp.exp, False, False, None),
    "sin": (mp.sin, mp.cos, True, True, None),
    "cos": (mp.cos, lambda z: -mp.sin(z), True, True, None),
    "gelu": (
        lambda z: z * mp.ncdf(z),
        lambda z: mp.ncdf(z) + z * mp.exp(-(z**2) / 2) / root_two_pi(),
        *(True, True, None),
    ),
    "gaussian": (
        *(lambda z: mp.exp(-(z**2)), lambda z: -2 * z * mp.exp(-(z**2))),
        *(True, True, None),
    ),
    "rbf": (lambda z: mp.sin(z) + mp.cos(z), lambda z: mp.cos(z) - mp.sin(z), True, True, None),
    "hardtanh": (*between(-1, 1), True, False, None),
    "relu6": (*between(0, 6), True, False, None),
    "elu": (*exponential(), True, True, None),
    "celu": (*exponential(), True, True, None),
    "selu": (*exponential(*SELU), True, False, None),
}
MADE = {
    activations.monomial(1): LAWS["identity"],
    activations.monomial(2): LAWS["square"],
    activations.monomial(3): (lambda z: z**3, lambda z: 3 * z**2, False, False, 3),
    activations.rectified_monomial(1): LAWS["relu"],
    activations.rectified_monomial(2): (
        *(lambda z: max(z, 0) ** 2, lambda z: 2 * max(z, 0)),
        *(False, True, 2),
    ),
    activations.rectified_monomial(3): (
        *(lambda z: max(z, 0) ** 3, lambda z: 3 * max(z, 0) ** 2),
        *(False, False, 3),
    ),
    activations.leaky_relu(1.0): LAWS["identity"],
    activations.leaky_relu(-2.0): (
        *(lambda z: z if z >= 0 else -2 * z, lambda z: 1 if z >= 0 else -2),
        *(True, False, 1),
    ),
    TENT: (
        lambda z: 1 + (z + 2) / 2 if z < 0 else 2 - 3 * z if z < 1 else 3 * z - 4,
        lambda z: 0.5 if z < 0 else -3 if z < 1 else 3,
        *(True, False, None),
    ),
    LINE: (lambda z: 1 + 2 * z, lambda z: 2, True, True, None),
}
CASES = [(activations.get(name), law) for name, law in LAWS.items()] + list(MADE.items())
POINTS = [-7.0, -2.0, -1.25, -1.0, -0.5, 0.0, 0.25, 1.0, 1.5, 4.0, 6.0, 7.5]


@pytest.mark.parametrize(("act", "law"), CASES, ids=[act.name for act, _ in CASES])
def test_functions_are_their_formulas(act, law):
    """A few roundings of a value, and of the point, where slopes are at most the value or 1."""
    z = np.array(POINTS)
    for found, exact in ((act.f, law[0]), (act.df, law[1])):
        values = found(z)
        assert values.dtype == np.float64
        assert found(z.astype(np.float32)).dtype == np.float32
        right = np.array([float(exact(mp.mpf(point))) for point in POINTS])
        assert (np.abs(values - right) <= 8 * EPS * np.maximum(1, np.abs(right))).all()
        # The points are numbers of float32.
        single = 8 * np.finfo(np.float32).eps * np.maximum(1, np.abs(right))
        assert (np.abs(found(z.astype(np.float32)) - right) <= single).all()


@pytest.mark.parametrize(("act", "law"), CASES, ids=[act.name for act, _ in CASES])
def test_constants(act, law):
    # Slopes of an exponential below zero are the steepest next to it.
    z = np.sort(np.append(np.linspace(-6, 6, 4001), -5e-6))
    slope, h = np.abs(act.df(z)).max(), np.diff(z)
    assert math.isfinite(act.lipschitz) == law[2]
    assert math.isfinite(act.smoothness) == law[3]
    assert act.degree == law[4]
    if math.isfinite(act.lipschitz):
        assert slope <= act.lipschitz * (1 + 1e-12)
        assert slope >= act.lipschitz * (1 - 1e-5)  # the grid misses the maximum by h^2
    if math.isfinite(act.smoothness):
        curvature = np.abs(np.diff(act.df(z)) / h).max()
        assert curvature <= act.smoothness + 1e-9
        assert curvature >= act.smoothness * (1 - 1e-4)
    if act.degree is not None:
        assert np.abs(act.f(3 * z) - 3**act.degree * act.f(z)).max() <= 1e-12 * 27 * 216


def test_every_name_is_tested():
    assert set(LAWS) == set(activations._BY_NAME)
    assert all(activations.get(name).name == name for name in LAWS)
    assert activations.get(TENT) is TENT


def test_names():
    assert TENT.name == "piecewise_linear"
    assert LINE.name == "line"
    assert activations.monomial(2).name == "monomial(2)"
    assert activations.rectified_monomial(2).name == "rectified_monomial(2)"


def test_one_kink_and_flat_ends():
    corner = activations.piecewise_linear([1.0], [2.0], right=3.0)
    assert np.array_equal(corner.f(np.array([-5.0, 1.0, 2.0])), [2.0, 2.0, 5.0])
    assert np.array_equal(corner.df(np.array([-5.0, 1.0, 2.0])), [0.0, 3.0, 3.0])
    assert activations.piecewise_linear([0, 1], [0, -4]).lipschitz == 4.0
    with pytest.raises(AttributeError):
        corner.lipschitz = 0.0  # also where it is a key of a table


def test_leaky_relu_slope():
    act = activations.leaky_relu(0.3)
    assert np.array_equal(act.f(np.array([-2.0, 2.0])), [-0.6, 2.0])
    assert np.array_equal(act.df(np.array([-2.0, 0.0, 2.0])), [0.3, 1.0, 1.0])


def test_bad_arguments_are_named():
    straight = activations.piecewise_linear
    refused("degree must be at least 1", activations.monomial, 0)
    refused("degree must be an integer", activations.rectified_monomial, 1.5, error=TypeError)
    refused("slope must have 0 dimension", activations.leaky_relu, [0.1])
    refused("kinks must have 1 dimension", straight, 0.0, [0.0])
    refused("values must have 1 dimension", straight, [0.0], 0.0)
    refused(r"values must have the shape \(2,\) of kinks, got \(1,\)", straight, [0, 1], [0])
    refused(r"kinks must increase, got \[0\.0, 0\.0\]", straight, [0, 0], [1, 2])
    refused(r"kinks must increase, got \[1\.0, 0\.0, 2\.0\]", straight, [1, 0, 2], [1, 2, 3])
    refused("left must have 0 dimension", straight, [0, 1], [0, 1], left=[1.0])
    refused("right must be finite", straight, [0, 1], [0, 1], right=math.inf)
    refused("activation must be one of .*relu6.* got 'swish'", activations.get, "swish")
