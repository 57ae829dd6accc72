"""Duals of functions made of straight pieces: hardtanh, ReLU6, any with kinks that are known."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ntklib._engine.angular import fold, real
from ntklib._engine.layers import nonnegative_part
from ntklib._engine.portable import constant, followed, library, moved, namespace, traced
from ntklib._validate import Array, real_array
from ntklib.expectations.base import (
    PROMISE,
    SMALLEST,
    Dual,
    Layer,
    QuadratureError,
    Rows,
    along,
    by_rule,
    clipped,
    gauss_rule,
    normal_tail,
)

# No Gaussian number is beyond, and its square is a number in float32.
_FAR = 1e15


# Of a stretch of the angle; of a piece that is narrow, here the Gaussian is nearly a polynomial.
_MANY, _FEW = gauss_rule(20), gauss_rule(10)
_NARROW = 0.5
# At the gap of two kinks over this the density is exp(-40).
_CUT = 9.0
# Stretches of an angle, each a quarter of the one before, down to exp(-30) of it.
_MOST = 30
_TINY = 1e-12
# A place in units of the deviation at which a Gaussian is nothing.
_NOTHING = 40.0


class _Pieces(NamedTuple):
    """Kinks t_1 < ... < t_J, and c_i + s_i z on the J + 1 pieces between them."""

    kinks: tuple[float, ...]
    c: tuple[float, ...]
    s: tuple[float, ...]

    def mirrored(self) -> _Pieces:
        """Of -f(-z)."""
        kinks = tuple(-t for t in self.kinks[::-1])
        return _Pieces(kinks, tuple(-c for c in self.c[::-1]), self.s[::-1])


class _Ends(NamedTuple):
    """Standard deviation, root mean square, and of each kink its place, tail and head."""

    std: Any
    size: Any
    place: list[Any]
    tail: list[Any]
    head: list[Any]

    def held(self) -> _Ends:
        """Without derivatives."""
        ends = [[constant(v) for v in ends] for ends in (self.place, self.tail, self.head)]
        return _Ends(constant(self.std), constant(self.size), *ends)

    def mirrored(self) -> _Ends:
        place = [-p for p in self.place[::-1]]
        return _Ends(self.std, self.size, place, self.head[::-1], self.tail[::-1])


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
    second argument), by Gauss's rule on stretches that shrink towards the end.

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
    :class:`ntklib.expectations.QuadratureError`; inside vmap of torch, the values are NaN there.

    Under torch derivatives have closed forms of their own, and are right up to the fourth. At
    corners they are the mean of both sides. What JAX differentiates, vectorizes or compiles is
    refused by a TypeError: its compiler takes minutes for a layer.
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
        self._pieces = _Pieces(tuple(t.tolist()), tuple(offsets.tolist()), tuple(slopes.tolist()))
        self._at_zero = float(self(np.zeros(1))[0])

    def __call__(self, z: Array) -> Array:
        """The function itself."""
        index = np.searchsorted(np.array(self._pieces.kinks), z)
        return np.asarray(np.array(self._pieces.c)[index] + np.array(self._pieces.s)[index] * z)

    def rows(self, std: Array) -> Rows:
        if traced(std) and library(std) == "jax":
            raise TypeError(
                "activation must not be of straight pieces where JAX differentiates, vectorizes or "
                "compiles: its compiler takes minutes for a layer; torch follows PiecewiseLinear"
            )
        a, xp = clipped(std), namespace(std)
        places = [t / a for t in self._pieces.kinks]
        tails, heads = [normal_tail(p) for p in places], [normal_tail(-p) for p in places]
        ends = _Ends(a, xp.ones_like(a), places, tails, heads)
        total, terms, steep = xp.zeros_like(a), xp.zeros_like(real(a)), xp.zeros_like(real(a))
        for k, (c, s) in enumerate(zip(self._pieces.c, self._pieces.s, strict=True)):
            low, high = _end(ends, k - 1), _end(ends, k)
            mass, square, size = _piece(xp, c + 0 * a, s * a, low, high)
            total, terms, steep = total + square, terms + real(size), steep + s * s * real(mass)
        finfo = xp.finfo(real(a).dtype)
        # In float32 all of a kernel has no more than its digits.
        promise = max(PROMISE, 64 * float(finfo.eps))
        eps = float(finfo.eps)
        for lost, of, says in (
            (8 * eps * terms, real(total), "all of its mean square is far from zero"),
            (2 * eps * self._jumps(ends), steep, "it is flat but for narrow pieces"),
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
        return Rows(std, shown, (a, size, *places, *tails, *heads))

    def _jumps(self, ends: _Ends) -> Any:
        """What the terms of the slope that belong to two kinks add up to, without their signs."""
        xp, near, total = namespace(ends.std), _nearest(ends), 0 * real(ends.std)
        w = np.abs(np.diff(self._pieces.s)).tolist()
        for i, h in enumerate(ends.place):
            for j, k in enumerate(ends.place):
                outer = xp.maximum(abs(real(h)), abs(real(k)))
                density = xp.exp(-(xp.minimum(outer, _NOTHING + 0 * outer) ** 2) / 2)
                size = xp.where(near, xp.minimum(outer, 1.0 + 0 * outer), density)
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

    def _ends(self, rows: Rows) -> _Ends:
        n, (std, size, *rest) = len(self._pieces.kinks), rows.terms
        return _Ends(std, size, rest[:n], rest[n : 2 * n], rest[2 * n :])


def _end(side: _Ends, j: int) -> tuple[Any, Any, Any]:
    """Place, tail and head of a kink, or of minus or plus infinity."""
    if j < 0:
        return -_FAR + 0 * side.std, 1.0 + 0 * side.std, 0 * side.std
    if j >= len(side.place):
        return _FAR + 0 * side.std, 0 * side.std, 1.0 + 0 * side.std
    return side.place[j], side.tail[j], side.head[j]


def _piece(xp: Any, c: Any, m: Any, low: Any, high: Any) -> tuple[Any, Any, Any]:
    """Of a piece, 0 if its ends are in the wrong order: its mass, E (c + m xi)^2 over it, and that
    with all terms positive.

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
        return density, density * (c + m * z) ** 2

    short, short_square = by_rule(_FEW, of_node, begin, width, c, m)

    def choose(by_rule: Any, closed: Any) -> Any:
        return xp.where(there, xp.where(narrow, by_rule, closed), 0.0)

    return choose(short, mass), choose(short_square, square), choose(short_square, whole)


