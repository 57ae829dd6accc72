r"""Training by products alone: Lanczos' process, with an error that it states.

In the space of :math:`r,Kr,\dots,K^{m-1}r` the matrix is a tridiagonal :math:`T`, and a function of
it stands for that of :math:`K`. The coefficients that it gives are trained too, but for a force
along the next vector, :math:`g_t=\lVert r\rVert\,h\,e_m^\top\psi_t(T)e_1`, where :math:`h` is the
next entry beside the diagonal. Up to signs of the rows and columns, :math:`e^{-tT}`, and
:math:`I-\eta T` with :math:`\eta\lambda_{\max}\le1`, have no negative entry. So :math:`g_t` keeps
its sign and grows, and at an eigenvalue :math:`\lambda` the outputs are off by its part of
:math:`g_t-\lambda\int_0^te^{-\lambda(t-s)}g_s\,ds`, which lies between 0 and :math:`g_t`: all of
them together by at most :math:`|g_t|`. By other rules of descent what :math:`g` grows by in a step
is carried on with a factor of at most :math:`1/(1-\beta)`; there the sizes are summed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import eigh_tridiagonal

from ntklib._precision import EPS
from ntklib._validate import Array
from ntklib.dynamics.filters import Rule, check_step
from ntklib.dynamics.spectrum import Zero

# Steps whose vectors are kept in one array.
_ROOM = 32
# Steps of descent that are summed in one product.
_STRIDE = 64
# Products of a symmetric matrix are in the space but for rounding, float32's if it was rounded.
_ASYMMETRY = 1e-6

Report = Callable[[int, float], None]


def _length(v: Array) -> float:
    """The Euclidean norm, of numbers whose squares may leave the range too."""
    top = float(np.abs(v).max())
    return top * float(np.linalg.norm(v / top)) if 0 < top < np.inf else top


class Column:
    """The space of one right-hand side: its vectors, and the matrix in their terms."""

    def __init__(self, r: Array) -> None:
        self.size = float(np.linalg.norm(r))
        self.rooms: list[Array] = []
        self.count = 0
        self.diagonal: list[float] = []
        self.beside: list[float] = []
        self.complete = self.size == 0
        if not self.complete:
            self._keep(r / self.size)

    def _keep(self, v: Array) -> None:
        if self.count % _ROOM == 0:
            self.rooms.append(np.empty((_ROOM, len(v))))
        self.rooms[-1][self.count % _ROOM] = v
        self.count += 1

    def _vectors(self, limit: int) -> list[Array]:
        """The first so many vectors, in groups."""
        groups = enumerate(self.rooms)
        return [room[: limit - i * _ROOM] for i, room in groups if limit > i * _ROOM]

    @property
    def last(self) -> Array:
        vector: Array = self.rooms[-1][(self.count - 1) % _ROOM]
        return vector

    @np.errstate(over="ignore", invalid="ignore")
    def add(self, product: Array) -> None:
        """Take in K times the last vector; of what is new, the direction is the next vector."""
        new, inside = product, np.zeros(self.count)
        for _ in range(2):  # once more, for what rounding has left
            part = np.concatenate([group @ new for group in self._vectors(self.count)])
            inside += part
            groups = self._vectors(self.count)
            for i, group in enumerate(groups):
                new = new - part[i * _ROOM : i * _ROOM + len(group)] @ group
        length, rest = _length(product), _length(new)
        if not np.isfinite([*inside, length]).all():
            raise OverflowError("products with K leave the range: divide it by a power of two")
        outside = np.abs(inside[:-2]).max(initial=0.0)
        if outside > _ASYMMETRY * max(length, *np.abs(self.diagonal), 0.0):
            raise ValueError(f"K must be symmetric: products disagree by {outside:.1e}")
        self.diagonal.append(float(inside[-1]))
        scale = max(np.abs(self.diagonal).max(), max(self.beside, default=0.0))
        if self.count == len(new) or rest <= 10 * EPS * scale:
            rest, self.complete = 0.0, True
        self.beside.append(rest)
        if not self.complete:
            self._keep(new / rest)

    def solved(self) -> tuple[Array, Array, Array]:
        """Eigenvalues of the tridiagonal matrix; first and last entries of its vectors."""
        values, vectors = eigh_tridiagonal(self.diagonal, self.beside[:-1])
        return values, vectors, vectors[-1] * vectors[0]

    def combine(self, coordinates: Array) -> Array:
        """Vectors with these coordinates, (times, m) to (times, n)."""
        m = coordinates.shape[1]
        groups = self._vectors(m)
        parts = (coordinates[:, i * _ROOM : (i + 1) * _ROOM] @ g for i, g in enumerate(groups))
        return np.sum(list(parts), axis=0) if len(groups) > 1 else coordinates @ groups[0]


class Space(NamedTuple):
    """What Lanczos' process found: spaces, errors at each time, steps."""

    columns: list[Column]
    errors: Array
    steps: int
    n: int

    def apply(self, t: Array, trained: Rule, fitted: bool) -> Array:
        r"""The :math:`\psi_t(K)r`, or K times that: (times, n, columns)."""
        result = np.zeros((len(t), self.n, len(self.columns)))
        for j, column in enumerate(self.columns):
            if column.size > 0:
                values, vectors, _ = column.solved()
                values = _nonnegative(values)
                zero = _zero(self.n, values)
                factors = zero.coefficients(values, t, trained)
                if fitted:
                    factors *= np.where(zero.rounded(values), 0.0, values)
                parts = factors * vectors[0] * column.size
                result[:, :, j] = column.combine(parts @ vectors.T)
        return result


