"""What `grade` expects for the exercises of the chapter *Least squares*."""

from __future__ import annotations

import numpy as np

from ntklib._validate import Array
from ntklib.book.answers import Answer


def nearest_change() -> Array:
    """J^+ r for a matrix of rank one."""
    J = np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]])
    return np.asarray(np.linalg.pinv(J) @ np.array([1.0, 0.0, 3.0]))


def descent_limit() -> Array:
    """Projection of (5, 0) on the line 3 u + 4 v = 10."""
    start, normal = np.array([5.0, 0.0]), np.array([3.0, 4.0])
    return np.asarray(start - (start @ normal - 10) / (normal @ normal) * normal)


def repeated_loss() -> float:
    """Least loss when one input has three labels and the rest is fitted."""
    labels = np.array([0.0, 0.0, 3.0])
    return float(0.5 * np.sum((labels - labels.mean()) ** 2))


def noise_share() -> float:
    """Expected squared distance that noise of variance 0.1 adds."""
    return float(0.1 * np.sum(1 / np.array([4.0, 1.0, 0.01])))


def lengths() -> list[float]:
    """Length of the answer through the singular values of J, and through its Gram matrix."""
    return [float(np.hypot(1, 1e9)), 1.0]


ANSWERS = {
    "ex-least_squares-1": Answer(nearest_change, "J is a column times a row; what is J' r?"),
    "ex-least_squares-2": Answer(descent_limit, "Each step is a multiple of J'. Which line is it?"),
    "ex-least_squares-3": Answer(repeated_loss, "The three predictions are equal; to what?"),
    "ex-least_squares-4": Answer(noise_share, "Eigenvalues of K are squares of singular values."),
    "ex-least_squares-5": Answer(lengths, "Which eigenvalue of J J' is below the cutoff?"),
}
