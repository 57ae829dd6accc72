r"""Linear systems with a Gram matrix, when it is regular; a report of why not, when it is singular.

The coefficients :math:`(K+\lambda I)^{-1}y` of :prf:ref:`prp-ridge`, and for :math:`\lambda=0` of
:prf:ref:`prp-predictor`, by Cholesky, if need be in the memory of :math:`K`, or from a factor in
single precision. Nothing is ever added to the diagonal that was not asked for: where the matrix is
singular to working precision, :class:`SingularError` says which rows depend on which. For the
solution of least norm of a singular system there is :func:`ntklib.least_squares.dual_coefficients`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.blas import get_blas_funcs
from scipy.linalg.lapack import get_lapack_funcs

from ntklib._engine import sizes
from ntklib._engine.sizes import slices
from ntklib._precision import EPS, epsilon, rounding, scaled, symmetric, unscaled
from ntklib._validate import Array, matrix, nonnegative, targets

# From this size on a single precision factor saves more than its refinement costs.
_MIXED_FROM = 1000
# A refinement that does not halve the residual this often will not do.
_STEPS = 30
# Rows of a matrix looked at together: beside it that is little.
_ROWS = sizes.TILE // 2


class Solution(NamedTuple):
    r"""What :func:`solve` found.

    Attributes
    ----------
    coef : ndarray, shape (n,) or (n, k)
        :math:`(K+\lambda I)^{-1}y`, float64.
    error : float
        Normwise backward error: the largest :math:`\lVert y-(K+\lambda I)c\rVert_\infty /
        (\lVert K+\lambda I\rVert_\infty\lVert c\rVert_\infty)` over the columns :math:`c` of the
        coefficients.
    rcond : float
        Estimate of the reciprocal condition number of :math:`K+\lambda I` in the 1-norm.
    steps : int
        Refinement steps taken.
    factor : dtype
        Precision of the factor.
    """

    coef: Array
    error: float
    rcond: float
    steps: int
    factor: np.dtype[Any]


@dataclass(frozen=True)
class Dependence:
    r"""One row as a combination of others: :math:`K_i=\sum_jc_jK_j`.

    ``row`` is :math:`i`, and ``on`` takes each :math:`j` to :math:`c_j`. The vectors of which
    :math:`K` is the Gram matrix satisfy the same relation (:prf:ref:`prp-gram`).
    """

    row: int
    on: dict[int, float]

    def __str__(self) -> str:
        terms = [f"{c:.4g} x row {i}" for i, c in self.on.items()]
        more = f" and {len(terms) - 3} more" if len(terms) > 3 else ""
        combination = " + ".join(terms[:3]) + more if terms else "zero"
        return f"row {self.row} is {combination}"


class SingularError(np.linalg.LinAlgError):
    """The matrix is singular to working precision.

    Attributes
    ----------
    nullity : int
        Dimension of the numerical null space.
    rows : list of int
        Rows that depend on the others; without them the matrix is regular.
    dependences : list of :class:`ntklib.systems.Dependence`
        How each of these rows depends on the others.
    """

    def __init__(self, dependences: list[Dependence], n: int, rcond: float, ridge: float) -> None:
        self._made = dependences, n, rcond, ridge
        self.dependences = dependences
        self.rows = [d.row for d in dependences]
        self.nullity = len(dependences)
        shown = "; ".join(str(d) for d in dependences[:5])
        more = f"; and {self.nullity - 5} more" if self.nullity > 5 else ""
        super().__init__(
            f"K is singular to working precision (reciprocal condition number {rcond:.1e}): its "
            f"nullity is {self.nullity} of {n}. {shown[:1].upper()}{shown[1:]}{more}. Remove these "
            f"points, take a ridge of at least {ridge:.1e}, compute K in float64 if it is float32, "
            "or take the solution of least norm (dual_coefficients)"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made


def smallest_ridge(K: Array) -> float:
    r"""A ridge with which :math:`K+\lambda I` is regular, whatever rounding has done to ``K``.

    Its least eigenvalue is then above what rounding makes of zero, by a factor of twice the root of
    n: the condition number in the 1-norm, by which :func:`solve` decides, is at most so many times
    that of the 2-norm.
    """
    norm = _norm(K, 0.0)
    return 2 * math.sqrt(len(K)) * _limit(K, epsilon(K), norm) * norm


def _limit(K: Array, eps: float, norm: float) -> float:
    """The reciprocal condition number below which the matrix may be singular."""
    noise = rounding(np.abs(K.diagonal()), eps) / (norm or 1.0) if eps > EPS else 0.0
    return max(len(K) * EPS, noise)


def solve(
    K: object,
    y: object,
    *,
    ridge: float = 0.0,
    overwrite: bool = False,
    precision: str = "auto",
    rcond: float | None = None,
) -> Solution:
    r"""Solve :math:`(K+\lambda I)c=y` for a symmetric positive definite matrix.

    Parameters
    ----------
    K : array_like, shape (n, n)
        float64 or float32; the solution is that for these entries, whatever their precision.
    y : array_like, shape (n,) or (n, k)
        Right-hand sides.
    ridge : float
        :math:`\lambda\ge0`.
    overwrite : bool
        Factor in the memory of ``K``, which must then be a float64 array in C or Fortran order; its
        entries are lost. Else the factor takes :math:`n^2` numbers of its own.
    precision : {"auto", "double", "mixed"}
        ``"mixed"`` factors in float32 and refines in float64 until the backward error is that of
        float64; where the matrix is too ill-conditioned for that (a condition number beyond about
        :math:`10^5`), it goes on in double. ``"auto"`` is mixed from 1000 rows on, unless ``K`` is
        overwritten.
    rcond : float, optional
        A matrix with a reciprocal condition number below this counts as singular. The default is
        :math:`n` times the machine epsilon of float64; for float32 entries what their rounding can
        do to the least eigenvalue, about
        :math:`4\epsilon\sqrt{\max_iK_{ii}\operatorname{tr}K}` with the epsilon of float32, over the
        norm, if that is more.

    Returns
    -------
    :class:`ntklib.systems.Solution`

    Raises
    ------
    SingularError
        :math:`K+\lambda I` is singular to working precision; says which rows depend on which, and
        which ridge would do.
    ValueError
        Wrong shapes, ``K`` not symmetric or with an eigenvalue below zero by more than rounding,
        ``ridge`` negative, or ``K`` cannot be overwritten.
    TypeError
        Arguments that are not real numbers.
    OverflowError
        Coefficients beyond the range of float64.

    Notes
    -----
    Statements: :prf:ref:`prp-ridge`, without a ridge :prf:ref:`prp-predictor`.
    """
    eps = epsilon(K)
    A, b, shift = _checked(K, y, ridge, eps)
    if precision not in ("auto", "double", "mixed"):
        raise ValueError(f"precision must be auto, double or mixed, got {precision!r}")
    if overwrite and not (
        A is K and A.dtype == np.float64 and (A.flags.c_contiguous or A.flags.f_contiguous)
    ):
        raise ValueError("K must be a contiguous float64 array to be overwritten")
    A, down = scaled(A)
    b, up = scaled(b)
    with np.errstate(over="ignore"):
        shift = float(np.ldexp(shift, -down))
    if not np.isfinite(shift):
        raise OverflowError(f"ridge is beyond 1e308 times the largest entry of K, got {ridge!r}")
    limit = _limit(A, eps, _norm(A, shift)) if rcond is None else nonnegative("rcond", rcond)
    wanted = precision == "mixed" or (precision == "auto" and not overwrite)
    found = None
    if wanted and (precision == "mixed" or len(A) >= _MIXED_FROM):
        found = _mixed(A, b, shift, limit)
    if found is None:
        found = _double(A, b, shift, limit, eps, overwrite)
    return found._replace(coef=unscaled("the coefficients are", found.coef, up - down))


def _checked(K: object, y: object, ridge: object, eps: float) -> tuple[Array, Array, float]:
    A = matrix("K", K)
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"K must be square, got shape {A.shape}")
    if not symmetric(A, eps):
        raise ValueError("K must be symmetric")
    b = targets("y", y, len(A)).astype(np.float64)
    return A, b, nonnegative("ridge", ridge)


def _norm(A: Array, shift: float) -> float:
    """The infinity norm of A + shift I, A with a nonnegative diagonal."""
    parts = (np.abs(A[rows]) for rows in slices(0, len(A), _ROWS))
    sums = [part.sum(axis=1, dtype=np.float64) for part in parts]
    return float(np.concatenate(sums).max()) + shift


def _fortran(A: Array, dtype: np.dtype[Any]) -> Array:
    """A copy in Fortran order; A is symmetric, so that it need not be turned."""
    return np.array(A.T if A.flags.c_contiguous else A, dtype=dtype, order="F")


def _apply(A: Array, x: Array) -> Array:
    """A x in float64 for a matrix of either precision."""
    if A.dtype == np.float64:
        return A @ x
    return np.concatenate([A[rows].astype(np.float64) @ x for rows in slices(0, len(A), _ROWS)])


def _mixed(A: Array, b: Array, shift: float, limit: float) -> Solution | None:
    """A float32 factor, refined; None where that does not converge."""
    norm = _norm(A, shift)
    tiny, huge = np.finfo(np.float32).tiny, np.finfo(np.float32).max
    if not tiny / EPS < norm < huge:
        return None
    F = _fortran(A, np.dtype(np.float32))
    F.flat[:: len(F) + 1] += np.float32(shift)
    potrf, potrs, pocon = get_lapack_funcs(("potrf", "potrs", "pocon"), (F,))
    F, info = potrf(F, lower=True, overwrite_a=True, clean=False)
    if info != 0:
        return None
    rcond = float(pocon(F, norm, uplo="L")[0])
    # Below this the last pivot of a singular matrix may be nothing but rounding.
    if rcond < max(limit, len(A) ** 0.5 * float(np.finfo(np.float32).eps)):
        return None

    def correct(r: Array) -> Array:
        scale = np.abs(r).max() or 1.0  # residuals leave the range of float32
        return np.asarray(potrs(F, (r / scale).astype(np.float32), lower=True)[0] * scale, float)

    x = correct(b)
    last = np.inf
    for step in range(_STEPS):
        residual = b - _apply(A, x) - shift * x
        error = _backward_error(residual, x, norm)
        if error <= EPS:
            return Solution(x, error, rcond, step, np.dtype(np.float32))
        if error > last / 2:
            return None
        last = error
        x = x + correct(residual)
    return None


def _backward_error(residual: Array, x: Array, norm: float) -> float:
    size = np.abs(x).max(axis=0) * norm
    ratios = np.abs(residual).max(axis=0) / np.where(size > 0, size, 1)
    return float(np.max(ratios))


def _double(
    A: Array, b: Array, shift: float, limit: float, eps: float, overwrite: bool
) -> Solution:
    """A float64 factor in one triangle; the other keeps A for the residual and the report."""
    if not overwrite:
        A = _fortran(A, np.dtype(np.float64))
    F = A if A.flags.f_contiguous else A.T
    norm = _norm(F.T, shift)
    diagonal = F.diagonal().copy() + shift
    F.flat[:: len(F) + 1] = diagonal
    potrf, potrs, pocon = get_lapack_funcs(("potrf", "potrs", "pocon"), (F,))
    (symm,) = get_blas_funcs(("symm",), (F, b))
    L, info = potrf(F, lower=True, overwrite_a=True, clean=False)
    rcond = float(pocon(L, norm, uplo="L")[0]) if info == 0 else 0.0
    if info != 0 or rcond < limit:
        noise = rounding(np.abs(diagonal - shift), eps) if eps > EPS else 0.0
        enough = 2 * math.sqrt(len(F)) * limit * norm
        raise SingularError(_dependences(F, diagonal, noise), len(F), rcond, enough)

    def residual(x: Array) -> Array:
        # The upper triangle is still A's; so is the diagonal meanwhile. (To take off what the
        # factor's adds would leave its rounding: it is the root, and of a small A far larger.)
        factor = F.diagonal().copy()
        F.flat[:: len(F) + 1] = diagonal
        product = symm(1.0, F, x.reshape(len(x), -1), lower=False)
        F.flat[:: len(F) + 1] = factor
        result: Array = b - product.reshape(x.shape)
        return result

    x = potrs(L, b, lower=True)[0]
    r = residual(x)
    error, steps = _backward_error(r, x, norm), 0
    if error > EPS:
        better = x + potrs(L, r, lower=True)[0]
        improved = _backward_error(residual(better), better, norm)
        if improved < error:
            x, error, steps = better, improved, 1
    return Solution(x, error, rcond, steps, np.dtype(np.float64))


def _dependences(F: Array, diagonal: Array, noise: float) -> list[Dependence]:
    """Which rows depend on which, by Cholesky with pivots; A is in the upper triangle of F.

    Raises ValueError if A has a negative eigenvalue, and is not a Gram matrix.
    """
    n = len(F)
    F.flat[:: n + 1] = diagonal
    (pstrf,) = get_lapack_funcs(("pstrf",), (F,))
    tolerance = max(n * EPS * float(diagonal.max()), noise)
    # No copy: A is not needed after this.
    U, pivots, rank, _ = pstrf(F, lower=False, tol=tolerance, overwrite_a=True)
    order = np.asarray(pivots) - 1
    # The estimate and the pivots may disagree by a little: then it is the last pivot.
    rank = min(int(rank), n - 1)
    negative = diagonal[order[rank:]] - np.sum(U[:rank, rank:] ** 2, axis=0)
    if (negative < -tolerance * n).any():
        rounded = 2 * math.sqrt(n) * rounding(np.abs(diagonal), float(np.finfo(np.float32).eps))
        raise ValueError(
            f"K must be positive semidefinite: a pivot is {negative.min():.3g}, "
            f"the largest diagonal entry {diagonal.max():.3g}. If its entries were rounded to "
            f"float32, compute them in float64 or take a ridge of at least {rounded:.1e}"
        )
    combinations = solve_triangular(U[:rank, :rank], U[:rank, rank:]) if rank else np.empty((0, n))
    found = []
    for row, c in zip(order[rank:], combinations.T, strict=True):
        size = np.abs(c).max(initial=0.0)
        chosen = [k for k in np.argsort(-np.abs(c)) if abs(c[k]) > 1e-6 * max(size, 1e-300)]
        on = {int(order[k]): float(c[k]) for k in chosen if size > tolerance / diagonal.max()}
        found.append(Dependence(int(row), on))
    return sorted(found, key=lambda d: d.row)
