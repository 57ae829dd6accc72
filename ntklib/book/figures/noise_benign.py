"""Figures of the chapter *Fitting noise*: harmless spikes, connected dots, digits."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter

from ntklib import relu_ntk
from ntklib.book.figures.geometry import FINE, circle, pi_ticks
from ntklib.book.figures.style import COLOR, new_axes

# -- spikes ----------------------------------------------------------------------------------------

_LEADING, _SIZE, _NOISE = 2, 25, 0.5  # frequencies up to, points, noise
_FLOOR = 1.0  # the sum of the small eigenvalues


def _truth(phi: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(phi) + 0.6 * np.cos(2 * phi))


@cache
def _sample() -> tuple[np.ndarray, np.ndarray]:
    """Random angles, and noisy values there."""
    rng = np.random.default_rng(2)
    phi = np.sort(rng.uniform(0, 2 * np.pi, _SIZE))
    return phi, _truth(phi) + _NOISE * rng.standard_normal(_SIZE)


def _waves(phi: np.ndarray, top: int) -> np.ndarray:
    """Cosines and sines up to a frequency, each of mean square one, shape (angles, 2 top + 1)."""
    turns = np.outer(phi, np.arange(1, top + 1))
    both = np.sqrt(2) * np.stack([np.cos(turns), np.sin(turns)], axis=2)
    return np.hstack([np.ones((len(phi), 1)), both.reshape(len(phi), -1)])


@cache
def _spiky(q: int) -> tuple[np.ndarray, np.ndarray, float, float]:
    """The nearest interpolant: values at fine angles, its smooth part, errors of it and of both."""
    phi, y = _sample()
    top, k = _LEADING + q // 2, 2 * _LEADING + 1
    scale = np.concatenate([np.ones(k), np.full(2 * top + 1 - k, np.sqrt(_FLOOR / q))])
    J = _waves(phi, top) * scale
    coefficients = scale * (J.T @ np.linalg.solve(J @ J.T, y))
    target = np.zeros(k)
    target[2], target[3] = 1 / np.sqrt(2), 0.6 / np.sqrt(2)
    smooth = float(np.sum((coefficients[:k] - target) ** 2))
    error = smooth + float(np.sum(coefficients[k:] ** 2))
    angles = _angles()
    return (
        _waves(angles, top) @ coefficients,
        _waves(angles, _LEADING) @ coefficients[:k],
        smooth,
        error,
    )


def _angles() -> np.ndarray:
    """Fine angles, and more of them where the spikes are."""
    near = np.linspace(-0.06, 0.06, 41)
    return np.sort(np.concatenate([FINE, (_sample()[0][:, None] + near).ravel()]))


def spikes(q: int) -> Figure:
    """An interpolant with q small directions beside the large ones."""
    phi, y = _sample()
    values, smooth, _, error = _spiky(q)
    fig, ax = new_axes(height=3.9)
    ax.plot(FINE, _truth(FINE), color=COLOR["truth"], lw=4, alpha=0.5, label="target")
    ax.plot(_angles(), values, color=COLOR["linear"], lw=1.1, label="interpolant")
    ax.plot(_angles(), smooth, "--", color=COLOR["theory"], lw=1.3, label="its smooth part")
    ax.plot(phi, y, "o", color=COLOR["data"], ms=4)
    ax.set(ylim=(-2.9, 2.9), xlim=(0, 2 * np.pi), title=f"$q={q}$: error {error:.2f}")
    pi_ticks(ax, 0, 1, 2)
    fig.legend(loc="outside lower center", ncols=3, columnspacing=1)
    return fig


def spikes_alt(q: int) -> str:
    """What a frame of `spikes` shows, in words."""
    _, _, smooth, error = _spiky(q)
    look = "wild swings" if q < 60 else "broad spikes" if q < 250 else "narrow spikes"
    return (
        f"A smooth target on the circle, {_SIZE} noisy values, and the interpolant through all of "
        f"them with {q} small directions: {look} at the data. Its mean squared error is "
        f"{error:.2f}, of which {smooth:.2f} belong to its smooth part."
    )


# -- connecting the dots ---------------------------------------------------------------------------

_TAU, _SEED = 0.5, 4


@cache
def variance(n: int, nu: float) -> float:
    """Mean over the circle of the variance for n corners, noise one: `prp-circle-noise`."""
    X = circle(2 * np.pi * np.arange(n) / n)
    # It repeats from corner to corner, and is smooth up to the opposite of the corner between.
    node, weight = np.polynomial.legendre.leggauss(16)
    half = np.pi / n
    at = np.concatenate([half * (1 + node) / 2, half * (3 + node) / 2])
    share = np.linalg.solve(relu_ntk(X) + nu * np.eye(n), relu_ntk(X, circle(at)))
    return float(np.sum(share**2, axis=0) @ np.tile(weight, 2) / 4)


def _ridge(n: int) -> float:
    return float(np.sqrt(n) / 8)


def dots(n: int) -> Figure:
    """The lecture's kernel through noisy values at the corners of a polygon, and with a ridge."""
    phi = 2 * np.pi * np.arange(n) / n
    X, at = circle(phi), np.linspace(0, np.pi, 301)
    K, row = relu_ntk(X), relu_ntk(circle(at), X)
    y = np.cos(2 * phi) + _TAU * np.random.default_rng(_SEED).standard_normal(n)
    alpha = np.linalg.solve(K, y)
    opposite = relu_ntk(-X, X) @ alpha
    fig, ax = new_axes(height=3.9)
    ax.plot(at, np.cos(2 * at), color=COLOR["truth"], lw=4, alpha=0.5, label="target")
    ax.plot(at, row @ alpha, color=COLOR["linear"], lw=1.2, label="no ridge")
    ax.plot(at, row @ np.linalg.solve(K + _ridge(n) * np.eye(n), y), "--", color=COLOR["theory"],
            lw=1.8, label="ridge $\\sqrt{n}/8$")  # fmt: skip
    seen = phi <= np.pi
    ax.plot(phi[seen], y[seen], "o", color=COLOR["data"], ms=3.5)
    ax.plot(phi[~seen] - np.pi, opposite[~seen], "o", color=COLOR["data"], ms=3.5, mfc="none",
            mew=0.8)  # fmt: skip
    ax.set(ylim=(-2.9, 2.9), xlim=(0, np.pi))
    ax.set_title(
        f"{n} corners: {variance(n, 0.0):.2f} and {variance(n, _ridge(n)):.2f} of the noise"
    )
    pi_ticks(ax, 0, 0.5, 1)
    fig.legend(loc="outside lower center", ncols=3, columnspacing=1)
    return fig


