"""Duals of functions of bounded derivative: the error function, Gaussian bumps."""

from __future__ import annotations

import math
from typing import NamedTuple

from ntklib._engine.angular import real
from ntklib._engine.layers import nonnegative_part
from ntklib._engine.portable import namespace
from ntklib._validate import Array
from ntklib.expectations.base import SMALLEST, Dual, Layer, Rows, clipped, hypot


class _Bounded(NamedTuple):
    """A = sqrt 2 a / sqrt(1 + 2 a^2), its complement, and sqrt(1 - A^4): terms of erf."""

    std: Array
    root: Array
    large: Array
    rest: Array
    diagonal: Array


def _bounded(std: Array) -> _Bounded:
    a = clipped(std)
    root = hypot(math.sqrt(2) * a, 1.0)
    large, rest = math.sqrt(2) * a / root, 1 / root
    return _Bounded(a, root, large, rest, rest * namespace(a).sqrt(1 + large * large))


def _bounded_pair(x: _Bounded, z: _Bounded) -> tuple[Array, Array]:
    """A - B without cancellation, and sqrt(1 - A^2 B^2)."""
    a, b = x.std, z.std
    gap = math.sqrt(2) * ((a - b) * x.rest) * ((a + b) * z.rest / (a * z.root + b * x.root))
    return gap, hypot(x.rest, x.large * z.rest)


class Erf(Dual):
    r"""Dual of the error function.

    .. math::
        \mathbb E[\sigma(u)\sigma(v)] &= \frac2\pi\arcsin(\rho AB),\qquad
        A=\frac{\sqrt2\,a}{\sqrt{1+2a^2}},\\
        \mathbb E[\sigma'(u)\sigma'(v)] &= \frac{4/\pi}{\sqrt{(1+2a^2)(1+2b^2)-4a^2b^2\rho^2}}

    and :math:`B` likewise with :math:`b`. Since, with :math:`\xi\sim\mathcal N(0,1)`,
    :math:`\operatorname{erf}(z)=\mathbb E\operatorname{sign}(z+\xi/\sqrt2)`, the first is the mean
    product of the signs of a Gaussian pair, :math:`\frac2\pi\arcsin` of its correlation; the second
    is its derivative in :math:`ab\rho`.
    """

    portable = True

    def rows(self, std: Array) -> Rows:
        t, xp = _bounded(std), namespace(std)
        size = xp.sqrt(2 / math.pi * xp.atan(t.large * t.large / t.diagonal))
        return Rows(std, xp.where(real(std) < SMALLEST, size * (std / t.std), size), t)

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        x, z = _Bounded(*left.terms), _Bounded(*right.terms)
        gap, end = _bounded_pair(x, z)
        scale = xp.sqrt(xp.atan(x.large * x.large / x.diagonal)) * xp.sqrt(
            xp.atan(z.large * z.large / z.diagonal)
        )
        product = x.large * z.large
        root = xp.sqrt(end * end + product * product * minus * plus)
        # arcsin A^2, arcsin B^2 less arcsin AB, by tan((s - t) / 2) = (sin s - sin t) /
        # (cos s + cos t).
        up = 2 * xp.atan(x.large * gap / (x.diagonal + end)) / scale
        down = -2 * xp.atan(z.large * gap / (z.diagonal + end)) / scale
        top = xp.atan(product / end) / scale
        # At rho = 1 by differences where a and b are comparable; elsewhere 1 - r is not small, or
        # so flat that its own rounding does not show.
        alike = (xp.abs(up) < 1) & (xp.abs(down) < 1)
        differences = xp.where(alike, (top * (up + down) + up * down) / (1 + top), 1 - top)
        parallel = nonnegative_part(differences)

        def apart(defect: Array) -> Array:
            result: Array = parallel + 2 * xp.atan(product * defect / (end + root)) / scale
            return result

        return Layer(apart(minus), apart(plus), product / (root * scale))


class Gaussian(Dual):
    r"""Dual of :math:`\sigma(z)=e^{-z^2}`.

    .. math::
        \mathbb E[\sigma(u)\sigma(v)] &= D^{-1/2},\\
        \mathbb E[\sigma'(u)\sigma'(v)] &= 4ab\rho\,D^{-3/2},\\
        D &= (1+2a^2)(1+2b^2)-4a^2b^2\rho^2

    The first is :math:`\mathbb E\,e^{-u^2-v^2}=\det(I+2\Sigma)^{-1/2}` with :math:`\Sigma` the
    covariance of :math:`(u,v)`, and :math:`D` is that determinant; the second is its derivative in
    :math:`ab\rho`.
    """

    portable = True

    def rows(self, std: Array) -> Rows:
        t, xp = _bounded(std), namespace(std)
        return Rows(std, xp.sqrt(t.rest / xp.sqrt(1 + t.large * t.large)), t)

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        x, z = _Bounded(*left.terms), _Bounded(*right.terms)
        gap, end = _bounded_pair(x, z)
        product = (x.large * z.large) ** 2
        root = xp.sqrt(end * end + product * minus * plus)
        both = xp.sqrt(x.diagonal) * xp.sqrt(z.diagonal)
        spread = (gap * (x.large + z.large)) ** 2 / (end * end + both * both)
        defect = (product * minus * plus + spread) / root / (root + both)
        value = both / root
        return Layer(defect, 1 + value, value * (product / root) * ((plus - minus) / 2 / root))


def distances(left: Rows, right: Rows, defect: Array) -> Array:
    """Half the squared distance of the points, from a, b and 1 - rho."""
    a, b = left.std, right.std
    return (a - b) ** 2 / 2 + a * b * defect


class Rbf(Dual):
    r"""Dual of :math:`\sigma(z)=\sin z+\cos z`, the Gaussian kernel.

    .. math:: \mathbb E[\sigma(u)\sigma(v)]=e^{-(a^2+b^2-2ab\rho)/2}
        =\mathbb E[\sigma'(u)\sigma'(v)]

    The cross terms :math:`\mathbb E[\sin u\cos v]` vanish by symmetry; the rest is
    :math:`\mathbb E\cos(u-v)`, a characteristic function.
    """

    portable = True

    def rows(self, std: Array) -> Rows:
        return Rows(std, namespace(std).ones_like(std))

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        half = distances(left, right, minus)
        value = xp.exp(-half)
        return Layer(-xp.expm1(-half), 1 + value, left.std * right.std * value)
