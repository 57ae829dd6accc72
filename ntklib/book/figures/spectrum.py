"""Figures of the chapter *Which functions does the kernel learn?*: harmonics, spectrum, space."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ntklib import harmonics, relu_ntk, with_bias
from ntklib.book.figures.geometry import FINE, circle, pi_ticks
from ntklib.book.figures.spectrum_learning import (
    NEAR,
    clocks,
    clocks_alt,
    decay,
    eigenvalues,
    on_sphere,
    price,
    price_alt,
    separation,
    separation_alt,
)
from ntklib.book.figures.style import COLOR, new_axes

__all__ = [
    "NEAR",
    "clocks",
    "clocks_alt",
    "floor",
    "floor_alt",
    "harmonic",
    "harmonic_alt",
    "price",
    "price_alt",
    "question",
    "question_alt",
    "separation",
    "separation_alt",
    "spectrum",
    "spectrum_alt",
]


def _biased(X: np.ndarray, Z: np.ndarray | None = None) -> np.ndarray:
    """The kernel with a bias of size one."""
    return relu_ntk(with_bias(X), None if Z is None else with_bias(Z))


# -- two targets, one kernel -----------------------------------------------------------------------

# A great circle through the axis of the targets.
GREAT = np.column_stack([circle(FINE), 0 * FINE])


@cache
def _learned(n: int) -> np.ndarray:
    """Predictions of x_1^2 and x_1^3 around a great circle, from n points, shape (2, angles)."""
    X = on_sphere(n, 3, 9)
    return np.asarray((relu_ntk(GREAT, X) @ np.linalg.solve(relu_ntk(X), X[:, :1] ** [2, 3])).T)


def question(n: int) -> Figure:
    """A square and a cube, and what the kernel makes of them from n points of the sphere."""
    fig, axes = new_axes(2, height=4.8, height_ratios=(3, 5))
    for ax, power, shown in zip(axes, (2, 3), _learned(n), strict=True):
        ax.plot(FINE, GREAT[:, 0] ** power, color=COLOR["truth"], lw=4, alpha=0.6, label="target")
        ax.plot(FINE, shown, color=COLOR["linear"], lw=1.5, label="prediction")
        ax.set(ylim=(-1.4 if power == 3 else -0.3, 1.4), ylabel=f"$x_1^{power}$")
        pi_ticks(ax, 0, 1, 2)
    axes[0].set_title(f"{n} points")
    axes[1].set_xlabel("angle to the first axis, on a great circle")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def question_alt(n: int) -> str:
    """What a frame of `question` shows, in words."""
    square, cube = (np.abs(p - GREAT[:, 0] ** k).max()
                    for k, p in zip((2, 3), _learned(n), strict=True))  # fmt: skip
    return (
        "Two targets around a great circle of the sphere, the square and the cube of the first "
        f"coordinate, and the kernel's predictions from {n} points. The prediction of the square "
        f"is off by up to {square:.2g}, that of the cube by up to {cube:.2g}."
    )


# -- harmonics -------------------------------------------------------------------------------------

# Seen from a little above: where the axis of a zonal harmonic points, in the picture's frame.
_AXIS = np.array([0.0, np.cos(0.5), np.sin(0.5)])
_MIDDLE = "#b9bec6"
_SIGNS = LinearSegmentedColormap.from_list("signs", [COLOR["network"], _MIDDLE, COLOR["linear"]])


def harmonic(k: int) -> Figure:
    """The zonal harmonic of degree k on the sphere in three dimensions, and its section."""
    fig, (ball, cut) = new_axes(1, 2, height=3.0, width_ratios=(1, 1))
    r, phi = np.meshgrid(np.sin(np.linspace(0, np.pi / 2, 36)), np.linspace(0, 2 * np.pi, 49))
    x, y = r * np.cos(phi), r * np.sin(phi)
    t = _AXIS[1] * y + _AXIS[2] * np.sqrt(1 - r**2)
    values = harmonics.gegenbauer(3, k, np.clip(t, -1, 1))
    # A function without sign changes still needs levels on both sides of its value.
    # Below the bands, whose edges would let a dark page shine through.
    ball.fill(*circle(FINE).T, color=_MIDDLE, lw=0)
    ball.contourf(x, y, values, levels=np.linspace(-1.001, 1.001, 10), cmap=_SIGNS)
    ball.plot(*circle(FINE).T, color=COLOR["muted"], lw=0.8)
    value = harmonics.gegenbauer(3, k, np.cos(FINE))
    ring = circle(FINE + np.pi / 2)
    cut.plot(*ring.T, color=COLOR["muted"], lw=0.8)
    radius = 1 + 0.45 * value
    for sign, color in ((1, "linear"), (-1, "network")):
        part = np.where(sign * value >= 0, radius, 1.0)
        cut.fill(*_annulus(ring, part), color=COLOR[color], alpha=0.35, lw=0)
    cut.plot(*(radius[:, None] * ring).T, color=COLOR["data"], lw=1.3)
    for ax, edge in ((ball, 1.08), (cut, 1.5)):
        ax.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")
        ax.axis("off")
    fig.suptitle(f"degree {k}:  $\\lambda_{k}={_fraction(k)}$", fontsize="medium")
    return fig


def _annulus(ring: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """The region between the unit circle and a curve around it, as a polygon, shape (2, points)."""
    return np.concatenate([radius[:, None] * ring, ring[::-1]]).T


def _fraction(k: int) -> str:
    """The eigenvalue on the sphere in three dimensions, to three digits."""
    value = eigenvalues(3, [k])[0]
    return f"{value:.3g}"


def harmonic_alt(k: int) -> str:
    """What a frame of `harmonic` shows, in words."""
    if k == 0:
        return (
            "The harmonic of degree 0 is constant: a sphere of one color, and a circle of one "
            f"height around the unit circle. Its eigenvalue is {_fraction(0)}."
        )
    belts = f"{k + 1} belts of alternating sign from pole to pole"
    what = "opposite" if k % 2 else "equal"
    return (
        f"The zonal harmonic of degree {k} on the sphere: {belts}, and beside it the same as a "
        f"wave around a circle. Its values at opposite points are {what}. "
        f"Its eigenvalue is {_fraction(k)}."
    )


# -- the spectrum ----------------------------------------------------------------------------------

DEGREES = np.arange(25)


def spectrum(d: int) -> Figure:
    """Eigenvalues by degree, their asymptotic line, and the shares of the trace."""
    plain, bias = eigenvalues(d, DEGREES), eigenvalues(d, DEGREES, beta=1.0) / 2
    fig, (upper, lower) = new_axes(2, height=5.2, height_ratios=(5, 3))
    seen = plain > 0
    bottom = min(plain[seen].min(), bias.min()) / 60
    smooth = np.linspace(2, DEGREES[-1], 60)
    upper.plot(smooth, decay(d, smooth), color=COLOR["theory"], lw=1.3, label="decay")
    upper.plot(DEGREES[seen], plain[seen], "o", color=COLOR["truth"], ms=5, label="no bias")
    upper.plot(DEGREES, bias, "_", color=COLOR["accent"], ms=8, mew=2, label="bias")
    upper.plot(DEGREES[~seen], np.full((~seen).sum(), bottom * 2), "x", ms=5,
               color=COLOR["forbidden"], label="zero, no bias")  # fmt: skip
    upper.set(yscale="log", ylim=(bottom, 1), ylabel="eigenvalue", title=f"dimension $d={d}$")
    upper.yaxis.set_minor_locator(NullLocator())
    lower.bar(DEGREES, shares(d), width=0.7, color=COLOR["truth"])
    lower.set(ylabel="share of trace", xlabel="degree $k$", ylim=(0, 0.55))
    for ax in (upper, lower):
        ax.set_xlim(-0.8, DEGREES[-1] + 0.8)
    fig.legend(loc="outside lower center", ncols=4, columnspacing=1, handlelength=1.2)
    return fig


def shares(d: int) -> np.ndarray:
    """What each degree contributes to the trace, which is one half."""
    many = harmonics.multiplicity(d, DEGREES).astype(float)
    return np.asarray(2 * many * eigenvalues(d, DEGREES))


def spectrum_alt(d: int) -> str:
    """What a frame of `spectrum` shows, in words."""
    values, part = eigenvalues(d, DEGREES), shares(d)
    return (
        f"Eigenvalues of the kernel by degree in dimension {d}, on a logarithmic scale: "
        f"{values[0]:.3g} for degree 0, {values[1]:.3g} for degree 1, {values[2]:.3g} for degree "
        f"2, then the even degrees close to a falling line and crosses for the odd ones, which are "
        "zero. Dashes, with a bias, are there for every degree. Below, shares of the trace: "
        f"{part[0]:.0%}, {part[1]:.0%}, {part[2]:.0%} for degrees 0 to 2."
    )


# -- the cube that is not learned ------------------------------------------------------------------

COUNTS = (10, 30, 100, 300, 1000)


@cache
def _errors(d: int) -> np.ndarray:
    """Mean squared errors for the cube, over the floor: interpolation, ridge, bias; and n."""
    top = COUNTS[-1]
    X, Z = on_sphere(top, d, 3), on_sphere(600, d, 4)
    rows = []
    for kernel, share in ((relu_ntk, 0.0), (relu_ntk, 1e-3), (_biased, 0.0)):
        K, cross = kernel(X), kernel(Z, X)
        # Without a bias the error is that of the linear function plus the distance from it.
        biased = kernel is _biased
        goal = Z[:, 0] ** 3 if biased else 3 / (d + 2) * Z[:, 0]
        for n in COUNTS:
            weights = np.linalg.solve(K[:n, :n] + share * n * np.eye(n), X[:n, 0] ** 3)
            error = np.mean((cross[:, :n] @ weights - goal) ** 2) / lost(d)
            rows.append(error if biased else error + 1)
    return np.reshape(rows, (3, len(COUNTS)))


def lost(d: int) -> float:
    """The mean square distance of the cube from all that the kernel can learn."""
    return 6 * (d - 1) / (d * (d + 2) ** 2 * (d + 4))


def floor(d: int) -> Figure:
    """How far predictions of the cube are off, against the number of points."""
    fig, ax = new_axes(height=3.9)
    looks = (("no bias", "linear", "o-"), ("no bias, ridge", "theory", "s--"),
             ("bias", "accent", "^-"))  # fmt: skip
    for errors, (name, color, style) in zip(_errors(d), looks, strict=True):
        ax.plot(COUNTS, errors, style, color=COLOR[color], ms=5, label=name)
    ax.axhline(1, color=COLOR["forbidden"], ls=":")
    ax.set(xscale="log", yscale="log", ylim=(3e-8, 9), xlabel="points $n$",
           ylabel="error / distance", title=f"target $x_1^3$, dimension $d={d}$")  # fmt: skip
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())
    ax.set_xticks(COUNTS, [str(n) for n in COUNTS])
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def floor_alt(d: int) -> str:
    """What a frame of `floor` shows, in words."""
    plain, ridge, bias = _errors(d)[:, -1]
    return (
        f"Mean squared error of predictions of the cubed coordinate in dimension {d}, divided by "
        "its distance from the kernel's space, against the number of points, both logarithmic. "
        f"Without a bias the curves stay above the dotted line at one: at {COUNTS[-1]} points "
        f"{plain:.2f} when interpolating and {ridge:.2f} with a ridge. With a bias the error "
        f"falls to {bias:.1g}."
    )
