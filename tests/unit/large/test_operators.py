"""Products with a matrix that is never whole: the same numbers."""

import numpy as np
import pytest

from ntklib import relu_ntk
from ntklib.large import gram_operator
from tests.unit.samples import refused, rounding_of_product

N = 300


@pytest.mark.parametrize("block", [1000, 300, 128, 7])
@pytest.mark.parametrize("dtype", [None, np.float64])
def test_products_are_those_of_the_matrix(X, rng, block, dtype):
    K, V = relu_ntk(X), rng.standard_normal((N, 3))
    operator = gram_operator(relu_ntk, X, block=block, dtype=dtype)
    # Blocks round their entries on their own: 4e-15 each, beside the rounding of the sums.
    bound = rounding_of_product(K, V) + 4e-15 * np.abs(V).sum(axis=0).max()
    assert np.abs(operator @ V - K @ V).max() <= bound
    assert np.abs(operator @ V[:, 0] - K @ V[:, 0]).max() <= bound
    assert operator.shape == (N, N)


def test_products_in_float32(X, rng):
    K, v = relu_ntk(X), rng.standard_normal(N)
    found = gram_operator(relu_ntk, X, block=100, dtype=np.float32) @ v
    assert found.dtype == np.float64
    # Entries, v and the sums of 100 terms in float32.
    eps32 = np.finfo(np.float32).eps
    assert np.abs(found - K @ v).max() <= 102 * eps32 * (np.abs(K) @ np.abs(v)).max()
    assert np.abs(found - K @ v).max() > 1e-12


def test_without_dtype_nothing_is_kept(X):
    calls = []

    def counted(A, B=None):
        calls.append(len(A))
        return relu_ntk(A, B)

    operator = gram_operator(counted, X, block=100)
    assert calls == []
    operator @ np.ones(N)
    assert len(calls) == 6  # blocks of the lower triangle of 3 x 3
    operator @ np.ones(N)
    assert len(calls) == 12


def test_a_kernel_of_the_wrong_shape_is_refused(X):
    operator = gram_operator(lambda A, B=None: np.ones((2, 2)), X)
    with pytest.raises(ValueError, match=r"kernel must return shape \(300, 300\)"):
        operator @ np.ones(N)


def test_bad_arguments_are_named(X):
    refused("dtype must be None, float32 or float64", gram_operator, relu_ntk, X, dtype=np.int32)
    refused("block must be at least 1", gram_operator, relu_ntk, X, block=0)
