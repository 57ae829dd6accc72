r"""Convolutional networks and pooled patches, in the limit of infinitely many channels.

A signal :math:`x` has pixels :math:`i` on a grid (a line, an image, ...) and channels. Each of the
:math:`L` layers (``depth``) convolves, applies the activation, and may average neighboring pixels;
the readout is one dense layer. In the NTK parameterization, with :math:`\mathcal N(0,1)` weights
:math:`\omega` and biases :math:`\beta`, and :math:`S` positions :math:`o` in the window,

.. math::
    h^l(i) &= \frac{W_l}{\sqrt{S\,m_{l-1}}}\sum_o \omega^l_o\,y^{l-1}(i+o)+b_l\beta^l,\\
    y^l &= \text{mean over windows of } \sigma(h^l),

where :math:`y^0=x` and :math:`m_0=1`: the sum over the channels of the input is not divided by
their number, as in :mod:`ntklib.deep`, to which all this comes down for one pixel and a window of
one. The readout is
:math:`F(x)=W_{L+1}\,\omega\cdot y^L/\sqrt{Pm_L}+b_{L+1}\beta` on all :math:`P` pixels
(``"flatten"``), or the same on the mean over pixels, with :math:`P=1` (``"mean"``).

Covariances and tangent kernels are between pixels :math:`i` of :math:`x` and :math:`i'` of
:math:`x'` (:cite:t:`arora2019exact` call the tangent kernel CNTK). Activations act on them as in
:mod:`ntklib.deep`, convolutions and means are averages:

.. math::
    K^l(i,i') &= \frac{W_l^2}{S}\sum_oC^{l-1}(i+o,i'+o)+b_l^2,\\
    \Theta^l(i,i') &= t_lK^l(i,i')+\frac{W_l^2}{S}\sum_oD^{l-1}(i+o,i'+o),

where :math:`t_l` is 1 when layer :math:`l` is trained and 0 when it is not. At the input
:math:`C^0(i,i')=\langle x(i),x'(i')\rangle` and :math:`D^0=0`. After layer :math:`l`, with
:math:`(u,v)` centered Gaussian of the covariance :math:`K^l`, :math:`C^l` is the mean of
:math:`\mathbb E[\sigma(u)\sigma(v)]` over the window of :math:`i` and that of :math:`i'`, and
:math:`D^l` the mean of :math:`\Theta^l\,\mathbb E[\sigma'(u)\sigma'(v)]`. With ``"flatten"`` and no
means only pairs :math:`i=i'` matter: the kernel is then that of a network whose weights are not
shared.

Pixels are combined as unit vectors, so that :math:`1-\cos\theta`, with :math:`\theta` the angle
between two windows, is a sum of nonnegative terms and angles keep their digits, as in
:mod:`ntklib.deep`. A mean before a further layer is the exception. There an angle of more than
:math:`10^{-8}`, from zero or from :math:`\pi`, has an error of about :math:`10^{-16}` divided by
the angle, and a smaller one an error of some :math:`10^{-8}`; only between the same pixel of two
equal signals is the angle zero exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ntklib._engine import sizes
from ntklib._engine.blocks import finite
from ntklib._engine.points import Index
from ntklib._engine.sizes import slices
from ntklib._validate import Array, positive_int, real_array
from ntklib.architecture import ActivationLike, Architecture, Trained, architecture
from ntklib.expectations import Rows

_PADDINGS = ("same", "valid", "circular")
_READOUTS = ("flatten", "mean")


class _Grid(NamedTuple):
    """Convolution and mean of one layer: input pixels of each output pixel, -1 for none."""

    window: Index
    mean: Index | None


class _Pairs(NamedTuple):
    """1 - rho, 1 + rho and tangent kernel over the product of deviations, pixel by pixel."""

    minus: Array
    plus: Array
    tangent: Array


class _Point(NamedTuple):
    """One layer at the signals: shares of the window's pixels and of the bias, and what follows."""

    share: Array
    bias: Array
    rows: Rows
    mean: Array | None


