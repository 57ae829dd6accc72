"""Figures of the chapter *The limit of infinite width*."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation
from scipy import stats

from ntklib import Linearization, ShallowNetwork, gate_kernel, relu_nngp, relu_ntk, with_bias
from ntklib.book.figures.geometry import circle, pi_ticks, polygon_corners
from ntklib.book.figures.style import COLOR, new_axes
from ntklib.concentration import chernoff_failure, expected_squared_error, hoeffding_deviation

POINTS = 40
NEURONS = 5000
DRAWS = 1000
LABELS = np.array([0.9, 0.2, -0.6, 0.5, 1.0, -0.3, -0.9, 0.1])


@cache
def _ring() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points around the circle, their limiting Gram matrix, rows of the widest network."""
    X = polygon_corners(POINTS)
    return X, relu_ntk(X), np.random.default_rng(7).standard_normal((NEURONS, 2))


@cache
def _circle_gram(m: int) -> np.ndarray:
    X, _, rows = _ring()
    return ShallowNetwork(np.ones(m)).empirical_ntk(X, W=rows[:m])


def _heat(ax: Axes, K: np.ndarray, title: str) -> None:
    ax.imshow(K, vmin=-0.25, vmax=0.75, cmap="cividis", interpolation="nearest")
    ax.set(title=title, xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _plain_ticks(*axes: Axes) -> None:
    """Only powers of ten: minor ticks of log axes take longer to draw than all the rest."""
    for ax in axes:
        ax.minorticks_off()


def question() -> Figure:
    """Gram matrices of the same points at three widths and in the limit."""
    fig, axes = new_axes(2, 2, height=4.8)
    for ax, m in zip(axes.flat, (10, 100, 1000), strict=False):
        _heat(ax, _circle_gram(m), f"$m={m}$")
    _heat(axes[1, 1], _ring()[1], r"$m\to\infty$")
    return fig


def question_alt() -> str:
    """What `question` shows, in words."""
    return (
        "Four square heat maps, rows and columns indexed by forty points around a circle. At "
        "width 10 the map is a patchwork of hard-edged blocks. At width 100 a smooth band along "
        "the diagonal shows through the grain. At width 1000 little grain is left, and the map can "
        "hardly be told from the last one, the limit: a smooth band, high on the diagonal, with "
        "fainter stripes beside it."
    )


def gram_and_limit(m: int) -> Figure:
    """One random Gram matrix of width m, the limit, and their distance among all widths."""
    fig, axes = new_axes(2, 2, height=4.6, height_ratios=(5, 4))
    X, K, _ = _ring()
    _heat(axes[0, 0], _circle_gram(m), f"$K_m$, $m={m}$")
    _heat(axes[0, 1], K, "limit $K$")
    for ax in axes[1]:
        ax.remove()
    lower = fig.add_subplot(axes[0, 0].get_gridspec()[1, :])
    widths = np.array([1, NEURONS])
    typical = [np.sqrt(expected_squared_error(X, int(w))) for w in widths]
    lower.loglog(widths, typical, color=COLOR["theory"], label="typical")
    lower.plot(m, np.linalg.norm(_circle_gram(m) - K), "o", color=COLOR["sample"], label="this one")
    lower.set(ylabel=r"$\|K_m-K\|_F$", xlabel="width $m$", ylim=(0.05, 40))
    _plain_ticks(lower)
    lower.legend(loc="lower left")
    return fig


def gram_and_limit_alt(m: int) -> str:
    """What a frame of `gram_and_limit` shows, in words."""
    X, K, _ = _ring()
    distance = float(np.linalg.norm(_circle_gram(m) - K))
    typical = np.sqrt(expected_squared_error(X, m))
    ratio = distance / typical
    place = "near" if 0.75 <= ratio <= 1.25 else "above" if ratio > 1 else "below"
    look = "hard-edged blocks" if m <= 10 else "a grainy band" if m <= 200 else "a smooth band"
    return (
        f"Width {m}. The random Gram matrix of forty points on a circle shows {look} along the "
        "diagonal; beside it the limit, a smooth band. Below, their Frobenius distance is "
        f"{distance:.2f}, a dot {place} the falling line of the typical distance, {typical:.2f}."
    )


def running_means(
    widths: np.ndarray,
    paths: Sequence[np.ndarray],
    limits: Sequence[float],
    pairs: Sequence[tuple[int, int]],
) -> Figure:
    """Averages over the first m neurons against m, each in its funnel; pairs count from 0."""
    fig, ax = new_axes(height=3.8)
    kept = np.unique(np.geomspace(1, len(widths), 300).astype(int)) - 1
    m = widths[kept]
    at_one = hoeffding_deviation(5, 1, 0.05)  # it falls like one over the root of m
    colors = (COLOR["network"], COLOR["linear"], COLOR["gate"])
    for path, limit, (i, k), color in zip(paths, limits, pairs, colors, strict=True):
        # Where the funnel is wider than [0, 1] it has no edge; each edge starts at 0 or 1.
        starts = [max(1.0, (at_one / room) ** 2) for room in (limit, 1 - limit)]
        real = np.unique([*np.geomspace(1, widths[-1], 400), *starts])
        funnel = at_one / np.sqrt(real)
        low, high = np.clip(limit - funnel, 0, 1), np.clip(limit + funnel, 0, 1)
        ax.fill_between(real, low, high, color=color, alpha=0.1, lw=0)
        for edge, start in zip((low, high), starts, strict=True):
            ax.plot(real[real >= start], edge[real >= start], color=color, alpha=0.5, lw=0.8)
        name = f"$x_{i + 1}$ and itself" if i == k else f"$x_{i + 1}$ and $x_{k + 1}$"
        ax.plot(m, path[kept], color=color, lw=1.4, label=name)
        ax.axhline(limit, color=color, ls="--", lw=1)
        ax.annotate(
            f"{limit:.3f}",
            (widths[-1], limit),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            annotation_clip=False,
        )
    ax.set(xscale="log", xlim=(1, widths[-1]), ylim=(-0.02, 1.02))
    ax.set(xlabel="width $m$", ylabel=r"average of $Z_1,\ldots,Z_m$")
    _plain_ticks(ax)
    fig.legend(loc="outside upper center", ncols=3, handlelength=1.4, columnspacing=1.6)
    return fig


def running_means_alt(widths: np.ndarray, *_: object) -> str:
    """What `running_means` shows, in words."""
    return (
        f"Three jagged curves against the width from {widths[0]} to {widths[-1]} on a logarithmic "
        "axis. Each is the fraction of neurons active on both points of a pair. They jump at small "
        "widths, calm down, and end on three dashed horizontal lines, the limits, one of them at "
        "one half. A shaded funnel around each line narrows like one over the square root of the "
        "width and contains its curve."
    )


@cache
def _coins(theta: int, m: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Success probability, exact law and observed frequencies of the common active neurons."""
    t = np.deg2rad(theta)
    pair = circle([0.0, t])
    if theta == 180:
        pair[1] = [-1.0, 0.0]
    q = float(gate_kernel(pair)[0, 1])
    rows = np.random.default_rng(1000 * theta + m).standard_normal((DRAWS, m, 2))
    counts = (rows @ pair.T >= 0).all(axis=2).sum(axis=1)
    law = stats.binom.pmf(np.arange(m + 1), m, q)
    return q, law, np.bincount(counts, minlength=m + 1) / DRAWS


def coins(theta: int, m: int) -> Figure:
    """Exact law of the fraction of neurons active on two points, and what networks show."""
    q, law, seen = _coins(theta, m)
    fraction = np.arange(m + 1) / m
    fig, ax = new_axes(height=3.5)
    drawn = law > 1e-4
    ax.bar(fraction[drawn], law[drawn], 0.8 / m, color=COLOR["theory"], alpha=0.5, label="binomial")
    drawn = seen > 0
    ax.plot(fraction[drawn], seen[drawn], "o", ms=4, color=COLOR["sample"], label="1000 networks")
    ax.axvline(q, color=COLOR["theory"], ls="--", lw=1.2, label="mean $q$")
    ax.set(
        xlim=(-0.15, 1.15), ylim=(0, None), title=rf"$\theta$ = {theta}°, $m$ = {m}, $q$ = {q:.3f}"
    )
    ax.set(xlabel="share of common open gates, $N/m$", ylabel="probability")
    fig.legend(loc="outside lower center", ncols=3, handlelength=1.4, columnspacing=1.6)
    return fig


def coins_alt(theta: int, m: int) -> str:
    """What a frame of `coins` shows, in words."""
    q, law, seen = _coins(theta, m)
    if theta == 180:
        return (
            f"Angle 180 degrees, width {m}: no neuron is active on two opposite points, so the "
            "whole probability is one bar of height one at zero, and all 1000 networks are there."
        )
    spread = np.sqrt(q * (1 - q) / m)
    return (
        f"Angle {theta} degrees, width {m}. Bars of the exact law of the fraction of common "
        f"active neurons, centered at q = {q:.3f} with standard deviation {spread:.3f}; the "
        f"frequencies in 1000 random networks are dots within {np.abs(law - seen).max():.3f} of "
        "the bars' tops."
    )


def error_against_width(
    widths: np.ndarray, errors: np.ndarray, exact: Sequence[float], bound: Sequence[float]
) -> Figure:
    """Frobenius errors of random networks, the exact root mean square, Hoeffding's bound."""
    fig, ax = new_axes(height=3.6)
    spread = np.repeat(widths, errors.shape[1])
    ax.loglog(spread, errors.ravel(), ".", ms=4, color=COLOR["sample"], label="random networks")
    ax.plot(widths, exact, color=COLOR["theory"], label="exact root mean square")
    ax.plot(widths, bound, color=COLOR["forbidden"], ls="--", label=r"Hoeffding, $\delta$ = 5 %")
    ax.set(xlabel="width $m$", ylabel=r"$\|K_m-K\|_F$")
    ax.legend(loc="lower left")
    _plain_ticks(ax)
    return fig


def error_against_width_alt(widths: np.ndarray, *_: object) -> str:
    """What `error_against_width` shows, in words."""
    return (
        f"Log-log plot of the Frobenius error against the width from {widths[0]} to {widths[-1]}. "
        "Twenty dots at each width scatter around a straight line of slope minus one half, the "
        "exact root mean square. A parallel line above all dots, about four times as high, is "
        "Hoeffding's bound."
    )


def chernoff(
    widths: np.ndarray,
    truth: np.ndarray,
    bound: np.ndarray,
    trial: np.ndarray,
    measured: np.ndarray,
    points: np.ndarray,
) -> Figure:
    """Probability of losing half of the smallest eigenvalue: orthonormal and general points."""
    fig, (upper, lower) = new_axes(2, height=4.8)
    shown = widths <= 160
    # Up to where the sawtooth first leaves the axis; later a lone tooth or two would come back.
    drawn = shown & np.logical_and.accumulate(truth > 1e-7)
    upper.semilogy(widths[drawn], truth[drawn], color=COLOR["theory"], label="exact")
    upper.plot(widths[shown], bound[shown], color=COLOR["forbidden"], ls="--", label="Chernoff")
    upper.set(title="orthonormal points", xlabel="width $m$", ylabel="probability", ylim=(1e-7, 2))
    some = measured > 0
    lower.loglog(
        trial[some], measured[some], "o-", color=COLOR["sample"], label="measured", zorder=3
    )
    if not some.all():
        none = trial[~some]
        # Half a marker above the axis, so that its tip is on it.
        tip = lower.get_xaxis_transform() + ScaledTranslation(0, 4 / 72, fig.dpi_scale_trans)
        lower.plot(
            none,
            np.zeros(len(none)),
            "v",
            mfc="none",
            mew=1.4,
            color=COLOR["sample"],
            label="none failed",
            transform=tip,
        )
    wide = np.unique(np.geomspace(3, 3000, 60).astype(int))
    line = [chernoff_failure(points, int(m)) for m in wide]
    lower.plot(wide, line, color=COLOR["forbidden"], ls="--", label="Chernoff")
    lower.set(title="random points", xlabel="width $m$", ylabel="probability")
    lower.set(ylim=(1e-3, 2), xlim=(3, 3000))
    upper.legend(loc="upper right")
    lower.legend(loc="center")
    _plain_ticks(upper, lower)
    return fig


def chernoff_alt(*_: object) -> str:
    """What `chernoff` shows, in words."""
    return (
        "Two panels, probability of failure on a logarithmic axis against the width. Above, 20 "
        "orthonormal points: the exact probability is a sawtooth that falls almost twice as "
        "steeply as the straight line of the bound above it. Below, 20 random points in ten "
        "dimensions, width on a logarithmic axis: the measured probability drops from one at "
        "width 4 to less than one in a hundred at width 24, and triangles on the axis mark "
        "the two larger widths at which no network failed; the bound stays at one up to several "
        "hundred neurons, and then drops."
    )


@cache
def _predictors() -> tuple[np.ndarray, list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Angles; predictions of plain and doubled networks; the limiting mean, deviation; data."""
    rng, data = np.random.default_rng(11), 2 * np.pi * np.array([0.0, 0.13, 0.31, 0.55, 0.78])
    phi = np.linspace(0.0, 2 * np.pi, 181)
    X, Z, y = circle(data), circle(phi), LABELS[:5]
    draws = []
    for doubled in (False, True):
        curves = []
        for _ in range(20):
            net, W0 = ShallowNetwork.random(2, 1000 if doubled else 2000, rng=rng, doubled=doubled)
            curves.append(Linearization(net, W0).fit(X, y).predict(Z))
        draws.append(np.array(curves))
    b = np.linalg.solve(relu_ntk(X), relu_ntk(X, Z))
    across = np.sum(b * relu_nngp(X, Z), axis=0)
    variance = 0.5 - 2 * across + np.sum(b * (relu_nngp(X) @ b), axis=0)
    return phi, draws, b.T @ y, np.sqrt(np.maximum(variance, 0)), data


def predictors() -> Figure:
    """Predictions of wide networks, plain and doubled, and the limiting mean and spread."""
    phi, draws, mean, spread, data = _predictors()
    fig, axes = new_axes(2, height=5.0)
    for ax, curves, title in zip(axes, draws, ("plain", "doubled"), strict=True):
        # Every second angle: so many curves would weigh more than the rest of the page.
        ax.plot(phi[::2], curves[:, ::2].T, color=COLOR["sample"], lw=0.6)
        ax.plot(phi, mean, color=COLOR["theory"], lw=1.6)
        ax.plot(data, LABELS[:5], "o", color=COLOR["data"], ms=5)
        ax.set(title=title, ylabel="prediction", ylim=(-1.2, 1.7))
        pi_ticks(ax, 0, 1, 2)
    axes[0].fill_between(
        phi, mean - 2 * spread, mean + 2 * spread, color=COLOR["theory"], alpha=0.15, lw=0
    )
    axes[1].set_xlabel("position on the circle")
    return fig


def predictors_alt() -> str:
    """What `predictors` shows, in words."""
    _, draws, _, spread, _ = _predictors()
    plain, doubled = (float(curves.std(axis=0).max()) for curves in draws)
    return (
        "Two panels, predictions of twenty networks of 2000 neurons against the position on the "
        "circle, all through the same five labels. Above, plain networks: between the labels the "
        f"curves fan out, with a standard deviation up to {plain:.2f}, mostly within the shaded "
        f"band of two limiting deviations, of which the largest is {spread.max():.2f}. Below, "
        "doubled networks: the curves lie close together along the limit, with a standard "
        f"deviation up to {doubled:.2f}."
    )


@cache
def _lazy_fit(rho: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Angles, network and linearization at the fit, and the angles of the data."""
    rng, eps = np.random.default_rng(4), rho / np.sqrt(400)
    net, W0 = ShallowNetwork.random(3, 200, rng=rng, activation="tanh", eps=eps, doubled=True)
    phi = np.linspace(0.0, 2 * np.pi, 181)
    data = 2 * np.pi * (np.arange(len(LABELS)) + 0.5) / len(LABELS)

    def inputs(angle: np.ndarray) -> np.ndarray:
        return np.asarray(with_bias(circle(angle)) / np.sqrt(2))

    lin = Linearization(net, W0)
    W = lin.fit(inputs(data), LABELS).W
    return phi, net(inputs(phi), W), lin(inputs(phi), W), data


def lazy_fit(rho: float) -> Figure:
    """A doubled tanh network and its linearization at the fit, for one value of eps sqrt(m)."""
    phi, network, linear, data = _lazy_fit(rho)
    fig, ax = new_axes(height=3.5)
    ax.plot(phi, linear, color=COLOR["linear"], label=r"$F_0(x;\hat w)$")
    ax.plot(phi, network, color=COLOR["network"], ls="--", label=r"$F(x;\hat w)$")
    ax.plot(data, LABELS, "o", color=COLOR["data"], label="labels")
    ax.set(ylim=(-2.6, 2.6), xlabel="position on the circle", ylabel="output")
    ax.set_title(rf"$\varepsilon\sqrt{{m}}$ = {rho:g}")
    pi_ticks(ax, 0, 1, 2)
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def lazy_fit_alt(rho: float) -> str:
    """What a frame of `lazy_fit` shows, in words."""
    _, network, linear, _ = _lazy_fit(rho)
    gap = float(np.abs(network - linear).max())
    look = "far from" if gap > 0.5 else "near" if gap > 0.05 else "on top of"
    return (
        f"Epsilon times root m is {rho:g}. The linearized network goes through all eight labels on "
        f"the circle; the network with the same weights runs {look} it, at most {gap:.2g} away."
    )


def laziness(
    widths_fit: np.ndarray,
    gaps: Mapping[tuple[str, bool], Sequence[float]],
    widths: np.ndarray,
    worst: np.ndarray,
    limit: np.ndarray,
    bound: Sequence[float],
) -> Figure:
    """The gap between network and linearization: at the fit, and at the worst weights.

    The latter with what `worst` tends to, and the bound that holds with probability 1 - delta.
    """
    fig, (upper, lower) = new_axes(2, height=5.2)
    for (activation, doubled), values in gaps.items():
        color = COLOR["network"] if activation == "tanh" else COLOR["gate"]
        name = {"relu": "ReLU"}.get(activation, activation) + (", doubled" if doubled else "")
        style, marker = "-" if doubled else ":", "o" if activation == "tanh" else "s"
        upper.loglog(widths_fit, values, style, marker=marker, ms=4, color=color, label=name)
    upper.set(title="at the fit", xlabel="width $m$", ylabel="largest $|F-F_0|$")
    upper.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    lower.loglog(widths, worst, "o", ms=5, color=COLOR["gate"], label="worst weights")
    lower.plot(widths, limit, color=COLOR["theory"], lw=1.2, label="limit, part 3")
    lower.plot(widths, bound, color=COLOR["forbidden"], ls="--", label="bound, part 2")
    lower.set(title="worst in a ball", xlabel="width $m$", ylabel="largest $|F-F_0|$")
    lower.set_ylim(1e-2, 1)
    lower.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    _plain_ticks(upper, lower)
    return fig


def laziness_alt(*_: object) -> str:
    """What `laziness` shows, in words."""
    return (
        "Two log-log panels of the largest gap between the network and its linearization against "
        "the width. Above, at the fit: four falling lines, doubled tanh the steepest, with slope "
        "about minus one, and the lowest at widths 1024 and 4096; the others have slopes between "
        "minus 0.7 and minus one. Below, the ReLU at the worst weights in a ball of radius one: "
        "dots along the solid line of their limit, of slope minus one sixth, and the dashed bound "
        "above them, three to four times as high."
    )
