"""Figures of the chapter *TITLE*."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ntklib import relu_ntk
from ntklib.book.figures.style import COLOR, new_axes


def lengths(degrees: int) -> Figure:
    """The kernel between c x and x', two unit vectors at an angle, for c up to two."""
    c = np.linspace(0.0, 2.0, 41)
    angle = np.radians(degrees)
    values = relu_ntk(np.outer(c, [1.0, 0.0]), [[np.cos(angle), np.sin(angle)]])[:, 0]
    fig, ax = new_axes()
    ax.plot(c, values, color=COLOR["theory"])
    ax.set(xlabel="$c$", ylabel="$k(cx,x')$", xlim=(0, 2), ylim=(-0.25, 1.1))
    return fig


def lengths_alt(degrees: int) -> str:
    """What it shows, in words."""
    end = relu_ntk([[2.0, 0.0]], [[np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]])
    return (
        f"The kernel between c x and x' at an angle of {degrees} degrees, against c: "
        f"a straight line from zero to {end[0, 0]:.2f} at c = 2."
    )
