"""Angles of rows that are close to one direction or to opposite ones."""

from __future__ import annotations

import numpy as np

from ntklib._engine import sizes, sums
from ntklib._engine.points import Index, Mask, Points
from ntklib._engine.sizes import entries, slices
from ntklib._validate import Array

# Cosines beyond are computed again. The error of a kernel is that of the cosine, at most a few
# ulps, times 1/2 + 1 / (2 pi sin(angle)).
NEAR = {np.dtype(np.float64): 0.99, np.dtype(np.float32): 0.9}

# Share of the entries that is worth a second product instead of work pair by pair.
DENSE = 1 / 32


def defects_by_products(
    left: Points, right: Points, rows: slice, columns: slice, i: Index, j: Index, negative: Mask
) -> Array:
    """1 - |cos| at pairs i, j of these rows and columns, with an absolute error of some ulps."""
    if len(i) > DENSE * entries((rows, columns)):
        cos = sums.products(left.directions(rows), right.directions(columns), sums.SHORT)[i, j]
    else:
        cos = np.empty(len(i))
        for part in _parts(i, left):
            u = left.directions(i[part] + rows.start)
            v = right.directions(j[part] + columns.start)
            cos[part] = sums.products_of_rows(u, v)
    result: Array = np.maximum(0.0, 1 - np.where(negative, -cos, cos))
    return result


def defects_by_differences(
    left: Points, right: Points, rows: slice, columns: slice, i: Index, j: Index, negative: Mask
) -> Array:
    """1 - |cos| at pairs i, j of these rows and columns, to the last digits of its square root.

    |u - v|^2 / 2, or |u + v|^2 / 2 for a negative cosine. Where many rows crowd around one
    direction c, their differences from c are short, and the product of those gives most of
    the distances: its error is an ulp of |u - c|^2 + |v - c|^2.
    """
    A, B = left.directions(rows), right.directions(columns)
    defect = np.full(len(i), np.nan)
    if len(i) > DENSE * entries((rows, columns)):
        center = B[j[len(j) // 2]]
        sign, other = _signs(A @ center), _signs(B @ center)
        P, Q = A * sign[:, None] - center, B * other[:, None] - center
        p, q = sums.squares(P)[i], sums.squares(Q)[j]
        square = np.maximum(0.0, p + q - 2 * sums.products(P, Q, sums.SHORT)[i, j])
        # An ulp of (p + q) in the square is one of (p + q) / (2 distance) in the angle.
        good = np.sqrt(square) >= p + q
        good &= (sign[i] * other[j] < 0) == negative
        defect[good] = square[good] / 2
    (rest,) = np.nonzero(np.isnan(defect))
    for part in _parts(rest, left):
        k = rest[part]
        gap = B[j[k]]
        np.negative(gap, out=gap, where=~negative[k, None])
        gap += A[i[k]]
        defect[k] = sums.squares(gap) / 2
    return defect


def _parts(pairs: Index, side: Points) -> list[slice]:
    """Slices of the pairs whose gathered rows stay small."""
    return slices(0, len(pairs), sizes.CACHED // side.X.shape[1])


def _signs(x: Array) -> Array:
    return np.where(x < 0, -1.0, 1.0)
