"""The power series of a profile."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntklib._precision import representable
from ntklib._validate import Array
from ntklib.harmonics import closed
from ntklib.harmonics.counting import Degrees, degrees_of, log_beta
from ntklib.harmonics.profiles import Kernel, bias_of, known


def power_series(kernel: Kernel, degrees: object, *, bias: float = 0.0) -> Any:
    r"""Coefficients of the power series of a profile :math:`\kappa(t)` in :math:`t`.

    .. math::
        \text{gates}\quad&\frac14+\frac1{2\pi}\sum_{k\ge0}\frac{a_k}{2k+1}\,t^{2k+1},
        \qquad a_k=\binom{2k}k4^{-k},\\
        \text{tangent}\quad&\frac t4+\frac1{2\pi}\sum_{k\ge0}\frac{a_k}{2k+1}\,t^{2k+2},\\
        \text{covariance}\quad&\frac1{2\pi}+\frac t4
        +\frac1{2\pi}\sum_{k\ge0}\frac{a_k}{(2k+1)(2k+2)}\,t^{2k+2},

    the last two times :math:`\varepsilon^2`. With a bias the profile is that of
    :math:`t\mapsto k((x,\beta),(x',\beta))`, and every coefficient is positive.

    Parameters
    ----------
    kernel : callable
        :func:`ntklib.relu_ntk`, :func:`ntklib.relu_nngp` or :func:`ntklib.gate_kernel`, also with
        the scale filled in by ``functools.partial``.
    degrees : int or array_like of int
        Powers of :math:`t`, at least 0.
    bias : float
        :math:`\beta`, as in :func:`eigenvalues`.

    Returns
    -------
    float64, or ndarray of the shape of ``degrees``
        All at least 0: such a kernel is positive semidefinite in every dimension.

    Raises
    ------
    ValueError, TypeError
        Another kernel; degrees that are not integers of at least 0; ``bias`` not finite.

    Notes
    -----
    Statements: :prf:ref:`thm-separation`, with a bias :prf:ref:`prp-bias-degrees`.

    With a bias the derivative of :math:`\arcsin\frac{t+\beta^2}{1+\beta^2}` solves a linear
    differential equation, which gives its coefficients one after the other, as sums of positive
    terms.
    """
    k, own = degrees_of("degrees", degrees), known(kernel)
    if own is None:
        raise ValueError(
            "kernel must be relu_ntk, relu_nngp or gate_kernel, whose series is known, got "
            f"{kernel!r}"
        )
    beta = bias_of(bias)
    square = beta * beta
    if own.law is closed.gate:
        found = _gates(k, square)
    else:
        before = np.where(k > 0, _gates(np.maximum(k - 1, 0), square), 0.0)
        if own.law is closed.tangent:
            found = before + square * _gates(k, square)
        else:
            at_zero = (1 + square) / (2 * math.pi) * _covariance(square / (1 + square))
            found = np.where(k > 0, before / np.maximum(k, 1), at_zero)
    return representable("coefficients are", own.eps * own.eps * found)[()]


def _covariance(t: float) -> float:
    """sin + (pi - arccos) cos for the cosine t."""
    return math.sqrt((1 - t) * (1 + t)) + t * (math.pi / 2 + math.asin(t))


def _gates(k: Degrees, square: float) -> Array:
    """Coefficients of 1/4 + arcsin((t + square) / (1 + square)) / (2 pi)."""
    if square == 0:
        half = np.where(k % 2 == 1, k, 1) // 2
        central = np.exp(log_beta(half + 0.5, 0.5)) / math.pi  # binomial(2 m, m) / 4^m
        odd = np.where(k % 2 == 1, central / (2 * math.pi * np.maximum(k, 1)), 0.0)
        return np.where(k == 0, 0.25, odd)
    a, b = 1 / (1 + square), square / (1 + square)
    # u = a / sqrt(1 - (a t + b)^2) has (1 - (a t + b)^2) u' = a (a t + b) u, and 1 - b^2 is
    # a (1 + b).
    u = [math.sqrt(a / (1 + b))]
    for n in range(int(k.max()) - 1):
        below = a * n * u[-2] if n else 0.0
        u.append((b * (2 * n + 1) * u[-1] + below) / ((1 + b) * (n + 1)))
    later = np.array(u)[np.maximum(k - 1, 0)] / (2 * math.pi * np.maximum(k, 1))
    return np.where(k == 0, 0.25 + math.asin(b) / (2 * math.pi), later)
