"""A layer of ReLUs: one formula, held to exact values in each way in which it is computed."""

import array_api_strict
import mpmath as mp
import numpy as np
import pytest

from ntklib._engine import compiled
from ntklib._engine.blocks import Scratch
from ntklib._engine.layers import Power, ReluLayers, power_layer
from tests.unit import exact
from tests.unit.engine.test_angular import cosines, defects

# What the activation does to negative numbers, as a multiple of what it does to positive ones.
SIDES = {"relu": 0.0, "leaky": -0.25, "absolute": 1.0, "identity": -1.0}


def leak(side):
    return 2 * side / (1 + side * side)


# Networks whose kernel is r times the slope of one layer, its correlation, and both together.
NETWORKS = {
    "slope": ((True, False), True),
    "correlation": ((True, False), False),
    "readout": ((False, True), True),
    "both": ((True, True), True),
}


def values_of(name, theta, side):
    slope, value = exact.relu_layer(theta, leak(mp.mpf(side)))
    slope *= mp.cos(theta)
    return {"slope": slope, "correlation": value, "readout": value, "both": slope + value}[name]


def in_place(name, side, dtype):
    trained, tangent = NETWORKS[name]
    cos, theta = cosines(dtype)
    values = cos[None].copy()
    network = ReluLayers(trained, leak=leak(side), tangent=tangent)
    network.bulk(values, slice(0, 1), slice(0, len(cos)), Scratch(values.dtype))
    return values[0], theta


def in_one_pass(name, side, dtype, through=compiled.relu_tile):
    trained, tangent = NETWORKS[name]
    cos, theta = cosines(dtype)
    tile, ones = np.tile(cos, (2, 1)), np.ones(len(cos), dtype)
    none = np.zeros((2, 0), dtype)
    left = np.array([1, 2], dtype)
    flags = np.array(trained), np.zeros(2, bool), tangent
    through(tile, leak(side), *flags, left, ones, none, none, none, none)
    assert np.array_equal(2 * tile[0], tile[1])
    return tile[0], theta


def in_one_pass_from_defects(name, side, dtype):
    return in_one_pass(name, side, dtype, compiled.deep_tile)


def from_defects(name, side, dtype, convert=np.asarray):
    minus, plus, theta = defects(dtype)
    law = Power(1, 1.0, side)
    below, above, slope = map(np.asarray, power_layer(law, convert(minus), convert(plus)))
    value, slope = (above - below) / 2, slope * (plus - minus) / 2
    return {"slope": slope, "both": slope + value}.get(name, value), theta


def portable(name, side, dtype):
    return from_defects(name, side, dtype, array_api_strict.asarray)


WAYS = [in_place, in_one_pass, in_one_pass_from_defects, from_defects, portable]


def tolerance(name, side, dtype):
    """Ulps of the terms, (1 + leak) times a slope and a correlation of at most 1, and leak.

    Over pi, (pi - theta) and sin theta are off by 5/4 and 1 ulp (tolerance of profiles), the factor
    in front by 1; products and sums add one each: 5 in all, for each of two.
    """
    terms = abs(1 + leak(side)) + abs(leak(side))
    return 5 * np.finfo(dtype).eps * terms * (2 if name == "both" else 1)


def error(values, theta, name, side):
    with mp.workdps(40):
        return max(
            abs(mp.mpf(float(v)) - values_of(name, t, side))
            for v, t in zip(values, theta, strict=True)
        )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", NETWORKS)
def test_exact_in_each_way(name, side, way, dtype):
    values, theta = way(name, SIDES[side], dtype)
    assert values.dtype == dtype
    assert error(values, theta, name, SIDES[side]) <= tolerance(name, SIDES[side], dtype)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_tests_can_tell_a_wrong_layer(name, way):
    """A leak slightly off, and another kernel of the same network."""
    side = SIDES["leaky"]
    values, theta = way(name, side, np.float32)
    bound = 100 * tolerance(name, side, np.float32)
    assert error(values, theta, name, side + 0.01) > bound
    for other in {"slope", "correlation", "both"} - {name}:
        if (name, other) != ("readout", "correlation"):
            assert error(values, theta, other, side) > bound


@pytest.mark.parametrize("convert", [np.asarray, array_api_strict.asarray])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("side", SIDES)
def test_angles_keep_their_digits(side, dtype, convert):
    """1 - r and 1 + r are known to some ulps of their roots, which are sines of half angles.

    Four roundings reach the root of a defect, each of half an ulp and less.
    """
    minus, plus, theta = defects(dtype)
    found = power_layer(Power(1, 1.0, SIDES[side]), convert(minus), convert(plus))[:2]
    bound = 4 * np.finfo(dtype).eps
    with mp.workdps(60):
        for i, angle in enumerate(theta):
            _, r = exact.relu_layer(angle, leak(mp.mpf(SIDES[side])))
            for got, right in zip(found, (1 - r, 1 + r), strict=True):
                gap = mp.sqrt(mp.mpf(float(got[i]))) - mp.sqrt(abs(right))
                assert abs(gap) <= bound, (float(angle), got[i], right)


