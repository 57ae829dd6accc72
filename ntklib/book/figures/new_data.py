"""Figures of the chapter *What can be said of new data*: leaving one out, fitting noise."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
from matplotlib.figure import Figure

from ntklib import relu_ntk
from ntklib._validate import Array
from ntklib.book.figures.geometry import circle, outline
from ntklib.book.figures.new_data_bound import (
    DELTA,
    RIDGES,
    SIZES,
    STEP,
    curves,
    curves_alt,
    digits,
    labelings,
    labelings_alt,
    larger,
    larger_alt,
    learned,
    promises,
    radii,
    radii_alt,
    remainder,
)
from ntklib.book.figures.style import COLOR, new_axes
from ntklib.complexity import leave_one_out

__all__ = [
    "DELTA",
    "GRID",
    "RIDGES",
    "SIZES",
    "STEP",
    "TURNED",
    "ball",
    "ball_alt",
    "curves",
    "curves_alt",
    "digits",
    "labelings",
    "labelings_alt",
    "larger",
    "larger_alt",
    "learned",
    "left_out",
    "left_out_alt",
    "margins",
    "promises",
    "question",
    "question_alt",
    "radii",
    "radii_alt",
    "remainder",
]

# -- the same training error, another fate ---------------------------------------------------------

_SHARES = np.linspace(0, 1, 9)
_TRAINED = 180


@cache
def _spoiled(pair: str) -> tuple[Array, Array]:
    """Over shares of random labels: errors, training and new, and 2 b^2/n; and its mean in theory.

    The first has the shape (3, shares) and is the mean over eight draws of images and labels; so
    is the other, of the means over the labels alone.
    """
    K, y = digits(pair)
    rng = np.random.default_rng(3)
    found, told = np.zeros((3, len(_SHARES))), np.zeros(len(_SHARES))
    for _ in range(8):
        order = rng.permutation(len(y))
        train, test = order[:_TRAINED], order[_TRAINED:]
        A = np.linalg.inv(K[np.ix_(train, train)])
        late, coins = rng.random(_TRAINED), rng.choice([-1.0, 1.0], size=_TRAINED)
        labels = np.where(late < _SHARES[:, None], coins, y[train])
        alpha = labels @ A
        found[0] += np.mean(alpha @ K[np.ix_(train, train)] * labels <= 0, axis=1)
        found[1] += np.mean(alpha @ K[np.ix_(train, test)] * y[test] <= 0, axis=1)
        found[2] += 2 * np.sum(alpha * labels, axis=1) / _TRAINED
        kept = (1 - _SHARES) ** 2
        told += 2 * (kept * (y[train] @ A @ y[train]) + (1 - kept) * np.trace(A)) / _TRAINED
    return found / 8, told / 8


def question(pair: str) -> Figure:
    """Errors on training and on new images as labels are replaced by random ones, and the norm."""
    found, told = _spoiled(pair)
    fig, (upper, lower) = new_axes(2, height=4.6)
    upper.plot(_SHARES, found[1], "^-", color=COLOR["network"], ms=5, label="new images")
    upper.plot(_SHARES, found[0], "o-", color=COLOR["sample"], ms=5, label="training images")
    upper.set(ylim=(-0.04, 0.6), ylabel="share of errors", title=f"digits {pair}")
    lower.plot(_SHARES, told**0.5, color=COLOR["theory"], lw=1.5, label="theory")
    lower.plot(_SHARES, found[2] ** 0.5, "D", color=COLOR["linear"], ms=5, label="norm of the fit")
    lower.set(ylim=(0, 8), xlabel="share of random labels", ylabel=r"$\sqrt{2b^2/n}$")
    fig.legend(loc="outside lower center", ncols=2, columnspacing=1)
    return fig


def question_alt(pair: str) -> str:
    """What a frame of `question` shows, in words."""
    found, _ = _spoiled(pair)
    errors, norm = found[1], found[2] ** 0.5
    return (
        f"Digits {pair}, 180 training images, as the share of random labels goes from none to all. "
        f"The training error is zero throughout. The share of errors on new images goes from "
        f"{errors[0]:.2g} over {errors[4]:.2g} at one half to {errors[-1]:.2g}. The norm of the "
        f"fit, on a scale that will be explained, goes from {norm[0]:.2g} to {norm[-1]:.2g}."
    )


# -- leaving one out -------------------------------------------------------------------------------

_LEFT, _DRAWS = 120, 40
# The share of labels that are turned, at random.
TURNED = 0.1
GRID = 10.0 ** np.linspace(-3, 2, 41)


@cache
def margins() -> tuple[Array, Array, Array]:
    """y times the prediction, by ridges, draws and images: left out, new, and fitted images.

    Each draw takes 120 images of 3 and 8 and turns a share TURNED of all labels, at random.
    """
    K, clean = digits("3 and 8")
    rng = np.random.default_rng(4)
    rows: list[tuple[Array, Array, Array]] = []
    for _ in range(_DRAWS):
        y = np.where(rng.random(len(clean)) < TURNED, -clean, clean)
        order = rng.permutation(len(y))
        train, test = order[:_LEFT], order[_LEFT:]
        G = K[np.ix_(train, train)]
        out = 1 - y[train] * leave_one_out(G, y[train], GRID)
        values, vectors = np.linalg.eigh(G)
        alpha = (vectors.T @ y[train]) / (values + GRID[:, None]) @ vectors.T
        rows.append((out, y[test] * (alpha @ K[np.ix_(train, test)]), y[train] * (alpha @ G)))
    out, new, fitted = (np.stack(part, axis=1) for part in zip(*rows, strict=True))
    return out, new, fitted


def _at(ridge: float) -> int:
    """Where a ridge stands in the grid, or the nearest to it."""
    return int(np.argmin(np.abs(np.log(GRID / ridge))))


def left_out(ridge: float) -> Figure:
    """Squared errors over the ridge, and how the margins are distributed at one ridge."""
    fig, (upper, lower) = new_axes(2, height=5.0)
    looks = (("left out", "linear", "-"), ("new images", "network", "--"),
             ("fitted", "sample", ":"))  # fmt: skip
    for (name, color, dashes), margin in zip(looks, margins(), strict=True):
        style = {"color": COLOR[color], "lw": 1.8, "ls": dashes}
        square = np.mean((1 - margin) ** 2, axis=2)
        upper.plot(GRID, square.mean(axis=1), label=name, **style)
        upper.plot(ridge, square[_at(ridge)].mean(), "o", color=COLOR[color])
        if name == "left out":
            low, high = np.quantile(square, (0.1, 0.9), axis=1)
            upper.fill_between(GRID, low, high, color=COLOR[color], alpha=0.2, lw=0)
        shares = np.linspace(0, 1, 201)
        lower.plot(np.quantile(margin[_at(ridge)], shares), shares, **style)
    upper.set(xscale="log", ylim=(0, 1.3), xlabel=r"ridge $\nu$", ylabel="mean squared error")
    lower.set(xlim=(-2, 2), ylim=(0, 1.02), xlabel=r"$y$ times the prediction")
    lower.set_ylabel("share below")
    lower.axvline(0, color=COLOR["muted"], lw=0.8)
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def left_out_alt(ridge: float) -> str:
    """What a frame of `left_out` shows, in words."""
    parts = [margin[_at(ridge)] for margin in margins()]
    squares = [np.mean((1 - part) ** 2) for part in parts]
    wrong = [np.mean(part <= 0) for part in parts]
    return (
        f"At the ridge {ridge:.3g} the mean squared error over 40 draws is {squares[0]:.3g} for "
        f"images left out, {squares[1]:.3g} for new ones and {squares[2]:.2g} for fitted ones. "
        "Below, how labels times predictions are distributed: left out and new nearly alike, with "
        f"{wrong[0]:.0%} and {wrong[1]:.0%} on the wrong side of zero; fitted {wrong[2]:.0%}."
    )


# -- what a ball can fit of noise ------------------------------------------------------------------

_MANY = 10


@cache
def _lengths(arc: int) -> Array:
    """The root of s'Ks over that of the trace, for all signs of ten points on an arc."""
    X = circle(np.deg2rad(np.linspace(0, arc, _MANY)))
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=_MANY)))
    K = relu_ntk(X)
    return np.asarray(np.sqrt(np.maximum(np.sum(signs @ K * signs, axis=1), 0) / np.trace(K)))


