"""The rules of what rounding may have done, one by one: each limit from both sides."""

import math

import numpy as np
import pytest

from ntklib import _precision as rules
from tests.unit.samples import refused

EPS, SINGLE = float(np.finfo(np.float64).eps), float(np.finfo(np.float32).eps)


def test_cutoffs():
    J = np.ones((3, 7))
    assert rules.cutoff(J.shape, EPS, None) == 7 * EPS
    assert [rules.cutoff(J.shape, EPS, share) for share in (0.0, 0.5)] == [0.0, 0.5]
    for share in (-0.1, 1.0, 1.5):
        refused(r"rcond must lie in \[0, 1\)", rules.cutoff, J.shape, EPS, share)
    assert rules.gram_cutoff(J, 3, EPS, None) == 3 * EPS
    assert rules.gram_cutoff(J, 3, SINGLE, None) == (7 * SINGLE) ** 2
    assert rules.gram_cutoff(J, 3, EPS, 0.1) == 0.1


def test_largest():
    for entries, size in (([-3, 2], 3), ([-1, 2], 2), ([1, 2], 2), ([-5, -2], 5)):
        assert rules.largest(np.array(entries, float)) == size


@pytest.mark.parametrize(("eps", "share"), [(EPS, 1e-8), (SINGLE, 100 * SINGLE)])
@pytest.mark.parametrize("place", [(1, 0), (299, 0), (299, 298)])
def test_symmetric(eps, share, place):
    for size, accepted in ((0.995, True), (1.005, False)):
        K = 100 * np.eye(300)
        K[place] = size * share * 100
        assert rules.symmetric(K, eps) == accepted


def test_rounding():
    found = rules.rounding(np.array([8.0, 2.0]), SINGLE)
    assert abs(found / (4 * SINGLE * 8 * math.sqrt(1.25)) - 1) <= 4 * EPS
    assert rules.rounding(np.zeros(2), SINGLE) == 0


def test_how_negative_is_too_negative():
    diagonal = np.array([1.0, 100.0])
    double, single = 4 * EPS * 100, 2 * rules.rounding(diagonal, SINGLE)
    for limit, options in ((double, (EPS,)), (single, (SINGLE,)), (10.0, (EPS, 0.1))):
        rules.refuse_negative(-0.99 * limit, diagonal, *options)
        refused("positive", rules.refuse_negative, -1.01 * limit, diagonal, *options)


@pytest.mark.parametrize(("dtype", "safe"), [(np.float64, 400), (np.float32, 40)])
def test_powers_of_two_are_taken_out(dtype, safe):
    inside, beyond = (np.array([2.0**k, 1.0], dtype) for k in (safe - 1, safe))
    assert rules.scaled(inside)[1] == 0
    assert rules.scaled(inside)[0] is inside
    found, exponent = rules.scaled(beyond)
    assert exponent == safe + 1
    assert np.array_equal(found, [0.5, 0.5 * 2.0**-safe])
    found, exponent = rules.scaled(np.array([np.finfo(dtype).smallest_subnormal]))
    assert found[0] == 0.5
    assert rules.unscaled("x", found, exponent)[0] == np.finfo(dtype).smallest_subnormal


def test_what_is_not_finite_is_named():
    refused(
        "x beyond 1.8e.308", rules.representable, "x", np.array([1, np.inf]), error=OverflowError
    )
