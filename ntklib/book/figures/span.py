"""Figures of the chapter *The span of the gradients*.

Most are drawn in the weight space of one tiny network, two tanh neurons on the line, where weights
are points of a plane and nothing has to be projected to be seen.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntklib import Linearization, ShallowNetwork
from ntklib.book.figures.geometry import arrow, circle, pi_ticks
from ntklib.book.figures.style import COLOR, INK, new_axes

# Two tanh neurons, d = 1, one training input and one test input. The scale cancels 1/sqrt(2).
TINY = ShallowNetwork([1.0, 1.0], "tanh", eps=2**0.5)
START = np.array([[0.3], [0.9]])
TRAIN, TEST = np.array([[1.0]]), np.array([[2.0]])
LINE = np.linspace(0.0, 3.0, 61)[:, None]
SEEN = 0.8  # how far along S the weights w of the figures lie
STEP, STEPS = 0.3, 40

ARC = np.linspace(0.0, 2 * np.pi, 361)
PLACES = np.array([0.3, 3.4, 1.7, 5.0, 4.3, 2.5, 1.1, 5.8, 0.8, 3.0, 2.1, 4.7])  # data, in order
NEURONS = 6
REACH = 2.0  # how far from w-hat the weights of the band may lie
FIXED = np.array([[-1.5], [0.5], [1.0]])  # z_1, z_2, z_3
CENTERS = np.array([0.9, 2.6, 4.6])
HEIGHTS = np.array([1.0, 0.0, -1.5])  # alpha; the slider moves the second


@cache
def _tiny() -> tuple[Linearization, np.ndarray, np.ndarray]:
    """The linearization, and unit vectors along S and along ker J."""
    lin = Linearization(TINY, START)
    gradient = lin.jacobian(TRAIN)[0]
    along = gradient / np.linalg.norm(gradient)
    return lin, along, np.array([-along[1], along[0]])


def _point(seen: float, unseen: float) -> np.ndarray:
    """Weights w_0 + seen along S + unseen along ker J, shape (2,)."""
    _, along, across = _tiny()
    return START[:, 0] + seen * along + unseen * across


def _segment(ax: Axes, a: np.ndarray, b: np.ndarray, **style: Any) -> None:
    ax.plot([a[0], b[0]], [a[1], b[1]], **style)


def _plane(ax: Axes, label: tuple[float, float] = (-5, 8)) -> None:
    """The weight plane, with w_0, its label so many points away, and the line w_0 + S."""
    _segment(ax, _point(-2, 0), _point(3, 0), color=COLOR["theory"], lw=1.8)
    (x, y), (x_end, y_end) = _point(0, 0), _point(-1.5, 0)
    ax.plot(x, y, "s", color=INK, zorder=4)
    ax.annotate("$w_0$", (x, y), label, textcoords="offset points", ha="right")
    ax.set_aspect("equal")
    ax.set(xlim=(-1.1, 2.3), ylim=(-0.6, 2.8), xlabel="$w_1$", ylabel="$w_2$")
    ax.annotate("$w_0+S$", (x_end, y_end), (2, -17), textcoords="offset points")


def _values(seen: float, unseen: float, X: np.ndarray) -> np.ndarray:
    """F_0 at X with the weights of `_point`."""
    return _tiny()[0](X, _point(seen, unseen)[:, None])


def triangle(t: float) -> Figure:
    """The weights w_0, w and the projection of w, and the functions that they give."""
    fig, (upper, lower) = new_axes(2, height=5.4, height_ratios=(3, 2))
    _plane(upper)
    start, foot, w = _point(0, 0), _point(SEEN, 0), _point(SEEN, t)
    _segment(upper, _point(SEEN, -3), _point(SEEN, 3), color=COLOR["muted"], ls="--", lw=1.2)
    _segment(upper, start, w, color=COLOR["accent"], lw=1.5)
    upper.plot(*foot, "D", color=COLOR["linear"], zorder=4)
    upper.annotate(r"$\hat w$", foot, (-10, -21), textcoords="offset points")
    upper.plot(*w, "o", color=COLOR["accent"], zorder=5)
    upper.annotate("$w$", w, (8, 3), textcoords="offset points")
    upper.set_title(rf"$\|w-w_0\|={np.linalg.norm(w - start):.2f}$")
    x = LINE[:, 0]
    lower.plot(x, _values(SEEN, 0, LINE), color=COLOR["linear"], ls="--", label=r"$F_0(x;\hat w)$")
    lower.plot(x, _values(SEEN, t, LINE), color=COLOR["accent"], label="$F_0(x;w)$")
    lower.plot(TRAIN[:, 0], _values(SEEN, t, TRAIN), "o", color=COLOR["data"], zorder=4)
    lower.axvline(TEST[0, 0], color=COLOR["muted"], ls=":", lw=1.2)
    lower.set(xlim=(0, 3), ylim=(-0.6, 4.2), xlabel="input $x$")
    lower.set_xticks([0, 1, 2, 3], ["0", "$x_1$", "test", "3"])
    lower.legend(loc="upper left")
    return fig


def triangle_alt(t: float) -> str:
    """What a frame of `triangle` shows, in words."""
    distance = float(np.hypot(SEEN, t))
    train, test = _values(SEEN, t, TRAIN)[0], _values(SEEN, t, TEST)[0]
    still = _values(SEEN, 0, TEST)[0]
    return (
        f"Above, the weight plane: the line through w_0 along the gradient, w-hat on it at "
        f"distance {SEEN} from w_0, and w on the perpendicular through w-hat, moved by {t:g}; w is "
        f"{distance:.2f} away from w_0. Below: the curves of F_0 with weights w and w-hat meet at "
        f"the training input, value {train:.2f}; at the test input they are {test:.2f} and "
        f"{still:.2f}."
    )


def levels() -> Figure:
    """Level lines of F_0 and of F at the training input, in the weight plane."""
    fig, ax = new_axes(height=4.3)
    _plane(ax, (5, -21))
    first, second = np.linspace(-1.1, 2.3, 120), np.linspace(-0.6, 2.8, 120)
    grid = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)
    lin = _tiny()[0]
    linear = lin.model(TRAIN, START)[0] + (grid - START[:, 0]) @ lin.jacobian(TRAIN)[0]
    network = TINY.activation.f(grid) @ TINY.a * TINY.scale  # the training input is 1
    at = float(TINY(TRAIN, START)[0]) + np.array([-0.8, -0.4, 0.0, 0.4, 0.8])
    for values, color, style in ((linear, "linear", "--"), (network, "network", "-")):
        ax.contour(
            first,
            second,
            values.reshape(120, 120),
            levels=at,
            colors=COLOR[color],
            linestyles=style,
            linewidths=1.5,
        )
    ax.plot([], [], color=COLOR["linear"], ls="--", label="$F_0(x_1;w)$ constant")
    ax.plot([], [], color=COLOR["network"], label="$F(x_1;w)$ constant")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize="small")
    return fig


def levels_alt() -> str:
    """What `levels` shows, in words."""
    return (
        "The plane of the two weights. Five parallel straight lines are the level lines of the "
        "linearized network's value at the training input, perpendicular to the span of the "
        "gradient. Five curves are the level lines of the network's own value at the same levels. "
        "At the initial weights line and curve touch; away from there the curves bend off."
    )


@cache
def _along_fibre(m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, values of F_0 and of F at five points, along a unit vector of ker J."""
    rng = np.random.default_rng(11)
    X = rng.standard_normal((5, 3))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    net, W0 = ShallowNetwork.random(3, m, rng=rng, activation="tanh", eps=3.0)
    lin = Linearization(net, W0)
    # All neurons turn the same way; what the data see of that is taken out.
    wish = W0 + np.outer(net.a, X.sum(axis=0))
    direction = wish - lin.project(X, wish)
    direction /= np.linalg.norm(direction)
    steps = np.linspace(-3, 3, 25)
    linear = np.array([lin(X, W0 + t * direction) for t in steps])
    network = np.array([net(X, W0 + t * direction) for t in steps])
    return steps, linear, network


