"""Kernel values between points and centres, and an orthonormal basis of the centres' span."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dpstrf

from ntklib._engine import threads
from ntklib._engine.sizes import slices
from ntklib._precision import rounding
from ntklib._validate import Array
from ntklib.large import rows as source
from ntklib.large.extra import bar
from ntklib.model import Kernel

# Rows that are multiplied while they are in the cache: with both products they are read once. Those
# of float64 are made of float32 there.
_TILE, _WIDE = 512, 128
# Rows for one thread at a time, whose sums are kept apart: so the result is that of any number.
_SHARE = 2048
# Square matrices of the centres that are held at once.
_SQUARES = 6


def fits(n: int, m: int, dtype: np.dtype[Any], memory: float) -> bool:
    """Whether the kernel values fit in the memory; ValueError if not even the equations do."""
    squares = _SQUARES * 8 * m * m
    if squares > memory:
        most = int((memory / (8 * _SQUARES)) ** 0.5)
        raise ValueError(
            f"centers must be at most {most} in {memory:.3g} bytes of memory, got {m}, which take "
            f"{squares:.3g} bytes"
        )
    return n * m * dtype.itemsize <= memory - squares


@dataclass(frozen=True)
class Basis:
    """An orthonormal basis of the span of the centres, by Cholesky with pivots.

    ``rows`` are the independent centres and ``order`` all of them, these first; ``R`` is triangular
    with R'R the kernel matrix of the first, and the columns of ``all`` are the coordinates of the
    functions of all, in that order.
    """

    rows: Array
    order: Array
    R: Array
    all: Array

    def down(self, A: Array) -> Array:
        """R^-T A: from values at the centres to coordinates."""
        result: Array = solve_triangular(self.R, A, trans="T", check_finite=False)
        return result

    def up(self, U: Array) -> Array:
        """R^-1 U: from coordinates to coefficients of the independent centres."""
        result: Array = solve_triangular(self.R, U, check_finite=False)
        return result

    def coef(self, U: Array) -> Array:
        """Coefficients of all centres, zero for those that depend on others."""
        result: Array = np.zeros((len(self.order), *U.shape[1:]))
        result[self.rows] = self.up(U)
        return result


def basis_of(kernel: Kernel, C: Array, ridge: float, dtype: np.dtype[Any]) -> Basis:
    """The basis; without a ridge the centres must be independent."""
    K = np.asarray(kernel(C.astype(np.float64)), dtype=np.float64)
    if K.shape != (len(C), len(C)):
        raise ValueError(f"kernel must return shape {(len(C), len(C))} here, got {K.shape}")
    diagonal = K.diagonal().copy()
    # Values between points and centres are off by this much: directions below it are made of it.
    noise = rounding(np.abs(diagonal), float(np.finfo(dtype).eps))
    U, pivots, rank, _ = dpstrf(K.T, lower=0, tol=noise, overwrite_a=1)
    order = np.asarray(pivots) - 1
    if rank == 0:
        raise ValueError("kernel must not vanish at all centers")
    if rank < len(C) and ridge == 0:
        raise ValueError(
            f"ridge must be positive where centers depend on each other: with the values in "
            f"{dtype}, {len(C) - rank} of {len(C)} do on the others, among them center "
            f"{order[rank]}. Leave them out, or take values in float64 or a ridge"
        )
    upper = np.triu(U)[:rank]
    return Basis(order[:rank], order, np.asfortranarray(upper[:, :rank]), upper)


def gram(A: Array, into: Array | None = None) -> Array:
    """A'A in the upper triangle, added to `into` if that is given."""
    more = {} if into is None else {"beta": 1.0, "c": into, "overwrite_c": 1}
    result: Array = dsyrk(1.0, A.T, **more)
    return result


def whole(upper: Array) -> Array:
    """The symmetric matrix with this upper triangle."""
    result: Array = np.triu(upper) + np.triu(upper, 1).T
    return result


