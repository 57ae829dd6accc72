"""What `grade` expects for the exercises of the chapter *Where kernels stop*."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np

from ntklib.book.answers import Answer


def points(left: Fraction = Fraction(1, 10), parities: int = math.comb(30, 3)) -> int:
    """The smallest n with 1 - n / N <= left."""
    return math.ceil((1 - left) * parities)


def majority_energy(bits: int) -> float:
    """Sum of the squared coefficients of the majority of three at parities of this many bits."""
    Z = np.array(list(product((-1.0, 1.0), repeat=3)))
    shown = [[0], [1], [2]] if bits == 1 else [[0, 1, 2]]
    majority = np.sign(Z.sum(axis=1))
    return float(sum(np.mean(majority * Z[:, part].prod(axis=1)) ** 2 for part in shown))


def harmonic(functions: int = math.comb(31, 2) - 1, n: int = 200) -> float:
    """1 - n / N; by default for the harmonics of degree two on the sphere."""
    return 1 - n / functions


def staircase(d: int = 60, n: int = 400, steps: tuple[int, ...] = (1, 2, 3)) -> float:
    """The sum of the bounds for one, two and three bits."""
    return sum(max(0.0, 1 - n / math.comb(d, k)) for k in steps)


ANSWERS = {
    "ex-limits-1": Answer(
        points,
        "How many sets of three coordinates are there?",
        {
            "Is the tenth what is seen, or what is left?": lambda: points(Fraction(9, 10)),
            "Does the order of the three bits matter?": lambda: points(parities=math.perm(30, 3)),
            "Do parities of fewer bits count among those of the corollary?": lambda: points(
                parities=sum(math.comb(30, k) for k in range(4))
            ),
            "That many would let the bound be zero: how large may it be?": lambda: points(
                Fraction(0)
            ),
        },
    ),
    "ex-limits-2": Answer(
        lambda: majority_energy(3),
        "Write the majority as a sum of parities.",
        {
            "With which coefficient does the product of the three enter?": lambda: 1.0,
            "Is it the coefficient that is asked for, or its square?": lambda: (
                majority_energy(3) ** 0.5
            ),
            "That is the linear part: can the networks represent it?": lambda: majority_energy(1),
            "Which odd functions are sums of ReLUs without biases?": lambda: 0.0,
        },
    ),
    "ex-limits-3": Answer(
        harmonic,
        "How many harmonics of degree two are there?",
        {
            "Is that the share that is seen, or what is left?": lambda: 1 - harmonic(),
            "Do harmonics of degree two have no squares in them?": lambda: harmonic(
                math.comb(30, 2)
            ),
            "Is the product of two coordinates another function in the other order?": lambda: (
                harmonic(30**2)
            ),
            "Do harmonics of other degrees count?": lambda: harmonic(math.comb(31, 2) + 30),
        },
    ),
    "ex-limits-4": Answer(
        staircase,
        "One of the three bounds is zero.",
        {
            "Can a squared distance be negative?": lambda: sum(
                1 - 400 / math.comb(60, k) for k in (1, 2, 3)
            ),
            "What do the steps before the last add?": lambda: staircase(steps=(3,)),
            "Are there more single bits than points?": lambda: 1 + staircase(steps=(2, 3)),
            "For how many bits is the bound asked for?": lambda: staircase(d=20),
            "Is the target divided by its variance?": lambda: staircase() / 3,
        },
    ),
}
