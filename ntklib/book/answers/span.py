"""What `grade` expects for the exercises of the chapter *The span of the gradients*."""

from __future__ import annotations

import numpy as np

from ntklib import Linearization, ShallowNetwork
from ntklib.book.answers import Answer


def projection_by_hand() -> list[float]:
    """Orthogonal projection of (3, 1) on the line through (2, 2)."""
    gradient, change = np.array([2.0, 2.0]), np.array([3.0, 1.0])
    projected = gradient * (gradient @ change) / (gradient @ gradient)
    return [float(value) for value in projected]


def open_widths() -> list[float]:
    """Unseen parts of three gradients of a single ReLU neuron, by projection."""
    lin = Linearization(ShallowNetwork([1.0], "relu"), [[1.0, 0.0]])
    widths = []
    for x in ([2.0, 2.0], [-1.0, -3.0], [2.0, 0.0]):
        reached = lin.W0 + lin.jacobian([x])
        widths.append(float(np.linalg.norm(reached - lin.project([[1.0, 1.0]], reached))))
    return widths


def width_from_kernel() -> float:
    """Distance of a gradient from S when only inner products are known."""
    K, row, here = np.diag([2.0, 1.0]), np.array([1.0, 1.0]), 2.0
    return float(np.sqrt(here - row @ np.linalg.solve(K, row)))


def decay_distance() -> float:
    """Distance of (3, 1) from the line through (1, 1)."""
    along = np.array([1.0, 1.0]) / np.sqrt(2)
    start = np.array([3.0, 1.0])
    return float(np.linalg.norm(start - along * (along @ start)))


def freedom(n: int = 10, m: int = 3, d: int = 2) -> int:
    """Dimension of the set of coefficients when the rank is as large as it can be."""
    return n - min(n, m * d)


ANSWERS = {
    "ex-span-1": Answer(projection_by_hand, "Project (3, 1) on the direction of the gradient."),
    "ex-span-2": Answer(open_widths, "Which gates are open, and what is left after projection?"),
    "ex-span-3": Answer(width_from_kernel, "Use the corollary on the unseen part."),
    "ex-span-4": Answer(decay_distance, "Which part of w does the penalty alone decide?"),
    "ex-span-5": Answer(freedom, "Solutions differ by vectors u with J'u = 0; count them."),
}
