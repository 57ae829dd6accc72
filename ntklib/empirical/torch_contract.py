"""The kernel from Jacobians in blocks, and from products with vectors: right for any model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.func import jvp, vjp, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from ntklib.empirical.request import HELD, Mode
from ntklib.empirical.torch_call import Problem, mapped, take, tensors
from ntklib.empirical.torch_capture import RefusedError
from ntklib.empirical.torch_routes import add_rows, block

Tensor = Any  # of torch, which need not be there when types are checked
Rows = dict[str, Tensor]


class ForwardError(RefusedError):
    """A model without forward derivatives."""


def jacobian(problem: Problem, X: Any, check: bool) -> Rows:
    """The Jacobian by parameter, shape (n, o, ...): mapped, or one example after another.

    The rule by which torch maps a function may be wrong (PReLU with a slope for each channel has
    one that is), so the check decides here too.
    """
    try:
        found = _mapped(problem, X)
        if not check or sound(problem, X, found):
            return found
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        pass  # what cannot be mapped: values taken out of tensors, functions with no rule for it
    found = _one_by_one(problem, X)
    if check and not sound(problem, X, found):
        raise RefusedError(
            "gradients of all examples at once are not those of each: the model's output for an "
            "example depends on the others, or its backward pass does"
        )
    return found


def grouped(problem: Problem, J: Rows) -> Rows:
    """The parts of the Jacobian in each group's parameters, shape (n, o, p)."""
    groups: dict[str, list[Tensor]] = {}
    for name, g in J.items():
        groups.setdefault(problem.labels[name], []).append(g.reshape(*g.shape[:2], -1))
    return {group: g[0] if len(g) == 1 else torch.cat(g, 2) for group, g in groups.items()}


def _mapped(problem: Problem, X: Any) -> Rows:
    parameters = {name: p.detach() for name, p in problem.parameters.items()}

    def one(*values: Tensor) -> Rows:
        left = iter(values)
        example = mapped(X, lambda t: next(left)[None])
        y, pull = vjp(lambda p: problem.call(example, p)[0], parameters)
        found: Rows = vmap(pull)(torch.eye(len(y), dtype=y.dtype, device=y.device))[0]
        return found

    with sdpa_kernel(SDPBackend.MATH):  # the others have no rule for being mapped
        found: Rows = vmap(one)(*tensors(X))
    return {name: J.detach() for name, J in found.items()}


def _one_by_one(problem: Problem, X: Any) -> Rows:
    names, leaves = list(problem.parameters), list(problem.parameters.values())
    n = next(tensors(X)).shape[0]
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    o = 0
    for i in range(n):
        y = problem.call(take(X, slice(i, i + 1)))[0]
        o = len(y)
        for a in range(o):
            last = a == o - 1
            if y.grad_fn is None:
                gs: Any = [None] * len(leaves)
            else:
                gs = torch.autograd.grad(y[a], leaves, retain_graph=not last, allow_unused=True)
            for name, p, g in zip(names, leaves, gs, strict=True):
                found[name].append(torch.zeros_like(p) if g is None else g.detach())
    return {
        name: torch.stack(J).reshape(n, o, *problem.parameters[name].shape)
        for name, J in found.items()
    }


