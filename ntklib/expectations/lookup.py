"""From the name of an activation, or a function, to its dual."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from ntklib import activations
from ntklib._validate import Array, real_array
from ntklib.activations import (
    Activation,
    ExponentialBelow,
    StraightPieces,
    cos,
    erf,
    exp,
    gaussian,
    get,
    rbf,
    sin,
)
from ntklib.expectations.base import Dual
from ntklib.expectations.bounded import Erf, Gaussian, Rbf
from ntklib.expectations.elu import Elu
from ntklib.expectations.homogeneous import Homogeneous
from ntklib.expectations.piecewise import PiecewiseLinear
from ntklib.expectations.quadrature import Quadrature
from ntklib.expectations.waves import Cosine, Exponential, Sine

_CLOSED: dict[str, tuple[Activation, Dual]] = {
    a.name: (a, d)
    for a, d in (
        (erf, Erf()),
        (gaussian, Gaussian()),
        (rbf, Rbf()),
        (exp, Exponential()),
        (cos, Cosine()),
        (sin, Sine()),
    )
}


def dual(activation: str | Activation | Dual | Callable[[Array], Array]) -> Dual:
    r"""The dual of an activation: a closed form where one is known, else by quadrature.

    Parameters
    ----------
    activation : str, Activation, callable or Dual
        One of the names that :mod:`ntklib.activations` lists, or an
        :class:`ntklib.activations.Activation`; a homogeneous one (with a ``degree``, up to 10) has
        a closed form by its values at :math:`\pm1`, and one of
        :func:`ntklib.activations.piecewise_linear` is a :class:`PiecewiseLinear`, an ELU, CELU or
        SELU an :class:`Elu`. Any other function on arrays is integrated by :class:`Quadrature`. A
        dual is returned as it is.

    Returns
    -------
    :class:`ntklib.expectations.Dual`

    Raises
    ------
    ValueError
        An unknown name, a degree above 10.
    TypeError
        Not a name, nor callable.
    """
    if isinstance(activation, Dual):
        return activation
    if isinstance(activation, str):
        activation = get(activation)
    if not isinstance(activation, Activation):
        if not callable(activation):
            raise TypeError(
                f"activation must be a name, an Activation or callable, got {activation!r}"
            )
        return Quadrature(activation)
    known, closed = _CLOSED.get(activation.name, (None, None))
    if closed is not None and activation == known:
        return closed
    if activation.degree:
        ends = activation.f(np.array([1.0, -1.0]))
        return Homogeneous(activation.degree, float(ends[0]), float(ends[1]))
    f = activation.f
    if isinstance(f, StraightPieces) and not f.order:
        return PiecewiseLinear(f.kinks, f.values, f.left, f.right)
    if isinstance(f, ExponentialBelow) and not f.order:
        return Elu(f.slope, f.scale, f.width)
    if activation in (activations.tanh, activations.gelu):
        return _by_quadrature(activation.name)
    return Quadrature(activation.f, name=activation.name)


@cache
def _by_quadrature(name: str) -> Quadrature:
    """One of this package's activations, whose mixture is then found once."""
    return Quadrature(get(name).f, name=name)


def expectations(
    activation: str | Activation | Dual | Callable[[Array], Array],
    a: object,
    b: object,
    rho: object,
) -> tuple[Array, Array]:
    r"""The two expectations of a Gaussian pair that a layer needs.

    They are :math:`\mathbb E[\sigma(u)\sigma(v)]` and :math:`\mathbb E[\sigma'(u)\sigma'(v)]` for
    centered Gaussian :math:`(u,v)`.

    Parameters
    ----------
    activation : str, Activation, callable or Dual
        As for :func:`dual`.
    a, b : array_like
        Standard deviations of :math:`u` and :math:`v`, positive, at most two dimensions.
    rho : array_like
        Their correlation, in :math:`[-1,1]`. All three broadcast.

    Returns
    -------
    value, derivative : ndarray
        The two expectations, of the shape to which the arguments broadcast.

    Raises
    ------
    ValueError
        A deviation that is not positive, a correlation outside, NaN; otherwise as :func:`dual`.
    OverflowError
        A value beyond the largest float64.

    Notes
    -----
    Statement: :prf:ref:`prp-correlation-map`.
    """
    left, right = (real_array(n, v, ndim=(0, 1, 2)) for n, v in (("a", a), ("b", b)))
    correlation = real_array("rho", rho, ndim=(0, 1, 2)).astype(np.float64)
    for name, std in (("a", left), ("b", right)):
        if (std <= 0).any():
            raise ValueError(f"{name} must be positive, got {std.min()}")
    if (np.abs(correlation) > 1).any():
        raise ValueError(f"rho must lie in [-1, 1], got {np.abs(correlation).max()} in size")
    left, right, correlation = np.broadcast_arrays(
        left.astype(np.float64), right.astype(np.float64), correlation
    )
    law = dual(activation)
    x, z = law.rows(left), law.rows(right)
    layer = law.pairs(x, z, 1 - correlation, 1 + correlation)
    with np.errstate(over="ignore", invalid="ignore"):  # reported just below
        size = x.size * z.size
        value = size * (layer.plus - layer.minus) / 2
        slope = size / (left * right) * layer.slope
    if not (np.isfinite(value).all() and np.isfinite(slope).all()):
        raise OverflowError("the expectations have values beyond 1.8e308")
    return value, slope