class _View(NamedTuple):
    """How arrays (pixel, signal) stand against each other, and how pairs of pixels are picked."""

    left: Any
    right: Any
    both: bool

    def pick(self, values: Array, left: Index, right: Index) -> Array:
        return values[left][:, right] if self.both else values[left]


_every = slice(None)
# Pixel against the same pixel, pixel against pixel, and pixels of one signal with each other.
_SAME = _View((_every, _every, None), (_every, None, _every), both=False)
_ALL = _View((_every, None, _every, None), (None, _every, None, _every), both=True)
_SELF = _View((_every, None), (None, _every), both=True)


# -- grids ----------------------------------------------------------------------------------------


def _sizes(name: str, value: object, count: int, what: str) -> tuple[int, ...]:
    """A positive integer for each of so many dimensions of the grid, or layers, or one for all."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        sizes = tuple(positive_int(f"each size in {name}", v) for v in value)
        if len(sizes) != count:
            raise ValueError(f"{name} must be one number or {count}, one a {what}, got {sizes}")
        return sizes
    return (positive_int(name, value),) * count


def _convolution(
    shape: tuple[int, ...], size: tuple[int, ...], padding: str
) -> tuple[Index, tuple[int, ...]]:
    """Pixels under the window at each place, and the shape of the result."""
    if padding == "valid":
        result = tuple(n - k + 1 for n, k in zip(shape, size, strict=True))
        if min(result) < 1:
            raise ValueError(
                f"kernel_size must be at most the shape {shape} of the signal with padding valid, "
                f"got {size}"
            )
        shift = (0,) * len(shape)
    else:
        result, shift = shape, tuple((k - 1) // 2 for k in size)
    places = np.indices(result).reshape(len(shape), -1, 1)
    offsets = np.indices(size).reshape(len(shape), 1, -1)
    where = places + offsets - np.array(shift)[:, None, None]
    bounds = np.array(shape)[:, None, None]
    if padding == "circular":
        where %= bounds
    inside = ((where >= 0) & (where < bounds)).all(axis=0)
    flat = np.ravel_multi_index(tuple(where), shape, mode="clip")
    return np.where(inside, flat, -1), result


def _means(shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[Index, tuple[int, ...]]:
    if any(n % k for n, k in zip(shape, size, strict=True)):
        raise ValueError(f"pool must divide the shape {shape} of the signal there, got {size}")
    result = tuple(n // k for n, k in zip(shape, size, strict=True))
    places = np.indices(result).reshape(len(shape), -1, 1) * np.array(size)[:, None, None]
    where = places + np.indices(size).reshape(len(shape), 1, -1)
    return np.ravel_multi_index(tuple(where), shape), result


def _grids(
    shape: tuple[int, ...], depth: int, kernel_size: object, padding: str, pool: object
) -> list[_Grid]:
    size = _sizes("kernel_size", kernel_size, len(shape), "dimension")
    grids = []
    for factor in _sizes("pool", pool, depth, "layer"):
        window, shape = _convolution(shape, size, padding)
        mean = None
        if factor > 1:
            mean, shape = _means(shape, (factor,) * len(shape))
        grids.append(_Grid(window, mean))
    return grids


# -- layers ---------------------------------------------------------------------------------------


def _convolve_rows(size: Array, grid: _Grid, weight: float, bias: float) -> _Point:
    """Shares of the pixels of each window and of the bias; arrays (pixel, position, signal)."""
    padded = np.concatenate([size, np.zeros_like(size[:1])])  # index -1 is a pixel of zeros
    share = padded[grid.window] * (weight / math.sqrt(grid.window.shape[1]))
    std = np.sqrt(np.sum(share * share, axis=1) + bias * bias)
    safe = np.where(std > 0, std, 1)
    return _Point(share / safe[:, None], bias / safe, Rows(std, std), None)


def _convolve(
    grid: _Grid, x: _Point, z: _Point, pairs: _Pairs, view: _View, trained: bool
) -> _Pairs:
    a, b = x.bias[view.left], z.bias[view.right]
    minus, plus, tangent = (a - b) ** 2 / 2, (a - b) ** 2 / 2 + 2 * a * b, np.zeros(())
    for position in range(grid.window.shape[1]):
        index = grid.window[:, position]
        p, q = x.share[:, position][view.left], z.share[:, position][view.right]
        both, lost = p * q, (p - q) ** 2 / 2
        minus = minus + both * view.pick(pairs.minus, index, index) + lost
        plus = plus + both * view.pick(pairs.plus, index, index) + lost
        tangent = tangent + both * view.pick(pairs.tangent, index, index)
    return _Pairs(minus, plus, tangent + (plus - minus) / 2 if trained else tangent)


def _activate(net: Architecture, x: _Point, z: _Point, pairs: _Pairs, view: _View) -> _Pairs:
    layer = net.law.pairs(x.rows.at(view.left), z.rows.at(view.right), pairs.minus, pairs.plus)
    return _Pairs(layer.minus, layer.plus, layer.slope * pairs.tangent)


def _average(grid: _Grid, x: _Point, z: _Point, pairs: _Pairs, view: _View, same: Any) -> _Pairs:
    """Means over windows; `same` marks pairs of one signal with itself."""
    assert grid.mean is not None
    assert x.mean is not None
    assert z.mean is not None
    rho, tangent = np.zeros(()), np.zeros(())
    for s, t in product(range(grid.mean.shape[1]), repeat=2):
        left, right = grid.mean[:, s], grid.mean[:, t]
        both = x.mean[:, s][view.left] * z.mean[:, t][view.right]
        values = (pairs.plus - pairs.minus) / 2
        rho = rho + both * view.pick(values, left, right)
        tangent = tangent + both * view.pick(pairs.tangent, left, right)
    rho = np.clip(rho, -1, 1)
    # A pixel is at angle zero from itself, exactly.
    itself = np.eye(len(rho), dtype=bool).reshape(rho.shape[:2] + (1,) * (rho.ndim - 2)) & same
    minus = np.where(itself, 0, 1 - rho)
    return _Pairs(minus, 2 - minus, tangent)


def _inputs(x: Array, z: Array, view: _View) -> _Pairs:
    """Unit pixels (pixel, signal, channel) against each other, by their sums and differences."""
    minus, plus = np.zeros(()), np.zeros(())
    for channel in range(x.shape[2]):
        a, b = x[:, :, channel][view.left], z[:, :, channel][view.right]
        minus = minus + (a - b) ** 2 / 2
        plus = plus + (a + b) ** 2 / 2
    return _Pairs(minus, plus, np.zeros_like(minus))


class _Signals:
    """Some signals: unit pixels, and the layers at them."""

    def __init__(self, X: Array, net: Architecture, grids: list[_Grid]) -> None:
        flat = np.moveaxis(X.reshape(len(X), -1, X.shape[-1]), 0, 1)
        largest = np.abs(flat).max(axis=2)
        exponent = np.frexp(largest)[1]
        if net.homogeneous:
            # One power of two a signal is left out, and comes back at the end.
            self.exponent = np.frexp(largest.max(axis=0))[1]
        else:
            self.exponent = np.zeros(len(X), dtype=np.intc)
        scaled = np.ldexp(
            np.ldexp(flat, -(exponent // 2)[..., None]), (exponent // 2 - exponent)[..., None]
        )
        norm = np.sqrt(np.sum(scaled * scaled, axis=2))
        self.unit = scaled / np.where(norm > 0, norm, 1)[..., None]
        size = np.ldexp(norm, exponent - self.exponent)
        pairs = (
            _inputs(self.unit, self.unit, _SELF) if any(g.mean is not None for g in grids) else None
        )
        self.points: list[_Point] = []
        for i, grid in enumerate(grids):
            point = _convolve_rows(size, grid, net.weights[i], net.biases[i])
            point = point._replace(rows=net.activate(i + 1, point.rows.std))
            size = point.rows.size
            if pairs is not None:
                pairs = _convolve(grid, point, point, pairs, _SELF, trained=False)
                pairs = _activate(net, point, point, pairs, _SELF)
                if grid.mean is not None:
                    point, size = _mean_rows(grid.mean, point, size, pairs)
                    pairs = _average(grid, point, point, pairs, _SELF, same=np.True_)
            self.points.append(point)
        self.size = size


def _mean_rows(mean: Index, point: _Point, size: Array, pairs: _Pairs) -> tuple[_Point, Array]:
    """Shares of the pixels in a mean, and its deviation, from the pixels' own covariances."""
    count = mean.shape[1]
    parts = size[mean]
    largest = np.where(parts.max(axis=1) > 0, parts.max(axis=1), 1)
    parts = parts / largest[:, None]
    rho = (pairs.plus - pairs.minus) / 2
    square = np.zeros(())
    for s, t in product(range(count), repeat=2):
        square = square + parts[:, s] * parts[:, t] * rho[mean[:, s], mean[:, t]]
    std = np.sqrt(np.maximum(square, 0)) / count
    share = parts / (count * np.where(std > 0, std, 1))[:, None]
    return point._replace(mean=share), std * largest


