"""Gram matrices over the workers of a Dask cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ntklib._engine.sizes import slices
from ntklib._validate import Array, matrix, positive_int
from ntklib.large.extra import extra
from ntklib.large.operators import as_operator, block_of
from ntklib.model import Kernel


def dask_gram(kernel: Kernel, X: object, *, chunk: int = 4096, dtype: object = np.float32) -> Any:
    """The Gram matrix as a Dask array of square blocks, of which the lower ones are computed.

    With a ``dask.distributed.Client`` at work the blocks live on its workers: call ``.persist()``
    to compute them once and keep them there. A worker that is lost takes its blocks with it, and
    Dask computes them again on the others.

    Parameters
    ----------
    kernel, X
        As for :func:`gram_operator`. ``X`` is sent to each worker once.
    chunk : int
        Rows and columns of a block.
    dtype : {numpy.float32, numpy.float64}
        Precision of the blocks.

    Returns
    -------
    dask.array.Array, shape (n, n)

    Raises
    ------
    ImportError
        Dask is not installed.
    ValueError, TypeError
        As for :func:`gram_operator`; a kernel of the wrong shape shows when Dask computes.
    """
    da, delayed = extra("dask.array"), extra("dask").delayed
    X = matrix("X", X)
    if np.dtype(dtype) not in (np.float32, np.float64):  # type: ignore[call-overload]
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    ranges = slices(0, len(X), positive_int("chunk", chunk))
    shared = delayed(X)

    def block(points: Array, rows: slice, columns: slice) -> Array:
        result: Array = block_of(kernel, points, rows, columns).astype(dtype)  # type: ignore[call-overload]
        return result

    lower = {}
    for i, rows in enumerate(ranges):
        for j, columns in enumerate(ranges[: i + 1]):
            shape = (rows.stop - rows.start, columns.stop - columns.start)
            value = delayed(block)(shared, rows, columns)
            lower[i, j] = da.from_delayed(value, shape, dtype=dtype)
    count = range(len(ranges))
    return da.block([[lower[i, j] if j <= i else lower[j, i].T for j in count] for i in count])


def dask_operator(K: Any) -> LinearOperator:
    """A square Dask array as an operator for :func:`ridge_solve`: ``K @ v`` on its workers.

    Each block is multiplied in the precision of ``K``; the sum over the blocks is in float64. The
    operator's attribute ``accurate`` also multiplies in float64, as for :func:`gram_operator`.

    Raises
    ------
    ImportError
        Dask is not installed.
    TypeError
        Something other than a Dask array.
    ValueError
        An array that is not square.
    """
    da = extra("dask.array")
    if not isinstance(K, da.Array):
        raise TypeError(f"K must be a Dask array, got {type(K).__name__}")
    if K.ndim != 2 or K.shape[0] != K.shape[1]:
        raise ValueError(f"K must be square, got shape {K.shape}")

    return as_operator(K.shape[0], _Blocks(K), K.dtype)


@dataclass(frozen=True)
class _Blocks:
    """Blocks are multiplied in a precision; the sum over blocks is in float64."""

    K: Any

    def __call__(self, V: Array, precision: Any) -> Array:
        da = extra("dask.array")
        parts = da.from_array(V.astype(precision), chunks=(self.K.chunks[1], V.shape[1]))
        products = da.blockwise(
            _product, "ijk", self.K, "ij", parts, "jk", adjust_chunks={"j": 1}, dtype=np.float64
        )
        result: Array = products.sum(axis=1).compute()
        return result


def _product(K: Array, V: Array) -> Array:
    return (K.astype(V.dtype, copy=False) @ V).astype(np.float64)[:, None, :]
