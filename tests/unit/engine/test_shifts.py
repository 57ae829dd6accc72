"""Averages over cyclic shifts by transforms: cosines to the bound, angles near 0 and pi exactly."""

import math
from functools import partial

import numpy as np
import pytest

from ntklib import ntk, relu_ntk
from ntklib._engine import angular as engine
from ntklib._engine.angular import NTK, angular
from ntklib._engine.points import points
from ntklib._engine.shifts import average, error_of_cosines, lengths, positions
from ntklib.groups import averaged, cyclic_shifts
from tests.unit.samples import refused

U = 2.0**-53
# Of small and of large prime factors, of one to three axes.
GRIDS = [(1,), (2,), (8,), (11,), (97,), (210,), (4, 6), (11, 5), (2, 3, 5), (13, 17)]


class Recording:
    """A kernel that keeps the cosines it is given."""

    def __init__(self, left, right):
        self.left, self.right = (
            (np.ones(len(s)), np.zeros(len(s), dtype=int)) for s in (left, right)
        )
        self.diagonal = None
        self.tiles = []

    def bulk(self, cos, rows, columns, scratch):
        self.tiles.append(cos.copy())

    def near(self, minus, plus, rows, columns):
        return (plus - minus) / 2


@pytest.mark.parametrize("grid", GRIDS)
def test_cosines_are_off_by_no_more_than_the_bound(grid):
    """Against whole numbers, whose inner products are exact, and 3 roundings of the cosine.

    To first order the bound says nothing of products of roundings: below 300 of those, 2 percent.
    """
    rng = np.random.default_rng(1)
    d = math.prod(grid)
    X, Z = rng.integers(0, 99, (2, 4, d)) + 1
    X[1] -= 50
    Z[2:] *= rng.random((2, d)) < 0.3
    Z[:, 0] += 1
    left, right = points(X.astype(float)), points(Z.astype(float))
    kernel = Recording(left, right)
    average(kernel, left, right, grid, np.dtype(float))
    found = np.array(kernel.tiles)
    inner = np.einsum("id,jsd->sij", X, Z[:, positions(grid, slice(None))])
    exact = inner / np.sqrt(np.outer((X * X).sum(axis=1), (Z * Z).sum(axis=1)))
    far = np.abs(exact) < 0.98
    assert np.abs(found - exact)[far].max(initial=0) <= 1.02 * error_of_cosines(grid) + 3 * U


def test_the_bound_that_is_stated():
    for grid in GRIDS:
        stated = 30 * math.log2(math.prod(grid)) + 60 * len(grid) + 14
        assert error_of_cosines(grid) <= stated * U


def test_lengths_of_transforms():
    assert lengths((210, 128)) == (210, 128)
    # What does not wrap around has 2 k - 1 places.
    for k in (11, 13, 97, 127, 509):
        (length,) = lengths((k,))
        assert 2 * k - 1 <= length < 4 * k


@pytest.mark.parametrize("grid", GRIDS)
def test_positions_are_the_shifts(grid):
    z = np.arange(math.prod(grid))
    for s, places in enumerate(positions(grid, slice(None))):
        by = np.unravel_index(s, grid)
        rolled = np.roll(z.reshape(grid), [-k for k in by], axis=tuple(range(len(grid))))
        assert np.array_equal(z[places], rolled.ravel())


def crowded(grid, rng):
    """Points near to shifts of each other and to their opposites, constant ones, and zero."""
    d = math.prod(grid)
    X, Z = rng.standard_normal((2, 9, d))
    places = positions(grid, slice(None))
    for row, gap in enumerate((0, 1e-15, 1e-9, 1e-5, 1e-2)):
        Z[row] = 2 * X[row, places[row % d]] + gap * Z[row]
    Z[5] = -X[5, places[-1]]
    X[6:8] = 1 + 1e-7 * X[6:8]
    Z[6] = 3
    Z[7] = 0
    return X, Z


