"""Mean and covariance of the outputs of many networks, each trained from its own start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ntklib._engine import sizes
from ntklib._engine.sizes import slices
from ntklib._precision import epsilon, representable
from ntklib._validate import Array, real_array, targets
from ntklib.dynamics.filters import rule, times
from ntklib.dynamics.flow import combined
from ntklib.dynamics.spectrum import spectrum
from ntklib.model import Kernel


def ensemble(
    X: object,
    y: object,
    X_test: object,
    *,
    t: object = np.inf,
    kernel: Kernel,
    covariance: Kernel | None = None,
    step: object = None,
    momentum: object = 0.0,
    ridge: object = 0.0,
    rcond: float | None = None,
    return_std: bool = False,
    return_cov: bool = False,
    progress: bool = False,
) -> Any:
    r"""Mean and covariance, over random starts, of networks that are trained for the times ``t``.

    Outputs :math:`f` of the start with mean zero and covariance :math:`S(x,z)` become, under
    training with the kernel :math:`k`, :math:`f(x)+k(x,X)A(y-f(X))`, where
    :math:`A=\psi_t(K)`; for gradient flow :math:`K^{+}(I-e^{-Kt})`. So their mean is
    :math:`k(x,X)Ay`, and their covariance

    .. math::

       S(x,z)-k(x,X)A\,S(X,z)-S(x,X)A\,k(X,z)+k(x,X)A\,S(X,X)A\,k(X,z).

    They are Gaussian where the start is. In the limit of infinite width :math:`k` is the tangent
    kernel and :math:`S` the NNGP kernel.

    Parameters
    ----------
    X : array_like, shape (n, ...)
        Training points, one for each index of the first axis.
    y : array_like, shape (n,) or (n, k)
        Targets; the columns of a matrix are outputs with starts of equal covariance.
    X_test : array_like, shape (n', ...)
        Points at which the outputs are wanted.
    t : float or array_like, shape u
        Times, as for :func:`ntklib.dynamics.predict`.
    kernel : callable
        The kernel :math:`k` by which it is trained, any with ``(X, Z)`` as for
        :class:`ntklib.model.Kernel`.
    covariance : callable
        The covariance :math:`S` of the start, likewise. The mean does not need it.
    step, momentum, ridge, rcond
        As for :func:`ntklib.dynamics.predict`.
    return_std, return_cov : bool
        Also give the standard deviations, or the covariances; at most one of them, as for Gaussian
        processes in scikit-learn.
    progress : bool
        As for :func:`ntklib.dynamics.predict`.

    Returns
    -------
    mean : ndarray, shape u + (n',) or u + (n', k)
        float64.
    std : ndarray, shape u + (n',)
        Of each output; only with ``return_std``. A variance that is below zero by rounding is zero.
    cov : ndarray, shape u + (n', n')
        Of each output; only with ``return_cov``. Outputs of different columns are uncorrelated.

    Raises
    ------
    ValueError, TypeError, ImportError
        As :func:`ntklib.dynamics.predict`; also a kernel of the wrong shape, both ``return_std``
        and ``return_cov``, one of them without a covariance, and a variance below zero by more than
        rounding.
    OverflowError
        A mean or covariance beyond the range of float64.

    Notes
    -----
    Statement: :prf:ref:`thm-ensemble`. The matrices of the training points are decomposed and
    multiplied whole. Of ``X_test`` the covariance takes a square matrix, the standard deviation
    does not.

    With ``kernel`` and ``covariance`` equal this is the posterior of the Gaussian process at
    :math:`t=\infty`, with a ridge only its mean.
    """
    if return_std and return_cov:
        raise ValueError("at most one of return_std and return_cov may be set")
    if covariance is None and (return_std or return_cov):
        raise ValueError("covariance must be given for return_std and return_cov")
    trained = rule(step, momentum, ridge)
    at = times(t, trained)
    X, X_test = real_array("X", X), real_array("X_test", X_test)
    y = targets("y", y, len(X)).astype(np.float64)
    found = spectrum(_values("kernel", kernel, X), trained, rcond, progress)
    rows = found.seen(_values("kernel", kernel, X_test, X))
    factors = found.coefficients(at.reshape(-1), trained)
    mean = combined(factors, found.vectors.T @ y.reshape(len(y), -1), rows)
    mean = representable("the means are", mean).reshape(at.shape + rows.shape[:1] + y.shape[1:])
    if covariance is None or not (return_std or return_cov):
        return mean
    train = found.vectors.T @ _values("covariance", covariance, X) @ found.vectors
    cross = _values("covariance", covariance, X_test, X) @ found.vectors
    spread: Callable[..., Array] = _covariance if return_cov else _deviation
    prior = (
        _values("covariance", covariance, X_test) if return_cov else _diagonal(covariance, X_test)
    )
    with np.errstate(over="ignore", invalid="ignore"):  # reported just below
        spreads = np.stack([spread(prior, cross, train, rows * f) for f in factors])
    spreads = representable("the covariances are", spreads)
    return mean, spreads.reshape(at.shape + prior.shape)


def _values(name: str, kernel: Kernel, X: Array, Z: Array | None = None) -> Array:
    value = real_array(f"{name}(X, Z)", kernel(X) if Z is None else kernel(X, Z), ndim=2)
    wanted = (len(X), len(X if Z is None else Z))
    if value.shape != wanted:
        raise ValueError(f"{name} must return shape {wanted} here, got {value.shape}")
    return value


def _diagonal(covariance: Kernel, X: Array) -> Array:
    blocks = (_values("covariance", covariance, X[b]) for b in slices(0, len(X), sizes.TILE))
    return np.concatenate([block.diagonal() for block in blocks])


def _covariance(prior: Array, cross: Array, train: Array, weights: Array) -> Array:
    mixed = cross @ weights.T
    value = prior - mixed - mixed.T + weights @ train @ weights.T
    result: Array = (value + value.T) / 2
    return result


def _deviation(prior: Array, cross: Array, train: Array, weights: Array) -> Array:
    """The root of the diagonal of the covariance."""
    square = np.einsum("ij,ij->i", weights @ train, weights)
    value = prior - 2 * np.einsum("ij,ij->i", weights, cross) + square
    # No covariance is larger than the product of two deviations: nor are the terms that were added.
    size = np.sqrt(np.abs(prior)) + np.abs(weights) @ np.sqrt(np.abs(train.diagonal()))
    noise = len(train) * epsilon(prior) * size**2
    if (value < -noise).any():
        raise ValueError(
            f"covariance must be positive semidefinite: a variance is {value.min():.3g}, of terms "
            f"of up to {np.max(size**2):.3g}"
        )
    result: Array = np.sqrt(np.maximum(value, 0.0))
    return result
