"""Blocks and tiles: the same matrix whatever their size, in the memory of the result."""

import tracemalloc

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ntklib import angles, gate_kernel, relu_nngp, relu_ntk
from ntklib._engine import angular
from ntklib._engine.sizes import lower_tiles, slices
from tests.unit.samples import crowd, points

# As in test_kernels: what the functions promise relative to eps^2 |x| |x'|.
TOLERANCE = 4e-15
SINGLE = 1e-6


@pytest.mark.parametrize("kernel", [relu_ntk, relu_nngp, gate_kernel, angles])
@pytest.mark.parametrize("n", [1, 15, 16, 17, 49, 100])
def test_tiles_make_the_same_matrix(kernel, n, small_tiles):
    X, Z = points(n, 7), points(61, 7, 1)
    whole, between = kernel(X), kernel(X, Z)
    small_tiles()
    scale = np.outer(np.linalg.norm(X, axis=1), np.linalg.norm(X, axis=1)) + 4
    assert (np.abs(kernel(X) - whole) <= TOLERANCE * scale).all()
    assert (kernel(X) == kernel(X).T).all()
    assert np.abs(kernel(X, Z) - between).max() <= TOLERANCE * scale.max()


@pytest.mark.parametrize(("n", "step"), [(1, 4), (4, 4), (5, 4), (23, 7)])
def test_slices_and_tiles_cover_each_entry_once(n, step):
    assert [k for part in slices(2, 2 + n, step) for k in range(100)[part]] == [*range(2, 2 + n)]
    assert max(part.stop - part.start for part in slices(2, 2 + n, step)) <= step
    count = np.zeros((n, n), int)
    for tile in lower_tiles(n, step):
        count[tile] += 1
    assert (count[np.tril_indices(n)] == 1).all()
    assert (count <= 1).all()
    assert count.sum() <= n * (n + step) / 2


@pytest.fixture
def loaded(monkeypatch):
    """Load the compiled arithmetic, also for tiles of a larger matrix: its memory is numba's."""
    with monkeypatch.context() as patch:
        patch.setattr(angular, "COMPILED_FROM", 0)
        for dtype in (np.float64, np.float32):
            relu_ntk(np.eye(300, dtype=dtype))


def peak_of(X):
    tracemalloc.start()
    try:
        K = relu_ntk(X)
        return K, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["generic", "equal", "plus and minus", "two scales", "low"])
def test_memory(kind, dtype, loaded):
    """The result, one copy of the points, some tiles: 1.1 times the result once n >> d."""
    rng = np.random.default_rng(0)
    if kind == "generic":
        X = rng.standard_normal((4000, 40))
    elif kind == "low":
        X = rng.standard_normal((4000, 2))
    else:
        X = crowd(kind, 4000, 8, rng)
    with threadpool_limits(1, user_api="blas"):  # there are as many tiles as threads
        K, peak = peak_of(X.astype(dtype))
    assert K.dtype == dtype
    # Beside the result: some tiles of one thread, 12 MB at worst.
    assert peak - K.nbytes <= 12e6


def test_memory_is_that_of_the_result_when_it_is_large(loaded):
    K, peak = peak_of(np.random.default_rng(0).standard_normal((8000, 40)).astype(np.float32))
    assert peak <= 1.1 * K.nbytes


def test_extreme_norms_in_tiles(small_tiles):
    small_tiles()
    X = points(60, 5)
    scales = np.logspace(-150, 150, 60)
    ones = relu_ntk(X)
    K = relu_ntk(X * scales[:, None])
    factor = np.outer(scales, scales)
    assert (
        np.abs(K / factor - ones) <= 2 * TOLERANCE * np.outer(*[np.linalg.norm(X, axis=1)] * 2)
    ).all()
    wide = (X * np.logspace(-18, 18, 60)[:, None]).astype(np.float32)
    reference = relu_ntk(wide.astype(np.float64))
    norm = np.linalg.norm(wide.astype(np.float64), axis=1)
    inside = np.outer(norm, norm) > 1e-30  # below, float32 itself has fewer digits
    error = np.abs(relu_ntk(wide) - reference)
    assert (error[inside] <= SINGLE * np.outer(norm, norm)[inside]).all()
    with pytest.raises(OverflowError, match="values beyond"):
        relu_ntk(np.full((3, 2), 1e20, dtype=np.float32))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_was_in_memory_does_not_matter(dtype, monkeypatch):
    X, Z = points(300, 20, dtype=dtype), points(280, 20, 1, dtype)
    right = relu_ntk(X), relu_ntk(X, Z)
    empty = np.empty

    def full_of_nan(shape, dtype=float, **how):
        found = empty(shape, dtype, **how)
        if found.dtype.kind == "f":
            found.fill(np.nan)
        return found

    monkeypatch.setattr(np, "empty", full_of_nan)
    assert np.isnan(np.empty(3)).all()
    assert np.array_equal(relu_ntk(X), right[0])
    assert np.array_equal(relu_ntk(X, Z), right[1])


def test_no_negative_zero():
    assert not np.signbit(relu_ntk(np.eye(4))).any()
    assert not np.signbit(relu_ntk(np.vstack([np.eye(3), np.zeros(3)]))).any()
