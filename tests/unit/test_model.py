"""Any model with the methods of the protocol is linearized, and each method is what it promises."""

import numpy as np
import pytest

from ntklib import Linearization, ShallowNetwork, relu_ntk
from ntklib.large import gram_operator
from ntklib.model import Kernel, Model
from ntklib.regression import NTKRegressor
from tests.unit.samples import refused

EXACT = 1e-12


class TwoLayers:
    """(1/sqrt m) sum_j a_j tanh(w_j x + b_j) on numbers x, all weights trained: W is (3, m)."""

    def __call__(self, X, W):
        w, b, a = np.asarray(W)
        return np.tanh(np.multiply.outer(np.asarray(X), w) + b) @ a / np.sqrt(len(a))

    def jacobian(self, X, W):
        X, (w, b, a) = np.asarray(X), np.asarray(W)
        value = np.tanh(np.multiply.outer(X, w) + b)
        slope = a * (1 - value**2)
        parts = [slope * X[:, None], slope, value]
        return np.stack(parts, axis=1).reshape(len(X), -1) / np.sqrt(len(a))

    def jvp(self, X, W, D):
        return self.jacobian(X, W) @ np.ravel(D)

    def vjp(self, X, W, u):
        return (np.transpose(u) @ self.jacobian(X, W)).reshape(*np.shape(u)[1:], *np.shape(W))

    def empirical_ntk(self, X, Z=None, *, W):
        return self.jacobian(X, W) @ self.jacobian(X if Z is None else Z, W).T


def shallow(rng):
    net, W = ShallowNetwork.random(3, 11, rng=rng, activation="tanh", eps=0.7)
    return net, W, rng.standard_normal((6, 3))


def two_layers(rng):
    return TwoLayers(), rng.standard_normal((3, 11)), rng.standard_normal(6)


@pytest.fixture(params=[shallow, two_layers], ids=lambda make: make.__name__)
def made(request) -> tuple[Model, np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(0)
    return *request.param(rng), rng


def test_products_are_those_of_the_jacobian(made):
    net, W, X, rng = made
    J, D = net.jacobian(X, W), rng.standard_normal(W.shape)
    assert J.shape == (6, W.size)
    assert np.abs(net.jvp(X, W, D) - J @ D.ravel()).max() <= EXACT
    for u in (rng.standard_normal(6), rng.standard_normal((6, 2))):
        found = net.vjp(X, W, u)
        assert found.shape == u.shape[1:] + W.shape
        assert np.abs(found.reshape(*u.shape[1:], -1) - u.T @ J).max() <= EXACT
    assert np.abs(net.empirical_ntk(X, W=W) - J @ J.T).max() <= EXACT
    assert np.abs(net.empirical_ntk(X, X[:2], W=W) - J @ J[:2].T).max() <= EXACT


def test_the_product_is_the_derivative(made):
    net, W, X, rng = made
    D, h = rng.standard_normal(W.shape), 1e-5
    slope = (net(X, W + h * D) - net(X, W - h * D)) / (2 * h)
    # The third derivatives times h^2, and rounding over h.
    assert np.abs(net.jvp(X, W, D) - slope).max() <= 1e-8


def test_a_model_is_linearized_projected_fitted_and_predicts(made):
    net, W0, X, rng = made
    lin, J = Linearization(net, W0), net.jacobian(X, W0)
    W, Z = W0 + rng.standard_normal(W0.shape), X[::-1] / 2
    assert np.abs(lin(X, W) - net(X, W0) - J @ (W - W0).ravel()).max() <= EXACT
    P = lin.project(X, W)
    assert P.shape == W0.shape
    assert np.abs(lin(X, P) - lin(X, W)).max() <= 1e-10
    assert np.linalg.norm(P - W0) < np.linalg.norm(W - W0)
    for y in (rng.standard_normal(6), rng.standard_normal((6, 2))):
        fit = lin.fit(X, y)
        start = net(X, W0).reshape(6, *[1] * (y.ndim - 1))
        right = np.linalg.lstsq(J, y - start, rcond=None)[0]
        assert fit.rank == 6
        assert fit.W.shape == y.shape[1:] + W0.shape
        scale = np.abs(right).max() * np.linalg.cond(J) ** 2
        assert np.abs((fit.W - W0).reshape(*y.shape[1:], -1) - right.T).max() <= 1e-14 * scale
        for weights, predicted in zip(
            np.atleast_2d(fit.W.reshape(*y.shape[1:], -1)),
            np.atleast_2d(fit.predict(Z).T),
            strict=True,
        ):
            assert np.abs(lin(Z, weights.reshape(W0.shape)) - predicted).max() <= 1e-14 * scale


def test_single_precision_stays_single():
    net, W, X = shallow(np.random.default_rng(0))
    W, X = W.astype(np.float32), X.astype(np.float32)
    for found in (net.jvp(X, W, W), net.vjp(X, W, X[:, 0]), net.vjp(X, W, X)):
        assert found.dtype == np.float32


def test_weights_of_another_shape_are_refused():
    _, W, X = shallow(np.random.default_rng(0))
    lin = Linearization(TwoLayers(), W.T)
    refused(r"W must have shape \(3, 11\), got \(11, 3\)", lin, X[:, 0], W)


def test_one_kernel_serves_them_all():
    """The kernel of a linearization goes where a kernel of the package goes."""
    net, W, X = shallow(np.random.default_rng(0))
    kernels: list[Kernel] = [Linearization(net, W).kernel, relu_ntk]
    for kernel in kernels:
        K = kernel(X)
        assert np.abs(gram_operator(kernel, X, block=2) @ np.eye(6) - K).max() <= EXACT
        model = NTKRegressor(kernel).fit(X, X[:, 0])
        assert np.abs(model.predict(X) - X[:, 0]).max() <= 1e-14 * np.linalg.cond(K)
