"""One eigendecomposition of a Gram matrix, and what rounding decides about in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ntklib._precision import EPS, cutoff, epsilon, refuse_negative, rounding, symmetric
from ntklib._validate import Array, matrix
from ntklib.dynamics.filters import Rule, check_step, coefficient
from ntklib.large.extra import bar


class Zero(NamedTuple):
    """Which eigenvalues count as zero, and from when on.

    Attributes
    ----------
    share : float
        The share of the largest eigenvalue up to which one counts as zero at infinite time, as in
        `ntklib.least_squares`.
    noise : float
        How far rounding takes a zero. While time is short for that, the coefficient of a small
        eigenvalue is known all the same: it is about that of zero. Later it is not, and 0 as in the
        pseudoinverse.
    always : bool
        Eigenvalues up to the share count as zero at all times.
    """

    share: float
    noise: float
    always: bool = False

    def coefficients(self, values: Array, t: Array, trained: Rule) -> Array:
        r"""The :math:`\psi_t` of each eigenvalue at each of a vector of times, (times, n)."""
        values = values + trained.ridge
        factors = coefficient(values, t[:, None], trained)
        with np.errstate(invalid="ignore", over="ignore"):  # no noise, at infinity
            late = np.isinf(t) | self.always | (trained.time(t) * self.noise > 1)
        factors[np.ix_(late, values <= self.share * values.max())] = 0.0
        return factors

    def rounded(self, values: Array) -> NDArray[np.bool_]:
        """Which eigenvalues may be zeros that were rounded: by them outputs would drift in time."""
        return values <= (self.share * values.max() if self.always else self.noise)


class Spectrum(NamedTuple):
    """Eigenvalues, none below zero, their vectors, and which of them may be zero."""

    values: Array
    vectors: Array
    zero: Zero

    def coefficients(self, t: Array, trained: Rule) -> Array:
        return self.zero.coefficients(self.values, t, trained)

    def outputs(self) -> Array:
        """Eigenvalues, zero where they may be."""
        return np.where(self.zero.rounded(self.values), 0.0, self.values)

    def seen(self, K_test: Array) -> Array:
        """Products with the eigenvectors; those of the null space that are rounding are zero."""
        products = K_test.astype(np.float64, copy=False) @ self.vectors
        small = self.zero.rounded(self.values)
        top = float(self.values.max())
        share = max(len(small) * EPS, 4 * epsilon(K_test), self.zero.noise / top if top else 0.0)
        unseen = np.linalg.norm(products[:, small], axis=1) <= share * np.linalg.norm(
            products, axis=1
        )
        products[np.ix_(unseen, small)] = 0.0
        return products


def spectrum(
    K: object, trained: Rule, rcond: float | None = None, progress: bool = False
) -> Spectrum:
    """That of a checked matrix, for training by a rule whose step is checked too."""
    eps = epsilon(K)
    A, share = gram(K, rcond)
    with bar(progress, 1, "decomposition", 4 * A.size):
        values, vectors = np.linalg.eigh(A)
    diagonal = A.diagonal()
    refuse_negative(float(values[0]), diagonal, eps)
    values = np.maximum(values, 0.0)
    top = float(values[-1])
    check_step(trained, top)
    # Of the entries, and of the decomposition, which is in float64.
    noise = max(rounding(diagonal, eps), len(A) * EPS * top)
    return Spectrum(values, vectors, Zero(share, noise, rcond is not None))


def gram(K: object, rcond: float | None = None) -> tuple[Array, float]:
    """A square symmetric matrix in float64, and the share of its norm that counts as zero."""
    eps, A = epsilon(K), matrix("K", K)
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"K must be square, got shape {A.shape}")
    share = cutoff(A.shape, eps, rcond)
    if not symmetric(A, eps):
        raise ValueError("K must be symmetric")
    return A.astype(np.float64, copy=False), share
