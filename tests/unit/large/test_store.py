"""A matrix on disk: it goes on where it was stopped, and is no other's."""

import numpy as np
import pytest

from ntklib import relu_ntk
from ntklib.large import dask_operator, store_gram
from tests.unit.samples import rounding_of_product

N = 300


def test_store_goes_on_where_it_was_stopped(X, tmp_path):
    calls = []

    def failing(A, B=None):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(1)
        return relu_ntk(A, B)

    def counted(A, B=None):
        calls.append(1)
        return relu_ntk(A, B)

    options = {"name": "relu_ntk", "chunk": 100, "dtype": np.float64, "progress": True}
    with pytest.raises(KeyboardInterrupt):
        store_gram(failing, X, tmp_path / "K", **options)
    assert len(calls) == 4
    K = store_gram(counted, X, tmp_path / "K", **options)
    assert len(calls) == 6  # of six blocks
    assert np.abs(K[:] - relu_ntk(X)).max() <= 8e-15
    assert (K[:] == K[:].T).all()
    store_gram(counted, X, tmp_path / "K", **options)
    assert len(calls) == 6


def test_store_refuses_another_matrix(X, tmp_path):
    store_gram(relu_ntk, X, tmp_path / "K", name="relu_ntk", chunk=100)
    for change in ({"name": "relu_nngp"}, {"chunk": 50}, {"dtype": np.float64}):
        options = {"name": "relu_ntk", "chunk": 100, **change}
        with pytest.raises(ValueError, match="path holds another matrix"):
            store_gram(relu_ntk, X, tmp_path / "K", **options)
    with pytest.raises(ValueError, match="its points is"):
        store_gram(relu_ntk, X + 1, tmp_path / "K", name="relu_ntk", chunk=100)


def test_multiply_out_of_core(X, tmp_path, rng):
    import dask.array as da

    K = store_gram(relu_ntk, X, tmp_path / "K", name="relu_ntk", chunk=100, dtype=np.float64)
    v = rng.standard_normal(N)
    found = dask_operator(da.from_zarr(K)) @ v
    assert np.abs(found - relu_ntk(X) @ v).max() <= rounding_of_product(relu_ntk(X), v) + 8e-15 * N
