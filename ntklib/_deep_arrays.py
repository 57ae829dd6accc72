r"""Deep kernels on arrays of other libraries, and their derivatives by torch and JAX.

Pairs of points are done by the library. The layers at the points, too, where derivatives follow
(:class:`Tracked`), in the dtype of the points; otherwise NumPy does them in float64
(:class:`Moved`). Three things are done so that derivatives are right where a formula has a corner
and the kernel has none:

* A bias of the first layer is one more coordinate :math:`b_1/W_1` of each point. No point is then
  zero, and the norms of points nowhere have a corner.
* Without one, a point that is exactly zero has a length of :math:`\tau` and the direction
  :math:`x/\tau`. Kernels of smooth activations are functions of :math:`|x|^2` and of inner
  products, so that this is right up to :math:`\tau^2`, to second order.
* Where norms are factored out (activations of degree one without biases), the kernel is
  :math:`|x||x'|\,p(\cos\theta)` and has a corner at zero. The derivative there is
  :math:`x'(p(1)-p(-1))/2`: the mean of the derivatives in opposite directions, along the other
  point and across it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ntklib._engine import portable
from ntklib._engine.points import Index
from ntklib._engine.portable import Side, Values, is_foreign, moved, namespace, root
from ntklib._validate import Array
from ntklib.architecture import Architecture
from ntklib.deep import Deep, Mixed, at, correlate, kernel_matrix
from ntklib.expectations import Homogeneous, PiecewiseLinear, Rows

# Standard deviations up to which pairs of points may be done in float32, where their square and
# the products of two must be representable.
_LARGEST_SINGLE = 1e18
# Powers that have corners need a length whose every power is lost; the others are clipped at 1e-10.
_LENGTH = {True: {64: 1e-100, 32: 1e-18}, False: {64: 1e-9, 32: 1e-9}}


class Moved:
    """The pairs of :class:`ntklib.deep.Deep`, what is known of points moved to their library."""

    def __init__(self, net: Architecture, tangent: bool, left: Side, right: Side) -> None:
        self.like = left.unit
        bits = namespace(self.like).finfo(self.like.dtype).bits
        if bits not in (32, 64):
            raise TypeError(f"X and Z must be float32 or float64, got {self.like.dtype}")
        other = None if left is right else right.lengths()
        self.deep = deep = Deep(net, left.lengths(), other, tangent)
        if bits == 32 and not net.homogeneous:
            self._refuse_large()
        with np.errstate(over="ignore", under="ignore"):
            self.left, self.right = self._layers(deep.layers), self._layers(deep.layers_right)
            self.factors = [self._factor(*side) for side in (deep.left, deep.right)]
            self.diagonal = moved(np.ldexp(*deep.diagonal), self.like)

    def _refuse_large(self) -> None:
        sides = self.deep.layers, self.deep.layers_right
        for i in range(len(sides[0]) - 1):
            largest = max(side[i].rows.std.max() for side in sides)
            if largest > _LARGEST_SINGLE:
                raise OverflowError(
                    f"hidden layer {i + 1} has standard deviations up to {largest:.1e}: "
                    f"above {_LARGEST_SINGLE:.0e} points must be float64"
                )

    def _layers(self, layers: list[Mixed]) -> list[Mixed]:
        move = partial(moved, like=self.like)
        return [Mixed(move(x.share), move(x.bias), x.rows.map(move)) for x in layers]

    def _factor(self, std: Array, exponent: Index) -> tuple[Any, Any]:
        """Standard deviations as mantissa and root of a power of two, with room for products."""
        mantissa, more = np.frexp(std)
        half = (exponent + more) // 2
        odd = exponent + more - 2 * half
        return moved(np.ldexp(mantissa, odd), self.like), moved(np.ldexp(1.0, half), self.like)

    def values(self, minus: Any, plus: Any, rows: slice) -> Any:
        """The kernel at these rows and all columns."""
        every = slice(None)
        left, right = at(self.left, (rows, None)), at(self.right, (None, every))
        profile: Any = self.deep.profile(left, right, minus, plus)
        (a, root_a), (b, root_b) = self.factors
        root = root_a[rows, None] * root_b[None, :]
        return profile * (a[rows, None] * b[None, :]) * root * root


class Tracked:
    """The pairs of a deep network, whose derivatives are kept."""

    def __init__(self, net: Architecture, tangent: bool, left: Side, right: Side) -> None:
        self.net, self.tangent = net, tangent
        self.xp = xp = namespace(left.unit)
        self.bits = xp.finfo(left.unit.dtype).bits
        if self.bits not in (32, 64):
            raise TypeError(f"X and Z must be float32 or float64, got {left.unit.dtype}")
        self.dtype = left.unit.dtype
        self.left = self._side(left)
        self.right = self.left if left is right else self._side(right)
        layers, _, _, scale, square = self.left
        same = xp.zeros_like(scale)
        self.diagonal = self._profile(layers, layers, same, same + 2) * square

    def _side(self, side: Side) -> tuple[list[Mixed], Any, Any, Any, Any]:
        """Layers, which points are zero, their lengths as two factors, and the square of these."""
        xp, zero = self.xp, side.norm == 0
        largest = xp.where(zero, xp.ones_like(side.largest), side.largest)
        if self.net.homogeneous:
            layers, std = self._forward(xp.ones_like(side.norm))
            norm = xp.where(zero, xp.ones_like(side.norm), side.norm)
            return layers, zero, largest, std * norm, std * std * side.square * largest * largest
        length = _LENGTH[isinstance(self.net.law, Homogeneous)][self.bits]
        square = xp.where(zero, side.square, xp.zeros_like(side.square))
        size = xp.where(zero, length * xp.sqrt(1 + square / length**2), side.norm * largest)
        layers, std = self._forward(size)
        return layers, zero, xp.ones_like(std), std, std * std

    def _forward(self, size: Any) -> tuple[list[Mixed], Any]:
        """As :func:`ntklib.deep.forward`, in the library's arithmetic."""
        layers: list[Mixed] = []
        for i, (w, b) in enumerate(zip(self.net.weights, self.net.biases, strict=True)):
            weight, bias = self._scale(w), self._scale(b)
            size = weight * size
            if self.net.mixes(i):
                std = root(size * size + bias * bias)
                divisor = self.xp.where(std > 0, std, self.xp.ones_like(std))
                share, shift = size / divisor, bias / divisor
            else:
                std, share, shift = size, self.xp.ones_like(size), self.xp.zeros_like(size)
            last = i == len(self.net.weights) - 1
            rows = Rows(std, std) if last else self.net.law.rows(std)
            size = rows.size
            layers.append(Mixed(share, shift, rows))
        return layers, layers[-1].rows.std

    def _scale(self, value: Any) -> Any:
        return self.xp.astype(value, self.dtype) if is_foreign(value) else value

    def _profile(self, left: list[Mixed], right: list[Mixed], minus: Any, plus: Any) -> Any:
        return correlate(self.net, left, right, minus, plus)[1 if self.tangent else 0]

    def values(self, minus: Any, plus: Any, rows: slice) -> Any:
        """The kernel at these rows and all columns."""
        xp, every = self.xp, slice(None)
        left, right = at(self.left[0], (rows, None)), at(self.right[0], (None, every))
        ones = [self.left[1][rows, None], self.right[1][None, :]]
        zero = ones[0] | ones[1]
        cos = (plus - minus) / 2  # at a zero point the inner product, of value zero
        if self.net.homogeneous:
            profile = xp.where(zero, self._turn() * cos, self._profile(left, right, minus, plus))
        else:
            length = _LENGTH[isinstance(self.net.law, Homogeneous)][self.bits]
            for one in ones:
                cos = xp.where(one, cos / length, cos)
            minus, plus = xp.where(zero, 1 - cos, minus), xp.where(zero, 1 + cos, plus)
            profile = self._profile(left, right, minus, plus)
        (large, scale), (large_right, scale_right) = self.left[2:4], self.right[2:4]
        profile = profile * (scale[rows, None] * scale_right[None, :])
        return profile * large[rows, None] * large_right[None, :]

    def _turn(self) -> float:
        """Half of p(1) - p(-1); p does not depend on the scales."""
        one, none = np.ones(1), np.zeros(1)
        layers = [Mixed(one, none, Rows(one, one)) for _ in self.net.weights]
        ends = (self._profile(layers, layers, *pair) for pair in ((none, one + 1), (one + 1, none)))
        return float(next(ends)[0] - next(ends)[0]) / 2


