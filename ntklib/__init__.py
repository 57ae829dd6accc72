"""ntklib: neural tangent kernels, exactly.

Networks, their linearization at initial weights, least squares in the linearization, and the
kernels in the limit of infinite width: of the lecture's network, and of deep ones.
"""

from ntklib import activations, concentration, expectations, least_squares
from ntklib.convolution import conv_nngp, conv_ntk
from ntklib.deep import nngp, ntk
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
    "conv_nngp",
    "conv_ntk",
    "expectations",
    "gate_kernel",
    "kappa",
    "least_squares",
    "lift",
    "nngp",
    "ntk",
    "relu_nngp",
    "relu_ntk",
    "with_bias",
]
