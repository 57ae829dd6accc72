"""Predictions with an error: what the study on calibration compares.

For regressions a function of training rows, targets and test rows gives means and standard
deviations of a Gaussian, and what it chose. Rows and targets come standardized by the training
rows. All but the trained networks and scikit-learn's Gaussian process choose from grids, with no
optimizer that stops a little early: the same data give the same choice.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from ntklib import dynamics, relu_nngp, relu_ntk, with_bias
from study import networks as trained

Array = NDArray[Any]
Answer = tuple[Array, Array, dict[str, Any]]

RIDGES = np.geomspace(1e-4, 1e2, 25)
RATIOS = np.append(0.0, np.geomspace(1e-3, 1e4, 36))  # spread over noise
MEMBERS, WIDTH, EPOCHS = 10, 256, 300


def lifted(X: Array) -> Array:
    """Rows of mean square one, with a bias of one, as the kernels see them."""
    return np.asarray(with_bias(X / np.sqrt(X.shape[1]), beta=1.0))


def left_out(K: Array, S: Array, y: Array, ridge: float) -> tuple[Array, Array]:
    """Residuals of the mean, and variances, of the ensemble trained without one point at a time.

    With A = (K + ridge I)^{-1} they are (A y)_i / A_ii and (A S A)_ii / A_ii^2.
    """
    values, U = np.linalg.eigh(K)
    A = (U / (values + ridge)) @ U.T
    own = A.diagonal()
    return A @ y / own, np.einsum("ij,ij->i", A @ S, A) / own**2


def noise(residual: Array, spread: Array) -> tuple[float, float, float]:
    """Ratio q and noise c of the likeliest variances c (q spread + 1), and their loss."""
    scaled = RATIOS[:, None] * spread + 1
    c = np.mean(residual**2 / scaled, axis=1)
    loss = 0.5 * (np.log(2 * np.pi * c) + np.mean(np.log(scaled), axis=1) + 1)
    best = int(np.argmin(loss))
    return float(RATIOS[best]), float(c[best]), float(loss[best])


def limit(X: Array, y: Array, Z: Array, rng: np.random.Generator) -> Answer:
    """The ensemble of infinitely wide networks, trained to the end with a penalty, and noise.

    Penalty, scale of the start and noise are those under which the left-out targets are likeliest.
    """
    X, Z = lifted(X), lifted(Z)
    K, S = relu_ntk(X), relu_nngp(X)
    found = [(*noise(*left_out(K, S, y, ridge)), float(ridge)) for ridge in RIDGES]
    q, c, _, ridge = min(found, key=lambda one: one[2])
    mean, std = _ensemble(X, y, Z, ridge)
    return mean, np.sqrt(c * (q * std**2 + 1)), {"ridge": ridge, "spread": q * c, "noise": c}


def constant(X: Array, y: Array, Z: Array, rng: np.random.Generator) -> Answer:
    """The same with noise alone: one variance for all inputs."""
    X, Z = lifted(X), lifted(Z)
    K, S = relu_ntk(X), relu_nngp(X)
    squares = [np.mean(left_out(K, S, y, ridge)[0] ** 2) for ridge in RIDGES]
    ridge, c = float(RIDGES[np.argmin(squares)]), float(np.min(squares))
    mean, _ = _ensemble(X, y, Z, ridge)
    return mean, np.full(len(Z), np.sqrt(c)), {"ridge": ridge, "spread": 0.0, "noise": c}


def spread(X: Array, y: Array, Z: Array, rng: np.random.Generator) -> Answer:
    """The same with the spread alone, no noise: the scale of the start is the likeliest."""
    X, Z = lifted(X), lifted(Z)
    K, S = relu_ntk(X), relu_nngp(X)
    found = []
    for ridge in RIDGES:
        residual, variance = left_out(K, S, y, ridge)
        scale = float(np.mean(residual**2 / variance))
        loss = np.log(scale) + np.mean(np.log(variance))
        found.append((float(loss), scale, float(ridge)))
    _, scale, ridge = min(found)
    mean, std = _ensemble(X, y, Z, ridge)
    return mean, np.sqrt(scale) * std, {"ridge": ridge, "spread": scale, "noise": 0.0}


def _ensemble(X: Array, y: Array, Z: Array, ridge: float) -> tuple[Array, Array]:
    mean, std = dynamics.ensemble(
        X, y, Z, kernel=relu_ntk, covariance=relu_nngp, ridge=ridge, return_std=True
    )
    return mean, std


def posterior(kernel: Any, X: Array, y: Array, Z: Array) -> Answer:
    """A Gaussian process with this covariance and noise, both scales by the marginal likelihood."""
    X, Z = lifted(X), lifted(Z)
    values, U = np.linalg.eigh(kernel(X))
    scaled = RATIOS[:, None] * values + 1
    c = np.mean((U.T @ y) ** 2 / scaled, axis=1)
    best = int(np.argmin(np.log(c) + np.mean(np.log(scaled), axis=1)))
    q, rows = RATIOS[best], kernel(Z, X) @ U
    mean = q * rows @ (U.T @ y / scaled[best])
    prior = np.array([kernel(z[None])[0, 0] for z in Z])
    explained = np.einsum("ij,ij->i", rows / scaled[best], rows)
    variance = c[best] * (q * (prior - q * explained) + 1)
    return mean, np.sqrt(variance), {"spread": float(q * c[best]), "noise": float(c[best])}


def nngp(X: Array, y: Array, Z: Array, rng: np.random.Generator) -> Answer:
    """The posterior of the start of infinitely wide networks."""
    return posterior(relu_nngp, X, y, Z)


def ntk_process(X: Array, y: Array, Z: Array, rng: np.random.Generator) -> Answer:
    """The posterior of a process whose covariance is the tangent kernel."""
    return posterior(relu_ntk, X, y, Z)


def rbf(X: Array, y: Array, Z: Array, rng: np.random.Generator) -> Answer:
    """scikit-learn's Gaussian process: width, scale and noise by the marginal likelihood."""
    kernel = ConstantKernel(1.0, (1e-3, 1e4)) * RBF(3.0, (1e-1, 1e3))
    process = GaussianProcessRegressor(
        kernel + WhiteKernel(0.1, (1e-4, 1e1)),
        n_restarts_optimizer=1,
        random_state=int(rng.integers(2**31)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at the end of its range
        process.fit(X, y)
        mean, std = process.predict(Z, return_std=True)
    return mean, std, {"kernel": str(process.kernel_)}


def networks(X: Array, y: Array, Z: Array, rng: np.random.Generator) -> dict[str, Answer]:
    """Ten trained networks, and the first of them alone.

    A fifth of the training rows is kept back for all: by them the epoch is chosen, and the noise is
    that under which their targets are likeliest.
    """
    order = rng.permutation(len(X))
    kept, used = order[: len(X) // 5], order[len(X) // 5 :]
    both, seen = np.concatenate([X[kept], Z]), np.empty((EPOCHS, MEMBERS, len(kept) + len(Z)))

    def each(epoch: int, weights: trained.Weights) -> None:
        seen[epoch - 1] = trained.outputs(weights, both)[..., 0]

    weights = trained.start(MEMBERS, X.shape[1], WIDTH, 1, rng)
    trained.train(X[used], y[used, None], weights, epochs=EPOCHS, classes=False, rng=rng, each=each)
    return {
        "networks": _by_validation(seen, y[kept]),
        "network": _by_validation(seen[:, :1], y[kept]),
    }


def _by_validation(seen: Array, y: Array) -> Answer:
    """Mean, spread of the members and noise, at the epoch that is best on the kept rows."""
    mean, n = seen.mean(axis=1), len(y)
    epoch = int(np.argmin(np.mean((mean[:, :n] - y) ** 2, axis=1)))
    variance = seen[epoch].var(axis=0, ddof=1) if seen.shape[1] > 1 else np.zeros(seen.shape[2])
    # The members' spread is taken as it is; the noise is fitted to it.
    tried = np.geomspace(1e-4, 10, 400)
    total = variance[:n] + tried[:, None]
    loss = np.mean(np.log(total) + (mean[epoch, :n] - y) ** 2 / total, axis=1)
    chosen = float(tried[np.argmin(loss)])
    return mean[epoch, n:], np.sqrt(variance[n:] + chosen), {"epoch": epoch + 1, "noise": chosen}
