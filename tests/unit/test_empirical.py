"""What of the empirical kernel needs neither torch nor JAX: arguments, the lecture's network."""

import re
import sys

import numpy as np
import pytest

from ntklib import ShallowNetwork, empirical_ntk
from ntklib.empirical import as_model, cost
from ntklib.empirical.request import Outputs, labels, parse_outputs

NET, W = ShallowNetwork.random(3, 20, rng=np.random.default_rng(0), activation="tanh")
X, Z = np.random.default_rng(1).standard_normal((2, 5, 3))


@pytest.mark.parametrize("method", ["auto", "structured", "contract", "products"])
@pytest.mark.parametrize("outputs", ["full", "trace", "diagonal", 0, -1])
def test_the_shallow_network_has_the_kernel_of_its_jacobian(method, outputs):
    J, H = NET.jacobian(X, W), NET.jacobian(Z, W)
    for other, K in ((None, J @ J.T), (Z, J @ H.T)):
        found = empirical_ntk(NET, X, other, params=W, outputs=outputs, method=method)
        assert np.abs(found - K).max() <= 1e-12
    layers = empirical_ntk(NET, X, params=W, by_layer=True)
    assert list(layers) == ["W"]


REFUSED = {
    "params must be the weights": {"params": None},
    "params must be finite": {"params": W * np.nan},
    "outputs must index the 1 outputs": {"outputs": 1},
    "outputs must not be a function": {"outputs": np.sin},
    "outputs must be": {"outputs": True},
    "method must be one of": {"method": "exact"},
    "batch must be at least 1": {"batch": -1},
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused(words):
    with pytest.raises(ValueError, match=re.escape(words)):
        empirical_ntk(NET, X, **({"params": W} | REFUSED[words]))


def test_types_are_refused():
    with pytest.raises(TypeError, match="model must be a module of torch"):
        empirical_ntk(W, X)
    with pytest.raises(TypeError, match="by_layer must be a bool"):
        empirical_ntk(NET, X, params=W, by_layer={"a": "W"})
    with pytest.raises(TypeError, match="others have one way"):
        cost(NET, X, params=W)
    with pytest.raises(TypeError, match="is a model already"):
        as_model(NET, params=W)
    with pytest.raises(ValueError, match="outputs must be an integer, a function of the model"):
        as_model(NET, params=W, outputs="full")


def test_a_function_says_what_it_needs(monkeypatch):
    with pytest.raises(ValueError, match="params must be the parameters of a function"):
        empirical_ntk(lambda p, x: x, X)
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ImportError, match=r"pip install 'ntklib\[jax\]'"):
        empirical_ntk(lambda p, x: x, X, params={"a": W})


def test_outputs_and_their_shapes():
    assert parse_outputs("full").shape((2, 3)) == (2, 3, 2, 3)
    assert parse_outputs("diagonal").shape((2, 3)) == (2, 3)
    assert parse_outputs("trace").shape((2,)) == parse_outputs(1).shape((2,)) == ()
    assert parse_outputs((abs, "trace")) == Outputs("trace", abs)
    with pytest.raises(ValueError, match="a pair of a function"):
        parse_outputs((abs, abs))


def test_groups_of_parameters():
    names = ["a.0.weight", "a.0.bias", "a.1.weight", "ab"]
    assert labels(names, False) == dict.fromkeys(names, "")
    assert set(labels(names, True).values()) == {"a.0", "a.1", ""}
    assert labels(names, {"one": "a.0", "two": ["ab"]}) == {
        "a.0.weight": "one",
        "a.0.bias": "one",
        "ab": "two",
    }
    with pytest.raises(ValueError, match="in 'one' and in 'two'"):
        labels(names, {"one": "a", "two": ["a.1"]})
