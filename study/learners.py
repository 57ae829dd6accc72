"""The columns of the table: learners that see a training part and the features of a test part.

Each takes ``(part, X_test, rng)`` and returns predictions and what it chose; each scales and tunes
for itself, within the part. README.md says how much each may tune.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ntklib import conv_ntk, ntk, relu_ntk, with_bias
from ntklib.groups import averaged, cyclic_shifts
from ntklib.regression import NTKClassifier, NTKRegressor
from study.leave_one_out import Kernel, tuned
from study.protocol import Part, scaled, unit_rows

Array = NDArray[Any]
Settings = dict[str, float]
Learner = Callable[[Part, Array, np.random.Generator], tuple[Array, Settings]]

# Candidates are tried out on this share of the training part, where not by leave-one-out.
VALIDATED = 0.2
# Trees of a forest, steps of boosting, passes of a network over the training part.
TREES, STEPS, PASSES = 100, 100, 100


def targets(part: Part) -> Array:
    """What least squares fits: 1 and -1, in a column for each class, one for two; or numbers."""
    if not part.classes:
        return part.y[:, None]
    if part.classes == 2:
        return np.where(part.y == 1, 1.0, -1.0)[:, None]
    return np.where(part.y[:, None] == np.arange(part.classes), 1.0, -1.0)


def decided(outputs: Array, part: Part) -> Array:
    """Predictions from outputs: the class of the largest, of two the sign; or the numbers."""
    if not part.classes:
        return outputs[:, 0]
    return (outputs[:, 0] > 0).astype(int) if part.classes == 2 else outputs.argmax(axis=1)


def prepared(part: Part, X_test: Array) -> tuple[Array, Array]:
    """Scaled features, and those divided by the root mean square length in the training part."""
    X, X_test = scaled(part.X, X_test, images=part.grid is not None)
    size = np.sqrt(np.mean(np.sum(X**2, axis=1)))
    return X / size, X_test / size


def _by_ridge(
    kernels: dict[str, tuple[Settings, Kernel]],
    part: Part,
    X: Array,
    X_test: Array,
    rng: np.random.Generator,
) -> tuple[Array, Settings]:
    outputs, chosen = tuned(kernels, X, targets(part), X_test, rng)
    return decided(outputs, part), chosen


def _candidates(settings: list[Settings], make: Callable[..., Kernel]) -> dict[str, Any]:
    return {str(one): (one, make(**one)) for one in settings}


def linear(part: Part, X_test: Array, rng: np.random.Generator) -> tuple[Array, Settings]:
    """Ridge regression on the features."""

    def kernel(X: Array, Z: Array | None) -> Array:
        return np.asarray(X @ (X if Z is None else Z).T)

    X, X_test = prepared(part, X_test)
    return _by_ridge({"linear": ({}, kernel)}, part, X, X_test, rng)


def ntk_ridgeless(part: Part, X_test: Array, rng: np.random.Generator) -> tuple[Array, Settings]:
    """The kernel of the lecture on unit rows, interpolating: nothing is tuned."""
    X, X_test = (unit_rows(points) for points in prepared(part, X_test))
    if part.classes:
        return NTKClassifier("relu_ntk").fit(X, part.y).predict(X_test), {}
    mean = part.y.mean()
    return NTKRegressor("relu_ntk").fit(X, part.y - mean).predict(X_test) + mean, {}


def ntk_tuned(part: Part, X_test: Array, rng: np.random.Generator) -> tuple[Array, Settings]:
    """The kernel of the lecture with a bias, 15 sizes of it."""

    def make(bias: float) -> Kernel:
        def kernel(X: Array, Z: Array | None) -> Array:
            return relu_ntk(with_bias(X, bias), None if Z is None else with_bias(Z, bias))

        return kernel

    sizes = [0.0, *np.geomspace(0.05, 10, 14).round(4)]
    X, X_test = prepared(part, X_test)
    return _by_ridge(
        _candidates([{"bias": float(size)} for size in sizes], make), part, X, X_test, rng
    )


def deep_ntk(part: Part, X_test: Array, rng: np.random.Generator) -> tuple[Array, Settings]:
    """The kernel of a network with all layers trained: five depths, three sizes of the biases."""

    def make(depth: int, bias: float) -> Kernel:
        return lambda X, Z: ntk(X, Z, depth=depth, b_std=bias)

    settings = [{"depth": depth, "bias": b} for depth in range(1, 6) for b in (0.0, 0.3, 1.0)]
    X, X_test = prepared(part, X_test)
    return _by_ridge(_candidates(settings, make), part, X, X_test, rng)


# Gram matrices of whole tables: name of the kernel and bytes of the points -> matrix.
_GRAMS: dict[tuple[str, bytes], Array] = {}


def _numbered(name: str, kernel: Kernel, points: Array) -> Kernel:
    """A kernel of rows by their numbers, shape ``(n, 1)``, whose matrix is computed once.

    The folds of a table have the same rows, and a matrix of averages takes long.
    """
    key = name, points.tobytes()

    def entries(rows: Array, columns: Array | None) -> Array:
        if key not in _GRAMS:
            _GRAMS[key] = kernel(points, None)
        chosen = rows if columns is None else columns
        return np.asarray(_GRAMS[key][np.ix_(rows[:, 0], chosen[:, 0])])

    return entries


def pooled_ntk(part: Part, X_test: Array, rng: np.random.Generator) -> tuple[Array, Settings]:
    """Kernels that do not change when an image is shifted, and one of windows of 3 x 3 pixels.

    The first are those of :func:`ntklib.ntk`, of three depths, averaged over all cyclic shifts; the
    other is that of a convolution at every second pixel with the mean as its readout, for images
    small enough. None has a bias: a factor of all pixels is a factor of the kernel.
    """
    if part.grid is None:
        raise ValueError("part must be of images, got points without a grid")
    grid = part.grid

    def windows(X: Array, Z: Array | None) -> Array:
        left, right = (A if A is None else A.reshape(-1, *grid, 1) for A in (X, Z))
        return conv_ntk(left, right, depth=1, kernel_size=3, stride=2, readout="mean")

    kernels: dict[str, tuple[Settings, Kernel]] = {}
    for depth in (1, 2, 3):
        average = averaged(partial(ntk, depth=depth), cyclic_shifts(*grid))
        kernels[f"shifts {depth}"] = ({"shifts": 1, "depth": depth}, average)
    if grid == (8, 8):
        kernels["windows"] = ({"shifts": 0, "depth": 1}, windows)
    n, points = len(part.X), np.concatenate([part.X, X_test])
    if n > len(X_test):
        points, row = np.unique(points, axis=0, return_inverse=True)
        kernels = {
            name: (settings, _numbered(name, kernel, points))
            for name, (settings, kernel) in kernels.items()
        }
        points = row.reshape(-1, 1)
    return _by_ridge(kernels, part, points[:n], points[n:], rng)


def rbf(part: Part, X_test: Array, rng: np.random.Generator) -> tuple[Array, Settings]:
    """The Gaussian kernel: 15 widths."""

    def make(width: float) -> Kernel:
        def kernel(X: Array, Z: Array | None) -> Array:
            from scipy.spatial.distance import cdist

            square = cdist(X, X if Z is None else Z, "sqeuclidean")
            return np.asarray(np.exp(-square / (2 * width**2)))

        return kernel

    settings = [{"width": float(w)} for w in np.geomspace(0.1, 10, 15).round(4)]
    X, X_test = prepared(part, X_test)
    return _by_ridge(_candidates(settings, make), part, X, X_test, rng)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _held_out(part: Part, rng: np.random.Generator) -> tuple[Array, Array]:
    """Rows to fit and rows to try on; every class keeps a row to fit."""
    order = rng.permutation(len(part.y))
    if part.classes:
        order = order[np.argsort(part.y[order], kind="stable")]
    # Every fifth of the rows, class after class: a class of two or more is in the rows to fit.
    tried = np.arange(len(order)) % round(1 / VALIDATED) == 2
    return order[~tried], order[tried]


def _miss(guess: Array, part: Part, rows: Array) -> float:
    """Mean squared error of shares of the classes, or of numbers."""
    y = part.y[rows]
    if part.classes:
        y = (y[:, None] == np.arange(part.classes)).astype(float)
    return float(np.mean((guess - y) ** 2))


def forest(part: Part, X_test: Array, rng: np.random.Generator) -> tuple[Array, Settings]:
    """Random forest of 100 trees; of three numbers of features the best out of bag."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    made = RandomForestClassifier if part.classes else RandomForestRegressor
    root, seed = np.sqrt(part.X.shape[1]), _seed(rng)

    def fit(count: int) -> Any:
        model = made(TREES, max_features=count, oob_score=True, random_state=seed, n_jobs=1)
        return model.fit(part.X, part.y)

    def error(model: Any) -> float:
        guess = model.oob_decision_function_ if part.classes else model.oob_prediction_
        return _miss(guess, part, np.arange(len(part.y)))

    counts = sorted({min(part.X.shape[1], max(1, round(root * s))) for s in (0.5, 1, 2)})
    best = min(map(fit, counts), key=error)
    return best.predict(X_test), {"features": best.max_features}


