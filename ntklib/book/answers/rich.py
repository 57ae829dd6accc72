"""What `grade` expects for the exercises of the chapter *From lazy to rich*."""

from __future__ import annotations

import math

from ntklib.book.answers import Answer


def width(critical: float = 3.0, m: int = 400) -> float:
    """Where a critical setting that falls like 1/sqrt(m) is one."""
    return m * critical**2


def dial(growth: float = 3.0, y: float = 2.0) -> float:
    """The dial at which the kernel of one linear neuron grows by this factor."""
    return 2 * y / math.sqrt(growth**2 - 1)


def outer(a: float = 2.0, inner: float = 1.0, end: float = math.sqrt(6)) -> float:
    """The outer weight when the inner one has the norm `end`."""
    return math.sqrt(a**2 - inner**2 + end**2)


def slope(ratio: float = 0.25) -> float:
    """The dial at which x = (2, 1) and y = 2 give coefficients of this ratio."""
    nu = math.acosh(1 / (2 * ratio))
    return 2 * 2 / (2 * math.sinh(2 * nu) + math.sinh(nu))


ANSWERS = {
    "ex-rich-1": Answer(width, "How does the critical setting depend on m?"),
    "ex-rich-2": Answer(dial, "The kernel ends at the root of 1 + 4 y^2 / alpha^2."),
    "ex-rich-3": Answer(outer, "Which difference is kept?"),
    "ex-rich-4": Answer(slope, "The fit is c sinh(2 nu), c sinh(nu). What is their ratio?"),
    "ex-rich-5": Answer(lambda: [1, 0, -1], "How far does a feature move, whatever s is?"),
}
