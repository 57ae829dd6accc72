"""Rows close to one direction or to opposite ones keep their digits."""

import mpmath as mp
import numpy as np
import pytest

from ntklib import gate_kernel, relu_nngp, relu_ntk
from ntklib._engine import near
from ntklib._engine.points import points
from tests.unit import exact
from tests.unit.samples import crowd

# As in test_kernels: what the functions promise relative to eps^2 |x| |x'|.
TOLERANCE = 4e-15
KERNELS = [relu_ntk, relu_nngp, gate_kernel]


@pytest.mark.parametrize("kind", ["equal", "plus and minus", "scales", "two scales", "cones"])
@pytest.mark.parametrize("d", [2, 30])
def test_crowded_data_keep_all_digits(kind, d):
    rng = np.random.default_rng(d)
    X = crowd(kind, 64, d, rng)
    norm = np.linalg.norm(X, axis=1)
    scales = (np.outer(norm, norm), np.outer(norm, norm), np.ones((len(X), len(X))))
    values = [k(X) / s for k, s in zip(KERNELS, scales, strict=True)]
    between = [k(X, X.copy()) / s for k, s in zip(KERNELS, scales, strict=True)]
    for i, j in rng.integers(0, len(X), (150, 2)):
        right = exact.lecture(X[i], X[j])[:3]
        for K, B, value in zip(values, between, right, strict=True):
            assert abs(K[i, j] - float(value)) <= TOLERANCE
            assert abs(B[i, j] - float(value)) <= TOLERANCE


def defects(X, by):
    """1 - |cos| of all pairs of rows, and the pairs."""
    side, n = points(X), len(X)
    i, j = np.indices((n, n)).reshape(2, -1)
    negative = np.sum(side.unit[i] * side.unit[j], axis=1) < 0
    return by(side, side, slice(0, n), slice(0, n), i, j, negative), i, j


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("kind", ["plus and minus", "scales", "two scales", "cones"])
def test_distances_are_known_to_an_ulp_of_the_angle(kind, few, monkeypatch):
    """By one product or pair by pair: an ulp of the root of 1 - |cos|, and a few of its value."""
    rng = np.random.default_rng(3)
    X = crowd(kind, 24, 5, rng)
    if few:
        monkeypatch.setattr(near, "DENSE", 2.0)
    found, i, j = defects(X, near.defects_by_differences)
    for k in rng.integers(0, len(found), 60):
        angle = exact.lecture(X[i[k]], X[j[k]])[3]
        with mp.workdps(60):
            right = mp.sqrt(1 - abs(mp.cos(angle)))
            gap = abs(mp.sqrt(mp.mpf(float(found[k]))) - right)
            assert gap <= 4 * np.finfo(float).eps * (1 + right)


@pytest.mark.parametrize("few", [False, True])
def test_products_in_double_are_enough_for_single_precision(few, monkeypatch):
    X = crowd("cones", 60, 7, np.random.default_rng(4)).astype(np.float32)
    if few:
        monkeypatch.setattr(near, "DENSE", 2.0)
    found, i, j = defects(X, near.defects_by_products)
    assert found.dtype == np.float64
    assert found.min() >= 0
    unit = points(X.astype(np.float64)).unit
    assert np.abs(found - 1 + np.abs(np.sum(unit[i] * unit[j], axis=1))).max() <= 2e-15


def test_crowded_data_go_by_products(monkeypatch):
    """Most distances come from a product of short differences, not one by one."""
    pairs = []
    einsum = np.einsum

    def counted(how, *arrays):
        pairs.append(len(arrays[0]))
        return einsum(how, *arrays)

    X = crowd("cones", 400, 50, np.random.default_rng(0))
    monkeypatch.setattr(np, "einsum", counted)
    found, i, j = defects(X, near.defects_by_differences)
    # Beside the pairs, the lengths of 400 rows (of the points, and of both sides' differences).
    assert sum(pairs) < 0.01 * len(i)
    unit = points(X).unit
    assert np.abs(found - (1 - np.abs(np.sum(unit[i] * unit[j], axis=1)))).max() < 1e-14
