"""Estimators in the span of centres, against least squares in it, and in batches."""

import numpy as np
import pandas as pd
import pytest
import zarr
from sklearn.base import clone
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.utils.estimator_checks import parametrize_with_checks

from ntklib import relu_ntk
from ntklib.gaussian_process import AveragedKernel, NetworkKernel
from ntklib.groups import Group
from ntklib.regression import NTKClassifier, NTKRegressor
from tests.unit.samples import refused

N = 60


@parametrize_with_checks(
    [
        NTKRegressor(alpha=0.1, solver="nystroem", random_state=0),
        NTKClassifier(alpha=0.1, solver="nystroem", random_state=0),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 3))
    Y = np.stack([np.sin(2 * X[:, 0]), X[:, 1]], axis=1) + 0.3 * rng.standard_normal((N, 2))
    return X, Y, rng.standard_normal((9, 3))


def least_squares(kernel, X, y, C, alpha, Z, weight=None):
    """By stacked rows, the values at the points and the penalty, in a basis by eigenvectors."""
    w, V = np.linalg.eigh(kernel(C))
    keep = w > 1e-12 * w[-1]
    basis = V[:, keep] / np.sqrt(w[keep])
    root = np.sqrt(np.ones(len(y)) if weight is None else weight)[:, None]
    rows = np.vstack([root * (kernel(X, C) @ basis), np.sqrt(alpha) * np.eye(keep.sum())])
    target = np.vstack([root * y.reshape(len(y), -1), np.zeros((keep.sum(), y[:1].size))])
    found = kernel(Z, C) @ basis @ np.linalg.lstsq(rows, target, rcond=None)[0]
    return found.reshape(-1, *y.shape[1:])


SWAP = Group([[0, 1, 2], [1, 0, 2]])
KERNELS = {
    "lecture": relu_ntk,
    "deep with scales": NetworkKernel(2, b_std=0.5, length_scale=[1.0, 2.0, 0.5]),
    "averaged": AveragedKernel(NetworkKernel(), SWAP),
    "another": lambda X, Z=None: np.exp(-np.square(X[:, None] - (X if Z is None else Z)).sum(-1)),
}


@pytest.mark.parametrize(
    ("kernel", "alpha", "weighted"),
    [
        *(("lecture", alpha, weighted) for alpha in (0.3, [0.3, 2.0]) for weighted in (0, 1)),
        *((name, [0.3, 2.0], 1) for name in list(KERNELS)[1:]),
    ],
)
def test_it_is_least_squares_in_the_span(data, kernel, alpha, weighted):
    """The residual of 1e-8, in coordinates in which values are of order one, times 10 for them."""
    X, Y, Z = data
    kernel = KERNELS[kernel]
    weight = np.random.default_rng(1).integers(0, 3, N).astype(float) if weighted else None
    for centers in (12, X[:12]):
        fit = NTKRegressor(kernel, alpha, "nystroem", centers, random_state=0)
        fit.fit(X, Y, sample_weight=weight)
        C = fit.centers_
        assert C.shape == (12, 3)
        if weighted and isinstance(centers, int):
            rows = (X[:, None] == C).all(axis=2).argmax(axis=0)
            assert weight[rows].min() > 0
        each = alpha if isinstance(alpha, list) else [alpha] * 2
        right = [
            least_squares(kernel, X, y, C, a, Z, weight) for y, a in zip(Y.T, each, strict=True)
        ]
        right = np.stack(right, axis=1)
        assert np.abs(fit.predict(Z) - right).max() <= 1e-7 * np.abs(right).max()
        assert fit.dual_coef_.shape == (12, 2)


def test_all_points_as_centres_are_the_direct_solver(data):
    """Of fewer than 2000 points all are taken; copies and weights are what they are there."""
    X, Y, Z = data
    X[11] = X[4]
    weight = np.random.default_rng(2).uniform(0, 2, N)
    for y, w in ((Y, None), (Y[:, 0], weight)):
        right = NTKRegressor(alpha=0.2).fit(X, y, w)
        found = NTKRegressor(alpha=0.2, solver="nystroem", random_state=0).fit(X, y, w)
        assert (right.solver_, found.solver_) == ("direct", "nystroem")
        assert not hasattr(found, "X_fit_")
        error = np.abs(found.predict(Z) - right.predict(Z)).max()
        assert error <= 1e-7 * np.abs(right.predict(Z)).max()
    labels = np.digitize(Y[:, 0], [-0.3, 0.3])
    for kind in (labels, labels > 0):
        right, found = (
            NTKClassifier(alpha=0.2, solver=s, random_state=0) for s in ("direct", "nystroem")
        )
        right, found = right.fit(X, kind), found.fit(X, kind)
        np.testing.assert_allclose(
            found.decision_function(Z), right.decision_function(Z), rtol=1e-7, atol=1e-8
        )
        assert (found.predict(Z) == right.predict(Z)).all()


