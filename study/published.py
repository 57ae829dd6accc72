r"""The protocol of Arora et al. (2020) for small tables: support vector machines with the NTK.

Candidates are the kernels of depth 0 to 4, depth 0 the linear one, in which the first layers, none
to all but the last, are not trained, with weights of variance one; and ``C`` from 0.01 to 10000.
The best on one split into halves is then used in four folds. The rows of that split come again in
the folds, and features are scaled over all rows: both are the protocol's, not the other tables'.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntklib import ntk
from study.protocol import folds, generator, scaled

Array = NDArray[Any]
Gram = Callable[[Array], Iterator[tuple[dict[str, float], Array]]]

C = [10.0**power for power in range(-2, 5)]
REPEATS, FOLDS = 5, 4


def ntk_grams(X: Array) -> Iterator[tuple[dict[str, float], Array]]:
    """15 kernels: depth, and how many layers are not trained."""
    yield {"depth": 0, "fixed": 0}, X @ X.T
    for depth in range(1, 5):
        for fixed in range(depth + 1):
            layers = range(fixed + 1, depth + 2)
            K = ntk(X, depth=depth, W_std=1.0, trained=layers)
            yield {"depth": depth, "fixed": fixed}, K


def rbf_grams(X: Array) -> Iterator[tuple[dict[str, float], Array]]:
    """15 widths, as of the tuned column: in units of the root mean square length."""
    square = np.sum(X**2, axis=1)
    distance = np.maximum(square[:, None] + square - 2 * X @ X.T, 0) / square.mean()
    for width in np.geomspace(0.1, 10, 15).round(4):
        yield {"width": float(width)}, np.exp(-distance / (2 * width**2))


LEARNERS: dict[str, Gram] = {"ntk_svm": ntk_grams, "rbf_svm": rbf_grams}


def _accuracy(K: Array, y: Array, train: Array, test: Array, penalty: float) -> float:
    from sklearn.svm import SVC

    machine = SVC(kernel="precomputed", C=penalty).fit(K[np.ix_(train, train)], y[train])
    return float(np.mean(machine.predict(K[np.ix_(test, train)]) == y[test]))


def repeats(name: str, learner: str, X: Array, y: Array) -> Iterator[dict[str, Any]]:
    """A fold after the other: its score, what was chosen, the seconds of its share."""
    for repeat in range(REPEATS):
        clocks = time.process_time(), time.perf_counter()
        rng = generator(name, "published", repeat)
        train, test = folds(y, 2, rng, stratified=True)
        points, _ = scaled(X, X, images=False)
        best = None
        for settings, K in LEARNERS[learner](points):
            for penalty in C:
                found = _accuracy(K, y, train, test, penalty)
                if best is None or found > best[0]:
                    best = found, {**settings, "C": penalty}, K
        assert best is not None
        _, chosen, K = best
        scores = []
        for test in folds(y, FOLDS, rng, stratified=True):
            train = np.setdiff1d(np.arange(len(y)), test)
            scores.append(_accuracy(K, y, train, test, chosen["C"]))
        spent = (time.process_time() - clocks[0], time.perf_counter() - clocks[1])
        for score in scores:
            yield {
                "score": score,
                "chosen": chosen,
                "processor": spent[0] / FOLDS,
                "wall": spent[1] / FOLDS,
            }
