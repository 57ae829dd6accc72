"""Figures of the chapter *The ReLU kernel*."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Wedge
from numpy.typing import NDArray

from ntklib import angles, gate_kernel, kappa, lift, relu_nngp, relu_ntk, with_bias
from ntklib._validate import Array
from ntklib.book.figures.geometry import arrow, circle, outline, pi_ticks
from ntklib.book.figures.style import COLOR, INK, new_axes
from ntklib.book.printing import fixed, minus

DRAWS = 40
# The fixed point of the figure `upstairs`, and the range that both points share.
FIXED = 0.6
UNIT_ROUNDOFF = 2.0**-53
# What an error of zero is drawn at, on a logarithmic axis.
_FLOOR = 1e-17


def _decimals(value: float) -> str:
    return minus(fixed(value, 3))


@cache
def _directions() -> Array:
    """Directions of DRAWS Gaussian vectors of the plane, shape (DRAWS, 2)."""
    v = np.random.default_rng(11).standard_normal((DRAWS, 2))
    result: Array = v / np.linalg.norm(v, axis=1, keepdims=True)
    return result


def _both_open(theta: float) -> NDArray[np.bool_]:
    """Which of the directions have both gates open at the angle theta (radians)."""
    v = _directions()
    result: NDArray[np.bool_] = (v @ circle(0.0) >= 0) & (v @ circle(theta) >= 0)
    return result


def _half_plane(ax: Axes, angle: float, color: str, style: str, name: str) -> None:
    """The half disk in which a gate is open, its border, and its normal as an arrow."""
    degrees = math.degrees(angle)
    ax.add_patch(Wedge((0, 0), 1, degrees - 90, degrees + 90, facecolor=color, alpha=0.16, lw=0))
    border = circle([angle - math.pi / 2, angle + math.pi / 2])
    ax.plot(*(1.16 * border).T, style, color=color, lw=1.6)
    arrow(ax, (0, 0), 0.72 * circle(angle), arrowstyle="-|>", color=color, lw=2)
    at = (1.28 if len(name) < 5 else 1.38) * circle(angle)
    ax.text(at[0], at[1], name, ha="center", va="center", fontsize=13)


def wedge(degrees: int) -> Figure:
    """Two gates in the plane, the arc where both are open, and the kernel at that angle."""
    theta = math.radians(degrees)
    share = (180 - degrees) / 360
    inside = _both_open(theta)
    fig, (upper, lower) = new_axes(2, height=5.6, height_ratios=(8, 5))
    # At a small angle the two names would sit on each other.
    names = ("$x$", "$x'$") if degrees > 12 else ("$x, x'$", "")
    _half_plane(upper, 0.0, COLOR["network"], "-", names[0])
    _half_plane(upper, theta, COLOR["linear"], "--", names[1])
    if degrees < 180:
        upper.add_patch(
            Wedge((0, 0), 1, degrees - 90, 90, facecolor=COLOR["gate"], alpha=0.35, lw=0)
        )
        arc = circle(np.linspace(theta - math.pi / 2, math.pi / 2, 91))
        upper.plot(*(1.07 * arc).T, color=COLOR["gate"], lw=5, solid_capstyle="butt")
    outline(upper)
    dots = _directions()
    upper.plot(*dots[~inside].T, "o", ms=4.5, mfc="none", mec=COLOR["sample"], mew=1)
    upper.plot(*dots[inside].T, "o", ms=4.5, color=INK)
    upper.set(xlim=(-1.4, 1.5), ylim=(-1.2, 1.35), aspect="equal")
    upper.axis("off")
    upper.set_title(f"arc: {share:.3f} of the circle, dots: {inside.sum()} of {DRAWS}")
    t = math.cos(theta)
    grid = np.cos(np.linspace(0, math.pi, 181))
    lower.axhline(0, color=COLOR["muted"], lw=0.7)
    lower.plot(grid, kappa(grid), color=COLOR["theory"], label=r"$\kappa(t)$")
    estimate, error = t * inside.mean(), abs(t) * math.sqrt(share * (1 - share) / DRAWS)
    lower.plot([t], [t * share], "D", color=COLOR["theory"], ms=6, label="at this angle")
    lower.errorbar(
        [t + 0.06],  # beside the other, which would cover it
        [estimate],
        [error],
        fmt="s",
        color=INK,
        mfc="none",
        ms=5,
        elinewidth=1.2,
        capsize=3,
        label="from the dots",
    )
    lower.set(xlabel=r"$t=\cos\theta$", xlim=(-1.1, 1.16), ylim=(-0.2, 0.7))
    lower.set_xticks([-1, 0, 1])
    lower.set_title(rf"$\kappa$ = {_decimals(t * share)}")
    lower.legend(loc="upper left", handlelength=1.4)
    return fig


def wedge_alt(degrees: int) -> str:
    """What a frame of `wedge` shows, in words."""
    inside = int(_both_open(math.radians(degrees)).sum())
    share = (180 - degrees) / 360
    value = _decimals(share * math.cos(math.radians(degrees)))
    where = {
        0: "The two half-planes are the same",
        180: "The two half-planes meet only in their common border, where no arc is left",
    }.get(degrees, f"The half-planes overlap in a wedge of {180 - degrees} degrees")
    if degrees < 180:
        where += f", {share:.3f} of the circle, marked by a thick arc"
    return (
        f"Above: a circle and two half-planes whose normals x and x' make an angle of {degrees} "
        f"degrees. {where}; {inside} of {DRAWS} random directions fall on it and are filled dots, "
        "the others are open. Below: the curve kappa against t = cos theta, with a diamond at this "
        f"angle, height {value}, and the estimate from the dots beside it."
    )


def profiles() -> Figure:
    """Gate probability, NNGP and NTK of unit vectors, over the angle."""
    theta = np.linspace(0, math.pi, 181)
    X, Z = circle([0.0]), circle(theta)
    fig, ax = new_axes(height=3.0)
    ax.axhline(0, color=COLOR["muted"], lw=0.7)
    curves = (
        (gate_kernel(X, Z)[0], ":", COLOR["gate"], r"gates, $(\pi-\theta)/(2\pi)$"),
        (relu_nngp(X, Z)[0], "--", COLOR["linear"], r"NNGP, $\tau(\cos\theta)$"),
        (relu_ntk(X, Z)[0], "-", COLOR["theory"], r"NTK, $\kappa(\cos\theta)$"),
    )
    for values, style, color, name in curves:
        ax.plot(theta, values, style, color=color, lw=2.2, label=name)
    ax.set(xlabel=r"angle $\theta$", ylim=(-0.12, 0.55))
    pi_ticks(ax, 0, 0.5, 1)
    ax.legend(loc="upper right")
    return fig


def profiles_alt() -> str:
    """What `profiles` shows, in words."""
    return (
        "Three curves over the angle from 0 to pi, all one half at 0. The gate probability, "
        "dotted, falls in a straight line to zero. The NNGP kernel falls smoothly to zero and is "
        "nowhere negative. The NTK falls fastest, crosses zero at a right angle, dips to about "
        "minus 0.09 and returns to zero at pi."
    )


def exact_pairs(exponents: NDArray[np.int_]) -> tuple[Array, Array, Array]:
    """Pairs of stored vectors whose angle arctan(2^-k) is known exactly.

    The vectors x = (1, 2, 2, 4) and x_perp = (2, -1, 4, -2) are orthogonal and have norm 5; for k
    at most 50 the entries of x + 2^-k x_perp are floating-point numbers.

    Returns x (4,), the vectors x + h x_perp (n, 4), and the angles (n,).
    """
    x, x_perp = np.array([1.0, 2.0, 2.0, 4.0]), np.array([2.0, -1.0, 4.0, -2.0])
    h = 2.0 ** -exponents.astype(float)
    return x, x + h[:, None] * x_perp, np.arctan(h)


def naive_angles(x: Array, Z: Array) -> Array:
    """arccos of the clipped inner product of unit vectors, as one would write it first."""
    U, v = Z / np.linalg.norm(Z, axis=1, keepdims=True), x / np.linalg.norm(x)
    cosine = np.sum(U * v, axis=1)  # not by BLAS, whose rounding differs between machines
    result: Array = np.arccos(np.clip(cosine, -1.0, 1.0))
    return result


def _angles_bound(d: int) -> float:
    """Of the error of `angles` for d up to 1024, as the text below prp-angle derives it."""
    return 8 * (d + math.ceil(math.log2(d)) + 7) * UNIT_ROUNDOFF


def angle_errors() -> Figure:
    """Measured errors of two ways to the angle, near 0 and near pi."""
    k = np.arange(1, 51)
    x, Z, theta = exact_pairs(k)
    d = len(x)
    fig, axes = new_axes(ncols=2, height=3.7)
    for ax, sign, name in ((axes[0], 1.0, r"$\theta$"), (axes[1], -1.0, r"$\pi-\theta$")):
        right = theta if sign > 0 else math.pi - theta
        plain = np.abs(naive_angles(sign * x, Z) - right)
        ours = np.abs(angles(sign * x[None], Z)[0] - right)
        red, blue = COLOR["forbidden"], COLOR["network"]
        ax.loglog(theta, np.maximum(plain, _FLOOR), "o", mfc="none", ms=5, color=red)
        ax.loglog(theta, np.maximum(ours, _FLOOR), "x", ms=5, color=blue)
        ax.axhline(math.acos(1 - 2 * (d + 2) * UNIT_ROUNDOFF), ls="--", color=red, lw=1.4)
        ax.axhline(_angles_bound(d), ls=":", color=blue, lw=1.8)
        ax.set(ylim=(3e-18, 1e-6), xlabel=name, xticks=[1e-15, 1e-10, 1e-5])
    axes[0].set_ylabel("absolute error")
    axes[1].set_yticklabels([])
    names = ["arccos", "angles", "bound for arccos", "bound for angles"]
    fig.legend(axes[0].lines, names, loc="outside upper center", ncols=2)
    return fig


def angle_errors_alt() -> str:
    """What `angle_errors` shows, in words."""
    x, Z, theta = exact_pairs(np.arange(1, 51))
    plain = np.abs(naive_angles(x, Z) - theta).max()
    return (
        "Absolute error of the angle against the distance of the angle from zero, left, and from "
        "pi, right, both axes logarithmic. The errors of arccos, circles, grow as the distance "
        f"shrinks, peak near {plain:.0e} at a distance of about 1e-8, and equal the distance below "
        "it. The errors of the function angles, crosses, stay below a dotted line, their bound of "
        f"{_angles_bound(len(x)):.0e}, throughout."
    )


def upstairs(x: float, beta: float) -> Figure:
    """Two numbers, their lift to the circle and their bias line; three kernels along the line."""
    pair = np.array([[FIXED], [x]])
    grid = np.linspace(-1, 1, 201)[:, None]
    fig, (upper, lower) = new_axes(2, height=5.3, height_ratios=(3, 2))
    upper.plot(*circle(np.linspace(0, math.pi, 121)).T, color=COLOR["truth"], lw=1.4)
    upper.plot([-1.25, 1.25], [beta, beta], "--", color=COLOR["linear"], lw=1.4)
    upper.axhline(0, color=INK, lw=0.8)
    for (point,), marker in zip(pair, ("o", "D"), strict=True):
        up = lift([[point]])[0]
        upper.plot([point, point], [0, max(up[1], beta)], color=COLOR["muted"], lw=0.8)
        upper.plot([0, up[0]], [0, up[1]], color=COLOR["truth"], lw=1.6)
        upper.plot([0, point], [0, beta], "--", color=COLOR["linear"], lw=1.6)
        upper.plot(*up, marker, color=COLOR["truth"], ms=7)
        upper.plot(point, beta, marker, color=COLOR["linear"], ms=7)
        upper.plot(point, 0, marker, color=INK, ms=7)
    # The line of the largest bias needs more room.
    top = max(1.12, beta + 0.12)
    # One name where the two points are one.
    names = {FIXED: "$x_0$", x: "$x$"} if x != FIXED else {FIXED: "$x=x_0$"}
    for point, name in names.items():
        upper.text(point, -0.16 * (top + 0.27), name, ha="center", va="baseline")
    upper.set(xlim=(-1.3, 1.3), ylim=(-0.27, top), aspect="equal", title="lift and bias")
    upper.axis("off")
    curves = (
        (lambda p: p, ":", INK, "plain"),
        (lift, "-", COLOR["truth"], "lift"),
        (lambda p: with_bias(p, beta), "--", COLOR["linear"], "bias"),
    )
    for up_map, style, color, name in curves:
        lower.plot(
            grid[:, 0], relu_ntk(up_map(grid), up_map(pair[:1])), style, color=color, label=name
        )
        # The plain one is hollow, which shows where it meets the lift.
        look = {"ms": 10, "mfc": "none", "mew": 1.4} if name == "plain" else {"ms": 6}
        lower.plot(x, relu_ntk(up_map(pair))[0, 1], "D", color=color, **look)
    lower.axvline(FIXED, color=COLOR["muted"], lw=0.8)
    lower.set(xlabel="position $x$", title="$k(x, x_0)$", xlim=(-1.08, 1.08))
    lower.set_xticks([-1, 0, FIXED, 1], ["\N{MINUS SIGN}1", "0", "$x_0$", "1"])
    lower.set_ylim(*{0.5: (-0.1, 0.72), 1.0: (-0.1, 1.0), 2.0: (-0.1, 3.4)}.get(beta, (None, None)))
    lower.legend(loc="upper left")
    return fig


def upstairs_alt(x: float, beta: float) -> str:
    """What a frame of `upstairs` shows, in words."""
    pair = np.array([[FIXED], [x]])
    plain, lifted, biased = (relu_ntk(up)[0, 1] for up in (pair, lift(pair), with_bias(pair, beta)))
    here = minus(f"{x:g}")
    return (
        f"Above: the numbers x_0 = {FIXED} and x = {here} on a line, each carried straight up to "
        f"the unit circle by the lift and up to the line at height {beta:g} by the bias, with the "
        "rays from the origin through the carried points. Below: three kernels between x_0 and x "
        f"along the line, with a thin vertical line at x_0. Here the plain kernel is "
        f"{_decimals(plain)}, with the lift {_decimals(lifted)}, with the bias {_decimals(biased)}."
    )


def _stacked(values: Array, width: float) -> NDArray[np.int_]:
    """The lowest level for each value at which it is `width` away from the others there."""
    levels = np.zeros(len(values), dtype=int)
    last: list[float] = []  # the largest value of each level so far
    for i in np.argsort(values, kind="stable"):
        free = (k for k, right in enumerate(last) if values[i] - right >= width)
        levels[i] = next(free, len(last))
        last[levels[i] : levels[i] + 1] = [float(values[i])]
    return levels


def folds(accuracy: Mapping[str, Array]) -> Figure:
    """Accuracies in the folds of a cross-validation, a stack of rings for each method."""
    fig, ax = new_axes(height=3.4)
    for row, (name, values) in enumerate(reversed(list(accuracy.items()))):
        # On a row, rings nearer than 0.0025 would touch; 0.11 is the height of a ring.
        ax.plot(
            values,
            row - 0.1 + 0.11 * _stacked(values, 0.0025),
            "o",
            mfc="none",
            mec=COLOR["sample"],
            mew=1.1,
            ms=4,
            label="one fold",
        )
        ax.plot(np.mean(values), row - 0.28, "|", color=INK, ms=9, mew=2.2, label="mean")
        ax.text(0.897, row, name, ha="right", va="center")
    ax.set(
        xlim=(0.9, 1.002), ylim=(-0.6, len(accuracy) - 0.4), xlabel="share of digits named right"
    )
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    fig.legend(handles=ax.lines[:2], loc="outside upper right", ncols=2)
    return fig


def folds_alt(accuracy: Mapping[str, Array]) -> str:
    """What `folds` shows, in words."""
    rows = "; ".join(
        f"{name}: mean {np.mean(values):.3f}, from {min(values):.3f} to {max(values):.3f}"
        for name, values in accuracy.items()
    )
    return (
        "Rings for the test accuracy in each fold, stacked where they are nearly equal, and a tick "
        f"below them at the mean, one row a method. {rows}."
    )
