r"""Ridge regression in the span of a few centres: memory and time in proportion to n.

Where the fit is sought among :math:`f=\sum_jc_jk(\cdot,z_j)`, with :math:`m` centres :math:`z_j` in
place of all :math:`n` points, the matrix has :math:`nm` entries, and nothing of the size
:math:`n^2` is ever computed (:prf:ref:`prp-centers`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dpstrf

from ntklib._engine.sizes import slices
from ntklib._precision import EPS, rounding, scaled, unscaled
from ntklib._validate import Array, matrix, nonnegative, positive, positive_int, targets
from ntklib.large.conjugate_gradients import ridge_solve
from ntklib.large.extra import bar
from ntklib.large.operators import as_operator
from ntklib.model import Kernel

_DTYPES = (np.float32, np.float64, np.dtype(np.float32), np.dtype(np.float64))
# Rows whose kernel values are computed together, and rows that are multiplied while in the cache.
_CHUNK, _TILE = 8192, 512
# Square matrices of the centres that are held at once.
_SQUARES = 6


class NystroemSolution(NamedTuple):
    r"""What :func:`nystroem_solve` found; the prediction at ``Z`` is ``kernel(Z, centers) @ coef``.

    Attributes
    ----------
    coef : ndarray, shape (m,) or (m, k)
        The coefficients :math:`c` of the centres, float64; zero for centres whose functions
        :math:`k(\cdot,z_j)` depend on the others to rounding.
    centers : ndarray, shape (m, d)
        The centres :math:`z_j`.
    rank : int
        Number of centres that do not depend on the others.
    residual : float
        Largest relative residual of the normal equations over the columns, in the coordinates in
        which they are solved: those of an orthonormal basis of the span.
    iterations : int
        Steps of conjugate gradients.
    converged : bool
        The residual is at most ``rtol``.
    """

    coef: Array
    centers: Array
    rank: int
    residual: float
    iterations: int
    converged: bool


def nystroem_solve(
    kernel: Kernel,
    X: Any,
    y: object,
    centers: Any,
    ridge: float,
    *,
    rng: np.random.Generator,
    memory: float = 4e9,
    dtype: Any = np.float32,
    rtol: float = 1e-6,
    maxiter: int = 200,
    progress: bool = False,
) -> NystroemSolution:
    r"""Minimize :math:`\lVert f(X)-y\rVert^2+\lambda\lVert f\rVert^2` over the span of the centres.

    With all points as centres this is ridge regression, with the ridge of :func:`ridge_solve`.

    Parameters
    ----------
    kernel : callable
        Takes ``(X, Z)``, or ``X`` alone, to the matrix of a symmetric kernel.
    X : array_like, shape (n, d)
        Points, one a row. What is not a NumPy array but has ``shape`` and gives rows for a slice,
        such as :class:`numpy.memmap` or an array of zarr or HDF5, is read in chunks of rows and
        never as a whole.
    y : array_like, shape (n,) or (n, k)
        Targets.
    centers : int or array_like, shape (m, d)
        The centres, or how many of the points are drawn, each set with the same probability.
    ridge : float
        :math:`\lambda\ge0`. With 0 the centres must be independent to rounding.
    rng : numpy.random.Generator
        Draws the centres, and the points of the preconditioner where centres are given.
    memory : float
        Bytes that may be taken beside ``X`` and ``y``. If the :math:`nm` kernel values fit in, they
        are computed once and kept, and conjugate gradients multiply with them. If not, the
        :math:`m\times m` normal equations are formed in one pass over the points, in chunks.
    dtype : {numpy.float32, numpy.float64}
        Precision of the kernel values between points and centres. Sums over points are in float64.
    rtol : float
        Wanted residual of the normal equations, relative to their right-hand side.
    maxiter : int
        Steps of conjugate gradients at most.
    progress : bool
        Show bars with the memory and the time that is left, where a terminal or a notebook does
        (needs tqdm).

    Returns
    -------
    :class:`ntklib.large.NystroemSolution`

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, more centres than points, values that are not finite (of points read
        in chunks by the chunk and the row), ``ridge`` below 0, dependent centres without a ridge,
        normal equations that do not fit in ``memory`` (with the largest number of centres that
        does), a ``kernel`` that returns another shape.
    ImportError
        ``progress`` without tqdm.

    Warns
    -----
    ConvergenceWarning
        The residual that was asked for was not reached; the message says what was.

    Notes
    -----
    Statement: :prf:ref:`prp-centers`. The preconditioner is made of the centres, which stand for
    the points where they are drawn from them (:cite:t:`rudi2017falkon`); of as many drawn points
    where they are given.
    """
    X = X if _in_chunks(X) else matrix("X", X)
    n = X.shape[0]
    if len(X.shape) != 2 or 0 in X.shape or n != n:  # unknown lengths of Dask are NaN
        raise ValueError(f"X must have shape (n, d), both known and above 0, got {X.shape}")
    Y, power = scaled(targets("y", y, n).astype(np.float64))
    ridge, rtol = nonnegative("ridge", ridge), positive("rtol", rtol)
    if dtype not in _DTYPES:
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    C, drawn = _centers(centers, X, rng)
    keep = _kept(n, len(C), np.dtype(dtype), positive("memory", memory))
    basis = _basis(kernel, C, ridge, np.dtype(dtype))
    panels = _Panels(kernel, X, np.ascontiguousarray(C[basis.rows]), np.dtype(dtype), keep)
    right, gram = panels.read(Y.reshape(n, -1), progress)
    if keep:
        sample = basis.all.T if drawn else basis.down(panels.drawn(2 * len(basis.rows), rng).T).T
        core = sample.T @ sample * (n / len(sample))
        operator = as_operator(len(core), _Normal(basis, panels.squared), panels.dtype)
    else:
        core = basis.down(basis.down(gram).T)
        operator = as_operator(len(core), _Normal(basis, _Squared(gram)))
    found = ridge_solve(
        operator,
        basis.down(right),
        ridge,
        preconditioner=as_operator(len(core), _inverse(core, ridge)),
        rtol=rtol,
        maxiter=maxiter,
        progress=progress,
    )
    coef: Array = np.zeros((len(C), *Y.shape[1:]))
    coef[basis.rows] = basis.up(found.coef).reshape(-1, *Y.shape[1:])
    coef = unscaled("the coefficients are", coef, power)
    return NystroemSolution(coef, C, len(core), found.residual, found.iterations, found.converged)


def _in_chunks(X: Any) -> bool:
    """Whether rows are to be read when they are wanted: what is on disk, and arrays of zarr, HDF5.

    Arrays in memory, tables and lists are not: they are looked at as a whole.
    """
    return isinstance(X, np.memmap) or (
        hasattr(X, "shape") and hasattr(X, "chunks") and hasattr(X, "__getitem__")
    )


def _centers(centers: Any, X: Any, rng: np.random.Generator) -> tuple[Array, bool]:
    """The centres in float32 or float64, and whether they are drawn from the points."""
    drawn = isinstance(centers, int | np.integer)
    if drawn:
        m = positive_int("centers", centers)
        if m > X.shape[0]:
            raise ValueError(f"centers must be at most {X.shape[0]}, the number of points, got {m}")
        rows = np.sort(rng.choice(X.shape[0], size=m, replace=False))
        # Row by row where they are on disk: they lie apart.
        C = matrix("X", np.stack([np.asarray(X[i]) for i in rows]) if _in_chunks(X) else X[rows])
    else:
        C = matrix("centers", centers, columns=X.shape[1])
        if len(C) > X.shape[0]:
            raise ValueError(
                f"centers must be at most {X.shape[0]}, the number of points, got {len(C)}"
            )
    return C, drawn


def _kept(n: int, m: int, dtype: np.dtype[Any], memory: float) -> bool:
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
class _Basis:
    """An orthonormal basis of the span of the centres, by Cholesky with pivots.

    ``rows`` are the independent centres, ``R`` is triangular with R'R their kernel matrix, and the
    columns of ``all`` are the coordinates of the functions of all centres.
    """

    rows: Array
    R: Array
    all: Array

    def down(self, A: Array) -> Array:
        """R^-T A: from values at the centres to coordinates."""
        result: Array = solve_triangular(self.R, A, trans="T")
        return result

    def up(self, U: Array) -> Array:
        """R^-1 U: from coordinates to coefficients of the centres."""
        result: Array = solve_triangular(self.R, U)
        return result


def _basis(kernel: Kernel, C: Array, ridge: float, dtype: np.dtype[Any]) -> _Basis:
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
    return _Basis(order[:rank], np.asfortranarray(upper[:, :rank]), upper)


def _chunk(X: Any, rows: slice) -> Array:
    """Points that were not looked at as a whole are looked at here."""
    points = np.asarray(X[rows])
    if points.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
        if len(wrong):
            raise ValueError(
                f"X must be finite, got NaN or inf in row {rows.start + wrong[0]}, "
                f"in chunk {rows.start // _CHUNK}"
            )
    return matrix("X", points)


class _Panels:
    """The kernel values between points and centres, in chunks of rows: kept, or read once."""

    def __init__(self, kernel: Kernel, X: Any, C: Array, dtype: np.dtype[Any], keep: bool) -> None:
        self.kernel, self.X, self.C, self.dtype = kernel, X, C, dtype
        self.kept: list[Array] | None = [] if keep else None

    def values(self, rows: slice) -> Array:
        """The values of some points."""
        points = self.X[rows] if not _in_chunks(self.X) else _chunk(self.X, rows)
        value = self.kernel(points, self.C)
        wanted = (len(points), len(self.C))
        if np.shape(value) != wanted:
            raise ValueError(f"kernel must return shape {wanted} here, got {np.shape(value)}")
        return np.asarray(value).astype(self.dtype, copy=False)

    def read(self, Y: Array, progress: bool) -> tuple[Array, Array]:
        """K'Y, and where nothing is kept K'K: both summed in float64."""
        m = len(self.C)
        right, gram = np.zeros((m, Y.shape[1])), np.zeros((m, m), order="F")
        chunks = slices(0, self.X.shape[0], _CHUNK)
        numbers = self.X.shape[0] * m * self.dtype.itemsize / 8 if self.kept is not None else m * m
        with bar(progress, len(chunks), "chunk", numbers) as shown:
            for rows in chunks:
                value = self.values(rows)
                right += value.T.astype(np.float64) @ Y[rows]
                if self.kept is None:
                    gram = dsyrk(1.0, value.astype(np.float64).T, 1.0, gram, lower=0, overwrite_c=1)
                else:
                    self.kept.append(value)
                if shown is not None:
                    shown.update()
        return right, np.triu(gram) + np.triu(gram, 1).T

    def drawn(self, size: int, rng: np.random.Generator) -> Array:
        """The values of so many points, each drawn with the same probability."""
        rows = np.sort(rng.choice(self.X.shape[0], size=min(size, self.X.shape[0]), replace=False))
        assert self.kept is not None
        return np.stack([self.kept[i // _CHUNK][i % _CHUNK] for i in rows]).astype(np.float64)

    def squared(self, V: Array, precision: Any) -> Array:
        """K'KV from the values that are kept."""
        assert self.kept is not None
        result, narrow = np.zeros(V.shape), V.astype(precision, copy=False)
        for panel in self.kept:
            for rows in slices(0, len(panel), _TILE):
                tile = panel[rows].astype(precision, copy=False)
                result += tile.T @ (tile @ narrow)
        return result


@dataclass(frozen=True)
class _Squared:
    gram: Array

    def __call__(self, V: Array, precision: Any) -> Array:
        return self.gram @ V


@dataclass(frozen=True)
class _Normal:
    """The normal equations in the coordinates of the basis."""

    basis: _Basis
    squared: Any

    def __call__(self, V: Array, precision: Any) -> Array:
        return self.basis.down(self.squared(self.basis.up(V), precision))


@dataclass(frozen=True)
class _Inverse:
    factor: Any

    def __call__(self, V: Array, precision: Any) -> Array:
        result: Array = cho_solve(self.factor, V)
        return result


def _inverse(core: Array, ridge: float) -> _Inverse:
    """The inverse of the core with the ridge; without one, with what rounding makes of zero."""
    shift = max(ridge, len(core) * EPS * float(np.trace(core)))
    return _Inverse(cho_factor(core + shift * np.eye(len(core))))
