"""Leave-one-out residuals from products alone, with an estimated diagonal of the inverse."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ntklib._engine.sizes import slices
from ntklib._precision import scaled, unscaled
from ntklib._validate import Array, matrix, positive, positive_int, real_array, targets
from ntklib.large.conjugate_gradients import ridge_solve
from ntklib.large.operators import block_of, gram_operator
from ntklib.large.preconditioner import low_rank_preconditioner, pivoted_cholesky
from ntklib.model import Kernel

# Rows of the blocks of which only the diagonal is wanted.
_DIAGONAL = 64
# Shifts tried, in parts of the mean of what the factor leaves of the diagonal.
_SHIFTS = (0.0, *(2.0**k for k in np.arange(-4, 2.5, 0.5)))


class LeftOut(NamedTuple):
    r"""What :func:`leave_one_out` found.

    Attributes
    ----------
    residuals : ndarray, shape (n,) or (n, o)
        Estimates of :math:`y_i-f_{-i}(x_i)`, float64.
    error : ndarray, shape (n,) or (n, o)
        Their standard errors, to first order.
    coef : ndarray, shape (n,) or (n, o)
        The coefficients :math:`a=(K+\nu I)^{-1}y` of the fit to all points.
    iterations : int
        Steps of conjugate gradients.
    converged : bool
        All systems were solved to ``rtol``.
    """

    residuals: Array
    error: Array
    coef: Array
    iterations: int
    converged: bool


def leave_one_out(
    kernel: Kernel,
    X: object,
    y: object,
    ridge: float,
    *,
    probes: int = 64,
    rank: int = 500,
    rng: np.random.Generator,
    diagonal: object = None,
    block: int = 2048,
    dtype: object = None,
    rtol: float = 1e-6,
    maxiter: int = 1000,
    progress: bool = False,
) -> LeftOut:
    r"""Residuals :math:`y_i-f_{-i}(x_i)=a_i/M_{ii}`, where :math:`M=(K+\nu I)^{-1}` is not formed.

    The coefficients :math:`a=My` come from conjugate gradients, and so do the products with random
    signs :math:`s`, from which the diagonal is estimated: the mean of :math:`s_i(Ms)_i` is
    :math:`M_{ii}`. Before that a matrix :math:`C=(FF^\top+cI)^{-1}` of the same kind is taken off,
    whose diagonal is known: the estimate is :math:`C_{ii}` less the mean of
    :math:`s_i\bigl((C-M)s\bigr)_i`, and its variance the mean over the probes of
    :math:`\sum_{j\ne i}(C-M)_{ij}^2`. :math:`F` is the factor of the preconditioner, and of some
    :math:`c` between :math:`\nu` and a multiple of what :math:`F` leaves of the diagonal, the one
    is taken for which the variances add up to the least.

    Parameters
    ----------
    kernel, X, block, dtype
        As for :func:`gram_operator`.
    y : array_like, shape (n,) or (n, o)
        Targets.
    ridge : float
        :math:`\nu>0`.
    probes : int
        Vectors of signs, at least 2. Errors fall with its root.
    rank : int
        Columns of :math:`F` at most. More of them lower errors as well as steps.
    rng : numpy.random.Generator
        Draws the signs, and the rows for :func:`pivoted_cholesky`.
    diagonal : array_like, shape (n,), optional
        The values :math:`k(x_i,x_i)`; when left out they are computed, in small blocks.
    rtol, maxiter, progress
        As for :func:`ridge_solve`.

    Returns
    -------
    :class:`ntklib.large.LeftOut`

    Raises
    ------
    ValueError, TypeError, ImportError, OverflowError
        As for :func:`gram_operator`, :func:`pivoted_cholesky` and :func:`ridge_solve`; ``ridge``
        not positive; ``probes`` below 2.

    Warns
    -----
    ConvergenceWarning
        As for :func:`ridge_solve`.

    Notes
    -----
    Statement: :prf:ref:`prp-loo`.

    The estimator of the diagonal is that of :cite:t:`bekas2007estimator`. Its standard error is
    taken from the spread over the probes, and that of the quotient is
    :math:`\lvert a_i\rvert/M_{ii}^2` times as large; the quotient is also biased, by about the
    square of the relative error. Estimates are moved between the bounds
    :math:`1/(k(x_i,x_i)+\nu)` and :math:`\bigl((FF^\top+\nu I)^{-1}\bigr)_{ii}` of :math:`M_{ii}`.
    What conjugate gradients leave comes on top, at most ``rtol`` :math:`\sqrt n/\nu` for
    :math:`M_{ii}`.

    Beside what :func:`gram_operator` keeps, memory is needed for about 3 ``rank`` and 8
    (``probes`` + o) numbers a point. For matrices in memory
    :func:`ntklib.complexity.leave_one_out` is exact.
    """
    X = matrix("X", X)
    y, power = scaled(targets("y", y, len(X)).astype(np.float64))
    ridge = positive("ridge", ridge)
    if positive_int("probes", probes) < 2:
        raise ValueError(f"probes must be at least 2, got {probes}")
    diagonal = diagonal_of(kernel, X) if diagonal is None else real_array("diagonal", diagonal)
    F = pivoted_cholesky(kernel, X, rank, diagonal=diagonal, rng=rng)
    signs = rng.choice([-1.0, 1.0], size=(len(X), probes))
    Y = y.reshape(len(y), -1)
    solved = ridge_solve(
        gram_operator(kernel, X, block=block, dtype=dtype),
        np.hstack([Y, signs]),
        ridge,
        preconditioner=low_rank_preconditioner(F, ridge) if F.size else None,
        rtol=rtol,
        maxiter=maxiter,
        progress=progress,
    )
    coef, images = solved.coef[:, : Y.shape[1]], solved.coef[:, Y.shape[1] :]
    inverse, spread = _diagonal_of_inverse(F, np.asarray(diagonal), ridge, signs, images)
    residuals = coef / inverse[:, None]
    error = np.abs(residuals) * (spread / inverse)[:, None]

    def back(name: str, part: Array) -> Array:
        return unscaled(name, part.reshape(y.shape), power)

    return LeftOut(
        back("the residuals are", residuals),
        back("their errors are", error),
        back("the coefficients are", coef),
        solved.iterations,
        solved.converged,
    )


def diagonal_of(kernel: Kernel, X: Array) -> Array:
    """The values k(x, x), from small blocks."""
    blocks = slices(0, len(X), _DIAGONAL)
    parts = [np.diagonal(np.asarray(block_of(kernel, X, rows, rows))) for rows in blocks]
    return np.concatenate(parts).astype(np.float64)


def _diagonal_of_inverse(
    F: Array, diagonal: Array, ridge: float, signs: Array, images: Any
) -> tuple[Array, Array]:
    """The diagonal of the inverse, estimated from its products with signs; standard errors."""
    Q, R = np.linalg.qr(F)
    rotation, s, _ = np.linalg.svd(R)
    U = Q @ rotation
    squares, seen = np.square(U), U.T @ signs
    probes = signs.shape[1]

    def known(shift: float) -> tuple[Array, Array]:
        """Of the inverse of FF' + shift I: the factors along U, and the diagonal."""
        along = 1 / (s * s + shift) - 1 / shift
        return along, 1 / shift + squares @ along

    def estimate(shift: float) -> tuple[Array, Array]:
        along, exact = known(shift)
        taken = signs * (U @ (along[:, None] * seen) + signs / shift - images)
        return exact - taken.mean(axis=1), taken.var(axis=1, ddof=1) / probes

    left = float(np.mean(np.maximum(diagonal - squares @ (s * s), 0.0)))
    found = min((estimate(ridge + part * left) for part in _SHIFTS), key=lambda e: e[1].sum())
    value = np.clip(found[0], 1 / (diagonal + ridge), known(ridge)[1])
    return value, np.sqrt(found[1])
