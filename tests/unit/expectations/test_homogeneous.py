"""Powers on each side of zero."""

from __future__ import annotations

import math

import pytest

from ntklib import activations, expectations
from ntklib.expectations import Homogeneous


def test_leaky_relu_by_hand():
    """The answer of the reading: (1 + s^2)(pi - theta) / (2 pi) + s theta / pi."""
    s, theta = 0.3, 1.1
    _, slope = expectations.expectations(activations.leaky_relu(s), 1, 2, math.cos(theta))
    right = (1 + s * s) * (math.pi - theta) / (2 * math.pi) + s * theta / math.pi
    assert abs(slope - right) < 1e-15


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: Homogeneous(0, 1, 0), ValueError, "degree must be at least 1"),
        (lambda: Homogeneous(11, 1, 0), ValueError, "degree must be at most 10, got 11"),
        (lambda: Homogeneous(1, 0, 0), ValueError, "must not both be zero"),
    ],
)
def test_bad_input(call, error, match):
    with pytest.raises(error, match=match):
        call()
