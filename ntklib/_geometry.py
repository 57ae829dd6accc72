"""Cosines, sines and angles between rows, each to the last digits.

The angle between two rows comes from their inner product where that is safe, and from their sum and
difference where the inner product is close to 1 or -1: there arccos loses half of the digits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ntklib._validate import Array, matrix

# Beyond this cosine an error of an ulp in the inner product shows in the angle: the few such
# entries are computed again from differences.
_NEAR = 0.99
# Rows of differences held at once, to bound the memory of the recomputation.
_CHUNK = 4096


class _Geometry(NamedTuple):
    """Cosine, sine and supplement pi - theta of the angles, and norms as mantissa * 2**exponent."""

    cos: Array
    sin: Array
    supplement: Array
    left: tuple[Array, Array]
    right: tuple[Array, Array]
    square: Array | None  # of the norms' mantissas, when X is compared with itself
    dtype: np.dtype


def _unit_rows(X: Array) -> tuple[Array, Array, Array, Array]:
    """Unit rows; norms as mantissa and binary exponent (no overflow, no underflow); squares."""
    X = X.astype(np.float64)
    exponent = np.frexp(np.abs(X).max(axis=1))[1]
    # In two steps: 2**-exponent itself overflows for subnormal rows.
    half = exponent // 2
    scaled = np.ldexp(np.ldexp(X, -half[:, None]), (half - exponent)[:, None])
    square = np.sum(scaled * scaled, axis=1)
    norm = np.sqrt(square)
    return scaled / np.where(norm > 0, norm, 1)[:, None], norm, exponent, square


def _geometry(X: object, Z: object | None) -> _Geometry:
    X = matrix("X", X)
    U, *left, square = _unit_rows(X)
    if Z is None:
        V, right, dtype = U, left, X.dtype
    else:
        Z = matrix("Z", Z, columns=X.shape[1])
        V, *right, _ = _unit_rows(Z)
        dtype = np.result_type(X.dtype, Z.dtype)
    cos = U @ V.T
    np.clip(cos, -1.0, 1.0, out=cos)  # entries this close to 1 are replaced just below
    supplement = np.arccos(-cos)
    sin = np.sqrt((1 - cos) * (1 + cos))
    rows, columns = np.nonzero(np.abs(cos) > _NEAR)
    for start in range(0, len(rows), _CHUNK):
        i, j = rows[start : start + _CHUNK], columns[start : start + _CHUNK]
        s = np.linalg.norm(U[i] - V[j], axis=1)  # 2 sin(theta / 2)
        c = np.linalg.norm(U[i] + V[j], axis=1)  # 2 cos(theta / 2)
        cos[i, j] = np.where(s < c, 1 - s * s / 2, c * c / 2 - 1)
        sin[i, j] = s * c / 2
        supplement[i, j] = 2 * np.arctan2(c, s)
    if Z is None:
        for array in (cos, sin, supplement):
            array[...] = np.tril(array) + np.tril(array, -1).T
    return _Geometry(
        cos,
        sin,
        supplement,
        (left[0], left[1]),
        (right[0], right[1]),
        square if Z is None else None,
        dtype,
    )
