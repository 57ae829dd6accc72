r"""Activations: :math:`\sigma`, its derivative, and the constants that the statements use.

Implements the choice of derivative in :prf:ref:`dfn-network`: at a kink the derivative is fixed
by convention, :math:`\sigma'(0)=1` for the ReLU.

An activation can be given by name wherever this package asks for one. The names are ``relu``,
``leaky_relu`` (of slope 0.01), ``absolute``, ``identity``, ``square``, ``tanh``, ``erf``, ``exp``,
``sin``, ``cos``, ``gelu`` (:math:`\frac z2(1+\operatorname{erf}(z/\sqrt2))`), ``gaussian``
(:math:`e^{-z^2}`), ``rbf`` (:math:`\sin z+\cos z`), ``hardtanh`` (:math:`z` between -1 and 1),
``relu6`` (:math:`z` between 0 and 6), ``elu``, ``celu`` (of scale 1, where both are the same) and
``selu``. Each name but ``leaky_relu``, ``elu`` and ``celu`` is also that of the
:class:`Activation` itself in this module; :func:`leaky_relu`, :func:`elu`, :func:`celu`,
:func:`monomial` and :func:`rectified_monomial` make one for each slope, scale or degree,
:func:`piecewise_linear` one of straight pieces.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ntklib._validate import Array, positive, positive_int, real_array

Function = Callable[[Array], Array]


@dataclass(frozen=True)
class Activation:
    r"""An activation function with what the theory needs to know of it.

    Attributes
    ----------
    name : str
        What it is called.
    f : callable
        :math:`\sigma`, elementwise on floating arrays, keeping the dtype.
    df : callable
        :math:`\sigma'`, likewise; at a kink the value that is chosen (:prf:ref:`dfn-network`).
    lipschitz : float
        :math:`\sup|\sigma'|`, infinite if unbounded.
    smoothness : float
        :math:`\sup|\sigma''|`, infinite if there is a kink or no bound.
    degree : int or None
        Degree :math:`k` of positive homogeneity, :math:`\sigma(cz)=c^k\sigma(z)` for :math:`c>0`;
        None if there is none.
    """

    name: str
    f: Function
    df: Function
    lipschitz: float
    smoothness: float
    degree: int | None = None


# -- functions: named, not lambdas, so that they can be sent to another process --------------------


def _relu(z: Array) -> Array:
    return np.maximum(z, 0)


def _step(z: Array) -> Array:
    return (z >= 0).astype(z.dtype)


def _tanh_derivative(z: Array) -> Array:
    return np.asarray(1 - np.tanh(z) ** 2)


def _erf(z: Array) -> Array:
    from scipy.special import erf as scipy_erf  # costs more to import than the rest of the package

    result: Array = scipy_erf(z)
    return result


def _erf_derivative(z: Array) -> Array:
    return np.asarray((2 / math.sqrt(math.pi)) * np.exp(-z * z))


def _gelu(z: Array) -> Array:
    return z.dtype.type(0.5) * z * (1 + _erf(z * z.dtype.type(math.sqrt(0.5))))


def _gelu_derivative(z: Array) -> Array:
    gate = z.dtype.type(0.5) * (1 + _erf(z * z.dtype.type(math.sqrt(0.5))))
    return gate + z * np.exp(-z * z / 2) / z.dtype.type(math.sqrt(2 * math.pi))


def _identity(z: Array) -> Array:
    return z


def _square(z: Array) -> Array:
    return z * z


def _square_derivative(z: Array) -> Array:
    return 2 * z


def _gaussian(z: Array) -> Array:
    return np.asarray(np.exp(-z * z))


def _gaussian_derivative(z: Array) -> Array:
    return np.asarray(-2 * z * np.exp(-z * z))


def _cos_derivative(z: Array) -> Array:
    return np.asarray(-np.sin(z))


def _rbf(z: Array) -> Array:
    return np.asarray(np.sin(z) + np.cos(z))


def _rbf_derivative(z: Array) -> Array:
    return np.asarray(np.cos(z) - np.sin(z))


@dataclass(frozen=True)
class _Slope:
    """z, or 1, for z at least 0; times a slope elsewhere."""

    slope: float
    order: int = 0

    def __call__(self, z: Array) -> Array:
        x = np.ones_like(z) if self.order else z
        return np.where(z >= 0, x, z.dtype.type(self.slope) * x)


@dataclass(frozen=True)
class _Power:
    """z^p, or its derivative; of the positive part of z where rectified."""

    degree: int
    rectified: bool
    order: int = 0

    def __call__(self, z: Array) -> Array:
        p, x = self.degree, np.maximum(z, 0) if self.rectified else z
        if not self.order:
            return np.asarray(x**p)
        return np.asarray(p * x ** (p - 1) * (_step(z) if self.rectified else 1))


@dataclass(frozen=True)
class StraightPieces:
    """The function of :func:`piecewise_linear`, or its derivative; at a kink that from above."""

    kinks: tuple[float, ...]
    values: tuple[float, ...]
    left: float
    right: float
    order: int = 0

    def __call__(self, z: Array) -> Array:
        t, y = np.array(self.kinks), np.array(self.values)
        if self.order:
            slopes = np.concatenate([[self.left], np.diff(y) / np.diff(t), [self.right]])
            return np.asarray(slopes[np.searchsorted(t, z, side="right")].astype(z.dtype))
        beyond = self.left * np.minimum(z - t[0], 0) + self.right * np.maximum(z - t[-1], 0)
        return np.asarray((np.interp(z, t, y) + beyond).astype(z.dtype))


@dataclass(frozen=True)
class ExponentialBelow:
    """Slope times z for z at least 0, and below scale times exp(z / width) - 1; its derivative."""

    slope: float
    scale: float
    width: float
    order: int = 0

    def __call__(self, z: Array) -> Array:
        below = np.minimum(z, 0) / z.dtype.type(self.width)
        if self.order:
            fall = z.dtype.type(self.scale / self.width) * np.exp(below)
            return np.where(z >= 0, z.dtype.type(self.slope), fall)
        fall = z.dtype.type(self.scale) * np.expm1(below)
        return np.where(z >= 0, z.dtype.type(self.slope) * z, fall)


# -- activations ----------------------------------------------------------------------------------


def leaky_relu(slope: float = 0.01) -> Activation:
    r"""The leaky ReLU: :math:`z` for :math:`z\ge0`, else :math:`z` times ``slope``.

    Its derivative at 0 is 1.
    """
    s = float(real_array("slope", slope, ndim=0))
    return Activation(
        "leaky_relu",
        _Slope(s),
        _Slope(s, 1),
        lipschitz=max(1.0, abs(s)),
        smoothness=0.0 if s == 1 else math.inf,
        degree=1,
    )


def elu(alpha: float = 1.0) -> Activation:
    r"""The exponential linear unit: :math:`z` for :math:`z\ge0`, else :math:`\alpha(e^z-1)`.

    ``alpha`` must be positive. The derivative at 0 is 1.
    """
    a = positive("alpha", alpha)
    return _exponential_below("elu", 1.0, a, 1.0)


def celu(alpha: float = 1.0) -> Activation:
    r""":math:`z` for :math:`z\ge0`, else :math:`\alpha(e^{z/\alpha}-1)`, without a kink at 0.

    ``alpha`` must be positive.
    """
    a = positive("alpha", alpha)
    return _exponential_below("celu", 1.0, a, a)


def _exponential_below(name: str, slope: float, scale: float, width: float) -> Activation:
    steepest = scale / width
    return Activation(
        name,
        ExponentialBelow(slope, scale, width),
        ExponentialBelow(slope, scale, width, 1),
        lipschitz=max(slope, steepest),
        smoothness=steepest / width if slope == steepest else math.inf,
    )


def _self_normalizing() -> Activation:
    """An ELU times a number: a standard Gaussian keeps mean zero and mean square one.

    With E exp(k xi) over xi < 0, which is exp(k^2 / 2) erfc(k / sqrt 2) / 2.
    """
    once, twice = (math.exp(k * k / 2) * math.erfc(k / math.sqrt(2)) for k in (1, 2))
    alpha = math.sqrt(2 / math.pi) / (1 - once)
    size = 1 / math.sqrt(0.5 + alpha**2 * (twice / 2 - once + 0.5))
    return _exponential_below("selu", size, size * alpha, 1.0)


def monomial(degree: int) -> Activation:
    r"""The power :math:`z^p`, where :math:`p` is ``degree``, at least 1."""
    p = positive_int("degree", degree)
    return Activation(
        f"monomial({p})",
        _Power(p, False),
        _Power(p, False, 1),
        lipschitz=1.0 if p == 1 else math.inf,
        smoothness=(0.0, 2.0)[p - 1] if p <= 2 else math.inf,
        degree=p,
    )


def rectified_monomial(degree: int) -> Activation:
    r"""The power :math:`\max(z,0)^p`, where :math:`p` is ``degree``, at least 1.

    Degree 1 is the ReLU.
    """
    p = positive_int("degree", degree)
    return Activation(
        f"rectified_monomial({p})",
        _Power(p, True),
        _Power(p, True, 1),
        lipschitz=1.0 if p == 1 else math.inf,
        smoothness=2.0 if p == 2 else math.inf,
        degree=p,
    )


def piecewise_linear(
    kinks: object, values: object, left: float = 0.0, right: float = 0.0, *, name: str = ""
) -> Activation:
    r"""The continuous function with straight pieces between these kinks, and these values there.

    Its kernels are exact (:class:`ntklib.expectations.PiecewiseLinear`).

    Parameters
    ----------
    kinks, values : array_like, shape (J,)
        Increasing numbers, and the function there.
    left, right : float
        Slopes below the first and above the last kink.
    name : str
        What it is called; ``piecewise_linear`` when left out.

    Raises
    ------
    ValueError
        Kinks not increasing, other shapes, numbers that are not finite.
    """
    t, y = (real_array(n, v, ndim=1) for n, v in (("kinks", kinks), ("values", values)))
    if y.shape != t.shape:
        raise ValueError(f"values must have the shape {t.shape} of kinks, got {y.shape}")
    if (np.diff(t) <= 0).any():
        raise ValueError(f"kinks must increase, got {t.tolist()}")
    ends = [float(real_array(n, v, ndim=0)) for n, v in (("left", left), ("right", right))]
    f = StraightPieces(tuple(map(float, t)), tuple(map(float, y)), ends[0], ends[1])
    slopes = [*ends, *(np.diff(y) / np.diff(t)).tolist()]
    straight = len(set(slopes)) == 1
    return Activation(
        name or "piecewise_linear",
        f,
        replace(f, order=1),
        lipschitz=max(map(abs, slopes)),
        smoothness=0.0 if straight else math.inf,
    )


relu = Activation("relu", _relu, _step, 1.0, math.inf, degree=1)
tanh = Activation("tanh", np.tanh, _tanh_derivative, 1.0, 4 / (3 * math.sqrt(3)))
erf = Activation(
    "erf",
    _erf,
    _erf_derivative,
    2 / math.sqrt(math.pi),
    2 * math.sqrt(2 / (math.e * math.pi)),
)
gelu = Activation(
    "gelu",
    _gelu,
    _gelu_derivative,
    # The slope is largest at sqrt 2, the curvature at 0.
    0.5 * (1 + math.erf(1)) + math.exp(-1) / math.sqrt(math.pi),
    math.sqrt(2 / math.pi),
)
identity = Activation("identity", _identity, np.ones_like, 1.0, 0.0, degree=1)
square = Activation("square", _square, _square_derivative, math.inf, 2.0, degree=2)
absolute = Activation("absolute", np.abs, _Slope(-1.0, 1), 1.0, math.inf, degree=1)
exp = Activation("exp", np.exp, np.exp, math.inf, math.inf)
gaussian = Activation("gaussian", _gaussian, _gaussian_derivative, math.sqrt(2 / math.e), 2.0)
sin = Activation("sin", np.sin, np.cos, 1.0, 1.0)
cos = Activation("cos", np.cos, _cos_derivative, 1.0, 1.0)
rbf = Activation("rbf", _rbf, _rbf_derivative, math.sqrt(2), math.sqrt(2))
hardtanh = piecewise_linear([-1, 1], [-1, 1], name="hardtanh")
relu6 = piecewise_linear([0, 6], [0, 6], name="relu6")
selu = _self_normalizing()

_BY_NAME = {
    a.name: a
    for a in (
        *(relu, leaky_relu(), absolute, tanh, erf, gelu, identity, square),
        *(exp, gaussian, sin, cos, rbf, hardtanh, relu6, elu(), celu(), selu),
    )
}


def get(activation: str | Activation) -> Activation:
    """The activation of that name; an :class:`Activation` is returned as it is.

    Raises
    ------
    ValueError
        An unknown name.
    """
    if isinstance(activation, Activation):
        return activation
    if activation not in _BY_NAME:
        raise ValueError(f"activation must be one of {sorted(_BY_NAME)}, got {activation!r}")
    return _BY_NAME[activation]
