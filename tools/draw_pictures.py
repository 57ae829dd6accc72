"""Draw the pictures that stand for the book: the small icon, the card of links, the cover.

All are the wedge of the lecture: two half-planes through the origin, and the arc of directions
that lie in both. Run `python tools/draw_pictures.py` after changing it, and commit the files.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Circle, Wedge

WEBSITE = Path(__file__).parents[1] / "website"
ASSETS, EBOOK = WEBSITE / "assets", WEBSITE / "ebook"
PAPER, INK, BLUE, ORANGE = "#fdfcf8", "#1d2b36", "#0b6e99", "#c05a00"


def wedge(ax: Axes, weight: float) -> None:
    """Two half-planes with normals x and x', the wedge where both hold, and its arc."""
    theta = np.radians([90.0, 135.0])  # the boundary lines
    ax.add_patch(Wedge((0, 0), 1, -45, 90, facecolor=BLUE, edgecolor="none"))
    ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor=INK, linewidth=weight))
    for angle in theta:
        direction = 1.12 * np.array([np.cos(angle), np.sin(angle)])
        ax.plot(*np.column_stack((direction, -direction)), color=INK, lw=weight)
    ax.add_patch(Arc((0, 0), 2, 2, theta1=-45, theta2=90, color=ORANGE, linewidth=1.6 * weight))
    ax.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal")
    ax.set_axis_off()


def icon(path: Path) -> None:
    """32 by 32 pixels."""
    fig = Figure(figsize=(0.32, 0.32), dpi=100, facecolor=PAPER)
    wedge(fig.add_axes((0, 0, 1, 1)), weight=1.0)
    fig.savefig(path, metadata={"Software": None})


def card(path: Path) -> None:
    """1200 by 630 pixels: the wedge beside the title."""
    fig = Figure(figsize=(12, 6.3), dpi=100, facecolor=PAPER)
    wedge(fig.add_axes((0.03, 0.08, 0.44, 0.84)), weight=4)
    fig.text(0.49, 0.62, "Kernels", size=64, weight="bold", color=INK)
    fig.text(0.49, 0.48, "the lecture that checks itself", size=27, color=INK)
    fig.text(
        0.49, 0.28, r"$k(x,x') = \langle x,x'\rangle\,\frac{\pi-\theta}{2\pi}$", size=36, color=BLUE
    )
    fig.savefig(path, metadata={"Software": None})


def cover(path: Path) -> None:
    """1200 by 1800 pixels, of the EPUB: the title above the wedge."""
    fig = Figure(figsize=(12, 18), dpi=100, facecolor=PAPER)
    fig.text(0.5, 0.84, "Kernels", size=110, weight="bold", color=INK, ha="center")
    fig.text(0.5, 0.785, "the lecture that checks itself", size=40, color=INK, ha="center")
    wedge(fig.add_axes((0.1, 0.2, 0.8, 0.533)), weight=6)
    fig.text(0.5, 0.1, "The ntklib authors", size=36, color=INK, ha="center")
    fig.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    icon(ASSETS / "favicon.png")
    card(ASSETS / "card.png")
    cover(EBOOK / "cover.png")
