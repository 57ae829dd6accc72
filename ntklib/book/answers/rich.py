"""What `grade` expects for the exercises of the chapter *From lazy to rich*."""

from __future__ import annotations

import math

from ntklib.book.answers import Answer


def width(critical: float = 3.0, m: int = 400, power: float = 2.0) -> float:
    """Where a critical setting that falls like m^(-1/power) is one."""
    return float(m * critical**power)


def dial(growth: float = 3.0, y: float = 2.0) -> float:
    """The dial at which the kernel of one linear neuron grows by this factor."""
    return 2 * y / math.sqrt(growth**2 - 1)


def outer(a: float = 2.0, inner: float = 1.0, end: float = math.sqrt(6)) -> float:
    """The outer weight when the inner one has the norm `end`."""
    return math.sqrt(a**2 - inner**2 + end**2)


def slope(nu: float = math.acosh(2), x: tuple[float, float] = (2.0, 1.0), y: float = 2.0) -> float:
    """The dial at which these inputs and this target give the fit of this nu."""
    return 2 * y / (x[0] * math.sinh(2 * nu) + x[1] * math.sinh(nu))


ANSWERS = {
    "ex-rich-1": Answer(
        width,
        "How does the critical setting depend on m?",
        {
            "Does the critical setting fall like one over m?": lambda: width(power=1.0),
            "Must the network be wider or narrower for a smaller setting?": lambda: width(
                power=-2.0
            ),
            "Which is it that falls like one over the root: the setting, or its square?": lambda: (
                width(power=4.0)
            ),
            "If the root of m must grow by a factor, by which must m grow?": lambda: width(
                power=0.5
            ),
        },
    ),
    "ex-rich-2": Answer(
        dial,
        "The kernel ends at the root of 1 + 4 y^2 / alpha^2.",
        {
            "Is it alpha, or its square?": lambda: dial() ** 2,
            "Is the factor of the kernel a root?": lambda: dial(math.sqrt(3)),
            "Is it the target that enters, or its square?": lambda: dial(y=math.sqrt(2)),
            "What stands before the square of the target?": lambda: dial() / 2,
            "What does your formula give for a kernel that does not grow at all?": lambda: (
                2 * 2 / 3
            ),
        },
    ),
    "ex-rich-3": Answer(
        outer,
        "Which difference is kept?",
        {
            "Is it the square of the outer weight, or the weight?": lambda: outer() ** 2,
            "Can the outer weight have passed through zero?": lambda: -outer(),
            "Is it a quotient that is kept, or a difference?": lambda: 2 * math.sqrt(6),
            "Is it the difference of the norms, or of their squares?": lambda: 2 - 1 + math.sqrt(6),
            "How large is the inner weight at the start?": lambda: outer(inner=0.0),
        },
    ),
    "ex-rich-4": Answer(
        slope,
        "The fit is c sinh(2 nu), c sinh(nu). What is their ratio?",
        {
            "What is the dial, if c is the factor of the fit?": lambda: slope() / 2,
            # With sinh(2 nu) = sinh(nu) cosh(nu), both in the ratio and in the equation.
            "Which factor has the hyperbolic sine of a double argument?": lambda: (
                2 * 2 / ((2 * 4 + 1) * math.sqrt(15))
            ),
            "Which coordinates has the datum?": lambda: slope(x=(1.0, 1.0)),
            "Which coordinate goes with which coefficient?": lambda: slope(x=(1.0, 2.0)),
            "Is that the dial, or nu?": lambda: math.acosh(2),
        },
    ),
    "ex-rich-5": Answer(
        lambda: [1, 0, -1],
        "How far does a feature move, whatever s is?",
        {
            "That is for the gradient: how far does its sign move a feature?": lambda: [1, 1, -1],
            "Do the contributions of pairs cancel like random signs, or add up?": lambda: [
                1 / 2,
                0,
                -1 / 2,
            ],
            "How many outer weights move, and do their effects add up?": lambda: [1, 0, 0],
            "How large may the outer weights be if all features move?": lambda: [0, 0, -1],
            "Is the rate m to the power that you found, or one over it?": lambda: [1, 0, 1],
        },
    ),
}
