"""What a deep network is: its activation, the scales of its layers, and which are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ntklib._engine import portable
from ntklib._engine.portable import is_foreign
from ntklib._validate import Array, nonnegative, positive, positive_int, real_array
from ntklib.activations import Activation
from ntklib.expectations import Dual, Rows, dual

ActivationLike = str | Activation | Dual | Callable[[Array], Array]

Trained = str | Iterable[int]


@dataclass(frozen=True)
class Architecture:
    """Activation and, for each layer, the scales and whether it is trained."""

    law: Dual
    weights: tuple[Any, ...]
    biases: tuple[Any, ...]
    trained: tuple[bool, ...]

    @property
    def homogeneous(self) -> bool:
        """:math:`F(cx)=cF(x)` in law for :math:`c>0`: norms may be factored out."""
        return self.law.homogeneous and not any(map(self.mixes, range(len(self.biases))))

    def mixes(self, layer: int) -> bool:
        """Whether a layer, counted from 0, has biases; one that torch or JAX follows may be any."""
        bias = self.biases[layer]
        return is_foreign(bias) or bool(bias != 0)

    def with_first_bias(self, bias: float) -> Architecture:
        """The same network with another bias in its first layer."""
        return replace(self, biases=(bias, *self.biases[1:]))

    def activate(self, layer: int, std: Array) -> Rows:
        """What hidden layer ``layer``, from 1 on, makes of these standard deviations."""
        rows = self.law.rows(std)
        if not np.isfinite(rows.size).all():
            raise OverflowError(
                f"the activations of hidden layer {layer} have no finite mean square"
            )
        return rows


def per_layer(
    name: str, value: object, layers: int, check: Callable[[str, object], float]
) -> tuple[float, ...]:
    """A number for all layers, or one for each; of torch and JAX too, which may follow it."""
    if is_foreign(value) or (
        isinstance(value, list | tuple) and any(is_foreign(entry) for entry in value)
    ):
        return _foreign_scales(name, value, layers, check)
    if np.ndim(value) == 0:  # type: ignore[arg-type]
        return (check(name, value),) * layers
    values = real_array(name, value, ndim=1)
    if len(values) != layers:
        raise ValueError(
            f"{name} must be one number or {layers}, one a layer, got {len(values)} numbers"
        )
    return tuple(check(f"{name}[{i}]", v) for i, v in enumerate(values))


def _foreign_scales(
    name: str, value: Any, layers: int, check: Callable[[str, object], float]
) -> tuple[Any, ...]:
    """Scales of torch or JAX: as numbers, unless derivatives are asked for."""
    if is_foreign(value) and value.ndim == 0:
        return (portable.scale(name, value, check),) * layers
    if len(value) != layers:
        raise ValueError(
            f"{name} must be one number or {layers}, one a layer, got {len(value)} numbers"
        )
    return tuple(portable.scale(f"{name}[{i}]", value[i], check) for i in range(layers))


def trained_layers(trained: Trained, layers: int) -> tuple[bool, ...]:
    """Which of the layers 1, ..., ``layers`` are trained."""
    if isinstance(trained, str):
        names = {"all": range(1, layers + 1), "inner": range(1, layers), "readout": (layers,)}
        if trained not in names:
            raise ValueError(
                f"trained must be one of {sorted(names)} or layer numbers, got {trained!r}"
            )
        chosen: set[int] = set(names[trained])
    else:
        if not isinstance(trained, Iterable):
            raise TypeError(f"trained must be a name or layer numbers, got {trained!r}")
        chosen = {positive_int("each layer in trained", layer) for layer in trained}
        if not chosen or max(chosen) > layers:
            raise ValueError(
                f"trained must name layers from 1 to {layers}, at least one, got {sorted(chosen)}"
            )
    return tuple(layer in chosen for layer in range(1, layers + 1))


def architecture(
    depth: object, activation: ActivationLike, W_std: object, b_std: object, trained: Trained
) -> Architecture:
    """The arguments of :func:`ntk`, checked."""
    layers = positive_int("depth", depth) + 1
    return Architecture(
        dual(activation),
        per_layer("W_std", W_std, layers, positive),
        per_layer("b_std", b_std, layers, nonnegative),
        trained_layers(trained, layers),
    )
