"""Equally spaced nodes: a second look at what Gauss's nodes may have missed, and far more terms.

For what falls off on either side, the trapezoid rule is exact up to frequencies of two pi over its
step. So the norms of a function and of its derivative are known without any Hermite polynomial
(Parseval, by a Fourier transform), and what coefficients lack of them is the error of a kernel:
the coefficients are left out with one sign, and count most at correlation one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from ntklib._validate import Array

# Of the second look; what is narrower than this, in units of the deviation, it may miss. The
# coefficients are taken from every second node.
_STEP = 0.005
# Ends: a Gaussian's root is exp(-42) at the first; the second is for functions that grow.
_ENDS = 13.0, 40.0
# A function times that root is nothing at the ends when it is below this, of its largest value.
_NOTHING = 1e-16
# Coefficients that must do, and as many again for pairs of different deviations, where those of one
# side stand beside larger ones of the other. With the index k goes the frequency k^(1/2); that of
# the last is a third of what the step takes.
_MOST = 16384
_BLOCK = 256
# Rows that are looked at together: some 10 MiB.
_ROWS = 64
# Where a function is looked at for what is narrow and far from zero: so near in log z, on either
# side of zero; and at how many points in each stretch of so many its bend is then compared.
_NEAREST, _FARTHEST, _DENSE, _STRETCH, _WORST = 1e-8, 1e12, 0.002, 500, 3
# Points of the grid from which it is compared, and how far off it may be there, of its size.
_AROUND, _OFF = 8, 1e-6
# Rounding of the two norms, in units of the function's own, and of its derivative's against it:
# the transform's, some ulps, times the largest frequency.
_ROUNDING, _ROUGH = 1e-13, 1e-12


class _Norms(NamedTuple):
    """Of s(a xi), in units of the largest: its values times the root of the density, the mean of
    its square, the same of its derivative in xi, and which share of that is of frequencies that
    the step can hardly tell."""

    unit: Array
    values: Array
    square: Array
    slope: Array
    unseen: Array


@cache
def _grid(end: float) -> tuple[Array, Array]:
    """Nodes, and the roots of their weights."""
    count = round(end / _STEP)
    x = np.arange(-count, count) * _STEP
    root = np.sqrt(_STEP / math.sqrt(2 * math.pi)) * np.exp(-(x**2) / 4)
    x.flags.writeable = root.flags.writeable = False
    return x, root


def _norms(function: Callable[[Array], Array], a: Array) -> tuple[_Norms, Array] | None:
    """The norms at deviations, with the nodes; None where the function grows too fast for that."""
    for end in _ENDS:
        x, root = _grid(end)
        with np.errstate(all="ignore"):  # far out it may leave the range
            values = np.asarray(function(a[:, None] * x))
            if values.shape != (len(a), len(x)) or values.dtype.kind not in "biuf":
                return None
            values = values.astype(np.float64) * root
            size = np.abs(values).max(axis=1)
            edges = np.maximum(np.abs(values[:, :50]), np.abs(values[:, -50:])).max(axis=1)
        if np.isfinite(values).all() and (edges <= _NOTHING * size).all():
            break
    else:
        return None
    unit = np.where(size > 0, size, 1.0)  # squares stay in the range
    values /= unit[:, None]
    # (g s)' = g s' - x/2 g s, for the root g of the density: the derivative by frequencies.
    frequency = 2 * math.pi * np.fft.rfftfreq(len(x), _STEP)
    spectrum = np.fft.rfft(values, axis=1)
    slope = np.fft.irfft(1j * frequency * spectrum, n=len(x), axis=1) + x / 2 * values
    high = frequency > frequency[-1] / 2
    energy = np.abs(frequency * spectrum) ** 2
    tiny = np.finfo(float).tiny
    steep = np.sum(slope**2, axis=1)
    unseen = 2 * np.sum(energy[:, high], axis=1) / len(x) / np.maximum(steep, tiny)
    return _Norms(unit, values, np.sum(values**2, axis=1), steep, unseen), x


@np.errstate(all="ignore")  # far out it may leave the range
def bends(function: Callable[[Array], Array]) -> tuple[Array, Array]:
    """Points at which a function is least straight, some in each stretch, and its values there."""
    z = np.exp(np.arange(math.log(_NEAREST), math.log(_FARTHEST), _DENSE))
    z = z[: len(z) // _STRETCH * _STRETCH]
    points, found = [], []
    for side in (z, -z):
        values = np.asarray(function(side), np.float64)
        bend = np.zeros_like(values)
        bend[1:-1] = np.abs(values[2:] - 2 * values[1:-1] + values[:-2])
        bend = np.where(np.isfinite(bend) & np.isfinite(values), bend, 0.0)
        worst = np.argsort(bend.reshape(-1, _STRETCH), axis=1)[:, -_WORST:]
        index = (worst + np.arange(len(worst))[:, None] * _STRETCH).reshape(-1)
        index = index[bend[index] > 0]
        points.append(side[index])
        found.append(values[index])
    return np.concatenate(points), np.concatenate(found)


@np.errstate(over="ignore", invalid="ignore")  # of points far beyond those of the grid
def _passed_over(norms: _Norms, x: Array, root: Array, a: Array, at: tuple[Array, Array]) -> Array:
    """Deviations at which a function is elsewhere, at its bends, than the grid says."""
    points, values = at
    scaled = points / np.maximum(a, np.finfo(float).tiny)[:, None]
    place = (scaled - x[0]) / _STEP
    first = np.floor(place) - (_AROUND / 2 - 1)
    there = (first >= 0) & (first + _AROUND <= len(x))
    first = np.where(there, first, 0).astype(int)
    offset = np.where(there, place - first, 0.0)
    nodes = first[..., None] + np.arange(_AROUND)
    # Lagrange's polynomials of the function itself, times the root at the point.
    weights = np.ones(nodes.shape)
    for j in range(_AROUND):
        for k in range(_AROUND):
            if k != j:
                weights[..., j] *= (offset - k) / (j - k)
    rows = np.arange(len(a))[:, None, None]
    grid = np.sum(weights * norms.values[rows, nodes] / root[nodes], axis=-1)
    here = np.exp(-(scaled**2) / 4)
    off = np.abs(grid - values / norms.unit[:, None]) * here
    size = np.sqrt(norms.square)
    return np.asarray((np.where(there, off, 0.0) > _OFF * size[:, None]).any(axis=1))


def missed(
    function: Callable[[Array], Array], a: Array, coefficients: Array, at: tuple[Array, Array]
) -> Array:
    """What Hermite coefficients lack of the norms, relative, beyond rounding; a row a deviation.

    Zero where the norms are not to be had; one where these, too, pass over a bend.
    """
    found = np.zeros(len(a))
    order = np.arange(coefficients.shape[1])
    for first in range(0, len(a), _ROWS):
        rows = slice(first, first + _ROWS)
        known = _norms(function, a[rows])
        if known is not None:
            squares = (coefficients[rows] / known[0].unit[:, None]) ** 2
            lacking = _lacking(known[0], squares.sum(axis=1), squares @ order)
            x, root = known[1], _grid(-known[1][0])[1]
            found[rows] = np.where(_passed_over(known[0], x, root, a[rows], at), 1.0, lacking)
    return found


def _lacking(norms: _Norms, square: Array, slope: Array) -> Array:
    tiny = np.finfo(float).tiny
    whole, steep = np.maximum(norms.square, tiny), np.maximum(norms.slope, tiny)
    rounding = _ROUGH * np.sqrt(whole / steep)
    return np.asarray(
        np.maximum.reduce(
            [
                np.abs(norms.square - square) / whole - _ROUNDING,
                # A kink's frequencies go on beyond the grid's with as much again.
                np.abs(norms.slope - slope) / steep + norms.unseen - rounding,
                np.zeros_like(whole),
            ]
        )
    )


def coefficients(
    function: Callable[[Array], Array], a: Array, enough: float, at: tuple[Array, Array]
) -> tuple[Array, Array] | None:
    """Hermite coefficients at deviations, and what they lack; None for what grows too fast.

    Twice as many as it takes to lack no more than `enough`, if 16384 do.
    """
    stds, index = np.unique(a, return_inverse=True)
    found = [_some(function, stds[k : k + _ROWS], enough, at) for k in range(0, len(stds), _ROWS)]
    known = [pair for pair in found if pair is not None]
    if len(known) < len(found):
        return None
    widest = max(f.shape[1] for f, _ in known)
    f = np.concatenate([np.pad(f, ((0, 0), (0, widest - f.shape[1]))) for f, _ in known])
    return f[index], np.concatenate([error for _, error in known])[index]


def _some(
    function: Callable[[Array], Array], a: Array, enough: float, at: tuple[Array, Array]
) -> tuple[Array, Array] | None:
    known = _norms(function, a)
    if known is None:
        return None
    norms, x = known
    if _passed_over(norms, x, _grid(-x[0])[1], a, at).any():
        return None
    x, root = x[::2], _grid(-x[0])[1][::2] * math.sqrt(2)
    values = np.ascontiguousarray(norms.values[:, ::2]) * math.sqrt(2)
    # h_k times the root of the density: bounded, so that the recurrence loses nothing.
    before, here = np.zeros_like(x), root
    parts: list[Array] = []
    square, slope = np.zeros(len(a)), np.zeros(len(a))
    error, last = np.full(len(a), np.inf), _MOST
    for first in range(0, 2 * _MOST, _BLOCK):
        if first >= last:
            break
        Q = np.empty((_BLOCK, len(x)))
        for row in range(_BLOCK):
            k = first + row
            Q[row] = here
            before, here = here, (x * here - math.sqrt(k) * before) / math.sqrt(k + 1)
        part = values @ Q.T
        parts.append(part)
        square += np.sum(part**2, axis=1)
        slope += part**2 @ np.arange(first, first + _BLOCK)
        if first < _MOST and error.max() > enough:
            error = _lacking(norms, square, slope)
            last = 2 * (first + _BLOCK) if error.max() <= enough else _MOST
    return np.concatenate(parts, axis=1) * norms.unit[:, None], error
