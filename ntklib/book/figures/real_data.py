"""Figures of the chapter *On real data*: scores, ranks, costs. Errors are in `calibration`."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import rankdata, studentized_range, t

from ntklib._validate import Array
from ntklib.book.figures.calibration import (
    CLASSIFIERS,
    SCORES,
    calibration,
    coverage,
    coverage_alt,
    losses,
    losses_alt,
    proper,
    proper_alt,
    reliability,
    reliability_alt,
)
from ntklib.book.figures.calibration import LEARNERS as ERRORS
from ntklib.book.figures.style import COLOR, INK, new_axes
from ntklib.book.printing import fixed
from ntklib.book.recorded import records

__all__ = [
    "CLASSIFIERS",
    "ERRORS",
    "LEARNERS",
    "RANKED",
    "SCORES",
    "beaten",
    "calibration",
    "cost",
    "cost_alt",
    "coverage",
    "coverage_alt",
    "critical",
    "curves",
    "curves_alt",
    "gram",
    "groups",
    "interval",
    "losses",
    "losses_alt",
    "margin",
    "memory",
    "memory_alt",
    "of_group",
    "peaks",
    "pictured",
    "proper",
    "proper_alt",
    "ranked",
    "ranks",
    "ranks_alt",
    "reliability",
    "reliability_alt",
    "scores",
    "scores_alt",
    "seconds",
    "share",
    "splits",
    "splits_alt",
    "tables",
    "weighed",
]

# Learner -> what the figures call it, the idea whose color it has, and its mark.
LEARNERS = {
    "ntk_ridgeless": ("NTK, ridgeless", "linear", "D"),
    "ntk_tuned": ("NTK, tuned", "linear", "o"),
    "deep_ntk": ("NTK, deep", "linear", "^"),
    "pooled_ntk": ("NTK, pooled", "linear", "s"),
    "network": ("network, trained", "network", "o"),
    "rbf": ("RBF, tuned", "theory", "o"),
    "forest": ("random forest", "gate", "o"),
    "boosting": ("boosting", "gate", "D"),
    "linear": ("linear", "sample", "o"),
    "ntk_svm": ("NTK, SVM", "linear", "v"),
    "rbf_svm": ("RBF, SVM", "theory", "v"),
}
# Whether all tables have a learner, so that it can be ranked.
RANKED = tuple(name for name in LEARNERS if name not in ("pooled_ntk", "ntk_svm", "rbf_svm"))


@cache
def tables() -> dict[str, Any]:
    """The record of the study: table -> data, protocol, cells."""
    return dict(records("tables"))


def of_group(*groups: str) -> list[str]:
    """The tables of some groups that have all learners, in alphabetical order."""
    return [
        name
        for name, record in tables().items()
        if record["data"]["group"] in groups and set(RANKED) <= set(record["cells"])
    ]


def ranked() -> list[str]:
    """The classifications on which the learners are ranked."""
    return of_group("small", "images")


def pictured() -> list[str]:
    """The classifications that have a picture: those that are ranked, and images."""
    images = [name for name, record in tables().items() if record["data"]["group"] == "images"]
    return sorted({*ranked(), *images})


def margin(one: Array, other: Array, test_over_train: float) -> tuple[float, float]:
    """Mean difference of scores on the same splits, and the half width of its interval."""
    gap = np.asarray(one) - np.asarray(other)
    J = len(gap)
    error = gap.std(ddof=1) * math.sqrt(1 / J + test_over_train)
    return float(gap.mean()), float(t.ppf(0.975, J - 1) * error)


def share(record: Any) -> float:
    """Test rows over the other rows, all of which are trained on unless training is on a few."""
    test = float(record["protocol"]["test"])
    return test / (float(record["data"]["n"]) - test)


def interval(table: str, name: str) -> tuple[float, float]:
    """Mean of a learner's scores on a table, and the half width of its interval."""
    values = np.asarray(tables()[table]["cells"][name]["scores"])
    return margin(values, np.zeros_like(values), share(tables()[table]))


def beaten(table: str) -> dict[str, bool]:
    """Learner -> whether the best of its table is better than it by more than noise."""
    record = tables()[table]
    cells = {name: record["cells"][name] for name in LEARNERS if name in record["cells"]}
    best = max(cells.values(), key=lambda cell: cell["mean"])
    found = {}
    for name, cell in cells.items():
        gap, half = margin(best["scores"], cell["scores"], share(record))
        found[name] = gap > half
    return found


