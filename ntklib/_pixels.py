"""Layers of a convolutional network on pairs of pixels, for :mod:`ntklib.convolution`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np

from ntklib._engine import sizes
from ntklib._engine.points import Index
from ntklib._engine.sizes import slices
from ntklib._engine.windows import Axes, Windows, mean_windows, sum_windows, under_windows
from ntklib._validate import Array
from ntklib.architecture import Architecture
from ntklib.expectations import Homogeneous, Rows


class Grid(NamedTuple):
    """A layer's windows, the side of those of its mean, and the layer that is added, if any."""

    windows: Windows
    pool: int
    back: int | None


class View(NamedTuple):
    """How pixels stand against each other, each with each or with its like.

    Pairs are (signal pixel, signal pixel) or (signal, signal, pixel).
    """

    both: bool

    def left(self, values: Array) -> Array:
        return values.reshape(-1, 1) if self.both else values[:, None]

    def right(self, values: Array) -> Array:
        return values.reshape(1, -1) if self.both else values[None]

    def unfold(self, values: Array, n: int, m: int, shape: tuple[int, ...]) -> tuple[Array, Axes]:
        """Values with an axis for each dimension of the grid, and these axes."""
        if not self.both:
            return values.reshape(n, m, *shape), [(2 + d,) for d in range(len(shape))]
        axes: Axes = [(1 + d, 2 + d + len(shape)) for d in range(len(shape))]
        return values.reshape(n, *shape, m, *shape), axes


class _Pairs(NamedTuple):
    """1 - rho, 1 + rho and tangent kernel, times the sizes of the two pixels.

    The second is None where no rho is negative, and is then found from the first in all digits;
    the third where it is zero, or not asked for.
    """

    minus: Array
    plus: Array | None
    tangent: Array | None

    def map(self, change: Callable[[Array], Array]) -> _Pairs:
        plus, tangent = (v if v is None else change(v) for v in self[1:])
        return _Pairs(change(self.minus), plus, tangent)


class _Point(NamedTuple):
    """A layer at the pixels of some signals: arrays (signal, pixel), or turned by a view.

    What is under a window, the bias and what is added make a unit vector `shares`, positions
    first. Sums over windows times `into` are in its unit, and so is what is added, times `back`
    before. Values leave times `out`, the activations' sizes over a power of two for each signal.
    """

    shares: Array
    bias: Array
    into: Array
    back: Array
    rows: Rows
    out: Array

    def map(self, change: Callable[[Array], Array]) -> _Point:
        shares = np.stack([change(s) for s in self.shares])
        bias, into, back, out = (change(v) for v in (self.bias, self.into, self.back, self.out))
        return _Point(shares, bias, into, back, self.rows.map(change), out)


class Setting(NamedTuple):
    """What is the same for all signals."""

    net: Architecture
    grids: list[Grid]
    view: View
    tangent: bool
    dtype: np.dtype[Any]
    module: Any | None  # the compiled arithmetic

    @property
    def positive(self) -> bool:
        """Whether no correlation after an activation, or a sum over windows, is negative."""
        law = self.net.law
        shortcut = any(g.back is not None for g in self.grids)
        return of_degree_one(self.net) and cast(Homogeneous, law).leak >= 0 and not shortcut


def of_degree_one(net: Architecture) -> bool:
    return type(net.law) is Homogeneous and net.law.degree == 1


# -- layers ---------------------------------------------------------------------------------------


def _point(
    net: Architecture, layer: int, grid: Grid, size: Array, exponent: Array, added: Array | None
) -> tuple[_Point, Array]:
    """A layer at pixels of these sizes times two to the exponents of signals, and new exponents.

    `added` are the standard deviations of what is added.
    """
    factor = net.weights[layer] / math.sqrt(grid.windows.positions)
    shares = [*(factor * np.ldexp(under_windows(size, grid.windows), exponent[:, None]))]
    bias, back = np.full_like(shares[0], net.biases[layer]), np.zeros_like(shares[0])
    if net.biases[layer]:
        shares.append(bias)
    if added is not None:
        shares.append(added)
        back = np.ldexp(added / factor, -exponent[:, None])
    std = np.sqrt(np.sum(np.square(shares), axis=0))
    safe = np.where(std > 0, std, 1)
    rows = net.activate(layer + 1, std)
    power = np.frexp(rows.size.max(axis=1))[1]
    point = _Point(
        np.stack(shares) / safe,
        bias / safe,
        np.ldexp(factor / safe, exponent[:, None]),
        back,
        rows,
        np.ldexp(rows.size, -power[:, None]),
    )
    return point, power


