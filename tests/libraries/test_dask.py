"""Dask arrays of two dtypes, and a number by hand; chapters/takes.toml has the rest."""

import dask.array as da
import numpy as np
import pytest

import ntklib

VALUES = np.array([[1, 2], [3, 1], [0, 2], [0, 0]])


@pytest.mark.parametrize(
    ("left", "right", "wanted"),
    [
        ("int64", "float32", "float64"),
        ("float32", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("bool", "uint8", "float64"),
    ],
)
def test_two_dtypes_of_dask_are_those_of_numpy(left, right, wanted):
    A, B = VALUES.astype(left), VALUES[:3].astype(right)
    found = ntklib.relu_ntk(da.from_array(A, chunks=2), da.from_array(B, chunks=2))
    assert found.dtype == found.compute().dtype == ntklib.relu_ntk(A, B).dtype == wanted


def test_a_sum_of_integers_of_dask():
    """By hand: |x|^2 / 2 on the diagonal, and 2 <x, x'> (pi - theta) / (2 pi) off it."""
    X = VALUES[:3]
    found = float(ntklib.relu_ntk(da.from_array(X, chunks=2)).sum().compute())
    right = np.sum(X * X) / 2
    for i, j in ((0, 1), (0, 2), (1, 2)):
        cross = abs(X[i, 0] * X[j, 1] - X[i, 1] * X[j, 0])
        right += X[i] @ X[j] * (np.pi - np.arctan2(cross, X[i] @ X[j])) / np.pi
    assert abs(found - right) <= 64 * np.finfo(np.float64).eps
    assert round(found, 4) == 17.8645