def lanczos(
    K: Any, R: Array, t: Array, trained: Rule, rtol: float, maxiter: int, report: Report
) -> Space:
    """Spaces for the columns of R, until at all times the error is below that asked for."""
    K = getattr(K, "accurate", K)
    columns = [Column(r) for r in R.T]
    errors = np.array([np.full(len(t), 0.0 if c.complete else 1.0) for c in columns])
    active = [j for j, c in enumerate(columns) if not c.complete]
    steps, check = 0, 1
    while active and steps < maxiter:
        products = np.asarray(K @ np.stack([columns[j].last for j in active], axis=1), float)
        for j, product in zip(active, products.T, strict=True):
            columns[j].add(product)
        steps += 1
        if steps in (check, maxiter) or any(columns[j].complete for j in active):
            check = max(steps + 1, int(1.1 * steps))
            for j in active:
                errors[j] = _errors(columns[j], len(R), t, trained)
            active = [j for j in active if (errors[j] > rtol).any() and not columns[j].complete]
        report(steps, float(errors.max()))
    return Space(columns, errors.max(axis=0), steps, len(R))


def _zero(n: int, values: Array) -> Zero:
    return Zero(n * EPS, n * EPS * float(values.max()))


def _nonnegative(values: Array) -> Array:
    if values.min() < -_ASYMMETRY * np.abs(values).max():
        raise ValueError(
            f"K must be positive semidefinite: v'Kv is {values.min():.3g} for a unit vector v, and "
            f"{values.max():.3g} for another"
        )
    return np.maximum(values, 0.0)


def _errors(column: Column, n: int, t: Array, trained: Rule) -> Array:
    """How far the outputs may be off at each time, relative to the right-hand side."""
    values, _, ends = column.solved()
    values = _nonnegative(values)
    check_step(trained, float(values.max()))
    beside = column.beside[-1]
    factors = _zero(n, values).coefficients(values, t, trained)
    force = beside * np.abs(factors @ ends)
    if trained.step is None:
        return force
    x = trained.step * (values + trained.ridge)
    if trained.momentum == 0 and x.max() <= 1:
        return force
    pushed = trained.step / (1 - trained.momentum) * _total(x, ends, t, trained.momentum)
    return np.where(np.isinf(t), force, beside * pushed * (3 if trained.ridge else 1))


def _total(x: Array, ends: Array, t: Array, beta: float) -> Array:
    """The sum over the steps before each time of what the force grows by, in size."""
    finite = t[np.isfinite(t)].astype(int)
    steps = int(finite.max(initial=0))
    # u_j, with which p_{k+j} = u_j p_k - beta u_{j-1} p_{k-1}.
    u = np.ones((_STRIDE + 1, len(x)))
    u[0] = 0.0
    for j in range(2, _STRIDE + 1):
        u[j] = (1 + beta - x) * u[j - 1] - beta * u[j - 2]
    now, before = ends, ends
    total, running = np.zeros(len(t)), 0.0
    for done in range(0, steps, _STRIDE):
        sums = running + np.cumsum(np.abs(u[1:] @ now - beta * (u[:-1] @ before)))
        here = (t > done) & (t <= done + _STRIDE)
        total[here] = sums[t[here].astype(int) - done - 1]
        running = float(sums[-1])
        later = (1 + beta - x) * u[-1] - beta * u[-2]
        now, before = later * now - beta * u[-1] * before, u[-1] * now - beta * u[-2] * before
    return total
