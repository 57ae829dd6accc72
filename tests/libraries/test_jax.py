"""Deep kernels on JAX: a few of the cases of `tests/unit/engine/test_portable.py`.

JAX compiles each operation for each shape, so that all of them would take minutes.
"""

import jax
import numpy as np
import pytest

import ntklib
from tests.unit.engine.test_portable import deep_error, deep_tolerance, moderate, points

jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize(
    ("activation", "depth", "given", "dtype"),
    [("relu", 3, points, np.float64), ("erf", 2, moderate, np.float32)],
)
def test_deep_kernels(activation, depth, given, dtype):
    options = {"activation": activation, "depth": depth, "b_std": 0.1, "W_std": 0.9}
    A, B = given(dtype), moderate(dtype)[[4, 11, 9, 8, 10]]
    for X, Z in ((A, None), (A, B)):
        own = [jax.numpy.asarray(X)] + ([] if Z is None else [jax.numpy.asarray(Z)])
        found = ntklib.ntk(*own, **options)
        assert isinstance(found, jax.Array)
        assert found.dtype == dtype
        error = deep_error(ntklib.ntk, found, X, Z, options)
        assert error <= deep_tolerance(dtype, depth, 2.4 if given is moderate else 1.0)
