"""Figures of the chapter *What depth and structure buy*: depth. Structure is in `structure`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ntklib import ntk, relu_ntk
from ntklib._validate import Array
from ntklib.book.figures.geometry import circle, pi_ticks
from ntklib.book.figures.structure import (
    KERNELS,
    architectures,
    architectures_alt,
    interval,
    motif,
    motif_alt,
    scores,
    signals,
    single,
    single_alt,
    tent,
    tent_alt,
)
from ntklib.book.figures.style import COLOR, INK, new_axes
from ntklib.harmonics import eigenvalues

__all__ = [
    "DEPTHS", "KERNELS", "KINDS", "architectures", "architectures_alt", "interval", "motif",
    "motif_alt", "phases", "phases_alt", "profile", "profile_alt", "relu_map", "scores",
    "signals", "single", "single_alt", "spectrum", "spectrum_alt", "tanh_map", "tanh_scales",
    "tent", "tent_alt",
]  # fmt: skip

DEPTHS = (1, 3, 10, 30, 100, 300, 1000)
# Angles close enough together where deep kernels still fall.
_ANGLES = np.concatenate([[0.0], np.geomspace(1e-4, 0.1, 90), np.linspace(0.11, np.pi, 160)])

# A correlation map: from correlations to the next ones, and to the slopes there.
Map = Callable[[Array], tuple[Array, Array]]


# -- correlation maps ------------------------------------------------------------------------------


def relu_map(rho: Array) -> tuple[Array, Array]:
    """r and r' of the ReLU with c^2 = 2, at correlations of shape (n,)."""
    theta = np.arccos(np.clip(rho, -1.0, 1.0))  # a correlation may leave [-1, 1] by rounding
    return rho + (np.sin(theta) - theta * np.cos(theta)) / np.pi, 1 - theta / np.pi


@cache
def _tanh_series() -> Array:
    """Squares of the Hermite coefficients of tanh at the odd degrees to 101; the even are zero.

    On 200 Gauss nodes, which leave 1e-13 of E tanh^2; degrees beyond have less than that.
    """
    x, w = np.polynomial.hermite_e.hermegauss(200)
    low, high, square = np.ones_like(x), x, []
    for k in range(1, 102):
        square.append(float((w / w.sum() * np.tanh(x) * high).sum()) ** 2)
        low, high = high, (x * high - math.sqrt(k) * low) / math.sqrt(k + 1)
    return np.array(square[::2])


def tanh_scales(chi: float) -> tuple[float, float]:
    """c and b of tanh for variance one, c^2 E tanh^2 + b^2 = 1, and the slope chi at one."""
    p = _tanh_series()
    c2 = chi / float((2 * np.arange(len(p)) + 1) @ p)
    return math.sqrt(c2), math.sqrt(1 - c2 * float(p.sum()))


def tanh_map(chi: float) -> Map:
    """r and r' of tanh with the slope chi at one."""
    c, b = tanh_scales(chi)
    p = c**2 * _tanh_series()
    half, slope = np.polynomial.Polynomial(p), np.polynomial.Polynomial(p * np.arange(1, 102, 2))
    return lambda rho: (b**2 + rho * half(rho**2), slope(rho**2))


def _plain(step: Map, rho: Array, depth: int) -> Array:
    """NTK after so many hidden layers, divided by its value at equal points (the last)."""
    tangent, equal = rho, rho == 1
    for _ in range(depth):
        after, slope = step(rho)
        tangent = after + slope * tangent
        rho = np.where(equal, 1.0, after)  # which chaos would take away from one, by rounding
    return np.asarray(tangent / tangent[-1])


def _residual(step: Map, rho: Array, depth: int) -> Array:
    """The same with a residual connection around each layer, whose branch is 2 / sqrt(depth)."""
    tangent, size, share = rho, 1.0, 4 / depth
    for _ in range(depth):
        after, slope = step(rho)
        tangent = tangent + share * (size * after + slope * tangent)
        rho, size = (rho + share * after) / (1 + share), size * (1 + share)
    after, slope = step(rho)
    tangent = size * after + slope * tangent
    return np.asarray(tangent / tangent[-1])


# -- the profile of a deep kernel ------------------------------------------------------------------

_PLACES = np.array([0.4, 1.3, 2.6, 3.9, 5.4])
_FIVE = circle(_PLACES)
_Y = np.array([0.6, -0.4, 0.5, -0.3, 0.2])
# Close together beside the points, where deep fits have peaks.
_BESIDE = np.concatenate([[0.0], np.geomspace(1e-3, 0.1, 12)])
_NEAR = (_PLACES[:, None] + np.append(-_BESIDE, _BESIDE)).ravel()
_EVEN = np.linspace(0, 2 * np.pi, 181)
_AROUND = np.unique(np.append(_EVEN, _NEAR))


def _he(depth: int) -> tuple[float, ...]:
    return (1.0, *(math.sqrt(2),) * depth)


