"""The empirical kernel of modules of torch against explicit Jacobians in float64."""

import numpy as np
import pytest
import torch

from ntklib.empirical import empirical_ntk, torch_plan
from tests.libraries.networks import NETWORKS

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
    for other, K in ((None, reduced(J, J, outputs)), (Z, reduced(J, H, outputs))):
        for method in ("auto", "contract"):
            assert error(empirical_ntk(net, X, other, outputs=outputs, method=method), K) <= EXACT
    if outputs == "full":
        K = empirical_ntk(net, X)
        assert torch.equal(K, K.permute(1, 0, 3, 2))


@pytest.mark.parametrize("route", ["explicit", "mix", "hadamard"])
@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize(
    "name", ["convolutions", "conv3d", "norms", "tokens", "embedding with padding", "used again"]
)
def test_every_route_in_blocks_agrees_with_explicit_jacobians(monkeypatch, name, route, batch):
    counted = torch_plan.work

    def forced(*args):
        found = counted(*args)
        return {route: 0.0} if route in found else found

    monkeypatch.setattr(torch_plan, "work", forced)
    net, X = made(name)
    Z = X[1:]
    J, H = jacobian(net, X), jacobian(net, Z)
    for outputs in ("full", "trace", "diagonal"):
        for other, K in ((None, reduced(J, J, outputs)), (Z, reduced(J, H, outputs))):
            found = empirical_ntk(net, X, other, outputs=outputs, batch=batch, method="structured")
            assert error(found, K) <= EXACT
