"""Least squares: three forms of one solution, and the rank that they take."""

import numpy as np
import pytest

from ntklib.least_squares import (
    dual_coefficients,
    dual_solve,
    numerical_rank,
    pinv_solve,
    primal_solve,
)
from ntklib.regression import NTKRegressor
from tests.unit.samples import refused

# Algebra on matrices of moderate condition.
EXACT = 1e-10


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def jacobians(rng):
    yield "wide", rng.standard_normal((5, 12))
    yield "square", rng.standard_normal((7, 7)) + 4 * np.eye(7)
    yield "tall", rng.standard_normal((12, 5))
    yield "rank-deficient", rng.standard_normal((9, 3)) @ rng.standard_normal((3, 8))


def test_three_forms_are_equal(rng):
    for name, J in jacobians(rng):
        for r in (rng.standard_normal(len(J)), rng.standard_normal((len(J), 2))):
            right = np.linalg.pinv(J, rcond=1e-12) @ r
            for solve in (pinv_solve, primal_solve, dual_solve):
                found = solve(J, r, 1e-12)
                assert np.abs(found - right).max() <= EXACT, (name, solve.__name__)


def test_what_rounding_may_have_made_negative_is_zero(rng):
    row = rng.standard_normal((1, 200_000)).astype(np.float32)
    J = np.concatenate([row, row])
    K = J @ J.T
    K[0, 0] = np.nextafter(K[0, 0], np.float32(0))  # as a sum in another order may come out
    assert dual_coefficients(K, np.ones(2))[1] == 1
    assert dual_coefficients(np.diag([1.0, -1e-4]), np.ones(2), 1e-3)[1] == 1
    with pytest.raises(ValueError, match="positive semidefinite"):
        NTKRegressor(kernel=lambda X, Z=None: -X @ X.T, alpha=0.0).fit(np.eye(3), np.ones(3))


def test_dual_coefficients(rng):
    for _, J in jacobians(rng):
        K, r = J @ J.T, rng.standard_normal(len(J))
        alpha, rank = dual_coefficients(K, r, 1e-12)
        assert rank == np.linalg.matrix_rank(J)
        assert np.abs(alpha - np.linalg.pinv(K, rcond=1e-12) @ r).max() <= EXACT * 100
    zero = dual_coefficients(np.zeros((2, 2)), np.ones(2))
    assert np.array_equal(zero[0], [0, 0])
    assert zero[1] == 0


def test_rank(rng):
    assert [numerical_rank(J) for _, J in jacobians(rng)] == [5, 7, 5, 3]
    assert numerical_rank(np.diag([1.0, 1e-3]), rcond=1e-2) == 1
    assert numerical_rank(np.zeros((3, 2))) == 0


def test_the_largest_value_decides_what_is_zero():
    D, r = np.diag([100.0, 0.1, 0.05]), np.ones(3)
    assert numerical_rank(D, rcond=1e-2) == 1
    for solve in (pinv_solve, lambda *a: dual_coefficients(*a)[0]):
        assert np.abs(solve(D, r, 1e-2) - [0.01, 0, 0]).max() <= EXACT
    # What is exactly at the limit counts as zero.
    edge = np.diag([1.0, 0.5, 2.0**-7])
    assert numerical_rank(edge, rcond=2.0**-7) == dual_coefficients(edge, r, 2.0**-7)[1] == 2
    assert pinv_solve(edge, r, 2.0**-7)[2] == 0
    small = dual_coefficients(np.diag([0.25, 0.5, 0.0]), r)
    assert np.abs(small[0] - [4, 2, 0]).max() <= EXACT
    assert small[1] == 2
    for solve in (pinv_solve, primal_solve, dual_solve):
        assert np.array_equal(solve(np.zeros((3, 2)), r), [0, 0])


def test_powers_of_two_pass_through(rng):
    """2^500 is beyond the range in which squares are safe: it is taken out, and put back."""
    J, r = rng.standard_normal((4, 6)), rng.standard_normal(4)
    K, c = J @ J.T, 2.0**500
    for solve in (pinv_solve, primal_solve, dual_solve):
        right = solve(J, r)
        for found in (solve(J, c * r) / c, solve(c * J, r) * c, solve(c * J, c * r)):
            assert np.abs(found - right).max() <= EXACT
    right = dual_coefficients(K, r)[0]
    for found in (dual_coefficients(K, c * r)[0] / c, dual_coefficients(c * K, r)[0] * c):
        assert np.abs(found - right).max() <= EXACT
    assert np.abs(dual_coefficients(c * K, c * r)[0] - right).max() <= EXACT


def test_how_far_below_zero_is_rounding():
    assert dual_coefficients(np.diag([1.0, -0.9e-8]), np.ones(2))[1] == 1
    refused("positive semidefinite", dual_coefficients, np.diag([1.0, -1.2e-8]), np.ones(2))


def test_what_the_primal_form_refuses(monkeypatch):
    refused(
        r"32769 x 32769 numbers, 8 GiB: use dual_solve, which forms one of 1 x 1",
        *(primal_solve, np.ones((1, 32769)), np.ones(1)),
        error=MemoryError,
    )
    monkeypatch.setattr("ntklib.least_squares._LARGE", 9)
    assert primal_solve(np.ones((2, 3)), np.ones(2)).shape == (3,)
    refused("4 x 4", primal_solve, np.ones((2, 4)), np.ones(2), error=MemoryError)
    for n in (4, 5):  # the other form has no smaller matrix
        assert primal_solve(np.ones((n, 4)), np.ones(n)).shape == (4,)


def test_bad_arguments_are_named():
    refused("K must be square", dual_coefficients, np.ones((2, 3)), np.ones(2))
    refused("K must be symmetric", dual_coefficients, [[1.0, 2.0], [0.0, 1.0]], np.ones(2))
    for K in (
        [[1.0, 0.0], [0.0, -5.0]],
        [[0.0, 1.0], [1.0, 0.0]],
        [[-1.0]],
        [[1.0, 1.1], [1.1, 1.0]],
    ):
        refused("K must be positive semidefinite", dual_coefficients, K, np.ones(len(K)))
    refused("r must have 2 rows", pinv_solve, np.ones((2, 3)), np.ones(3))
    refused("J must be real", pinv_solve, np.ones((2, 3)) * 1j, np.ones(2), error=TypeError)
