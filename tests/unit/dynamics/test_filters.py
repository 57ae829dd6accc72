"""What is left of a coordinate: against mpmath, and the constants of the theorem."""

import mpmath
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from ntklib.dynamics import filter
from tests.unit.samples import refused

EPS = np.finfo(np.float64).eps


def polynomial(x, t, beta, wrong=""):
    """What heavy ball keeps, step by step."""
    before, now = mpmath.mpf(1), mpmath.mpf(1)
    for _ in range(t):
        look = now - before if wrong != "nesterov" else (1 - x) * (now - before)
        before, now = now, (now - x * now) + beta * look
    return now


def near(values, beta):
    """The exact factors at these arguments, and how far half an ulp of them moves each."""
    h = mpmath.mpf(10) ** -40
    for x, t in values:
        exact = polynomial(mpmath.mpf(x), t, mpmath.mpf(beta))
        moved = polynomial(mpmath.mpf(x) * (1 + h), t, mpmath.mpf(beta))
        yield x, t, exact, float(abs(moved - exact) / h)


@pytest.mark.parametrize("beta", [0.0, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_descent_with_momentum_has_its_digits(beta):
    """Also at and beside double roots, and one minus the factor where it is small."""
    q = np.sqrt(beta)
    double = [x * (1 + s) for x in ((1 - q) ** 2, (1 + q) ** 2) for s in (0, 1e-12, -1e-6, 1e-3)]
    xs = [1e-30, 1e-12, 1e-5, 0.1, 1.0, 1.5, 1.9, 2.5, 3.5, *double]
    xs = [x for x in xs if 0 < x < 2 * (1 + beta)]
    ts = [0, 1, 2, 3, 10, 101, 600]
    kept = filter(xs, t=ts, step=1.0, momentum=beta)
    fitted = filter(xs, t=ts, step=1.0, momentum=beta, fitted=True)
    assert kept.shape == (len(ts), len(xs))
    with mpmath.workdps(120):
        for i, t in enumerate(ts):
            for j, (x, _, exact, moved) in enumerate(near([(x, t) for x in xs], beta)):
                error = EPS * (1 + moved)
                assert abs(kept[i, j] - exact) <= 8 * error, (x, t)
                assert abs(fitted[i, j] - (1 - exact)) <= 8 * error, (x, t)
                if 0 < x * t * t < 0.5:
                    relative = EPS * (1 / (1 - q) + moved / float(1 - exact))
                    assert abs(fitted[i, j] / (1 - exact) - 1) <= 8 * relative, (x, t)


def test_another_momentum_is_seen():
    with mpmath.workdps(30):
        wrong = float(polynomial(mpmath.mpf("0.3"), 10, mpmath.mpf("0.5"), "nesterov"))
    assert abs(filter(0.3, t=10, step=1.0, momentum=0.5) - wrong) > 1e-3


def test_at_its_optimum_heavy_ball_is_a_jordan_block():
    """At both ends of the spectrum; t q^t is its order, q = (sqrt c - 1) / (sqrt c + 1)."""
    c = 100.0
    q = (np.sqrt(c) - 1) / (np.sqrt(c) + 1)
    step, t = (1 + q) ** 2 / c, np.array([5, 50, 200])
    ends = filter([1.0, c], t=t, step=step, momentum=q**2)
    # A double root z: (1 + t (1 - z)) z^t from rest when z = q; from -q with 1 + q.
    right = np.stack([q**t * (1 + t * (1 - q)), (-q) ** t * (1 + t * (1 + q))], axis=1)
    # The spectral ends are double roots but for rounding, of which t^2 is the square of an angle.
    assert np.abs(ends / right - 1).max() <= 200**2 * 8 * EPS * c


def test_flow_has_its_digits():
    s = np.logspace(-300, 3, 400)
    with mpmath.workdps(40):
        kept = np.array([float(mpmath.exp(-mpmath.mpf(x))) for x in s])
        fitted = np.array([float(-mpmath.expm1(-mpmath.mpf(x))) for x in s])
    for t in (1.0, 0.125, 1024.0):  # powers of two: the product is exact
        assert np.abs(filter(s / t, t=t) - kept).max() <= EPS
        assert np.abs(filter(s / t, t=t, fitted=True) / fitted - 1).max() <= 2 * EPS
    assert np.abs((1 - kept)[200] / fitted[200] - 1) > 1e-2 or fitted[200] > 1e-2  # the naive form


def test_ridge_beside_the_flow_has_the_constants_of_the_theorem():
    def ratio(s):
        return filter(s, t=1.0, fitted=True) / filter(s, ridge=1.0, fitted=True)

    def gap(s):
        return abs(filter(s, t=1.0) - filter(s, ridge=1.0))

    s = np.logspace(-6, 6, 1001)
    assert np.all(ratio(s) >= 1 - 4 * EPS)
    for function, value, place in ((ratio, 1.298426, 1.79328), (gap, 0.20364, 2.5129)):
        top = minimize_scalar(lambda s, f=function: -f(s), bounds=(0.5, 8), method="bounded")
        at = np.max(function(s))
        assert at <= -top.fun
        assert abs(-top.fun - value) <= 0.5 * 10 ** -(6 if function is ratio else 5) * 2
        assert abs(top.x - place) <= 1e-3


def test_ridge_and_time_together():
    """The flow of a loss with a ridge, against its closed form in mpmath."""
    values, nu, t = np.array([0.0, 1e-9, 0.3, 7.0]), 0.25, np.array([0.0, 0.5, 40.0, np.inf])
    kept = filter(values, t=t, ridge=nu)
    fitted = filter(values, t=t, ridge=nu, fitted=True)
    for i, time in enumerate(t):
        for j, value in enumerate(values):
            s = mpmath.mpf(value) + nu
            done = value / s * (1 if np.isinf(time) else -mpmath.expm1(-s * time))
            assert abs(kept[i, j] - (1 - done)) <= 4 * EPS
            assert abs(fitted[i, j] - done) <= 8 * EPS * done
    assert np.array_equal(kept[-1], [1.0, *(nu / (values[1:] + nu))])


def test_zero_keeps_all_and_limits():
    for options in ({}, {"step": 0.5}, {"step": 0.5, "momentum": 0.9}):
        at = [0, 1, 1000, np.inf]
        assert np.array_equal(filter([0.0, 1.0], t=at, **options)[:, 0], np.ones(4))
        assert np.array_equal(filter(1.0, t=[0, np.inf], **options), [1, 0])
        assert np.array_equal(filter(1.0, t=[0, np.inf], fitted=True, **options), [0, 1])
    assert filter(3.0, t=3, step=1.0) == -8
    assert filter(2.0, t=10**9 + 1, step=1.0) == -1
    assert filter(1.0, t=1, step=1.0) == 0
    refused("step must be below", filter, 2.0, t=np.inf, step=1.0)
    refused("the factors are beyond", filter, 9.0, t=1000, step=1.0, error=OverflowError)
