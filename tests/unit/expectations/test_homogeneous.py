"""Powers on each side of zero."""

import math

from ntklib import activations, expectations
from ntklib.expectations import Homogeneous
from tests.unit.samples import refused


def test_leaky_relu_by_hand():
    """The answer of the reading: (1 + s^2)(pi - theta) / (2 pi) + s theta / pi."""
    s, theta = 0.3, 1.1
    _, slope = expectations.expectations(activations.leaky_relu(s), 1, 2, math.cos(theta))
    right = (1 + s * s) * (math.pi - theta) / (2 * math.pi) + s * theta / math.pi
    assert abs(slope - right) < 1e-15


def test_bad_arguments_are_named():
    refused("degree must be at least 1", Homogeneous, 0, 1, 0)
    refused("degree must be at most 10, got 11", Homogeneous, 11, 1, 0)
    refused("must not both be zero", Homogeneous, 1, 0, 0)
