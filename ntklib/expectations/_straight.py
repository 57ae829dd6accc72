"""What straight pieces do to a Gaussian pair: sums over pieces, integrals over angles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ntklib._engine.angular import real
from ntklib._engine.portable import constant, moved, traced
from ntklib.expectations.base import by_rule, gauss_rule

# No Gaussian number is beyond, and its square is a number in float32.
_FAR = 1e15
# Of a stretch of the angle; of a piece that is narrow, here the Gaussian is nearly a polynomial.
_MANY, _FEW = gauss_rule(20), gauss_rule(10)
_NARROW = 0.5
# At the gap of two kinks over this the density is exp(-40).
_CUT = 9.0
# Stretches of an angle, each a quarter of the one before, down to exp(-60) of it; for compilers,
# which do all of them always, to exp(-30).
_MOST, _MOST_TRACED = 60.0, 30.0
_TINY = 1e-12
# From how large a term on, against a difference of at most two, the integrals from zero give way.
_LARGE = 1.0


class Pieces(NamedTuple):
    """Kinks t_1 < ... < t_J, and c_i + s_i z on the J + 1 pieces between them."""

    kinks: tuple[float, ...]
    c: tuple[float, ...]
    s: tuple[float, ...]

    def mirrored(self) -> Pieces:
        """Of -f(-z)."""
        kinks = tuple(-t for t in self.kinks[::-1])
        return Pieces(kinks, tuple(-c for c in self.c[::-1]), self.s[::-1])


class Ends(NamedTuple):
    """Standard deviation, root mean square, of each kink its place, tail and head; the mean over
    the root mean square, the mean slope, and the slope's root mean square."""

    std: Any
    size: Any
    place: list[Any]
    tail: list[Any]
    head: list[Any]
    mean: Any
    lean: Any
    steep: Any

    def held(self) -> Ends:
        """Without derivatives."""
        ends = [[constant(v) for v in ends] for ends in (self.place, self.tail, self.head)]
        return Ends(constant(self.std), constant(self.size), *ends, *map(constant, self[5:]))

    def mirrored(self) -> Ends:
        place, tail, head = ([-p for p in self.place[::-1]], self.head[::-1], self.tail[::-1])
        return Ends(self.std, self.size, place, tail, head, -self.mean, self.lean, self.steep)


def end_of(side: Ends, j: int) -> tuple[Any, Any, Any]:
    """Place, tail and head of a kink, or of minus or plus infinity."""
    if j < 0:
        return -_FAR + 0 * side.std, 1.0 + 0 * side.std, 0 * side.std
    if j >= len(side.place):
        return _FAR + 0 * side.std, 0 * side.std, 1.0 + 0 * side.std
    return side.place[j], side.tail[j], side.head[j]


def moments(xp: Any, c: Any, m: Any, low: Any, high: Any) -> tuple[Any, Any, Any, Any]:
    """Of a piece, 0 if its ends are in the wrong order: its mass, E (c + m xi) and E (c + m xi)^2
    over it, and the last with all terms positive.

    A narrow piece goes by Gauss's rule: its closed form is a small difference of large terms.
    """
    (p, tail_p, head_p), (q, tail_q, head_q) = low, high
    there, narrow = real(q) > real(p), real(q) - real(p) < _NARROW
    mass = xp.where(real(p) > 0, tail_p - tail_q, head_q - head_p)
    root = math.sqrt(2 * math.pi)
    at_p, at_q = xp.exp(-p * p / 2) / root, xp.exp(-q * q / 2) / root
    first, second = at_p - at_q, p * at_p - q * at_q
    square = (c * c + m * m) * mass + 2 * c * m * first + m * m * second
    whole = abs((c * c + m * m) * mass) + 2 * abs(c * m) * (at_p + at_q) + abs(m * m * second)
    width, begin = xp.where(there & narrow, q - p, 0.0), xp.where(narrow, p, 0.0)

    def of_node(node: Any, weight: Any, begin: Any, width: Any, c: Any, m: Any) -> tuple[Any, ...]:
        z = begin + width * node
        density = weight * width * xp.exp(-z * z / 2) / root
        value = c + m * z
        return density, density * value, density * value**2

    short, short_mean, short_square = by_rule(_FEW, of_node, begin, width, c, m)

    def choose(by_rule: Any, closed: Any) -> Any:
        return xp.where(there, xp.where(narrow, by_rule, closed), 0.0)

    return (
        choose(short, mass),
        choose(short_mean, c * mass + m * first),
        choose(short_square, square),
        choose(short_square, whole),
    )


