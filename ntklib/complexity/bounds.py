"""Rademacher complexity of a ball, and what the norm of the interpolant promises."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ntklib._precision import EPS, epsilon
from ntklib._validate import Array, positive, positive_int, probability, targets
from ntklib.complexity.spectrum import gram, spectrum


class InterpolationError(np.linalg.LinAlgError):
    """No function of the space takes the values that it is to have on the points."""


class NormBound(NamedTuple):
    r"""What :func:`norm_bound` found.

    Attributes
    ----------
    value : float
        The bound of the risk, ``complexity + union + confidence``. It says nothing from 1 on.
    norm : float
        :math:`b=\sqrt{y^\top K^{-1}y}`, the norm of the interpolant.
    complexity : float
        :math:`2\sqrt c\,b/\sqrt n`.
    union : float
        :math:`2\sqrt c\,h/\sqrt n`, the price of radii in steps of :math:`h`.
    confidence : float
        :math:`\sqrt{\ln(N/\delta)/(2n)}`.
    radii : int
        :math:`N`, in how many balls the inequality holds at once.
    """

    value: float
    norm: float
    complexity: float
    union: float
    confidence: float
    radii: int


def rademacher(K: object, radius: float = 1.0) -> float:
    r"""Bound :math:`B\sqrt{\operatorname{tr}K}/n` of the Rademacher complexity of a ball.

    For signs :math:`s` the complexity of the ball of radius :math:`B` on these points is
    :math:`\mathbb E\sup_{\lVert f\rVert\le B}\tfrac1n\sum_is_if(x_i)
    =\tfrac Bn\mathbb E\sqrt{s^\top Ks}`, and the mean of the root at most the root of the mean.

    Statement: :prf:ref:`prp-rademacher`.

    Parameters
    ----------
    K : array_like, shape (n, n)
        The Gram matrix.
    radius : float
        :math:`B>0`.

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        ``K`` not square, not symmetric or with a negative diagonal; ``radius`` not positive.

    Notes
    -----
    Statement: :prf:ref:`prp-rademacher`.
    """
    A = _square(K)
    return positive("radius", radius) * math.sqrt(float(np.trace(A, dtype=np.float64))) / len(A)


def rademacher_estimate(
    K: object, radius: float = 1.0, *, draws: int = 1000, rng: np.random.Generator
) -> tuple[float, float]:
    r"""The complexity itself, by the mean over random signs, and the mean's standard error.

    Statement: :prf:ref:`prp-rademacher`.

    Parameters
    ----------
    K, radius
        As for :func:`rademacher`.
    draws : int
        Vectors of signs, at least 2.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    value, error : float
        The mean of :math:`\tfrac Bn\sqrt{s^\top Ks}`, and its standard error.

    Raises
    ------
    ValueError, TypeError
        As for :func:`rademacher`; ``draws`` below 2; ``rng`` not a generator.
    """
    A, radius = _square(K), positive("radius", radius)
    if positive_int("draws", draws) < 2:
        raise ValueError(f"draws must be at least 2, got {draws}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    signs = rng.choice([-1.0, 1.0], size=(draws, len(A)))
    squares = np.sum((signs @ A) * signs, axis=1)
    suprema = radius * np.sqrt(np.maximum(squares, 0.0)) / len(A)
    return float(suprema.mean()), float(suprema.std(ddof=1) / math.sqrt(draws))


def norm_bound(
    K: object,
    y: object,
    delta: float = 0.05,
    *,
    h: float = 1.0,
    diagonal: float | None = None,
    rcond: float | None = None,
) -> NormBound:
    r"""Bound of the risk of the interpolant of least norm, by its norm.

    Points and labels :math:`y_i=\pm1` are independent draws of one law, the kernel does not depend
    on them, and :math:`k(x,x)\le c`. With probability at least :math:`1-\delta` the interpolant
    :math:`f`, of norm :math:`b=\sqrt{y^\top K^{-1}y}`, errs on new data with probability

    .. math::

        P(yf(x)\le0)\le\frac{2\sqrt c\,(b+h)}{\sqrt n}+\sqrt{\frac{\ln(N/\delta)}{2n}},\qquad
        N=\Bigl\lceil\frac{\sqrt n}{2\sqrt c\,h}\Bigr\rceil.

    Statement: :prf:ref:`cor-union`.

    Parameters
    ----------
    K : array_like, shape (n, n)
        The Gram matrix. With the kernel of the lecture and unit points :math:`c=1/2`.
    y : array_like, shape (n,)
        Labels, each -1 or 1.
    delta : float
        How likely the bound may fail, between 0 and 1.
    h : float
        The step between the radii of balls, chosen before the data are seen.
    diagonal : float, optional
        :math:`c`, at least :math:`k(x,x)` for every :math:`x` that may be drawn. When left out, the
        diagonal of ``K``, which must then be constant, as on a sphere with a kernel of the angle.
    rcond : float, optional
        As for :func:`ntklib.complexity.leave_one_out`.

    Returns
    -------
    :class:`ntklib.complexity.NormBound`

    Raises
    ------
    ValueError, TypeError
        ``K`` not as for :func:`ntklib.complexity.leave_one_out`, or its diagonal not constant or
        above ``diagonal``; ``y`` not labels; ``delta`` not between 0 and 1; ``h`` not positive.
    InterpolationError
        ``K`` is singular and no function of the space takes the labels.
    RankError
        Rounding decides about the rank of ``K``.

    Notes
    -----
    Statements: :prf:ref:`thm-margin`, :prf:ref:`cor-union`.
    """
    c = _top(K, diagonal)
    found = spectrum(K, rcond)
    y = targets("y", y, len(found.values))
    if y.ndim != 1 or not np.isin(y, (-1, 1)).all():
        raise ValueError("y must be one column of labels -1 and 1")
    delta, h, n = probability("delta", delta), positive("h", h), len(y)
    found.decided()
    coords = found.vectors.T @ y.astype(np.float64)
    kept = found.values[~found.zero]
    angle = max(n * EPS, found.noise / kept[0]) if kept.size else 0.0
    left = float(np.linalg.norm(coords[found.zero]))
    if left > angle * math.sqrt(n):
        raise InterpolationError(
            f"K is singular, of rank {kept.size} of {n}, and no function of the space takes the "
            f"labels: every fit is off by at least {left:.3g} in the root of the sum of squares"
        )
    b = math.sqrt(float(np.sum(coords[~found.zero] ** 2 / kept)))
    b *= 2.0 ** (-found.exponent / 2)
    slope = 2 * math.sqrt(c / n)
    radii = math.ceil(1 / (slope * h))
    parts = slope * b, slope * h, math.sqrt(math.log(radii / delta) / (2 * n))
    return NormBound(sum(parts), b, *parts, radii)


def _square(K: object) -> Array:
    A = gram(K)
    if A.diagonal().min() < 0:
        raise ValueError(f"K must have no negative diagonal entry, got {A.diagonal().min()}")
    return A.astype(np.float64, copy=False)


def _top(K: object, diagonal: float | None) -> float:
    """The c of the bound, which the diagonal of K has or stays below, up to some ulps."""
    eps, entries = epsilon(K), _square(K).diagonal()
    least, most = float(entries.min()), float(entries.max())
    ulps = 1 + max(1e-8, 100 * eps)
    if diagonal is None:
        if most > least * ulps or most == 0:
            raise ValueError(
                f"K must have a constant positive diagonal, got {least:.6g} to {most:.6g}: divide "
                "the points by their norms, or give as diagonal a bound of k(x, x) that holds for "
                "every x"
            )
        return most
    c = positive("diagonal", diagonal)
    if most > c * ulps:
        raise ValueError(f"diagonal must be at least that of K, {most:.6g}, got {c:.6g}")
    return c
