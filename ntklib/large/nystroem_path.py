r"""Many ridges in the span of a few centres, from one pass over the points.

In the coordinates of an orthonormal basis of the span the normal equations are
:math:`(G+\lambda I)u=b` (:prf:ref:`prp-centers`), and the eigenvalues of :math:`G` solve them for
all ridges at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ntklib._precision import unscaled
from ntklib._validate import Array, nonnegative, positive, real_array
from ntklib.large.nystroem import prepared
from ntklib.large.panels import Panels
from ntklib.model import Kernel


class NystroemPath(NamedTuple):
    r"""What :func:`nystroem_path` found, for l ridges.

    Attributes
    ----------
    ridges : ndarray, shape (l,)
        As they were given.
    coef : ndarray, shape (l, m) or (l, m, k)
        The coefficients of the centres for each ridge, float64.
    centers : ndarray, shape (m, d)
        The centres.
    rank : int
        Number of centres that do not depend on the others.
    degrees : ndarray, shape (l,)
        Degrees of freedom: the trace of the matrix that takes ``y`` to the fit.
    gcv : ndarray, shape (l,)
        The score of generalized cross-validation, an estimate of the mean squared error; inf
        where the fit has as many degrees of freedom as there are points.
    held_out : ndarray, shape (l,)
        The mean squared error at the points that were held out; NaN where none were.
    """

    ridges: Array
    coef: Array
    centers: Array
    rank: int
    degrees: Array
    gcv: Array
    held_out: Array


def nystroem_path(
    kernel: Kernel,
    X: Any,
    y: object,
    centers: Any,
    ridges: object,
    *,
    rng: np.random.Generator,
    held_out: float = 0.0,
    selection: str = "uniform",
    memory: float = 4e9,
    dtype: Any = np.float32,
    progress: bool = False,
) -> NystroemPath:
    r"""The fits of :func:`nystroem_solve` for several ridges, and scores to choose one by.

    Each is the fit of :prf:ref:`prp-centers` with its ridge. The :math:`m\times m` normal equations
    are formed while the points pass by once, in :math:`nm^2` multiplications, and one decomposition
    into eigenvectors solves them for every ridge. No matrix with :math:`n` rows is kept.

    Parameters
    ----------
    kernel, X, y, centers, rng, selection, memory, dtype, progress
        As for :func:`nystroem_solve`; leverage scores are those of the smallest ridge.
    ridges : array_like, shape (l,)
        Values of :math:`\lambda`, all above 0.
    held_out : float
        The share of the points, drawn, that the fits do not see and that their errors are measured
        at; below 1. Their kernel values are computed once more.

    Returns
    -------
    :class:`ntklib.large.NystroemPath`

    Raises
    ------
    ValueError, TypeError, ImportError
        As :func:`nystroem_solve`; ``ridges`` not above 0, ``held_out`` not in [0, 1) or so large
        that no point is left for the fit.

    Notes
    -----
    With :math:`Q` the values of the basis at the points, :math:`G=Q^\top Q` and :math:`b=Q^\top y`,
    the fit is :math:`H_\lambda y` with :math:`H_\lambda=Q(G+\lambda I)^{-1}Q^\top`. Its degrees of
    freedom are :math:`\operatorname{tr}H_\lambda=\sum_i\mu_i/(\mu_i+\lambda)`, with :math:`\mu_i`
    the eigenvalues of :math:`G`. Left out of a fit by least squares with a penalty, point
    :math:`i` has the residual :math:`(y-H_\lambda y)_i/(1-(H_\lambda)_{ii})`
    (:prf:ref:`prp-loo`). Generalized cross-validation (:cite:t:`golub1979generalized`) puts the
    mean :math:`\frac1n\operatorname{tr}H_\lambda` for each :math:`(H_\lambda)_{ii}` and takes the
    mean square, :math:`\frac1n\lVert y-H_\lambda y\rVert^2/(1-\frac1n\operatorname{tr}
    H_\lambda)^2`. The sum of squares is computed as :math:`\lVert y\rVert^2-\sum_i(v_i^\top b)^2
    (\mu_i+2\lambda)/(\mu_i+\lambda)^2` with the eigenvectors :math:`v_i`. So it is known to
    rounding of :math:`\lVert y\rVert^2`: where a fit leaves next to nothing of the targets, its
    score has few digits, and ``held_out`` is the better guide.
    """
    penalties = real_array("ridges", ridges, ndim=1).astype(np.float64)
    if penalties.min() <= 0:
        raise ValueError(f"ridges must be positive, got {penalties.min()}")
    held_out, memory = nonnegative("held_out", held_out), positive("memory", memory)
    if held_out >= 1:
        raise ValueError(f"held_out must be below 1, got {held_out}")
    least = float(penalties.min())
    X, Y, power, C, basis = prepared(kernel, X, y, centers, least, selection, memory, dtype, rng)
    n, shape = X.shape[0], Y.shape[1:]
    Y = Y.reshape(n, -1)
    used = np.ones(n, dtype=bool)
    used[rng.choice(n, size=int(np.ceil(held_out * n)), replace=False)] = False
    if not used.any():
        raise ValueError(f"held_out must leave a point for the fit, got {held_out} of {n} points")
    panels = Panels(kernel, X, np.ascontiguousarray(C[basis.rows]), np.dtype(dtype), used)
    right, square = panels.form(Y, progress)
    eigenvalues, V = np.linalg.eigh(basis.down(basis.down(square).T))
    # G is positive semidefinite: what is below zero is rounding.
    mu, b = np.maximum(eigenvalues, 0.0)[:, None], V.T @ basis.down(right)
    degrees, gcv, coef, energy = [], [], [], np.mean(Y[used] ** 2)
    for ridge in penalties:
        coef.append(basis.coef(V @ (b / (mu + ridge))))
        degrees.append(float(np.sum(mu / (mu + ridge))))
        explained = np.sum(b**2 * (mu + 2 * ridge) / (mu + ridge) ** 2) / (panels.n * Y.shape[1])
        room = 1 - degrees[-1] / panels.n
        gcv.append((energy - explained) / room**2 if room > 0 else np.inf)
    errors = _errors(panels, Y, ~used, np.stack(coef)[:, basis.rows])
    unit = 2.0 ** (2 * power)
    found = unscaled("the coefficients are", np.stack(coef).reshape(-1, len(C), *shape), power)
    return NystroemPath(
        penalties, found, C, len(mu), np.array(degrees), np.array(gcv) * unit, errors * unit
    )


def _errors(panels: Panels, Y: Array, outside: Array, coef: Array) -> Array:
    """Mean squared errors for each of l matrices of coefficients at the points outside."""
    total = np.zeros(len(coef))
    if not outside.any():
        return np.full(len(coef), np.nan)
    together = coef.transpose(1, 0, 2).reshape(coef.shape[1], -1)
    for rows in panels.chunks:
        value = panels.values(rows, outside).astype(np.float64, copy=False)
        predicted = (value @ together).reshape(len(value), len(coef), -1)
        total += np.sum((predicted - Y[rows][outside[rows]][:, None]) ** 2, axis=(0, 2))
    result: Array = total / (np.count_nonzero(outside) * Y.shape[1])
    return result
