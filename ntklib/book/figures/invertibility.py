"""Figures of the chapter *When is the kernel invertible?*"""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntklib import kappa, relu_ntk
from ntklib._validate import Array
from ntklib.book.figures.geometry import circle, outline, polygon_corners
from ntklib.book.figures.style import COLOR, new_axes
from ntklib.book.printing import fixed

# Two antipodal pairs and a fifth point without partner, in degrees.
FIXED = np.array([10.0, 190.0, 50.0, 230.0, 80.0])


def _on_circle(degrees: Array | float) -> Array:
    return circle(np.deg2rad(degrees))


@cache  # all frames show the same curve
def _smallest(degrees: float) -> float:
    points = np.vstack([_on_circle(FIXED), _on_circle(degrees)])
    return max(0.0, float(np.linalg.eigvalsh(relu_ntk(points))[0]))


def _unit_circle(ax: Axes) -> None:
    outline(ax, lw=1)
    ax.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
    ax.axis("off")


def _degrees(ax: Axes) -> None:
    """Marks at the four quarters of the circle."""
    for quarter, ha, va in (
        (0, "left", "center"),
        (90, "center", "bottom"),
        (180, "right", "center"),
        (270, "center", "top"),
    ):
        x, y = _on_circle(quarter)
        ax.plot([0.94 * x, 1.06 * x], [0.94 * y, 1.06 * y], color=COLOR["muted"], lw=1)
        ax.text(1.17 * x, 1.17 * y, f"{quarter}°", ha=ha, va=va, fontsize=10)


def traveler(degrees: float) -> Figure:
    """Smallest eigenvalue of six points on the circle as one of them moves."""
    fig, (upper, lower) = new_axes(2, height=4.6, height_ratios=(6, 5))
    _unit_circle(upper)
    _degrees(upper)
    upper.set(xlim=(-1.7, 1.7), ylim=(-1.5, 1.5))
    for a, b in ((0, 1), (2, 3)):
        upper.plot(*_on_circle(FIXED[[a, b]]).T, color=COLOR["muted"], lw=1, ls=":")
    upper.plot(*_on_circle(FIXED).T, "o", color=COLOR["data"])
    upper.plot(*_on_circle(degrees).T, "D", color=COLOR["forbidden"], ms=9)
    grid = np.arange(0.0, 360.5, 1.0)
    lower.plot(grid, [_smallest(g) for g in grid], color=COLOR["theory"])
    lower.plot(degrees, _smallest(degrees), "D", color=COLOR["forbidden"], ms=9)
    lower.set(xlabel="sixth point (degrees)", ylabel=r"$\lambda_{\min}(K)$")
    lower.set(xlim=(-5, 365), ylim=(-0.003, None))
    lower.set_xticks([0, 90, 180, 270, 360])
    return fig


def traveler_alt(degrees: float) -> str:
    """What a frame of `traveler` shows, in words."""
    value = _smallest(degrees)
    where = "is singular" if value < 1e-9 else f"has smallest eigenvalue {value:.4f}"
    return (
        "Above: a circle with points at 10, 190, 50, 230 and 80 degrees, and a sixth, a diamond, "
        f"at {degrees} degrees. Below: the smallest eigenvalue against the position of the sixth; "
        "it touches zero at the five points and at 260 degrees, opposite the fifth. With the sixth "
        f"here the Gram matrix {where}."
    )


def _partial(t: Array, terms: int) -> Array:
    total, b = t / 4, 1 / (2 * np.pi)
    for k in range(1, terms + 1):
        total = total + b * t ** (2 * k)
        b *= (2 * k - 1) ** 2 / (2 * k * (2 * k + 1))
    return total


def _even(terms: int) -> str:
    return "1 even term" if terms == 1 else f"{terms} even terms"


def series(terms: int) -> Figure:
    """The kernel's profile and a partial sum of its power series."""
    t = np.linspace(-1, 1, 201)
    fig, ax = new_axes(height=3.0)
    ax.plot(t, kappa(t), color=COLOR["theory"], lw=2.5, label=r"$\kappa(t)$")
    ax.plot(t, _partial(t, terms), "--", color=COLOR["linear"], label=f"$t/4$ + {_even(terms)}")
    ax.set(xlabel="inner product $t$", ylim=(-0.3, 0.6), xticks=[-1, -0.5, 0, 0.5, 1])
    ax.legend(loc="upper left")
    return fig


def series_alt(terms: int) -> str:
    """What a frame of `series` shows, in words."""
    t = np.linspace(-1, 1, 201)
    gap = np.abs(kappa(t) - _partial(t, terms)).max()
    return (
        f"The profile kappa and the sum of t/4 and {_even(terms)} of its series, for t from -1 "
        f"to 1. The largest gap is {gap:.3f}, at the two ends."
    )


def polygon(n: int) -> Figure:
    """A regular polygon and the spectrum of its Gram matrix."""
    corners = polygon_corners(n)
    values = np.linalg.eigvalsh(relu_ntk(corners))
    fig, (left, right) = new_axes(ncols=2, height=2.7, width_ratios=(2, 3))
    _unit_circle(left)
    left.plot(*np.vstack([corners, corners[:1]]).T, color=COLOR["network"])
    left.plot(*corners.T, "o", color=COLOR["data"])
    null = values < 1e-10
    index = np.arange(1, n + 1)
    right.bar(index[~null], values[~null], color=COLOR["theory"])
    right.plot(index[null], np.full(null.sum(), 0.07), "X", color=COLOR["forbidden"], ms=9)
    right.set(xlabel="index", ylabel="eigenvalue", ylim=(0, 1.9), xlim=(0.3, 14.7))
    right.set_xticks([1, 5, 10, 14])
    right.set_title(f"{n} corners, nullity {int(null.sum())}")
    return fig


def polygon_alt(n: int) -> str:
    """What a frame of `polygon` shows, in words."""
    values = np.linalg.eigvalsh(relu_ntk(polygon_corners(n)))
    null = int((values < 1e-10).sum())
    zero = "one is zero, marked by a cross" if null == 1 else f"{null} are zero, marked by crosses"
    if null == 0:
        zero = "none is zero"
    return (
        f"Left: a regular polygon with {n} corners on the circle. Right: the {n} eigenvalues of "
        f"its Gram matrix, from {fixed(values[0], 3)} to {values[-1]:.3f}; {zero}."
    )