def matrix(net: Architecture, X: Any, Z: Any, tangent: bool) -> Any:
    """The matrix of a deep network, where points or scales are arrays of another library.

    Raises
    ------
    TypeError
        Scales of torch or JAX that are followed, beside points of another library; derivatives of
        an activation that has no closed form and is no mixture; and what
        :func:`ntklib._engine.portable.evaluate` raises.
    """
    given = [value for value in (X, Z, *net.weights, *net.biases) if is_foreign(value)]
    if any(map(portable.followed, given)):
        return _followed(net, X, Z, tangent)

    def build(left: Side, right: Side) -> tuple[Values, Any]:
        kernel = Moved(net, tangent, left, right)
        return kernel.values, kernel.diagonal

    return portable.evaluate(partial(kernel_matrix, net, tangent=tangent), build, X, Z)


def _followed(net: Architecture, X: Any, Z: Any, tangent: bool) -> Any:
    scales = (*net.weights, *net.biases)
    portable.refuse_others("W_std and b_std must be numbers or", scales, X, Z)
    net = with_law(net)
    X, Z = portable.checked(X, Z)
    if net.mixes(0):
        column = net.biases[0] / net.weights[0]
        net = net.with_first_bias(0.0)
        X, Z = (A if A is None else _with_column(A, column) for A in (X, Z))

    def build(left: Side, right: Side) -> tuple[Values, Any]:
        kernel = Tracked(net, tangent, left, right)
        return kernel.values, kernel.diagonal

    return portable.evaluate(partial(kernel_matrix, net, tangent=tangent), build, X, Z)


def with_law(net: Architecture, *, signals: bool = False) -> Architecture:
    """The same network with an activation that torch and JAX can follow; TypeError without one.

    Several kinks give no number where a window of a signal is empty.
    """
    net = replace(net, law=net.law.followed)
    if not net.law.portable or (signals and isinstance(net.law, PiecewiseLinear)):
        raise TypeError(
            "activation must have a closed form or be a mixture of Gaussians where torch or JAX "
            "differentiates, vectorizes or compiles, got one that is done by "
            f"{type(net.law).__name__}"
        )
    return net


def _with_column(A: Any, value: Any) -> Any:
    xp = namespace(A)
    if is_foreign(value):
        value = xp.astype(value, A.dtype)
    return xp.concat([A, xp.ones_like(A[:, :1]) * value], axis=1)