# -- one table -------------------------------------------------------------------------------------


def scores(table: str) -> Figure:
    """Mean and interval of every learner on a table; hollow if the best beats it."""
    record, worse = tables()[table], beaten(table)
    fig, ax = new_axes(height=3.7)
    for row, (name, behind) in enumerate(worse.items()):
        _, color, mark = LEARNERS[name]
        cell = record["cells"][name]
        low, high = cell["interval"]
        ax.plot([low, high], [row, row], color=COLOR[color], lw=1.6, alpha=0.6)
        face = "none" if behind else COLOR[color]
        ax.plot(cell["mean"], row, mark, color=COLOR[color], mfc=face, mew=1.5, ms=7)
    ax.set_yticks(range(len(worse)), [LEARNERS[name][0] for name in worse])
    ax.invert_yaxis()
    data, metric = record["data"], record["protocol"]["metric"]
    what = "share of right answers" if metric == "accuracy" else "$R^2$"
    ax.set(xlabel=what, title=f"{table.replace('_', ' ')}: {data['n']} rows, {data['d']} columns")
    ax.grid(axis="x", alpha=0.25)
    return fig


def scores_alt(table: str) -> str:
    """What a frame of `scores` shows, in words."""
    record, worse = tables()[table], beaten(table)
    parts = []
    for name, behind in worse.items():
        cell = record["cells"][name]
        low, high = cell["interval"]
        mark = ", hollow" if behind else ""
        parts.append(
            f"{LEARNERS[name][0]} {fixed(cell['mean'], 3)} "
            f"({fixed(low, 3)} to {fixed(high, 3)}{mark})"
        )
    return (
        f"The table {table.replace('_', ' ')}, {record['data']['n']} rows: means over "
        f"{record['protocol']['splits']} splits with their intervals. {'; '.join(parts)}. "
        "Hollow marks are worse than the best by more than noise."
    )


# -- many splits -----------------------------------------------------------------------------------


def splits(rho: float) -> Figure:
    """Deviation of a mean over more and more splits, and what two formulas take for it."""
    J = np.arange(2, 101)
    fig, ax = new_axes(height=3.4)
    true = np.sqrt(rho + (1 - rho) / J)
    ax.plot(J, true, color=COLOR["truth"], lw=3, label="true")
    ax.plot(J, np.sqrt((1 - rho) / J), "--", color=COLOR["forbidden"], label="as if independent")
    guess = np.sqrt((1 - rho) * (1 / J + 0.25))
    ax.plot(J, guess, "-.", color=COLOR["theory"], label="corrected, $n_2/n_1=1/4$")
    ax.set(xlabel="number of splits $J$", ylabel="deviation of the mean", ylim=(0, 1.02))
    ax.set(title=f"correlation of two splits $\\varrho={rho:g}$")
    fig.legend(loc="outside lower center", ncols=3, columnspacing=1, handlelength=1.8)
    return fig


def splits_alt(rho: float) -> str:
    """What a frame of `splits` shows, in words."""
    end = math.sqrt(rho + (1 - rho) / 100)
    naive = math.sqrt((1 - rho) / 100)
    guess = math.sqrt((1 - rho) * (1 / 100 + 0.25))
    return (
        "The deviation of a mean score over J splits, in units of that of one split, if two splits "
        f"have the correlation {rho:g}. At a hundred splits it is {end:.2f}; the formula for "
        f"independent scores says {naive:.2f}, the corrected one {guess:.2f}. More splits do not "
        + ("lower the first below its floor." if rho else "stop lowering it.")
    )


# -- ranks -----------------------------------------------------------------------------------------


@cache
def _ranks(count: int) -> Array:
    """Average ranks on the first so many tables, 1 the best, in the order of `RANKED`."""
    rows = [
        rankdata([-tables()[name]["cells"][one]["mean"] for one in RANKED])
        for name in ranked()[:count]
    ]
    return np.asarray(np.mean(rows, axis=0))


def critical(learners: int, count: int) -> float:
    """Critical difference of average ranks, for the level 0.05."""
    q = float(studentized_range.ppf(0.95, learners, np.inf))
    return q * math.sqrt(learners * (learners + 1) / (12 * count))