def ball(arc: int) -> Figure:
    """How well functions of bounded norm fit each vector of signs on ten points of an arc."""
    lengths = _lengths(arc)
    fig, (left, right) = new_axes(1, 2, height=2.9, width_ratios=(2, 5))
    outline(left)
    left.plot(*circle(np.deg2rad(np.linspace(0, arc, _MANY))).T, "o", color=COLOR["data"], ms=4)
    left.set(aspect="equal", xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
    left.axis("off")
    right.hist(lengths, bins=np.linspace(0, 3.2, 33), color=COLOR["sample"], label="all signs")
    right.axvline(1, color=COLOR["forbidden"], lw=1.5, label="bounds")
    right.axvline(math.sqrt(0.5), color=COLOR["forbidden"], lw=1.5)
    right.axvline(lengths.mean(), color=COLOR["theory"], lw=2, ls="--", label="mean")
    right.set(xlabel=r"$\sqrt{s^\top Ks/\mathrm{tr}\,K}$", ylabel="signs of 1024")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def ball_alt(arc: int) -> str:
    """What a frame of `ball` shows, in words."""
    lengths = _lengths(arc)
    return (
        f"Ten points on an arc of {arc} degrees. Histogram over all 1024 vectors of signs of how "
        f"well a ball fits them, from {lengths.min():.2g} to {lengths.max():.2g}. The mean, "
        f"{lengths.mean():.3g}, lies between the bounds 0.707 and 1."
    )
