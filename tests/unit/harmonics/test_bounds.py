"""Bounds of the smallest eigenvalue by distances: what they say of matrices, and digits of both."""

import math
from functools import partial

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntklib import relu_ntk
from ntklib._engine import sizes
from ntklib.harmonics import gram_eigenvalue_bound, separation
from tests.unit.samples import crowd, points, refused

# pytest's own absolute tolerance, 1e-12, would let every small distance pass.
near = partial(pytest.approx, rel=1e-12, abs=0)


def exact_angle(x, z):
    """Of two vectors of floats, which are taken as they are."""
    with mp.workdps(60):
        x, z = ([mp.mpf(float(v)) for v in p] for p in (x, z))
        a, b = mp.norm(x), mp.norm(z)
        s = mp.norm([u / a - v / b for u, v in zip(x, z, strict=True)])
        c = mp.norm([u / a + v / b for u, v in zip(x, z, strict=True)])
        return 2 * mp.atan2(s, c)


@pytest.mark.parametrize("n", [2, 3, 20, 150])
@pytest.mark.parametrize("d", [2, 3, 10])
def test_the_smallest_eigenvalue_is_between(n, d):
    """Up to the rounding of the eigenvalues, n ulps of the largest."""
    for seed in range(3):
        X = points(n, d, seed)
        values = np.linalg.eigvalsh(relu_ntk(X, eps=0.7))
        lower, upper = gram_eigenvalue_bound(X, eps=0.7)
        noise = n * 2.3e-16 * values[-1]
        assert 0 < lower <= values[0] + noise
        assert values[0] <= upper + noise
        if n == 2:
            assert upper == near(values[0], rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-12, 1.0), st.floats(0, 2 * math.pi), st.booleans())
def test_a_pair_at_any_distance(theta, turn, opposite):
    """Exact for two points; below it the lower bound, and in the ratio that its proof gives."""
    X = np.array([[math.cos(a), math.sin(a)] for a in (turn, turn + theta)])
    if opposite:
        X[1] *= -1
    exact = float(exact_angle(X[0], -X[1] if opposite else X[1]))
    # Floats near (cos, sin) differ across by what their difference, which is exact, has.
    assert separation(X) == near(2 * math.sin(exact / 2), rel=1e-12)
    lower, upper = gram_eigenvalue_bound(X)
    kappa = math.cos(exact) * (math.pi - exact) / (2 * math.pi)
    gap = math.sin(exact / 2) ** 2 + math.cos(exact) * exact / (2 * math.pi)
    right = 0.5 - math.cos(exact) * exact / (2 * math.pi) if opposite else gap
    assert upper == near(right, rel=1e-12)
    delta = separation(X)
    assert lower == near(
        delta / (4 * math.pi**1.5 * math.sqrt(math.log(4) + delta**2 / 2)), rel=1e-14
    )
    assert lower <= upper
    assert kappa <= 0.5


