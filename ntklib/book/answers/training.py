"""What `grade` expects for the exercises of the chapter *Does training really stay there?*"""

from __future__ import annotations

import math

from ntklib.book.answers import Answer


def time(eigenvalue: float = 0.2, left: float = 0.01) -> float:
    """When gradient flow leaves this much of a coordinate."""
    return -math.log(left) / eigenvalue


def steps(factor: float = 0.6, left: float = 0.01) -> int:
    """The smallest t with factor^t <= left."""
    return math.ceil(math.log(left) / math.log(factor))


def factor(c: float) -> float:
    """By which the best step multiplies what is left, for this condition number."""
    return (c - 1) / (c + 1)


def widths(scaled: float = 2.0, of_scale: float = 2.0, beta: float = 0.8**2) -> list[float]:
    """4 eps^2 beta^2 s / lambda^2 at the scales 1 and 2, with other powers for wrong answers.

    The eigenvalue is multiplied by eps to the power `scaled`, and the numerator has eps to the
    power `of_scale`.
    """
    return [4 * eps**of_scale * beta * 2 / (eps**scaled * 0.2) ** 2 for eps in (1.0, 2.0)]


def excess(b: float = 1 / math.pi) -> float:
    """b^2 times the variance at the training input."""
    return b**2 / 2


ANSWERS = {
    "ex-training-1": Answer(
        time,
        "Which coordinate is the slowest?",
        {
            "Which of the two coordinates is there last?": lambda: time(0.8),
            "Is it the coordinate that falls to a hundredth, or its square?": lambda: time(0.4),
            "To which base is the logarithm of an exponential?": lambda: math.log10(100) / 0.2,
            "Is a small eigenvalue slow or fast?": lambda: math.log(100) * 0.2,
            "Do the two coordinates share one rate?": lambda: time((0.2 + 0.8) / 2),
        },
    ),
    "ex-training-2": Answer(
        steps,
        "With the best step both coordinates have one factor.",
        {
            "Is the coordinate small enough after your number of steps?": lambda: steps() - 1,
            "Is half of the best step the best one?": lambda: steps(1 - 0.2),
            "Is one over the largest eigenvalue the best step?": lambda: steps(1 - 0.2 / 0.8),
            "Does descent without momentum get the root of the condition number?": lambda: steps(
                factor(2.0)
            ),
            "Is that a number of steps, or a time of the flow?": lambda: math.ceil(time()),
        },
    ),
    "ex-training-3": Answer(
        lambda: factor(math.sqrt(100)),
        "Take the square root of c first.",
        {
            "Is that with momentum, or without?": lambda: factor(100),
            "Is that q, or the part of the last step that is added?": lambda: (
                factor(math.sqrt(100)) ** 2
            ),
            "Would what is left fall with that q, or grow?": lambda: 1 / factor(math.sqrt(100)),
            "That is nearly so for a large c: what is it exactly?": lambda: 1 - 2 / math.sqrt(100),
        },
    ),
    "ex-training-4": Answer(
        widths,
        "The eigenvalue carries the square of the scale.",
        {
            "What does the scale do to the eigenvalue?": lambda: widths(scaled=0.0),
            "Does the scale enter in one place, or in two?": lambda: widths(of_scale=0.0),
            "Is it the scale that the eigenvalue carries, or its square?": lambda: widths(
                scaled=1.0
            ),
            "Is it beta that enters, or its square?": lambda: widths(beta=0.8),
            "Is it the number of inputs that enters, or s?": lambda: [5 / 2 * m for m in widths()],
        },
    ),
    "ex-training-5": Answer(
        excess,
        "What is kappa(0)? What is Sigma there?",
        {
            "Is that a variance, or by how much it is larger?": lambda: 0.5 - excess(),
            "What does training change at a point where the kernel is zero?": lambda: 0.5,
            "Does the posterior know nothing of an orthogonal input?": lambda: 0.0,
            "By what is the covariance of the two points divided?": lambda: excess(
                1 / (2 * math.pi)
            ),
            "How large is the variance at the training input?": lambda: 2 * excess(),
        },
    ),
}
