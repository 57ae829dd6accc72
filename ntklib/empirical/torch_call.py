"""How a module of torch is called, and left as it was."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ntklib.empirical.request import Outputs, within

Tensor = Any  # of torch, which need not be there when types are checked
PRECISIONS = (torch.float32, torch.float64)


def tensors(X: Any) -> Iterator[Any]:
    """The tensors with a row for each example in what a model takes."""
    if isinstance(X, torch.Tensor):
        if X.dim():
            yield X
    elif isinstance(X, dict):
        for value in X.values():
            yield from tensors(value)
    elif isinstance(X, tuple | list):
        for value in X:
            yield from tensors(value)


def mapped(X: Any, change: Callable[[Any], Any]) -> Any:
    """The same nest with each such tensor changed; anything else is passed on."""
    if isinstance(X, torch.Tensor):
        return change(X) if X.dim() else X
    if isinstance(X, dict):
        return {key: mapped(value, change) for key, value in X.items()}
    if isinstance(X, tuple | list):
        return type(X)(mapped(value, change) for value in X)
    return X


def take(X: Any, rows: Any) -> Any:
    """Some of the examples."""
    return mapped(X, lambda x: x[rows])


def count(name: str, X: Any) -> int:
    """The number of examples; what is wrong with them is named."""
    if not isinstance(X, torch.Tensor | dict | tuple | list):
        raise TypeError(
            f"{name} must be a tensor of torch, or a tuple or dict of them, got {type(X).__name__}"
        )
    found = list(tensors(X))
    sizes = {len(x) for x in found}
    if len(sizes) != 1:
        shapes = [tuple(x.shape) for x in found]
        raise ValueError(f"{name} must have tensors with one number of rows, got shapes {shapes}")
    if any(x.numel() == 0 for x in found):
        raise ValueError(f"{name} must not be empty, got shapes {[tuple(x.shape) for x in found]}")
    for x in found:
        if x.is_complex():
            raise TypeError(f"{name} must be real, got dtype {x.dtype}")
        if x.is_floating_point() and not bool(torch.isfinite(x).all()):
            raise ValueError(
                f"{name} must be finite, got {int((~torch.isfinite(x)).sum())} NaN or inf"
            )
    return sizes.pop()


def own(X: Any) -> Any:
    """The same without gradients of the caller's; tensors of inference mode are copied."""
    return mapped(X, lambda x: x.detach().clone() if x.is_inference() else x.detach())


def places(module: Any) -> Iterator[tuple[str, Any]]:
    """Every place of a parameter, by its name; a shared one has several, a shared module's one."""
    for prefix, m in module.named_modules():
        for key, p in m._parameters.items():
            yield (f"{prefix}.{key}" if prefix else key), p