def _block(
    net: Architecture, grids: list[_Grid], x: _Signals, z: _Signals, flatten: bool, tangent: bool
) -> Array:
    """Values of the kernel between some signals."""
    view = _SAME if flatten and not any(g.mean is not None for g in grids) else _ALL
    pairs = _inputs(x.unit, z.unit, view)
    same = (x.unit[:, :, None] == z.unit[:, None, :]).all(axis=(0, 3)) if view.both else None
    for i, grid in enumerate(grids):
        a, b = x.points[i], z.points[i]
        pairs = _convolve(grid, a, b, pairs, view, net.trained[i])
        pairs = _activate(net, a, b, pairs, view)
        if grid.mean is not None:
            pairs = _average(grid, a, b, pairs, view, same)
    if flatten and view.both:
        diagonal = np.arange(len(pairs.minus))
        pairs, view = _Pairs(*(v[diagonal, diagonal] for v in pairs)), _SAME
    sizes = x.size[view.left] * z.size[view.right]
    axes = (0, 1) if view.both else 0
    weight, bias = net.weights[-1], net.biases[-1]
    K = weight**2 * np.mean(sizes * (pairs.plus - pairs.minus) / 2, axis=axes) + bias**2
    if tangent:
        T = weight**2 * np.mean(sizes * pairs.tangent, axis=axes)
        K = T + K if net.trained[-1] else T
    result: Array = np.ldexp(K, x.exponent[:, None] + z.exponent[None, :])
    return result


