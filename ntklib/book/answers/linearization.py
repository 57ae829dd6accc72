"""What `grade` expects for the exercises of the chapter *Linearization*."""

from __future__ import annotations

import numpy as np

from ntklib import Linearization, ShallowNetwork
from ntklib.book.answers import Answer


def square_by_hand() -> float:
    """F_0 of one neuron with the activation z^2."""
    lin = Linearization(ShallowNetwork([1.0], "square"), [[1.0, 0.0]])
    return float(lin([[2.0, 3.0]], [[1.0, 1.0]])[0])


def rank_at_zero(n: int = 50, d: int = 7, m: int = 100) -> int:
    """Rank of the Jacobian of a tanh network at zero weights on random points."""
    net = ShallowNetwork(np.ones(m), "tanh")
    X = np.random.default_rng(0).standard_normal((n, d))
    return int(np.linalg.matrix_rank(net.jacobian(X, np.zeros((m, d)))))


def three_values() -> list[float]:
    """F_0 of one ReLU neuron at x, 3 x and -x."""
    lin = Linearization(ShallowNetwork([1.0], "relu"), [[1.0, 0.0]])
    x = np.array([1.0, 1.0])
    return [float(value) for value in lin([x, 3 * x, -x], [[2.0, 1.0]])]


def widest_off() -> list[float]:
    """The unit vector whose gate is shut on three points with the widest margin."""
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    phi = np.linspace(0.0, 2 * np.pi, 36_001)
    W = np.stack([np.cos(phi), np.sin(phi)], axis=1)
    margin = (-W @ X.T).min(axis=1)
    return [float(value) for value in W[margin.argmax()]]


def rank_on_a_line(n: int = 50, m: int = 1000) -> int:
    """Rank of the Jacobian of ReLU neurons on points of the line with both signs."""
    net, W0 = ShallowNetwork.random(1, m, rng=np.random.default_rng(0))
    X = np.linspace(-1.0, 1.0, n)[:, None]
    return int(np.linalg.matrix_rank(net.jacobian(X, W0)))


ANSWERS = {
    "ex-linearization-1": Answer(square_by_hand, "Which derivative does z^2 have at w_0 . x?"),
    "ex-linearization-2": Answer(rank_at_zero, "What do the blocks of one row have in common?"),
    "ex-linearization-3": Answer(three_values, "Is the gate open at 3 x, and at -x?"),
    "ex-linearization-4": Answer(
        widest_off, "A gate is shut where w_0 . x < 0; of all such unit vectors take the middle."
    ),
    "ex-linearization-5": Answer(
        rank_on_a_line, "How many gate patterns do points of a line show?"
    ),
}
