"""Ensembles of trained networks: against trained networks and the posterior."""

import numpy as np

from ntklib import Linearization, ShallowNetwork, relu_nngp, relu_ntk
from ntklib.dynamics import coefficients, ensemble, predict
from tests.unit.samples import points

EPS = np.finfo(np.float64).eps


def test_an_ensemble_of_trained_networks():
    """With fixed weights and random signs the formula is exact at every width.

    The kernel does not depend on the signs, and the start's covariance is the mean over them.
    Networks are trained in their weights, step by step.
    """
    rng = np.random.default_rng(3)
    d, m, draws, steps, step = 3, 12, 20_000, 25, 0.3
    X, Z, W = rng.standard_normal((4, d)), rng.standard_normal((3, d)), rng.standard_normal((m, d))
    y = np.array([1.0, -2.0, 0.5, 1.5])

    def kernel(X, Z=None):
        return ShallowNetwork(np.ones(m)).empirical_ntk(X, Z, W=W)

    def covariance(X, Z=None):
        Z = X if Z is None else Z
        return np.maximum(X @ W.T, 0) @ np.maximum(Z @ W.T, 0).T / m

    everywhere = np.concatenate([X, Z])
    gates = ShallowNetwork(np.ones(m)).jacobian(everywhere, W).reshape(7, m, d)
    start = np.maximum(everywhere @ W.T, 0) / np.sqrt(m)
    signs = rng.choice([-1.0, 1.0], (draws, m))
    f0 = signs @ start.T
    w = np.zeros((draws, m * d))
    J = gates.reshape(7, m * d)
    for _ in range(steps):
        # The Jacobian is that of the gates, each neuron times its sign: so is w, in these terms.
        w -= step * (f0[:, :4] + w @ J[:4].T - y) @ J[:4]
    f = f0[:, 4:] + w @ J[4:].T
    options = {"t": steps, "step": step, "kernel": kernel, "covariance": covariance}
    mean, cov = ensemble(X, y, Z, return_cov=True, **options)
    spread = np.sqrt(np.diag(cov))
    assert np.abs((f.mean(axis=0) - mean) / (spread / np.sqrt(draws))).max() <= 5
    # Sums of signs have kurtosis of at most 3, products of two a variance of at most three times.
    noise = np.sqrt(3 / draws) * np.outer(spread, spread)
    found = (f - mean).T @ (f - mean) / draws
    assert (np.abs(found - cov) / noise).max() <= 5
    # The nearest wrong ones: the posterior of the start, and that of the limit in time.
    prior = covariance(Z) - covariance(Z, X) @ np.linalg.solve(covariance(X), covariance(X, Z))
    late = ensemble(X, y, Z, return_cov=True, **(options | {"t": np.inf}))[1]
    for wrong in (prior, late):
        assert (np.abs(found - wrong) / noise).max() > 5


def test_signs_belong_to_the_weights():
    """Of the test above: one network, by the linearization of the package itself."""
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((4, 3)), rng.standard_normal(4)
    net, W = ShallowNetwork.random(3, 12, rng=rng)
    lin, step = Linearization(net, W), 0.6
    moved = W.copy()
    for _ in range(25):
        moved = moved - step * net.vjp(X, W, lin(X, moved) - y)
    Z = rng.standard_normal((3, 3))
    K, K_test = lin.kernel(X), lin.kernel(Z, X)
    found = predict(K, y, K_test, t=25, step=step, f0=net(X, W), f0_test=net(Z, W))
    assert np.abs(found - lin(Z, moved)).max() <= 1e-12
    alpha = coefficients(K, y - net(X, W), t=25, step=step).coef
    assert np.abs(W + net.vjp(X, W, alpha) - moved).max() <= 1e-12


def test_the_ensemble_is_the_posterior_for_equal_kernels_only():
    X, Z, y = points(20, 4), points(6, 4, 1), np.sin(np.arange(20))
    k, S = relu_ntk, relu_nngp
    b = np.linalg.solve(k(X), k(X, Z))
    best = np.linalg.solve(S(X), S(X, Z))
    posterior = S(Z) - S(Z, X) @ best
    mean, cov = ensemble(X, y, Z, kernel=k, covariance=S, return_cov=True)
    limit = 1e-10 * np.linalg.cond(k(X)) ** 0.5
    assert np.abs(mean - b.T @ y).max() <= limit
    assert np.abs(cov - (posterior + (b - best).T @ S(X) @ (b - best))).max() <= limit
    assert np.abs(cov - posterior).max() > 1e-3
    same = ensemble(X, y, Z, kernel=lambda *a: 3 * S(*a), covariance=S, return_cov=True)[1]
    assert np.abs(same - posterior).max() <= limit
    std = ensemble(X, y, Z, kernel=k, covariance=S, return_std=True)[1]
    assert np.abs(std**2 - np.diag(cov)).max() <= limit


def test_shapes_of_ensembles_and_their_ends(rng):
    X, Z, Y = points(20, 4), points(300, 4, 1), rng.standard_normal((20, 2))
    options = {"kernel": relu_ntk, "covariance": relu_nngp}
    mean, std = ensemble(X, Y, Z, t=[0, 1, np.inf], return_std=True, **options)
    assert mean.shape == (3, 300, 2)
    assert std.shape == (3, 300)
    assert np.array_equal(mean[0], np.zeros((300, 2)))
    assert np.abs(std[0] ** 2 - np.diag(relu_nngp(Z))).max() <= 1e-14 * np.max(std[0] ** 2)
    assert np.array_equal(mean, ensemble(X, Y, Z, t=[0, 1, np.inf], kernel=relu_ntk))
    at_data, sure = ensemble(X, Y, X, return_std=True, **options)
    assert np.abs(at_data - Y).max() <= 1e-10
    # The root of rounding.
    assert sure.max() <= np.sqrt(20 * EPS * np.linalg.cond(relu_ntk(X)))
    cov = ensemble(X, Y, Z[:5], t=[1, 2], return_cov=True, ridge=0.1, **options)[1]
    assert cov.shape == (2, 5, 5)
    assert np.array_equal(cov, np.swapaxes(cov, 1, 2))
    # A ridge trains to k (K + nu)^-1.
    A = np.linalg.inv(relu_ntk(X) + 0.1 * np.eye(20))
    b = A @ relu_ntk(X, Z[:5])
    S, cross = relu_nngp(X), relu_nngp(X, Z[:5])
    right = relu_nngp(Z[:5]) - b.T @ cross - cross.T @ b + b.T @ S @ b
    late = ensemble(X, Y, Z[:5], return_cov=True, ridge=0.1, **options)[1]
    assert np.abs(late - right).max() <= 1e-11
