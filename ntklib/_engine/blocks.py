"""Kernel matrices by blocks of a product and tiles that fit in the cache.

A kernel of this package is, up to a factor for each point, a function of the angle between two
points. Its matrix is a matrix product of unit rows followed by elementwise arithmetic. Done on the
whole matrix, step by step, the arithmetic waits for memory. So the product is written where the
result is wanted, a block at a time, the lower triangle only when the matrix is symmetric; then the
arithmetic is done in place on a tile of the block at a time, all steps while the tile is in the
cache, and so is its mirror image.

Accuracy. A product of unit rows has an absolute error of some ulps of 1 (of 1024 at worst, see
`ntklib._engine.sums`), which the angle magnifies by 1 / sin(angle). Entries beyond `NEAR` are
therefore computed again: for float64 results from differences of the rows, which keep all digits,
for float32 results from products in float64.

Threads. Blocks go to as many threads as BLAS would use (so OMP_NUM_THREADS and threadpoolctl's
limits hold), with BLAS on one thread meanwhile: its own threads would wait for the next product
awake, and take time from the arithmetic. That needs threadpoolctl; without it BLAS keeps its
threads and the arithmetic runs on one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Protocol

import numpy as np

from ntklib._engine import sizes, sums, threads
from ntklib._engine.near import NEAR, defects_by_differences, defects_by_products
from ntklib._engine.points import Index, Mask, Points, Scaled
from ntklib._engine.sizes import entries, slices
from ntklib._validate import Array

# Norms within these binary exponents can be multiplied without overflow or underflow.
_SAFE = {np.dtype(np.float64): 500, np.dtype(np.float32): 60}


class Scratch:
    """Buffers of one thread, of the size of a tile."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._buffers: dict[int, Array] = {}

    def __call__(self, index: int, shape: tuple[int, int]) -> Array:
        """Buffer `index` with this shape; its contents are whatever was left there."""
        if index not in self._buffers:
            # Apart by an odd number of cache lines: buffers at equal offsets within a page make
            # stores and loads wait for each other.
            pad = 17 * index * 64 // self._dtype.itemsize
            self._buffers[index] = np.empty(sizes.TILE * sizes.TILE + pad, self._dtype)[pad:]
        return self._buffers[index][: shape[0] * shape[1]].reshape(shape)


class TileKernel(Protocol):
    """A kernel as a function of the angle between rows i and j, times factors of i and of j.

    It may have a method `fused`, which is given the factors of rows and columns as plain numbers
    and returns None or a function of (cos, rows, columns): that one does the work of `bulk` and of
    the factors in one pass.

    `left` and `right` are the factors of rows and columns, as mantissas and binary exponents, and
    `diagonal` the values at i = j, likewise; `left` is `right` when the matrix is symmetric.
    """

    @property
    def left(self) -> Scaled: ...

    @property
    def right(self) -> Scaled: ...

    @property
    def diagonal(self) -> Scaled: ...

    def bulk(self, cos: Array, rows: slice, columns: slice, scratch: Scratch) -> None:
        """Overwrite cosines away from -1 and 1 by values; buffer 0 of the scratch is taken."""

    def near(self, minus: Array, plus: Array, rows: Index, columns: Index) -> Array:
        """Values at pairs, from 1 - cos and 1 + cos, each accurate where it is small."""


def matrix_of(
    kernel: TileKernel, left: Points, right: Points | None, dtype: np.dtype[Any]
) -> Array:
    """The matrix of a kernel between rows of `left` and `right`, or of `left` with itself.

    Returns
    -------
    ndarray, shape (n, n')
        Of this dtype; exactly symmetric when `right` is None. Beside it the memory taken is
        some tiles for each thread, and some blocks where rows are long.

    Raises
    ------
    OverflowError
        Values beyond the range of the dtype.
    """
    symmetric = right is None
    right = left if right is None else right
    K = np.empty((len(left), len(right)), dtype)
    job = _Job(kernel, left, right, symmetric, K)
    work = len(left) * len(right) * (left.X.shape[1] + 64) // (2 if symmetric else 1)
    threads.in_threads(job.run, job.tasks(), alone=work < threads.SMALL)
    return K