@pytest.mark.parametrize("distance", [1e-3, 1e-8, 1e-13])
@pytest.mark.parametrize("sign", [1, -1])
def test_nearly_equal_points_keep_their_digits(distance, sign):
    """One close pair among others that are far, in any order and of any lengths."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((40, 6))
    X[31] = sign * (X[7] + distance * rng.standard_normal(6))
    exact = exact_angle(X[7], sign * X[31])
    assert separation(X) == near(float(2 * mp.sin(exact / 2)), rel=1e-12)
    assert separation(X * rng.uniform(1, 2, (40, 1))) == near(
        float(2 * mp.sin(exact / 2)), rel=1e-15 / distance + 1e-12
    )


def test_the_closest_of_many_close_pairs():
    """Their distances differ by less than the rounding of unit vectors."""
    rng = np.random.default_rng(0)
    x, step = rng.standard_normal((2, 300, 5))
    step -= np.sum(step * x, axis=1, keepdims=True) / np.sum(x * x, axis=1, keepdims=True) * x
    size = np.linalg.norm(x, axis=1, keepdims=True) / np.linalg.norm(step, axis=1, keepdims=True)
    close = x + 1e-14 * size * step
    exact = min(exact_angle(a, b) for a, b in zip(x, close, strict=True))
    for points_ in (np.vstack([x, close]), np.vstack([x, -close])):
        assert separation(points_) == near(float(exact), rel=1e-12)


@pytest.mark.parametrize("kind", ["equal", "plus and minus", "scales", "two scales", "both"])
def test_crowds(kind, monkeypatch):
    """Many close pairs, and tiles of a few rows; against all pairs, one by one."""
    monkeypatch.setattr(sizes, "HELD", 100)
    X = crowd(kind, 24, 4, np.random.default_rng(0))
    pairs = [(i, j) for i in range(len(X)) for j in range(i)]
    least = min(exact_angle(X[i], s * X[j]) for i, j in pairs for s in (1, -1))
    # Below that it is the rounding of the points, not of their difference.
    assert separation(X) == near(float(2 * mp.sin(least / 2)), rel=1e-9, abs=1e-16)
    lower, upper = gram_eigenvalue_bound(X)
    value = np.linalg.eigvalsh(relu_ntk(X))
    assert 0 <= lower <= max(value[0], 0) + 1e-13 * value[-1]
    assert value[0] <= upper + 1e-13 * value[-1]


def test_the_order_is_right():
    """One close pair: delta / (2 pi) is the eigenvalue, the bound a constant of it."""
    X = np.eye(5)
    X[1] = [math.cos(1e-6), math.sin(1e-6), 0, 0, 0]
    lower, upper = gram_eigenvalue_bound(X)
    assert upper == near(1e-6 / (2 * math.pi), rel=1e-5)
    assert 3 < upper / lower < 19


def test_simple_sets():
    lower, upper = gram_eigenvalue_bound(np.eye(4))
    assert upper == near(0.5, rel=1e-15)  # kappa(0) = 0
    assert separation(np.eye(4)) == near(math.sqrt(2), rel=1e-15)
    assert lower == near(math.sqrt(2) / (4 * math.pi**1.5 * math.sqrt(math.log(8) + 1)))
    assert gram_eigenvalue_bound([[3.0, 4.0]], eps=2.0) == (50, 50)
    assert gram_eigenvalue_bound([[1.0, 0], [0, 0]]) == (0, 0)
    twice = gram_eigenvalue_bound([[1.0, 2.0], [2.0, 4.0], [0.0, 1.0]])
    assert twice == (0, 0)
    # Equal up to sign: no bound from below, none from above of the pair.
    opposite = gram_eigenvalue_bound([[1.0, 0.0], [-1.0, 0.0]])
    assert opposite == (0, 0.5)
    # Lengths: the shortest from below, the block of the two from above.
    X = np.array([[1e3, 0.0], [1e-3, 1e-3]])
    both = gram_eigenvalue_bound(X)
    assert both.upper == near(np.linalg.eigvalsh(relu_ntk(X) * 1e6)[0] / 1e6, rel=1e-9)
    assert both.lower == near(
        2e-6 * gram_eigenvalue_bound(X / np.linalg.norm(X, axis=1)[:, None]).lower
    )
    for size in (1e-200, 1e200):
        assert gram_eigenvalue_bound(size * np.eye(2), eps=1 / size).upper == near(0.5)
    refused("bounds are beyond", gram_eigenvalue_bound, 1e200 * np.eye(2), error=OverflowError)


def test_bad_arguments_are_named():
    refused("eps must be positive", gram_eigenvalue_bound, np.eye(2), eps=0)
    refused("X must be finite", gram_eigenvalue_bound, [[np.nan, 1.0]])
    refused("X must have 2 dimension", gram_eigenvalue_bound, [1.0, 2.0])
    refused("X must have at least 2 rows", separation, [[1.0, 2.0]])
    refused("X must have no zero row, row 1 is zero", separation, [[1.0, 2.0], [0.0, 0.0]])
