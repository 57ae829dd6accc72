"""Kernels that are integrated as they are: against closed forms, and what stops it."""

import math
from functools import partial

import numpy as np
import pytest
import scipy.special

from ntklib import gate_kernel, nngp, ntk, relu_nngp, relu_ntk, with_bias
from ntklib.expectations import QuadratureError
from ntklib.harmonics import DotProduct, eigenvalues, multiplicity
from tests.unit.samples import points, refused


def plain(kernel):
    """The same kernel, as one that is not known."""
    return lambda X, Z: kernel(X, Z)


@pytest.mark.parametrize("d", [2, 3, 10, 300])
@pytest.mark.parametrize("kernel", [relu_ntk, relu_nngp, gate_kernel])
def test_against_closed_forms(kernel, d):
    """The error that is stated holds, and is some ulps of the kernel over sqrt(N)."""
    k = np.arange(151)
    right = eigenvalues(kernel, d, k)
    found, error = eigenvalues(plain(kernel), d, k, return_error=True)
    assert (np.abs(found - right) <= error).all()
    roots = np.array([math.sqrt(n) for n in multiplicity(d, k)])
    assert (error * roots <= 1e-13).all()
    # A factor on the kernel is one on all of it.
    ten = eigenvalues(lambda X, Z: 10 * kernel(X, Z), d, k[:5])
    np.testing.assert_allclose(ten, 10 * right[:5], atol=(10 * error[:5]).max())


def test_the_exponential():
    """exp(t) in three dimensions: modified spherical Bessel functions."""
    k = np.arange(12)
    found, error = eigenvalues(DotProduct(np.exp), 3, k, return_error=True)
    right = scipy.special.spherical_in(k, 1.0)
    assert (np.abs(found - right) <= error).all()
    assert (error <= 1e-13).all()


def test_powers():
    """t^2 is 1/d at degree 0, 2 / (d (d+2)) at degree 2, and nothing else."""
    d = 7
    found, error = eigenvalues(DotProduct(np.square), d, range(6), return_error=True)
    right = [1 / d, 0, 2 / (d * (d + 2)), 0, 0, 0]
    assert (np.abs(found - right) <= error).all()


@pytest.mark.parametrize("d", [2, 5])
def test_one_layer_is_the_sum_of_both(d):
    k = np.arange(20)
    found, error = eigenvalues(partial(ntk, depth=1), d, k, return_error=True)
    # Its two scales are of sqrt 2.
    right = 4 * (eigenvalues(relu_ntk, d, k) + eigenvalues(relu_nngp, d, k))
    assert (np.abs(found - right) <= error).all()


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_deep_networks_to_a_few_hundred_degrees(depth):
    """With a second layer odd degrees are there; all sum to the diagonal, 2 (depth + 1)."""
    k = np.arange(301)
    values, error = eigenvalues(partial(ntk, depth=depth), 3, k, return_error=True)
    assert (values > 1000 * error).all()
    counts = multiplicity(3, k).astype(float)
    partial_sums = np.cumsum(counts * values)
    assert (partial_sums < 2 * (depth + 1)).all()
    # The terms are C / (k + 1/2)^2 with a C for each parity, up to the factor 1 + O(k^-2). What is
    # left after K is like 1 / (K + 1), and the difference of the parities alternates: at most the
    # share 1 / K of that.
    left = 2 * (depth + 1) - partial_sums
    assert left[300] / left[150] == pytest.approx(151 / 301, rel=1 / 150)


def test_depth_does_not_change_the_power_of_decay():
    """(k + 1/2)^-3 at both parities in three dimensions.

    The next order is k^-2. For the shallow kernel its factor is 41 / 8 (prp-decay), which makes
    4e-4 here. Five times that is far from an order of 1 / k.
    """
    for depth in (2, 4):
        values = eigenvalues(partial(ntk, depth=depth), 3, [100, 101, 200, 201])
        k = np.array([100, 101])
        np.testing.assert_allclose(
            values[:2] / values[2:], ((k + 100.5) / (k + 0.5)) ** 3, rtol=2e-3
        )


def test_the_covariance_of_a_smooth_network():
    """Of tanh, by quadrature itself: odd, and analytic, so that degrees fall off fast."""
    values, error = eigenvalues(
        partial(nngp, depth=1, activation="erf", W_std=1.0), 4, range(8), return_error=True
    )
    assert (np.abs(values[::2]) <= error[::2]).all()
    assert (values[1::2] > 100 * error[1::2]).all()
    right = 2 / math.pi * np.arcsin(2 / 3)  # E erf(u) erf(v) at equal unit points
    assert values @ multiplicity(4, range(8)).astype(float) == pytest.approx(right, rel=1e-4)


