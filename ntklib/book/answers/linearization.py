"""What `grade` expects for the exercises of the chapter *Linearization*."""

from __future__ import annotations

import numpy as np

from ntklib import Linearization, ShallowNetwork
from ntklib._validate import Array
from ntklib.book.answers import Answer


def square_by_hand(at: tuple[float, float] = (1.0, 0.0)) -> float:
    """The linearization, at these weights, of one neuron with the activation z^2."""
    lin = Linearization(ShallowNetwork([1.0], "square"), [at])
    return float(lin([[2.0, 3.0]], [[1.0, 1.0]])[0])


def rank_at_zero(n: int = 50, d: int = 7, m: int = 100) -> int:
    """Rank of the Jacobian of a tanh network at zero weights on random points."""
    net = ShallowNetwork(np.ones(m), "tanh")
    X = np.random.default_rng(0).standard_normal((n, d))
    return int(np.linalg.matrix_rank(net.jacobian(X, np.zeros((m, d)))))


def three_values(w: tuple[float, float] = (2.0, 1.0)) -> list[float]:
    """F_0 of one ReLU neuron at x, 3 x and -x."""
    lin = Linearization(ShallowNetwork([1.0], "relu"), [[1.0, 0.0]])
    x = np.array([1.0, 1.0])
    return [float(value) for value in lin([x, 3 * x, -x], [w])]


def widest_off(points: int = 3) -> Array:
    """The unit vector whose gate is shut on the first points with the widest margin."""
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])[:points]
    phi = np.linspace(0.0, 2 * np.pi, 36_001)
    W = np.stack([np.cos(phi), np.sin(phi)], axis=1)
    return np.asarray(W[(-W @ X.T).min(axis=1).argmax()])


def rank_on_a_line(n: int = 50, m: int = 1000, least: float = -1.0) -> int:
    """Rank of the Jacobian of ReLU neurons on points of the line from `least` to one."""
    net, W0 = ShallowNetwork.random(1, m, rng=np.random.default_rng(0))
    X = np.linspace(least, 1.0, n)[:, None]
    return int(np.linalg.matrix_rank(net.jacobian(X, W0)))


ANSWERS = {
    "ex-linearization-1": Answer(
        square_by_hand,
        "Which derivative does z^2 have at w_0 . x?",
        {
            "Is that the network, or its linearization?": lambda: (1.0 * 2 + 1.0 * 3) ** 2,
            "That is the change from the start: from which value?": lambda: (
                square_by_hand() - 2.0**2
            ),
            "Is the derivative multiplied by w, or by the change of w?": lambda: (
                2.0**2 + 2 * 2.0 * (1.0 * 2 + 1.0 * 3)
            ),
            "What is the derivative of a square?": lambda: 2.0**2 + 2.0 * 3.0,
            "At which weights is the derivative taken?": lambda: 2.0**2 + 2 * 5.0 * 3.0,
            "Is F_0 linear in w, or is there a constant as well?": lambda: 2 * 2.0 * 5.0,
        },
    ),
    "ex-linearization-2": Answer(
        rank_at_zero,
        "What do the blocks of one row have in common?",
        {
            "That is the number of rows: how do the blocks of a row differ?": lambda: 50,
            "Can the rank exceed the number of points?": lambda: 100 * 7,
            "Does each neuron see something else?": lambda: 100,
            "What is zero at zero: tanh, or its derivative?": lambda: 0,
        },
    ),
    "ex-linearization-3": Answer(
        three_values,
        "Is the gate open at 3 x, and at -x?",
        {
            "Is the gate open at the last of the inputs?": lambda: [
                *three_values()[:2],
                -three_values()[0],
            ],
            "What does a ReLU make of a negative number?": lambda: [
                *three_values()[:2],
                three_values()[0],
            ],
            "Which weights open the gate, and which multiply the input?": lambda: three_values(
                (1.0, 0.0)
            ),
            "Is that F_0, or only its change from the start?": lambda: [
                after - before
                for after, before in zip(three_values(), three_values((1.0, 0.0)), strict=True)
            ],
        },
    ),
    "ex-linearization-4": Answer(
        widest_off,
        "A gate is shut where w_0 . x < 0; of all such unit vectors take the middle.",
        {
            "For which sign of the inner product is a gate shut?": lambda: -widest_off(),
            "How long is your vector?": lambda: widest_off() / np.abs(widest_off()).max(),
            "Is the norm the sum of the entries?": lambda: (
                widest_off() / np.abs(widest_off()).sum()
            ),
            "How far is the second point from your edge?": lambda: widest_off(1),
            "How far is the first point from your edge?": lambda: widest_off(1)[::-1],
        },
    ),
    "ex-linearization-5": Answer(
        rank_on_a_line,
        "How many gate patterns do points of a line show?",
        {
            "Do positive and negative inputs open the same gates?": lambda: rank_on_a_line(
                least=0.1
            ),
            "How do the rows of any pair of positive inputs differ?": lambda: 50,
            "Can the rank exceed the number of points?": lambda: 1000,
        },
    ),
}
