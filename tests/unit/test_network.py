"""Networks: the Jacobian is the derivative, the kernel is its Gram matrix."""

import math
import tracemalloc

import numpy as np
import pytest

from ntklib import Linearization, ShallowNetwork, activations
from ntklib._engine import sizes, threads
from tests.unit import samples
from tests.unit.samples import refused

NAMES = ["relu", "leaky_relu", "tanh", "erf", "identity", "square"]
EPS = np.finfo(float).eps


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def points(rng, n=6, d=3):
    return rng.standard_normal((n, d))


@pytest.mark.parametrize("name", NAMES)
def test_output_is_the_formula(rng, name):
    X = points(rng)
    net, W = ShallowNetwork.random(3, 5, rng=rng, activation=name, eps=0.7)
    sigma = activations.get(name).f
    loop = [
        0.7 / math.sqrt(5) * sum(net.a[j] * sigma(X @ W[j])[i] for j in range(5)) for i in range(6)
    ]
    assert np.abs(net(X, W) - loop).max() <= 50 * EPS


@pytest.mark.parametrize("name", NAMES)
def test_jacobian_is_the_derivative(rng, name):
    X = points(rng)
    net, W = ShallowNetwork.random(3, 5, rng=rng, activation=name)
    J, h = net.jacobian(X, W), 1e-6
    for k in range(W.size):
        step = np.zeros(W.size)
        step[k] = h
        step = step.reshape(W.shape)
        central = (net(X, W + step) - net(X, W - step)) / (2 * h)
        # Truncation h^2 |x|^3 max|sigma'''| / 6 < 1e-10; rounding EPS |F| / h < 1e-8. No kink lies
        # within h of these weights.
        assert np.abs(central - J[:, k]).max() <= 1e-8


@pytest.mark.parametrize("name", ["leaky_relu", "tanh"])
def test_products_with_the_jacobian(rng, name):
    X, D, u = points(rng), rng.standard_normal((5, 3)), rng.standard_normal((6, 2))
    net, W = ShallowNetwork.random(3, 5, rng=rng, activation=name, eps=0.7)
    J = net.jacobian(X, W)
    assert np.abs(net.jvp(X, W, D) - J @ D.ravel()).max() <= 100 * EPS
    both = net.vjp(X, W, u)
    assert both.shape == (2, 5, 3)
    assert np.abs(both.reshape(2, -1) - u.T @ J).max() <= 100 * EPS
    assert np.array_equal(net.vjp(X, W, u[:, 1]), both[1])
    assert net.vjp(X, W, u[:, :1]).shape == (1, 5, 3)


def test_what_is_left_out_is_as_in_the_definition(rng):
    net, W = ShallowNetwork.random(3, 5, rng=rng)
    assert ShallowNetwork([1.0]).eps == net.eps == 1.0
    assert W.shape == (5, 3)
    assert net.m == 5
    assert net.activation == ShallowNetwork([1.0]).activation == activations.relu


BIG = np.full((1, 2), 1e200)
SQUARED = ShallowNetwork([1.0], "square")


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("F has values", lambda: SQUARED(BIG, np.ones((1, 2)))),
        ("the Jacobian has entries", lambda: SQUARED.jacobian(BIG, np.ones((1, 2)))),
        ("J d has entries", lambda: SQUARED.jvp(BIG, np.ones((1, 2)), np.ones((1, 2)))),
        ("J'u has entries", lambda: SQUARED.vjp(BIG, np.ones((1, 2)), [1.0])),
        ("the kernel has values", lambda: ShallowNetwork([1.0]).empirical_ntk(BIG, W=BIG / 1e200)),
        # Infinity would be in the range of tanh, and of its derivative.
        ("the products of X and W are", lambda: ShallowNetwork([1.0], "tanh")(BIG, BIG)),
        (
            "the products of Z and W are",
            lambda: ShallowNetwork([1.0], "tanh").empirical_ntk([[1.0, 0.0]], BIG, W=BIG),
        ),
    ],
)
def test_what_leaves_the_range_is_named(name, function):
    refused(f"{name} beyond", function, error=OverflowError)


