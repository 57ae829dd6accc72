"""Figures of the chapter *Linearization*.

Inputs are points of the unit circle wherever they can be, so that a function of the input is a
curve over one angle. A function of x that is affine on the plane is then a single wave.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntklib import Linearization, ShallowNetwork
from ntklib.book.figures.geometry import FINE, arrow, circle, outline, pi_ticks
from ntklib.book.figures.style import COLOR, new_axes

STEPS = np.linspace(-4.0, 4.0, 161)
SMALL_STEPS = np.logspace(-3.0, 1.0, 161)
POINT = np.array([[0.8, 0.6]])
STARTS = ("Gaussian", "zero", "gates agree", "σ linear")
QUADRANT = np.linspace(0.15, np.pi / 2 - 0.15, 5)
SPREADS = np.linspace(0.1, 5.6, 56)
FAN_POINTS = 12
_MARKERS = "osD^vP"


def _broken(lin: Linearization, phi: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A curve over the circle with a gap wherever a ReLU gate flips between two grid points."""
    gates = circle(phi) @ lin.W0.T >= 0
    flips = np.flatnonzero((gates[1:] != gates[:-1]).any(axis=1)) + 1
    return np.insert(phi, flips, phi[flips]), np.insert(y, flips, np.nan)


def _circle_axis(ax: Axes) -> None:
    pi_ticks(ax, 0, 1, 2)
    ax.set(xlabel="position of $x$ on the circle")


# Along a ray in weight space ----------------------------------------------------------------


