"""ntklib: neural tangent kernels, exactly.

Networks, their linearization at initial weights, least squares in the linearization, and the
kernels in the limit of infinite width: of the lecture's network, and of deep ones.

What every reader needs is at the top: ``from ntklib import relu_ntk``. What belongs to a special
use is in a module of its own: ``from ntklib.large import ridge_solve``. After ``import ntklib`` the
modules are there too, ``ntklib.large.ridge_solve``; each is loaded when it is first used.
"""

from importlib import import_module
from types import ModuleType

from ntklib.convolution import conv_nngp, conv_ntk
from ntklib.deep import nngp, ntk
from ntklib.empirical import empirical_ntk
from ntklib.kernels import angles, gate_kernel, kappa, lift, relu_nngp, relu_ntk, with_bias
from ntklib.linearization import Fit, Linearization
from ntklib.network import ShallowNetwork

__version__ = "0.2.0"

__all__ = [
    "Fit",
    "Linearization",
    "ShallowNetwork",
    "angles",
    "conv_nngp",
    "conv_ntk",
    "empirical_ntk",
    "gate_kernel",
    "kappa",
    "lift",
    "nngp",
    "ntk",
    "relu_nngp",
    "relu_ntk",
    "with_bias",
]

_MODULES = {
    "activations",
    "complexity",
    "concentration",
    "dynamics",
    "empirical",
    "expectations",
    "gaussian_process",
    "groups",
    "harmonics",
    "large",
    "least_squares",
    "model",
    "regression",
    "systems",
}


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
