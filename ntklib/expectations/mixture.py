r"""The dual of a smooth function, however steep, by Gaussians of many widths.

A function is replaced by another one that has a closed form, so near to it that the difference
does not matter. What may be lost is a norm: with :math:`\delta=\hat\sigma-\sigma` and
:math:`\|f\|_a^2=\mathbb E[f(a\xi)^2]`, Cauchy and Schwarz give

.. math:: \bigl|\mathbb E[\hat\sigma(u)\hat\sigma(v)]-\mathbb E[\sigma(u)\sigma(v)]\bigr|
    \le\|\delta\|_a\|\sigma\|_b+\|\sigma\|_a\|\delta\|_b+\|\delta\|_a\|\delta\|_b,

whatever the correlation; the same holds for the derivatives.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ntklib._engine import portable
from ntklib._engine.angular import real
from ntklib._engine.layers import nonnegative_part
from ntklib._engine.portable import is_foreign, library, namespace
from ntklib._validate import Array
from ntklib.expectations._widths import fitted
from ntklib.expectations.base import (
    PROMISE,
    SMALLEST,
    Dual,
    Layer,
    QuadratureError,
    Rows,
    clipped,
)

# Of the trapezoid rule at z = sinh(x): a standard Gaussian is nothing beyond 9, and what a
# function does below 1e-7 of it hardly counts. The error is exp(-pi^2 / (2 step)).
_STEP = 1 / 7
_X = np.arange(-133, 134) * _STEP
_NODES = 1e-7 * np.sinh(_X)
_ROOTS = np.sqrt(1e-7 * np.cosh(_X) * _STEP / math.sqrt(2 * math.pi)) * np.exp(-(_NODES**2) / 4)


def _erf(x: Any) -> Any:
    """The error function of the array's library."""
    if library(x) == "torch":
        return sys.modules["torch"].erf(x)
    if library(x) == "jax":
        from jax.scipy.special import erf as jax_erf

        return jax_erf(x)
    from scipy.special import erf  # costs more to import than the rest of the package

    return erf(x)


def _integral(z: Any, rate: Any) -> Any:
    root = rate**0.5
    return math.sqrt(math.pi) / 2 / root * _erf(root * z)


def _bump(z: Any, rate: Any) -> Any:
    return namespace(z).expm1(-rate * z * z)


class _Width(NamedTuple):
    """Of exp(-l z^2) at standard deviation a: 1 / sqrt(1 + 2 l a^2), sqrt(2 l) a times it, a times
    it, and sqrt(2 l)."""

    rest: Any
    large: Any
    std: Any
    root: Any


class _Sums(NamedTuple):
    """Over pairs of terms: the covariance at correlation one, what is lost at another, and the
    derivative in the correlation there."""

    whole: Any
    lost: Any
    slope: Any


class _Place(NamedTuple):
    """Of correlation rho: 1 - rho, and the square of the sine."""

    small: Any
    sine: Any


def _width(rate: Any, a: Any) -> _Width:
    xp = namespace(a)
    root = xp.sqrt(2 * rate) if is_foreign(rate) else math.sqrt(2 * rate)
    rest = 1 / xp.sqrt(1 + 2 * rate * a * a)
    return _Width(rest, root * a * rest, a * rest, root)


def _roots(x: _Width, z: _Width, at: _Place) -> tuple[Any, Any, Any]:
    """AB, the root of 1 - (AB)^2, and that of 1 - (AB rho)^2."""
    xp = namespace(at.small)
    p = x.large * z.large
    end = x.rest * x.rest + (x.large * z.rest) ** 2
    return p, xp.sqrt(end), xp.sqrt(end + p * p * at.sine)


def _straight(x: _Width, z: _Width, at: _Place) -> _Sums:
    """Of z, and of the integral of a Gaussian or of z."""
    whole = x.std * z.std
    return _Sums(whole, whole * at.small, whole)


def _odd(x: _Width, z: _Width, at: _Place) -> _Sums:
    """Of two integrals of Gaussians."""
    xp, size = namespace(at.small), 1 / (x.root * z.root)
    p, end, root = _roots(x, z, at)
    lost = 2 * size * xp.atan(p * at.small / (end + root))
    return _Sums(size * xp.atan(p / end), lost, size * (p / root))


