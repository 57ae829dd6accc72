"""The empirical kernel of modules of torch against explicit Jacobians in float64."""

import numpy as np
import pytest
import torch
from torch import nn

from ntklib import ShallowNetwork, ntk
from ntklib.empirical import (
    empirical_ntk,
    torch_contract,
    torch_plan,
    torch_routes,
    torch_structured,
)
from tests.libraries.networks import NETWORKS, Several

pytestmark = pytest.mark.torch
EXACT = 1e-12
torch.set_num_threads(1)  # these are small: threads would wait for each other


@pytest.fixture(autouse=True)
def _double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


def made(name):
    net, X = NETWORKS[name]()
    net.eval()
    with torch.no_grad():  # scales of one and shifts of zero would hide what goes wrong
        for p in net.parameters():
            if p.dim() <= 1:
                p.add_(0.1 * torch.randn_like(p))
        for key, b in net.named_buffers():
            if "running" in key:
                b.add_(0.3 * torch.rand_like(b))
    return net, X


def jacobian(net, X, of=lambda y: y, names=None):
    """Rows of the Jacobian by plain backward passes of single examples: (n, o, p)."""
    named = [(k, p) for k, p in net.named_parameters() if p.requires_grad]
    ps = [p for k, p in named if names is None or k in names]
    rows = []
    for i in range(len(X)):
        y = of(net(X[i : i + 1]))[0].reshape(-1)
        for a in range(len(y)):
            gs = torch.autograd.grad(y[a], ps, retain_graph=True, allow_unused=True)
            parts = [torch.zeros_like(p) if g is None else g for g, p in zip(gs, ps, strict=True)]
            rows.append(torch.cat([g.reshape(-1) for g in parts]))
    return torch.stack(rows).reshape(len(X), len(y), -1)


def reduced(J, H, outputs):
    full = torch.einsum("iap,jbp->ijab", J, H)
    diagonal = full.diagonal(dim1=2, dim2=3)
    return {"full": full, "diagonal": diagonal, "trace": diagonal.sum(2)}[outputs]


def error(found, expected):
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("outputs", ["full", "trace", "diagonal"])
def test_every_layer_agrees_with_explicit_jacobians(name, outputs):
    net, X = made(name)
    J = jacobian(net, X)
    Z = X.flip(0)[: max(1, len(X) - 1)]
    H = jacobian(net, Z)
    found = empirical_ntk(net, X, Z, outputs=outputs)
    assert error(found, reduced(J, H, outputs)) <= EXACT
    if outputs == "full":
        K = empirical_ntk(net, X)
        assert error(K, reduced(J, J, outputs)) <= EXACT
        assert torch.equal(K, K.permute(1, 0, 3, 2))
        found = empirical_ntk(net, X, method="contract", batch=2)
        assert error(found, reduced(J, J, outputs)) <= EXACT


def test_what_is_known_goes_without_a_jacobian(monkeypatch):
    """Of these only what is named goes by Jacobians, also after the checks."""
    left = {}
    plain = torch_contract.contract

    def seen(made, problem, *rest):
        left[name] = set(problem.parameters)
        return plain(made, problem, *rest)

    monkeypatch.setattr(torch_contract, "contract", seen)
    for name in NETWORKS:
        empirical_ntk(*made(name), method="structured", outputs="trace")
    norm = (f"0.parametrizations.weight.original{k}" for k in (0, 1))
    lstm = (f"a.{kind}_{side}_l0" for kind in ("weight", "bias") for side in ("ih", "hh"))
    assert left == {
        "places without examples": {"place.weight"},
        "bare parameters": {"u"},
        "weight norm": set(norm),
        "one layer twice": {"1.weight"},
        "overlapping pieces": {"W"},
        "pieces and whole": {"W"},
        "a piece that is changed": {"W"},
        "rare layers": {"a.weight", "a.bias", "d.weight"},
        "recurrent": set(lstm),
        "own function": {"a.weight"},
    }


@pytest.mark.parametrize(
    ("route", "outputs"),
    [(r, o) for r in ("explicit", "hadamard") for o in ("trace", "diagonal")]
    + [("explicit", "full"), ("mix", "full")],
)
@pytest.mark.parametrize("name", ["convolutions", "transposed", "embedding with padding"])
def test_every_route_in_blocks_agrees_with_explicit_jacobians(monkeypatch, name, route, outputs):
    counted = torch_plan.work

    def forced(*args):
        found = counted(*args)
        return {route: 0.0} if route in found else found

    def two(part, n, y):
        s = part.sizes
        return y.new_empty(n, s.groups, 2, s.c, s.L)

    monkeypatch.setattr(torch_plan, "work", forced)
    monkeypatch.setattr(torch_routes, "PIECE", 1)
    net, X = made(name)
    Z = X[1:]
    J, H = jacobian(net, X), jacobian(net, Z)
    for other, batch, K in (
        (None, None, reduced(J, J, outputs)),
        (None, 2, reduced(J, J, outputs)),
        (Z, 2, reduced(J, H, outputs)),
    ):
        if batch:  # gradients of two outputs wait for each other, and the last for none
            monkeypatch.setattr(torch_structured, "waiting", two)
        found = empirical_ntk(net, X, other, outputs=outputs, batch=batch, method="structured")
        assert error(found, K) <= EXACT


