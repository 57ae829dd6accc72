"""The empirical kernel of a JAX function: Jacobians in blocks, or products with vectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntklib.empirical.cost import Cost, picked
from ntklib.empirical.jax_call import Problem, check_examples, count, posed, take
from ntklib.empirical.request import HELD, Method, Mode, Outputs

Blocks = dict[tuple[int, int], Any]


@dataclass(frozen=True)
class Asked:
    """A problem with its examples and outputs; ``other`` is None for the same examples again."""

    problem: Problem
    X: Any
    other: Any
    n: int
    m: int
    inner: tuple[int, ...]
    o: int
    mode: Mode
    dtype: Any


def asked(problem: Problem, X: Any, Z: Any, check: bool) -> Asked:
    """Everything that was given, checked."""
    outputs = problem.outputs
    n = count("X", X)
    m = n if Z is None else count("Z", Z)
    X, Z = take(X, slice(None)), None if Z is None else take(Z, slice(None))
    x = jax.tree_util.tree_map(lambda v: v[:1], X)
    y = jax.eval_shape(problem.picked, problem.trained, x)
    inner = () if outputs.index is not None else tuple(y.shape[1:])
    o = jax.eval_shape(problem.call, problem.trained, x).shape[1]
    if check:
        for name, side in (("X", X), ("Z", Z)):
            if side is not None:
                check_examples(problem, name, side)
    return Asked(problem, X, Z, n, m, inner, o, outputs.mode, y.dtype)


def planned(a: Asked, method: Method, batch: int | None) -> Cost:
    """Work and memory of both methods; which of them is picked."""
    if method == "structured":
        raise ValueError('method="structured" is for modules of torch: "contract" or "products"')
    trained = a.problem.trained
    P = sum(leaf.size for leaf in trained.values())
    counted = a.problem.compiled("call").lower(trained, take(a.X, slice(0, 1))).cost_analysis()
    once = max(P, int((counted or {}).get("flops", 0)) // 2)
    pairs = a.n * a.m * (0.55 if a.other is None else 1.0)
    sides = a.n if a.other is None else a.n + a.m
    width = np.dtype(a.dtype).itemsize
    work = {
        "contract": sides * a.o * 2 * once + pairs * (a.o**2 if a.mode == "full" else a.o) * P,
        "products": a.m * a.o * 2 * once + 3 * pairs * a.o * once,
    }
    memory = dict.fromkeys(work, 2 * a.o * P * width)
    # Of rows that do not fit no block can be held; else products need only cost more.
    other = "products" if memory["contract"] <= HELD else "contract"
    choices = {key: value for key, value in work.items() if key != other}
    name, reason = picked(method, choices, method != "auto")
    size = min(batch or max(1, HELD // memory[name]), max(a.n, a.m))
    return Cost(name, work, {k: v * size for k, v in memory.items()}, size, (), reason)


def product(W: Any, V: Any, mode: Mode, same: bool) -> Any:
    """The kernel of rows of Jacobians, (n, o, p) and (m, o, p)."""
    exact = jax.lax.Precision.HIGHEST
    if mode == "diagonal":
        K = jnp.einsum("iap,jap->aij", W, V, precision=exact)
    elif mode == "full":
        W, V = (J.reshape(-1, J.shape[2]) for J in (W, V))
        K = jnp.matmul(W, V.T, precision=exact)
    else:
        W, V = (J.reshape(len(J), -1) for J in (W, V))
        K = jnp.matmul(W, V.T, precision=exact)
    return jnp.triu(K) + jnp.swapaxes(jnp.triu(K, 1), -1, -2) if same else K


def contract(a: Asked, step: int, check: bool) -> dict[str, Any]:
    """The kernels by Jacobians of blocks of examples; of a symmetric kernel the upper half."""
    problem, trained, symmetric = a.problem, a.problem.trained, a.other is None
    other = a.X if symmetric else a.other
    rows_of = problem.compiled("grouped")
    multiply = jax.jit(product, static_argnums=(2, 3))
    made: dict[str, Blocks] = {group: {} for group in problem.groups()}

    def rows(side: Any, start: int, checked: bool) -> dict[str, Any]:
        part = take(side, slice(start, start + step))
        J: dict[str, Any] = rows_of(trained, part)
        if check and checked:
            check_rows(problem, part, J)
        return J

    for p, i in enumerate(range(0, a.n, step)):
        J = rows(a.X, i, True)
        for q, j in enumerate(range(0, a.m, step)):
            if symmetric and q < p:
                continue
            same = symmetric and p == q
            H = J if same else rows(other, j, i == 0 and not symmetric)
            for group in made:
                made[group][p, q] = multiply(J[group], H[group], a.mode, same)
    join = jax.jit(partial(assembled, symmetric=symmetric))
    return {group: join(blocks) for group, blocks in made.items()}


def assembled(blocks: Blocks, symmetric: bool) -> Any:
    """One array of its blocks; those below the diagonal of a symmetric one from above it."""
    height, width = (1 + max(at[k] for at in blocks) for k in (0, 1))

    def at(p: int, q: int) -> Any:
        return jnp.swapaxes(blocks[q, p], -1, -2) if symmetric and q < p else blocks[p, q]

    rows = [jnp.concatenate([at(p, q) for q in range(width)], -1) for p in range(height)]
    return jnp.concatenate(rows, -2)


def check_rows(problem: Problem, X: Any, J: dict[str, Any]) -> None:
    """The Jacobian's rows, with random weights, sum to the gradient of all examples at once."""

    y = jax.eval_shape(problem.call, problem.trained, X)
    v = np.random.default_rng(3).standard_normal(y.shape).astype(y.dtype)
    gs = jax.tree_util.tree_map(np.asarray, problem.compiled("summed")(problem.trained, X, v))
    found: dict[str, list[Any]] = {}
    coarse: dict[str, float] = {}  # parameters may be of less precision than the outputs
    for name, g in gs.items():
        group = problem.labels[name]
        found.setdefault(group, []).append(g.reshape(-1))
        eps = max(float(np.finfo(dtype).eps) for dtype in (g.dtype, y.dtype))
        coarse[group] = max(eps, coarse.get(group, 0.0))
    for group, rows in J.items():
        flat = np.asarray(rows).reshape(v.size, -1)
        terms = np.linalg.norm(flat, axis=1) @ np.abs(v).reshape(-1)
        error = np.linalg.norm(v.reshape(-1) @ flat - np.concatenate(found[group]))
        if not error <= 1e3 * coarse[group] * terms:
            raise ValueError(
                "gradients of all examples at once are not those of each: the model's output for "
                "an example depends on the others, or its backward pass does"
            )


