"""Scores of predictions with an error, and intervals over splits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import norm, t

Array = NDArray[Any]

ALPHA = 0.1  # intervals are to hold 1 - ALPHA
BINS = 15  # of the confidence


def gaussian(y: Array, mean: Array, std: Array) -> dict[str, float]:
    """Scores of Gaussian predictions: root mean square error, log loss, intervals."""
    z = norm.ppf(1 - ALPHA / 2)
    low, high = mean - z * std, mean + z * std
    missed = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    return {
        "rmse": float(np.sqrt(np.mean((y - mean) ** 2))),
        "nll": float(-np.mean(norm.logpdf(y, mean, std))),
        "interval_score": float(np.mean(high - low + 2 / ALPHA * missed)),
        "coverage": float(np.mean(missed == 0)),
    }


def transformed(y: Array, mean: Array, std: Array, bins: int = 20) -> list[int]:
    """How often the targets fall into each of so many parts of equal predicted probability."""
    return [int(one) for one in np.histogram(norm.cdf(y, mean, std), bins, (0, 1))[0]]


def binned(confidence: Array, right: Array) -> Array:
    """Counts, sums of confidences, sums of hits in bins of the confidence, shape (3, BINS)."""
    index = np.minimum((confidence * BINS).astype(int), BINS - 1)
    rows = (np.ones_like(confidence), confidence, right.astype(float))
    return np.array([np.bincount(index, row, BINS) for row in rows])


def ece(bins: Array) -> float:
    """Expected calibration error: the mean gap of hits and confidence, bin by bin."""
    return float(np.abs(bins[1] - bins[2]).sum() / bins[0].sum())


def probabilities(label: Array, p: Array, rng: np.random.Generator) -> dict[str, float]:
    """Scores of predicted probabilities of classes, shape (n, classes)."""
    confidence = p.max(axis=1)
    right = p.argmax(axis=1) == label
    # The same error if hits had just the probability that the confidence says.
    chance = [ece(binned(confidence, rng.random(len(p)) < confidence)) for _ in range(100)]
    hot = np.eye(p.shape[1])[label]
    return {
        "accuracy": float(right.mean()),
        "nll": float(-np.mean(np.sum(xlogy(hot, p), axis=1))),
        "brier": float(np.mean(np.sum((p - hot) ** 2, axis=1))),
        "ece": ece(binned(confidence, right)),
        "ece_if_calibrated": float(np.mean(chance)),
    }


def interval(scores: Array, test_over_train: float) -> tuple[float, float]:
    """Mean over splits, and half the width of its 95 % interval (Nadeau and Bengio 2003)."""
    J = len(scores)
    error = np.std(scores, ddof=1) * np.sqrt(1 / J + test_over_train)
    return float(np.mean(scores)), float(t.ppf(0.975, J - 1) * error)
