"""What `grade` expects for the exercises of the chapter *The span of the gradients*."""

from __future__ import annotations

import numpy as np

from ntklib import Linearization, ShallowNetwork
from ntklib._validate import Array
from ntklib.book.answers import Answer

_GRADIENT, _CHANGE = np.array([2.0, 2.0]), np.array([3.0, 1.0])
_TESTS = np.array([[2.0, 2.0], [-1.0, -3.0], [2.0, 0.0]])
_ALONG, _START = np.array([1.0, 1.0]) / np.sqrt(2), np.array([3.0, 1.0])


def projection_by_hand() -> Array:
    """Orthogonal projection of (3, 1) on the line through (2, 2)."""
    return np.asarray(_GRADIENT * (_GRADIENT @ _CHANGE) / (_GRADIENT @ _GRADIENT))


def open_widths() -> list[float]:
    """Unseen parts of three gradients of a single ReLU neuron, by projection."""
    lin = Linearization(ShallowNetwork([1.0], "relu"), [[1.0, 0.0]])
    widths = []
    for x in _TESTS:
        reached = lin.W0 + lin.jacobian([x])
        widths.append(float(np.linalg.norm(reached - lin.project([[1.0, 1.0]], reached))))
    return widths


def unseen(rows: Array, on: Array = _ALONG) -> Array:
    """Rows without their parts along a unit vector."""
    return np.asarray(rows - np.outer(rows @ on, on))


def width_from_kernel(seen: float = 1.0 / 2.0 + 1.0, here: float = 2.0) -> float:
    """Distance of a gradient from S when only inner products are known."""
    return float(np.sqrt(here - seen))


def decay_distance() -> float:
    """Distance of (3, 1) from the line through (1, 1)."""
    return float(np.linalg.norm(unseen(_START[None])))


def freedom(n: int = 10, m: int = 3, d: int = 2) -> int:
    """Dimension of the set of coefficients when the rank is as large as it can be."""
    return n - min(n, m * d)


ANSWERS = {
    "ex-span-1": Answer(
        projection_by_hand,
        "Project (3, 1) on the direction of the gradient.",
        {
            "Is the change of w a multiple of the gradient?": lambda: _CHANGE,
            "How long is the gradient that you project on?": lambda: (
                _GRADIENT * (_GRADIENT @ _CHANGE)
            ),
            "Is that a weight, or the change from the start?": lambda: projection_by_hand() + 1,
            "Is that the part in S, or what is left?": lambda: _CHANGE - projection_by_hand(),
            "Is the gradient's length divided by once, or twice?": lambda: (
                _GRADIENT * (_GRADIENT @ _CHANGE) / np.linalg.norm(_GRADIENT)
            ),
        },
    ),
    "ex-span-2": Answer(
        open_widths,
        "Which gates are open, and what is left after projection?",
        {
            "Is the gate open at the second input?": lambda: np.linalg.norm(unseen(_TESTS), axis=1),
            "Is h a length, or its square?": lambda: np.square(open_widths()),
            "What is left of the gradients after the projection?": lambda: [
                float(np.linalg.norm(x)) * (x[0] >= 0) for x in _TESTS
            ],
            "Is that the part in S, or the part outside?": lambda: [
                abs(float(x @ _ALONG)) * (x[0] >= 0) for x in _TESTS
            ],
        },
    ),
    "ex-span-3": Answer(
        width_from_kernel,
        "Use the corollary on the unseen part.",
        {
            "Is the change h, or its square?": lambda: width_from_kernel() ** 2,
            "Is the Gram matrix inverted?": lambda: abs(2.0 - (2.0 + 1.0)),
            "How long are the gradients at the training inputs?": lambda: width_from_kernel(2.0),
            "Is that the part in S, or the part outside?": lambda: width_from_kernel(0.0, 1.5),
            "What do the training values forbid?": lambda: width_from_kernel(0.0),
        },
    ),
    "ex-span-4": Answer(
        decay_distance,
        "Which part of w does the penalty alone decide?",
        {
            "Is the distance a length, or its square?": lambda: decay_distance() ** 2,
            "Is it the distance from the origin that is asked for?": lambda: float(
                np.linalg.norm(_START)
            ),
            "Which part of the start does the loss see?": lambda: float(_START @ _ALONG),
            "Does the penalty pull along the gradient of F_0 alone?": lambda: 0.0,
        },
    ),
    "ex-span-5": Answer(
        freedom,
        "Solutions differ by vectors u with J'u = 0; count them.",
        {
            "Is that the rank, or what it leaves?": lambda: 10 - freedom(),
            "How many weights has a neuron of the plane?": lambda: freedom(d=1),
            "How many neurons are there?": lambda: freedom(m=1),
            "Can the rank be as large as the number of inputs?": lambda: freedom(m=10),
        },
    ),
}
