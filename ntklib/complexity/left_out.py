"""Leave-one-out residuals in closed form."""

from __future__ import annotations

import numpy as np

from ntklib._precision import EPS, representable, scaled, unscaled
from ntklib._validate import Array, real_array, targets
from ntklib.complexity.spectrum import Spectrum, spectrum


def leave_one_out(
    K: object, y: object, ridge: object = 0.0, *, rcond: float | None = None
) -> Array:
    r"""Residuals :math:`y_i-f_{-i}(x_i)` of the fits that each leave one point out.

    :math:`f_{-i}` is kernel regression with the ridge :math:`\nu` on all points but
    :math:`x_i`; without a ridge its fit of least norm, which interpolates where that can be. With
    :math:`a=(K+\nu I)^{-1}y`

    .. math:: y_i-f_{-i}(x_i)=\frac{a_i}{\bigl((K+\nu I)^{-1}\bigr)_{ii}}

    for :math:`\nu>0` or a regular :math:`K`. For :math:`\nu=0` and a singular :math:`K`, with the
    projection :math:`P` onto its null space, the residual is :math:`(Py)_i/P_{ii}` where
    :math:`P_{ii}>0`, that is where the features of :math:`x_i` depend on those of the others, and
    :math:`(K^{+}y)_i/(K^{+})_{ii}` elsewhere.

    Statement: :prf:ref:`prp-loo`.

    Parameters
    ----------
    K : array_like, shape (n, n)
        The Gram matrix, symmetric positive semidefinite.
    y : array_like, shape (n,) or (n, o)
        Targets.
    ridge : float or array_like, shape (r,)
        :math:`\nu\ge0`, or a number of them, for which one eigendecomposition serves.
    rcond : float, optional
        Eigenvalues up to ``rcond`` times the largest count as zero, where the ridge is within what
        rounding makes of zero; by default n times the machine epsilon of the precision in which
        ``K`` is given, as for :func:`ntklib.least_squares.dual_coefficients`.

    Returns
    -------
    ndarray, shape (n,) or (n, o), with several ridges (r, n) or (r, n, o)
        The residuals, computed in float64; float32 where ``K`` and ``y`` are.

    Raises
    ------
    ValueError, TypeError
        ``K`` not square, not symmetric or with an eigenvalue below zero by more than rounding;
        ``y`` of another length; a ridge below 0; ``rcond`` out of range.
    RankError
        The ridge is within what rounding makes of zero, and so is nearly an eigenvalue that does
        not count as zero: the residuals would be decided by rounding. Not with an ``rcond``.
    OverflowError
        Residuals beyond the range of their dtype.

    Notes
    -----
    Statement: :prf:ref:`prp-loo`.

    Rounding in :math:`K`, of n ulps of its norm, moves the residuals by about that over the least
    eigenvalue of :math:`K+\nu I` that is not zero.
    """
    found = spectrum(K, rcond)
    y = targets("y", y, len(found.values))
    dtype = np.result_type(real_array("K", K), y)
    y, up = scaled(y)
    nu = real_array("ridge", ridge, ndim=(0, 1)).astype(np.float64)
    if nu.min() < 0:
        raise ValueError(f"ridge must be at least 0, got {nu.min()}")
    with np.errstate(over="ignore", under="ignore"):
        nu_scaled = representable("ridge is", np.ldexp(nu, -found.exponent))
    result = residuals(found, y.astype(np.float64).reshape(len(y), -1), nu_scaled.reshape(-1))
    with np.errstate(over="ignore"):
        result = result.reshape(nu.shape + y.shape).astype(dtype)
    return unscaled("the residuals are", result, up)


def residuals(found: Spectrum, y: Array, ridges: Array) -> Array:
    r"""The residuals for columns of targets at each of a vector of ridges, (r, n, k).

    They are quotients in which a factor cancels:
    :math:`\sum_jv_{ij}w_j(V^\top y)_j/\sum_jv_{ij}^2w_j` with :math:`w_j` in proportion to
    :math:`1/(\lambda_j+\nu)`. In rows of which the null space sees something, :math:`w_j` is
    :math:`\nu/(\lambda_j+\nu)`, which is 1 there; in others it is scaled by the least eigenvalue
    that is left. So neither is 0 or infinite at any ridge, and the limit at 0 is the value there.
    """
    result = np.empty((len(ridges), *y.shape))
    near = ridges <= found.noise
    if near.any():
        found.decided()
    # Where zeros are told from the rest they are zero at every ridge: points that depend on others
    # would else disturb those that do not, by rounding over the ridge.
    small = near | found.clear
    if not small.all():
        result[~small] = _quotients(
            found.vectors, found.values, found.vectors.T @ y, ridges[~small], found.values[0]
        )
    if small.any():
        result[small] = _near_zero(found, y, ridges[small])
    return result


def _quotients(V: Array, values: Array, coords: Array, ridges: Array, least: float) -> Array:
    """Where all of these eigenvalues count, at ridges with which none is zero."""
    weights = (least + ridges) / (values[:, None] + ridges)
    below = np.square(V) @ weights
    return np.stack(
        [V @ (w[:, None] * coords) / b[:, None] for w, b in zip(weights.T, below.T, strict=True)]
    )


def _near_zero(found: Spectrum, y: Array, ridges: Array) -> Array:
    """With zero for the small eigenvalues."""
    null, V = found.vectors[:, found.zero], found.vectors[:, ~found.zero]
    values, coords = found.values[~found.zero], V.T @ y
    seen = np.sum(np.square(null), axis=1)
    # A vector of the range is turned towards the null space by this angle at most (Davis, Kahan).
    angle = max(len(y) * EPS, found.noise / values[0]) if values.size else 0.0
    rows = seen > angle * angle
    result = np.empty((len(ridges), *y.shape))
    if not rows.all():
        result[:, ~rows] = _quotients(V[~rows], values, coords, ridges, values[0])
    if rows.any():
        top = null[rows] @ (null.T @ y)
        for at, nu in enumerate(ridges):
            w = nu / (values + nu)
            below = seen[rows] + np.square(V[rows]) @ w
            result[at, rows] = (top + V[rows] @ (w[:, None] * coords)) / below[:, None]
    return result
