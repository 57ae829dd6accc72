"""What is no kernel is refused by name, and a module is left as it was."""

import random
import re

import numpy as np
import pytest
import torch
from torch import nn

from ntklib.empirical import cost, empirical_ntk, torch_capture
from tests.libraries.networks import Attention, Checkpointed, InPlace, Several, points

pytestmark = pytest.mark.torch
METHODS = ("structured", "contract", "products")


class Plain(nn.Module):
    """A linear layer and whatever is done around it."""

    def __init__(self, around):
        super().__init__()
        self.layer, self.around = nn.Linear(5, 3), around

    def forward(self, x):
        return self.around(self.layer, x)


class Batch(torch.autograd.Function):
    """Right values, and a backward pass that mixes the examples."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g - g.mean(0)


def linear():
    return nn.Linear(5, 3)


MIXED = {
    "BatchNorm1d '1' takes the mean": lambda: nn.Sequential(linear(), nn.BatchNorm1d(3)).train(),
    "BatchNorm1d '1' takes": lambda: nn.Sequential(
        linear(), nn.BatchNorm1d(3, track_running_stats=False)
    ).eval(),
    "batch normalization takes": lambda: Plain(
        lambda f, x: nn.functional.batch_norm(f(x), None, None, training=True)
    ),
    "Dropout '1' is active": lambda: nn.Sequential(linear(), nn.Dropout(0.5)).train(),
    "dropout is active": lambda: Plain(lambda f, x: nn.functional.dropout(f(x))),
    "alpha_dropout is active": lambda: Plain(
        lambda f, x: nn.functional.alpha_dropout(f(x), training=True)
    ),
    "depends on the other examples": lambda: Plain(lambda f, x: f(x - x.mean(0))),
    "depends on the other": lambda: Plain(lambda f, x: f(x) * (1 + (x > 0).sum().detach())),
    "or on chance": lambda: Plain(lambda f, x: f(x) + torch.randn(len(x), 3)),
    "examples at once are not those of each": lambda: Plain(lambda f, x: Batch.apply(f(x))),
    "no gradient reaches them": lambda: Plain(lambda f, x: f(x).detach() + x[:, :3]),
}


@pytest.mark.parametrize("words", MIXED)
@pytest.mark.parametrize("method", METHODS)
def test_what_has_no_jacobian_of_one_example_is_refused(words, method):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=re.escape(words)):
        empirical_ntk(MIXED[words](), points(12, 5), method=method)


def test_attention_with_dropout_is_refused():
    net = Attention()
    net.attention.dropout = 0.5
    with pytest.raises(ValueError, match="dropout"):
        empirical_ntk(net.train(), points(3, 4, 6))


def test_a_reentrant_checkpoint_is_refused_and_a_constant_part_is_taken_when_told():
    with pytest.raises(ValueError, match=r"'a.bias', 'a.weight'.*no gradient reaches them"):
        empirical_ntk(Checkpointed(reentrant=True), points(3, 5))

    net = Plain(lambda f, x: f(x) * f(x).detach())
    X = points(4, 5)
    y = net.layer(X).detach()
    x = torch.cat([X, torch.ones(4, 1)], 1)
    expected = (y @ y.T) * (x @ x.T)
    found = empirical_ntk(net, X, outputs="trace")  # its parameters do have a gradient
    assert float((found - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


def wrong_factor(monkeypatch):
    """A structured method that takes a layer's input for twice what it is."""
    true = torch_capture.Capture.linear

    def twice(self, at):
        return true(self, {**at, "input": 2 * at["input"]})

    monkeypatch.setattr(torch_capture.Capture, "linear", twice)


def test_a_wrong_form_is_caught_and_goes_by_jacobians(monkeypatch):
    net, X = nn.Sequential(linear(), nn.Tanh(), nn.Linear(3, 2)).double(), points(4, 5).double()
    expected = empirical_ntk(net, X, method="contract")
    wrong_factor(monkeypatch)
    found = empirical_ntk(net, X, method="structured")
    assert float((found - expected).abs().max()) <= 1e-12 * float(expected.abs().max())
    found = empirical_ntk(net, X, method="structured", check=False)
    assert float((found - expected).abs().max()) > 0.1 * float(expected.abs().max())


ARGUMENTS = {
    "outputs must be": {"outputs": "all"},
    "outputs must index the 3 outputs": {"outputs": 3},
    "method must be one of": {"method": "fast"},
    "batch must be at least 1": {"batch": 0},
    "which names no parameter": {"params": ["head"]},
    "which is frozen": {"params": ["bias"]},
    "by_layer['a'] has 'b'": {"by_layer": {"a": ["b"]}},
    "what the function outputs returns must have 1 rows, one an example": {
        "outputs": lambda y: y.sum(0)
    },
    "X must be finite": {"X": torch.full((4, 5), torch.nan)},
    "X must not be empty": {"X": torch.zeros(0, 5)},
    "Z must have tensors with one number of rows": {"Z": (torch.zeros(3, 5), torch.zeros(4, 5))},
}


