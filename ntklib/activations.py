r"""Activations: sigma, its derivative, and the constants that the statements use.

Implements the choice of derivative in :prf:ref:`dfn-network`: at a kink the derivative is fixed
by convention, :math:`\sigma'(0)=1` for the ReLU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ntklib._validate import Array, real_array

Function = Callable[[Array], Array]


@dataclass(frozen=True)
class Activation:
    r"""An activation function with what the theory needs to know of it.

    Attributes
    ----------
    name : str
        How it is called.
    f, df : callable
        :math:`\sigma` and :math:`\sigma'`, elementwise on floating arrays, keeping the dtype.
    lipschitz : float
        :math:`\sup|\sigma'|`, infinite if unbounded.
    smoothness : float
        :math:`\sup|\sigma''|`, infinite if there is a kink or no bound.
    degree : int or None
        Degree of positive homogeneity, :math:`\sigma(cz)=c^k\sigma(z)` for :math:`c>0`.
    """

    name: str
    f: Function
    df: Function
    lipschitz: float
    smoothness: float
    degree: int | None = None


def _step(z: Array) -> Array:
    return (z >= 0).astype(z.dtype)


def _erf(z: Array) -> Array:
    from scipy.special import erf as scipy_erf  # costs more to import than the rest of the package

    result: Array = scipy_erf(z)
    return result


def leaky_relu(slope: float = 0.01) -> Activation:
    """The leaky ReLU: z for z >= 0, slope * z otherwise. Its derivative at 0 is 1."""
    s = float(real_array("slope", slope, ndim=0))
    return Activation(
        "leaky_relu",
        lambda z: np.where(z >= 0, z, z.dtype.type(s) * z),
        lambda z: np.where(z >= 0, z.dtype.type(1), z.dtype.type(s)),
        lipschitz=max(1.0, abs(s)),
        smoothness=0.0 if s == 1 else math.inf,
        degree=1,
    )


relu = Activation("relu", lambda z: np.maximum(z, 0), _step, 1.0, math.inf, degree=1)
tanh = Activation("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2, 1.0, 4 / (3 * math.sqrt(3)))
erf = Activation(
    "erf",
    _erf,
    lambda z: (2 / math.sqrt(math.pi)) * np.exp(-z * z),
    2 / math.sqrt(math.pi),
    2 * math.sqrt(2 / (math.e * math.pi)),
)
identity = Activation("identity", lambda z: z, np.ones_like, 1.0, 0.0, degree=1)
square = Activation("square", lambda z: z * z, lambda z: 2 * z, math.inf, 2.0, degree=2)

_BY_NAME = {a.name: a for a in (relu, leaky_relu(), tanh, erf, identity, square)}


def get(activation: str | Activation) -> Activation:
    """The activation of that name; an `Activation` is returned as it is."""
    if isinstance(activation, Activation):
        return activation
    if activation not in _BY_NAME:
        raise ValueError(f"activation must be one of {sorted(_BY_NAME)}, got {activation!r}")
    return _BY_NAME[activation]
