"""What `grade` expects for the exercises of the chapter *Least squares*."""

from __future__ import annotations

import numpy as np

from ntklib._validate import Array
from ntklib.book.answers import Answer

_J = np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]])
_R = np.array([1.0, 0.0, 3.0])
_START, _NORMAL = np.array([5.0, 0.0]), np.array([3.0, 4.0])
_OPINIONS = np.array([0.0, 0.0, 3.0])


def nearest_change(rows: int = 3, columns: int = 2) -> Array:
    """J^+ r for a matrix of rank one, or from its first rows and with its first columns."""
    change = np.zeros(2)
    change[:columns] = np.linalg.pinv(_J[:rows, :columns]) @ _R[:rows]
    return change


def descent_limit(start: Array = _START) -> Array:
    """Projection of the start on the line 3 u + 4 v = 10."""
    return np.asarray(start - (start @ _NORMAL - 10) / (_NORMAL @ _NORMAL) * _NORMAL)


def repeated_loss(value: float = 1.0) -> float:
    """Loss when one input has three labels and this prediction, and the rest is fitted."""
    return float(0.5 * np.sum((_OPINIONS - value) ** 2))


def noise_share(power: float = -1.0, variance: float = 0.1) -> float:
    """Sum of powers of the eigenvalues, times the variance."""
    return float(variance * np.sum(np.array([4.0, 1.0, 0.01]) ** power))


def lengths() -> list[float]:
    """Length of the answer through the singular values of J, and through its Gram matrix."""
    return [float(np.hypot(1, 1e9)), 1.0]


ANSWERS = {
    "ex-least_squares-1": Answer(
        nearest_change,
        "J is a column times a row; what is J' r?",
        {
            "The direction is right: what is the length of the step?": lambda: _J.T @ _R,
            "Can the first two rows both be met, or did you fit the first alone?": lambda: (
                nearest_change(rows=1)
            ),
            "This fits as well as can be: is there a shorter change that does?": lambda: (
                nearest_change(columns=1)
            ),
            "Which entry belongs to the first column?": lambda: nearest_change()[::-1],
        },
    ),
    "ex-least_squares-2": Answer(
        descent_limit,
        "Each step is a multiple of J'. Which line is it?",
        {
            "Where does descent start here?": lambda: descent_limit(np.zeros(2)),
            "Does J w have to grow from this start, or to fall?": lambda: (
                2 * _START - descent_limit()
            ),
            "By how much does J w change when the weights move by J'?": lambda: (
                _START - (_START @ _NORMAL - 10) * _NORMAL
            ),
            "Is the row of J a unit vector?": lambda: (
                _START - (_START @ _NORMAL - 10) / np.linalg.norm(_NORMAL) * _NORMAL
            ),
            "How large is J w already at the start?": lambda: (
                _START + 10 / (_NORMAL @ _NORMAL) * _NORMAL
            ),
        },
    ),
    "ex-least_squares-3": Answer(
        repeated_loss,
        "The three predictions are equal; to what?",
        {
            "Which factor stands before the sum in L?": lambda: 2 * repeated_loss(),
            "Is the most frequent label the best prediction for squares?": lambda: repeated_loss(
                float(np.median(_OPINIONS))
            ),
            "Is L a sum over the points, or a mean?": lambda: repeated_loss() / 3,
            "Can one prediction be equal to all labels?": lambda: 0.0,
        },
    ),
    "ex-least_squares-4": Answer(
        noise_share,
        "Eigenvalues of K are squares of singular values.",
        {
            "Are the given numbers singular values, or their squares?": lambda: noise_share(-2.0),
            "Is it the variance that is given, or the deviation?": lambda: noise_share(
                variance=0.1**0.5
            ),
            "Is the variance squared once more?": lambda: noise_share(variance=0.1**2),
            "Do the other eigenvalues add nothing?": lambda: 0.1 / 0.01,
            "Is it the length that is asked for, or its square?": lambda: noise_share(-0.5),
            "Along which direction is the answer longer: of a small or a large eigenvalue?": (
                lambda: noise_share(1.0)
            ),
        },
        rtol=5e-3,
    ),
    "ex-least_squares-5": Answer(
        lengths,
        "Which eigenvalue of J J' is below the cutoff?",
        {
            "How large is the smaller eigenvalue of the Gram matrix beside the cutoff?": lambda: [
                lengths()[0],
                lengths()[0],
            ],
            "Does the pseudoinverse divide by a singular value, or multiply by it?": lambda: [
                float(np.hypot(1, 1e-9)),
                lengths()[1],
            ],
            "Which of the two ways squares the singular values?": lambda: lengths()[::-1],
            "Does the pseudoinverse of J divide by singular values, or by their squares?": lambda: [
                float(np.hypot(1, 1e18)),
                lengths()[1],
            ],
        },
    ),
}
