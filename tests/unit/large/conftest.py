"""Points on a sphere, and random numbers."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def X():
    X = np.random.default_rng(1).standard_normal((300, 8))
    return X / np.linalg.norm(X, axis=1, keepdims=True)