def boosting(part: Part, X_test: Array, rng: np.random.Generator) -> tuple[Array, Settings]:
    """Histogram gradient boosting; of two rates and up to 100 steps the best on held-out rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier as Classifier
    from sklearn.ensemble import HistGradientBoostingRegressor as Regressor

    made = Classifier if part.classes else Regressor
    fitted, tried = _held_out(part, rng)
    seed, found = _seed(rng), []
    for rate in (0.05, 0.2):
        model = made(learning_rate=rate, max_iter=STEPS, early_stopping=False, random_state=seed)
        model.fit(part.X[fitted], part.y[fitted])
        stages = model.staged_predict_proba if part.classes else model.staged_predict
        for step, guess in enumerate(stages(part.X[tried]), 1):
            found.append((_miss(guess, part, tried), rate, step))
    _, rate, steps = min(found)
    model = made(learning_rate=rate, max_iter=steps, early_stopping=False, random_state=seed)
    return model.fit(part.X, part.y).predict(X_test), {"rate": rate, "steps": steps}


_NETWORKS = [(64, 1e-4, 1e-2), (256, 1e-4, 1e-3), (256, 1e-1, 1e-3), (256, 1.0, 1e-2)]


def network(part: Part, X_test: Array, rng: np.random.Generator) -> tuple[Array, Settings]:
    """A trained network of one hidden layer, by Adam; the best of four on held-out rows."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    X, X_test = scaled(part.X, X_test, images=part.grid is not None)
    mean, spread = (0, 1) if part.classes else (part.y.mean(), part.y.std())
    y = part.y if part.classes else (part.y - mean) / spread
    fitted, tried = _held_out(part, rng)
    seed = _seed(rng)

    def fit(rows: Array, width: int, penalty: float, rate: float) -> Any:
        made = MLPClassifier if part.classes else MLPRegressor
        model = made(
            hidden_layer_sizes=(width,),
            alpha=penalty,
            learning_rate_init=rate,
            batch_size=min(32, len(rows)),
            max_iter=PASSES,
            random_state=seed,
        )
        with warnings.catch_warnings():
            # The passes are the budget.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(X[rows], y[rows])

    def error(choice: tuple[int, float, float]) -> float:
        model = fit(fitted, *choice)
        if part.classes:
            return _miss(model.predict_proba(X[tried]), part, tried)
        return _miss(model.predict(X[tried]) * spread + mean, part, tried)

    best = min(_NETWORKS, key=error)
    width, penalty, rate = best
    predicted = fit(np.arange(len(X)), *best).predict(X_test)
    if not part.classes:
        predicted = predicted * spread + mean
    return predicted, {"width": width, "penalty": penalty, "rate": rate}


LEARNERS: dict[str, Learner] = {
    "linear": linear,
    "ntk_ridgeless": ntk_ridgeless,
    "ntk_tuned": ntk_tuned,
    "deep_ntk": deep_ntk,
    "rbf": rbf,
    "forest": forest,
    "boosting": boosting,
    "network": network,
    "pooled_ntk": pooled_ntk,
}
