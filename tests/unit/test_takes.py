"""The table of what functions take, cell by cell, for what NumPy, pandas and Dask hold."""

import copy
import inspect
from itertools import groupby

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVR

import ntklib
from ntklib import (
    complexity,
    concentration,
    convolution,
    deep,
    groups,
    harmonics,
    kernels,
    large,
    least_squares,
    systems,
)
from ntklib.gaussian_process import NetworkKernel
from tests import takes as calls
from tests.unit.samples import refused
from tools import takes

TABLE = takes.read()
# What a list can say of the dtype of its numbers.
IN_LISTS = {"bool", "int64", "float64", "complex128", "str"}


def frame(A, stored):
    """A data frame of these dtypes, column by column."""
    dtypes = stored.split(" + ")
    kinds = {"Float32", "Float64", "Int8", "Int64", "UInt16", "boolean"}
    table = pd.DataFrame(A if stored in kinds else A.astype(dtypes[0]))
    if stored in kinds:
        return table.astype(bool if stored == "boolean" else float).astype(stored)
    for column, dtype in enumerate(dtypes[1:], start=1):
        table[column] = table[column].astype(dtype)
    return table


def made(container, stored, points):
    """The points in a container, or None where it cannot hold them."""
    if container == "pandas":
        return frame(points, stored) if points.ndim == 2 else None
    A = points.astype(stored)
    if container == "list":
        return A.tolist() if stored in IN_LISTS else None
    return da.from_array(A, chunks=2) if container == "dask" else A


CELLS = {
    f"{function}-{container}": list(group)
    for (function, container), group in groupby(
        sorted(takes.cells("unit")), key=lambda cell: cell[:2]
    )
}


@pytest.mark.parametrize("cells", CELLS.values(), ids=CELLS)
def test_the_cells_of_a_function(cells):
    for cell in cells:
        X = made(cell.container, cell.stored, calls.CALLS[cell.function][0])
        if X is None:
            assert cell.container == "list" or cell.function in TABLE["functions"]["images"]
            continue
        before = copy.deepcopy(X)
        calls.holds(cell, X)
        assert np.array_equal(np.asarray(X), np.asarray(before)), cell  # nothing is changed


def damaged(how, points):
    """Points that nothing takes, or None where this cannot be done to them."""
    A = points.astype(np.float64)
    if how in ("nan", "inf"):
        A.flat[0] = float(how)
        return A
    if how == "no rows":
        return A[:0]
    if how == "no columns":
        return A[..., :0]
    if how == "masked":
        return np.ma.masked_array(A, A == 0)
    if A.ndim != 2:
        return None
    if how == "missing in pandas":
        table = pd.DataFrame(A).convert_dtypes()
        table.iloc[0, 0] = pd.NA
        return table
    return scipy.sparse.csr_array(A)


@pytest.mark.parametrize("function", takes.names(TABLE))
@pytest.mark.parametrize(
    ("how", "row"), [(how, row) for row in TABLE["never"] for how in row["made"]]
)
def test_what_is_never_taken(function, how, row):
    points, call = calls.CALLS[function]
    X = damaged(how, points)
    if X is None:
        assert function in TABLE["functions"]["images"]
        return
    refused(row["message"], call, X, np.float64, error=calls.ERRORS[row["error"]])


def test_every_function_is_in_the_table_once():
    names = takes.names(TABLE)
    assert len(names) == len(set(names))
    assert set(names) == set(calls.CALLS)
    shown = [g for part in TABLE["table"] for column in part["columns"] for g in column["groups"]]
    assert set(shown) == set(TABLE["functions"]) - {"images"}
    modules = (
        *(complexity, concentration, convolution, deep, groups, harmonics, kernels, large),
        *(least_squares, systems),
    )
    public = {
        name
        for module in modules
        for name, value in vars(module).items()
        if inspect.isroutine(value) or inspect.isclass(value)
        if value.__module__.startswith(module.__name__) and not name.startswith("_")
    }
    # Of the package, not of its readers.
    public -= {"Deep", "Mixed", "at", "correlate", "forward", "kernel_diagonal", "kernel_matrix"}
    public |= {name for name in ntklib.__all__}
    wanted = public - set(TABLE["exempt"])
    assert {name for name in wanted if name not in {n.split(".")[0] for n in names}} == set()


def test_every_result_on_the_page_is_tried():
    """Each way to store numbers, in each column, by some function in some container."""
    tried = {
        (cell.function, cell.stored)
        for cell in takes.cells("unit")
        if made(cell.container, cell.stored, calls.CALLS[cell.function][0]) is not None
    }
    # tests/libraries leaves nothing out.
    tried |= {(cell.function, cell.stored) for cell in takes.cells("libraries")}
    assert {part["where"] for part in TABLE["table"]} == {"unit", "libraries"}
    for part in TABLE["table"]:
        for row in part["row"]:
            assert row["stored"]
            for column, _ in zip(part["columns"], row["results"], strict=True):
                functions = [f for group in column["groups"] for f in TABLE["functions"][group]]
                for stored in row["stored"]:
                    assert any((function, stored) in tried for function in functions)


def test_a_wrong_table_would_be_seen():
    """A cell that says anything else is refuted by its test."""
    for cells in (
        list(group) for _, group in groupby(sorted(takes.cells("unit")), lambda c: c.function)
    ):
        right = next(c for c in cells if (c.container, c.stored) == ("numpy", "float32"))
        others = {"float32", "float64", "TypeError"} - {right.result}
        X = calls.CALLS[right.function][0].astype("float32")
        for result in others:
            with pytest.raises((AssertionError, pytest.fail.Exception)):
                calls.holds(right._replace(result=result), X)


@pytest.mark.parametrize("kernel", [ntklib.relu_ntk, ntklib.relu_nngp, ntklib.gate_kernel])
def test_points_one_by_one_are_refused_by_name(kernel):
    """KernelRidge and Nystroem pass rows to a function; SVR passes the matrix, and is served."""
    X, target = np.vander(np.arange(1.0, 6), 3), np.arange(5.0)
    refused("a single point is a row", KernelRidge(kernel=kernel).fit, X, target)
    refused("a single point is a row", Nystroem(kernel=kernel, n_components=2).fit, X)
    right = SVR(kernel="precomputed").fit(kernel(X), target).predict(kernel(X))
    np.testing.assert_allclose(SVR(kernel=kernel).fit(X, target).predict(X), right)
    refused("a single point is a row", kernel, X[0])
    refused("a single point is a row", NetworkKernel(), X[0])
