r"""Dimensions and degrees: what is asked for, how many harmonics there are, and ratios of Gammas.

All ratios of Gamma functions in this room are one beta function. SciPy's logarithm of it is a sum
of logarithms of Gammas, which cancel: at :math:`a=b=500` it has lost four digits. Here the terms of
Stirling's formula that would cancel are taken out by hand.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntklib._validate import Array, positive_int

Degrees = NDArray[np.int64]

#: Coefficients of 1/z, 1/z^3, ... in the logarithm of Gamma over Stirling's formula.
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)


def dimension(name: str, value: object) -> int:
    """An integer of at least two: the sphere in one dimension is two points."""
    d = positive_int(name, value)
    if d < 2:
        raise ValueError(f"{name} must be at least 2, got {d}")
    return d


def degrees_of(name: str, value: object) -> Degrees:
    """Integers of at least zero, one or an array of any shape."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    if array.min() < 0:
        raise ValueError(f"{name} must be at least 0, got {array.min()}")
    return array.astype(np.int64)


def degree_of(name: str, value: object) -> int:
    """One integer of at least zero."""
    array = degrees_of(name, value)
    if array.ndim:
        raise ValueError(f"{name} must be one integer, got shape {array.shape}")
    return int(array)


def multiplicity(d: int, degree: object) -> Any:
    r"""How many independent harmonics of a degree there are on the sphere :math:`S^{d-1}`.

    .. math:: N(d,k) = \binom{k+d-1}{d-1}-\binom{k+d-3}{d-1}

    Polynomials of degree :math:`k`, homogeneous, less those that are :math:`\lVert x\rVert^2` times
    one of degree :math:`k-2`.

    Parameters
    ----------
    d : int
        Dimension of the space around the sphere, at least 2.
    degree : int or array_like of int
        Degrees, at least 0.

    Returns
    -------
    int, or ndarray of the shape of ``degree``
        Python integers, exact; of an array of degrees, an array with dtype ``object`` that holds
        them, since they soon leave the range of every other: ``.astype(float)`` makes numbers of
        them.

    Raises
    ------
    ValueError, TypeError
        ``d`` below 2, a negative degree, either not an integer.

    Notes
    -----
    Statement: :prf:ref:`lem-harmonics`.
    """
    d, k = dimension("d", d), degrees_of("degree", degree)
    counts = np.empty(k.shape, dtype=object)
    for index, j in np.ndenumerate(k):
        counts[index] = _count(d, int(j))
    return counts[()]


def _count(d: int, k: int) -> int:
    return math.comb(k + d - 1, d - 1) - (math.comb(k + d - 3, d - 1) if k >= 2 else 0)


def log_multiplicity(d: int, k: Degrees) -> Array:
    """The logarithm of the same, in float64."""
    j = np.maximum(k, 1).astype(np.float64)
    # Gamma(k + d - 2) / (Gamma(k + 1) Gamma(d - 1)) by B(k + 1, d - 1), which has Gamma(k + d).
    ratio = (2 * j + d - 2) / ((j + d - 1) * (j + d - 2))
    return np.where(k == 0, 0.0, np.log(ratio) - log_beta(j + 1, d - 1.0))


def log_beta(a: Any, b: Any) -> Array:
    r"""The logarithm of :math:`B(a,b)` for positive numbers, to some ulps of itself or of 1."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    total = low + high
    # high log(high / total) + low log(low / total), each to an ulp, both negative.
    powers = -high * np.log1p(low / high) + low * np.log(low / total)
    rest = 0.5 * (math.log(2 * math.pi) + np.log(total / low / high))
    return np.asarray(powers + rest + _correction(low) + (_correction(high) - _correction(total)))


def _correction(z: Array) -> Array:
    """The logarithm of Gamma(z) over Stirling's formula for it."""
    from scipy.special import gammaln

    w = 1 / (z * z)
    large = np.polynomial.polynomial.polyval(w, _STIRLING) / z
    near = np.minimum(z, 16.0)
    small = gammaln(near) - ((near - 0.5) * np.log(near) - near + 0.5 * math.log(2 * math.pi))
    # From 16 on the first term left out is below an ulp of 1.
    return np.where(z < 16, small, large)
