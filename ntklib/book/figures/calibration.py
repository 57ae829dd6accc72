"""More figures of the chapter *On real data*: whether stated errors and probabilities are right."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm, t

from ntklib._validate import Array
from ntklib.book.figures.style import COLOR, INK, new_axes
from ntklib.book.printing import fixed
from ntklib.book.recorded import records

# Learner -> what the figures call it, and the idea whose color it has.
LEARNERS = {
    "limit": ("limit ensemble, noise", "linear"),
    "constant": ("limit, noise alone", "linear"),
    "spread": ("limit, spread alone", "linear"),
    "nngp": ("NNGP posterior", "theory"),
    "ntk_process": ("posterior with NTK", "theory"),
    "rbf": ("posterior with RBF", "theory"),
    "networks": ("10 networks", "network"),
    "network": ("1 network", "network"),
    "truth": ("the truth", "truth"),
}
CLASSIFIERS = {
    "limit": ("limit ensemble", "linear"),
    "limit_mean": ("its mean alone", "linear"),
    "nngp": ("NNGP posterior", "theory"),
    "networks": ("10 networks", "network"),
    "networks_tempered": ("10, temperature", "network"),
    "network": ("1 network", "network"),
    "network_tempered": ("1, temperature", "network"),
    "forest": ("random forest", "gate"),
}
SCORES = {
    "log loss": "nll",
    "interval score": "interval_score",
    "coverage": "coverage",
    "error": "rmse",
}


@cache
def calibration() -> dict[str, Any]:
    """The record of the study on calibration."""
    return dict(records("calibration"))


def interval(values: Any, tested: int, trained: int) -> tuple[float, float]:
    """Mean over splits, and the half width of its corrected interval."""
    values = np.asarray(values)
    J = len(values)
    half = t.ppf(0.975, J - 1) * values.std(ddof=1) * math.sqrt(1 / J + tested / trained)
    return float(values.mean()), float(half)


# -- proper scores ---------------------------------------------------------------------------------


def expected_interval_score(stated: Array, alpha: float) -> Array:
    """E of the interval score of a central interval of N(0, stated^2) for a target N(0, 1)."""
    z = norm.ppf(1 - alpha / 2)
    end = z * stated
    beyond = norm.pdf(end) - end * norm.sf(end)
    return np.asarray(2 * end + 4 / alpha * beyond)


def proper(alpha: float) -> Figure:
    """Expected scores of a Gaussian prediction against the deviation that it states."""
    stated = np.linspace(0.3, 3, 200)
    fig, ax = new_axes(height=3.4)
    best = float(expected_interval_score(np.ones(1), alpha)[0])
    ax.plot(
        stated,
        expected_interval_score(stated, alpha) - best,
        color=COLOR["theory"],
        label=f"interval score, {1 - alpha:.0%}",
    )
    log = np.log(stated) + 1 / (2 * stated**2) - 0.5
    ax.plot(stated, log, "--", color=COLOR["network"], label="log loss")
    ax.axvline(1, color=COLOR["muted"], lw=1)
    ax.set(ylim=(-0.05, 2.5), xlabel="stated deviation over the true one", ylabel="excess")
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def proper_alt(alpha: float) -> str:
    """What a frame of `proper` shows, in words."""
    best = expected_interval_score(np.array([1.0]), alpha)[0]
    half, twice = expected_interval_score(np.array([0.5, 2.0]), alpha) - best
    return (
        f"What the interval score at {1 - alpha:.0%} and the log loss lose, on average, when a "
        "Gaussian prediction states a wrong deviation: both curves are zero where the stated "
        f"deviation is the true one, and positive elsewhere. At half of it the interval score "
        f"loses {half:.2f}, at twice it {twice:.2f}."
    )


# -- regressions -----------------------------------------------------------------------------------


def _regression(table: str) -> dict[str, Any]:
    return dict(calibration()["regression"][table])


def shown(table: str) -> list[str]:
    """The learners of a table, in the order of the figures."""
    return [name for name in LEARNERS if name in _regression(table)["learners"]]


def losses(table: str, score: str) -> Figure:
    """Scores of predictions with an error on a table, with intervals over splits."""
    record = _regression(table)
    fig, ax = new_axes(height=3.6)
    for row, name in enumerate(shown(table)):
        mean, half = _scored(record, name, score)
        color = COLOR[LEARNERS[name][1]]
        ax.plot([mean - half, mean + half], [row, row], color=color, lw=1.6)
        ax.plot(mean, row, "o", color=color)
    if score == "coverage":
        ax.axvline(0.9, color=COLOR["muted"], lw=1)
    ax.set_yticks(range(len(shown(table))), [LEARNERS[name][0] for name in shown(table)])
    ax.invert_yaxis()
    ax.set(xlabel=score, title=f"{table}: {record['n']} rows, {record['d']} columns")
    ax.grid(axis="x", alpha=0.25)
    return fig


def _scored(record: Any, name: str, score: str) -> tuple[float, float]:
    values = record["learners"][name][SCORES[score]]
    return interval(values, record["tested"], record["n"] - record["tested"])


def losses_alt(table: str, score: str) -> str:
    """What a frame of `losses` shows, in words."""
    record = _regression(table)
    parts = []
    for name in shown(table):
        mean, half = _scored(record, name, score)
        parts.append(f"{LEARNERS[name][0]} {fixed(mean, 3)} ± {fixed(half, 3)}")
    return f"The {score} on {table}, mean and interval over splits: {'; '.join(parts)}."


def covered(parts: Any) -> Array:
    """Share of targets within the central predicted intervals of probability 0.1, 0.2, ..., 1."""
    counts = np.asarray(parts, dtype=float)
    middle = len(counts) // 2
    inner = [counts[middle - i : middle + i].sum() for i in range(1, middle + 1)]
    return np.asarray(np.array(inner) / counts.sum())


def coverage(table: str, learner: str) -> Figure:
    """Where the targets fall in what was predicted, and how often intervals hold them."""
    parts = np.asarray(_regression(table)["learners"][learner]["transform"], dtype=float)
    color = COLOR[LEARNERS[learner][1]]
    fig, (left, right) = new_axes(1, 2, height=3.1, width_ratios=(1, 1))
    centre = (np.arange(len(parts)) + 0.5) / len(parts)
    left.bar(centre, parts / parts.mean(), width=0.9 / len(parts), color=color)
    left.axhline(1, color=INK, lw=1)
    left.set(ylim=(0, 3.2), xlabel="predicted probability", title="targets below")
    told = np.arange(1, len(parts) // 2 + 1) / (len(parts) // 2)
    right.plot([0, 1], [0, 1], color=INK, lw=1)
    right.plot(told, covered(parts), "o-", color=color, ms=4)
    right.set(xlabel="stated", title="share within", xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
    fig.suptitle(f"{table}: {LEARNERS[learner][0]}", fontsize=11)
    return fig


def coverage_alt(table: str, learner: str) -> str:
    """What a frame of `coverage` shows, in words."""
    parts = _regression(table)["learners"][learner]["transform"]
    held = covered(parts)
    ends = (parts[0] + parts[-1]) / sum(parts)
    return (
        f"{LEARNERS[learner][0]} on {table}, all splits together. Of the targets "
        f"{ends:.1%} lie in the two outermost twentieths of what was predicted, where a tenth "
        f"belongs. Intervals that state 50% hold {held[4]:.1%}, those that state 90% hold "
        f"{held[8]:.1%}."
    )


# -- probabilities ---------------------------------------------------------------------------------


def _digits(size: int) -> dict[str, Any]:
    return dict(calibration()["digits"][str(size)])


def reliability(size: int, learner: str) -> Figure:
    """Hits against confidence, bin by bin, and how many predictions are in each bin."""
    counts, stated, hits = np.array(_digits(size)["learners"][learner]["bins"])
    some = counts > 0
    color = COLOR[CLASSIFIERS[learner][1]]
    fig, (upper, lower) = new_axes(2, height=4.6, height_ratios=(3, 1))
    at, right = stated[some] / counts[some], hits[some] / counts[some]
    # Two binomial deviations about the diagonal: what chance does to calibrated predictions.
    slack = 2 * np.sqrt(at * (1 - at) / counts[some])
    upper.plot([0, 1], [0, 1], color=INK, lw=1)
    upper.errorbar(at, at, slack, fmt="none", ecolor=COLOR["muted"], elinewidth=5, alpha=0.45)
    upper.plot(at, right, "o-", color=color, ms=5, lw=1.2)
    upper.set(xlim=(0, 1.02), ylim=(0, 1.04), ylabel="share of hits")
    upper.set_title(f"{CLASSIFIERS[learner][0]}, {size} training images")
    edges = (np.arange(len(counts)) + 0.5) / len(counts)
    lower.bar(edges, counts / counts.sum(), width=0.9 / len(counts), color=color)
    lower.set(xlim=(0, 1.02), yscale="log", ylim=(1e-4, 1.5), xlabel="confidence", ylabel="share")
    return fig


def reliability_alt(size: int, learner: str) -> str:
    """What a frame of `reliability` shows, in words."""
    record = _digits(size)["learners"][learner]
    counts, stated, hits = np.array(record["bins"])
    mean = stated.sum() / counts.sum()
    right = hits.sum() / counts.sum()
    # As in the figure, two binomial deviations are left to chance.
    chance = 2 * np.sqrt(np.sum(stated * (1 - stated / np.maximum(counts, 1))))
    word = "less than" if mean < right else "more than"
    if abs(mean - right) * counts.sum() <= chance:
        word = "about what"
    return (
        f"{CLASSIFIERS[learner][0]}, {size} training images: the share of hits against the "
        f"confidence, in bins. Mean confidence {mean:.1%}, hits {right:.1%}: it claims {word} "
        f"it achieves. Expected calibration error {fixed(np.mean(record['ece']), 3)}, where chance "
        f"alone would give {fixed(np.mean(record['ece_if_calibrated']), 3)}. Gray bars are two "
        "deviations of chance about the diagonal."
    )
