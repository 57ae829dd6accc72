"""Rates of the random ReLU kernel: hand-computed values, simulations, and what must be refused."""

import math

import numpy as np
import pytest
from scipy import stats

from ntklib import Linearization, ShallowNetwork, activations, relu_ntk
from ntklib import concentration as rates
from tests.unit.samples import refused

# 60 degrees apart: a third of all neurons is active on both.
PAIR = np.array([[2.0, 0.0], [0.5, math.sqrt(0.75)]])


def test_variance_by_hand() -> None:
    """Inner products 4, 1, 1; gate probabilities 1/2, 1/3."""
    expected = 0.5**4 / 7 * np.array([[16 / 4, 2 / 9], [2 / 9, 1 / 4]])
    np.testing.assert_allclose(rates.kernel_variance(PAIR, 7, eps=0.5), expected, rtol=1e-14)


def test_expected_squared_error_sums_the_variances() -> None:
    expected = 0.5**4 / 7 * (4 + 2 * 2 / 9 + 1 / 4)
    assert rates.expected_squared_error(PAIR, 7, eps=0.5) == pytest.approx(expected, rel=1e-14)


def test_variance_vanishes_where_nothing_is_random() -> None:
    """Antipodes share no neuron, orthogonal points have a zero inner product, so has zero."""
    X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0], [0.0, 0.0]])
    variance = rates.kernel_variance(X, 1)
    assert variance[0, 1] == 0
    assert (variance[2, [0, 1, 3]] == 0).all()
    assert (variance[3] == 0).all()


@pytest.mark.parametrize("m", [1, 5, 40])
def test_expected_squared_error_against_networks(m: int) -> None:
    """|z| <= 5: the squared error is bounded, its sample standard error is consistent."""
    rng = np.random.default_rng(m)
    X = rng.standard_normal((6, 4))
    K = relu_ntk(X, eps=0.6)
    squares = np.empty(1500)
    for i in range(len(squares)):
        net, W0 = ShallowNetwork.random(4, m, rng=rng, eps=0.6)
        squares[i] = np.sum((net.empirical_ntk(X, W=W0) - K) ** 2)
    z = (squares.mean() - rates.expected_squared_error(X, m, eps=0.6)) / squares.std(ddof=1)
    assert abs(z) * math.sqrt(len(squares)) <= 5


def test_hoeffding_by_hand() -> None:
    assert rates.hoeffding_deviation(100, 1000, 0.01) == pytest.approx(
        math.sqrt(math.log(1_010_000) / 2000), rel=1e-15
    )
    assert rates.hoeffding_deviation(100, 1000, 0.01) == pytest.approx(0.083143, abs=5e-7)
    assert rates.hoeffding_width(100, 0.05, 0.01) == 2766
    assert rates.hoeffding_width(1, 5.0, 0.9) == 1


@pytest.mark.parametrize("n", [1, 3, 100])
@pytest.mark.parametrize("spread", [1.0, 2.5])
def test_hoeffding_width_is_the_smallest(n: int, spread: float) -> None:
    for deviation in (0.5, 0.05, 0.0123):
        m = rates.hoeffding_width(n, deviation, 0.02, spread=spread)
        assert rates.hoeffding_deviation(n, m, 0.02, spread=spread) <= deviation
        assert rates.hoeffding_deviation(n, m - 1, 0.02, spread=spread) > deviation


def test_hoeffding_width_inverts_the_deviation() -> None:
    """A deviation reached exactly by some width asks for that width and no more."""
    for m in (2, 17, 1000, 123_456):
        assert rates.hoeffding_width(10, rates.hoeffding_deviation(10, m, 0.1), 0.1) == m


def test_chernoff_by_hand() -> None:
    """Orthonormal points: lambda = 1/2, s = 1, so the exponent is m / 4."""
    expected = 20 * (2 / math.e) ** 25
    assert rates.chernoff_failure(np.eye(20), 100) == pytest.approx(expected, rel=1e-12)
    assert rates.chernoff_failure(np.eye(20), 1) == 1.0
    assert rates.chernoff_width(np.eye(20), 0.01) == 100
    assert rates.chernoff_width(3 * np.eye(20), 0.01) == 100


def test_chernoff_width_is_the_smallest() -> None:
    X = np.random.default_rng(0).standard_normal((12, 5))
    for delta in (0.5, 0.01, 1e-9):
        m = rates.chernoff_width(X, delta)
        assert rates.chernoff_failure(X, m) <= delta < rates.chernoff_failure(X, m - 1)


