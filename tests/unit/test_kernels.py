"""The closed forms: exact to the last digits at every angle and every norm."""

import math

import array_api_strict
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntklib import angles, gate_kernel, kappa, lift, relu_nngp, relu_ntk, with_bias
from ntklib._engine import portable
from ntklib._engine.angular import NTK
from ntklib._engine.portable import Side
from ntklib.kernels import _on_sides
from tests.unit import exact
from tests.unit.samples import pair, refused

# Twenty roundings, each half an ulp of 1 at most, on a value of at most 1/2: what the functions
# promise relative to eps^2 |x| |x'|.
TOLERANCE = 4e-15
ANGLES = [0.0, 1e-12, 1e-9, 1e-6, 1e-3, 0.1, 0.14, 0.15, 0.5, 1.0, math.pi / 2, 2.0, 3.0]
ANGLES += [math.pi - a for a in (0.1, 1e-3, 1e-6, 1e-9, 1e-12)] + [math.pi]
NORMS = [1e-150, 1e-30, 0.3, 1.0, 7.0, 1e30, 1e150]


@pytest.mark.parametrize("theta", ANGLES)
@pytest.mark.parametrize("d", [2, 3, 50])
def test_exact_at_every_angle_and_norm(theta, d):
    rng = np.random.default_rng(d)
    for norm in NORMS:
        for other in NORMS:
            x, z = pair(theta, rng, d)
            x, z = norm * x, other * z
            ntk, nngp, gate, _, size = exact.lecture(x, z)
            X, Z = x[None], z[None]
            with mpmath.workdps(60):
                assert abs(mpmath.mpf(float(relu_ntk(X, Z)[0, 0])) / size - ntk) <= TOLERANCE
                assert abs(mpmath.mpf(float(relu_nngp(X, Z)[0, 0])) / size - nngp) <= TOLERANCE
            assert abs(float(gate_kernel(X, Z)[0, 0]) - float(gate)) <= TOLERANCE


@pytest.mark.parametrize("theta", ANGLES)
def test_angles(theta):
    x, z = pair(theta, np.random.default_rng(0), 4)
    right = float(exact.lecture(x, z)[3])
    assert abs(angles(x[None], z[None])[0, 0] - right) <= TOLERANCE


def test_clipped_arccos_would_not_do():
    x, z = pair(1e-9, np.random.default_rng(1), 50)
    naive = kappa(min(1.0, float(x @ z)))
    assert abs(naive - float(exact.lecture(x, z)[0])) > 1e-11
    assert abs(relu_ntk(x[None], z[None])[0, 0] - float(exact.lecture(x, z)[0])) <= TOLERANCE


def test_high_dimension():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((12, 784))
    X[6:] = X[:6] * 3 + 0.02 * rng.standard_normal((6, 784))
    K = relu_ntk(X)
    for i in range(12):
        for j in range(i + 1):  # the matrix is symmetric, which the next test sees
            ntk, *_, size = exact.lecture(X[i], X[j])
            assert abs(mpmath.mpf(float(K[i, j])) / size - ntk) <= TOLERANCE


def test_gram_is_symmetric_with_exact_diagonal():
    X = np.random.default_rng(3).standard_normal((80, 7)) * np.logspace(-8, 8, 80)[:, None]
    for kernel in (relu_ntk, relu_nngp, gate_kernel):
        K = kernel(X)
        assert (K == K.T).all()
    for row, value in zip(X, np.diag(relu_ntk(X, eps=0.7)), strict=True):
        with mpmath.workdps(40):
            right = mpmath.mpf(0.7) ** 2 * mpmath.fsum(mpmath.mpf(float(v)) ** 2 for v in row) / 2
        assert abs(value / float(right) - 1) <= 4 * np.finfo(float).eps


