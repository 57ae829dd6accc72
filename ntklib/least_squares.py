r"""Minimum-norm least squares: three equal forms and the dual coefficients.

Implements :prf:ref:`prp-normal-equations`, :prf:ref:`dfn-pseudoinverse`,
:prf:ref:`thm-minimum-norm`, :prf:ref:`prp-predictor` and :prf:ref:`prp-conditioning`. In each
function ``rcond`` is the size, relative to the largest singular value of the matrix that is
decomposed, up to which a singular value counts as zero; the default is ``max(shape)`` of that
matrix times the machine epsilon of the precision in which it is given: float32 entries are known to
float32. Gram matrices of ``J`` are formed in float64, where the default also takes for zero what
comes of singular values of ``J`` that are.
"""

from __future__ import annotations

import numpy as np

from ntklib._precision import (
    cutoff,
    epsilon,
    gram_cutoff,
    refuse_negative,
    scaled,
    symmetric,
    unscaled,
)
from ntklib._validate import Array, matrix, targets

# A matrix of more numbers than this (8 GiB) is not formed where a smaller one will do.
_LARGE = 1 << 30


def numerical_rank(A: object, rcond: float | None = None) -> int:
    """Number of singular values of ``A`` above ``rcond`` times the largest."""
    eps, A = epsilon(A), matrix("A", A)
    negligible = cutoff(A.shape, eps, rcond)
    s = np.linalg.svd(scaled(A)[0], compute_uv=False)
    return int(np.sum(s > negligible * s[0]))


def pinv_solve(J: object, r: object, rcond: float | None = None) -> Array:
    """The solution :math:`J^{+}r` from the singular value decomposition of :math:`J`.

    The most accurate of the three forms (:prf:ref:`prp-conditioning`).

    Parameters
    ----------
    J : array_like, shape (n, p)
        The matrix.
    r : array_like, shape (n,) or (n, k)
        Right-hand sides.
    rcond : float, optional
        Singular values up to ``rcond`` times the largest count as zero.

    Returns
    -------
    ndarray, shape (p,) or (p, k)
        The solution of least norm among those with least residual.

    Raises
    ------
    OverflowError
        The solution has entries beyond the range of its dtype.

    Notes
    -----
    Statements: :prf:ref:`dfn-pseudoinverse`, :prf:ref:`thm-minimum-norm`.
    """
    eps = epsilon(J)
    J, r, power = _scaled(J, r)
    negligible = cutoff(J.shape, eps, rcond)
    u, s, vt = np.linalg.svd(J, full_matrices=False)
    kept = s > negligible * s[0]
    with np.errstate(over="ignore", invalid="ignore"):  # reported just below
        result: Array = vt[kept].T @ ((u[:, kept].T @ r).T / s[kept]).T
    return unscaled("the solution has entries", result, power)


def primal_solve(J: object, r: object, rcond: float | None = None) -> Array:
    r"""The normal equations with the :math:`p\times p` matrix: :math:`(J^\top J)^{+}J^\top r`.

    Parameters, result and exceptions are those of :func:`pinv_solve`; also MemoryError where
    the matrix would take more than 8 GiB and that of :func:`dual_solve` is smaller.

    Notes
    -----
    Statements: :prf:ref:`prp-normal-equations`, :prf:ref:`thm-minimum-norm`.
    """
    eps = epsilon(J)
    J, r, power = _scaled(J, r)
    n, p = J.shape
    negligible = gram_cutoff(J, p, eps, rcond)
    if p > n and p * p > _LARGE:
        raise MemoryError(
            f"primal_solve forms a matrix of {p} x {p} numbers, {p * p / 2**27:.3g} GiB: "
            f"use dual_solve, which forms one of {n} x {n}"
        )
    A = J.astype(np.float64, copy=False)
    x = dual_coefficients(A.T @ A, A.T @ r, negligible)[0]
    return unscaled("the solution has entries", x.astype(np.result_type(J, r)), power)


def dual_solve(J: object, r: object, rcond: float | None = None) -> Array:
    r"""Through the :math:`n\times n` Gram matrix: :math:`J^\top(JJ^\top)^{+}r`.

    Parameters, result and exceptions are those of :func:`pinv_solve`.

    Notes
    -----
    Statement: :prf:ref:`thm-minimum-norm`.
    """
    eps = epsilon(J)
    J, r, power = _scaled(J, r)
    negligible = gram_cutoff(J, len(J), eps, rcond)
    A = J.astype(np.float64, copy=False)
    x = A.T @ dual_coefficients(A @ A.T, r, negligible)[0]
    return unscaled("the solution has entries", x.astype(np.result_type(J, r)), power)


def _scaled(J: object, r: object) -> tuple[Array, Array, int]:
    """Matrix and right-hand sides in a safe range, and the power of two that a solution lacks."""
    J = matrix("J", J)
    r = targets("r", r, len(J))
    J, down = scaled(J)
    r, up = scaled(r)
    return J, r, up - down


def dual_coefficients(K: object, r: object, rcond: float | None = None) -> tuple[Array, int]:
    r"""The vector :math:`\alpha=K^{+}r` for a positive semidefinite :math:`K`, and its rank.

    Parameters
    ----------
    K : array_like, shape (n, n)
        A symmetric positive semidefinite matrix.
    r : array_like, shape (n,) or (n, k)
        Right-hand sides.
    rcond : float, optional
        Eigenvalues up to ``rcond`` times the largest count as zero; by default n ulps.

    Returns
    -------
    alpha : ndarray, shape (n,) or (n, k)
        The dual coefficients :math:`\alpha`.
    rank : int
        The numerical rank of :math:`K`.

    Raises
    ------
    ValueError
        ``K`` is not square or not symmetric, or has an eigenvalue that is negative beyond what
        rounding may have done (1e-8, ``rcond`` or some ulps, of its largest diagonal entry).

    Notes
    -----
    Statements: :prf:ref:`thm-minimum-norm`, :prf:ref:`prp-predictor`.
    """
    eps, K = epsilon(K), matrix("K", K)
    if K.shape[0] != K.shape[1]:
        raise ValueError(f"K must be square, got shape {K.shape}")
    negligible = cutoff(K.shape, eps, rcond)
    K, down = scaled(K)
    if not symmetric(K, eps):
        raise ValueError("K must be symmetric")
    r, up = scaled(targets("r", r, len(K)))
    values, vectors = np.linalg.eigh(K)
    # A product J J^T of long rows may be rounded by more than n ulps: as much as may be asymmetry.
    refuse_negative(float(values[0]), K.diagonal(), eps, share=max(1e-8, negligible))
    kept = values > negligible * values[-1]
    if values[-1] <= 0:
        kept[:] = False
    vectors = vectors[:, kept]
    with np.errstate(over="ignore", invalid="ignore"):  # reported just below
        alpha: Array = vectors @ ((vectors.T @ r).T / values[kept]).T
    return unscaled("the dual coefficients are", alpha, up - down), int(kept.sum())
