"""Scales per layer and length scales per column: values, gradients, what scikit-learn asks for."""

import pickle
import warnings

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge

from ntklib import ntk
from ntklib.gaussian_process import NetworkKernel
from tests.unit import exact
from tests.unit.samples import refused

PER_LAYER = dict(W_std=[0.6, 0.7, 0.8], b_std=(0.3, 0.2, 0.1))
CASES = [
    (activation, kind, b_std)
    for activation in ("relu", "absolute", "erf", "gaussian", "sin", "rbf")
    for kind in ("ntk", "nngp")
    for b_std in (0.0, PER_LAYER["b_std"])
]
LENGTHS = [0.5, 1.0, 3.0]


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 3))
    # Equal, opposite, parallel, zero and nearly equal and opposite points.
    X[5], X[6], X[7], X[8], X[9] = X[0], -X[1], X[2] * (1 + 1e-9), 0, 2 * X[2]
    X[10] = X[2] + 1e-9 * rng.standard_normal(3)
    X[11] = -X[3] + 1e-7 * rng.standard_normal(3)
    return X


def differences(kernel, X, h=0.01):
    """Central differences of order six in theta: error h^6 / 140 times the seventh derivative."""
    slabs = []
    for step in h * np.eye(kernel.n_dims):
        at = lambda c: kernel.clone_with_theta(kernel.theta + c * step)(X)  # noqa: B023, E731
        weights = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
        slabs.append(sum(weight * (at(c) - at(-c)) for c, weight in weights) / h)
    return np.stack(slabs, axis=-1)


@pytest.mark.parametrize(
    ("activation", "kind", "b_std"), [*CASES, ("gelu", "ntk", PER_LAYER["b_std"])]
)
def test_gradients_against_differences(X, activation, kind, b_std):
    """In every scale the kernel is like a power of at most 6: the seventh derivative like 6^7.

    Twice that exponent covers the constants, 1e-11 the rounding over h.
    """
    kernel = NetworkKernel(2, activation, PER_LAYER["W_std"], b_std, kind, length_scale=LENGTHS)
    K, gradient = kernel(X, eval_gradient=True)
    assert gradient.shape == (12, 12, 9 if b_std else 6)
    bound = (12**7 * 0.01**6 / 140 + 1e-11) * np.abs(K).max()
    assert np.abs(differences(kernel, X) - gradient).max() <= bound
    np.testing.assert_array_equal(gradient, gradient.transpose(1, 0, 2))


@pytest.mark.parametrize("b_std", [0.0, 0.2])
@pytest.mark.parametrize("name", ["relu", "erf"])
def test_length_gradients_in_many_digits(X, name, b_std):
    """Four layers round some times each, and five coordinates of the angle: 8e-13 of the scale."""
    kernel = NetworkKernel(3, name, 1.2, b_std, length_scale=LENGTHS)
    K, gradient = kernel(X, eval_gradient=True)
    free = gradient[:, :, -3:]
    with mp.workdps(80):
        h = mp.mpf("1e-25")
        pairs = ((0, 1), (0, 5), (1, 6), (2, 7), (2, 9), (2, 10), (3, 11), (3, 8), (4, 4))
        for i, j in pairs:
            for k in range(3):
                values = []
                for sign in (1, -1):
                    lengths = [
                        mp.mpf(v) * (mp.exp(sign * h) if c == k else 1)
                        for c, v in enumerate(LENGTHS)
                    ]
                    x, z = (
                        [mp.mpf(float(v)) / length for v, length in zip(X[p], lengths, strict=True)]
                        for p in (i, j)
                    )
                    options = dict(depth=3, law=exact.LAWS[name], W_std=1.2, b_std=b_std)
                    if j == 8 and not b_std:
                        values.append(mp.mpf(0))  # at zero the kernel of the angle is not defined
                        continue
                    values.append(exact.kernels(x, z, **options)[1][2])
                right = float((values[0] - values[1]) / (2 * h))
                bound = 8e-13 * np.sqrt(K[i, i] * K[j, j])
                assert abs(free[i, j, k] - right) <= bound, (i, j, k)


def test_one_length_is_a_scale_of_the_first_layer(X):
    long = NetworkKernel(2, **PER_LAYER, length_scale=2.0)
    same = NetworkKernel(2, W_std=[0.3, 0.7, 0.8], b_std=PER_LAYER["b_std"])
    # Halves are exact.
    np.testing.assert_array_equal(long(X), same(X))
    np.testing.assert_array_equal(long.diag(X), np.diag(long(X)))
    np.testing.assert_array_equal(long(X, X[:4]), same(X, X[:4]))
    _, gradient = long(X, eval_gradient=True)
    _, other = same(X, eval_gradient=True)
    np.testing.assert_array_equal(gradient[..., -1], -other[..., 0])


