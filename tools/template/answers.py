"""What `grade` expects for the exercises of the chapter *TITLE*."""

from __future__ import annotations

from ntklib import relu_ntk
from ntklib.book.answers import Answer


def both_longer() -> float:
    """The growth of the kernel when its inputs become three times and twice as long."""
    x, z = [[1.0, 2.0]], [[2.0, -0.5]]
    longer = relu_ntk([[3.0, 6.0]], [[4.0, -1.0]])
    return float(longer[0, 0] / relu_ntk(x, z)[0, 0])


ANSWERS = {
    "ex-FILE-1": Answer(both_longer, "Take the two inputs one after the other."),
}
