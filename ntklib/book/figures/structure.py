"""Figures of the chapter *What depth and structure buy*: tents, groups, motifs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from scipy import stats
from scipy.special import eval_gegenbauer

from ntklib import conv_ntk, ntk
from ntklib._validate import Array
from ntklib.book.figures.style import COLOR, new_axes

# -- tents and their shallow rivals ----------------------------------------------------------------


def tents(x: Array, layers: int) -> Array:
    """The tent map, applied so many times."""
    for _ in range(layers):
        x = np.asarray(1 - np.abs(1 - 2 * x))
    return x


@cache
def _rival(layers: int, breaks: int) -> tuple[Array, Array, float]:
    """The best shallow fit that 33 choices of its breakpoints among the corners gave.

    Between multiples of 2^-layers both are affine: Simpson's rule with the midpoints is exact.
    """
    x = np.linspace(0, 1, 2 ** (layers + 1) + 1)
    weights = np.full(len(x), 2.0)
    weights[1::2] = 4
    weights[[0, -1]] = 1
    root = np.sqrt(weights / weights.sum())
    f = tents(x, layers)
    corners = np.arange(1, 2**layers) / 2**layers
    rng = np.random.default_rng(layers)
    best: tuple[Array, float] | None = None
    for draw in range(33):
        chosen = corners[:breaks] if draw == 0 else rng.choice(corners, breaks, replace=False)
        features = np.maximum(0, x[:, None] - np.append(0, chosen))
        design = np.column_stack([np.ones_like(x), features])
        g = design @ np.linalg.lstsq(design * root[:, None], f * root, rcond=None)[0]
        error = float(((f - g) * root) @ ((f - g) * root))
        if best is None or error < best[1]:
            best = g, error
    assert best is not None
    return x, *best


def tent(layers: int, breaks: int) -> Figure:
    """The iterated tent map and a shallow rival; what rivals lose against the bound."""
    most = 2**layers - 1
    x, g, error = _rival(layers, min(breaks, most))
    fig, (upper, lower) = new_axes(2, height=5.0)
    upper.plot(x, tents(x, layers), color=COLOR["network"], label=f"deep, {2 * layers} neurons")
    upper.plot(x, g, color=COLOR["linear"], lw=2, label=f"shallow, {min(breaks, most)} breakpoints")
    upper.set(ylim=(-0.1, 1.45), xlabel="$x$", title=f"$L={layers}$")
    upper.legend(loc="upper center", ncols=2, columnspacing=1)
    tried = np.unique(np.round(np.linspace(0, most, min(most + 1, 16))).astype(int))
    lower.plot(tried, [_rival(layers, int(m))[2] for m in tried], "o", ms=4, color=COLOR["linear"])
    lower.plot(min(breaks, most), error, "o", ms=9, mfc="none", color=COLOR["linear"])
    lower.plot([0, 2 ** (layers - 1)], [1 / 12, 0], color=COLOR["forbidden"], label="bound")
    lower.plot(2 * layers, 0, "*", ms=11, color=COLOR["network"], label="deep")
    lower.set(xlim=(-0.4, most + 2), ylim=(-0.008, 0.097), xlabel="breakpoints, or neurons")
    lower.set(title="mean squared error")
    lower.legend(loc="upper right", ncols=2, columnspacing=1)
    return fig


def tent_alt(layers: int, breaks: int) -> str:
    """What a frame of `tent` shows, in words."""
    used = min(breaks, 2**layers - 1)
    bound = max(0.0, (1 - used / 2 ** (layers - 1)) / 12)
    only = "" if used == breaks else f", for which {breaks} are more than are needed"
    return (
        f"The tent map {layers} times, a zigzag of {2**layers} pieces, and the fit of a shallow "
        f"network with {used} breakpoints{only}. Its mean squared error is "
        f"{_rival(layers, used)[2]:.3f}, the bound {bound:.3f}. Below, fits with up to "
        f"{2**layers - 1} breakpoints, all on or above a line that falls from one twelfth to zero "
        f"at {2 ** (layers - 1)}; the deep network has {2 * layers} neurons and no error."
    )


# -- one degree, with and without the group --------------------------------------------------------

D = 6


def zonal(degree: int, X: Array, Z: Array) -> Array:
    """The reproducing kernel of the harmonics of this degree on the sphere of six dimensions."""
    size = math.comb(degree + D - 1, D - 1) - math.comb(degree + D - 3, D - 1)
    alpha = D / 2 - 1
    return np.asarray(size * eval_gegenbauer(degree, alpha, X @ Z.T)
                      / eval_gegenbauer(degree, alpha, 1.0))  # fmt: skip


def _zonal_averaged(degree: int, X: Array, Z: Array) -> Array:
    images = [zonal(degree, X, np.roll(Z, s, axis=1)) for s in range(D)]
    return np.asarray(np.mean(images, axis=0))


def _sphere(rng: np.random.Generator, n: int) -> Array:
    x = rng.standard_normal((n, D))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


@cache
def _distances(degree: int) -> tuple[int, int, Array, Array, Array]:
    """N, N_G, numbers of points, mean squared distances by plain and by averaged kernel."""
    rng = np.random.default_rng(degree)
    probe = _sphere(rng, 200)
    size, invariant = (
        int(np.linalg.matrix_rank(kernel(degree, probe, probe), tol=1e-8 * 200))
        for kernel in (zonal, _zonal_averaged)
    )
    ns = np.unique(np.round(np.linspace(1, size, 15)).astype(int))
    ns = np.unique(np.append(ns, np.arange(1, invariant + 1)))
    left = np.zeros((2, 10, len(ns)))
    for draw in range(10):
        centers, X = _sphere(rng, 40), _sphere(rng, size)
        beta = rng.standard_normal(40)
        y = _zonal_averaged(degree, X, centers) @ beta
        norm = beta @ _zonal_averaged(degree, centers, centers) @ beta
        for i, kernel in enumerate((zonal, _zonal_averaged)):
            K = kernel(degree, X, X)
            for j, n in enumerate(ns):
                caught = y[:n] @ np.linalg.lstsq(K[:n, :n], y[:n], rcond=1e-10)[0]
                left[i, draw, j] = max(1 - caught / norm, 0.0)
    return size, invariant, ns, left[0], left[1]


def single(degree: int) -> Figure:
    """What two kernels of one degree leave of an invariant function, by the number of points."""
    size, invariant, ns, plain, averaged = _distances(degree)
    fig, ax = new_axes(height=3.9)
    for left, color, name in ((plain, "network", "plain"), (averaged, "gate", "averaged")):
        ax.plot(ns, left.T, color=COLOR[color], lw=0.5, alpha=0.6)
        ax.plot(ns, left.mean(axis=0), "o", ms=4, color=COLOR[color], label=name)
    ax.plot([0, size], [1, 0], "--", color=COLOR["theory"], label="$1-n/N$")
    ax.axvline(invariant, color=COLOR["gate"], ls=":")
    ax.set(xlabel="points $n$", ylabel="squared distance", ylim=(-0.04, 1.04))
    ax.set(title=f"degree {degree}: $N={size}$, $N_G={invariant}$", xlim=(0, size + 1))
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def single_alt(degree: int) -> str:
    """What a frame of `single` shows, in words."""
    size, invariant, ns, plain, averaged = _distances(degree)
    at = int(np.flatnonzero(ns == invariant)[0])
    return (
        f"Degree {degree}: what is left of an invariant function, mean of ten draws, against the "
        f"number of points. With the plain kernel it falls along the line from one to zero at "
        f"{size} points; with the averaged one to zero at {invariant}. There the plain kernel has "
        f"{plain.mean(axis=0)[at]:.2f} left and the averaged one "
        f"{max(averaged.mean(axis=0)[at], 0):.2f}."
    )


# -- motifs ----------------------------------------------------------------------------------------

MOTIFS = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])


def signals(n: int, length: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Noise with one of two motifs at a random place: signals, which motif, in which half."""
    which, place = rng.integers(0, 2, n), rng.integers(0, length, n)
    X = 0.3 * rng.standard_normal((n, length))
    at = (place[:, None] + np.arange(4)) % length
    X[np.arange(n)[:, None], at] += MOTIFS[which]
    return X, 2.0 * which - 1, np.where(place < length // 2, 1.0, -1.0)


# Between rows of points, or among those of the first.
Kernel = Callable[[Array, Array | None], Array]


def _convolved(X: Array, Z: Array | None, readout: str) -> Array:
    ring = partial(conv_ntk, depth=1, kernel_size=4, padding="circular", readout=readout)
    return ring(X[..., None], None if Z is None else Z[..., None])


KERNELS: dict[str, Kernel] = {
    "shallow": partial(ntk, depth=1),
    "100 layers": partial(ntk, depth=100),
    "local": partial(_convolved, readout="flatten"),
    "pooled": partial(_convolved, readout="mean"),
}
_STYLES = {
    "shallow": ("o-", "network"), "100 layers": ("s--", "theory"),
    "local": ("^-.", "linear"), "pooled": ("D-", "gate"),
}  # fmt: skip


def scores(
    kernel: Kernel,
    sets: Sequence[tuple[Array, ...]],
    sizes: Sequence[int],
) -> Array:
    """Share of new signals that are told right: which motif, and in which half; (2, sizes).

    ``sets`` has signals and labels to learn from, and new ones. Labels are fitted by the kernel
    with the ridge 1e-6 of the mean of its diagonal, from the first signals of each size.
    """
    (X, *labels), (Z, *wanted) = sets
    K, cross = kernel(X, None), kernel(Z, X)
    K = K + 1e-6 * np.mean(np.diag(K)) * np.eye(len(K))
    right = np.empty((2, len(sizes)))
    for j, n in enumerate(sizes):
        found = cross[:, :n] @ np.linalg.solve(K[:n, :n], np.transpose(labels)[:n])
        right[:, j] = np.mean(np.sign(found) == np.transpose(wanted), axis=0)
    return right


def interval(draws: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Mean over the first axis, and half of the interval of Student's t for it."""
    n = len(draws)
    quantile = stats.t.isf((1 - level) / 2, n - 1)
    return draws.mean(axis=0), quantile * draws.std(axis=0, ddof=1) / math.sqrt(n)


def motif(sizes: Sequence[int], learned: Mapping[str, Array]) -> Figure:
    """Learning curves; `learned` has (draws, 2, sizes) for each kernel."""
    fig, axes = new_axes(2, height=5.2)
    for name, draws in learned.items():
        style, color = _STYLES[name]
        mean, half = interval(draws)
        for ax, m, h in zip(axes, mean, half, strict=True):
            ax.errorbar(sizes, m, h, fmt=style, color=COLOR[color], ms=5, capsize=3, label=name)
    for ax, title in zip(axes, ("which motif", "in which half"), strict=True):
        ax.axhline(0.5, color=COLOR["muted"], ls=":", lw=1)
        ax.set(ylim=(0.38, 1.04), xscale="log", ylabel="right", title=title)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticks(sizes, [str(n) for n in sizes])
    axes[1].set_xlabel("signals to learn from")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4,
               columnspacing=1, handlelength=1.8)  # fmt: skip
    return fig


def motif_alt(sizes: Sequence[int], learned: Mapping[str, Array]) -> str:
    """What `motif` shows, in words."""
    ends = {name: draws[:, :, -1].mean(axis=0) for name, draws in learned.items()}
    told = "; ".join(f"{name} {a:.2f} and {b:.2f}" for name, (a, b) in ends.items())
    return (
        f"Shares of new signals told right against the number of signals, {sizes[0]} to "
        f"{sizes[-1]}, with intervals: above which motif, below in which half. At the end, first "
        f"and second task: {told}. One half is chance."
    )


# -- from architecture to what is learned ----------------------------------------------------------

_LENGTH = 16


@cache
def _map(kind: str) -> tuple[Array, Array, Array]:
    """Kernel of a signal and its shifts; eigenvalues over the trace; what is learned."""
    rng = np.random.default_rng(1)
    kernel = KERNELS[kind]
    one = signals(1, _LENGTH, rng)[0]
    shifted = np.concatenate([np.roll(one, s, axis=1) for s in range(_LENGTH)])
    X = rng.standard_normal((12, _LENGTH))
    orbits = np.concatenate([np.roll(X, s, axis=1) for s in range(_LENGTH)])
    values = np.linalg.eigvalsh(kernel(orbits, None))[::-1]
    sets = [signals(40, _LENGTH, rng), signals(150, _LENGTH, rng)]
    row = kernel(one, shifted)[0]
    return row / row[0], values / values.sum(), scores(kernel, sets, (40,))[:, 0]


def architectures(kind: str) -> Figure:
    """Architecture, kernel, spectrum, and what is learned from 40 signals."""
    row, values, right = _map(kind)
    fig, (upper, middle, lower) = new_axes(3, height=5.6, height_ratios=(3, 3, 2))
    upper.bar(np.arange(_LENGTH), row, color=COLOR["network"])
    upper.set_xticks(range(0, _LENGTH, 5))
    upper.set(ylim=(-0.1, 1.1), xlabel="shift", title=f"{kind}: kernel of a signal and its shifts")
    shown = values[values > 1e-7]
    middle.plot(np.arange(1, len(shown) + 1), shown, ".", color=COLOR["theory"])
    middle.axvline(12.5, color=COLOR["gate"], ls=":")
    middle.set(
        yscale="log",
        ylim=(3e-5, 2),
        xlim=(-3, 196),
        xlabel="index",
        title="eigenvalues on 12 orbits of 16",
    )
    middle.yaxis.set_minor_locator(NullLocator())
    lower.barh([1, 0], right, color=[COLOR["gate"], COLOR["linear"]])
    lower.axvline(0.5, color=COLOR["muted"], ls=":")
    lower.set(xlim=(0, 1.02), title="told right, from 40 signals")
    lower.set_yticks([1, 0], ["which motif", "which half"])
    return fig


def architectures_alt(kind: str) -> str:
    """What a frame of `architectures` shows, in words."""
    row, values, right = _map(kind)
    return (
        f"{kind}. Above, the kernel of a signal and its sixteen shifts, over its own: the others "
        f"lie between {row[1:].min():.2f} and {row[1:].max():.2f}. In the middle, eigenvalues of "
        f"the Gram matrix of twelve random signals in all shifts: {np.sum(values > 1e-7)} of 192 "
        f"are not zero. Below, what is told right from 40 signals: which motif {right[0]:.2f}, in "
        f"which half {right[1]:.2f}."
    )
