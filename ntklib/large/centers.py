"""Which points are centres: given, or chosen among the points by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cho_factor, solve_triangular

from ntklib._precision import EPS
from ntklib._validate import Array, matrix, positive_int
from ntklib.large.left_out import diagonal_of
from ntklib.large.panels import basis_of
from ntklib.large.preconditioner import pivots_of
from ntklib.large.rows import chunks_of, read, take
from ntklib.model import Kernel

SELECTIONS = ("uniform", "leverage", "greedy")


def centers_of(
    kernel: Kernel,
    X: Any,
    centers: Any,
    selection: str,
    ridge: float,
    memory: float,
    rng: np.random.Generator,
) -> Array:
    """The centres in float32 or float64."""
    if selection not in SELECTIONS:
        raise ValueError(f"selection must be one of {', '.join(SELECTIONS)}, got {selection!r}")
    n = X.shape[0]
    if not isinstance(centers, int | np.integer):
        if selection != "uniform":
            raise ValueError(f"selection is for a number of centers, got {selection!r} beside them")
        C = matrix("centers", centers, columns=X.shape[1])
        if len(C) > n:
            raise ValueError(f"centers must be at most {n}, the number of points, got {len(C)}")
        return C
    m = positive_int("centers", centers)
    if m > n:
        raise ValueError(f"centers must be at most {n}, the number of points, got {m}")
    if selection == "leverage":
        weights = leverage(kernel, X, max(1, m // 4), ridge, rng)
        m = min(m, int(np.count_nonzero(weights)))
        rows = rng.choice(n, size=m, replace=False, p=weights / weights.sum())
        return take(X, np.sort(rows))
    if selection == "greedy":
        # The factor has a column for each centre, and there is another like it beside it.
        some = take(X, _uniform(n, max(m, min(n, int(memory / (24 * m)))), rng))
        _, rows = pivots_of(kernel, some, m, diagonal=diagonal_of(kernel, some), rng=rng)
        chosen: Array = some[rows]
        return chosen
    return take(X, _uniform(n, m, rng))


def _uniform(n: int, m: int, rng: np.random.Generator) -> Array:
    return np.sort(rng.choice(n, size=m, replace=False))


def leverage(kernel: Kernel, X: Any, m: int, ridge: float, rng: np.random.Generator) -> Array:
    """Leverage scores of all points, from m of them that stand for all.

    With p_i the gradient at point i, in the coordinates of the span of the m and beside it: the
    score is p_i' (n/m sum_j p_j p_j' + ridge)^-1 p_i. What lies beside the span counts with the
    ridge alone.
    """
    n = X.shape[0]
    C = take(X, _uniform(n, m, rng))
    basis = basis_of(kernel, C, 1.0, np.dtype(np.float64))
    core = basis.all @ basis.all.T * (n / m)
    # Without a ridge, what rounding makes of zero.
    shift = max(ridge, len(core) * EPS * float(np.trace(core)))
    factor = cho_factor(core + shift * np.eye(len(core)), lower=True)[0]
    scores = np.empty(n)
    chunks = chunks_of(X, m)
    for rows in chunks:
        points = read(X, rows, chunks[0].stop)
        inside = basis.down(np.asarray(kernel(points, C[basis.rows]), dtype=np.float64).T)
        beside = np.maximum(diagonal_of(kernel, points) - np.sum(inside**2, axis=0), 0.0)
        solved = solve_triangular(factor, inside, lower=True, check_finite=False)
        scores[rows] = np.sum(solved**2, axis=0) + beside / shift
    return np.minimum(scores, 1.0)
