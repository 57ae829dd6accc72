"""Figures of the chapter *Two remarks*."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure

from ntklib import Linearization, ShallowNetwork
from ntklib.book.figures.geometry import FINE, circle, pi_ticks
from ntklib.book.figures.style import COLOR, new_axes

ANGLES = np.array([0.4, 1.3, 2.6, 3.9, 5.4])
WIDTHS = tuple(range(1, 13))
DIMENSIONS = tuple(range(1, 21))
DRAWS = 24


def _erase(eps: float) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Initial output, fit of y = 0, distance traveled, size of the output at the data."""
    net, W0 = ShallowNetwork.random(2, 50, rng=np.random.default_rng(3), eps=eps)
    X, grid = circle(ANGLES), circle(FINE)
    fit = Linearization(net, W0).fit(X, np.zeros(len(X)))
    distance = float(np.linalg.norm(fit.W - W0))
    return net(grid, W0), fit.predict(grid), distance, float(np.linalg.norm(net(X, W0)))


def erase(eps: float) -> Figure:
    """A random network's output before and after its linearization is fitted to zero."""
    before, after, distance, size = _erase(eps)
    fig, (upper, lower) = new_axes(2, height=4.4, height_ratios=(3, 1))
    upper.plot(FINE, before, color=COLOR["network"], label="before: $F(x;w_0)$")
    upper.plot(FINE, after, "--", color=COLOR["linear"], label=r"after: $F_0(x;\hat w)$")
    upper.plot(ANGLES, np.zeros(len(ANGLES)), "o", color=COLOR["data"], label="data, $y=0$")
    upper.set(xlabel="position on the circle", ylim=(-2.6, 2.6), title=f"scale ε = {eps:g}")
    pi_ticks(upper, 0, 1, 2)
    upper.legend(loc="upper right", ncols=2, columnspacing=1, handletextpad=0.4)
    names = [r"$\|F(X;w_0)\|$", r"$\|\hat w-w_0\|$"]
    bars = lower.barh(names, [size, distance], color=[COLOR["network"], COLOR["linear"]])
    lower.bar_label(bars, fmt="%.2f", padding=3)
    lower.invert_yaxis()
    lower.set(xlim=(0, 3.2), title="output at the data, distance traveled")
    return fig


def erase_alt(eps: float) -> str:
    """What a frame of `erase` shows, in words."""
    _, _, distance, size = _erase(eps)
    return (
        f"Scale {eps:g}. Above: the output of a random network on the circle, and the linearized "
        "network after fitting zero at five points: it is zero there and in general not in "
        f"between. Below, two bars: the norm of the initial output at the data is {size:.2f}; the "
        f"distance that the weights travel is {distance:.2f}, the same at every scale."
    )


@cache
def shares(n: int) -> np.ndarray:
    """Share of random networks with rank J = n, for each width (row) and dimension (column)."""
    rng = np.random.default_rng(n)
    found = np.zeros((len(WIDTHS), len(DIMENSIONS)))
    for row, m in enumerate(WIDTHS):
        for column, d in enumerate(DIMENSIONS):
            if m * d < n:  # counting already says no
                continue
            X = rng.standard_normal((DRAWS, n, d))
            gates = X @ rng.standard_normal((DRAWS, d, m)) >= 0
            jacobians = (gates[..., None] * X[:, :, None, :]).reshape(DRAWS, n, m * d)
            found[row, column] = np.mean(np.linalg.matrix_rank(jacobians) == n)
    found.flags.writeable = False  # one array for all calls
    return found


def rank_map(n: int) -> Figure:
    """How often a random ReLU network interpolates n Gaussian points, over width and dimension."""
    fig, ax = new_axes(height=3.7)
    d = np.linspace(DIMENSIONS[0] - 0.5, DIMENSIONS[-1] + 0.5, 200)
    # One image: cells drawn one by one would let the page show through between them.
    image = ax.imshow(
        shares(n),
        extent=(d[0], d[-1], WIDTHS[0] - 0.5, WIDTHS[-1] + 0.5),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap="cividis",
        vmin=0,
        vmax=1,
    )
    fig.colorbar(image, ax=ax, label="share of networks with rank $n$")
    for factor, style, label in ((1, "-", "$md=n$"), (2, "--", "$md=2n$")):
        ax.plot(d, factor * n / d, style, color=COLOR["forbidden"], lw=2.5, label=label)
    ax.set(xlabel="dimension $d$", ylabel="width $m$", title=f"$n={n}$ points")
    ax.set(xlim=(d[0], d[-1]), ylim=(WIDTHS[0] - 0.5, WIDTHS[-1] + 0.5))
    ax.set(xticks=[1, 2, 5, 10, 15, 20], yticks=[1, 4, 8, 12])
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def rank_map_alt(n: int) -> str:
    """What a frame of `rank_map` shows, in words."""
    five, eight = shares(n)[[4, 7], 4:].mean(axis=1)  # widths 5 and 8, dimension 5 and more
    return (
        f"Map over dimension 1 to {DIMENSIONS[-1]} and width 1 to {WIDTHS[-1]} of the share of "
        f"random networks that interpolate {n} points. Below the curve m times d = {n} the share "
        f"is zero. From dimension 5 on the columns look alike above it: the average share there "
        f"is {five:.2f} at width 5 and {eight:.2f} at width 8."
    )
