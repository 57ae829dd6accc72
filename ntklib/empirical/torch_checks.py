"""What must hold so that each example has a Jacobian of its own: asked, never assumed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from ntklib.empirical.torch_call import Problem, count, mapped, take
from ntklib.empirical.torch_capture import RefusedError

# Examples that are run one by one, beside two halves of all that are run each in one batch.
ALONE = 8


def uses(y: Any, wanted: Iterable[Any]) -> tuple[dict[int, set[Any]], list[Any]]:
    """Where the graph of ``y`` takes each of these parameters: edges, by the parameter's id.

    With them the nodes, which must stay alive as long as edges are compared.
    """
    ids = {id(p) for p in wanted}
    found: dict[int, set[Any]] = {}
    seen: set[Any] = set()
    waiting = [] if y.grad_fn is None else [y.grad_fn]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        for k, (after, _) in enumerate(node.next_functions):
            if hasattr(after, "variable"):
                if id(after.variable) in ids:
                    found.setdefault(id(after.variable), set()).add((node, k))
            elif after is not None:
                waiting.append(after)
    return found, list(seen)


def refuse_modes(module: Any) -> None:
    """Layers that mix the examples of a batch or are random, by name."""
    for name, m in module.named_modules():
        kind = type(m).__name__
        batch = isinstance(m, nn.modules.batchnorm._BatchNorm)
        if batch and (m.training or m.running_mean is None):
            raise RefusedError(
                f"{kind} {name!r} takes the mean and variance of the batch: no example has a "
                "Jacobian of its own. model.eval() uses the running ones, where it keeps them"
            )
        if isinstance(m, nn.modules.dropout._DropoutNd) and m.training and m.p > 0:
            raise RefusedError(f"{kind} {name!r} is active: model.eval() turns it off")


def same(y: Any, z: Any, scale: float) -> bool:
    """Whether outputs are the same up to the rounding of products of other sizes."""
    share = 100 * torch.finfo(y.dtype).eps ** 0.75
    return bool(y.shape == z.shape and float((y - z).abs().max()) <= share * scale)


def check_examples(problem: Problem, name: str, X: Any) -> Any:
    """Refuse a model whose output for an example depends on the others, or on chance.

    Some examples are run alone, and all in two halves. Returns the outputs.
    """
    n = count(name, X)
    with torch.no_grad():
        y = problem.call(X)
        if not bool(torch.isfinite(y).all()):
            raise ValueError(f"the model's output at {name} must be finite")
        scale = float(y.abs().max())
        if n == 1:
            batches = [([0, 0], torch.cat([y, y]))]
        else:
            few = sorted({round(k * (n - 1) / (ALONE - 1)) for k in range(ALONE)})
            parts = [[i] for i in few] + [list(range(k, n, 2)) for k in (0, 1) if n > ALONE]
            batches = [(rows, y[rows]) for rows in parts]
        for rows, expected in batches:
            if not same(expected, problem.call(take(X, rows)), scale):
                raise RefusedError(
                    f"the model's output for an example of {name} depends on the other examples, "
                    "or on chance: no example has a Jacobian of its own"
                )
    return y


def check_unseen(problem: Problem, X: Any, seen: Iterable[int]) -> None:
    """Refuse parameters that move the output though no gradient reaches them."""
    found = set(seen)
    unseen = {name: p for name, p in problem.parameters.items() if id(p) not in found}
    if not unseen:
        return
    x = mapped(X, lambda t: t[:1])
    with torch.no_grad():
        y = problem.call(x)
        made = torch.Generator().manual_seed(0)
        moved = {}
        for name, p in unseen.items():
            change = torch.randn(p.shape, generator=made, dtype=p.dtype).to(p.device)
            moved[name] = p + change * p.abs().mean().clamp_min(1e-3)
        z = problem.call(x, moved)
    if not same(y, z, float(y.abs().max())):
        raise RefusedError(
            f"parameters {sorted(unseen)} move the output, but no gradient reaches them (detach, "
            "no_grad, a reentrant checkpoint): leave them out by params, or take them as constant "
            "with check=False"
        )
