"""The estimators: scikit-learn's own checks, and the kernel formula."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.inspection import partial_dependence
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from ntklib import gate_kernel, nngp, ntk, relu_nngp, relu_ntk
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


def test_kernel_ridge_of_scikit_learn(data):
    """Weights and a ridge for each target; the same matrix precomputed, here and there."""
    X, Y, Z = data
    weight = np.random.default_rng(1).uniform(0, 2, 30)
    weight[:2] = 0
    alpha = np.array([0.3, 2.0])
    K = relu_ntk(X)
    right = KernelRidge(kernel="precomputed", alpha=alpha)
    right.fit(K, Y, sample_weight=weight)
    expected = right.predict(relu_ntk(Z, X))
    found = NTKRegressor(alpha=alpha).fit(X, Y, sample_weight=weight)
    # Rounding times the condition number of the Gram matrix, with the smaller ridge.
    bound = 1e-14 * np.linalg.cond(2 * K + alpha[0] * np.eye(30)) * np.abs(expected).max()
    assert np.abs(found.predict(Z) - expected).max() <= bound
    own = NTKRegressor("precomputed", alpha).fit(K, Y, sample_weight=weight)
    assert np.abs(own.predict(relu_ntk(Z, X)) - expected).max() <= bound
    plain = NTKRegressor(alpha=alpha).fit(X, Y).predict(Z)
    assert np.abs(plain - expected).max() > bound


def test_weights_without_a_ridge_are_repetitions():
    """Two equal points: with no ridge, their weighted mean."""
    X, y = np.array([[1.0, 2.0], [1.0, 2.0], [-1.0, 0.5]]), np.array([1.0, 4.0, 7.0])
    fit = NTKRegressor().fit(X, y, sample_weight=[2, 1, 5])
    # The condition number of the three weights is 5.
    np.testing.assert_allclose(fit.predict(X), [2, 2, 7], rtol=1e-13)
    labels = np.array(["a", "b", "b"])
    assert NTKClassifier().fit(X, labels, sample_weight=[2, 1, 5]).predict(X[:1]) == ["a"]
    assert NTKClassifier().fit(X, labels, sample_weight=[1, 2, 5]).predict(X[:1]) == ["b"]


@pytest.mark.parametrize("weight", [[1, 2], [1] * 29 + [-1], [0] * 30, [np.nan] * 30])
def test_bad_weights_are_named(data, weight):
    X, Y, _ = data
    refused("sample_weight must", NTKRegressor().fit, X, Y, weight)


def test_precomputed_is_split_along_both_sides(data):
    """Cross-validation takes rows and columns of a precomputed matrix."""
    X, Y, _ = data
    right = cross_val_predict(NTKRegressor(alpha=0.3), X, Y, cv=3)
    found = cross_val_predict(NTKRegressor("precomputed", 0.3), relu_ntk(X), Y, cv=3)
    bound = 1e-14 * np.linalg.cond(relu_ntk(X) + 0.3 * np.eye(30)) * np.abs(right).max()
    assert np.abs(found - right).max() <= bound
    refused("X must be square", NTKRegressor("precomputed").fit, X, Y)


@pytest.mark.parametrize("alpha", [[0.1], [0.1, 0.2, 0.3], [0.1, -1.0]])
def test_bad_alpha_of_targets_is_named(data, alpha):
    X, Y, _ = data
    refused("alpha must be", NTKRegressor(alpha=alpha).fit, X, Y)


@pytest.mark.parametrize("kernel", [relu_ntk, relu_nngp, gate_kernel])
@pytest.mark.parametrize("estimator", [KernelRidge, partial(Nystroem, n_components=9)])
def test_single_points_of_scikit_learn_are_refused_by_name(data, kernel, estimator):
    """They call a kernel with one pair of rows after the other."""
    X, Y, _ = data
    refused('kernel="precomputed"', estimator(kernel=kernel).fit, X, Y)


@pytest.mark.parametrize("kernel", [relu_ntk, ntk, nngp])
def test_single_points_are_refused_by_name(kernel):
    options = {} if kernel is relu_ntk else {"depth": 1}
    for x in ([1.0, 2.0], np.ones(3), pd.Series([1.0, 2.0])):
        with pytest.raises(ValueError, match=r"X must have 2 dim.*a single point is a row"):
            kernel(x, **options)


@pytest.mark.parametrize("form", [scipy.sparse.csr_matrix, scipy.sparse.coo_array])
def test_sparse_data_are_refused_by_name(data, form):
    X, Y, _ = data
    for function in (relu_ntk, lambda v: ntk(v, depth=1), lambda v: NTKRegressor().fit(v, Y)):
        with pytest.raises(TypeError, match=r"X must not be sparse, got c.*X.toarray\(\)"):
            function(form(X))


def test_tables(data):
    """Nullable and bool columns beside floats; names are kept, and outputs of pipelines tables."""
    X, Y, _ = data
    X[:, 2], X[:, 3] = X[:, 2] > 0, np.round(4 * X[:, 3])
    table = pd.DataFrame(X, columns=list("abcd"))
    table = table.astype({"b": "Float64", "c": "bool", "d": "Int64"})
    np.testing.assert_array_equal(relu_ntk(table), relu_ntk(X))
    np.testing.assert_array_equal(ntk(table.astype({"c": "boolean"}), depth=2), ntk(X, depth=2))
    single = table[["a", "b"]].astype({"a": "float32", "b": "Float32"})
    assert relu_ntk(single).dtype == np.float32
    fit = NTKRegressor(alpha=0.1).fit(table, pd.DataFrame(Y).astype("Float64"))
    assert fit.feature_names_in_.tolist() == list("abcd")
    # scikit-learn hands over columns, whose products round otherwise: times the condition number.
    right = NTKRegressor(alpha=0.1).fit(X, Y).predict(X)
    bound = 1e-14 * np.linalg.cond(relu_ntk(X) + 0.1 * np.eye(30)) * np.abs(right).max()
    assert np.abs(fit.predict(table) - right).max() <= bound
    pipe = make_pipeline(StandardScaler(), NTKRegressor(alpha=0.1)).set_output(transform="pandas")
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    found = pipe.fit(table.astype(float), Y).predict(table.astype(float))
    right = NTKRegressor(alpha=0.1).fit(scaled, Y).predict(scaled)
    bound = 1e-14 * np.linalg.cond(relu_ntk(scaled) + 0.1 * np.eye(30)) * np.abs(right).max()
    assert np.abs(found - right).max() <= bound
    assert pipe[-1].feature_names_in_.tolist() == list("abcd")


def test_partial_dependence(data):
    X, Y, _ = data
    fit = NTKRegressor(alpha=0.3).fit(X, Y[:, 0])
    found = partial_dependence(fit, X, [1], grid_resolution=5)
    for value, mean in zip(found["grid_values"][0], found["average"][0], strict=True):
        moved = X.copy()
        moved[:, 1] = value
        np.testing.assert_allclose(fit.predict(moved).mean(), mean, rtol=1e-13, atol=1e-13)


def test_missing_values_are_counted_by_column(data):
    X, Y, _ = data
    table = pd.DataFrame(X, columns=list("abcd")).astype({"b": "Float64"})
    table.loc[3:5, "b"], table.loc[7, "d"] = pd.NA, np.nan
    words = r"X must have no missing values \(NaN\), got 3 in column 'b', 1 in column 'd'"
    whole = table.fillna(0.0)
    for function in (
        relu_ntk,
        lambda v: NTKRegressor().fit(v, Y),
        NTKRegressor().fit(whole, Y).predict,
        lambda v: NTKClassifier().fit(v, Y[:, 0] > 0),
    ):
        with pytest.raises(ValueError, match=words):
            function(table)
    y = pd.Series(Y[:, 0], name="price").astype("Float64")
    y[2] = pd.NA
    with pytest.raises(ValueError, match=r"y must have no missing .* 1 in column 'price'"):
        NTKRegressor().fit(X, y)
    with pytest.raises(TypeError, match=r"X must be real numbers, got dtype .* in column 'name'"):
        relu_ntk(pd.DataFrame({"a": [1.0, 2.0], "name": ["x", "y"]}))


def test_masked_arrays(data):
    X, Y, _ = data
    np.testing.assert_array_equal(relu_ntk(np.ma.array(X)), relu_ntk(X))
    masked = np.ma.masked_less(X, -1)
    count = int(masked.mask.sum())
    for function in (relu_ntk, lambda v: NTKRegressor().fit(v, Y)):
        with pytest.raises(ValueError, match=f"X must have no masked entries, got {count} of"):
            function(masked)