def values(
    xp: Any, f: Pieces, g: Pieces, x: Ends, z: Ends, small: Any, theta: Any
) -> tuple[Any, Any]:
    """1 - r and the slope of r for f(u), g(v), from 1 - cos and the angle up to a right one."""
    ratio = (x.std / x.size) * (z.std / z.size)
    base, start = 0 * small * ratio, 0 * small * ratio
    for i in range(len(f.s)):
        for j in range(len(g.s)):
            low = _pick(xp, end_of(x, i - 1), end_of(z, j - 1), True)
            high = _pick(xp, end_of(x, i), end_of(z, j), False)
            c = f.c[i] / x.size - g.c[j] / z.size
            m = f.s[i] * (x.std / x.size) - g.s[j] * (z.std / z.size)
            mass, _, square, _ = moments(xp, c, m, low, high)
            start, base = start + f.s[i] * g.s[j] * mass, base + square / 2
    # The density as one and the rest: for large deviations the rest is small, and where both outer
    # slopes are equal the ones cancel before they are rounded. Where all kinks of a side are far
    # from zero it is small itself.
    ones = nearest(x) & nearest(z) & (real(theta) >= 0)
    both = xp.where(ones, (f.s[-1] - f.s[0]) * (g.s[-1] - g.s[0]) + 0 * start, 0.0)
    lost, lifted = both * theta, both * (xp.sin(theta) - theta * xp.cos(theta))
    for weight, h, k in _pairs(f, g, x, z):
        zeroth, first = _from_zero(xp, h, k, theta, ones)
        lost, lifted = lost + weight * zeroth, lifted + weight * first
    value = base + ratio * (start * small - lifted / (2 * math.pi))
    slope = ratio * (start - lost / (2 * math.pi))
    large = real(ratio * x.steep * z.steep * small) > _LARGE
    if traced(large) or bool(xp.any(large)):
        other = _from_a_right_angle(xp, f, g, x, z, xp.where(large, theta, math.pi / 2))
        value, slope = (
            xp.where(large, new, old) for new, old in zip(other, (value, slope), strict=True)
        )
    return value, slope


def _from_a_right_angle(
    xp: Any, f: Pieces, g: Pieces, x: Ends, z: Ends, theta: Any
) -> tuple[Any, Any]:
    """The same, from a right angle, where r is the product of the means and both expectations are.

    Of a bounded function at large deviations, for which the terms at zero are large.
    """
    end, count = xp.sin(theta / 2), len(x.place)
    top = math.pi / 2 + 0 * (x.std * z.std * theta)
    near = nearest(x) & (real(top) > 0), nearest(z) & (real(top) > 0)

    def of_node(
        node: Any, weight: Any, bottom: Any, top: Any, left: Any, right: Any, end: Any, *given: Any
    ) -> tuple[Any, Any]:
        half = xp.sin((bottom + (top - bottom) * node) / 2)
        total = _densities(xp, f, g, given[:count], given[count:], half * half, (left, right))
        density = weight * (top - bottom) * total
        return density, density * (2 * (half - end) * (half + end))

    depth = xp.log(top / theta)
    gained, raised = _stretches(xp, of_node, top, depth, False, *near, end, *x.place, *z.place)
    ratio, lean = (x.std / x.size) * (z.std / z.size), x.lean * z.lean
    value = 1 - x.mean * z.mean - ratio * (lean * xp.cos(theta) + raised / (2 * math.pi))
    return value, ratio * (lean + gained / (2 * math.pi))


def _densities(
    xp: Any, f: Pieces, g: Pieces, h: Any, k: Any, square: Any, near: tuple[Any, Any]
) -> Any:
    """The sum of w_i w_j times the density at (h_i, k_j), from the square of sin(phi / 2).

    On a side with a kink near zero each term is a difference from that with a kink at zero, so
    that jumps that cancel leave their digits: both differences are those of exponentials.
    """
    cos, rest = 1 - 2 * square, 1 - square
    flat = 8 * square * rest  # twice the square of the sine
    left, right = near
    v, w = (np.diff(side.s).tolist() for side in (f, g))
    outer = f.s[-1] - f.s[0], g.s[-1] - g.s[0]
    total = 0 * flat
    alone = [(-(p * p) / flat, xp.expm1(-(p * p) / flat)) for p in h]
    others = [(-(q * q) / flat, xp.expm1(-(q * q) / flat)) for q in k]
    for p, jump, (at_p, less_p) in zip(h, v, alone, strict=True):
        for q, turn, (at_q, less_q) in zip(k, w, others, strict=True):
            tilt = 2 * p * q * cos / flat
            full = -((p - q) ** 2) / flat - p * q / (2 * rest)
            both = _difference(xp, full, at_p + at_q, tilt) + less_p * less_q
            one = xp.where(
                left,
                _difference(xp, full, at_q, at_p + tilt),
                xp.where(right, _difference(xp, full, at_p, at_q + tilt), xp.exp(full)),
            )
            total = total + jump * turn * xp.where(left & right, both, one)
    for jumps, across, ends, near_one, near_other in (
        (v, outer[1], alone, right, left),
        (w, outer[0], others, left, right),
    ):
        if across:
            for jump, (at, less) in zip(jumps, ends, strict=True):
                part = xp.where(near_other, less, xp.exp(at))
                total = total + xp.where(near_one, jump * across * part, 0.0)
    return total + xp.where(left & right, outer[0] * outer[1] + 0 * flat, 0.0)


