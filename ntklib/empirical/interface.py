"""One function for all libraries: which one a model belongs to, and what it is asked."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from ntklib.empirical.cost import Cost
from ntklib.empirical.request import Outputs, parse_batch, parse_method, parse_outputs


def _extra(name: str) -> Any:
    try:
        import_module(name)
    except ImportError as error:
        raise ImportError(f"this model needs {name}: pip install 'ntklib[{name}]'") from error
    return import_module(f"ntklib.empirical.{name}_kernel")


def _is_module(model: object) -> bool:
    """Whether it is a module of torch, without loading torch for what is not."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def empirical_ntk(
    model: Any,
    X: Any,
    Z: Any = None,
    *,
    params: Any = None,
    outputs: Any = "full",
    by_layer: Any = False,
    batch: int | None = None,
    method: str = "auto",
    check: bool = True,
) -> Any:
    asked = parse_outputs(outputs)
    size = parse_batch(batch)
    if _is_module(model):
        return _extra("torch").empirical_ntk(
            *(model, X, Z),
            params=params,
            outputs=asked,
            by_layer=by_layer,
            batch=size,
            method=parse_method(method),
            check=check,
        )
    raise NotImplementedError
