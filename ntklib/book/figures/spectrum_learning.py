"""More figures of that chapter: what is learned when, what it costs, the smallest eigenvalue."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike

from ntklib import dynamics, harmonics, relu_ntk
from ntklib.book.figures.geometry import FINE, circle, outline, pi_ticks, polygon_corners
from ntklib.book.figures.style import COLOR, new_axes


def eigenvalues(d: int, degrees: ArrayLike, beta: float = 0.0) -> np.ndarray:
    """Eigenvalues of the ReLU's kernel on the unit sphere, with a bias of this size."""
    return np.asarray(harmonics.eigenvalues(relu_ntk, d, degrees, bias=beta))


def decay(d: int, degree: np.ndarray) -> np.ndarray:
    """What the eigenvalues of even degree come close to."""
    size = 2.0 ** (d - 2) * math.gamma(d / 2) ** 2 / math.pi**2
    return np.asarray(size * (degree + (d - 2) / 2) ** -float(d))


def on_sphere(n: int, d: int, seed: int) -> np.ndarray:
    """n independent uniform points of the unit sphere, shape (n, d); fewer are the first ones."""
    X = np.random.default_rng(seed).standard_normal((n, d))
    return np.asarray(X / np.linalg.norm(X, axis=1, keepdims=True))


# -- what is learned when --------------------------------------------------------------------------

SIZES = np.array([0.3, 0.5, 0.4, 0.4, 0.3])  # of the frequencies 0 to 4 in the target
ALIASES = 1000  # terms of the sums over aliases; the rest is below 1e-5 of them


@cache
def _rates(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rates of the target's frequencies: for the population, and on the corners of an n-gon."""
    own = eigenvalues(2, np.arange(len(SIZES)))
    values = eigenvalues(2, np.arange(ALIASES * n + len(SIZES)))
    shift = n * np.arange(-ALIASES, ALIASES + 1)
    return own, np.array([values[np.abs(k + shift)].sum() for k in range(len(SIZES))])


def _target(phi: np.ndarray) -> np.ndarray:
    return np.asarray(np.cos(np.outer(phi, np.arange(len(SIZES)))) @ SIZES)


@cache
def _outputs(t: float, n: int) -> np.ndarray:
    """What the flow has made of the corners' values at the time t, around the circle."""
    corners = polygon_corners(n)
    phi = 2 * np.pi * np.arange(n) / n
    return dynamics.predict(
        relu_ntk(corners), _target(phi), relu_ntk(circle(FINE), corners), t=t / n
    )


def clocks(t: float, n: int) -> Figure:
    """A function on the circle, learned for the time t by the population and by n points."""
    own, fast = _rates(n)
    fig, (upper, lower) = new_axes(2, height=5.2, height_ratios=(3, 2))
    phi = 2 * np.pi * np.arange(n) / n
    upper.plot(FINE, _target(FINE), color=COLOR["truth"], lw=4, alpha=0.6, label="target")
    k = np.arange(len(SIZES))
    learned = np.cos(np.outer(FINE, k)) @ (SIZES * -np.expm1(-own * t))
    upper.plot(FINE, learned, "--", color=COLOR["theory"], lw=1.4, label="population")
    upper.plot(FINE, _outputs(t, n), color=COLOR["linear"], lw=1.3, label="from points")
    upper.plot(phi, _target(phi), "o", color=COLOR["data"], ms=3.5, label="data")
    upper.set(ylim=(-0.9, 2.2), title=f"time $t={t:g}$, $n={n}$ corners")
    pi_ticks(upper, 0, 1, 2)
    for share, color, place in (
        (-np.expm1(-own * t), "theory", -0.27),
        (-np.expm1(-fast * t) * own / fast, "linear", 0.0),
        (-np.expm1(-fast * t), "data", 0.27),
    ):
        lower.bar(k + place, share, width=0.25, color=COLOR[color])
    lower.set(ylim=(0, 1.08), ylabel="share", xlabel="frequency $k$", xticks=k)
    fig.legend(loc="outside lower center", ncols=4, columnspacing=1, handlelength=1.5)
    return fig


def clocks_alt(t: float, n: int) -> str:
    """What a frame of `clocks` shows, in words."""
    own, fast = _rates(n)
    three = -np.expm1(-fast[3] * t)
    four = -np.expm1(-own[4] * t)
    return (
        f"A function around the circle at time {t:g}, learned by the population and from the {n} "
        "corners of a polygon, and bars for its frequencies 0 to 4. The population has learned "
        f"{-np.expm1(-own[1] * t):.1%} of frequency 1, {-np.expm1(-own[2] * t):.1%} of frequency "
        f"2, {four:.1%} of frequency 4 and none of frequency 3. At the corners {three:.1%} of "
        "frequency 3 is fitted, and between them none of it is right."
    )


# -- the price of a function -----------------------------------------------------------------------

# Power of the first coordinate, whether of its size, and how the title writes it.
TARGETS = {
    "linear": (1, False, "x_1"),
    "square": (2, False, "x_1^2"),
    "fourth power": (4, False, "x_1^4"),
    "cube of the size": (3, True, "|x_1|^3"),
    "cube": (3, False, "x_1^3"),
}
GROWING = (5, 10, 20, 40, 80, 160, 320, 640)


def _values(target: str, X: np.ndarray) -> np.ndarray:
    power, absolute, _ = TARGETS[target]
    return np.asarray(np.abs(X[:, 0]) ** power if absolute else X[:, 0] ** power)


@cache
def _prices(target: str) -> np.ndarray:
    """The squared norm of the interpolant of the target at the first n points."""
    X = on_sphere(GROWING[-1], 3, 12)
    K, y = relu_ntk(X), _values(target, X)
    return np.array([y[:n] @ np.linalg.solve(K[:n, :n], y[:n]) for n in GROWING])


@cache
def norm(target: str) -> float:
    """The squared norm of the target in the kernel's space on the sphere; inf outside of it."""
    k = np.arange(61)
    # In the angle all of these are smooth on either side of the equator.
    nodes, weights = np.polynomial.legendre.leggauss(200)
    angle = np.pi / 4 * (nodes + 1)
    X = np.cos(np.concatenate([angle, np.pi - angle]))[:, None]
    density = np.tile(np.pi / 8 * weights * np.sin(angle), 2)
    values = eigenvalues(3, k)
    total = 0.0
    for degree, value in zip(k, values, strict=True):
        part = density @ (_values(target, X) * harmonics.gegenbauer(3, int(degree), X[:, 0]))
        if abs(part) < 1e-13:
            continue
        if value == 0:
            return np.inf
        total += (2 * degree + 1) * part**2 / value
    return total


def price(target: str) -> Figure:
    """What it costs to fit a function at more and more points."""
    fig, ax = new_axes(height=3.8)
    ax.plot(GROWING, _prices(target), "o-", color=COLOR["linear"], ms=5, label="$y^TK^{-1}y$")
    if np.isfinite(norm(target)):
        ax.axhline(norm(target), color=COLOR["theory"], ls="--", label="squared norm of $f$")
    ax.set(
        xscale="log",
        yscale="log",
        xlim=(4, 800),
        ylim=(0.5, 3000),
        xlabel="points $n$",
        ylabel="price",
    )
    ax.set(title=f"$f={TARGETS[target][2]}$")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())
    ax.set_xticks(GROWING, [str(n) for n in GROWING])
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def price_alt(target: str) -> str:
    """What a frame of `price` shows, in words."""
    costs = _prices(target)
    end = (
        f"close to the dashed line at {norm(target):.3g}, which is its squared norm"
        if np.isfinite(norm(target))
        else "and no line bounds it"
    )
    return (
        f"The price of a target, {target} in the first coordinate, at random points of the sphere "
        f"against their number, both logarithmic: it rises from {costs[0]:.3g} at {GROWING[0]} "
        f"points to {costs[-1]:.3g} at {GROWING[-1]}, {end}."
    )


