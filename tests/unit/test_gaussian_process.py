"""The kernel as scikit-learn's: gradients, parameters, and its estimators."""

import math
import pickle

import mpmath as mp
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from ntklib import activations, nngp, ntk
from ntklib.expectations import Homogeneous
from ntklib.gaussian_process import NetworkKernel
from ntklib.regression import NTKRegressor
from tests.unit import exact
from tests.unit.samples import refused

ACTIVATIONS = ["relu", "leaky_relu", "absolute", "erf", "gaussian", "cos", "sin", "rbf", "gelu"]


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 3))
    # Equal, opposite, parallel, nearly equal and zero points: where the angle is not smooth.
    X[5], X[6], X[7], X[8], X[9] = X[0], -X[1], X[2] * (1 + 1e-9), 0, 2 * X[2]
    return X


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("depth", [1, 2])
def test_gradient_against_differences(X, activation, kind, depth):
    """Central differences of order six: error h^6 / 140 times the seventh derivative.

    The kernel is like W_std to the power 2 depth + 2, at most; twice that exponent covers the
    constants, and 1e-11 the rounding over h.
    """
    h = 0.01
    kernel = NetworkKernel(depth, activation, 0.6, 0.3, kind)
    K, gradient = kernel(X, eval_gradient=True)
    np.testing.assert_array_equal(K, kernel(X))
    assert gradient.shape == (*K.shape, 2)
    for i in range(2):
        step = h * np.eye(2)[i]
        at = lambda c: kernel.clone_with_theta(kernel.theta + c * step)(X)  # noqa: B023, E731
        difference = sum(
            weight * (at(c) - at(-c)) for c, weight in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
        )
        bound = (4 * depth + 4) ** 7 * h**6 / 140 + 1e-11
        error = np.abs(difference / h - gradient[:, :, i]).max()
        assert error <= bound * np.abs(K).max()


def test_gradient_without_bias_is_a_power(X):
    for depth in (1, 5):
        kernel = NetworkKernel(depth, b_std=0.0)
        K, gradient = kernel(X, eval_gradient=True)
        assert gradient.shape == (12, 12, 1)
        scale = np.sqrt(np.outer(np.diag(K), np.diag(K)))
        error = np.abs(gradient[:, :, 0] - (2 * depth + 2) * K)
        assert (error <= 1e-13 * (2 * depth + 2) * scale).all()


@pytest.mark.parametrize("name", ["relu", "erf"])
def test_gradient_in_many_digits(X, name):
    kernel = NetworkKernel(3, name, 1.2, 0.2)
    K, gradient = kernel(X, eval_gradient=True)
    with mp.workdps(60):
        h = mp.mpf("1e-15")
        for i, j in ((0, 1), (0, 5), (1, 6), (2, 7), (2, 9), (3, 8)):
            for k in range(2):
                values = []
                for sign in (1, -1):
                    scales = [mp.mpf(1.2), mp.mpf(0.2)]
                    scales[k] *= mp.exp(sign * h)
                    options = dict(depth=3, law=exact.LAWS[name])
                    T = exact.kernels(X[i], X[j], W_std=scales[0], b_std=scales[1], **options)[1]
                    values.append(T[2])
                right = float((values[0] - values[1]) / (2 * h))
                scale = math.sqrt(K[i, i] * K[j, j])
                # Eight powers of W_std, two of b_std; each layer rounds some times.
                assert abs(gradient[i, j, k] - right) <= 1e-13 * 8 * scale, (i, j, k)


def test_values_are_those_of_the_functions(X):
    Z = X[:4] + 0.5
    options = dict(depth=2, activation="erf", W_std=1.1, b_std=0.2)
    np.testing.assert_array_equal(NetworkKernel(**options)(X, Z), ntk(X, Z, **options))
    np.testing.assert_array_equal(NetworkKernel(**options, kind="nngp")(X), nngp(X, **options))
    np.testing.assert_array_equal(
        NetworkKernel(**options, trained="inner")(X), ntk(X, trained="inner", **options)
    )
    for kind in ("ntk", "nngp"):
        kernel = NetworkKernel(**options, kind=kind)
        np.testing.assert_array_equal(kernel.diag(X), np.diag(kernel(X)))


