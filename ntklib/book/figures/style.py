"""One look for all figures: palette, ink, axes.

The colors keep a contrast of at least 3 : 1 against a white and against a dark page, and differ
in lightness or hue for readers with any common color vision; no figure relies on color alone.
Importing this module applies the book's Matplotlib style.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

# Text and axes are drawn in this color, which the page replaces by the color of its own text.
INK = "#010203"

COLOR = {
    "network": "#2f7fd0",  # F
    "linear": "#c8660f",  # F_0
    "data": INK,
    "gate": "#1f8f5f",  # open gates of neurons
    "theory": "#9a5fc8",  # what a formula says
    "sample": "#7a7f87",  # what a random draw shows
    "truth": "#14889a",  # a target function
    "forbidden": "#d0454c",  # what cannot be, bounds that are crossed
    "accent": "#c9508f",
    "muted": "#7a7f87",
}

# All figures have one width, in inches. A phone shows it about 343 CSS pixels wide, which is nearly
# one pixel a point; a larger screen shows 110 pixels an inch. So text of 9 points is legible on
# every screen, and of one size in all figures.
WIDTH = 4.8

with as_file(files("ntklib.book.figures") / "book.mplstyle") as _path:
    matplotlib.style.use(_path)


def new_axes(
    nrows: int = 1,
    ncols: int = 1,
    *,
    height: float = 3.2,
    width_ratios: Sequence[float] | None = None,
    height_ratios: Sequence[float] | None = None,
    **subplot_kw: Any,
) -> tuple[Figure, Any]:
    """A figure and its axes, as ``matplotlib.pyplot.subplots`` gives them, without its state.

    Every figure is `WIDTH` wide. Panels that need room for scales of their own go one below
    the other.
    """
    fig = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = fig.subplots(
        nrows,
        ncols,
        width_ratios=width_ratios,
        height_ratios=height_ratios,
        subplot_kw=subplot_kw or None,
    )
    return fig, axes
