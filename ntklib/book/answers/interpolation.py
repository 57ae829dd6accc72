"""What `grade` expects for the exercises of the chapter *Two remarks*."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import chi2, norm

from ntklib import ShallowNetwork
from ntklib.book.answers import Answer


def smallest_width(n: int = 100, d: int = 10) -> int:
    """Counting: the smallest m with m d >= n."""
    return math.ceil(n / d)


def safe_width(n: int = 50, delta: float = 0.01, base: float = 2.0) -> int:
    """The smallest m with n base^-m <= delta."""
    return math.ceil(math.log(n / delta, base))


def doubled_rank(d: int = 2, distinct: int = 3, n: int = 12) -> int:
    """Rank of the Jacobian of a doubled network, the largest over many draws."""
    rng = np.random.default_rng(0)
    ranks = []
    for _ in range(50):
        net, W = ShallowNetwork.random(d, distinct, rng=rng, doubled=True)
        ranks.append(np.linalg.matrix_rank(net.jacobian(rng.standard_normal((n, d)), W)))
    return int(max(ranks))


def one_point_tail(threshold: float = 4.0, squares: int = 1) -> float:
    """The probability that the sum of this many squared Gaussians exceeds the threshold."""
    return float(chi2.sf(threshold, df=squares))


def repeated_loss(value: float = 0.5, first: float = 0.0, second: float = 1.0) -> float:
    """Loss when one input has two labels, and this prediction."""
    return 0.5 * ((first - value) ** 2 + (second - value) ** 2)


ANSWERS = {
    "ex-interpolation-1": Answer(
        smallest_width,
        "Counting asks for m d >= n.",
        {
            "How many weights does each neuron bring?": lambda: smallest_width(d=1),
            "Do inputs with more coordinates need more neurons, or fewer?": lambda: 100 * 10,
            "Is it excluded that there are just as many weights as points?": lambda: (
                smallest_width() + 1
            ),
            "Can that many inputs be linearly independent, as the logarithm asks?": lambda: (
                safe_width(100, 1.0)
            ),
        },
    ),
    "ex-interpolation-2": Answer(
        safe_width,
        "Solve n 2^-m <= 0.01 for a whole number m.",
        {
            "Put your width back into the bound: is it below the probability?": lambda: (
                safe_width() - 1
            ),
            "Which base has the power in the bound, and which has your logarithm?": lambda: (
                safe_width(base=math.e)
            ),
            "Over how many inputs does the union bound add?": lambda: safe_width(n=1),
            "Where does the probability that you allow come in?": lambda: safe_width(delta=1.0),
            "How fast does the probability that all neurons are off fall?": lambda: round(
                50 / 0.01
            ),
        },
    ),
    "ex-interpolation-3": Answer(
        doubled_rank,
        "How do the gradients of the two copies differ?",
        {
            "What does the gradient of a copy have that the first does not?": lambda: 2 * 3 * 2,
            "How many weights does a neuron of the plane have?": lambda: 3,
            "That is the rank of the inputs: are all gates alike?": lambda: 2,
        },
    ),
    "ex-interpolation-4": Answer(
        one_point_tail,
        "The limit is the square of one Gaussian.",
        {
            "For which signs of z is its square large?": lambda: one_point_tail() / 2,
            "Is it z that exceeds the threshold, or its square?": lambda: one_point_tail(16.0),
            "Is that the probability to be above, or to be below?": lambda: 1 - one_point_tail(),
            "How many Gaussians are squared for one point?": lambda: one_point_tail(squares=2),
            "Is the density at a point a probability?": lambda: float(norm.pdf(2)),
            "That is a bound for any law; which law is it here?": lambda: 1 / 4,
        },
    ),
    "ex-interpolation-5": Answer(
        repeated_loss,
        "Both predictions are equal; which is best?",
        {
            "Which common prediction is best, and which factor has L before its sum?": lambda: (
                2 * repeated_loss()
            ),
            "How many of the labels does the best prediction miss?": lambda: repeated_loss() / 2,
            "Can one prediction be equal to both labels?": lambda: 0.0,
            "Is it best to fit one label and to miss the other?": lambda: 2 * repeated_loss(1.0),
        },
    ),
}