def test_without_a_ridge(data):
    X, Y, Z = data
    fit = NTKRegressor(solver="nystroem", centers=X[:7], random_state=0).fit(X, Y)
    coef = np.linalg.lstsq(relu_ntk(X, X[:7]), Y, rcond=None)[0]
    np.testing.assert_allclose(fit.predict(Z), relu_ntk(Z, X[:7]) @ coef, rtol=1e-7, atol=1e-8)
    twice = NTKRegressor(solver="nystroem", centers=X[[0, 1, 0]])
    refused("ridge must be positive where centers depend", twice.fit, X, Y)


def test_which_solver_is_taken(data):
    """Direct while eight matrices fit in the memory and no centres are given."""
    X, Y, _ = data
    for memory, solver in ((8 * 8 * N * N, "direct"), (8 * 8 * N * N - 1, "nystroem")):
        assert NTKRegressor(alpha=1.0, memory=memory).fit(X, Y).solver_ == solver
    assert NTKRegressor(alpha=1.0, centers=9).fit(X, Y).solver_ == "nystroem"
    K = relu_ntk(X)
    assert NTKRegressor("precomputed", 1.0, memory=1.0).fit(K, Y).solver_ == "direct"


def test_draws_are_those_of_the_random_state(data):
    X, Y, Z = data
    fit = NTKRegressor(alpha=0.1, centers=9, random_state=3)
    first = fit.fit(X, Y).predict(Z)
    np.testing.assert_array_equal(clone(fit).fit(X, Y).predict(Z), first)
    assert (clone(fit).set_params(random_state=4).fit(X, Y).centers_ != fit.centers_).any()
    state = np.random.RandomState(3)
    one, two = (clone(fit).set_params(random_state=state).fit(X, Y) for _ in range(2))
    assert (one.centers_ != two.centers_).any()


def test_a_rule_is_handed_through(data, monkeypatch):
    X, Y, _ = data
    asked = []

    def solve(kernel, X, y, centers, ridge, **options):
        asked.append(centers)
        raise InterruptedError

    monkeypatch.setattr("ntklib._spanned.nystroem_solve", solve)
    for weight in (None, np.ones(N)):
        fit = NTKRegressor(alpha=0.1, solver="nystroem", centers="greedy")
        with pytest.raises(InterruptedError):
            fit.fit(X, Y, weight)
    assert asked == ["greedy", "greedy"]


def test_the_ridge_by_points_left_out(data):
    """Against refits that leave them out, in the same span, with weights and copies."""
    X, Y, Z = data[0][:20], data[1][:20], data[2]
    C = X[:6].copy()
    fit = NTKRegressor(alpha="loo", centers=C).fit(X, Y)
    assert fit.alphas_.shape == fit.loo_.shape
    for at in (2, 9):
        one = NTKRegressor(alpha=fit.alphas_[at], centers=C)
        out = cross_val_predict(one, X, Y, cv=LeaveOneOut())
        assert fit.loo_[at] == pytest.approx(np.mean((Y - out) ** 2), rel=1e-7)
    assert fit.alpha_ == fit.alphas_[fit.loo_.argmin()]
    given = NTKRegressor(alpha=fit.alpha_, centers=C).fit(X, Y)
    np.testing.assert_allclose(fit.predict(Z), given.predict(Z), rtol=1e-7, atol=1e-8)
    weight = np.random.default_rng(4).integers(0, 3, 20)
    once = NTKRegressor(alpha="loo", centers=C).fit(X, Y, sample_weight=weight)
    often = clone(once).fit(X.repeat(weight, axis=0), Y.repeat(weight, axis=0))
    np.testing.assert_allclose(once.loo_, often.loo_, rtol=1e-9)
    whole = NTKRegressor(alpha="loo").fit(X, Y)
    spanned = NTKRegressor(alpha="loo", solver="nystroem", random_state=0).fit(X, Y)
    # The first of the direct solver is 0; between the others a tenth of a step makes no difference.
    shared = np.interp(np.log(spanned.alphas_), np.log(whole.alphas_[1:]), whole.loo_[1:])
    np.testing.assert_allclose(spanned.loo_, shared, rtol=1e-6)


class Rows:
    """What has a shape and gives rows for a slice, such as tables of polars and Arrow."""

    def __init__(self, X):
        self.X, self.shape, self.most = X, X.shape, 0

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        self.most = max(self.most, rows.stop - rows.start)
        return self.X[rows]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.5, "loo"])