def dots_alt(n: int) -> str:
    """What a frame of `dots` shows, in words."""
    return (
        f"Half of the circle, with noisy values at the corners of a regular {n}-gon, hollow at the "
        "opposites of corners. The kernel without ridge runs from value to value and keeps "
        f"{variance(n, 0.0):.2f} of the noise between them; with a ridge it is smoother and keeps "
        f"{variance(n, _ridge(n)):.2f}."
    )


# -- digits ----------------------------------------------------------------------------------------


def digits(shares: np.ndarray, errors: dict[str, np.ndarray]) -> Figure:
    """Test error against the share of labels that are noise, one curve a ridge."""
    fig, ax = new_axes(height=3.7)
    looks = zip(("linear", "truth", "theory", "network"), ("o-", "s--", "^-.", "D:"), strict=True)
    for (name, curve), (color, style) in zip(errors.items(), looks, strict=False):
        ax.plot(shares, curve, style, color=COLOR[color], ms=4, label=name)
    ax.plot(shares, shares, color=COLOR["muted"], lw=0.8)
    ax.set(xlabel="share of wrong training labels", ylabel="test error", ylim=(0, None))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.set_minor_locator(NullLocator())
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def digits_alt(shares: np.ndarray, errors: dict[str, np.ndarray]) -> str:
    """What `digits` shows, in words."""
    ends = "; ".join(f"{name}, {e[0]:.1%} to {e[-1]:.1%}" for name, e in errors.items())
    return (
        f"Test error on handwritten digits as the share of wrong training labels grows from 0 to "
        f"{shares[-1]:.0%}: {ends}. On the thin line error and share agree."
    )
