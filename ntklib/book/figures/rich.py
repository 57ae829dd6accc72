"""Figures of the chapter *From lazy to rich*: the dial. Rates and widths are in `rich_width`."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ntklib import ShallowNetwork, dynamics
from ntklib.activations import gelu
from ntklib.book.figures.geometry import circle, pi_ticks
from ntklib.book.figures.rich_width import (
    bias,
    bias_alt,
    steps,
    steps_alt,
    transfer,
    transfer_alt,
)
from ntklib.book.figures.style import COLOR, new_axes
from ntklib.book.figures.training import ANGLES, AROUND, RING, THIRD, X, Y

__all__ = [  # what the chapter draws
    "bias",
    "bias_alt",
    "dial",
    "dial_alt",
    "movement",
    "movement_alt",
    "neurons",
    "neurons_alt",
    "one_neuron",
    "one_neuron_alt",
    "steps",
    "steps_alt",
    "transfer",
    "transfer_alt",
]

DIALS = (16.0, 4.0, 1.0, 0.25, 0.0625)
SCALE = float(np.linalg.norm(X, 2) ** 2)  # s


# -- one network, one dial -------------------------------------------------------------------------


def _flow(
    net: ShallowNetwork, W: np.ndarray, target: np.ndarray, time: float, step: float
) -> np.ndarray:
    """Weights at the end of gradient flow, by the classical method of order four."""

    def speed(V: np.ndarray) -> np.ndarray:
        return np.asarray(net.vjp(X, V, target - net(X, V)))

    for _ in range(int(time / step)):
        one = speed(W)
        two = speed(W + step / 2 * one)
        three = speed(W + step / 2 * two)
        four = speed(W + step * three)
        W = W + step / 6 * (one + 2 * two + 2 * three + four)
    return W


@cache
def _dialled(alpha: float) -> tuple[np.ndarray, ...]:
    """Of a doubled GELU network: outputs around the circle, weights before and after, signs."""
    net, W0 = ShallowNetwork.random(
        2, 30, rng=np.random.default_rng(3), activation="gelu", doubled=True
    )
    W = _flow(net, W0, Y / alpha, 150.0, 0.75)
    K, cross = net.empirical_ntk(X, W=W0), net.empirical_ntk(RING, X, W=W0)
    return alpha * net(RING, W), dynamics.predict(K, Y, cross, t=150.0), W0, W, net.a


def dial(alpha: float) -> Figure:
    """A trained network with its output scaled by alpha, and how its neurons moved."""
    full, linear, before, after, signs = _dialled(alpha)
    fig, (upper, lower) = new_axes(2, height=5.6, height_ratios=(2, 3))
    upper.plot(AROUND, full, color=COLOR["network"], label=r"$\alpha F$")
    upper.plot(AROUND, linear, "--", color=COLOR["linear"], label=r"$\alpha F_0$")
    upper.plot(ANGLES, Y, "o", color=COLOR["data"], label="data")
    upper.set(ylim=(-1.6, 1.6), title=rf"$\alpha={alpha:g}$")
    pi_ticks(upper, 0, 1, 2)
    upper.legend(loc="lower right", ncols=3, columnspacing=1, handlelength=1.5)
    for sign, color, mark in ((1, "network", "o"), (-1, "accent", "s")):
        own = signs == sign
        for start, end in zip(before[own], after[own], strict=True):
            lower.plot(*np.transpose([start, end]), color=COLOR[color], lw=0.9)
        lower.plot(*after[own].T, mark, ms=4, color=COLOR[color], label=f"$a_j={sign:+d}$")
    lower.plot(*before.T, ".", ms=3, color=COLOR["data"], label="start")
    reach = 1.08 * float(np.abs([before, after]).max())
    lower.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    lower.set(title="weights of the neurons")
    fig.legend(*lower.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def dial_alt(alpha: float) -> str:
    """What a frame of `dial` shows, in words."""
    full, linear, before, after, _ = _dialled(alpha)
    far = np.linalg.norm(after - before) / np.linalg.norm(before)
    return (
        f"Dial {alpha:g}. Above, the trained network around the circle and its trained "
        f"linearization, which differ by up to {np.abs(full - linear).max():.2g}. Below, sixty "
        "neurons in the plane with a line from where each started to where it ended; together "
        f"they have moved by {far:.2g} times the norm of the start."
    )


# -- how far the kernel moves ----------------------------------------------------------------------

SETTINGS = tuple(4.0**k for k in range(-2, 5))
KINDS = ("doubled", "equal signs")


@cache
def _moves(kind: str, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Relative movement of the kernel for each setting of the dial, and its bound or NaN."""
    rng = np.random.default_rng(7)
    if kind == "doubled":
        net, W0 = ShallowNetwork.random(2, m // 2, rng=rng, activation="gelu", doubled=True)
    else:
        net, W0 = ShallowNetwork(np.ones(m), "gelu"), rng.standard_normal((m, 2))
    K = net.empirical_ntk(X, W=W0)
    low, high = np.linalg.eigvalsh(K)[[0, -1]]
    lip = gelu.smoothness * np.sqrt(SCALE / m)
    moved, bound = [], []
    for alpha in SETTINGS:
        W = _flow(net, W0, net(X, W0) + Y / alpha, 60.0, 1.0)
        moved.append(np.linalg.norm(net.empirical_ntk(X, W=W) - K, 2) / high)
        theta = 2 * lip * np.linalg.norm(Y) / (alpha * low)
        if theta >= 1:
            bound.append(np.nan)
        elif kind == "doubled":
            spent = np.linalg.norm(Y) / (alpha * (1 - theta) * low)
            slopes = gelu.lipschitz**2 * (2 * gelu.smoothness**2 + THIRD * gelu.lipschitz)
            bound.append(SCALE**2 * slopes * spent**2 / m / high)
        else:
            share = 1 - np.sqrt(1 - theta)
            bound.append(share * np.sqrt(low) * (2 * np.sqrt(high) + share * np.sqrt(low)) / high)
    return np.array(moved), np.array(bound)


def movement(kind: str, m: int) -> Figure:
    """How far the kernel moves during training, against the dial."""
    moved, bound = _moves(kind, m)
    alpha = np.array(SETTINGS)
    fig, ax = new_axes(height=4.0)
    ax.plot(alpha, moved, "o-", color=COLOR["network"], label="measured")
    ax.plot(alpha, bound, "s:", color=COLOR["forbidden"], label="bound")
    power = 2 if kind == "doubled" else 1
    guide = moved[-1] * 0.5 * (alpha / alpha[-1]) ** -power
    name = r"$1/\alpha^2$" if power == 2 else r"$1/\alpha$"
    ax.plot(alpha, guide, "--", color=COLOR["muted"], lw=1.2, label=name)
    ax.set(xscale="log", yscale="log", ylim=(1e-8, 1e3), title=f"{kind}, $m={m}$")
    ax.set(xlabel=r"dial $\alpha$", ylabel="relative movement")
    ax.set_xticks(alpha, [f"{a:g}" if a >= 1 else f"1/{1 / a:g}" for a in SETTINGS])
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())
    fig.legend(loc="outside lower center", ncols=3, columnspacing=1, handlelength=1.8)
    return fig


