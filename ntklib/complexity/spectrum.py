"""The eigendecomposition of a Gram matrix, and where its rank is decided."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ntklib._precision import EPS, cutoff, epsilon, refuse_negative, rounding, scaled, symmetric
from ntklib._validate import Array, matrix

# Of an eigenvalue less than so many times as large as what rounding makes of zero, not one digit
# is known.
DIGIT = 10


class RankError(np.linalg.LinAlgError):
    """Rounding decides about the rank of the matrix, and the rank about the result."""


class Spectrum(NamedTuple):
    """A Gram matrix in float64, divided by a power of two, decomposed.

    Attributes
    ----------
    values, vectors : ndarray
        Eigenvalues, none below zero, in order, and their vectors in columns.
    zero : ndarray of bool
        Which eigenvalues count as zero where the rank matters, as in `ntklib.least_squares`.
    noise : float
        How far rounding takes a zero.
    exponent : int
        Of the power of two.
    given : bool
        The caller said what counts as zero.
    """

    values: Array
    vectors: Array
    zero: NDArray[np.bool_]
    noise: float
    exponent: int
    given: bool

    @property
    def clear(self) -> bool:
        """Some eigenvalues are zero up to rounding, and all others are not."""
        small, kept = self.values[self.zero], self.values[~self.zero]
        gap = not kept.size or kept[0] >= DIGIT * self.noise
        return bool(small.size and small[-1] <= self.noise and gap)

    def decided(self) -> None:
        """Refuse a matrix with an eigenvalue of which rounding leaves no digit, nor tells it zero.

        With a threshold of the caller's own none is refused.
        """
        kept = self.values[~self.zero]
        if self.given or not kept.size or kept[0] >= DIGIT * self.noise:
            return
        least, top, enough = np.ldexp([kept[0], kept[-1], DIGIT * self.noise], self.exponent)
        raise RankError(
            f"K is singular to working precision, or nearly: an eigenvalue is {least:.1e}, the "
            f"largest {top:.1e}, and rounding decides whether its rank is {kept.size} of "
            f"{len(self.values)} or less. Take a ridge of at least {enough:.1e}, compute K in "
            "float64 if it is float32, or say by rcond which eigenvalues count as zero"
        )


def gram(K: object) -> Array:
    """A matrix that is square and symmetric."""
    eps, A = epsilon(K), matrix("K", K)
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"K must be square, got shape {A.shape}")
    if not symmetric(A, eps):
        raise ValueError("K must be symmetric")
    return A


def spectrum(K: object, rcond: float | None = None) -> Spectrum:
    """That of a square symmetric positive semidefinite matrix, checked."""
    eps = epsilon(K)
    A, exponent = scaled(gram(K))
    share = cutoff(A.shape, eps, rcond)
    A = A.astype(np.float64, copy=False)
    values, vectors = np.linalg.eigh(A)
    diagonal = A.diagonal()
    refuse_negative(float(values[0]), diagonal, eps, share=max(1e-8, share))
    values = np.maximum(values, 0.0)
    top = float(values[-1])
    noise = max(rounding(np.abs(diagonal), eps), len(A) * EPS * top)
    return Spectrum(values, vectors, values <= share * top, noise, exponent, rcond is not None)
