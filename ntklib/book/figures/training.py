"""Figures of the chapter *Does training really stay there?*"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ntklib import ShallowNetwork, dynamics, relu_nngp, relu_ntk
from ntklib.activations import gelu
from ntklib.book.figures.geometry import circle, pi_ticks
from ntklib.book.figures.style import COLOR, new_axes

ANGLES = np.array([0.4, 1.3, 2.6, 3.9, 5.4])
X = circle(ANGLES)
Y = np.array([0.6, -0.4, 0.5, -0.3, 0.2])
AROUND = np.linspace(0.0, 2 * np.pi, 121)
RING = circle(AROUND)
TIMES = (0, 1, 4, 16, 64)
SMALL_STEP = 1 / 16
FIVE = ("network", "gate", "theory", "truth", "accent")


def _runge_kutta(
    speed: Callable[[np.ndarray], np.ndarray], W: np.ndarray, step: float
) -> np.ndarray:
    """One step of the classical method of order four."""
    one = speed(W)
    two = speed(W + step / 2 * one)
    three = speed(W + step / 2 * two)
    four = speed(W + step * three)
    return np.asarray(W + step / 6 * (one + 2 * two + 2 * three + four))


def _speed(net: ShallowNetwork, target: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Velocity of the weights under gradient flow."""
    return np.asarray(-net.vjp(X, W, net(X, W) - target))


# -- F and F_0, trained side by side ---------------------------------------------------------------


@cache
def _race(m: int) -> tuple[np.ndarray, np.ndarray]:
    """Outputs around the circle at the times: of a doubled ReLU network, and linearized."""
    rng = np.random.default_rng(11)
    net, W0 = ShallowNetwork.random(2, m, rng=rng, doubled=True)
    W, shown = W0, []
    for k in range(int(TIMES[-1] / SMALL_STEP) + 1):
        if k * SMALL_STEP in TIMES:
            shown.append(net(RING, W))
        # Euler's method: a method of higher order gains nothing where gates flip.
        W = W + SMALL_STEP * _speed(net, Y, W)
    K, cross = net.empirical_ntk(X, W=W0), net.empirical_ntk(RING, X, W=W0)
    return np.array(shown), dynamics.predict(K, Y, cross, t=np.array(TIMES))


def race(m: int, t: int) -> Figure:
    """A doubled ReLU network and its linearization, both trained for the time t."""
    both = (values[TIMES.index(t)] for values in _race(m))
    fig, ax = new_axes(height=3.5)
    ax.plot(AROUND, next(both), color=COLOR["network"], label="$F$")
    ax.plot(AROUND, next(both), "--", color=COLOR["linear"], label="$F_0$")
    ax.plot(ANGLES, Y, "o", color=COLOR["data"], label="data")
    ax.set(xlabel="position on the circle", ylim=(-1.5, 1.5), title=f"$m={m}$, time $t={t}$")
    pi_ticks(ax, 0, 1, 2)
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def race_alt(m: int, t: int) -> str:
    """What a frame of `race` shows, in words."""
    full, linear = (values[TIMES.index(t)] for values in _race(m))
    if t == 0:
        return f"Width {m}, time 0: network and linearization are both zero on the whole circle."
    return (
        f"Width {m}, time {t}: the trained network and the trained linearization around the "
        f"circle, with five data points. They differ by up to {np.abs(full - linear).max():.2g}."
    )


# -- each component on its own clock ---------------------------------------------------------------


def clocks(pace: float) -> Figure:
    """What is left of each component of the residual, by flow and by descent."""
    values = np.linalg.eigvalsh(relu_ntk(X))
    step = pace / values[-1]
    fig, ax = new_axes(height=3.8)
    t = np.linspace(0, 24, 49)
    steps = np.arange(0, int(24 / step) + 1)
    for value, color in zip(values, FIVE, strict=True):
        ax.plot(t, np.exp(-value * t), color=COLOR[color], lw=1.4, label=f"{value:.2f}")
        left = np.abs(1 - step * value) ** steps
        shown = left > 1e-3
        ax.plot(step * steps[shown], left[shown], "o", ms=4, color=COLOR[color])
    ax.set(yscale="log", xlim=(-0.5, 24.5), ylim=(1e-3, 20), xlabel="time $t$, or $\\eta$ a step")
    ax.set(title=f"share left; $\\eta\\lambda_{{\\max}}={pace:g}$")
    ax.yaxis.set_minor_locator(NullLocator())
    fig.legend(loc="outside lower center", ncols=5, title="eigenvalue", columnspacing=1)
    return fig


