"""Rademacher complexity against all signs, and the bound by the norm against its parts."""

import math
from itertools import product

import numpy as np
import pytest

from ntklib import relu_ntk
from ntklib.complexity import (
    InterpolationError,
    NormBound,
    RankError,
    norm_bound,
    rademacher,
    rademacher_estimate,
)
from tests.unit.samples import refused


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def sphere(n, d, rng):
    X = rng.standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def suprema(K, radius):
    """Of the ball's means over points with signs, for all signs: by duality a norm."""
    root = np.linalg.cholesky(K + 1e-15 * np.eye(len(K)))
    signs = np.array(list(product([-1, 1], repeat=len(K))))
    return radius * np.linalg.norm(signs @ root, axis=1) / len(K)


def test_rademacher_bounds_the_mean_over_all_signs(rng):
    """From above, and at most the root of two too high (Khintchine and Kahane, sharp constant)."""
    for K in (
        relu_ntk(rng.standard_normal((10, 3))),
        np.ones((10, 10)),
        np.diag([1.0, *[1e-9] * 9]),
    ):
        right, bound = suprema(K, 2.5).mean(), rademacher(K, 2.5)
        assert right <= bound * (1 + 1e-12) <= math.sqrt(2) * right * (1 + 1e-5)
    # Orthogonal features of one length: the norm is the same for all signs.
    assert rademacher(4 * np.eye(9), 3.0) == pytest.approx(
        suprema(4 * np.eye(9), 3.0)[0], rel=1e-13
    )
    assert rademacher(4 * np.eye(9), 3.0) == pytest.approx(2, rel=1e-13)
    assert type(rademacher(np.eye(3, dtype=int))) is float


def test_the_estimate(rng):
    K = relu_ntk(rng.standard_normal((10, 3)))
    all_signs = suprema(K, 2.5)
    value, error = rademacher_estimate(K, 2.5, draws=4000, rng=rng)
    assert abs(value - all_signs.mean()) <= 5 * all_signs.std() / math.sqrt(4000)
    # The deviation of bounded draws is known to a few hundredths.
    assert error == pytest.approx(all_signs.std() / math.sqrt(4000), rel=0.1)
    few = [rademacher_estimate(K, draws=2, rng=np.random.default_rng(7)) for _ in range(2)]
    assert few[0] == few[1]


def test_the_parts_of_the_bound(rng):
    """The lecture's kernel on unit points, c = 1/2, as it is written for that."""
    n, delta = 500, 0.1
    X = sphere(n, 10, rng)
    K, y = relu_ntk(X), np.sign(X[:, 0] + 0.3)
    b = math.sqrt(y @ np.linalg.solve(K, y))
    for h in (0.25, 1.0, 3.0):
        found = norm_bound(K, y, delta, h=h)
        assert found.norm == pytest.approx(b, rel=1e-10)
        assert found.complexity == pytest.approx(math.sqrt(2 * b**2 / n), rel=1e-10)
        assert found.union == pytest.approx(h * math.sqrt(2 / n), rel=1e-12)
        radii = math.ceil(math.sqrt(n / 2) / h)
        assert found.radii == radii
        assert found.confidence == pytest.approx(math.sqrt(math.log(radii / delta) / 2 / n), 1e-12)
        assert found.value == pytest.approx(found.complexity + found.union + found.confidence)
        # The balls of which the bound speaks, and no fewer than those for which it says something.
        complexities = 2 * rademacher(K, h) * np.arange(1, found.radii + 2)
        assert (complexities < 1).sum() <= found.radii
        assert complexities[found.radii - 1] >= 1 - 1e-12
        assert found.complexity == pytest.approx(2 * rademacher(K, b), rel=1e-10)
    # The remainder for a thousand points.
    thousand = norm_bound(np.eye(1000) / 2, np.ones(1000), 0.05)
    assert thousand.union + thousand.confidence == pytest.approx(0.100, abs=5e-4)


def test_the_bound_holds(rng):
    """For a law of thirty points, of which samples miss some: the bound is above the risk.

    Not a check of its constants, for which it is far too high; but it is below one.
    """
    atoms = sphere(30, 4, rng)
    labels, law = np.sign(atoms[:, 0]), 1 / np.arange(1, 31) ** 2
    law /= law.sum()
    risks = []
    for _ in range(5):
        at = rng.choice(30, size=700, p=law)
        K = relu_ntk(atoms[at]) + 0.5 * atoms[at] @ atoms[at].T
        found = norm_bound(K, labels[at])
        seen = np.unique(at)
        K = relu_ntk(atoms) + 0.5 * atoms @ atoms.T
        f = K[:, seen] @ np.linalg.solve(K[np.ix_(seen, seen)], labels[seen])
        risks.append(law[f * labels <= 0].sum())
        assert risks[-1] <= found.value < 1
    assert max(risks) > 0


