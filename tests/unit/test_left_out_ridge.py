"""Estimators that choose their ridge by points left out, against fits that leave them out."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import LeaveOneGroupOut, LeaveOneOut, cross_val_predict
from sklearn.utils.estimator_checks import parametrize_with_checks

from ntklib import relu_ntk
from ntklib.regression import NTKClassifier, NTKRegressor
from tests.unit.samples import refused


class Linear:
    """A kernel whose matrix is singular. Its name has no address: ids of tests must be the same."""

    def __call__(self, X, Z=None):
        return X @ (X if Z is None else Z).T

    def __repr__(self):
        return "linear"


linear = Linear()


@parametrize_with_checks(
    [
        NTKRegressor(alpha="loo"),
        NTKRegressor(linear, "loo"),
        NTKClassifier(alpha="loo"),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    Y = np.stack([np.sin(2 * X[:, 0]), X[:, 1]], axis=1) + 0.3 * rng.standard_normal((30, 2))
    return X, Y, rng.standard_normal((9, 3))


def test_the_curve_is_that_of_refits(data):
    X, Y, Z = data
    for y in (Y, Y[:, 0]):
        fit = NTKRegressor(alpha="loo").fit(X, y)
        assert fit.alphas_.shape == fit.loo_.shape
        for alpha, error in zip(fit.alphas_, fit.loo_, strict=True):
            out = cross_val_predict(NTKRegressor(alpha=alpha), X, y, cv=LeaveOneOut())
            assert error == pytest.approx(np.mean((y - out) ** 2), rel=1e-10)
        out = cross_val_predict(
            KernelRidge(kernel="precomputed", alpha=fit.alpha_), relu_ntk(X), y, cv=LeaveOneOut()
        )
        assert fit.loo_.min() == pytest.approx(np.mean((y - out) ** 2), rel=1e-10)
        assert fit.alpha_ == fit.alphas_[fit.loo_.argmin()]
        given = NTKRegressor(alpha=fit.alpha_).fit(X, y)
        np.testing.assert_allclose(fit.dual_coef_, given.dual_coef_, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(fit.predict(Z), given.predict(Z), rtol=1e-10, atol=1e-12)


def test_the_ridges_tried(data):
    """0, and four a decade from a tenth of the least eigenvalue to ten times the largest."""
    X, Y, _ = data
    values = np.linalg.eigvalsh(relu_ntk(X))
    found = NTKRegressor(alpha="loo").fit(X, Y).alphas_
    assert found[0] == 0
    np.testing.assert_allclose(found[[1, -1]], [values[0] / 10, 10 * values[-1]], rtol=1e-10)
    ratios = found[2:] / found[1:-1]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-10)
    assert len(ratios) == np.ceil(4 * np.log10(100 * values[-1] / values[0]))
    # Beyond its ends the curve is flat.
    K, y = relu_ntk(X), Y[:, 0]
    ends = NTKRegressor("precomputed", "loo").fit(K, y).loo_[[0, -1]]
    assert ends[1] == pytest.approx(np.mean(y**2), rel=0.2)


def test_noise_decides():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((80, 2))
    y = X @ [1.0, -2.0]
    exact = NTKRegressor(linear, "loo").fit(X, y)
    assert exact.alpha_ <= 1e-10 * exact.alphas_[-1]
    noisy = NTKRegressor(alpha="loo").fit(X, y + rng.standard_normal(80))
    assert noisy.alphas_[1] < noisy.alpha_ < noisy.alphas_[-1]
    noise = NTKRegressor(alpha="loo").fit(X, rng.standard_normal(80))
    assert noisy.alpha_ < noise.alpha_
    nothing = NTKRegressor(alpha="loo").fit(X, np.zeros(80))
    assert (nothing.predict(X) == 0).all()
    assert (nothing.loo_ == 0).all()


def test_ridge_cv_of_scikit_learn(data):
    X, Y, Z = data
    for weight in (None, np.random.default_rng(2).uniform(0.1, 3, 30)):
        fit = NTKRegressor(linear, "loo").fit(X, Y, sample_weight=weight)
        right = RidgeCV(fit.alphas_[1:], fit_intercept=False, store_cv_results=True)
        right.fit(X, Y, sample_weight=weight)
        assert fit.alpha_ == right.alpha_
        np.testing.assert_allclose(fit.predict(Z), right.predict(Z), rtol=1e-10, atol=1e-12)
        squares = right.cv_results_.sum(axis=(0, 1)) / 2 / (30 if weight is None else weight.sum())
        np.testing.assert_allclose(fit.loo_[1:], squares, rtol=1e-10)


def left_out(X, y, weight, groups, alpha):
    """Weighted mean of the squares on groups that fits have not seen."""
    total = 0.0
    for train, test in LeaveOneGroupOut().split(X, y, groups):
        fit = NTKRegressor(alpha=alpha).fit(X[train], y[train], sample_weight=weight[train])
        total += np.sum(weight[test, None] * (y[test] - fit.predict(X[test])) ** 2)
    return total / weight.sum() / y.shape[1]


def test_weights_and_copies(data):
    """A point is left out with its weight and its copies, also those with other targets."""
    X, Y, Z = data
    weight = np.random.default_rng(3).uniform(0.2, 2, 30)
    X[11], X[20], X[29] = X[4], X[4], X[2]
    weight[[7, 20]] = 0
    groups = np.arange(30)
    groups[[11, 20, 29]] = 4, 4, 2
    fit = NTKRegressor(alpha="loo").fit(X, Y, sample_weight=weight)
    some = weight > 0
    for at in (0, 1, 9, 17, -1):
        right = left_out(X[some], Y[some], weight[some], groups[some], fit.alphas_[at])
        assert fit.loo_[at] == pytest.approx(right, rel=1e-9)
    given = NTKRegressor(alpha=fit.alpha_).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(fit.dual_coef_, given.dual_coef_, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(fit.predict(Z), given.predict(Z), rtol=1e-9, atol=1e-11)


def test_copies_with_other_targets_at_a_small_ridge(data):
    """What is left between copies goes to their coefficients, over the ridge."""
    X, Y, _ = data
    X[11] = X[4]

    def small(X, Z=None):
        return 1e-6 * relu_ntk(X, Z)

    fit = NTKRegressor(small, "loo").fit(X, Y)
    assert 0 < fit.alpha_ < 1e-2
    given = NTKRegressor(small, fit.alpha_).fit(X, Y)
    np.testing.assert_allclose(fit.dual_coef_, given.dual_coef_, rtol=1e-9)
    gap = fit.alpha_ * (fit.dual_coef_[4] - fit.dual_coef_[11])
    np.testing.assert_allclose(gap, Y[4] - Y[11], rtol=1e-9)


def test_weights_are_repetitions(data):
    X, Y, Z = data
    weight = np.random.default_rng(4).integers(0, 4, 30)
    once = NTKRegressor(alpha="loo").fit(X, Y, sample_weight=weight)
    often = NTKRegressor(alpha="loo").fit(X.repeat(weight, axis=0), Y.repeat(weight, axis=0))
    np.testing.assert_allclose(once.alphas_, often.alphas_, rtol=1e-10)
    np.testing.assert_allclose(once.loo_, often.loo_, rtol=1e-10)
    np.testing.assert_allclose(once.predict(Z), often.predict(Z), rtol=1e-10, atol=1e-12)
    # Without copies being left out together, the ridge would go to zero.
    assert often.alpha_ > often.alphas_[1]


def test_interpolation_with_copies():
    """At ridge 0 the coefficient of a point goes to its copies in proportion to their weights."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((40, 2))
    X[1] = X[0]
    y, weight = X @ [1.0, 2.0], np.ones(40)
    weight[1] = 3
    fit = NTKRegressor(linear, "loo").fit(X, y, sample_weight=weight)
    zero = fit.set_params(alpha=0.0).fit(X, y, sample_weight=weight)
    assert not hasattr(zero, "loo_")
    assert not hasattr(zero, "alpha_")
    np.testing.assert_allclose(zero.dual_coef_[1], 3 * zero.dual_coef_[0], rtol=1e-9)
    K = np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 5.0])
    K[4:, 4:] = 5
    chosen = NTKRegressor("precomputed", "loo").fit(K, [1, 1, 1, 1, 2, 2])
    np.testing.assert_allclose(chosen.dual_coef_[4], chosen.dual_coef_[5], rtol=1e-12)


