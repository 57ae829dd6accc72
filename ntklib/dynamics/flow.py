"""Predictions, dual coefficients and the largest step, from one decomposition for all times."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from ntklib._precision import epsilon, refuse_negative, representable, scaled, unscaled
from ntklib._validate import Array, matrix, positive, positive_int, real_array, targets
from ntklib.dynamics.filters import Rule, rule, times
from ntklib.dynamics.krylov import Space, lanczos
from ntklib.dynamics.spectrum import gram, spectrum
from ntklib.large.conjugate_gradients import ConvergenceWarning
from ntklib.large.extra import bar


class Coefficients(NamedTuple):
    r"""What :func:`coefficients` found.

    Attributes
    ----------
    coef : ndarray, shape u + (n,) or u + (n, k)
        The dual coefficients :math:`\alpha_t` at each time, float64.
    error : ndarray, shape u
        At each time a bound of the error of the outputs on the training points,
        :math:`\lVert f_t-\hat f_t\rVert/\lVert r\rVert`, the largest over the columns: of Lanczos'
        process, beside rounding. Zero where the matrix was decomposed.
    iterations : int
        Steps of Lanczos' process, each of one product with :math:`K`; 0 where the matrix was
        decomposed.
    converged : bool
        The errors are at most ``rtol``.
    """

    coef: Array
    error: Array
    iterations: int
    converged: bool


def coefficients(
    K: Any,
    r: object,
    *,
    t: object,
    step: object = None,
    momentum: object = 0.0,
    ridge: object = 0.0,
    rcond: float | None = None,
    rtol: float = 1e-8,
    maxiter: int = 1000,
    progress: bool = False,
) -> Coefficients:
    r"""Dual coefficients :math:`\alpha_t` in training, where :math:`w_t=w_0+J^\top\alpha_t`.

    With the residual :math:`r=y-F(X;w_0)` of the start, :math:`\alpha_t=\psi_t(K)r`. For gradient
    flow :math:`\psi_t(\lambda)=(1-e^{-\lambda t})/\lambda`, and in general
    :math:`(1-\varphi_t(\lambda))/\lambda` with the :math:`\varphi_t` of :func:`filter`. The
    weights have moved by :math:`\lVert w_t-w_0\rVert=\sqrt{\alpha_t^\top K\alpha_t}`, and outputs
    at a new point by :math:`k(x,X)\alpha_t`.

    Parameters
    ----------
    K : array_like or scipy.sparse.linalg.LinearOperator, shape (n, n)
        The Gram matrix, symmetric positive semidefinite, float64 or float32. A matrix is decomposed
        once for all times, which takes about :math:`4n^2` numbers beside it. Of an operator, as of
        :func:`ntklib.large.gram_operator` and :func:`ntklib.large.dask_operator`, only products are
        taken, those of its ``accurate`` where it has one; for m steps they take
        :math:`(m+1)nk` numbers. For products alone with a matrix pass
        ``scipy.sparse.linalg.aslinearoperator(K)``.
    r : array_like, shape (n,) or (n, k)
        Residuals of the start, one column for each output.
    t : float or array_like, shape u
        Times of the flow, at least 0, or with a step numbers of steps; ``inf`` is the limit.
    step : float, optional
        Step :math:`\eta` of descent; gradient flow when left out.
    momentum : float
        Heavy-ball momentum :math:`\beta` in :math:`[0,1)`, only with a step.
    ridge : float
        :math:`\nu\ge0` in the loss, as for :func:`filter`.
    rcond : float, optional
        Eigenvalues of a matrix up to ``rcond`` times the largest count as zero, with a coefficient
        of 0 at all times. By default those up to n times the machine epsilon of the precision in
        which ``K`` is given do, but only at :math:`t=\infty`, and at times so late that rounding
        decides about their coefficients: from about :math:`1/(n\epsilon\lambda_{\max})` on.
    rtol : float
        Wanted error of the outputs on the training points, relative to :math:`\lVert r\rVert`; for
        an operator.
    maxiter : int
        Steps of Lanczos' process at most; for an operator.
    progress : bool
        Show a bar, where a terminal or a notebook does (needs tqdm). Before anything is done it
        says the memory that the decomposition takes beside the matrix, or the steps may take; with
        an operator, later the error.

    Returns
    -------
    :class:`ntklib.dynamics.Coefficients`

    Raises
    ------
    ValueError, TypeError
        ``K`` not square, not symmetric, or with an eigenvalue below zero by more than rounding;
        ``r`` of another length; ``t`` negative, NaN, or with a step not whole; ``step`` not
        positive, or not below :math:`2(1+\beta)/(\lambda_{\max}+\nu)`, which the message names;
        ``momentum``, ``ridge``, ``rcond``, ``rtol`` or ``maxiter`` out of range; a Dask array.
    OverflowError
        Coefficients, or products of an operator, beyond the range of float64.
    ImportError
        ``progress`` without tqdm.

    Warns
    -----
    ConvergenceWarning
        The error that was asked for was not reached in so many steps; the message says what was.

    Notes
    -----
    Statements: :prf:ref:`thm-flow`, with a step :prf:ref:`prp-descent`.

    Rounding in :math:`K` or its decomposition, of :math:`\epsilon\lambda_{\max}`, moves outputs by
    up to about :math:`\epsilon\lambda_{\max}t` of the residual.

    Of an operator the error is bounded in exact arithmetic, by the residual of the differential
    equation :cite:p:`botchev2011residual`; Lanczos' vectors are kept orthogonal, so that rounding
    adds no more than that. It is also a bound for the weights:
    :math:`\lVert w_t-\hat w_t\rVert\le\sqrt t\,\lVert r\rVert` times the error, for the flow and
    with :math:`\eta t` in place of :math:`t` for descent with
    :math:`\eta(\lambda_{\max}+\nu)\le1`; and outputs at a new point are off by at most
    :math:`\sqrt{k(x,x)}` times that. At :math:`t=\infty` without a ridge that says nothing; take
    :func:`ntklib.large.ridge_solve`, with its preconditioners, for such limits. A step beyond the
    limit is refused as soon as the process sees it, which one at the limit may escape.
    """
    trained = rule(step, momentum, ridge)
    at = times(t, trained)
    if _products_only(K):
        r = targets("r", r, _side(K)).astype(np.float64)
        space, power = _space(K, r, at, trained, rtol, maxiter, progress)
        values = unscaled(
            "the dual coefficients are", space.apply(at.reshape(-1), trained, False), power
        )
        error = space.errors
        iterations, converged = space.steps, bool((error <= rtol).all())
    else:
        found = spectrum(K, trained, rcond, progress)
        r = targets("r", r, len(found.values)).astype(np.float64)
        factors = found.coefficients(at.reshape(-1), trained)
        values = combined(factors, found.vectors.T @ r.reshape(len(r), -1), found.vectors)
        values = representable("the dual coefficients are", values)
        error, iterations, converged = np.zeros(at.size), 0, True
    values = values.reshape(at.shape + r.shape)
    return Coefficients(values, error.reshape(at.shape), iterations, converged)


def predict(
    K: Any,
    y: object,
    K_test: Any = None,
    *,
    t: object,
    f0: object = 0.0,
    f0_test: object = None,
    step: object = None,
    momentum: object = 0.0,
    ridge: object = 0.0,
    rcond: float | None = None,
    rtol: float = 1e-8,
    maxiter: int = 1000,
    progress: bool = False,
) -> Array:
    r"""Outputs of the linearized network after training for the times ``t``.

    On the training points :math:`f_t=y+\varphi_t(K)(f_0-y)`, with gradient flow
    :math:`y+e^{-Kt}(f_0-y)`; at other points
    :math:`F_0(x;w_t)=F(x;w_0)+k(x,X)\,\psi_t(K)(y-f_0)`, with gradient flow
    :math:`F(x;w_0)+k(x,X)K^{+}(I-e^{-Kt})(y-f_0)`. No time is stepped through.

    Parameters
    ----------
    K : array_like or scipy.sparse.linalg.LinearOperator, shape (n, n)
        The Gram matrix of the training points, as for :func:`coefficients`.
    y : array_like, shape (n,) or (n, k)
        Targets, one column for each output.
    K_test : array_like or LinearOperator, shape (n', n), optional
        Kernel between other points and the training points. When left out, the outputs are those on
        the training points. An operator only beside an operator ``K``.
    t : float or array_like, shape u
        Times of the flow, at least 0, or with a step numbers of steps; ``inf`` is the limit: the
        least-squares fit nearest to the start, which interpolates where :math:`K` is regular.
    f0 : float or array_like, shape (n,) or (n, k)
        Outputs :math:`F(X;w_0)` of the start on the training points.
    f0_test : float or array_like, shape (n',) or (n', k), optional
        Outputs of the start at the other points; may be left out where ``f0`` is zero.
    step, momentum, ridge, rcond, rtol, maxiter, progress
        As for :func:`coefficients`.

    Returns
    -------
    ndarray, shape u + (n',) or u + (n', k)
        float64, the outputs at each time; with n in place of n' without ``K_test``.

    Raises
    ------
    ValueError, TypeError, ImportError
        As :func:`coefficients`; also ``K_test`` with another number of columns, and starts of the
        wrong shape, at other points without ``K_test``, or only at the training points with it.
    OverflowError
        Outputs, or products of an operator, beyond the range of float64.

    Warns
    -----
    ConvergenceWarning
        As :func:`coefficients`.

    Notes
    -----
    Statements: :prf:ref:`thm-flow`, with a step :prf:ref:`prp-descent`. Errors are as described at
    :func:`coefficients`.

    Where :math:`K` is singular, :math:`k(x,X)` takes its null space to zero. So does this function,
    for rows of ``K_test`` that do but for rounding.
    """
    trained = rule(step, momentum, ridge)
    at = times(t, trained)
    flat = at.reshape(-1)
    products = _products_only(K)
    found = None if products else spectrum(K, trained, rcond, progress)
    n = _side(K) if found is None else len(found.values)
    y = targets("y", y, n).astype(np.float64)
    before = _start("f0", f0, y.shape)
    if K_test is None:
        shape, start = y.shape, before
        if f0_test is not None:
            raise ValueError("f0_test must be left out without K_test: outputs on X start at f0")
    else:
        if f0_test is None and before.any():
            raise ValueError("f0_test must be given with f0: where outputs at other points start")
        K_test = _test(K_test, n, products)
        shape = (K_test.shape[0], *y.shape[1:])
        start = _start("f0_test", 0.0 if f0_test is None else f0_test, shape)
    with np.errstate(over="ignore"):
        r = representable("y - f0 has entries", y - before)
    if found is None:
        space, power = _space(K, r, at, trained, rtol, maxiter, progress)
        change = space.apply(flat, trained, K_test is None)
        if K_test is not None:
            sides = np.moveaxis(change, 1, 0).reshape(n, -1)
            change = np.asarray(K_test @ sides, dtype=np.float64)
            change = np.moveaxis(change.reshape(shape[0], len(flat), -1), 0, 1)
        change = unscaled("the outputs change by", change, power)
    else:
        parts = found.vectors.T @ r.reshape(n, -1)
        factors = found.coefficients(flat, trained)
        if K_test is None:
            change = combined(factors * found.outputs(), parts, found.vectors)
        else:
            change = combined(factors, parts, found.seen(K_test))
    with np.errstate(over="ignore", invalid="ignore"):
        values = start + change.reshape(at.shape + shape)
    return np.asarray(representable("the outputs are", values))


def max_step(
    K: Any, *, momentum: object = 0.0, ridge: object = 0.0, progress: bool = False
) -> float:
    r"""The step :math:`2/\lambda_{\max}` below which descent converges from every start.

    With momentum :math:`\beta` and a ridge :math:`\nu` it is
    :math:`2(1+\beta)/(\lambda_{\max}+\nu)`.

    Parameters
    ----------
    K : array_like or scipy.sparse.linalg.LinearOperator, shape (n, n)
        The Gram matrix, symmetric positive semidefinite. Of an operator the largest eigenvalue is
        found by Lanczos' process, with a start that is always the same.
    momentum : float
        :math:`\beta` in :math:`[0,1)`.
    ridge : float
        :math:`\nu\ge0`.
    progress : bool
        For a matrix: show a bar with the memory that its eigenvalues take beside it (needs tqdm).

    Returns
    -------
    float
        Infinite for a matrix of zeros without a ridge.

    Raises
    ------
    ValueError, TypeError
        ``K`` not square, not symmetric, or with an eigenvalue below zero by more than rounding;
        ``momentum`` or ``ridge`` out of range; a Dask array.
    ImportError
        ``progress`` without tqdm.

    Notes
    -----
    Statement: :prf:ref:`prp-descent`.
    """
    trained = rule(1.0, momentum, ridge)
    if _products_only(K):
        n, accurate = _side(K), getattr(K, "accurate", K)
        v = np.random.default_rng(0).standard_normal((n, 1))
        if n > 1:
            v = eigsh(accurate, k=1, which="LA", v0=v[:, 0], tol=1e-10)[1]
        v /= np.linalg.norm(v)
        product = np.asarray(accurate @ v, dtype=np.float64)
        top = float(np.sum(v * product))
        if top < 0:
            raise ValueError(
                f"K must be positive semidefinite: its largest eigenvalue is {top:.3g}"
            )
        top += float(np.linalg.norm(product - top * v))
    else:
        A, _ = gram(K)
        with bar(progress, 1, "decomposition", A.size):
            values = np.linalg.eigvalsh(A)
        refuse_negative(float(values[0]), A.diagonal(), epsilon(K))
        top = max(float(values[-1]), 0.0)
    top += trained.ridge
    return trained.limit / top if top > 0 else np.inf


def combined(factors: Array, parts: Array, rows: Array) -> Array:
    """The rows times the parts, each part with its factor: (times, rows, columns).

    Factors are (times, n), parts (n, columns), rows (anything, n): one product a column.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # reported by those who call
        return np.stack([(factors * part) @ rows.T for part in parts.T], axis=-1)


def _products_only(K: Any) -> bool:
    if type(K).__module__.split(".")[0] == "dask":
        raise TypeError(
            "K must be a matrix or an operator, got a Dask array: large.dask_operator(K)"
        )
    return isinstance(K, LinearOperator)


def _side(K: LinearOperator) -> int:
    if K.shape[0] != K.shape[1]:
        raise ValueError(f"K must be square, got shape {K.shape}")
    return int(K.shape[0])


def _test(K_test: Any, n: int, products: bool) -> Any:
    if not isinstance(K_test, LinearOperator):
        return matrix("K_test", K_test, columns=n)
    if not products:
        raise TypeError("K_test must be a matrix beside a matrix K, got an operator")
    if K_test.shape[1] != n:
        raise ValueError(f"K_test must have {n} columns, got shape {K_test.shape}")
    return K_test


def _start(name: str, value: object, shape: tuple[int, ...]) -> Array:
    """Outputs before training: a number, one a point, or one a point and column."""
    start = real_array(name, value, ndim=(0, 1, 2)).astype(np.float64)
    if start.ndim == 1 and len(shape) == 2 and len(start) == shape[0]:
        start = start[:, None]
    elif start.ndim and start.shape != shape:
        raise ValueError(f"{name} must be a number or have shape {shape}, got {start.shape}")
    return start


def _space(
    K: LinearOperator,
    r: Array,
    at: Array,
    trained: Rule,
    rtol: object,
    maxiter: object,
    progress: bool,
) -> tuple[Space, int]:
    """Lanczos' process for these right-hand sides, and the power of two that they lack."""
    rtol, maxiter = positive("rtol", rtol), positive_int("maxiter", maxiter)
    R, power = scaled(r.reshape(len(r), -1))
    with bar(progress, maxiter, "step", (maxiter + 1) * R.size) as shown:

        def report(steps: int, error: float) -> None:
            if shown is not None:
                shown.update(steps - shown.n)
                shown.set_postfix_str(f"error {error:.1e}")

        space = lanczos(K, R, at.reshape(-1), trained, rtol, maxiter, report)
    worst = float(space.errors.max())
    if worst > rtol:
        warnings.warn(
            f"the outputs on the training points may be off by {worst:.1e} of the residual after "
            f"{space.steps} steps of Lanczos' process, asked for was {rtol:.1e}",
            ConvergenceWarning,
            stacklevel=3,
        )
    return space, power
