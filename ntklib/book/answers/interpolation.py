"""What `grade` expects for the exercises of the chapter *Two remarks*."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import chi2

from ntklib import ShallowNetwork
from ntklib.book.answers import Answer


def smallest_width(n: int = 100, d: int = 10) -> int:
    """Counting: the smallest m with m d >= n."""
    return math.ceil(n / d)


def safe_width(n: int = 50, delta: float = 0.01) -> int:
    """The smallest m with n 2^-m <= delta."""
    return math.ceil(math.log2(n / delta))


def doubled_rank(d: int = 2, distinct: int = 3, n: int = 12) -> int:
    """Rank of the Jacobian of a doubled network, the largest over many draws."""
    rng = np.random.default_rng(0)
    ranks = []
    for _ in range(50):
        net, W = ShallowNetwork.random(d, distinct, rng=rng, doubled=True)
        ranks.append(np.linalg.matrix_rank(net.jacobian(rng.standard_normal((n, d)), W)))
    return int(max(ranks))


def one_point_tail(threshold: float = 4.0) -> float:
    """P[z^2 > threshold] for a standard Gaussian z."""
    return float(chi2.sf(threshold, df=1))


def repeated_loss(first: float = 0.0, second: float = 1.0) -> float:
    """Least loss when one input has two labels."""
    mean = (first + second) / 2
    return 0.5 * ((first - mean) ** 2 + (second - mean) ** 2)


ANSWERS = {
    "ex-interpolation-1": Answer(smallest_width, "Counting asks for m d >= n."),
    "ex-interpolation-2": Answer(safe_width, "Solve n 2^-m <= 0.01 for a whole number m."),
    "ex-interpolation-3": Answer(doubled_rank, "How do the gradients of the two copies differ?"),
    "ex-interpolation-4": Answer(one_point_tail, "The limit is the square of one Gaussian."),
    "ex-interpolation-5": Answer(repeated_loss, "Both predictions are equal; which is best?"),
}