def test_parameters_and_bounds():
    kernel = NetworkKernel(2, W_std=1.5, b_std=0.5, W_std_bounds=(1, 2), b_std_bounds=(0.1, 3))
    np.testing.assert_allclose(kernel.theta, np.log([1.5, 0.5]))
    np.testing.assert_allclose(kernel.bounds, np.log([(1, 2), (0.1, 3)]))
    other = kernel.clone_with_theta(np.log([1.2, 0.7]))
    assert (other.W_std, other.b_std, other.depth) == pytest.approx((1.2, 0.7, 2))
    assert kernel.W_std == 1.5
    assert clone(kernel) == kernel
    assert clone(kernel) is not kernel
    assert not kernel.is_stationary()
    assert len(NetworkKernel(b_std=0.0).theta) == 1
    assert len(NetworkKernel(W_std_bounds="fixed", b_std_bounds="fixed").theta) == 0
    fixed = NetworkKernel(W_std_bounds="fixed", b_std_bounds="fixed")
    assert fixed(np.eye(2), eval_gradient=True)[1].shape == (2, 2, 0)
    only = NetworkKernel(W_std_bounds="fixed")
    both = NetworkKernel()
    np.testing.assert_array_equal(
        only(np.eye(2), eval_gradient=True)[1][..., 0],
        both(np.eye(2), eval_gradient=True)[1][..., 1],
    )
    assert "depth=2" in repr(kernel)
    assert pickle.loads(pickle.dumps(kernel)) == kernel
    special = NetworkKernel(activation=activations.leaky_relu(0.3), trained=(1,))
    assert clone(special)(np.eye(2)).shape == (2, 2)
    NetworkKernel(activation=Homogeneous(2, 1, 0))(np.eye(2))


def test_gaussian_process_regression():
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:120] / np.linalg.norm(X[:120], axis=1, keepdims=True), y[:120]
    y = (y - y.mean()) / y.std()
    kernel = ConstantKernel() * NetworkKernel(2, b_std=0.5, W_std_bounds="fixed") + WhiteKernel()
    model = GaussianProcessRegressor(kernel, random_state=0)
    model.fit(X, y)
    start = GaussianProcessRegressor(kernel, optimizer=None).fit(X, y)
    assert model.log_marginal_likelihood_value_ > start.log_marginal_likelihood_value_
    # The gradient that the optimizer saw is that of the likelihood.
    theta = kernel.theta
    _, slope = start.log_marginal_likelihood(theta, eval_gradient=True)
    h = 1e-5
    for i, step in enumerate(h * np.eye(len(theta))):
        difference = start.log_marginal_likelihood(theta + step)
        difference -= start.log_marginal_likelihood(theta - step)
        assert abs(difference / (2 * h) - slope[i]) <= 1e-5 * max(1, abs(slope[i]))
    mean, deviation = model.predict(X[:5], return_std=True)
    assert mean.shape == deviation.shape == (5,)
    assert (deviation > 0).all()


def test_kernel_ridge_is_the_formula():
    rng = np.random.default_rng(1)
    X, y, Z = rng.standard_normal((30, 4)), rng.standard_normal(30), rng.standard_normal((6, 4))
    kernel = NetworkKernel(3, W_std=1.0)
    right = kernel(Z, X) @ np.linalg.solve(kernel(X) + 0.1 * np.eye(30), y)
    np.testing.assert_allclose(KernelRidge(0.1, kernel=kernel).fit(X, y).predict(Z), right)
    np.testing.assert_allclose(NTKRegressor(kernel, alpha=0.1).fit(X, y).predict(Z), right)


def test_classifiers_and_search():
    X, y = load_iris(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    assert SVC(kernel=NetworkKernel(2)).fit(X, y).score(X, y) > 0.95
    two = y < 2
    model = GaussianProcessClassifier(NetworkKernel(1), max_iter_predict=20)
    assert model.fit(X[two][::3], y[two][::3]).score(X[two], y[two]) > 0.95
    grid = GridSearchCV(
        KernelRidge(kernel=NetworkKernel()),
        {"kernel__depth": [1, 2], "kernel__activation": ["relu", "erf"], "alpha": [0.1]},
        cv=3,
    )
    assert grid.fit(X, y).best_score_ > -np.inf


def test_bad_arguments_are_named():
    X = np.eye(2)
    refused("depth must be at least 1", NetworkKernel(0), X)
    refused("W_std must be positive", NetworkKernel(W_std=-1.0), X)
    refused("trained must be one of", NetworkKernel(trained="none"), X)
    refused("kind must be ntk or nngp, got 'gram'", NetworkKernel(kind="gram"), X)
    refused("Y must be None when eval_gradient is set", NetworkKernel(), X, X, eval_gradient=True)
