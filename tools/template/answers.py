"""What `grade` expects for the exercises of the chapter *TITLE*."""

from __future__ import annotations

import numpy as np

from ntklib import relu_ntk
from ntklib.book.answers import Answer


def growth(first: float = 3.0, second: float = 2.0) -> float:
    """The growth of the kernel when its inputs become longer by these factors."""
    x, z = np.array([[1.0, 2.0]]), np.array([[2.0, -0.5]])
    return float(relu_ntk(first * x, second * z)[0, 0] / relu_ntk(x, z)[0, 0])


ANSWERS = {
    "ex-FILE-1": Answer(
        growth,
        "Take the two inputs one after the other.",
        {
            "Has the second input become longer, too?": lambda: growth(second=1.0),
            "Do the two factors add?": lambda: growth(second=1.0) + growth(first=1.0),
            "With which power does the kernel grow in one input?": lambda: growth() ** 2,
        },
    ),
}
