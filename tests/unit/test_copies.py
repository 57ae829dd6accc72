"""Everything public can be pickled, copied and sent to another process, and gives the same bits."""

import copy
import inspect
import pickle
import subprocess
import sys
from functools import partial

import cloudpickle
import dask.array as da
import numpy as np
import pytest

import ntklib
from ntklib import (
    Linearization,
    ShallowNetwork,
    activations,
    expectations,
    harmonics,
    ntk,
    relu_ntk,
)
from ntklib.architecture import architecture
from ntklib.gaussian_process import NetworkKernel
from ntklib.groups import averaged, cyclic_shifts
from ntklib.large import (
    dask_operator,
    gram_operator,
    low_rank_preconditioner,
    pivoted_cholesky,
    ridge_solve,
)
from ntklib.regression import NTKClassifier, NTKRegressor
from ntklib.systems import SingularError, solve

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 3))
Y = RNG.standard_normal(6)
Z = np.linspace(-3, 3, 13)
WAYS = {
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "old pickle": lambda thing: pickle.loads(pickle.dumps(thing, protocol=2)),
    "deepcopy": copy.deepcopy,
    "cloudpickle": lambda thing: pickle.loads(cloudpickle.dumps(thing)),
}
ACTIVATIONS = {
    **{n: a for n, a in vars(activations).items() if isinstance(a, activations.Activation)},
    "leaky_relu": activations.leaky_relu(0.2),
    "monomial": activations.monomial(3),
    "elu": activations.elu(0.5),
    "selu": activations.selu,
    "rectified_monomial": activations.rectified_monomial(2),
}
NET, W0 = ShallowNetwork.random(3, 8, rng=RNG, activation=activations.leaky_relu(0.2))
LIN = Linearization(NET, W0)
CLASSES = (Y > 0).astype(int)
DIAGONAL = np.sum(X * X, axis=1) / 2


def _singular():
    with pytest.raises(SingularError) as caught:
        solve(np.ones((3, 3)), np.ones(3))
    return caught.value


# Each public object with what it answers.
THINGS = {
    "dot product": (harmonics.DotProduct(np.exp), lambda kernel: kernel(np.eye(3))),
    "network": (NET, lambda net: net.empirical_ntk(X, W=W0)),
    "relu network": (ShallowNetwork(np.ones(8)), lambda net: net.empirical_ntk(X, W=W0)),
    "linearization": (LIN, lambda lin: lin(X, W0 + 1)),
    "fit": (LIN.fit(X, Y), lambda fit: fit.predict(X)),
    "regressor": (NTKRegressor().fit(X, Y), lambda model: model.predict(X)),
    "classifier": (NTKClassifier().fit(X, CLASSES), lambda model: model.decision_function(X)),
    "kernel": (NetworkKernel(2, ACTIVATIONS["leaky_relu"]), lambda kernel: kernel(X)),
    "architecture": (
        architecture(2, "erf", 1.0, 0.1, "all"),
        lambda net: net.law.rows(np.abs(Z) / 9).size,
    ),
    "quadrature": (expectations.Quadrature(np.tanh), lambda law: law.rows(np.abs(Z) / 9).size),
    "mixture": (expectations.Mixture(np.tanh), lambda law: law.rows(np.abs(Z) * 9).size),
    "solution": (solve(np.eye(2), [1.0, 2.0]), lambda found: found.coef),
    "ridge solution": (ridge_solve(np.eye(2), [1.0, 2.0], 0.1), lambda found: found.coef),
    "singular": (_singular(), lambda error: (str(error), error.rows, error.dependences)),
    "operator": (gram_operator(relu_ntk, X, block=4), lambda K: (K @ Y, K.accurate @ Y)),
    "kept": (gram_operator(relu_ntk, X, dtype=np.float32), lambda K: (K @ Y, K.accurate @ Y)),
    "dask": (dask_operator(da.from_array(relu_ntk(X), chunks=3)), lambda K: K @ Y),
    "preconditioner": (
        low_rank_preconditioner(
            pivoted_cholesky(relu_ntk, X, 3, diagonal=DIAGONAL, rng=np.random.default_rng(1)), 0.1
        ),
        lambda P: P @ Y,
    ),
    "averaged": (averaged(relu_ntk, cyclic_shifts(3)), lambda kernel: kernel(X)),
    "partial": (
        partial(ntk, depth=2, activation=ACTIVATIONS["gaussian"]),
        lambda kernel: kernel(X),
    ),
}


def same(left, right):
    if isinstance(left, tuple):
        return all(same(a, b) for a, b in zip(left, right, strict=True))
    return np.array_equal(left, right)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, way):
    """Equal, so that closed forms are found again: a kernel is the same to the last bit."""
    right = ACTIVATIONS[name]
    found = WAYS[way](right)
    assert found == right
    assert same((found.f(Z), found.df(Z)), (right.f(Z), right.df(Z)))
    assert type(expectations.dual(found)) is type(expectations.dual(right))
    assert same(*(ntk(X / 9, depth=1, activation=each) for each in (found, right)))


def test_a_copied_activation_keeps_its_closed_form():
    found = WAYS["cloudpickle"](activations.gaussian)
    value = ntk([[20, 0], [0, 20]], depth=1, activation=found, W_std=1.0)
    assert same(value, ntk([[20, 0], [0, 20]], depth=1, activation="gaussian", W_std=1.0))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", THINGS)
def test_things(name, way):
    right, ask = THINGS[name]
    assert same(ask(WAYS[way](right)), ask(right))


@pytest.mark.parametrize("way", WAYS)
def test_copies_cannot_be_written_to(way):
    for array in (WAYS[way](NET).a, WAYS[way](LIN).W0):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 2.0


def test_every_public_name():
    for name in ntklib.__all__:
        thing = getattr(ntklib, name)
        assert pickle.loads(pickle.dumps(thing)) is thing
    for name, thing in vars(expectations).items():
        if inspect.isclass(thing):
            assert pickle.loads(pickle.dumps(thing)) is thing, name


def test_another_process():
    things = {name: thing for name, (thing, _) in THINGS.items() if name != "dask"}
    program = (
        "import pickle, sys; from ntklib import ntk\n"
        "things = pickle.load(sys.stdin.buffer)\n"
        "X = things['fit'].X\n"
        "answers = things['network'].empirical_ntk(X, W=things['linearization'].W0), "
        "things['fit'].predict(X), things['kernel'](X), things['partial'](X), "
        "things['averaged'](X)\n"
        "pickle.dump(answers, sys.stdout.buffer)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=pickle.dumps(things), capture_output=True, check=True)
    names = ("network", "fit", "kernel", "partial", "averaged")
    right = tuple(THINGS[name][1](THINGS[name][0]) for name in names)
    assert same(pickle.loads(done.stdout), right)