def test_scale_of_the_kernel(rng):
    """A kernel times a square and steps over its root: the same function, the same bound."""
    X = sphere(40, 4, rng)
    K, y = relu_ntk(X), np.sign(X[:, 1])
    right = norm_bound(K, y, h=0.5)
    for power in (1, -3, 301, -400):
        found = norm_bound(np.ldexp(K, 2 * power), y, h=0.5 * 2.0**-power)
        assert found.value == pytest.approx(right.value, rel=1e-12)
        assert found.norm == pytest.approx(right.norm * 2.0**-power, rel=1e-12)
    odd = norm_bound(np.ldexp(K, 801), y)
    assert odd.norm == pytest.approx(right.norm * 2.0**-400.5, rel=1e-12)


def test_a_diagonal_that_varies(rng):
    X = rng.standard_normal((30, 4))
    X /= 2 * np.linalg.norm(X, axis=1).max()
    K, y = relu_ntk(X), np.sign(X[:, 1])
    refused("K must have a constant positive diagonal, got .*divide", norm_bound, K, y)
    refused("diagonal must be at least that of K", norm_bound, K, y, diagonal=0.01)
    refused("diagonal must be positive", norm_bound, K, y, diagonal=0.0)
    found = norm_bound(K, y, diagonal=0.5)
    assert isinstance(found, NormBound)
    assert found.complexity == pytest.approx(found.norm * math.sqrt(2 / 30), rel=1e-12)
    assert found.radii == math.ceil(math.sqrt(15))
    refused("constant positive diagonal", norm_bound, np.zeros((2, 2)), [1, 1])


def test_no_interpolant(rng):
    """Copies with two labels; with one label they add nothing to the norm."""
    X = sphere(20, 5, rng)
    y = np.sign(X[:, 0])
    twice, labels = relu_ntk(np.vstack([X, X[:3]])), np.append(y, y[:3])
    right = norm_bound(relu_ntk(X), y)
    assert norm_bound(twice, labels).norm == pytest.approx(right.norm, rel=1e-10)
    labels[-1] *= -1
    with pytest.raises(InterpolationError, match=r"of rank 20 of 23.*off by at least 1\.41"):
        norm_bound(twice, labels)
    linear = X @ X.T
    refused("of rank 5 of 20", norm_bound, linear, y, error=InterpolationError)
    # A direction that is a label for each: its multiple is the interpolant.
    line = np.outer(y, y)
    assert norm_bound(line, y).norm == pytest.approx(1, rel=1e-12)


def test_what_rounding_would_decide_is_refused():
    K = np.array([[1, 1 - 1e-15], [1 - 1e-15, 1]])
    refused("singular to working precision, or nearly", norm_bound, K, [1, -1], error=RankError)
    assert norm_bound(K, [1, 1], rcond=1e-10).norm == pytest.approx(1)


def test_float32(rng):
    X = sphere(50, 4, rng)
    K, y = relu_ntk(X), np.sign(X[:, 1])
    found = norm_bound(relu_ntk(X.astype(np.float32)), y.astype(np.float32))
    error = 1.2e-7 * 100 * np.linalg.norm(K) / np.linalg.eigvalsh(K)[0]
    assert found.norm == pytest.approx(norm_bound(K, y).norm, rel=error)


def test_bad_arguments_are_named(rng):
    K, y = np.eye(3), np.array([1, -1, 1])
    refused("y must be one column of labels -1 and 1", norm_bound, K, [0, 1, 1])
    refused("y must be one column of labels -1 and 1", norm_bound, K, np.ones((3, 1)))
    refused("y must have 3 rows", norm_bound, K, [1, 1])
    refused("delta must lie strictly", norm_bound, K, y, 1.0)
    refused("h must be positive", norm_bound, K, y, h=0)
    for function in (rademacher, lambda A: rademacher_estimate(A, rng=rng)):
        refused("K must be square", function, np.ones((2, 3)))
        refused("K must be symmetric", function, np.triu(np.ones((3, 3))))
        refused("K must have no negative diagonal", function, -K)
    refused("radius must be positive", rademacher, K, 0.0)
    refused("radius must be positive", rademacher_estimate, K, -1.0, rng=rng)
    refused("draws must be at least 2", rademacher_estimate, K, draws=1, rng=rng)
    refused("rng must be a numpy", rademacher_estimate, K, rng=0, error=TypeError)
