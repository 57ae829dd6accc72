"""Rows of points that are in memory, or are read when they are wanted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntklib._engine.sizes import slices
from ntklib._validate import Array, matrix

# Rows that are read together, at most and at least; and numbers of a chunk of kernel values.
CHUNK, LEAST, NUMBERS = 8192, 512, 1 << 24


def in_chunks(X: Any) -> bool:
    """Whether rows are to be read when they are wanted: what is on disk, and arrays of zarr, HDF5.

    Arrays in memory, tables and lists are not: they are looked at as a whole.
    """
    return isinstance(X, np.memmap) or (
        hasattr(X, "shape") and hasattr(X, "chunks") and hasattr(X, "__getitem__")
    )


def points_of(X: Any) -> Any:
    """The points, looked at as a whole where they are in memory, with a shape that is known."""
    X = X if in_chunks(X) else matrix("X", X)
    # Unknown lengths of Dask are NaN.
    if len(X.shape) != 2 or any(k != k or k == 0 for k in X.shape):
        raise ValueError(
            f"X must have shape (n, d), both known and above 0, got {X.shape}; of a Dask array "
            "with chunks of unknown length, X.compute_chunk_sizes() finds out"
        )
    return X


def chunks_of(X: Any, m: int) -> list[slice]:
    """Slices of rows whose kernel values with m centres are computed together."""
    return slices(0, X.shape[0], max(LEAST, min(CHUNK, NUMBERS // m)))


def read(X: Any, rows: slice, step: int) -> Array:
    """A chunk of so many rows. What was not looked at as a whole is looked at here."""
    if not in_chunks(X):
        part: Array = X[rows]
        return part
    points = np.asarray(X[rows])
    if points.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
        if len(wrong):
            raise ValueError(
                f"X must be finite, got NaN or inf in row {rows.start + wrong[0]}, "
                f"in chunk {rows.start // step} of {step} rows"
            )
    return matrix("X", points)


def take(X: Any, rows: Array) -> Array:
    """Rows by their numbers, which ascend."""
    if not in_chunks(X):
        return matrix("X", X[rows])
    parts = []
    for chunk in slices(0, X.shape[0], CHUNK):
        inside = rows[np.searchsorted(rows, chunk.start) : np.searchsorted(rows, chunk.stop)]
        if len(inside) > CHUNK // 32:
            parts.append(read(X, chunk, CHUNK)[inside - chunk.start])
        else:  # they lie apart
            parts += [np.asarray(X[int(i) : int(i) + 1]) for i in inside]
    return matrix("X", np.concatenate(parts))
