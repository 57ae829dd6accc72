"""Compiled arithmetic: as exact as the plain one, loaded only when it is worth it."""

import mpmath
import numpy as np
import pytest

from ntklib import nngp, ntk, relu_nngp, relu_ntk
from ntklib._engine import angular, compiled, layers
from tests.unit.samples import points

NETWORKS = {
    "shallow": lambda X: relu_ntk(X, eps=0.7),
    "shallow nngp": relu_nngp,
    "depth 3": lambda X: ntk(X, depth=3),
    "depth 3 nngp": lambda X: nngp(X, depth=3),
    "biases": lambda X: ntk(X, depth=4, b_std=0.3),
    "biases nngp": lambda X: nngp(X, depth=2, b_std=[0, 0.3, 0.5]),
    "leaky": lambda X: ntk(X, depth=3, activation="leaky_relu", b_std=0.1),
    "inner": lambda X: ntk(X, depth=3, trained="inner"),
    "some": lambda X: ntk(X, depth=4, trained=[2, 4], W_std=1.2),
    "readout": lambda X: ntk(X, depth=2, trained="readout"),
    "deep": lambda X: ntk(X, depth=30),
    "deeper": lambda X: ntk(X, depth=40, activation="leaky_relu"),
    "large biases": lambda X: ntk(X, depth=3, b_std=9.0),
    "large biases nngp": lambda X: nngp(X, depth=40, b_std=9.0, activation="absolute"),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_fast_paths_are_as_exact_as_the_plain_one(name, dtype, monkeypatch):
    kernel = NETWORKS[name]
    X = points(150, 6, dtype=dtype)
    X[7], X[8] = X[6], -X[6]
    calls = []
    for tile in ("profile_tile", "relu_tile", "deep_tile"):
        call = getattr(compiled, tile)
        monkeypatch.setattr(compiled, tile, lambda *a, call=call: calls.append(1) or call(*a))

    def value(X, compiled_from, depth=layers.DEPTH):
        monkeypatch.setattr(angular, "COMPILED_FROM", compiled_from)
        monkeypatch.setattr(layers, "DEPTH", depth)
        return kernel(X)

    numpy = value(X, 10**18)
    assert not calls
    fused = value(X, 0)
    assert calls
    # Layers from 1 - cos and 1 + cos, compiled and in plain ufuncs.
    shallow = dict.fromkeys(layers.DEPTH, 0)
    by_defects = value(X, 0, shallow)
    plain = value(X.astype(np.float64), 10**18, shallow)
    scale = np.sqrt(np.outer(np.diag(plain), np.diag(plain)))
    # What a layer's depth allows, and what the lecture's kernels promise in single precision.
    bound = (4e-14 if dtype == np.float64 else 1e-6) * scale
    for fast in (numpy, fused, by_defects):
        assert fast.dtype == dtype
        assert (fast == fast.T).all()
        assert (np.abs(fast - plain) <= bound).all()


def test_polynomials():
    """The promise of the module: what its polynomials are off by, which no kernel shows."""
    worst = dict.fromkeys(("arcsin", "root"), 0.0)
    single = dict(worst)
    for z in np.linspace(1e-9, 0.25, 400):
        with mpmath.workdps(40):
            s = mpmath.sqrt(mpmath.mpf(float(z)))
            right = {
                "arcsin": (mpmath.asin(s) / s - 1) / s**2,
                "root": (mpmath.sqrt(1 - s * s) - 1) / s**2,
            }
        for name, value in right.items():
            double = getattr(compiled, f"_{name}_double").py_func(z)
            worst[name] = max(worst[name], abs(double - float(value)))
            half = getattr(compiled, f"_{name}_single").py_func(float(z))
            single[name] = max(single[name], abs(half - float(value)))
    # The stated errors, and some ulps of the values, at most 0.6, for Horner's rule.
    assert worst["arcsin"] <= 2.4e-16 + 2e-16
    assert worst["root"] <= 2.6e-16 + 2e-16
    assert single["arcsin"] <= 4.3e-9 + 6e-8
    assert single["root"] <= 8.5e-8 + 6e-8
