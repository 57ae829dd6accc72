"""Figures of the chapter *Where kernels stop*."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from scipy import stats

from ntklib import relu_ntk, with_bias
from ntklib._validate import Array
from ntklib.book import parity
from ntklib.book.figures.style import COLOR, new_axes

# -- the question: one task, three learners --------------------------------------------------------

LEARNERS = ("kernel", "linearized", "trained")
_D, _M, _TEST = 60, 256, 1500


@cache
def _predictions(n: int) -> tuple[Array, dict[str, Array]]:
    """The parity of the first two of sixty bits at new points, and three predictions of it."""
    rng = np.random.default_rng(n)
    X, Z = parity.signs(n, _D, rng), parity.signs(_TEST, _D, rng)
    y, told = X[:, :2].prod(axis=1), Z[:, :2].prod(axis=1)
    net, W0 = parity.network(_D, _M, rng)
    A, B = X / math.sqrt(_D), Z / math.sqrt(_D)
    W = parity.descend(net, W0, A, y, step=0.1 * _M * _D / n, steps=600)[600]
    first = np.linalg.lstsq(net.empirical_ntk(A, W=W0), y, rcond=None)[0]
    return told, {
        "kernel": relu_ntk(B, A) @ np.linalg.solve(relu_ntk(A), y),
        "linearized": net.empirical_ntk(B, A, W=W0) @ first,
        "trained": net(B, W),
    }


def question(n: int) -> Figure:
    """What three learners say at new points, by what is true there."""
    told, found = _predictions(n)
    fig, axes = new_axes(3, height=5.4, sharex=True)
    edges = np.linspace(-2, 2, 49)
    for ax, name in zip(axes, LEARNERS, strict=True):
        f = np.clip(found[name], -1.999, 1.999)
        ax.hist(f[told > 0], edges, color=COLOR["network"], alpha=0.6, label="parity $+1$")
        ax.hist(f[told < 0], edges, histtype="step", color=COLOR["linear"], lw=1.6,
                label="parity $-1$")  # fmt: skip
        ax.axvline(0, color=COLOR["muted"], ls=":")
        ax.set(title=f"{name}: {np.mean(f * told > 0):.0%} of the signs right", yticks=[])
        ax.set_xlim(-2, 2)
    axes[-1].set_xlabel("prediction")
    handles, words = axes[0].get_legend_handles_labels()
    fig.legend(handles, words, loc="outside lower center", ncols=2)
    return fig


def question_alt(n: int) -> str:
    """What a frame of `question` shows, in words."""
    told, found = _predictions(n)
    right = {name: np.mean(f * told > 0) for name, f in found.items()}
    middle = {name: [np.mean(f[told == sign]) for sign in (1, -1)] for name, f in found.items()}
    said = "; ".join(
        f"{name} {right[name]:.0%}, with means {middle[name][0]:.2f} and {middle[name][1]:.2f}"
        for name in LEARNERS
    )
    return (
        f"Histograms of three predictions at new points, apart for the two parities, from {n} "
        f"points. Signs that are right, and the means where the parity is one and minus one: "
        f"{said}."
    )


# -- what n points have to spend -------------------------------------------------------------------

BITS = 10


def biased(X: Array, Z: Array) -> Array:
    """The kernel with a bias of one."""
    return np.asarray(relu_ntk(with_bias(X), with_bias(Z)))


@cache
def _shares(n: int) -> tuple[Array, Array]:
    """Mean shares of the parities of 0 to 6 bits, without and with a bias; five draws."""
    rng = np.random.default_rng(n)
    found = np.zeros((2, 7))
    for _ in range(5):
        # No two equal or opposite, so that the Gram matrices are regular.
        at = rng.choice(2 ** (BITS - 1), size=n, replace=False)
        X = 1.0 - 2.0 * ((at[:, None] >> np.arange(BITS)) & 1)
        X *= rng.choice([-1.0, 1.0], size=(n, 1))
        for i, kernel in enumerate((relu_ntk, biased)):
            on = parity.cube(kernel, BITS)
            found[i] += [(1 - parity.mean_distance(on, X, k)) / 5 for k in range(7)]
    return found[0], found[1]


def share(n: int) -> Figure:
    """The share of the parities of k bits that n points reach, and the bound."""
    plain, bias = _shares(n)
    bound = np.minimum(1, n / parity.count(BITS)[:7])
    fig, ax = new_axes(height=3.8)
    k = np.arange(7)
    ax.bar(k - 0.2, plain, 0.36, color=COLOR["network"], label="without bias")
    ax.bar(k + 0.2, bias, 0.36, color=COLOR["gate"], hatch="//", edgecolor="white", lw=0,
           label="with bias")  # fmt: skip
    for at, b in zip(k, bound, strict=True):
        ax.plot([at - 0.42, at + 0.42], [b, b], color=COLOR["forbidden"], lw=2.2,
                label="bound $n/N$" if at == 0 else None)  # fmt: skip
    names = [f"{at}\n{int(size)}" for at, size in zip(k, parity.count(BITS), strict=False)]
    ax.set_xticks(k, names)
    ax.set(ylim=(0, 1.06), xlabel="bits $k$, and how many parities $N$", ylabel="mean share")
    ax.set_title(f"ten bits, $n={n}$ points")
    fig.legend(loc="outside lower center", ncols=3, columnspacing=1)
    return fig


def share_alt(n: int) -> str:
    """What a frame of `share` shows, in words."""
    plain, bias = _shares(n)
    said = "; ".join(f"{k} bits {plain[k]:.2f} and {bias[k]:.2f}" for k in range(1, 7))
    return (
        f"Bars of the mean share that {n} points reach of the parities of 0 to 6 bits out of ten, "
        f"below marks of the bound. Without and with a bias: {said}. Without a bias three and five "
        "bits have none."
    )


# -- the bound and the kernel ----------------------------------------------------------------------


@cache
def _course(d: int) -> tuple[int, Array, Array, Array]:
    """Parities of two bits: N, numbers of points, mean distances, errors of the interpolant."""
    rng, N = np.random.default_rng(d), math.comb(d, 2)
    ns = np.unique(np.round(np.linspace(0.02, min(1, 900 / N), 9) * N).astype(int))
    on, X = parity.cube(relu_ntk, d), parity.signs(ns[-1], d, rng)
    K, A = on.kernel[parity.apart(X, X)], on.squared[parity.apart(X, X)]
    y, rows = X[:, :2].prod(axis=1), []
    for n in ns:
        alpha = np.linalg.solve(K[:n, :n], y[:n])
        inside = alpha @ A[:n, :n] @ alpha
        rows.append([parity.mean_distance(on, X[:n], 2),
                     1 - 2 * on.values[2] * (y[:n] @ alpha) + inside])  # fmt: skip
    means, errors = np.array(rows).T
    return N, ns, means, errors


def instance(d: int) -> Figure:
    """The parities of two out of d bits: bound, distance, and the error of the interpolant."""
    N, ns, means, errors = _course(d)
    fig, ax = new_axes(height=3.9)
    ax.plot([0, 1], [1, 0], color=COLOR["forbidden"], label="bound $1-n/N$")
    ax.plot(ns / N, means, "o", ms=5, color=COLOR["network"], label="distance, mean of all")
    ax.plot(ns / N, errors, "s--", ms=4, color=COLOR["linear"], label="ridgeless fit of $x_1x_2$")
    ax.set(xlim=(0, 1.02), ylim=(0, 1.25), xlabel="$n/N$", ylabel="mean squared error")
    ax.set_title(f"two of $d={d}$ bits, $N={N}$")
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def instance_alt(d: int) -> str:
    """What a frame of `instance` shows, in words."""
    N, ns, means, errors = _course(d)
    return (
        f"Two of {d} bits, {N} parities: mean squared errors against the number of points over "
        f"{N}. The bound falls from one to zero. The distance from the kernel's span stays above "
        f"it, {means[-1]:.2f} at {ns[-1]} points where the bound is {max(0, 1 - ns[-1] / N):.2f}; "
        f"the error of the ridgeless fit of one of them goes from {errors[0]:.2f} to "
        f"{errors[-1]:.2f}."
    )


# -- the study -------------------------------------------------------------------------------------

_STYLES = {
    "kernel": ("s--", "linear"), "linearized": ("^-.", "theory"), "trained": ("o-", "network"),
}  # fmt: skip


def interval(draws: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Mean over the first axis, and half the width of Student's interval for it."""
    n = len(draws)
    half = stats.t.isf((1 - level) / 2, n - 1) * draws.std(axis=0, ddof=1) / math.sqrt(n)
    return draws.mean(axis=0), np.asarray(half)


