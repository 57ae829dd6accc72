r"""The limit of infinite width in closed form.

Implements :prf:ref:`dfn-ntk`, :prf:ref:`prp-law-of-large-numbers`, :prf:ref:`lem-homogeneous`,
:prf:ref:`lem-wedge`, :prf:ref:`prp-relu-ntk`, :prf:ref:`cor-general-norms`, :prf:ref:`prp-nngp`,
:prf:ref:`prp-angle`, :prf:ref:`prp-lift`, :prf:ref:`prp-bias` and :prf:ref:`prp-bias-invertible`.

The matrices come tile by tile. The angle between two rows comes from the inner
product of their unit vectors where that is safe, and from their difference or sum where it is close
to :math:`\pm1`: there arccos loses half of the digits. (Between float32 rows the inner product,
computed once more in float64, is enough.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ntklib._engine import portable
from ntklib._engine.angular import ANGLE, GATE, NNGP, NTK, Angular, Profile, angular, cosine
from ntklib._engine.blocks import matrix_of
from ntklib._engine.points import Points, points, sides
from ntklib._engine.portable import Side, Values, is_foreign, namespace
from ntklib._precision import representable
from ntklib._validate import Array, matrix, positive, real_array


def _lecture(
    profile: Profile, X: object, Z: object | None, eps: object, kernel: Callable[..., Array]
) -> Array:
    """eps^2 |x| |x'| / (2 pi) times a profile."""
    scale: Any = portable.scale("eps", eps, positive)
    portable.refuse_others("eps must be a number or", [scale], X, Z)
    if is_foreign(X) or is_foreign(Z):
        result: Array = portable.evaluate(
            partial(kernel, eps=scale), partial(_on_sides, profile, scale * scale), X, Z
        )
        return result
    mantissa, power = math.frexp(scale)
    left, right, dtype = sides(X, Z)
    found = angular(profile, left, right, mantissa * mantissa, 2 * power)
    return matrix_of(found, left, right, dtype)


def _on_sides(profile: Profile, factor: Any, left: Side, right: Side) -> tuple[Values, Any]:
    """The same for arrays of another library: values of pairs, and those at equal points."""

    def values(minus: Any, plus: Any, rows: slice) -> Any:
        value = profile.of_defects(minus, plus) / (2 * math.pi)
        # At a zero point the mean of the derivatives in opposite directions is that of <x, x'> / 4.
        # There `unit` is the point itself, and lengths of one let its derivative through.
        at_zero = (left.norm[rows, None] == 0) | (right.norm[None, :] == 0)
        value = namespace(minus).where(at_zero, cosine(minus, plus) / 4, value)
        value = value * (_or_one(left.norm)[rows, None] * _or_one(right.norm)[None, :]) * factor
        return value * _or_one(left.largest)[rows, None] * _or_one(right.largest)[None, :]

    return values, profile.start * left.square * factor * left.largest * left.largest


def _or_one(length: Any) -> Any:
    """Lengths, of zero points one."""
    return namespace(length).where(length > 0, length, 1.0)


def _of_directions(
    profile: Profile, left: Points, right: Points | None, factor: float = 1.0
) -> Angular:
    """A profile over 2 pi for which norms do not matter, times a factor."""
    other = None if right is None else right.of_length_one()
    return angular(profile, left.of_length_one(), other, factor)


def _gates_on_sides(left: Side, right: Side) -> tuple[Values, None]:
    def values(minus: Any, plus: Any, rows: slice) -> Any:
        xp = namespace(minus)
        zeros = [
            xp.astype(norm == 0, minus.dtype)
            for norm in (left.norm[rows, None], right.norm[None, :])
        ]
        # One zero point: 1/2; two: 1; none: the angle decides.
        at_zero = (zeros[0] + zeros[1]) / 2
        return xp.where(at_zero > 0, at_zero, GATE.of_defects(minus, plus) / (2 * math.pi))

    return values, None


