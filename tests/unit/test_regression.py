"""The estimators: scikit-learn's own checks, and the kernel formula."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from ntklib import relu_nngp, relu_ntk
from ntklib.regression import NTKClassifier, NTKRegressor
from tests.unit.samples import refused


@parametrize_with_checks(
    [NTKRegressor(), NTKRegressor(kernel="relu_nngp", alpha=0.1), NTKClassifier()]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((30, 4)), rng.standard_normal((30, 2)), rng.standard_normal((9, 4))


@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize(("name", "kernel"), [("relu_ntk", relu_ntk), ("relu_nngp", relu_nngp)])
def test_is_kernel_ridge(data, alpha, name, kernel):
    X, Y, Z = data
    expected = kernel(Z, X) @ np.linalg.solve(kernel(X) + alpha * np.eye(30), Y)
    found = NTKRegressor(name, alpha).fit(X, Y).predict(Z)
    # Rounding times the condition number of the Gram matrix.
    bound = 1e-14 * np.linalg.cond(kernel(X) + alpha * np.eye(30)) * np.abs(expected).max()
    assert np.abs(found - expected).max() <= bound
    one = NTKRegressor(kernel, alpha).fit(X, Y[:, 0]).predict(Z)
    assert np.abs(one - expected[:, 0]).max() <= bound


def test_classifier_takes_the_largest(data):
    X, _, Z = data
    labels = np.array(["a", "b", "c"])[np.arange(30) % 3]
    fit = NTKClassifier().fit(X, labels)
    assert (fit.predict(X) == labels).all()
    assert (fit.predict(Z) == fit.classes_[fit.decision_function(Z).argmax(axis=1)]).all()


@pytest.mark.parametrize("alpha", [-1.0, np.nan, np.inf, "1", None])
def test_bad_alpha_is_named(data, alpha):
    X, Y, _ = data
    refused("alpha must be", NTKRegressor(alpha=alpha).fit, X, Y)


def test_bad_kernel_is_named(data):
    X, Y, _ = data
    refused("kernel must be", NTKRegressor(kernel="rbf").fit, X, Y)
