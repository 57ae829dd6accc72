"""What `grade` expects for the exercises of the chapter *What depth and structure buy*."""

from __future__ import annotations

import math

import numpy as np

from ntklib.book.answers import Answer
from ntklib.groups import cyclic_shifts, invariant_multiplicity


def _layers(degrees: float = 1.0, share: float = 0.5) -> float:
    """Layers at which q / (q + L) is this share, with q = 3 pi / theta."""
    return 3 * 180 / degrees * (1 - share) / share


def _profile(share: float = 0.5) -> float:
    return sum(share**i for i in range(4)) / 4


def window() -> list[float]:
    """Layers at which u is one half, and the profile there."""
    return [_layers(), _profile()]


def one_label(p: int, n: int = 5) -> float:
    """What the limit of the Gram matrix of n points predicts from one label at a new point."""
    G = ((p + 1) * np.eye(n) + 1) / (p + 2)
    return float(np.linalg.solve(G, np.eye(n)[0]).sum() / (p + 2))


def neurons(layers: int = 12, error: float = 1 / 48, constant: float = 1 / 12) -> list[int]:
    """The smallest M with constant (1 - M / 2^(L - 1)) <= error, and 2 L."""
    return [math.ceil((1 - error / constant) * 2 ** (layers - 1)), 2 * layers]


def quadratics(d: int = 6) -> list[int]:
    """Harmonics of degree two, and those among them that cyclic shifts do not change."""
    return [math.comb(d + 1, 2) - 1, invariant_multiplicity(cyclic_shifts(d), 2)]


def shifted(points: int = 50, size: int = 32, ridge: float = 0.1) -> list[float]:
    """Rows of the Gram matrix of all shifts, and the ridge that goes with it."""
    return [points * size, size * ridge]


ANSWERS = {
    "ex-depth-1": Answer(
        window,
        "At which L does L theta reach three pi? Sum four powers of u.",
        {
            "In which unit does the theorem measure theta?": lambda: [
                _layers(math.degrees(1.0)),
                _profile(),
            ],
            "What does your sum of powers of u give where the points coincide?": lambda: [
                _layers(),
                4 * _profile(),
            ],
            "Which is the first power of u in the sum?": lambda: [
                _layers(),
                _profile() - 1 / 4,
            ],
            "What is q / (q + L) at your number of layers?": lambda: [
                _layers() / 2,
                _profile(),
            ],
            "Is the angle fixed while L grows here, or does it shrink as L grows?": lambda: [
                _layers(),
                _profile(0.0),
            ],
        },
    ),
    "ex-depth-2": Answer(
        lambda: [one_label(2), one_label(1)],
        "The denominator is n + p + 1.",
        {
            "Would the mean of the labels return the labels at the points themselves?": lambda: (
                2 * [float(np.mean(np.eye(5)[0]))]
            ),
            "Which of the two networks has the larger p?": lambda: [one_label(1), one_label(2)],
            "The kernel at the new point is there; where is the inverse Gram matrix?": lambda: [
                1 / (p + 2) for p in (2, 1)
            ],
            "How large is the sum of a row of the Gram matrix, its diagonal included?": lambda: [
                1 / (5 + p) for p in (2, 1)
            ],
        },
    ),
    "ex-depth-3": Answer(
        neurons,
        "Solve the bound on the squared error for M.",
        {
            "How large an error does the bound state when there are no neurons?": lambda: neurons(
                constant=1.0
            ),
            "By which power of two does the theorem divide M?": lambda: [
                2 * neurons()[0],
                neurons()[1],
            ],
            "How many neurons does one tent need?": lambda: [neurons()[0], 12],
            "That many would do without any error: how much is allowed?": lambda: neurons(
                error=0.0
            ),
            "Does the bound fall or rise when neurons are added?": lambda: [
                2**11 - neurons()[0],
                neurons()[1],
            ],
        },
    ),
    "ex-depth-4": Answer(
        quadratics,
        "Leave out the square of the norm.",
        {
            "Is the square of the norm a harmonic of degree two?": lambda: [
                n + 1 for n in quadratics()
            ],
            "Your harmonics leave out the square of the norm; do your invariant forms?": lambda: [
                quadratics()[0],
                quadratics()[1] + 1,
            ],
            "Do products of neighbors to the left and to the right give two forms?": lambda: [
                quadratics()[0],
                6 - 1,
            ],
            "Which harmonics of degree two have squares in them?": lambda: [
                math.comb(6, 2),
                quadratics()[1],
            ],
        },
    ),
    "ex-depth-5": Answer(
        shifted,
        "Both numbers carry the size of the group.",
        {
            "How does the sum over all shifts compare with their mean?": lambda: [
                shifted()[0],
                0.1,
            ],
            "Which way does the factor go: is a sum over shifts larger than their mean?": lambda: [
                shifted()[0],
                0.1 / 32,
            ],
            "What does the plain kernel know of shifts that it has not been shown?": lambda: [
                50,
                shifted()[1],
            ],
            "That is what the averaged kernel needs: how does the plain one learn it?": lambda: [
                50,
                0.1,
            ],
        },
    ),
}
