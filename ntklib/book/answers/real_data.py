"""What `grade` expects for the exercises of the chapter *On real data*."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom, norm, studentized_range

from ntklib.book.answers import Answer


def _tables(k: int = 8) -> int:
    """How many tables until the critical difference of k learners is below one."""
    q = float(studentized_range.ppf(0.95, k, np.inf))
    return math.ceil(q**2 * k * (k + 1) / 12)


def _scores(alpha: float = 0.1) -> list[float]:
    """Mean interval scores with and without being told whether the deviation is 1 or 3."""
    told = 8 / alpha * norm.pdf(norm.ppf(1 - alpha / 2))
    u = brentq(lambda u: norm.sf(u) + norm.sf(u / 3) - alpha, 1, 9)
    beyond = norm.pdf(u) - u * norm.sf(u) + 3 * norm.pdf(u / 3) - u * norm.sf(u / 3)
    return [float(told), float(2 * u + 2 / alpha * beyond)]


def _by_chance(n: int = 500, p: float = 0.9) -> float:
    """Mean distance of a binomial number from its mean, over n."""
    hits = np.arange(n + 1)
    return float(np.abs(hits - n * p) @ binom.pmf(hits, n, p)) / n


def _neighbor(theta: float = math.pi / 3) -> float:
    """Variance of the ensemble at one of two points, trained on the other."""
    covariance = (math.sin(theta) + (math.pi - theta) * math.cos(theta)) / (2 * math.pi)
    b = math.cos(theta) * (math.pi - theta) / math.pi
    return 0.5 - 2 * b * covariance + b * b / 2


ANSWERS = {
    "ex-real_data-1": Answer(lambda: 23 / 3, "Divide the variance by the mean of s^2/J."),
    "ex-real_data-2": Answer(_tables, "Solve for N; it is an integer."),
    "ex-real_data-3": Answer(_scores, "How far does the target miss, on average?"),
    "ex-real_data-4": Answer(_by_chance, "One bin: how far is a binomial number from its mean?"),
    "ex-real_data-5": Answer(_neighbor, "Two matrices, K and S, and only K is inverted."),
}
