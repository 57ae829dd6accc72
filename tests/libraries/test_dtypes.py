"""Every kernel on every dtype of every library: the dtype of the result, or an error by name."""

import importlib
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest

import ntklib
from ntklib import least_squares

KERNELS: dict[str, Any] = {
    "relu_ntk": ntklib.relu_ntk,
    "relu_nngp": ntklib.relu_nngp,
    "gate_kernel": ntklib.gate_kernel,
    "ntk": lambda X: ntklib.ntk(X, depth=2, b_std=0.5),
    "nngp": lambda X: ntklib.nngp(X, depth=2, activation="erf"),
}
INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
# JAX and torch say themselves what they multiply integers to; NumPy and its kin make float64.
KEEPS = {"numpy": INTEGERS, "dask": INTEGERS, "pandas": INTEGERS, "torch": (), "jax": ()}
VALUES = np.array([[1, 2], [3, 1], [0, 2], [0, 0]])


def made(library: str, dtype: str) -> Any:
    X = VALUES.astype(dtype)
    if library == "torch":
        return importlib.import_module("torch").asarray(X)
    if library == "jax":
        jax = importlib.import_module("jax")
        jax.config.update("jax_enable_x64", True)
        return jax.numpy.asarray(X)
    return {
        "numpy": np.asarray,
        "pandas": pd.DataFrame,
        "dask": lambda A: da.from_array(A, chunks=2),
    }[library](X)


# torch and JAX have one way for the shallow kernels and one for the deep.
CASES = [
    pytest.param(library, kernel, marks=[pytest.mark.torch] * (library == "torch"))
    for library in KEEPS
    for kernel in (("relu_ntk", "ntk") if library in ("torch", "jax") else KERNELS)
]


@pytest.mark.parametrize(("library", "kernel"), CASES)
@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64", "complex128"])
def test_dtype_of_the_result(library, dtype, kernel):
    """Values differ by the rounding of another summation: 16 ulps of entries below 16."""
    X = made(library, dtype)
    if dtype == "complex128" or dtype not in (*KEEPS[library], "float32", "float64"):
        with pytest.raises(TypeError, match=r"X must be real (floating-point )?numbers, got dtype"):
            KERNELS[kernel](X)
        return
    found = KERNELS[kernel](X)
    wanted = "float32" if dtype == "float32" else "float64"
    assert str(found.dtype).split(".")[-1] == wanted
    values = np.asarray(found)
    assert values.dtype == wanted
    right = KERNELS[kernel](VALUES.astype(dtype).astype(np.float64))
    assert np.abs(values - right).max() <= 16 * 16 * np.finfo(wanted).eps


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


@pytest.mark.parametrize(
    "function",
    [
        ntklib.angles,
        ntklib.with_bias,
        least_squares.numerical_rank,
        lambda X: ntklib.ShallowNetwork.random(2, 4, rng=np.random.default_rng(0))[0].empirical_ntk(
            X, W=np.ones((4, 2))
        ),
    ],
    ids=["angles", "with_bias", "numerical_rank", "empirical_ntk"],
)
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("library", ["numpy", "dask", "pandas"])
def test_other_functions_take_integers_as_float64(library, dtype, function):
    found = function(made(library, dtype)[:3])
    right = function(VALUES[:3].astype(dtype).astype(np.float64))
    assert np.array_equal(found, right)
    assert np.asarray(found).dtype == np.asarray(right).dtype
