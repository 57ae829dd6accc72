"""Parities on the hypercube: what a kernel can make of them, exactly, and what a network learns.

For the chapter *Where kernels stop*, its figures and the program ``study/parity.py``. Points are
rows of signs, as floats; kernels and networks see them divided by the root of the dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np

from ntklib import ShallowNetwork
from ntklib._validate import Array

Kernel = Callable[[Array, Array], Array]


class Cube(NamedTuple):
    """A kernel of the inner product on the hypercube.

    Attributes
    ----------
    kernel : ndarray, shape (d + 1,)
        Its value at two points that differ in h signs.
    squared : ndarray, shape (d + 1,)
        The mean over z of k(x, z) k(z, x'), for x and x' that differ in h signs.
    values : ndarray, shape (d + 1,)
        Its eigenvalue at the parities of j bits.
    characters : ndarray, shape (d + 1, d + 1)
        Row j, column h: the mean of all parities of j bits at a point with h minus signs.
    """

    kernel: Array
    squared: Array
    values: Array
    characters: Array


def count(d: int) -> Array:
    """How many parities of k bits there are, for k from 0 to d, as floats."""
    return np.array([math.comb(d, k) for k in range(d + 1)], dtype=float)


def cube(kernel: Kernel, d: int) -> Cube:
    """The eigenvalues of a kernel at the parities: Funk and Hecke's formula of the hypercube.

    The mean of the parities of j bits, at a point with h minus signs, is the coefficient of t^j in
    (1 + t)^(d - h) (1 - t)^h, over their number; in integers, so exact up to the last division.
    """
    characters = np.empty((d + 1, d + 1))
    for h in range(d + 1):
        powers = np.array([1], dtype=object)
        for sign in (1,) * (d - h) + (-1,) * h:
            powers = np.append(powers, 0) + sign * np.append(0, powers)
        characters[:, h] = [int(p) / math.comb(d, j) for j, p in enumerate(powers)]
    t = 1 - 2 * np.arange(d + 1) / d
    # The kernel sees inner products alone: two dimensions have them all.
    row = kernel(np.array([[1.0, 0.0]]), np.column_stack([t, np.sqrt(np.maximum(0, 1 - t * t))]))[0]
    values = characters @ (count(d) * row) / 2.0**d
    return Cube(row, (values**2 * count(d)) @ characters, values, characters)


def signs(n: int, d: int, rng: np.random.Generator) -> Array:
    """Independent uniform points of the hypercube, shape (n, d)."""
    return np.asarray(rng.choice([-1.0, 1.0], size=(n, d)))


def apart(X: Array, Z: Array) -> Array:
    """In how many signs points differ, shape (n, n')."""
    return np.asarray(np.rint((X.shape[1] - X @ Z.T) / 2).astype(np.int64))


def mean_distance(on: Cube, X: Array, k: int) -> float:
    r"""The mean, over all parities of k bits, of the squared distance from the kernel's span.

    The span is that of the :math:`k(\cdot,x_i)`, the distance that of mean squares on the
    hypercube. Statement: :prf:ref:`thm-share`.
    """
    H = apart(X, X)
    shares = np.linalg.solve(on.squared[H], on.characters[k][H])
    return float(1 - on.values[k] ** 2 * np.trace(shares))


def distance(on: Cube, X: Array, y: Array, k: int) -> float:
    """The squared distance of one parity of k bits, with values y at the points X."""
    return float(1 - on.values[k] ** 2 * (y @ np.linalg.solve(on.squared[apart(X, X)], y)))


def error(on: Cube, X: Array, y: Array, k: int, alpha: Array) -> float:
    """The mean squared error, on the whole hypercube, of a prediction with coefficients alpha."""
    return float(1 - 2 * on.values[k] * (y @ alpha) + alpha @ on.squared[apart(X, X)] @ alpha)


def network(d: int, m: int, rng: np.random.Generator) -> tuple[ShallowNetwork, Array]:
    """A doubled ReLU network of m neurons with the small output scale, and its first weights.

    The scale is eps = 1 / sqrt(m): the output is a mean over the neurons, not a sum over its root.
    """
    return ShallowNetwork.random(d, m // 2, rng=rng, eps=1 / math.sqrt(m), doubled=True)


def descend(
    net: ShallowNetwork, W: Array, X: Array, y: Array, *, step: float, steps: int,
    keep: Collection[int] = (),
) -> dict[int, Array]:  # fmt: skip
    """Gradient descent on half the squared error, the activation being the ReLU.

    Parameters
    ----------
    net, W
        The network and its first weights, shape (m, d).
    X : ndarray, shape (n, d)
        Points, as the network sees them.
    y : ndarray, shape (n,)
        Targets.
    step, steps
        The step and how many.
    keep
        After which steps to keep the weights, besides the last.

    Returns
    -------
    dict
        Weights by the number of steps.
    """
    kept, W = {}, W.copy()
    for at in range(steps + 1):
        if at in keep or at == steps:
            kept[at] = W.copy()
        inner = X @ W.T
        residual = net.scale * (np.maximum(inner, 0) @ net.a) - y
        # Rows of the gradient: scale a_j times the sum of r_i x_i over the points that j sees.
        gradient = ((inner >= 0) * residual[:, None]).T @ X
        W -= step * net.scale * net.a[:, None] * gradient
    return kept


def scores(f: Array, y: Array) -> tuple[float, float]:
    """Mean squared error, and the share of right signs."""
    return float(np.mean((f - y) ** 2)), float(np.mean(f * y > 0))
