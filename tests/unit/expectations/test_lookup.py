"""From names and functions to duals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ntklib import activations, expectations
from ntklib.activations import Activation
from ntklib.expectations import Erf, Exponential, Homogeneous, Quadrature, dual


def test_names_and_lookalikes():
    assert isinstance(dual("erf"), Erf)
    assert isinstance(dual("exp"), Exponential)
    assert dual(activations.relu).homogeneous
    assert not dual(activations.square).homogeneous
    # A stranger's activation is not taken for ours by its name.
    other = Activation("erf", np.tanh, lambda z: 1 - np.tanh(z) ** 2, 1.0, 1.0)
    assert isinstance(dual(other), Quadrature)
    law = Homogeneous(1, 1, 0)
    assert dual(law) is law


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: expectations.expectations("relu", 0, 1, 0), ValueError, "a must be positive"),
        (lambda: expectations.expectations("relu", 1, -1, 0), ValueError, "b must be positive"),
        (lambda: expectations.expectations("relu", 1, 1, 1.1), ValueError, r"rho must lie in"),
        (lambda: expectations.expectations("relu", 1, 1, math.nan), ValueError, "rho must be fin"),
    ],
)
def test_bad_input(call, error, match):
    with pytest.raises(error, match=match):
        call()