# Products of entries below 1e-100 may be subnormal, and have fewer digits.
ENTRIES = st.floats(-1e3, 1e3).filter(lambda v: v == 0 or abs(v) > 1e-100)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, (6, 3), elements=ENTRIES))
def test_positive_semidefinite_and_homogeneous(X):
    K = relu_ntk(X)
    # The rounding of K is at most TOLERANCE in each entry relative to the largest norm squared.
    assert np.linalg.eigvalsh(K)[0] >= -6 * TOLERANCE * max(1e-300, np.max(np.sum(X * X, axis=1)))
    assert np.array_equal(relu_ntk(4 * X), 16 * K)
    assert np.array_equal(relu_ntk(X, eps=2.0), 4 * K)


def test_zero_rows():
    X = np.array([[0.0, 0.0], [1.0, 2.0]])
    assert np.array_equal(relu_ntk(X), [[0, 0], [0, 2.5]])
    assert np.array_equal(relu_nngp(X), [[0, 0], [0, 2.5]])
    assert np.array_equal(gate_kernel(X), [[1, 0.5], [0.5, 0.5]])
    refused("X must have no zero row, row 0 is zero", angles, X)


def test_subnormal_rows():
    tiny = np.array([[5e-324, 0.0], [0.0, 1e-310]])
    unit = np.eye(2)
    assert np.abs(gate_kernel(tiny, unit) - gate_kernel(unit)).max() <= TOLERANCE


# What the functions promise for float32, relative to eps^2 |x| |x'|: 17 ulps of the value at equal
# points. Sums of d terms of one sign are the worst case.
SINGLE = 1e-6


@pytest.mark.parametrize("d", [2, 3, 30, 784])
@pytest.mark.parametrize("kind", ["gaussian", "positive", "clusters", "equal"])
def test_float32(d, kind):
    rng = np.random.default_rng(4)
    X = {
        "gaussian": rng.standard_normal((700, d)),
        "positive": rng.random((700, d)),
        "clusters": np.repeat(rng.standard_normal((10, d)), 70, axis=0)
        + 0.3 * rng.standard_normal((700, d)),
        "equal": np.ones((700, 1)) * rng.standard_normal(d),
    }[kind].astype(np.float32)
    exact_points = X.astype(np.float64)
    norm = np.linalg.norm(exact_points, axis=1)
    for kernel, scale in ((relu_ntk, np.outer(norm, norm)), (relu_nngp, np.outer(norm, norm))):
        K = kernel(X)
        assert K.dtype == np.float32
        assert (K == K.T).all()
        assert (np.abs(K - kernel(exact_points)) <= SINGLE * scale).all()
        # Two triangles of one symmetric matrix may come from different tiles.
        assert (np.abs(kernel(X, X) - K) <= 2 * SINGLE * scale).all()
    assert np.abs(gate_kernel(X) - gate_kernel(exact_points)).max() <= SINGLE
    assert relu_ntk(X[:3], exact_points[:3]).dtype == np.float64
    assert np.array_equal(
        relu_ntk(X[:3], exact_points[:3]), relu_ntk(exact_points[:3].copy(), exact_points[:3])
    )


def test_inputs_are_not_changed_and_integers_are_taken():
    X = np.arange(6).reshape(3, 2)
    before = X.copy()
    assert relu_ntk(X).dtype == np.float64
    assert np.array_equal(X, before)
    Y = np.array([[1.0, 2.0]])
    relu_ntk(Y)
    assert np.array_equal(Y, [[1.0, 2.0]])


def test_known_values():
    t = np.array([1.0, 0.5, 0.0, -0.5, -1.0])
    assert np.abs(kappa(t) - [0.5, 1 / 6, 0, -1 / 12, 0]).max() <= TOLERANCE
    assert np.array_equal(kappa(np.outer(t, t)), [kappa(c * t) for c in t])
    assert abs(relu_ntk([[3.0, 4.0]], [[-1.0, 2.0]])[0, 0] - 1.618959044126) <= 1e-12


def test_lift_and_bias():
    X = np.array([[0.6, 0.8], [0.0, 0.0], [0.3, -0.4]])
    assert np.abs(np.linalg.norm(lift(X), axis=1) - 1).max() <= 1e-15
    assert np.array_equal(lift(X)[:, :2], X)
    assert np.array_equal(with_bias(X, 2)[:, 2], [2, 2, 2])
    refused("row 1 has norm 2", lift, [[1.0, 0.0], [2.0, 0.0]])


