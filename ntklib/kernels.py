r"""The limit of infinite width in closed form.

Implements :prf:ref:`lem-wedge`, :prf:ref:`prp-relu-ntk`, :prf:ref:`cor-general-norms`,
:prf:ref:`prp-nngp`, :prf:ref:`prp-angle`, :prf:ref:`prp-lift` and :prf:ref:`prp-bias`.

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

from ntklib import array_api
from ntklib._relu import Fused, ReluLayers
from ntklib._tiles import Index, Points, Scaled, Scratch, matrix_of, points
from ntklib._validate import Array, matrix, positive, real_array
from ntklib.array_api import Side, Values, is_foreign, namespace


def _sides(X: object, Z: object | None) -> tuple[Points, Points | None, np.dtype[Any]]:
    X = matrix("X", X)
    if Z is None:
        return points(X), None, X.dtype
    Z = matrix("Z", Z, columns=X.shape[1])
    dtype = np.result_type(X, Z)
    return points(X.astype(dtype, copy=False)), points(Z.astype(dtype, copy=False)), dtype


# Functions of the angle, from 1 - cos and 1 + cos, for arrays of any library.


def _cos(minus: Any, plus: Any) -> Any:
    return namespace(minus).where(minus < plus, 1 - minus, plus - 1)


def _supplement(minus: Any, plus: Any) -> Any:
    """Pi less the angle."""
    xp = namespace(minus)
    half = xp.asin(xp.sqrt(xp.minimum(minus, plus) / 2))
    return xp.where(minus < plus, math.pi - 2 * half, 2 * half)


def _ntk_profile(minus: Any, plus: Any) -> Any:
    return _cos(minus, plus) * _supplement(minus, plus)


def _nngp_profile(minus: Any, plus: Any) -> Any:
    return namespace(minus).sqrt(minus * plus) + _ntk_profile(minus, plus)


class _Angular:
    """What the kernels of this module share: the factors, ones unless set."""

    def __init__(self, left: Points, right: Points | None) -> None:
        self.left = _ones(left)
        self.right = self.left if right is None else _ones(right)
        self.diagonal = self.left


def _ones(side: Points) -> Scaled:
    return np.ones(len(side)), np.zeros(len(side), dtype=np.intc)


class _Homogeneous(_Angular):
    """eps^2 |x| |x'| times a profile that is 1/2 at angle zero."""

    layers: ReluLayers

    def __init__(self, left: Points, right: Points | None, eps: object) -> None:
        scale, power = math.frexp(positive("eps", eps))
        square = scale * scale
        other = left if right is None else right
        # The factor 1 / (2 pi) of the profiles rides with the norms.
        self.left = square / (2 * math.pi) * left.norm, left.exponent + 2 * power
        self.right = other.norm, other.exponent
        # Equal points: half the squared norm, without the detour over its square root.
        self.diagonal = square * left.square / 2, 2 * (left.exponent + power)

    def fused(self, left: Array, right: Array) -> Fused | None:
        # The compiled profiles are 1 at angle zero.
        return self.layers.fused(left * left.dtype.type(math.pi), right)


class _Ntk(_Homogeneous):
    layers = ReluLayers(trained=(True, False))

    def bulk(self, cos: Array, rows: slice, columns: slice, scratch: Scratch) -> None:
        supplement = np.arcsin(cos, out=scratch(1, cos.shape))
        supplement += math.pi / 2
        cos *= supplement

    def near(self, minus: Array, plus: Array, rows: Index, columns: Index) -> Array:
        result: Array = _ntk_profile(minus, plus)
        return result


class _Nngp(_Homogeneous):
    layers = ReluLayers(trained=(False, True), tangent=False)

    def bulk(self, cos: Array, rows: slice, columns: slice, scratch: Scratch) -> None:
        supplement = np.arcsin(cos, out=scratch(1, cos.shape))
        supplement += math.pi / 2
        supplement *= cos
        np.multiply(cos, cos, out=cos)
        np.subtract(1, cos, out=cos)
        np.sqrt(cos, out=cos)
        cos += supplement

    def near(self, minus: Array, plus: Array, rows: Index, columns: Index) -> Array:
        result: Array = _nngp_profile(minus, plus)
        return result


class _Gate(_Angular):
    def __init__(self, left: Points, right: Points | None) -> None:
        super().__init__(left, right)
        self.diagonal = self.left[0] / 2, self.left[1]

    def bulk(self, cos: Array, rows: slice, columns: slice, scratch: Scratch) -> None:
        np.arcsin(cos, out=cos)
        cos += math.pi / 2
        cos *= 1 / (2 * math.pi)

    def near(self, minus: Array, plus: Array, rows: Index, columns: Index) -> Array:
        result: Array = _supplement(minus, plus) / (2 * math.pi)
        return result


