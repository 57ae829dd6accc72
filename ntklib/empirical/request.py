"""What is asked for: which outputs, which groups of parameters; the same for all libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

Mode = Literal["full", "trace", "diagonal"]
Method = Literal["auto", "structured", "contract", "products"]
MODES = ("full", "trace", "diagonal")
METHODS = ("auto", "structured", "contract", "products")

# Bytes of gradients, or of rows of a Jacobian, that are held at a time where `batch` is not given.
HELD = 1 << 30


@dataclass(frozen=True)
class Outputs:
    """Of a model's output: a function of it, one entry of that, and what of the pairs is kept."""

    mode: Mode = "full"
    function: Callable[[Any], Any] | None = None
    index: int | None = None

    def shape(self, inner: tuple[int, ...]) -> tuple[int, ...]:
        """What follows (n, n') in the shape of the kernel of outputs of this shape."""
        if self.index is not None or self.mode == "trace":
            return ()
        return inner if self.mode == "diagonal" else (*inner, *inner)

    def entry(self, size: int) -> int | None:
        """The index of the one output that is asked for, counted from the front."""
        if self.index is None:
            return None
        if not -size <= self.index < size:
            raise ValueError(f"outputs must index the {size} outputs of a point, got {self.index}")
        return self.index % size


def parse_outputs(outputs: object) -> Outputs:
    """The argument ``outputs`` in its parts."""
    if isinstance(outputs, tuple) and len(outputs) == 2 and callable(outputs[0]):
        rest = parse_outputs(outputs[1])
        if rest.function is None:
            return Outputs(rest.mode, outputs[0], rest.index)
    elif isinstance(outputs, str) and outputs in MODES:
        return Outputs(cast(Mode, outputs))
    elif isinstance(outputs, int) and not isinstance(outputs, bool):
        return Outputs(index=outputs)
    elif callable(outputs):
        return Outputs(function=outputs)
    raise ValueError(
        'outputs must be "full", "trace", "diagonal", an integer, a function of the model\'s '
        f"output, or a pair of a function and one of the others, got {outputs!r}"
    )


def parse_method(method: object, allowed: Sequence[str] = METHODS) -> Method:
    """The argument ``method``."""
    if method not in allowed:
        raise ValueError(f"method must be one of {', '.join(allowed)}, got {method!r}")
    return cast(Method, method)


def parse_batch(batch: object) -> int | None:
    """The argument ``batch``: a number of points, or None."""
    if batch is None:
        return None
    if isinstance(batch, bool) or not isinstance(batch, int):
        raise TypeError(f"batch must be an integer or None, got {batch!r}")
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    return batch


def within(name: str, prefix: str) -> bool:
    """Whether a parameter's name is this one, or that of a parameter of the layer of this name."""
    return not prefix or name == prefix or name.startswith(prefix + ".")


def labels(names: Iterable[str], by_layer: object) -> dict[str, str]:
    """For each parameter the group whose kernel it is part of; without ``by_layer`` all are "".

    With True the layer's name: the parameter's, up to its last dot. A mapping has for each group
    names of parameters or of layers; what no group has is left out.
    """
    names = list(names)
    if by_layer is False:
        return dict.fromkeys(names, "")
    if by_layer is True:
        return {name: name.rpartition(".")[0] for name in names}
    if not isinstance(by_layer, Mapping):
        raise TypeError(f"by_layer must be a bool or a mapping of names, got {by_layer!r}")
    found: dict[str, str] = {}
    for group, wanted in by_layer.items():
        for prefix in [wanted] if isinstance(wanted, str) else list(wanted):
            members = [name for name in names if within(name, prefix)]
            if not members:
                raise ValueError(f"by_layer[{group!r}] has {prefix!r}, which names no parameter")
            for name in members:
                if found.setdefault(name, group) != group:
                    raise ValueError(f"by_layer has {name!r} in {found[name]!r} and in {group!r}")
    return found
