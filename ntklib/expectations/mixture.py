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
from ntklib.expectations._widths import Terms, fitted
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


class _Width(NamedTuple):
    """Of exp(-l z^2) at standard deviation a: 1 / sqrt(1 + 2 l a^2), sqrt(2 l) a times it, a times
    it."""

    rest: Any
    large: Any
    std: Any


class _Sums(NamedTuple):
    """Over pairs of terms: the covariance at correlation one, what is lost at another, and the
    derivative in the correlation there; of odd terms and of even ones."""

    odd: Any
    odd_lost: Any
    odd_slope: Any
    even: Any
    even_lost: Any
    even_slope: Any


def _width(rate: float, a: Any) -> _Width:
    xp = namespace(a)
    rest = 1 / xp.sqrt(1 + 2 * rate * a * a)
    return _Width(rest, math.sqrt(2 * rate) * a * rest, a * rest)


class Mixture(Dual):
    r"""Dual of a function that Gaussians of many widths make up.

    .. math:: \hat\sigma(z)=c_0z+\sum_jc_j\int_0^ze^{-\lambda_jt^2}dt
        +d\,\mathbb E|z+w\xi|+b_0+\sum_jb_je^{-\mu_jz^2}

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
    function : callable or Terms
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
    the terms' sizes are more than that of their sum. It is relative to
    :math:`\sqrt{\mathbb E[\sigma(u)^2]\,\mathbb E[\sigma(v)^2]}`, and likewise for the derivatives.
    At equal deviations and near correlation one :math:`1-r` is off in proportion to itself, by the
    error of the derivatives, and not by :math:`10^{-13}` of one: layers then add their errors, also where each
    magnifies small angles.

    A pair costs some operations for each pair of terms, with a square root or arcsine: tanh has 22
    terms and swish 32. For 300 points and three hidden layers that is some seconds.
    """

    portable = True

    def __init__(self, function: Callable[[Array], Array] | Terms, *, name: str = "") -> None:
        self.name = name or getattr(function, "__name__", "the activation")
        self.terms = function if isinstance(function, Terms) else fitted(function, self.name)

    def __call__(self, z: Any) -> Any:
        r""":math:`\hat\sigma`, on arrays of any library."""
        t, xp = self.terms, namespace(z)
        value = t.constant + t.linear * z
        for c, rate in t.odd:
            root = math.sqrt(rate)
            value = value + c * math.sqrt(math.pi) / (2 * root) * _erf(root * z)
        for b, rate in t.even:
            value = value + b * xp.expm1(-rate * z * z)
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
        roots = _ROOTS.tolist()
        terms = tuple(root * values[..., q] for q, root in enumerate(roots))
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
        sums = self._sums(a, a, namespace(a).zeros_like(a), None)
        return sums.odd + sums.even + self._mean(a) ** 2

    def _sums(self, a: Any, b: Any, small: Any, mp: Any) -> _Sums:
        """The sums at correlation 1 - small; mp is its sine squared, None for zero."""
        t, xp = self.terms, namespace(small)
        zero = xp.zeros_like(a * b * small)
        rho, sine = 1 - small, small if mp is None else mp
        odd, odd_lost, odd_slope, even, even_lost, even_slope = (zero,) * 6
        lines = [(t.linear, 0.0), *t.odd] if t.linear else list(t.odd)
        right = [_width(rate, b) for _, rate in lines]
        for c, rate in lines:
            x = _width(rate, a)
            for (g, other), z in zip(lines, right, strict=True):
                both, kappa = c * g, 2 * math.sqrt(rate * other)
                if kappa == 0:
                    whole = both * (x.std * z.std)
                    odd, odd_lost = odd + whole, odd_lost + whole * small
                    odd_slope = odd_slope + whole
                    continue
                p = x.large * z.large
                square, end = p * p, x.rest * x.rest + (x.large * z.rest) ** 2
                root, end = xp.sqrt(end + square * sine), xp.sqrt(end)
                odd = odd + (both / kappa) * xp.atan(p / end)
                odd_lost = odd_lost + (2 * both / kappa) * xp.atan(p * small / (end + root))
                odd_slope = odd_slope + (both / kappa) * (p / root)
        kinds = [(t.growth, t.growth_rate, True)] if t.growth else []
        kinds += [(b, rate, False) for b, rate in t.even]
        right = [_width(rate, b) for _, rate, _ in kinds]
        for c, rate, straight in kinds:
            x = _width(rate, a)
            left_size = c / math.sqrt(2 * rate) / x.rest if straight else c * x.rest
            for (g, other, also), z in zip(kinds, right, strict=True):
                size = left_size * (g / math.sqrt(2 * other) / z.rest if also else g * z.rest)
                p = x.large * z.large
                square, end = p * p, x.rest * x.rest + (x.large * z.rest) ** 2
                root, end = xp.sqrt(end + square * sine), xp.sqrt(end)
                if straight and also:
                    size = size * (2 / math.pi)
                    turn = 2 * xp.atan(p * small / (end + root))
                    angle = xp.atan(p * rho / root)
                    even = even + size * (p * xp.atan(p / end) - square / (1 + end))
                    even_lost = even_lost + size * (
                        p * turn + angle * p * small - square * sine / (end + root)
                    )
                    even_slope = even_slope + size * p * angle
                elif straight or also:
                    size = size * math.sqrt(2 / math.pi)
                    even = even - size * (square / (1 + end))
                    even_lost = even_lost - size * (square * sine / (end + root))
                    even_slope = even_slope - size * (square * rho / root)
                else:
                    even = even + size * (square / (end * (1 + end)))
                    even_lost = even_lost + size * (square * sine / (end * root * (end + root)))
                    even_slope = even_slope + size * (square * rho / root**3)
        return _Sums(odd, odd_lost, odd_slope, even, even_lost, even_slope)

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
                apart = apart + (u - v) ** 2 / 2
        else:
            a, b = a.reshape(-1)[0], b.reshape(-1)[0]
        s = self._sums(a, b, small, minus * plus)
        scale = e * f
        if not (self.terms.even or self.terms.growth or self.terms.constant):
            near = nonnegative_part(apart + s.odd_lost / scale)
            less, more = xp.where(far, 2 - near, near), xp.where(far, near, 2 - near)
            return Layer(less, more, s.odd_slope / scale)
        turned = xp.where(far, 2 * s.odd - s.odd_lost, s.odd_lost)
        less = nonnegative_part(apart + (turned + s.even_lost) / scale)
        slope = s.odd_slope + xp.where(far, -s.even_slope, s.even_slope)
        return Layer(less, nonnegative_part(2 - less), slope / scale)


def _real_numbers(std: Any) -> Array:
    return np.asarray(portable.numbers(std) if is_foreign(std) else real(np.asarray(std)))


def _alike(a: Any, b: Any) -> bool:
    """Whether all deviations are one number, known to be."""
    if is_foreign(a) or np.iscomplexobj(a) or np.iscomplexobj(b):
        return False
    return bool((a == a.flat[0]).all() and (b == a.flat[0]).all())