def test_lift_takes_for_rounding_what_it_says():
    single = np.float32
    for dtype, least, too_much in ((float, 0.9e-12, 1.2e-12), (single, 0.8e-6, 1.2e-6)):
        rounded = np.array([[0.0, 0.6], [1 + least, 0.0]], dtype)
        assert lift(rounded).dtype == dtype
        assert lift(rounded)[1, 2] == 0
        assert abs(lift(rounded)[0, 2] - 0.8) <= np.finfo(dtype).eps
        refused("row 1 has norm 1", lift, np.array([[0.0, 0.6], [1 + too_much, 0.0]], dtype))
    assert np.array_equal(lift([[1 + 1e-12]]), [[1 + 1e-12, 0]])


def test_what_is_left_out_is_one():
    X = np.array([[0.6, 0.8], [-1.0, 2.0]])
    assert np.array_equal(with_bias(X), [[0.6, 0.8, 1.0], [-1.0, 2.0, 1.0]])
    for kernel in (relu_ntk, relu_nngp):
        assert np.array_equal(kernel(X), kernel(X, eps=1.0))
        assert np.array_equal(kernel(X, eps=0.5), kernel(X) / 4)
        assert np.array_equal(kernel(X, eps=8.0), 64 * kernel(X))
        assert np.abs(kernel(X, eps=0.7) - 0.49 * kernel(X)).max() <= TOLERANCE * 5
    refused("beta must have 0 dimension", with_bias, X, [1.0])


def test_near_a_zero_point_the_kernel_is_the_mean_of_both_directions():
    """What is differentiated there: for h near zero <h, x'> / 4, here with |x'| = 2 * 3."""
    zero, other = (
        Side(None, np.array([norm]), np.array([largest]), np.array([norm**2]))
        for norm, largest in ((0.0, 0.0), (2.0, 3.0))
    )
    cos, rows = np.array([[0.25]]), slice(0, 1)
    for left, right in ((zero, other), (other, zero)):
        values, _ = _on_sides(NTK, 0.49, left, right)
        assert abs(values(1 - cos, 1 + cos, rows)[0, 0] - 0.49 * 0.25 / 4 * 6) <= TOLERANCE


def test_a_scale_of_another_library_is_refused(monkeypatch):
    """Where its derivatives are asked for, which array-api-strict has none of."""
    monkeypatch.setattr(portable, "followed", lambda value: True)
    eps = array_api_strict.asarray(2.0)
    for kernel in (relu_ntk, relu_nngp):
        message = "eps must be a number or of the library of X, numpy"
        refused(message, kernel, np.eye(2), eps=eps, error=TypeError)


def test_kappa_takes_numbers_and_tables_alone():
    assert abs(kappa(0.5) - 1 / 6) <= TOLERANCE
    refused("t must have 0 or 1 or 2 dimension", kappa, np.zeros((1, 1, 1)))
    refused(r"t must lie in \[-1, 1\], got 2", kappa, [0.5, 2.0])


def test_angles_say_which_row_is_zero():
    X, Z = np.eye(2), np.array([[1.0, 1.0], [0.0, 0.0]])
    refused("X must have no zero row, row 1 is zero", angles, Z)
    refused("Z must have no zero row, row 1 is zero", angles, X, Z)
    assert np.abs(angles(X, X[::-1]) - math.pi / 2 * np.eye(2)).max() <= TOLERANCE


BAD = [
    (np.zeros(3), ValueError, "X must have 2 dimension"),
    (np.zeros((0, 2)), ValueError, "X must not be empty"),
    (np.zeros((2, 0)), ValueError, "X must not be empty"),
    ([[np.nan, 1.0]], ValueError, "X must be finite"),
    ([[np.inf, 1.0]], ValueError, "X must be finite"),
    ([[1j, 1.0]], TypeError, "X must be real"),
    ([["a", "b"]], TypeError, "X must be real"),
    (None, TypeError, "X must be real"),
]


