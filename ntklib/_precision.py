"""What floating point may have done to a number: one rule for all that decides by a threshold.

Two questions. Which numbers are nothing but rounding: that depends on the precision in which a
matrix was given, which its dtype tells (`epsilon`), and for a matrix that was computed on how
(`cutoff`, `gram_cutoff`, `rounding`). And which numbers leave the range: a power of two is taken
out before (`scaled`), which is exact, or the result is refused by name (`representable`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntklib._engine import sizes
from ntklib._engine.sizes import slices
from ntklib._validate import Array, real_array

EPS = float(np.finfo(np.float64).eps)

# Binary exponents within which squares, and sums of squares, neither overflow nor lose digits.
_SAFE = {np.dtype(np.float64): 400, np.dtype(np.float32): 40}


def epsilon(value: object) -> float:
    """Machine epsilon of the precision in which an array was given; float64's for whole numbers."""
    dtype = np.asarray(value).dtype
    return max(EPS, float(np.finfo(dtype).eps)) if dtype.kind == "f" else EPS


def cutoff(shape: tuple[int, ...], eps: float, rcond: float | None) -> float:
    """The share of a matrix's largest singular value up to which one counts as zero."""
    if rcond is None:
        return max(shape) * eps
    value = float(real_array("rcond", rcond, ndim=0))
    if not 0 <= value < 1:
        raise ValueError(f"rcond must lie in [0, 1), got {value}")
    return value


def gram_cutoff(J: Array, size: int, eps: float, rcond: float | None) -> float:
    """The same for the eigenvalues of a Gram matrix of this size, made of ``J`` in float64.

    They are squares of singular values, of which those of ``J`` up to `cutoff` are rounding.
    """
    share = cutoff(J.shape, eps, rcond)
    return max(size * EPS, share * share) if rcond is None else share


def largest(A: Array) -> float:
    """The largest entry in size, without another array."""
    return max(float(A.max()), -float(A.min()))


def symmetric(K: Array, eps: float) -> bool:
    """Whether a square matrix is: up to 1e-8, or a hundred ulps, of its largest entry."""
    limit = max(1e-8, 100 * eps) * largest(K)
    return all(
        bool(np.abs(K[rows, : rows.stop] - K[: rows.stop, rows].T).max() <= limit)
        for rows in slices(0, len(K), sizes.TILE // 2)
    )


def rounding(diagonal: Array, eps: float) -> float:
    """How far rounding in this precision takes the small eigenvalues of a Gram matrix.

    Entry (i, j) is off by some ulps of sqrt(K_ii K_jj). Errors with no order have a norm of about
    twice the root of the largest row's sum of squares (Wigner), which is sqrt(K_ii tr K) ulps; the
    4 is for errors of two ulps each. An error in proportion to the matrix moves no zero.
    """
    top = float(diagonal.max())
    share = float(np.sum(diagonal / (top or 1.0), dtype=np.float64))
    return 4 * eps * top * math.sqrt(share)


def refuse_negative(least: float, diagonal: Array, eps: float, share: float = 0.0) -> None:
    """Refuse a matrix that is not positive semidefinite, by the limits of `ntklib.systems`.

    With a share, an eigenvalue up to that part of the largest diagonal entry may be rounding of
    whoever made the matrix.
    """
    n, top = len(diagonal), float(np.abs(diagonal).max())
    noise = rounding(np.abs(diagonal), eps) if eps > EPS else 0.0
    if least < -max(n * max(n * EPS * top, noise), share * top):
        raise ValueError(
            f"K must be positive semidefinite: an eigenvalue is {least:.3g}, the largest diagonal "
            f"entry {top:.3g}"
        )


def scaled(A: Array) -> tuple[Array, int]:
    """``A`` divided by a power of two, exactly, and its exponent: 0 where squares are safe."""
    exponent = math.frexp(largest(A))[1]  # 0 for zeros
    if abs(exponent) <= _SAFE[A.dtype]:
        return A, 0
    # In two steps: the power itself may leave the range.
    half = exponent // 2
    return np.ldexp(np.ldexp(A, -half), half - exponent), exponent


def unscaled(name: str, values: Array, exponent: int) -> Array:
    """``values`` times two to the exponent; OverflowError where that leaves the range."""
    if exponent:
        with np.errstate(over="ignore", under="ignore"):
            values = np.ldexp(values, exponent)
    result: Array = representable(name, values)
    return result


def representable(name: str, values: Any) -> Any:
    """``values`` of finite arguments, a number or an array, none of which may have overflowed."""
    if not np.isfinite(values).all():
        dtype = np.asarray(values).dtype
        raise OverflowError(f"{name} beyond {np.finfo(dtype).max:.1e}, the largest {dtype}")
    return values