def of(runs: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> Array:
    """The values of one learner on record, shape (runs, sizes, 2) or (runs, sizes)."""
    return np.array([[run[name] for run in same] for same in runs.values()]).swapaxes(0, 1)


def learners(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Errors and right signs of three learners against the number of points."""
    sizes = np.array([int(n) for n in runs])
    fig, axes = new_axes(2, height=5.4)
    for name, (style, color) in _STYLES.items():
        mean, half = interval(of(runs, name))
        for ax, m, h in zip(axes, mean.T, half.T, strict=True):
            ax.errorbar(sizes, m, h, fmt=style, color=COLOR[color], ms=5, capsize=3, label=name)
    fine = np.linspace(sizes[0], sizes[-1], 200)
    axes[0].plot(fine, 1 - fine / 1770, color=COLOR["forbidden"], label="bound")
    axes[1].axhline(0.5, color=COLOR["muted"], ls=":", lw=1)
    axes[0].set(ylim=(-0.05, 1.35), title="mean squared error")
    axes[1].set(ylim=(0.45, 1.04), title="signs that are right", xlabel="points $n$")
    for ax in axes:
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticks(sizes, [str(n) for n in sizes])
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4,
               columnspacing=1, handlelength=1.8)  # fmt: skip
    return fig


def learners_alt(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """What `learners` shows, in words."""
    means = {name: of(runs, name).mean(axis=0) for name in _STYLES}
    said = ". ".join(
        f"{n} points: " + "; ".join(f"{name} {m[i, 0]:.2f} and {m[i, 1]:.2f}"
                                    for name, m in means.items())
        for i, n in enumerate(runs)
    )  # fmt: skip
    return (
        "Mean squared errors and shares of right signs of three learners against the number of "
        f"points, with intervals, and the bound, which falls slowly from one. {said}."
    )


# -- neurons ---------------------------------------------------------------------------------------

STEPS = (0, 20, 40, 60, 80, 100, 150, 200, 300, 600)
_SMALL = 20


@cache
def _learning() -> tuple[Array, dict[int, Array], dict[int, tuple[float, float]]]:
    """Signs of 40 neurons, their weights after some steps, and two errors."""
    rng = np.random.default_rng(3)
    X, Z = parity.signs(200, _SMALL, rng), parity.signs(2000, _SMALL, rng)
    y, told = X[:, :2].prod(axis=1), Z[:, :2].prod(axis=1)
    net, W0 = parity.network(_SMALL, 40, rng)
    A, B = X / math.sqrt(_SMALL), Z / math.sqrt(_SMALL)
    kept = parity.descend(net, W0, A, y, step=0.1 * 40 * _SMALL / 200, steps=STEPS[-1], keep=STEPS)
    errors = {
        at: (parity.scores(net(A, W), y)[0], parity.scores(net(B, W), told)[0])
        for at, W in kept.items()
    }
    return net.a, kept, errors


def neurons(steps: int) -> Figure:
    """The neurons of a small network after so many steps, on the two coordinates that matter."""
    a, kept, errors = _learning()
    W = kept[steps]
    most = 1.06 * max(np.abs(V[:, :2]).max() for V in kept.values())
    tall = 1.15 * max(np.sqrt(np.mean(V**2, axis=0)).max() for V in kept.values())
    fig, (plane, bars) = new_axes(2, height=5.6, height_ratios=(5, 2))
    for slope in (1, -1):
        plane.plot([-most, most], [-slope * most, slope * most], color=COLOR["muted"], lw=0.8,
                   ls=":")  # fmt: skip
    for sign, marker, color in ((1, "o", "network"), (-1, "^", "linear")):
        plane.plot(*W[a == sign, :2].T, marker, color=COLOR[color], ms=6, alpha=0.8,
                   label=f"$a_j={sign:+d}$")  # fmt: skip
    plane.set(xlim=(-most, most), ylim=(-most, most), aspect="equal")
    plane.set(xlabel="weight on $x_1$", ylabel="weight on $x_2$")
    plane.set_title(f"{steps} steps: error {errors[steps][0]:.2f}, new points "
                    f"{errors[steps][1]:.2f}")  # fmt: skip
    colors = [COLOR["accent"]] * 2 + [COLOR["muted"]] * (_SMALL - 2)
    bars.bar(np.arange(1, _SMALL + 1), np.sqrt(np.mean(W**2, axis=0)), color=colors)
    bars.set(ylim=(0, tall), xlabel="coordinate", title="root mean square of its weights")
    bars.set_xticks([1, 2, 5, 10, 15, 20])
    fig.legend(*plane.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def neurons_alt(steps: int) -> str:
    """What a frame of `neurons` shows, in words."""
    a, kept, errors = _learning()
    squares = np.mean(kept[steps] ** 2, axis=0)
    # How much of a neuron's plane weights lies on the diagonal of its sign.
    near = {
        sign: np.sum((kept[steps][a == sign, :2] @ [1, sign]) ** 2)
        / np.sum(2 * kept[steps][a == sign, :2] ** 2)
        for sign in (1, -1)
    }
    return (
        f"After {steps} steps the errors at the training points and at new points are "
        f"{errors[steps][0]:.2f} and {errors[steps][1]:.2f}. In the plane of the first two weights "
        f"the neurons with positive sign have {near[1]:.0%} of their squares on the rising "
        f"diagonal, the others {near[-1]:.0%} on the falling one. The mean square is "
        f"{squares[:2].mean():.1f} for the two coordinates and {squares[2:].mean():.1f} for the "
        "others."
    )
