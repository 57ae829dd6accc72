"""What `grade` expects for the exercises of the chapter *Does training really stay there?*"""

from __future__ import annotations

import math

from ntklib.book.answers import Answer


def steps(factor: float = 0.6, left: float = 0.01) -> int:
    """The smallest t with factor^t <= left."""
    return math.ceil(math.log(left) / math.log(factor))


def widths(scales: tuple[float, ...] = (1.0, 2.0)) -> list[float]:
    """4 eps^2 beta^2 s / (eps^2 lambda)^2 at each scale."""
    return [4 * eps**2 * 0.8**2 * 2 / (eps**2 * 0.2) ** 2 for eps in scales]


ANSWERS = {
    "ex-training-1": Answer(lambda: math.log(100) / 0.2, "Which coordinate is the slowest?"),
    "ex-training-2": Answer(steps, "With the best step both coordinates have one factor."),
    "ex-training-3": Answer(lambda: 9 / 11, "Take the square root of c first."),
    "ex-training-4": Answer(widths, "The eigenvalue carries the square of the scale."),
    "ex-training-5": Answer(lambda: 1 / (2 * math.pi**2), "What is kappa(0)? What is Sigma there?"),
}
