"""Which form each parameter's derivative takes, and by which route its part of the kernel goes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from ntklib.empirical.request import Mode
from ntklib.empirical.torch_call import Problem, take, tensors
from ntklib.empirical.torch_capture import Call, Capture
from ntklib.empirical.torch_checks import uses
from ntklib.empirical.torch_factors import CONVOLUTIONS, TURNED, broadcasts, layouts, split
from ntklib.empirical.torch_routes import Sizes, work

PAIRS = ("linear", "matmul", *CONVOLUTIONS)
Key = tuple[str, str | None, str | None]


class UnexplainedError(Exception):
    """Parameters whose derivative has no known form here: they go by rows of the Jacobian."""

    def __init__(self, names: set[str]) -> None:
        super().__init__(sorted(names))
        self.names = names


@dataclass(eq=False)
class Part:
    """A parameter, or a weight with its bias, and the calls that use it; later its factors."""

    kind: str  # "pairs", "lookup" or "rows"
    calls: list[Call]
    weight: str | None
    bias: str | None
    sizes: Sizes
    label: str
    A: Any = None
    G: Any = None
    W: Any = None

    @property
    def key(self) -> Key:
        return self.kind, self.weight, self.bias

    def positions(self, call: Call, n: int) -> int:
        """How many positions of an example a call has."""
        s = self.sizes
        if call.kind == "transposed":  # those of its input
            return int(call.x.numel()) // (n * s.d * s.groups)
        return math.prod(call.shape) // (n * s.c * s.groups)

    @property
    def names(self) -> set[str]:
        return {name for name in (self.weight, self.bias) if name is not None}


@dataclass(frozen=True)
class Route:
    """How a part goes: the route, its work, and the entries that it holds for each example."""

    name: str
    work: float
    held: int

    @property
    def reduced(self) -> bool:
        """Whether gradients are formed as they come, rather than factors kept."""
        return self.name in ("rows", "reduced")


@dataclass(frozen=True)
class Seen:
    """A pass of the model: the outputs (n, o) with their graph, and what was seen.

    In ``problem`` pieces of parameters stand beside them, by names of their own, of which
    ``parents`` has the parameters'.
    """

    problem: Problem
    parents: dict[str, str]
    y: Any
    capture: Capture
    uses: dict[int, set[Any]]
    nodes: list[Any]


def seen(problem: Problem, X: Any) -> Seen:
    """Run the model and keep its calls."""
    with Capture(problem.parameters.values()) as capture:
        y = problem.call(X)
    names = {id(p): name for name, p in problem.parameters.items()}
    parameters, labels, parents = dict(problem.parameters), dict(problem.labels), {}
    for (parent, start, stop), piece in capture.pieces.items():
        name = f"{names[parent]}[{start}:{stop}]"
        parameters[name], parents[name] = piece, names[parent]
        labels[name] = labels[names[parent]]
    cut = Problem(problem.module, problem.outputs, parameters, labels, problem.placed)
    found, nodes = uses(y, parameters.values())
    return Seen(cut, parents, y, capture, found, nodes)


def crossed(run: Seen) -> set[str]:
    """Parameters that are used in pieces that overlap, or both in pieces and whole."""
    cuts: dict[str, list[tuple[int, int]]] = {}
    for (_, start, stop), name in zip(run.capture.pieces, run.parents, strict=True):
        if run.uses.get(id(run.problem.parameters[name])):
            cuts.setdefault(run.parents[name], []).append((start, stop))
    found = set()
    for name, ends in cuts.items():
        ends.sort()
        apart = all(one[1] <= two[0] for one, two in itertools.pairwise(ends))
        if not apart or run.uses.get(id(run.problem.parameters[name])):
            found.add(name)
    return found


def explained(run: Seen, n: int) -> dict[str, list[Call]]:
    """For each parameter its calls; UnexplainedError for those that are used in another way."""
    problem = run.problem
    found: dict[str, list[Call]] = {}
    bad = crossed(run)
    for name, p in problem.parameters.items():
        edges = run.uses.get(id(p), set())
        if not edges:
            continue
        calls = [
            c for c in run.capture.calls if c.explains & edges and (c.weight is p or c.bias is p)
        ]
        sound = all(c.intact and c.dtype == run.y.dtype and layouts(c.shape, n) for c in calls)
        if sound and edges <= set().union(*(c.explains for c in calls)):
            found[name] = calls
        else:
            bad.add(name)
    if bad:
        raise unexplained(run, bad)
    return found


def unexplained(run: Seen, names: Iterable[str]) -> UnexplainedError:
    """The error about these, those that are pieces by the parameters that they are of."""
    return UnexplainedError({run.parents.get(name, name) for name in names})


def place(run: Seen, calls: list[Call], n: int) -> None:
    """Find where the examples lie in each output: where one example's gradient arrives."""
    unclear = []
    for call in calls:
        choices = layouts(call.shape, n)
        call.layout = choices[0]
        if len(choices) > 1 and n > 1:
            unclear.append((call, choices))
    if not unclear:
        return
    made = torch.Generator().manual_seed(2)
    v = torch.zeros_like(run.y)
    v[0] = torch.randn(v.shape[1], generator=made, dtype=v.dtype).to(v.device)
    edges = [call.edge for call, _ in unclear]
    arrived = torch.autograd.grad(run.y, edges, v, retain_graph=True, allow_unused=True)
    for (call, choices), g in zip(unclear, arrived, strict=True):
        if g is not None:
            # What is nonzero beyond the first example would have come from another one.
            sound = [at for at in choices if not bool(split(g, at, n)[1:].any())]
            call.layout = (sound or choices)[0]