def movement_alt(kind: str, m: int) -> str:
    """What a frame of `movement` shows, in words."""
    moved, bound = _moves(kind, m)
    slope = np.log(moved[-1] / moved[-3]) / np.log(SETTINGS[-1] / SETTINGS[-3])
    there = np.isfinite(bound)
    first = SETTINGS[int(np.flatnonzero(there)[0])]
    return (
        f"{kind.capitalize()}, {m} neurons. Relative movement of the kernel against the dial, "
        f"both on logarithmic scales: {moved[0]:.2g} at {SETTINGS[0]:g}, {moved[-1]:.2g} at "
        f"{SETTINGS[-1]:g}, with slope {slope:.2f} at the right. The bound begins at {first:g} "
        f"and is at least {np.min(bound[there] / moved[there]) // 1:.0f} times as large."
    )


# -- both layers: neurons in the plane -------------------------------------------------------------


@cache
def _grown(alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paths of the contributions alpha |a_j| w_j / sqrt(m), (steps, m, 2), signs, and outputs."""
    pairs = 24
    # Not on the grid of the data; balanced, |a_j| = |w_j| = 1, and zero as a network.
    w = np.tile(circle(2 * np.pi * (np.arange(pairs) + 0.37) / pairs), (2, 1))
    a = np.repeat([1.0, -1.0], pairs)
    size, paths = alpha / np.sqrt(len(a)), []
    for k in range(2001):
        z = X @ w.T
        hidden = np.maximum(z, 0)
        rest = Y - size * hidden @ a
        if k % 40 == 0:
            paths.append(size * np.abs(a)[:, None] * w)
        gates = np.where(z >= 0, a, 0.0)
        top = np.linalg.norm((gates @ gates.T) * (X @ X.T) + hidden @ hidden.T, 2) / len(a)
        step = 0.4 / (top * alpha * np.sqrt(len(a)))
        a, w = a + step * (rest @ hidden), w + step * (gates * rest[:, None]).T @ X
    return np.array(paths), np.sign(a), size * np.maximum(RING @ w.T, 0) @ a


def neurons(alpha: float) -> Figure:
    """Where the neurons of a ReLU network go when both layers are trained."""
    paths, signs, _ = _grown(alpha)
    fig, ax = new_axes(height=4.9)
    reach = 1.1 * float(np.abs(paths).max())
    for direction, value in zip(X, Y, strict=True):
        style = "-" if value > 0 else ":"
        ax.plot(*np.outer(direction, [0, 2 * reach]), style, color=COLOR["muted"], lw=1)
    for sign, color, mark in ((1, "network", "o"), (-1, "accent", "s")):
        own = paths[:, signs == sign]
        for k in range(own.shape[1]):
            ax.plot(*own[:, k].T, color=COLOR[color], lw=0.9)
        ax.plot(*own[-1].T, mark, ms=5, color=COLOR[color], label=f"$a_j$ {'<>'[sign > 0]} 0")
    ax.plot(*paths[0].T, ".", ms=3, color=COLOR["data"], label="start")
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    ax.set(title=rf"$\alpha={alpha:g}$")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def neurons_alt(alpha: float) -> str:
    """What a frame of `neurons` shows, in words."""
    paths, _, _ = _grown(alpha)
    size = np.linalg.norm(paths[-1], axis=1)
    ratio = np.sort(size)[::-1]
    share = ratio[:6].sum() / ratio.sum()
    return (
        f"Dial {alpha:g}. Neurons as points in the plane, with lines from their starts, which "
        f"lie on a circle of radius {np.linalg.norm(paths[0, 0]):.2g}. At the end the largest has "
        f"length {ratio[0]:.2g}, and the six largest of 48 hold {share:.0%} of the sum of lengths. "
        "Rays mark the directions of the five data, dotted where the target is negative."
    )


# -- one linear neuron -----------------------------------------------------------------------------


def output(t: np.ndarray, alpha: float, y: float = 1.0) -> np.ndarray:
    """Output of one linear neuron at the times t: :prf:ref:`prp-one-neuron`, part 2."""
    end = np.sqrt(1 + 4 * y**2 / alpha**2)
    up = 2 * y / alpha + end
    down = -1 / up  # the product of the roots is -1; the difference would lose digits
    left = (up - 1) / (1 - down) * np.exp(-end * np.asarray(t))
    u = (up + left * down) / (1 + left)
    return np.asarray(alpha / 4 * (u - 1 / u))


def one_neuron(alpha: float) -> Figure:
    """Output and kernel of one linear neuron, on the clock of the final kernel."""
    end = np.sqrt(1 + 4 / alpha**2)
    clock = np.linspace(0, 16, 161)
    p = output(clock / end, alpha)
    fig, (upper, lower) = new_axes(2, height=5.0)
    upper.plot(clock, p, color=COLOR["network"], label="the neuron")
    upper.plot(clock, -np.expm1(-clock / end), "--", color=COLOR["linear"], label="linearized")
    upper.set(ylabel="output", ylim=(-0.05, 1.1), title=rf"$\alpha={alpha:g}$, target $1$")
    lower.plot(clock, np.sqrt(alpha**2 + 4 * p**2), color=COLOR["network"])
    lower.axhline(alpha, ls="--", color=COLOR["linear"])
    lower.axhline(2, ls=":", color=COLOR["theory"], label="$2|y|$")
    lower.set(ylabel=r"$\alpha$ times kernel", xlabel="time times final kernel", ylim=(0, None))
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def one_neuron_alt(alpha: float) -> str:
    """What a frame of `one_neuron` shows, in words."""
    end = np.sqrt(1 + 4 / alpha**2)
    clock = np.linspace(0, 40, 40_001)
    half = clock[int(np.argmax(output(clock / end, alpha) >= 0.5))]
    return (
        f"Dial {alpha:g}. Above, the output of one neuron rises from zero to the target one; it is "
        f"half way at {half:.2f} units of the final clock, its linearization at "
        f"{np.log(2) * end:.3g}. Below, alpha times the kernel rises from {alpha:g} to "
        f"{alpha * end:.3g}; a dotted line marks two."
    )
