"""The circle, on which most figures live: points, outline, angles on an axis; and arrows."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ntklib.book.figures.style import COLOR

# Angles once around the circle, close enough for a smooth curve.
FINE = np.linspace(0.0, 2 * np.pi, 241)
_NAMES = {0: "0", 0.25: "π/4", 0.5: "π/2", 0.75: "3π/4", 1: "π", 2: "2π"}


def circle(phi: ArrayLike) -> np.ndarray:
    """Points of the unit circle at the angles phi (radians), shape (..., 2)."""
    return np.stack([np.cos(phi), np.sin(phi)], axis=-1)


def polygon_corners(n: int) -> np.ndarray:
    """Corners of the regular n-gon, shape (n, 2), the first at (1, 0)."""
    return circle(2 * np.pi * np.arange(n) / n)


def outline(ax: Axes, *, lw: float = 0.8, points: int = 181) -> None:
    """Draw the unit circle, thin and pale."""
    ax.plot(*circle(np.linspace(0, 2 * np.pi, points)).T, color=COLOR["muted"], lw=lw)


def pi_ticks(ax: Axes, *parts: float) -> None:
    """Mark these multiples of pi, and nothing else, on the axis of an angle."""
    ax.set_xticks([part * np.pi for part in parts], [_NAMES[part] for part in parts])


def arrow(ax: Axes, start: Any, end: Any, **style: Any) -> None:
    """Draw an arrow between two points; `style` is that of Matplotlib's ``arrowprops``."""
    ax.annotate("", end, start, arrowprops={"arrowstyle": "->", **style})
