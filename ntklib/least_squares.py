r"""Minimum-norm least squares: three equal forms and the dual coefficients.

Implements :prf:ref:`prp-normal-equations`, :prf:ref:`dfn-pseudoinverse`,
:prf:ref:`thm-minimum-norm`, :prf:ref:`prp-predictor` and :prf:ref:`prp-conditioning`. In each
function ``rcond`` is the size, relative to the largest singular value of the matrix that is
decomposed, up to which a singular value counts as zero; the default is ``max(shape)`` of that
matrix times the machine epsilon of float64.
"""

from __future__ import annotations

import numpy as np

from ntklib._validate import Array, matrix, real_array, targets


def cutoff(A: Array, rcond: float | None) -> float:
    """The share of the largest singular value of ``A`` up to which one counts as zero."""
    if rcond is None:
        return float(max(A.shape) * np.finfo(np.float64).eps)
    value = float(real_array("rcond", rcond, ndim=0))
    if not 0 <= value < 1:
        raise ValueError(f"rcond must lie in [0, 1), got {value}")
    return value


def numerical_rank(A: object, rcond: float | None = None) -> int:
    """Number of singular values of ``A`` above ``rcond`` times the largest."""
    A = matrix("A", A)
    s = np.linalg.svd(A, compute_uv=False)
    return int(np.sum(s > cutoff(A, rcond) * s[0]))


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

    Notes
    -----
    Statements: :prf:ref:`dfn-pseudoinverse`, :prf:ref:`thm-minimum-norm`.
    """
    J = matrix("J", J)
    r = targets("r", r, len(J))
    u, s, vt = np.linalg.svd(J, full_matrices=False)
    kept = s > cutoff(J, rcond) * s[0]
    result: Array = vt[kept].T @ ((u[:, kept].T @ r).T / s[kept]).T
    return result


def primal_solve(J: object, r: object, rcond: float | None = None) -> Array:
    r"""The normal equations with the :math:`p\times p` matrix: :math:`(J^\top J)^{+}J^\top r`.

    Parameters and result are those of :func:`pinv_solve`.

    Notes
    -----
    Statements: :prf:ref:`prp-normal-equations`, :prf:ref:`thm-minimum-norm`.
    """
    J = matrix("J", J)
    r = targets("r", r, len(J))
    return dual_coefficients(J.T @ J, J.T @ r, rcond)[0]


def dual_solve(J: object, r: object, rcond: float | None = None) -> Array:
    r"""Through the :math:`n\times n` Gram matrix: :math:`J^\top(JJ^\top)^{+}r`.

    Parameters and result are those of :func:`pinv_solve`.

    Notes
    -----
    Statement: :prf:ref:`thm-minimum-norm`.
    """
    J = matrix("J", J)
    r = targets("r", r, len(J))
    return J.T @ dual_coefficients(J @ J.T, r, rcond)[0]


def dual_coefficients(K: object, r: object, rcond: float | None = None) -> tuple[Array, int]:
    r"""The vector :math:`\alpha=K^{+}r` for a positive semidefinite :math:`K`, and its rank.

    Parameters
    ----------
    K : array_like, shape (n, n)
        A symmetric positive semidefinite matrix.
    r : array_like, shape (n,) or (n, k)
        Right-hand sides.
    rcond : float, optional
        Eigenvalues up to ``rcond`` times the largest count as zero.

    Returns
    -------
    alpha : ndarray, shape (n,) or (n, k)
        The dual coefficients :math:`\alpha`.
    rank : int
        The numerical rank of :math:`K`.

    Notes
    -----
    Statements: :prf:ref:`thm-minimum-norm`, :prf:ref:`prp-predictor`.
    """
    K = matrix("K", K)
    if K.shape[0] != K.shape[1]:
        raise ValueError(f"K must be square, got shape {K.shape}")
    if not np.allclose(K, K.T, rtol=0, atol=1e-8 * np.abs(K).max()):
        raise ValueError("K must be symmetric")
    r = targets("r", r, len(K))
    values, vectors = np.linalg.eigh(K)
    kept = values > cutoff(K, rcond) * values[-1]
    if values[-1] <= 0:
        kept[:] = False
    vectors = vectors[:, kept]
    alpha: Array = vectors @ ((vectors.T @ r).T / values[kept]).T
    return alpha, int(kept.sum())
