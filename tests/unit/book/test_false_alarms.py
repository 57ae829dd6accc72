"""Probabilities of a false alarm that the chapters state, and that no other line computes."""

import math

import numpy as np
from scipy.stats import beta, binom, chi2, norm

from ntklib.book import SIGMAS

# Quantile levels, dense at both ends: means over a law are integrals over its quantiles.
_END = np.geomspace(1e-14, 1e-3, 800)
LEVELS = np.concatenate([_END, np.linspace(1e-3, 1 - 1e-3, 3001)[1:-1], 1 - _END[::-1]])


def log_moment(values):
    """log E exp(Z), Z given at the levels, shape (levels,)."""
    e = np.exp(values)
    inside = np.trapezoid(e, LEVELS)
    return math.log(inside + e[0] * LEVELS[0] + e[-1] * (1 - LEVELS[-1]))


def alarm(freedom, draws, entries, share=None, weight=0.0):
    """Bound of P(|mean - E| > SIGMAS s / sqrt(draws)), for the deviation s that the chapter bounds.

    A draw is a sum of `entries` numbers of law 1/chi2, with `freedom` degrees, dependent or not,
    and of one more number of the law `share`; `weight` is the part of s that is due to it. The
    exponential of a mean is at most the mean of exponentials, so that Chernoff's bound for the sum
    is at most that for `entries` times one of them; Hoelder's inequality splits off the share.
    Above, 1/chi2 is cut off at a level, and the probability of a number beyond it is added.
    """
    inverse = 1 / chi2.ppf(LEVELS, freedom)
    mean, size = 1 / (freedom - 2), math.sqrt(2 / (freedom - 4)) / (freedom - 2)
    other = 0 * LEVELS if share is None else (share.ppf(LEVELS) - share.mean()) / share.std()
    tilts, far = np.linspace(0.02, 0.3, 29), SIGMAS / math.sqrt(draws)

    def chernoff(one, other):
        """The best bound over the tilts, all in units of the deviation."""
        rates = [
            tilt * far - (1 - weight) * log_moment(tilt * one) - weight * log_moment(tilt * other)
            for tilt in tilts
        ]
        return math.exp(-draws * max(rates))

    above = min(
        draws * entries * chi2.cdf(1 / level, freedom)
        + chernoff((np.minimum(inverse, level) - mean) / size, other)
        for level in mean * np.geomspace(5, 200, 50)
    )
    return above + chernoff((mean - inverse) / size, -other)


def test_traces_of_inverse_gram_matrices():
    sizes = ((1, 8), (5, 12), (10, 20), (15, 40))
    assert sum(alarm(c - a + 1, 2000, a) for a, c in sizes) < 8e-4


def test_errors_around_the_peak():
    total = 0.0
    for n, p in ((4, 20), (10, 20), (14, 20), (26, 20), (60, 20)):
        a, c = min(n, p), max(n, p)
        trace = 0.8**2 * a * math.sqrt(2 / (c - a - 3)) / (c - a - 1)
        share = beta((p - n) / 2, n / 2) if n < p else None
        own = share.std() if share else 0.0
        total += alarm(c - a + 1, 1500, a, share, own / (own + trace))
    assert total < 6e-3


def test_how_many_entries_are_large():
    q, draws = -math.expm1(-1 / 100), 20_000
    off = SIGMAS * math.sqrt(draws * q * (1 - q))
    tails = binom.sf(math.floor(draws * q + off), draws, q)
    tails += binom.cdf(math.ceil(draws * q - off) - 1, draws, q)
    assert tails < 1e-6


def test_five_means_of_numbers_between_zero_and_one():
    assert 5 * math.exp(-2 * (SIGMAS / 2) ** 2) < 2e-5  # Hoeffding


def test_bias_at_its_bound():
    n, k, q = 20, 2, 60  # delta = 1: a share outside of n of k + q directions
    share, bound = beta((k + q - n) / 2, n / 2), (q - n + k) / (q - 1)
    tilts = np.linspace(5, 60, 30)
    rates = [t * bound - log_moment(t * share.ppf(LEVELS)) for t in tilts]
    assert math.exp(-300 * max(rates)) < 1e-11


def test_means_with_their_own_standard_error():
    # Cramer: a studentized mean of skewness s has P(z > x) near P(normal > x) exp(-x^3 s / 3 root).
    z = norm.ppf(0.95)
    tail = [norm.pdf(z), norm.sf(z)]  # of the interval score of a Gaussian, beyond z
    moments = [2 * tail[1], 2 * (tail[0] - z * tail[1])]  # of (|Y| - z)_+, orders 0 and 1
    moments += [2 * ((1 + z * z) * tail[1] - z * tail[0])]
    moments += [2 * ((2 + z * z) * tail[0] - (3 * z + z**3) * tail[1])]
    mean, variance = moments[1], moments[2] - moments[1] ** 2
    third = moments[3] - 3 * mean * moments[2] + 2 * mean**3
    for skewness, draws in (
        (math.sqrt(8 / 19), 20_000),  # chi2 of 19 degrees
        (math.sqrt(8), 20_000),  # and of one
        (third / variance**1.5, 100_000),
    ):
        factor = math.cosh(SIGMAS**3 * skewness / (3 * math.sqrt(draws)))
        assert 2 * norm.sf(SIGMAS) * factor < 1e-6
