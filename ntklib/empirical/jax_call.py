"""How a JAX function f(params, X) is called: leaves, outputs, Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntklib.empirical.request import Outputs, labels

ALONE = 8


def name_of(path: Any) -> str:
    """The name of a leaf: its keys with dots between, without the box that holds its value."""
    parts = [str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path]
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "value" else parts)


def count(name: str, X: Any) -> int:
    """The number of examples; what is wrong with them is named."""
    leaves = jax.tree_util.tree_leaves(X)
    shapes = [tuple(jnp.shape(x)) for x in leaves]
    if not shapes or any(not shape for shape in shapes) or len({s[0] for s in shapes}) != 1:
        raise ValueError(f"{name} must have arrays with one number of rows, got shapes {shapes}")
    if any(0 in shape for shape in shapes):
        raise ValueError(f"{name} must not be empty, got shapes {shapes}")
    for x in leaves:
        dtype = jnp.result_type(x)
        if jnp.issubdtype(dtype, jnp.complexfloating):
            raise TypeError(f"{name} must be real, got dtype {dtype}")
        if jnp.issubdtype(dtype, jnp.floating) and not np.isfinite(np.asarray(x)).all():
            raise ValueError(f"{name} must be finite, got NaN or inf")
    return int(shapes[0][0])


def take(X: Any, rows: Any) -> Any:
    """Some of the examples."""
    return jax.tree_util.tree_map(lambda x: jnp.asarray(x)[rows], X)


@dataclass(frozen=True)
class Problem:
    """A function, its parameters in leaves, and what of its output is asked for."""

    function: Callable[[Any, Any], Any]
    outputs: Outputs
    leaves: tuple[Any, ...]  # of the tree of parameters, in its order
    tree: Any
    names: dict[int, str]  # of the leaves that are trained, by their number
    labels: dict[str, str]
    # Its methods as they were compiled, also for the same problem at other values of what is
    # trained, which they take as arguments.
    kept: dict[str, Any] = field(default_factory=dict, compare=False)

    def compiled(self, method: str) -> Any:
        if method not in self.kept:
            self.kept[method] = jax.jit(getattr(self, method))
        return self.kept[method]

    @property
    def trained(self) -> dict[str, Any]:
        return {name: self.leaves[k] for k, name in self.names.items()}

    def groups(self) -> list[str]:
        return list(dict.fromkeys(self.labels[name] for name in self.names.values()))

    def picked(self, trained: dict[str, Any], X: Any) -> Any:
        """The model's output, or the function of it that is asked for."""
        leaves = [
            trained[self.names[k]] if k in self.names else leaf
            for k, leaf in enumerate(self.leaves)
        ]
        y = self.function(jax.tree_util.tree_unflatten(self.tree, leaves), X)
        function = self.outputs.function
        what = "the model's output" if function is None else "what the function outputs returns"
        y = y if function is None else function(y)
        if not isinstance(y, jax.Array):
            raise TypeError(f"{what} must be one array of JAX, got {type(y).__name__}")
        n = jax.tree_util.tree_leaves(X)[0].shape[0]
        if y.ndim < 1 or y.shape[0] != n:
            raise ValueError(f"{what} must have {n} rows, one an example, got shape {y.shape}")
        if y.dtype not in (jnp.float32, jnp.float64):
            raise TypeError(f"{what} must be float32 or float64, got {y.dtype}")
        return y

    def call(self, trained: dict[str, Any], X: Any) -> Any:
        """The outputs asked for, shape (n, o)."""
        y = self.picked(trained, X)
        y = y.reshape(len(y), -1)
        entry = self.outputs.entry(y.shape[1])
        return y if entry is None else y[:, entry : entry + 1]

    def jacobian(self, trained: dict[str, Any], X: Any) -> dict[str, Any]:
        """The Jacobian by parameter, shape (n, o, ...), one example at a time, mapped."""

        def one(x: Any) -> dict[str, Any]:
            single = jax.tree_util.tree_map(lambda t: t[None], x)
            y, pull = jax.vjp(lambda p: self.call(p, single)[0], trained)
            found = jax.vmap(pull)(jnp.eye(len(y), dtype=y.dtype))[0]
            return {name: J.astype(y.dtype) for name, J in found.items()}

        rows: dict[str, Any] = jax.vmap(one)(X)
        return rows

    def summed(self, trained: dict[str, Any], X: Any, v: Any) -> dict[str, Any]:
        """The gradient of all outputs at once, with weights ``v``, by parameter."""
        found: dict[str, Any] = jax.vjp(lambda p: self.call(p, X), trained)[1](v)[0]
        return found

    def grouped(self, trained: dict[str, Any], X: Any) -> dict[str, Any]:
        """The same for each group of parameters, shape (n, o, p)."""
        found: dict[str, list[Any]] = {}
        for name, J in self.jacobian(trained, X).items():
            found.setdefault(self.labels[name], []).append(J.reshape(*J.shape[:2], -1))
        return {group: jnp.concatenate(parts, 2) for group, parts in found.items()}


def posed(function: Any, params: Any, outputs: Outputs, by_layer: object) -> Problem:
    """The problem of a function at these parameters, of which floating leaves are trained."""
    paths, tree = jax.tree_util.tree_flatten_with_path(params)
    names: dict[int, str] = {}
    for k, (path, leaf) in enumerate(paths):
        if not hasattr(leaf, "dtype"):
            continue
        if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
            raise TypeError(f"params[{name_of(path)!r}] must be real, got dtype {leaf.dtype}")
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            if not np.isfinite(np.asarray(leaf)).all():
                raise ValueError(f"params[{name_of(path)!r}] must be finite")
            name = name_of(path)
            names[k] = name if name not in names.values() else f"{name}.{k}"
    if not names:
        raise ValueError("params must have leaves that are arrays of floating numbers, got none")
    groups = labels(names.values(), by_layer)
    names = {k: name for k, name in names.items() if name in groups}
    leaves = tuple(leaf for _, leaf in paths)
    return Problem(function, outputs, leaves, tree, names, groups)


def check_examples(problem: Problem, name: str, X: Any) -> None:
    """Refuse a function whose output for an example depends on the others, or on chance.

    Some examples are run alone, and all in two halves; then the gradients of all examples at once,
    with random weights, are held against those of single ones.
    """
    n, trained = count(name, X), problem.trained
    # What is decided here is decided on the host: JAX compiles each operation for each shape.
    run, X = problem.compiled("call"), jax.tree_util.tree_map(np.asarray, X)
    y = np.asarray(run(trained, X))
    if not np.isfinite(y).all():
        raise ValueError(f"the model's output at {name} must be finite")
    share, scale = 100 * float(np.finfo(y.dtype).eps) ** 0.75, float(np.abs(y).max())
    if n == 1:
        batches = [([0, 0], np.concatenate([y, y]))]
    else:
        few = sorted({round(k * (n - 1) / (ALONE - 1)) for k in range(ALONE)})
        parts = [[i] for i in few] + [list(range(k, n, 2)) for k in (0, 1) if n > ALONE]
        batches = [(rows, y[rows]) for rows in parts]
    for rows, expected in batches:
        found = np.asarray(run(trained, jax.tree_util.tree_map(lambda x, at=rows: x[at], X)))
        if found.shape != expected.shape or not bool(
            np.abs(found - expected).max() <= share * scale
        ):
            raise ValueError(
                f"the model's output for an example of {name} depends on the other examples, or on "
                "chance: no example has a Jacobian of its own"
            )
