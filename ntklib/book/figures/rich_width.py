"""Figures of the chapter *From lazy to rich*: which fit is chosen, how rates follow the width."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from scipy.optimize import linprog

from ntklib.book.figures.style import COLOR, new_axes
from ntklib.book.recorded import records

# -- which fit the dial chooses --------------------------------------------------------------------

TRUTHS = ("sparse", "dense")
UNKNOWNS, EQUATIONS = 24, 12


def chosen(X: np.ndarray, y: np.ndarray, alpha: float) -> np.ndarray:
    """The fit that linear neurons find with the dial alpha: :prf:ref:`thm-implicit-bias`, part 2.

    Newton's method for the dual problem, which is smooth and convex, from a large dial on down.
    """
    nu = np.zeros(len(y))
    for c in np.geomspace(max(alpha, 64.0), alpha, 25) / 2:
        for _ in range(100):
            slopes = c * np.cosh(X.T @ nu)
            left = y - X @ (c * np.sinh(X.T @ nu))
            move = np.linalg.lstsq((X * slopes) @ X.T, left, rcond=None)[0]
            # So far that no hyperbolic sine grows by more than a factor e.
            move /= max(1.0, float(np.abs(X.T @ move).max()))
            nu = nu + move
            if np.abs(left).max() < 1e-13 * np.abs(y).max():
                break
    return np.asarray(alpha / 2 * np.sinh(X.T @ nu))


def smallest_sum(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The fit with the smallest sum of absolute values, by linear programming."""
    p = X.shape[1]
    found = linprog(np.ones(2 * p), A_eq=np.hstack([X, -X]), b_eq=y, method="highs")
    return np.asarray(found.x[:p] - found.x[p:])


