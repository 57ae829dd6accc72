"""The linearization, the projection on the span, and the fit nearest to the start."""

import numpy as np
import pytest

from ntklib import Linearization, ShallowNetwork, linearization
from tests.unit.samples import refused

# Algebra on matrices of moderate condition.
EXACT = 1e-10


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def linearized(rng, d=3, m=20, activation="relu"):
    net, W0 = ShallowNetwork.random(d, m, rng=rng, activation=activation)
    return net, W0, Linearization(net, W0)


def test_is_the_tangent(rng):
    net, W0, lin = linearized(rng, activation="tanh")
    X, D = rng.standard_normal((7, 3)), rng.standard_normal((20, 3))
    assert np.abs(lin(X, W0) - net(X, W0)).max() == 0
    expected = net(X, W0) + net.jacobian(X, W0) @ D.ravel()
    assert np.abs(lin(X, W0 + D) - expected).max() <= EXACT
    # The gap to the network is of second order: a step ten times smaller, a gap 100 times smaller.
    gaps = [np.abs(net(X, W0 + h * D) - lin(X, W0 + h * D)).max() for h in (1e-2, 1e-3)]
    assert 80 <= gaps[0] / gaps[1] <= 125


@pytest.mark.parametrize(("n", "m"), [(4, 20), (60, 20), (90, 20), (5, 1)])
def test_projection(rng, n, m):
    net, W0, lin = linearized(rng, m=m)
    X, W = rng.standard_normal((n, 3)), rng.standard_normal((m, 3))
    P = lin.project(X, W)
    J = net.jacobian(X, W0)
    assert np.abs(lin(X, P) - lin(X, W)).max() <= EXACT
    assert np.linalg.norm(P - W0) <= np.linalg.norm(W - W0) * (1 + EXACT)
    # In the row space: what is left is orthogonal to every gradient, and P - W0 is J^T alpha.
    alpha = np.linalg.lstsq(J.T, (P - W0).ravel(), rcond=None)[0]
    assert np.abs(J.T @ alpha - (P - W0).ravel()).max() <= EXACT
    assert np.abs(lin.project(X, P) - P).max() <= EXACT


@pytest.mark.parametrize("n", [4, 60, 90])
def test_fit_is_the_minimum_norm_solution(rng, n):
    net, W0, lin = linearized(rng)
    X, y = rng.standard_normal((n, 3)), rng.standard_normal(n)
    fit = lin.fit(X, y)
    J, r = net.jacobian(X, W0), y - net(X, W0)
    right, _, rank, _ = np.linalg.lstsq(J, r, rcond=None)
    scale = np.linalg.cond(J) if rank == min(J.shape) else 1e6
    assert np.abs(fit.residual - r).max() == 0
    assert fit.rank == rank
    assert np.abs((fit.W - W0).ravel() - right).max() <= 1e-13 * scale**2
    Z = rng.standard_normal((5, 3))
    assert np.abs(fit.predict(Z) - lin(Z, fit.W)).max() <= 1e-13 * scale**2


def test_residual_is_fitted_and_not_the_target(rng):
    _, W0, lin = linearized(rng)
    X = rng.standard_normal((4, 3))
    fit = lin.fit(X, np.zeros(4))
    assert np.abs(fit.predict(X)).max() <= EXACT
    assert np.linalg.norm(fit.W - W0) > 0.1
    assert np.abs(fit.alpha).max() > 0


def test_duplicates_get_the_mean_and_equal_coefficients(rng):
    _, _, lin = linearized(rng)
    X = rng.standard_normal((4, 3))
    X[3] = X[0]
    fit = lin.fit(X, np.array([1.0, 2.0, 3.0, 5.0]))
    assert fit.rank == 3
    assert np.abs(fit.predict(X) - [3.0, 2.0, 3.0, 3.0]).max() <= EXACT
    assert abs(fit.alpha[0] - fit.alpha[3]) <= EXACT


@pytest.mark.parametrize("large", [0, 10**9])
def test_no_gradient_at_all(large, monkeypatch):
    monkeypatch.setattr("ntklib.linearization._LARGE", large)
    net = ShallowNetwork([1.0, -1.0])
    X = np.array([[1.0, 1.0], [2.0, 1.0]])
    lin = Linearization(net, -np.ones((2, 2)))
    fit = lin.fit(X, np.ones(2))
    assert fit.rank == 0
    assert np.array_equal(fit.W, -np.ones((2, 2)))
    assert np.array_equal(fit.predict(X), np.zeros(2))
    assert np.array_equal(lin.project(X, np.ones((2, 2))), -np.ones((2, 2)))


def test_gram_route_agrees(rng, monkeypatch):
    _, _, lin = linearized(rng, m=50)
    X, y = rng.standard_normal((10, 3)), rng.standard_normal(10)
    direct = lin.fit(X, y)
    monkeypatch.setattr("ntklib.linearization._LARGE", 0)
    gram = lin.fit(X, y)
    assert gram.rank == direct.rank == 10
    assert np.abs(gram.W - direct.W).max() <= 1e-8  # the condition number is squared


