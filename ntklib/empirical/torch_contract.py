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


def jacobian(problem: Problem, X: Any) -> Rows:
    """The Jacobian by parameter, shape (n, o, ...): mapped, or one example after another."""
    try:
        return _mapped(problem, X)
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        # What cannot be mapped: values taken out of tensors, functions with no rule for it.
        return _one_by_one(problem, X)


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


def check_jacobian(problem: Problem, X: Any, J: Rows) -> None:
    """The Jacobian's rows, with random weights, sum to the gradient of all examples at once."""
    y = problem.call(X)
    if y.grad_fn is None:
        return
    made = torch.Generator().manual_seed(3)
    v = torch.randn(y.shape, generator=made, dtype=y.dtype).to(y.device)
    leaves = list(problem.parameters.values())
    gs = torch.autograd.grad(y, leaves, v, allow_unused=True)
    groups: dict[str, list[Tensor]] = {}
    for (name, p), g in zip(problem.parameters.items(), gs, strict=True):
        flat = torch.zeros_like(p) if g is None else g
        groups.setdefault(problem.labels[name], []).append(flat.reshape(-1))
    share = 1e3 * torch.finfo(y.dtype).eps
    for group, rows in J.items():
        flat = rows.reshape(v.numel(), -1)
        terms = torch.linalg.vector_norm(flat, dim=1).dot(v.abs().reshape(-1))
        error = float((v.reshape(-1) @ flat - torch.cat(groups[group])).norm())
        if not error <= share * float(terms):
            raise RefusedError(
                "gradients of all examples at once are not those of each: the model's output for "
                "an example depends on the others, or its backward pass does"
            )


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

    def rows_of(side: Any, start: int, length: int, checked: bool) -> tuple[slice, Rows]:
        at = slice(start, min(start + step, length))
        x = take(side, at)
        J = grouped(problem, jacobian(problem, x))
        if check and checked:
            check_jacobian(problem, x, J)
        return at, J

    for i in range(0, n, step):
        rows, J = rows_of(X, i, n, True)
        for j in range(i if symmetric else 0, m, step):
            same = symmetric and j == i
            columns, H = (rows, J) if same else rows_of(other, j, m, i == 0 and not symmetric)
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
        J = jacobian(problem, x)
        if check:
            check_jacobian(problem, x, grouped(problem, J))
        for group, K in kernels.items():
            D = {
                name: g if problem.labels[name] == group else torch.zeros_like(g)
                for name, g in J.items()
            }
            above = min(j + few, n) if Z is None else n
            for i in range(0, above, step):
                rows = slice(i, min(i + step, above))
                found = _forward(mapped_twice(partial(moved, take(X, rows))), D)
                for k in range(found.shape[0]):
                    store(K, found[k], rows, j + k, o, mode)


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