# -- the smallest eigenvalue -----------------------------------------------------------------------

NEAR = np.geomspace(0.004, 0.2, 7)


@cache
def _between(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower bound, smallest eigenvalue and upper bound as the last point comes to the first."""
    rows = []
    for delta in NEAR:
        X = _points(n, delta)
        bounds = harmonics.gram_eigenvalue_bound(X)
        rows.append((bounds.lower, np.linalg.eigvalsh(relu_ntk(X))[0], bounds.upper))
    below, found, above = np.transpose(rows)
    return below, found, above


def _points(n: int, delta: float) -> np.ndarray:
    """Equally spaced directions on a half circle, and one more at the distance delta."""
    own = np.pi * np.arange(n - 1) / (n - 1)
    return circle(np.append(own, 2 * np.arcsin(delta / 2)))


def separation(delta: float, n: int) -> Figure:
    """The smallest eigenvalue between its bounds as two points come close."""
    below, found, above = _between(n)
    at = int(np.argmin(np.abs(NEAR - delta)))
    fig, (left, right) = new_axes(1, 2, height=3.6, width_ratios=(2, 3))
    outline(left)
    X = _points(n, NEAR[at])
    left.plot(*X[:-1].T, "o", color=COLOR["data"], ms=5)
    left.plot(*X[-1:].T, "D", color=COLOR["linear"], ms=5)
    left.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal")
    left.axis("off")
    right.fill_between(NEAR, below, above, color=COLOR["theory"], alpha=0.2, lw=0)
    right.plot(NEAR, above, "--", color=COLOR["theory"], label="bounds")
    right.plot(NEAR, below, "--", color=COLOR["theory"])
    on_circle = NEAR / (4 * np.pi * (1 + NEAR**2 / 12))
    right.plot(NEAR, on_circle, ":", color=COLOR["theory"], label="on the circle")
    right.plot(NEAR, found, color=COLOR["network"], label="$\\lambda_{\\min}$")
    right.plot(NEAR[at], found[at], "D", color=COLOR["linear"])
    right.set(xscale="log", yscale="log", ylim=(5e-5, 0.1), xlabel="distance $\\delta$")
    right.set_xticks([0.01, 0.1], ["0.01", "0.1"])
    for axis in (right.xaxis, right.yaxis):
        axis.set_minor_locator(NullLocator())
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def separation_alt(delta: float, n: int) -> str:
    """What a frame of `separation` shows, in words."""
    below, found, above = _between(n)
    at = int(np.argmin(np.abs(NEAR - delta)))
    return (
        f"{n} points of the circle, two of them at the distance {NEAR[at]:.2g}, and the smallest "
        "eigenvalue of their Gram matrix against that distance, both logarithmic: it is "
        f"{found[at]:.2g} there, between its bounds {below[at]:.2g} and {above[at]:.2g}. At small "
        "distances all three fall nearly in proportion, and so does the bound for the circle, "
        "which is above the lower one and below the eigenvalue."
    )
