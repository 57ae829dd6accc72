"""The study on calibration: its scores, its choices and its networks, on small examples."""

import numpy as np
import pytest
from scipy import stats

from ntklib import dynamics, relu_nngp, relu_ntk
from study import calibration, classified, networks, predictive, scores


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_scores_of_a_gaussian_by_hand():
    y, mean, std = np.array([0.0, 3.0]), np.zeros(2), np.ones(2)
    z = stats.norm.ppf(0.95)
    found = scores.gaussian(y, mean, std)
    assert found["coverage"] == 0.5
    assert abs(found["rmse"] - np.sqrt(4.5)) < 1e-12
    assert abs(found["nll"] - (0.5 * np.log(2 * np.pi) + 9 / 4)) < 1e-12
    assert abs(found["interval_score"] - (2 * z + 20 * (3 - z) / 2)) < 1e-12


def test_calibration_error_by_hand(rng):
    confidence, right = np.array([0.9, 0.91, 0.5, 1.0]), np.array([1, 0, 1, 1])
    assert abs(scores.ece(scores.binned(confidence, right)) - (0.81 + 0.5) / 4) < 1e-12
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    found = scores.probabilities(np.array([0, 0]), p, rng)
    assert found["accuracy"] == 0.5
    assert abs(found["nll"] + np.log(0.9 * 0.2) / 2) < 1e-12
    assert abs(found["brier"] - (0.02 + 1.28) / 2) < 1e-12


def test_left_out_is_what_refitting_gives(rng):
    X, y = rng.standard_normal((12, 3)), rng.standard_normal(12)
    missed, variance = predictive.left_out(relu_ntk(X), relu_nngp(X), y, 0.3)
    others = np.delete(np.arange(12), 4)
    mean, std = dynamics.ensemble(
        X[others],
        y[others],
        X[[4]],
        kernel=relu_ntk,
        covariance=relu_nngp,
        ridge=0.3,
        return_std=True,
    )
    np.testing.assert_allclose([y[4] - mean[0], std[0] ** 2], [missed[4], variance[4]], rtol=1e-9)


def test_the_posterior_is_the_textbook_one(rng):
    X, y, Z = rng.standard_normal((9, 2)), rng.standard_normal(9), rng.standard_normal((4, 2))
    mean, std, chosen = predictive.nngp(X, y, Z, rng)
    A, B = predictive.lifted(X), predictive.lifted(Z)
    K = chosen["spread"] * relu_nngp(A) + chosen["noise"] * np.eye(9)
    rows = chosen["spread"] * relu_nngp(B, A)
    np.testing.assert_allclose(mean, rows @ np.linalg.solve(K, y), rtol=1e-8, atol=1e-12)
    left = chosen["spread"] * relu_nngp(B) - rows @ np.linalg.solve(K, rows.T)
    np.testing.assert_allclose(std**2, left.diagonal() + chosen["noise"], rtol=1e-8)


@pytest.mark.parametrize("classes", [False, True])
def test_slopes_of_the_networks(rng, classes):
    weights = [w.astype(np.float64) for w in networks.start(2, 3, 4, 2, rng)]
    X = rng.standard_normal((2, 5, 3))
    T = np.eye(2)[rng.integers(2, size=(2, 5))]

    def loss():
        W, b, V, c = weights
        out = np.maximum(X @ W + b, 0) @ V + c
        if classes:
            logs = out - np.log(np.exp(out).sum(axis=2, keepdims=True))
            value = -(T * logs).sum()
        else:
            value = ((out - T) ** 2).sum() / 2
        return value / 5 + networks.PENALTY / 10 * ((W**2).sum() + (V**2).sum())

    for w, slope in zip(weights, networks.gradient(weights, X, T, classes), strict=True):
        at = (1, *(0,) * (w.ndim - 1))
        w[at] += 1e-6
        up = loss()
        w[at] -= 2e-6
        assert abs((up - loss()) / 2e-6 - slope[at]) < 1e-7
        w[at] += 1e-6


def test_networks_learn(rng):
    X = rng.standard_normal((200, 2))
    y, seen = np.sin(2 * X[:, :1]), []
    weights = networks.start(2, 2, 64, 1, rng)
    networks.train(
        X,
        y,
        weights,
        epochs=100,
        classes=False,
        rng=rng,
        each=lambda epoch, now: seen.append(np.mean((networks.outputs(now, X) - y) ** 2)),
    )
    assert seen[-1] < 0.1 * seen[0]


def test_kernels_give_probabilities(rng):
    X = rng.standard_normal((60, 5))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    label = np.arange(60) % 10
    for p, _ in classified.kernels(X[:50], label[:50], X[50:], rng).values():
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


def test_splits_are_of_all_rows_and_the_same_each_time():
    train, test = calibration.split(50, 3, 10)
    assert sorted([*train, *test]) == list(range(50))
    np.testing.assert_array_equal(test, calibration.split(50, 3, 10)[1])
