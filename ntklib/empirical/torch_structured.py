"""The kernel from activations and output gradients, layer by layer, without a Jacobian.

One pass forward, one backward for each output, whatever the number of examples; then products of
matrices, by the routes of `torch_routes`. Two things are checked on the way, with one more pass
backward for random weights v of all outputs of all examples: that the gradients at each call's
output, weighted by v, are those of the weighted sum, which fails where examples mix or lie
elsewhere than thought; and that each parameter's gradient is what its factors say.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from ntklib.empirical.request import Mode
from ntklib.empirical.torch_call import Problem, take, tensors
from ntklib.empirical.torch_capture import Call
from ntklib.empirical.torch_factors import (
    CONVOLUTIONS,
    TURNED,
    gradients,
    put_inputs,
    rows,
    split,
    tokens,
)
from ntklib.empirical.torch_plan import Key, Part, Route, Seen, parts, seen, unexplained
from ntklib.empirical.torch_routes import ROUTES, add_rows, block

Tensor = Any  # of torch, which need not be there when types are checked
Plan = dict[Key, Route]
# Examples that the model runs on at a time.
PASS = 128
# Entries of gradients that wait until several outputs' are there.
WAITING = 1 << 20


def filled(
    problem: Problem, X: Any, plan: Plan, size: tuple[int, int, bool], check: bool
) -> list[Part]:
    """The parts with their factors at some examples, in the order of the plan.

    The model runs on `PASS` of them at a time: what a pass leaves behind then stays near the
    processor, and is gone before the next.
    """
    n = next(tensors(X)).shape[0]
    passes = -(-n // PASS)
    ends = [n * k // passes for k in range(passes + 1)]
    whole: list[Part] = []
    for start, stop in itertools.pairwise(ends):
        run = seen(problem, take(X, slice(start, stop)))
        found = matched(run, plan, size, stop - start)
        if not whole:
            whole = [allocated(part, plan[part.key], n, run.y) for part in found]
        changed = {
            name
            for part, all_of in zip(found, whole, strict=True)
            if part.sizes != all_of.sizes
            for name in part.names
        }
        if changed:  # as often as some of the examples need it, say
            raise unexplained(run, changed)
        for part, all_of in zip(found, whole, strict=True):
            for key in ("A", "G", "W"):
                t = getattr(all_of, key)
                setattr(part, key, None if t is None else t[start:stop])
        passed(run, found, plan, stop - start, check)
    return whole


def matched(run: Seen, plan: Plan, size: tuple[int, int, bool], n: int) -> list[Part]:
    """The parts of a pass in the order of the plan; UnexplainedError where they are others."""
    found = {part.key: part for part in parts(run, *size, n)}
    if set(found) != set(plan):
        others = set(found).symmetric_difference(plan)
        names = {name for key in others for name in key[1:] if name is not None}
        raise unexplained(run, names)
    return [found[key] for key in plan]


def passed(run: Seen, ordered: list[Part], plan: Plan, n: int, check: bool) -> None:
    """One backward pass for each output, and what it gives kept; and the checks."""
    calls = list({id(c): c for part in ordered for c in part.calls}.values())
    if not calls:
        return
    problem = run.problem
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
            if part.kind == "pairs":
                if plan[part.key].reduced:
                    part.A = room(part, n, True, run.y)
                    part.G = waiting(part, n, run.y)
                joined(part, part.A, n)
            elif part.kind == "lookup":
                part.A.copy_(torch.cat([tokens(call, n) for call in part.calls], 1))
    sums: list[Any] = [None] * len(calls)
    sizes: list[Any] = [0.0] * len(calls)
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
                    by = v[:, a].reshape(n, *[1] * (term.dim() - 1))
                    sizes[k] = sizes[k] + torch.linalg.vector_norm(term) ** 2
                    sums[k] = term * by if sums[k] is None else sums[k].addcmul_(term, by)
            for part in ordered:
                store(problem, part, plan[part.key], at, n, a)
    if v is not None:
        totals = {
            id(call): split(run.y.new_zeros(call.shape), call.layout, n) if s is None else s
            for call, s in zip(calls, sums, strict=True)
        }
        given = dict(zip(trained, expected[len(edges) :], strict=True))
        with torch.no_grad():
            bad = mixed(problem, calls, expected, sums, sizes, n)
            for part in ordered:
                bad |= wrong(problem, part, v, totals, given)
        if bad:
            raise unexplained(run, bad)


def allocated(part: Part, to: Route, n: int, y: Tensor) -> Part:
    """The part with room for the factors of n examples, in the order in which they are used."""
    s = part.sizes
    whole = replace(part, calls=[])
    if to.name == "rows":
        whole.W = y.new_empty(n, s.o, s.c)
    elif to.reduced:
        whole.W = y.new_empty(n, s.o, s.groups, s.c, s.d)
    else:
        # Gradients come with channels inside positions, but for convolutions.
        whole.G = (
            y.new_empty(n, s.groups, s.o, s.c, s.L).transpose(1, 2)
            if part.calls[0].kind in CONVOLUTIONS
            else y.new_empty(n, s.groups, s.L, s.o, s.c).permute(0, 3, 1, 4, 2)
        )
        if part.kind == "lookup":
            whole.A = torch.empty(n, s.L, dtype=torch.long, device=y.device)
        else:
            whole.A = room(part, n, to.name == "explicit", y)
    return whole


def room(part: Part, n: int, formed: bool, y: Tensor) -> Tensor:
    """Memory for ``A``, (n, groups, L, d): for forming gradients windows are faster turned."""
    s = part.sizes
    if formed and part.calls[0].kind in CONVOLUTIONS:
        return y.new_empty(n, s.groups, s.d, s.L).transpose(2, 3)
    return y.new_empty(n, s.groups, s.L, s.d)


def waiting(part: Part, n: int, y: Tensor) -> Tensor:
    """Memory for ``G`` of some outputs, (n, groups, outputs, c, L), which are formed together.

    One product of many rows is faster than several of few.
    """
    s = part.sizes
    most = max(1, WAITING // (n * s.groups * s.c * s.L))
    # As many each time, but for rounding.
    times = -(-s.o // most)
    return y.new_empty(n, s.groups, -(-s.o // times), s.c, s.L)


def joined(part: Part, A: Tensor, n: int) -> None:
    """Write ``A`` of all calls, with a column of ones for the bias, shape (n, groups, L, d)."""
    d = part.sizes.d - (part.bias is not None)
    start = 0
    for call in part.calls:
        stop = start + part.positions(call, n)
        put_inputs(call, n, A[:, :, start:stop, :d])
        start = stop
    A[..., d:] = 1


def store(problem: Problem, part: Part, to: Route, at: dict[int, Tensor], n: int, a: int) -> None:
    """Keep what one output's gradients give."""
    if to.name == "rows":
        p = problem.parameters[str(part.weight)]
        part.W[:, a] = sum(rows(call, p, at[id(call)], n) for call in part.calls)
        return
    if to.reduced:
        k = a % part.G.shape[2]
        part.G[:, :, k].copy_(joint(part, at, n))
        if k + 1 == part.G.shape[2] or a + 1 == part.sizes.o:
            formed = part.G[:, :, : k + 1].flatten(2, 3) @ part.A
            into = part.W[:, a - k : a + 1].transpose(1, 2)
            into.copy_(formed.view(into.shape))
        return
    start = 0
    for call in part.calls:
        g = gradients(call, split(at[id(call)], call.layout, n), n)
        into = part.G[:, a, :, :, start : start + g.shape[3]]
        if part.kind == "lookup" and call.options[0] is not None:
            torch.mul(g, (tokens(call, n) != call.options[0])[:, None, None], out=into)
        else:
            into.copy_(g)
        start += g.shape[3]


