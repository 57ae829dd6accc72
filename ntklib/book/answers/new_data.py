"""What `grade` expects for the exercises of the chapter *What can be said of new data*."""

from __future__ import annotations

import math

from ntklib.book.answers import Answer


def _points(norm: float = 5.0, h: float = 0.1, delta: float = 0.05, wanted: float = 0.25) -> int:
    """From which number of points on the bound is at most `wanted`."""

    def bound(n: int) -> float:
        radii = math.ceil(math.sqrt(n / 2) / h)
        return (norm + h) * math.sqrt(2 / n) + math.sqrt(math.log(radii / delta) / (2 * n))

    return 1 + max(n for n in range(1, 20_000) if bound(n) > wanted)


ANSWERS = {
    "ex-new_data-1": Answer(lambda: 2 / 3, "What does one point predict at the other?"),
    "ex-new_data-2": Answer(lambda: [1.0, 1.0, -2.0], "What do two copies predict at a third?"),
    "ex-new_data-3": Answer(_points, "The number of radii grows with n; count the last failure."),
    "ex-new_data-4": Answer(lambda: [2.0, 1.0], "The Gram matrix is one half of the identity."),
    "ex-new_data-5": Answer(lambda: 4 * math.pi, "(1, -1) is an eigenvector."),
}
