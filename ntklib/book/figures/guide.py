"""Figures of the page *From the lecture's formula to your data*."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.figure import Figure

from ntklib import angles, relu_ntk, with_bias
from ntklib._validate import Array
from ntklib.book.figures.style import COLOR, INK, new_axes
from ntklib.book.printing import fixed
from ntklib.regression import NTKClassifier, NTKRegressor

try:
    from sklearn.datasets import load_diabetes, load_wine
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler, scale
except ImportError as error:
    raise ImportError(
        "the figures of the guide need scikit-learn 1.6 or newer: pip install 'ntklib[regression]'"
    ) from error

# The bias is as long as a standardized row of 13 columns is on average.
PREPARATIONS = {
    "raw": (),
    "unit rows": (Normalizer(),),
    "standardized": (StandardScaler(),),
    "standardized, bias": (
        StandardScaler(),
        FunctionTransformer(with_bias, kw_args={"beta": np.sqrt(13)}),
    ),
}


@cache
def _prepared(preparation: str) -> tuple[Array, int, int]:
    """Angles between the wines in degrees, held-out errors, and how many wines there are."""
    X, y = load_wine(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    steps = PREPARATIONS[preparation]
    held_out = cross_val_predict(make_pipeline(*steps, NTKClassifier()), X, y, cv=folds)
    if steps:
        X = make_pipeline(*steps).fit_transform(X)
    between = np.rad2deg(angles(X)[np.triu_indices(len(X), 1)])
    return between, int(np.sum(held_out != y)), len(X)


def preparation(how: str) -> Figure:
    """Angles between the rows of a table after a preparation, and what a classifier makes of it."""
    between, wrong, count = _prepared(how)
    fig, ax = new_axes(height=3.0)
    ax.hist(between, bins=np.arange(0, 181, 3), color=COLOR["theory"])
    ax.set(xlabel="angle between two wines, degrees", xlim=(0, 180), xticks=range(0, 181, 30))
    ax.set(ylabel="pairs", yticks=[], title=f"{how}: {wrong} of {count} held-out wines wrong")
    return fig


def preparation_alt(how: str) -> str:
    """What a frame of `preparation` shows, in words."""
    between, wrong, count = _prepared(how)
    low, middle, high = np.percentile(between, [1, 50, 99])
    return (
        f"Histogram of the angles between all pairs of wines, {how}. Half of them are below "
        f"{middle:.0f} degrees, 98 percent between {low:.0f} and {high:.0f}. Of {count} held-out "
        f"wines {wrong} are classified wrongly."
    )


@cache
def _body_mass() -> tuple[Array, Array]:
    data = load_diabetes()
    return scale(data.data[:, [2]]), data.target


def _lift(x: Array, beta: float) -> Array:
    return with_bias(x, beta) if beta else x


@cache
def _curve(beta: float, alpha: float) -> tuple[Array, Array, float]:
    """A grid, the fit on it, and the coefficient of determination at the data."""
    x, y = _body_mass()
    grid = np.linspace(-3, 4.5, 226)[:, None]
    fit = NTKRegressor(alpha=alpha).fit(_lift(x, beta), y)
    return grid[:, 0], fit.predict(_lift(grid, beta)), float(fit.score(_lift(x, beta), y))


def bias(beta: float, alpha: float) -> Figure:
    """Regression of disease progression on body mass with a bias coordinate and a ridge."""
    x, y = _body_mass()
    grid, curve, _ = _curve(beta, alpha)
    fig, ax = new_axes(height=3.2)
    ax.plot(x[::3, 0], y[::3], ".", color=COLOR["data"], ms=4, label="patients (every third)")
    ax.plot(grid, curve, color=COLOR["theory"], lw=2.5, label="fit")
    ax.axvline(0, color=INK, lw=0.6)
    ax.set(xlabel="body mass index, standardized", ylabel="progression", ylim=(-60, 370))
    ax.set(xlim=(-3, 4.5), title=f"bias {beta:g}, ridge {alpha:g}")
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def bias_alt(beta: float, alpha: float) -> str:
    """What a frame of `bias` shows, in words."""
    grid, curve, score = _curve(beta, alpha)
    at_zero = float(curve[np.argmin(np.abs(grid))])
    return (
        "Disease progression of patients, between 25 and 346, over their standardized body mass "
        f"index, and the fit with bias {beta:g} and ridge {alpha:g}. At mean body mass the fit is "
        f"{fixed(at_zero, 0)}; its R squared at the data is {score:.2f}."
    )


def scores(table: Array, kernels: list[str], alphas: list[float]) -> Figure:
    """Held-out scores of kernels (rows) at ridges (columns), the best one framed."""
    fig, ax = new_axes(height=2.8)
    ax.imshow(np.maximum(table, 0), cmap="cividis", vmin=0, aspect="auto")
    best = np.unravel_index(table.argmax(), table.shape)
    middle = table.max() / 2
    for (i, j), value in np.ndenumerate(table):
        ink = "black" if value > middle else "white"
        weight = "bold" if (i, j) == best else "normal"
        text = f"{value:.2f}*" if (i, j) == best else f"{value:.2f}"
        ax.text(j, i, text, ha="center", va="center", color=ink, weight=weight)
    ax.set_xticks(range(len(alphas)), [f"{a:g}" for a in alphas])
    ax.set_yticks(range(len(kernels)), kernels)
    ax.set(xlabel="ridge", title="held-out R², best marked *")
    return fig


def scores_alt(table: Array, kernels: list[str], alphas: list[float]) -> str:
    """What `scores` shows, in words."""
    i, j = np.unravel_index(table.argmax(), table.shape)
    rows = "; ".join(
        f"{name} {row.max():.2f} at ridge {alphas[int(row.argmax())]:g}"
        for name, row in zip(kernels, table, strict=True)
    )
    return (
        f"Table of held-out R squared for {len(kernels)} kernels and {len(alphas)} ridges. Best "
        f"of each kernel: {rows}. Best of all: {kernels[i]}, ridge {alphas[j]:g}."
    )


# -- centres in place of all points ----------------------------------------------------------------

_RIDGE = 0.1


def _around(angle: Array) -> Array:
    """Points of the unit circle with a bias, so that the kernel sees all frequencies."""
    return with_bias(np.stack([np.cos(angle), np.sin(angle)], axis=1))


@cache
def _noisy() -> tuple[Array, Array]:
    """Angles, in an order in which they serve as centres, and noisy values."""
    rng = np.random.default_rng(4)
    angle = rng.permutation(np.linspace(-3.0, 3.0, 40)) + 0.08 * rng.standard_normal(40)
    return angle, np.sin(2 * angle) + 0.5 * np.cos(angle) + 0.15 * rng.standard_normal(40)


@cache
def _centered(m: int) -> tuple[Array, float, float]:
    """Values on a grid of the fit with m centres; its loss, and the largest eigenvalue left."""
    angle, y = _noisy()
    X, grid = _around(angle), _around(np.linspace(-np.pi, np.pi, 361))
    A, K = relu_ntk(X, X[:m]), relu_ntk(X)
    c = np.linalg.solve(A.T @ A + _RIDGE * K[:m, :m], A.T @ y)
    loss = np.sum((A @ c - y) ** 2) + _RIDGE * c @ K[:m, :m] @ c
    left = np.linalg.eigvalsh(K - A @ np.linalg.solve(K[:m, :m], A.T))[-1]
    return relu_ntk(grid, X[:m]) @ c, float(loss), max(float(left), 0.0)


def centers(m: int) -> Figure:
    """The fit in the span of m of 40 points, and the fit in the span of all."""
    angle, y = _noisy()
    grid = np.linspace(-np.pi, np.pi, 361)
    fig, ax = new_axes(height=3.2)
    ax.plot(angle, y, ".", color=COLOR["data"], ms=5, label="points")
    ax.plot(grid, _centered(40)[0], color=COLOR["muted"], lw=4, alpha=0.6, label="fit, all points")
    ax.plot(grid, _centered(m)[0], color=COLOR["theory"], lw=2, label="fit, centres")
    ax.plot(angle[:m], np.full(m, -2.1), "^", color=COLOR["theory"], ms=5, label="centres")
    ax.set(xlabel="angle", xlim=(-np.pi, np.pi), ylim=(-2.3, 2.0))
    ax.set_title(f"{m} centre{'s' if m > 1 else ''}: {_ratio(m)} times the least loss")
    fig.legend(loc="outside lower center", ncols=4, handlelength=1.2, columnspacing=1)
    return fig


def _ratio(m: int) -> str:
    """The loss of the fit with m centres, as a multiple of the least one."""
    return fixed(_centered(m)[1] / _centered(40)[1], 2)


def centers_alt(m: int) -> str:
    """What a frame of `centers` shows, in words."""
    gap = np.abs(_centered(m)[0] - _centered(40)[0]).max()
    return (
        f"Forty noisy points over the circle, with the ridge fit in the span of all of them and "
        f"the fit in the span of {m} of them, which is at most {fixed(float(gap), 2)} away from "
        f"it. Its loss is {_ratio(m)} times the least one."
    )
