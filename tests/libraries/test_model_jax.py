"""A function of JAX is linearized, projected and fitted as the lecture's network is."""

import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import Linearization
from ntklib.empirical import as_model
from tests.libraries.models import EXACT, NET, W, X, Z, refuse_jacobians, same_as_shallow

jax.config.update("jax_enable_x64", True)
# Compiling takes most of the time here.
jax.config.update("jax_disable_most_optimizations", True)


def shallow(params, X):
    return NET.scale * jnp.tanh(X @ params["W"].T) @ NET.a.astype(X.dtype)


@pytest.fixture(scope="module")
def made():
    """What is compiled serves all tests."""
    return as_model(shallow, params={"W": W})


@pytest.mark.parametrize("large", [False, True])
def test_the_shallow_network_as_a_function(large, made, monkeypatch):
    if large:
        refuse_jacobians(monkeypatch)
    same_as_shallow(*made)


@jax.custom_vjp
def cubed(x):
    return x**3


cubed.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x**2 * g,))

# Leaves in the order of the tree, which is that of the keys; whole numbers are not trained.
PARAMETERS = {"b": jnp.arange(2.0), "a": jnp.asarray([[0.5, -1.0, 2.0], [1.0, 0.3, -0.4]]), "c": 2}


def network(p, X):
    """With a rule for the backward pass only, and two outputs."""
    return cubed(X["x"] @ p["a"].T + p["b"]) * p["c"]


def test_products_are_those_of_the_jacobian_in_the_order_of_the_leaves():
    model, W0 = as_model(network, params=PARAMETERS, outputs=1, batch=3)
    assert np.array_equal(W0, [0.5, -1.0, 2.0, 1.0, 0.3, -0.4, 0.0, 1.0])
    rng = np.random.default_rng(2)
    D, u, w = rng.standard_normal(8), rng.standard_normal((6, 3)), W0 + rng.standard_normal(8)
    h = X @ w[3:6] + w[7]
    slope = 6 * h**2
    J = np.zeros((6, 8))
    J[:, 3:6], J[:, 7] = slope[:, None] * X, slope
    at, size = {"x": X}, np.abs(J).max() ** 2
    assert np.abs(model(at, w) - 2 * h**3).max() <= 1e-13 * size
    assert np.abs(model.jacobian(at, w) - J).max() <= 1e-13 * size
    assert np.abs(model.jvp(at, w, D) - J @ D).max() <= 1e-13 * size
    assert np.abs(model.vjp(at, w, u) - u.T @ J).max() <= 1e-13 * size
    assert np.abs(model.empirical_ntk(at, {"x": X[3:]}, W=w) - J @ J[3:].T).max() <= 1e-13 * size


def test_a_fit_keeps_its_points_and_a_copy_has_the_same_bits(made):
    model, W0 = made
    points = X.copy()
    fit = Linearization(model, W0).fit(points, X[:, 0])
    expected = fit.predict(Z)
    points += 1
    assert np.array_equal(fit.predict(Z), expected)
    assert np.abs(fit.predict(X) - X[:, 0]).max() <= EXACT
    assert np.array_equal(pickle.loads(pickle.dumps(fit)).W, fit.W)


REFUSED = {
    "outputs must leave one number an example, got 2": {"outputs": None},
    "outputs must index the 2 outputs": {"outputs": 2},
    "outputs must be an integer, a function": {"outputs": "full"},
    "W must have shape (8,), got (7,)": {"W": np.ones(7)},
    "X must be finite": {"X": np.full((6, 3), np.nan)},
    "depends on the other examples": {"function": lambda p, X: network(p, X) - X["x"].mean()},
}


def called(function=network, outputs=0, X=X, W=None):
    model, W0 = as_model(function, params=PARAMETERS, outputs=outputs)
    return model({"x": X}, W0 if W is None else W)


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused(words):
    with pytest.raises(ValueError, match=re.escape(words)):
        called(**REFUSED[words])


def test_digits_are_not_dropped():
    single = {"W": W.astype(np.float32)}
    model, W0 = as_model(shallow, params=single)
    x = X.astype(np.float32)
    assert W0.dtype == model(x, W0).dtype == model.vjp(x, W0, X[:, 0]).dtype == np.float32
    with pytest.raises(TypeError, match="X must be float32, the precision of the model"):
        model(X, W0)
    with pytest.raises(TypeError, match="W must be float32"):
        model(x, W0.astype(np.float64))
    with pytest.raises(TypeError, match=r"params\['W'\] must be float32 or float64, got float16"):
        as_model(shallow, params={"W": W.astype(np.float16)})
    with jax.enable_x64(False), pytest.raises(TypeError, match="jax_enable_x64"):
        as_model(shallow, params={"W": W})
