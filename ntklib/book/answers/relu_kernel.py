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


def lowest() -> float:
    """The smallest value of kappa."""
    return float(minimize_scalar(kappa, bounds=(-1, 1), method="bounded").fun)


def antipodes(beta: float = 2.0) -> float:
    """The kernel with bias beta of a unit vector and its antipode."""
    return float(relu_ntk(with_bias([[1.0]], beta), with_bias([[-1.0]], beta))[0, 0])


def single_precision() -> float:
    """The angle of the largest float32 below 1."""
    return math.acos(1 - 2.0**-24)


ANSWERS = {
    "ex-relu_kernel-1": Answer(by_hand, "The angles are pi/4 and pi - arctan 7.", 1e-4),
    "ex-relu_kernel-2": Answer(
        leaky_gates, "Both open, both shut, one of each: three probabilities.", 1e-4
    ),
    "ex-relu_kernel-3": Answer(lowest, "Set the derivative of kappa to zero."),
    "ex-relu_kernel-4": Answer(antipodes, "What is the cosine of (x, 2) and (-x, 2)?"),
    "ex-relu_kernel-5": Answer(single_precision, "The largest float32 below 1 is 1 - 2^-24."),
}
