r"""Intervals over splits, ranks over tables, and which differences are within noise.

Nadeau and Bengio (2003) correct the variance of a mean over splits whose training parts overlap;
Demšar (2006) compares learners over tables by their ranks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[Any]


class Interval(NamedTuple):
    """Mean and the two ends."""

    mean: float
    low: float
    high: float


class Friedman(NamedTuple):
    """Friedman's statistic and its p; Iman and Davenport's and its p."""

    chi2: float
    p: float
    F: float
    p_F: float


def corrected_interval(scores: ArrayLike, overlap: float, level: float = 0.95) -> Interval:
    r"""Student's t over :math:`J` splits with the variance :math:`(1/J+c)s^2`.

    Scores of different splits are correlated, since the splits share rows. Where the correlation is
    :math:`\rho`, the mean has :math:`1/J+\rho/(1-\rho)` times the expected :math:`s^2` for its
    variance. Nadeau and Bengio take :math:`\rho=n_2/(n_1+n_2)`, so that :math:`c=n_2/n_1`, the rows
    of a test part over those of a training part.

    Parameters
    ----------
    scores : array_like, shape (J,)
        One a split, or differences of two learners on the same splits; :math:`J\ge2`.
    overlap : float
        :math:`c`, at least 0.
    level : float
        What the interval is to cover, if the normal model and the correction hold: neither is
        exact.
    """
    values = np.asarray(scores, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"scores must be at least two finite numbers, got {scores!r}")
    if not 0 <= overlap < np.inf:
        raise ValueError(f"overlap must be a finite number, at least 0, got {overlap!r}")
    count = len(values)
    spread = np.sqrt((1 / count + overlap) * values.var(ddof=1))
    half = float(stats.t.ppf((1 + level) / 2, count - 1) * spread)
    mean = float(values.mean())
    return Interval(mean, mean - half, mean + half)


def average_ranks(scores: ArrayLike) -> Array:
    """Mean over the rows of ``scores``, tables, of the ranks of its columns, learners.

    1 is best, the highest score; equal scores share the mean of their ranks.
    """
    table = np.asarray(scores, dtype=float)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError(f"scores must be a finite table of at least 2 x 2, got {table.shape}")
    mean: Array = stats.rankdata(-table, axis=1).mean(axis=0)
    return mean


def friedman(scores: ArrayLike) -> Friedman:
    r"""Are the learners' ranks those of chance? Friedman's test, corrected for ties.

    The statistic has :math:`k-1` degrees of freedom, :math:`F=(N-1)\chi^2/(N(k-1)-\chi^2)` of Iman
    and Davenport :math:`k-1` and :math:`(k-1)(N-1)`.
    """
    table = np.asarray(scores, dtype=float)
    N, k = table.shape
    if k < 3 or N < 2:
        raise ValueError(f"scores must be of at least 2 tables and 3 learners, got {N} x {k}")
    ranks = stats.rankdata(-table, axis=1)
    # Ranks without ties have the variance k (k + 1) / 12 in each table.
    between = N * np.sum((ranks.mean(axis=0) - (k + 1) / 2) ** 2)
    within = np.sum((ranks - (k + 1) / 2) ** 2) / (N * (k - 1))
    chi2 = float(between / within)
    rest = N * (k - 1) - chi2
    F = float((N - 1) * chi2 / rest) if rest > 0 else np.inf
    p_F = float(stats.f.sf(F, k - 1, (k - 1) * (N - 1)))
    return Friedman(chi2, float(stats.chi2.sf(chi2, k - 1)), F, p_F)


def critical_difference(learners: int, tables: int, alpha: float = 0.05) -> float:
    r"""Nemenyi's difference of average ranks, :math:`q_\alpha\sqrt{k(k+1)/(6N)}`.

    :math:`q_\alpha` is the quantile of the studentized range of :math:`k` normal variables over
    :math:`\sqrt2`.
    """
    q = stats.studentized_range.ppf(1 - alpha, learners, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(learners * (learners + 1) / (6 * tables)))


def alike(ranks: ArrayLike, difference: float) -> list[tuple[int, ...]]:
    """Groups of learners whose ranks differ by less than ``difference``: the bars of the diagram.

    Indices in the order of the ranks; only groups of two or more that are part of no larger one.
    """
    values = np.asarray(ranks, dtype=float)
    order = np.argsort(values, kind="stable")
    found: list[tuple[int, ...]] = []
    end = 0
    for start in range(len(order)):
        stop = start
        while stop < len(order) and values[order[stop]] - values[order[start]] < difference:
            stop += 1
        if stop > end and stop - start > 1:
            found.append(tuple(int(i) for i in order[start:stop]))
        end = max(end, stop)
    return found
