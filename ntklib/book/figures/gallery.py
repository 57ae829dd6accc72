"""Figures of the page *A gallery of kernels*."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import brentq

from ntklib import activations, nngp, ntk
from ntklib._validate import Array
from ntklib.activations import Activation
from ntklib.book.figures.geometry import circle, pi_ticks
from ntklib.book.figures.style import COLOR, INK, new_axes
from ntklib.book.printing import fixed
from ntklib.expectations import expectations

ACTIVATIONS: dict[str, Activation] = {
    "ReLU": activations.relu,
    "leaky ReLU": activations.leaky_relu(0.3),
    "absolute": activations.absolute,
    "GELU": activations.gelu,
    "erf": activations.erf,
    "sine": activations.sin,
    "Gaussian": activations.gaussian,
    "square": activations.square,
}
# Points on the circle; the first half runs through all angles from 0 to pi.
_POINTS = 256
_PHI = 2 * np.pi * np.arange(_POINTS + 1) / _POINTS
_HALF = slice(0, _POINTS // 2 + 1)
_PATHS = 3
_DEPTHS = np.unique(np.geomspace(1, 256, 20).round().astype(int))
_ANGLES = np.deg2rad([45.0, 90.0, 180.0])
_STYLES = ("-", "--", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (2, 1)), (0, (8, 3)))


def scales(activation: str | Activation, depth: int) -> tuple[float, ...]:
    """W_std that keeps unit inputs at unit variance in every layer, for no bias."""
    sigma = ACTIVATIONS.get(activation, activation) if isinstance(activation, str) else activation
    mean_square, _ = expectations(sigma, 1.0, 1.0, 1.0)
    return (1.0, *(1 / math.sqrt(float(mean_square)),) * depth)


@cache
def _around(activation: str, depth: int) -> tuple[Array, Array]:
    """NTK and NNGP between the first point of the circle and all, divided by the first value."""
    X = circle(_PHI)
    sigma, c = ACTIVATIONS[activation], scales(activation, depth)
    tangent = ntk(X[:1], X, depth=depth, activation=sigma, W_std=c)[0]
    covariance = nngp(X[:1], X, depth=depth, activation=sigma, W_std=c)[0]
    return tangent / tangent[0], covariance / covariance[0]


def _paths(row: Array) -> Array:
    """Gaussian processes on the circle with this covariance, each of the same white noise."""
    noise = np.random.default_rng(5).standard_normal((_PATHS, _POINTS))
    power = np.maximum(np.fft.rfft(row[:-1]).real, 0)
    path = np.fft.irfft(np.sqrt(power) * np.fft.rfft(noise), _POINTS)
    return np.concatenate([path, path[:, :1]], axis=1)


def portrait(activation: str, depth: int) -> Figure:
    """Profile of NTK and NNGP over the angle, and random wide networks on the circle."""
    tangent, covariance = _around(activation, depth)
    fig, (upper, lower) = new_axes(2, height=4.8)
    angle = _PHI[_HALF]
    upper.plot(angle, tangent[_HALF], color=COLOR["theory"], lw=2.5, label="NTK")
    upper.plot(angle, covariance[_HALF], "--", color=COLOR["network"], lw=2, label="NNGP")
    upper.axhline(0, color=INK, lw=0.6)
    upper.set(xlabel="angle θ", ylim=(-1.08, 1.08), title="kernel / kernel at θ = 0")
    pi_ticks(upper, 0, 0.5, 1)
    upper.legend(loc="lower left")
    for path, style in zip(_paths(covariance), _STYLES, strict=False):
        lower.plot(_PHI, path, color=COLOR["network"], ls=style, lw=1.3)
    lower.set(xlabel="position on the circle", ylabel="output", ylim=(-3.3, 3.3))
    lower.set(title="three random networks")
    pi_ticks(lower, 0, 1, 2)
    return fig


def portrait_alt(activation: str, depth: int) -> str:
    """What a frame of `portrait` shows, in words."""
    tangent, covariance = _around(activation, depth)
    right, far = _POINTS // 4, _POINTS // 2
    a, b, c, d = (fixed(row[at], 2) for at in (right, far) for row in (tangent, covariance))
    return (
        f"{activation}, {_layers(depth)}. Above: the kernels over the angle, divided by their "
        f"value at angle zero. At a right angle the NTK is {a} and the NNGP {b}; at opposite "
        f"points {c} and {d}. Below: three sample paths of the Gaussian process on the circle."
    )


def _layers(depth: int) -> str:
    return "1 hidden layer" if depth == 1 else f"{depth} hidden layers"


def _map(activation: str, rho: Array | float) -> tuple[Array, Array]:
    """The correlation map and its derivative."""
    value, slope = expectations(ACTIVATIONS[activation], 1.0, 1.0, rho)
    size, _ = expectations(ACTIVATIONS[activation], 1.0, 1.0, 1.0)
    return value / size, slope / size


def slope_at_one(activation: str) -> float:
    """The derivative of the correlation map at 1."""
    return float(_map(activation, 1.0)[1])


def fixed_point(activation: str) -> float:
    """Where the correlation of two points goes as the depth grows."""
    if slope_at_one(activation) <= 1 + 1e-12:
        return 1.0
    if abs(float(_map(activation, 0.0)[0])) < 1e-15:
        return 0.0
    # Between the two ends of the interval r - rho changes its sign once.
    return float(brentq(lambda rho: float(_map(activation, rho)[0]) - rho, 0.0, 0.99, xtol=1e-15))


def _stairs(activation: str, start: float, steps: int = 40) -> tuple[Array, Array]:
    x, y = [start], [start]
    for _ in range(steps):
        after = float(_map(activation, x[-1])[0])
        x += [x[-1], after]
        y += [after, after]
    return np.array(x), np.array(y)


def staircase(activation: str) -> Figure:
    """The correlation map, and what its iteration does to two pairs of points."""
    fig, ax = new_axes(height=4.0)
    rho = np.linspace(-1, 1, 161)
    ax.plot(rho, rho, color=COLOR["muted"], lw=1)
    ax.plot(rho, _map(activation, rho)[0], color=COLOR["theory"], lw=2.5, label="$r(\\rho)$")
    for start, style, role in ((0.15, "-", "network"), (0.95, "--", "linear")):
        ax.plot(*_stairs(activation, start), ls=style, color=COLOR[role], lw=1.4)
        ax.plot(start, start, "o", color=COLOR[role], label=f"from {start}")
    end = fixed_point(activation)
    ax.plot(
        end, end, "X", color=COLOR["theory"], ms=10, clip_on=False, zorder=5, label="fixed point"
    )
    ax.set(xlabel="correlation before a layer", ylabel="after it", xlim=(-1.03, 1.03))
    ax.set(xticks=[-1, -0.5, 0, 0.5, 1], yticks=[-1, -0.5, 0, 0.5, 1])
    ax.set(ylim=(-1.08, 1.08), title=f"{activation}: slope at 1 is {slope_at_one(activation):.3f}")
    fig.legend(loc="outside lower center", ncols=4, columnspacing=1, handletextpad=0.4)
    return fig


def staircase_alt(activation: str) -> str:
    """What a frame of `staircase` shows, in words."""
    return (
        f"The correlation map of the activation {activation} over the correlation from -1 to 1, "
        "with the diagonal, and two staircases between them that start at 0.15 and 0.95. The slope "
        f"of the map at 1 is {slope_at_one(activation):.3f}; the staircases lead to "
        f"{fixed_point(activation):.3f}, marked by a cross."
    )


@cache
def _by_depth() -> tuple[Array, Array]:
    """NTK and NNGP of ReLU networks over depth (rows) and angle (columns), normalized."""
    Z, one = circle(_ANGLES), circle(np.zeros(1))
    rows = [
        [k(one, Z, depth=int(L), W_std=scales("ReLU", int(L)))[0] for L in _DEPTHS]
        for k in (ntk, nngp)
    ]
    return np.array(rows[0]) / (_DEPTHS[:, None] + 1), np.array(rows[1])


@cache
def _relu_profile(depth: int) -> tuple[Array, Array]:
    angle = np.linspace(0, np.pi, 121)
    row = ntk(circle(angle[:1]), circle(angle), depth=depth, W_std=scales("ReLU", depth))[0]
    return angle, row / (depth + 1)


def deep(depth: int) -> Figure:
    """The normalized ReLU kernel of a deep network, and its values at three angles over depth."""
    fig, (upper, lower) = new_axes(2, height=4.8)
    angle, profile = _relu_profile(depth)
    upper.plot(angle, profile, color=COLOR["theory"], lw=2.5)
    upper.set(xlabel="angle θ", ylabel="normalized NTK", ylim=(-0.22, 1.05))
    upper.set(title=f"all angles, {_layers(depth)}")
    pi_ticks(upper, 0, 0.5, 1)
    tangent, covariance = _by_depth()
    for i, (style, a) in enumerate(zip(_STYLES, (45, 90, 180), strict=False)):
        lower.semilogx(_DEPTHS, tangent[:, i], ls=style, color=COLOR["theory"], label=f"NTK, {a}°")
    lower.semilogx(_DEPTHS, covariance[:, 1], color=COLOR["network"], lw=3, label="NNGP, 90°")
    lower.axvline(depth, color=COLOR["muted"], lw=1)  # the depth of the upper panel
    lower.set(xlabel="hidden layers", ylabel="normalized kernel", ylim=(-0.05, 1.05))
    lower.set(title="three angles, all depths")
    fig.legend(loc="outside lower center", ncols=4, columnspacing=1, handlelength=1.6)
    for ax in (upper, lower):
        ax.axhline(0.25, color=INK, lw=0.9, ls=_STYLES[5])
    upper.annotate("1/4", (0.05, 0.08))
    return fig


def deep_alt(depth: int) -> str:
    """What a frame of `deep` shows, in words."""
    _, profile = _relu_profile(depth)
    return (
        f"Above: the NTK of a ReLU network of {_layers(depth)} over the angle, divided by its "
        f"value at zero; it is {fixed(profile[60], 2)} at a right angle and "
        f"{fixed(profile[-1], 2)} at opposite points. Below: its values at 45, 90 and 180 degrees "
        "against the number of hidden layers, which all tend to one quarter, a dashed line, and "
        f"the NNGP at 90 degrees, which tends to one; a thin vertical line stands at "
        f"{_layers(depth)}."
    )


def layers(depth: int) -> Figure:
    """The kernel of a ReLU network when a single layer is trained, for each of its layers."""
    fig, ax = new_axes(height=3.4)
    angle = np.linspace(0, np.pi, 121)
    Z = circle(angle)
    for layer in range(1, depth + 2):
        row = ntk(Z[:1], Z, depth=depth, W_std=scales("ReLU", depth), trained=[layer])[0]
        last = layer == depth + 1
        ax.plot(
            angle,
            row,
            ls="-." if last else _STYLES[layer - 1],
            color=COLOR["network" if last else "theory"],
            lw=2.5 if last else 1.8,
            label="readout\n(NNGP)" if last else f"layer {layer}",
        )
    ax.axhline(0, color=INK, lw=0.6)
    ax.set(xlabel="angle θ", ylabel="kernel", ylim=(-0.25, 1.05))
    ax.set(title=f"ReLU, {_layers(depth)}")
    pi_ticks(ax, 0, 0.25, 0.5, 0.75, 1)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), title="trained alone", handlelength=3)
    return fig


def layers_alt(depth: int) -> str:
    """What a frame of `layers` shows, in words."""
    quarter = circle(np.array([0.0, np.pi / 2]))
    values = [
        ntk(quarter, depth=depth, W_std=scales("ReLU", depth), trained=[layer])[0, 1]
        for layer in range(1, depth + 2)
    ]
    return (
        f"One curve for each of the {depth + 1} layers of a ReLU network, the kernel over the "
        "angle when that layer alone is trained. All start at one. At a right angle they are, "
        f"from the first layer to the readout, {', '.join(fixed(value, 2) for value in values)}."
    )


@cache
def frequencies(bias: float, depth: int) -> Array:
    """Fourier coefficients 0, ..., 12 of the ReLU kernel on the circle, as shares of the trace."""
    X = circle(_PHI[:-1])
    row = ntk(X[:1], X, depth=depth, W_std=scales("ReLU", depth), b_std=(bias, *(0.0,) * depth))[0]
    result: Array = np.fft.rfft(row).real[:13] / _POINTS / row[0]
    return result


def spectrum(bias: float, depth: int) -> Figure:
    """Eigenvalues of the ReLU kernel on the circle by frequency, for a bias of the first layer."""
    fig, ax = new_axes(height=3.2)
    power = frequencies(bias, depth)
    k = np.arange(len(power))
    for odd, marker, role, label in ((0, "o", "theory", "even"), (1, "s", "linear", "odd")):
        here = (k % 2 == odd) & (power > 1e-12)
        ax.semilogy(k[here], power[here], marker, color=COLOR[role], ms=8, label=label)
    none = power <= 1e-12
    ax.plot(k[none], np.full(none.sum(), 3e-8), "X", color=COLOR["forbidden"], ms=9, label="zero")
    ax.set(xlabel="frequency on the circle", ylabel="eigenvalue / trace", ylim=(1e-8, 2))
    ax.set(title=f"ReLU, {_layers(depth)}, bias {bias:g}", xticks=k)
    ax.legend(loc="upper right", fontsize="small")
    return fig


def spectrum_alt(bias: float, depth: int) -> str:
    """What a frame of `spectrum` shows, in words."""
    power = frequencies(bias, depth)
    none = np.nonzero(power <= 1e-12)[0]
    zero = (
        f"It is zero at the odd frequencies {', '.join(map(str, none))}."
        if len(none)
        else "None of them is zero."
    )
    return (
        f"Eigenvalues of the NTK of a ReLU network of {_layers(depth)} with bias {bias:g} in the "
        f"first layer, for the frequencies 0 to 12 on the circle, on a logarithmic axis. The "
        f"constant has {power[0]:.2f} of the trace, frequency 1 {power[1]:.2f}. {zero}"
    )
