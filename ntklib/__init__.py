"""ntklib: neural tangent kernels, exactly.

Networks, their linearization at initial weights, least squares in the linearization, and the
kernel in the limit of infinite width.
"""

from ntklib import activations, concentration, least_squares
from ntklib.kernels import angles, gate_kernel, kappa, lift, relu_nngp, relu_ntk, with_bias
from ntklib.linearization import Fit, Linearization
from ntklib.network import ShallowNetwork

__version__ = "0.1.0"

__all__ = [
    "Fit",
    "Linearization",
    "ShallowNetwork",
    "activations",
    "angles",
    "concentration",
    "gate_kernel",
    "kappa",
    "least_squares",
    "lift",
    "relu_nngp",
    "relu_ntk",
    "with_bias",
]
