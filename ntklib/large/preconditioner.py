"""A thin factor of a Gram matrix, and what it preconditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.linalg.lapack import dpstrf
from scipy.sparse.linalg import LinearOperator

from ntklib._precision import EPS, epsilon, representable, rounding
from ntklib._validate import Array, matrix, positive, positive_int, real_array
from ntklib.large.operators import as_operator
from ntklib.model import Kernel


def pivoted_cholesky(
    kernel: Kernel,
    X: object,
    rank: int,
    *,
    diagonal: object,
    rng: np.random.Generator,
    block: int = 64,
) -> Array:
    r"""A thin factor :math:`F` with :math:`FF^\top\approx K`, from a few random columns.

    Randomly pivoted Cholesky: rows are drawn with probability proportional to what is left of the
    diagonal, their columns of :math:`K` are computed, and what :math:`F` explains of them already
    is taken off. Rows are drawn in blocks; within a block, those that the others explain to
    rounding are dropped.

    Parameters
    ----------
    kernel, X
        As for :func:`gram_operator`.
    rank : int
        Columns of :math:`F` at most. Fewer come back when the matrix is explained to rounding
        before.
    diagonal : array_like, shape (n,)
        The values :math:`k(x_i,x_i)`, at least zero.
    rng : numpy.random.Generator
        Draws the rows.
    block : int
        Rows drawn at once.

    Returns
    -------
    F : ndarray, shape (n, r), r <= rank, float64
        :math:`K-FF^\top` is positive semidefinite up to rounding. It takes memory for :math:`nr`
        numbers, and about as many kernel entries are computed.

    Raises
    ------
    ValueError, TypeError
        ``X``, ``rank``, ``block``, ``diagonal`` or ``rng`` not as described.

    Notes
    -----
    Statement: :prf:ref:`prp-preconditioner`, whose hypothesis :math:`F` fulfills. Source:
    :cite:t:`chen2022randomly`; here with blocks.
    """
    return pivots_of(kernel, X, rank, diagonal=diagonal, rng=rng, block=block)[0]


def pivots_of(
    kernel: Kernel,
    X: object,
    rank: int,
    *,
    diagonal: object,
    rng: np.random.Generator,
    block: int = 64,
) -> tuple[Array, Array]:
    """The factor, and the rows whose columns it is made of."""
    X = matrix("X", X)
    n = len(X)
    rank, block = min(positive_int("rank", rank), n), positive_int("block", block)
    whole = left = np.array(real_array("diagonal", diagonal, ndim=1), dtype=np.float64)
    if left.shape != (n,) or (left < 0).any():
        raise ValueError(f"diagonal must be {n} numbers of at least 0, got shape {left.shape}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    F, used = np.zeros((n, rank)), 0
    chosen: list[Array] = [np.empty(0, dtype=np.intp)]
    # What is left of the trace below this is rounding in the kernel itself.
    negligible, noise = n * EPS * left.sum(), 0.0
    while used < rank and left.sum() > negligible:
        size = min(block, rank - used, int(np.count_nonzero(left)))
        rows = rng.choice(n, size=size, replace=False, p=left / left.sum())
        columns = np.asarray(kernel(X, X[rows]))
        eps = epsilon(columns)
        if eps > EPS:
            negligible = max(n * EPS, 4 * eps) * whole.sum()  # some ulps of each diagonal entry
            noise = rounding(whole[rows], eps)
        columns = columns.astype(np.float64, copy=False)
        columns = columns - F[:, :used] @ F[rows, :used].T
        core = columns[rows]
        factor, pivots, found, _ = dpstrf(
            core, lower=1, tol=max(1e-10 * core.diagonal().max(), noise)
        )
        if found == 0:
            break
        order = pivots[:found] - 1
        new = solve_triangular(np.tril(factor[:found, :found]), columns[:, order].T, lower=True).T
        F[:, used : used + found] = new
        left = np.maximum(left - np.sum(new * new, axis=1), 0.0)
        left[rows[order]] = 0.0
        chosen.append(rows[order])
        used += found
    return F[:, :used], np.concatenate(chosen)


def low_rank_preconditioner(F: object, ridge: float) -> LinearOperator:
    r"""The inverse of :math:`FF^\top+\lambda I`, applied by Woodbury's identity.

    Parameters
    ----------
    F : array_like, shape (n, r)
        The factor, from :func:`pivoted_cholesky`.
    ridge : float
        :math:`\lambda>0`.

    Returns
    -------
    scipy.sparse.linalg.LinearOperator, shape (n, n)

    Raises
    ------
    ValueError, TypeError
        ``F`` not a finite real matrix, ``ridge`` not positive.

    Notes
    -----
    Statement: :prf:ref:`prp-preconditioner`.
    :math:`(FF^\top+\lambda I)^{-1}=\lambda^{-1}\bigl(I-F(F^\top F+\lambda I)^{-1}F^\top\bigr)`.
    """
    F, ridge = matrix("F", F).astype(np.float64, copy=False), positive("ridge", ridge)
    with np.errstate(over="ignore", invalid="ignore"):
        core = representable("F'F has entries", F.T @ F + ridge * np.eye(F.shape[1]))
    return as_operator(len(F), _Woodbury(F, ridge, cho_factor(core)))


@dataclass(frozen=True)
class _Woodbury:
    F: Array
    ridge: float
    core: Any

    def __call__(self, V: Array, precision: Any) -> Array:
        result: Array = (V - self.F @ cho_solve(self.core, self.F.T @ V)) / self.ridge
        return result
