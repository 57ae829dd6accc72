r"""Convolutional networks and pooled patches, in the limit of infinitely many channels.

A signal :math:`x` has pixels :math:`i` on a grid (a line, an image, ...) and channels. Each of the
:math:`L` layers (``depth``) convolves, applies the activation, and may average neighboring pixels;
the readout is one dense layer. In the NTK parameterization, with :math:`\mathcal N(0,1)` weights
:math:`\omega` and biases :math:`\beta`, and :math:`S` positions :math:`o` in the window,

.. math::
    h^l(i) &= \frac{W_l}{\sqrt{S\,m_{l-1}}}\sum_o \omega^l_o\,y^{l-1}(s_li+o)+b_l\beta^l\;
    \bigl[{}+h^{l-r_l}(i)\bigr],\\
    y^l &= \text{mean over windows of } \sigma(h^l),

with the stride :math:`s_l`, and with the term in brackets where there is a residual connection.
Here :math:`y^0=x` and :math:`m_0=1`: the sum over the channels of the input is not divided by
their number, as in :mod:`ntklib.deep`, to which all this comes down for one pixel and a window of
one. The readout is
:math:`F(x)=W_{L+1}\,\omega\cdot y^L/\sqrt{Pm_L}+b_{L+1}\beta` on all :math:`P` pixels
(``"flatten"``), or the same on the mean over pixels, with :math:`P=1` (``"mean"``).

Covariances and tangent kernels are between pixels :math:`i` of :math:`x` and :math:`i'` of
:math:`x'` (:cite:t:`arora2019exact` call the tangent kernel CNTK). Activations act on them as in
:mod:`ntklib.deep`, convolutions and means are averages:

.. math::
    H^l(i,i') &= \frac{W_l^2}{S}\sum_oC^{l-1}(s_li+o,s_li'+o)+b_l^2,\\
    K^l(i,i') &= H^l(i,i')\;\bigl[{}+K^{l-r_l}(i,i')\bigr],\\
    \Theta^l(i,i') &= t_lH^l(i,i')+\frac{W_l^2}{S}\sum_oD^{l-1}(s_li+o,s_li'+o)\;
    \bigl[{}+\Theta^{l-r_l}(i,i')\bigr],

where :math:`t_l` is 1 when layer :math:`l` is trained and 0 when it is not. At the input
:math:`C^0(i,i')=\langle x(i),x'(i')\rangle` and :math:`D^0=0`. After layer :math:`l`, with
:math:`(u,v)` centered Gaussian of the covariance :math:`K^l`, :math:`C^l` is the mean of
:math:`\mathbb E[\sigma(u)\sigma(v)]` over the window of :math:`i` and that of :math:`i'`, and
:math:`D^l` the mean of :math:`\Theta^l\,\mathbb E[\sigma'(u)\sigma'(v)]`. With ``"flatten"`` and no
means only pairs :math:`i=i'` matter: the kernel is then that of a network whose weights are not
shared.

A residual connection adds preactivations, and so their covariances: the new weights
:math:`\omega^l` have mean zero and are independent of :math:`h^{l-r_l}`. Added activations would
also have mixed terms.

With :math:`\theta` the angle between two windows, :math:`1-\cos\theta` is computed as a sum of
nonnegative terms, so that angles keep their digits, as in :mod:`ntklib.deep`. A mean before a
further layer is the exception. There an angle of more than :math:`10^{-8}`, from zero or from
:math:`\pi`, has an error of about :math:`10^{-16}` divided by the angle, and a smaller one an error
of some :math:`10^{-8}`; only between the same pixel of two equal signals is the angle zero exactly.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ntklib._engine import portable, sizes, threads
from ntklib._engine.angular import compiled
from ntklib._engine.blocks import finite
from ntklib._engine.portable import is_foreign
from ntklib._engine.sizes import slices
from ntklib._engine.windows import Windows, axis
from ntklib._pixels import Grid, Setting, Signals, View, block, of_degree_one
from ntklib._validate import Array, nonnegative, positive_int, real_array
from ntklib.architecture import ActivationLike, Architecture, Trained, architecture

_PADDINGS = ("same", "valid", "circular")
_READOUTS = ("flatten", "mean")
_DIMENSIONS = (3, 4, 5)  # signals, a grid of one to three, channels


# -- grids ----------------------------------------------------------------------------------------


def _sizes(
    name: str,
    value: object,
    count: int,
    what: str = "layer",
    check: Callable[[str, object], int] = positive_int,
) -> tuple[int, ...]:
    """An integer for each of so many layers, or dimensions of the grid, or one for all."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        sizes = tuple(check(f"each size in {name}", v) for v in value)
        if len(sizes) != count:
            raise ValueError(f"{name} must be one number or {count}, one a {what}, got {sizes}")
        return sizes
    return (check(name, value),) * count