def test_the_classifier(data):
    X, Y, _ = data
    labels = np.digitize(Y[:, 0], [-0.3, 0.3])
    for kind in (labels, labels > 0):
        fit = NTKClassifier(alpha="loo").fit(X, kind)
        classes = np.unique(kind)
        targets = np.where(kind[:, None] == classes, 1.0, -1.0)[:, -1 if len(classes) == 2 else 0 :]
        right = NTKRegressor(alpha="loo").fit(X, targets)
        assert fit.alpha_ == right.alpha_
        np.testing.assert_array_equal(fit.loo_, right.loo_)
        np.testing.assert_array_equal(np.squeeze(right.predict(X)), fit.decision_function(X))


def test_precomputed(data):
    X, Y, _ = data
    right = NTKRegressor(alpha="loo").fit(X, Y)
    found = NTKRegressor("precomputed", "loo").fit(relu_ntk(X), Y)
    np.testing.assert_array_equal(found.loo_, right.loo_)
    refused("K must be symmetric", found.fit, np.triu(relu_ntk(X)), Y)
    refused("K must be positive semidefinite", found.fit, -relu_ntk(X), Y)


def test_float32(data):
    """Points are exact in float64; of a matrix the small eigenvalues are not known."""
    X, Y, _ = data
    single = X.astype(np.float32)
    fit = NTKRegressor(alpha="loo").fit(single, Y)
    right = NTKRegressor(alpha="loo").fit(single.astype(float), Y.astype(np.float32))
    np.testing.assert_allclose(fit.loo_, right.loo_, rtol=1e-12)
    assert fit.predict(single).dtype == np.float32
    matrix = NTKRegressor("precomputed", "loo").fit(relu_ntk(single), Y.astype(np.float32))
    assert matrix.dual_coef_.dtype == np.float32
    assert matrix.alphas_[0] == 0
    assert matrix.alpha_ == pytest.approx(right.alpha_, rel=1e-3)


