"""Duals of ELU, SELU and CELU: straight above zero, an exponential below."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ntklib._engine.angular import fold, real
from ntklib._engine.layers import nonnegative_part
from ntklib._engine.portable import constant, is_foreign, moved, namespace, traced
from ntklib._validate import Array, positive, real_array
from ntklib.expectations.base import (
    SMALLEST,
    Dual,
    Layer,
    Rows,
    by_rule,
    clipped,
    gauss_rule,
)

# Of the trapezoid rule at z = 1e-7 sinh(x) for z > 0: places, and roots of the weights, which with
# the density sum to 1/2. The error is some exp(-pi^2 / (2 step)), as for a mixture of Gaussians.
_STEP = 1 / 8
_X = np.arange(1, 153) * _STEP
_PLACES = 1e-7 * np.sinh(_X)
_ROOTS = np.sqrt(1e-7 * np.cosh(_X) * _STEP / math.sqrt(2 * math.pi)) * np.exp(-(_PLACES**2) / 4)
# Gauss's rule on [0, 1], for stretches of the angle, each a quarter of the one before, down to
# exp(-30) of it.
_RULE = gauss_rule(16)
_MOST = 30.0
# Of the series of erfcx: its terms, and where it has its middle.
_TERMS, _MIDDLE = 26, 5.0


@cache
def _series() -> tuple[float, ...]:
    """Chebyshev coefficients of (1 + t) erfcx(t / sqrt 2), in (t - m) / (t + m)."""
    from scipy.special import erfcx  # costs more to import than the rest of the package

    angles = (np.arange(_TERMS) + 0.5) * math.pi / _TERMS
    t = _MIDDLE / np.tan(angles / 2) ** 2
    values = (1 + t) * erfcx(t / math.sqrt(2))
    found = 2 / _TERMS * np.cos(np.outer(np.arange(_TERMS), angles)) @ values
    found[0] /= 2
    return tuple(found.tolist())


def _scaled_tail(t: Any) -> Any:
    """exp(t^2 / 2) erfc(t / sqrt 2), for t >= 0, in the array's library."""
    if not is_foreign(t):
        from scipy.special import erfcx

        return erfcx(t / math.sqrt(2))
    w = (t - _MIDDLE) / (t + _MIDDLE)
    before, last = 0 * w, 0 * w
    for c in _series()[:0:-1]:  # Clenshaw's recursion
        before, last = last, c + 2 * w * last - before
    return (_series()[0] + w * last - before) / (1 + t)


def _ray(t: Any) -> Any:
    """The integral of R exp(-R^2 / 2 - R t) over R > 0."""
    return 1 - math.sqrt(math.pi / 2) * t * _scaled_tail(t)


class Elu(Dual):
    r"""Dual of :math:`\sigma(z)=sz` for :math:`z\ge0`, :math:`m(e^{z/c}-1)` below.

    Take :math:`c` as the unit of :math:`z`, so that :math:`c=1`, and let :math:`\rho=\cos\theta`,

    .. math::
        Q(t) &= \int_0^\infty Re^{-R^2/2-Rt}dR\\
        &= 1-\sqrt{\pi/2}\,t\,e^{t^2/2}\operatorname{erfc}(t/\sqrt2),\\
        q(\phi) &= Q(a\sin\phi)+Q(b\sin\phi),\\
        k(\phi) &= \cos\phi-\cos\theta,\\
        G_0 &= \tfrac12e^{(a+b)^2/2}\operatorname{erfc}((a+b)/\sqrt2) .

    Then

    .. math::
        \mathbb E[\sigma'(u)\sigma'(v)] &= \tfrac12s^2+m^2G_0e^{-ab(1-\rho)}\\
        &\quad-\frac1{2\pi}\int_0^\theta\bigl(s^2-smq-m^2(1-q)e^{-abk}\bigr)d\phi,\\
        \mathbb E[\sigma(u)\sigma(v)] &= C_0-\tfrac12s^2ab(1-\rho)\\
        &\quad-m^2G_0(1-e^{-ab(1-\rho)})\\
        &\quad+\frac1{2\pi}\int_0^\theta\bigl(s^2abk-smabkq\\
        &\qquad\qquad-m^2(1-q)(1-e^{-abk})\bigr)d\phi

    with the value :math:`C_0` of the last at :math:`\theta=0`.

    Proof. The derivative of :math:`\sigma` is :math:`s` times a gate, and :math:`m` times
    :math:`g(z)=e^z\mathbf 1[z<0]`, whose own derivative is :math:`g` less a point mass at zero. By
    Price's theorem, with the density :math:`1/(2\pi ab\sin\theta)` of both at zero and the mean of
    :math:`g(v)` at :math:`u=0`, the derivatives in :math:`\theta` are :math:`-1/2\pi` of
    :math:`\mathbb P(u,v>0)`, :math:`Q(b\sin\theta)/2\pi` of :math:`\mathbb E[g(v);u>0]`, and
    :math:`-ab\sin\theta\,G+(1-q(\theta))/2\pi` of :math:`G=\mathbb E[g(u)g(v)]`. At
    :math:`\theta=0` they are :math:`\frac12`, 0 and :math:`G_0`; an integrating factor solves the
    last equation, and gives the first formula. The second is its integral against
    :math:`ab\sin\theta`, in the other order.

    The integrals go by Gauss's rule on stretches of the angle that shrink towards both ends, where
    :math:`Q` and the exponential are steep for large deviations. At :math:`\rho=1` the distance
    between the functions of :math:`a\xi` and :math:`b\xi`, each over its root mean square, is a sum
    of squares over the values of :math:`\xi`.

    Parameters
    ----------
    slope : float
        :math:`s`.
    scale : float
        :math:`m`; not zero.
    width : float
        :math:`c`, positive.
    """

    portable = True

    def __init__(self, slope: float = 1.0, scale: float = 1.0, width: float = 1.0) -> None:
        self.slope = float(real_array("slope", slope, ndim=0))
        self.scale = float(real_array("scale", scale, ndim=0))
        self.width = positive("width", width)
        if self.scale == 0:
            raise ValueError("scale must not be zero; without the exponential it is a ReLU")

    def __call__(self, z: Array) -> Array:
        """The function itself."""
        below = self.scale * np.expm1(np.minimum(z, 0) / self.width)
        return np.asarray(np.where(z >= 0, self.slope * z, below))

    def rows(self, std: Array) -> Rows:
        xp, a = namespace(std), clipped(std)
        wide = a / self.width
        straight = self.slope * a
        if traced(std):  # all along one axis, which compilers take as one step
            places, roots = (moved(v, a) for v in (_PLACES, _ROOTS))
            values: tuple[Any, ...] = (roots * xp.expm1(-wide[..., None] * places),)
            square = xp.sum(values[0] * values[0], axis=-1)
        else:
            pairs = zip(_PLACES.tolist(), _ROOTS.tolist(), strict=True)
            values = tuple(root * xp.expm1(-place * wide) for place, root in pairs)
            square = sum(v * v for v in values)
        size = xp.sqrt(straight * straight / 2 + self.scale**2 * square)
        up, down = straight / size, self.scale / size
        terms = tuple((down[..., None] if v.ndim > a.ndim else down) * v for v in values)
        shown = xp.where(real(std) < SMALLEST, size * (std / a), size)
        return Rows(std, shown, (wide, up, down, *terms))

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        a, up, down, *x = left.terms
        b, up_right, down_right, *z = right.terms
        far, _, angle = fold(minus, plus)
        theta = xp.where(far, math.pi - angle, angle)
        apart = (up - up_right) ** 2 / 4
        for u, v in zip(x, z, strict=True):
            square = (u - v) ** 2 / 2
            apart = apart + (xp.sum(square, axis=-1) if square.ndim > minus.ndim else square)
        gates, cross, bends = up * up_right, up * down_right * b, down * down_right
        given = a, b, gates, cross, bends
        # One over the angles within which Q and the exponential change, at either end.
        ends = xp.maximum(real(a + 0 * b), real(b + 0 * a))
        steep = ends * (1 + real(a) * real(b) / ends * xp.sin(real(theta)))
        value, slope = 0.0, 0.0
        for end, turn in ((ends, _from_zero), (steep, _from_theta)):
            more = _stretches(turn, theta, end, given)
            value, slope = value + more[0], slope + more[1]
        start = bends * _scaled_tail(a + b) / 2
        lost = gates * minus / 2 - start * xp.expm1(-a * b * minus) - value / (2 * math.pi)
        flat = gates / 2 + a * b * start * xp.exp(-a * b * minus) - slope / (2 * math.pi)
        less = nonnegative_part(apart + lost)
        return Layer(less, nonnegative_part(2 - less), flat)


