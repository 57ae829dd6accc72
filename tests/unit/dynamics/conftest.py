"""Points on a sphere with their kernels, for tests of training."""

import numpy as np
import pytest

from ntklib import relu_ntk
from tests.unit.samples import points

N = 40


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def K():
    return relu_ntk(points(N, 4))


@pytest.fixture
def K_test():
    return relu_ntk(points(7, 4, seed=1), points(N, 4))


@pytest.fixture
def y(rng):
    return rng.standard_normal(N)
