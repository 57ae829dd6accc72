"""Rows of a matrix by direction and length, of which every kernel is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ntklib._engine import sizes, sums, threads
from ntklib._engine.sizes import slices
from ntklib._validate import Array, matrix

Index = np.ndarray[Any, np.dtype[np.integer[Any]]]

Mask = np.ndarray[Any, np.dtype[np.bool_]]

Scaled = tuple[Array, Index]

# Sums of squares in this range have not overflowed, nor lost digits to underflow.
_RANGE = (1e-240, 1e240)


@dataclass(frozen=True)
class Points:
    """Rows of a matrix by direction and length.

    Lengths are mantissa times two to the exponent: no overflow, no underflow. `square` is the
    mantissa squared, before the rounding of the root. `unit` has the dtype of `X`.
    """

    X: Array
    unit: Array
    norm: Array
    exponent: Index
    square: Array

    def __len__(self) -> int:
        return len(self.X)

    def of_length_one(self) -> Points:
        """The same directions, where lengths do not matter."""
        ones = np.ones(len(self))
        return replace(self, norm=ones, exponent=np.zeros_like(self.exponent), square=ones)

    def directions(self, rows: slice | Index) -> Array:
        """Unit rows in float64."""
        if self.unit.dtype == np.float64:
            return self.unit[rows]
        X = self.X[rows]
        unit = np.empty(X.shape)
        _normalize(X, unit)
        return unit


def points(X: Array) -> Points:
    """Directions and lengths of the rows of X, float32 or float64, shape (n, d)."""
    n, d = X.shape
    unit = np.empty((n, d), X.dtype)
    side = Points(X, unit, np.empty(n), np.empty(n, dtype=np.intc), np.empty(n))

    def run(tasks: Iterator[slice]) -> None:
        for rows in tasks:
            side.norm[rows], side.exponent[rows], side.square[rows] = _normalize(
                X[rows], unit[rows]
            )

    threads.in_threads(run, slices(0, n, sizes.STREAMED // d), alone=n * d < threads.SMALL // 16)
    return side


def sides(X: object, Z: object | None) -> tuple[Points, Points | None, np.dtype[Any]]:
    X = matrix("X", X)
    if Z is None:
        return points(X), None, X.dtype
    Z = matrix("Z", Z, columns=X.shape[1])
    dtype = np.result_type(X, Z)
    return points(X.astype(dtype, copy=False)), points(Z.astype(dtype, copy=False)), dtype


def _normalize(X: Array, unit: Array) -> tuple[Array, Index, Array]:
    """Write unit rows; return norms as mantissa and exponent, and the mantissa squared."""
    X = X.astype(np.float64, copy=False)
    exponent = np.zeros(len(X), dtype=np.intc)
    with np.errstate(over="ignore", under="ignore"):
        square = sums.squares(X)
    if not (square.min() > _RANGE[0] and square.max() < _RANGE[1]):
        exponent = np.frexp(np.maximum(X.max(axis=1), -X.min(axis=1)))[1]
        # In two steps: 2**-exponent itself overflows for subnormal rows.
        half = exponent // 2
        X = np.ldexp(np.ldexp(X, -half[:, None]), (half - exponent)[:, None])
        square = sums.squares(X)
    norm = np.sqrt(square)
    inverse = 1 / np.where(norm > 0, norm, 1)
    np.multiply(X, inverse[:, None], out=unit, casting="same_kind")
    return norm, exponent, square