def relu_ntk(X: object, Z: object | None = None, *, eps: float = 1.0) -> Array:
    r"""Neural tangent kernel of the shallow ReLU network, inner weights trained.

    .. math:: k(x,x') = \varepsilon^2 \langle x,x'\rangle\,\frac{\pi-\theta}{2\pi}

    with :math:`\theta` the angle between :math:`x` and :math:`x'`; zero where either is zero. The
    limit of :meth:`ntklib.ShallowNetwork.empirical_ntk` as the width grows.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points, one a row. Also a torch, JAX, CuPy or Dask array of floating-point numbers
        (:ref:`other-arrays`); the result is then of its kind and dtype.
    Z : array_like, shape (n', d), optional
        Other points; ``X`` itself when left out, and then the result is exactly symmetric.
    eps : float
        Scale :math:`\varepsilon` of the network, positive; beside a torch or JAX array also a
        number of that library.

    Returns
    -------
    K : ndarray, shape (n, n')
        float32 if the points are, else float64. Up to :math:`d=10^6` the error is at most
        :math:`4\cdot10^{-15}\,\varepsilon^2\lVert x\rVert\lVert x'\rVert` at equal points and
        wherever :math:`|\cos\theta|\ge0.991`, and for float32
        :math:`10^{-6}\,\varepsilon^2\lVert x\rVert\lVert x'\rVert` at equal points and wherever
        :math:`|\cos\theta|\ge0.91`. Elsewhere it is at most
        :math:`2u\,(\min(d,1024)+50)\,\varepsilon^2\lVert x\rVert\lVert x'\rVert` with
        :math:`u=2^{-53}`, for float32 :math:`2^{-24}`. So much it can be when many coordinates are
        alike; of coordinates with errors at random the first two bounds hold there too.

    Raises
    ------
    ValueError
        Wrong shapes, empty or non-finite points, ``eps`` not positive.
    TypeError
        Points that are not real numbers, or arrays of two libraries.
    OverflowError
        Values too large for the result's dtype.
    ImportError
        Arrays of another library without array-api-compat.

    Notes
    -----
    Statements: :prf:ref:`dfn-ntk`, :prf:ref:`prp-law-of-large-numbers`, :prf:ref:`prp-relu-ntk`,
    :prf:ref:`cor-general-norms`.

    torch and JAX differentiate it in ``X``, ``Z`` and ``eps``, to any order where it is smooth. At
    points of equal or opposite direction, and at zero, where it is not, the derivative is the mean
    of those in opposite directions: of :math:`k(x,z)` at :math:`x=z` it is
    :math:`z\varepsilon^2/2`, at :math:`x=-z` zero, and at :math:`x=0` it is
    :math:`z\varepsilon^2/4`. Points whose unit vectors differ by rounding are not seen as of one
    direction. Under ``jit`` and ``vmap`` values are not known, so non-finite points and overflow
    are not refused.
    """
    return _lecture(NTK, X, Z, eps, relu_ntk)


def relu_nngp(X: object, Z: object | None = None, *, eps: float = 1.0) -> Array:
    r"""Covariance of the output of the wide shallow ReLU network at random weights.

    .. math:: \varepsilon^2\,\mathbb E[\sigma(v^\top x)\sigma(v^\top x')]
        = \varepsilon^2\lVert x\rVert\lVert x'\rVert\,
        \frac{\sin\theta+(\pi-\theta)\cos\theta}{2\pi}

    Here :math:`v` is a standard Gaussian vector. Parameters, result, accuracy and exceptions are
    those of :func:`relu_ntk`.

    Notes
    -----
    Statement: :prf:ref:`prp-nngp`.
    """
    return _lecture(NNGP, X, Z, eps, relu_nngp)


def gate_kernel(X: object, Z: object | None = None) -> Array:
    r"""Probability that a random gate is open on both points.

    .. math:: \mathbb P[v^\top x\ge0,\ v^\top x'\ge0] = \frac{\pi-\theta}{2\pi}

    Here :math:`v` is a standard Gaussian vector. Norms do not matter. At a zero point the gate is
    always open: the value is :math:`1/2` against a nonzero point, and 1 if both are zero.

    Parameters (without ``eps``), result and exceptions are those of :func:`relu_ntk`, and so are
    the bounds of the error, without the scale and the norms.

    Notes
    -----
    Statements: :prf:ref:`lem-homogeneous`, :prf:ref:`lem-wedge`.
    """
    if is_foreign(X) or is_foreign(Z):
        result: Array = portable.evaluate(gate_kernel, _gates_on_sides, X, Z)
        return result
    left, right, dtype = sides(X, Z)
    K = matrix_of(_of_directions(GATE, left, right), left, right, dtype)
    zero_left = left.norm == 0
    zero_right = zero_left if right is None else right.norm == 0
    K[zero_left, :] = 0.5
    K[:, zero_right] = 0.5
    K[np.ix_(zero_left, zero_right)] = 1.0
    return K


