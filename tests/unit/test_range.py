"""Extremes: the exact value, or an error that names what left the range; never a bare warning.

Most functions are homogeneous, and a power of two passes through them without rounding. So the
right value at points times 2^k is that at the points, times a power of two, to the last bit.
"""

import numpy as np
import pytest

from ntklib import (
    Linearization,
    ShallowNetwork,
    conv_ntk,
    lift,
    nngp,
    ntk,
    relu_nngp,
    relu_ntk,
    with_bias,
)
from ntklib.concentration import (
    expected_squared_error,
    kernel_variance,
    relu_gap_bound,
    smooth_gap_bound,
)
from ntklib.gaussian_process import NetworkKernel
from ntklib.large import low_rank_preconditioner, ridge_solve
from ntklib.least_squares import (
    dual_coefficients,
    dual_solve,
    numerical_rank,
    pinv_solve,
    primal_solve,
)
from ntklib.regression import NTKRegressor
from ntklib.systems import solve
from tests.unit.samples import refused

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(0)
B, Y = RNG.standard_normal((5, 3)), RNG.standard_normal(5)
NET, W0 = ShallowNetwork.random(3, 8, rng=RNG)
LIN = Linearization(NET, W0)
DOUBLED = Linearization(*ShallowNetwork.random(3, 8, rng=RNG, doubled=True))  # zero at the start
SQUARE = ShallowNetwork(NET.a, "square")
TANH = ShallowNetwork(NET.a, "tanh")
GRAM = B @ B.T + np.eye(5)

# f(2^k) is f(1) times 2^(degree k), exactly.
HOMOGENEOUS = {
    "network": (1, lambda c: NET(c * B, W0)),
    "weights": (1, lambda c: NET(B, c * W0)),
    "square": (2, lambda c: SQUARE(c * B, W0)),
    "jacobian": (1, lambda c: NET.jacobian(c * B, W0)),
    "jvp": (1, lambda c: NET.jvp(c * B, W0, W0)),
    "vjp": (1, lambda c: NET.vjp(c * B, W0, Y)),
    "empirical_ntk": (2, lambda c: NET.empirical_ntk(c * B, W=W0)),
    "linearization": (1, lambda c: LIN(c * B, W0 + 1)),
    "project": (0, lambda c: LIN.project(c * B, W0 + 1)),
    "fitted values": (1, lambda c: DOUBLED.fit(B, c * Y).predict(B)),
    "variance": (4, lambda c: kernel_variance(c * B, 7)),
    "squared error": (4, lambda c: expected_squared_error(c * B, 7)),
    "smooth gap": (2, lambda c: smooth_gap_bound(c, 4, smoothness=1.0)),
    "rank": (0, lambda c: numerical_rank(c * B)),
    "pinv_solve": (-1, lambda c: pinv_solve(c * B, Y)),
    "pinv targets": (1, lambda c: pinv_solve(B, c * Y)),
    "primal_solve": (-1, lambda c: primal_solve(c * B, Y)),
    "dual_solve": (-1, lambda c: dual_solve(c * B, Y)),
    "dual_solve, both": (0, lambda c: dual_solve(c * B, c * Y)),
    "dual_coefficients": (-1, lambda c: dual_coefficients(c * GRAM, Y)[0]),
    "solve": (-1, lambda c: solve(c * GRAM, Y, ridge=c).coef),
    "solve targets": (1, lambda c: solve(GRAM, c * Y).coef),
    "ridge_solve": (1, lambda c: ridge_solve(GRAM, c * Y, 0.1).coef),
    "relu_ntk": (2, lambda c: relu_ntk(c * B)),
    "relu_nngp": (2, lambda c: relu_nngp(c * B)),
    "ntk": (2, lambda c: ntk(c * B, depth=2)),
    "nngp": (2, lambda c: nngp(c * B, depth=2)),
    "conv_ntk": (2, lambda c: conv_ntk(c * B[:, :, None], depth=1)),
    "regression": (1, lambda c: NTKRegressor(alpha=0.1).fit(B, c * Y).predict(B)),
}


@pytest.mark.parametrize("power", [-1060, -1000, -520, -260, 260, 520, 1000])
@pytest.mark.parametrize("name", HOMOGENEOUS)
def test_powers_of_two_pass_or_are_refused(name, power):
    degree, function = HOMOGENEOUS[name]
    unit = np.asarray(function(1.0))
    with np.errstate(over="ignore", under="ignore"):
        right = np.ldexp(unit, degree * power)
    try:
        found = np.asarray(function(2.0**power))
    except OverflowError as error:
        assert "beyond" in str(error)  # noqa: PT017  # which it is depends on the power
        # Values may leave the range on the way to one within it, by a factor of this.
        assert np.abs(np.frexp(unit)[1] + degree * power).max() > 900
        return
    # Points of 2^-1060 have lost digits themselves; squares of 2^-520 have.
    lost = 2.0**-10 if min(power, degree * power) < -1000 else 0.0
    assert (np.abs(found - right) <= lost * np.abs(right).max() + 1e-12 * np.abs(right)).all()


OVER = {
    "tanh of a product": lambda: TANH(B * 1e200, W0 * 1e200),
    "exp": lambda: ShallowNetwork(NET.a, "exp")(B * 1e5, W0),
    "residual": lambda: LIN.fit(B, np.where(NET(B, W0) > 0, -1.7e308, 1.7e308)),
    "dual coefficients": lambda: LIN.fit(B * 1e-300, Y),
    "predictions": lambda: LIN.fit(B, Y * 1e300).predict(B * 1e100),
    "regression": lambda: NTKRegressor(alpha=0.1).fit(B, np.sign(Y) * 1.7e308),
    "subnormal": lambda: pinv_solve(np.full((2, 2), 5e-324), [1.0, 1.0]),
    "single": lambda: pinv_solve(np.full((2, 2), 1e-44, np.float32), np.ones(2, np.float32)),
    "bias": lambda: with_bias(B.astype(np.float32), 1e300),
    "relu gap": lambda: relu_gap_bound(1e300, 4, 0.1),
    "scales": lambda: ntk(B, depth=3, W_std=1e300),
    "scales, bounded": lambda: nngp(B, depth=2, W_std=1e308, b_std=1.0, activation="erf"),
    "gradient": lambda: NetworkKernel(2)(B * 5e307, eval_gradient=True),
    "conjugate gradients": lambda: ridge_solve(GRAM * 1e-310, Y, 0.0),
    "preconditioner": lambda: low_rank_preconditioner(B * 1e200, 0.1),
}


@pytest.mark.parametrize("name", OVER)
def test_what_leaves_the_range_is_named(name):
    refused("beyond|leave the range", OVER[name], error=OverflowError)


@pytest.mark.parametrize("c", [1e160, 1e300])
def test_lift_says_which_row(c):
    refused("row 4 has norm|row . has norm", lift, B * c)


def test_the_primal_form_says_what_it_needs():
    wanted = r"100001 x 100001 numbers, 74.5 GiB: use dual_solve, which forms one of 4 x 4"
    refused(wanted, primal_solve, np.ones((4, 100001)), np.ones(4), error=MemoryError)


@pytest.mark.parametrize("function", [relu_ntk, lift, numerical_rank, lambda X: NET(X, W0)])
def test_masked_entries_are_refused(function):
    X = np.ma.masked_array(B / 10, mask=np.arange(15).reshape(5, 3) % 7 == 0)
    refused("must have no masked entries, got 3 of them", function, X)
    whole = np.ma.masked_array(B / 10)
    assert np.array_equal(function(whole), function(B / 10))
