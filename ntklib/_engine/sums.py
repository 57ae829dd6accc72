"""Sums over coordinates whose rounding hardly grows with the dimension.

A sum of d numbers, one after the other, errs by up to d - 1 roundings of its partial sums, and does
so when the numbers are alike: they then all round the same way. In pairs, pairs of pairs and so on
each number passes ceil(log2 d) roundings. Here lengths of rows are summed like that. Matrix
products are left to the BLAS, by some columns at a time, and those parts are summed in pairs.
"""

from __future__ import annotations

import math

import numpy as np

from ntklib._validate import Array

# Columns in one product. In parts of half this size the kernel's time in dimension 784 grows by a
# twentieth; the roundings of an entry are at most so many, whatever the order of the sum.
LONG = 1024

# Columns where half of the pace is worth an error that is 32 times less.
SHORT = 32


def rows(values: Array) -> Array:
    """Sums of rows, shape (n, d) to (n,), of ceil(log2 d) roundings; `values` is overwritten."""
    width = values.shape[1]
    while width > 1:
        half = (width + 1) // 2
        values[:, : width - half] += values[:, half:width]
        width = half
    return values[:, 0].copy()


def squares(X: Array) -> Array:
    """Squared lengths of rows, of one rounding more."""
    return rows(X * X)


def products_of_rows(X: Array, Z: Array) -> Array:
    """Inner products of rows with rows, of one rounding more."""
    return rows(X * Z)


def roundings(d: int, step: int) -> int:
    """How many at most an entry of :func:`products` passes: u sum |x_i z_i| is the error of one."""
    parts = max(1, math.ceil(d / step))
    return min(d, step) + math.ceil(math.log2(parts))


def products(X: Array, Z: Array, step: int, out: Array | None = None) -> Array:
    """X Z^T, into `out` if given, from products of at most `step` columns, summed in pairs."""
    if out is None:
        out = np.empty((len(X), len(Z)), np.result_type(X, Z))
    d = X.shape[1]
    if d <= step:
        np.matmul(X, Z.T, out=out)
        return out
    half = d // 2
    products(X[:, :half], Z[:, :half], step, out)
    out += products(X[:, half:], Z[:, half:], step)
    return out
