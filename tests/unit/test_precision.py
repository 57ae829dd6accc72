"""What is rounding, and what leaves the range: one rule, the right values from elsewhere."""

import re
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.gaussian_process import GaussianProcessRegressor

from ntklib import Linearization, ShallowNetwork, gate_kernel, relu_nngp, relu_ntk
from ntklib.gaussian_process import NetworkKernel
from ntklib.large import gram_operator, pivoted_cholesky, ridge_solve
from ntklib.least_squares import (
    dual_coefficients,
    dual_solve,
    numerical_rank,
    pinv_solve,
    primal_solve,
)
from ntklib.regression import NTKClassifier, NTKRegressor
from ntklib.systems import SingularError, smallest_ridge, solve

SINGLE, DOUBLE = np.float32, np.float64
SOLVERS = [pinv_solve, primal_solve, dual_solve]


def twice(n, d, dtype, seed=0):
    """Every point twice: an even row and the odd one after it."""
    return np.repeat(np.random.default_rng(seed).standard_normal((n, d)), 2, axis=0).astype(dtype)


# -- what is rounding -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, SINGLE, DOUBLE])
@pytest.mark.parametrize(("n", "d"), [(20, 30), (20, 7), (60, 9)])
def test_rank_knows_the_precision(dtype, n, d):
    """The rank of n points, each twice, is min(n, d); of a Gram matrix of theirs, n."""
    X = twice(n, d, dtype)
    assert numerical_rank(X) == min(n, d)
    if dtype == np.float16:
        return  # its rounding hides some of the true eigenvalues of a Gram matrix
    assert numerical_rank((X.astype(DOUBLE) @ X.T.astype(DOUBLE)).astype(dtype)) == min(n, d)
    for kernel in (relu_ntk, relu_nngp, gate_kernel):
        assert numerical_rank(kernel(X.astype(DOUBLE)).astype(dtype)) == n
        assert dual_coefficients(kernel(X), np.ones(2 * n))[1] == numerical_rank(kernel(X)) == n


@pytest.mark.parametrize("function", SOLVERS)
@pytest.mark.parametrize("shape", [(40, 300), (300, 40), (20, 20)])
def test_single_precision_solves_as_double(function, shape):
    """A product of two factors of 10 columns: rank 10, rounded entries, the solution of least norm.

    The truth is that of the factors in float64. The least singular value of the product is above
    1/40 of the largest, so that an error of the entries of one ulp each, n^(1/2) ulps together,
    moves the solution by some 40 n^(1/2) ulps; ten times that is the bound.
    """
    rng = np.random.default_rng(1)
    J = rng.standard_normal((shape[0], 10)) @ rng.standard_normal((10, shape[1]))
    r = J @ rng.standard_normal(shape[1])
    right = np.linalg.pinv(J, rcond=1e-10) @ r
    found = function(J.astype(SINGLE), r.astype(SINGLE))
    assert found.dtype == SINGLE
    bound = 400 * max(shape) ** 0.5 * np.finfo(SINGLE).eps
    assert np.linalg.norm(found - right) <= bound * np.linalg.norm(right)


def test_the_linearization_knows_the_precision():
    X = twice(10, 4, SINGLE)
    net, W0 = ShallowNetwork.random(4, 60, rng=np.random.default_rng(2), doubled=True)
    lin, y = Linearization(net, W0.astype(SINGLE)), np.arange(20) // 2 * 1.0
    fit = lin.fit(X, y)
    assert fit.rank == 10
    right = Linearization(net, W0.astype(SINGLE).astype(DOUBLE)).fit(X.astype(DOUBLE), y)
    np.testing.assert_allclose(fit.predict(X), right.predict(X), atol=1e-4)
    change = np.random.default_rng(3).standard_normal(W0.shape)
    found = lin.project(X, (W0 + change).astype(SINGLE))
    wanted = Linearization(net, W0).project(X.astype(DOUBLE), W0 + change)
    # Twenty singular values within a factor of 100, of 60 x 4 x 2 entries of an ulp each.
    np.testing.assert_allclose(found, wanted, atol=100 * 22 * np.finfo(SINGLE).eps)


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 1e-6, 1e-3, 0.1])
def test_regression_of_single_points(alpha):
    """Points on a line: the kernel is of rank two, and the fit linear on each side of zero.

    The right value is the ridge's closed form there, c = sum x y / (sum x^2 + 2 alpha) over x > 0.
    """
    x = np.linspace(-1, 1, 100, dtype=SINGLE)[:, None]
    y = np.abs(x[:, 0]) + 0.05 * np.sin(99 * x[:, 0])
    side, z = x[:, 0] > 0, 0.77
    u, v = x[side, 0].astype(DOUBLE), y[side].astype(DOUBLE)
    right = z * (u @ v) / (u @ u + 2 * alpha)
    found = NTKRegressor(alpha=alpha).fit(x, y).predict(np.array([[z]], SINGLE))
    assert found.dtype == SINGLE
    # Of a float32 matrix the ridge that is kept stands out by a factor of n^(1/2), so the solution
    # is known to about a tenth; what the exact points lose is their rounding.
    single = smallest_ridge(relu_ntk(x)) <= alpha
    assert abs(found[0] - right) <= (1e-3 if single else 4e-7) * right
    model = NTKRegressor(alpha=alpha).fit(x, y)
    assert model.X_fit_.dtype == (SINGLE if single else DOUBLE)
    signs = NTKClassifier(alpha=alpha).fit(x, y > 0.5)
    assert signs.decision_function(x).dtype == SINGLE


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_gaussian_process_finds_the_same_in_every_dtype(dtype):
    X, y = load_iris(return_X_y=True)
    kernel = NetworkKernel(depth=2)
    K, gradient = kernel(X.astype(dtype), eval_gradient=True)
    assert K.dtype == gradient.dtype == kernel.diag(X.astype(dtype)).dtype == DOUBLE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the likelihood is flat in one direction
        model = GaussianProcessRegressor(kernel).fit(X.astype(dtype), y)
    # The value of the issue, found in float64.
    assert abs(model.log_marginal_likelihood_value_ - 76.54) <= 0.01