def _even(x: _Width, z: _Width, at: _Place) -> _Sums:
    """Of two Gaussians."""
    p, end, root = _roots(x, z, at)
    size = x.rest * z.rest * (p * p)
    lost = size * at.sine / (end * root * (end + root))
    return _Sums(size / (end * (1 + end)), lost, size * (1 - at.small) / root**3)


def _mixed(x: _Width, z: _Width, at: _Place) -> _Sums:
    """Of a smooth |z|, to the left, and a Gaussian."""
    p, end, root = _roots(x, z, at)
    size = -math.sqrt(2 / math.pi) * (z.rest / (x.root * x.rest)) * (p * p)
    return _Sums(size / (1 + end), size * at.sine / (end + root), size * (1 - at.small) / root)


def _growths(x: _Width, z: _Width, at: _Place) -> _Sums:
    """Of two times a smooth |z|."""
    xp = namespace(at.small)
    p, end, root = _roots(x, z, at)
    size = 2 / math.pi / (x.root * x.rest * z.root * z.rest)
    turn = 2 * xp.atan(p * at.small / (end + root))
    angle = xp.atan(p * (1 - at.small) / root)
    whole = p * xp.atan(p / end) - p * p / (1 + end)
    lost = p * turn + angle * p * at.small - p * p * at.sine / (end + root)
    return _Sums(size * whole, size * lost, size * p * angle)


