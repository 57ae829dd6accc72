"""Checks of what callers pass in: one place, one wording."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def complete(name: str, value: Any) -> None:
    """Refuse sparse matrices, masked entries, and missing values in tables, each by its name."""
    if type(value).__module__.startswith("scipy.sparse"):
        raise TypeError(f"{name} must not be sparse, got {type(value).__name__}: {name}.toarray()")
    if isinstance(value, np.ma.MaskedArray) and np.any(value.mask):
        raise ValueError(f"{name} must have no masked entries, got {np.sum(value.mask)} of them")
    if _is_table(value):
        count = value.isna().sum()
        names = {value.name: count} if np.ndim(count) == 0 else dict(count)
    elif (columns := columns_of(value)) is not None:
        names = {column: _missing(part) for column, part in columns.items()}
    else:
        return
    missing = [f"{n} in column {column!r}" for column, n in names.items() if n]
    if missing:
        raise ValueError(f"{name} must have no missing values (NaN), got {', '.join(missing)}")


def _is_table(value: Any) -> bool:
    """Whether it is a data frame or a series of pandas."""
    return type(value).__module__.split(".")[0] == "pandas" and hasattr(value, "isna")


def columns_of(value: Any) -> dict[str, Any] | None:
    """The columns of a data frame of polars or a table of Arrow, by name; None for all else."""
    home = type(value).__module__.split(".")[0]
    if home == "polars" and hasattr(value, "get_columns"):
        return {part.name: part for part in value.get_columns()}
    if home == "pyarrow" and hasattr(value, "column_names"):
        return dict(zip(value.column_names, value.columns, strict=True))
    return None


def _missing(column: Any) -> int:
    """How many values of a column of polars or Arrow are null or NaN."""
    count = column.null_count
    if callable(count):
        column, count = column.drop_nulls(), count()
    elif count:
        column = column.drop_null()
    known = column.to_numpy()
    return int(count + (np.isnan(known).sum() if known.dtype.kind == "f" else 0))


def from_columns(name: str, columns: dict[str, Any]) -> Array:
    """As `_from_table`, of columns in which nothing is missing."""
    parts = {column: part.to_numpy() for column, part in columns.items()}
    kinds = {
        column: getattr(columns[column], "dtype", None) or columns[column].type for column in parts
    }
    other = [
        f"{kinds[column]} in column {column!r}"
        for column, part in parts.items()
        if part.dtype.kind not in "biuf"
    ]
    if other:
        raise TypeError(f"{name} must be real numbers, got dtype {', '.join(other)}")
    single = all(part.dtype == np.float32 for part in parts.values())
    dtype = np.float32 if single and parts else np.float64
    rows = [part.astype(dtype) for part in parts.values()]
    return np.ascontiguousarray(np.stack(rows, axis=1)) if rows else np.empty((0, 0), dtype)


def _from_table(name: str, value: Any) -> Array:
    """float32 if all columns are, else float64; columns of other than numbers are named."""
    columns = {value.name: value.dtype} if value.ndim == 1 else dict(value.dtypes)
    other = [f"{d} in column {column!r}" for column, d in columns.items() if d.kind not in "biuf"]
    if other:
        raise TypeError(f"{name} must be real numbers, got dtype {', '.join(other)}")
    single = all(str(d).lower() == "float32" for d in columns.values())
    # In rows, like an array of the same numbers: the last digits of products depend on it.
    return np.ascontiguousarray(value.to_numpy(dtype=np.float32 if single else np.float64))


def real_array(name: str, value: object, *, ndim: int | tuple[int, ...] | None = None) -> Array:
    """`value` as a finite real floating array of `ndim` dimensions, none of length zero.

    Without `ndim`, of any number of dimensions from one on.
    float32 and float64 keep their dtype; integers and booleans become float64, and so do tables of
    several dtypes.
    """
    complete(name, value)
    array: Array
    if _is_table(value):
        array = _from_table(name, value)
    elif (columns := columns_of(value)) is not None:
        array = from_columns(name, columns)
    else:
        array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    dims = (ndim,) if isinstance(ndim, int) else ndim or range(1, array.ndim + 1)
    if array.ndim not in dims:
        wanted = " or ".join(str(k) for k in dims)
        raise ValueError(f"{name} must have {wanted} dimension(s), got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {np.sum(~np.isfinite(array))} NaN or inf")
    return array


def matrix(name: str, value: object, *, columns: int | None = None) -> Array:
    """`value` as an (n, d) array of points, one a row."""
    shape = np.shape(cast(Any, value))
    if len(shape) == 1:
        raise ValueError(
            f"{name} must have 2 dimension(s), got shape {shape}: a single point is a row, shape "
            "(1, d). KernelRidge and Nystroem of scikit-learn pass points one by one: give them "
            'the matrix, with kernel="precomputed"'
        )
    array = real_array(name, value, ndim=2)
    if columns is not None and array.shape[1] != columns:
        raise ValueError(f"{name} must have {columns} columns, got shape {array.shape}")
    return array


def targets(name: str, value: object, rows: int) -> Array:
    """`value` as numbers at so many points, shape (rows,), or (rows, k) for k columns of them."""
    array = real_array(name, value, ndim=(1, 2))
    if len(array) != rows:
        raise ValueError(f"{name} must have {rows} rows, got shape {array.shape}")
    return array


def weights(name: str, value: object, rows: int) -> Array:
    """`value` as a number of at least zero for each of so many points, one of them above."""
    array = real_array(name, value, ndim=1)
    if len(array) != rows:
        raise ValueError(f"{name} must have {rows} entries, got shape {array.shape}")
    if array.min() < 0:
        raise ValueError(f"{name} must be at least 0, got {array.min()}")
    if array.max() == 0:
        raise ValueError(f"{name} must have a weight above zero")
    return array


def positive(name: str, value: object) -> float:
    """`value` as a finite number above zero."""
    number = float(real_array(name, value, ndim=0))
    if number <= 0:
        raise ValueError(f"{name} must be positive, got {number}")
    return number


def positive_int(name: str, value: object) -> int:
    """`value` as an integer of at least one."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def nonnegative(name: str, value: object) -> float:
    """`value` as a finite number of at least zero."""
    number = float(real_array(name, value, ndim=0))
    if number < 0:
        raise ValueError(f"{name} must be at least 0, got {number}")
    return number


def probability(name: str, value: object) -> float:
    """`value` as a number strictly between zero and one."""
    number = float(real_array(name, value, ndim=0))
    if not 0 < number < 1:
        raise ValueError(f"{name} must lie strictly between 0 and 1, got {number}")
    return number
