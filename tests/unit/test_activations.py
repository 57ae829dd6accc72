"""Activations: the constants that statements use are those of the functions."""

import math

import numpy as np
import pytest

from ntklib import activations
from tests.unit.samples import refused

NAMES = ["relu", "leaky_relu", "tanh", "erf", "identity", "square"]


@pytest.mark.parametrize("name", NAMES)
def test_constants(name):
    act = activations.get(name)
    z = np.linspace(-6, 6, 4001)
    slope, h = np.abs(act.df(z)).max(), z[1] - z[0]
    if math.isfinite(act.lipschitz):
        assert slope <= act.lipschitz * (1 + 1e-12)
        assert slope >= act.lipschitz * (1 - 1e-5)  # the grid misses the maximum by h^2
    if math.isfinite(act.smoothness):
        curvature = np.abs(np.diff(act.df(z)) / h).max()
        assert curvature <= act.smoothness + 1e-9
        assert curvature >= act.smoothness * (1 - 1e-4)
    if act.degree is not None:
        assert np.abs(act.f(3 * z) - 3**act.degree * act.f(z)).max() <= 1e-12 * 9 * 36


def test_leaky_relu_slope():
    act = activations.leaky_relu(0.3)
    assert np.array_equal(act.f(np.array([-2.0, 2.0])), [-0.6, 2.0])
    assert np.array_equal(act.df(np.array([-2.0, 0.0, 2.0])), [0.3, 1.0, 1.0])


def test_bad_arguments_are_named():
    refused("degree must be at least 1", activations.monomial, 0)
    refused("degree must be an integer", activations.rectified_monomial, 1.5, error=TypeError)
