"""What `grade` expects for the exercises of the chapter *Fitting noise*."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ntklib.book.answers import Answer
from ntklib.complexity import ridgeless_risk


def _risks(
    small: float = 0.01, unseen: float = 2.0**2, seen: float = 1.0, noise: float = 1.0
) -> list[float]:
    """The error without a ridge and with the ridge one, for the eigenvalues 1 and `small`."""
    return [
        unseen + sum((nu**2 * seen + noise * one) / (one + nu) ** 2 for one in (1.0, small))
        for nu in (0.0, 1.0)
    ]


def _collecting(tau: float = 0.5) -> list[int]:
    """The best n below 99, and from which n above 101 on the error is below one."""
    curve = ridgeless_risk(np.arange(1, 1000), 100, 1.0, tau)
    return [1 + int(np.argmin(curve[:98])), 102 + int(np.argmax(curve[101:] < 1))]


def _excess(c: float = 4.0) -> float:
    """Largest factor of the error where the ridge is c times too large."""
    return (c + 1) ** 2 / (4 * c)


def _lines(power: int = 2) -> float:
    """Mean over s of the sum of powers of the weights 1 - s and s."""
    return 2 / (power + 1)


def _noise_part(q: int, n: int = 1000, k: int = 5) -> float:
    return k / (n - k - 1) * (q - 1) / (q - n + k - 1) + n / (q - n - 1)


def _directions(part: Callable[[int], float] = _noise_part, most: float = 0.01) -> int:
    """The smallest q at which a decreasing part is at most `most`, by halves."""
    low, high = 2_000, 10_000_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if part(middle) <= most else (middle, high)
    return high


ANSWERS = {
    "ex-noise-1": Answer(
        _risks,
        "What was never seen costs the same in both.",
        {
            "What does no row of J see of b?": lambda: _risks(unseen=0.0),
            "Are the entries of J the eigenvalues of J'J?": lambda: _risks(small=0.1),
            "Is it a coordinate of b that is lost, or its square?": lambda: _risks(unseen=2.0),
            "What does the ridge do to the part of b that is seen?": lambda: _risks(seen=0.0),
            "What does the noise add, along each direction?": lambda: _risks(noise=0.0),
        },
    ),
    "ex-noise-2": Answer(
        _collecting,
        "Part 4 of the theorem, then part 1.",
        {
            "Does one more point at your first number still help?": lambda: [
                _collecting()[0] - 1,
                _collecting()[1],
            ],
            "Is your second error below that of predicting zero, or equal to it?": lambda: [
                _collecting()[0],
                _collecting()[1] - 1,
            ],
            "Is it tau that stands in the theorem, or its square?": lambda: _collecting(0.5**0.5),
            "Does every point help, up to the peak?": lambda: [98, _collecting()[1]],
        },
    ),
    "ex-noise-3": Answer(
        _excess,
        "The best ridge is proportional to the variance.",
        {
            "Is the best ridge proportional to the deviation, or to the variance?": lambda: _excess(
                2.0
            ),
            "That is the factor of the ridge: what is the factor of the error?": lambda: 4.0,
            "Which factor does your formula give for the best ridge itself?": lambda: 4 * _excess(),
            "Is that the factor, or its root?": lambda: _excess() ** 0.5,
        },
    ),
    "ex-noise-4": Answer(
        lambda: [1.0, _lines(), 4 * (1 / 4) ** 2],
        "Add up the squares of the weights.",
        {
            "That is halfway between two points: what is it on average?": lambda: [
                1.0,
                2 * (1 / 2) ** 2,
                4 * (1 / 4) ** 2,
            ],
            "Is noise a variance, or a deviation?": lambda: [1.0, _lines() ** 0.5, 1 / 2],
            "The weights add up to one: do their squares?": lambda: [1.0, _lines(1), 1.0],
            "How many labels take part in a line?": lambda: [
                1.0,
                _lines() / 2,
                4 * (1 / 4) ** 2,
            ],
            "Does a mean of independent labels vary as much as one of them?": lambda: [
                1.0,
                _lines(),
                1.0,
            ],
        },
    ),
    "ex-noise-5": Answer(
        _directions,
        "The first part is nearly one in 199.",
        {
            "Is the bound met at your own q?": lambda: _directions() - 1,
            "What do the large directions cost?": lambda: _directions(lambda q: 1000 / (q - 1001)),
            "Are the large directions among those that you count?": lambda: _directions() + 5,
            "Is the second factor of the first part exactly one?": lambda: (
                1001 + math.ceil(1000 / (0.01 - 5 / 994))
            ),
        },
    ),
}