@pytest.mark.parametrize("words", ARGUMENTS)
def test_arguments(words):
    net = linear()
    net.bias.requires_grad_(False)
    with pytest.raises(ValueError, match=re.escape(words)):
        empirical_ntk(net, **({"X": points(4, 5)} | ARGUMENTS[words]))


@pytest.mark.parametrize(
    ("words", "net", "X", "options"),
    [
        ("X must be a tensor of torch", linear(), np.ones((4, 5)), {}),
        ("X must be real", linear(), torch.ones(4, 5, dtype=torch.complex64), {}),
        ("must be float32 or float64", linear().bfloat16(), torch.ones(4, 5).bfloat16(), {}),
        ("must be one tensor, got dict", Several(), (torch.ones(4, 5), torch.ones(4, 3)), {}),
        ("params must be names", linear(), torch.ones(4, 5), {"params": "weight"}),
        ("batch must be an integer", linear(), torch.ones(4, 5), {"batch": 2.0}),
        ("model must be", 3, torch.ones(4, 5), {}),
    ],
)
def test_types(words, net, X, options):
    with pytest.raises(TypeError, match=words):
        empirical_ntk(net, X, **options)


def test_overflow_is_an_error():
    net = nn.Linear(5, 1)
    with pytest.raises(OverflowError, match="float32"):
        empirical_ntk(net, torch.full((2, 5), 1e30))


def state(net):
    grads = [None if p.grad is None else p.grad.clone() for p in net.parameters()]
    values = [t.clone() for t in (*net.parameters(), *net.buffers())]
    modes = [m.training for m in net.modules()]
    asks = [p.requires_grad for p in net.parameters()]
    return grads, values, modes, asks, torch.get_rng_state(), torch.is_grad_enabled()


def alike(one, two):
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(alike, one, two))
    return torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


class Counted(nn.Module):
    """Counts its calls in a buffer, and draws numbers."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        torch.rand(2)
        random.random()
        return torch.relu_(self.layer(x))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("broken", [False, True])
def test_a_module_is_left_as_it_was_also_after_an_error(method, broken):
    net = InPlace(broken=True) if broken else Counted()
    net.train()
    next(net.parameters()).grad = torch.ones(()).expand(6 if broken else 3, 5).clone()
    seen = []
    handle = net.register_forward_hook(lambda *a: seen.append(1))
    before, own = state(net), random.getstate()
    x = points(4, 5).requires_grad_()
    drawn = torch.get_rng_state()
    with torch.no_grad():
        if broken:
            with pytest.raises(RuntimeError, match="modified by an inplace"):
                empirical_ntk(net, x, method=method)
        else:
            K = empirical_ntk(net, x, method=method)
            assert not K.requires_grad
    assert x.grad is None
    assert seen
    assert len(net._forward_hooks) == 1
    handle.remove()
    after = state(net)
    assert alike(before[:4], after[:4])
    assert torch.equal(drawn, after[4])
    assert random.getstate() == own


def test_kernels_under_inference_mode_and_in_single_precision():
    net, X = nn.Sequential(linear(), nn.Tanh(), nn.Linear(3, 2)), points(4, 5)
    expected = empirical_ntk(net, X)
    with torch.inference_mode():
        found = empirical_ntk(net, X + 0)
    assert found.dtype == torch.float32
    exact = empirical_ntk(net.double(), X.double())
    # Sums of 30 products or fewer, each of numbers with a few roundings.
    bar = 60 * torch.finfo(torch.float32).eps * float(exact.abs().max())
    assert float((found - exact).abs().max()) <= bar
    assert float((expected - exact).abs().max()) <= bar


def test_cost_says_what_is_picked():
    found = cost(nn.Sequential(linear(), nn.Tanh(), nn.Linear(3, 3)), points(4, 5))
    assert found.method == "structured"
    assert found.reason.startswith("structured: the least")
    assert [layer.parameters[1] for layer in found.layers] == ["0.weight", "2.weight"]
    assert found.work["structured"] < found.work["contract"]
    assert cost(linear(), points(4, 5), method="contract").method == "contract"
    rare = nn.PReLU()
    assert cost(rare, points(4, 5)).method == "contract"
    with pytest.raises(ValueError, match="knows no form of any parameter"):
        empirical_ntk(rare, points(4, 5), method="structured")
