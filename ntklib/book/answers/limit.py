"""What `grade` expects for the exercises of the chapter *The limit of infinite width*."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ntklib.book.answers import Answer
from ntklib.concentration import hoeffding_width


def width_for_all_entries(n: int = 50, deviation: float = 0.02, delta: float = 0.01) -> int:
    """Width that Hoeffding and the union bound ask for."""
    return hoeffding_width(n, deviation, delta)


def variance_ratio(q: float = 0.5, fourth_moment: float = 3.0) -> float:
    """Variance of a^2 Z over that of Z for a coin Z of probability q and E a^2 = 1."""
    return (fourth_moment * q - q**2) / (q - q**2)


def width_factor(scale: float = 0.5) -> float:
    """Factor of m that keeps eps sqrt(m) when eps is multiplied by `scale`."""
    return scale**-2


def orthonormal_failure(n: int = 10, m: int = 16) -> float:
    """Probability that one of n fair-coin counts of m tosses is at most m / 4."""
    return float(-np.expm1(n * np.log1p(-stats.binom.cdf(m // 4, m, 0.5))))


ANSWERS = {
    "ex-limit-1": Answer(width_for_all_entries, "Solve t = 0.02 for m and round up."),
    "ex-limit-2": Answer(variance_ratio, "What is the variance of a^2 Z when Z is 0 or 1?"),
    "ex-limit-3": Answer(width_factor, "Which product of eps and m must stay the same?"),
    "ex-limit-4": Answer(orthonormal_failure, "How many heads in 16 tosses are too few?"),
}
