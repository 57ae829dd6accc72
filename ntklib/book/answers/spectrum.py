"""What `grade` expects for the exercises of the chapter *Which functions does the kernel learn?*"""

from __future__ import annotations

import math

import numpy as np

from ntklib import gate_kernel, kappa
from ntklib.book.answers import Answer

_MU = {1: 1 / 16, 3: 1 / 256, 5: 1 / 1024}  # of the gate kernel, on the sphere of three dimensions


def eigenvalue(k: int, d: int = 3) -> float:
    """The eigenvalue of an even degree, from those of the gates beside it."""
    return (k * _MU[k - 1] + (k + d - 2) * _MU[k + 1]) / (2 * k + d - 2)


def swapped(k: int, d: int = 3) -> float:
    """The same with the weights exchanged."""
    return ((k + d - 2) * _MU[k - 1] + k * _MU[k + 1]) / (2 * k + d - 2)


def square(d: int = 3) -> float:
    """The mean of the square of the product of three coordinates on the sphere."""
    return 1 / (d * (d + 2) * (d + 4))


def alias(frequency: int = 2, n: int = 5, *, gates: bool = False) -> float:
    """The eigenvalue of the Gram matrix of a regular polygon at a frequency."""
    phi = 2 * np.pi * np.arange(n) / n
    points = np.stack([np.cos(phi), np.sin(phi)], axis=1)
    row = gate_kernel(points[:1], points)[0] if gates else kappa(np.cos(phi))
    return float(row @ np.cos(frequency * phi))


def _lift(norm: float = 0.8) -> list[float]:
    """The bias that a lift from this norm is, and what it makes of high even degrees."""
    beta = math.sqrt(1 - norm**2) / norm
    return [beta, _lowered(beta)]


def _lowered(beta: float) -> float:
    return 1 / (2 * math.sqrt(1 + beta**2))


ANSWERS = {
    "ex-spectrum-1": Answer(
        lambda: eigenvalue(2),
        "The weights are k and k + d - 2, over 2k + d - 2.",
        {
            "Which of the two degrees has the larger weight?": lambda: swapped(2),
            "Are the two weights equal on this sphere, as on the circle?": lambda: eigenvalue(2, 2),
            "What do the two weights add up to?": lambda: 5 * eigenvalue(2),
            "With which weights do the two numbers enter?": lambda: _MU[1] + _MU[3],
        },
    ),
    "ex-spectrum-2": Answer(
        square,
        "What is its Laplacian?",
        {
            "Is the distance in mean square a square, or its root?": lambda: math.sqrt(square()),
            "Which functions of odd degree can the kernel represent?": lambda: 0.0,
            "Are the coordinates on a sphere independent?": lambda: (1 / 3) ** 3,
            "Of how many coordinates is the square taken?": lambda: 1 / (3 * (3 + 2)),
        },
    ),
    "ex-spectrum-3": Answer(
        lambda: eigenvalue(2) / eigenvalue(4),
        "The times are as one over the eigenvalues.",
        {
            "Which of the two degrees is learned faster?": lambda: eigenvalue(4) / eigenvalue(2),
            "Are these the eigenvalues of the kernel, or those of the gates?": lambda: (
                _MU[1] / _MU[3]
            ),
            "Which of the gates' eigenvalues are beside each degree?": lambda: _MU[3] / _MU[5],
            "Which of the two neighbors has the larger weight?": lambda: swapped(2) / swapped(4),
        },
    ),
    "ex-spectrum-4": Answer(
        alias,
        "What is the cosine of 3 phi at the corners?",
        {
            "Do five corners tell this frequency from a lower one?": lambda: 0.0,
            "Is that an eigenvalue of K, or of K over the number of points?": lambda: alias() / 5,
            "To which lower frequency is the target equal at the corners?": lambda: alias(1),
            "Where is the inner product, beside the share of open gates?": lambda: alias(
                gates=True
            ),
            "Is the target constant on the corners?": lambda: alias(0),
        },
    ),
    "ex-spectrum-5": Answer(
        _lift,
        "Divide the lifted point by 0.8.",
        {
            "By what are inputs divided that are to have the norm one?": lambda: [
                math.sqrt(1 - 0.8**2),
                _lowered(math.sqrt(1 - 0.8**2)),
            ],
            "Is the last coordinate of the lift a root?": lambda: [
                (1 - 0.8**2) / 0.8,
                _lowered((1 - 0.8**2) / 0.8),
            ],
            "Which factor does your formula give without a bias?": lambda: [
                _lift()[0],
                2 * _lift()[1],
            ],
            "Is there a root in the factor?": lambda: [_lift()[0], 2 * _lift()[1] ** 2],
            "Which of the two coordinates is divided by the other?": lambda: [
                1 / _lift()[0],
                _lowered(1 / _lift()[0]),
            ],
        },
    ),
}
