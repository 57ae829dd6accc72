"""What `grade` expects for the exercises of the chapter *The limit of infinite width*."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from ntklib.book.answers import Answer
from ntklib.concentration import hoeffding_width


def width_for_all_entries(n: int = 50, deviation: float = 0.02, delta: float = 0.01) -> int:
    """Width that Hoeffding and the union bound ask for."""
    return hoeffding_width(n, deviation, delta)


def width_for_entries(entries: float, deviation: float = 0.02, delta: float = 0.01) -> int:
    """The same for this number of entries."""
    return math.ceil(math.log(2 * entries / delta) / (2 * deviation**2))


def variance_ratio(q: float = 0.5, fourth_moment: float = 3.0) -> float:
    """Variance of a^2 Z over that of Z for a coin Z of probability q and E a^2 = 1."""
    return (fourth_moment * q - q**2) / (q - q**2)


def width_factor(scale: float = 0.5) -> float:
    """Factor of m that keeps eps sqrt(m) when eps is multiplied by `scale`."""
    return scale**-2


def orthonormal_failure(n: int = 10, m: int = 16, most: int = 4) -> float:
    """Probability that one of n fair-coin counts of m tosses is at most `most`."""
    return float(-np.expm1(n * np.log1p(-stats.binom.cdf(most, m, 0.5))))


ANSWERS = {
    "ex-limit-1": Answer(
        width_for_all_entries,
        "Solve t = 0.02 for m and round up.",
        {
            "Put your width back into t: is it small enough?": lambda: width_for_all_entries() - 1,
            "How many entries have to be near their limits at once?": lambda: width_for_entries(1),
            "Must the entries on the diagonal be near, too?": lambda: width_for_entries(
                50 * 49 / 2
            ),
            "How many different entries has a symmetric matrix?": lambda: width_for_entries(50**2),
            "How does t fall with m: like its inverse, or like the root of it?": lambda: math.ceil(
                math.log(50 * 51 / 0.01) / (2 * 0.02)
            ),
            "What stands before m and the square of the deviation in Hoeffding's bound?": lambda: (
                math.ceil(math.log(50 * 51 / 0.01) / 0.02**2)
            ),
        },
    ),
    "ex-limit-2": Answer(
        variance_ratio,
        "What is the variance of a^2 Z when Z is 0 or 1?",
        {
            "Is the mean of a term zero?": lambda: 3.0,
            "By which variance do you divide?": lambda: 3.0 * 0.5 - 0.5**2,
            "Is the variance of a product the product of the variances?": lambda: 3.0 - 1.0,
            "Does the square of a Gaussian not vary?": lambda: variance_ratio(fourth_moment=1.0),
        },
    ),
    "ex-limit-3": Answer(
        width_factor,
        "Which product of eps and m must stay the same?",
        {
            "Does the bound contain m, or the root of m?": lambda: 0.5**-1,
            "Must the network become wider or narrower?": lambda: width_factor(2.0),
            "Which power of eps is in the bound, once the residual is the labels?": lambda: 0.5**-4,
            "If the root of m must grow by a factor, by which must m grow?": lambda: 0.5**-0.5,
        },
    ),
    "ex-limit-4": Answer(
        orthonormal_failure,
        "How many heads in 16 tosses are too few?",
        {
            "How many points may fail?": lambda: orthonormal_failure(1),
            "A union bound adds probabilities: what do independent counts allow?": lambda: (
                10 * orthonormal_failure(1)
            ),
            "Is that the probability that it happens, or that it does not?": lambda: (
                1 - orthonormal_failure()
            ),
            "Is it a loss of half if exactly half is lost?": lambda: orthonormal_failure(most=3),
            "Does one failure suffice, or must all fail?": lambda: orthonormal_failure(1) ** 10,
            "Can a probability be that large?": lambda: 10 * (2 / math.e) ** 4,
        },
    ),
}
