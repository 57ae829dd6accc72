r"""Convolutional kernels on arrays of torch and JAX, which differentiate and compile them.

The recursion is that of :mod:`ntklib._pixels`, in the library's own arithmetic. These things are
done so that derivatives are right where a formula has a corner and the kernel has none:

* The first layer sees windows of pixels, with its bias as one more coordinate. A pixel that is zero
  is then nothing special, and points of the first layer are those of :mod:`ntklib._deep_arrays`.
* A window that is exactly zero has a length of :math:`\tau` and the direction :math:`x/\tau`, which
  is right up to :math:`\tau^2` for smooth activations. Each such window has one of its own, so
  that a mean over several has a length, too.
* Where norms are factored out, such a window, and every later one over nothing else, has a corner.
  There a layer takes correlations :math:`\rho` to :math:`c\rho`, by the chord of its map between
  the two ends that a network on one pixel meets. For one pixel this is the choice of
  :mod:`ntklib._deep_arrays`; in the first layer it is the mean of opposite directions, all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ntklib._deep_arrays import with_law
from ntklib._engine import portable
from ntklib._engine.portable import constant, is_foreign, moved, namespace, root
from ntklib._engine.windows import Windows, axis, under_windows
from ntklib._pixels import Grid
from ntklib.architecture import Architecture
from ntklib.expectations import Homogeneous, Rows

# Of windows that are zero: powers that have corners need a length whose every power is lost.
_POWERS = {64: 1e-60, 32: 1e-12}
_SMOOTH = 1e-8
# A standard deviation whose square, and the inverse of it, is representable.
_SMALLEST = {64: 1e-150, 32: 1e-18}


class _Table(NamedTuple):
    """Which pixel is in each position of each window, shape (positions, windows).

    One more than there are pixels stands for the zeros around them.
    """

    index: Any
    padded: bool

    @classmethod
    def of(cls, windows: Windows) -> _Table:
        count = math.prod(windows.before)
        found = under_windows(np.arange(1.0, count + 1)[None], windows).astype(int)[:, 0, :] - 1
        return cls(np.where(found < 0, count, found), bool((found < 0).any()))

    def under(self, values: Any, axis: int = -1) -> list[Any]:
        """What is in each position of all windows along an axis."""
        xp = namespace(values)
        values = self._padded(values, axis)
        rows = (portable.places(row, values) for row in self.index)
        return [xp.take(values, row, axis=values.ndim + axis) for row in rows]

    def sums(self, values: Any, axes: tuple[int, ...]) -> Any:
        """Sums over windows that move along these axes together."""
        xp = namespace(values)
        for a in axes:
            values = self._padded(values, a)
        total: Any = 0.0
        for row in self.index:
            place, view = portable.places(row, values), values
            for a in axes:
                view = xp.take(view, place, axis=values.ndim + a)
            total = total + view
        return total

    def _padded(self, values: Any, axis: int) -> Any:
        if not self.padded:
            return values
        first = values[..., :1] if axis == -1 else values[..., :1, :]
        return namespace(values).concat(
            [values, namespace(values).zeros_like(first)], axis=values.ndim + axis
        )


class _Layer(NamedTuple):
    """A layer: its windows, those of its mean if there is any, and its chords."""

    grid: Grid
    windows: _Table
    pool: _Table | None
    chord: tuple[Any, Any] | None


class _View(NamedTuple):
    """How the pixels of signals stand against others, and along which axes windows move."""

    left: Any
    right: Any
    axes: tuple[int, ...]


_ALL = slice(None)
_LIKE = _View((_ALL, None, _ALL), (None, _ALL, _ALL), (-1,))
_BOTH = _View((_ALL, None, _ALL, None), (None, _ALL, None, _ALL), (-2, -1))
_SELF = _View((_ALL, _ALL, None), (_ALL, None, _ALL), (-2, -1))


class _Point(NamedTuple):
    """A layer at the pixels of signals, arrays of shape (signal, pixel), or turned by a view.

    What is under a window, the bias and what is added make a unit vector, of which `shares` are
    all parts, `bias` and `back` the last two. Sums over windows times `into` are in its unit.
    """

    shares: tuple[Any, ...]
    bias: Any
    back: Any
    into: Any
    rows: Rows
    std: Any
    dead: Any

    def at(self, index: Any) -> _Point:
        shares = tuple(s[index] for s in self.shares)
        bias, back, into, std, dead = (
            v[index] for v in (self.bias, self.back, self.into, self.std, self.dead)
        )
        return _Point(shares, bias, back, into, self.rows.at(index), std, dead)


class _Pairs(NamedTuple):
    """1 - rho, 1 + rho and tangent kernel, times the sizes of the two pixels after a layer."""

    minus: Any
    plus: Any
    tangent: Any

    def map(self, change: Callable[[Any], Any]) -> _Pairs:
        return _Pairs(*map(change, self))


class _Network:
    """What is the same for all signals."""

    def __init__(self, net: Architecture, grids: list[Grid], like: Any) -> None:
        self.net, self.xp, self.dtype = net, namespace(like), like.dtype
        chords = _chords(self, grids, like) if net.homogeneous else [None] * len(grids)
        self.layers = [
            _Layer(g, _Table.of(g.windows), _pool(g), chord)
            for g, chord in zip(grids, chords, strict=True)
        ]
        bits = self.xp.finfo(like.dtype).bits
        self.length = _POWERS[bits] if isinstance(net.law, Homogeneous) else _SMOOTH
        self.smallest = _SMALLEST[bits]

    def scale(self, value: Any) -> Any:
        return self.xp.astype(value, self.dtype) if is_foreign(value) else value


def _pool(grid: Grid) -> _Table | None:
    if grid.pool == 1:
        return None
    axes = tuple(axis(n, grid.pool, grid.pool, "valid") for n in grid.windows.after)
    return _Table.of(Windows(axes, False))


def _chords(network: _Network, grids: list[Grid], like: Any) -> list[tuple[Any, Any]]:
    """Slopes between the ends of covariance and tangent kernel, in a network on one pixel."""
    net, xp = network.net, network.xp
    C = moved(np.array([1.0, -1.0]), like)
    D = xp.zeros_like(C)
    kept: list[tuple[Any, Any]] = []
    found: list[tuple[Any, Any]] = []

    def slope(y: Any, x: Any) -> Any:
        run = x[:1] - x[1:]
        rise = xp.where(run == 0, xp.zeros_like(run), y[:1] - y[1:])
        return rise / xp.where(run == 0, xp.ones_like(run), run)

    for layer, grid in enumerate(grids):
        weight = network.scale(net.weights[layer])
        square = (constant(weight) if is_foreign(weight) else weight) ** 2
        K, T = square * C, square * D
        if net.trained[layer]:
            T = T + K
        if grid.back is not None:
            K, T = K + kept[grid.back][0], T + kept[grid.back][1]
        kept.append((K, T))
        rho, rows = K / K[:1], net.law.rows(xp.sqrt(K[:1]))
        value = net.law.pairs(rows, rows, 1 - rho, 1 + rho)
        r, t = (value.plus - value.minus) / 2, T / K[:1]
        found.append((slope(r, rho), slope(value.slope * t, t)))
        C, D = r * rows.size**2, value.slope * t * rows.size**2
    return found


class _Signals:
    """Some signals: the windows of the first layer, and the layers at them."""

    def __init__(self, network: _Network, X: Any, column: Any) -> None:
        xp, self.network = network.xp, network
        flat = xp.reshape(X, (X.shape[0], -1, X.shape[-1]))
        self.flat = xp.reshape(X, (X.shape[0], -1))
        patches = xp.concat(network.layers[0].windows.under(flat, -2), axis=2)
        if column is not None:
            patches = xp.concat([patches, xp.ones_like(patches[..., :1]) * column], axis=2)
        n, pixels, width = patches.shape
        self.scale = xp.ones_like(patches[:, 0, 0])
        if network.net.homogeneous:
            largest = constant(xp.max(xp.abs(patches), axis=(1, 2)))
            self.scale = xp.where(largest > 0, largest, xp.ones_like(largest))
            patches = patches / self.scale[:, None, None]
        side = portable.side(xp.reshape(patches, (n * pixels, width)), xp)
        zero, length = side.norm == 0, network.length
        square = xp.where(zero, side.square, xp.zeros_like(side.square))
        norm = xp.where(zero, length * xp.sqrt(1 + square / length**2), side.norm * side.largest)
        self.unit = xp.reshape(side.unit, (n, pixels, width))
        self.points: list[_Point] = []
        self.means: dict[int, Any] = {}
        last = max((i for i, g in enumerate(network.layers[:-1]) if g.pool), default=-1)
        size, dead = xp.reshape(norm, (n, pixels)), xp.reshape(zero, (n, pixels))
        pairs: _Pairs | None = None
        kept: list[_Pairs] = []
        for i, layer in enumerate(network.layers):
            point = self._first(size, dead) if i == 0 else self._point(i, size, dead)
            self.points.append(point)
            size, dead = point.rows.size, point.dead
            if layer.pool:
                dead = _every(layer.pool.under(dead))
            if i <= last:
                pairs = _layer(network, i, self, self, _SELF, pairs, kept)
                if layer.pool:
                    covariance, tangent = _means(layer.pool, pairs)
                    eye = _eye(covariance)
                    square = xp.sum(xp.where(eye, covariance, 0 * covariance), axis=-1)
                    size = self.means[i] = root(square)
                    pairs = _after_mean(self, self, i, _SELF, covariance, tangent)

    def _first(self, norm: Any, dead: Any) -> _Point:
        net, xp = self.network.net, self.network.xp
        weight = self.network.scale(net.weights[0])
        std = norm * (weight / math.sqrt(self.network.layers[0].grid.windows.positions))
        none = xp.zeros_like(std)
        return _Point((), none, none, none, self._rows(std), std, dead)

    def _point(self, i: int, size: Any, dead: Any) -> _Point:
        net, xp, layer = self.network.net, self.network.xp, self.network.layers[i]
        weight = self.network.scale(net.weights[i])
        factor = weight / math.sqrt(layer.grid.windows.positions)
        shares = [factor * s for s in layer.windows.under(size)]
        none = xp.zeros_like(shares[0])
        bias, back = none, none
        # Zeros around the grid are no pixels, and so not alive.
        alive = xp.astype(~dead, self.network.dtype)
        dead = _every([v == 0 for v in layer.windows.under(alive)])
        if net.mixes(i):
            bias = none + self.network.scale(net.biases[i])
            shares.append(bias)
            dead = dead & (bias == 0)
        if layer.grid.back is not None:
            before = self.points[layer.grid.back]
            back, dead = before.std, dead & before.dead
            shares.append(back)
        # Their squares may be below the least number.
        largest = constant(_largest(shares, xp))
        safe = xp.where(largest > 0, largest, xp.ones_like(largest))
        std = safe * root(sum((s / safe) ** 2 for s in shares))
        divisor = xp.where(std > self.network.smallest, std, xp.ones_like(std))
        return _Point(
            tuple(s / divisor for s in shares),
            bias / divisor,
            back / divisor,
            factor / divisor,
            self._rows(std),
            std,
            dead,
        )

    def _rows(self, std: Any) -> Rows:
        xp, shape = self.network.xp, tuple(std.shape)
        rows = self.network.net.law.rows(xp.reshape(std, (-1,)))
        return rows.map(lambda values: xp.reshape(values, (*shape, *values.shape[1:])))


def _largest(values: list[Any], xp: Any) -> Any:
    found = values[0]
    for value in values[1:]:
        found = xp.where(value > found, value, found)
    return found


def _every(values: list[Any]) -> Any:
    found = values[0]
    for value in values[1:]:
        found = found & value
    return found


def _eye(values: Any) -> Any:
    """The same pixel of both, for values whose last two axes are pixels."""
    return portable.places(np.eye(values.shape[-1], dtype=bool), values)


def _angles(x: _Signals, z: _Signals, view: _View) -> tuple[Any, Any]:
    """1 - cos and 1 + cos of the windows of the first layer."""
    xp = x.network.xp
    if view is _BOTH:
        n, pixels, width = x.unit.shape
        U, V = (xp.reshape(s.unit, (-1, width)) for s in (x, z))
        shape = (n, pixels, z.unit.shape[0], z.unit.shape[1])
        minus, plus = (xp.reshape(v, shape) for v in portable.angles(U, V, xp))
        return xp.permute_dims(minus, (0, 2, 1, 3)), xp.permute_dims(plus, (0, 2, 1, 3))
    u, v = x.unit[(*view.left, _ALL)], z.unit[(*view.right, _ALL)]
    return xp.sum((u - v) ** 2, axis=-1) / 2, xp.sum((u + v) ** 2, axis=-1) / 2


def _layer(
    network: _Network,
    i: int,
    x: _Signals,
    z: _Signals,
    view: _View,
    pairs: _Pairs | None,
    kept: list[_Pairs],
) -> _Pairs:
    """A layer before its mean; the preactivations go to `kept`."""
    net, xp, layer = network.net, network.xp, network.layers[i]
    a, b = x.points[i].at(view.left), z.points[i].at(view.right)
    if pairs is None:
        minus, plus = _angles(x, z, view)
        cos = (plus - minus) / 2  # at a window of zeros the inner product, of value zero
        for one in (a.dead, b.dead):
            cos = xp.where(one, cos / network.length, cos)
        zero = a.dead | b.dead
        minus, plus = xp.where(zero, 1 - cos, minus), xp.where(zero, 1 + cos, plus)
        if view is _SELF:  # such a direction is at right angles to others, and not to itself
            same = zero & _eye(zero)
            minus, plus = xp.where(same, 0 * minus, minus), xp.where(same, 0 * plus + 2, plus)
        tangent = xp.zeros_like(minus)
    else:
        both = a.into * b.into
        minus, plus, tangent = (both * layer.windows.sums(v, view.axes) for v in pairs)
        lost = sum((p - q) ** 2 for p, q in zip(a.shares, b.shares, strict=True)) / 2
        minus, plus = minus + lost, plus + lost + 2 * a.bias * b.bias
        if layer.grid.back is not None:
            added, back = kept[layer.grid.back], a.back * b.back
            minus, plus = minus + back * added.minus, plus + back * added.plus
            if net.trained[i]:  # what is added has no weights in this layer
                tangent = tangent - back * (added.plus - added.minus) / 2
            tangent = tangent + back * added.tangent
        none = (a.std <= network.smallest) | (b.std <= network.smallest)
        minus, plus = (xp.where(none, xp.ones_like(v), v) for v in (minus, plus))
    if net.trained[i]:
        tangent = tangent + (plus - minus) / 2
    kept.append(_Pairs(minus, plus, tangent))
    value = net.law.pairs(a.rows, b.rows, minus, plus)
    after = _Pairs(value.minus, value.plus, value.slope * tangent)
    if layer.chord is not None:
        zero, r = a.dead | b.dead, layer.chord[0] * (plus - minus) / 2
        straight = (1 - r, 1 + r, layer.chord[1] * tangent)
        after = _Pairs(*(xp.where(zero, s, v) for s, v in zip(straight, after, strict=True)))
    out = a.rows.size * b.rows.size
    return after.map(lambda values: values * out)


def _means(pool: _Table | None, pairs: _Pairs) -> tuple[Any, Any]:
    """Covariances and tangent kernels after the mean of a layer."""
    values = (pairs.plus - pairs.minus) / 2, pairs.tangent
    if pool is None:
        return values

    def mean(v: Any) -> Any:
        return pool.sums(pool.sums(v, (-2,)), (-1,)) / len(pool.index) ** 2

    return mean(values[0]), mean(values[1])


def _after_mean(
    x: _Signals, z: _Signals, i: int, view: _View, covariance: Any, tangent: Any
) -> _Pairs:
    """Pairs for the next layer; a pixel is at angle zero from itself, exactly."""
    xp = x.network.xp
    out = x.means[i][view.left] * z.means[i][view.right]
    minus, plus = out - covariance, out + covariance
    same = _eye(covariance)
    if view is _BOTH:
        equal = xp.all(x.flat[:, None, :] == z.flat[None, :, :], axis=2)
        same = same & equal[:, :, None, None]
    # The value is zero and not what rounding left; the derivatives stay.
    minus = xp.where(same | (minus < 0), minus - constant(minus), minus)
    plus = xp.where(plus < 0, plus - constant(plus), plus)
    return _Pairs(minus, plus, tangent)


def matrix(
    net: Architecture, grids: list[Grid], X: Any, Z: Any | None, tangent: bool, flatten: bool
) -> Any:
    """The kernel between signals of torch or JAX that were checked, and are followed or traced.

    Raises
    ------
    TypeError
        Derivatives of an activation that has no closed form and is no mixture, or several kinks.
    OverflowError
        Values beyond the range of the dtype.
    """
    xp = namespace(X)
    net = with_law(net, signals=True)
    column = None
    if net.mixes(0):
        column = net.biases[0] / net.weights[0] * math.sqrt(grids[0].windows.positions)
        column = xp.astype(column, X.dtype) if is_foreign(column) else column
        net = net.with_first_bias(0.0)
    network = _Network(net, grids, X)
    both = not flatten or any(g.pool > 1 for g in grids)
    view = _BOTH if both else _LIKE
    x = _Signals(network, X, column)
    z = x if Z is None else _Signals(network, Z, column)
    pairs: _Pairs | None = None
    kept: list[_Pairs] = []
    for i, layer in enumerate(network.layers):
        pairs = _layer(network, i, x, z, view, pairs, kept)
        values = _means(layer.pool, pairs)
        if layer.pool and i < len(grids) - 1:
            pairs = _after_mean(x, z, i, view, *values)
    C, T = (_readout(v, view, flatten) for v in values)
    weight, bias = (network.scale(s[-1]) for s in (net.weights, net.biases))
    large = x.scale[:, None], z.scale[None, :]
    last = bias**2 + weight**2 * C * large[0] * large[1]
    K = last
    if tangent:
        K = weight**2 * T * large[0] * large[1]
        K = K + last if net.trained[-1] else K
    if Z is None:  # rounding does not know that the matrix is symmetric
        K = xp.tril(K) + xp.matrix_transpose(xp.tril(K, k=-1))
    if not portable.traced(K) and not bool(xp.all(xp.isfinite(K))):
        largest = float(xp.finfo(K.dtype).max)
        raise OverflowError(f"the kernel has values beyond {largest:.1e}, the largest {K.dtype}")
    return K


def _readout(values: Any, view: _View, flatten: bool) -> Any:
    xp = namespace(values)
    if view is _LIKE:
        return xp.mean(values, axis=-1)
    if flatten:
        values = xp.where(_eye(values), values, 0 * values)
        return xp.sum(values, axis=(-2, -1)) / values.shape[-1]
    return xp.mean(values, axis=(-2, -1))
