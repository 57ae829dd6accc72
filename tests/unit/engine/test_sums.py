"""Sums over coordinates: the roundings that are promised, where equal coordinates add them up."""

import math
from fractions import Fraction

import numpy as np
import pytest

from ntklib._engine import sums

SIZES = [1, 2, 3, 31, 33, 784, 1025, 100_003]


def off(found, exact, dtype=np.float64):
    """Distance in roundings, relative to the exact value."""
    return float(
        abs(Fraction(float(found)) / exact - 1) / (Fraction(float(np.finfo(dtype).eps)) / 2)
    )


@pytest.mark.parametrize("d", SIZES)
def test_lengths_pass_few_roundings(d):
    """Ceil(log2 d) in the sum, one in the products; the bound is of first order in u."""
    bound = math.ceil(math.log2(d)) + 1
    exact = Fraction(0.1) ** 2 * d
    assert off(sums.squares(np.full((1, d), 0.1))[0], exact) <= bound
    X = np.random.default_rng(d).integers(-(2**26), 2**26, (1, d)) / 3.0
    before = X.copy()
    for row, value in zip(X, sums.squares(X), strict=True):
        assert off(value, sum(Fraction(v) ** 2 for v in row.tolist())) <= bound
    assert np.array_equal(X, before)
    ones = np.ones((3, d))
    assert np.array_equal(
        sums.products_of_rows(np.arange(3.0)[:, None] * ones, ones), d * np.arange(3.0)
    )


def test_a_running_sum_would_not_do():
    d = SIZES[-1]
    running = np.cumsum(np.full(d, 0.1) ** 2)[-1]
    assert off(running, Fraction(0.1) ** 2 * d) > 10 * (math.ceil(math.log2(d)) + 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("step", [sums.SHORT, sums.LONG])
@pytest.mark.parametrize("d", SIZES)
def test_products_pass_the_roundings_of_one_part(d, step, dtype):
    X = np.full((4, d), 0.1, dtype)
    out = np.empty((4, 9), dtype)[:, :4]
    assert sums.products(X, X, step, out) is out
    assert off(out[1, 2], Fraction(float(dtype(0.1))) ** 2 * d, dtype) <= sums.roundings(d, step)
    X = np.random.default_rng(d).standard_normal((5, d)).astype(dtype)
    Z, wide = X[::-1][:3], X.astype(np.float64)
    bound = (
        sums.roundings(d, step)
        * np.finfo(dtype).eps
        / 2
        * (np.abs(wide) @ np.abs(wide[::-1][:3]).T)
    )
    # The right side rounds too: by as much as float64 does.
    right = np.array([[math.fsum((x * z).tolist()) for z in wide[::-1][:3]] for x in wide])
    assert (
        np.abs(sums.products(X, Z, step) - right)
        <= bound + 2.0**-53 * np.abs(wide) @ np.abs(wide[::-1][:3]).T
    ).all()


def test_roundings_by_hand():
    assert sums.roundings(5, 8) == 5
    assert sums.roundings(8, 8) == 8
    assert sums.roundings(9, 8) == 9
    assert sums.roundings(10**6, 1024) == 1034
