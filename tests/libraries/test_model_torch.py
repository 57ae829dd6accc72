"""A module of torch is linearized, projected and fitted as the lecture's network is."""

import copy
import pickle
import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import vector_to_parameters

from ntklib import Linearization
from ntklib.empirical import as_model, torch_kernel
from tests.libraries.models import NET, W, X, Z, refuse_jacobians, same_as_shallow
from tests.libraries.networks import NETWORKS

pytestmark = pytest.mark.torch


class Shallow(nn.Module):
    def __init__(self, dtype=torch.float64):
        super().__init__()
        self.W = nn.Parameter(torch.tensor(W, dtype=dtype))
        self.register_buffer("a", torch.tensor(NET.a, dtype=dtype))

    def forward(self, x):
        return NET.scale * torch.tanh(x @ self.W.T) @ self.a


@pytest.mark.parametrize("large", [False, True])
def test_the_shallow_network_as_a_module(large, monkeypatch):
    if large:
        refuse_jacobians(monkeypatch)
    same_as_shallow(*as_model(Shallow()))


def convolutional():
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))
    )
    net[2].running_mean.normal_()
    return net.double().eval(), torch.randn(5, 2, 4, 4, dtype=torch.float64)


def explicit(net, weights, X, output, names):
    """Outputs and Jacobian of a copy with these weights, by one gradient an example."""
    net = copy.deepcopy(net)
    trained = [p for name, p in net.named_parameters() if name.startswith(names)]
    vector_to_parameters(torch.tensor(weights), trained)
    y = output(net(X))
    rows = [
        torch.autograd.grad(value, trained, retain_graph=True, allow_unused=True) for value in y
    ]
    flat = [
        torch.cat(
            [
                (torch.zeros_like(p) if g is None else g).reshape(-1)
                for g, p in zip(row, trained, strict=True)
            ]
        )
        for row in rows
    ]
    return y.detach().numpy(), torch.stack(flat).numpy()


# Which output is asked for, the same as a function, and which parameters are trained.
ASKED = {
    "last": (-1, lambda y: y[:, 1], ("0", "2", "4")),
    "function": (lambda y: y.square().sum(1), lambda y: y.square().sum(1), ("0", "2", "4")),
    "pair": ((torch.exp, 1), lambda y: y[:, 1].exp(), ("0", "2", "4")),
    "some": (0, lambda y: y[:, 0], ("0", "4")),
}


@pytest.mark.parametrize("case", ASKED)
def test_a_convolutional_network_has_the_products_of_its_jacobian(case):
    outputs, output, names = ASKED[case]
    net, X = convolutional()
    model, W0 = as_model(net, params=names, outputs=outputs, batch=2)
    rng = np.random.default_rng(0)
    w, D = W0 + rng.standard_normal(W0.shape), rng.standard_normal(W0.shape)
    u, Z = rng.standard_normal((5, 3)), X[:2] * 2
    for weights in (W0, w):  # the module's own, and others
        y, J = explicit(net, weights, X, output, names)
        _, H = explicit(net, weights, Z, output, names)
        bar = 1e-13 * np.abs(J).max() * np.sqrt(J.size) * max(1, np.abs(J).max())
        assert np.abs(model(X, weights) - y).max() <= bar
        assert np.abs(model.jacobian(X.numpy(), weights) - J).max() <= bar
        assert np.abs(model.jvp(X, weights, D) - J @ D).max() <= bar
        assert np.abs(model.vjp(X, weights, u) - u.T @ J).max() <= bar
        assert np.abs(model.vjp(X, weights, u[:, 0]) - u[:, 0] @ J).max() <= bar
        assert np.abs(model.empirical_ntk(X, W=weights) - J @ J.T).max() <= bar
        assert np.abs(model.empirical_ntk(X, Z, W=weights) - J @ H.T).max() <= bar


def test_the_fit_of_a_large_network_forms_no_jacobian(monkeypatch):
    net, X = convolutional()
    model, W0 = as_model(net, outputs=0)
    y0, J = explicit(net, W0, X, lambda y: y[:, 0], "")
    y, change = np.arange(5.0), np.random.default_rng(0).standard_normal(W0.shape)
    refuse_jacobians(monkeypatch)
    lin = Linearization(model, W0)
    fit = lin.fit(X, y)
    weights = np.linalg.pinv(J) @ (y - y0)
    bar = 100 * np.finfo(float).eps * np.linalg.cond(J) ** 2 * np.linalg.norm(weights)
    assert bar <= 1e-9
    assert fit.rank == 5
    assert np.abs(fit.W - W0 - weights).max() <= bar
    assert np.abs(lin(X, fit.W) - y).max() <= bar * np.linalg.norm(J)
    found = lin.project(X, W0 + change) - W0
    assert np.abs(found - np.linalg.pinv(J) @ (J @ change)).max() <= bar