def _law(angle: Array, depth: int) -> Array:
    """(1 + u + u^2 + u^3) / 4 with u = 1 / (1 + L theta / (3 pi))."""
    u = 1 / (1 + depth * angle / (3 * np.pi))
    return np.asarray((1 + u + u**2 + u**3) / 4)


@cache
def _fitted(depth: int) -> Array:
    """The minimum-norm fit of five points of the circle, all around it."""
    K, cross = (
        ntk(_FIVE if Z is None else Z, _FIVE, depth=depth, W_std=_he(depth))
        for Z in (None, circle(_AROUND))
    )
    return np.asarray(cross @ np.linalg.solve(K, _Y))


@cache
def _profile(depth: int) -> Array:
    return _plain(relu_map, np.cos(_ANGLES[::-1]), depth)[::-1]


def profile(depth: int) -> Figure:
    """The kernel of a deep ReLU network over the angle, and what it makes of five points."""
    fig, (upper, lower) = new_axes(2, height=5.2)
    upper.plot(_ANGLES, _profile(depth), color=COLOR["network"], lw=2.4, label="kernel")
    law = _law(_ANGLES, depth)
    upper.plot(_ANGLES, law, "--", color=COLOR["theory"], lw=1.6, label="theorem")
    upper.axhline(0.25, color=COLOR["forbidden"], ls=":", label="1/4")
    upper.set(xlabel="angle θ", ylim=(-0.08, 1.05), title=f"$\\Theta_L/(L+1)$, $L={depth}$")
    pi_ticks(upper, 0, 0.5, 1)
    upper.legend(loc="upper right", ncols=3, columnspacing=1)
    lower.plot(_AROUND, _fitted(depth), color=COLOR["network"], lw=2)
    lower.axhline(_Y.sum() / 8, color=COLOR["forbidden"], ls=":")
    lower.plot(_PLACES, _Y, "o", color=COLOR["data"])
    lower.set(xlabel="position on the circle", ylim=(-0.75, 0.85), title="fit of five points")
    pi_ticks(lower, 0, 1, 2)
    return fig


def profile_alt(depth: int) -> str:
    """What a frame of `profile` shows, in words."""
    at = np.interp(np.deg2rad([1, 10, 90]), _ANGLES, _profile(depth))
    off = np.abs(_profile(depth) - _law(_ANGLES, depth)).max()
    # Evenly spaced positions: those drawn are mostly beside the points.
    away = np.median(np.abs(np.interp(_EVEN, _AROUND, _fitted(depth)) - _Y.sum() / 8))
    return (
        f"{depth} hidden layer{'s' * (depth > 1)}. Above, the kernel over its diagonal falls from "
        f"1 at angle zero to {at[0]:.2f} at 1 degree, {at[1]:.2f} at 10 and {at[2]:.2f} at 90; the "
        f"theorem's curve differs by at most {off:.2g}. Below, the fit passes through five points "
        f"of the circle; elsewhere half of it is within {away:.2g} of the dotted line "
        f"{_Y.sum() / 8:.3f}."
    )


# -- order, edge and chaos -------------------------------------------------------------------------

KINDS = ("ReLU", "tanh, order", "tanh, edge", "tanh, chaos", "ReLU, residual")
_ENDS = {"ReLU": 1 / 4, "tanh, edge": 1 / 3}
_N, _NEW = 40, 300


def _kernel(kind: str) -> Callable[[Array, int], Array]:
    slopes = {"tanh, order": 0.8, "tanh, edge": 1.0, "tanh, chaos": 1.17}
    step = tanh_map(slopes[kind]) if kind in slopes else relu_map
    layers = _residual if kind.endswith("residual") else _plain
    return lambda rho, depth: layers(step, rho, depth)


