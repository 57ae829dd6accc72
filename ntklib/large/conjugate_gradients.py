"""Ridge regression by conjugate gradients, from products alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ntklib._precision import rounding, scaled, unscaled
from ntklib._validate import Array, nonnegative, positive, positive_int, real_array
from ntklib.large.extra import bar

# By how much one run of products in float32 may be asked to lower the residual.
_INNER = 1e-3


class ConvergenceWarning(UserWarning):
    """An iteration stopped before it reached the residual that was asked for."""


class RidgeSolution(NamedTuple):
    r"""What :func:`ridge_solve` found.

    Attributes
    ----------
    coef : ndarray, shape (n,) or (n, k)
        :math:`(K+\lambda I)^{-1}y`, float64.
    residual : float
        Largest :math:`\lVert y-(K+\lambda I)c\rVert/\lVert y\rVert` over the columns, computed
        from the coefficients :math:`c` and in float64, not carried along by the recurrence.
    iterations : int
        Steps of conjugate gradients.
    converged : bool
        The residual is at most ``rtol``.
    """

    coef: Array
    residual: float
    iterations: int
    converged: bool


def ridge_solve(
    K: Any,
    y: object,
    ridge: float,
    *,
    preconditioner: Any = None,
    start: object = None,
    rtol: float = 1e-8,
    maxiter: int = 1000,
    interruptible: bool = False,
    progress: bool = False,
) -> RidgeSolution:
    r"""Solve :math:`(K+\lambda I)c=y` by conjugate gradients, with products ``K @ v`` only.

    Parameters
    ----------
    K : operator or ndarray, shape (n, n)
        Anything with ``shape`` and ``@``, symmetric positive semidefinite: a matrix,
        :func:`gram_operator`, or :func:`dask_gram` through :func:`dask_operator`.
    y : array_like, shape (n,) or (n, k)
        Right-hand sides. Columns are solved side by side, with one product a step for all of them.
    ridge : float
        :math:`\lambda\ge0`. With 0 and a singular :math:`K` the equation may have no solution; then
        the result says that it has not converged.
    preconditioner : operator, optional
        Approximates the inverse of :math:`K+\lambda I`.
    start : array_like, shape (n,) or (n, k), optional
        Where to begin; at zero when left out.
    rtol : float
        Wanted :math:`\lVert y-(K+\lambda I)c\rVert/\lVert y\rVert`, for every column.
    maxiter : int
        Steps of conjugate gradients at most.
    interruptible : bool
        With True an interruption (KeyboardInterrupt) ends the iteration with a warning, and what it
        has reached is returned; with False it is raised, as always.
    progress : bool
        Show a bar with the residual, where a terminal or a notebook does (needs tqdm).

    Returns
    -------
    :class:`ntklib.large.RidgeSolution`

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, ``ridge`` below 0, ``rtol`` not positive, ``maxiter`` below 1, a
        ``K`` that is seen not to be positive semidefinite.
    ImportError
        ``progress`` without tqdm.
    OverflowError
        Coefficients or products with ``K`` beyond the range of float64.

    Warns
    -----
    ConvergenceWarning
        The residual that was asked for was not reached; the message says what was.

    Notes
    -----
    Statements: :prf:ref:`prp-ridge`, and :prf:ref:`prp-preconditioner` for the steps. Where
    products with ``K`` are inexact and those with ``K.accurate`` are not, conjugate gradients only
    find a correction, whose residual is then computed accurately, and so on: the result solves the
    equation to the residual that was asked for all the same.
    """
    y = real_array("y", y, ndim=(1, 2)).astype(np.float64)
    ridge, rtol = nonnegative("ridge", ridge), positive("rtol", rtol)
    maxiter = positive_int("maxiter", maxiter)
    if tuple(K.shape) != (len(y), len(y)):
        raise ValueError(f"K must have shape {(len(y), len(y))} as y has, got {tuple(K.shape)}")
    if preconditioner is not None and tuple(preconditioner.shape) != tuple(K.shape):
        raise ValueError(f"preconditioner must have shape {tuple(K.shape)}")
    Y, power = scaled(y.reshape(len(y), -1))
    size = np.linalg.norm(Y, axis=0)
    size[size == 0] = 1.0  # a zero column is solved by zero
    begin = None if start is None else real_array("start", start, ndim=y.ndim).astype(np.float64)
    if begin is not None and begin.shape != y.shape:
        raise ValueError(f"start must have shape {y.shape} as y has, got {begin.shape}")

    # Residuals in float64; what is inexact may be used for the way there.
    accurate = getattr(K, "accurate", K)
    inner = rtol if accurate is K else max(rtol, _INNER)
    C, R, iterations, stopped = np.zeros_like(Y), Y.copy(), 0, False

    def residual() -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            left: Array = Y - (np.asarray(accurate @ C, dtype=np.float64) + ridge * C)
            return left

    if begin is not None:
        C = np.ldexp(begin.reshape(Y.shape), -power)
        R = residual()
    worst = previous = float(np.max(np.linalg.norm(R, axis=0) / size))
    with bar(progress, maxiter, "step") as shown:
        while worst > rtol and iterations < maxiter and not stopped:
            target = np.maximum(inner * np.linalg.norm(R, axis=0), 0.9 * rtol * size)
            left = maxiter - iterations
            change = np.zeros_like(R)
            try:
                for _ in _descend(K, R, ridge, preconditioner, target, left, change):
                    iterations += 1
                    if shown is not None:
                        shown.update()
            except KeyboardInterrupt:
                if not interruptible:
                    raise
                stopped = True
            C += change
            try:
                R = residual()
            except KeyboardInterrupt:
                if not interruptible:
                    raise
                R, stopped = residual(), True
            worst = float(np.max(np.linalg.norm(R, axis=0) / size))
            if shown is not None:
                shown.set_postfix_str(f"residual {worst:.1e}")
            if not np.isfinite(worst):
                raise OverflowError("products with K leave the range: divide it by a power of two")
            if worst > previous / 2:  # rounding is all that is left
                break
            previous = worst
    if worst > rtol:
        reason = ", when it was interrupted" if stopped else ""
        warnings.warn(
            f"the residual is {worst:.1e} after {iterations} iterations{reason}, asked for was "
            f"{rtol:.1e}",
            ConvergenceWarning,
            stacklevel=2,
        )
    coef = unscaled("the coefficients are", C.reshape(y.shape), power)
    return RidgeSolution(coef, worst, iterations, worst <= rtol)


def _descend(
    K: Any, R: Array, ridge: float, preconditioner: Any, target: Array, maxiter: int, C: Array
) -> Iterator[None]:
    """Preconditioned conjugate gradients from zero, written to C, until columns are below targets.

    It yields after each step.
    """

    def improve(R: Array) -> Array:
        return R if preconditioner is None else np.asarray(preconditioner @ R)

    R = R.copy()
    Z = improve(R)
    D, rz = Z.copy(), np.sum(R * Z, axis=0)
    steps, stretch = 0, 0.0
    while steps < maxiter and (np.linalg.norm(R, axis=0) > target).any():
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the residual says so
            KD = np.asarray(K @ D, dtype=np.float64) + ridge * D
            curvature = np.sum(D * KD, axis=0)
            # No diagonal entry is larger than the norm, which this comes close to.
            lengths, products = np.linalg.norm(D, axis=0), np.linalg.norm(KD, axis=0)
            stretch = max(stretch, float(np.max(products / np.where(lengths > 0, lengths, 1))))
            if (curvature < -1e-6 * lengths * products).any():
                enough = rounding(np.full(len(R), stretch), float(np.finfo(np.float32).eps))
                raise ValueError(
                    "K must be positive semidefinite, but v'Kv is negative for some v. If its "
                    "entries were rounded to float32, compute them in float64 or take a ridge of "
                    f"at least {enough:.1e}"
                )
            # A column that is solved has nothing left to divide.
            step = np.divide(rz, curvature, out=np.zeros_like(rz), where=curvature > 0)
            C += step * D
            R -= step * KD
            steps += 1
            Z = improve(R)
            new = np.sum(R * Z, axis=0)
            D = Z + np.divide(new, rz, out=np.zeros_like(rz), where=rz > 0) * D
            rz = new
        yield
