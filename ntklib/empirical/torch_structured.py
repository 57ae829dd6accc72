"""The kernel from activations and output gradients, layer by layer, without a Jacobian.

One pass forward, one backward for each output, whatever the number of examples; then products of
matrices, by the routes of `torch_routes`. Two things are checked on the way, with one more pass
backward for random weights v of all outputs of all examples: that the gradients at each call's
output, weighted by v, are those of the weighted sum, which fails where examples mix or lie
elsewhere than thought; and that each parameter's gradient is what its factors say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from ntklib.empirical.request import HELD, Mode
from ntklib.empirical.torch_call import Problem, take, tensors
from ntklib.empirical.torch_capture import Call
from ntklib.empirical.torch_factors import gradients, inputs, rows, split, tokens
from ntklib.empirical.torch_plan import Key, Part, Route, UnexplainedError, parts, seen
from ntklib.empirical.torch_routes import ROUTES, add_rows, block

Tensor = Any  # of torch, which need not be there when types are checked
Plan = dict[Key, Route]


def filled(
    problem: Problem, X: Any, plan: Plan, size: tuple[int, int, bool], check: bool
) -> list[Part]:
    """The parts with their factors at some examples, in the order of the plan."""
    n = next(tensors(X)).shape[0]
    run = seen(problem, X)
    found = {part.key: part for part in parts(problem, run, *size, n)}
    if set(found) != set(plan):
        others = set(found).symmetric_difference(plan)
        raise UnexplainedError({name for key in others for name in key[1:] if name is not None})
    ordered = [found[key] for key in plan]
    calls = list({id(c): c for part in ordered for c in part.calls}.values())
    if not calls:
        return []
    edges, (_, o) = [call.edge for call in calls], run.y.shape
    v, expected, trained = None, (), []
    if check:
        made = torch.Generator().manual_seed(1)
        v = torch.randn(run.y.shape, generator=made, dtype=run.y.dtype).to(run.y.device)
        trained = sorted({name for part in ordered for name in part.names})
        wanted = [*edges, *(problem.parameters[name] for name in trained)]
        expected = torch.autograd.grad(run.y, wanted, v, retain_graph=True, allow_unused=True)
    with torch.no_grad():
        for part in ordered:
            allocate(problem, part, plan[part.key], n, run.y)
    sums: list[Any] = [None] * len(calls)
    sizes = [0.0] * len(calls)
    weights = torch.zeros_like(run.y)
    for a in range(o):
        weights.zero_()[:, a] = 1
        arrived = torch.autograd.grad(
            run.y, edges, weights, retain_graph=a < o - 1, allow_unused=True
        )
        with torch.no_grad():
            at: dict[int, Any] = {}
            for k, (call, g) in enumerate(zip(calls, arrived, strict=True)):
                at[id(call)] = run.y.new_zeros(call.shape) if g is None else g
                if v is not None and g is not None:
                    term = split(g, call.layout, n)
                    term = term * v[:, a].reshape(n, *[1] * (term.dim() - 1))
                    sizes[k] += float(term.norm()) ** 2
                    sums[k] = term if sums[k] is None else sums[k].add_(term)
            for part in ordered:
                store(problem, part, plan[part.key], at, n, a)
    if v is not None:
        with torch.no_grad():
            bad = mixed(problem, calls, expected, sums, sizes, n)
            for part in ordered:
                bad |= wrong(
                    problem, part, v, dict(zip(trained, expected[len(edges) :], strict=True))
                )
        if bad:
            raise UnexplainedError(bad)
    for part in ordered:
        if plan[part.key].reduced:
            part.calls, part.A = [], None
    return ordered


def allocate(problem: Problem, part: Part, to: Route, n: int, y: Tensor) -> None:
    s = part.sizes
    if to.name == "rows":
        part.W = y.new_empty(n, s.o, s.c)
    elif to.reduced:
        part.A = joined(part, n)
        part.W = y.new_empty(n, s.o, s.groups, s.c, s.d)
    else:
        part.G = y.new_empty(n, s.o, s.groups, s.c, s.L)


def joined(part: Part, n: int) -> Tensor:
    """``A`` of all calls, with a column of ones for the bias, shape (n, groups, L, d)."""
    A = torch.cat([inputs(call, n) for call in part.calls], 2)
    if part.bias is None:
        return A
    return torch.cat([A, A.new_ones(*A.shape[:3], 1)], 3)


def store(problem: Problem, part: Part, to: Route, at: dict[int, Tensor], n: int, a: int) -> None:
    """Keep what one output's gradients give."""
    if to.name == "rows":
        p = problem.parameters[str(part.weight)]
        part.W[:, a] = sum(rows(call, p, at[id(call)], n) for call in part.calls)
        return
    G = [gradients(call, at[id(call)], n) for call in part.calls]
    if to.reduced:
        part.W[:, a] = (G[0] if len(G) == 1 else torch.cat(G, 3)) @ part.A
        return
    start = 0
    for g in G:
        part.G[:, a, :, :, start : start + g.shape[3]] = g
        start += g.shape[3]


def bar(dtype: Any) -> float:
    """How far sums of the same terms in another order may be off, as a share of their size."""
    return 1e3 * float(torch.finfo(dtype).eps)