def clocks_alt(pace: float) -> str:
    """What a frame of `clocks` shows, in words."""
    values = np.linalg.eigvalsh(relu_ntk(X))
    steps = int(24 / (pace / values[-1]))
    left = abs(1 - pace) ** steps
    does = "grow" if pace > 2 else "stay at one" if pace == 2 else "fall"
    return (
        "Five components of the residual on a logarithmic scale against time: lines for the flow, "
        "all falling, the steeper the larger the eigenvalue; dots for descent with step times "
        f"largest eigenvalue {pace:g}. The dots of the largest eigenvalue {does}: after {steps} "
        f"steps {left:.2g} of the component is left."
    )


# -- stopping early and ridge ----------------------------------------------------------------------


def filters(t: float) -> Figure:
    """How much of a component is fitted, by the flow and by ridge, and the ratio."""
    s = np.geomspace(0.03, 60, 121)
    at = t * np.linalg.eigvalsh(relu_ntk(X))
    fig, (upper, lower) = new_axes(2, height=4.6, height_ratios=(3, 2))
    names = (("flow", "linear", _flow), ("ridge", "theory", _ridge))
    for (name, color, rule), style in zip(names, ("-", "--"), strict=True):
        upper.plot(s, rule(s), style, color=COLOR[color], label=name)
        upper.plot(at, rule(at), "o", ms=5, color=COLOR[color])
    upper.set(ylabel="share fitted", ylim=(-0.05, 1.05), title=f"$t={t:g}$")
    upper.legend(loc="upper left")
    lower.plot(s, _flow(s) / _ridge(s), color=COLOR["network"])
    lower.plot(at, _flow(at) / _ridge(at), "o", ms=5, color=COLOR["network"])
    lower.axhline(RATIO, color=COLOR["forbidden"], ls=":")
    lower.set(ylabel="flow / ridge", xlabel="$s=\\lambda t$", ylim=(0.97, 1.33))
    for ax in (upper, lower):
        ax.set(xscale="log", xlim=(s[0], s[-1]))
        ax.xaxis.set_minor_locator(NullLocator())
    return fig


RATIO = 1.2984256075256391  # 1 + s/(1 + s + s^2) at the root s of exp(s) = 1 + s + s^2


def _flow(s: np.ndarray) -> np.ndarray:
    return np.asarray(-np.expm1(-s))


def _ridge(s: np.ndarray) -> np.ndarray:
    return np.asarray(s / (1 + s))


def filters_alt(t: float) -> str:
    """What a frame of `filters` shows, in words."""
    at = t * np.linalg.eigvalsh(relu_ntk(X))
    ratios = _flow(at) / _ridge(at)
    return (
        "Above, two rising curves against eigenvalue times time, the share fitted by the flow and, "
        f"a little lower, by ridge. Dots mark five eigenvalues at time {t:g}. Below, the ratio of "
        "the curves: one at both ends, with a single hump that touches the dotted line 1.298; at "
        f"the dots it lies between {ratios.min():.3f} and {ratios.max():.3f}."
    )


@cache
def _stopped(t: float) -> tuple[np.ndarray, np.ndarray]:
    """Predictions around the circle: of the flow at time t, of ridge 1/t."""
    K, cross = relu_ntk(X), relu_ntk(RING, X)
    flow = dynamics.predict(K, Y, cross, t=t)
    return flow, cross @ np.linalg.solve(K + np.eye(len(Y)) / t, Y)


