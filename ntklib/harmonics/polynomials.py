"""Gegenbauer polynomials and the spherical harmonics that they are made of."""

from __future__ import annotations

import math

import numpy as np

from ntklib._validate import Array, real_array
from ntklib.harmonics.counting import (
    degree_of,
    degrees_of,
    dimension,
    log_multiplicity,
)
from ntklib.harmonics.nodes import log_area
from ntklib.harmonics.profiles import on_sphere


def gegenbauer(d: int, degree: object, t: object) -> Array:
    r"""Gegenbauer polynomials :math:`P_k` of the sphere :math:`S^{d-1}`, with :math:`P_k(1)=1`.

    :math:`P_k(\langle x,z\rangle)` is the harmonic of degree :math:`k` that depends on the angle to
    :math:`z` alone. For :math:`d=2` these are the Chebyshev, for :math:`d=3` the Legendre
    polynomials.

    Parameters
    ----------
    d : int
        Dimension of the space around the sphere, at least 2.
    degree : int or array_like of int, shape s
        Degrees, at least 0.
    t : float or array_like, shape u
        Numbers in :math:`[-1,1]`.

    Returns
    -------
    ndarray, shape s + u
        float64. By the recursion
        :math:`(k+d-2)P_{k+1}=(2k+d-2)\,tP_k-kP_{k-1}`, which is stable in :math:`[-1,1]`.

    Raises
    ------
    ValueError, TypeError
        ``d`` below 2, a negative degree, either not an integer; ``t`` out of range or not finite.

    Notes
    -----
    Statement: :prf:ref:`lem-harmonics`.
    """
    d, k = dimension("d", d), degrees_of("degree", degree)
    values = np.asarray(t) if np.ndim(np.asarray(t)) == 0 else t
    x = real_array("t", values, ndim=tuple(range(9))).astype(np.float64)
    if (np.abs(x) > 1).any():
        raise ValueError(f"t must lie in [-1, 1], got {x[np.abs(x) > 1].flat[0]}")
    found = np.empty(k.shape + x.shape)
    previous, current = np.zeros_like(x), np.ones_like(x)
    for j in range(int(k.max()) + 1):
        found[k == j] = current
        share = j / (j + d - 2) if j else 0.0
        # In this form it is exact at 1 and -1.
        previous, current = current, x * current + share * (x * current - previous)
    result: Array = found[()]
    return result


def spherical_harmonics(X: object, degree: int) -> Array:
    r"""An orthonormal basis of the harmonics of a degree on :math:`S^{d-1}`, at the rows of ``X``.

    Orthonormal for the uniform probability, so that for all :math:`x,x'` on the sphere

    .. math:: \sum_{i\le N(d,k)}Y_i(x)\,Y_i(x')=N(d,k)\,P_k(\langle x,x'\rangle).

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points of length 1 up to :math:`10^{-8}` (float32: :math:`10^{-6}`), one a row;
        :math:`d\ge2`.
    degree : int
        :math:`k\ge0`.

    Returns
    -------
    ndarray, shape (n, N(d, k))
        float64.

    Raises
    ------
    ValueError, TypeError
        Wrong shapes, points that are not finite real numbers or not of length 1, a negative degree
        or one that is not an integer.

    Notes
    -----
    Statements: :prf:ref:`lem-harmonics`, :prf:ref:`prp-mercer`.

    Built up from the last coordinate to the first. With :math:`x=(t,x')`, a harmonic :math:`Y_j` of
    degree :math:`j` in one dimension less gives, as homogeneous polynomials,

    .. math:: \Bigl[\frac{N(d+2j,k-j)\,c_{d+2j}}{c_d}\Bigr]^{1/2}
        \lVert x\rVert^{k-j}P^{(d+2j)}_{k-j}\Bigl(\frac t{\lVert x\rVert}\Bigr)\,Y_j(x')

    for each :math:`j\le k`, and these are all. Homogeneous polynomials have no division in them.
    """
    points, k = on_sphere("X", X), degree_of("degree", degree)
    dimension("columns of X", points.shape[1])
    return harmonics_up_to(points, k)[k]


def harmonics_up_to(X: Array, top: int) -> list[Array]:
    """For each degree up to `top` the basis, at points of any length, (n, N(d, k))."""
    n, columns = X.shape
    # On the line there are a constant and the coordinate itself.
    levels = [np.ones((n, 1)), X[:, -1:], *(np.empty((n, 0)) for _ in range(2, top + 1))][: top + 1]
    square = X[:, -1] ** 2
    for d in range(2, columns + 1):
        t = X[:, columns - d]
        square = square + t * t
        blocks: list[list[Array]] = [[] for _ in range(top + 1)]
        for j, below in enumerate(levels):
            if below.shape[1] == 0:
                continue
            degrees = np.arange(top - j + 1)
            logs = log_multiplicity(d + 2 * j, degrees) + log_area(d + 2 * j) - log_area(d)
            for k, P in enumerate(_homogeneous(d + 2 * j, t, square, top - j)):
                blocks[j + k].append((math.exp(logs[k] / 2) * P)[:, None] * below)
        levels = [np.hstack(parts) for parts in blocks]
    return levels


def _homogeneous(d: int, t: Array, square: Array, top: int) -> list[Array]:
    """|x|^k P_k(t / |x|) for k up to `top`, from t and |x|^2."""
    found = [np.ones_like(t), t]
    for k in range(1, top):
        share = k / (k + d - 2)
        found.append(t * found[-1] + share * (t * found[-1] - square * found[-2]))
    return found[: top + 1]
