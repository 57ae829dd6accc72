"""The ridge that does best on points left out, for `ntklib.regression`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ntklib._engine import sizes
from ntklib._engine.sizes import slices
from ntklib._precision import epsilon, scaled, unscaled
from ntklib._validate import Array
from ntklib.complexity.left_out import residuals
from ntklib.complexity.spectrum import DIGIT, RankError, Spectrum, gram, spectrum

# Ridges tried in a factor of ten.
_A_DECADE = 4


class Choice(NamedTuple):
    """What `choose` found.

    Attributes
    ----------
    ridge : float
        The one with the least error.
    ridges, errors : ndarray, shape (r,)
        Those tried, and their mean squared errors.
    coef : ndarray, shape (n, k)
        Dual coefficients with the ridge chosen, float64.
    """

    ridge: float
    ridges: Array
    errors: Array
    coef: Array


def choose(K: Array, y: Array, weights: Array | None = None) -> Choice:
    r"""The ridge for columns of targets (n, k) with the least squared error of points left out.

    A point is left out with its weight and with all its copies, which would tell the answer. So a
    weight is as good as so many repetitions. Copies are merged before: their fit is that of one
    point with the sum :math:`W` of their weights and their mean target :math:`\bar y`, and
    :math:`\sum w(y-f)^2=W(\bar y-f)^2+\sum w(y-\bar y)^2`.
    """
    gram(K)
    y, power = scaled(y)
    y = y.astype(np.float64, copy=False)
    w = np.ones(len(y)) if weights is None else weights.astype(np.float64)
    rows = np.flatnonzero(w)
    first = _first_copies(K)
    if len(rows) < len(y):
        first = _first_copies(K[np.ix_(rows, rows)])
    alone, group = np.unique(first, return_inverse=True)
    w, y, n = w[rows], y[rows], len(y)
    W = np.bincount(group, w)
    mean = _sums(w[:, None] * y, group) / W[:, None]
    spread = w[:, None] * (y - mean[group])

    root = np.sqrt(W).astype(K.dtype)
    A = K if len(alone) == n else K[np.ix_(rows[alone], rows[alone])]
    found = spectrum(A if (W == 1).all() else root[:, None] * A * root)
    tried = _grid(found)
    left = residuals(found, root[:, None] * mean, tried)
    squares = np.sum(np.square(left), axis=(1, 2)) + np.sum(spread * (y - mean[group]))
    best = int(np.argmin(squares))

    merged = root[:, None] * _coefficients(found, root[:, None] * mean, float(tried[best]))
    coef = np.zeros((n, y.shape[1]))
    coef[rows] = (w / W[group])[:, None] * merged[group]
    if tried[best] > 0:
        coef[rows] += spread / tried[best]
    told = unscaled("ridges are", tried, found.exponent)
    return Choice(
        float(told[best]),
        told,
        unscaled("squared errors are", squares / (w.sum() * y.shape[1]), 2 * power),
        unscaled("the coefficients are", coef, power - found.exponent),
    )


def _first_copies(K: Array) -> NDArray[np.intp]:
    """For each point the first that is equal to it: their features are closer than rounding."""
    diagonal, eps = K.diagonal(), epsilon(K)
    first = np.empty(len(K), dtype=np.intp)
    for rows in slices(0, len(K), sizes.TILE // 2):
        sums = diagonal[rows, None] + diagonal[: rows.stop]
        equal = sums - 2 * K[rows, : rows.stop] <= 100 * eps * sums
        equal[np.arange(len(equal)), np.arange(rows.start, rows.start + len(equal))] = True
        first[rows] = equal.argmax(axis=1)
    while (first != first[first]).any():
        first = first[first]
    return first


def _sums(values: Array, group: NDArray[Any]) -> Array:
    """Of the rows of each group."""
    return np.stack([np.bincount(group, column) for column in values.T], axis=1)


def ridges(values: Array, least: float) -> Array:
    """Ridges worth trying for eigenvalues above zero: beyond the ends nothing changes any more.

    Some in each decade from a tenth of the least eigenvalue, or from `least`, to ten times the
    largest.
    """
    start, stop = max(float(values.min()) / 10, least), 10 * float(values.max())
    steps = int(np.ceil(_A_DECADE * np.log10(stop / start)))
    result: Array = np.geomspace(start, stop, steps + 1)
    return result


def _grid(found: Spectrum) -> Array:
    """Ridges worth trying for a spectrum, ascending.

    Zero, unless rounding would decide, and those between the ends. With a zero matrix nothing
    is learned at any ridge, and there is one.
    """
    kept = found.values[~found.zero]
    if not kept.size:
        return np.array([0.0])
    some = ridges(kept, DIGIT * found.noise)
    try:
        found.decided()
    except RankError:
        return some
    return np.concatenate([[0.0], some])


def _coefficients(found: Spectrum, y: Array, ridge: float) -> Array:
    """(K + ridge I)^-1 y, or K^+ y when the ridge is zero."""
    kept = ~found.zero if ridge == 0 else np.full(len(y), True)
    V = found.vectors[:, kept]
    result: Array = V @ ((V.T @ y) / (found.values[kept, None] + ridge))
    return result