def gradient(problem: Problem, X: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """Random weights of all outputs, (n, o), and the gradient of the weighted sum."""
    y = problem.call(X)
    made = torch.Generator().manual_seed(3)
    v = torch.randn(y.shape, generator=made, dtype=y.dtype).to(y.device)
    leaves = list(problem.parameters.values())
    gs = [None] * len(leaves)
    if y.grad_fn is not None:
        gs = torch.autograd.grad(y, leaves, v, allow_unused=True)
    zeros = [torch.zeros_like(p) if g is None else g for p, g in zip(leaves, gs, strict=True)]
    return v, dict(zip(problem.parameters, zeros, strict=True))


def sound(problem: Problem, X: Any, J: Rows) -> bool:
    """Whether the rows, with random weights, sum to the gradient of all examples at once."""
    v, g = gradient(problem, X)
    share = 1e3 * torch.finfo(v.dtype).eps
    for name, rows in J.items():
        if rows.shape != (*v.shape, *g[name].shape):
            return False
        flat = rows.reshape(v.numel(), -1)
        terms = torch.linalg.vector_norm(flat, dim=1).dot(v.abs().reshape(-1).to(flat.dtype))
        error = (v.reshape(-1).to(flat.dtype) @ flat - g[name].reshape(-1)).norm()
        if not float(error) <= share * float(terms):
            return False
    return True


def size(problem: Problem) -> int:
    return sum(p.numel() for p in problem.parameters.values())


def contract(
    kernels: dict[str, Tensor],
    problem: Problem,
    sides: tuple[Any, Any],
    o: int,
    batch: int | None,
    mode: Mode,
    check: bool,
) -> None:
    """Add the kernels by Jacobians of blocks of examples; of a symmetric kernel the upper half."""
    X, Z = sides
    symmetric = Z is None
    other = X if symmetric else Z
    n, m = (next(tensors(side)).shape[0] for side in (X, other))
    first = next(iter(problem.parameters.values()))
    step = batch or max(1, HELD // (4 * o * size(problem) * first.element_size()))

    def rows_of(side: Any, start: int, length: int) -> tuple[slice, Rows]:
        at = slice(start, min(start + step, length))
        return at, grouped(problem, jacobian(problem, take(side, at), check))

    for i in range(0, n, step):
        rows, J = rows_of(X, i, n)
        for j in range(i if symmetric else 0, m, step):
            same = symmetric and j == i
            columns, H = (rows, J) if same else rows_of(other, j, m)
            with torch.no_grad():
                for group, K in kernels.items():
                    if group in J:
                        at = block(K, rows, columns, o, mode)
                        W, V = (side[group].to(K.dtype) for side in (J, H))
                        add_rows(at, W, V, mode, same)


def products(
    kernels: dict[str, Tensor],
    problem: Problem,
    sides: tuple[Any, Any],
    o: int,
    batch: int | None,
    mode: Mode,
    check: bool,
) -> None:
    """Add the kernels column by column: a gradient at one example, then its product with J.

    No Jacobian of more than a few outputs is held, and no factor.
    """
    X, Z = sides
    other = X if Z is None else Z
    n, m = (next(tensors(side)).shape[0] for side in (X, other))
    parameters = {name: p.detach() for name, p in problem.parameters.items()}
    width = next(iter(parameters.values())).element_size()
    few = max(1, min(16, HELD // (8 * o * size(problem) * width)))
    step = batch or n

    def moved(x: Any, D: dict[str, Tensor]) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):
            change: Tensor = jvp(lambda p: problem.call(x, p), (parameters,), (D,))[1]
        return change

    for j in range(0, m, few):
        x = take(other, slice(j, min(j + few, m)))
        J = jacobian(problem, x, check)
        for group, K in kernels.items():
            D = {
                name: g if problem.labels[name] == group else torch.zeros_like(g)
                for name, g in J.items()
            }
            above = min(j + few, n) if Z is None else n
            for i in range(0, above, step):
                rows = slice(i, min(i + step, above))
                found = _forward(mapped_twice(partial(moved, take(X, rows))), D)
                if check:
                    transposed(problem, take(X, rows), D, found)
                for k in range(found.shape[0]):
                    store(K, found[k], rows, j + k, o, mode)


def transposed(problem: Problem, X: Any, D: Rows, found: Tensor) -> None:
    """Refuse products with J that are not those of the backward pass: v.(J d) = (J'v).d."""
    v, g = gradient(problem, X)
    flat = {name: d.reshape(*d.shape[:2], -1) for name, d in D.items()}
    expected: Any = sum(d @ g[name].reshape(-1) for name, d in flat.items())
    size: Any = sum(d.norm(dim=2) * g[name].norm() for name, d in flat.items())
    error = ((found * v).sum((2, 3)) - expected).abs()
    bar = size + (found.abs() * v.abs()).sum((2, 3))
    if not bool((error <= 1e3 * torch.finfo(v.dtype).eps * bar).all()):
        raise ForwardError(
            "method='products' found forward derivatives that are not those of the backward pass: "
            "torch has a wrong rule for what the model does; method='contract' needs none"
        )


def mapped_twice(function: Callable[[Any], Tensor]) -> Callable[[Any], Tensor]:
    """Over examples and outputs; numbers that a model draws but does not use are the same."""
    inner = vmap(function, randomness="same")
    outer: Callable[[Any], Tensor] = vmap(inner, randomness="same")
    return outer


def _forward(function: Callable[[Any], Tensor], D: Any) -> Tensor:
    try:
        found: Tensor = function(D).detach()
        return found
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
        raise ForwardError(
            "method='products' needs forward derivatives, mapped over directions, of all that the "
            f"model does; method='contract' does not. torch said: {error}"
        ) from error


def store(K: Tensor, found: Tensor, rows: slice, j: int, o: int, mode: Mode) -> None:
    """Put the products of J with the gradients of one example's outputs, (o', n, o), in place."""
    if mode == "full":
        K[rows.start * o : rows.stop * o, j * o : (j + 1) * o] = found.flatten(1).T
        return
    own = found.diagonal(dim1=0, dim2=2)  # (n, o): each output with itself
    if mode == "trace":
        K[rows, j] = own.sum(1)
    else:
        K[:, rows, j] = own.T