def test_the_bias_of_any_kernel():
    k = np.arange(6)
    found = eigenvalues(plain(relu_ntk), 3, k, bias=-0.7)
    np.testing.assert_allclose(found, eigenvalues(relu_ntk, 3, k, bias=0.7), rtol=1e-10)


def test_what_is_not_known_to_the_tolerance_is_refused():
    def kink(t):
        return np.abs(t - 0.3)

    loose, error = eigenvalues(DotProduct(kink), 3, range(4), tol=1e-6, return_error=True)
    exact = np.array([0.5 * (1.09), 0.5 * (-0.3 + 0.3**3 / 3)])  # by hand, degrees 0 and 1
    assert (np.abs(loose[:2] - exact) <= error[:2]).all()
    refused("not smooth", eigenvalues, DotProduct(np.sign), 3, 1, error=QuadratureError)
    refused("need .* nodes, more", eigenvalues, plain(relu_ntk), 3, 10**5, error=QuadratureError)
    refused("tol is 1.0e-16", eigenvalues, plain(relu_ntk), 3, 1, tol=1e-16)


def test_logarithms_need_what_is_above_the_error():
    logs, error = eigenvalues(plain(relu_ntk), 3, [0, 1, 2, 4], log=True, return_error=True)
    right = eigenvalues(relu_ntk, 3, [0, 1, 2, 4], log=True)
    assert (np.abs(logs - right) <= error).all()
    refused("that of degree 3 is not", eigenvalues, plain(relu_ntk), 3, [0, 1, 2, 3], log=True)
    refused("that of degree 1 is", eigenvalues, DotProduct(np.negative), 3, 1, log=True)


def test_a_kernel_of_something_else_is_refused():
    refused("of the inner product", eigenvalues, lambda X, Z: X[:, :1] @ Z[:, :1].T, 3, 1)
    refused("of the inner product", eigenvalues, lambda X, Z: (X**3) @ Z.T, 3, 1)
    refused("must give a matrix", eigenvalues, lambda X, Z: np.ones(3), 3, 1)
    refused("must be finite", eigenvalues, DotProduct(lambda t: np.full_like(t, np.nan)), 3, 1)
    refused("must be real", eigenvalues, lambda X, Z: X @ Z.T * 1j, 3, 1, error=TypeError)
    # A kernel of other points than unit ones is one of the inner product on the sphere.
    assert eigenvalues(lambda X, Z: (X @ Z.T) ** 2, 3, 0) == pytest.approx(1 / 3)
    assert eigenvalues(lambda X, Z: X @ Z.T, 3, 0, bias=2.0) == pytest.approx(4)
    assert eigenvalues(lambda X, Z: np.zeros((len(X), len(Z))), 3, 0) == 0


def test_bad_arguments_are_named():
    refused("d must be at least 2, got 1", eigenvalues, relu_ntk, 1, 0)
    refused("d must be an integer", eigenvalues, relu_ntk, 3.0, 0, error=TypeError)
    refused("degrees must be at least 0, got -1", eigenvalues, relu_ntk, 3, [0, -1])
    refused("degrees must be integers", eigenvalues, relu_ntk, 3, 1.0, error=TypeError)
    refused("degrees must be integers", eigenvalues, relu_ntk, 3, True, error=TypeError)
    refused("degrees must not be empty", eigenvalues, relu_ntk, 3, np.array([], int))
    refused("tol must be positive", eigenvalues, relu_ntk, 3, 1, tol=0)
    refused("bias must be 0 or between", eigenvalues, relu_ntk, 3, 1, bias=1e-200)
    refused("bias must be finite", eigenvalues, relu_ntk, 3, 1, bias=np.inf)
    refused("eps must be positive", eigenvalues, partial(relu_ntk, eps=-1.0), 3, 1)
    refused("d must be at least 2", multiplicity, 1, 3)
    refused("degree must be at least 0", multiplicity, 3, -1)


def test_a_kernel_from_a_profile():
    X = points(6, 3)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    kernel = DotProduct(np.exp)
    np.testing.assert_allclose(kernel(X), np.exp(X @ X.T), rtol=1e-15)
    np.testing.assert_allclose(kernel(X, X[:2]), np.exp(X @ X[:2].T), rtol=1e-15)
    refused("X must have rows of length 1, row 0 has length 2", kernel, 2 * X)
    refused("Z must have rows of length 1", kernel, X, with_bias(X)[:, 1:])
    refused("Z must have 3 columns", kernel, X, np.eye(2))
