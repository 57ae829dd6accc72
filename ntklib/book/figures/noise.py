"""Figures of the chapter *Fitting noise*: a peak, its eigenvalues, its formula, its removal."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from ntklib import ShallowNetwork
from ntklib.book.figures.noise_benign import (
    digits,
    digits_alt,
    dots,
    dots_alt,
    spikes,
    spikes_alt,
)
from ntklib.book.figures.style import COLOR, new_axes

__all__ = [
    "digits",
    "digits_alt",
    "dots",
    "dots_alt",
    "eigenvalues",
    "eigenvalues_alt",
    "peak",
    "peak_alt",
    "question",
    "question_alt",
    "ridge",
    "ridge_alt",
    "spikes",
    "spikes_alt",
]


def _short(value: float) -> str:
    """Two digits, and no power of ten where the number is large."""
    return f"{value:.2g}" if value < 100 else f"{value:.0f}"


def _plain(ax: Axes, *names: str) -> None:
    """Numbers such as 0.1 and 10 on a logarithmic axis, and no small marks."""
    for name in names:
        axis = getattr(ax, f"{name}axis")
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())


# -- the question ----------------------------------------------------------------------------------

POINTS = (5, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95, 98, 100,
          102, 105, 110, 115, 120, 130, 150, 180, 220, 260, 300)  # fmt: skip
# Inputs, neurons: p = 100 weights, as many as the isotropic features.
_D, _M, _P = 5, 20, 100
_DRAWS = 9


@cache
def _parts(kind: str) -> np.ndarray:
    """Bias and, at noise one, variance: medians over designs, shape (2, numbers of points)."""
    rng = np.random.default_rng(5)
    net, W0 = ShallowNetwork.random(_D, _M, rng=rng)

    def features(n: int) -> np.ndarray:
        if kind == "isotropic":
            return rng.standard_normal((n, _P))
        X = rng.standard_normal((n, _D))
        return net.jacobian(X / np.linalg.norm(X, axis=1, keepdims=True), W0)

    root = np.eye(_P)  # of the second moment of the features
    if kind != "isotropic":
        many = features(4000)
        values, U = np.linalg.eigh(many.T @ many / len(many))
        root = np.sqrt(np.maximum(values, 0))[:, None] * U.T
    b = rng.standard_normal(_P)
    b /= np.linalg.norm(root @ b)
    found = np.empty((_DRAWS, 2, len(POINTS)))
    for draw in range(_DRAWS):
        J = features(POINTS[-1])
        for at, n in enumerate(POINTS):
            inverse = np.linalg.pinv(J[:n], rcond=1e-12)
            missed = b - inverse @ (J[:n] @ b)
            found[draw, :, at] = np.sum((root @ missed) ** 2), np.sum((root @ inverse) ** 2)
    return np.median(found, axis=0)


def _risk(kind: str, tau: float) -> np.ndarray:
    bias, variance = _parts(kind)
    # Rounding errors of a fit without noise are zero.
    return np.asarray(np.where(bias < 1e-20, 0, bias) + tau**2 * variance)


_KINDS = (("network", "linear", "linearized network"), ("isotropic", "truth", "isotropic"))


def question(tau: float) -> Figure:
    """The error of the nearest fit against the number of points, in two models."""
    fig, ax = new_axes(height=3.9)
    for kind, color, name in _KINDS:
        style = "-" if kind == "network" else "--"
        ax.plot(POINTS, _risk(kind, tau), style, color=COLOR[color], lw=2, label=name)
    ax.axvline(_P, color=COLOR["forbidden"], ls=":", lw=1.2)
    ax.axhline(1, color=COLOR["muted"], lw=0.8)
    ax.set(yscale="log", ylim=(1e-3, 300), xlim=(0, 300), xlabel="training points $n$",
           ylabel="error at new inputs", title=f"noise {tau:g}")  # fmt: skip
    ax.text(_P + 4, 110, "$n=p$")
    _plain(ax, "y")
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def question_alt(tau: float) -> str:
    """What a frame of `question` shows, in words."""
    at = [POINTS.index(n) for n in (50, 100, 300)]
    said = "; ".join(
        f"{name}, {' then '.join(_short(_risk(kind, tau)[i]) for i in at)}"
        for kind, _, name in _KINDS
    )
    shape = "falls to zero" if tau == 0 else "has a peak"
    return (
        f"Mean squared error at new inputs against the number of training points, noise {tau:g}. "
        f"Each curve {shape} at 100 points, as many as weights. At 50, 100 and 300 points: {said}."
    )


# -- eigenvalues -----------------------------------------------------------------------------------

_SMALL = 60  # features of the figures that follow


@cache
def _designs(draws: int) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((draws, 160, _SMALL))


@cache
def _spectra(n: int, draws: int) -> np.ndarray:
    """Eigenvalues of J'J, p of them, for some isotropic designs, shape (draws, p), rising."""
    J = _designs(draws)[:, :n]
    if n < _SMALL:
        values = np.linalg.eigvalsh(J @ J.transpose(0, 2, 1))
        return np.concatenate([np.zeros((draws, _SMALL - n)), values], axis=1)
    return np.linalg.eigvalsh(J.transpose(0, 2, 1) @ J)