@pytest.mark.parametrize("name", ["tokens", "bare parameters", "one weight, two biases"])
@pytest.mark.parametrize("method", ["structured", "contract", "products"])
def test_kernels_by_layer_and_by_group_sum_to_the_whole(name, method):
    net, X = made(name)
    whole = empirical_ntk(net, X, method=method)
    layers = empirical_ntk(net, X, method=method, by_layer=True)
    assert error(sum(layers.values()), whole) <= EXACT
    names = [key for key, _ in net.named_parameters()]
    groups = {"first": names[:3], "rest": names[3:]}
    found = empirical_ntk(net, X, method=method, by_layer=groups)
    assert list(found) == ["first", "rest"]
    for group, members in groups.items():
        J = jacobian(net, X, names=members)
        assert error(found[group], reduced(J, J, "full")) <= EXACT
        assert error(empirical_ntk(net, X, method=method, params=members), found[group]) <= EXACT


def test_a_bias_of_another_group_than_its_weight():
    net, X = made("mlp")
    found = empirical_ntk(net, X, by_layer={"b": ["0.bias"], "w": ["0.weight", "2"]})
    for group, members in {"b": ["0.bias"], "w": ["0.weight", "2.weight", "2.bias"]}.items():
        J = jacobian(net, X, names=members)
        assert error(found[group], reduced(J, J, "full")) <= EXACT


@pytest.mark.parametrize("method", ["structured", "contract", "products"])
def test_outputs_of_any_shape_and_functions_of_them(method):
    net, X = nn.Linear(5, 6), torch.randn(3, 5)
    J = jacobian(net, X)
    full = reduced(J, J, "full")
    shaped = nn.Sequential(net, nn.Unflatten(1, (2, 3)))
    found = empirical_ntk(shaped, X, method=method)
    assert error(found, full.reshape(3, 3, 2, 3, 2, 3)) <= EXACT
    found = empirical_ntk(shaped, X, outputs="diagonal", method=method)
    assert error(found, full.diagonal(dim1=2, dim2=3).reshape(3, 3, 2, 3)) <= EXACT
    for index in (4, -2):
        found = empirical_ntk(shaped, X, outputs=index, method=method)
        assert error(found, full[:, :, 4, 4]) <= EXACT

    def energy(y):
        return (y**2).sum((1, 2))

    J = jacobian(shaped, X, of=energy)
    found = empirical_ntk(shaped, X, outputs=energy, method=method)
    assert error(found, reduced(J, J, "trace")) <= EXACT
    J = jacobian(net, X, of=lambda y: y.log_softmax(1))
    found = empirical_ntk(net, X, outputs=(lambda y: y.log_softmax(1), "trace"), method=method)
    assert error(found, reduced(J, J, "trace")) <= EXACT


@pytest.mark.parametrize("method", ["structured", "contract", "products"])
def test_inputs_in_tuples_and_dicts_and_one_entry_of_a_dict(method):
    net = Several()
    X = {"image": torch.randn(4, 5), "words": torch.randn(4, 3)}

    def logits(y):
        return y["logits"]

    ps, rows = list(net.parameters()), []
    for i in range(4):
        y = net(**{key: x[i : i + 1] for key, x in X.items()})["logits"][0]
        for a in range(4):
            gs = torch.autograd.grad(y[a], ps, retain_graph=True)
            rows.append(torch.cat([g.reshape(-1) for g in gs]))
    J = torch.stack(rows).reshape(4, 4, -1)
    for given in (X, tuple(X.values())):
        found = empirical_ntk(net, given, outputs=logits, method=method)
        assert error(found, reduced(J, J, "full")) <= EXACT