def test_points_are_read_in_batches(data, alpha, weighted, tmp_path, monkeypatch):
    X, Y, _ = data
    weight = np.arange(N) % 3 if weighted else None
    fit = NTKRegressor(alpha=alpha, centers=10, random_state=0)
    right = fit.fit(X, Y, weight).predict(X)
    monkeypatch.setattr("ntklib._batches.BATCH", 20)
    monkeypatch.setattr("ntklib.large.rows.CHUNK", 16)
    monkeypatch.setattr("ntklib.large.rows.LEAST", 16)
    monkeypatch.setattr("ntklib.complexity.in_span._CHUNK", 16)
    monkeypatch.setattr("ntklib._engine.sizes.HELD", 1)
    monkeypatch.setattr("ntklib._engine.sizes.BLOCK", (16, 16))
    disk = np.memmap(tmp_path / "X", np.float64, "w+", shape=X.shape)
    disk[:] = X
    store = zarr.array(X, chunks=(7, 3))
    table = pd.DataFrame(X, columns=list("abc"), index=np.linspace(0.0, 1.0, N))
    for form in (disk, store, table, table.astype("Float64"), Rows(X)):
        fit.fit(form, Y, weight)
        np.testing.assert_allclose(fit.predict(form), right, rtol=1e-7, atol=1e-8)
        assert fit.n_features_in_ == 3
        if isinstance(form, Rows):
            assert form.most == 16
    fit.fit(table, Y, weight)
    assert fit.feature_names_in_.tolist() == list("abc")
    refused("feature names", fit.predict, table[["b", "a", "c"]])


def test_bad_points_are_found_in_their_batch(data, monkeypatch):
    X, Y, _ = data
    monkeypatch.setattr("ntklib._batches.BATCH", 20)
    monkeypatch.setattr("ntklib.large.rows.CHUNK", 16)
    monkeypatch.setattr("ntklib.large.rows.LEAST", 16)
    monkeypatch.setattr("ntklib.complexity.in_span._CHUNK", 16)
    X[41, 1] = np.nan
    words = "X must be finite, got NaN or inf in row 41, in the batch of rows 32 to 47"
    for alpha in (0.5, "loo"):
        fit = NTKRegressor(alpha=alpha, solver="nystroem", centers=10, random_state=1)
        refused(words, fit.fit, Rows(X), Y)
        assert not hasattr(fit, "dual_coef_")
    with pytest.raises(ValueError, match=r"X must have no missing .* 1 in column 1"):
        fit.fit(pd.DataFrame(X), Y)
    with pytest.raises(TypeError, match="X must be real numbers"):
        fit.fit(pd.DataFrame(X).fillna(0.0).assign(word="x"), Y)
    refused("inconsistent numbers of samples", fit.fit, Rows(X), Y[:-1])


def test_float32_stays_float32(data):
    X, Y, Z = data
    single = X.astype(np.float32)
    asked = set()

    def kernel(X, Z=None):
        asked.add((X.dtype, None if Z is None else Z.dtype))
        return relu_ntk(X, Z)

    fit = NTKRegressor(kernel, 0.3, centers=12, random_state=0)
    found = fit.fit(single, Y, np.ones(N)).predict(Z.astype(np.float32))
    assert found.dtype == np.float32
    f32, f64 = np.dtype(np.float32), np.dtype(np.float64)
    assert asked == {(f64, None), (f32, f32)}
    right = fit.fit(single.astype(float), Y, np.ones(N)).predict(Z)
    assert np.abs(found - right).max() <= 1e-4 * np.abs(right).max()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"solver": "lu"}, "solver must be one of"),
        ({"centers": 0}, "centers must be at least 1"),
        ({"centers": N + 1}, f"centers must be at most {N}, the number of points, got {N + 1}"),
        ({"centers": np.ones((3, 2))}, "centers must have 3 columns"),
        ({"centers": np.ones((N + 1, 3))}, f"centers must be at most {N}"),
        ({"centers": 5, "solver": "direct"}, "centers must be None with solver"),
        ({"centers": 5, "kernel": "precomputed"}, 'kernel must not be "precomputed"'),
        ({"centers": "greedy", "alpha": "loo"}, "centers must be a number or an array with alpha"),
        ({"centers": 5, "memory": 0}, "memory must be positive"),
        ({"centers": 40, "memory": 1e4}, "centers must be at most"),
        ({"centers": 5, "random_state": "x"}, "cannot be used to seed"),
        ({"centers": 5, "alpha": [1.0, 2.0, 3.0]}, "alpha must be one number or 2"),
    ],
)
def test_bad_options_are_named(data, options, words):
    X, Y, _ = data
    refused(words, NTKRegressor(**{"alpha": 0.1, **options}).fit, X, Y)
