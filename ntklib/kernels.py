r"""The limit of infinite width in closed form.

Implements :prf:ref:`prp-relu-ntk`, :prf:ref:`cor-general-norms`, :prf:ref:`prp-angle`,
:prf:ref:`prp-nngp`, :prf:ref:`prp-lift` and :prf:ref:`prp-bias`.

All functions compute in float64 and return float32 only for float32 inputs. The angle between two
rows comes from their inner product where that is safe, and from their sum and difference where the
inner product is close to 1 or -1: there arccos loses half of the digits.
"""

from __future__ import annotations

import math

import numpy as np

from ntklib._geometry import _Geometry, _geometry
from ntklib._validate import Array, matrix, positive, real_array


def _times_norms(profile: Array, geometry: _Geometry, eps: object) -> Array:
    """eps^2 |x| |x'| times a profile, scaled by powers of two last."""
    scale = positive("eps", eps)
    (a, ea), (b, eb) = geometry.left, geometry.right
    value = profile * (a[:, None] * b[None, :]) * (scale * scale)
    if geometry.square is not None:
        # Equal points: half the squared norm, without the detour over its square root.
        np.fill_diagonal(value, geometry.square * (scale * scale) / 2)
    value = np.ldexp(value, ea[:, None] + eb[None, :])
    return value.astype(geometry.dtype, copy=False)


def _kappa_profile(g: _Geometry) -> Array:
    return g.cos * g.supplement / (2 * math.pi)


def relu_ntk(X: object, Z: object | None = None, *, eps: float = 1.0) -> Array:
    r"""Neural tangent kernel of the shallow ReLU network, inner weights trained.

    .. math:: k(x,x') = \varepsilon^2 \langle x,x'\rangle\,\frac{\pi-\theta}{2\pi}

    with :math:`\theta` the angle between x and x'; zero where either is zero. The limit of
    :meth:`ntklib.ShallowNetwork.empirical_ntk` as the width grows.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points, one a row.
    Z : array_like, shape (n', d), optional
        Other points; X itself when left out, and then the result is exactly symmetric.
    eps : float
        Scale of the network.

    Returns
    -------
    K : ndarray, shape (n, n')
        float32 if the points are, else float64. The error is at most
        4e-15 * eps**2 * norm(x) * norm(x').

    Raises
    ------
    ValueError
        Wrong shapes, empty or non-finite points, eps not positive.
    TypeError
        Points that are not real numbers.

    Notes
    -----
    Statement: :prf:ref:`prp-relu-ntk`, :prf:ref:`cor-general-norms`.
    """
    g = _geometry(X, Z)
    return _times_norms(_kappa_profile(g), g, eps)


def relu_nngp(X: object, Z: object | None = None, *, eps: float = 1.0) -> Array:
    r"""Covariance of the output of the wide shallow ReLU network at random weights.

    .. math:: \varepsilon^2\,\mathbb E[\sigma(v^\top x)\sigma(v^\top x')]
        = \varepsilon^2\lVert x\rVert\lVert x'\rVert\,
        \frac{\sin\theta+(\pi-\theta)\cos\theta}{2\pi}

    Parameters, result, accuracy and errors are those of :func:`relu_ntk`.

    Notes
    -----
    Statement: :prf:ref:`prp-nngp`.
    """
    g = _geometry(X, Z)
    return _times_norms((g.sin + g.supplement * g.cos) / (2 * math.pi), g, eps)


def gate_kernel(X: object, Z: object | None = None) -> Array:
    r"""Probability that a random gate is open on both points.

    .. math:: \mathbb P[v^\top x\ge0,\ v^\top x'\ge0] = \frac{\pi-\theta}{2\pi}

    Norms do not matter. At a zero point the gate is always open: the value is 1/2 against a
    nonzero point, and 1 if both are zero.

    Parameters, result and errors are those of :func:`relu_ntk`; the error is at most 4e-15.

    Notes
    -----
    Statement: :prf:ref:`lem-wedge`.
    """
    g = _geometry(X, Z)
    value = g.supplement / (2 * math.pi)
    zero_left, zero_right = g.left[0] == 0, g.right[0] == 0
    value[zero_left, :] = 0.5
    value[:, zero_right] = 0.5
    value[np.ix_(zero_left, zero_right)] = 1.0
    return value.astype(g.dtype, copy=False)


def angles(X: object, Z: object | None = None) -> Array:
    r"""Angles between the rows of X and Z, in [0, pi], accurate at both ends.

    Raises ValueError for a zero row, which has no direction; otherwise as :func:`relu_ntk`.

    Notes
    -----
    Statement: :prf:ref:`prp-angle`. After W. Kahan: ``2 atan2(norm(u - v), norm(u + v))``
    for unit u, v.
    """
    g = _geometry(X, Z)
    for name, (norm, _) in (("X", g.left), ("Z", g.right)):
        if (norm == 0).any():
            raise ValueError(f"{name} must have no zero row, row {int(np.argmin(norm))} is zero")
    return np.arctan2(g.sin, g.cos).astype(g.dtype, copy=False)


def kappa(t: object) -> Array:
    r"""The profile :math:`\kappa(t)=t(\pi-\arccos t)/(2\pi)` for cosines t in [-1, 1].

    Raises ValueError for t outside. The kernel of unit vectors with eps = 1.

    Notes
    -----
    Statement: :prf:ref:`prp-relu-ntk`.
    """
    values = real_array("t", t, ndim=(0, 1, 2))
    if (np.abs(values) > 1).any():
        raise ValueError(f"t must lie in [-1, 1], got {values[np.abs(values) > 1].flat[0]}")
    result: Array = values * np.arccos(-values) / (2 * math.pi)
    return result


def lift(X: object) -> Array:
    r"""The points ``(x, sqrt(1 - norm(x)**2))`` of the unit sphere above the rows of X.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points of the closed unit ball.

    Returns
    -------
    ndarray, shape (n, d + 1)

    Raises
    ------
    ValueError
        A row of norm above 1 + 1e-12 (rounding above 1 is taken as 1); otherwise as
        :func:`relu_ntk`.

    Notes
    -----
    Statement: :prf:ref:`prp-lift`.
    """
    X = matrix("X", X)
    norm = np.sqrt(np.sum(X.astype(np.float64) ** 2, axis=1))
    tolerance = 1e-12 if X.dtype == np.float64 else 1e-6
    if (norm > 1 + tolerance).any():
        row = int(np.argmax(norm))
        raise ValueError(f"X must have rows of norm at most 1, row {row} has norm {norm[row]}")
    height = np.sqrt(np.maximum(0.0, (1 - norm) * (1 + norm)))
    return np.column_stack([X, height.astype(X.dtype)])


def with_bias(X: object, beta: float = 1.0) -> Array:
    r"""The points (x, beta): an input that is always on.

    Parameters
    ----------
    X : array_like, shape (n, d)
    beta : float
        Any finite number.

    Returns
    -------
    ndarray, shape (n, d + 1)

    Notes
    -----
    Statement: :prf:ref:`prp-bias`.
    """
    X = matrix("X", X)
    column = np.full((len(X), 1), float(real_array("beta", beta, ndim=0)), dtype=X.dtype)
    return np.hstack([X, column])
