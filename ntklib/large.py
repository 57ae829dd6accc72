r"""Kernel matrices past memory, and past one machine.

Implements :prf:ref:`prp-predictor` with a ridge when the Gram matrix does not fit, or takes too
long to factor: products :math:`Kv` without :math:`K` (:func:`gram_operator`), a solver that needs
nothing but such products (:func:`ridge_solve`) and a preconditioner for it
(:func:`pivoted_cholesky`, :func:`low_rank_preconditioner`). The functions that compute entries take
the kernel as a callable of ``(X, Z)``, with ``Z`` left out for ``X`` against itself: any kernel of
this package, or your own.

:func:`dask_gram` spreads the blocks of the matrix over the workers of a Dask cluster, for
:func:`dask_operator` to multiply with, and :func:`store_gram` writes them to disk and takes up
again where it was stopped. These three and the bars of ``progress=True`` need the extra ``large``;
the rest needs nothing beyond NumPy and SciPy.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.linalg.lapack import dpstrf
from scipy.sparse.linalg import LinearOperator

from ntklib._validate import Array, matrix, nonnegative, positive, positive_int, real_array

# By how much one run of products in float32 may be asked to lower the residual.
_INNER = 1e-3


class Kernel(Protocol):
    """What every kernel of the package is: ``(X, Z)`` to the matrix of :math:`k(x_i,z_j)`."""

    def __call__(self, X: Any, Z: Any = None, /) -> Array: ...


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


def _ranges(n: int, block: int) -> list[slice]:
    return [slice(start, min(start + block, n)) for start in range(0, n, block)]


def _lower_blocks(n: int, block: int) -> Iterator[tuple[slice, slice]]:
    """Pairs of ranges that cover the lower triangle, row by row."""
    ranges = _ranges(n, block)
    for i, rows in enumerate(ranges):
        for columns in ranges[: i + 1]:
            yield rows, columns


def _block(kernel: Kernel, X: Array, rows: slice, columns: slice) -> Array:
    value = kernel(X[rows]) if rows == columns else kernel(X[rows], X[columns])
    wanted = (rows.stop - rows.start, columns.stop - columns.start)
    if np.shape(value) != wanted:
        raise ValueError(f"kernel must return shape {wanted} here, got {np.shape(value)}")
    return value


def gram_operator(
    kernel: Kernel, X: object, *, block: int = 2048, dtype: object = None
) -> LinearOperator:
    r"""The Gram matrix as an operator: ``K @ v`` for vectors and matrices ``v``.

    Without ``dtype`` the matrix is never formed: each product computes the blocks of its lower
    triangle again, uses each of them twice (those on the diagonal once), and forgets them. With
    ``dtype`` the blocks of the lower triangle are computed once and kept in that precision, in
    about half of the memory of the matrix.

    Parameters
    ----------
    kernel : callable
        Takes ``(X, Z)``, or ``X`` alone, to the matrix of a symmetric kernel.
    X : array_like, shape (n, d)
        Points, one a row.
    block : int
        Rows and columns of a block; a product needs memory for one block, beside ``v`` and the
        result.
    dtype : {None, numpy.float32, numpy.float64}
        Precision in which the blocks are kept and multiplied. With None they are not kept, and are
        multiplied in float64. The sum over the blocks is in float64 in every case.

    Returns
    -------
    scipy.sparse.linalg.LinearOperator, shape (n, n), dtype float64

    Raises
    ------
    ValueError, TypeError
        ``X`` not a finite real array of shape ``(n, d)``, ``block`` below 1, another ``dtype``, a
        kernel that returns the wrong shape.

    Notes
    -----
    Statement: :prf:ref:`prp-predictor`. With float32 the entries are rounded, by up to
    :math:`6\cdot10^{-8}` of themselves, and a block is multiplied in float32. The operator has an
    attribute ``accurate``, an operator that multiplies the same entries in float64, more slowly;
    :func:`ridge_solve` uses it for residuals.
    """
    X = matrix("X", X)
    n, block = len(X), positive_int("block", block)
    if dtype is not None and np.dtype(dtype) not in (np.float32, np.float64):  # type: ignore[call-overload]
        raise ValueError(f"dtype must be None, float32 or float64, got {dtype!r}")
    pairs = list(_lower_blocks(n, block))
    kept: list[Array] | None = None
    if dtype is not None:
        kept = [_block(kernel, X, *pair).astype(dtype) for pair in pairs]  # type: ignore[call-overload]

    def product(V: Array, precision: Any) -> Array:
        result = np.zeros((n, V.shape[1]))
        narrow = V.astype(precision, copy=False)
        for index, (rows, columns) in enumerate(pairs):
            K = kept[index] if kept is not None else _block(kernel, X, rows, columns)
            K = K.astype(precision, copy=False)
            result[rows] += K @ narrow[columns]
            if rows != columns:
                result[columns] += K.T @ narrow[rows]
        return result

    return _operator(n, product, np.float64 if kept is None else kept[0].dtype)


def _operator(
    n: int, product: Callable[[Array, Any], Array], precision: Any = np.float64
) -> LinearOperator:
    """An operator whose products are made in `precision`; its `accurate` makes them in float64."""

    def made(precision: Any) -> LinearOperator:
        def matmat(V: Array) -> Array:
            return product(V, precision)

        def matvec(v: Array) -> Array:
            return product(v.reshape(n, 1), precision)[:, 0]

        return LinearOperator(
            (n, n), matvec=matvec, rmatvec=matvec, matmat=matmat, rmatmat=matmat, dtype=np.float64
        )

    operator = made(precision)
    operator.accurate = operator if precision == np.float64 else made(np.float64)
    return operator


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
    Source: :cite:t:`chen2022randomly`; here with blocks.
    """
    X = matrix("X", X)
    n = len(X)
    rank, block = min(positive_int("rank", rank), n), positive_int("block", block)
    left = np.array(real_array("diagonal", diagonal, ndim=1), dtype=np.float64)
    if left.shape != (n,) or (left < 0).any():
        raise ValueError(f"diagonal must be {n} numbers of at least 0, got shape {left.shape}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    F, used = np.zeros((n, rank)), 0
    # What is left of the trace below this is rounding in the kernel itself.
    negligible = n * np.finfo(np.float64).eps * left.sum()
    while used < rank and left.sum() > negligible:
        size = min(block, rank - used, int(np.count_nonzero(left)))
        rows = rng.choice(n, size=size, replace=False, p=left / left.sum())
        columns = np.asarray(kernel(X, X[rows]), dtype=np.float64)
        columns = columns - F[:, :used] @ F[rows, :used].T
        core = columns[rows]
        factor, pivots, found, _ = dpstrf(core, lower=1, tol=1e-10 * core.diagonal().max())
        if found == 0:
            break
        order = pivots[:found] - 1
        new = solve_triangular(np.tril(factor[:found, :found]), columns[:, order].T, lower=True).T
        F[:, used : used + found] = new
        left = np.maximum(left - np.sum(new * new, axis=1), 0.0)
        left[rows[order]] = 0.0
        used += found
    return F[:, :used]


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
    :math:`(FF^\top+\lambda I)^{-1}=\lambda^{-1}\bigl(I-F(F^\top F+\lambda I)^{-1}F^\top\bigr)`.
    """
    F, ridge = matrix("F", F).astype(np.float64, copy=False), positive("ridge", ridge)
    core = cho_factor(F.T @ F + ridge * np.eye(F.shape[1]))

    def product(V: Array, precision: Any) -> Array:
        result: Array = (V - F @ cho_solve(core, F.T @ V)) / ridge
        return result

    return _operator(len(F), product)


def ridge_solve(
    K: Any,
    y: object,
    ridge: float,
    *,
    preconditioner: Any = None,
    rtol: float = 1e-8,
    maxiter: int = 1000,
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
    rtol : float
        Wanted :math:`\lVert y-(K+\lambda I)c\rVert/\lVert y\rVert`, for every column.
    maxiter : int
        Steps of conjugate gradients at most.
    progress : bool
        Show a bar with the residual (needs tqdm).

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

    Warns
    -----
    ConvergenceWarning
        The residual that was asked for was not reached; the message says what was.

    Notes
    -----
    Statement: :prf:ref:`prp-predictor`, with :math:`K+\lambda I` for :math:`K`. Where products with
    ``K`` are inexact and those with ``K.accurate`` are not, conjugate gradients only find a
    correction, whose residual is then computed accurately, and so on: the result solves the
    equation to the residual that was asked for all the same.
    """
    y = real_array("y", y, ndim=(1, 2)).astype(np.float64)
    ridge, rtol = nonnegative("ridge", ridge), positive("rtol", rtol)
    maxiter = positive_int("maxiter", maxiter)
    if tuple(K.shape) != (len(y), len(y)):
        raise ValueError(f"K must have shape {(len(y), len(y))} as y has, got {tuple(K.shape)}")
    if preconditioner is not None and tuple(preconditioner.shape) != tuple(K.shape):
        raise ValueError(f"preconditioner must have shape {tuple(K.shape)}")
    Y = y.reshape(len(y), -1)
    size = np.linalg.norm(Y, axis=0)
    size[size == 0] = 1.0  # a zero column is solved by zero

    # Residuals in float64; what is inexact may be used for the way there.
    accurate = getattr(K, "accurate", K)
    inner = rtol if accurate is K else max(rtol, _INNER)
    bar = _bar(maxiter) if progress else None
    C, R, iterations = np.zeros_like(Y), Y.copy(), 0
    worst = previous = float(np.max(np.linalg.norm(R, axis=0) / size))
    while worst > rtol and iterations < maxiter:
        target = np.maximum(inner * np.linalg.norm(R, axis=0), 0.9 * rtol * size)
        change, steps = _descend(K, R, ridge, preconditioner, target, maxiter - iterations, bar)
        C += change
        iterations += steps
        R = Y - (np.asarray(accurate @ C, dtype=np.float64) + ridge * C)
        worst = float(np.max(np.linalg.norm(R, axis=0) / size))
        if bar is not None:
            bar.set_postfix_str(f"residual {worst:.1e}")
        if worst > previous / 2:  # rounding is all that is left
            break
        previous = worst
    if bar is not None:
        bar.close()
    if worst > rtol:
        warnings.warn(
            f"the residual is {worst:.1e} after {iterations} iterations, asked for was {rtol:.1e}",
            ConvergenceWarning,
            stacklevel=2,
        )
    return RidgeSolution(C.reshape(y.shape), worst, iterations, worst <= rtol)


def _descend(
    K: Any, R: Array, ridge: float, preconditioner: Any, target: Array, maxiter: int, bar: Any
) -> tuple[Array, int]:
    """Preconditioned conjugate gradients from zero, until every column is below its target."""

    def improve(R: Array) -> Array:
        return R if preconditioner is None else np.asarray(preconditioner @ R)

    C, R = np.zeros_like(R), R.copy()
    Z = improve(R)
    D, rz = Z.copy(), np.sum(R * Z, axis=0)
    steps = 0
    while steps < maxiter and (np.linalg.norm(R, axis=0) > target).any():
        KD = np.asarray(K @ D, dtype=np.float64) + ridge * D
        curvature = np.sum(D * KD, axis=0)
        if (curvature < -1e-6 * np.linalg.norm(D, axis=0) * np.linalg.norm(KD, axis=0)).any():
            raise ValueError("K must be positive semidefinite, but v'Kv is negative for some v")
        # A column that is solved has nothing left to divide.
        step = np.divide(rz, curvature, out=np.zeros_like(rz), where=curvature > 0)
        C += step * D
        R -= step * KD
        steps += 1
        Z = improve(R)
        new = np.sum(R * Z, axis=0)
        D = Z + np.divide(new, rz, out=np.zeros_like(rz), where=rz > 0) * D
        rz = new
        if bar is not None:
            bar.update()
    return C, steps


def _needs(name: str) -> ImportError:
    return ImportError(f"this needs {name}: pip install 'ntklib[large]'")


def _bar(total: int) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise _needs("tqdm") from error
    return tqdm(total=total, unit="step", leave=False)


def dask_gram(kernel: Kernel, X: object, *, chunk: int = 4096, dtype: object = np.float32) -> Any:
    """The Gram matrix as a Dask array of square blocks, of which the lower ones are computed.

    With a ``dask.distributed.Client`` at work the blocks live on its workers: call ``.persist()``
    to compute them once and keep them there. A worker that is lost takes its blocks with it, and
    Dask computes them again on the others.

    Parameters
    ----------
    kernel, X
        As for :func:`gram_operator`. ``X`` is sent to each worker once.
    chunk : int
        Rows and columns of a block.
    dtype : {numpy.float32, numpy.float64}
        Precision of the blocks.

    Returns
    -------
    dask.array.Array, shape (n, n)

    Raises
    ------
    ImportError
        Dask is not installed.
    ValueError, TypeError
        As for :func:`gram_operator`; a kernel of the wrong shape shows when Dask computes.
    """
    try:
        import dask.array as da
        from dask.delayed import delayed
    except ImportError as error:
        raise _needs("dask") from error
    X = matrix("X", X)
    if np.dtype(dtype) not in (np.float32, np.float64):  # type: ignore[call-overload]
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    ranges = _ranges(len(X), positive_int("chunk", chunk))
    shared = delayed(X)

    def block(points: Array, rows: slice, columns: slice) -> Array:
        result: Array = _block(kernel, points, rows, columns).astype(dtype)  # type: ignore[call-overload]
        return result

    lower = {}
    for i, rows in enumerate(ranges):
        for j, columns in enumerate(ranges[: i + 1]):
            shape = (rows.stop - rows.start, columns.stop - columns.start)
            value = delayed(block)(shared, rows, columns)
            lower[i, j] = da.from_delayed(value, shape, dtype=dtype)
    count = range(len(ranges))
    return da.block([[lower[i, j] if j <= i else lower[j, i].T for j in count] for i in count])


def dask_operator(K: Any) -> LinearOperator:
    """A square Dask array as an operator for :func:`ridge_solve`: ``K @ v`` on its workers.

    Each block is multiplied in the precision of ``K``; the sum over the blocks is in float64. The
    operator's attribute ``accurate`` also multiplies in float64, as for :func:`gram_operator`.

    Raises
    ------
    ImportError
        Dask is not installed.
    TypeError
        Something other than a Dask array.
    ValueError
        An array that is not square.
    """
    try:
        import dask.array as da
    except ImportError as error:
        raise _needs("dask") from error
    if not isinstance(K, da.Array):
        raise TypeError(f"K must be a Dask array, got {type(K).__name__}")
    if K.ndim != 2 or K.shape[0] != K.shape[1]:
        raise ValueError(f"K must be square, got shape {K.shape}")

    def product(V: Array, precision: Any) -> Array:
        # Blocks in `precision`; the sum over blocks is in float64.
        parts = da.from_array(V.astype(precision), chunks=(K.chunks[1], V.shape[1]))
        products = da.blockwise(
            _product, "ijk", K, "ij", parts, "jk", adjust_chunks={"j": 1}, dtype=np.float64
        )
        result: Array = products.sum(axis=1).compute()
        return result

    return _operator(K.shape[0], product, K.dtype)


def _product(K: Array, V: Array) -> Array:
    return (K.astype(V.dtype, copy=False) @ V).astype(np.float64)[:, None, :]


def store_gram(
    kernel: Kernel,
    X: object,
    path: str | Path,
    *,
    name: str,
    chunk: int = 2048,
    dtype: object = np.float32,
    progress: bool = False,
) -> Any:
    """The Gram matrix in a zarr store on disk, block by block.

    Each block is written, mirrored and then ticked off, so that a run that was stopped anywhere
    loses at most the block it was at. A second call goes on with the blocks that are missing.

    Parameters
    ----------
    kernel, X
        As for :func:`gram_operator`.
    path : str or pathlib.Path
        Folder of the store; made if it is not there.
    name : str
        What the kernel is called, with its parameters: stored beside the matrix, because a
        function cannot be compared with the one of an earlier run.
    chunk : int
        Rows and columns of a block, and of a chunk of the store.
    dtype : {numpy.float32, numpy.float64}
        Precision in which the entries are stored.
    progress : bool
        Show a bar (needs tqdm).

    Returns
    -------
    zarr.Array, shape (n, n)
        Through ``dask.array.from_zarr`` and :func:`dask_operator` it can be multiplied with
        vectors out of core.

    Raises
    ------
    ImportError
        zarr is not installed, or ``progress`` without tqdm.
    ValueError
        The store holds the matrix of other points, another kernel name, chunk or dtype; otherwise
        as :func:`gram_operator`.
    """
    try:
        import zarr
    except ImportError as error:
        raise _needs("zarr") from error
    X = matrix("X", X)
    n, chunk = len(X), positive_int("chunk", chunk)
    if np.dtype(dtype) not in (np.float32, np.float64):  # type: ignore[call-overload]
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    ranges = _ranges(n, chunk)
    about = {
        "kernel": name,
        "points": hashlib.sha256(X.tobytes()).hexdigest(),
        "shape": list(X.shape),
        "chunk": chunk,
        "dtype": np.dtype(dtype).name,  # type: ignore[call-overload]
    }
    store: Any = zarr.open_group(str(path), mode="a")
    if not dict(store.attrs):
        store.attrs.update(about)
    for key, value in about.items():
        if store.attrs.get(key) != value:
            raise ValueError(
                f"path holds another matrix: its {key} is {store.attrs.get(key)!r}, "
                f"asked for is {value!r}"
            )
    if "K" not in store:
        store.create_array("K", shape=(n, n), chunks=(chunk, chunk), dtype=about["dtype"])
    if "done" not in store:
        store.create_array("done", shape=(len(ranges),) * 2, chunks=(1, 1), dtype="bool")
    K, done = store["K"], store["done"]
    finished = done[:]
    todo = [(i, j) for i in range(len(ranges)) for j in range(i + 1) if not finished[i, j]]
    bar = _bar(len(todo)) if progress else None
    for i, j in todo:
        value = _block(kernel, X, ranges[i], ranges[j]).astype(dtype)  # type: ignore[call-overload]
        K[ranges[i], ranges[j]] = value
        if i != j:
            K[ranges[j], ranges[i]] = value.T
        done[i, j] = True
        if bar is not None:
            bar.update()
    if bar is not None:
        bar.close()
    return K