def test_chernoff_bounds_the_exact_probability() -> None:
    """Orthonormal points have independent binomial diagonals."""
    for n in (1, 4, 50):
        for m in range(1, 200):
            one = stats.binom.cdf(m // 4, m, 0.5)
            exact = -math.expm1(n * math.log1p(-one))
            assert exact <= rates.chernoff_failure(np.eye(n), m) * (1 + 1e-12)


@pytest.mark.parametrize(
    "X",
    [
        [[1.0, 2.0], [1.0, 2.0]],
        [[1.0, 0.0], [0.0, 0.0]],
        np.vstack([np.eye(2), -np.eye(2), [[0.6, 0.8]], [[-0.6, -0.8]]]),
    ],
)
def test_chernoff_refuses_a_singular_limit(X: object) -> None:
    for call in (lambda: rates.chernoff_width(X, 0.1), lambda: rates.chernoff_failure(X, 3)):
        refused("X must have an invertible limiting Gram matrix", call)


def test_smooth_gap_bound_is_attained() -> None:
    """Square activation, equal signs, every neuron moved along x."""
    rng = np.random.default_rng(3)
    net = ShallowNetwork(np.ones(9), activation="square", eps=0.4)
    W0, x = rng.standard_normal((9, 3)), np.array([[0.0, 0.6, 0.8]])
    W = W0 + rng.standard_normal((9, 1)) * x
    gap = net(x, W)[0] - Linearization(net, W0)(x, W)[0]
    bound = rates.smooth_gap_bound(
        float(np.linalg.norm(W - W0)), 9, smoothness=activations.square.smoothness, eps=0.4
    )
    assert gap == pytest.approx(bound, rel=1e-12)


def test_relu_gap_bound_by_hand() -> None:
    """B = 8, m = 64: the flipped fraction is (1 + sqrt(2/pi)) times one."""
    expected = 0.5 * 8 * math.sqrt(1 + math.sqrt(2 / math.pi) + math.sqrt(math.log(20) / 128))
    assert rates.relu_gap_bound(8.0, 64, 0.05, eps=0.5) == pytest.approx(expected, rel=1e-14)
    assert rates.relu_gap_bound(0.0, 64, 0.05) == 0


def test_relu_gap_bound_implies_the_one_of_the_course_notes() -> None:
    for B in (0.1, 1.0, 30.0):
        for m in (1, 10, 10**6):
            for delta in (0.5, 1e-6):
                notes = 2 * B ** (4 / 3) + B * math.log(1 / delta) ** 0.25
                assert rates.relu_gap_bound(B, m, delta) <= notes / m ** (1 / 6)


def test_float32_points_and_integers_are_taken() -> None:
    assert rates.kernel_variance(PAIR.astype(np.float32), 3).dtype == np.float64
    assert rates.expected_squared_error([[1, 0], [0, 1]], np.int64(2)) == pytest.approx(0.25)


def test_inputs_are_left_alone() -> None:
    X = np.random.default_rng(1).standard_normal((4, 3))
    copy = X.copy()
    rates.kernel_variance(X, 2)
    rates.chernoff_width(X, 0.1)
    np.testing.assert_array_equal(X, copy)


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.1, 2, math.nan])
def test_delta_must_be_a_probability(delta: float) -> None:
    for call in (
        lambda: rates.hoeffding_deviation(3, 10, delta),
        lambda: rates.hoeffding_width(3, 0.1, delta),
        lambda: rates.chernoff_width(PAIR, delta),
        lambda: rates.relu_gap_bound(1.0, 10, delta),
    ):
        refused("delta must", call)


@pytest.mark.parametrize(("m", "error"), [(0, ValueError), (-3, ValueError), (2.0, TypeError)])
def test_width_must_be_a_positive_integer(m: int, error: type[Exception]) -> None:
    for call in (
        lambda: rates.kernel_variance(PAIR, m),
        lambda: rates.expected_squared_error(PAIR, m),
        lambda: rates.hoeffding_deviation(3, m, 0.1),
        lambda: rates.chernoff_failure(PAIR, m),
        lambda: rates.smooth_gap_bound(1.0, m, smoothness=1.0),
        lambda: rates.relu_gap_bound(1.0, m, 0.1),
    ):
        refused("m must be", call, error=error)


def test_other_arguments_are_checked() -> None:
    refused("X must", rates.kernel_variance, [1.0, 2.0], 3)
    refused("eps must", rates.kernel_variance, PAIR, 3, eps=0.0)
    refused("n must", rates.hoeffding_deviation, 0, 3, 0.1)
    refused("spread must", rates.hoeffding_deviation, 2, 3, 0.1, spread=-1.0)
    refused("deviation must", rates.hoeffding_width, 2, 0.0, 0.1)
    refused("the width asked for must", rates.hoeffding_width, 2, 1e-200, 0.1)
    refused("distance must", rates.smooth_gap_bound, -1.0, 3, smoothness=1.0)
    refused("smoothness must", rates.smooth_gap_bound, 1.0, 3, smoothness=math.inf)
    refused("distance must", rates.relu_gap_bound, math.nan, 3, 0.1)
