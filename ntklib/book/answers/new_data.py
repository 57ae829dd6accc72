"""What `grade` expects for the exercises of the chapter *What can be said of new data*."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ntklib import kappa, relu_nngp
from ntklib.book.answers import Answer

_LABELS = np.array([1.0, 1.0, -1.0])


def _pair(beside: float) -> float:
    """Residual at one of two unit vectors, left out, from the kernel between them over 1/2."""
    return 1 - beside


def _copies() -> list[float]:
    """What three copies with the labels 1, 1, -1 miss, each predicted by the others."""
    return [float(y - (_LABELS.sum() - y) / 2) for y in _LABELS]


def _bound(n: int, norm: float = 5.0, h: float = 0.1, delta: float = 0.05) -> float:
    radii = math.ceil(math.sqrt(n / 2) / h)
    return (norm + h) * math.sqrt(2 / n) + math.sqrt(math.log(radii / delta) / (2 * n))


def _from(bound: Callable[[int], float], wanted: float = 0.25) -> int:
    """From which number of points on the bound is at most `wanted`."""
    return 1 + max(n for n in range(1, 5_000) if bound(n) > wanted)


def _first_term(square: float) -> float:
    """b sqrt(2 / n) for b^2 = n times this."""
    return math.sqrt(2 * square)


def _price(slope: float) -> float:
    """The limit of theta y' K^-1 y where kappa falls by `slope` per angle."""
    return 2 / slope


ANSWERS = {
    "ex-new_data-1": Answer(
        lambda: _pair(2 * float(kappa(0.5))),
        "What does one point predict at the other?",
        {
            "Is that the prediction, or what is missing to the label?": lambda: (
                2 * float(kappa(0.5))
            ),
            "Does your prediction give a training point its own label?": lambda: _pair(
                float(kappa(0.5))
            ),
            "Was the point left out when it was predicted?": lambda: 0.0,
            "Are there gates in the kernel?": lambda: _pair(0.5),
            "Is it the kernel of the gradients, or the covariance of the outputs?": lambda: _pair(
                2 * float(relu_nngp([[1.0, 0.0]], [[0.5, math.sqrt(0.75)]])[0, 0])
            ),
        },
    ),
    "ex-new_data-2": Answer(
        _copies,
        "What do two copies predict at a third?",
        {
            "Are these predictions, or residuals?": lambda: [
                float(y - left) for y, left in zip(_LABELS, _copies(), strict=True)
            ],
            "Is a point among those that predict its label?": lambda: [
                float(y - _LABELS.mean()) for y in _LABELS
            ],
            "Is a residual the label minus the prediction, or the other way round?": lambda: [
                -left for left in _copies()
            ],
            "Is each of the three predicted to be zero?": lambda: [float(y) for y in _LABELS],
        },
    ),
    "ex-new_data-3": Answer(
        lambda: _from(_bound),
        "The number of radii grows with n; count the last failure.",
        {
            "What do the terms after the first add?": lambda: _from(lambda n: 5 * math.sqrt(2 / n)),
            "Is the bound small enough at your own n?": lambda: _from(_bound) - 1,
            "Which radii does the union bound go over, and how many are they?": lambda: _from(
                lambda n: 5.1 * math.sqrt(2 / n) + math.sqrt(math.log(1 / 0.05) / (2 * n))
            ),
            "By how much can the next radius exceed the norm?": lambda: _from(
                lambda n: _bound(n) - 0.1 * math.sqrt(2 / n)
            ),
            "Where does the probability delta come in?": lambda: _from(
                lambda n: _bound(n, delta=1.0)
            ),
        },
    ),
    "ex-new_data-4": Answer(
        lambda: [_first_term(2.0), 1.0],
        "The Gram matrix is one half of the identity.",
        {
            "On which side of the error does a prediction of zero count?": lambda: [
                _first_term(2.0),
                0.0,
            ],
            "Does the share guess for predictions of zero?": lambda: [_first_term(2.0), 0.5],
            "How often is the gate of a point open?": lambda: [_first_term(1.0), 1.0],
            "Is it K that stands between the labels, or its inverse?": lambda: [
                _first_term(0.5),
                1.0,
            ],
        },
    ),
    "ex-new_data-5": Answer(
        lambda: _price(1 / (2 * math.pi)),
        "(1, -1) is an eigenvector.",
        {
            "How long is the vector of labels, and how fast does kappa fall?": lambda: _price(
                1 / math.pi
            ),
            "Is K inverted?": lambda: 2 / (2 * math.pi),
            "Is the angle in degrees?": lambda: _price(1 / 360),
            "Which share of a full turn is an angle?": lambda: _price(1 / 2),
        },
    ),
}