def fibre(m: int) -> Figure:
    """Training values of F_0 and F as the weights move along ker J, at width m."""
    steps, linear, network = _along_fibre(m)
    fig, ax = new_axes(height=3.4)
    for i in range(5):
        ax.plot(steps, network[:, i], color=COLOR["network"])
        ax.plot(steps, linear[:, i], color=COLOR["linear"], ls="--", lw=1.4)
    ax.plot([], [], color=COLOR["linear"], ls="--", label=r"$F_0(x_i;\cdot)$")
    ax.plot([], [], color=COLOR["network"], label=r"$F(x_i;\cdot)$")
    ax.set(xlabel="distance moved in a direction of ker $J$", ylabel="value at five inputs")
    ax.set(title=f"width {m}", ylim=(-4, 4), xlim=(-3, 3))
    ax.legend(loc="upper center", ncols=2)
    return fig


def fibre_alt(m: int) -> str:
    """What a frame of `fibre` shows, in words."""
    _, linear, network = _along_fibre(m)
    return (
        f"Width {m}. Values at five training points while the weights move by up to 3 along a "
        "direction that no training gradient sees. The dashed lines of the linearized network "
        "are flat. The network's own curves touch them in the middle and leave them by at most "
        f"{np.abs(network - linear).max():.2g}."
    )


