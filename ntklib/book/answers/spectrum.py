"""What `grade` expects for the exercises of the chapter *Which functions does the kernel learn?*"""

from __future__ import annotations

import math

from ntklib.book.answers import Answer


def _lift(norm: float = 0.8) -> list[float]:
    """The bias that a lift from this norm is, and what it makes of high even degrees."""
    beta = math.sqrt(1 - norm**2) / norm
    return [beta, 1 / (2 * math.sqrt(1 + beta**2))]


ANSWERS = {
    "ex-spectrum-1": Answer(lambda: 7 / 256, "The weights are k and k + d - 2, over 2k + d - 2."),
    "ex-spectrum-2": Answer(lambda: 1 / 105, "What is its Laplacian?"),
    "ex-spectrum-3": Answer(lambda: 12.0, "The times are as one over the eigenvalues."),
    "ex-spectrum-4": Answer(lambda: 0.3, "What is the cosine of 3 phi at the corners?"),
    "ex-spectrum-5": Answer(_lift, "Divide the lifted point by 0.8."),
}
