"""What `grade` expects for the exercises of the chapter *Where kernels stop*."""

from __future__ import annotations

import math
from fractions import Fraction

from ntklib.book.answers import Answer


def points(d: int = 30, k: int = 3, left: Fraction = Fraction(1, 10)) -> int:
    """The smallest n with 1 - n / N <= left."""
    return math.ceil((1 - left) * math.comb(d, k))


def harmonic(d: int = 30, n: int = 200) -> float:
    """1 - n / N for the harmonics of degree two on the sphere."""
    return 1 - n / (math.comb(d + 1, 2) - 1)


def staircase(d: int = 60, n: int = 400) -> float:
    """The sum of the bounds for one, two and three bits."""
    return sum(max(0.0, 1 - n / math.comb(d, k)) for k in (1, 2, 3))


ANSWERS = {
    "ex-limits-1": Answer(points, "How many sets of three coordinates are there?"),
    "ex-limits-2": Answer(lambda: 1 / 4, "Write the majority as a sum of parities."),
    "ex-limits-3": Answer(harmonic, "How many harmonics of degree two are there?"),
    "ex-limits-4": Answer(staircase, "One of the three bounds is zero."),
}
