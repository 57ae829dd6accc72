"""Kernel matrices by blocks of a product and tiles that fit in the cache.

A kernel of this package is, up to a factor for each point, a function of the angle between two
points. Its matrix is a matrix product of unit rows followed by elementwise arithmetic. Done on the
whole matrix, step by step, the arithmetic waits for memory. So the product is written where the
result is wanted, a block at a time, the lower triangle only when the matrix is symmetric; then the
arithmetic is done in place on a tile of the block at a time, all steps while the tile is in the
cache, and so is its mirror image.

Accuracy. A product of unit rows has an absolute error of some ulps of 1, which the angle magnifies
by 1 / sin(angle). Entries beyond `NEAR` are therefore computed again: for float64 results from
differences of the rows, which keep all digits, for float32 results from products in float64.

Threads. Blocks go to as many threads as BLAS would use (so OMP_NUM_THREADS and threadpoolctl's
limits hold), with BLAS on one thread meanwhile: its own threads would wait for the next product
awake, and take time from the arithmetic. That needs threadpoolctl; without it BLAS keeps its
threads and the arithmetic runs on one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from ntklib._validate import Array

Index = np.ndarray[Any, np.dtype[np.integer[Any]]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Scaled = tuple[Array, Index]

# Rows and columns of a block, which is one product: from here on it is near its best rate.
_BLOCK_SHAPE = (512, 2048)
# Rows and columns of a tile: 512 KiB in float64, so that it and the buffers of the arithmetic stay
# in the second-level cache.
_SIDE = 256
# Cosines beyond are computed again. The error of a kernel is that of the cosine, at most a few
# ulps, times 1/2 + 1 / (2 pi sin(angle)).
NEAR = {np.dtype(np.float64): 0.99, np.dtype(np.float32): 0.9}
# Share of the entries that is worth a second product instead of work pair by pair.
_DENSE = 1 / 32
# Numbers in a block of rows that is worked on at once where the cache cannot hold everything.
_BLOCK = 1 << 15
# Multiplications below which threads cost more than they save.
_SMALL = 1 << 24
# Sums of squares in this range have not overflowed, nor lost digits to underflow.
_RANGE = (1e-240, 1e240)
# Numbers in a block of rows that is normalized at once: 2 MiB, so that memory sets the pace.
_ROWS = 1 << 18
# Norms within these binary exponents can be multiplied without overflow or underflow.
_SAFE = {np.dtype(np.float64): 500, np.dtype(np.float32): 60}


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

    step = max(1, _ROWS // d)
    tasks = [slice(start, start + step) for start in range(0, n, step)]
    in_threads(run, tasks, alone=n * d < _SMALL // 16)
    return side


def _normalize(X: Array, unit: Array) -> tuple[Array, Index, Array]:
    """Write unit rows; return norms as mantissa and exponent, and the mantissa squared."""
    X = X.astype(np.float64, copy=False)
    exponent = np.zeros(len(X), dtype=np.intc)
    with np.errstate(over="ignore", under="ignore"):
        square = np.einsum("ij,ij->i", X, X)
    if not (square.min() > _RANGE[0] and square.max() < _RANGE[1]):
        exponent = np.frexp(np.maximum(X.max(axis=1), -X.min(axis=1)))[1]
        # In two steps: 2**-exponent itself overflows for subnormal rows.
        half = exponent // 2
        X = np.ldexp(np.ldexp(X, -half[:, None]), (half - exponent)[:, None])
        square = np.einsum("ij,ij->i", X, X)
    norm = np.sqrt(square)
    inverse = 1 / np.where(norm > 0, norm, 1)
    np.multiply(X, inverse[:, None], out=unit, casting="same_kind")
    return norm, exponent, square


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
            self._buffers[index] = np.empty(_SIDE * _SIDE + pad, self._dtype)[pad:]
        return self._buffers[index][: shape[0] * shape[1]].reshape(shape)


class Kernel(Protocol):
    """A kernel as a function of the angle between rows i and j, times factors of i and of j.

    It may have a method `fused`, which is given the factors of rows and columns as plain numbers
    and returns None or a function of (cos, rows, columns): that one does the work of `bulk` and of
    the factors in one pass.

    `left` and `right` are the factors of rows and columns, as mantissas and binary exponents, and
    `diagonal` the values at i = j, likewise; `left` is `right` when the matrix is symmetric.
    """

    left: Scaled
    right: Scaled
    diagonal: Scaled

    def bulk(self, cos: Array, rows: slice, columns: slice, scratch: Scratch) -> None:
        """Overwrite cosines away from -1 and 1 by values; buffer 0 of the scratch is taken."""

    def near(self, minus: Array, plus: Array, rows: Index, columns: Index) -> Array:
        """Values at pairs, from 1 - cos and 1 + cos, each accurate where it is small."""


def matrix_of(kernel: Kernel, left: Points, right: Points | None, dtype: np.dtype[Any]) -> Array:
    """The matrix of a kernel between rows of `left` and `right`, or of `left` with itself.

    Returns
    -------
    ndarray, shape (n, n')
        Of this dtype; exactly symmetric when `right` is None. Beside it the memory taken is
        some tiles for each thread.

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
    in_threads(job.run, job.tasks(), alone=work < _SMALL)
    return K


class _Near(NamedTuple):
    """Entries of the matrix that were computed again."""

    row: Index
    column: Index
    value: Array


class _Job:
    def __init__(self, kernel: Kernel, left: Points, right: Points, symmetric: bool, K: Array):
        self.kernel, self.left, self.right, self.symmetric, self.K = (
            kernel, left, right, symmetric, K,
        )  # fmt: skip
        self.limit = NEAR[K.dtype]
        self.factors = _factors(kernel, K.dtype)
        self.fused = self._fused()

    def _fused(self) -> Callable[[Array, slice, slice], None] | None:
        offer = getattr(self.kernel, "fused", None)
        if offer is None or self.factors is None:
            return None
        ones = (np.ones(n, self.K.dtype) for n in self.K.shape)
        left, right = (one if f is None else f for f, one in zip(self.factors, ones, strict=True))
        fused: Callable[[Array, slice, slice], None] | None = offer(left, right)
        return fused

    def tasks(self) -> list[tuple[slice, slice]]:
        """Rows and columns of the blocks; of the lower triangle when symmetric. Small ones last."""
        n, p = self.K.shape
        found = []
        for rows in _slices(0, n, _BLOCK_SHAPE[0]):
            end = rows.start if self.symmetric else p
            found += [(rows, columns) for columns in _slices(0, end, _BLOCK_SHAPE[1])]
            if self.symmetric:
                found.append((rows, rows))
        return sorted(found, key=_entries, reverse=True)

    def run(self, tasks: Iterator[tuple[slice, slice]]) -> None:
        scratch = Scratch(self.K.dtype)
        for rows, columns in tasks:
            # On the diagonal this is one row set by itself, of which BLAS computes one half.
            np.matmul(self.left.unit[rows], self.right.unit[columns].T, out=self.K[rows, columns])
            for part in _slices(rows.start, rows.stop, _SIDE):
                end = part.stop if self.symmetric and rows == columns else columns.stop
                for other in _slices(columns.start, end, _SIDE):
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
            self.K[near.row, near.column] = near.value
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

    def near(self, cos: Array, rows: slice, columns: slice) -> _Near:
        """Index and values of the entries near -1 and 1; they are zero in `cos` afterwards."""
        # Faster than nonzero of two dimensions.
        i, j = np.divmod(np.flatnonzero(np.abs(cos) > self.limit), cos.shape[1])
        negative = cos[i, j] < 0
        cos[i, j] = 0
        by = _defects_by_products if cos.dtype == np.float32 else _defects_by_differences
        small = by(self.left, self.right, rows, columns, i, j, negative)
        minus, plus = np.where(negative, 2 - small, small), np.where(negative, small, 2 - small)
        i, j = i + rows.start, j + columns.start
        (a, ea), (b, eb) = self.kernel.left, self.kernel.right
        values = self.kernel.near(minus, plus, i, j) * (a[i] * b[j])
        return _Near(i, j, _scaled(values, ea[i] + eb[j], cos.dtype))


def _slices(start: int, stop: int, step: int) -> list[slice]:
    return [slice(k, min(stop, k + step)) for k in range(start, stop, step)]


@cache
def _upper(n: int) -> Mask:
    """Where a tile on the diagonal is on or above it."""
    mask: Mask = np.tri(n, k=-1, dtype=bool)
    return np.logical_not(mask, out=mask)


def _factors(kernel: Kernel, dtype: np.dtype[Any]) -> tuple[Array | None, Array | None] | None:
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
        values: Array = np.ldexp(mantissa.astype(np.float64), exponent).astype(dtype)
    if not np.isfinite(values).all():
        raise OverflowError(
            f"the kernel has values beyond {np.finfo(dtype).max:.1e}, the largest {dtype}"
        )
    return values


def _defects_by_products(
    left: Points, right: Points, rows: slice, columns: slice, i: Index, j: Index, negative: Mask
) -> Array:
    """1 - |cos| at pairs i, j of these rows and columns, with an absolute error of some ulps."""
    if len(i) > _DENSE * _entries((rows, columns)):
        cos = (left.directions(rows) @ right.directions(columns).T)[i, j]
    else:
        cos = np.empty(len(i))
        for part in _parts(i, left):
            u = left.directions(i[part] + rows.start)
            v = right.directions(j[part] + columns.start)
            cos[part] = np.einsum("ij,ij->i", u, v)
    defect: Array = np.maximum(0.0, 1 - np.where(negative, -cos, cos))
    return defect


def _defects_by_differences(
    left: Points, right: Points, rows: slice, columns: slice, i: Index, j: Index, negative: Mask
) -> Array:
    """1 - |cos| at pairs i, j of these rows and columns, to the last digits of its square root.

    |u - v|^2 / 2, or |u + v|^2 / 2 for a negative cosine. Where many rows crowd around one
    direction c, their differences from c are short, and the product of those gives most of
    the distances: its error is an ulp of |u - c|^2 + |v - c|^2.
    """
    A, B = left.directions(rows), right.directions(columns)
    defect = np.full(len(i), np.nan)
    if len(i) > _DENSE * _entries((rows, columns)):
        center = B[j[len(j) // 2]]
        sign, other = _signs(A @ center), _signs(B @ center)
        P, Q = A * sign[:, None] - center, B * other[:, None] - center
        p, q = np.einsum("ij,ij->i", P, P)[i], np.einsum("ij,ij->i", Q, Q)[j]
        square = np.maximum(0.0, p + q - 2 * (P @ Q.T)[i, j])
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
        defect[k] = np.einsum("ij,ij->i", gap, gap) / 2
    return defect


def _entries(tile: tuple[slice, slice]) -> int:
    rows, columns = tile
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def _parts(pairs: Index, side: Points) -> Iterator[slice]:
    """Slices of the pairs whose gathered rows stay small."""
    step = max(1, _BLOCK // side.X.shape[1])
    for start in range(0, len(pairs), step):
        yield slice(start, start + step)


def _signs(x: Array) -> Array:
    return np.where(x < 0, -1.0, 1.0)


# -- threads --------------------------------------------------------------------------------------


def in_threads(run: Callable[[Iterator[Any]], None], tasks: list[Any], *, alone: bool) -> None:
    """Call `run` on iterators that share out the tasks, in one thread or as many as BLAS has."""
    if alone or len(tasks) == 1:
        run(iter(tasks))
        return
    with _one_blas_thread() as threads:
        waiting = deque(tasks)

        def worker() -> None:
            try:
                run(_drain(waiting))
            except BaseException:
                waiting.clear()  # the others stop at their next tile
                raise

        threads = min(threads, len(tasks))
        if threads == 1:
            worker()
            return
        # A pool for this call alone: one that is kept does not survive a fork.
        with ThreadPoolExecutor(threads - 1) as pool:
            others = [pool.submit(worker) for _ in range(threads - 1)]
            worker()
            for other in others:
                other.result()


def _drain(waiting: deque[Any]) -> Iterator[Any]:
    while True:
        try:
            task = waiting.popleft()
        except IndexError:
            return
        yield task


@cache
def _controller() -> Any | None:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController().select(user_api="blas")


# BLAS's number of threads belongs to the whole process: one caller at a time sets it.
_setting = threading.Lock()


@contextmanager
def _one_blas_thread() -> Iterator[int]:
    """Set BLAS to one thread; gives the number of threads it had.

    That is 1 where nothing can be gained or set: without threadpoolctl, with BLAS on one thread,
    and for callers who come while another is inside and has the cores.
    """
    controller = _controller()
    libraries = [] if controller is None else controller.lib_controllers
    threads = max((library.num_threads for library in libraries), default=1)
    if controller is None or threads == 1 or not _setting.acquire(blocking=False):
        yield 1
        return
    try:
        with controller.limit(limits=1):
            yield threads
    finally:
        _setting.release()