def test_the_kink_counts_as_open(rng):
    net = ShallowNetwork([1.0])
    assert np.array_equal(net.jacobian([[2.0, 3.0]], [[0.0, 0.0]]), [[2.0, 3.0]])
    assert net.empirical_ntk([[2.0, 3.0]], W=[[0.0, 0.0]])[0, 0] == 13


@pytest.mark.parametrize("name", NAMES)
def test_kernel_is_the_gram_matrix(rng, name):
    X, Z = points(rng), points(rng, 4)
    net, W = ShallowNetwork.random(3, 40, rng=rng, activation=name, eps=1.3)
    J, JZ = net.jacobian(X, W), net.jacobian(Z, W)
    size = np.abs(J @ J.T).max() + np.abs(J @ JZ.T).max()
    assert np.abs(net.empirical_ntk(X, W=W) - J @ J.T).max() <= 100 * EPS * size
    assert np.abs(net.empirical_ntk(X, Z, W=W) - J @ JZ.T).max() <= 100 * EPS * size
    K = net.empirical_ntk(X, W=W)
    assert (K == K.T).all()


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh"])
@pytest.mark.parametrize("doubled", [False, True])
def test_empirical_kernel_in_tiles(name, doubled, monkeypatch):
    rng = np.random.default_rng(0)
    net, W = ShallowNetwork.random(5, 60, rng=rng, activation=name, eps=1.3, doubled=doubled)
    X, Z = samples.points(50, 5), samples.points(33, 5, 1)
    J, JZ = net.jacobian(X, W), net.jacobian(Z, W)
    for home, name, value in ((sizes, "BLOCK", (7, 7)), (sizes, "HELD", 1), (threads, "SMALL", 0)):
        monkeypatch.setattr(home, name, value)
    K, between = net.empirical_ntk(X, W=W), net.empirical_ntk(X, Z, W=W)
    bound = 100 * EPS * np.abs(J @ J.T).max()
    assert (K == K.T).all()
    assert np.abs(K - J @ J.T).max() <= bound
    assert np.abs(between - J @ JZ.T).max() <= bound


def test_empirical_kernel_without_the_jacobian():
    """n = 1000, d = 100, m = 4096: the Jacobian would take 3.3 GB, the result takes 8 MB."""
    rng = np.random.default_rng(0)
    net, W = ShallowNetwork.random(100, 4096, rng=rng)
    X = samples.points(1000, 100)
    tracemalloc.start()
    try:
        K = net.empirical_ntk(X, W=W)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 48e6
    few = net.jacobian(X[:7], W)
    assert np.abs(K[:7, :7] - few @ few.T).max() <= 100 * EPS * np.abs(K).max()
    # And a fit through it: the residual is that of a Gram matrix this well conditioned.
    y = rng.standard_normal(1000)
    fit = Linearization(net, W).fit(X, y)
    assert fit.rank == 1000
    assert np.abs(fit.predict(X) - y).max() <= 1e-9


@pytest.mark.parametrize(("held", "alone", "beside"), [(120, 24, 15), (1, 4, 4), (10**6, 60, 60)])
def test_derivatives_are_held_of_some_neurons_at_once(rng, held, alone, beside, monkeypatch):
    """As many as make HELD numbers at all points, 5 or 3 + 5 of them, or as a block has rows."""
    net, W = ShallowNetwork.random(3, 60, rng=rng)
    monkeypatch.setattr(sizes, "BLOCK", (4, 7))
    monkeypatch.setattr(sizes, "HELD", held)
    widths, derivatives = set(), ShallowNetwork._derivatives

    def seen(self, X, W, out):
        widths.add(out.shape[1])
        derivatives(self, X, W, out)

    monkeypatch.setattr(ShallowNetwork, "_derivatives", seen)
    net.empirical_ntk(points(rng, 5), W=W)
    assert max(widths) == alone
    widths.clear()
    net.empirical_ntk(points(rng, 3), points(rng, 5), W=W)
    assert max(widths) == beside