@pytest.mark.parametrize("function", [relu_ntk, relu_nngp, gate_kernel, angles, lift, with_bias])
@pytest.mark.parametrize(("X", "error", "message"), BAD)
def test_bad_points_are_named(function, X, error, message):
    refused(message, function, X, error=error)


@pytest.mark.parametrize("function", [relu_ntk, relu_nngp, gate_kernel, angles])
def test_second_points_must_match(function):
    with pytest.raises(ValueError, match=r"Z must have 2 columns, got shape \(1, 3\)"):
        function(np.ones((4, 2)), np.ones((1, 3)))


@pytest.mark.parametrize("eps", [0.0, -1.0, np.nan, np.inf])
def test_bad_eps_is_named(eps):
    refused("eps must be", relu_ntk, np.ones((2, 2)), eps=eps)


@pytest.mark.parametrize("t", [1.0000001, -2.0, np.nan])
def test_kappa_off_its_interval(t):
    refused("t must", kappa, t)


# -- many coordinates -----------------------------------------------------------------------------


def alike(d, zeros, dtype):
    """Points of equal coordinates, all of whose roundings go the same way, and exact values.

    The first has no zero coordinate, the others as many as said, at the end; each also in the
    opposite direction. Cosines are roots of ratios of integers.
    """
    X = np.repeat(np.array([0.1, 0.7, 1 / 3], dtype)[:, None], d, axis=1)
    X = np.vstack([X, *(np.where(np.arange(d) < d - k, x, 0) for k in zeros for x in X)])
    X = np.vstack([X, -X]).astype(dtype)
    counts = np.tile(np.repeat([d, *(d - k for k in zeros)], 3), 2).tolist()
    return X, [c if x[0] > 0 else -c for c, x in zip(counts, X, strict=True)], X[:, 0].tolist()


def bound_at(cos, d, dtype):
    """As the docstring of relu_ntk has it."""
    near = {np.float64: 0.99, np.float32: 0.9}[dtype]
    if abs(cos) >= near:
        return {np.float64: TOLERANCE, np.float32: SINGLE}[dtype]
    return np.finfo(dtype).eps * (min(d, 1024) + 50)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [100, 784, 1025, 30_000, 10**6])
def test_the_bounds_hold_in_every_dimension(d, dtype):
    X, counts, sizes = alike(d, [1, d // 100, d // 20, d // 3, d // 2, d - 1], dtype)
    if d == 10**6:
        X, counts, sizes = X[::3], counts[::3], sizes[::3]
    K, copies = relu_ntk(X), relu_ntk(X, X.copy())
    N, G, A = relu_nngp(X), gate_kernel(X), gate_kernel(X, X.copy())
    for i, j in np.random.default_rng(d).integers(0, len(X), (60, 2)).tolist():
        with mpmath.workdps(40):
            m, n = sorted((abs(counts[i]), abs(counts[j])))
            # From its sine where the angle is small: sin^2 = 1 - m / n.
            theta = mpmath.asin(mpmath.sqrt(mpmath.mpf(n - m) / n))
            theta = theta if counts[i] * counts[j] > 0 else mpmath.pi - theta
            norms = mpmath.sqrt(m * n) * abs(mpmath.mpf(sizes[i]) * mpmath.mpf(sizes[j]))
            ntk, nngp, gate = (
                exact.profile(theta, *terms) / (2 * mpmath.pi)
                for terms in ((0, 1, 0), (0, 1, 1), (1, 0, 0))
            )
            bound = bound_at(float(mpmath.cos(theta)), d, dtype)
            for found, right, scale in (
                *((K, ntk, norms), (copies, ntk, norms), (N, nngp, norms)),
                *((G, gate, 1), (A, gate, 1)),
            ):
                value = mpmath.mpf(float(found[i, j])) / scale
                assert abs(value - right) <= bound, (i, j, float(theta))
