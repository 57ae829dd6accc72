"""From names and functions to duals."""

import math

import numpy as np

from ntklib import activations, expectations
from ntklib.activations import Activation
from ntklib.expectations import (
    Elu,
    Erf,
    Exponential,
    Homogeneous,
    PiecewiseLinear,
    Quadrature,
    dual,
)
from tests.unit.samples import refused


def test_names_and_lookalikes():
    assert isinstance(dual("erf"), Erf)
    assert isinstance(dual("exp"), Exponential)
    assert dual(activations.relu).homogeneous
    assert not dual(activations.square).homogeneous
    # A stranger's activation is not taken for ours by its name.
    other = Activation("erf", np.tanh, lambda z: 1 - np.tanh(z) ** 2, 1.0, 1.0)
    assert isinstance(dual(other), Quadrature)
    assert isinstance(dual("hardtanh"), PiecewiseLinear)
    assert isinstance(dual(activations.piecewise_linear([0], [1])), PiecewiseLinear)
    assert isinstance(dual(activations.celu(2.0)), Elu)
    law = Homogeneous(1, 1, 0)
    assert dual(law) is law


def test_bad_arguments_are_named():
    refused("a must be positive", expectations.expectations, "relu", 0, 1, 0)
    refused("b must be positive", expectations.expectations, "relu", 1, -1, 0)
    refused("rho must lie in", expectations.expectations, "relu", 1, 1, 1.1)
    refused("rho must be finite", expectations.expectations, "relu", 1, 1, math.nan)
