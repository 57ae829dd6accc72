"""Straight pieces under JAX: values by NumPy, derivatives by their closed forms.

The integrals over the angle have stretches, nodes and pairs of kinks; XLA takes a minute or more
to compile them for a single layer, and does not end with their derivatives. So a compiled program
calls NumPy for the two values of each pair of points, and differentiates by a rule in which both
stand again: the derivatives of the values in the deviations, the cosine and the angle are closed
forms of the values themselves. JAX then differentiates the rule, as often as it is asked to.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ntklib.expectations._straight import Ends, Pieces, values

# Parts of the expectations of two pieces, given a, b, 1 - cos and the angle.
Rule = Callable[..., tuple[Any, ...]]


def pair(
    f: Pieces, g: Pieces, x: Ends, z: Ends, small: Any, theta: Any, rules: tuple[Rule, Rule]
) -> tuple[Any, Any]:
    """1 - r with the sizes held, and E f'(u) g'(v), at 1 - cos and the angle up to a right one.

    Of two sides that are held; the deviations of `x` and `z` have derivatives.
    """
    return _differentiable()(f, g, rules, x.std, z.std, small, theta, x.held(), z.held())


@cache
def _differentiable() -> Callable[..., tuple[Any, Any]]:
    import jax

    def both(
        f: Pieces,
        g: Pieces,
        rules: tuple[Rule, Rule],
        a: Any,
        b: Any,
        small: Any,
        theta: Any,
        x: Ends,
        z: Ends,
    ) -> tuple[Any, Any]:
        leaves, tree = jax.tree.flatten((x, z, small, theta))
        # An array for each: vectorizing adds an axis in front of those that have one too few.
        shape = jax.numpy.broadcast_shapes(*(leaf.shape for leaf in leaves))
        leaves = [leaf.reshape((1,) * (len(shape) - leaf.ndim) + leaf.shape) for leaf in leaves]

        def by_numpy(*given: Any) -> tuple[Any, ...]:
            return _values(f, g, *jax.tree.unflatten(tree, [np.asarray(v) for v in given]))

        kind = jax.ShapeDtypeStruct(shape, theta.dtype)
        less, mean = jax.pure_callback(by_numpy, (kind, kind), *leaves, vmap_method="expand_dims")
        return less, mean

    function: Any = jax.custom_jvp(both, nondiff_argnums=(0, 1, 2))

    def change(
        f: Pieces, g: Pieces, rules: tuple[Rule, Rule], primals: Any, tangents: Any
    ) -> tuple[Any, Any]:
        less, mean = function(f, g, rules, *primals)
        *at, x, z = primals
        of_value, of_mean = rules
        steps = tangents[:4]

        def along(parts: tuple[Any, ...]) -> Any:
            total = sum(part * step for part, step in zip(parts, steps, strict=True))
            return total + jax.numpy.zeros_like(less)

        value_parts = of_value(f, g, x.size, z.size, mean, *at)
        return (less, mean), (along(value_parts), along(of_mean(f, g, *at)))

    function.defjvp(change)
    made: Callable[..., tuple[Any, Any]] = function
    return made


def _values(f: Pieces, g: Pieces, x: Ends, z: Ends, small: Any, theta: Any) -> tuple[Any, Any]:
    """The values by NumPy; NaN where what is given is."""
    given = (x.std, x.size, z.std, z.size, small, theta)
    shape = np.broadcast_shapes(*(np.shape(value) for value in given))
    unknown = np.zeros(shape, bool)
    for value in given:
        unknown = unknown | ~np.isfinite(value)
    with np.errstate(all="ignore"):
        x, z = (_known(side) for side in (x, z))
        small, theta = np.nan_to_num(small), np.nan_to_num(theta)
        less, slope = values(np, f, g, x, z, small, theta)
        mean = slope / ((x.std / x.size) * (z.std / z.size))
    dtype = np.asarray(theta).dtype

    def known(value: Any) -> Any:
        return np.where(unknown, np.nan, np.broadcast_to(value, shape)).astype(dtype)

    return known(less), known(mean)


def _known(side: Ends) -> Ends:
    """Numbers in place of those that are none."""

    def known(value: Any) -> Any:
        return np.where(np.isfinite(value), value, 1.0).astype(np.asarray(value).dtype)

    lists = [[known(v) for v in ends] for ends in (side.place, side.tail, side.head)]
    return Ends(known(side.std), known(side.size), *lists, *map(known, side[5:]))
