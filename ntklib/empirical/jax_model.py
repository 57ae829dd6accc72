"""A function of JAX at other weights than those given: outputs, products with the Jacobian."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntklib._validate import Array
from ntklib.empirical import jax_kernel
from ntklib.empirical.adapted import check_one, check_precision
from ntklib.empirical.jax_call import Problem, check_examples, count, posed, take
from ntklib.empirical.request import Outputs


class JaxNetwork:
    """A function, and the leaves of its parameters that are trained, in the order of the tree."""

    def __init__(self, function: Any, params: Any, outputs: Outputs, check: bool) -> None:
        self.given = function, params, outputs, check
        self.check, self.problem = check, posed(function, params, outputs, False)
        trained = self.problem.trained
        for name, leaf in trained.items():
            if leaf.dtype not in (np.float32, np.float64):
                raise TypeError(f"params[{name!r}] must be float32 or float64, got {leaf.dtype}")
            if jnp.asarray(leaf).dtype != leaf.dtype:
                raise TypeError(
                    f"params[{name!r}] must be float32, got {leaf.dtype}, which JAX takes to "
                    "float32 unless jax_enable_x64 is set"
                )
        self.size = sum(leaf.size for leaf in trained.values())
        self.dtype = np.result_type(*(np.dtype(leaf.dtype) for leaf in trained.values()))
        self.pull = jax.jit(self._pull)
        self.push = jax.jit(self._push)
        self.push_back = jax.jit(self._push_back)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.given  # what is compiled cannot be sent

    def start(self) -> Array:
        """The weights that were given."""
        return self.flat(self.problem.trained, ())

    def flat(self, leaves: dict[str, Any], shape: tuple[int, ...]) -> Array:
        """Leaves one after another, as one array with these axes before."""
        parts = [np.asarray(leaves[name]).reshape(*shape, -1) for name in self.problem.trained]
        return np.concatenate(parts, axis=-1).astype(self.dtype, copy=False)

    def tree(self, W: Array) -> dict[str, Any]:
        """The leaves of one array."""
        found, start = {}, 0
        for name, leaf in self.problem.trained.items():
            part = W[start : start + leaf.size].reshape(leaf.shape)
            found[name], start = jnp.asarray(part, leaf.dtype), start + leaf.size
        return found

    def copied(self, X: Any) -> tuple[Any, int]:
        n = count("X", self._checked("X", X))
        return jax.tree_util.tree_map(
            lambda x: x if isinstance(x, jax.Array) else np.array(x), X
        ), n

    @contextmanager
    def opened(self, X: Any, W: Array) -> Iterator[JaxRun]:
        X = self._checked("X", X)
        n, trained = count("X", X), self.tree(W)
        problem = self._at(trained)
        X = take(X, slice(None))
        check_one(jax.eval_shape(problem.call, trained, X).shape[1])
        if self.check:
            check_examples(problem, "X", X)
        yield JaxRun(self, problem, trained, X, n)

    def kernel(self, X: Any, Z: Any, W: Array, batch: int | None) -> Array:
        X, Z = self._checked("X", X), None if Z is None else self._checked("Z", Z)
        a = jax_kernel.asked(self._at(self.tree(W)), X, Z, self.check)
        check_one(a.o)
        return np.array(jax_kernel.kernels(a, "auto", batch, self.check)[""])

    def _at(self, trained: dict[str, Any]) -> Problem:
        names = self.problem.names
        leaves = tuple(
            trained[names[k]] if k in names else leaf for k, leaf in enumerate(self.problem.leaves)
        )
        return replace(self.problem, leaves=leaves)

    def _checked(self, name: str, X: Any) -> Any:
        for x in jax.tree_util.tree_leaves(X):
            if isinstance(x, np.ndarray):
                check_precision(name, x, self.dtype)
        return X

    def _values(self, trained: Any, X: Any) -> Any:
        return self.problem.call(trained, X)[:, 0]

    def _pull(self, trained: Any, X: Any, u: Any) -> Any:
        y, back = jax.vjp(lambda p: self._values(p, X), trained)
        return jax.vmap(back, in_axes=1)(u.astype(y.dtype))[0]

    def _push(self, trained: Any, X: Any, D: Any) -> Any:
        return jax.jvp(lambda p: self._values(p, X), (trained,), (D,))[1]

    def _push_back(self, trained: Any, X: Any, D: Any) -> Any:
        """The same by two passes backward: of J'v, which is linear in v."""
        y, back = jax.vjp(lambda p: self._values(p, X), trained)
        return jax.vjp(lambda v: back(v)[0], jnp.zeros_like(y))[1](D)[0]


@dataclass(frozen=True, eq=False)
class JaxRun:
    """The function at some weights and examples."""

    network: JaxNetwork
    problem: Problem
    trained: dict[str, Any]
    X: Any
    n: int

    def values(self, rows: slice) -> Array:
        return self._array(self.problem.compiled("call")(self.trained, take(self.X, rows))[:, 0])

    def pull(self, rows: slice, u: Array) -> Array:
        found = self.network.pull(self.trained, take(self.X, rows), jnp.asarray(u))
        return self.network.flat(found, (u.shape[1],))

    def push(self, rows: slice, d: Array) -> Array:
        X, D = take(self.X, rows), self.network.tree(d)
        try:
            found = self.network.push(self.trained, X, D)
        except TypeError:  # a function with a rule for the backward pass only
            found = self.network.push_back(self.trained, X, D)
        return self._array(found)

    def jacobian(self, rows: slice) -> Array:
        X = take(self.X, rows)
        J = self.problem.compiled("jacobian")(self.trained, X)
        n = len(next(iter(J.values())))
        if self.network.check:
            parts = [np.asarray(g).reshape(n, 1, -1) for g in J.values()]
            jax_kernel.check_rows(self.problem, X, {"": np.concatenate(parts, axis=2)})
        return self.network.flat(J, (n,))

    def _array(self, found: Any) -> Array:
        return np.asarray(found).astype(self.network.dtype, copy=False)


NETWORK = JaxNetwork