def _integrands(xp: Any, place: Any, rest: Any, given: tuple[Any, ...]) -> tuple[Any, Any]:
    """Of the value and of the slope, over products of sizes: at an angle, theta less `rest`."""
    a, b, gates, cross, bends = given
    sine = xp.sin(place)
    q = _ray(a * sine) + _ray(b * sine)
    k = 2 * xp.sin(place + rest / 2) * xp.sin(rest / 2)
    fall = xp.expm1(-a * b * k)
    value = (gates - cross * q) * k + bends * (1 - q) * fall
    return value, gates - cross * q - a * b * bends * (1 - q) * (1 + fall)


def _from_zero(xp: Any, length: Any, theta: Any, given: tuple[Any, ...]) -> tuple[Any, Any]:
    return _integrands(xp, length, theta - length, given)


def _from_theta(xp: Any, length: Any, theta: Any, given: tuple[Any, ...]) -> tuple[Any, Any]:
    return _integrands(xp, theta - length, length, given)


def _stretches(
    turn: Callable[..., tuple[Any, Any]], theta: Any, steep: Any, given: tuple[Any, ...]
) -> tuple[Any, Any]:
    """Integrals over half of the angle, from one end, on stretches down to 1 / steep."""
    xp = namespace(theta)

    def of_node(
        node: Any, weight: Any, bottom: Any, top: Any, theta: Any, *given: Any
    ) -> tuple[Any, ...]:
        found = turn(xp, bottom + (top - bottom) * node, theta, given)
        return tuple(weight * (top - bottom) * value for value in found)

    depth = xp.log(constant(xp.clip(real(theta) * steep, 1.0, math.exp(_MOST))))
    deepest = _MOST if traced(depth) else float(xp.max(depth))
    count = math.ceil(deepest / math.log(4))
    ratio = xp.exp(-depth / max(1, count))
    top = theta / 2 + 0 * ratio
    if traced(depth):  # all stretches along one axis, which compilers take as one step
        part = moved(np.arange(count + 1.0), top)
        tops = top[..., None] * xp.exp(-depth[..., None] / count * part)
        bottoms = tops * xp.where(part == count, 0.0, ratio[..., None])
        spread = (v[..., None] + 0 * tops for v in (theta, *given))
        found = by_rule(_RULE, of_node, bottoms, tops, *spread)
        return xp.sum(found[0], axis=-1), xp.sum(found[1], axis=-1)
    total: tuple[Any, Any] = (0.0, 0.0)
    for part in range(count + 1):
        bottom = top * (ratio if part < count else 0.0)
        more = by_rule(_RULE, of_node, bottom, top, theta, *given)
        total, top = (total[0] + more[0], total[1] + more[1]), bottom
    return total