def groups(ranks: Array, width: float) -> list[tuple[int, int]]:
    """First and last of each longest run of sorted ranks that is no wider than `width`."""
    found: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = int(np.searchsorted(ranks, ranks[first] + width, side="right")) - 1
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def ranks(tables: int) -> Figure:
    """Average ranks on the first so many tables; a bar joins those that are not told apart."""
    mean = _ranks(tables)
    order, width = np.argsort(mean, kind="stable"), critical(len(mean), tables)
    fig, ax = new_axes(height=3.9)
    for row, at in enumerate(order):
        _, color, mark = LEARNERS[RANKED[at]]
        ax.plot(mean[at], row, mark, color=COLOR[color], ms=7)
    for first, last in groups(mean[order], width):
        x = mean[order[last]] + 0.25
        ax.plot([x, x], [first - 0.2, last + 0.2], color=INK, lw=3, solid_capstyle="butt")
    ax.plot([1, 1 + width], [len(mean) - 0.1] * 2, color=COLOR["forbidden"], lw=3)
    ax.text(1 + width + 0.1, len(mean) - 0.1, "critical difference", va="center", fontsize=10)
    ax.set(xlim=(0.8, len(mean) + 0.6), ylim=(len(mean) + 0.5, -0.6))
    ax.set_yticks(range(len(mean)), [LEARNERS[RANKED[at]][0] for at in order])
    ax.set(xlabel="average rank", title=f"{tables} tables")
    ax.grid(axis="x", alpha=0.25)
    return fig


def ranks_alt(tables: int) -> str:
    """What a frame of `ranks` shows, in words."""
    mean = _ranks(tables)
    order, width = np.argsort(mean, kind="stable"), critical(len(mean), tables)
    named = [f"{LEARNERS[RANKED[at]][0]} {fixed(mean[at], 2)}" for at in order]
    runs = [
        f"{LEARNERS[RANKED[order[first]]][0]} to {LEARNERS[RANKED[order[last]]][0]}"
        for first, last in groups(mean[order], width)
    ]
    return (
        f"Average ranks on {tables} tables, the best first: {', '.join(named)}. The critical "
        f"difference is {fixed(width, 2)}; bars join "
        + (f"{'; '.join(runs)}." if runs else "none of them.")
    )


# -- cost ------------------------------------------------------------------------------------------


def seconds() -> dict[str, float]:
    """Learner -> geometric mean over the ranked tables of the processor time of a split."""
    rows = [
        [np.mean(tables()[name]["cells"][one]["processor_seconds"]) for one in RANKED]
        for name in ranked()
    ]
    return dict(zip(RANKED, np.exp(np.log(rows).mean(axis=0)), strict=True))


def cost() -> Figure:
    """Average rank, and beside it the time that it costs."""
    found, mean = seconds(), _ranks(len(ranked()))
    order = np.argsort(mean, kind="stable")
    fig, (left, right) = new_axes(1, 2, height=3.6)
    for row, at in enumerate(order):
        _, color, mark = LEARNERS[RANKED[at]]
        left.plot(mean[at], row, mark, color=COLOR[color], ms=7)
        right.plot(found[RANKED[at]], row, mark, color=COLOR[color], ms=7)
    left.set_yticks(range(len(mean)), [LEARNERS[RANKED[at]][0] for at in order])
    left.set(xlabel="average rank", xlim=(0.8, len(mean) + 0.2))
    right.set(xscale="log", xlabel="seconds a split", yticks=[])
    low, high = min(found.values()), max(found.values())
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    right.set_xticks([10.0**p for p in decades], [f"{10.0**p:g}" for p in decades])
    right.minorticks_off()
    for ax in (left, right):
        ax.set_ylim(len(mean) - 0.5, -0.5)
        ax.grid(axis="both", alpha=0.25)
    return fig


def cost_alt() -> str:
    """What a frame of `cost` shows, in words."""
    named = [
        f"{LEARNERS[name][0]} {value:.2g} at rank {fixed(rank, 2)}"
        for (name, value), rank in zip(seconds().items(), _ranks(len(ranked())), strict=True)
    ]
    return f"Average rank against seconds a split, logarithmic: {'; '.join(named)}."


def gram(table: str) -> float:
    """MiB of the Gram matrix of a table's training rows, in double precision."""
    return 8 * float(tables()[table]["protocol"]["train"]) ** 2 / 2**20


def weighed() -> list[str]:
    """The tables on which memory was measured, the smallest first."""
    found = [
        name
        for name, record in tables().items()
        if any(cell["memory_mib"] is not None for cell in record["cells"].values())
    ]
    return sorted(found, key=gram)


