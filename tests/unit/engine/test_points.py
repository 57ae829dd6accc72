"""Rows by direction and length: no overflow, no underflow, every digit."""

import mpmath as mp
import numpy as np
import pytest

from ntklib._engine import sizes
from ntklib._engine.points import points, sides

SIZES = [5e-324, 1e-310, 1e-160, 1e-3, 1.0, 1e3, 1e160, 1e308]


def length(row):
    with mp.workdps(60):
        return mp.norm([mp.mpf(float(v)) for v in row])


def test_lengths_of_any_size():
    X = np.array([[1.0, -0.25, 0.75]]) * np.array(SIZES)[:, None]
    side = points(X)
    for row, norm, square, exponent in zip(X, side.norm, side.square, side.exponent, strict=True):
        two = mp.mpf(2) ** int(exponent)
        # Three products and two sums, the root, half an ulp each.
        assert abs(mp.mpf(float(norm)) * two / length(row) - 1) <= 4 * np.finfo(float).eps
        assert abs(mp.mpf(float(square)) * two**2 / length(row) ** 2 - 1) <= 4 * np.finfo(float).eps
    assert np.abs(np.linalg.norm(side.unit, axis=1) - 1).max() <= 4 * np.finfo(float).eps


def test_zero_rows_have_no_direction():
    side = points(np.array([[0.0, 0.0], [3.0, 4.0]]))
    assert np.array_equal(side.unit[0], [0, 0])
    assert np.abs(side.unit[1] - [0.6, 0.8]).max() <= np.finfo(float).eps
    assert np.array_equal(side.norm * 2.0**side.exponent, [0, 5])


def test_directions_of_single_precision_are_those_of_the_points():
    """Not of their rounded unit rows."""
    X = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    side, double = points(X), points(X.astype(np.float64))
    assert side.unit.dtype == np.float32
    for rows in (slice(2, 7), np.array([5, 1, 1])):
        assert np.array_equal(side.directions(rows), double.unit[rows])
        assert np.array_equal(double.directions(rows), double.unit[rows])
    assert np.array_equal(side.norm, double.norm)


def test_many_rows_in_parts(threaded, monkeypatch):
    X = np.random.default_rng(1).standard_normal((1000, 3))
    whole = points(X)
    monkeypatch.setattr(sizes, "STREAMED", 64)
    with threaded() as seen:
        parts = points(X)
        assert seen
    for name in ("unit", "norm", "exponent", "square"):
        assert np.array_equal(getattr(parts, name), getattr(whole, name))


def test_lengths_that_do_not_matter():
    side = points(np.array([[1e200, 0.0], [0.0, 3.0]])).of_length_one()
    assert np.array_equal(side.unit, np.eye(2))
    assert np.array_equal(side.norm * 2.0**side.exponent, [1, 1])
    assert np.array_equal(side.square, [1, 1])


@pytest.mark.parametrize(("X", "Z"), [("f4", "f8"), ("f8", "f4"), ("f4", "f4")])
def test_two_sides_have_the_wider_precision(X, Z):
    left, right, dtype = sides(np.ones((2, 3), X), np.ones((4, 3), Z))
    assert dtype == left.unit.dtype == right.unit.dtype == np.result_type(X, Z)
    assert sides(np.ones((2, 3), X), None)[1] is None