def test_lengths_and_layers_add_up(X):
    """Along the diagonal theta + t (1, ..., 1) the sum of partial derivatives is that of one."""
    K, many = NetworkKernel(2, W_std=[0.6] * 3, b_std=[0.3] * 3, length_scale=[2.0] * 3)(
        X, None, True
    )
    _, few = NetworkKernel(2, W_std=0.6, b_std=0.3, length_scale=2.0)(X, None, True)
    for k in range(3):
        error = np.abs(many[:, :, 3 * k : 3 * k + 3].sum(axis=-1) - few[:, :, k]).max()
        assert error <= 1e-13 * 9 * np.abs(K).max()


def test_values_are_those_of_the_functions(X):
    kernel = NetworkKernel(2, **PER_LAYER, length_scale=LENGTHS)
    right = ntk(X / LENGTHS, depth=2, **PER_LAYER)
    np.testing.assert_array_equal(kernel(X), right)
    np.testing.assert_array_equal(
        kernel(X, X[:4]), ntk(X / LENGTHS, X[:4] / LENGTHS, depth=2, **PER_LAYER)
    )
    np.testing.assert_array_equal(kernel.diag(X), np.diag(right))


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_what_scikit_learn_asks_of_a_kernel(X, kind):
    kernel = NetworkKernel(
        1,
        W_std=kind([1.0, 2.0]),
        b_std=kind([0.5, 0.25]),
        length_scale=kind(LENGTHS),
        W_std_bounds=[(0.5, 2), (1, 3)],
    )
    np.testing.assert_allclose(kernel.theta, np.log([1, 2, 0.5, 0.25, *LENGTHS]))
    assert kernel.n_dims == 7
    names = [(h.name, h.n_elements, h.fixed) for h in kernel.hyperparameters]
    assert names == [("W_std", 2, False), ("b_std", 2, False), ("length_scale", 3, False)]
    np.testing.assert_allclose(np.exp(kernel.bounds[:3]), [(0.5, 2), (1, 3), (1e-3, 10)])
    for other in (clone(kernel), pickle.loads(pickle.dumps(kernel))):
        assert other == kernel
        assert other is not kernel
        np.testing.assert_array_equal(other(X), kernel(X))
    moved = kernel.clone_with_theta(kernel.theta + 0.5)
    np.testing.assert_allclose(moved.W_std, np.exp(0.5) * np.array([1, 2]))
    np.testing.assert_allclose(moved.length_scale, np.exp(0.5) * np.array(LENGTHS))
    assert kernel.W_std[1] == 2.0
    assert kernel.get_params()["length_scale"] is kernel.length_scale
    assert kernel.set_params(b_std=0.1).n_dims == 6
    assert not kernel.is_stationary()
    assert repr(kernel) == (
        "NetworkKernel(depth=1, activation='relu', W_std=[1, 2], b_std=0.1, kind='ntk', "
        "length_scale=[0.5, 1, 3])"
    )


def test_fixed_and_absent_scales(X):
    assert NetworkKernel(1, W_std=[1, 2], W_std_bounds="fixed").n_dims == 1
    assert NetworkKernel(1, b_std=[0, 0]).n_dims == 1
    some = NetworkKernel(1, b_std=[0.5, 0], b_std_bounds="fixed")
    assert some(X, eval_gradient=True)[1].shape == (12, 12, 1)
    assert NetworkKernel(length_scale=2.0, length_scale_bounds="fixed").n_dims == 2
    only = NetworkKernel(W_std_bounds="fixed", b_std_bounds="fixed", length_scale=LENGTHS)
    assert only(X, eval_gradient=True)[1].shape == (12, 12, 3)
    assert "trained='inner'" in repr(NetworkKernel(trained="inner"))
    assert NetworkKernel(W_std_bounds=(0.1, np.inf)).bounds[0, 1] == np.inf