@dataclass(frozen=True)
class Problem:
    """A module, what of its output is asked for, and the parameters that count, by name.

    They are the module's own, or run in the places of those, which ``placed`` has by their ids.
    """

    module: Any
    outputs: Outputs
    parameters: dict[str, Any]
    labels: dict[str, str]
    placed: dict[int, Any] = field(default_factory=dict)

    def call(self, X: Any, parameters: dict[str, Any] | None = None) -> Any:
        """The outputs, shape (n, o), with some of the parameters replaced."""
        return self.flat(self.raw(X, parameters), next(tensors(X)).shape[0])

    def inner(self, X: Any) -> tuple[int, ...]:
        """The shape of the outputs of one example."""
        return tuple(self._picked(self.raw(X, None), next(tensors(X)).shape[0]).shape[1:])

    def raw(self, X: Any, parameters: dict[str, Any] | None) -> Any:
        args, kwargs = ((), X) if isinstance(X, dict) else (X if type(X) is tuple else (X,), {})
        if parameters is None and not self.placed:
            return self.module(*args, **kwargs)
        # Buffers may be written to, which under a transformation is allowed to what was made in it.
        buffers = {name: b.clone() for name, b in self.module.named_buffers()}
        # Each place once: torch's own way with ties leaves a module of two names changed.
        homes = {id(value): home for home, value in self.placed.items()}
        ids = {name: id(p) for name, p in self.parameters.items()}
        new = {homes.get(ids[name], ids[name]): v for name, v in (parameters or {}).items()}
        own = self.placed | new
        placed = {name: own[id(p)] for name, p in places(self.module) if id(p) in own}
        run = torch.func.functional_call
        return run(self.module, buffers | placed, args, kwargs, tie_weights=False)

    def _picked(self, y: Any, n: int) -> Any:
        function = self.outputs.function
        what = "the model's output" if function is None else "what the function outputs returns"
        if function is not None:
            y = function(y)
        if not isinstance(y, torch.Tensor):
            hint = ': outputs=lambda y: y["..."] picks one' if function is None else ""
            raise TypeError(f"{what} must be one tensor, got {type(y).__name__}{hint}")
        if y.dim() < 1 or y.shape[0] != n:
            shape = tuple(y.shape)
            raise ValueError(f"{what} must have {n} rows, one an example, got shape {shape}")
        if y.dtype not in PRECISIONS:
            raise TypeError(f"{what} must be float32 or float64, got {y.dtype}: model.float()")
        return y

    def flat(self, y: Any, n: int) -> Any:
        """The outputs asked for, shape (n, o), of what the model returned."""
        y = self._picked(y, n).reshape(n, -1)
        entry = self.outputs.entry(y.shape[1])
        return y if entry is None else y[:, entry : entry + 1]

    def only(self, names: Iterable[str]) -> Problem:
        """The same for some of the parameters."""
        kept = {name: self.parameters[name] for name in names}
        return Problem(self.module, self.outputs, kept, self.labels, self.placed)

    def groups(self) -> list[str]:
        """The labels of the kernels, in the order of the parameters."""
        return list(dict.fromkeys(self.labels[name] for name in self.parameters))


def selected(module: Any, params: Iterable[str] | None) -> dict[str, Any]:
    """The parameters that count: those that require gradients, or those named."""
    every = dict(module.named_parameters())
    free = {name: p for name, p in every.items() if p.requires_grad}
    if params is not None:
        if isinstance(params, str) or not all(isinstance(prefix, str) for prefix in params):
            raise TypeError(f"params must be names of parameters or layers, got {params!r}")
        prefixes: Sequence[str] = list(params)
        for prefix in prefixes:
            if not any(within(name, prefix) for name in every):
                raise ValueError(f"params has {prefix!r}, which names no parameter of the model")
            if not any(within(name, prefix) for name in free):
                raise ValueError(f"params has {prefix!r}, which is frozen: it needs requires_grad")
        free = {k: p for k, p in free.items() if any(within(k, prefix) for prefix in prefixes)}
    if not free:
        raise ValueError("the model must have parameters that require gradients, got none")
    for name, p in free.items():
        if p.dtype not in PRECISIONS:
            raise TypeError(f"parameter {name!r} must be float32 or float64, got {p.dtype}")
        if not bool(torch.isfinite(p).all()):
            raise ValueError(f"parameter {name!r} must be finite")
    return free


@contextmanager
def untouched(module: Any) -> Iterator[None]:
    """Run with gradients on and as written, and put back buffers and all random states."""
    places = [(m, key, b) for m in module.modules() for key, b in m._buffers.items()]
    kept = [None if b is None else b.detach().clone() for _, _, b in places]
    others = random.getstate(), np.random.get_state()  # noqa: NPY002
    cuda = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    # Nothing is compiled where the compiler, which takes seconds to load, is not there yet.
    compiles = "torch._dynamo" in sys.modules
    eager = torch.compiler.set_stance("force_eager") if compiles else nullcontext()
    kinds = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(cuda))
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            stack.enter_context(eager)
            for kind in kinds:
                stack.enter_context(torch.autocast(kind, enabled=False))
            yield
    finally:
        random.setstate(others[0])
        np.random.set_state(others[1])  # noqa: NPY002
        with torch.no_grad():
            for (m, key, b), old in zip(places, kept, strict=True):
                m._buffers[key] = b
                if b is not None and not torch.equal(b, old):
                    b.copy_(old)