def peaks(table: str) -> dict[str, float]:
    """MiB by which a process grows at its peak while a learner is at work, for those that ran."""
    cells = tables()[table]["cells"]
    return {name: float(cells[name]["memory_mib"]) for name in RANKED if name in cells}


def memory() -> Figure:
    """Memory against the number of training rows, and that of one Gram matrix."""
    fig, ax = new_axes(height=4.2)
    held = {name: peaks(name) for name in weighed()}
    rows = {name: float(tables()[name]["protocol"]["train"]) for name in held}
    n = np.geomspace(0.8 * min(rows.values()), 1.25 * max(rows.values()), 50)
    ax.plot(n, 8 * n**2 / 2**20, color=COLOR["data"], lw=1, label="a Gram matrix")
    for one in RANKED:
        label, color, mark = LEARNERS[one]
        ran = [name for name in held if one in held[name]]
        x, y = [rows[name] for name in ran], [held[name][one] for name in ran]
        ax.plot(x, y, mark, color=COLOR[color], mfc="none", mew=1.3, ms=6, label=label)
    ax.set(xscale="log", yscale="log", xlabel="training rows", ylabel="memory in MiB")
    ax.set_xticks([500, 1000, 2000, 4000], ["500", "1000", "2000", "4000"])
    ax.set_yticks([0.1, 1, 10, 100, 1000], ["0.1", "1", "10", "100", "1000"])
    ax.minorticks_off()
    fig.legend(loc="outside lower center", ncols=3, columnspacing=1, handlelength=1.8)
    return fig


def memory_alt() -> str:
    """What `memory` shows, in words."""
    parts = []
    for name in (weighed()[0], weighed()[-1]):
        each = [f"{LEARNERS[one][0]} {fixed(value, 1)}" for one, value in peaks(name).items()]
        train = tables()[name]["protocol"]["train"]
        size = fixed(gram(name), 1)
        parts.append(f"With {train:.0f} rows a Gram matrix takes {size} MiB; {', '.join(each)}.")
    return (
        f"Memory against the number of training rows, both logarithmic, on {len(weighed())} "
        f"tables, and a line for one Gram matrix. {' '.join(parts)}"
    )


# -- more data -------------------------------------------------------------------------------------


def _curve(name: str) -> tuple[list[float], Array, Array]:
    """Numbers of training images, mean scores and half widths of their intervals of a learner."""
    found = sorted(
        (float(record["protocol"]["train"]), *interval(key, name))
        for key, record in tables().items()
        if key.startswith("mnist_5k") and name in record["cells"]
    )
    rows = np.array(found).reshape(-1, 3)
    return rows[:, 0].tolist(), rows[:, 1], rows[:, 2]


def curves() -> Figure:
    """Errors on handwritten digits with the number of training images."""
    fig, ax = new_axes(height=4.2)
    for name in (*RANKED, "pooled_ntk"):
        label, color, mark = LEARNERS[name]
        sizes, mean, half = _curve(name)
        if sizes:
            style = dict(fmt=f"{mark}-", color=COLOR[color], ms=5, lw=1.2)
            ax.errorbar(sizes, 1 - mean, half, label=label, **style)
    _log_ticks(ax)
    ax.set(xlabel="training images", ylabel="share of errors")
    fig.legend(loc="outside lower center", ncols=3, columnspacing=1, handlelength=1.8)
    return fig


def _log_ticks(ax: Axes) -> None:
    ax.set(xscale="log", yscale="log")
    ax.set_xticks([100, 300, 1000, 4000], ["100", "300", "1000", "4000"])
    ax.set_yticks([0.02, 0.05, 0.1, 0.2, 0.5], ["0.02", "0.05", "0.1", "0.2", "0.5"])
    ax.minorticks_off()


def curves_alt() -> str:
    """What `curves` shows, in words."""
    parts = []
    for name in (*RANKED, "pooled_ntk"):
        sizes, mean, _ = _curve(name)
        if sizes:
            first = f"{fixed(1 - mean[0], 3)} at {sizes[0]:.0f}"
            last = f"{fixed(1 - mean[-1], 3)} at {sizes[-1]:.0f}"
            run = f"from {first} to {last}" if len(sizes) > 1 else first
            parts.append(f"{LEARNERS[name][0]} {run}")
    return (
        "Share of errors on handwritten digits against the number of training images, both "
        f"logarithmic, with intervals: {'; '.join(parts)}."
    )