@cache
def _band(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """F_0 at w-hat around the circle, the half-width of the band, training values, rank of J."""
    rng = np.random.default_rng(0)
    net, W0 = ShallowNetwork.random(2, NEURONS, rng=rng)
    lin, X, Z = Linearization(net, W0), circle(PLACES[:n]), circle(ARC)
    W = lin.project(X, W0 + rng.standard_normal(W0.shape))
    G = lin.jacobian(Z)
    seen = np.array([lin.project(X, W0 + g.reshape(W0.shape)) - W0 for g in G]).reshape(G.shape)
    width = REACH * np.linalg.norm(G - seen, axis=1)
    return lin(Z, W), width, lin(X, W), int(np.linalg.matrix_rank(lin.jacobian(X)))


def band(n: int) -> Figure:
    """All values that F_0 can take once its values at n training points are fixed."""
    middle, width, values, rank = _band(n)
    fig, ax = new_axes(height=3.4)
    ax.fill_between(
        ARC, middle - width, middle + width, color=COLOR["muted"], alpha=0.35, lw=0, label="open"
    )
    ax.plot(ARC, middle, color=COLOR["linear"], label=r"$F_0(x;\hat w)$")
    ax.plot(PLACES[:n], values, "o", color=COLOR["data"], label="training values", zorder=4)
    ax.set(xlabel="position on the circle", ylim=(-3, 3), xlim=(0, 2 * np.pi))
    ax.set_title(f"$n={n}$, dimension of $S$ = {rank} of {2 * NEURONS}")
    pi_ticks(ax, 0, 1, 2)
    ax.legend(loc="lower left", ncols=3, fontsize="small")
    return fig


def band_alt(n: int) -> str:
    """What a frame of `band` shows, in words."""
    _, width, _, rank = _band(n)
    shut = width < 1e-9  # rounding
    return (
        f"{n} training points on the circle, dimension of S {rank} out of {2 * NEURONS} weights. "
        "A band around the curve of F_0 at w-hat shows which values other weights can reach "
        f"within distance {REACH:g}; its largest half-width is {width[~shut].max(initial=0):.2f}. "
        "It is pinched to nothing at each training point and closed on "
        f"{shut.mean():.0%} of the circle."
    )


@cache
def _descent(start: float) -> tuple[np.ndarray, np.ndarray]:
    """Gradient descent on the squared error at the training input, for F_0 and for F."""
    lin, target = _tiny()[0], _values(SEEN, 0, TRAIN)
    linear, network = [_point(0, start)], [_point(0, start)]
    for _ in range(STEPS):
        w, u = linear[-1][:, None], network[-1][:, None]
        linear.append(linear[-1] - STEP * (lin(TRAIN, w) - target) @ lin.jacobian(TRAIN))
        network.append(network[-1] - STEP * (TINY(TRAIN, u) - target) @ TINY.jacobian(TRAIN, u))
    return np.array(linear), np.array(network)


def descent(start_at: float) -> Figure:
    """Paths of gradient descent in the weight plane, from a start beside w_0."""
    linear, network = _descent(start_at)
    fig, (upper, lower) = new_axes(2, height=5.4, height_ratios=(3, 2))
    _plane(upper)
    _segment(upper, _point(SEEN, -3), _point(SEEN, 3), color=COLOR["muted"], ls="--", lw=1.2)
    upper.plot(*linear[0], "o", ms=10, mfc="none", color=INK, label="start")
    upper.plot(*network.T, "^-", ms=3.5, lw=1, color=COLOR["network"], label="path on $F$")
    upper.plot(*linear.T, "o--", ms=4.5, lw=1, color=COLOR["linear"], label="path on $F_0$")
    upper.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize="small",
                columnspacing=0.8, handletextpad=0.4)  # fmt: skip
    x = LINE[:, 0]
    end = _tiny()[0](LINE, linear[-1][:, None])
    lower.plot(x, TINY(LINE, network[-1][:, None]), color=COLOR["network"], label="trained $F$")
    lower.plot(x, end, color=COLOR["linear"], ls="--", label="trained $F_0$")
    lower.plot(
        TRAIN[:, 0], _values(SEEN, 0, TRAIN), "o", color=COLOR["data"], zorder=4, label="$y_1$"
    )
    lower.axvline(TEST[0, 0], color=COLOR["muted"], ls=":", lw=1.2)
    lower.set(xlim=(0, 3), ylim=(-0.6, 4.2), xlabel="input $x$")
    lower.set_xticks([0, 1, 2, 3], ["0", "$x_1$", "test", "3"])
    lower.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize="small",
                columnspacing=0.8, handletextpad=0.4)  # fmt: skip
    return fig


