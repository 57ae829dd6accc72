"""Probabilities of classes: what the study on calibration compares on digits.

Kernels are fitted to the classes by least squares; a temperature turns scores into probabilities.
It is chosen by the points that are left out, and so are the ridge and the scale of the spread.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax
from sklearn.ensemble import RandomForestClassifier

from ntklib import relu_nngp, relu_ntk
from study import networks as trained
from study.predictive import MEMBERS, WIDTH

Array = NDArray[Any]
Answer = tuple[Array, dict[str, Any]]

RIDGES = (0.0, 1e-3, 1e-2)
SCALES = (0.0, 0.1, 0.3, 1.0)  # of the start, squared
TEMPERATURES = np.geomspace(0.02, 1.0, 24)
SOFTENED = np.geomspace(0.2, 5, 33)
DRAWS = 32


def loss(label: Array, scores: Array) -> float:
    """Mean log loss of a softmax of the scores, averaged over the first axis if there are three."""
    logs = scores - logsumexp(scores, axis=-1, keepdims=True)
    chosen = logs[..., np.arange(len(label)), label]
    if chosen.ndim == 2:
        chosen = logsumexp(chosen, axis=0) - np.log(len(chosen))
    return float(-np.mean(chosen))


def _members(mean: Array, std: Array, draws: Array) -> Array:
    return np.asarray(mean + std[:, None] * draws[:, None, :])


def _kernel(
    label: Array, parts: tuple[Array, ...], rng: np.random.Generator, *, trained: bool
) -> dict[str, Answer]:
    """Ensemble (or posterior) with its spread, and its mean alone."""
    K, S, K_test, S_test, prior = parts
    hot = np.eye(10)[label] - 0.1
    # One draw for all inputs: a member is off by the same multiple of its deviation everywhere.
    half = rng.standard_normal((DRAWS // 2, 10))
    draws = np.concatenate([half, -half])
    values, U = np.linalg.eigh(K)
    best: dict[str, Any] = {}
    for ridge in RIDGES:
        A = (U / (values + ridge)) @ U.T
        own = A.diagonal()[:, None]
        mean = hot - A @ hot / own
        if trained:
            inner = np.einsum("ij,ij->i", A @ S, A) / own[:, 0] ** 2
        else:
            inner = np.maximum(1 / own[:, 0] - ridge, 0)
        for scale in SCALES:
            members = _members(mean, np.sqrt(scale * inner), draws if scale else draws[:1])
            for T in TEMPERATURES:
                now = (loss(label, members / T), ridge, scale, float(T))
                for name in ("spread", "mean")[: 1 + (scale == 0)]:
                    best[name] = min(best.get(name, now), now)
    answers: dict[str, Any] = {}
    for name, (_, ridge, scale, T) in best.items():
        A = (U / (values + ridge)) @ U.T
        rows = K_test @ A
        left = prior - np.einsum("ij,ij->i", rows, S_test)
        if trained:
            left = left + np.einsum("ij,ij->i", rows @ S - S_test, rows)
        std = np.sqrt(scale * np.maximum(left, 0))
        p = softmax(_members(rows @ hot, std, draws) / T, axis=-1).mean(axis=0)
        answers[name] = (p, {"ridge": ridge, "scale": scale, "temperature": T})
    return answers


def kernels(X: Array, label: Array, Z: Array, rng: np.random.Generator) -> dict[str, Answer]:
    """The limit ensemble, its mean alone, and the posterior of the start."""
    S, S_test = relu_nngp(X), relu_nngp(Z, X)
    prior = np.full(len(Z), 0.5)  # of unit rows
    parts = (relu_ntk(X), S, relu_ntk(Z, X), S_test, prior)
    found = _kernel(label, parts, rng, trained=True)
    process = _kernel(label, (S, S, S_test, S_test, prior), rng, trained=False)
    return {"limit": found["spread"], "limit_mean": found["mean"], "nngp": process["spread"]}


def forest(X: Array, label: Array, Z: Array, rng: np.random.Generator) -> dict[str, Answer]:
    """A random forest; each class gets one tree's vote more, since no probability may be zero."""
    trees = 500
    model = RandomForestClassifier(trees, random_state=int(rng.integers(2**31))).fit(X, label)
    p = np.full((len(Z), 10), 1.0)
    p[:, model.classes_] += trees * model.predict_proba(Z)
    return {"forest": (p / p.sum(axis=1, keepdims=True), {})}


def networks(X: Array, label: Array, Z: Array, rng: np.random.Generator) -> dict[str, Answer]:
    """Ten trained networks and one, as they are and with a temperature.

    A fifth of the rows is kept back: by their loss the epoch is chosen, then the temperature.
    """
    order = rng.permutation(len(X))
    kept, used = order[: len(X) // 5], order[len(X) // 5 :]
    own = label[kept]
    best: dict[str, Any] = {}

    def each(epoch: int, weights: trained.Weights) -> None:
        logs = _logs(weights, X[kept])
        for name, some in (("networks", slice(None)), ("network", slice(1))):
            now = loss(own, logs[some])
            if name not in best or now < best[name][0]:
                best[name] = (now, epoch, logs[some], _logs(weights, Z)[some])

    weights = trained.start(MEMBERS, X.shape[1], WIDTH, 10, rng)
    # Some 1500 steps, whatever the number of rows.
    epochs = 1500 // -(-len(used) // trained.BATCH)
    hot = np.eye(10)[label[used]]
    trained.train(X[used], hot, weights, epochs=epochs, classes=True, rng=rng, each=each)
    answers: dict[str, Answer] = {}
    for name, (_, epoch, logs, seen) in best.items():
        chosen: dict[str, Any] = {"epoch": epoch}
        answers[name] = (np.exp(seen).mean(axis=0), chosen)
        T = float(SOFTENED[np.argmin([loss(own, logs / T) for T in SOFTENED])])
        p = softmax(seen / T, axis=-1).mean(axis=0)
        answers[f"{name}_tempered"] = (p, chosen | {"temperature": T})
    return answers


def _logs(weights: trained.Weights, X: Array) -> Array:
    """Logarithms of the members' probabilities."""
    out = trained.outputs(weights, X)
    return np.asarray(out - logsumexp(out, axis=-1, keepdims=True))
