"""What every dual activation is: work for each point, and work for each pair of points."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ntklib._engine.angular import real
from ntklib._engine.portable import constant, is_foreign, library, moved, namespace, traced
from ntklib._validate import Array

# Standard deviations below are taken as this where only the correlation is meant: it has reached
# its limit up to 1e-20, its square, and products of two stay representable, in float32 too. Those
# above, whose squares do not, are refused.
SMALLEST, LARGEST = 1e-10, 1e153


#: The relative error of a kernel beyond which no value is returned.
PROMISE = 1e-10


class QuadratureError(ValueError):
    """A kernel that would be off by more than 1e-10, and how far; the message says what helps."""


class Rows(NamedTuple):
    """What a layer needs to know of each point.

    :math:`a`, :math:`e(a)`, and terms of the closed form.
    ``largest`` has bounds of the terms at all points, where the pairs need them.
    """

    std: Array
    size: Array
    terms: tuple[Array, ...] = ()
    largest: tuple[float, ...] = ()

    def map(self, change: Callable[[Array], Any]) -> Rows:
        """The rows with all arrays changed."""
        terms = tuple(change(t) for t in self.terms)
        return Rows(change(self.std), change(self.size), terms, self.largest)

    def at(self, index: Any) -> Rows:
        """The rows indexed, for example ``[:, None]`` to stand against others."""
        return self.map(lambda values: values[index])


class Layer(NamedTuple):
    """:math:`1-r`, :math:`1+r` and :math:`r'` of each pair."""

    minus: Array
    plus: Array
    slope: Array


class Dual(ABC):
    """The dual of an activation: what the activation does to a kernel.

    Its method ``rows`` does the work for each point, on NumPy arrays. Its method ``pairs`` does the
    work for each pair of points, on arrays of any library with the names of the array API standard
    (:ref:`other-arrays`), all of one kind and dtype.

    Notes
    -----
    Statement: :prf:ref:`prp-correlation-map`.
    """

    #: Whether :math:`\sigma(cz)=c\sigma(z)` for :math:`c>0`. Norms then pass through untouched.
    homogeneous: bool = False
    #: Whether ``rows``, too, takes arrays of torch and JAX, which then follow derivatives.
    portable: bool = False

    @property
    def followed(self) -> Dual:
        """The dual where torch or JAX follows derivatives: this, or one that is portable."""
        return self

    @abstractmethod
    def rows(self, std: Array) -> Rows:
        """What ``pairs`` needs of points whose preactivations have these standard deviations."""

    @abstractmethod
    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        r"""The layer at correlations given as :math:`1-\rho`, :math:`1+\rho`; arrays broadcast."""


def hypot(x: Any, y: Any) -> Any:
    """sqrt(x^2 + y^2), also for the complex numbers of a complex-step derivative."""
    xp = namespace(x)
    if xp is np and (np.iscomplexobj(x) or np.iscomplexobj(y)):
        return np.sqrt(x * x + y * y)
    return xp.hypot(x, y if is_foreign(y) or xp is np else xp.full_like(x, y))


def clipped(std: Any) -> Any:
    """Standard deviations of which squares are representable.

    Raises
    ------
    OverflowError
        One is too large; inside jit and vmap it is NaN instead.
    """
    xp = namespace(std)
    # Twice the square is representable in float32.
    largest = LARGEST if xp.finfo(std.dtype).bits == 64 else 1e18
    if is_foreign(std):
        within: Array = xp.clip(std, SMALLEST, largest)
    else:
        within = np.where(std.real < SMALLEST, std.dtype.type(SMALLEST), std)
    if traced(std):
        return xp.where(std > largest, xp.nan, within)
    if bool(xp.any(real(std) > largest)):
        raise OverflowError(
            f"standard deviations of a layer are beyond {largest:.0e}, got "
            f"{float(xp.max(real(std))):.3g}"
        )
    return within


def normal_tail(x: Any) -> Any:
    """The probability that a standard Gaussian is above, in the array's library."""
    if library(x) == "torch":
        return sys.modules["torch"].special.ndtr(-x)
    if library(x) == "jax":
        from jax.scipy.special import ndtr as jax_ndtr

        return jax_ndtr(-x)
    from scipy.special import ndtr  # costs more to import than the rest of the package

    return namespace(x).asarray(ndtr(-np.asarray(x)))


def gauss_rule(nodes: int) -> list[tuple[float, float]]:
    """Gauss's rule on [0, 1], pairs of node and weight."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    return list(zip(((x + 1) / 2).tolist(), (w / 2).tolist(), strict=True))


def by_rule(
    rule: list[tuple[float, float]], integrand: Callable[..., tuple[Any, ...]], *given: Any
) -> tuple[Any, ...]:
    """Sums over the nodes; for compilers along one more axis."""
    if not any(map(traced, given)):
        total = integrand(*rule[0], *given)
        for node, weight in rule[1:]:
            more = integrand(node, weight, *given)
            total = tuple(s + v for s, v in zip(total, more, strict=True))
        return total
    xp = namespace(given[0])
    node, weight = (moved(v, given[0]) for v in np.array(rule).T)
    found = integrand(node, weight, *(value[..., None] for value in given))
    return tuple(xp.sum(value, axis=-1) for value in found)


# Gauss's rule of two nodes on [0, 1].
_PATH = (1 - 1 / math.sqrt(3)) / 2, (1 + 1 / math.sqrt(3)) / 2


def along(
    value: Any, rule: Callable[[tuple[Any, ...]], tuple[Any, ...]], at: tuple[Any, ...], given: Any
) -> Any:
    """A value that is known at `given`, with derivatives by a rule for the first ones.

    It is the value and the integral of the rule from there to `at`, along the straight line, by
    Gauss's rule of two nodes. In numbers both ends are one point. Derivatives of the integral are
    right up to the fourth order, since the rule is exact for cubic polynomials.
    """
    start = tuple(map(constant, given))
    step = [y - x for x, y in zip(start, at, strict=True)]
    for place in _PATH:
        slopes = rule(tuple(x + place * h for x, h in zip(start, step, strict=True)))
        for slope, h in zip(slopes, step, strict=True):
            value = value + slope * h / 2
    return value
