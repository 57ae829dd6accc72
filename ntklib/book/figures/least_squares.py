"""Figures of the chapter *Least squares*."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ntklib import Fit, Linearization, ShallowNetwork
from ntklib._validate import Array
from ntklib.book.figures.geometry import FINE, arrow, circle, pi_ticks
from ntklib.book.figures.style import COLOR, INK, new_axes
from ntklib.least_squares import dual_solve, pinv_solve, primal_solve

# The plane of the first figure: orthonormal directions, and where L is least.
V1 = np.array([np.cos(0.45), np.sin(0.45)])
V2 = np.array([-V1[1], V1[0]])
CENTER = 0.7 * V1 - 0.35 * V2
STEPS = 40


def _level_lines(ax: Axes, second: float) -> None:
    """Level lines of L(w) = ((v_1.(w - c))^2 + second^2 (v_2.(w - c))^2) / 2."""
    turn = np.linspace(0, 2 * np.pi, 121)
    for radius in np.arange(0.4, 4.1, 0.4):
        if second == 0:
            ends = np.array([[-6.0], [6.0]])
            for side in (-1, 1):
                line = CENTER + side * radius * V1 + ends * V2
                ax.plot(*line.T, color=COLOR["muted"], lw=0.7)
        else:
            across, along = radius * np.cos(turn), radius / second * np.sin(turn)
            oval = CENTER + np.outer(across, V1) + np.outer(along, V2)
            ax.plot(*oval.T, color=COLOR["muted"], lw=0.7)
    ax.set(xlim=(-2.6, 2.6), ylim=(-2.0, 2.0), aspect="equal", xticks=[], yticks=[])
    ax.set(xlabel="first weight", ylabel="second weight")


def _nearest(start: Array, second: float) -> Array:
    return np.asarray(CENTER + (0 if second > 0 else (start - CENTER) @ V2) * V2)


def _start(degrees: float) -> Array:
    phi = np.deg2rad(degrees)
    return np.array([1.9 * np.cos(phi), 1.5 * np.sin(phi)])


def valley(place: float, second: float) -> Figure:
    """Level lines of the loss over two weights, its minimizers, and the nearest of them."""
    w0 = _start(place)
    end = _nearest(w0, second)
    fig, ax = new_axes(height=4.0)
    _level_lines(ax, second)
    if second == 0:
        ends = np.array([[-6.0], [6.0]])
        ax.plot(*(CENTER + ends * V2).T, color=COLOR["linear"], lw=3, label="minimizers")
    else:
        ax.plot(*CENTER, "s", color=COLOR["linear"], ms=11, label="minimizer")
    arrow(ax, w0, end, color=INK, lw=1.6)
    ax.plot(*w0, "o", color=COLOR["network"], ms=9, label="$w_0$")
    ax.plot(*end, "D", color=COLOR["accent"], ms=8, label=r"$\hat w$, nearest")
    ax.set_title(f"distance {np.linalg.norm(end - w0):.2f}")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def valley_alt(place: float, second: float) -> str:
    """What a frame of `valley` shows, in words."""
    w0 = _start(place)
    distance = np.linalg.norm(_nearest(w0, second) - w0)
    shape = "parallel lines, and the minimizers fill the line in their middle"
    if second > 0:
        shape = f"{'circles' if second == 1 else 'ellipses'} around a single minimizer"
    return (
        f"The plane of two weights with the level lines of the loss: {shape}. A dot, the initial "
        f"weights, at {place} degrees, and an arrow from it to the nearest minimizer, a diamond, "
        f"at distance {distance:.2f}."
    )


def descent(step: float) -> Figure:
    """Gradient descent on a valley; `step` is in units of 1 / lambda_max."""
    second, w0 = 0.35, np.array([-1.2, 1.4])
    path = [w0]
    for _ in range(STEPS):
        gap = path[-1] - CENTER
        path.append(path[-1] - step * ((gap @ V1) * V1 + second**2 * (gap @ V2) * V2))
    walk = np.array(path)
    fig, (upper, lower) = new_axes(2, height=4.9, height_ratios=(4, 3))
    _level_lines(upper, second)
    upper.plot(*w0, "o", color=COLOR["network"], ms=9, label="$w_0$")
    upper.plot(*walk.T, "o-", color=COLOR["network"], ms=3.5, lw=1, label="steps")
    upper.plot(*CENTER, "D", color=COLOR["accent"], ms=8, label="minimizer")
    upper.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    upper.set_title(rf"step = {step:g} / $\lambda_{{\max}}$")
    t = np.arange(STEPS + 1)
    rows = ((1, "steep", V1, 1.0, "-"), (2, "flat", V2, second, "--"))
    for k, name, direction, size, style in rows:
        label = rf"{name}," "\n" rf"$\sigma_{k}$ = {size:g}"
        lower.semilogy(t, np.abs((walk - CENTER) @ direction) + 1e-12, style, label=label)
        lower.lines[-1].set_color(COLOR["theory"] if style == "-" else COLOR["gate"])
    lower.set(xlabel="steps $t$", ylabel=r"$|\langle v_k,\,w_t-\hat w\rangle|$", ylim=(1e-4, 1e3))
    lower.set_title("gap by direction")
    lower.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def descent_alt(step: float) -> str:
    """What a frame of `descent` shows, in words."""
    rates = [abs(1 - step), abs(1 - step * 0.35**2)]
    steep = f"it {'shrinks' if rates[0] < 1 else 'grows'} by the factor {rates[0]:.2f} each step"
    if abs(rates[0] - 1) < 1e-9:
        steep = "it keeps its size"
    return (
        f"Above: a path of gradient descent with step {step:g} over the largest eigenvalue, on "
        f"elliptic level lines. Below: the gap to the minimizer on a logarithmic axis, along the "
        f"steep direction, where {steep}, and along the flat one, where it shrinks by the factor "
        f"{rates[1]:.2f} each step."
    )


TWIN_ANGLE = 2.0
OTHERS = np.array([0.3, 1.1, 3.4, 4.6, 5.6])
# Of the others, and of the two twins.
TWIN_LABELS = np.array([0.5, 0.2, -0.3, 0.1, -0.2, 0.0, 1.0])


def _twin_angles(gap: float) -> Array:
    return np.concatenate([OTHERS, [TWIN_ANGLE - gap / 2, TWIN_ANGLE + gap / 2]])


def twins_fit(gap: float) -> Fit:
    """The fit of a doubled network to five points on the circle and, last, two neighbors."""
    net, W0 = ShallowNetwork.random(2, 200, rng=np.random.default_rng(5), doubled=True)
    return Linearization(net, W0).fit(circle(_twin_angles(gap)), TWIN_LABELS)


def _twins(gap: float) -> tuple[Array, float]:
    """Predictions on the circle, and distance traveled."""
    fit = twins_fit(gap)
    return fit.predict(circle(FINE)), float(np.linalg.norm(fit.W - fit.linearization.W0))


def twins(gap: float) -> Figure:
    """A fit to five points and two neighbors with the labels 0 and 1."""
    phi, (curve, distance) = _twin_angles(gap), _twins(gap)
    fig, ax = new_axes(height=3.4)
    ax.plot(FINE, curve, color=COLOR["linear"], label=r"$F_0(x;\hat w)$")
    ax.plot(phi[:-2], TWIN_LABELS[:-2], "o", color=COLOR["data"], label="data")
    ax.plot(phi[-2:], TWIN_LABELS[-2:], "X", color=COLOR["forbidden"], ms=9, label="neighbors")
    ax.set(xlabel="position on the circle", ylim=(-4.5, 6.8))
    pi_ticks(ax, 0, 1, 2)
    ax.set_title(rf"gap {gap:g}: distance traveled {distance:.2f}")
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def twins_alt(gap: float) -> str:
    """What a frame of `twins` shows, in words."""
    curve, distance = _twins(gap)
    where = "two labels at one point: the fit passes midway" if gap == 0 else "all are fitted"
    return (
        f"A fit on the circle to five points and to two neighbors {gap:g} apart with the labels 0 "
        f"and 1; {where}. The curve runs from {curve.min():.1f} to {curve.max():.1f}; the weights "
        f"travel {distance:.2f}."
    )


N_POINTS, DIMENSION, NETWORKS = 60, 10, 9
WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 45, 60)


@cache
def _by_width() -> tuple[Array, Array]:
    """Training error, test error and squared distance, without noise and per unit of its variance.

    Two arrays, (widths, networks, 3). By linearity the expected value at noise of variance t is
    the first plus t times the second.
    """
    rng = np.random.default_rng(11)
    clean = np.zeros((len(WIDTHS), NETWORKS, 3))
    noise = np.zeros((len(WIDTHS), NETWORKS, 3))
    for row, m in enumerate(WIDTHS):
        for draw in range(NETWORKS):
            points = rng.standard_normal((N_POINTS + 200, DIMENSION))
            points /= np.linalg.norm(points, axis=1, keepdims=True)
            truth = np.sin(points @ rng.standard_normal(DIMENSION))
            net, W0 = ShallowNetwork.random(DIMENSION, m, rng=rng, activation="tanh")
            J = net.jacobian(points, W0)
            inverse = np.linalg.pinv(J[:N_POINTS])
            hat = J @ inverse  # predictions at all points, linear in the targets
            error = hat @ truth[:N_POINTS] - truth
            weights = inverse @ truth[:N_POINTS]
            left = np.eye(N_POINTS) - hat[:N_POINTS]
            clean[row, draw] = (
                np.mean(error[:N_POINTS] ** 2),
                np.mean(error[N_POINTS:] ** 2),
                weights @ weights,
            )
            noise[row, draw] = (
                np.sum(left**2) / N_POINTS,
                np.mean(np.sum(hat[N_POINTS:] ** 2, axis=1)),
                np.sum(inverse**2),
            )
    return clean, noise


def ratio(noise: float) -> Figure:
    """Training error, test error and distance of the least-norm fit, as the width grows."""
    clean, per_unit = _by_width()
    errors = np.median(clean + noise**2 * per_unit, axis=1)
    p_over_n = np.array(WIDTHS) * DIMENSION / N_POINTS
    fig, (upper, lower) = new_axes(2, height=4.6)
    upper.loglog(p_over_n, errors[:, 1], "o-", ms=4, color=COLOR["linear"], label="test")
    shown = errors[:, 0] > 1e-12
    upper.loglog(p_over_n[shown], errors[shown, 0], "s--", ms=4, color=COLOR["gate"])
    upper.lines[-1].set_label("training")
    upper.set(title=f"squared error, noise {noise:g}", ylim=(1e-4, 1e4))
    lower.loglog(p_over_n, errors[:, 2], "D-", ms=4, color=COLOR["theory"])
    lower.set(title=r"$\|\hat w-w_0\|^2$", ylim=(1, 1e6))
    for ax in (upper, lower):
        ax.axvline(1, color=COLOR["muted"], lw=1, ls=":", label="$p=n$")
        ax.set_xticks([0.2, 0.5, 1, 2, 5, 10], ["0.2", "0.5", "1", "2", "5", "10"])
        ax.minorticks_off()
    upper.legend(loc="upper right")
    lower.set(xlabel="weights per point, $p/n$")
    return fig


def ratio_alt(noise: float) -> str:
    """What a frame of `ratio` shows, in words."""
    clean, per_unit = _by_width()
    errors = np.median(clean + noise**2 * per_unit, axis=1)
    peak, far = (int(errors[:, column].argmax()) for column in (1, 2))
    return (
        f"Noise {noise:g}. Above, against weights per point from 0.17 to 10: the training error "
        "falls to zero at one weight per point, a dotted line, where its curve ends, since zero "
        "has no place on the logarithmic axis. The test error is largest at "
        f"{WIDTHS[peak] * DIMENSION / N_POINTS:.1f} weights per point, {errors[peak, 1]:.2g}, and "
        f"comes down to {errors[-1, 1]:.2g}. Below: the squared distance that the weights travel "
        f"has its peak at {WIDTHS[far] * DIMENSION / N_POINTS:.1f} weights per point."
    )


CONDITIONS = 10.0 ** np.arange(0, 12.5, 0.5)
LOST_N, LOST_P = 20, 60


@cache
def correct_digits() -> Array:
    """Correct digits of J^+ r by three forms, (len(CONDITIONS), 3): medians over draws."""
    rng = np.random.default_rng(7)
    digits = np.zeros((len(CONDITIONS), 9, 3))
    for row, condition in enumerate(CONDITIONS):
        s = np.logspace(0, -np.log10(condition), LOST_N)
        for draw in range(digits.shape[1]):
            U = np.linalg.qr(rng.standard_normal((LOST_N, LOST_N)))[0]
            V = np.linalg.qr(rng.standard_normal((LOST_P, LOST_N)))[0]
            b = rng.choice([-1.0, 1.0], LOST_N)
            J, r, right = U * s @ V.T, U @ (s * b), V @ b
            for column, solve in enumerate((pinv_solve, primal_solve, dual_solve)):
                error = np.linalg.norm(solve(J, r) - right) / np.linalg.norm(right)
                digits[row, draw, column] = -np.log10(error)
    kept = np.maximum(np.median(digits, axis=1), 0)
    kept.flags.writeable = False  # one array for all calls
    return kept


def digits_lost() -> Figure:
    """Correct digits of J^+ r by three forms, against the condition number of J."""
    digits = correct_digits()
    fig, ax = new_axes(height=3.4)
    logs = np.log10(CONDITIONS)
    for slope, name in ((1, "slopes −1 and −2"), (2, None)):
        left = 16 - slope * logs
        left[left < 0] = np.nan  # there are no digits left to lose
        ax.plot(CONDITIONS, left, color=COLOR["muted"], lw=1, label=name)
    series = (
        (r"SVD of $J$", "o-", COLOR["theory"]),
        (r"$(J^{\mathsf{T}}J)^{+}J^{\mathsf{T}}r$", "s--", COLOR["linear"]),
        (r"$J^{\mathsf{T}}(JJ^{\mathsf{T}})^{+}r$", "x-", COLOR["gate"]),
    )
    for column, (label, style, color) in enumerate(series):
        ax.semilogx(CONDITIONS, digits[:, column], style, color=color, ms=5, lw=1.3, label=label)
    ax.set(xlabel="condition number of $J$", ylabel="correct digits", ylim=(-0.5, 17))
    ax.legend(loc="upper right")
    return fig


def digits_lost_alt() -> str:
    """What `digits_lost` shows, in words."""
    return (
        "Correct digits of the solution against the condition number of J, from 1 to ten to the "
        "12, on a logarithmic axis. The singular value decomposition of J starts near 15 digits "
        "and loses about one digit for each factor of ten. The two Gram forms start there too and "
        "lose about two; beyond ten to the seven they have less than one digit left. Two thin "
        "straight lines of slopes minus one and minus two, the second down to zero at ten to the "
        "eight, show what the proposition predicts."
    )


def widths(rows: Array, n: int) -> Figure:
    """Rank, distance and test accuracy against the number of weights.

    Parameters
    ----------
    rows : ndarray, shape (k, 4)
        Weights p, rank, distance, test accuracy.
    n : int
        Training points.
    """
    p, rank, distance, accuracy = rows.T
    fig, axes = new_axes(3, height=5.0)
    series = (
        (rank, "rank of $J$", "s-", COLOR["gate"]),
        (distance, "distance", "D-", COLOR["theory"]),
        (accuracy, "test accuracy", "o-", COLOR["linear"]),
    )
    for ax, (values, name, style, color) in zip(axes, series, strict=True):
        ax.semilogx(p, values, style, color=color, ms=4.5)
        ax.axvline(n, color=COLOR["muted"], lw=1, ls=":", label="$p=n$")
        ax.set(ylabel=name, xticks=[100, 1000])
        ax.minorticks_off()
    axes[2].set(xlabel="weights $p$")
    fig.align_ylabels()
    axes[1].set_yscale("log")
    axes[0].set_ylim(0, None)
    axes[0].legend(handles=axes[0].lines[1:], loc="lower right")
    axes[2].set_ylim(0, 1.02)
    return fig


def widths_alt(rows: Array, n: int) -> str:
    """What `widths` shows, in words."""
    p, rank, distance, accuracy = rows.T
    far, worst = int(distance.argmax()), int(accuracy[2:].argmin()) + 2
    full = int(p[rank == n].min())
    return (
        f"Three panels against the number of weights, from {p[0]:.0f} to {p[-1]:.0f}, with a "
        f"dotted line at {n}, where there are as many weights as points. "
        f"First: the rank of J grows and is {n} from {full} weights on. "
        f"Second: the distance has its peak, {distance[far]:.3g}, at {p[far]:.0f} weights, and "
        f"falls to {distance[-1]:.3g}. Third: the test accuracy is {accuracy[1]:.2f} at {p[1]:.0f} "
        f"weights, {accuracy[worst]:.2f} at {p[worst]:.0f}, and {accuracy[-1]:.2f} at the end."
    )