def descent_alt(start_at: float) -> str:
    """What a frame of `descent` shows, in words."""
    linear, network = _descent(start_at)
    test = _tiny()[0](TEST, linear[-1][:, None])[0]
    across = _tiny()[2]
    short = (_values(SEEN, 0, TRAIN) - TINY(TRAIN, network[-1][:, None]))[0]
    drift = float((network[-1] - network[0]) @ across)
    return (
        f"Descent starts {start_at:g} beside w_0 in the unseen direction. On the linearized "
        "network it runs straight, parallel to S, to the dashed line where the training value is "
        f"right, and ends with test value {test:.2f}. On the network itself the path drifts by "
        f"{drift:.2f} in the unseen direction. Below: the functions at the ends of the two paths. "
        f"The linearized network has the training value, the network is {short:.2f} below it."
    )


def features(x: float) -> Figure:
    """Gradients as vectors, and the kernel as their inner products with the gradient at x."""
    lin = _tiny()[0]
    wide = np.linspace(-3.0, 3.0, 121)[:, None]
    curve, here = lin.jacobian(wide), lin.jacobian([[x]])[0]
    others, places = lin.jacobian(FIXED), ((5, 8), (-14, 5), (-4, 5))
    fig, (upper, lower) = new_axes(2, height=5.0, height_ratios=(3, 4))
    upper.plot(*curve.T, color=COLOR["muted"], lw=1.2)
    whole = {"shrinkA": 0, "shrinkB": 0}
    for i, (g, place) in enumerate(zip(others, places, strict=True)):
        arrow(upper, (0, 0), g, lw=1.6, color=INK, **whole)
        upper.annotate(f"$z_{i + 1}$", g, place, textcoords="offset points")
    arrow(upper, (0, 0), here, lw=2.8, color=COLOR["accent"], **whole)
    upper.set(xlim=(-1.7, 1.7), ylim=(-0.8, 0.8), title="gradients in weight space",
              xlabel="$w_1$", ylabel="$w_2$")  # fmt: skip
    upper.set_aspect("equal")
    upper.set_xticks([-1, 0, 1])
    upper.set_yticks([-0.5, 0, 0.5])
    lower.plot(wide[:, 0], curve @ here, color=COLOR["accent"], label="$k_m(x,\\cdot)$")
    lower.plot(FIXED[:, 0], others @ here, "o", color=INK, label="at $z_1,z_2,z_3$")
    lower.axvline(x, color=COLOR["accent"], ls=":", lw=1.2)
    lower.axhline(0, color=COLOR["muted"], lw=0.8)
    lower.set(xlabel="second input", xlim=(-3, 3), ylim=(-2.6, 2.6), title=f"$x={x:g}$")
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def features_alt(x: float) -> str:
    """What a frame of `features` shows, in words."""
    values = _tiny()[0].kernel([[x]], FIXED)[0]
    first, second, third = FIXED[:, 0]
    return (
        f"Above: the gradient at x = {x:g}, a thick arrow in the plane of the two weights, with "
        f"thin arrows for the gradients at z_1 = {first:g}, z_2 = {second:g} and z_3 = {third:g}, "
        "and the curve that the gradient runs through as the input runs from -3 to 3. Below: the "
        "kernel between x and a second input, with a dotted line where that input is x; at the "
        f"three inputs z it is {values[0]:.2f}, {values[1]:.2f} and {values[2]:.2f}."
    )


