"""One eigendecomposition of a Gram matrix, and what rounding decides about in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ntklib._precision import EPS, cutoff, epsilon, rounding, symmetric
from ntklib._validate import Array, matrix
from ntklib.dynamics.filters import Rule, check_step, coefficient


class Spectrum(NamedTuple):
    """Eigenvalues, none below zero, their vectors, and which of them rounding may have made."""

    values: Array
    vectors: Array
    share: float
    forced: bool

    def coefficients(self, t: Array, trained: Rule) -> Array:
        r"""The :math:`\psi_t` of each eigenvalue at each of a vector of times, (times, n).

        An eigenvalue up to the share of the largest one is zero up to rounding. Its coefficient is
        known while time is short for it, since then it is that of zero; after that it counts as
        zero, whose coefficient in the pseudoinverse is 0.
        """
        values = self.values + trained.ridge
        negligible = self.share * float(values.max())
        factors = coefficient(values, t[:, None], trained)
        with np.errstate(invalid="ignore"):
            late = trained.time(t) * negligible > 1
        if self.forced:
            late = np.ones_like(late)
        if negligible == 0:  # of zeros only
            late = np.isinf(t)
        factors[np.ix_(late, values <= negligible)] = 0.0
        return factors

    def seen(self, K_test: Array) -> Array:
        """Products with the eigenvectors; those of the null space that are rounding are zero."""
        products = K_test.astype(np.float64, copy=False) @ self.vectors
        small = self.values <= self.share * float(self.values.max())
        length = np.linalg.norm(products, axis=1)
        noise = max(len(self.values) * EPS, self.share)
        unseen = np.linalg.norm(products[:, small], axis=1) <= noise * length
        products[np.ix_(unseen, small)] = 0.0
        return products


def spectrum(K: object, trained: Rule, rcond: float | None) -> Spectrum:
    """That of a checked matrix, for training by a rule whose step is checked too."""
    A, share = gram(K, rcond)
    values, vectors = np.linalg.eigh(A)
    refuse_negative(float(values[0]), A.diagonal(), epsilon(K))
    values = np.maximum(values, 0.0)
    check_step(trained, float(values[-1]))
    return Spectrum(values, vectors, share, rcond is not None)


def gram(K: object, rcond: float | None = None) -> tuple[Array, float]:
    """A square symmetric matrix in float64, and the share of its norm that counts as zero."""
    eps, A = epsilon(K), matrix("K", K)
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"K must be square, got shape {A.shape}")
    share = cutoff(A.shape, eps, rcond)
    if not symmetric(A, eps):
        raise ValueError("K must be symmetric")
    return A.astype(np.float64, copy=False), share


def refuse_negative(least: float, diagonal: Array, eps: float) -> None:
    """As :func:`ntklib.systems.solve` refuses a matrix that is not positive semidefinite."""
    n, top = len(diagonal), float(np.abs(diagonal).max())
    noise = rounding(np.abs(diagonal), eps) if eps > EPS else 0.0
    if least < -n * max(n * EPS * top, noise):
        raise ValueError(
            f"K must be positive semidefinite: an eigenvalue is {least:.3g}, the largest diagonal "
            f"entry {top:.3g}"
        )
