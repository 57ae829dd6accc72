r"""Fully connected networks of any depth, in the limit of infinite width.

The network has :math:`L` hidden layers (``depth``) and is written in the NTK parameterization:
every weight and bias is :math:`\mathcal N(0,1)` at the start and the scales stand in front,

.. math::
    h^1 &= W_1\,\omega^1 x + b_1\beta^1,\\
    h^{l+1} &= \frac{W_{l+1}}{\sqrt{m_l}}\,\omega^{l+1}\sigma(h^l) + b_{l+1}\beta^{l+1},\\
    F(x) &= h^{L+1},

with the scales :math:`W_l` (``W_std``) and :math:`b_l` (``b_std``) of layer :math:`l=1,\dots,L+1`
and widths :math:`m_l\to\infty`. The covariance and the tangent kernel follow from layer to layer
(:prf:ref:`prp-deep`) :cite:p:`jacot2018ntk,lee2019wide,arora2019exact`:

.. math::
    K^1 &= W_1^2\langle x,x'\rangle+b_1^2,\\
    K^{l+1} &= W_{l+1}^2\,\mathbb E[\sigma(u)\sigma(v)]+b_{l+1}^2,\\
    \Theta^{l+1} &= t_{l+1}K^{l+1}+W_{l+1}^2\,\Theta^l\,\mathbb E[\sigma'(u)\sigma'(v)],

where :math:`(u,v)` is centered Gaussian with the covariance :math:`K^l` of the two points,
:math:`\Theta^1=t_1K^1`, and :math:`t_l` is 1 when layer :math:`l` is trained and 0 when it is not.

To compute this, let :math:`a` and :math:`a'` be the standard deviations of :math:`u` and
:math:`v`, and divide by them: :math:`\rho=K^l/(aa')` and :math:`T=\Theta^l/(aa')`. Let
:math:`e^2=\mathbb E[\sigma(u)^2]` and :math:`e'^2=\mathbb E[\sigma(v)^2]`. The activation takes
:math:`\rho` to the correlation :math:`r(\rho)=\mathbb E[\sigma(u)\sigma(v)]/(ee')`, and :math:`T`
to :math:`r'(\rho)\,T` with the derivative of :math:`r` (:mod:`ntklib.expectations`). Then come the
weights and biases of layer :math:`l+1`. They put the unit vector of the activations, times
:math:`p`, beside one coordinate :math:`s` for the bias,

.. math::
    p &= W_{l+1}e\,/\sqrt{W_{l+1}^2e^2+b_{l+1}^2},\\
    s &= b_{l+1}/\sqrt{W_{l+1}^2e^2+b_{l+1}^2},

and likewise :math:`p',s'` with :math:`e'` at the other point. So layer :math:`l+1` has

.. math::
    \rho_{l+1} &= pp'\,r(\rho)+ss',\\
    T_{l+1} &= t_{l+1}\,\rho_{l+1}+pp'\,r'(\rho)\,T .

Instead of :math:`\rho` the two numbers :math:`1-\rho` and :math:`1+\rho` go from layer to layer, by
sums of nonnegative terms. Angles then keep an absolute error of some ulps through any depth, where
the arccos of a rounded cosine has lost half of the digits at the first layer.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ntklib._engine import sizes
from ntklib._engine.angular import Fused
from ntklib._engine.blocks import Scratch, matrix_of
from ntklib._engine.layers import ReluLayers
from ntklib._engine.points import Index, Points, sides
from ntklib._engine.portable import Lengths, is_foreign, namespace
from ntklib._engine.sizes import slices
from ntklib._precision import representable
from ntklib._validate import Array
from ntklib.architecture import ActivationLike, Architecture, Trained, architecture
from ntklib.expectations import Homogeneous, Rows
from ntklib.expectations.base import hypot

# Share of the weights from which on a layer shrinks 1 - rho by no more than a factor of four.
_SHARE = 0.5
_Points = Points | Lengths


class Mixed(NamedTuple):
    """One layer at the points: the share of weights and of the bias, and what follows."""

    share: Array
    bias: Array
    rows: Rows


def _mix_rows(size: Array, weight: Any, bias: Any) -> tuple[Array, Array, Array]:
    """Standard deviation after a layer, and the shares of weights and bias in it."""
    if bias == 0:
        std = representable("standard deviations of a layer are", size * weight)
        return std, np.ones_like(size), np.zeros_like(size)
    std = representable("standard deviations of a layer are", hypot(weight * size, bias))
    return std, weight * size / std, bias / std


def _mix_pairs(left: Mixed, right: Mixed, minus: Array, plus: Array) -> tuple[Array, Array]:
    """1 - rho and 1 + rho after weights and biases have joined, for arrays of any library."""
    shares = left.share * right.share
    biases = left.bias * right.bias
    # 1 - cos of the angle between (share, bias) and (share', bias'), from its sine.
    turn = left.share * right.bias - right.share * left.bias
    lost = turn * turn / (1 + shares + biases)
    return shares * minus + lost, shares * plus + 2 * biases + lost


@np.errstate(over="ignore", invalid="ignore")  # reported by _mix_rows and activate
def forward(net: Architecture, norm: Array) -> tuple[list[Mixed], Array]:
    """Every layer at points of these norms, and the standard deviations of the output."""
    layers: list[Mixed] = []
    size = norm
    for weight, bias in zip(net.weights[:-1], net.biases[:-1], strict=True):
        std, share, shift = _mix_rows(size, weight, bias)
        rows = net.activate(len(layers) + 1, std)
        size = rows.size
        layers.append(Mixed(share, shift, rows))
    std, share, shift = _mix_rows(size, net.weights[-1], net.biases[-1])
    layers.append(Mixed(share, shift, Rows(std, std)))
    return layers, std


def correlate(
    net: Architecture, left: list[Mixed], right: list[Mixed], minus: Array, plus: Array
) -> tuple[Array, Array]:
    r"""Correlation :math:`\rho` and tangent kernel :math:`T` of the output at pairs of points.

    ``minus`` and ``plus`` are :math:`1-\cos\theta` and :math:`1+\cos\theta` of the angles between
    the inputs. For arrays of any library, all of one kind and dtype.
    """
    tangent: Array | float = 0.0
    for i, (x, z) in enumerate(zip(left, right, strict=True)):
        if net.mixes(i):
            minus, plus = _mix_pairs(x, z, minus, plus)
            tangent = x.share * z.share * tangent
        if net.trained[i]:
            tangent = tangent + (plus - minus) / 2
        if i < len(left) - 1:
            minus, plus, slope = net.law.pairs(x.rows, z.rows, minus, plus)
            tangent = slope * tangent
    return (plus - minus) / 2, tangent + namespace(minus).zeros_like(minus)


def at(layers: list[Mixed], index: Any) -> list[Mixed]:
    return [Mixed(x.share[index], x.bias[index], x.rows.at(index)) for x in layers]


class Deep:
    """The kernel of a network between two sets of points, as the engine's tiles take it."""

    def __init__(
        self, net: Architecture, left: _Points, right: _Points | None, tangent: bool
    ) -> None:
        self.net, self.tangent = net, tangent
        self.layers, self.left = self._side(left)
        if right is None:
            self.layers_right, self.right = self.layers, self.left
        else:
            self.layers_right, self.right = self._side(right)
        same = np.zeros_like(left.norm)
        profile = self.profile(self.layers, self.layers, same, same + 2)
        std, exponent = self.left
        self.diagonal: tuple[Array, Index] = (profile * std * std, 2 * exponent)
        self.fast = self.relu_layers()

    def _side(self, side: _Points) -> tuple[list[Mixed], tuple[Array, Index]]:
        """The layers at the points, and their output's standard deviation with its exponent."""
        if self.net.homogeneous:
            layers, std = forward(self.net, side.norm)
            return layers, (std.real, side.exponent)
        with np.errstate(over="ignore"):
            norm = np.ldexp(side.norm.real, side.exponent)
        if np.iscomplexobj(side.norm):  # for a derivative
            norm = norm + 1j * np.ldexp(side.norm.imag, side.exponent)
        if np.isinf(norm).any():
            raise OverflowError("norms of X and Z must be below 1.8e308")
        layers, std = forward(self.net, norm)
        return layers, np.frexp(std.real)

    def profile(self, left: list[Mixed], right: list[Mixed], minus: Array, plus: Array) -> Array:
        # What overflows here does so in the result, which is checked.
        with np.errstate(over="ignore", invalid="ignore"):
            return correlate(self.net, left, right, minus, plus)[1 if self.tangent else 0]

    def relu_layers(self) -> ReluLayers | None:
        """The same network as ReLU layers, if it is one of these."""
        law = self.net.law
        if type(law) is not Homogeneous or law.degree != 1:
            return None
        mixed = np.array([b != 0 for b in self.net.biases])
        sides = [
            (np.stack([x.share for x in side]), np.stack([x.bias for x in side]))
            for side in (self.layers, self.layers_right)
        ]
        mild = all((share[mixed] >= _SHARE).all() for share, _ in sides)
        left, right = sides
        return ReluLayers(self.net.trained, mixed, law.leak, self.tangent, left, right, mild)

    def fused(self, left: Array, right: Array) -> Fused | None:
        return None if self.fast is None else self.fast.fused(left, right)

    def bulk(self, cos: Array, rows: slice, columns: slice, scratch: Scratch) -> None:
        if self.fast is not None and self.fast.accurate(cos.dtype):
            self.fast.bulk(cos, rows, columns, scratch)
            return
        right = at(self.layers_right, (None, columns))
        for index in slices(rows.start, rows.stop, sizes.CACHED // cos.shape[1]):
            block = cos[index.start - rows.start : index.stop - rows.start]
            exact = block.astype(np.float64)
            left = at(self.layers, (index, None))
            block[...] = self.profile(left, right, 1 - exact, 1 + exact)

    def near(self, minus: Array, plus: Array, rows: Index, columns: Index) -> Array:
        left, right = at(self.layers, rows), at(self.layers_right, columns)
        return self.profile(left, right, minus, plus)


def kernel_matrix(net: Architecture, X: object, Z: object | None, tangent: bool) -> Array:
    """The kernel of a checked architecture, covariance or tangent."""
    if any(map(is_foreign, (X, Z, *net.weights, *net.biases))):
        arrays = importlib.import_module("ntklib._deep_arrays")  # which stands on this module
        result: Array = arrays.matrix(net, X, Z, tangent)
        return result
    left, right, dtype = sides(X, Z)
    return matrix_of(Deep(net, left, right, tangent), left, right, dtype)


def kernel_diagonal(net: Architecture, X: object, tangent: bool) -> Array:
    """Its values at equal points, shape ``(n,)``."""
    left, _, dtype = sides(X, None)
    mantissa, exponent = Deep(net, left, None, tangent).diagonal
    with np.errstate(over="ignore"):
        values: Array = np.ldexp(mantissa, exponent).astype(dtype)
    return values


def nngp(
    X: object,
    Z: object | None = None,
    *,
    depth: int,
    activation: ActivationLike = "relu",
    W_std: float | Iterable[float] = math.sqrt(2),
    b_std: float | Iterable[float] = 0.0,
) -> Array:
    r"""Covariance of the output of a wide network of any depth at random weights (NNGP).

    .. math:: K^{L+1} = W_{L+1}^2\,\mathbb E[\sigma(u)\sigma(v)]+b_{L+1}^2,
        \qquad (u,v)\sim\mathcal N(0,K^L)

    The covariance of the Gaussian process to which the network at initialization converges as its
    widths grow (:mod:`ntklib.deep`; :cite:t:`lee2019wide`). It is also the tangent kernel when only
    the readout is trained (:prf:ref:`prp-layers`).

    Parameters (without ``trained``), result, accuracy and exceptions are those of :func:`ntk`.

    Notes
    -----
    Statement: :prf:ref:`prp-deep`. With ``depth=1, W_std=(1, eps)`` it is :func:`relu_nngp` with
    scale ``eps``. In neural-tangents this is ``kernel_fn(sqrt(d) * X, sqrt(d) * Z, "nngp")``: it
    divides inner products of inputs by ``d``, their dimension.
    """
    net = architecture(depth, activation, W_std, b_std, "all")
    return kernel_matrix(net, X, Z, tangent=False)


def ntk(
    X: object,
    Z: object | None = None,
    *,
    depth: int,
    activation: ActivationLike = "relu",
    W_std: float | Iterable[float] = math.sqrt(2),
    b_std: float | Iterable[float] = 0.0,
    trained: Trained = "all",
) -> Array:
    r"""Neural tangent kernel of a fully connected network of any depth.

    .. math:: \Theta^{l+1} = t_{l+1}K^{l+1}+W_{l+1}^2\,\Theta^l\,\mathbb E[\sigma'(u)\sigma'(v)],
        \qquad (u,v)\sim\mathcal N(0,K^l)

    in the NTK parameterization (:mod:`ntklib.deep` has the network and the recursion;
    :cite:t:`jacot2018ntk,arora2019exact`).

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points, one a row. Also a torch, JAX, CuPy or Dask array of float32 or float64
        (:ref:`other-arrays`).
    Z : array_like, shape (n', d), optional
        Other points; ``X`` itself when left out, and then the result is exactly symmetric.
    depth : int
        Hidden layers :math:`L`, at least 1; there are :math:`L+1` layers of weights.
    activation : str, Activation, callable or Dual
        One of the names that :mod:`ntklib.activations` lists, an
        :class:`ntklib.activations.Activation`, a function on arrays, or an
        :class:`ntklib.expectations.Dual`. Closed forms for ``relu``, ``leaky_relu``, ``absolute``,
        ``identity``, ``square``, monomials and rectified monomials up to degree 10 (higher degrees
        are refused), ``hardtanh``, ``relu6`` and all of
        :func:`ntklib.activations.piecewise_linear`, ``elu``, ``celu``, ``selu``, ``erf``,
        ``gaussian``, ``rbf``, ``exp``, ``cos`` and ``sin``; any other function by
        :class:`ntklib.expectations.Quadrature`.
    W_std, b_std : float or sequence of L + 1 floats
        Scales of weights (positive) and biases (at least 0), for all layers or one a layer, the
        readout last; beside torch or JAX arrays also numbers of that library. A ``W_std`` of
        :math:`\sqrt2`, without biases, keeps the size of ReLU activations from layer to layer.
    trained : {"all", "inner", "readout"} or iterable of int
        Layers whose weights and biases are trained: all of them, all but the readout, the
        readout alone, or these, counted from 1 to :math:`L+1`.

    Returns
    -------
    K : ndarray, shape (n, n')
        float32 if the points are, else float64. For ``relu`` and the other activations of degree
        one the error is at most :math:`10^{-13}\sqrt{k(x,x)\,k(x',x')}`, at all angles and norms
        and for depths up to 100, and :math:`10^{-15}L` beyond, beside what the inner products of
        points with many equal coordinates lose (:func:`ntklib.relu_ntk` has the bound). Where the
        result is float32, some ulps of float32 stand in place of the :math:`10^{-13}`.

        The other closed forms reach the same accuracy, except in networks that tell apart points
        which are equal up to rounding: ``erf`` or ``sin`` of very large inputs, powers of powers,
        many layers in the chaotic phase. Such a network magnifies the rounding of the inputs' unit
        vectors like any other change of the inputs. Quadrature may add :math:`10^{-10}` a layer,
        and is refused where it would add more; steep smooth functions such as tanh of large
        ``W_std`` are then sums of Gaussians (:class:`ntklib.expectations.Mixture`), which may take
        seconds for some hundred points.

        Arrays of other libraries come back as their own kind, on their device; there float32 is
        also the precision of the arithmetic for pairs of points, and the error grows with the
        depth, by some ulps a layer; under jit, vmap and derivatives, of all arithmetic.

    Raises
    ------
    ValueError
        Wrong shapes, empty or non-finite points, scales or layers out of range, unknown names,
        powers of degree above 10.
    TypeError
        Points that are not real numbers, a depth or layer that is not an integer; arrays of two
        libraries, or of another library and not of float32 or float64; an activation that has no
        closed form, and is no :class:`ntklib.expectations.Mixture`, where torch or JAX takes
        derivatives, vectorizes or compiles.
    OverflowError
        Values too large for the result's dtype; in float32 arrays of other libraries, and with
        biases or an activation of another degree than one, standard deviations above
        :math:`10^{18}`.
    ImportError
        Arrays of another library without array-api-compat.
    QuadratureError
        An activation without closed form whose kernel is not known to :math:`10^{-10}`: with kinks,
        steep away from zero, or growing fast at large standard deviations; a ValueError.

    Notes
    -----
    torch and JAX differentiate it in ``X``, ``Z`` and the scales, to any order where it is smooth,
    vectorize and compile it. Where it has a corner, at equal and opposite directions, the
    derivative is the mean of those in opposite directions; so it is at a zero point, without
    biases, along the other point and across it.

    Statements: :prf:ref:`prp-deep`, :prf:ref:`prp-layers`, :prf:ref:`prp-depth-composition`. For
    great depth see :prf:ref:`thm-depth-limit` and :prf:ref:`prp-depth-gram`, for the spectrum of
    the ReLU's kernel :prf:ref:`prp-depth-spectrum`. The kernel of the lecture, inner weights
    trained, outer weights fixed (:prf:ref:`prp-relu-ntk`), which is :func:`relu_ntk`, is
    ``ntk(X, depth=1, W_std=(1, eps), trained="inner")``.

    In neural-tangents this is ``kernel_fn(sqrt(d) * X, sqrt(d) * Z, "ntk")``, which divides inner
    products of inputs by ``d`` and trains all layers; there the kernel of the lecture is ``"ntk"``
    less ``"nngp"`` of one hidden layer.
    """
    net = architecture(depth, activation, W_std, b_std, trained)
    return kernel_matrix(net, X, Z, tangent=True)
