"""Mean and covariance of the outputs of many networks, each trained from its own start."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntklib._engine import sizes
from ntklib._engine.sizes import slices
from ntklib._precision import representable
from ntklib._validate import Array, real_array, targets
from ntklib.dynamics.filters import rule, times
from ntklib.dynamics.flow import combined
from ntklib.dynamics.spectrum import Spectrum, spectrum
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
    return_std: bool = False,
    return_cov: bool = False,
    rcond: float | None = None,
) -> Any:
    r"""Mean and covariance over random starts of the trained wide network.

    Notes
    -----
    Statement: :prf:ref:`thm-ensemble`.
    """
    if return_std and return_cov:
        raise ValueError("at most one of return_std and return_cov may be set")
    if covariance is None and (return_std or return_cov):
        raise ValueError("covariance must be given for return_std and return_cov")
    trained = rule(step, momentum, ridge)
    at = times(t, trained)
    X, X_test = real_array("X", X), real_array("X_test", X_test)
    y = targets("y", y, len(X)).astype(np.float64)
    found = spectrum(kernel(X), trained, rcond)
    rows = found.seen(_values(kernel, X_test, X))
    factors = found.coefficients(at.reshape(-1), trained)
    mean = combined(factors, found.vectors.T @ y.reshape(len(y), -1), rows)
    mean = representable("the means are", mean).reshape(at.shape + rows.shape[:1] + y.shape[1:])
    if covariance is None or not (return_std or return_cov):
        return mean
    train, cross = _joint(covariance, X, X_test, found)
    if return_cov:
        prior = _values(covariance, X_test)
        values = np.stack([_covariance(prior, cross, train, rows * f) for f in factors])
        return mean, values.reshape(at.shape + prior.shape)
    prior = _diagonal(covariance, X_test)
    variances = np.stack([_variance(prior, cross, train, rows * f) for f in factors])
    return mean, np.sqrt(variances).reshape(at.shape + prior.shape)


def _values(kernel: Kernel, X: Array, Z: Array | None = None) -> Array:
    value = real_array("the kernel", kernel(X) if Z is None else kernel(X, Z), ndim=2)
    wanted = (len(X), len(X if Z is None else Z))
    if value.shape != wanted:
        raise ValueError(f"a kernel must return shape {wanted} here, got {value.shape}")
    return value.astype(np.float64, copy=False)


def _joint(covariance: Kernel, X: Array, X_test: Array, found: Spectrum) -> tuple[Array, Array]:
    """Covariances of the starts: of the points among each other and with the new ones, turned."""
    V = found.vectors
    return V.T @ _values(covariance, X) @ V, _values(covariance, X_test, X) @ V


def _diagonal(covariance: Kernel, X: Array) -> Array:
    parts = (_values(covariance, X[rows]).diagonal() for rows in slices(0, len(X), sizes.TILE))
    return np.concatenate(list(parts))


def _covariance(prior: Array, cross: Array, train: Array, weights: Array) -> Array:
    mixed = cross @ weights.T
    value = prior - mixed - mixed.T + weights @ train @ weights.T
    return (value + value.T) / 2


def _variance(prior: Array, cross: Array, train: Array, weights: Array) -> Array:
    """The diagonal of the covariance; ValueError where it is below zero by more than rounding."""
    square = np.einsum("ij,ij->i", weights @ train, weights)
    value = prior - 2 * np.einsum("ij,ij->i", weights, cross) + square
    size = prior + np.abs(square)
    worst = float(np.min(value / np.where(size > 0, size, 1)))
    if worst < -1e-8:
        raise ValueError(
            f"covariance must be positive semidefinite: a variance is {worst:.1e} of its parts"
        )
    return np.maximum(value, 0.0)