def eigenvalues(n: int) -> Figure:
    """Nonzero eigenvalues of the Gram matrix, and what each adds to the variance."""
    values = _spectra(n, 1)[0]
    values = values[-min(n, _SMALL) :][::-1]
    index = np.arange(1, len(values) + 1)
    fig, (upper, lower) = new_axes(2, height=4.8)
    upper.plot(index, values, "o", color=COLOR["sample"], ms=3.5)
    upper.set(yscale="log", ylim=(1e-4, 1e4), ylabel="eigenvalue",
              title=f"{n} points, {_SMALL} features")  # fmt: skip
    lower.vlines(index, 1e-4, 1 / values, color=COLOR["forbidden"], lw=3)
    lower.set(yscale="log", ylim=(1e-4, 1e4), ylabel="its inverse", xlabel="eigenvalue, in order")
    lower.set_title(f"sum of the inverses: {_short(np.sum(1 / values))}")
    for ax in (upper, lower):
        ax.set_xlim(0, _SMALL + 1)
        ax.set_yticks([1e-3, 1e-1, 1e1, 1e3])
        _plain(ax, "y")
    return fig


def eigenvalues_alt(n: int) -> str:
    """What a frame of `eigenvalues` shows, in words."""
    values = _spectra(n, 1)[0][-min(n, _SMALL) :]
    return (
        f"The {len(values)} nonzero eigenvalues of the Gram matrix of {n} random points with "
        f"{_SMALL} isotropic features, from {_short(values[-1])} down to {_short(values[0])}, and "
        f"below them their inverses. The inverses add up to {_short(np.sum(1 / values))}, the "
        f"largest is {_short(1 / values[0])}."
    )


# -- the peak and its formula ----------------------------------------------------------------------

DOTS = (5, 15, 25, 35, 45, 50, 54, 66, 70, 75, 85, 100, 120, 150)
_MANY = 60