def products(a: Asked, step: int, check: bool) -> dict[str, Any]:
    """The kernels column by column: a gradient at one example, then its product with J."""
    problem, trained = a.problem, a.problem.trained
    other = a.X if a.other is None else a.other
    rows_of = problem.compiled("jacobian")

    def moved(X: Any, D: Any) -> Any:
        return jax.jvp(lambda p: problem.call(p, X), (trained,), (D,))[1]

    over_examples = jax.vmap(jax.vmap(moved, in_axes=(None, 0)), in_axes=(None, 0))

    def moved_all(X: Any, D: Any) -> Any:
        found = over_examples(X, D)  # (k, o', n, o)
        if a.mode == "full":
            return found.transpose(2, 3, 0, 1).reshape(a.n * a.o, -1)
        own = jnp.einsum("kbib->bik", found)
        return own if a.mode == "diagonal" else own.sum(0)

    mapped = jax.jit(moved_all)
    few = min(step, 16)
    made: dict[str, list[Any]] = {group: [] for group in problem.groups()}
    for j in range(0, a.m, few):
        part = take(other, slice(j, j + few))
        J = rows_of(trained, part)
        if check:
            check_rows(problem, part, problem.compiled("grouped")(trained, part))
        for group, columns in made.items():
            D = {k: g if problem.labels[k] == group else jnp.zeros_like(g) for k, g in J.items()}
            columns.append(mapped(a.X, D))
    kernels = {}
    for group, columns in made.items():
        K = jnp.concatenate(columns, -1)
        if a.other is None:
            K = jnp.triu(K) + jnp.swapaxes(jnp.triu(K, 1), -1, -2)
        kernels[group] = K
    return kernels


def finished(a: Asked, K: Any) -> Any:
    """The kernel in the shape that is returned."""
    if a.mode == "trace":
        return K
    if a.mode == "diagonal":
        return jnp.moveaxis(K, 0, 2).reshape(a.n, a.m, *a.inner)
    K = K.reshape(a.n, a.o, a.m, a.o).transpose(0, 2, 1, 3)
    return K.reshape(a.n, a.m, *a.inner, *a.inner)


def empirical_ntk(
    function: Any,
    X: Any,
    Z: Any,
    *,
    params: Any,
    outputs: Outputs,
    by_layer: object,
    batch: int | None,
    method: Method,
    check: bool,
) -> Any:
    """The kernel, or a dict of them, as `ntklib.empirical_ntk` says."""
    a = asked(posed(function, params, outputs, by_layer), X, Z, check)
    found = kernels(a, method, batch, check)
    return found if by_layer is not False else found[""]


def kernels(a: Asked, method: Method, batch: int | None, check: bool) -> dict[str, Any]:
    """The kernel of each group, in the shape that is returned."""
    to = planned(a, method, batch)
    made = (products if to.method == "products" else contract)(a, to.batch, check)
    for K in made.values():
        if not np.isfinite(np.asarray(K)).all():
            raise OverflowError(f"the kernel has values beyond the largest {a.dtype}")
    shape = jax.jit(partial(finished, a))
    return {group: shape(K) for group, K in made.items()}


def cost(
    function: Any,
    X: Any,
    Z: Any,
    *,
    params: Any,
    outputs: Outputs,
    batch: int | None,
    method: Method,
) -> Cost:
    """What each method would do."""
    return planned(asked(posed(function, params, outputs, False), X, Z, False), method, batch)
