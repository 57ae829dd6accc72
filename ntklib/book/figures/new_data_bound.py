"""Figures of the chapter *What can be said of new data*: the bound, by its parts and on digits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from ntklib import relu_ntk
from ntklib._validate import Array
from ntklib.book.figures.style import COLOR, new_axes

# How likely the bound may fail, and the step between radii: both chosen before any data.
DELTA, STEP = 0.05, 0.1
# Ridges of which the bound may take the best: it holds for all of them at once.
RIDGES = (0.0, *10.0 ** np.arange(-3, 2.01, 0.25))


@cache
def digits(pair: str) -> tuple[Array, Array]:
    """Gram matrix of all 8 x 8 images of two digits, at norm one; labels, +1 for the second."""
    data = load_digits()
    first, second = (int(part) for part in pair.split(" and "))
    chosen = (data.target == first) | (data.target == second)
    X = data.data[chosen] / np.linalg.norm(data.data[chosen], axis=1, keepdims=True)
    return relu_ntk(X), np.where(data.target[chosen] == second, 1.0, -1.0)


def remainder(n: int, h: float = STEP, delta: float = DELTA) -> float:
    """What `cor-union` adds to loss and norm, at c = 1/2."""
    radii = math.ceil(math.sqrt(n / 2) / h)
    return h * math.sqrt(2 / n) + math.sqrt(math.log(radii / delta) / (2 * n))


def promises(K: Array, y: Array) -> tuple[Array, Array]:
    """The bound of `cor-union` for each of the ridges, and the dual coefficients in rows."""
    n = len(y)
    values, vectors = np.linalg.eigh(K)
    rows = np.stack([vectors @ ((vectors.T @ y) / (values + nu)) for nu in RIDGES])
    fitted = rows @ K
    norm = np.sqrt(np.sum(rows * fitted, axis=1))
    loss = np.clip(1 - y * fitted, 0, 1).mean(axis=1)
    return loss + norm * math.sqrt(2 / n) + remainder(n), rows


# -- the radii -------------------------------------------------------------------------------------

_STEPS = 10.0 ** np.linspace(-2.5, 1, 141)


def radii(n: int) -> Figure:
    """What the union over radii costs, by the step between them."""
    step = _STEPS * math.sqrt(2 / n)
    both = np.array([remainder(n, h) for h in _STEPS])
    fig, ax = new_axes(height=3.3)
    ax.plot(_STEPS, step, color=COLOR["linear"], lw=1.5, label="rounding up the norm")
    ax.plot(_STEPS, both - step, "--", color=COLOR["network"], lw=1.5, label="luck, and many balls")
    ax.plot(_STEPS, both, color=COLOR["theory"], lw=2.2, label="both")
    ax.plot(STEP, remainder(n), "o", color=COLOR["data"])
    ax.set(xscale="log", ylim=(0, 3 * remainder(n)), xlabel="step $h$ between radii")
    ax.set(ylabel="added to the bound", title=f"{n} points")
    fig.legend(loc="outside lower center", ncols=3, columnspacing=1, handlelength=1.5)
    return fig


def radii_alt(n: int) -> str:
    """What a frame of `radii` shows, in words."""
    at = [remainder(n, h) for h in (0.01, STEP, 1.0)]
    return (
        f"For {n} points, what is added to the bound against the step between radii. Rounding the "
        "norm up grows with the step, the price of many balls falls slowly. Together they are "
        f"{at[0]:.3g} at the step 0.01, {at[1]:.3g} at 0.1, where the dot is, and {at[2]:.3g} at 1."
    )


# -- random labels ---------------------------------------------------------------------------------


@cache
def _first_terms(pair: str) -> tuple[float, float, Array]:
    """The first term for the true labels; its root mean square, and 400 draws, for random ones."""
    K, y = digits(pair)
    n, A = len(y), np.linalg.inv(K)
    signs = np.random.default_rng(5).choice([-1.0, 1.0], size=(400, n))
    drawn = np.sqrt(2 * np.sum((signs @ A) * signs, axis=1) / n)
    return math.sqrt(2 * float(y @ A @ y) / n), math.sqrt(2 * float(np.trace(A)) / n), drawn


def labelings(pair: str) -> Figure:
    """The first term of the bound for random labels of the images, and for the true ones."""
    true, mean, drawn = _first_terms(pair)
    fig, ax = new_axes(height=3.1)
    ax.hist(drawn, bins=np.linspace(0, 9, 91), color=COLOR["sample"], label="random labels")
    top = ax.get_ylim()[1]
    ax.axvline(mean, color=COLOR["theory"], lw=1.5, label="their root mean square")
    ax.axvline(2, color=COLOR["theory"], lw=1.5, ls=":", label="what it is at least")
    ax.axvline(1, color=COLOR["forbidden"], lw=1.5, ls="--", label="says nothing from here")
    ax.plot(true, top / 12, "D", color=COLOR["linear"], ms=8, label="true labels", clip_on=False)
    ax.set(xlim=(0, 9), xlabel=r"first term, $\sqrt{2b^2/n}$", ylabel="labelings of 400")
    ax.set_title(f"digits {pair}")
    fig.legend(loc="outside lower center", ncols=2, columnspacing=1)
    return fig


def labelings_alt(pair: str) -> str:
    """What a frame of `labelings` shows, in words."""
    true, mean, drawn = _first_terms(pair)
    return (
        f"First term of the bound for the images of {pair}: {true:.3g} for the true labels. For "
        f"400 random labelings a narrow histogram from {drawn.min():.3g} to {drawn.max():.3g}, "
        f"around its root mean square {mean:.3g}. Lines at 1, and at 2, below which no set of unit "
        "points has the root mean square."
    )


# -- the bound on digits ---------------------------------------------------------------------------

SIZES = (20, 40, 60, 80, 100, 130, 160, 190, 220, 250, 280, 310)
DRAWS = 5


@cache
def learned(pair: str) -> Array:
    """Means over draws, shape (sizes, 5).

    Columns: bound and share of errors of the interpolation, the best bound over ridges and the
    errors of that fit, and the bound of the interpolation for shuffled labels.
    """
    K, y = digits(pair)
    rng = np.random.default_rng(6)
    rows = np.zeros((len(SIZES), 5))
    for _ in range(DRAWS):
        order = rng.permutation(len(y))
        mixed = rng.permutation(y[order])
        for row, n in zip(rows, SIZES, strict=True):
            train, test = order[:n], order[n:]
            G, cross = K[np.ix_(train, train)], K[np.ix_(test, train)]
            bound, alpha = promises(G, y[train])
            best = int(np.argmin(bound))
            wrong = (alpha[[0, best]] @ cross.T) * y[test] <= 0
            chance = mixed[:n] @ np.linalg.solve(G, mixed[:n])
            row += [bound[0], wrong[0].mean(), bound[best], wrong[1].mean(),
                    math.sqrt(2 * chance / n) + remainder(n)]  # fmt: skip
    return rows / DRAWS


def curves(pair: str) -> Figure:
    """The bound and the errors on new images, against the number of images."""
    found = learned(pair)
    fig, (upper, lower) = new_axes(2, height=5.0, height_ratios=(2, 5))
    _curves(upper, lower, SIZES, found)
    upper.set(title=f"digits {pair}", xlim=(0, 320), ylim=(4, 8))
    lower.set(xlim=(0, 320), ylim=(-0.08, 2.6))
    fig.legend(loc="outside lower center", ncols=2, columnspacing=1)
    return fig


def _curves(upper: Axes, lower: Axes, sizes: Sequence[int], found: Array) -> None:
    """Above the bound for shuffled labels, below the rest."""
    upper.plot(
        sizes, found[:, 4], "v:", color=COLOR["sample"], ms=4, label="bound, shuffled labels"
    )
    lower.axhline(1, color=COLOR["forbidden"], lw=1.2, ls="--", label="says nothing from here")
    lower.plot(sizes, found[:, 0], "o-", color=COLOR["linear"], ms=4, label="bound, interpolation")
    lower.plot(sizes, found[:, 2], "s-", color=COLOR["theory"], ms=4, label="bound, best ridge")
    lower.plot(sizes, found[:, 1], "^-", color=COLOR["network"], ms=4, label="errors, new images")
    lower.set(xlabel="training images $n$", ylabel="share of errors")
    upper.set(ylabel="bound")


def curves_alt(pair: str) -> str:
    """What a frame of `curves` shows, in words."""
    found = learned(pair)
    first, last = found[0], found[-1]
    return (
        f"Digits {pair}, {SIZES[0]} to {SIZES[-1]} training images. The bound of the interpolation "
        f"goes from {first[0]:.2g} to {last[0]:.2g}, the best over ridges from {first[2]:.2g} to "
        f"{last[2]:.2g}; the line of one is crossed by {_crossing(found)}. The errors on new "
        f"images end at {last[1]:.2g}. For shuffled labels the bound goes from {first[4]:.2g} to "
        f"{last[4]:.2g}."
    )


def _crossing(found: Array) -> str:
    """Which of the two bounds end below one."""
    ends = {"interpolation": found[-1, 0] < 1, "ridge": found[-1, 2] < 1}
    return " and ".join(name for name, below in ends.items() if below) or "none"


def larger(record: Mapping[str, Any]) -> Figure:
    """The bound on 28 x 28 images, from the record of ``study/bound.py``."""
    fig, ax = new_axes(height=3.8)
    ax.axhline(1, color=COLOR["forbidden"], lw=1.2, ls="--")
    looks = (("linear", "o"), ("network", "s"), ("accent", "^"))
    for (pair, row), (color, mark) in zip(record["pairs"].items(), looks, strict=True):
        style = {"color": COLOR[color], "ms": 5, "lw": 1.5}
        ax.plot(record["sizes"], row["interpolation"], mark + ":", **style)
        ax.plot(record["sizes"], row["ridge"], mark + "-", **style, label=pair)
        ax.plot(record["sizes"], row["errors"], mark + "--", **style)
    ax.set(xlabel="training images $n$", ylabel="share of errors", ylim=(-0.08, 2.3))
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def larger_alt(record: Mapping[str, Any]) -> str:
    """What `larger` shows, in words."""
    parts = [
        f"{pair}: interpolation {row['interpolation'][-1]:.2g}, best ridge {row['ridge'][-1]:.2g}, "
        f"errors {row['errors'][-1]:.2g}"
        for pair, row in record["pairs"].items()
    ]
    sizes = record["sizes"]
    return (
        f"Bounds and errors on new images for three pairs of digits, {sizes[0]} to {sizes[-1]} "
        f"training images; all bounds fall. At the end, {'; '.join(parts)}."
    )
