"""Fits in the span of centres, as the estimators of `ntklib.regression` want them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntklib._validate import Array, matrix, positive_int
from ntklib.complexity.chosen import Choice
from ntklib.complexity.in_span import choose_in_span
from ntklib.large import nystroem_solve
from ntklib.model import Kernel

# How many centres are drawn where nothing is said.
CENTERS = 2000
# Residuals of the normal equations.
_RTOL = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-8}


@dataclass(frozen=True)
class Span:
    """A kernel, points (n, d), and what spans the fits: a number, centres, or a rule by its name.

    With weights w the fit is that of sqrt(w) y by the kernel sqrt(w(x) w(z)) k(x, z), in which
    centres have the weight 1; a point without weight is none.
    """

    kernel: Kernel
    X: Any
    centers: Any
    weights: Array | None
    rng: np.random.Generator

    def fit(
        self, y: Array, alphas: Sequence[float], dtype: Any, memory: float
    ) -> tuple[Array, Array]:
        """Centres, and coefficients of which the shape is that of targets: one ridge, or one each.

        Each ridge is a solve of its own, in the same span.
        """
        kernel, X, centers = self.kernel, self.X, self.centers
        if not _rule(centers):
            drawn = centers is None or np.ndim(centers) == 0
            centers = self._count() if drawn and self.weights is None else self.found()
        if self.weights is not None:
            root = np.sqrt(self.weights)
            kernel, X, y = _Weighted(kernel), _Factors(X, root), (root * y.T).T
            centers = centers if _rule(centers) else _with_factors(centers, 1.0)
        coefs = []
        for target, alpha in zip([y] if len(alphas) == 1 else y.T, alphas, strict=True):
            solved = nystroem_solve(
                kernel,
                X,
                target,
                centers,
                alpha,
                rng=self.rng,
                memory=memory,
                dtype=dtype,
                rtol=_RTOL[np.dtype(dtype)],
            )
            centers = solved.centers
            coefs.append(solved.coef)
        coef = coefs[0] if len(alphas) == 1 else np.stack(coefs, axis=1)
        if self.weights is not None:
            coef, centers = (centers[:, -1] * coef.T).T, centers[:, :-1]
        return centers, coef

    def choose(self, y: Array) -> tuple[Array, Choice]:
        """Centres, and the fit to columns of targets with the ridge that does best on points left
        out.
        """
        if _rule(self.centers):
            raise ValueError(
                'centers must be a number or an array with alpha="loo", since rules depend on '
                f"alpha, got {self.centers!r}"
            )
        centers = self.found().astype(np.float64)
        return centers, choose_in_span(self.kernel, self.X, y, centers, self.weights)

    def found(self) -> Array:
        """The centres, drawn where they are not given."""
        if self.centers is not None and np.ndim(self.centers) > 0:
            return matrix("centers", self.centers, columns=self.X.shape[1])
        some = self.X.shape[0] if self.weights is None else np.flatnonzero(self.weights)
        rows = np.sort(self.rng.choice(some, size=self._count(), replace=False))
        if isinstance(self.X, np.ndarray):
            return np.asarray(self.X[rows])
        return np.stack([self.X[i] for i in rows])  # they lie apart

    def _count(self) -> int:
        """How many are to be drawn."""
        most = self.X.shape[0] if self.weights is None else np.count_nonzero(self.weights)
        if self.centers is None:
            return int(min(CENTERS, most))
        count = positive_int("centers", self.centers)
        if count > most:
            raise ValueError(f"centers must be at most {most}, the number of points, got {count}")
        return count


def _rule(centers: Any) -> bool:
    """Whether they are to be found as `nystroem_solve` finds them by a name."""
    return isinstance(centers, str | tuple)


@dataclass(frozen=True)
class _Weighted:
    """The kernel at points that have a factor in their last column."""

    kernel: Kernel

    def __call__(self, X: Array, Z: Array | None = None) -> Array:
        K = self.kernel(X[:, :-1]) if Z is None else self.kernel(X[:, :-1], Z[:, :-1])
        return X[:, -1:] * K * (X if Z is None else Z)[:, -1]


@dataclass(frozen=True)
class _Factors:
    """Points with a factor in their last column, to be read in chunks."""

    X: Any
    factors: Array
    chunks = None

    @property
    def shape(self) -> tuple[int, int]:
        n, d = self.X.shape
        return n, d + 1

    def __getitem__(self, rows: Any) -> Array:
        return _with_factors(self.X[rows], self.factors[rows])


def _with_factors(X: Array, factors: Any) -> Array:
    column = np.broadcast_to(np.asarray(factors, dtype=X.dtype), X.shape[:-1])
    return np.concatenate([X, column[..., None]], axis=-1)
