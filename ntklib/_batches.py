"""Points that are read in batches of rows: tables, and arrays on disk or elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntklib._engine.portable import is_foreign
from ntklib._validate import Array

# Rows that are read together. Fewer points are taken as a whole.
BATCH = 8192


def in_batches(X: Any) -> bool:
    """Whether there are many points, and of a kind that gives rows for a slice without the others.

    That is what has a shape and is not an array in memory: `numpy.memmap`, arrays of zarr, HDF5 and
    Dask, tables of pandas, polars and Arrow.
    """
    if is_foreign(X) or (isinstance(X, np.ndarray) and not isinstance(X, np.memmap)):
        return False
    shape: Any = getattr(X, "shape", ())
    if len(shape) != 2 or not isinstance(shape[0], int | np.integer):  # of Dask also unknown ones
        return False
    return bool(shape[0] > BATCH) and hasattr(X, "__getitem__")


@dataclass(frozen=True)
class Batches:
    """Points of which rows are looked at when they are read, by a check that gives an array.

    `ntklib.large` reads in chunks what has ``chunks``.
    """

    X: Any
    check: Callable[[Any], Array]
    chunks = None

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of points and of columns."""
        n, d = self.X.shape
        return n, d

    def read(self, rows: slice) -> Any:
        """The rows of a slice as they are."""
        return self.X.iloc[rows] if hasattr(self.X, "iloc") else self.X[rows]

    def __getitem__(self, rows: Any) -> Array:
        """The points of a slice, or one of them."""
        if not isinstance(rows, slice):
            row: Array = self[rows : rows + 1][0]
            return row
        points = self.check(self.read(rows))
        wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
        if len(wrong):
            raise ValueError(
                f"X must be finite, got NaN or inf in row {rows.start + wrong[0]}, in the batch of "
                f"rows {rows.start} to {rows.start + len(points) - 1}"
            )
        return points