def parts(run: Seen, n: int, m: int, symmetric: bool, rows: int) -> list[Part]:
    """Parameters with the form of their derivative, a weight together with its bias.

    The pass has ``rows`` examples; the kernel is between ``n`` and ``m``.
    """
    problem, calls = run.problem, explained(run, rows)
    place(run, list({id(c): c for cs in calls.values() for c in cs}.values()), rows)
    names = {id(p): name for name, p in problem.parameters.items()}
    o = run.y.shape[1]
    found: list[Part] = []
    done: set[str] = set()

    def sizes(used: list[Call], c: int, d: int, groups: int) -> Sizes:
        # Of a transposed convolution the positions are those of its input.
        L = sum(
            call.x.numel() // (rows * d * groups)
            if call.kind == "transposed"
            else math.prod(call.shape) // (rows * c * groups)
            for call in used
        )
        return Sizes(n, m, o, L, c, d, groups, symmetric)

    for name, used in calls.items():
        p, first = problem.parameters[name], used[0]
        kinds = {call.kind for call in used}
        if not all(call.weight is p for call in used) or len(kinds) != 1:
            continue
        groups = first.options[4] if first.kind in CONVOLUTIONS else 1
        alike = len({c.options[4] if c.kind in CONVOLUTIONS else 1 for c in used}) == 1
        if first.kind in PAIRS and alike:
            bias = names.get(id(first.bias)) if first.bias is not None else None
            joint = (
                first.kind != "transposed"  # whose windows are not where its output is
                and bias in calls
                and all(call.bias is first.bias for call in used)
                and set(map(id, calls[bias])) == set(map(id, used))
                and problem.labels[bias] == problem.labels[name]
            )
            c, d = p.shape[0] // groups, p[0].numel()
            if first.kind in TURNED:
                c, d = d, c
            size = sizes(used, c, d + joint, groups)
            part = Part("pairs", used, name, bias if joint else None, size, problem.labels[name])
        elif first.kind == "lookup" and len({call.options for call in used}) == 1:
            size = sizes(used, p.shape[1], 1, 1)
            part = Part("lookup", used, name, None, size, problem.labels[name])
        else:
            continue
        found.append(part)
        done |= part.names
    bad = set()
    for name, used in calls.items():
        if name in done:
            continue
        p = problem.parameters[name]
        if not all(call.kind in (*PAIRS, "lookup") or broadcasts(call, p) for call in used):
            bad.add(name)
        size = Sizes(n, m, o, 1, p.numel(), 1, 1, symmetric)
        found.append(Part("rows", used, name, None, size, problem.labels[name]))
    if bad:
        raise unexplained(run, bad)
    return found


def route(part: Part, mode: Mode, width: int, forced: str | None = None) -> Route:
    """The route of least work; entries held count factors, or gradients where they are formed."""
    s = part.sizes
    kept = s.groups * (s.o * s.c * s.L + s.L * s.d)
    if part.kind == "rows":
        pairs = s.n * s.m * (0.55 if s.symmetric else 1.0)
        return Route("rows", pairs * s.c * (s.o**2 if mode == "full" else s.o), s.o * s.c)
    choices = work(s, mode, width)
    if part.kind == "lookup":
        # Tokens have no gradients to form: whether they are equal is their table.
        name = "mix" if mode == "full" and s.L > 1 else "hadamard"
        return Route(name, choices.get(name, 0.0), s.o * s.c * s.L + s.L)
    name = forced if forced in choices else min(choices, key=lambda key: choices[key])
    if name == "explicit" and s.d <= s.L:
        return Route("reduced", choices[name], s.groups * s.o * s.c * s.d)
    return Route(name, choices[name], kept)


def survey(
    problem: Problem, X: Any, n: int, m: int, symmetric: bool
) -> tuple[list[Part], set[str]]:
    """The parts by a pass of two examples, and the parameters with no known form."""
    rows = min(2, next(tensors(X)).shape[0])
    x = take(X, slice(0, rows))
    left: set[str] = set()
    while True:
        some = problem.only(name for name in problem.parameters if name not in left)
        if not some.parameters:
            return [], left
        try:
            return parts(seen(some, x), n, m, symmetric, rows), left
        except UnexplainedError as error:
            left |= error.names