@pytest.mark.parametrize("grid", GRIDS)
def test_the_transforms_agree_with_the_sum(grid):
    """Where shifts are far, 1.63 times the bound of the cosines; else 4e-15, as for relu_ntk.

    The sum has relu_ntk's own bound; a mean of d terms in groups of sqrt(d) adds 2 sqrt(d) u / 2.
    """
    X, Z = crowded(grid, np.random.default_rng(2))
    d = math.prod(grid)
    kernel, group = partial(relu_ntk, eps=0.5), cyclic_shifts(*grid)
    fast, right = (averaged(kernel, group, method=m) for m in ("fft", "sum"))
    scale = np.linalg.norm(X, axis=1)[:, None] * np.linalg.norm(Z, axis=1) * kernel([[1]])[0, 0] * 2
    bound = 1.02 * 1.63 * error_of_cosines(grid) + 2 * U * (d + 50) + 4e-15 + math.sqrt(d) * U
    assert (np.abs(fast(X, Z) - right(X, Z)) <= bound * scale).all()
    K, scale = fast(X), np.outer(*2 * [np.linalg.norm(X, axis=1)]) * kernel([[1]])[0, 0] * 2
    assert (np.abs(K - right(X)) <= bound * scale).all()
    assert (K == K.T).all()


def test_angles_near_zero_keep_their_digits():
    """A point and a shift of it, but for 1e-9: a cosine does not know the angle, the kernel must.

    One of the 256 terms is that one. Their errors are those of relu_ntk, 4e-15 at most beside what
    256 roundings of an inner product make of the others here, which are of random points.
    """
    rng = np.random.default_rng(3)
    x, by = rng.standard_normal((2, 256))
    by -= np.roll(x, 5) * (np.roll(x, 5) @ by) / (x @ x)
    z = np.roll(x, 5) + 1e-9 * np.linalg.norm(x) * by / np.linalg.norm(by)
    left, right = points(x[None]), points(z[None])
    kernel = angular(NTK, left, right)
    found = average(kernel, left, right, (256,), np.dtype(float))[0, 0]
    others = [np.roll(z, s) for s in range(256) if s != 251]
    cos = np.array([x @ v / np.linalg.norm(x) / np.linalg.norm(z) for v in others])
    norms = np.linalg.norm(x) * np.linalg.norm(z)
    exact = (cos * (np.pi - np.arccos(cos))).sum() + np.pi - 1e-9
    exact *= norms / (2 * np.pi) / 256
    assert abs(found - exact) <= 4e-15 * norms
    assert 1e-9 / (2 * np.pi) / 256 > 100 * 4e-15  # what is lost where 1e-9 is not seen


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_tiles_in_threads(dtype, compiled, small_tiles, threaded, monkeypatch):
    """Tiles of all shapes, mirrored; biases, whose shares depend on the row; extreme lengths.

    Both ways have the bound of ntk, 1e-13; results in float32 have some ulps in its place.
    """
    rng = np.random.default_rng(4)
    X = rng.standard_normal((50, 12)).astype(dtype)
    X *= np.logspace(-3, 3, 50)[:, None].astype(dtype)
    kernel, group = partial(ntk, depth=2, b_std=0.3), cyclic_shifts(3, 4)
    fast, right = (averaged(kernel, group, method=m) for m in ("fft", "sum"))
    wanted, scale = right(X), np.sqrt(np.outer(*2 * [kernel(X).diagonal().astype(float)]))
    small_tiles()
    if compiled:
        monkeypatch.setattr(engine, "COMPILED_FROM", 0)
    bound = 2e-13 if dtype == np.float64 else 16 * 2.0**-24
    with threaded() as seen:
        K, L = fast(X), fast(X[:21], X)
    assert len(seen) > 1
    assert K.dtype == L.dtype == dtype
    assert (np.abs(K - wanted) <= bound * scale).all()
    assert (np.abs(L - wanted[:21]) <= bound * scale[:21]).all()
    assert (K == K.T).all()


def test_lengths_out_of_range():
    X = np.random.default_rng(5).standard_normal((5, 12))
    kernel = averaged(relu_ntk, cyclic_shifts(12), method="fft")
    K = kernel(X)
    assert np.abs(kernel(np.ldexp(X, -700), np.ldexp(X, 700)) - kernel(X, X)).max() == 0
    assert np.abs(kernel(X, X) - K).max() <= 1e-14 * K.max()
    refused("values beyond", kernel, np.ldexp(X, 700), error=OverflowError)
