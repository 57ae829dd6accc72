"""Several small networks, trained side by side by Adam: one hidden layer of ReLUs, biases, float32.

What scikit-learn's networks do, ten at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Weights = list[NDArray[np.float32]]

BATCH, RATE, PENALTY = 32, 1e-3, 1e-4


def start(members: int, d: int, width: int, outputs: int, rng: np.random.Generator) -> Weights:
    """Weights and biases of both layers, with Glorot's variances; one leading axis of members."""
    inner = rng.standard_normal((members, d, width)) * np.sqrt(2 / (d + width))
    outer = rng.standard_normal((members, width, outputs)) * np.sqrt(2 / (width + outputs))
    zeros = [np.zeros((members, 1, size)) for size in (width, outputs)]
    return [one.astype(np.float32) for one in (inner, zeros[0], outer, zeros[1])]


def outputs(weights: Weights, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Outputs of all members, shape (members, n, outputs)."""
    W, b, V, c = weights
    hidden = np.maximum(X.astype(np.float32) @ W + b, 0)
    return np.asarray(hidden @ V + c, dtype=np.float64)


def train(
    X: NDArray[np.float64],
    targets: NDArray[np.float64],
    weights: Weights,
    *,
    epochs: int,
    classes: bool,
    rng: np.random.Generator,
    each: Callable[[int, Weights], None],
) -> None:
    """Minimize squared error, or the log loss of a softmax; `each` sees the weights every epoch.

    Each member has an order of its own. The weights are changed in place.
    """
    X32, T32 = X.astype(np.float32), targets.astype(np.float32)
    members = len(weights[0])
    first = [np.zeros_like(w) for w in weights]
    second = [np.zeros_like(w) for w in weights]
    step = 0
    for epoch in range(1, epochs + 1):
        order = np.argsort(rng.random((members, len(X))), axis=1)
        for begin in range(0, len(X), BATCH):
            rows = order[:, begin : begin + BATCH]
            step += 1
            slopes = gradient(weights, X32[rows], T32[rows], classes)
            for w, g, m, s in zip(weights, slopes, first, second, strict=True):
                m += 0.1 * (g - m)
                s += 0.001 * (g * g - s)
                size = RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                w -= np.float32(size) * m / (np.sqrt(s) + np.float32(1e-8))
        each(epoch, weights)


def gradient(
    weights: Weights, X: NDArray[np.float32], T: NDArray[np.float32], classes: bool
) -> Weights:
    """Of the mean loss of a batch a member, with a small penalty on the weights."""
    W, b, V, c = weights
    hidden = np.maximum(X @ W + b, 0)
    out = hidden @ V + c
    if classes:
        out = np.exp(out - out.max(axis=2, keepdims=True))
        out /= out.sum(axis=2, keepdims=True)
    error = (out - T) / np.float32(X.shape[1])
    back = (error @ V.swapaxes(1, 2)) * (hidden > 0)
    return [
        X.swapaxes(1, 2) @ back + np.float32(PENALTY / X.shape[1]) * W,
        back.sum(axis=1, keepdims=True),
        hidden.swapaxes(1, 2) @ error + np.float32(PENALTY / X.shape[1]) * V,
        error.sum(axis=1, keepdims=True),
    ]