@pytest.mark.parametrize("ridge", [0.0, 1e-8, 1e-6])
@pytest.mark.parametrize(("n", "d"), [(50, 1), (100, 3), (300, 20)])
@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_a_ridge_that_would_do_is_named(n, d, dtype, ridge):
    """Also where a float64 matrix has entries rounded to float32, and a pivot shows it."""
    if dtype == DOUBLE:
        n, d, ridge = 50, 1, 0.0
    K = relu_ntk(twice(n, d, SINGLE)).astype(dtype)
    y = np.random.default_rng(4).standard_normal(2 * n)
    with pytest.raises((SingularError, ValueError), match="compute") as caught:
        solve(K, y, ridge=ridge)
    enough = float(re.search(r"ridge of at least (\S+e[-+]\d+)", str(caught.value))[1])
    found = solve(K, y, ridge=enough)
    right = solve(relu_ntk(twice(n, d, SINGLE).astype(DOUBLE)), y, ridge=enough)
    # It stands out from rounding by a factor of 2 n^(1/2) >= 20: so known is the solution.
    assert np.linalg.norm(found.coef - right.coef) <= 0.1 * np.linalg.norm(right.coef)


@pytest.mark.parametrize("scale", [1.0, 1e3])
@pytest.mark.parametrize("ridge", [0.0, 1e-12])
def test_the_ridge_that_is_named_is_no_larger_than_it_must_be(ridge, scale):
    """Of n equal rows, K = t 11', it is n^(1/2) times the least that does.

    The inverse of K + sI is (I - 11' / (n + s/t)) / s, with a 1-norm of 2 (1 - 1/n) / s; that of K
    is nt. So a reciprocal condition number of `noise` / nt, where `noise` is 4 eps t n^(1/2), needs
    s = 2 (1 - 1/n) noise. What is named, 2 n^(1/2) noise, is 8 n eps t: of 24 rows 2.3e-5 of the
    diagonal, which is 3.4e-5 for K_ii = 3/2.
    """
    n, top, eps = 24, 1.5 * scale**2, float(np.finfo(SINGLE).eps)
    X, y = scale * np.ones((n, 3), SINGLE), np.random.default_rng(9).standard_normal(n)
    K = relu_ntk(X)
    assert np.abs(K - top).max() <= 4 * eps * top
    with pytest.raises(SingularError) as caught:
        solve(K, y, ridge=ridge)
    named = float(re.search(r"ridge of at least (\S+e[-+]\d+)", str(caught.value))[1])
    assert abs(named - 8 * n * eps * top) <= 0.05 * named  # two digits are shown
    assert solve(K, y, ridge=named).error <= 1e-13
    least = 2 * (1 - 1 / n) * 4 * eps * top * n**0.5
    assert solve(K, y, ridge=1.1 * least).error <= 1e-13
    with pytest.raises(SingularError):
        solve(K, y, ridge=0.9 * least)


def test_conjugate_gradients_name_a_ridge():
    rng = np.random.default_rng(0)
    X, y = np.tile(rng.standard_normal((100, 3)), (4, 1)).astype(SINGLE), rng.standard_normal(400)
    operator = gram_operator(relu_ntk, X)
    with pytest.raises(ValueError, match="rounded to float32") as caught:
        ridge_solve(operator, y, 0.0, maxiter=300)
    enough = float(re.search(r"at least (\S+e[-+]\d+)", str(caught.value))[1])
    assert ridge_solve(operator, y, enough).converged


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_a_thin_factor_stops_where_rounding_begins(dtype):
    X = twice(60, 3, dtype)
    diagonal = np.sum(X.astype(DOUBLE) ** 2, axis=1) / 2
    F = pivoted_cholesky(relu_ntk, X, 120, diagonal=diagonal, rng=np.random.default_rng(6))
    K = relu_ntk(X.astype(DOUBLE))
    assert F.shape[1] <= 60
    assert np.linalg.norm(K - F @ F.T, 2) <= 8 * np.finfo(dtype).eps * np.trace(K)