class Mixture(Dual):
    r"""Dual of a function that Gaussians of many widths make up.

    .. math::
        \hat\sigma(z) &= c_0z+\sum_jc_j\int_0^ze^{-\lambda_jt^2}dt\\
        &\quad+d\,\mathbb E|z+w\xi|+b_0+\sum_jb_je^{-\mu_jz^2}

    Every pair of these terms has a closed form: arcsines and roots of
    :math:`1-A^2B^2\rho^2`, where :math:`A^2=2\lambda a^2/(1+2\lambda a^2)` and :math:`B` likewise
    with :math:`\mu` and :math:`b`. A Gaussian that narrows to nothing costs no more than any
    other, so that it does not matter how steep the function is at a given deviation. What counts is
    that it is smooth about zero on every scale, that is, analytic where
    :math:`|\arg z|<\pi/4`, and becomes straight: tanh, the logistic function, swish, softplus and
    mish are of this kind, and so are those of a multiple of :math:`z`. Rates in a geometric
    sequence then serve for all of them. The coefficients are found by least squares, from values of
    the function between :math:`10^{-4}` and :math:`10^5` on either side of zero, and as few
    neighboring rates are kept as do.

    Parameters
    ----------
    function : callable
        :math:`\sigma`, elementwise on float64 arrays.
    name : str
        What messages call the function; its own name when left out.

    Raises
    ------
    QuadratureError
        A function that is not like this, for example one that is steep away from zero.

    Notes
    -----
    :meth:`error` is twice :math:`\|\delta\|_a/\|\sigma\|_a`, or the same of the derivatives where
    that is larger, by sums over values between and beyond those of the fit, and some ulps of what
    the terms' sizes are more than that of their sum. No value is known at deviations where a closer
    look, at 500 points for each factor of :math:`e`, finds the function elsewhere. The error is
    relative to
    :math:`\sqrt{\mathbb E[\sigma(u)^2]\,\mathbb E[\sigma(v)^2]}`, and likewise for the derivatives.
    At equal deviations and near correlation one :math:`1-r` is off in proportion to itself, by the
    error of the derivatives, and not by :math:`10^{-13}` of one: layers then add their errors, also
    where each magnifies small angles.

    A pair costs some operations for each pair of terms, with a square root or arcsine: tanh has 22
    terms and swish 32. For 300 points and three hidden layers that is some seconds.
    """

    portable = True

    def __init__(self, function: Callable[[Array], Array], *, name: str = "") -> None:
        self.name = name or getattr(function, "__name__", "the activation")
        self.terms = fitted(function, self.name)

    def __call__(self, z: Any) -> Any:
        r""":math:`\hat\sigma`, on arrays of any library."""
        t, xp = self.terms, namespace(z)
        value = t.constant + t.linear * z
        if portable.traced(z):
            for terms, term in ((t.odd, _integral), (t.even, _bump)):
                if terms:
                    c, rates = (portable.moved(v, z) for v in np.array(terms).T)
                    value = value + xp.sum(c * term(z[..., None], rates), axis=-1)
        else:
            for c, rate in t.odd:
                value = value + c * _integral(z, rate)
            for b, rate in t.even:
                value = value + b * _bump(z, rate)
        if t.growth:
            root = math.sqrt(t.growth_rate)
            bump = xp.expm1(-t.growth_rate * z * z) / (root * math.sqrt(math.pi))
            value = value + t.growth * (z * _erf(root * z) + bump)
        return value

    def error(self, std: object) -> Array:
        """What the kernel may be off by, relative, at standard deviations; an array of floats."""
        a = np.asarray(std, dtype=np.float64)
        low, high = self.terms.stds[0], self.terms.stds[-1]
        place = np.interp(
            np.log(np.clip(a, low, high)), np.log(self.terms.stds), np.arange(len(self.terms.stds))
        )
        errors = np.asarray(self.terms.errors)
        found = np.maximum(errors[np.floor(place).astype(int)], errors[np.ceil(place).astype(int)])
        return np.asarray(np.where(a > high * (1 + 1e-12), np.inf, found))

    def rows(self, std: Array) -> Rows:
        xp = namespace(std)
        a = clipped(std)
        if portable.traced(std):
            a = xp.where(self._outside(a), xp.nan, a)
        else:
            self._check(std)
        square = self._squares(a)
        size = xp.sqrt(square)
        z = a[..., None] * (portable.moved(_NODES, a) if is_foreign(a) else _NODES)
        values = self(z) / size[..., None]
        if portable.traced(std):
            terms: tuple[Any, ...] = (values * portable.moved(_ROOTS, a),)
        else:
            terms = tuple(root * values[..., q] for q, root in enumerate(_ROOTS.tolist()))
        small = real(std) < SMALLEST
        shown = xp.where(small, size * (std / a), size) if self.terms.constant == 0 else size
        return Rows(std, shown, (a, size, *terms))

    def _outside(self, a: Any) -> Any:
        """Where a deviation that has no value yet is beyond those that serve."""
        serves = [error <= PROMISE for error in self.terms.errors]
        first = serves.index(True)
        last = first + [*serves[first:], False].index(False) - 1
        return (a < (self.terms.stds[first] if first else 0.0)) | (a > self.terms.stds[last])

    def _check(self, std: Any) -> None:
        a = np.atleast_1d(_real_numbers(std))
        error = self.error(a)
        worst = float(error.max(initial=0))
        if worst > PROMISE:
            raise QuadratureError(
                f"quadrature of {self.name}: the relative error of the kernel would be about "
                f"{worst:.1e} at standard deviation {a.reshape(-1)[error.argmax()]:.3g} by a "
                f"mixture of Gaussians"
            )

    def _squares(self, a: Any) -> Any:
        zero = namespace(a).zeros_like(a)
        odd, even = self._sums(a, a, _Place(zero, zero))
        return odd.whole + even.whole + self._mean(a) ** 2

    def _sums(self, a: Any, b: Any, at: _Place) -> tuple[_Sums, _Sums]:
        """The sums of odd terms and of even ones."""
        t = self.terms
        line = ((t.linear, 0.0),) if t.linear else ()
        growth = ((t.growth, t.growth_rate),) if t.growth else ()
        odd: list[tuple[_Each, _Terms, _Terms]]
        odd = [(_straight, line, line), (_straight, line, t.odd), (_straight, t.odd, line)]
        odd.append((_odd, t.odd, t.odd))
        even: list[tuple[_Each, _Terms, _Terms]]
        even = [(_growths, growth, growth), (_mixed, growth, t.even), (_even, t.even, t.even)]

        def turned(x: _Width, z: _Width, at: _Place) -> _Sums:
            return _mixed(z, x, at)

        even.append((turned, t.even, growth))
        return _total(odd, a, b, at), _total(even, a, b, at)

    def _mean(self, a: Any) -> Any:
        """Of the function: its value at zero, and of each even term what is off that."""
        t = self.terms
        mean = t.constant + 0 * a
        for b, rate in t.even:
            x = _width(rate, a)
            mean = mean - b * (2 * rate * a * a * x.rest * x.rest / (1 + x.rest))
        if t.growth:
            x = _width(t.growth_rate, a)
            more = 2 * t.growth_rate * a * a * x.rest / (1 + x.rest)
            mean = mean + t.growth / math.sqrt(math.pi * t.growth_rate) * more
        return mean

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        a, e, *x = left.terms
        b, f, *z = right.terms
        far = real(minus) > real(plus)
        small = xp.where(far, plus, minus)
        apart = 0 * small
        if not _alike(a, b):
            for u, v in zip(x, z, strict=True):
                square = (u - v) ** 2 / 2
                apart = apart + (xp.sum(square, axis=-1) if square.ndim > small.ndim else square)
        else:
            a, b = a.reshape(-1)[0], b.reshape(-1)[0]
        odd, even = self._sums(a, b, _Place(small, minus * plus))
        scale = e * f
        if not (self.terms.even or self.terms.growth or self.terms.constant):
            near = nonnegative_part(apart + odd.lost / scale)
            less, more = xp.where(far, 2 - near, near), xp.where(far, near, 2 - near)
            return Layer(less, more, odd.slope / scale)
        turned = xp.where(far, 2 * odd.whole - odd.lost, odd.lost)
        less = nonnegative_part(apart + (turned + even.lost) / scale)
        slope = odd.slope + xp.where(far, -even.slope, even.slope)
        return Layer(less, nonnegative_part(2 - less), slope / scale)