def equations(truth: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs (12, 24), targets without noise, and the coefficients that made them."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((EQUATIONS, UNKNOWNS)) / np.sqrt(EQUATIONS)
    dense = rng.standard_normal(UNKNOWNS) / np.sqrt(UNKNOWNS)
    sparse = np.zeros(UNKNOWNS)
    sparse[[4, 11, 17]] = 1.0, -0.7, 0.5
    beta = sparse if truth == "sparse" else dense
    return X, X @ beta, beta


@cache
def _fits(truth: str, alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    X, y, beta = equations(truth)
    return chosen(X, y, alpha), beta, np.linalg.pinv(X) @ y


def bias(truth: str, alpha: float) -> Figure:
    """Coefficients that linear neurons find, those of least length, and the true ones."""
    beta, true, least = _fits(truth, alpha)
    at = np.arange(1, UNKNOWNS + 1)
    fig, ax = new_axes(height=3.8)
    ax.axhline(0, color=COLOR["muted"], lw=0.8)
    ax.vlines(at, 0, beta, color=COLOR["network"], lw=2.5, label="found")
    ax.plot(at, least, "_", ms=8, mew=1.6, color=COLOR["linear"], label="least length")
    ax.plot(at, true, "o", ms=6, mfc="none", color=COLOR["truth"], label="truth")
    ax.set(xlabel="coefficient", ylim=(-1.1, 1.2), title=rf"{truth}, $\alpha={alpha:g}$")
    fig.legend(loc="outside lower center", ncols=3, columnspacing=1, handlelength=1.2)
    return fig


def bias_alt(truth: str, alpha: float) -> str:
    """What a frame of `bias` shows, in words."""
    beta, true, least = _fits(truth, alpha)
    off = [np.linalg.norm(one - true) / np.linalg.norm(true) for one in (beta, least)]
    return (
        f"{truth.capitalize()} truth, dial {alpha:g}: 24 coefficients found from 12 equations. "
        f"Their sum of absolute values is {np.abs(beta).sum():.3g}, that of the truth "
        f"{np.abs(true).sum():.3g}. Relative distance from the truth {off[0]:.2g}; of the fit of "
        f"least length, marked by dashes, {off[1]:.2g}."
    )


# -- one step --------------------------------------------------------------------------------------

# Powers of the width: scale of the readout, rate of the inner layer, rate of the readout.
RULES = {
    "standard": (-0.5, 0.0, 0.0),
    "standard, rate/m": (-0.5, -1.0, -1.0),
    "NTK": (-0.5, 0.0, -1.0),
    "mu": (-1.0, 1.0, -1.0),
}
_WIDTHS = np.array([4**k for k in range(2, 8)])


def one_step(m: int, powers: tuple[float, float, float], seed: int) -> tuple[float, float]:
    """Movement of an open neuron, and the output, after one step of rate 1 towards the target 1."""
    scale, inner, readout = (float(m) ** power for power in powers)
    z = np.random.default_rng(seed).standard_normal(m // 2)
    z = z[z >= 0]
    move, more = inner * scale, readout * z
    out = (scale + more) * (z + move) + (more - scale) * np.maximum(z - move, 0)
    return move, float(out.sum())


def steps() -> Figure:
    """Features and output after one step, for four rules, against the width."""
    fig, (upper, lower) = new_axes(2, height=5.4)
    colors = ("network", "accent", "linear", "gate")
    for (name, powers), color, mark in zip(RULES.items(), colors, "osD^", strict=True):
        both = np.array([one_step(int(m), powers, 0) for m in _WIDTHS])
        label = r"$\mu$" if name == "mu" else name
        for ax, values in zip((upper, lower), both.T, strict=True):
            ax.plot(_WIDTHS, values, f"{mark}-", color=COLOR[color], ms=5, lw=1.2, label=label)
    upper.set(ylabel="movement of features", title="one step")
    lower.set(ylabel="output", xlabel="width $m$")
    for ax in (upper, lower):
        ax.set(xscale="log", yscale="log")
        ax.set_xticks(_WIDTHS, [str(m) for m in _WIDTHS])
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_minor_locator(NullLocator())
    fig.legend(*lower.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def steps_alt() -> str:
    """What `steps` shows, in words."""
    ends = {name: one_step(int(_WIDTHS[-1]), powers, 0) for name, powers in RULES.items()}
    told = "; ".join(f"{name} {move:.2g} and {out:.2g}" for name, (move, out) in ends.items())
    return (
        "Movement of a feature and output after one step against the width, both on logarithmic "
        f"scales, for four rules. At width {_WIDTHS[-1]} they are: {told}. Only with the rule mu "
        "are both lines level, up to chance."
    )


# -- rates across widths ---------------------------------------------------------------------------

_FIVE = ("sample", "truth", "network", "theory", "accent")
NAMES = {"standard": "standard", "ntk": "NTK", "mu": r"$\mu$"}


def best_rates(rule: str, width: int) -> list[float]:
    """Binary logarithm of the best rate at this width, for each seed of the record."""
    record = records("transfer")
    losses = record["runs"][rule][str(width)]["loss"]
    grid = record["log2_rates"]
    return [
        min(zip(row, grid, strict=True), key=lambda pair: np.inf if pair[0] is None else pair[0])[1]
        for row in losses
    ]


def transfer(rule: str) -> Figure:
    """Loss after 200 steps against the rate, one curve a width: median and range of the seeds."""
    record = records("transfer")
    grid = np.array(record["log2_rates"])
    fig, ax = new_axes(height=4.3)
    for width, color in zip(record["widths"], _FIVE, strict=True):
        loss = np.array(record["runs"][rule][str(width)]["loss"], dtype=float)
        fine = np.logical_and.accumulate(np.isfinite(loss).all(axis=0))
        kept, at = loss[:, fine], grid[fine]
        low, high = kept.min(axis=0), kept.max(axis=0)
        ax.fill_between(at, low, high, color=COLOR[color], alpha=0.18, lw=0)
        middle = np.median(kept, axis=0)
        ax.plot(at, middle, color=COLOR[color], label=str(width))
        best = int(middle.argmin())
        ax.plot(at[best], middle[best], "o", ms=6, color=COLOR[color])
    ax.set(yscale="log", ylim=(2e-3, 3), xlim=(grid[0] - 0.2, grid[-1] + 0.2))
    ax.set(xlabel="rate, as a power of two", ylabel="loss", title=f"rule: {NAMES[rule]}")
    ax.yaxis.set_minor_locator(NullLocator())
    fig.legend(loc="outside lower center", ncols=5, title="width", columnspacing=1)
    return fig


def transfer_alt(rule: str) -> str:
    """What a frame of `transfer` shows, in words."""
    record = records("transfer")
    told = []
    for width in (record["widths"][0], record["widths"][-1]):
        best = best_rates(rule, width)
        loss = np.array(record["runs"][rule][str(width)]["loss"], dtype=float)
        told.append(
            f"at width {width} the best rates of the seeds are two to the {min(best):g} to "
            f"{max(best):g}, with a median of the best losses of "
            f"{np.median(np.nanmin(loss, axis=1)):.2g}"
        )
    return (
        f"Rule {rule}: loss after 200 steps against the rate, a curve with a band for each of five "
        f"widths; {told[0]}; {told[1]}. A curve ends before a rate at which a seed diverges."
    )
