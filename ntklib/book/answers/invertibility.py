"""What `grade` expects for the exercises of the chapter *When is the kernel invertible?*"""

from __future__ import annotations

import numpy as np

from ntklib import kappa
from ntklib.book.answers import Answer


def _smallest(cosine: float) -> float:
    """Smaller eigenvalue of the Gram matrix of two unit vectors with this inner product."""
    return float(0.5 - abs(kappa(cosine)))


def _nullities(pairs: int = 7, d: int = 5) -> list[int]:
    return [max(pairs - d, 0), max(pairs - 1, 0)]


ANSWERS = {
    "ex-invertibility-1": Answer(lambda: _smallest(-1.0), "What is kappa(-1)?"),
    "ex-invertibility-2": Answer(_nullities, "Count pairs, and the dimension that they span."),
    "ex-invertibility-3": Answer(lambda: _smallest(0.0), "K is an entrywise product; what is XX'?"),
    "ex-invertibility-4": Answer(
        lambda: _smallest(float(np.cos(0.01))), "Expand kappa(cos delta) to first order.", 0.02
    ),
}
