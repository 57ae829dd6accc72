r"""Ridge regression in the span of a few centres: memory and time in proportion to n.

Where the fit is sought among :math:`f=\sum_jc_jk(\cdot,z_j)`, with :math:`m` centres :math:`z_j` in
place of all :math:`n` points, the matrix has :math:`nm` entries, and nothing of the size
:math:`n^2` is ever computed (:prf:ref:`prp-centers`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ntklib._precision import EPS, scaled, unscaled
from ntklib._validate import Array, nonnegative, positive, real_array, targets
from ntklib.large.centers import centers_of
from ntklib.large.conjugate_gradients import ridge_solve
from ntklib.large.operators import as_operator
from ntklib.large.panels import Basis, Panels, basis_of, fits, gram, whole
from ntklib.large.rows import points_of
from ntklib.model import Kernel

_DTYPES = (np.float32, np.float64, np.dtype(np.float32), np.dtype(np.float64))
# The preconditioner may be made of one point in so many: then it costs about as much as a step.
_SAMPLED = 100


class NystroemSolution(NamedTuple):
    r"""What :func:`nystroem_solve` found; the prediction at ``Z`` is ``kernel(Z, centers) @ coef``.

    Attributes
    ----------
    coef : ndarray, shape (m,) or (m, k)
        The coefficients :math:`c` of the centres, float64; zero for centres whose functions
        :math:`k(\cdot,z_j)` depend on the others to rounding.
    centers : ndarray, shape (m, d)
        The centres :math:`z_j`.
    rank : int
        Number of centres that do not depend on the others.
    residual : float
        Largest relative residual of the normal equations over the columns, in the coordinates in
        which they are solved: those of an orthonormal basis of the span.
    iterations : int
        Steps of conjugate gradients.
    converged : bool
        The residual is at most ``rtol``.
    """

    coef: Array
    centers: Array
    rank: int
    residual: float
    iterations: int
    converged: bool


def nystroem_solve(
    kernel: Kernel,
    X: Any,
    y: object,
    centers: Any,
    ridge: float,
    *,
    rng: np.random.Generator,
    selection: str = "uniform",
    memory: float = 4e9,
    dtype: Any = np.float32,
    start: object = None,
    rtol: float = 1e-6,
    maxiter: int = 200,
    interruptible: bool = False,
    progress: bool = False,
) -> NystroemSolution:
    r"""Minimize :math:`\lVert f(X)-y\rVert^2+\lambda\lVert f\rVert^2` over the span of the centres.

    With all points as centres this is ridge regression, with the ridge of :func:`ridge_solve`.

    Parameters
    ----------
    kernel : callable
        Takes ``(X, Z)``, or ``X`` alone, to the matrix of a symmetric kernel.
    X : array_like, shape (n, d)
        Points, one a row. What is not a NumPy array but has ``shape`` and gives rows for a slice,
        such as :class:`numpy.memmap` or an array of zarr or HDF5, is read in chunks of rows and
        never as a whole.
    y : array_like, shape (n,) or (n, k)
        Targets.
    centers : int or array_like, shape (m, d)
        The centres, or how many of the points are chosen.
    ridge : float
        :math:`\lambda\ge0`. With 0 the centres must be independent to rounding.
    rng : numpy.random.Generator
        Draws the centres, and the points of the preconditioner.
    selection : {"uniform", "leverage", "greedy"}
        How points are chosen: each set with the same probability; with probabilities in proportion
        to their leverage scores at this ridge, estimated from a quarter as many points that are
        drawn (more of them where points are alone); or by :func:`pivoted_cholesky`, one after the
        other with probabilities in proportion to what the others leave of :math:`k(x,x)`, among as
        many points as fit in ``memory``. Where the others leave nothing there are fewer centres.
    memory : float
        Bytes that may be taken beside ``X`` and ``y``. If the :math:`nm` kernel values fit in, they
        are computed once and kept, and conjugate gradients multiply with them. If not, the
        :math:`m\times m` normal equations are formed in one pass over the points, in chunks. A
        chunk of values in float32 and float64 comes on top, up to 0.2 GB for :math:`m\le32000`.
    dtype : {numpy.float32, numpy.float64}
        Precision of the kernel values between points and centres. Sums over points are in float64.
    start : array_like, shape (m,) or (m, k), optional
        Coefficients to begin with, such as those for another ridge and the same centres.
    rtol : float
        Wanted residual of the normal equations, relative to their right-hand side.
    maxiter : int
        Steps of conjugate gradients at most.
    interruptible : bool
        With True an interruption (KeyboardInterrupt) of conjugate gradients ends them, with a
        warning, and what they have reached is returned.
    progress : bool
        Show bars, where a terminal or a notebook does (needs tqdm). The first says before it starts
        what memory will be held and about how long the values take, the second the residual.

    Returns
    -------
    :class:`ntklib.large.NystroemSolution`

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, another ``selection``, more centres than points, values that are not
        finite (of points read in chunks by the chunk and the row), ``ridge`` below 0, dependent
        centres without a ridge, normal equations that do not fit in ``memory`` (with the largest
        number of centres that does), a ``kernel`` that returns another shape.
    ImportError
        ``progress`` without tqdm.

    Warns
    -----
    ConvergenceWarning
        The residual that was asked for was not reached; the message says what was.

    Notes
    -----
    Statement: :prf:ref:`prp-centers`. The preconditioner is made of the centres, which stand for
    the points where they are drawn uniformly from them (:cite:t:`rudi2017falkon`); of drawn points
    where they are not, and where there are so many points that these pay off. The estimate of
    leverage scores is that of :cite:t:`rudi2018fast`, with one level: with :math:`s` points drawn,
    :math:`\frac1\lambda\bigl(k(x_i,x_i)-K_{iS}(K_{SS}+\lambda\frac snI)^{-1}K_{Si}\bigr)`, and 1
    where it is larger, which no leverage score is. It is exact for :math:`s=n`.
    """
    ridge, rtol = nonnegative("ridge", ridge), positive("rtol", rtol)
    memory = positive("memory", memory)
    X, Y, power, C, basis = prepared(kernel, X, y, centers, ridge, selection, memory, dtype, rng)
    n, r = X.shape[0], len(basis.rows)
    begin = None if start is None else _begin(start, (len(C), *Y.shape[1:]), basis, power)
    panels = Panels(kernel, X, np.ascontiguousarray(C[basis.rows]), np.dtype(dtype))
    if fits(n, len(C), np.dtype(dtype), memory):
        right = panels.keep(Y.reshape(n, -1), progress)
        size = n // _SAMPLED
        if size < 2 * r and isinstance(centers, int | np.integer) and selection == "uniform":
            core = whole(gram(basis.all.T)) * (n / len(C))
        else:
            core = panels.drawn(basis, max(size, 2 * r), rng)
        operator = as_operator(r, _Normal(basis, panels.squared), panels.dtype)
    else:
        right, square = panels.form(Y.reshape(n, -1), progress)
        core = basis.down(basis.down(square).T)
        operator = as_operator(r, _Normal(basis, _Squared(square)))
    found = ridge_solve(
        operator,
        basis.down(right),
        ridge,
        preconditioner=as_operator(r, _inverse(core, ridge)),
        start=begin,
        rtol=rtol,
        maxiter=maxiter,
        interruptible=interruptible,
        progress=progress,
    )
    coef = basis.coef(found.coef).reshape(-1, *Y.shape[1:])
    coef = unscaled("the coefficients are", coef, power)
    return NystroemSolution(coef, C, r, found.residual, found.iterations, found.converged)


def _begin(start: object, shape: tuple[int, ...], basis: Basis, power: int) -> Array:
    """Coordinates of the function with these coefficients."""
    coef = real_array("start", start, ndim=len(shape))
    if coef.shape != shape:
        raise ValueError(f"start must have shape {shape}, one row a center, got {coef.shape}")
    columns = coef.astype(np.float64).reshape(shape[0], -1)
    result: Array = np.ldexp(basis.all @ columns[basis.order], -power)
    return result


def prepared(
    kernel: Kernel,
    X: Any,
    y: object,
    centers: Any,
    ridge: float,
    selection: str,
    memory: float,
    dtype: Any,
    rng: np.random.Generator,
) -> tuple[Any, Array, int, Array, Basis]:
    """Points, targets over a power of two and its exponent, centres, a basis of their span."""
    X = points_of(X)
    Y, power = scaled(targets("y", y, X.shape[0]).astype(np.float64))
    if dtype not in _DTYPES:
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    if isinstance(centers, int | np.integer) and 0 < centers <= X.shape[0]:
        fits(X.shape[0], int(centers), np.dtype(dtype), memory)  # before anything is computed
    C = centers_of(kernel, X, centers, selection, ridge, memory, rng)
    fits(X.shape[0], len(C), np.dtype(dtype), memory)
    return X, Y, power, C, basis_of(kernel, C, ridge, np.dtype(dtype))


@dataclass(frozen=True)
class _Squared:
    gram: Array

    def __call__(self, V: Array, precision: Any) -> Array:
        return self.gram @ V


@dataclass(frozen=True)
class _Normal:
    """The normal equations in the coordinates of the basis."""

    basis: Basis
    squared: Any

    def __call__(self, V: Array, precision: Any) -> Array:
        return self.basis.down(self.squared(self.basis.up(V), precision))


@dataclass(frozen=True)
class _Inverse:
    factor: Any

    def __call__(self, V: Array, precision: Any) -> Array:
        result: Array = cho_solve(self.factor, V, check_finite=False)
        return result


def _inverse(core: Array, ridge: float) -> _Inverse:
    """The inverse of the core with the ridge; without one, with what rounding makes of zero."""
    shift = max(ridge, len(core) * EPS * float(np.trace(core)))
    return _Inverse(cho_factor(core + shift * np.eye(len(core)), overwrite_a=True))