def joint(part: Part, at: dict[int, Tensor], n: int) -> Tensor:
    """``G`` of all calls for one output, shape (n, groups, c, L)."""
    G = [gradients(call, split(at[id(call)], call.layout, n), n) for call in part.calls]
    return G[0] if len(G) == 1 else torch.cat(G, 3)


def bar(dtype: Any) -> float:
    """How far sums of the same terms in another order may be off, as a share of their size."""
    return 1e3 * float(torch.finfo(dtype).eps)


def mixed(
    problem: Problem,
    calls: list[Call],
    expected: Sequence[Any],
    sums: list[Any],
    sizes: list[Any],
    n: int,
) -> set[str]:
    """Parameters of calls at whose output the examples mix, or lie elsewhere than thought."""
    names = {id(p): name for name, p in problem.parameters.items()}
    bad: set[str] = set()
    for call, g, total, size in zip(calls, expected, sums, sizes, strict=False):
        if g is None or total is None:
            continue
        error = float((split(g, call.layout, n) - total).norm())
        if not error <= bar(total.dtype) * math.sqrt(float(size)):
            bad |= {names[id(p)] for p in (call.weight, call.bias) if id(p) in names}
    return bad


def wrong(
    problem: Problem, part: Part, v: Tensor, totals: dict[int, Any], expected: dict[str, Any]
) -> set[str]:
    """Parameters of a part whose gradient for weights v is not what the factors say.

    ``totals`` are the gradients at each call's output, weighted by v and summed over outputs.
    """
    bad: set[str] = set()
    found, size = combined(part, v, totals)
    for name in part.names:
        g = expected[name]
        if g is None:
            bad.add(name)
            continue
        got = found
        if part.kind == "pairs":
            d = part.sizes.d - (part.bias is not None)
            got = found[..., -1] if name == part.bias else found[..., :d]
            if part.calls[0].kind in TURNED and name == part.weight:
                got = got.transpose(1, 2)
        error = float((got.reshape(-1) - g.reshape(-1)).norm())
        if not error <= bar(v.dtype) * max(size, float(g.norm())):
            bad.add(name)
    return bad


