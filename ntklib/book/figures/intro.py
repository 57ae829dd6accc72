"""The figure of the landing page."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntklib import Linearization, ShallowNetwork, relu_ntk
from ntklib.book.figures.geometry import circle, pi_ticks
from ntklib.book.figures.style import COLOR, new_axes
from ntklib.least_squares import dual_coefficients

DRAWS = 4
ANGLES = np.array([0.35, 1.2, 2.3, 3.6, 5.1])  # no two on one line through the origin
TARGETS = np.array([0.6, -0.4, 0.8, -0.7, 0.5])
FINE = np.linspace(0.0, 2 * np.pi, 181)


def story(m: int) -> Figure:
    """Kernels and fits of a few random networks of width m, and the limit of both."""
    fig, (upper, lower) = new_axes(2, height=4.0)
    theta = np.linspace(0.0, np.pi, 121)
    origin, X, grid = circle(np.zeros(1)), circle(ANGLES), circle(FINE)
    for draw in range(DRAWS):
        net, W0 = ShallowNetwork.random(2, m, rng=np.random.default_rng(draw), doubled=True)
        profile = net.empirical_ntk(origin, circle(theta), W=W0)[0]
        upper.plot(theta, profile, color=COLOR["sample"], lw=1)
        fit = Linearization(net, W0).fit(X, TARGETS)
        lower.plot(FINE, fit.predict(grid), color=COLOR["sample"], lw=1)
    upper.plot(theta, relu_ntk(origin, circle(theta))[0], color=COLOR["theory"], lw=2.5)
    alpha, _ = dual_coefficients(relu_ntk(X), TARGETS)
    lower.plot(FINE, relu_ntk(grid, X) @ alpha, color=COLOR["theory"], lw=2.5)
    lower.plot(ANGLES, TARGETS, "o", color=COLOR["data"], zorder=3)
    upper.set(xlabel=r"angle $\theta$", title=f"kernel, width {m}", ylim=(-0.35, 0.75))
    pi_ticks(upper, 0, 0.5, 1)
    lower.set(xlabel="position on the circle", title="fit to five points", ylim=(-2, 2))
    pi_ticks(lower, 0, 1, 2)
    return fig


def story_alt(m: int) -> str:
    """What a frame of `story` shows, in words."""
    net, W0 = ShallowNetwork.random(2, m, rng=np.random.default_rng(0), doubled=True)
    theta = np.linspace(0.0, np.pi, 121)
    origin = circle(np.zeros(1))
    gap = np.abs(
        net.empirical_ntk(origin, circle(theta), W=W0) - relu_ntk(origin, circle(theta))
    ).max()
    return (
        f"Width {m}. Above: the kernels of {DRAWS} random networks against the angle, with the "
        f"limit curve; the first network is off by at most {gap:.2f}. Below: the fits of the same "
        "networks to five points on the circle, with the fit of the limiting kernel. On the whole, "
        "the wider the network, the closer the thin lines lie to the thick ones."
    )