def strangers(t: float) -> Figure:
    """Flow and ridge at new points, and where their signs differ."""
    flow, ridge = _stopped(t)
    fig, ax = new_axes(height=3.6)
    apart = np.where(flow * ridge < 0, 1.0, 0.0)
    ax.fill_between(AROUND, -1.2 * apart, 1.2 * apart, step="mid", alpha=0.25, lw=0,
                    color=COLOR["forbidden"], label="signs differ")  # fmt: skip
    ax.plot(AROUND, flow, color=COLOR["linear"], label="flow")
    ax.plot(AROUND, ridge, "--", color=COLOR["theory"], label="ridge")
    ax.plot(ANGLES, Y, "o", color=COLOR["data"], label="data")
    ax.axhline(0, color=COLOR["muted"], lw=0.8)
    ax.set(xlabel="position on the circle", ylim=(-0.8, 0.8), title=f"$t={t:g}$, ridge $1/t$")
    pi_ticks(ax, 0, 1, 2)
    fig.legend(loc="outside lower center", ncols=4, columnspacing=1, handlelength=1.5)
    return fig


def strangers_alt(t: float) -> str:
    """What a frame of `strangers` shows, in words."""
    flow, ridge = _stopped(t)
    share = np.mean(flow[1:] * ridge[1:] < 0)
    return (
        f"Predictions around the circle, of the flow stopped at time {t:g} and of ridge with its "
        f"inverse. They differ by up to {np.abs(flow - ridge).max():.2f}, and on {share:.0%} of "
        "the circle, shaded, they have different signs."
    )


# -- how far the kernel moves ----------------------------------------------------------------------

NEURONS = (32, 128, 512, 2048)
KINDS = ("doubled", "random signs", "equal signs", "ReLU, doubled")
# sup |sigma'''| of the GELU, at the root of z^4 - 7 z^2 + 4.
_Z2 = (7 - np.sqrt(33)) / 2
THIRD = float(np.exp(-_Z2 / 2) / np.sqrt(2 * np.pi) * np.sqrt(_Z2) * (4 - _Z2))


