"""Kernels on the hypercube against sums over all its points; descent against its definition."""

import itertools

import numpy as np
import pytest

from ntklib import relu_ntk
from ntklib.book import parity, records
from ntklib.book.figures.limits import biased

D, K = 7, 2


@pytest.fixture(params=[relu_ntk, biased])
def case(request):
    """All points and parities; a kernel among all points; a few of these with targets."""
    Z = np.array(list(itertools.product([1.0, -1.0], repeat=D)))
    F = np.column_stack([Z[:, list(S)].prod(axis=1) for S in itertools.combinations(range(D), K)])
    at = np.random.default_rng(0).choice(2**D, 9, replace=False)
    full = request.param(Z / np.sqrt(D), Z / np.sqrt(D))
    return parity.cube(request.param, D), Z, F, full, at


def test_eigenvalues(case):
    on, Z, F, full, _ = case
    np.testing.assert_allclose(full @ F / len(Z), on.values[K] * F, atol=1e-14)
    assert np.isclose(np.sum(on.values * parity.count(D)), on.kernel[0], rtol=1e-13)


def test_profiles(case):
    on, Z, _, full, _ = case
    H = parity.apart(Z, Z)
    np.testing.assert_allclose(on.kernel[H], full, atol=1e-15)
    np.testing.assert_allclose(on.squared[H], full @ full / len(Z), atol=1e-15)


def test_distances_and_errors(case):
    on, Z, F, full, at = case
    U = np.linalg.qr(full[:, at])[0]
    left = 1 - np.sum((U.T @ F) ** 2, axis=0) / len(Z)
    assert np.isclose(parity.mean_distance(on, Z[at], K), left.mean(), rtol=1e-10)
    assert np.isclose(parity.distance(on, Z[at], F[at, 5], K), left[5], rtol=1e-10)
    alpha = np.linspace(-1, 2, len(at))
    wanted = np.mean((full[:, at] @ alpha - F[:, 5]) ** 2)
    assert np.isclose(parity.error(on, Z[at], F[at, 5], K, alpha), wanted, rtol=1e-12)


def test_descent_takes_steps_against_the_gradient():
    rng = np.random.default_rng(1)
    net, W0 = parity.network(D, 6, rng)
    X = parity.signs(5, D, rng) / np.sqrt(D)
    y = np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    assert net.scale == pytest.approx(1 / 6)
    np.testing.assert_array_equal(net(X, W0), 0)
    kept = parity.descend(net, W0, X, y, step=3.0, steps=2, keep=(0, 1))
    assert list(kept) == [0, 1, 2]
    np.testing.assert_array_equal(kept[0], W0)
    W = W0
    for at in (1, 2):
        W = W - 3.0 * (net.jacobian(X, W).T @ (net(X, W) - y)).reshape(W.shape)
        np.testing.assert_allclose(kept[at], W, rtol=1e-12)


def test_scores():
    f, y = np.array([0.5, -2.0, 0.0, -1.0]), np.array([1.0, 1.0, 1.0, -1.0])
    assert parity.scores(f, y) == (pytest.approx((0.25 + 9 + 1 + 0) / 4), 0.5)


def test_the_record_can_be_repeated():
    from study import parity as study

    told = records("parity")
    assert list(told["runs"]) == [str(n) for n in study.SIZES]
    assert {len(runs) for runs in told["runs"].values()} == {study.RUNS}
    now = study.run(0, 50)
    assert now.keys() == told["runs"]["50"][0].keys()
    for name, value in now.items():
        # Descent amplifies rounding, measured, to 1e-8.
        np.testing.assert_allclose(told["runs"]["50"][0][name], value, atol=1e-3)