class _Angle(_Angular):
    def __init__(self, left: Points, right: Points | None) -> None:
        super().__init__(left, right)
        self.diagonal = self.left[0] * 0, self.left[1]

    def bulk(self, cos: Array, rows: slice, columns: slice, scratch: Scratch) -> None:
        np.arccos(cos, out=cos)

    def near(self, minus: Array, plus: Array, rows: Index, columns: Index) -> Array:
        result: Array = _supplement(plus, minus)
        return result


def _foreign(
    kernel: Callable[..., Array], profile: Callable[[Any, Any], Any], X: Any, Z: Any, eps: float
) -> Any:
    """eps^2 |x| |x'| / (2 pi) times a profile, on arrays of another library."""
    scale = positive("eps", eps) ** 2

    def build(left: Side, right: Side) -> tuple[Values, Any]:
        def values(minus: Any, plus: Any, rows: slice) -> Any:
            value = profile(minus, plus) / (2 * math.pi)
            value = value * (left.norm[rows, None] * right.norm[None, :]) * scale
            return value * left.largest[rows, None] * right.largest[None, :]

        diagonal = 0.5 * left.norm * left.norm * scale * left.largest * left.largest
        return values, diagonal

    return array_api.evaluate(partial(kernel, eps=eps), build, X, Z)


def _foreign_gates(left: Side, right: Side) -> tuple[Values, None]:
    def values(minus: Any, plus: Any, rows: slice) -> Any:
        xp = namespace(minus)
        zeros = [
            xp.astype(norm == 0, minus.dtype)
            for norm in (left.norm[rows, None], right.norm[None, :])
        ]
        # One zero point: 1/2; two: 1; none: the angle decides.
        at_zero = (zeros[0] + zeros[1]) / 2
        return xp.where(at_zero > 0, at_zero, _supplement(minus, plus) / (2 * math.pi))

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
        (:mod:`ntklib.array_api`); the result is then of its kind and dtype.
    Z : array_like, shape (n', d), optional
        Other points; ``X`` itself when left out, and then the result is exactly symmetric.
    eps : float
        Scale :math:`\varepsilon` of the network, positive.

    Returns
    -------
    K : ndarray, shape (n, n')
        float32 if the points are, else float64. The error is at most
        :math:`4\cdot10^{-15}\,\varepsilon^2\lVert x\rVert\lVert x'\rVert`, and for float32
        :math:`10^{-6}\,\varepsilon^2\lVert x\rVert\lVert x'\rVert`.

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
    Statements: :prf:ref:`prp-relu-ntk`, :prf:ref:`cor-general-norms`.
    """
    if is_foreign(X) or is_foreign(Z):
        return _foreign(relu_ntk, _ntk_profile, X, Z, eps)  # type: ignore[no-any-return]
    left, right, dtype = _sides(X, Z)
    return matrix_of(_Ntk(left, right, eps), left, right, dtype)


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
    if is_foreign(X) or is_foreign(Z):
        return _foreign(relu_nngp, _nngp_profile, X, Z, eps)  # type: ignore[no-any-return]
    left, right, dtype = _sides(X, Z)
    return matrix_of(_Nngp(left, right, eps), left, right, dtype)


def gate_kernel(X: object, Z: object | None = None) -> Array:
    r"""Probability that a random gate is open on both points.

    .. math:: \mathbb P[v^\top x\ge0,\ v^\top x'\ge0] = \frac{\pi-\theta}{2\pi}

    Here :math:`v` is a standard Gaussian vector. Norms do not matter. At a zero point the gate is
    always open: the value is :math:`1/2` against a nonzero point, and 1 if both are zero.

    Parameters (without ``eps``), result and exceptions are those of :func:`relu_ntk`; the error is
    at most :math:`4\cdot10^{-15}`, and :math:`10^{-6}` for float32.

    Notes
    -----
    Statement: :prf:ref:`lem-wedge`.
    """
    if is_foreign(X) or is_foreign(Z):
        return array_api.evaluate(gate_kernel, _foreign_gates, X, Z)  # type: ignore[no-any-return]
    left, right, dtype = _sides(X, Z)
    K = matrix_of(_Gate(left, right), left, right, dtype)
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
    left, right, dtype = _sides(X, Z)
    for name, side in (("X", left), ("Z", right)):
        if side is not None and (side.norm == 0).any():
            row = int(np.argmin(side.norm))
            raise ValueError(f"{name} must have no zero row, row {row} is zero")
    return matrix_of(_Angle(left, right), left, right, dtype)


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
    result: Array = values * np.arccos(-values) / (2 * math.pi)
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
    norm = np.sqrt(np.sum(X.astype(np.float64) ** 2, axis=1))
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

    Notes
    -----
    Statement: :prf:ref:`prp-bias`.
    """
    X = matrix("X", X)
    column = np.full((len(X), 1), float(real_array("beta", beta, ndim=0)), dtype=X.dtype)
    return np.hstack([X, column])
