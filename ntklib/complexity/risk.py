"""Expected risk of least squares under noise: of Gaussian features, and of given ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ntklib._precision import EPS, cutoff, epsilon, symmetric
from ntklib._validate import Array, matrix, nonnegative, real_array


class Risk(NamedTuple):
    """What :func:`ridge_risk` found.

    Attributes
    ----------
    bias, variance : ndarray, shape of the ridges
        The squared error without noise, and what noise adds to its mean.
    """

    bias: Array
    variance: Array

    @property
    def total(self) -> Array:
        """Their sum, the expected excess risk."""
        return self.bias + self.variance


def ridgeless_risk(n: object, p: object, signal: float = 1.0, noise: float = 0.0) -> Array:
    r"""Expected excess risk of least squares of least norm, for isotropic Gaussian features.

    :math:`n` rows :math:`z_i\sim N(0,I_p)` and :math:`y_i=\langle z_i,\beta\rangle+\sigma g_i` with
    :math:`\lVert\beta\rVert=` ``signal`` and independent :math:`g_i` of mean 0 and variance 1;
    :math:`\hat\beta=Z^{+}y`. Then :math:`\mathbb E\lVert\hat\beta-\beta\rVert^2` is

    .. math::

        \lVert\beta\rVert^2\Bigl(1-\frac np\Bigr)+\frac{\sigma^2n}{p-n-1}\quad(n<p-1),\qquad
        \frac{\sigma^2p}{n-p-1}\quad(n>p+1),

    and infinite for :math:`\lvert n-p\rvert\le1`, unless :math:`\sigma=0`.

    Parameters
    ----------
    n, p : int or array_like of int
        Numbers of points and of features, at least 1; broadcast against each other.
    signal, noise : float
        :math:`\lVert\beta\rVert` and :math:`\sigma`, at least 0.

    Returns
    -------
    ndarray or float, float64
        Of the shape of ``n`` and ``p`` together.

    Raises
    ------
    ValueError, TypeError
        Numbers out of range, or not whole.

    Notes
    -----
    Statement: :prf:ref:`thm-peak`.
    """
    n, p = _counts("n", n), _counts("p", p)
    signal, noise = nonnegative("signal", signal), nonnegative("noise", noise)
    n, p = np.broadcast_arrays(n, p)
    bias = signal**2 * np.maximum(1 - n / p, 0.0)
    gap = np.abs(n - p) - 1
    inflated = np.full(n.shape, np.inf)
    np.divide(np.minimum(n, p), gap, out=inflated, where=gap > 0)
    # Without noise there is none to inflate: zero, not zero times infinity.
    result: Array = bias + noise**2 * inflated if noise else bias
    return result


def ridge_risk(
    Z: object,
    beta: object,
    noise: float,
    ridge: object = 0.0,
    *,
    covariance: object = None,
    rcond: float | None = None,
) -> Risk:
    r"""Expected excess risk of ridge regression given its features, at every ridge.

    :math:`y=Z\beta+\sigma g` with :math:`g` of mean 0 and covariance :math:`I`, and
    :math:`\hat\beta=(S+\nu I)^{-1}Z^\top y` with :math:`S=Z^\top Z`; at :math:`\nu=0`
    :math:`Z^{+}y`. At a new point of covariance :math:`\Sigma` the mean over :math:`g` of
    :math:`\langle z,\hat\beta-\beta\rangle^2` is the sum of

    .. math::

        \text{bias}=\nu^2\beta^\top(S+\nu I)^{-1}\Sigma(S+\nu I)^{-1}\beta,\qquad
        \text{variance}=\sigma^2\operatorname{tr}\Sigma(S+\nu I)^{-1}S(S+\nu I)^{-1}.

    The eigenvalues of :math:`S` are those of the Gram matrix :math:`ZZ^\top`.

    Parameters
    ----------
    Z : array_like, shape (n, p)
        Features, one point a row.
    beta : array_like, shape (p,)
        The true coefficients.
    noise : float
        :math:`\sigma\ge0`.
    ridge : float or array_like, shape u
        Ridges :math:`\nu\ge0`, for which one decomposition serves.
    covariance : array_like, shape (p, p), optional
        :math:`\Sigma`; the identity when left out.
    rcond : float, optional
        Singular values of ``Z`` up to ``rcond`` times the largest count as zero, as for
        :func:`ntklib.least_squares.pinv_solve`.

    Returns
    -------
    :class:`ntklib.complexity.Risk`
        Arrays of the shape of ``ridge``, float64.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, ``noise`` or a ridge below 0, ``covariance`` not symmetric.

    Notes
    -----
    Statement: :prf:ref:`prp-conditional-risk`.
    """
    eps, Z = epsilon(Z), matrix("Z", Z)
    p = Z.shape[1]
    beta = real_array("beta", beta, ndim=1).astype(np.float64)
    if len(beta) != p:
        raise ValueError(f"beta must have {p} entries, got shape {beta.shape}")
    noise = nonnegative("noise", noise)
    nu = np.asarray(real_array("ridge", ridge, ndim=(0, 1)), dtype=np.float64)
    if nu.min() < 0:
        raise ValueError(f"ridge must be at least 0, got {nu.min()}")
    negligible = cutoff(Z.shape, eps, rcond)
    _, s, vt = np.linalg.svd(Z.astype(np.float64), full_matrices=False)
    kept = s > negligible * s[0]
    values, vt = s[kept] ** 2, vt[kept]
    # Along the eigenvectors: by how much they are shrunk; and what noise is multiplied by.
    shrunk = values / (values + nu[..., None])
    factor = shrunk**2 / values
    error = beta - (shrunk * (vt @ beta)) @ vt
    if covariance is None:
        bias, sizes = np.sum(error**2, axis=-1), np.ones(len(values))
    else:
        C = _covariance(covariance, p)
        bias = np.sum(error * (error @ C), axis=-1)
        sizes = np.sum((vt @ C) * vt, axis=1)
    return Risk(np.asarray(bias), np.asarray(noise**2 * (factor @ sizes)))


def _covariance(value: object, p: int) -> Array:
    eps, C = epsilon(value), matrix("covariance", value)
    if C.shape != (p, p) or not symmetric(C, eps):
        raise ValueError(f"covariance must be symmetric of shape {(p, p)}, got shape {C.shape}")
    least = float(np.linalg.eigvalsh(C)[0])
    if least < -max(p * EPS, eps) * p * float(np.abs(C).max()):
        raise ValueError(f"covariance must be positive semidefinite: an eigenvalue is {least:.3g}")
    return C.astype(np.float64, copy=False)


def _counts(name: str, value: object) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be whole numbers, got dtype {array.dtype}")
    array = real_array(name, array, ndim=(0, 1, 2))
    if array.min() < 1:
        raise ValueError(f"{name} must be at least 1, got {array.min()}")
    return array