def _kernel(
    net: Architecture,
    X: object,
    Z: object | None,
    tangent: bool,
    kernel_size: object,
    padding: str,
    pool: object,
    readout: str,
) -> Array:
    X = real_array("X", X, ndim=(3, 4, 5))
    shape = X.shape[1:]
    dtype = X.dtype
    if padding not in _PADDINGS:
        raise ValueError(f"padding must be one of {sorted(_PADDINGS)}, got {padding!r}")
    if readout not in _READOUTS:
        raise ValueError(f"readout must be one of {sorted(_READOUTS)}, got {readout!r}")
    grids = _grids(shape[:-1], len(net.weights) - 1, kernel_size, padding, pool)
    if Z is not None:
        Z = real_array("Z", Z, ndim=X.ndim)
        if Z.shape[1:] != shape:
            raise ValueError(f"Z must have signals of shape {shape}, got shape {Z.shape}")
        dtype = np.result_type(X.dtype, Z.dtype)
    pooled = readout == "mean" or any(g.mean is not None for g in grids)
    pixels = max(math.prod(shape[:-1]), *(len(g.window) for g in grids))
    step = math.isqrt(sizes.CACHED // pixels ** (2 if pooled else 1))

    def sides(signals: Array) -> list[tuple[slice, _Signals]]:
        parts = slices(0, len(signals), step)
        return [(i, _Signals(signals[i].astype(np.float64), net, grids)) for i in parts]

    # What overflows is reported at the end.
    with np.errstate(over="ignore", invalid="ignore"):
        left = sides(X)
        right = left if Z is None else sides(Z)
        K = np.empty((len(X), len(X) if Z is None else len(Z)))
        for i, x in left:
            for j, z in right:
                if Z is not None or j.start <= i.start:
                    K[i, j] = _block(net, grids, x, z, readout == "flatten", tangent)
        if Z is None:
            K = np.tril(K) + np.tril(K, -1).T
        return finite(K.astype(dtype, copy=False))


def conv_nngp(
    X: object,
    Z: object | None = None,
    *,
    depth: int,
    kernel_size: int | Iterable[int] = 3,
    padding: str = "same",
    pool: int | Iterable[int] = 1,
    readout: str = "flatten",
    activation: ActivationLike = "relu",
    W_std: float | Iterable[float] = math.sqrt(2),
    b_std: float | Iterable[float] = 0.0,
) -> Array:
    r"""Covariance of the output of a convolutional network at random weights (NNGP).

    .. math:: K^l(i,i')=\frac{W_l^2}{S}\sum_oC^{l-1}(i+o,i'+o)+b_l^2

    and a mean over pixels at the end (:mod:`ntklib.convolution` has the network and the terms).

    Parameters (without ``trained``), result and exceptions are those of :func:`conv_ntk`.
    """
    net = architecture(depth, activation, W_std, b_std, "all")
    return _kernel(net, X, Z, False, kernel_size, padding, pool, readout)


def conv_ntk(
    X: object,
    Z: object | None = None,
    *,
    depth: int,
    kernel_size: int | Iterable[int] = 3,
    padding: str = "same",
    pool: int | Iterable[int] = 1,
    readout: str = "flatten",
    activation: ActivationLike = "relu",
    W_std: float | Iterable[float] = math.sqrt(2),
    b_std: float | Iterable[float] = 0.0,
    trained: Trained = "all",
) -> Array:
    r"""Neural tangent kernel of a convolutional network, for small signals.

    .. math:: \Theta^l(i,i')=t_lK^l(i,i')+\frac{W_l^2}{S}\sum_oD^{l-1}(i+o,i'+o)

    (:mod:`ntklib.convolution` has the network and the terms; :cite:t:`arora2019exact`.)

    Parameters
    ----------
    X : array_like, shape (n, *grid, channels)
        Signals on a grid of one, two or three dimensions.
    Z : array_like, shape (n', *grid, channels), optional
        Other signals; ``X`` itself when left out, and then the result is exactly symmetric.
    depth : int
        Convolutional layers :math:`L`, at least 1; the dense readout is layer :math:`L+1`.
    kernel_size : int or sequence of int
        Size of the window, in all dimensions or in each. Stride 1.
    padding : {"same", "valid", "circular"}
        Zeros around the grid, no window over its edge, or a grid that closes on itself.
    pool : int or sequence of L ints
        Side of the windows over which the activations of a layer are averaged, with the same
        stride, for all layers or one a layer; must divide the grid there. 1 for none.
    readout : {"flatten", "mean"}
        A dense layer on all pixels, or on their mean (global average pooling). With ``"mean"`` and
        circular padding the kernel does not change when a signal is shifted.
    activation, W_std, b_std, trained
        As for :func:`ntklib.ntk`.

    Returns
    -------
    K : ndarray, shape (n, n')
        float32 if the signals are, else float64; computed in float64. Time and memory grow as the
        number of pixels, or as its square when there is any mean.

    Raises
    ------
    ValueError, TypeError, OverflowError
        As :func:`ntklib.ntk`; also for windows that do not fit, and unknown paddings or readouts.

    Notes
    -----
    In neural-tangents, with ``C`` channels: ``kernel_fn(sqrt(C) * X, sqrt(C) * Z, "ntk")`` of
    ``Conv``, the activation and ``AvgPool`` for each layer, then ``Flatten`` or ``GlobalAvgPool``
    and ``Dense``; it divides inner products of inputs by ``C``.

    The lecture's kernel on patches: with ``depth=1``, ``padding="valid"``, ``trained="inner"`` and
    ``W_std=(sqrt(S), 1)``, where ``S`` is the number of pixels in the window, the result is the
    mean of :func:`ntklib.relu_ntk` over patches in equal places (``"flatten"``), or over all pairs
    of patches (``"mean"``).
    """
    net = architecture(depth, activation, W_std, b_std, trained)
    return _kernel(net, X, Z, True, kernel_size, padding, pool, readout)