def risk(n: np.ndarray, p: int, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """Bias and variance of `thm-peak` for signal one; infinite where it says so."""
    n = np.asarray(n, dtype=float)
    low, high = np.minimum(n, p), np.maximum(n, p)
    gap = high - low - 1
    variance = np.full(n.shape, np.inf if tau else 0.0)
    np.divide(tau**2 * low, gap, out=variance, where=gap > 0)
    return np.maximum(1 - n / p, 0), variance


def peak(tau: float) -> Figure:
    """The exact risk for isotropic features, in its two parts, and what draws show."""
    n = np.arange(0, 161)
    bias, variance = risk(n, _SMALL, tau)
    fig, ax = new_axes(height=3.9)
    ax.plot(n, bias, "--", color=COLOR["truth"], lw=1.3, label="bias")
    ax.plot(n, np.where(variance > 0, variance, np.nan), ":", color=COLOR["forbidden"], lw=1.6,
            label="variance")  # fmt: skip
    ax.plot(n, bias + variance, color=COLOR["theory"], lw=2, label="both")
    drawn = [_ridged(at, 0.0, tau) for at in DOTS]
    ax.plot(DOTS, drawn, "o", color=COLOR["sample"], ms=4, label=f"mean of {_MANY} draws")
    ax.axhline(1, color=COLOR["muted"], lw=0.8)
    ax.set(ylim=(0, 2.6), xlim=(0, 160), xlabel="training points $n$", ylabel="error",
           title=f"noise {tau:g}, $p={_SMALL}$")  # fmt: skip
    fig.legend(loc="outside lower center", ncols=4, columnspacing=1, handlelength=1.4)
    return fig


def peak_alt(tau: float) -> str:
    """What a frame of `peak` shows, in words."""
    values = [float(sum(risk(np.array(n), _SMALL, tau))) for n in (20, 50, 70, 150)]
    told = ", ".join(f"{value:.2g}" for value in values)
    shape = (
        "It falls on a straight line to zero at 60 points and stays there"
        if tau == 0
        else "It grows without bound on both sides of 60 points"
    )
    return (
        f"The expected error for {_SMALL} isotropic features and noise {tau:g} against the number "
        f"of points, with bias and variance apart. {shape}. At 20, 50, 70 and 150 points it is "
        f"{told}. Gray dots, means over random draws, lie on the curve."
    )


# -- ridge -----------------------------------------------------------------------------------------

GRID = (1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 53, 56, 58, 60,
        62, 64, 67, 70, 75, 80, 90, 100, 115, 130, 145, 160)  # fmt: skip


def _ridged(n: int, nu: float, tau: float) -> float:
    """Mean over designs of the risk with ridge nu, from eigenvalues; signal one, any direction."""
    values = _spectra(n, _MANY)
    seen = values > 1e-10
    filtered = np.where(seen, values, 1.0) + nu
    bias = np.where(seen, (nu / filtered) ** 2, 1.0)
    variance = np.where(seen, values / filtered**2, 0.0)
    return float(np.mean(np.sum(bias / _SMALL + tau**2 * variance, axis=1)))


def ridge(multiple: float, tau: float) -> Figure:
    """The risk with some multiple of the best ridge, with the best one, and with none."""
    best = tau**2 * _SMALL
    n = np.arange(0, 161)
    fig, ax = new_axes(height=3.9)
    ax.plot(n, sum(risk(n, _SMALL, tau)), "--", color=COLOR["muted"], lw=1.3, label="no ridge")
    for size, color, width, name in ((1.0, "theory", 4, "best ridge"),
                                     (multiple, "linear", 1.8, "this ridge")):  # fmt: skip
        curve = [1.0, *(_ridged(at, size * best, tau) for at in GRID)]
        ax.plot((0, *GRID), curve, color=COLOR[color], lw=width, label=name,
                alpha=0.5 if width > 2 else 1)  # fmt: skip
    ax.axhline(1, color=COLOR["muted"], lw=0.8)
    ax.set(ylim=(0, 2.6), xlim=(0, 160), xlabel="training points $n$", ylabel="error",
           title=f"ridge {multiple:g} times the best, noise {tau:g}")  # fmt: skip
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def ridge_alt(multiple: float, tau: float) -> str:
    """What a frame of `ridge` shows, in words."""
    best = tau**2 * _SMALL
    now, good = ([_ridged(n, size * best, tau) for n in (30, 60, 160)] for size in (multiple, 1.0))
    told, ideal = (", ".join(f"{value:.2g}" for value in one) for one in (now, good))
    return (
        f"Error against the number of points for {_SMALL} isotropic features and noise {tau:g}. "
        f"Without ridge a peak at {_SMALL}. With {multiple:g} times the best ridge the error at "
        f"30, 60 and 160 points is {told}; with the best ridge {ideal}, falling throughout."
    )