def _near(
    xp: Any, f: _Pieces, g: _Pieces, x: _Ends, z: _Ends, small: Any, theta: Any
) -> tuple[Any, Any]:
    """1 - r and the slope of r for f(u), g(v), from 1 - cos and the angle up to a right one."""
    given = x.std, z.std, small, theta
    if not any(map(followed, (*given, x.size, z.size))):
        return _values(xp, f, g, x, z, small, theta)
    return _with_derivatives(f, g, x, z, small, theta)


def _with_derivatives(
    f: _Pieces, g: _Pieces, x: _Ends, z: _Ends, small: Any, theta: Any
) -> tuple[Any, Any]:
    """The values, and derivatives by their own closed forms.

    With S = E f'(u) g'(v), C = E f(u) g(v) and jumps w_i of f' at t_i, by Stein's lemma
    dC/da = cos b S + sum_i w_i density(h_i) E[g(v) | u = t_i], a dS/da = sum_i w_i h_i density(h_i)
    E[g'(v) | u = t_i], and dC/dcos = ab S. At a corner the mean of both sides.
    """
    given = x.std, z.std, small, theta
    xp, e, d = namespace(theta), constant(x.size), constant(z.size)
    value, slope = _values(xp, f, g, x.held(), z.held(), constant(small), constant(theta))
    ratio = (constant(x.std) / e) * (constant(z.std) / d)

    def slope_at(at: tuple[Any, ...]) -> Any:
        return along(slope / ratio, lambda y: _slope_rule(f, g, *y), at, given)

    def value_rule(at: tuple[Any, ...]) -> tuple[Any, ...]:
        a, b, small, theta = at
        mean, left, right = slope_at(at), _bends(f, g, *at)[0], _bends(g, f, b, a, small, theta)[0]
        turn = (1 - small) * mean
        a_part = -(turn * (b / d) + left / d) / e
        b_part = -(turn * (a / e) + right / e) / d
        return a_part, b_part, (a / e) * (b / d) * mean, 0.0

    less = along(value, value_rule, given, given)
    # The sizes have derivatives, too: this is one, and has them.
    change = (e / x.size) * (d / z.size)
    return less + (1 - change) * (1 - less), (x.std / x.size) * (z.std / z.size) * slope_at(given)


def _slope_rule(f: _Pieces, g: _Pieces, a: Any, b: Any, small: Any, theta: Any) -> tuple[Any, ...]:
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


def _bends(f: _Pieces, g: _Pieces, a: Any, b: Any, small: Any, theta: Any) -> tuple[Any, Any]:
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


