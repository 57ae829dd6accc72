"""A kernel of the angle, averaged over all cyclic shifts of one of its points, by FFT.

The inner products of x with all shifts of z are their cyclic correlation: the inverse transform of
the product of their transforms. Between n and n' points of d coordinates this takes n n' d log d
operations, where a matrix product for each shift takes n n' d^2. The profile of the kernel then
goes over the n n' d cosines as over those of a matrix, shift by shift, a tile at a time.

Accuracy. A cosine errs by at most `error_of_cosines`. Where the angle would magnify that, beyond
`NEAR`, it is computed again from differences of the rows, as everywhere in this package.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ntklib._engine import sizes, threads
from ntklib._engine.angular import Fused
from ntklib._engine.blocks import Scratch, TileKernel, finite
from ntklib._engine.near import NEAR, defects_by_differences
from ntklib._engine.points import Index, Points
from ntklib._engine.sizes import Tile, lower_tiles, slices
from ntklib._validate import Array

Grid = tuple[int, ...]
Spectrum = np.ndarray[Any, np.dtype[np.complexfloating[Any, Any]]]

# Pairs in a tile, and fewer where there are many shifts.
_PAIRS = 1 << 12

_LIMIT = NEAR[np.dtype(np.float64)]


def positions(grid: Grid, which: slice | Index) -> Index:
    """Where shifts of a grid take their entries from, shape (shifts, d).

    Shift s of z is z[(i + s) mod grid]; shifts are counted like the points of the grid.
    """
    size = math.prod(grid)
    numbers = np.arange(size)
    chosen = numbers[which]
    found = np.zeros((len(chosen), size), dtype=np.intp)
    places = zip(np.unravel_index(chosen, grid), np.unravel_index(numbers, grid), grid, strict=True)
    for by, place, length in places:
        found = found * length + (place[None, :] + by[:, None]) % length
    return found


def lengths(grid: Grid) -> Grid:
    """Lengths of the transforms: those of the grid where all prime factors are small.

    Otherwise the next such at which the correlation does not wrap around.
    """
    return tuple(k if _factors(k)[0] == 1 else _next(2 * k - 1) for k in grid)


def _next(k: int) -> int:
    """The least number of small prime factors from k on."""
    while _factors(k)[0] != 1:
        k += 1
    return k


def _factors(k: int) -> tuple[int, list[int]]:
    """What is left of k without its small prime factors, and these."""
    found = []
    for p in (2, 3, 5, 7):
        while k % p == 0:
            k //= p
            found.append(p)
    return k, found


def error_of_cosines(grid: Grid) -> float:
    """How far a cosine can be off, to first order in u = 2^-53.

    A transform goes in steps, one for each prime factor r of its length. In a step each output is a
    sum of r terms of modulus one times an input, rounded at most r + 2 times; a product with a
    tabled number of modulus one comes before, of 4 roundings with those of the table. As the step
    is sqrt(r) times an isometry, its error is at most (sqrt(r) (r + 2) + 4) u in the Euclidean norm
    relative to the output. So err two transforms to unit rows, and by Cauchy and Schwarz the sum of
    their products. In the transform back the same holds, with r + 6, for each output relative to
    the sum of the moduli that go into it, which is at most 1. Unit rows themselves have log2(d) / 2
    + 4 roundings each; six are left for the product, the division and the wrapping.
    """
    primes = [p for length in lengths(grid) for p in _factors(length)[1]]
    steps = sum(math.sqrt(r) * (r + 2) + 4 for r in primes)
    return (3 * steps + math.log2(math.prod(grid)) + 14) * 2.0**-53


def average(
    kernel: TileKernel, left: Points, right: Points | None, grid: Grid, dtype: np.dtype[Any]
) -> Array:
    """The matrix of the means over all shifts, shape (n, n'), exactly symmetric without `right`.

    Raises OverflowError for values beyond the range of the dtype.
    """
    symmetric = right is None
    right = left if right is None else right
    job = _Job(kernel, left, right, grid, symmetric)
    work = 4 * len(left) * len(right) * job.shifts
    threads.in_threads(job.run, job.tasks(), alone=work < threads.SMALL)
    return finite(job.K.astype(dtype, copy=False))


class _Job:
    def __init__(
        self, kernel: TileKernel, left: Points, right: Points, grid: Grid, symmetric: bool
    ) -> None:
        self.kernel, self.left, self.right, self.grid = kernel, left, right, grid
        self.symmetric, self.shifts = symmetric, math.prod(grid)
        self.lengths = lengths(grid)
        self.A = self._spectrum(left).conj()
        self.B = self._spectrum(right) if right is not left else self.A.conj()
        self.K = np.empty((len(left), len(right)))
        self.fused = self._fused()

    def _fused(self) -> Fused | None:
        """The profile compiled, where the kernel has it for so many entries."""
        offer = getattr(self.kernel, "fused", None)
        if offer is None:
            return None
        n, p = self.K.shape
        # Factors come at the end; their number says how many entries there are.
        found: Fused | None = offer(np.ones(n), np.ones(p * self.shifts))
        return found

    def _spectrum(self, side: Points) -> Spectrum:
        rows = side.directions(slice(None)).reshape(-1, *self.grid)
        axes = range(1, rows.ndim)
        return np.fft.rfftn(rows, s=self.lengths, axes=tuple(axes))

    def tasks(self) -> list[Tile]:
        """Rows and columns of the tiles; of the lower triangle when symmetric."""
        n, p = self.K.shape
        side = max(1, math.isqrt(min(_PAIRS, sizes.TILE**2, sizes.HELD // self.shifts)))
        if self.symmetric:
            return lower_tiles(n, side)
        return [(r, c) for r in slices(0, n, side) for c in slices(0, p, side)]

    def run(self, tasks: Iterator[Tile]) -> None:
        scratch = Scratch(np.dtype(np.float64))
        for rows, columns in tasks:
            part = self.mean(rows, columns, scratch)
            (a, ea), (b, eb) = self.kernel.left, self.kernel.right
            with np.errstate(over="ignore"):  # said by `finite`
                part *= a[rows, None] * b[columns]
                np.ldexp(part, ea[rows, None] + eb[columns], out=part)
            self.K[rows, columns] = part
            if self.symmetric and rows == columns:
                lower = np.tril(part)
                self.K[rows, columns] = lower + np.tril(part, -1).T
            elif self.symmetric:
                self.K[columns, rows] = part.T

    def mean(self, rows: slice, columns: slice, scratch: Scratch) -> Array:
        """Means of the profile over the shifts; summed in groups, so that rounding hardly grows."""
        cosines = self.cosines(rows, columns)
        total = np.zeros(cosines.shape[1:])
        for group in slices(0, self.shifts, math.isqrt(self.shifts)):
            part = np.zeros_like(total)
            for shift in range(group.start, group.stop):
                part += self.values(cosines[shift], rows, columns, shift, scratch)
            total += part
        total /= self.shifts
        return total

    def cosines(self, rows: slice, columns: slice) -> Array:
        """Inner products of the rows with all shifts of the columns, shape (shifts, r, c)."""
        r, c = rows.stop - rows.start, columns.stop - columns.start
        found = np.empty((self.shifts, r, c))
        axes = tuple(range(1, len(self.grid) + 1))
        for i in range(r):
            product = self.A[rows.start + i] * self.B[columns]
            wave: Array = np.fft.irfftn(product, s=self.lengths, axes=axes)
            for axis, (k, length) in enumerate(zip(self.grid, self.lengths, strict=True), start=1):
                if length != k:
                    wave = _wrapped(wave, axis, k)
            found[:, i] = wave.reshape(c, -1).T
        return found

    def values(
        self, tile: Array, rows: slice, columns: slice, shift: int, scratch: Scratch
    ) -> Array:
        """Values of the profile in place of the cosines of one shift."""
        near = None
        if tile.max() > _LIMIT or tile.min() < -_LIMIT:
            near = self.near(tile, rows, columns, shift)
        if self.fused is not None:
            self.fused(tile, rows, columns)
        else:
            self.kernel.bulk(tile, rows, columns, scratch)
        if near is not None:
            i, j, found = near
            tile[i, j] = found
        return tile

    def near(
        self, tile: Array, rows: slice, columns: slice, shift: int
    ) -> tuple[Index, Index, Array]:
        """Rows, columns and values near -1 and 1; in the tile these are zero afterwards."""
        i, j = np.nonzero(np.abs(tile) > _LIMIT)
        negative = tile[i, j] < 0
        tile[i, j] = 0
        (order,) = positions(self.grid, slice(shift, shift + 1))
        shifted = self.right.directions(columns)[:, order]
        side, other = self.left.directions(rows), slice(0, len(shifted))
        small = defects_by_differences(
            replace(self.left, X=side, unit=side),
            replace(self.right, X=shifted, unit=shifted),
            slice(0, len(side)),
            other,
            i,
            j,
            negative,
        )
        minus, plus = np.where(negative, 2 - small, small), np.where(negative, small, 2 - small)
        i_all, j_all = i + rows.start, j + columns.start
        return i, j, self.kernel.near(minus, plus, i_all, j_all)


def _wrapped(wave: Array, axis: int, k: int) -> Array:
    """A correlation that did not wrap around, wrapped to length k along an axis."""
    wave = np.moveaxis(wave, axis, -1)
    found = wave[..., :k].copy()
    found[..., 1:] += wave[..., wave.shape[-1] - k + 1 :]
    return np.moveaxis(found, -1, axis)
