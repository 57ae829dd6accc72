"""What `grade` expects for the exercises of the chapter *When is the kernel invertible?*"""

from __future__ import annotations

import math

import numpy as np

from ntklib import kappa, relu_nngp
from ntklib.book.answers import Answer


def _smallest(cosine: float) -> float:
    """Smaller eigenvalue of the Gram matrix of two unit vectors with this inner product."""
    return float(0.5 - abs(kappa(cosine)))


def _nullities(pairs: int = 7, d: int = 5) -> list[int]:
    return [max(pairs - d, 0), max(pairs - 1, 0)]


def _linear(cosine: float) -> float:
    """The same for the kernel without gates."""
    return 1 - abs(cosine)


ANSWERS = {
    "ex-invertibility-1": Answer(
        lambda: _smallest(-1.0),
        "What is kappa(-1)?",
        {
            "XX' is singular; is it still, once its entries carry the gates?": lambda: _linear(
                -1.0
            ),
            "How often is the gate of a point open?": lambda: 2 * _smallest(-1.0),
            "Is that an eigenvalue, or the product of both?": lambda: (
                _smallest(-1.0) * (1 - _smallest(-1.0))
            ),
        },
    ),
    "ex-invertibility-2": Answer(
        _nullities,
        "Count pairs, and the dimension that they span.",
        {
            "Do the two points of a pair give one direction or two?": lambda: _nullities(2 * 7),
            "What do the two gates of a pair add up to, for each of the pairs?": lambda: [
                _nullities()[0],
                7,
            ],
            "Which of the two kernels carries the inner product as well?": lambda: _nullities()[
                ::-1
            ],
            "Do points without their antipodes take part in a relation?": lambda: _nullities(
                7 + 10
            ),
            "Is the nullity the dimension of a span, or what exceeds it?": lambda: [5, 1],
        },
    ),
    "ex-invertibility-3": Answer(
        lambda: _smallest(0.0),
        "K is an entrywise product; what is XX'?",
        {
            "How often is the gate of a point open?": lambda: _linear(0.0),
            "That is of the gates alone: which matrix multiplies them entry by entry?": lambda: (
                0.5 - (math.pi - math.acos(0.0)) / (2 * math.pi)
            ),
            "Is that the kernel of the gradients, or the covariance of outputs?": lambda: float(
                np.linalg.eigvalsh(relu_nngp(np.eye(2)))[0]
            ),
        },
    ),
    "ex-invertibility-4": Answer(
        lambda: _smallest(math.cos(0.01)),
        "Expand kappa(cos delta) to first order.",
        {
            "Is this angle in degrees?": lambda: _smallest(math.cos(math.radians(0.01))),
            "Is that the smaller of the two eigenvalues?": lambda: 1 - _smallest(math.cos(0.01)),
            "By which share of a turn do the directions that open both become fewer?": lambda: (
                0.01 / math.pi
            ),
            "That is for the kernel without gates: what do the gates add?": lambda: _linear(
                math.cos(0.01)
            ),
            "How does kappa begin at the angle zero: with the angle, or with its square?": lambda: (
                0.01**2 / (2 * math.pi)
            ),
        },
        rtol=0.02,
    ),
}
