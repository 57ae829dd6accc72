r"""Derivatives of the kernels of deep networks in the logarithms of their scales.

By a complex step: the kernel is analytic in its scales, in the norms of points and in the cosine of
their angle, so that at a scale times :math:`1+ih` its imaginary part over :math:`h` is the
derivative, to :math:`h^2` and without a subtraction.

Scales of inputs. Let :math:`x=y/\ell`, coordinate by coordinate, let :math:`u` and :math:`v` be the
directions of two points and :math:`\rho=\langle u,v\rangle`. Then

.. math::
    \frac{\partial\log\lVert x\rVert}{\partial\log\ell_k} &= -u_k^2,\\
    \frac{\partial\rho}{\partial\log\ell_k} &= \rho\,(u_k^2+v_k^2)-2u_kv_k\\
    &= (u_k-v_k)^2-(1-\rho)(u_k^2+v_k^2)\\
    &= (1+\rho)(u_k^2+v_k^2)-(u_k+v_k)^2 .

The last two keep their digits where the points are close to one direction, or to opposite ones.
There the kernel's own derivative in :math:`\rho` may grow like one over the angle; what is computed
is that derivative times :math:`1-\rho^2`, which does not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ntklib._engine.blocks import matrix_of
from ntklib._engine.points import Points, sides
from ntklib._validate import Array
from ntklib.architecture import Architecture
from ntklib.deep import Deep

# Its square is lost beside 1.
_STEP = 1e-30


class _Slope(Deep):
    """Imaginary parts over the step of a kernel that something makes complex."""

    def relu_layers(self) -> None:
        """Compiled ReLU layers are real."""

    def profile(self, left: list[Any], right: list[Any], minus: Array, plus: Array) -> Array:
        value = super().profile(left, right, minus, plus)
        for side in (left, right):
            # The real part of the deviation is a factor of the matrix.
            std = side[-1].rows.std
            value = value * np.where(std.real > 0, std / np.where(std.real > 0, std.real, 1), 1)
        return value.imag / _STEP


class _Turn(_Slope):
    """The derivative in the cosine, times 1 - cos^2."""

    def profile(self, left: list[Any], right: list[Any], minus: Array, plus: Array) -> Array:
        turned = minus * (1 - 1j * _STEP * plus), plus * (1 + 1j * _STEP * minus)
        return super().profile(left, right, *turned)


def scale_slope(
    net: Architecture, X: object, tangent: bool, scale: str, layer: int | None = None
) -> Array:
    """Derivative in the logarithm of the "weights" or "biases" of all layers, or of one.

    Layers are counted from 0 here. The result is of shape ``(n, n)``, its dtype that of the points.
    """
    turns = np.ones(len(net.weights), dtype=complex)
    turns[slice(None) if layer is None else layer] += 1j * _STEP
    if scale == "weights":
        net = replace(net, weights=tuple(net.weights * turns))
    else:
        net = replace(net, biases=tuple(net.biases * turns))
    left, _, dtype = sides(X, None)
    return matrix_of(_Slope(net, left, None, tangent), left, None, dtype)


def length_slopes(net: Architecture, X: object, tangent: bool) -> Array:
    """Derivatives in the logarithms of lengths that divide the columns of the points.

    ``X`` has been divided by them. The result is float64, of shape ``(n, n, d)``, and exactly
    symmetric in the points.
    """
    points, _, _ = sides(X, None)
    U = points.directions(slice(None))
    turn = matrix_of(_Turn(net, points, None, tangent), points, None, U.dtype)
    small, large, sign = _defects(U)
    # A zero point has no direction to turn, and equal points do not turn apart.
    moves = (small > 0) & (points.norm > 0)[:, None] & (points.norm > 0)
    turn = np.divide(turn * sign, large, out=np.zeros_like(turn), where=moves)
    slope = np.divide(turn, small, out=np.zeros_like(turn), where=moves)
    # The squares of u and v as half their sum and half their difference: at equal points the kernel
    # has no derivative in one norm alone, but one in both together.
    both = turn + scale_slope(net, X, tangent, "weights", 0) / 2
    apart = _norm_slope(net, points, tangent) / 2
    slopes = np.empty((U.shape[1], *turn.shape))
    for k, u in enumerate(U.T):
        column, row = u[:, None], u[None, :]
        slopes[k] = (column - sign * row) ** 2 * slope
        slopes[k] -= (column * column + row * row) * both
        slopes[k] -= (column * column - row * row) * apart
    return np.moveaxis(slopes, 0, -1)


def _norm_slope(net: Architecture, points: Points, tangent: bool) -> Array:
    """Derivative in the logarithm of the norm of the row's point less that of the column's."""
    left: Any = points.norm * (1 + 1j * _STEP)
    right: Any = points.norm * (1 - 1j * _STEP)
    kernel = _Slope(net, replace(points, norm=left), replace(points, norm=right), tangent)
    found = matrix_of(kernel, points, points, points.unit.dtype)
    return (found - found.T) / 2


def _defects(U: Array) -> tuple[Array, Array, Array]:
    """Of 1 - cos and 1 + cos the smaller and the larger, and 1 or -1 for which is which."""
    minus, plus = (np.zeros((len(U), len(U))) for _ in range(2))
    for u in U.T:
        minus += (u[:, None] - u) ** 2 / 2
        plus += (u[:, None] + u) ** 2 / 2
    return np.minimum(minus, plus), np.maximum(minus, plus), np.where(minus <= plus, 1.0, -1.0)