@cache
def _ray(activation: str, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F and F_0 along the gradient, and where gates flip, for one random network."""
    rng = np.random.default_rng(5)
    net, W0 = ShallowNetwork.random(2, m, rng=rng, activation=activation.lower())
    lin = Linearization(net, W0)
    u = lin.jacobian(POINT).reshape(W0.shape)
    u /= np.linalg.norm(u)
    network = np.array([net(POINT, W0 + s * u)[0] for s in STEPS])
    tangent = np.array([lin(POINT, W0 + s * u)[0] for s in STEPS])
    start, speed = (W0 @ POINT.T).ravel(), (u @ POINT.T).ravel()
    moving = (speed != 0) & (activation == "ReLU")
    flips = np.sort(-start[moving] / speed[moving])
    return network, tangent, flips[np.abs(flips) <= STEPS[-1]]


def ray(activation: str, m: int) -> Figure:
    """The network and its linearization along a ray of weights, at one input."""
    network, tangent, flips = _ray(activation, m)
    fig, ax = new_axes(height=3.3)
    ax.plot(STEPS, network, color=COLOR["network"], lw=2.4, label="network $F$")
    ax.plot(STEPS, tangent, "--", color=COLOR["linear"], label="linearization $F_0$")
    ax.plot(0, network[len(STEPS) // 2], "o", color=COLOR["data"], label="start $w_0$", zorder=3)
    if len(flips):
        ticks = np.full(len(flips), -4.6)
        ax.plot(flips, ticks, "|", ms=11, color=COLOR["gate"], label="a gate flips")
    ax.set(xlabel="step $s$ along the ray", ylabel="value at $x$", ylim=(-5, 5))
    ax.set_title(f"{activation}, width {m}")
    ax.legend(loc="upper left")
    return fig


def ray_alt(activation: str, m: int) -> str:
    """What a frame of `ray` shows, in words."""
    network, tangent, flips = _ray(activation, m)
    gap = np.abs(network - tangent)
    text = (
        f"Activation {activation}, width {m}: the output of a network and of its "
        "linearization at one input, while the weights move along a ray. The linearization is a "
        f"straight line that touches the curve at the start; at step 1 they differ by "
        f"{gap[100]:.2g}, at most by {gap.max():.2g} up to step 4."
    )
    if activation == "ReLU":
        text += f" The curve has a kink at each of the {len(flips)} marks where a gate flips."
    return text


@cache
def _gaps(m: int) -> tuple[np.ndarray, np.ndarray, float]:
    """|F - F_0| along one random ray for tanh and for the ReLU; the first flip."""
    rng = np.random.default_rng(4)
    smooth, W0 = ShallowNetwork.random(2, m, rng=rng, activation="tanh")
    u = rng.standard_normal(W0.shape)
    u /= np.linalg.norm(u)
    lin = Linearization(smooth, W0)
    along = W0 + SMALL_STEPS[:, None, None] * u
    smooth_gap = np.array([(smooth(POINT, V) - lin(POINT, V))[0] for V in along])
    start, speed = (W0 @ POINT.T).ravel(), (u @ POINT.T).ravel()
    flips = -start / speed
    ahead = flips > 0
    late = np.maximum(SMALL_STEPS[:, None] - flips[ahead], 0)
    relu_gap = late @ (smooth.scale * smooth.a * np.abs(speed))[ahead]
    return np.abs(smooth_gap), np.abs(relu_gap), float(flips[ahead].min())


def gap(m: int) -> Figure:
    """How far the linearization is off, against the step, in logarithmic scales."""
    smooth, kinked, first = _gaps(m)
    fig, ax = new_axes(height=3.5)
    ax.loglog(SMALL_STEPS, smooth, color=COLOR["network"], label="tanh")
    shown = np.where(kinked > 0, kinked, np.nan)
    ax.loglog(SMALL_STEPS, shown, "-.", color=COLOR["gate"], label="ReLU")
    ax.axvline(first, color=COLOR["muted"], ls=":", lw=1.2, label="first gate flips")
    guide = np.array([1e-3, 0.2])
    ax.loglog(guide, 8 * smooth[0] * (guide / 1e-3) ** 2, "--", color=COLOR["theory"], lw=1.2)
    ax.annotate("slope 2", (0.01, 8 * smooth[0] * 100), (-8, 8), textcoords="offset points",
                ha="right")  # fmt: skip
    ax.set(xlabel="step $s$", ylabel="$|F-F_0|$", ylim=(1e-10, 30), title=f"width {m}")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def gap_alt(m: int) -> str:
    """What a frame of `gap` shows, in words."""
    smooth, kinked, first = _gaps(m)
    slope = np.log(smooth[20] / smooth[0]) / np.log(SMALL_STEPS[20] / SMALL_STEPS[0])
    return (
        f"Width {m}: size of F minus F_0 along a random ray, both axes logarithmic. For tanh a "
        f"line of slope {slope:.2f} for small steps, with {smooth[80]:.2g} at step 0.1. For the "
        f"ReLU nothing up to step {first:.2g}, where the first gate flips, then a steep rise; "
        f"{kinked[-1]:.2g} at step 10."
    )


# Over the inputs ----------------------------------------------------------------------------


def _closest_affine(phi: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The affine function of x that is closest on the circle, at the same angles."""
    A = np.column_stack([np.ones(len(phi)), circle(phi)])
    result: np.ndarray = A @ np.linalg.lstsq(A, y, rcond=None)[0]
    return result


@cache
def _inputs(activation: str, s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, Linearization]:
    """Start, moved network and linearization over the circle."""
    rng = np.random.default_rng(12)
    net, W0 = ShallowNetwork.random(2, 5, rng=rng, activation=activation.lower())
    W0 = W0 * (1.0 if activation == "ReLU" else 2.0)  # steep enough for tanh to bend
    U = rng.standard_normal(W0.shape)
    W = W0 + s * U / np.linalg.norm(U)
    lin, grid = Linearization(net, W0), circle(FINE)
    return net(grid, W0), net(grid, W), lin(grid, W), lin


def inputs(activation: str, s: float) -> Figure:
    """A network before and after a step of its weights, and its linearization, over the inputs."""
    before, after, tangent, lin = _inputs(activation, s)
    fig, ax = new_axes(height=3.6)
    ax.plot(FINE, before, color=COLOR["muted"], lw=1, label="$F(x;w_0)$")
    ax.plot(FINE, after, color=COLOR["network"], lw=2.4, label="$F(x;w)$")
    broken = _broken(lin, FINE, tangent) if activation == "ReLU" else (FINE, tangent)
    ax.plot(*broken, "--", color=COLOR["linear"], label="$F_0(x;w)$")
    closest = _closest_affine(FINE, tangent)
    ax.plot(FINE, closest, ":", color=COLOR["theory"], label="closest affine to $F_0$")
    ax.set(ylim=(-3.4, 2.8), title=f"{activation}, weights moved by {s:g}", ylabel="value")
    _circle_axis(ax)
    ax.legend(loc="upper center", ncols=2, fontsize="small")
    return fig


def inputs_alt(activation: str, s: float) -> str:
    """What a frame of `inputs` shows, in words."""
    _, after, tangent, _ = _inputs(activation, s)
    off = np.abs(tangent - _closest_affine(FINE, tangent)).max()
    gap = np.abs(after - tangent).max()
    jumps = ", with a jump wherever a gate flips" if activation == "ReLU" and s > 0 else ""
    return (
        f"Activation {activation}, weights moved by {s:g}: network and linearization as "
        f"functions of the input on the circle. They differ by at most {gap:.2g}. "
        f"The linearization is curved{jumps}; the closest affine function, a single wave, misses "
        f"it by up to {off:.2g}."
    )


@cache
def _plane(m: int) -> tuple[Linearization, np.ndarray, np.ndarray, np.ndarray]:
    """Linearization of m ReLU neurons, moved weights, sorted gate angles, slope on each cone."""
    rng = np.random.default_rng(3)
    normals = circle(np.pi * (0.15 + 0.618034 * np.arange(m)) + np.pi * (np.arange(m) % 2))
    net = ShallowNetwork(np.where(np.arange(m) % 3 == 1, -1.0, 1.0), eps=np.sqrt(m))
    lin = Linearization(net, normals)
    W = 0.8 * normals + 0.35 * rng.standard_normal((8, 2))[:m]
    across = np.arctan2(normals[:, 1], normals[:, 0]) + np.pi / 2
    cuts = np.sort(np.concatenate([across, across + np.pi]) % (2 * np.pi))
    middle = (cuts + np.append(cuts[1:], cuts[0] + 2 * np.pi)) / 2
    gates = circle(middle) @ normals.T >= 0
    slopes = (gates * net.scale * net.a) @ W
    return lin, W, cuts, slopes


def _level_lines(ax: Axes, cuts: np.ndarray, slopes: np.ndarray) -> None:
    """Level lines of F_0: straight and parallel in each cone, negative levels dotted."""
    ends = np.append(cuts[1:], cuts[0] + 2 * np.pi)
    for first, last, slope in zip(cuts, ends, slopes, strict=True):
        e = circle(np.linspace(first + 1e-9, last - 1e-9, 181))
        along = e @ slope
        for level in np.arange(-3.0, 3.25, 0.25):
            inside = along * np.sign(level) >= abs(level) if level else np.zeros(len(e), bool)
            if inside.sum() < 2:
                continue
            points = (level / along[inside])[:, None] * e[inside]
            style = "-" if level > 0 else ":"
            ax.plot(*points[[0, -1]].T, style, color=COLOR["linear"], lw=1.1)


def cones(m: int) -> Figure:
    """The plane cut by the neurons' lines; F_0 on the plane and on the circle."""
    lin, W, cuts, slopes = _plane(m)
    fig, (upper, lower) = new_axes(2, height=5.2, height_ratios=(3, 2))
    outline(upper, points=len(FINE))
    for w in lin.W0:
        across = 1.15 * np.array([-w[1], w[0]])
        upper.plot(*np.stack([-across, across]).T, color=COLOR["gate"], lw=2)
        for foot in (0.97 * across, -0.97 * across):
            arrow(upper, foot, foot + 0.2 * w, color=COLOR["gate"])
    _level_lines(upper, cuts, slopes)
    upper.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal")
    upper.set(xlabel="first coordinate", ylabel="second coordinate")
    upper.set_title(f"{m} line{'s' * (m > 1)}, {len(cuts)} cones")
    for cut in cuts:
        lower.axvline(cut, color=COLOR["gate"], lw=1, ls=":")
    values = lin(circle(FINE), W)
    lower.plot(*_broken(lin, FINE, values), color=COLOR["linear"])
    lower.set(ylim=(-3, 3), title="$F_0$ on the circle")
    _circle_axis(lower)
    return fig


def cones_alt(m: int) -> str:
    """What a frame of `cones` shows, in words."""
    _, _, cuts, _ = _plane(m)
    return (
        f"Above: the plane with {m} green line{'s' * (m > 1)} through the origin, one a neuron, "
        "arrows to the side where its gate is open. They cut it into "
        f"{len(cuts)} cones; the level lines of F_0 are straight and parallel in each cone and "
        "turn or break at the lines. Below: F_0 on the unit circle, one smooth wave between two "
        "dotted gate positions, with jumps at them."
    )


# Where nonlinearity fails -------------------------------------------------------------------


@cache
def _start(start: str) -> tuple[Linearization, np.ndarray, int]:
    """A linearization at the named start, moved weights, and the rank on five points."""
    rng = np.random.default_rng(21)
    activation = "identity" if start == "σ linear" else "relu"
    net, W0 = ShallowNetwork.random(2, 6, rng=rng, activation=activation)
    if start == "zero":
        W0 = np.zeros_like(W0)
    if start == "gates agree":
        W0 = np.abs(W0) * np.where(np.arange(6) % 2, -1.0, 1.0)[:, None]
    U = rng.standard_normal(W0.shape)
    lin = Linearization(net, W0)
    return lin, W0 + U, int(np.linalg.matrix_rank(lin.jacobian(circle(QUADRANT))))


def _linear_fit(values: np.ndarray) -> np.ndarray:
    """Coefficients of the linear function of x that is closest at the five points."""
    result: np.ndarray = np.linalg.lstsq(circle(QUADRANT), values, rcond=None)[0]
    return result


def starts(start_at: str) -> Figure:
    """Network and linearization over the circle for a start where nonlinearity stays or fails."""
    lin, W, rank = _start(start_at)
    grid, data = circle(FINE), circle(QUADRANT)
    fig, ax = new_axes(height=3.8)
    ax.axvspan(0, np.pi / 2, color=COLOR["muted"], alpha=0.18, lw=0)
    ax.plot(FINE, lin.model(grid, W), color=COLOR["network"], lw=2.4, label="$F(x;w)$")
    ax.plot(FINE, grid @ _linear_fit(lin(data, W)), ":", color=COLOR["theory"], lw=2.2,
            label="linear fit to the dots")  # fmt: skip
    ax.plot(*_broken(lin, FINE, lin(grid, W)), "--", color=COLOR["linear"], label="$F_0(x;w)$")
    ax.plot(QUADRANT, lin(data, W), "o", color=COLOR["data"], label="$F_0$ at the data", zorder=3)
    title = rf"{start_at}: rank $J={rank}$, 5 points in $\mathrm{{\mathbb{{R}}}}^2$"
    ax.set(ylim=(-4.2, 4.2), ylabel="value", title=title)
    _circle_axis(ax)
    fig.legend(loc="outside lower center", ncols=2, fontsize="small")
    return fig


def starts_alt(start_at: str) -> str:
    """What a frame of `starts` shows, in words."""
    lin, W, rank = _start(start_at)
    grid, values = circle(FINE), lin(circle(QUADRANT), W)
    fit = _linear_fit(values)
    at_data = np.abs(circle(QUADRANT) @ fit - values).max()
    elsewhere = np.abs(grid @ fit - lin(grid, W)).max()
    network = np.abs(grid @ fit - lin.model(grid, W)).max()

    def size(gap: float) -> str:
        return "not at all" if gap < 1e-9 else f"by up to {gap:.2g}"

    return (
        f"Start: {start_at}; the Jacobian at five points in the first quadrant has rank {rank}. "
        f"The linear function closest to F_0 at these points misses it there {size(at_data)}, on "
        f"the whole circle {size(elsewhere)}, and misses the network {size(network)}."
    )


@cache
def _fan_lines() -> Linearization:
    """Six ReLU neurons in the plane."""
    net, W0 = ShallowNetwork.random(2, 6, rng=np.random.default_rng(8))
    return Linearization(net, W0 / np.linalg.norm(W0, axis=1, keepdims=True))


@cache
def _widest_cone() -> float:
    """The angle of the middle of the widest cone that the six lines cut out."""
    lines = np.sort(np.arctan2(_fan_lines().W0[:, 0], -_fan_lines().W0[:, 1]) % np.pi)
    widths = np.append(lines[1:], lines[0] + np.pi) - lines
    result: float = (lines + widths / 2)[widths.argmax()] % np.pi
    return result


@cache
def _fan(spread: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Angles of the points, the number of the pattern of each, and rank J."""
    lin = _fan_lines()
    phi = _widest_cone() + spread * np.linspace(-0.5, 0.5, FAN_POINTS)
    X = circle(phi)
    _, pattern = np.unique(X @ lin.W0.T >= 0, axis=0, return_inverse=True)
    return phi, pattern.ravel(), int(np.linalg.matrix_rank(lin.jacobian(X)))


def fan(spread: float) -> Figure:
    """Twelve points in a fan, their gate patterns, and the rank of the Jacobian."""
    phi, pattern, rank = _fan(spread)
    count = int(pattern.max()) + 1
    fig, (upper, lower) = new_axes(2, height=5.6, height_ratios=(5, 2))
    for w in _fan_lines().W0:
        upper.plot(*np.outer([-1.15 * w[1], 1.15 * w[0]], [-1, 1]), color=COLOR["gate"], lw=1.2)
    order = {number: rank_ for rank_, number in enumerate(dict.fromkeys(pattern))}
    for number, position in order.items():
        mine = phi[pattern == number]
        marker = _MARKERS[position % len(_MARKERS)]
        # The second round of markers swaps filled and hollow: twelve different symbols.
        fill = COLOR["data"] if (position + position // len(_MARKERS)) % 2 else "none"
        upper.plot(*circle(mine).T, marker, color=COLOR["data"], mfc=fill, ms=4.8)
    upper.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal")
    upper.set(xlabel="first coordinate", ylabel="second coordinate")
    upper.set_title(f"{count} pattern{'s' * (count > 1)}")
    ranks = [_fan(float(s))[2] for s in SPREADS]
    bounds = [2 * (_fan(float(s))[1].max() + 1) for s in SPREADS]
    step = {"drawstyle": "steps-mid"}  # whole numbers jump
    lower.plot(SPREADS, bounds, "--", color=COLOR["forbidden"], label="2 × patterns", **step)
    lower.plot(SPREADS, ranks, color=COLOR["theory"], label="rank $J$", **step)
    lower.plot(spread, rank, "o", color=COLOR["data"], zorder=3)
    lower.set(xlabel="opening of the fan", ylim=(0, 26), title=f"rank $J={rank}$")
    pi_ticks(lower, 0, 1, 2)
    lower.legend(loc="upper left")
    return fig


def fan_alt(spread: float) -> str:
    """What a frame of `fan` shows, in words."""
    _, pattern, rank = _fan(spread)
    count = int(pattern.max()) + 1
    return (
        f"Above: twelve points of the circle in a fan of opening {spread:.2g}, and the lines of "
        f"six ReLU neurons; the points show {count} gate pattern{'s' * (count > 1)}. Below: the "
        f"rank of the Jacobian and its bound, twice the number of patterns, against the opening; "
        f"here rank {rank} and bound {2 * count}."
    )