class Once(torch.autograd.Function):
    """Its backward pass cannot be differentiated."""

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return 3 * ctx.saved_tensors[0] ** 2 * g


class Forward(Once):
    @staticmethod
    def jvp(ctx, d):
        return 3 * ctx.saved_tensors[0] ** 2 * d


class Doubled(torch.autograd.Function):
    """Right values, and a derivative that is twice too large."""

    @staticmethod
    def forward(ctx, g):
        return g.clone()

    @staticmethod
    def backward(ctx, g):
        return 2 * g


class Wrong(Once):
    """A right backward pass, of which a second one is wrong."""

    @staticmethod
    def backward(ctx, g):
        return Doubled.apply(3 * ctx.saved_tensors[0] ** 2 * g)


class Around(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.layer, self.function = nn.Linear(3, 1), function

    def forward(self, x):
        return self.function.apply(self.layer(x))


def test_forward_derivatives_serve_where_the_backward_pass_has_none():
    model, W0 = as_model(Around(Forward).double())
    D = np.random.default_rng(0).standard_normal(W0.shape)
    expected = 3 * (X @ W0[:3] + W0[3]) ** 2 * (X @ D[:3] + D[3])
    assert np.abs(model.jvp(X, W0, D) - expected).max() <= 1e-13 * np.abs(expected).max()
    for function in (Once, Wrong):
        neither, W0 = as_model(Around(function).double())
        with pytest.raises(ValueError, match="neither by two passes backward nor forward"):
            neither.jvp(X, W0, W0)


# A wrong rule for forward derivatives, what cannot be mapped, layers that keep weights elsewhere.
HARD = ("own function", "rare layers", "recurrent", "one layer twice", "attention", "weight norm")


@pytest.mark.parametrize("name", HARD)
def test_derivatives_of_what_is_hard_for_torch(name, monkeypatch):
    torch.manual_seed(0)
    net, X = NETWORKS[name]()
    net, X = net.double().eval(), X.double()
    model, W0 = as_model(net, outputs=0)
    rng = np.random.default_rng(0)
    w, D = W0 + 0.1 * rng.standard_normal(W0.shape), rng.standard_normal(W0.shape)
    y, J = explicit(net, w, X, lambda y: y[:, 0], "")
    assert np.abs(model(X, w) - y).max() <= 1e-12 * np.abs(y).max()
    assert np.abs(model.jvp(X, w, D) - J @ D).max() <= 1e-12 * np.linalg.norm(J)
    assert np.abs(model.vjp(X, w, y) - y @ J).max() <= 1e-12 * np.linalg.norm(J)
    assert np.abs(model.empirical_ntk(X, W=w) - J @ J.T).max() <= 1e-12 * np.linalg.norm(J) ** 2
    # Layer by layer, and by Jacobians what has no form, which auto leaves for larger networks.
    true = torch_kernel.kernels
    monkeypatch.setattr(torch_kernel, "kernels", lambda a, _, *rest: true(a, "structured", *rest))
    assert np.abs(model.empirical_ntk(X, W=w) - J @ J.T).max() <= 1e-12 * np.linalg.norm(J) ** 2


def test_tokens_by_name_are_fitted_and_kept():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(7, 3), nn.Linear(3, 1)

        def forward(self, words, scale):
            return {"score": self.head(torch.tanh(self.words(words) * scale).mean(1))}

    torch.manual_seed(0)
    words = torch.tensor([[0, 1], [2, 3], [4, 5]])
    X = {"words": words.clone(), "scale": np.ones((3, 1, 1), np.float32)}
    model, W0 = as_model(Words(), outputs=lambda y: y["score"])
    fit = Linearization(model, W0).fit(X, np.arange(3.0, dtype=np.float32))
    X["words"].zero_()
    X["scale"][:] = 0
    assert torch.equal(fit.X["words"], words)
    assert W0.dtype == fit.W.dtype == np.float32
    # Rounding of float32, times the condition number.
    assert np.abs(fit.predict(fit.X) - np.arange(3)).max() <= 1e-4
    assert np.array_equal(pickle.loads(pickle.dumps(as_model(Shallow())))[1], W.ravel())


def state(net):
    tensors = [t.clone() for t in (*net.parameters(), *net.buffers())]
    places = [id(p) for p in net.parameters()]
    flags = [p.requires_grad for p in net.parameters()], [m.training for m in net.modules()]
    grads = [p.grad is None for p in net.parameters()]
    return tensors, (places, flags, grads, torch.get_rng_state().tolist())


@pytest.mark.parametrize("broken", [False, True])
def test_a_module_is_left_as_it_was_and_what_it_learns_later_moves_no_linearization(broken):
    net, X = convolutional()
    model, W0 = as_model(net, outputs=0)
    if broken:
        net.train()
    before = state(net)
    w = W0 + 1
    lin = Linearization(model, W0)
    asks = [
        lambda: model(X, w),
        lambda: model.jacobian(X, w),
        lambda: lin(X, w),
        lambda: lin.fit(X, np.arange(5.0)).predict(X),
        lambda: model.vjp(X, w, np.ones(5)),
        lambda: lin.kernel(X),
    ]
    found = []
    for ask in asks:
        if broken:
            with pytest.raises(ValueError, match="BatchNorm2d '2' takes the mean"):
                ask()
        else:
            found.append(ask())
    after = state(net)
    assert all(map(torch.equal, before[0], after[0]))
    assert before[1] == after[1]
    with torch.no_grad():
        for p in net.parameters():
            p.add_(1)
    for ask, right in zip(asks, found, strict=False):
        assert np.array_equal(ask(), right)


class Elsewhere(nn.Module):
    """Takes its weight from a list that no change of the module's parameters reaches."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.own = [self.layer.weight]

    def forward(self, x):
        return x @ self.own[0].T + self.layer.bias


REFUSED = {
    "outputs must leave one number an example, got 2": (nn.Linear(3, 2), {}),
    "outputs must index the 2 outputs": (nn.Linear(3, 2), {"outputs": 2}),
    "outputs must be an integer, a function of the model's output": (
        nn.Linear(3, 1),
        {"outputs": "trace"},
    ),
    "got (<built-in method": (nn.Linear(3, 1), {"outputs": (torch.exp, "full")}),
    "got True": (nn.Linear(3, 1), {"outputs": True}),
    "which names no parameter": (nn.Linear(3, 1), {"params": ["head"]}),
    "batch must be at least 1": (nn.Linear(3, 1), {"batch": 0}),
    "Dropout '1' is active": (nn.Sequential(nn.Linear(3, 1), nn.Dropout()), {}),
    "parameters ['layer.weight'] cannot be given other values": (Elsewhere(), {}),
}


def called(net, **options):
    model, W0 = as_model(net.double().train(), **options)
    return model(X, W0)


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused(words):
    net, options = REFUSED[words]
    with pytest.raises(ValueError, match=re.escape(words)):
        called(net, **options)


def test_arguments_of_the_methods():
    model, W0 = as_model(Shallow())
    cases = {
        "W must have shape (33,), got (32,)": lambda: model(X, W0[1:]),
        "W must have 1 dimension(s), got shape (11, 3)": lambda: model(X, W),
        "D must have shape (33,), got (3,)": lambda: model.jvp(X, W0, W0[:3]),
        "u must have 6 rows, got shape (5,)": lambda: model.vjp(X, W0, W0[:5]),
        "u must be finite": lambda: model.vjp(X, W0, X[:, 0] * np.nan),
        "X must be finite": lambda: model(X * np.inf, W0),
        "Z must not be empty": lambda: model.empirical_ntk(X, X[:0], W=W0),
    }
    for words, ask in cases.items():
        with pytest.raises(ValueError, match=re.escape(words)):
            ask()
    with pytest.raises(TypeError, match="is a model already"):
        as_model(NET)
    with pytest.raises(TypeError, match="X must be real numbers"):
        model(X.astype(str), W0)


def test_digits_are_not_dropped_and_the_range_is_kept():
    model, W0 = as_model(Shallow(torch.float32))
    x = X.astype(np.float32)
    assert W0.dtype == model(x, W0).dtype == model.vjp(x, W0, X[:, 0]).dtype == np.float32
    with pytest.raises(TypeError, match="X must be float32, the precision of the model"):
        model(X, W0)
    with pytest.raises(TypeError, match="W must be float32"):
        model(x, W0.astype(np.float64))
    with pytest.raises(OverflowError, match="u in float32 has entries"):
        model.vjp(x, W0, np.full(6, 1e300))
    assert np.abs(model(x, W0) - NET(X, W)).max() <= 40 * np.finfo(np.float32).eps
    assert model(Z[:1].astype(np.float32), W0).shape == (1,)
    linear, start = as_model(nn.Linear(3, 1))
    with pytest.raises(OverflowError, match="J'u has entries"):
        linear.vjp(1e30 * x, start, np.full(6, 1e30))
