"""What `grade` expects for the exercises of the chapter *The ReLU kernel*."""

from __future__ import annotations

import math
from itertools import pairwise

from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from ntklib import kappa, relu_ntk, with_bias
from ntklib.book.answers import Answer


def by_hand() -> list[float]:
    """kappa(1/sqrt(2)), and the kernel of (1, 2) and (-3, 1) at scale one."""
    return [float(kappa(math.sqrt(0.5))), float(relu_ntk([[1.0, 2.0]], [[-3.0, 1.0]])[0, 0])]


def leaky_gates(slope: float = 0.3, theta: float = 1.1) -> float:
    """Mean product of two derivatives of the leaky ReLU, by quadrature over the circle."""

    def product(phi: float) -> float:
        first = 1.0 if math.cos(phi) >= 0 else slope
        second = 1.0 if math.cos(phi - theta) >= 0 else slope
        return first * second / (2 * math.pi)

    # The product is constant between these directions, where one of the gates changes.
    quarter = math.pi / 2
    ends = [-math.pi, -quarter, theta - quarter, quarter, theta + quarter, math.pi]
    return float(sum(quad(product, a, b)[0] for a, b in pairwise(ends)))


def shares(both_open: float, both_shut: float, one_open: float, theta: float = 1.1) -> float:
    """Weights of the three cases, each times its probability."""
    alike = (math.pi - theta) / (2 * math.pi)
    return (both_open + both_shut) * alike + one_open * theta / math.pi


def lowest() -> float:
    """The smallest value of kappa."""
    return float(minimize_scalar(kappa, bounds=(-1, 1), method="bounded").fun)


def antipodes(beta: float = 2.0) -> float:
    """The kernel with bias beta of a unit vector and its antipode."""
    return float(relu_ntk(with_bias([[1.0]], beta), with_bias([[-1.0]], beta))[0, 0])


def single_precision(gap: float = 2.0**-24) -> float:
    """The angle of the cosine 1 - gap."""
    return math.acos(1 - gap)


_ACUTE = math.atan(7)  # between (1, 2) and (3, -1)

ANSWERS = {
    "ex-relu_kernel-1": Answer(
        by_hand,
        "The angles are pi/4 and pi - arctan 7.",
        {
            "Which share of the directions opens both gates: does it grow with the angle?": (
                lambda: [
                    math.sqrt(0.5) * (math.pi / 4) / (2 * math.pi),
                    -(math.pi - _ACUTE) / (2 * math.pi),
                ]
            ),
            "How long are the vectors of the second pair?": lambda: [
                by_hand()[0],
                float(kappa(-1 / math.sqrt(50))),
            ],
            "Of what is the angle a share: of a half turn, or of a full one?": lambda: [
                2 * value for value in by_hand()
            ],
            "Which sign has the inner product of the second pair?": lambda: [
                by_hand()[0],
                -by_hand()[1],
            ],
            "Where is the inner product, beside the share of open gates?": lambda: [
                (math.pi - math.pi / 4) / (2 * math.pi),
                _ACUTE / (2 * math.pi),
            ],
        },
        rtol=1e-4,
    ),
    "ex-relu_kernel-2": Answer(
        leaky_gates,
        "Both open, both shut, one of each: three probabilities.",
        {
            "What is the product of the derivatives where both gates are shut?": lambda: shares(
                1, 0, 0.3
            ),
            "Both are shut: how often does the slope enter?": lambda: shares(1, 0.3, 0.3),
            "In how many ways can one gate be open and the other shut?": lambda: shares(
                1, 0.3**2, 0.3 / 2
            ),
            "Is a leaky gate ever shut altogether?": lambda: leaky_gates(0.0),
            "What if just one of the gates is open?": lambda: shares(1, 0.3**2, 0),
        },
        rtol=1e-4,
    ),
    "ex-relu_kernel-3": Answer(
        lowest,
        "Set the derivative of kappa to zero.",
        {
            "Which sign has the kernel there?": lambda: -lowest(),
            "That is where: what is the value there?": lambda: float(
                minimize_scalar(kappa, bounds=(-1, 1), method="bounded").x
            ),
            "Is the slope of kappa zero there?": lambda: float(kappa(-0.5)),
            "Is the kernel lowest where the inner product is?": lambda: float(kappa(-1.0)),
            "Is the share of directions taken of a full turn?": lambda: 2 * lowest(),
        },
    ),
    "ex-relu_kernel-4": Answer(
        antipodes,
        "What is the cosine of (x, 2) and (-x, 2)?",
        {
            "How long are the vectors upstairs?": lambda: float(kappa((2**2 - 1) / (2**2 + 1))),
            "Which sign has the inner product of x and -x?": lambda: (
                (2**2 + 1) * math.atan(2) / math.pi
            ),
            "Is that the angle upstairs, or what it lacks to a half turn?": lambda: (
                (2**2 - 1) * math.atan(1 / 2) / math.pi
            ),
            "Is the last coordinate beta, or its root?": lambda: antipodes(math.sqrt(2)),
            "What does the bias do to two antipodes?": lambda: antipodes(0.0),
        },
    ),
    "ex-relu_kernel-5": Answer(
        single_precision,
        "The largest float32 below 1 is 1 - 2^-24.",
        {
            "How does the cosine begin at zero: what stands before the square?": lambda: 2.0**-12,
            "Does the cosine fall like the angle, or like its square?": lambda: 2.0**-24,
            "Are the numbers below one as far apart as those above?": lambda: single_precision(
                2.0**-23
            ),
            "Is that in radians?": lambda: math.degrees(single_precision()),
            "Are these numbers of single precision, or of double?": lambda: single_precision(
                2.0**-53
            ),
        },
    ),
}
