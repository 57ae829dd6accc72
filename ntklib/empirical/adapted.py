r"""A network of torch or of JAX with the methods of :class:`ntklib.model.Model`.

What is common to both libraries: arrays of NumPy in and out, their checks, blocks of examples. A
network of either has a flat view of its trained parameters and a pass at other values of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ntklib._engine.sizes import slices
from ntklib._precision import representable
from ntklib._validate import Array, complete, real_array, targets
from ntklib.empirical.request import HELD, Outputs, parse_outputs

# Examples in one pass where `batch` is not given: what they leave behind is held for the gradient.
PASS = 64


class Run(Protocol):
    """A network at some weights and examples, of which each method takes a range."""

    n: int

    def values(self, rows: slice) -> Array:
        """Outputs, shape (k,)."""

    def pull(self, rows: slice, u: Array) -> Array:
        """Sums of gradients for each column of ``u``, (k, c), in shape (c, p)."""

    def push(self, rows: slice, d: Array) -> Array:
        """Derivatives of the outputs along ``d``, (p,), in shape (k,)."""

    def jacobian(self, rows: slice) -> Array:
        """Gradients, one a row, shape (k, p)."""


class Network(Protocol):
    """A network with ``size`` trained numbers in one array of this dtype."""

    size: int
    dtype: Any

    def copied(self, X: Any) -> tuple[Any, int]:
        """The examples, where they could be written to copied, and their number."""

    def opened(self, X: Any, W: Array) -> AbstractContextManager[Run]:
        """Everything checked; within it the network runs."""

    def kernel(self, X: Any, Z: Any, W: Array, batch: int | None) -> Array:
        """The kernel, shape (n, n')."""


def one_output(outputs: object) -> Outputs:
    """The argument ``outputs`` where one number an example is asked for."""
    alone = outputs[1] if isinstance(outputs, tuple) and len(outputs) == 2 else outputs
    number = isinstance(alone, int) and not isinstance(alone, bool)
    if outputs is not None and not number and (alone is not outputs or not callable(outputs)):
        raise ValueError(
            "outputs must be an integer, a function of the model's output, a pair of both, or None "
            f"for a model with one output, got {outputs!r}"
        )
    found = Outputs() if outputs is None else parse_outputs(outputs)
    return Outputs("trace", found.function, found.index)


def check_one(o: int) -> None:
    """Refuse several outputs of which none was picked."""
    if o != 1:
        raise ValueError(
            f"outputs must leave one number an example, got {o}: an integer picks one of them, and "
            "a function makes one of them"
        )


def check_precision(name: str, x: Any, dtype: Any) -> None:
    """Refuse an array of NumPy that the network would take to fewer digits."""
    complete(name, x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got dtype {x.dtype}")
    if x.dtype.kind == "f" and x.dtype.itemsize > dtype.itemsize:
        raise TypeError(
            f"{name} must be {dtype}, the precision of the model's parameters, got {x.dtype}: "
            f"{name}.astype({str(dtype)!r}), or a model in {x.dtype}"
        )


@dataclass(frozen=True, eq=False)
class AdaptedModel:
    """The model of a network, as :func:`ntklib.empirical.as_model` says."""

    network: Network
    batch: int | None

    def points(self, X: Any) -> tuple[Any, int]:
        """A copy of the examples, and their number."""
        return self.network.copied(X)

    def __call__(self, X: Any, W: Any) -> Array:
        """Outputs, shape (n,)."""
        with self.network.opened(X, self._weights(W)) as run:
            value = np.concatenate([run.values(rows) for rows in self._parts(run)])
        return np.asarray(representable("F has values", value))

    def jacobian(self, X: Any, W: Any) -> Array:
        """The Jacobian, shape (n, p)."""
        step = self.batch or max(1, HELD // (4 * self.network.size * self.network.dtype.itemsize))
        with self.network.opened(X, self._weights(W)) as run:
            J = np.concatenate([run.jacobian(rows) for rows in slices(0, run.n, step)])
        return np.asarray(representable("the Jacobian has entries", J))

    def jvp(self, X: Any, W: Any, D: Any) -> Array:
        """The Jacobian times ``D``, shape (n,)."""
        d = self._numbers("D", real_array("D", D, ndim=1))
        if len(d) != self.network.size:
            raise ValueError(f"D must have shape ({self.network.size},), got {d.shape}")
        with self.network.opened(X, self._weights(W)) as run:
            change = np.concatenate([run.push(rows, d) for rows in self._parts(run)])
        return np.asarray(representable("J d has entries", change))

    def vjp(self, X: Any, W: Any, u: Any) -> Array:
        """The sum of the gradients, each times its ``u``, shape (p,), or (k, p)."""
        with self.network.opened(X, self._weights(W)) as run:
            columns = self._numbers("u", targets("u", u, run.n))
            flat = columns.reshape(run.n, -1)
            found = np.zeros((flat.shape[1], self.network.size), self.network.dtype)
            with np.errstate(over="ignore", invalid="ignore"):  # reported just below
                for rows in self._parts(run):
                    found += run.pull(rows, flat[rows])
        return np.asarray(
            representable("J'u has entries", found[0] if columns.ndim == 1 else found)
        )

    def empirical_ntk(self, X: Any, Z: Any = None, *, W: Any) -> Array:
        """The kernel, shape (n, n'), as :func:`ntklib.empirical_ntk` finds it."""
        return self.network.kernel(X, Z, self._weights(W), self.batch)

    def _parts(self, run: Run) -> Iterator[slice]:
        return iter(slices(0, run.n, self.batch or PASS))

    def _weights(self, W: Any) -> Array:
        array = real_array("W", W, ndim=1)
        if len(array) != self.network.size:
            raise ValueError(f"W must have shape ({self.network.size},), got {array.shape}")
        check_precision("W", array, self.network.dtype)
        return array.astype(self.network.dtype)  # a copy: torch would share the caller's memory

    def _numbers(self, name: str, array: Array) -> Array:
        """In the precision of the network, in which products with them are computed."""
        with np.errstate(over="ignore"):
            found = array.astype(self.network.dtype)
        return np.asarray(representable(f"{name} in {self.network.dtype} has entries", found))