@pytest.mark.parametrize("tangent", [True, False])
@pytest.mark.parametrize("mixed", [(False, True, True), (True, False, True)])
def test_biases_join_in_both_ways(mixed, tangent):
    """Two layers whose biases have a share of their own at each point, against the recursion."""
    cos, _ = cosines(np.float64)
    n, rng = len(cos), np.random.default_rng(0)
    turn, other = rng.uniform(0.1, 0.5, (3, 1)), rng.uniform(0.1, 0.5, (3, n))
    left, right = (np.cos(turn), np.sin(turn)), (np.cos(other), np.sin(other))
    trained = (False, True, True)
    network = ReluLayers(trained, mixed, 0.3, tangent, left, right)
    values = cos[None].copy()
    network.bulk(values, slice(0, 1), slice(0, n), Scratch(values.dtype))
    tile, by_defects = cos[None].copy(), cos[None].copy()
    flags = np.array(trained), np.array(mixed), tangent
    compiled.relu_tile(tile, 0.3, *flags, np.ones(1), np.ones(n), *left, *right)
    compiled.deep_tile(by_defects, 0.3, *flags, np.ones(1), np.ones(n), *left, *right)
    for j in range(n):
        r, t = mp.mpf(cos[j]), mp.mpf(0)
        for layer in range(3):
            if mixed[layer]:
                share = left[0][layer, 0] * right[0][layer, j]
                r, t = share * r + left[1][layer, 0] * right[1][layer, j], share * t
            if trained[layer]:
                t += r
            if layer < 2:
                slope, r = exact.relu_layer(mp.acos(r), mp.mpf(0.3))
                t *= slope
        expected = float(t if tangent else r)
        # Each layer has the ulps of one, and hands them on with a slope of at most 1.
        bound = 3 * 5 * np.finfo(float).eps * 1.6 * (3 if tangent else 1)
        assert abs(values[0, j] - expected) <= bound
        assert abs(tile[0, j] - expected) <= bound
        assert abs(by_defects[0, j] - expected) <= bound


def test_a_tangent_kernel_needs_a_trained_layer():
    with pytest.raises(ValueError, match="needs a trained layer"):
        ReluLayers((False, False))


def test_a_thousand_layers():
    """The kernel to 8 roundings a layer, by the recursion in 40 digits.

    From the second layer on slopes and correlations are positive, and relative errors add up. A
    layer has a product, a sum, and a slope and a correlation near 1: 4 roundings. At layer l the
    angle is about 3 pi / l. It comes from l layers, each of which contracts ratios of angles and
    adds half a rounding, so it is off by l / 2 of its own: the slope, 1 - angle / pi, by 3 / 2. The
    rest is for the first layers, where the half is up to 5.
    """
    cos = np.array([-0.98, -0.3, 0.0, 0.5, 0.98])
    tile, none = cos[None].copy(), np.zeros((1001, 0))
    flags = np.ones(1001, bool), np.zeros(1001, bool)
    compiled.deep_tile(tile, 0.0, *flags, True, np.ones(1), np.ones(5), none, none, none, none)
    with mp.workdps(40):
        for got, start in zip(tile[0], cos, strict=True):
            r = t = mp.mpf(float(start))
            for _ in range(1000):
                slope, r = exact.relu_layer(mp.acos(r), 0)
                t = r + slope * t
            assert abs(mp.mpf(float(got)) / t - 1) <= 8 * 1000 * 2.0**-53


def test_depth_that_keeps_the_accuracy():
    for dtype, depth in ((np.float64, 32), (np.float32, 8)):
        for layers, right in ((depth, True), (depth + 1, False)):
            assert ReluLayers((True,) * (layers + 1)).accurate(np.dtype(dtype)) is right


def test_other_degrees_are_those_of_the_expectations():
    """The slope of z_+^2 at equal points: 4 J_1(0) / J_2(0), where J_1(0) = pi, J_2(0) = 3 pi."""
    law = Power(2, 1.0, 0.0)
    minus, plus, slope = power_layer(law, np.zeros(1), np.full(1, 2.0))
    assert (minus[0], plus[0]) == (0, 2)
    assert abs(slope[0] - 4 / 3) <= 4 * np.finfo(float).eps
    assert (law.square, law.twice, law.odd) == (1, 0, 3)