def mixed(
    problem: Problem,
    calls: list[Call],
    expected: Sequence[Any],
    sums: list[Any],
    sizes: list[float],
    n: int,
) -> set[str]:
    """Parameters of calls at whose output the examples mix, or lie elsewhere than thought."""
    names = {id(p): name for name, p in problem.parameters.items()}
    bad: set[str] = set()
    for call, g, total, size in zip(calls, expected, sums, sizes, strict=False):
        if g is None or total is None:
            continue
        error = float((split(g, call.layout, n) - total).norm())
        if not error <= bar(total.dtype) * math.sqrt(size):
            bad |= {names[id(p)] for p in (call.weight, call.bias) if id(p) in names}
    return bad


def wrong(problem: Problem, part: Part, v: Tensor, expected: dict[str, Any]) -> set[str]:
    """Parameters of a part whose gradient for weights v is not what the factors say."""
    found, size = combined(part, v)
    bad = set()
    for name in part.names:
        g = expected[name]
        if g is None:
            bad.add(name)
            continue
        got = found
        if part.kind == "pairs":
            got = (
                found[..., -1]
                if name == part.bias
                else found[..., : part.sizes.d - bool(part.bias)]
            )
            if part.calls[0].kind == "matmul" and name == part.weight:
                got = got.transpose(1, 2)
        error = float((got.reshape(-1) - g.reshape(-1)).norm())
        if not error <= bar(v.dtype) * max(size, float(g.norm())):
            bad.add(name)
    return bad


def combined(part: Part, v: Tensor) -> tuple[Tensor, float]:
    """The sum over examples and outputs of v times the gradients, and the size of its terms."""
    n = len(v)
    if part.W is not None:
        W = part.W.reshape(v.numel(), -1)
        found = (v.reshape(1, -1) @ W).reshape(part.W.shape[2:])
        return found, float(torch.linalg.vector_norm(W, dim=1).dot(v.abs().reshape(-1))) / n**0.5
    g = torch.einsum("na,nagcl->ngcl", v, part.G)
    if part.kind == "lookup":
        at, G = lookup(part, g[:, None], n)
        values = G[:, 0].transpose(1, 2)
        total = values.new_zeros(part.calls[0].options[1], values.shape[2])
        return total.index_add_(0, at.reshape(-1), values.flatten(0, 1)), float(values.norm())
    A = joined(part, n)
    found = torch.stack(
        [
            g[:, k].transpose(0, 1).reshape(g.shape[2], -1) @ A[:, k].reshape(-1, A.shape[3])
            for k in range(part.sizes.groups)
        ]
    )
    if A.numel() * A.element_size() <= HELD // 16:
        part.A = A
    return found, float(g.norm()) * float(A.norm()) / n**0.5


def lookup(part: Part, G: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Tokens (n, L) and gradients (n, o, c, L), those of the token that is skipped zero."""
    at = torch.cat([tokens(call, n) for call in part.calls], 1)
    skipped = part.calls[0].options[0]
    G = G[:, :, 0]
    return at, G if skipped is None else G * (at != skipped)[:, None, None, :]


def contribute(
    K: Tensor,
    left: Part,
    right: Part,
    to: Route,
    sizes: tuple[int, int],
    mode: Mode,
    symmetric: bool,
) -> None:
    """Add a part's kernel between the examples of two blocks."""
    n, m = sizes
    if to.reduced:
        W, V = (part.W.reshape(len(part.W), part.sizes.o, -1) for part in (left, right))
        add_rows(K, W, V, mode, symmetric)
        return
    function = ROUTES[to.name]
    if left.kind == "lookup":
        one = lookup(left, left.G, n)
        function(K, one, one if right is left else lookup(right, right.G, m), mode, symmetric)
        return
    A = joined(left, n) if left.A is None else left.A
    B = A if right is left else joined(right, m) if right.A is None else right.A
    for group in range(left.sizes.groups):
        first, second = (A[:, group], left.G[:, :, group]), (B[:, group], right.G[:, :, group])
        function(K, first, second, mode, symmetric)


def add(
    kernels: dict[str, Tensor],
    problem: Problem,
    sides: tuple[Any, Any],
    plan: Plan,
    batch: int,
    mode: Mode,
    check: bool,
) -> None:
    """Add the kernels between the examples of both sides; the second is None for the first again.

    Of a symmetric kernel the upper half. Gradients of two blocks of examples are held at a time,
    and computed anew for each pair of blocks.
    """
    X, Z = sides
    symmetric = Z is None
    other = X if symmetric else Z
    n, m = (next(tensors(side)).shape[0] for side in (X, other))
    size = n, m, symmetric

    def block_of(side: Any, start: int, length: int, checked: bool) -> tuple[slice, list[Part]]:
        at = slice(start, min(start + batch, length))
        return at, filled(problem, take(side, at), plan, size, check and checked)

    for i in range(0, n, batch):
        rows_at, left = block_of(X, i, n, True)
        for j in range(i if symmetric else 0, m, batch):
            same = symmetric and j == i
            columns, right = (
                (rows_at, left) if same else block_of(other, j, m, i == 0 and not symmetric)
            )
            last = j + batch >= m
            for k, (one, two) in enumerate(zip(left, right, strict=True)):
                label = problem.labels[next(iter(one.names))]
                part = block(kernels[label], rows_at, columns, one.sizes.o, mode)
                lengths = rows_at.stop - rows_at.start, columns.stop - columns.start
                with torch.no_grad():
                    contribute(part, one, two, plan[one.key], lengths, mode, same)
                if last and not same:
                    left[k].G = left[k].A = left[k].W = None
                elif last:
                    one.G = one.A = one.W = None