def test_where_rounding_decides_zero_is_not_tried():
    """Near a line the spectrum falls through what rounding leaves."""
    x = np.linspace(0, 1, 40)
    K = np.exp(-((x[:, None] - x) ** 2))
    fit = NTKRegressor("precomputed", "loo").fit(K, np.cos(3 * x))
    assert fit.alphas_[0] > 1e-15 * np.linalg.norm(K)
    assert fit.loo_.min() <= 1e-8


def test_scales(data):
    X, Y, _ = data
    K, right = relu_ntk(X), NTKRegressor(alpha="loo").fit(X, Y)
    for a, b in ((300, 0), (-900, 30), (400, -500)):
        fit = NTKRegressor("precomputed", "loo").fit(np.ldexp(K, a), np.ldexp(Y, b))
        np.testing.assert_allclose(np.ldexp(fit.alpha_, -a), right.alpha_, rtol=1e-12)
        np.testing.assert_allclose(np.ldexp(fit.loo_, -2 * b), right.loo_, rtol=1e-12)
        np.testing.assert_allclose(np.ldexp(fit.dual_coef_, a - b), right.dual_coef_, rtol=1e-9)
    with pytest.raises(OverflowError, match="squared errors are beyond"):
        NTKRegressor(alpha="loo").fit(X, 1e200 * Y)


@pytest.mark.parametrize("alpha", ["LOO", "gcv", ["loo", "loo"], None])
def test_other_words_are_refused(data, alpha):
    X, Y, _ = data
    refused(
        'alpha must be a finite number, at least 0, or "loo"', NTKRegressor(alpha=alpha).fit, X, Y
    )
    assert clone(NTKRegressor(alpha=alpha)).alpha == alpha
