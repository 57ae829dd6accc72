"""Quadrature on an interval with its own half, and Gegenbauer polynomials at many points."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ntklib._validate import Array
from ntklib.expectations import QuadratureError
from ntklib.harmonics.counting import log_beta

# Intervals beyond which no integral is tried.
_MOST = 1 << 17


def intervals(d: int, top: int) -> Iterator[int]:
    """How many to try, powers of two: the first resolve polynomials up to a degree twice over.

    In the angle those turn at most sqrt(k (k + d - 2)) times as fast as it, under a weight that is
    about 1 / sqrt(d) wide.
    """
    need = 8 * (math.sqrt(top * (top + d)) + 8 * math.sqrt(d)) + 128
    first = math.ceil(math.log2(need))
    if 1 << first > _MOST:
        raise QuadratureError(
            f"degrees up to {top} in dimension {d} need {need:.0f} nodes, more than {_MOST}"
        )
    yield from (1 << k for k in range(first, _MOST.bit_length()))


def clenshaw_curtis(count: int, length: float) -> tuple[Array, Array]:
    """Nodes in [0, length], increasing, and two rows of weights: of all, and of every second."""
    fine = _weights(count)
    coarse = np.zeros_like(fine)
    coarse[::2] = _weights(count // 2)
    # sin^2 of half of the angle: small nodes have all of their digits.
    angles = np.arange(count + 1) * (math.pi / (2 * count))
    return length * np.sin(angles) ** 2, np.stack([fine, coarse]) * (length / 2)


def _weights(count: int) -> Array:
    """Weights on [-1, 1]: the integrals of Chebyshev polynomials, through a cosine transform."""
    from scipy.fft import dct

    moments = np.zeros(count + 1)
    even = np.arange(0, count + 1, 2)
    moments[even] = 2 / (1.0 - even * even)
    weights = dct(moments, type=1) / count
    weights[[0, -1]] /= 2
    return np.asarray(weights)


def orthonormal(d: int, t: Array, start: Array, count: int) -> Iterator[Array]:
    r"""Gegenbauer polynomials of degrees 0, 1, ... at the points t, one by one.

    :math:`\sqrt{N(d,k)}\,P_k(t)`, orthonormal for the uniform probability of the sphere, times
    ``start``. That is as a rule the root of a weight, which keeps them of order one. Where it
    underflows they are all taken as zero.
    """
    previous, current, before = np.zeros_like(start), start, 0.0
    for k in range(1, count + 1):
        yield current
        # At k = 1 the formula is 0 / 0 for d = 2; the second moment of a coordinate is 1 / d.
        square = 1 / d if k == 1 else k * (k + d - 3) / ((2 * k + d - 4) * (2 * k + d - 2))
        after = math.sqrt(square)
        previous, current = current, (t * current - before * previous) / after
        before = after


def log_area(d: int) -> float:
    r"""The logarithm of c_d, with which :math:`c_d(1-t^2)^{(d-3)/2}` has the integral 1."""
    return -float(log_beta((d - 1) / 2, 0.5))