class Panels:
    """The kernel values between points and independent centres, in chunks of rows.

    `only` marks the points that count, all of them where it is None.
    """

    def __init__(
        self, kernel: Kernel, X: Any, C: Array, dtype: np.dtype[Any], only: Any = None
    ) -> None:
        self.kernel, self.X, self.C, self.dtype, self.only = kernel, X, C, dtype, only
        self.n = X.shape[0] if only is None else int(np.count_nonzero(only))
        self.chunks = source.chunks_of(X, len(C))
        self._step = self.chunks[0].stop
        self._kept: list[Array] = []

    def values(self, rows: slice, only: Any = None) -> Array:
        """The values of some points."""
        points = source.read(self.X, rows, self._step)
        points = points if only is None else points[only[rows]]
        wanted = (len(points), len(self.C))
        if len(points) == 0:
            return np.empty(wanted, self.dtype)
        value = self.kernel(points, self.C)
        if np.shape(value) != wanted:
            raise ValueError(f"kernel must return shape {wanted} here, got {np.shape(value)}")
        return np.asarray(value).astype(self.dtype, copy=False)

    def _bar(self, progress: bool, numbers: float) -> Any:
        """A bar that says before the start what will be held, and about how long it takes."""
        seconds = 0.0
        if progress:
            some = slice(0, min(self.X.shape[0], 512))
            start = perf_counter()
            self.values(some)
            seconds = (perf_counter() - start) * self.X.shape[0] / some.stop
        return bar(progress, len(self.chunks), "chunk", numbers, seconds)

    def keep(self, Y: Array, progress: bool) -> Array:
        """Compute the values once and keep them; K'Y in float64."""
        with self._bar(progress, self.n * len(self.C) * self.dtype.itemsize / 8) as made:
            for rows in self.chunks:
                self._kept.append(self.values(rows, self.only))
                if made is not None:
                    made.update()
        right = Y if self.only is None else Y[self.only]
        return self._over(right.shape[1], lambda tile, rows: tile.T @ right[rows], np.float64)

    def form(self, Y: Array, progress: bool) -> tuple[Array, Array]:
        """K'Y and K'K, both summed in float64, while the points pass by once."""
        m = len(self.C)
        right: Array = np.zeros((m, Y.shape[1]))
        square: Array = np.zeros((m, m), order="F")
        with self._bar(progress, _SQUARES * m * m) as made:
            for rows in self.chunks:
                value = self.values(rows, self.only).astype(np.float64, copy=False)
                right += value.T @ (Y[rows] if self.only is None else Y[rows][self.only[rows]])
                square = gram(value, square)
                if made is not None:
                    made.update()
        return right, whole(square)

    def drawn(self, basis: Basis, size: int, rng: np.random.Generator) -> Array:
        """An estimate of the equations in the coordinates of the basis, from points drawn."""
        size = min(size, self.n)
        rows = np.sort(rng.choice(self.n, size=size, replace=False))
        starts = np.cumsum([0, *map(len, self._kept)])
        owner = np.searchsorted(starts, rows, side="right") - 1
        square: Array = np.zeros((len(self.C),) * 2, order="F")
        for part in slices(0, size, _SHARE):
            pairs = zip(owner[part], rows[part], strict=True)
            values = np.stack([self._kept[k][i - starts[k]] for k, i in pairs])
            square = gram(basis.down(values.T.astype(np.float64)).T, square)
        return whole(square) * (self.n / size)

    def squared(self, V: Array, precision: Any) -> Array:
        """K'KV from the values that are kept."""
        narrow = V.astype(precision, copy=False)
        return self._over(V.shape[1], lambda tile, _: tile.T @ (tile @ narrow), precision)

    def _over(self, columns: int, product: Any, precision: Any) -> Array:
        """The sum in float64 of a product with tiles and their rows, in threads."""
        starts = np.cumsum([0, *map(len, self._kept)])
        shares = [
            (panel, int(start), part)
            for panel, start in zip(self._kept, starts[:-1], strict=True)
            for part in slices(0, len(panel), _SHARE)
        ]
        sums = np.zeros((len(shares), len(self.C), columns))
        high = _TILE if precision == np.float32 else _WIDE

        def run(tasks: Any) -> None:
            for number in tasks:
                panel, start, part = shares[number]
                for rows in slices(part.start, part.stop, high):
                    tile = panel[rows].astype(precision, copy=False)
                    sums[number] += product(tile, slice(start + rows.start, start + rows.stop))

        work = 2 * self.n * len(self.C) * columns
        threads.in_threads(run, list(range(len(shares))), alone=work < threads.SMALL)
        result: Array = sums.sum(axis=0)
        return result
