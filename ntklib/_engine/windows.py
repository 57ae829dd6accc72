"""Sums and means over windows of pixels, by shifted views, one dimension after another."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ntklib._validate import Array

# For each dimension of a grid, the axes of an array that run along it.
Axes = list[tuple[int, ...]]


class Axis(NamedTuple):
    """Windows along a dimension: pixels before, windows after, and where the first one starts.

    That is `start` pixels over the edge.
    """

    before: int
    after: int
    size: int
    stride: int
    start: int

    @property
    def end(self) -> int:
        """Pixels by which the last window stands over the other edge."""
        return max(0, (self.after - 1) * self.stride + self.size - self.start - self.before)


class Windows(NamedTuple):
    """Windows on a grid, which closes on itself if `circular` and else has zeros around it."""

    axes: tuple[Axis, ...]
    circular: bool

    @property
    def before(self) -> tuple[int, ...]:
        return tuple(a.before for a in self.axes)

    @property
    def after(self) -> tuple[int, ...]:
        return tuple(a.after for a in self.axes)

    @property
    def positions(self) -> int:
        return math.prod(a.size for a in self.axes)


def axis(before: int, size: int, stride: int, padding: str) -> Axis:
    """Windows of this size; those that fit for "valid", else one for each `stride` pixels."""
    if padding == "valid":
        return Axis(before, (before - size) // stride + 1, size, stride, 0)
    after = -(-before // stride)
    over = max(0, (after - 1) * stride + size - before)
    return Axis(before, after, size, stride, over // 2)


def under_windows(values: Array, windows: Windows) -> Array:
    """What is under each window: from (signal, pixel) to (position, signal, window)."""
    edges = [(0, 0), *((a.start, a.end) for a in windows.axes)]
    padded = np.pad(
        values.reshape(-1, *windows.before), edges, mode="wrap" if windows.circular else "constant"
    )
    sizes = tuple(a.size for a in windows.axes)
    views = sliding_window_view(padded, sizes, axis=tuple(range(1, padded.ndim)))
    views = views[(slice(None), *(slice(None, None, a.stride) for a in windows.axes))]
    return np.moveaxis(views.reshape(len(values), -1, windows.positions), 2, 0)


def sum_windows(values: Array, axes: Axes, windows: Windows) -> Array:
    """Sums over windows that move along the axes of one dimension together."""
    for where, along in zip(axes, windows.axes, strict=True):
        if along.size == along.stride == 1:
            continue
        if windows.circular:
            index = np.arange(-along.start, along.before + along.end) % along.before
            for a in where:
                values = values.take(index, axis=a)
            along = along._replace(before=len(index), start=0)
        values = _sum_along(values, where, along)
    return values


def _sum_along(values: Array, where: tuple[int, ...], along: Axis) -> Array:
    parts = []
    for offset in range(-along.start, along.size - along.start):
        # The windows with a pixel in this position.
        first = max(0, -(offset // along.stride))
        last = min(along.after - 1, (along.before - 1 - offset) // along.stride)
        if first <= last:
            parts.append((first, -last, offset))
    total: Array | None = None
    for first, negative, offset in sorted(parts):  # one that is in all windows begins
        stop = 1 - negative
        begin, end = (k * along.stride + offset for k in (first, stop - 1))
        view = values[_at(values, where, slice(begin, end + 1, along.stride))]
        if total is None and stop - first == along.after:
            total = view.copy()
            continue
        if total is None:
            shape = [along.after if a in where else n for a, n in enumerate(values.shape)]
            total = np.zeros(shape, values.dtype)
        total[_at(values, where, slice(first, stop))] += view
    assert total is not None  # the first window has a pixel
    return total


def _at(values: Array, where: tuple[int, ...], part: slice) -> tuple[slice, ...]:
    return tuple(part if a in where else slice(None) for a in range(values.ndim))


def mean_windows(values: Array, axes: Axes, size: int) -> Array:
    """Means over windows side by side that move along each axis by itself."""
    for a in (a for where in axes for a in where):
        views = [values[(slice(None),) * a + (slice(k, None, size),)] for k in range(size)]
        total = views[0] / size
        for view in views[1:]:
            total += view / size
        values = total
    return values