def _inputs(s: Setting, x: Signals, z: Signals) -> _Pairs:
    """Unit pixels against each other, by their sums and differences."""
    (left, a), (right, b) = x.input[0], z.input[1]
    shape = np.broadcast_shapes(a.shape, b.shape)
    minus, plus = np.zeros(shape, s.dtype), np.zeros(shape, s.dtype)
    if s.module is not None:
        s.module.unit_tile(minus, plus, left[..., 0], right[:, 0], a[:, 0], b[0])
        return _Pairs(minus, plus, None)
    for rows in _parts(minus):
        for u, v in zip(left, right, strict=True):
            minus[rows] += (u[rows] - v) ** 2
            plus[rows] += (u[rows] + v) ** 2
        out = a[rows] * b / 2
        minus[rows] *= out
        plus[rows] *= out
    return _Pairs(minus, plus, None)


def _parts(values: Array) -> list[slice]:
    return slices(0, len(values), sizes.CACHED // (values.size // len(values)))


def _layer(
    s: Setting, layer: int, x: Signals, z: Signals, pairs: _Pairs, kept: dict[int, Array]
) -> _Pairs:
    """A layer before its mean; preactivations that are added later go to `kept`."""
    grid, a, b = s.grids[layer], x.left[layer], z.right[layer]
    shape = np.broadcast_shapes(a.out.shape, b.out.shape)

    def convolve(values: Array) -> Array:
        unfolded, axes = s.view.unfold(values, len(x), len(z), grid.windows.before)
        return sum_windows(unfolded, axes, grid.windows).reshape(shape)

    pairs = pairs.map(convolve)
    if s.tangent and pairs.tangent is None:
        pairs = pairs._replace(tangent=np.zeros(shape, s.dtype))
    trained = s.net.trained[layer]
    if grid.back is not None:
        minus, plus, tangent = kept[grid.back]
        if trained:  # what is added has no weights in this layer: out of what the layer adds
            tangent = tangent - (plus - minus) / 2
        for values, added in zip(pairs, (minus, plus, tangent), strict=True):
            if values is not None:
                values += a.back * b.back * added
    own = None
    if any(g.back == layer for g in s.grids):
        own = kept[layer] = np.empty((3, *shape), s.dtype)
    if s.module is None:
        for rows in _parts(pairs.minus):
            _activate(s.net, trained, a, b, pairs, own, rows)
    else:
        none = np.empty((0, 0), s.dtype)
        s.module.window_tile(
            pairs.minus,
            none if pairs.plus is None else pairs.plus,
            none if pairs.tangent is None else pairs.tangent,
            np.empty((3, 0, 0), s.dtype) if own is None else own,
            cast(Homogeneous, s.net.law).leak,
            trained,
            a.shares[..., 0],
            b.shares[:, 0],
            *(v[:, 0] for v in (a.bias, a.into, a.out)),
            *(v[0] for v in (b.bias, b.into, b.out)),
        )
    return pairs._replace(plus=None) if s.positive else pairs


def _activate(
    net: Architecture,
    trained: bool,
    x: _Point,
    z: _Point,
    pairs: _Pairs,
    kept: Array | None,
    rows: slice,
) -> None:
    """From sums over windows to what the activation makes of them, in place on some rows."""
    lost = sum((p[rows] - q) ** 2 for p, q in zip(x.shares, z.shares, strict=True)) / 2
    both, out = x.into[rows] * z.into, x.out[rows] * z.out
    minus = both * pairs.minus[rows] + lost
    if pairs.plus is None:
        plus = 2 - minus
    else:
        plus = both * pairs.plus[rows] + (lost + 2 * x.bias[rows] * z.bias)
    value = net.law.pairs(x.rows.at(rows), z.rows, minus, plus)
    pairs.minus[rows] = value.minus * out
    if pairs.plus is not None:
        pairs.plus[rows] = value.plus * out
    if kept is not None:
        kept[0, rows], kept[1, rows] = minus, plus
    if pairs.tangent is not None:
        tangent = both * pairs.tangent[rows]
        if trained:
            tangent += (plus - minus) / 2
        if kept is not None:
            kept[2, rows] = tangent
        pairs.tangent[rows] = value.slope * tangent * out


def _values(
    s: Setting, layer: int, x: Signals, z: Signals, pairs: _Pairs
) -> tuple[Array, Array | None]:
    """Covariances and tangent kernels after the mean of a layer."""
    grid = s.grids[layer]
    if pairs.plus is None:
        covariance = x.left[layer].out * z.right[layer].out
        covariance -= pairs.minus
    else:
        covariance = (pairs.plus - pairs.minus) / 2
    if grid.pool == 1:
        return covariance, pairs.tangent

    def mean(values: Array) -> Array:
        unfolded, axes = s.view.unfold(values, len(x), len(z), grid.windows.after)
        pixels = grid.pool ** len(axes)
        result = mean_windows(unfolded, axes, grid.pool)
        return result.reshape(values.shape[0] // pixels, values.shape[1] // pixels)

    return mean(covariance), None if pairs.tangent is None else mean(pairs.tangent)


def _after_mean(s: Setting, layer: int, x: Signals, z: Signals, pairs: _Pairs) -> _Pairs:
    """Pairs for the next layer: correlations out of covariances where there is a mean."""
    if s.grids[layer].pool == 1:
        return pairs
    covariance, tangent = _values(s, layer, x, z, pairs)
    if x is z and layer not in x.means:
        x.means[layer] = np.sqrt(covariance.diagonal()).reshape(len(x), -1)
    a, b = x.means[layer], z.means[layer]
    out = s.view.left(a) * s.view.right(b)
    # A pixel is at angle zero from itself, exactly.
    left, right = x.equal(z)
    pixels = np.arange(a.shape[1])
    i, j = (k[:, None] * a.shape[1] + pixels for k in (left, right))
    covariance[i, j] = out[i, j]
    covariance = np.clip(covariance, -out, out)
    return _Pairs(out - covariance, None if s.positive else out + covariance, tangent)


class Signals:
    """Some signals: unit pixels and the layers at them, on the left and on the right of a pair."""

    def __init__(self, X: Array, s: Setting) -> None:
        flat = X.reshape(len(X), -1, X.shape[-1])
        exponent = np.frexp(np.abs(flat).max(axis=2))[1]
        half = exponent // 2
        # In two steps: 2**-exponent itself overflows for subnormal pixels.
        flat = np.ldexp(np.ldexp(flat, -half[..., None]), (half - exponent)[..., None])
        norm = np.sqrt(np.sum(flat * flat, axis=2))
        unit = flat / np.where(norm > 0, norm, 1)[..., None]
        power = exponent.max(axis=1)
        size = np.ldexp(norm, exponent - power[:, None])
        # Where norms pass through untouched, this power comes back at the end.
        self.exponent, power = (power, 0 * power) if s.net.homogeneous else (0 * power, power)
        self._equal = np.concatenate(
            [np.dstack([unit, size]).reshape(len(X), -1), power[:, None]], axis=1
        )

        def left(values: Array) -> Array:
            return s.view.left(values).astype(s.dtype)

        def right(values: Array) -> Array:
            return s.view.right(values).astype(s.dtype)

        units, turns = np.moveaxis(unit, 2, 0), (left, right)
        self.input = [(np.stack([turn(u) for u in units]), turn(size)) for turn in turns]
        self.left: list[_Point] = []
        self.right: list[_Point] = []
        self.means: dict[int, Array] = {}
        means = [i for i, grid in enumerate(s.grids[:-1]) if grid.pool > 1]
        pairs = _inputs(s, self, self) if means else None
        kept: dict[int, Array] = {}
        stds: list[Array] = []
        for i, grid in enumerate(s.grids):
            added = None if grid.back is None else stds[grid.back]
            point, power = _point(s.net, i, grid, size, power, added)
            stds.append(point.rows.std)
            for side, turn in zip((self.left, self.right), turns, strict=True):
                side.append(point.map(turn))
            size = point.out
            if pairs is not None and i <= means[-1]:
                pairs = _layer(s, i, self, self, pairs, kept)
                pairs = _after_mean(s, i, self, self, pairs)
                size = self.means.get(i, size)
        self.power = power

    def __len__(self) -> int:
        return len(self._equal)

    def equal(self, other: Signals) -> tuple[Index, Index]:
        """Pairs of signals of which each pixel is the same."""
        i, j = np.nonzero((self._equal[:, None] == other._equal).all(axis=2))
        return i, j


def block(s: Setting, x: Signals, z: Signals, flatten: bool) -> Array:
    """Values of the kernel between some signals."""
    pairs = _inputs(s, x, z)
    kept: dict[int, Array] = {}
    last = len(s.grids) - 1
    for layer in range(last + 1):
        pairs = _layer(s, layer, x, z, pairs, kept)
        if layer < last:
            pairs = _after_mean(s, layer, x, z, pairs)
    covariance, tangent = _values(s, last, x, z, pairs)

    def readout(values: Array) -> Array:
        if s.view.both:
            values = values.reshape(len(x), -1, len(z), values.shape[1] // len(z))
            values = np.einsum("aibi->abi", values) if flatten else values.swapaxes(1, 2)
        values = np.ascontiguousarray(values).reshape(len(x), len(z), -1)
        mean = values.mean(axis=2, dtype=np.float64)
        result: Array = np.ldexp(mean, x.power[:, None] + z.power)
        return result

    weight, bias = s.net.weights[-1], s.net.biases[-1]
    K = weight**2 * readout(covariance) + bias**2
    if tangent is not None:
        T = weight**2 * readout(tangent)
        K = T + K if s.net.trained[-1] else T
    result: Array = np.ldexp(K, x.exponent[:, None] + z.exponent)
    return result
