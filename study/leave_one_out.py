r"""Kernel ridge regression whose kernel and ridge are chosen by leave-one-out.

With :math:`G=K+\nu I` and coefficients :math:`a=G^{-1}y`, the prediction at :math:`x_i` of the fit
without it misses :math:`y_i` by :math:`a_i/(G^{-1})_{ii}`. One eigendecomposition gives that for
every ridge :math:`\nu`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, eigh

Array = NDArray[Any]
Kernel = Callable[[Array, Array | None], Array]

# Shares of the mean of the Gram matrix's diagonal.
RIDGES = 10.0 ** np.arange(-8, 1.5, 0.5)
# A kernel is chosen on at most so many points of the training part.
CHOOSING = 300
# Up to so many points the ridge is chosen on all of them; beyond on those of the kernel's choice.
DECOMPOSED = 2000


class Choice(NamedTuple):
    """The best ridge, as a share of the mean diagonal, its mean squared miss and coefficients."""

    ridge: float
    error: float
    coef: Array


def best_ridge(K: Array, Y: Array, ridges: Array = RIDGES) -> Choice:
    """The ridge of the smallest mean squared leave-one-out miss, all columns of ``Y`` together."""
    scale = float(np.trace(K)) / len(K)
    values, vectors = eigh(K, driver="evd")
    # Rounding may leave eigenvalues of a singular matrix below zero.
    values = np.maximum(values, 0.0)
    turned = vectors.T @ Y
    inverse = 1 / (values[:, None] + scale * ridges)
    diagonals = (vectors**2) @ inverse
    found: Choice | None = None
    for j, ridge in enumerate(ridges):
        coef = vectors @ (inverse[:, j, None] * turned)
        error = float(np.mean((coef / diagonals[:, j, None]) ** 2))
        if found is None or error < found.error:
            found = Choice(float(ridge), error, coef)
    assert found is not None
    return found


def solve(K: Array, Y: Array, ridge: float) -> Array:
    """Coefficients at one ridge, a share of the mean diagonal."""
    shift = ridge * float(np.trace(K)) / len(K)
    return np.asarray(cho_solve(cho_factor(K + shift * np.eye(len(K)), lower=True), Y))


def tuned(
    kernels: Mapping[str, tuple[dict[str, float], Kernel]],
    X: Array,
    Y: Array,
    X_test: Array,
    rng: np.random.Generator,
) -> tuple[Array, dict[str, float]]:
    """Outputs at the test points, of the kernel and ridge chosen on the training points.

    Parameters
    ----------
    kernels : mapping
        Candidates: settings, which are recorded, and the kernel of ``(X, Z)``.
    X, Y, X_test : ndarray
        Training points, targets of shape ``(n, k)``, test points. The targets' means are taken off
        and added again.
    rng : numpy.random.Generator
        Draws the points of the choice where there are more than :data:`CHOOSING`.
    """
    mean = Y.mean(axis=0)
    some = np.arange(len(X))
    if len(X) > CHOOSING:
        some = rng.permutation(len(X))[:CHOOSING]
    chosen, choice = None, None
    if len(kernels) > 1 or len(X) > DECOMPOSED:
        for settings, kernel in kernels.values():
            tried = best_ridge(kernel(X[some], None), Y[some] - mean)
            if choice is None or tried.error < choice.error:
                chosen, choice = (settings, kernel), tried
    else:
        (chosen,) = kernels.values()
    assert chosen is not None
    settings, kernel = chosen
    if choice is not None and len(some) == len(X):
        coef, ridge = choice.coef, choice.ridge
    elif choice is not None and len(X) > DECOMPOSED:
        ridge = choice.ridge
        coef = solve(kernel(X, None), Y - mean, ridge)
    else:
        ridge, _, coef = best_ridge(kernel(X, None), Y - mean)
    return kernel(X_test, X) @ coef + mean, {**settings, "ridge": ridge}
