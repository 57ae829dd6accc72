"""Duals of functions made of straight pieces: hardtanh, ReLU6, any with kinks that are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntklib._engine.angular import fold, real
from ntklib._engine.layers import nonnegative_part
from ntklib._engine.portable import constant, followed, library, namespace, traced
from ntklib._validate import Array, real_array
from ntklib.expectations._straight import Ends, Pieces, end_of, moments, nearest, values
from ntklib.expectations._straight_jax import pair
from ntklib.expectations.base import (
    PROMISE,
    SMALLEST,
    Dual,
    Layer,
    QuadratureError,
    Rows,
    along,
    clipped,
    normal_tail,
)

# A place in units of the deviation at which a Gaussian is nothing.
_NOTHING = 40.0


class PiecewiseLinear(Dual):
    r"""Dual of a continuous function of straight pieces, exact for every standard deviation.

    With kinks :math:`t_j`, jumps :math:`w_j` of the slope there and :math:`\rho=\cos\theta`,

    .. math::
        \frac{d}{d\theta}\mathbb E[\sigma'(u)\sigma'(v)] = -\frac1{2\pi}\sum_{i,j}w_iw_j
        \exp\Bigl(-\frac{(h_i-k_j)^2}{2\sin^2\theta}-\frac{h_ik_j}{1+\cos\theta}\Bigr),
        \qquad h_i=\frac{t_i}a,\quad k_j=\frac{t_j}b,

    because a jump in each argument contributes the Gaussian density at :math:`(t_i,t_j)`. At
    :math:`\theta=0` both expectations are sums over the pieces. What is left is an integral over
    the angle from zero, or from :math:`\pi` where that is nearer (for :math:`-\sigma(-z)` in the
    second argument), by Gauss's rule on stretches that shrink towards the end. Where the function
    is bounded and the deviations are large, its slope at :math:`\theta=0` is far above all values;
    the integral then begins at a right angle, where the expectations are products of means.

    Parameters
    ----------
    kinks : array_like, shape (J,)
        :math:`t_1<\dots<t_J`.
    values : array_like, shape (J,)
        :math:`\sigma(t_j)`.
    left, right : float
        Slopes below the first and above the last kink.

    Raises
    ------
    ValueError
        Kinks not increasing, other shapes, a function that is zero everywhere.

    Notes
    -----
    A function that is zero but for a far tail has a mean square that is not known to ten digits,
    and one that is flat but for a narrow piece away from zero a slope that is not; both raise
    :class:`ntklib.expectations.QuadratureError`; inside vmap of torch, and where JAX
    differentiates, vectorizes or compiles, the values are NaN there.

    Derivatives have closed forms of their own, under torch right up to the fourth. At corners they
    are the mean of both sides. What JAX compiles calls NumPy for the values of a layer
    (``jax.pure_callback``), also where it runs on another device.
    """

    portable = True

    def __init__(
        self, kinks: object, values: object, left: float = 0.0, right: float = 0.0
    ) -> None:
        t = real_array("kinks", kinks, ndim=1).astype(np.float64)
        y = real_array("values", values, ndim=1).astype(np.float64)
        if y.shape != t.shape:
            raise ValueError(f"values must have the shape {t.shape} of kinks, got {y.shape}")
        if (np.diff(t) <= 0).any():
            raise ValueError(f"kinks must increase, got {t.tolist()}")
        ends = [float(real_array(n, v, ndim=0)) for n, v in (("left", left), ("right", right))]
        slopes = np.concatenate([ends[:1], np.diff(y) / np.diff(t), ends[1:]])
        anchor = np.concatenate([[0], np.arange(len(t))])
        offsets = y[anchor] - slopes * t[anchor]
        if not (slopes.any() or offsets.any()):
            raise ValueError("values, left and right must not all be zero")
        self._pieces = Pieces(tuple(t.tolist()), tuple(offsets.tolist()), tuple(slopes.tolist()))
        self._at_zero = float(self(np.zeros(1))[0])

    def __call__(self, z: Array) -> Array:
        """The function itself."""
        index = np.searchsorted(np.array(self._pieces.kinks), z)
        return np.asarray(np.array(self._pieces.c)[index] + np.array(self._pieces.s)[index] * z)

    def rows(self, std: Array) -> Rows:
        a, xp = clipped(std), namespace(std)
        places = [t / a for t in self._pieces.kinks]
        tails, heads = [normal_tail(p) for p in places], [normal_tail(-p) for p in places]
        ends = Ends(a, xp.ones_like(a), places, tails, heads, a, a, a)
        total, mean, lean = (xp.zeros_like(a) for _ in range(3))
        terms, steep = (xp.zeros_like(real(a)) for _ in range(2))
        for k, (c, s) in enumerate(zip(self._pieces.c, self._pieces.s, strict=True)):
            low, high = end_of(ends, k - 1), end_of(ends, k)
            mass, first, square, size = moments(xp, c + 0 * a, s * a, low, high)
            total, mean, lean = total + square, mean + first, lean + s * mass
            terms, steep = terms + real(size), steep + s * s * real(mass)
        finfo = xp.finfo(real(a).dtype)
        # In float32 all of a kernel has no more than its digits.
        promise = max(PROMISE, 64 * float(finfo.eps))
        eps, narrow = float(finfo.eps), "it is flat but for narrow pieces"
        for lost, of, says in (
            (8 * eps * terms, real(total), "all of its mean square is far from zero"),
            (2 * eps * self._jumps(ends, 1), steep, narrow),
            (2 * eps * self._jumps(ends, 2) * real(a) ** 2, real(total), narrow),
        ):
            known = lost <= promise * of
            if traced(known):
                total = xp.where(known, total, xp.nan)
            elif not bool(xp.all(known)):
                worst = float(xp.min(real(a)[~known]))
                raise QuadratureError(
                    f"no digits are left at standard deviation {worst:.3g}: {says}; "
                    f"scale the inputs or move the kinks"
                )
        size = xp.sqrt(total)
        small = real(std) < SMALLEST
        shown = xp.where(small, size * (std / a), size) if self._at_zero == 0 else size
        means = mean / size, lean, xp.sqrt(steep)
        return Rows(std, shown, (a, size, *places, *tails, *heads, *means))

    def _jumps(self, ends: Ends, order: int) -> Any:
        """What the terms of two kinks add up to, without their signs: those of the slope, where
        they are largest (order 1), and at a right angle, from where the value is taken (2)."""
        xp, near, total = namespace(ends.std), nearest(ends), 0 * real(ends.std)
        w = np.abs(np.diff(self._pieces.s)).tolist()
        for i, h in enumerate(ends.place):
            for j, k in enumerate(ends.place):
                outer = xp.maximum(abs(real(h)), abs(real(k)))
                density = xp.exp(-(xp.minimum(outer, _NOTHING + 0 * outer) ** 2) / 2)
                size = xp.where(near, xp.minimum(outer, 1.0 + 0 * outer) ** order, density)
                total = total + w[i] * w[j] * size
        return total

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp, far_side = namespace(minus), self._pieces.mirrored()
        far, small, theta = fold(minus, plus)
        x, z = self._ends(left), self._ends(right)
        value, slope = _near(xp, self._pieces, self._pieces, x, z, small, theta)
        value = nonnegative_part(value)
        less, more = value, 2 - value
        if far_side == self._pieces:  # an odd function
            less, more = xp.where(far, more, less), xp.where(far, less, more)
        elif traced(far) or bool(xp.any(far)):
            value, turned = _near(xp, self._pieces, far_side, x, z.mirrored(), small, theta)
            value = nonnegative_part(value)
            less, more = xp.where(far, 2 - value, less), xp.where(far, value, more)
            slope = xp.where(far, turned, slope)
        return Layer(less, more, slope)

    def _ends(self, rows: Rows) -> Ends:
        n, (std, size, *rest) = len(self._pieces.kinks), rows.terms
        return Ends(std, size, rest[:n], rest[n : 2 * n], rest[2 * n : 3 * n], *rest[3 * n :])


def _near(
    xp: Any, f: Pieces, g: Pieces, x: Ends, z: Ends, small: Any, theta: Any
) -> tuple[Any, Any]:
    """1 - r and the slope of r for f(u), g(v), from 1 - cos and the angle up to a right one."""
    given = x.std, z.std, small, theta
    if not any(map(followed, (*given, x.size, z.size))):
        return values(xp, f, g, x, z, small, theta)
    return _with_derivatives(f, g, x, z, small, theta)


def _with_derivatives(
    f: Pieces, g: Pieces, x: Ends, z: Ends, small: Any, theta: Any
) -> tuple[Any, Any]:
    """The values, and derivatives by their own closed forms.

    With S = E f'(u) g'(v), C = E f(u) g(v) and jumps w_i of f' at t_i, by Stein's lemma
    dC/da = cos b S + sum_i w_i density(h_i) E[g(v) | u = t_i], a dS/da = sum_i w_i h_i density(h_i)
    E[g'(v) | u = t_i], and dC/dcos = ab S. At a corner the mean of both sides.
    """
    given = x.std, z.std, small, theta
    xp, e, d = namespace(theta), constant(x.size), constant(z.size)
    if any(library(v) == "jax" for v in given):
        less, mean = pair(f, g, x, z, small, theta, (_value_rule, _slope_rule))
        change = (e / x.size) * (d / z.size)
        return less + (1 - change) * (1 - less), (x.std / x.size) * (z.std / z.size) * mean
    value, slope = values(xp, f, g, x.held(), z.held(), constant(small), constant(theta))
    ratio = (constant(x.std) / e) * (constant(z.std) / d)

    def slope_at(at: tuple[Any, ...]) -> Any:
        return along(slope / ratio, lambda y: _slope_rule(f, g, *y), at, given)

    def value_rule(at: tuple[Any, ...]) -> tuple[Any, ...]:
        return _value_rule(f, g, e, d, slope_at(at), *at)

    less = along(value, value_rule, given, given)
    # The sizes have derivatives, too: this is one, and has them.
    change = (e / x.size) * (d / z.size)
    return less + (1 - change) * (1 - less), (x.std / x.size) * (z.std / z.size) * slope_at(given)


def _value_rule(
    f: Pieces, g: Pieces, e: Any, d: Any, mean: Any, a: Any, b: Any, small: Any, theta: Any
) -> tuple[Any, ...]:
    """Of 1 - C / (e d), with S given, in both deviations, in 1 - cos and in the angle."""
    left, right = _bends(f, g, a, b, small, theta)[0], _bends(g, f, b, a, small, theta)[0]
    turn = (1 - small) * mean
    a_part = -(turn * (b / d) + left / d) / e
    b_part = -(turn * (a / e) + right / e) / d
    return a_part, b_part, (a / e) * (b / d) * mean, 0.0


def _slope_rule(f: Pieces, g: Pieces, a: Any, b: Any, small: Any, theta: Any) -> tuple[Any, ...]:
    """Of S, in both deviations, in 1 - cos as far as it is not the angle, and in the angle."""
    xp, lost = namespace(theta), 0 * theta
    for i, s in enumerate(f.kinks):
        for j, t in enumerate(g.kinks):
            weight = (f.s[i + 1] - f.s[i]) * (g.s[j + 1] - g.s[j])
            h, k = s / a, t / b
            apart = _over_sine(xp, h - k, theta)
            lost = lost + weight * xp.exp(-(apart * apart) / 2 - h * k / (2 - small))
    left, right = _bends(f, g, a, b, small, theta)[1], _bends(g, f, b, a, small, theta)[1]
    return left / a, right / b, 0.0, -lost / (2 * math.pi)


def _bends(f: Pieces, g: Pieces, a: Any, b: Any, small: Any, theta: Any) -> tuple[Any, Any]:
    """Sums over f's kinks of w density(h) times E[g(v) | u = t], and times h E[g'(v) | u = t]."""
    xp = namespace(theta)
    sin = xp.sin(theta)
    means, slopes = 0 * (theta * a * b), 0 * (theta * a * b)
    for i, s in enumerate(f.kinks):
        h = s / a
        mean, slope = g.c[0] + g.s[0] * b * (1 - small) * h, g.s[0] + 0 * theta
        for j, t in enumerate(g.kinks):
            over = h - t / b - small * h
            place = _over_sine(xp, over, theta)
            gate = normal_tail(-place)
            density = xp.exp(-place * place / 2) / math.sqrt(2 * math.pi)
            jump = g.s[j + 1] - g.s[j]
            mean, slope = mean + jump * b * (over * gate + sin * density), slope + jump * gate
        weight = (f.s[i + 1] - f.s[i]) * xp.exp(-h * h / 2) / math.sqrt(2 * math.pi)
        means, slopes = means + weight * mean, slopes + weight * h * slope
    return means, slopes


def _over_sine(xp: Any, gap: Any, theta: Any) -> Any:
    """A gap over the sine; at angle zero, where it has a corner, a constant."""
    turned = theta > 0
    sine = xp.where(turned, xp.sin(theta), 1.0)
    place = xp.where(turned, gap / sine, constant(gap) * 1e30)
    return xp.clip(place, -_NOTHING, _NOTHING)
