"""Bounds of the smallest eigenvalue of a Gram matrix by the distances of the points."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ntklib._engine import sizes
from ntklib._engine.sizes import slices
from ntklib._precision import scaled, unscaled
from ntklib._validate import Array, matrix, positive
from ntklib.kernels import angles

# Unit vectors are rounded, and with them angles, by some ulps of 1: all pairs that are the closest
# up to that are looked at again.
_SLACK = 1e-14


class EigenvalueBounds(NamedTuple):
    """Two numbers between which the smallest eigenvalue of a Gram matrix lies.

    Attributes
    ----------
    lower : float
        From the smallest distance of points up to sign.
    upper : float
        From the closest pair of points.
    """

    lower: float
    upper: float


class _Closest(NamedTuple):
    """The smallest angle between rows, and two rows that have it."""

    angle: float
    i: int
    j: int


def gram_eigenvalue_bound(X: object, eps: float = 1.0) -> EigenvalueBounds:
    r"""Bounds of the smallest eigenvalue of ``relu_ntk(X, eps=eps)`` from distances alone.

    For :math:`n\ge2` unit vectors at distances of at least :math:`\delta` from each other and from
    each other's opposites,

    .. math:: \frac{\lambda_{\min}(K)}{\varepsilon^2}\ge
        \frac\delta{4\pi^{3/2}\sqrt{\ln2n+\delta^2/2}}

    in every dimension. From above it is at most the smaller eigenvalue of two points' block of the
    matrix, for unit vectors :math:`\varepsilon^2(\frac12-\lvert\kappa(\cos\theta)\rvert)` with the
    smallest angle :math:`\theta` of two points.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points, one a row, of any length; of their directions :math:`\delta` is taken, and the lower
        bound is multiplied by the smallest squared length.
    eps : float
        Scale :math:`\varepsilon>0`.

    Returns
    -------
    EigenvalueBounds
        ``lower`` and ``upper``, python floats. Both are 0 where a row is zero. Where two points or
        a point and an opposite one have one direction, ``lower`` is 0: no bound.

    Raises
    ------
    ValueError, TypeError
        Wrong shapes, points that are not finite real numbers; ``eps`` not positive.
    OverflowError
        Bounds beyond the range of float64.

    Notes
    -----
    Statement: :prf:ref:`thm-separation`. The proof: let :math:`G` be the Gram matrix of the
    points. By the series (:func:`power_series`) :math:`K/\varepsilon^2` is :math:`G/4` plus the sum
    of :math:`b_kG^{\circ(2k+2)}` with :math:`b_k=\binom{2k}k/(4^k(2k+1)2\pi)`, all of them positive
    semidefinite (Schur). Off the diagonal entries of :math:`G` are in size at most
    :math:`\tau=1-\delta^2/2`, so by Gershgorin the smallest eigenvalue of
    :math:`G^{\circ(2k+2)}` is at least :math:`\frac12` where :math:`(n-1)\tau^{2k+2}\le\frac12`,
    which is from some :math:`k_0` with :math:`k_0+\frac12\le\ln(2n)/\delta^2+\frac12` on, since
    :math:`\ln(1/\tau)\ge\delta^2/2`. By Wallis's product :math:`b_k\ge
    (k+\frac12)^{-3/2}/(4\pi^{3/2})`, and these sum to at least
    :math:`(k_0+\frac12)^{-1/2}/(2\pi^{3/2})`.

    For :math:`n=1` both bounds are the one entry. All pairs are compared tile by tile, no matrix is
    held.
    """
    points, exponent = scaled(matrix("X", X).astype(np.float64, copy=False))
    mantissa, power = math.frexp(positive("eps", eps))
    square = np.sum(points * points, axis=1)
    found = mantissa * mantissa * np.array(_bounds(points, square))
    lower, upper = unscaled("bounds are", found, 2 * (exponent + power))
    return EigenvalueBounds(float(lower), float(upper))


def _bounds(X: Array, square: Array) -> tuple[float, float]:
    """The same with scale 1, for points with squared lengths in the range."""
    n, least = len(X), float(square.min())
    if n == 1 or least == 0:
        return least / 2, least / 2
    near = _closest(X, 1.0)
    delta = 2 * math.sin(min(near.angle, _closest(X, -1.0).angle) / 2)
    lower = delta / (4 * math.pi**1.5 * math.sqrt(math.log(2 * n) + delta**2 / 2))
    return least * lower, _of_pair(near.angle, float(square[near.i]), float(square[near.j]))


def separation(X: object) -> float:
    r"""The smallest distance :math:`\delta` of directions from each other and from opposite ones.

    .. math:: \delta=\min_{i\ne j}\ \min(\lVert u_i-u_j\rVert,\lVert u_i+u_j\rVert),
        \qquad u_i=x_i/\lVert x_i\rVert

    Parameters
    ----------
    X : array_like, shape (n, d)
        Two points or more, one a row, none of them zero.

    Returns
    -------
    float
        From differences where it is small, so that it has as many digits as the points have for it.

    Raises
    ------
    ValueError, TypeError
        Wrong shapes, one point, a zero row, points that are not finite real numbers.

    Notes
    -----
    Statement: :prf:ref:`thm-separation`.
    """
    points = matrix("X", X).astype(np.float64, copy=False)
    if len(points) < 2:
        raise ValueError(f"X must have at least 2 rows, got shape {points.shape}")
    zero = ~points.any(axis=1)
    if zero.any():
        raise ValueError(f"X must have no zero row, row {int(np.argmax(zero))} is zero")
    return 2 * math.sin(min(_closest(points, sign).angle for sign in (1.0, -1.0)) / 2)


def _closest(X: Array, sign: float) -> _Closest:
    """The smallest angle between a row and another one times a sign."""
    best = _Closest(math.inf, 0, 0)
    n = len(X)
    for rows in slices(0, n - 1, max(1, sizes.HELD // n)):
        theta = angles(X[rows], sign * X[rows.start :])
        # Each pair once.
        theta[np.tril_indices(rows.stop - rows.start, 0, n - rows.start)] = np.inf
        least = float(theta.min())
        if least > best.angle + _SLACK:
            continue
        i, j = np.nonzero(theta <= least + _SLACK)
        for part in slices(0, len(i), max(1, sizes.STREAMED // X.shape[1])):
            left, right = X[rows.start + i[part]], sign * X[rows.start + j[part]]
            exact = _angle(left, right)
            k = int(np.argmin(exact))
            if exact[k] < best.angle:
                best = _Closest(
                    float(exact[k]), int(rows.start + i[part][k]), int(rows.start + j[part][k])
                )
    return best


def _angle(x: Array, z: Array) -> NDArray[np.float64]:
    """Angles between rows, from the part of their difference that is across, where they are close.

    The difference of close numbers is exact, so that this has more digits than the difference of
    unit vectors, each of which was rounded.
    """
    # Lengths of order one, so that squares stay in the range: exact.
    x, z = (np.ldexp(v, -np.frexp(np.abs(v).max(axis=1))[1][:, None]) for v in (x, z))
    square = np.sum(x * x, axis=1)
    across = z - x
    across -= (np.sum(across * x, axis=1) / square)[:, None] * x
    along = np.sum(x * z, axis=1) / np.sqrt(square)
    return np.asarray(np.arctan2(np.linalg.norm(across, axis=1), along))


def _of_pair(theta: float, a: float, b: float) -> float:
    """The smaller eigenvalue of the matrix of two points of these squared lengths."""
    # 1/2 - kappa, as a sum of what is small where theta is.
    gap = math.sin(theta / 2) ** 2 + math.cos(theta) * theta / (2 * math.pi)
    kappa = 0.5 - gap
    trace = (a + b) / 4
    root = math.hypot((a - b) / 4, math.sqrt(a) * math.sqrt(b) * kappa)
    return a * b * gap * (0.5 + kappa) / (trace + root)
