"""The kernels on arrays of other libraries: their kind comes back, with the same numbers.

array-api-strict and Dask are always tested. PyTorch and JAX are large, so they are tested where
they are installed; the last test says which of them were.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import array_api_strict
import dask.array as da
import numpy as np
import pytest

import ntklib
from ntklib.array_api import is_foreign

KERNELS = [ntklib.relu_ntk, ntklib.relu_nngp, ntklib.gate_kernel]
# NumPy's path errs by 4e-15, this one scales rows by a division more.
TOLERANCE = {np.float64: 1e-14, np.float32: 4e-6}


def _torch() -> Any:
    import torch

    return torch.asarray


def _jax() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    return jnp.asarray


MAKERS: dict[str, Callable[[], Any]] = {
    "array_api_strict": lambda: array_api_strict.asarray,
    "dask": lambda: lambda A: da.from_array(A, chunks=2),
}
OPTIONAL = {
    name: maker
    for name, maker in {"torch": _torch, "jax": _jax}.items()
    if importlib.util.find_spec(name)
}


@pytest.fixture(params=[*MAKERS, *OPTIONAL])
def asarray(request):
    return {**MAKERS, **OPTIONAL}[request.param]()


def points(dtype=np.float64):
    """General position, equal, opposite, nearly so, tiny, huge, zero."""
    X = np.random.default_rng(3).standard_normal((12, 5))
    X[1], X[2] = 2 * X[0], -3 * X[0]
    X[3] = X[0] + 1e-9 * X[4]
    X[5] = -X[0] + 1e-7 * X[4]
    X[6] = 0
    if dtype == np.float64:
        X[7], X[8] = 1e-150 * X[7], 1e150 * X[8]
    return X.astype(dtype)


def scale(kernel, A, B):
    if kernel is ntklib.gate_kernel:
        return np.ones((len(A), len(B)))
    norms = [np.linalg.norm(points.astype(np.float64), axis=1) for points in (A, B)]
    return np.outer(*norms)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_numbers_and_own_kind(asarray, kernel, dtype):
    A, B = points(dtype), np.random.default_rng(4).standard_normal((5, 5)).astype(dtype)
    for X, Z in ((A, None), (A, B), (B, A)):
        given = [asarray(X)] + ([] if Z is None else [asarray(Z)])
        found = kernel(*given)
        assert type(found) is type(given[0])
        assert str(found.dtype).endswith(np.dtype(dtype).name)
        K = np.asarray(found)
        right = kernel(X.astype(np.float64), None if Z is None else Z.astype(np.float64))
        bound = TOLERANCE[dtype] * scale(kernel, X, X if Z is None else Z)
        gap = np.abs(K - right)
        assert (gap <= bound + np.finfo(dtype).tiny).all()
        if Z is None:
            assert (K == K.T).all()


def test_scale_of_the_network(asarray):
    B = np.random.default_rng(4).standard_normal((5, 5))
    found = np.asarray(ntklib.relu_ntk(asarray(B), eps=0.3))
    assert np.abs(found - ntklib.relu_ntk(B, eps=0.3)).max() <= 1e-14


def test_input_is_not_changed(asarray):
    A = points()
    X = asarray(A.copy())
    ntklib.relu_ntk(X)
    assert np.array_equal(np.asarray(X), A)


def test_bad_input_is_named(asarray):
    X = asarray(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"X must have 2 dimension\(s\)"):
        ntklib.relu_ntk(asarray(np.ones((2, 2, 2))))
    with pytest.raises(ValueError, match="Z must have 2 columns"):
        ntklib.relu_ntk(X, asarray(np.ones((3, 4))))
    with pytest.raises(ValueError, match="eps must be positive"):
        np.asarray(ntklib.relu_ntk(X, eps=-1.0))
    with pytest.raises(ValueError, match="X must be finite"):
        np.asarray(ntklib.relu_ntk(asarray(np.full((3, 2), np.nan))))


def test_integers_and_complex_numbers_are_refused():
    for dtype in ("int64", "complex128"):
        X = array_api_strict.asarray(np.ones((3, 2), dtype=dtype))
        with pytest.raises(TypeError, match="X must be real floating-point numbers"):
            ntklib.relu_ntk(X)


def test_mixed_libraries_are_refused():
    strict, dask = array_api_strict.asarray(np.ones((3, 2))), da.ones((3, 2))
    with pytest.raises(TypeError, match="must be arrays of one library, got array_api_strict and"):
        ntklib.relu_ntk(strict, dask)


def test_numpy_and_lists_are_at_home():
    assert not is_foreign(np.ones(3))
    assert not is_foreign([[1.0]])
    assert not is_foreign(None)


def test_what_was_tested():
    missing = sorted({"torch", "jax"} - set(OPTIONAL))
    if missing:
        warnings.warn(f"not installed, so not tested: {', '.join(missing)}", stacklevel=1)
