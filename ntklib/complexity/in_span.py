"""The ridge that does best on points left out of a fit in the span of centres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntklib._engine.sizes import slices
from ntklib._precision import EPS, rounding, scaled, unscaled
from ntklib._validate import Array
from ntklib.complexity.chosen import Choice, ridges
from ntklib.complexity.spectrum import DIGIT
from ntklib.model import Kernel

# Rows whose kernel values are computed together.
_CHUNK = 4096


def choose_in_span(
    kernel: Kernel, X: Any, y: Array, centers: Array, weights: Array | None = None
) -> Choice:
    r"""As `choose`, in the span of centres, which stay whatever is left out.

    In an orthonormal basis of the span the fit is ridge regression. Let the rows :math:`b_i` of
    :math:`B` be the values of its functions at the points, in the coordinates in which
    :math:`B^\top B` is diagonal, with the entries :math:`s`. The residual at a point left out is
    :math:`(y_i-f(x_i))/(1-h_i)` with :math:`h_i=\sum_jb_{ij}^2/(s_j+\lambda)`. A weight multiplies
    the row of the point and its target by its root.

    Copies are equal points. The kernel values are computed twice: for :math:`B^\top B`, and for the
    residuals. Nothing of the size of the points is kept but their targets.
    """
    y, power = scaled(y)
    y = y.astype(np.float64, copy=False)
    w = np.ones(len(y)) if weights is None else weights.astype(np.float64)
    centers = centers.astype(np.float64)
    basis = _basis(np.asarray(kernel(centers), dtype=np.float64))
    first = np.empty(len(y), dtype=np.int64)
    squares, right = np.zeros((basis.shape[1],) * 2), np.zeros((basis.shape[1], y.shape[1]))
    chunks = slices(0, len(y), _CHUNK)
    for rows in chunks:
        points = _points(X, rows)
        # Without the sign of zeros.
        first[rows] = [hash(row.tobytes()) for row in points + 0.0]
        root = np.sqrt(w[rows, None])
        B = root * (kernel(points, centers) @ basis)
        squares += B.T @ B
        right += B.T @ (root * y[rows])
    some = np.flatnonzero(w)
    _, first, group = np.unique(first[some], return_index=True, return_inverse=True)
    values, V = np.linalg.eigh(squares)
    values, basis, right = np.maximum(values, 0.0), basis @ V, V.T @ right

    # One row for all copies: the sum of their weights, and their mean target.
    W = np.bincount(group, w[some])
    sums = [np.bincount(group, t) for t in (w[some, None] * y[some]).T]
    mean = np.stack(sums, axis=1) / W[:, None]
    alone, at = np.zeros(len(y), dtype=bool), np.zeros(len(y), dtype=np.int64)
    alone[some[first]], at[some] = True, group
    # By `prp-rounded` with two ulps an entry.
    least = DIGIT * 2 * EPS * float(values.sum())
    # Where the kernel vanishes at all points no ridge matters.
    tried = ridges(values, least) if least else np.array([1.0])
    errors = np.full(len(tried), np.sum(w[some, None] * (y[some] - mean[group]) ** 2))
    for rows in chunks:
        here = rows.start + np.flatnonzero(alone[rows])
        if not len(here):
            continue
        B = kernel(_points(X, rows)[here - rows.start], centers) @ basis
        target, weight = mean[at[here]], W[at[here]]
        for index, ridge in enumerate(tried):
            shrunk = 1 / (values + ridge)
            left = target - B @ (shrunk[:, None] * right)
            left /= (1 - weight * (np.square(B) @ shrunk))[:, None]
            errors[index] += np.sum(weight[:, None] * np.square(left))
    best = int(np.argmin(errors))
    coef = basis @ (right / (values + tried[best])[:, None])
    return Choice(
        float(tried[best]),
        tried,
        unscaled("squared errors are", errors / (w.sum() * y.shape[1]), 2 * power),
        unscaled("the coefficients are", coef, power),
    )


def _basis(K: Array) -> Array:
    """Coefficients of the centres, in columns, of orthonormal functions of their span."""
    values, vectors = np.linalg.eigh(K)
    keep = values > rounding(np.abs(K.diagonal()), EPS)
    if not keep.any():
        raise ValueError("kernel must not vanish at all centers")
    result: Array = vectors[:, keep] / np.sqrt(values[keep])
    return result


def _points(X: Any, rows: slice) -> NDArray[np.float64]:
    return np.ascontiguousarray(X[rows], dtype=np.float64)