def _count(name: str, value: object) -> int:
    """`value` as an integer of at least zero."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value < 1:
        return int(nonnegative(name, value))
    return positive_int(name, value)


def _grids(
    shape: tuple[int, ...],
    depth: int,
    padding: str,
    kernel_size: object,
    stride: object,
    pool: object,
    residual: object,
) -> list[Grid]:
    size = _sizes("kernel_size", kernel_size, len(shape), "dimension")
    strides, pools = _sizes("stride", stride, depth), _sizes("pool", pool, depth)
    skips = _sizes("residual", residual, depth, check=_count)
    grids: list[Grid] = []
    for layer, (step, side, skip) in enumerate(zip(strides, pools, skips, strict=True)):
        if padding == "valid" and any(n < k for n, k in zip(shape, size, strict=True)):
            raise ValueError(
                f"kernel_size must be at most the shape {shape} of the signal with padding valid, "
                f"got {size}"
            )
        axes = tuple(axis(n, k, step, padding) for n, k in zip(shape, size, strict=True))
        windows = Windows(axes, padding == "circular")
        if skip > layer:
            raise ValueError(f"residual must lead back to a layer, got {skip} in layer {layer + 1}")
        if skip and grids[layer - skip].windows.after != windows.after:
            raise ValueError(
                f"residual must join layers of one shape, got {grids[layer - skip].windows.after} "
                f"and {windows.after} in layers {layer + 1 - skip} and {layer + 1}"
            )
        if any(n % side for n in windows.after):
            raise ValueError(
                f"pool must divide the shape {windows.after} of the signal there, got {side}"
            )
        grids.append(Grid(windows, side, layer - skip if skip else None))
        shape = tuple(n // side for n in windows.after)
    return grids


class _Layout(NamedTuple):
    """What a caller says of the layers' windows and of the readout, not yet checked."""

    padding: str
    readout: str
    kernel_size: object
    stride: object
    pool: object
    residual: object

    def grids(self, shape: tuple[int, ...], depth: int) -> list[Grid]:
        if self.padding not in _PADDINGS:
            raise ValueError(f"padding must be one of {sorted(_PADDINGS)}, got {self.padding!r}")
        if self.readout not in _READOUTS:
            raise ValueError(f"readout must be one of {sorted(_READOUTS)}, got {self.readout!r}")
        sizes = self.kernel_size, self.stride, self.pool, self.residual
        return _grids(tuple(shape), depth, self.padding, *sizes)


def _kernel(X: Any, Z: Any | None, net: Architecture, tangent: bool, layout: _Layout) -> Array:
    """The kernel, of the library of the points."""
    scales = (*net.weights, *net.biases)
    result: Array
    if any(portable.followed(value) for value in (X, Z, *scales) if is_foreign(value)):
        portable.refuse_others("W_std and b_std must be numbers or", scales, X, Z)
        X, Z = portable.checked_signals(X, Z)
        grids = layout.grids(X.shape[1:-1], len(net.weights) - 1)
        arrays = importlib.import_module("ntklib._pixels_arrays")  # most calls do not need it
        result = arrays.matrix(net, grids, X, Z, tangent, layout.readout == "flatten")
        return result
    if not is_foreign(X) and not is_foreign(Z):
        return _in_numpy(X, Z, net, tangent, layout)
    if portable.one_library(X, Z) == "dask":
        kernel = partial(_kernel, net=net, tangent=tangent, layout=layout)
        result = portable.blocks(kernel, X, Z, ndim=_DIMENSIONS)
        return result
    X, Z = portable.checked_signals(X, Z)
    left, right = (A if A is None else portable.in_numpy(A) for A in (X, Z))
    result = portable.moved(_in_numpy(left, right, net, tangent, layout), X)
    return result


