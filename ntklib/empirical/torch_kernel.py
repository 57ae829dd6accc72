"""The empirical kernel of a module of torch: checks, choice of the method, and the call of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from ntklib.empirical import torch_contract, torch_structured
from ntklib.empirical.cost import Cost, Layer, picked
from ntklib.empirical.request import HELD, Method, Mode, Outputs, labels
from ntklib.empirical.torch_call import Problem, count, own, selected, take, tensors, untouched
from ntklib.empirical.torch_capture import Capture
from ntklib.empirical.torch_checks import check_examples, check_unseen, refuse_modes, uses
from ntklib.empirical.torch_plan import Part, UnexplainedError, route, survey
from ntklib.empirical.torch_routes import BYTE, FORMED, finished, mirrored, zeros

Tensor = Any  # of torch, which need not be there when types are checked


@dataclass(frozen=True)
class Asked:
    """A problem with its examples and outputs; ``other`` is None for the same examples again."""

    problem: Problem
    X: Any
    other: Any
    inner: tuple[int, ...]
    o: int
    mode: Mode
    like: Tensor

    @property
    def sizes(self) -> tuple[int, int]:
        n = next(tensors(self.X)).shape[0]
        return n, n if self.other is None else next(tensors(self.other)).shape[0]


def posed(module: Any, params: Iterable[str] | None, outputs: Outputs, by_layer: object) -> Problem:
    """The problem of a module with the parameters that it has."""
    parameters = selected(module, params)
    groups = labels(parameters, by_layer)
    parameters = {name: p for name, p in parameters.items() if name in groups}
    return Problem(module, outputs, parameters, groups)


def asked(problem: Problem, X: Any, Z: Any, check: bool) -> Asked:
    """Everything that was given, checked; the model runs here for the first time."""
    outputs = problem.outputs
    count("X", X)
    if Z is not None:
        count("Z", Z)
    X, Z = own(X), None if Z is None else own(Z)
    refuse_modes(problem.module)
    x = take(X, slice(0, 1))
    with torch.no_grad(), Capture(()):
        inner = () if outputs.index is not None else problem.inner(x)
        y = problem.call(x)
    if check:
        for name, side in (("X", X), ("Z", Z)):
            if side is not None:
                check_examples(problem, name, side)
        check_unseen(problem, x, uses(problem.call(x), problem.parameters.values())[0])
    return Asked(problem, X, Z, inner, y.shape[1], outputs.mode, y.detach())


def planned(a: Asked, method: Method, batch: int | None) -> tuple[Cost, list[Part], set[str]]:
    """Work and memory of each method, the parts of the structured one, and what has no form."""
    n, m = a.sizes
    symmetric = a.other is None
    pairs = n * m * (0.55 if symmetric else 1.0)
    sides = n if symmetric else n + m
    width = a.like.element_size()
    square = a.o * a.o if a.mode == "full" else a.o
    numbers = {name: p.numel() for name, p in a.problem.parameters.items()}
    found, left = survey(a.problem, a.X, n, m, symmetric)
    routes = [route(part, a.mode, width) for part in found]
    # A pass through the model, per example: each weight once at each position.
    once = sum(part.sizes.L * part.sizes.c * part.sizes.d * part.sizes.groups for part in found)
    once += sum(numbers[name] for name in left)
    P = sum(numbers.values())
    rest = sum(numbers[name] for name in left)
    moved = BYTE * width

    def by_rows(size: int) -> float:
        """Jacobians of so many parameters, written and read, and their products."""
        formed = sides * a.o * (2 * once / FORMED + 3 * moved * size)
        return float(formed + pairs * square * (size + 3 * moved))

    work = {
        "contract": by_rows(P),
        # Forward derivatives, mapped over directions, take three passes.
        "products": m * a.o * (2 * once / FORMED + P) + 3 * pairs * a.o * once,
    }
    memory = {"contract": 2 * a.o * P * width, "products": 2 * a.o * P * width}
    layers = [
        Layer(tuple(sorted(part.names)), to.name, to.work)
        for part, to in zip(found, routes, strict=True)
    ]
    if found:
        if left:
            layers.append(Layer(tuple(sorted(left)), "contract", by_rows(rest)))
        work["structured"] = 2 * sides * a.o * once + sum(layer.work for layer in layers)
        memory["structured"] = 2 * width * sum(to.held for to in routes)
    if method == "structured" and not found:
        raise ValueError(
            "method='structured' knows no form of any parameter of this model: "
            f"{sorted(left)} go by method='contract'"
        )
    # Of rows that do not fit no block can be held; else products, which may fail, are not needed.
    other = "products" if memory["contract"] <= HELD else "contract"
    choices = {key: value for key, value in work.items() if key != other}
    name, reason = picked(method, choices, method != "auto")
    fitting = max(1, HELD // max(1, memory[name]))
    size = min(batch or fitting, max(n, m))
    memory = {key: value * size for key, value in memory.items()}
    return Cost(name, work, memory, size, tuple(layers), reason), found, left


def kernels(a: Asked, method: Method, batch: int | None, check: bool) -> dict[str, Tensor]:
    """The kernel of each group, in the shape that is returned."""
    cost, found, left = planned(a, method, batch)
    n, m = a.sizes
    made = {group: zeros(n, m, a.o, a.mode, a.like) for group in a.problem.groups()}
    sides = a.X, a.other
    chosen = cost.method
    if chosen == "products":
        try:
            torch_contract.products(made, a.problem, sides, a.o, batch, a.mode, check)
        except torch_contract.ForwardError:
            if method == "products":
                raise
            chosen = "contract"
            for K in made.values():
                K.zero_()
    if chosen == "contract":
        torch_contract.contract(made, a.problem, sides, a.o, batch, a.mode, check)
    elif chosen == "structured":
        left = structured(a, made, found, left, cost.batch, check)
        if left:
            some = a.problem.only(name for name in a.problem.parameters if name in left)
            torch_contract.contract(made, some, sides, a.o, batch, a.mode, check)
    done = {}
    for group, K in made.items():
        if a.other is None:
            mirrored(K)
        if not bool(torch.isfinite(K).all()):
            raise OverflowError(f"the kernel has values beyond the largest {K.dtype}")
        done[group] = finished(K, n, m, a.inner, a.mode)
    return done


def structured(
    a: Asked, made: dict[str, Tensor], found: list[Part], left: set[str], batch: int, check: bool
) -> set[str]:
    """Add the parts with a known form; returns the parameters that turned out to have none."""
    width = a.like.element_size()
    left = set(left)
    while found:
        plan = {part.key: route(part, a.mode, width) for part in found}
        some = a.problem.only(name for name in a.problem.parameters if name not in left)
        try:
            torch_structured.add(made, some, (a.X, a.other), plan, batch, a.mode, check)
            break
        except UnexplainedError as error:
            left |= error.names
            for K in made.values():
                K.zero_()
            n, m = a.sizes
            rest = a.problem.only(name for name in a.problem.parameters if name not in left)
            if not rest.parameters:
                break
            found, more = survey(rest, a.X, n, m, a.other is None)
            left |= more
    return left


def empirical_ntk(
    module: Any,
    X: Any,
    Z: Any,
    *,
    params: Iterable[str] | None,
    outputs: Outputs,
    by_layer: object,
    batch: int | None,
    method: Method,
    check: bool,
) -> Any:
    """The kernel, or a dict of them, as `ntklib.empirical.empirical_ntk` says."""
    with untouched(module):
        a = asked(posed(module, params, outputs, by_layer), X, Z, check)
        found = kernels(a, method, batch, check)
    return found if by_layer is not False else found[""]


def cost(
    module: Any,
    X: Any,
    Z: Any,
    *,
    params: Iterable[str] | None,
    outputs: Outputs,
    batch: int | None,
    method: Method,
) -> Cost:
    """What each method would do."""
    with untouched(module):
        a = asked(posed(module, params, outputs, False), X, Z, False)
        return planned(a, method, batch)[0]
