"""Predictions, dual coefficients and the largest step, from one decomposition for all times."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ntklib._precision import epsilon, representable
from ntklib._validate import Array, matrix, real_array, targets
from ntklib.dynamics.filters import rule, times
from ntklib.dynamics.spectrum import gram, refuse_negative, spectrum


class Coefficients(NamedTuple):
    r"""What :func:`coefficients` found.

    Attributes
    ----------
    coef : ndarray, shape u + (n,) or u + (n, k)
        Dual coefficients :math:`\alpha_t` at each time, float64.
    """

    coef: Array


def coefficients(
    K: Any,
    r: object,
    *,
    t: object,
    step: object = None,
    momentum: object = 0.0,
    ridge: object = 0.0,
    rcond: float | None = None,
) -> Coefficients:
    r"""Dual coefficients :math:`\alpha_t=\psi_t(K)r` of the weights :math:`w_t=w_0+J^\top\alpha_t`.

    Notes
    -----
    Statements: :prf:ref:`thm-flow`, with a step :prf:ref:`prp-descent`.
    """
    trained = rule(step, momentum, ridge)
    at = times(t, trained)
    found = spectrum(K, trained, rcond)
    r = targets("r", r, len(found.values)).astype(np.float64)
    parts = found.vectors.T @ r.reshape(len(r), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        factors = found.coefficients(at.reshape(-1), trained)
        values = combined(factors, parts, found.vectors)
    values = representable("the dual coefficients are", values)
    return Coefficients(values.reshape(at.shape + r.shape))


def predict(
    K: Any,
    y: object,
    K_test: Any = None,
    *,
    t: object,
    f0: object = 0.0,
    f0_test: object = 0.0,
    step: object = None,
    momentum: object = 0.0,
    ridge: object = 0.0,
    rcond: float | None = None,
) -> Array:
    r"""Outputs of the linearized network after training for the times ``t``.

    Notes
    -----
    Statements: :prf:ref:`thm-flow`, with a step :prf:ref:`prp-descent`.
    """
    trained = rule(step, momentum, ridge)
    at = times(t, trained)
    found = spectrum(K, trained, rcond)
    n = len(found.values)
    y = targets("y", y, n).astype(np.float64)
    start = _start("f0", f0, y)
    with np.errstate(over="ignore"):
        r = representable("y - f0 has entries", y - start).reshape(n, -1)
    parts = found.vectors.T @ r
    factors = found.coefficients(at.reshape(-1), trained)
    if K_test is None:
        change = combined(factors * found.values, parts, found.vectors)
        shape = y.shape
    else:
        K_test = matrix("K_test", K_test, columns=n)
        change = combined(factors, parts, found.seen(K_test))
        shape = K_test.shape[:1] + y.shape[1:]
        start = _start("f0_test", f0_test, np.empty(shape))
    with np.errstate(over="ignore", invalid="ignore"):
        values = start + change.reshape(at.shape + shape)
    return np.asarray(representable("the predictions are", values))


def combined(factors: Array, parts: Array, rows: Array) -> Array:
    """The rows times the parts, each part with its factor: (times, rows, columns).

    Factors are (times, n), parts (n, columns), rows (anything, n): one product a column.
    """
    return np.stack([(factors * part) @ rows.T for part in parts.T], axis=-1)


def _start(name: str, value: object, like: Array) -> Array:
    """Outputs before training: a number, one a point, or one a point and column."""
    start = real_array(name, value, ndim=(0, 1, 2)).astype(np.float64)
    if start.ndim == 1 and like.ndim == 2 and len(start) == len(like):
        start = start[:, None]
    elif start.ndim and start.shape != like.shape:
        raise ValueError(f"{name} must be a number or have shape {like.shape}, got {start.shape}")
    return start


def max_step(K: Any, *, momentum: object = 0.0) -> float:
    r"""The step :math:`2/\lambda_{\max}` below which descent converges from every start.

    Notes
    -----
    Statement: :prf:ref:`prp-descent`.
    """
    trained = rule(1.0, momentum)
    A, _ = gram(K)
    values = np.linalg.eigvalsh(A)
    refuse_negative(float(values[0]), A.diagonal(), epsilon(K))
    return trained.limit / float(values[-1])
