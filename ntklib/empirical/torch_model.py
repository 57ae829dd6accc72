"""A module of torch at other weights than its own: outputs, products with the Jacobian, kernel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.func import jvp
from torch.nn.attention import SDPBackend, sdpa_kernel

from ntklib._validate import Array, real_array
from ntklib.empirical import torch_contract, torch_kernel
from ntklib.empirical.adapted import check_one, check_precision
from ntklib.empirical.request import Outputs
from ntklib.empirical.torch_call import Problem, count, own, selected, take, untouched
from ntklib.empirical.torch_capture import Capture, RefusedError
from ntklib.empirical.torch_checks import check_examples, check_unseen, refuse_modes, uses

Tensor = Any  # of torch, which need not be there when types are checked
# What torch raises where it has no rule.
RULELESS = (RuntimeError, NotImplementedError, TypeError, ValueError)


def flat(parts: Iterable[Tensor], dtype: Any) -> Array:
    """Tensors one after another, as one array."""
    found = [p.detach().to("cpu").reshape(-1).numpy().astype(dtype, copy=False) for p in parts]
    return np.concatenate(found)


class TorchNetwork:
    """A module and the parameters of it that are trained, in the order of its parameters."""

    def __init__(self, module: Any, params: Any, outputs: Outputs, check: bool) -> None:
        free = selected(module, params)
        self.module, self.outputs, self.check = module, outputs, check
        self.names = tuple(free)
        self.size = sum(p.numel() for p in free.values())
        double = any(p.dtype == torch.float64 for p in free.values())
        self.dtype = np.dtype(np.float64 if double else np.float32)

    def start(self) -> Array:
        """The weights that the module has."""
        return flat(self._homes().values(), self.dtype)

    def copied(self, X: Any) -> tuple[Any, int]:
        n = count("X", self._tensors("X", X))

        def copy(x: Any) -> Any:
            if isinstance(x, torch.Tensor):
                return x.detach().clone()
            if isinstance(x, dict):
                return {key: copy(value) for key, value in x.items()}
            if type(x) is tuple:
                return tuple(copy(value) for value in x)
            return np.array(x)

        return copy(X), n

    @contextmanager
    def opened(self, X: Any, W: Array) -> Iterator[TorchRun]:
        X = self._tensors("X", X)
        n = count("X", X)
        with untouched(self.module):
            X, problem = own(X), self._problem(W)
            x = take(X, slice(0, 1))
            refuse_modes(self.module)
            with torch.no_grad(), Capture(()):
                check_one(problem.call(x).shape[1])
            if self.check:
                check_examples(problem, "X", X)
                self._check_placed(problem, x)
            yield TorchRun(problem, X, n, self.check, self.dtype)

    def kernel(self, X: Any, Z: Any, W: Array, batch: int | None) -> Array:
        X = self._tensors("X", X)
        Z = None if Z is None else self._tensors("Z", Z)
        with untouched(self.module):
            problem = self._problem(W)
            a = torch_kernel.asked(problem, X, Z, self.check)
            check_one(a.o)
            if self.check:
                self._check_placed(problem, take(a.X, slice(0, 1)))
            K = torch_kernel.kernels(a, "auto", batch, self.check)[""]
        found: Array = K.cpu().numpy()
        return found

    def _homes(self) -> dict[str, Tensor]:
        every = dict(self.module.named_parameters())
        return {name: every[name] for name in self.names}

    def _problem(self, W: Array) -> Problem:
        homes, placed, start = self._homes(), {}, 0
        for name, p in homes.items():
            part = torch.from_numpy(W[start : start + p.numel()]).reshape(p.shape)
            placed[name] = part.to(p.device, p.dtype).detach().requires_grad_()
            start += p.numel()
        at = {id(p): placed[name] for name, p in homes.items()}
        return Problem(self.module, self.outputs, placed, dict.fromkeys(homes, ""), at)

    def _check_placed(self, problem: Problem, x: Any) -> None:
        """Refuse parameters that the module holds in a second place, from where it takes them."""
        found = uses(problem.call(x), problem.parameters.values())[0]
        check_unseen(problem, x, found)
        homes = self._homes()
        y = Problem(self.module, self.outputs, homes, problem.labels).call(x)
        taken = uses(y, homes.values())[0]
        left = [
            name
            for name, p in homes.items()
            if id(p) in taken and id(problem.parameters[name]) not in found
        ]
        if left:
            raise RefusedError(
                f"parameters {left} cannot be given other values: the module takes them from "
                "another place"
            )

    def _tensors(self, name: str, X: Any) -> Any:
        """Arrays as tensors, on the device of the parameters."""
        if isinstance(X, dict):
            return {key: self._tensors(f"{name}[{key!r}]", value) for key, value in X.items()}
        if type(X) is tuple:
            return tuple(self._tensors(f"{name}[{k}]", value) for k, value in enumerate(X))
        device = next(iter(self._homes().values())).device
        if isinstance(X, torch.Tensor):
            return X.to(device)
        array = X if isinstance(X, np.ndarray) else real_array(name, X)
        check_precision(name, array, self.dtype)
        return torch.tensor(array, device=device)  # a copy: not all arrays may be written to


@dataclass(frozen=True)
class TorchRun:
    """The module at some weights and examples."""

    problem: Problem
    X: Any
    n: int
    check: bool
    dtype: Any

    def values(self, rows: slice) -> Array:
        with torch.no_grad():
            return flat([self.problem.call(take(self.X, rows))], self.dtype)

    def pull(self, rows: slice, u: Array) -> Array:
        y = self.problem.call(take(self.X, rows))[:, 0]
        leaves = list(self.problem.parameters.values())
        found = np.zeros((u.shape[1], sum(p.numel() for p in leaves)), self.dtype)
        if y.grad_fn is None:
            return found
        columns = torch.from_numpy(np.ascontiguousarray(u.T)).to(y.device, y.dtype)
        for k, v in enumerate(columns):
            last = k == len(columns) - 1
            gs = torch.autograd.grad(y, leaves, v, retain_graph=not last, allow_unused=True)
            found[k] = flat(self._filled(gs), self.dtype)
        return found

    def push(self, rows: slice, d: Array) -> Array:
        """By two passes backward; where torch has no second one, by forward derivatives.

        Forward ones would be as quick, but more of their rules are missing, or wrong, and the first
        takes seconds to load them.
        """
        X, D, start = take(self.X, rows), {}, 0
        for name, p in self.problem.parameters.items():
            part = torch.from_numpy(d[start : start + p.numel()]).reshape(p.shape)
            D[name], start = part.to(p.device, p.dtype), start + p.numel()
        said: Exception | None = None
        for way in (self._twice_back, self._forward):
            try:
                found = way(X, D).detach()
                if self.check:
                    one = {name: direction[None, None] for name, direction in D.items()}
                    torch_contract.transposed(self.problem, X, one, found[None, None, :, None])
                return flat([found], self.dtype)
            except RULELESS as error:
                said = error
        raise RefusedError(
            "the model has no derivatives along a change of its parameters, neither by two passes "
            f"backward nor forward. torch said: {said}"
        ) from said

    def jacobian(self, rows: slice) -> Array:
        J = torch_contract.jacobian(self.problem, take(self.X, rows), self.check)
        parts = [J[name].flatten(2)[:, 0].to("cpu").numpy() for name in self.problem.parameters]
        found: Array = np.concatenate(parts, axis=1).astype(self.dtype, copy=False)
        return found

    def _filled(self, gs: Any) -> list[Tensor]:
        leaves = self.problem.parameters.values()
        return [torch.zeros_like(p) if g is None else g for p, g in zip(leaves, gs, strict=True)]

    def _forward(self, X: Any, D: dict[str, Tensor]) -> Tensor:
        parameters = {name: p.detach() for name, p in self.problem.parameters.items()}
        with sdpa_kernel(SDPBackend.MATH):  # the others have no forward derivatives
            return jvp(lambda p: self.problem.call(X, p)[:, 0], (parameters,), (D,))[1]

    def _twice_back(self, X: Any, D: dict[str, Tensor]) -> Tensor:
        """The derivative of J'v, which is linear in v."""
        with sdpa_kernel(SDPBackend.MATH):
            y = self.problem.call(X)[:, 0]
        if y.grad_fn is None:
            return torch.zeros_like(y)
        v = torch.zeros_like(y, requires_grad=True)
        leaves = list(self.problem.parameters.values())
        gs = self._filled(torch.autograd.grad(y, leaves, v, create_graph=True, allow_unused=True))
        total: Any = sum((g * d).sum() for g, d in zip(gs, D.values(), strict=True))
        return torch.autograd.grad(total, v)[0]


NETWORK = TorchNetwork
