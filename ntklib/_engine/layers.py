"""Layers of ReLU-like activations, in place on correlations and from 1 - r and 1 + r.

A layer of degree one takes a correlation r to (1 + leak) kappa_1(r) - leak r and a tangent kernel t
to ((1 + leak) kappa_0(r) - leak) t, with

    kappa_0(r) = (pi - theta) / pi,    kappa_1(r) = (sin theta + r (pi - theta)) / pi,

and leak 0 for the ReLU. Away from -1 and 1 the rounding of r is harmless through the depths of
`DEPTH`; there a whole network of such layers is done in place on a tile, or compiled
(`ReluLayers`). Elsewhere and beyond, and for other degrees, layers go from 1 - r and 1 + r: for
degree one compiled, too, and in ufuncs (`power_layer`).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ntklib._engine.angular import Fused, arc, compiled, fold, real, sine
from ntklib._engine.blocks import Scratch
from ntklib._engine.portable import constant, is_foreign, namespace, root_of_defect
from ntklib._validate import Array

# Depths up to which the error of an entry below `NEAR`, relative to the kernel's scale, stays below
# 4e-14 in float64 and 8e-7 in float32: it doubles about every doubling of the depth.
DEPTH = {np.dtype(np.float64): 32, np.dtype(np.float32): 8}

# Below this angle sin - angle * cos is summed as a series.
_SERIES = 0.5
# (-1)^(k+1) 2k / (2k+1)!, the series of (sin x - x cos x) / x in x^2; the next is 1e-18 at 0.5.
_COEFFICIENTS = tuple((-1) ** (k + 1) * 2 * k / math.factorial(2 * k + 1) for k in range(1, 9))

_NONE = np.zeros((1, 0)), np.zeros((1, 0))


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
    mild : bool
        False if biases take correlations so close to 1 that they must be known as 1 - r.
    """

    def __init__(
        self,
        trained: Any,
        mixed: Any = None,
        leak: float = 0.0,
        tangent: bool = True,
        left: tuple[Array, Array] = _NONE,
        right: tuple[Array, Array] = _NONE,
        mild: bool = True,
    ) -> None:
        self.trained = np.array(trained, dtype=bool)
        if tangent and not self.trained.any():
            raise ValueError("a tangent kernel needs a trained layer")
        self.last = len(self.trained) - 1
        self.mixed = np.zeros(self.last + 1, dtype=bool) if mixed is None else np.array(mixed)
        self.leak, self.tangent, self.mild = leak, tangent, mild
        self._sides = left, right
        self._cast: dict[np.dtype[Any], tuple[Array, Array, Array, Array]] = {}

    def accurate(self, dtype: np.dtype[Any]) -> bool:
        """Whether layers in place on correlations keep the accuracy in the dtype."""
        return self.mild and self.last <= DEPTH[dtype]

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
            arc(r, w)
            w *= (1 + self.leak) / math.pi
            if t is None or layer + 1 < self.last or self.trained[self.last]:
                sine(r, s)
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
        easy = self.accurate(left.dtype)
        # Layers from 1 - r and 1 + r take long in ufuncs: each counts like a matrix.
        module = compiled(len(left) * len(right) * (1 if easy else self.last))
        if module is None:
            return None
        through = module.relu_tile if easy else module.deep_tile
        a, b, c, d = self._shares(left.dtype if easy else np.dtype(np.float64))

        def run(tile: Array, rows: slice, columns: slice) -> None:
            through(
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


class Power(NamedTuple):
    """The activation positive z_+^degree + negative (-z)_+^degree."""

    degree: int
    positive: float
    negative: float

    @property
    def square(self) -> float:
        return self.positive * self.positive + self.negative * self.negative

    @property
    def twice(self) -> float:
        return 2 * self.positive * self.negative

    @property
    def odd(self) -> int:
        """(2 degree - 1)!!, which is J_degree(0) / pi."""
        return math.prod(range(1, 2 * self.degree, 2))


def power_layer(law: Power, minus: Any, plus: Any) -> tuple[Any, Any, Any]:
    """1 - r, 1 + r and the slope of r after the activation; arrays of any library.

    J_p are the arc-cosine kernels (:class:`ntklib.expectations.Homogeneous`). They are computed at
    the supplement, H_q = J_q(pi - angle), where they are small, and J_p(0) - J_p(angle) without the
    subtraction.
    """
    p, xp = law.degree, namespace(minus)
    far, small, angle = fold(minus, plus)  # beyond a right angle: work with the supplement
    cos, square = 1 - small, small * (2 - small)
    sin = root_of_defect(square, 2.0)
    # below is H_{p-1}, top is H_p.
    below, top = angle, _sine_defect(angle, cos, sin)
    for q in range(2, p + 1):
        below, top = top, (q - 1) ** 2 * square * below - (2 * q - 1) * cos * top
    polynomial, quotient = _arc_polynomials(p)
    sign = (-1) ** p
    drop = math.pi * small * horner(quotient, cos) + sign * top
    near_slope = math.pi * horner(polynomial, cos) + sign * below
    s, c, top_one = law.square, law.twice, math.pi * law.odd
    change = xp.where(far, c * drop - s * top, s * drop - c * top) / (s * top_one)
    change_far = (law.positive - law.negative) ** 2 / s + change
    beyond = (law.positive + law.negative) ** 2 / s - change
    slope = xp.where(far, s * below - c * near_slope, s * near_slope - c * below)
    return (
        nonnegative_part(xp.where(far, change_far, change)),
        nonnegative_part(xp.where(far, beyond, 2 - change)),
        slope * (p * p / (s * top_one)),
    )


def nonnegative_part(x: Any) -> Any:
    """Rounding below zero removed; derivatives are those of what is given."""
    if is_foreign(x):
        return x - constant(namespace(x).where(x > 0, 0.0, x))
    return np.where(real(x) > 0, x, 0.0)


def horner(coefficients: tuple[float, ...], x: Any) -> Any:
    """A polynomial, lowest coefficient first; a number for a constant."""
    value: Any = coefficients[-1]
    for c in coefficients[-2::-1]:
        value = value * x + c
    return value


def _sine_defect(angle: Any, cos: Any, sin: Any) -> Any:
    """Sin x - x cos x, of relative accuracy also at small x."""
    square = angle * angle
    series = horner(_COEFFICIENTS, square) * square * angle
    return namespace(angle).where(real(angle) < _SERIES, series, sin - angle * cos)


@cache
def _arc_polynomials(degree: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """B_{degree-1}, and (B(1) - B(t)) / (1 - t) of B_degree; lowest coefficient first."""
    below, top = np.array([1.0]), np.array([0.0, 1.0])
    for p in range(2, degree + 1):
        new = np.zeros(p + 1)
        new[1:] += (2 * p - 1) * top
        new[: p - 1] += (p - 1) ** 2 * below
        new[2:] -= (p - 1) ** 2 * below
        below, top = top, new
    return tuple(below.tolist()), tuple(np.cumsum(top[:0:-1])[::-1].tolist())