def angles(X: object, Z: object | None = None) -> Array:
    r"""Angles between the rows of ``X`` and ``Z``, in :math:`[0,\pi]`, accurate at both ends.

    Raises ValueError for a zero row, which has no direction; otherwise as :func:`relu_ntk`, without
    ``eps`` and for NumPy arrays only.

    Notes
    -----
    Statement: :prf:ref:`prp-angle`. For unit vectors :math:`u`, :math:`v` near each other
    :math:`2\arcsin(\lVert u-v\rVert/2)`, for nearly opposite ones
    :math:`\pi-2\arcsin(\lVert u+v\rVert/2)`, else the arccosine.
    """
    left, right, dtype = sides(X, Z)
    for name, side in (("X", left), ("Z", right)):
        if side is not None and (side.norm == 0).any():
            row = int(np.argmin(side.norm))
            raise ValueError(f"{name} must have no zero row, row {row} is zero")
    return matrix_of(_of_directions(ANGLE, left, right, 2 * math.pi), left, right, dtype)


def kappa(t: object) -> Array:
    r"""The profile :math:`\kappa(t)=t(\pi-\arccos t)/(2\pi)` of cosines :math:`t`.

    The kernel of unit vectors with :math:`\varepsilon=1`, elementwise. Raises ValueError for a
    :math:`t` outside :math:`[-1,1]`.

    Notes
    -----
    Statement: :prf:ref:`prp-relu-ntk`.
    """
    values = real_array("t", t, ndim=(0, 1, 2))
    if (np.abs(values) > 1).any():
        raise ValueError(f"t must lie in [-1, 1], got {values[np.abs(values) > 1].flat[0]}")
    result: Array = NTK.of_defects(1 - values, 1 + values) / (2 * math.pi)
    return result


def lift(X: object) -> Array:
    r"""The points :math:`(x,\sqrt{1-\lVert x\rVert^2})` of the unit sphere above the rows of ``X``.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points of the closed unit ball.

    Returns
    -------
    ndarray, shape (n, d + 1)
        float32 if the points are, else float64.

    Raises
    ------
    ValueError
        Wrong shapes, empty or non-finite points, a row of norm above :math:`1+10^{-12}`, for
        float32 above :math:`1+10^{-6}` (less is rounding, and taken as 1).
    TypeError
        Points that are not real numbers.

    Notes
    -----
    Statement: :prf:ref:`prp-lift`.
    """
    X = matrix("X", X)
    side = points(X)
    with np.errstate(over="ignore"):
        norm = np.ldexp(side.norm, side.exponent)
    tolerance = 1e-12 if X.dtype == np.float64 else 1e-6
    if (norm > 1 + tolerance).any():
        row = int(np.argmax(norm))
        raise ValueError(f"X must have rows of norm at most 1, row {row} has norm {norm[row]}")
    height = np.sqrt(np.maximum(0.0, (1 - norm) * (1 + norm)))
    return np.column_stack([X, height.astype(X.dtype)])


def with_bias(X: object, beta: float = 1.0) -> Array:
    r"""The points :math:`(x,\beta)`: an input that is always on.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points, one a row.
    beta : float
        :math:`\beta`, any finite number.

    Returns
    -------
    ndarray, shape (n, d + 1)
        float32 if the points are, else float64.

    Raises
    ------
    ValueError
        Wrong shapes, empty or non-finite points, ``beta`` not finite.
    TypeError
        Points or ``beta`` that are not real numbers.
    OverflowError
        ``beta`` beyond the range of float32, for float32 points.

    Notes
    -----
    Statements: :prf:ref:`prp-bias`, for deep networks :prf:ref:`prp-layers`. Where ``beta`` is not
    zero, :func:`relu_ntk` of distinct points is positive definite (:prf:ref:`prp-bias-invertible`).
    """
    X = matrix("X", X)
    with np.errstate(over="ignore"):
        column = np.full((len(X), 1), float(real_array("beta", beta, ndim=0)), dtype=X.dtype)
    return np.hstack([X, representable("beta is", column)])