def combined(part: Part, v: Tensor, totals: dict[int, Any]) -> tuple[Tensor, float]:
    """The sum over examples and outputs of v times the gradients, and the size of its terms."""
    n = len(v)
    if part.kind == "rows":
        W = part.W.reshape(v.numel(), -1)
        found = (v.reshape(1, -1) @ W).reshape(part.W.shape[2:])
        return found, float(torch.linalg.vector_norm(W, dim=1).dot(v.abs().reshape(-1))) / n**0.5
    G = [gradients(call, totals[id(call)], n) for call in part.calls]
    g = G[0] if len(G) == 1 else torch.cat(G, 3)
    if part.kind == "lookup":
        skipped, size = part.calls[0].options
        values = g[:, 0].transpose(1, 2)
        if skipped is not None:
            values = values * part.A.ne(skipped)[..., None]
        total = values.new_zeros(size, values.shape[2])
        return total.index_add_(0, part.A.reshape(-1), values.flatten(0, 1)), float(values.norm())
    A, s = part.A, part.sizes
    found = g.new_zeros(s.groups, s.c, s.d)
    for k in range(s.groups):
        if A.stride(3) == 1:
            torch.mm(
                g[:, k].transpose(0, 1).reshape(s.c, -1), A[:, k].reshape(-1, s.d), out=found[k]
            )
        else:
            found[k].addbmm_(g[:, k], A[:, k])
    return found, float(g.norm()) * float(A.norm()) / n**0.5


def contribute(
    K: Tensor,
    left: Part,
    right: Part,
    to: Route,
    mode: Mode,
    symmetric: bool,
) -> None:
    """Add a part's kernel between the examples of two blocks."""
    if to.reduced:
        W, V = (part.W.flatten(2) for part in (left, right))
        add_rows(K, W, V, mode, symmetric)
        return
    for group in range(left.sizes.groups):
        first, second = (
            (part.A if part.kind == "lookup" else part.A[:, group], part.G[:, :, group])
            for part in (left, right)
        )
        ROUTES[to.name](K, first, second, mode, symmetric)


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
                part = block(kernels[one.label], rows_at, columns, one.sizes.o, mode)
                with torch.no_grad():
                    contribute(part, one, two, plan[one.key], mode, same)
                if last and not same:
                    left[k].G = left[k].A = left[k].W = None
                elif last:
                    one.G = one.A = one.W = None