def _in_numpy(
    X: object, Z: object | None, net: Architecture, tangent: bool, layout: _Layout
) -> Array:
    X = real_array("X", X, ndim=_DIMENSIONS)
    shape, dtype = X.shape[1:], X.dtype
    grids = layout.grids(shape[:-1], len(net.weights) - 1)
    if Z is not None:
        Z = real_array("Z", Z, ndim=X.ndim)
        if Z.shape[1:] != shape:
            raise ValueError(f"Z must have signals of shape {shape}, got shape {Z.shape}")
        dtype = np.result_type(X.dtype, Z.dtype)
    both = layout.readout == "mean" or any(g.pool > 1 for g in grids)
    pixels = [math.prod(shape[:-1]), *(math.prod(g.windows.after) for g in grids)]
    # A mean before a further layer takes half of the digits, and other activations some.
    single = both and of_degree_one(net) and all(g.pool == 1 for g in grids[:-1])
    n, m = len(X), len(X if Z is None else Z)
    work = n * m * sum(p**2 * g.windows.positions for p, g in zip(pixels[1:], grids, strict=True))
    setting = Setting(
        net,
        grids,
        View(both),
        tangent,
        dtype if single else np.dtype(np.float64),
        compiled(work) if both and of_degree_one(net) else None,
    )
    step = math.isqrt(sizes.CACHED // max(pixels) ** (2 if both else 1))

    def sides(signals: Array) -> list[tuple[slice, Signals]]:
        parts = slices(0, len(signals), step)
        return [(i, Signals(signals[i].astype(np.float64), setting)) for i in parts]

    K = np.empty((n, m))

    def run(tasks: Iterator[tuple[slice, Signals, slice, Signals]]) -> None:
        # What overflows is reported at the end.
        with np.errstate(over="ignore", invalid="ignore"):
            for i, x, j, z in tasks:
                K[i, j] = block(setting, x, z, layout.readout == "flatten")

    with np.errstate(over="ignore", invalid="ignore"):
        left = sides(X)
        right = left if Z is None else sides(Z)
        blocks = [
            (i, x, j, z) for i, x in left for j, z in right if Z is not None or j.start <= i.start
        ]
        threads.in_threads(run, blocks, alone=work < threads.SMALL)
        if Z is None:
            K = np.tril(K) + np.tril(K, -1).T
        return finite(K.astype(dtype, copy=False))


def conv_nngp(
    X: object,
    Z: object | None = None,
    *,
    depth: int,
    kernel_size: int | Iterable[int] = 3,
    stride: int | Iterable[int] = 1,
    padding: str = "same",
    pool: int | Iterable[int] = 1,
    residual: int | Iterable[int] = 0,
    readout: str = "flatten",
    activation: ActivationLike = "relu",
    W_std: float | Iterable[float] = math.sqrt(2),
    b_std: float | Iterable[float] = 0.0,
) -> Array:
    r"""Covariance of the output of a convolutional network at random weights (NNGP).

    .. math:: K^l(i,i')=\frac{W_l^2}{S}\sum_oC^{l-1}(s_li+o,s_li'+o)+b_l^2

    and a mean over pixels at the end (:mod:`ntklib.convolution` has the network and the terms).

    Parameters (without ``trained``), result and exceptions are those of :func:`conv_ntk`.
    """
    net = architecture(depth, activation, W_std, b_std, "all")
    layout = _Layout(padding, readout, kernel_size, stride, pool, residual)
    return _kernel(X, Z, net, False, layout)


def conv_ntk(
    X: object,
    Z: object | None = None,
    *,
    depth: int,
    kernel_size: int | Iterable[int] = 3,
    stride: int | Iterable[int] = 1,
    padding: str = "same",
    pool: int | Iterable[int] = 1,
    residual: int | Iterable[int] = 0,
    readout: str = "flatten",
    activation: ActivationLike = "relu",
    W_std: float | Iterable[float] = math.sqrt(2),
    b_std: float | Iterable[float] = 0.0,
    trained: Trained = "all",
) -> Array:
    r"""Neural tangent kernel of a convolutional network, for small signals.

    .. math:: \Theta^l(i,i')=t_lK^l(i,i')+\frac{W_l^2}{S}\sum_oD^{l-1}(s_li+o,s_li'+o)

    (:mod:`ntklib.convolution` has the network and the terms; :cite:t:`arora2019exact`.)

    Parameters
    ----------
    X : array_like, shape (n, *grid, channels)
        Signals on a grid of one, two or three dimensions. Also a torch, JAX, CuPy or Dask array of
        float32 or float64 (:ref:`other-arrays`).
    Z : array_like, shape (n', *grid, channels), optional
        Other signals; ``X`` itself when left out, and then the result is exactly symmetric.
    depth : int
        Convolutional layers :math:`L`, at least 1; the dense readout is layer :math:`L+1`.
    kernel_size : int or sequence of int
        Size of the window, in all dimensions or in each.
    stride : int or sequence of L ints
        Every how many pixels of each dimension there is a window, for all layers or one a layer.
    padding : {"same", "valid", "circular"}
        Zeros around the grid, no window over its edge, or a grid that closes on itself. Windows
        stand over both edges alike, by at most one pixel more over the end.
    pool : int or sequence of L ints
        Side of the windows over which the activations of a layer are averaged, with the same
        stride, for all layers or one a layer; must divide the grid there. 1 for none.
    residual : int or sequence of L ints
        By how many layers the preactivations go back that are added to those of a layer, for all
        layers or one a layer; 0 for none. The two layers must have one shape. What many of them do
        is in :prf:ref:`prp-residual`.
    readout : {"flatten", "mean"}
        A dense layer on all pixels, or on their mean (global average pooling). With ``"mean"``,
        circular padding, strides of one and no ``pool`` the kernel does not change when a signal is
        shifted; it is the mean of that with ``"flatten"`` over all shifts
        (:prf:ref:`prp-pooled-invariant`).
    activation, W_std, b_std, trained
        As for :func:`ntklib.ntk`.

    Returns
    -------
    K : ndarray, shape (n, n')
        float32 if the signals are, else float64. Time and memory grow as the number of pixels, or
        as its square when there is any mean. Float32 signals are computed in float64, except for
        ``relu`` and the other activations of degree one with a mean at the end and none before:
        there in float32, with an error of some of its ulps a layer. Arrays of other libraries come
        back as their own kind, on their device. NumPy does the arithmetic, except under jit, vmap
        and derivatives of torch and JAX: there the library does it, in the dtype of the signals,
        and holds some arrays of a number for each pair of pixels and position in the window.

    Raises
    ------
    ValueError, TypeError, OverflowError
        As :func:`ntklib.ntk`; also for windows that do not fit, layers that cannot be joined, and
        unknown paddings or readouts.
    ImportError
        Arrays of another library without array-api-compat.

    Notes
    -----
    torch and JAX differentiate it in ``X``, ``Z`` and the scales, to any order where it is smooth,
    vectorize and compile it. Where two windows have equal or opposite directions, the derivative is
    the mean of those in opposite directions. Zero pixels are no corners, except of an activation
    with a corner, without bias in the first layer, where a whole window is zero. There the first
    layer has the mean of opposite directions. If later windows lie over nothing but such windows,
    no linear choice is that mean in all directions: without biases it is so along the other signal,
    for a zero signal, ``"flatten"``, no ``pool`` and no ``residual``; on one pixel the derivative
    is that of :func:`ntklib.ntk`. After a
    ``pool`` before a further layer, derivatives at angles of less than :math:`10^{-8}` are as
    little known as these angles.

    In neural-tangents, with ``C`` channels: ``kernel_fn(sqrt(C) * X, sqrt(C) * Z, "ntk")`` of
    ``Conv``, the activation and ``AvgPool`` for each layer, then ``Flatten`` or ``GlobalAvgPool``
    and ``Dense``; it divides inner products of inputs by ``C``. A residual connection is ``FanOut``
    before the activation and ``FanInSum`` after the convolution.

    The lecture's kernel on patches: with ``depth=1``, ``padding="valid"``, ``trained="inner"`` and
    ``W_std=(sqrt(S), 1)``, where ``S`` is the number of pixels in the window, the result is the
    mean of :func:`ntklib.relu_ntk` over patches in equal places (``"flatten"``), or over all pairs
    of patches (``"mean"``).
    """
    net = architecture(depth, activation, W_std, b_std, trained)
    layout = _Layout(padding, readout, kernel_size, stride, pool, residual)
    return _kernel(X, Z, net, True, layout)
