"""Products with a Gram matrix that is not formed, or kept as blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ntklib._engine.sizes import lower_tiles
from ntklib._validate import Array, matrix, positive_int
from ntklib.model import Kernel


def block_of(kernel: Kernel, X: Array, rows: slice, columns: slice) -> Array:
    value = kernel(X[rows]) if rows == columns else kernel(X[rows], X[columns])
    wanted = (rows.stop - rows.start, columns.stop - columns.start)
    if np.shape(value) != wanted:
        raise ValueError(f"kernel must return shape {wanted} here, got {np.shape(value)}")
    return value


def gram_operator(
    kernel: Kernel, X: object, *, block: int = 2048, dtype: object = None
) -> LinearOperator:
    r"""The Gram matrix as an operator: ``K @ v`` for vectors and matrices ``v``.

    Without ``dtype`` the matrix is never formed: each product computes the blocks of its lower
    triangle again, uses each of them twice (those on the diagonal once), and forgets them. With
    ``dtype`` the blocks of the lower triangle are computed once and kept in that precision, in
    about half of the memory of the matrix.

    Parameters
    ----------
    kernel : callable
        Takes ``(X, Z)``, or ``X`` alone, to the matrix of a symmetric kernel.
    X : array_like, shape (n, d)
        Points, one a row.
    block : int
        Rows and columns of a block; a product needs memory for one block, beside ``v`` and the
        result.
    dtype : {None, numpy.float32, numpy.float64}
        Precision in which the blocks are kept and multiplied. With None they are not kept, and are
        multiplied in float64. The sum over the blocks is in float64 in every case.

    Returns
    -------
    scipy.sparse.linalg.LinearOperator, shape (n, n), dtype float64

    Raises
    ------
    ValueError, TypeError
        ``X`` not a finite real array of shape ``(n, d)``, ``block`` below 1, another ``dtype``, a
        kernel that returns the wrong shape.

    Notes
    -----
    With float32 the entries are rounded, by up to :math:`6\cdot10^{-8}` of themselves, and the
    eigenvalues move by up to as much of the trace (:prf:ref:`prp-rounded`); a block is multiplied
    in float32. The operator has an attribute ``accurate``, an operator that multiplies the same
    entries in float64, more slowly; :func:`ridge_solve` uses it for residuals.
    """
    X = matrix("X", X)
    n, block = len(X), positive_int("block", block)
    if dtype is not None and np.dtype(dtype) not in (np.float32, np.float64):  # type: ignore[call-overload]
        raise ValueError(f"dtype must be None, float32 or float64, got {dtype!r}")
    kept: list[Array] | None = None
    if dtype is not None:
        pairs = lower_tiles(n, block)
        kept = [block_of(kernel, X, *pair).astype(dtype) for pair in pairs]  # type: ignore[call-overload]
    product = _Gram(kernel, X, block, kept)
    return as_operator(n, product, np.float64 if kept is None else kept[0].dtype)


@dataclass(frozen=True)
class _Gram:
    """Products with blocks that are kept, or computed again; a class, so that it can be pickled."""

    kernel: Kernel
    X: Array
    block: int
    kept: list[Array] | None

    def __call__(self, V: Array, precision: Any) -> Array:
        result = np.zeros((len(self.X), V.shape[1]))
        narrow = V.astype(precision, copy=False)
        for index, (rows, columns) in enumerate(lower_tiles(len(self.X), self.block)):
            if self.kept is not None:
                K = self.kept[index]
            else:
                K = block_of(self.kernel, self.X, rows, columns)
            K = K.astype(precision, copy=False)
            result[rows] += K @ narrow[columns]
            if rows != columns:
                result[columns] += K.T @ narrow[rows]
        return result


class Operator(LinearOperator):  # type: ignore[misc]
    """A symmetric operator from products with matrices in a precision."""

    accurate: Operator

    def __init__(self, n: int, product: Callable[[Array, Any], Array], precision: Any) -> None:
        super().__init__(np.dtype(np.float64), (n, n))
        self._product, self._precision = product, np.dtype(precision)

    def _matmat(self, V: Array) -> Array:
        return self._product(V, self._precision)

    def _matvec(self, v: Array) -> Array:
        return self._matmat(v.reshape(-1, 1))[:, 0]

    _rmatmat, _rmatvec = _matmat, _matvec


def as_operator(
    n: int, product: Callable[[Array, Any], Array], precision: Any = np.float64
) -> Operator:
    """An operator whose products are made in `precision`; its `accurate` makes them in float64."""
    operator = Operator(n, product, precision)
    operator.accurate = operator if precision == np.float64 else Operator(n, product, np.float64)
    return operator