def _values(
    xp: Any, f: _Pieces, g: _Pieces, x: _Ends, z: _Ends, small: Any, theta: Any
) -> tuple[Any, Any]:
    ratio = (x.std / x.size) * (z.std / z.size)
    base, start = 0 * small * ratio, 0 * small * ratio
    for i in range(len(f.s)):
        for j in range(len(g.s)):
            low = _pick(xp, _end(x, i - 1), _end(z, j - 1), True)
            high = _pick(xp, _end(x, i), _end(z, j), False)
            c = f.c[i] / x.size - g.c[j] / z.size
            m = f.s[i] * (x.std / x.size) - g.s[j] * (z.std / z.size)
            mass, square, _ = _piece(xp, c, m, low, high)
            start, base = start + f.s[i] * g.s[j] * mass, base + square / 2
    # The density as one and the rest: for large deviations the rest is small, and where both outer
    # slopes are equal the ones cancel before they are rounded. Where all kinks of a side are far
    # from zero it is small itself.
    ones = _nearest(x) & _nearest(z) & (real(theta) >= 0)
    both = xp.where(ones, (f.s[-1] - f.s[0]) * (g.s[-1] - g.s[0]) + 0 * start, 0.0)
    sin, cos = xp.sin(theta), xp.cos(theta)
    lost, lifted = both * theta, both * (sin - theta * cos)
    for i, h in enumerate(x.place):
        for j, k in enumerate(z.place):
            weight = (f.s[i + 1] - f.s[i]) * (g.s[j + 1] - g.s[j])
            if weight:
                zeroth, first = _arc_integrals(xp, h, k, theta, ones)
                lost, lifted = lost + weight * zeroth, lifted + weight * first
    slope = ratio * (start - lost / (2 * math.pi))
    return base + ratio * (start * small - lifted / (2 * math.pi)), slope


def _nearest(side: _Ends) -> Any:
    """Whether any kink is within one deviation."""
    near = abs(real(side.place[0])) < 1
    for place in side.place[1:]:
        near = near | (abs(real(place)) < 1)
    return near


def _pick(xp: Any, one: Any, other: Any, larger: bool) -> tuple[Any, ...]:
    first = (real(one[0]) > real(other[0])) == larger
    return tuple(xp.where(first, p, q) for p, q in zip(one, other, strict=True))


def _arc_integrals(xp: Any, h: Any, k: Any, theta: Any, ones: Any) -> tuple[Any, Any]:
    """Integrals over phi from 0 to theta of the density, and that times cos phi - cos theta.

    The density is the exponential of the formula above, less 1 where `ones` says so.
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
    # A gap so small against the angle moves the integrals by no more than that.
    smooth = width <= _TINY * real(theta)
    # Without a gap the density falls like exp(-hk phi^2 / 8).
    fall = xp.sqrt(xp.maximum(real(h) * real(k) + 0 * depth, 0 * depth)) / 4
    fall = xp.log(xp.maximum(real(theta) * fall, 1.0 + 0 * depth))
    depth = xp.where(smooth, fall, xp.minimum(depth, _MOST + 0 * depth))
    deepest = _MOST if traced(depth) else float(xp.max(depth))
    count = math.ceil(deepest / math.log(4))
    ratio = xp.exp(-depth / max(1, count))
    end = xp.sin(theta / 2)
    known = not traced(ones)
    every, none = known and bool(xp.all(ones)), known and not bool(xp.any(ones))

    def of_node(
        node: Any, weight: Any, bottom: Any, top: Any, gap: Any, product: Any, end: Any, ones: Any
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

    top = theta + 0 * gap
    if traced(depth):  # all stretches along one axis, which compilers take as one step
        part = moved(np.arange(count + 1.0), top)
        shrunk = xp.exp(-depth[..., None] / count * part)
        tops = top[..., None] * shrunk
        bottoms = tops * xp.where(part == count, 0.0, ratio[..., None])
        given = [v[..., None] + 0 * tops for v in (gap, h * k, end)]
        given.append(ones[..., None] & (tops >= 0))
        zeroth, first = by_rule(_MANY, of_node, bottoms, tops, *given)
        return xp.sum(zeroth, axis=-1), xp.sum(first, axis=-1)
    zeroth, first = 0 * top, 0 * top
    for part in range(count + 1):
        bottom = top * (ratio if part < count else 0.0)  # the last one begins at zero
        more = by_rule(_MANY, of_node, bottom, top, gap, h * k, end, ones)
        zeroth, first, top = zeroth + more[0], first + more[1], bottom
    return zeroth, first
