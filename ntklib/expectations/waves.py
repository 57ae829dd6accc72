"""Duals of the exponential, the cosine and the sine."""

from __future__ import annotations

import math

import numpy as np

from ntklib._engine.angular import real
from ntklib._engine.layers import nonnegative_part
from ntklib._engine.portable import namespace
from ntklib._validate import Array
from ntklib.expectations.base import SMALLEST, Dual, Layer, Rows, clipped
from ntklib.expectations.bounded import Rbf, distances


class Exponential(Rbf):
    r"""Dual of :math:`\sigma(z)=e^z`.

    .. math:: \mathbb E[\sigma(u)\sigma(v)]=e^{(a^2+b^2)/2+ab\rho}
        =\mathbb E[\sigma'(u)\sigma'(v)],

    the moment generating function of :math:`u+v`. Its :math:`r` is that of :class:`Rbf`.
    """

    def rows(self, std: Array) -> Rows:
        with np.errstate(over="ignore"):  # reported by those who use the size
            return Rows(std, namespace(std).exp(std * std))


class Cosine(Dual):
    r"""Dual of the cosine.

    .. math::
        \mathbb E[\cos u\cos v] &= e^{-(a^2+b^2)/2}\cosh(ab\rho),\\
        \mathbb E[\sin u\sin v] &= e^{-(a^2+b^2)/2}\sinh(ab\rho)

    from :math:`2\cos u\cos v=\cos(u-v)+\cos(u+v)` and the characteristic function.

    With :math:`M^2=(1+e^{-2a^2})(1+e^{-2b^2})` and the mean squares
    :math:`d_\pm^2=\mathbb E(u\pm v)^2` one has :math:`r=(e^{-d_-^2/2}+e^{-d_+^2/2})/M`. At
    :math:`\rho=1` the two terms are :math:`p=e^{-(a-b)^2/2}` and :math:`q=e^{-(a+b)^2/2}`, and the
    identity :math:`M^2-(p+q)^2=(1-e^{-(a+b)^2})(1-e^{-(a-b)^2})+(e^{-a^2}-e^{-b^2})^2` gives
    :math:`1-r` there as a sum of nonnegative terms. At other :math:`\rho` one more such term comes
    in.
    """

    portable = True

    _sign = 1

    def rows(self, std: Array) -> Rows:
        xp = namespace(std)
        root = xp.sqrt(1 + xp.exp(-2 * std * std))
        return Rows(std, root / math.sqrt(2), (root,))

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        a, b = left.std, right.std
        root = left.terms[0] * right.terms[0]
        parallel, nearest = self._parallel(a, b, root)
        near, far = xp.exp(-distances(left, right, minus)), xp.exp(-distances(left, right, plus))
        defect = parallel + nearest * xp.expm1(-a * b * minus) * xp.expm1(-a * b * plus) / root
        # exp(-x) - exp(-y) from the larger of the two.
        rho = (plus - minus) / 2
        back = real(rho) < 0
        size = xp.where(back, far, near) * -xp.expm1(-2 * a * b * xp.where(back, -rho, rho))
        slope = a * b * xp.where(back, -size, size) / root
        return Layer(defect, 1 + (near + far) / root, slope)

    def _parallel(self, a: Array, b: Array, root: Array) -> tuple[Array, Array]:
        """1 - r at rho = 1, from p +- q, and p."""
        xp = namespace(root)
        p = xp.exp(-((a - b) ** 2) / 2)
        joint = p * (1 + xp.exp(-2 * a * b) if self._sign > 0 else -xp.expm1(-2 * a * b))
        both = xp.expm1(-((a + b) ** 2)) * xp.expm1(-((a - b) ** 2))
        step = (xp.exp(-a * a) - xp.exp(-b * b)) ** 2
        rest = nonnegative_part(both + self._sign * step)
        return rest / root / (root + joint), p


class Sine(Cosine):
    r"""Dual of the sine; the formulas are those of :class:`Cosine`.

    Here :math:`M^2=(1-e^{-2a^2})(1-e^{-2b^2})`, :math:`r=(e^{-d_-^2/2}-e^{-d_+^2/2})/M` and
    :math:`M^2-(p-q)^2=(1-e^{-(a+b)^2})(1-e^{-(a-b)^2})-(e^{-a^2}-e^{-b^2})^2`.
    """

    _sign = -1

    def rows(self, std: Array) -> Rows:
        a, xp = clipped(std), namespace(std)
        root = xp.sqrt(-xp.expm1(-2 * a * a))
        return Rows(a, root / math.sqrt(2) * xp.where(real(std) < SMALLEST, std / a, 1.0), (root,))

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        a, b = left.std, right.std
        root = left.terms[0] * right.terms[0]
        parallel, nearest = self._parallel(a, b, root)
        # The difference in it has lost its digits when a and b are of different size.
        apart_in_size = (real(a) > 2 * real(b)) | (real(b) > 2 * real(a))
        direct = 1 + nearest / root * xp.expm1(-2 * a * b)
        parallel = xp.where(apart_in_size, nonnegative_part(direct), parallel)

        def apart(defect: Array, other: Array) -> Array:
            result: Array = parallel - nearest / root * xp.expm1(-a * b * defect) * (
                1 + xp.exp(-a * b * other)
            )
            return result

        near, far = xp.exp(-distances(left, right, minus)), xp.exp(-distances(left, right, plus))
        return Layer(apart(minus, plus), apart(plus, minus), a * b * (near + far) / root)