def test_an_odd_width_that_three_divides(rng):
    net, W = ShallowNetwork.random(3, 3, rng=rng)
    X = points(rng)
    assert np.abs(net(X, W) - np.maximum(X @ W.T, 0) @ net.a / math.sqrt(3)).max() <= 50 * EPS


@pytest.mark.parametrize("m", [1, 2, 7, 64, 501])
def test_doubled_starts_at_zero_with_the_same_kernel(m):
    X = points(np.random.default_rng(5), 20, 9)
    net, W = ShallowNetwork.random(9, m, rng=np.random.default_rng(1), activation="tanh")
    twin, W2 = ShallowNetwork.random(
        9, m, rng=np.random.default_rng(1), activation="tanh", doubled=True
    )
    assert W2.shape == (2 * m, 9)
    assert twin.m == 2 * m
    assert (twin(X, W2) == 0).all()
    gap = np.abs(twin.empirical_ntk(X, W=W2) - net.empirical_ntk(X, W=W)).max()
    assert gap <= 100 * EPS * np.abs(net.empirical_ntk(X, W=W)).max()


def test_float32_stays_float32(rng):
    net, W = ShallowNetwork.random(3, 8, rng=rng)
    X32, W32 = points(rng).astype(np.float32), W.astype(np.float32)
    assert net(X32, W32).dtype == np.float32
    assert net.jacobian(X32, W32).dtype == np.float32
    assert net.empirical_ntk(X32, W=W32).dtype == np.float32
    assert net(X32, W).dtype == np.float64


def test_random_is_reproducible_and_signed():
    draws = [ShallowNetwork.random(4, 1000, rng=np.random.default_rng(9)) for _ in range(2)]
    assert np.array_equal(draws[0][1], draws[1][1])
    assert set(draws[0][0].a) == {-1.0, 1.0}


def test_signs_cannot_be_changed(rng):
    given = np.ones(3)
    net = ShallowNetwork(given)
    with pytest.raises(ValueError, match="read-only"):
        net.a[0] = 5
    given[0] = 5  # the caller's array stays the caller's
    assert net.a[0] == 1


def test_bad_arguments_are_named(rng):
    X, (net, W) = points(rng), ShallowNetwork.random(3, 5, rng=rng)
    draw = ShallowNetwork.random
    refused("d must be at least 1, got 0", draw, 0, 5, rng=rng)
    refused("m must be at least 1, got 0", draw, 3, 0, rng=rng)
    refused(r"m must be an integer, got 2\.5", draw, 3, 2.5, rng=rng, error=TypeError)
    refused(r"rng must be a numpy\.random\.Generator", draw, 3, 5, rng=0, error=TypeError)
    refused(r"a must be -1 or \+1, got 2", ShallowNetwork, [1.0, 2.0])
    refused(r"a must have 1 dimension", ShallowNetwork, [[1.0]])
    refused("eps must be positive", ShallowNetwork, [1.0], eps=0)
    refused("activation must be one of", ShallowNetwork, [1.0], activation="swish")
    refused(r"W must have 5 rows, one a neuron, got shape \(4, 3\)", net, X, W[:4])
    refused(r"X must have 3 columns, got shape \(6, 2\)", net, X[:, :2], W)
    refused("Z must have 3 columns", net.empirical_ntk, X, X[:, :2], W=W)
    refused("X must be finite", net.jacobian, np.full((1, 3), np.nan), W)
    refused(r"D must have shape \(5, 3\), got \(4, 3\)", net.jvp, X, W, W[:4])
    refused("u must have 6 rows", net.vjp, X, W, np.ones(5))
    refused("u must be real", net.vjp, X, W, 1j * np.ones(6), error=TypeError)