@cache
def _moved(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Movement of the kernel in training, and its bound, for each number of neurons."""
    rows = []
    for m in NEURONS:
        runs = [_one_move(kind, m, seed) for seed in range(3)]
        rows.append(np.mean(runs, axis=0))
    moved, bound = np.transpose(rows)
    return moved, bound


def _one_move(kind: str, m: int, seed: int) -> tuple[float, float]:
    twice = kind.endswith("doubled")
    activation = "relu" if kind.startswith("ReLU") else "gelu"
    net, W0 = ShallowNetwork.random(
        2, m // 2 if twice else m, rng=np.random.default_rng(seed), activation=activation,
        doubled=twice,
    )  # fmt: skip
    if kind == "equal signs":
        net = ShallowNetwork(np.ones(m), activation)
    target = net(X, W0) + Y  # one and the same residual for all
    K, W, step = net.empirical_ntk(X, W=W0), W0, 1.0
    top, spent, path = 0.0, 0.0, 0.0
    for _ in range(40):
        spent += step * float(np.linalg.norm(net(X, W) - target))
        new = _runge_kutta(partial(_speed, net, target), W, step)
        path += float(np.linalg.norm(new - W))
        W = new
        top = max(top, float(np.linalg.norm(net.empirical_ntk(X, W=W) - K, 2)))
    if activation == "relu":
        return top, np.nan
    s = np.linalg.norm(X, 2) ** 2
    if twice:
        first = gelu.lipschitz
        square = 2 * gelu.smoothness**2 + THIRD * first
        return top, float(s**2 * first**2 * square * spent**2 / m)
    moved = gelu.smoothness * np.sqrt(s / m) * path
    return top, float(moved * (2 * np.sqrt(np.linalg.norm(K, 2)) + moved))


def movement(kind: str) -> Figure:
    """How far the kernel moves while a network is trained, against the number of neurons."""
    moved, bound = _moved(kind)
    m = np.array(NEURONS)
    fig, ax = new_axes(height=4.1)
    ax.plot(m, moved, "o-", color=COLOR["network"], label="measured")
    if np.isfinite(bound).all():
        ax.plot(m, bound, "s:", color=COLOR["forbidden"], label="bound")
    for power, style, name in ((1, "--", "$1/m$"), (0.5, "-.", r"$1/\sqrt{m}$")):
        guide = moved[0] * 1.6 * (m / m[0]) ** -power
        ax.plot(m, guide, style, color=COLOR["muted"], lw=1.2, label=name)
    ax.set(xscale="log", yscale="log", xlim=(24, 2700), ylim=(1e-4, 100), title=kind)
    ax.set(xlabel="number of neurons", ylabel="movement of the kernel")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())
    ax.set_xticks(m, [str(one) for one in NEURONS])
    fig.legend(loc="outside lower center", ncols=4, columnspacing=1, handlelength=1.8)
    return fig


def movement_alt(kind: str) -> str:
    """What a frame of `movement` shows, in words."""
    moved, _ = _moved(kind)
    slope = np.polyfit(np.log(NEURONS), np.log(moved), 1)[0]
    return (
        f"Network: {kind}. How far the kernel moves in training, against the number of neurons, "
        f"both on logarithmic scales. It falls from {moved[0]:.2g} at {NEURONS[0]} to "
        f"{moved[-1]:.2g} at {NEURONS[-1]} neurons, with slope {slope:.2f}; guide lines have the "
        "slopes minus one and minus one half."
    )


# -- many networks ---------------------------------------------------------------------------------


@cache
def _many() -> np.ndarray:
    """Outputs around the circle of twelve plain ReLU networks at the times, (12, times, points)."""
    rng, width, runs = np.random.default_rng(5), 400, []
    for _ in range(12):
        net, W = ShallowNetwork.random(2, width, rng=rng)
        shown = []
        for k in range(int(TIMES[-1] / (4 * SMALL_STEP)) + 1):
            if 4 * k * SMALL_STEP in TIMES:
                shown.append(net(RING, W))
            W = W + 4 * SMALL_STEP * _speed(net, Y, W)
        runs.append(shown)
    return np.array(runs)


@cache
def _bands() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean and standard deviation of the ensemble at the times, and of the posterior."""
    ensemble = partial(dynamics.ensemble, X, Y, RING, covariance=relu_nngp, return_std=True)
    mean, std = ensemble(kernel=relu_ntk, t=np.array(TIMES))
    after, spread = ensemble(kernel=relu_nngp)
    return mean, std, after, spread


def band(t: int) -> Figure:
    """Trained networks, the band that theory predicts, and the Gaussian process's posterior."""
    mean, std, after, spread = _bands()
    k = TIMES.index(t)
    fig, ax = new_axes(height=3.9)
    low, high = mean[k] - 2 * std[k], mean[k] + 2 * std[k]
    ax.fill_between(AROUND, low, high, color=COLOR["theory"], alpha=0.25, lw=0, label="theory")
    for run in _many():
        ax.plot(AROUND, run[k], color=COLOR["sample"], lw=0.7)
    ax.plot([], [], color=COLOR["sample"], lw=0.7, label="networks")
    for sign in (-2, 2):
        edge = after + sign * spread
        ax.plot(AROUND, edge, "--", color=COLOR["forbidden"], lw=1.3)
    ax.plot([], [], "--", color=COLOR["forbidden"], label="posterior")
    ax.plot(ANGLES, Y, "o", color=COLOR["data"], label="data")
    ax.set(xlabel="position on the circle", ylim=(-2.6, 2.6), title=f"time $t={t}$")
    pi_ticks(ax, 0, 1, 2)
    fig.legend(loc="outside lower center", ncols=4, columnspacing=1, handlelength=1.5)
    return fig


def band_alt(t: int) -> str:
    """What a frame of `band` shows, in words."""
    _, std, _, spread = _bands()
    k = TIMES.index(t)
    inside = std[k].max()
    return (
        f"Twelve trained networks around the circle at time {t}, thin lines, mostly inside the "
        f"shaded band of two standard deviations that theory predicts. Its standard deviation is "
        f"at most {inside:.2f} there; that of the Gaussian process's posterior, whose band is "
        f"dashed, is at most {spread.max():.2f}."
    )