_Each = Callable[[_Width, _Width, _Place], _Sums]
_Terms = tuple[tuple[float, float], ...]


def _total(groups: list[tuple[_Each, _Terms, _Terms]], a: Any, b: Any, at: _Place) -> _Sums:
    """The sum over groups of pairs of terms, (coefficient, rate) to the left and to the right."""
    zero = 0 * (a * b * at.small)
    sums = _Sums(zero, zero, zero)
    for each, left, right in groups:
        if any(map(portable.traced, (a, b, at.small))) and len(left) * len(right) > 1:
            found = _stacked(each, left, right, a, b, at)
            sums = _Sums(*(s + t for s, t in zip(sums, found, strict=True)))
            continue
        widths = [_width(rate, b) for _, rate in right]
        for c, rate in left:
            x = _width(rate, a)
            for (g, _), z in zip(right, widths, strict=True):
                found = each(x, z, at)
                sums = _Sums(*(s + (c * g) * t for s, t in zip(sums, found, strict=True)))
    return sums


def _stacked(each: _Each, left: _Terms, right: _Terms, a: Any, b: Any, at: _Place) -> _Sums:
    """All pairs of terms along one more axis: for compilers, which would see each as a program."""
    xp = namespace(at.small)
    (c, rates), (g, others) = np.array(left).T, np.array(right).T
    n, m = len(c), len(g)
    x = _width(portable.moved(np.repeat(rates, m), at.small), a[..., None])
    z = _width(portable.moved(np.tile(others, n), at.small), b[..., None])
    weights = portable.moved(np.outer(c, g).reshape(-1), at.small)
    found = each(x, z, _Place(at.small[..., None], at.sine[..., None]))
    return _Sums(*(xp.sum(weights * t, axis=-1) for t in found))


def _real_numbers(std: Any) -> Array:
    return np.asarray(portable.numbers(std) if is_foreign(std) else real(np.asarray(std)))


def _alike(a: Any, b: Any) -> bool:
    """Whether all deviations are one number, known to be."""
    if is_foreign(a) or np.iscomplexobj(a) or np.iscomplexobj(b) or 0 in (a.size, b.size):
        return False
    return bool((a == a.flat[0]).all() and (b == a.flat[0]).all())
