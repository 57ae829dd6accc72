"""Networks of ReLU layers on correlations that are away from -1 and 1, as fast as they go.

A layer takes a correlation r to (1 + leak) kappa_1(r) - leak r and a tangent kernel t to
((1 + leak) kappa_0(r) - leak) t, with

    kappa_0(r) = (pi/2 + arcsin r) / pi,    kappa_1(r) = (sqrt(1 - r^2) + r (pi/2 + arcsin r)) / pi,

leak 0 for ReLU (``ntklib.expectations.Homogeneous`` of degree 1). Away from -1 and 1 the
rounding of r is harmless through the depths of `DEPTH`; elsewhere and beyond, layers go from
1 - r and 1 + r.

Two implementations: in-place ufuncs, and one pass compiled with numba where that is installed (the
extra ``fast``) and the matrix is worth its start. The environment variable NTKLIB_NUMBA=0 turns the
second off.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ntklib._tiles import Scratch
from ntklib._validate import Array

# Depths up to which the error of an entry below `NEAR`, relative to the kernel's scale, stays below
# 4e-14 in float64 and 8e-7 in float32: it doubles about every doubling of the depth.
DEPTH = {np.dtype(np.float64): 32, np.dtype(np.float32): 8}
# Entries of a matrix from which on the compiled path is taken. The first such call of a process
# loads numba (about half a second), the first after installation compiles (some seconds); each
# later one saves a tenth to a third of its time.
COMPILED_FROM = 4_000_000

_NONE = np.zeros((1, 0)), np.zeros((1, 0))

Fused = Callable[[Array, slice, slice], None]


class ReluLayers:
    """A network of ReLU layers.

    Parameters
    ----------
    trained, mixed : sequence of bool, length L + 1
        Layers that are trained, layers that have biases.
    leak : float
    tangent : bool
        Tangent kernel, or covariance.
    left, right : tuple of ndarray, shapes (L + 1, n), (L + 1, n')
        Shares of weights and of biases at the points; read in layers that have biases.
    """

    def __init__(
        self,
        trained: Any,
        mixed: Any = None,
        leak: float = 0.0,
        tangent: bool = True,
        left: tuple[Array, Array] = _NONE,
        right: tuple[Array, Array] = _NONE,
    ) -> None:
        self.trained = np.array(trained, dtype=bool)
        if tangent and not self.trained.any():
            raise ValueError("a tangent kernel needs a trained layer")
        self.last = len(self.trained) - 1
        self.mixed = np.zeros(self.last + 1, dtype=bool) if mixed is None else np.array(mixed)
        self.leak, self.tangent = leak, tangent
        self._sides = left, right
        self._cast: dict[np.dtype[Any], tuple[Array, Array, Array, Array]] = {}

    def accurate(self, dtype: np.dtype[Any]) -> bool:
        """Whether this depth keeps the accuracy in the dtype."""
        return self.last <= DEPTH[dtype]

    def _shares(self, dtype: np.dtype[Any]) -> tuple[Array, Array, Array, Array]:
        if dtype not in self._cast:
            left, right = self._sides
            a, b, c, d = (v.astype(dtype) for v in (*left, *right))
            self._cast[dtype] = a, b, c, d
        return self._cast[dtype]

    def bulk(self, cos: Array, rows: slice, columns: slice, scratch: Scratch) -> None:
        """Overwrite cosines by values, with ufuncs in place."""
        r, w, s = cos, scratch(1, cos.shape), scratch(2, cos.shape)
        t: Array | None = None
        a, b, c, d = self._shares(cos.dtype)
        for layer in range(self.last + 1):
            if self.mixed[layer]:
                np.multiply(a[layer, rows, None], c[layer, columns], out=s)
                r *= s
                if t is not None:
                    t *= s
                np.multiply(b[layer, rows, None], d[layer, columns], out=s)
                r += s
            if self.tangent and self.trained[layer]:
                if t is None:
                    t = scratch(3, cos.shape)
                    np.copyto(t, r)
                else:
                    t += r
            if layer == self.last:
                break
            np.arcsin(r, out=w)
            w += math.pi / 2
            w *= (1 + self.leak) / math.pi
            if t is None or layer + 1 < self.last or self.trained[self.last]:
                np.multiply(r, r, out=s)
                np.subtract(1, s, out=s)
                np.sqrt(s, out=s)
                s *= (1 + self.leak) / math.pi
                if self.leak:
                    w -= self.leak
                r *= w
                r += s
            elif self.leak:
                w -= self.leak
            if t is not None:
                t *= w
        if self.tangent:
            assert t is not None  # some layer is trained
            np.copyto(cos, t)

    def fused(self, left: Array, right: Array) -> Fused | None:
        """The compiled arithmetic, in place on a tile, or None if it does not serve."""
        compiled = _compiled() if len(left) * len(right) >= COMPILED_FROM else None
        if compiled is None:
            return None
        a, b, c, d = self._shares(left.dtype)

        def run(tile: Array, rows: slice, columns: slice) -> None:
            compiled.relu_tile(
                tile,
                float(self.leak),
                self.trained,
                self.mixed,
                bool(self.tangent),
                left[rows],
                right[columns],
                a[:, rows],
                b[:, rows],
                c[:, columns],
                d[:, columns],
            )

        return run


def _compiled() -> Any | None:
    if os.environ.get("NTKLIB_NUMBA", "1") == "0":
        return None
    return _load()


@cache
def _load() -> Any | None:
    try:
        return importlib.import_module("ntklib._compiled")
    except ImportError:
        return None