DTYPES = ["bool", "int8", "uint16", "int64", "float16", "float32", "float64", "longdouble"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("table", [np.asarray, pd.DataFrame, lambda A: A.tolist()])
def test_values_and_gradients_fit_each_other_in_every_dtype(dtype, lengths, table):
    points = np.array([[1, 0, 2], [0, 1, 3], [1, 1, 0]]).astype(dtype)
    if dtype == "float16" and table is pd.DataFrame:
        points = points.astype("float32")  # pandas has no index of float16
    kernel = NetworkKernel(1, W_std=[1, 2], length_scale=lengths)
    right, slopes = kernel(points.astype(np.float64), eval_gradient=True)
    K, gradient = kernel(table(points), eval_gradient=True)
    assert K.dtype == gradient.dtype == kernel.diag(table(points)).dtype == np.float64
    np.testing.assert_array_equal(K, right)
    np.testing.assert_array_equal(gradient, slopes)
    np.testing.assert_array_equal(
        kernel(table(points), table(points[:2])), kernel(points, points[:2])
    )


def test_a_process_finds_the_column_that_matters():
    """y depends on the first of three columns; the likelihood's own gradient is that of theta."""
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, (60, 3))
    y = np.sin(3 * X[:, 0])
    network = NetworkKernel(
        1,
        "erf",
        W_std_bounds="fixed",
        b_std=1.0,
        b_std_bounds="fixed",
        kind="nngp",
        length_scale=[1.0, 1.0, 1.0],
    )
    kernel = ConstantKernel(1.0) * network + WhiteKernel(1e-3, (1e-6, 1e-1))
    start = GaussianProcessRegressor(kernel, optimizer=None).fit(X, y)
    _, slope = start.log_marginal_likelihood(kernel.theta, eval_gradient=True)
    for i, step in enumerate(1e-5 * np.eye(kernel.n_dims)):
        ends = [start.log_marginal_likelihood(kernel.theta + s * step) for s in (1, -1)]
        assert abs((ends[0] - ends[1]) / 2e-5 - slope[i]) <= 1e-5 * max(1, abs(slope[i]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a length of a column that does not matter goes to its end
        model = GaussianProcessRegressor(kernel).fit(X, y)
    lengths = model.kernel_.k1.k2.length_scale
    assert min(lengths[1:]) > 10 * lengths[0]
    Z = rng.uniform(-1, 1, (20, 3))
    assert np.abs(model.predict(Z) - np.sin(3 * Z[:, 0])).max() < 0.05
    assert "length_scale=[" in repr(model.kernel_)


def test_scales_per_layer_are_tuned_beside_other_kernels(X):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((25, 3))
    y = np.abs(X @ [1, -1, 0.5])
    kernel = NetworkKernel(1, W_std=[1, 2], b_std=[0.5, 0.1]) + RBF() * ConstantKernel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some end at a bound
        model = GaussianProcessRegressor(kernel, alpha=1e-3).fit(X, y)
        sign = GaussianProcessClassifier(NetworkKernel(1, W_std=[1, 2])).fit(X, y > 1)
    start = model.log_marginal_likelihood(kernel.theta)
    assert model.log_marginal_likelihood_value_ > start
    assert model.kernel_.k1.W_std.shape == (2,)
    assert sign.kernel_.W_std.shape == (2,)
    right = kernel(X[:5], X) @ np.linalg.solve(kernel(X) + 0.1 * np.eye(25), y)
    np.testing.assert_allclose(KernelRidge(0.1, kernel=kernel).fit(X, y).predict(X[:5]), right)


def fit(kernel):
    X = np.random.default_rng(0).standard_normal((6, 3))
    return GaussianProcessRegressor(kernel).fit(X, X[:, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(W_std=[1, 2, 3]), "W_std must be one number or 2, one a layer, got 3 numbers"),
        (dict(W_std=[1, -2]), r"W_std\[1\] must be positive, got -2.0"),
        (dict(W_std=-1.0), "W_std must be positive, got -1.0"),
        (dict(W_std=[1, np.nan]), "W_std must be finite"),
        (dict(W_std=[[1, 2]]), r"W_std must have 0 or 1 dimension\(s\), got shape \(1, 2\)"),
        (dict(b_std=[0.5, 0]), r"b_std must be positive in all layers or 0 in all, got \[0.5, 0\]"),
        (dict(b_std=[0.5, -1]), r"b_std\[1\] must be at least 0, got -1.0"),
        (dict(length_scale=[1, 2]), "length_scale must be one number or 3, one a column of X"),
        (dict(length_scale=[1, 0, 2]), r"length_scale\[1\] must be positive, got 0.0"),
        (dict(length_scale=-2.0), "length_scale must be positive, got -2.0"),
        (dict(W_std_bounds="free"), "W_std_bounds must be pairs of numbers or 'fixed', got 'free'"),
        (dict(W_std_bounds=None), "W_std_bounds must be a"),
        (dict(W_std_bounds=("a", 1)), "W_std_bounds must be pairs of numbers or 'fixed'"),
        (dict(W_std_bounds=(2, 1)), "W_std_bounds must be positive, the lower first"),
        (dict(W_std_bounds=(0, 1)), "W_std_bounds must be positive, the lower first"),
        (dict(W_std=[1, 2], W_std_bounds=[(1, 2)] * 3), "W_std_bounds must be one pair or 2"),
        (dict(depth=0), "depth must be at least 1, got 0"),
    ],
)
def test_a_wrong_scale_is_named_when_fitted(options, message):
    kernel = NetworkKernel(**options)
    assert repr(kernel).startswith("NetworkKernel(depth=")
    refused(message, fit, kernel)


def test_a_wrong_scale_is_named_when_called():
    X = np.eye(3)
    refused("length_scale must be positive, got -1.0", NetworkKernel(length_scale=[1, -1, 1]), X)
    refused("length_scale must be one number or 3", NetworkKernel(length_scale=[1.0]), X)
    for kernel in (NetworkKernel(0), NetworkKernel(-1)):
        refused("depth must be at least 1", kernel, X)
        refused("depth must be at least 1", kernel.diag, X)
    refused("Y must have 3 columns", NetworkKernel(), X, np.eye(2))
    refused(
        "X over length_scale is beyond",
        NetworkKernel(length_scale=1e-9),
        1e300 * X,
        error=OverflowError,
    )
    refused("W_std must be real numbers", NetworkKernel(W_std="wide"), X, error=TypeError)
    assert repr(NetworkKernel(W_std="wide", b_std=None)).count("W_std='wide', b_std=None") == 1