@cache
def _points() -> tuple[Array, Array, Array, Array]:
    """Cosines among points of the sphere and from new ones to them, and the targets."""
    x = np.random.default_rng(3).standard_normal((_N + _NEW, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    f = math.sqrt(3) * x[:, 0] / 1.5 + math.sqrt(15) * x[:, 1] * x[:, 2] / 1.5
    cos = np.clip(x @ x[:_N].T, -1, 1)  # a product may exceed one by an ulp
    return cos[:_N], cos[_N:], f[:_N], f[_N:]


@cache
def _phase(kind: str, depth: int) -> tuple[Array, Array, float]:
    """Profile over the angles; eigenvalues of a Gram matrix; relative error of the fit."""
    kernel = _kernel(kind)
    values = kernel(np.cos(_ANGLES[::-1]), depth)[::-1]
    near, new, y, wanted = _points()
    # Not between the angles of the profile: eigenvalues of 1e-5 and less would be those of chords.
    K, cross = (kernel(np.append(a, 1.0), depth)[:-1].reshape(a.shape) for a in (near, new))
    np.fill_diagonal(K, 1.0)
    found = cross @ np.linalg.solve(K + 1e-8 * np.eye(_N), y)
    error = np.mean((found - wanted) ** 2) / np.mean(wanted**2)
    return values, np.linalg.eigvalsh(K), float(error)


def phases(kind: str, depth: int) -> Figure:
    """Profile, Gram matrix and learning of a deep kernel, with the depth."""
    fig, (upper, middle, lower) = new_axes(3, height=5.6, height_ratios=(3, 2, 2))
    values, spectrum, _ = _phase(kind, depth)
    upper.plot(_ANGLES[::2], values[::2], color=COLOR["network"], lw=2.4)
    upper.set(xlabel="angle θ", ylim=(-1.08, 1.12), title=f"{kind}, $L={depth}$")
    upper.set_ylabel("kernel")
    if kind in _ENDS:
        upper.axhline(_ENDS[kind], color=COLOR["forbidden"], ls=":")
    pi_ticks(upper, 0, 0.5, 1)
    all_values = np.array([_phase(kind, L)[1] for L in DEPTHS])
    for column, style in ((-1, "-"), (_N // 2, "--"), (0, ":")):
        middle.plot(DEPTHS, np.maximum(all_values[:, column], 1e-9), style, color=COLOR["theory"])
    shown = spectrum[spectrum > 1e-9]
    middle.plot(np.full(len(shown), depth), shown, "o", ms=3, color=COLOR["theory"])
    middle.set(yscale="log", ylim=(1e-8, 200), ylabel="eigenvalues")
    middle.set_yticks([1e-8, 1e-4, 1])
    errors = [_phase(kind, L)[2] for L in DEPTHS]
    lower.plot(DEPTHS, errors, color=COLOR["forbidden"])
    lower.plot(depth, errors[DEPTHS.index(depth)], "o", color=COLOR["forbidden"])
    lower.set(ylim=(0, 1.75), ylabel="error", xlabel="hidden layers $L$")
    _by_depth(middle, lower)
    return fig


def _by_depth(*axes: Axes) -> None:
    for ax in axes:
        ax.set(xscale="log", xlim=(0.8, 1300))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])


def phases_alt(kind: str, depth: int) -> str:
    """What a frame of `phases` shows, in words."""
    values, spectrum, error = _phase(kind, depth)
    at = np.interp(np.deg2rad([5, 45, 90]), _ANGLES, values)
    return (
        f"{kind}, {depth} hidden layer{'s' * (depth > 1)}. The kernel over its diagonal is "
        f"{at[0]:.2f} at 5 degrees, {at[1]:.2f} at 45 and {at[2]:.2f} at 90. The Gram matrix of 40 "
        f"points has eigenvalues from {max(spectrum[0], 0):.2g} to {spectrum[-1]:.3g}. The mean "
        f"squared error at new points is {error:.2f} of that of predicting zero."
    )


# -- the spectrum by depth -------------------------------------------------------------------------

_DEGREES = np.arange(1, 61)


@cache
def _eigenvalues(depth: int, d: int) -> Array:
    """Eigenvalues of the deep kernel by degree, times the degree to the power d."""
    kernel = partial(ntk, depth=depth, W_std=_he(depth))
    return np.asarray(eigenvalues(kernel, d, _DEGREES) * _DEGREES ** float(d))


@cache
def _with_bias(d: int) -> Array:
    """The same for the lecture's kernel with bias one, twice: to the scale of one hidden layer."""
    return np.asarray(2 * eigenvalues(relu_ntk, d, _DEGREES, bias=1.0) * _DEGREES ** float(d))


def spectrum(depth: int, d: int) -> Figure:
    """Eigenvalues by degree, even and odd apart, with those of a shallow kernel with bias."""
    values, bias = _eigenvalues(depth, d), _with_bias(d)
    fig, ax = new_axes(height=4.2)
    for parity, marker, color, name in ((0, "o", "network", "even"), (1, "s", "linear", "odd")):
        chosen = np.where(values > 1e-9, _DEGREES % 2, -1) == parity
        ax.plot(_DEGREES[chosen], values[chosen], marker, ms=4, color=COLOR[color], label=name)
    ax.plot(_DEGREES, bias, color=COLOR["gate"], lw=1.2, label="shallow, bias")
    ax.set(xscale="log", yscale="log", xlabel="degree $k$", ylabel=f"$k^{{{d}}}\\,\\lambda_k$")
    ax.set(title=f"$L={depth}$, $d={d}$", ylim=(3e-2, 3e2), xlim=(0.9, 66))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks([1, 10, 60], ["1", "10", "60"])
    ax.axhline(1, color=INK, lw=0)
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def spectrum_alt(depth: int, d: int) -> str:
    """What a frame of `spectrum` shows, in words."""
    values = _eigenvalues(depth, d)
    odd = "are zero from degree three on" if values[58] < 1e-9 else f"end at {values[58]:.3g}"
    return (
        f"Eigenvalues times the degree to the power {d}, {depth} hidden layer{'s' * (depth > 1)}, "
        f"dimension {d}, on logarithmic scales, flatten toward large degrees. Even ones end at "
        f"{values[59]:.3g}, odd ones {odd}; twice those of the shallow kernel with bias end at "
        f"{_with_bias(d)[59]:.3g}."
    )
