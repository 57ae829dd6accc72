"""Splits, seeds and scales: what makes the columns of the table comparable.

All learners of a table see the same splits. A learner gets the training part and the features of
the test part; the targets of the test part stay here. Everything that is learned from data,
means and scales and every tuned number, is learned from the training part.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.tables import TABLES, Table

Array = NDArray[Any]
SEED = 20260
_CURVE = {"mnist_5k_100": 100, "mnist_5k_300": 300, "mnist_5k_1000": 1000}


@dataclass(frozen=True)
class Part:
    """The training part of a split: points, targets and what kind of thing they are.

    ``classes`` is the number of classes, 0 for a regression; ``grid`` the shape of images.
    """

    X: Array
    y: Array
    classes: int
    grid: tuple[int, int] | None


def generator(*words: str | int) -> np.random.Generator:
    """The random numbers of one thing, which depend on its names and on no other thing."""
    return np.random.default_rng([SEED, *(zlib.crc32(str(word).encode()) for word in words)])


def folds(y: Array, count: int, rng: np.random.Generator, stratified: bool) -> list[Array]:
    """Indices of the test parts of ``count`` folds, which share the rows out.

    Stratified: a class has in any two folds numbers of rows that differ by at most one.
    """
    order = rng.permutation(len(y))
    if stratified:
        order = order[np.argsort(y[order], kind="stable")]
    return [np.sort(order[fold::count]) for fold in range(count)]


def plan(name: str, n: int) -> tuple[str, int, int]:
    """Name of the protocol, and two numbers: repeats and folds, or draws and training points."""
    if name in _CURVE:
        return "draws", 5, _CURVE[name]
    if name == "mnist_5k":
        return "draws", 3, 4000
    if name == "digits":
        return "folds", 3, 5
    return "folds", 5 if n <= 180 else 3, 4


def says(name: str, n: int) -> str:
    """The protocol in words."""
    kind, first, second = plan(name, n)
    if kind == "draws":
        return f"{first} draws of {second} training points, 1000 others for testing"
    stratified = TABLES[name].task == "classification"
    return f"{first} times {second} folds" + (", stratified" if stratified else "")


def splits(name: str, y: Array) -> Iterator[tuple[Array, Array]]:
    """Indices of training and test part, split after split."""
    kind, first, second = plan(name, len(y))
    for repeat in range(first):
        if kind == "draws":
            # Tests come from the last 1000 of an order, training points from the rest.
            order = np.random.default_rng(repeat).permutation(len(y))
            yield order[:second], order[4000:5000]
            continue
        rng = generator(name, "folds", repeat)
        for test in folds(y, second, rng, TABLES[name].task == "classification"):
            yield np.setdiff1d(np.arange(len(y)), test), test


def part(table: Table, X: Array, y: Array, train: Array) -> Part:
    """The rows of the training part; the classes are counted there."""
    classes = int(y[train].max()) + 1 if table.task == "classification" else 0
    return Part(X[train], y[train], classes, table.grid)


def scaled(X: Array, X_test: Array, *, images: bool) -> tuple[Array, Array]:
    """Features less their means, over their standard deviations, both of the training part.

    A feature that is constant there is left at zero in both parts. Pixels are only divided by their
    common root mean square, as a pixel that is nearly always dark is no feature to magnify.
    """
    if images:
        size = np.sqrt(np.mean(X**2))
        return X / size, X_test / size
    mean, spread = X.mean(axis=0), X.std(axis=0)
    # A constant column may have a deviation of some ulps of its values.
    varies = spread > 1e-12 * np.abs(X).max(axis=0, initial=0)
    factor = np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)
    return (X - mean) * factor, (X_test - mean) * factor


def unit_rows(X: Array) -> Array:
    """Rows of length one; a row of zeros stays."""
    norm = np.linalg.norm(X, axis=1, keepdims=True)
    rows: Array = np.divide(X, norm, out=np.zeros_like(X), where=norm > 0)
    return rows


def score(y: Array, predicted: Array, classes: int) -> float:
    """Share of right classes, or the R squared of a regression: 1 less MSE over variance."""
    if classes:
        return float(np.mean(predicted == y))
    return float(1 - np.mean((predicted - y) ** 2) / np.var(y))
