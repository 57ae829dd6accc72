"""What `grade` expects for the exercises of the chapter *On real data*."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom, norm, studentized_range

from ntklib.book.answers import Answer


def _too_small(J: int = 20, rho: float = 0.25) -> float:
    """The variance of the mean of J differences over the mean of s^2 / J."""
    return 1 + J * rho / (1 - rho)


def _tables(k: int = 8, q: float | None = None) -> int:
    """How many tables until the critical difference of k learners is below one."""
    if q is None:
        q = float(studentized_range.ppf(0.95, k, np.inf))
    return math.ceil(q**2 * k * (k + 1) / 12)


def _told(deviation: float = 2.0, alpha: float = 0.1) -> float:
    """Mean score of the interval of a Gaussian with this deviation, or with this mean of them."""
    return float(4 * deviation / alpha * norm.pdf(norm.ppf(1 - alpha / 2)))


def _half_width(alpha: float = 0.1) -> float:
    """The upper quantile of the mixture of the deviations 1 and 3."""
    return float(brentq(lambda u: norm.sf(u) + norm.sf(u / 3) - alpha, 1, 9))


def _not_told(alpha: float = 0.1, sides: int = 2) -> float:
    """Mean score of the mixture's interval, misses on one side or on both."""
    u = _half_width(alpha)
    beyond = norm.pdf(u) - u * norm.sf(u) + 3 * norm.pdf(u / 3) - u * norm.sf(u / 3)
    return float(2 * u + sides / alpha * beyond)


def _scores() -> list[float]:
    return [_told(), _not_told(sides=2)]


def _by_chance(n: int = 500, p: float = 0.9) -> float:
    """Mean distance of a binomial number from its mean, over n."""
    hits = np.arange(n + 1)
    return float(np.abs(hits - n * p) @ binom.pmf(hits, n, p)) / n


_ANGLE = math.pi / 3
_COVARIANCE = (math.sin(_ANGLE) + (math.pi - _ANGLE) * math.cos(_ANGLE)) / (2 * math.pi)
_KERNEL = math.cos(_ANGLE) * (math.pi - _ANGLE) / (2 * math.pi)


def _neighbor(b: float = 2 * _KERNEL) -> float:
    """Variance, over the starts, of what is left of one value when b times the other goes."""
    return 0.5 - 2 * b * _COVARIANCE + b * b / 2


ANSWERS = {
    "ex-real_data-1": Answer(
        _too_small,
        "Divide the variance by the mean of s^2/J.",
        {
            "Which factor does your formula give without a correlation?": lambda: _too_small() - 1,
            "What is the mean of s^2 when the differences are correlated?": lambda: (
                1 + (20 - 1) * 0.25
            ),
            "Does the correlation also lower something in the denominator?": lambda: 1 + 20 * 0.25,
            "Is that the factor of the variance, or of the deviation?": lambda: _too_small() ** 0.5,
            "Is the estimate too small, or too large?": lambda: 1 / _too_small(),
        },
    ),
    "ex-real_data-2": Answer(
        _tables,
        "Solve for N; it is an integer.",
        {
            "Is the critical difference below one with your number of tables?": lambda: (
                _tables() - 1
            ),
            "How many tables halve the critical difference: twice as many?": lambda: math.ceil(
                studentized_range.ppf(0.95, 8, np.inf) * 8 * 9 / 12
            ),
            "How many pairs of learners are compared at once?": lambda: _tables(
                q=float(norm.ppf(0.975)) * 2**0.5
            ),
            "Is your q divided by the root of two, and your formula made for that?": lambda: (
                _tables(q=float(studentized_range.ppf(0.95, 8, np.inf)) / 2**0.5)
            ),
        },
    ),
    "ex-real_data-3": Answer(
        _scores,
        "How far does the target miss, on average?",
        {
            "Is the first score the mean over the two cases, or that of a mean variance?": (
                lambda: [_told(5**0.5), _scores()[1]]
            ),
            "What does an interval score add where the target misses?": lambda: [
                float(2 * 2 * norm.ppf(0.95)),
                2 * _half_width(),
            ],
            "On how many sides can the target miss?": lambda: [
                float(norm.ppf(0.95)) * 2 + _told() / 2,
                _not_told(sides=1),
            ],
            "Which of the two knows more, and is a low score good or bad?": lambda: _scores()[::-1],
            "Is the first score that of one case, or the mean over both?": lambda: [
                _told(1.0),
                _scores()[1],
            ],
        },
    ),
    "ex-real_data-4": Answer(
        _by_chance,
        "One bin: how far is a binomial number from its mean?",
        {
            "Is the mean of a distance zero when the mean of the difference is?": lambda: 0.0,
            "Is it the mean distance, or the root of the mean square?": lambda: math.sqrt(
                0.9 * 0.1 / 500
            ),
            "Is it a number of hits that is asked for, or a share?": lambda: 500 * _by_chance(),
            "Is a prediction that misses an error of the calibration?": lambda: 1 - 0.9,
        },
    ),
    "ex-real_data-5": Answer(
        _neighbor,
        "Two matrices, K and S, and only K is inverted.",
        {
            "Is that the ensemble, or the posterior of the covariance?": lambda: _neighbor(
                2 * _COVARIANCE
            ),
            "Which matrix says how networks differ at the start?": lambda: 0.5 - 2 * _KERNEL**2,
            "What does training on the neighbor change here?": lambda: _neighbor(0.0),
            "What is left of the neighbor's own variance?": lambda: (
                0.5 - 2 * 2 * _KERNEL * _COVARIANCE
            ),
            "What does the kernel of the neighbor with itself divide?": lambda: _neighbor(_KERNEL),
            "How often does the covariance of the two enter?": lambda: (
                _neighbor() + 2 * _KERNEL * _COVARIANCE
            ),
        },
    ),
}