class _Job:
    def __init__(self, kernel: TileKernel, left: Points, right: Points, symmetric: bool, K: Array):
        self.kernel, self.left, self.right = kernel, left, right
        self.symmetric, self.K = symmetric, K
        self.limit = NEAR[K.dtype]
        self.factors = _factors(kernel, K.dtype)
        self.fused = self._fused()

    def _fused(self) -> Callable[[Array, slice, slice], None] | None:
        offer = getattr(self.kernel, "fused", None)
        if offer is None or self.factors is None:
            return None
        ones = (np.ones(n, self.K.dtype) for n in self.K.shape)
        left, right = (one if f is None else f for f, one in zip(self.factors, ones, strict=True))
        result: Callable[[Array, slice, slice], None] | None = offer(left, right)
        return result

    def tasks(self) -> list[tuple[slice, slice]]:
        """Rows and columns of the blocks; of the lower triangle when symmetric. Small ones last."""
        n, p = self.K.shape
        found = []
        for rows in slices(0, n, sizes.BLOCK[0]):
            end = rows.start if self.symmetric else p
            found += [(rows, columns) for columns in slices(0, end, sizes.BLOCK[1])]
            if self.symmetric:
                found.append((rows, rows))
        return sorted(found, key=entries, reverse=True)

    def run(self, tasks: Iterator[tuple[slice, slice]]) -> None:
        scratch = Scratch(self.K.dtype)
        for rows, columns in tasks:
            # On the diagonal this is one row set by itself, of which BLAS computes one half.
            left, right = self.left.unit[rows], self.right.unit[columns]
            sums.products(left, right, sums.LONG, self.K[rows, columns])
            for part in slices(rows.start, rows.stop, sizes.TILE):
                end = part.stop if self.symmetric and rows == columns else columns.stop
                for other in slices(columns.start, end, sizes.TILE):
                    self.tile(part, other, scratch)

    def tile(self, rows: slice, columns: slice, scratch: Scratch) -> None:
        """Turn the cosines of a tile into values, and write its mirror image."""
        tile = self.K[rows, columns]
        diagonal = self.symmetric and rows == columns
        if diagonal:
            # On the diagonal the cosine is known exactly; above it the values come from below.
            np.copyto(tile, 0, where=_upper(len(tile)))
        near = None
        if tile.max() > self.limit or tile.min() < -self.limit:
            near = self.near(tile, rows, columns)
        if self.fused is not None:
            self.fused(tile, rows, columns)
        else:
            # On a copy: ufuncs are faster where the rows follow on each other.
            cos = scratch(0, (len(tile), tile.shape[1]))
            np.copyto(cos, tile)
            self.kernel.bulk(cos, rows, columns, scratch)
            self.scale(cos, rows, columns, tile)
        if near is not None:
            i, j, values = near
            self.K[i, j] = values
        if diagonal:
            np.copyto(tile, tile.T, where=_upper(len(tile)))
            mantissa, exponent = self.kernel.diagonal
            np.fill_diagonal(tile, _scaled(mantissa[rows], exponent[rows], tile.dtype))
        elif self.symmetric:
            np.copyto(self.K[columns, rows], tile.T)

    def scale(self, cos: Array, rows: slice, columns: slice, out: Array) -> None:
        """Values times factors, into the matrix."""
        if self.factors is not None:
            left, right = self.factors
            if left is not None:
                np.multiply(cos, left[rows, None], out=cos)
            if right is not None:
                np.multiply(cos, right[columns], out=out, casting="same_kind")
            else:
                np.copyto(out, cos)
            return
        (a, ea), (b, eb) = self.kernel.left, self.kernel.right
        with np.errstate(over="ignore", invalid="ignore"):  # said by _scaled
            values = cos * (a[rows, None] * b[None, columns])
        np.copyto(out, _scaled(values, ea[rows, None] + eb[None, columns], out.dtype))

    def near(self, cos: Array, rows: slice, columns: slice) -> tuple[Index, Index, Array]:
        """Rows, columns and values near -1 and 1; in `cos` these entries are zero afterwards."""
        # Faster than nonzero of two dimensions.
        i, j = np.divmod(np.flatnonzero(np.abs(cos) > self.limit), cos.shape[1])
        negative = cos[i, j] < 0
        cos[i, j] = 0
        by = defects_by_products if cos.dtype == np.float32 else defects_by_differences
        small = by(self.left, self.right, rows, columns, i, j, negative)
        minus, plus = np.where(negative, 2 - small, small), np.where(negative, small, 2 - small)
        i, j = i + rows.start, j + columns.start
        (a, ea), (b, eb) = self.kernel.left, self.kernel.right
        values = self.kernel.near(minus, plus, i, j) * (a[i] * b[j])
        return i, j, _scaled(values, ea[i] + eb[j], cos.dtype)


@cache
def _upper(n: int) -> Mask:
    """Where a tile on the diagonal is on or above it."""
    mask: Mask = np.tri(n, k=-1, dtype=bool)
    return np.logical_not(mask, out=mask)


def _factors(kernel: TileKernel, dtype: np.dtype[Any]) -> tuple[Array | None, Array | None] | None:
    """Factors as plain numbers (None for all ones), or None if their products could overflow."""
    for mantissa, exponent in (kernel.left, kernel.right):
        fraction, power = np.frexp(mantissa)
        if (np.abs(power + exponent)[fraction != 0] > _SAFE[dtype]).any():
            return None
    plain = (np.ldexp(m, np.where(m == 0, 0, e)) for m, e in (kernel.left, kernel.right))
    left, right = (None if (f == 1).all() else f.astype(dtype) for f in plain)
    return left, right


def _scaled(mantissa: Array, exponent: Index, dtype: np.dtype[Any]) -> Array:
    with np.errstate(over="ignore"):
        return finite(np.ldexp(mantissa.astype(np.float64), exponent).astype(dtype))


def finite(values: Array) -> Array:
    """The values of a kernel, none of which may have overflowed."""
    if not np.isfinite(values).all():
        dtype = values.dtype
        raise OverflowError(
            f"the kernel has values beyond {np.finfo(dtype).max:.1e}, the largest {dtype}"
        )
    return values
