"""Networks with two hidden layers under three rules for how starts and rates follow the width.

The program ``study/transfer.py`` trains them at many widths and rates, and a page trains a few of
them again. At the width `BASE` the three rules are the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BASE, BITS, BATCH, STEPS = 64, 16, 64, 200
# Powers of (width / BASE): of the variance of the readout, and of the rates of the three layers.
POWERS = {
    "standard": (-1, (0, 0, 0)),
    "ntk": (-1, (0, -1, -1)),
    "mu": (-2, (1, 0, -1)),
}


class Run(NamedTuple):
    """What one training gave.

    Attributes
    ----------
    loss : float
        Mean squared error on new data at the end; infinite if training diverged.
    moved : float
        Relative movement of the second layer's features on these data, in root mean square.
    left : float
        Length of these features at the end over that at the start, in root mean square.
    silent : float
        Share of the second layer's neurons that are zero on all of these data at the end.
    """

    loss: float
    moved: float
    left: float
    silent: float


DIVERGED = Run(np.inf, np.inf, np.inf, np.inf)


def start(width: int, rule: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Weights at the start, float32: shapes (width, BITS), (width, width), (width,)."""
    power, _ = POWERS[rule]
    inner = rng.standard_normal((width, BITS)) * np.sqrt(2 / BITS)
    hidden = rng.standard_normal((width, width)) * np.sqrt(2 / width)
    readout = rng.standard_normal(width) * np.sqrt((width / BASE) ** power / BASE)
    return [W.astype(np.float32) for W in (inner, hidden, readout)]


def rates(width: int, rule: str, rate: float) -> list[np.float32]:
    """The rates of the three layers; all are `rate` at the width BASE."""
    _, powers = POWERS[rule]
    return [np.float32(rate * (width / BASE) ** power) for power in powers]


def bits(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of +-1, shape (n, BITS), and the product of the first two bits, shape (n,)."""
    X = rng.choice(np.array([-1.0, 1.0], dtype=np.float32), size=(n, BITS))
    return X, X[:, 0] * X[:, 1]


def features(weights: list[np.ndarray], X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both hidden layers after the ReLU, each of shape (n, width)."""
    one = np.maximum(X @ weights[0].T, 0)
    return one, np.maximum(one @ weights[1].T, 0)


def step(
    weights: list[np.ndarray], X: np.ndarray, y: np.ndarray, speed: list[np.float32]
) -> list[np.ndarray]:
    """One step of descent on half the mean squared error."""
    _, hidden, readout = weights
    one, two = features(weights, X)
    error = (two @ readout - y) / np.float32(len(y))
    back = np.where(two > 0, np.outer(error, readout), np.float32(0))
    below = np.where(one > 0, back @ hidden, np.float32(0))
    gradients = (below.T @ X, back.T @ one, two.T @ error)
    return [W - eta * g for W, eta, g in zip(weights, speed, gradients, strict=True)]


def train(width: int, rule: str, rate: float, seed: int) -> Run:
    """Train on new data in each step, and measure on 2048 more.

    Parameters
    ----------
    width : int
        Of both hidden layers.
    rule : str
        A key of `POWERS`.
    rate : float
        The rate at the width BASE.
    seed : int
        The start and the data: the data are the same for all widths, rules and rates.
    """
    data = np.random.default_rng([seed, 0])
    X_new, y_new = bits(2048, data)
    weights = start(width, rule, np.random.default_rng([seed, width]))
    speed, before = rates(width, rule, rate), features(weights, X_new)[1]
    # Rates beyond the largest stable one are tried on purpose.
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(STEPS):
            weights = step(weights, *bits(BATCH, data), speed)
            if not np.isfinite(weights[2]).all():
                return DIVERGED
        after = features(weights, X_new)[1]
        loss = float(np.mean((after @ weights[2] - y_new) ** 2))
        size = np.linalg.norm(before)
        moved = float(np.linalg.norm(after - before) / size)
        left = float(np.linalg.norm(after) / size)
    silent = float(np.mean(np.all(after == 0, axis=0)))
    found = Run(loss, moved, left, silent)
    return found if np.isfinite(found).all() else DIVERGED