@pytest.mark.parametrize("close", [1.0, 1e-5])
def test_projection_of_a_large_network_loses_the_condition_number_once(rng, close, monkeypatch):
    """By the Gram matrix, whose condition number is the square: at 1e-5 up to 1e10, and 1e-6."""
    net, W0, lin = linearized(rng, m=50, activation="tanh")
    X, W = rng.standard_normal((6, 3)), rng.standard_normal((50, 3))
    X[1] = X[0] + close * (X[1] - X[0])
    J, change = net.jacobian(X, W0), (W - W0).ravel()
    right = J.T @ np.linalg.lstsq(J.T, change, rcond=None)[0]
    monkeypatch.setattr("ntklib.linearization._LARGE", 0)
    monkeypatch.setattr(ShallowNetwork, "jacobian", None)
    found = (lin.project(X, W) - W0).ravel()
    share = 100 * np.finfo(float).eps * np.linalg.cond(J)
    assert share <= 1e-7
    assert np.linalg.norm(found - right) <= share * np.linalg.norm(change)


@pytest.mark.parametrize("large", [0, 10**9])
def test_the_largest_gradient_decides_what_is_zero(rng, large, monkeypatch):
    """Gradients of 1e6, of 1e2, and one in the direction of the first, but for rounding."""
    monkeypatch.setattr("ntklib.linearization._LARGE", large)
    _, _, lin = linearized(rng)
    X, W = rng.standard_normal((3, 3)), rng.standard_normal((20, 3))
    X *= np.array([[1e6], [1e2], [1.0]])
    X[2] = 0.3 * X[0]
    projected = lin.project(X, W)
    assert np.abs(projected - lin.project(X[:2], W)).max() <= 1e-8
    assert lin.fit(X, np.ones(3)).rank == lin.fit(X[:2], np.ones(2)).rank == 2
    # A share of 0.01 leaves the first direction alone.
    few = lin.fit(X, np.ones(3), rcond=0.01)
    assert few.rank == 1
    assert np.abs(few.W - lin.fit(X[::2], np.ones(3)[::2]).W).max() <= 1e-8


@pytest.mark.parametrize("large", [0, 10**9])
def test_columns_are_fitted_one_by_one(rng, large, monkeypatch):
    monkeypatch.setattr("ntklib.linearization._LARGE", large)
    _, _, lin = linearized(rng)
    X, Y, Z = (rng.standard_normal(shape) for shape in ((5, 3), (5, 2), (4, 3)))
    both = lin.fit(X, Y)
    assert both.W.shape == (2, 20, 3)
    for k in range(2):
        one = lin.fit(X, Y[:, k])
        assert np.abs(both.W[k] - one.W).max() <= EXACT
        assert np.abs(both.predict(Z)[:, k] - one.predict(Z)).max() <= EXACT
        assert np.array_equal(both.residual[:, k], one.residual)


@pytest.mark.parametrize("large", [0, 10**9])
def test_powers_of_two_pass_through(rng, large, monkeypatch):
    """2^410 is beyond the range in which squares are safe: it is taken out, and put back."""
    monkeypatch.setattr("ntklib.linearization._LARGE", large)
    lin = Linearization(*ShallowNetwork.random(3, 20, rng=rng, doubled=True))
    X, y, c = rng.standard_normal((4, 3)), rng.standard_normal(4), 2.0**410
    right = lin.fit(X, y).W
    assert np.abs(lin.fit(c * X, c * y).W - right).max() <= EXACT
    assert np.abs((lin.fit(X, c * y).W / c) - (right - lin.W0)).max() <= EXACT
    change = rng.standard_normal(lin.W0.shape)
    kept = lin.project(X, lin.W0 + change) - lin.W0
    assert np.abs(lin.project(c * X, lin.W0 + change) - lin.W0 - kept).max() <= EXACT
    assert np.abs(lin.project(X, c * change) / c - kept).max() <= EXACT


def test_the_jacobian_is_formed_up_to_a_size(rng, monkeypatch):
    assert linearization._LARGE * np.dtype(float).itemsize == 400e6  # as fit says
    _, W0, lin = linearized(rng)
    X, formed, jacobian = rng.standard_normal((4, 3)), [], ShallowNetwork.jacobian
    monkeypatch.setattr(
        ShallowNetwork, "jacobian", lambda *a: formed.append(len(a[1])) or jacobian(*a)
    )
    for large, expected in ((4 * W0.size, [4, 4]), (4 * W0.size - 1, [])):
        monkeypatch.setattr("ntklib.linearization._LARGE", large)
        formed.clear()
        lin.project(X, W0 + 1)
        lin.fit(X, np.ones(4))
        assert formed == expected


def test_linearization_keeps_its_own_weights(rng):
    net, W0, lin = linearized(rng)
    X = rng.standard_normal((3, 3))
    here = W0.copy()
    before = lin(X, here)
    W0 += 1
    assert np.array_equal(lin(X, here), before)
    with pytest.raises(ValueError, match="read-only"):
        lin.W0[0, 0] = 0
    assert net.m == 20


def test_bad_arguments_are_named(rng):
    net, W0, lin = linearized(rng)
    X = rng.standard_normal((4, 3))
    refused("y must have 4 rows", lin.fit, X, np.ones(3))
    refused("y must be finite", lin.fit, X, [1, 2, 3, np.nan])
    refused(r"rcond must lie in \[0, 1\), got -1", lin.fit, X, np.ones(4), rcond=-1)
    refused(r"W must have shape \(20, 3\), got \(20, 2\)", lin, X, W0[:, :2])
    refused("X must have 3 columns", lin.project, X[:, :2], W0)
    refused("W must have 20 rows", Linearization(net, W0[:3]), X, W0[:3])
