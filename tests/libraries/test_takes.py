"""The table of what functions take, cell by cell, for arrays of torch and JAX."""

import importlib
from itertools import groupby
from typing import Any

import pytest

from ntklib import angles, relu_ntk
from ntklib.regression import NTKRegressor
from tests import takes as calls
from tools import takes


def table(library: str, columns: dict[str, Any]) -> Any:
    """A data frame of polars, or a table of Arrow."""
    module = importlib.import_module(library)
    return (module.DataFrame if library == "polars" else module.table)(columns)


def made(library: str, stored: str, points: Any) -> Any:
    if library in ("polars", "pyarrow"):
        if points.ndim != 2:
            return None
        first, *rest = stored.split(" + ")
        dtypes = [first, *(rest or [first]) * points.shape[1]]
        columns = [points[:, k].astype(dtypes[k]) for k in range(points.shape[1])]
        if stored == "str":
            columns = [column.tolist() for column in columns]
        return table(library, {f"c{k}": column for k, column in enumerate(columns)})
    if library == "torch":
        return importlib.import_module("torch").asarray(points.astype(stored))
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    return jax.numpy.asarray(points.astype(stored))


CELLS = [
    pytest.param(
        list(group),
        id="-".join(key),
        marks=[pytest.mark.torch] if key[1] == "torch" else [],
    )
    for key, group in groupby(sorted(takes.cells("libraries")), key=lambda cell: cell[:2])
]


@pytest.mark.drawn(2)
@pytest.mark.parametrize("cells", CELLS)
def test_the_cells_of_a_function(cells):
    for cell in cells:
        X = made(cell.container, cell.stored, calls.CALLS[cell.function][0])
        if X is None:  # images have four axes
            assert cell.function in takes.read()["functions"]["images"]
            continue
        calls.holds(cell, X)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_missing_values_are_named_by_column_and_count(library):
    missing = {"a": [1, None, 0], "b": [True, None, None], "c": [0.5, float("nan"), 2.0]}
    X = table(library, missing)
    whole = table(library, {name: [1, 2, 3] for name in missing})
    y = table(library, {"y": [1.0, None, 2.0]})
    for call in (
        lambda: relu_ntk(X),
        lambda: relu_ntk(whole, X),
        lambda: NTKRegressor().fit(X, [1.0, 2.0, 3.0]),
    ):
        message = "got 1 in column 'a', 2 in column 'b', 1 in column 'c'"
        with pytest.raises(ValueError, match="must have no missing values .*" + message):
            call()
    with pytest.raises(ValueError, match=r"y must have no missing values .* 1 in column 'y'"):
        NTKRegressor(alpha=1.0).fit(whole, y)


@pytest.mark.torch
def test_what_would_cut_a_derivative_is_refused():
    X = made("torch", "float64", calls.POINTS).requires_grad_()
    with pytest.raises(RuntimeError, match="requires grad"):
        angles(X)