@pytest.mark.parametrize("method", ["structured", "contract", "products"])
def test_the_shallow_network_of_the_lecture(method):
    """The same numbers as `ShallowNetwork`, whose outer weights are fixed."""
    rng = np.random.default_rng(0)
    shallow, W = ShallowNetwork.random(4, 30, rng=rng, activation="tanh", eps=0.7)
    X, Z = rng.standard_normal((6, 4)), rng.standard_normal((3, 4))
    net = nn.Sequential(nn.Linear(4, 30, bias=False), nn.Tanh(), nn.Linear(30, 1, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.as_tensor(W))
        net[2].weight.copy_(torch.as_tensor(0.7 / 30**0.5 * shallow.a)[None])
    net[2].requires_grad_(False)
    for other in (None, Z):
        expected = empirical_ntk(shallow, X, other, params=W, method=method)
        assert np.abs(expected - shallow.empirical_ntk(X, other, W=W)).max() <= EXACT
        given = None if other is None else torch.as_tensor(other)
        found = empirical_ntk(net, torch.as_tensor(X), given, outputs=0, method=method)
        assert np.abs(found.numpy() - expected).max() <= EXACT


def test_a_wide_network_is_near_the_limit():
    r"""Two hidden layers of m neurons, all trained: within 6 standard errors of the limit.

    The kernel of `ntk` has depth 2. Entries of the finite kernel are off by O(1/sqrt m); five
    networks are drawn, and the mean of their kernels is held against the limit, whose bias O(1/m)
    is below a standard error here.
    """
    m, d, draws = 400, 3, 12
    X = np.random.default_rng(1).standard_normal((4, d))
    found = []
    for _ in range(draws):
        net = nn.Sequential(
            *(nn.Linear(d, m, bias=False), nn.ReLU(), nn.Linear(m, m, bias=False), nn.ReLU()),
            nn.Linear(m, 1, bias=False),
        )
        # Weights of variance one, scaled on the way: gradients are in these weights.
        scaled = [nn.Parameter(torch.randn_like(p)) for p in net.parameters()]
        widths = (1, m, m)
        for layer, p, width in zip(net[::2], scaled, widths, strict=True):
            layer.weight = p
            torch.nn.utils.parametrize.register_parametrization(layer, "weight", Scale(width**-0.5))
        found.append(empirical_ntk(net, torch.as_tensor(X), outputs=0, method="contract").numpy())
    mean, spread = np.mean(found, 0), np.std(found, 0, ddof=1) / draws**0.5
    limit = ntk(X, depth=2, activation="relu", W_std=1.0)
    assert (np.abs(mean - limit) <= 6 * spread).all()


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, W):
        return self.factor * W


def random_network(rng):
    """A few layers one after the other on signals of some channels, drawn with their settings."""
    c, layers = 4, []
    for _ in range(rng.integers(2, 5)):
        groups, size = int(rng.choice([1, 2])), int(rng.integers(1, 4))
        settings = {"padding": size // 2, "dilation": int(rng.integers(1, 3)), "groups": groups}
        layers.append(
            [
                lambda s=settings, k=size: nn.Conv1d(4, 4, k, bias=bool(k % 2), **s),
                lambda g=groups: nn.GroupNorm(g, 4),
                lambda: nn.BatchNorm1d(4),
                lambda: nn.Sequential(Swapped(), nn.LayerNorm(4), nn.Linear(4, 4), Swapped()),
                lambda: layers[0] if layers else nn.Conv1d(4, 4, 1),  # a layer used again
                lambda: nn.PReLU(4),
                lambda s=settings, k=size: nn.ConvTranspose1d(4, 4, k, bias=bool(k % 2), **s),
                lambda: Attended(int(rng.integers(1, 4))),
            ][rng.integers(8)]()
        )
        layers.append([nn.Tanh(), nn.GELU(), nn.ReLU(inplace=True)][rng.integers(3)])
    head = [nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(c, int(rng.integers(1, 4)))]
    return nn.Sequential(nn.Conv1d(2, 4, 3, padding=1), *layers, *head)


class Attended(nn.Module):
    """Attention whose queries, keys and values are one, or of which one or none is another."""

    def __init__(self, kinds):
        super().__init__()
        self.kinds, self.inner = kinds, nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        x = x.transpose(1, 2)
        k = torch.sin(x) if self.kinds > 1 else x
        v = torch.cos(x) if self.kinds > 2 else k
        return (x + self.inner(x, k, v, need_weights=False)[0]).transpose(1, 2)


class Swapped(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)


@pytest.mark.parametrize("seed", range(16))
def test_random_architectures_agree_with_explicit_jacobians(seed):
    rng = np.random.default_rng(seed)
    net = random_network(rng).eval()
    X = torch.randn(int(rng.integers(1, 6)), 2, int(rng.integers(7, 11)))
    J, own = jacobian(net, X), [id(p) for p in net.parameters()]
    for outputs in ("full", "trace"):
        found = empirical_ntk(net, X, outputs=outputs, method="structured", batch=3)
        assert error(found, reduced(J, J, outputs)) <= EXACT
    empirical_ntk(net, X, method="contract")
    assert [id(p) for p in net.parameters()] == own  # also where a module has two names