@cache
def _sections() -> tuple[np.ndarray, np.ndarray]:
    """The functions k_m(., x_i) around the circle, one a column, and K_m."""
    net, W0 = ShallowNetwork.random(2, 200, rng=np.random.default_rng(5))
    X = circle(CENTERS)
    lin = Linearization(net, W0)
    return lin.kernel(circle(ARC), X), lin.kernel(X)


def expansion(second: float) -> Figure:
    """The change of F_0 as a weighted sum of kernel functions."""
    sections, K = _sections()
    alpha = np.where(np.arange(3) == 1, second, HEIGHTS)
    fig, ax = new_axes(height=3.4)
    for i, style in enumerate(("--", "-.", ":")):
        label = rf"$\alpha_{i + 1}k_m(x,x_{i + 1})$"
        ax.plot(ARC, alpha[i] * sections[:, i], style, color=COLOR["theory"], lw=1.4, label=label)
    ax.plot(ARC, sections @ alpha, color=COLOR["linear"], lw=2.2, label="their sum")
    ax.plot(CENTERS, K @ alpha, "o", color=COLOR["data"], zorder=4)
    ax.set(xlabel="position on the circle", ylim=(-1.5, 1.9), xlim=(0, 2 * np.pi))
    # In braces a minus is a sign, without the room of a difference.
    entries = r",\ ".join(f"{a:g}".replace("-", "{-}") for a in alpha)
    ax.set(title=rf"$\alpha=({entries})$")
    ax.set_xticks([0, *CENTERS, 2 * np.pi], ["0", "$x_1$", "$x_2$", "$x_3$", "2π"])
    ax.legend(loc="upper right", ncols=2, fontsize="small")
    return fig


def expansion_alt(second: float) -> str:
    """What a frame of `expansion` shows, in words."""
    _, K = _sections()
    alpha = np.where(np.arange(3) == 1, second, HEIGHTS)
    values = ", ".join(f"{value:.2f}" for value in K @ alpha)
    return (
        "Around the circle, three bumps centered at three training points, multiplied by the "
        f"coefficients 1, {second:g} and -1.5, and their sum, which is the change of F_0. At the "
        f"training points the sum is {values}."
    )