def _difference(xp: Any, one: Any, other: Any, apart: Any) -> Any:
    """exp(one) - exp(other), from the difference of the two."""
    above = real(apart) > 0
    top = xp.exp(xp.where(above, one, other))
    lost = xp.expm1(xp.where(above, -apart, apart))
    return top * xp.where(above, -lost, lost)


def _pairs(f: Pieces, g: Pieces, x: Ends, z: Ends) -> list[tuple[float, Any, Any]]:
    """Products of jumps of the slopes, and the places where they are."""
    return [
        ((f.s[i + 1] - f.s[i]) * (g.s[j + 1] - g.s[j]), h, k)
        for i, h in enumerate(x.place)
        for j, k in enumerate(z.place)
        if f.s[i + 1] != f.s[i] and g.s[j + 1] != g.s[j]
    ]


def nearest(side: Ends) -> Any:
    """Whether any kink is within one deviation."""
    near = abs(real(side.place[0])) < 1
    for place in side.place[1:]:
        near = near | (abs(real(place)) < 1)
    return near


def _pick(xp: Any, one: Any, other: Any, larger: bool) -> tuple[Any, ...]:
    first = (real(one[0]) > real(other[0])) == larger
    return tuple(xp.where(first, p, q) for p, q in zip(one, other, strict=True))


def _from_zero(xp: Any, h: Any, k: Any, theta: Any, ones: Any) -> tuple[Any, Any]:
    """Integrals over phi from 0 to theta of the density, and that times cos phi - cos theta.

    The density is the exponential of :class:`ntklib.expectations.PiecewiseLinear`, less 1 where
    `ones` says so.
    """
    gap = h - k
    width = xp.abs(real(gap)) + 0 * real(theta)
    # Down to where the density is nothing, or what is below hardly counts.
    depth = xp.log(
        xp.where(
            width > 0,
            xp.maximum(_CUT * real(theta) / xp.where(width > 0, width, 1.0), 1.0 + 0 * width),
            1.0,
        )
    )
    # A gap so small against the angle moves the integrals by no more than that; without one the
    # density falls like exp(-hk phi^2 / 8).
    smooth = width <= _TINY * real(theta)
    fall = xp.sqrt(xp.maximum(real(h) * real(k) + 0 * depth, 0 * depth)) / 4
    fall = xp.log(xp.maximum(real(theta) * fall, 1.0 + 0 * depth))
    known = not traced(ones)
    every, none = known and bool(xp.all(ones)), known and not bool(xp.any(ones))

    def of_node(
        node: Any, weight: Any, bottom: Any, top: Any, ones: Any, gap: Any, product: Any, end: Any
    ) -> tuple[Any, Any]:
        half = xp.sin((bottom + (top - bottom) * node) / 2)
        square, rest = half * half, 1 - half * half
        flat = 8 * square * rest
        exponent = -(gap * gap) / xp.where(real(flat) > 0, flat, 1.0) - product / (2 * rest)
        density = xp.exp(exponent) if none else xp.expm1(exponent)
        if not (every or none):
            density = xp.where(ones, density, xp.exp(exponent))
        g = weight * (top - bottom) * density
        return g, g * (2 * (end - half) * (end + half))

    most = _MOST_TRACED if traced(depth) else _MOST
    depth = xp.minimum(xp.where(smooth, fall, depth), most + 0 * depth)
    given = ones, gap, h * k, xp.sin(theta / 2)
    return _stretches(xp, of_node, theta + 0 * gap, depth, True, *given)


def _stretches(
    xp: Any,
    of_node: Callable[..., tuple[Any, Any]],
    top: Any,
    depth: Any,
    to_zero: bool,
    *given: Any,
) -> tuple[Any, Any]:
    """Integrals on stretches of the angle from the top on, down to exp(-depth) of it, or zero."""
    deepest = _MOST_TRACED if traced(depth) else float(xp.max(real(depth)))
    count = max(math.ceil(deepest / math.log(4)), 0 if to_zero else 1)
    ratio = xp.exp(-depth / max(1, count))
    if traced(depth):  # all stretches along one axis, which compilers take as one step
        part = moved(np.arange(count + to_zero * 1.0), top)
        tops = top[..., None] * xp.exp(-depth[..., None] / max(1, count) * part)
        bottoms = tops * xp.where(part == count, 0.0, ratio[..., None])
        spread = (v[..., None] for v in given)
        zeroth, first = by_rule(_MANY, of_node, bottoms, tops, *spread)
        return xp.sum(zeroth, axis=-1), xp.sum(first, axis=-1)
    zeroth, first = 0 * top, 0 * top
    for part in range(count + to_zero):
        bottom = top * (ratio if part < count else 0.0)  # to zero at last
        more = by_rule(_MANY, of_node, bottom, top, *given)
        zeroth, first, top = zeroth + more[0], first + more[1], bottom
    return zeroth, first
