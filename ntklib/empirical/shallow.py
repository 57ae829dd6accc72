"""The empirical kernel of a model with one output: its own, or from its products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntklib._validate import Array, real_array
from ntklib.empirical.request import Method, Outputs
from ntklib.model import Model


def empirical_ntk(
    model: Model, X: Any, Z: Any, *, params: Any, outputs: Outputs, by_layer: object, method: Method
) -> Any:
    """The kernel, or a dict of the one layer's, as `ntklib.empirical_ntk` says."""
    if params is None:
        raise ValueError("params must be the weights of the model, got None")
    W = real_array("params", params)
    if outputs.function is not None:
        raise ValueError("outputs must not be a function for a model with one output")
    outputs.entry(1)
    if by_layer not in (False, True):
        raise TypeError(f"by_layer must be a bool for a model with one layer, got {by_layer!r}")
    K: Array
    if method == "contract":
        J = model.jacobian(X, W)
        K = J @ (J if Z is None else model.jacobian(Z, W)).T
    elif method == "products":
        K = _by_products(model, X, X if Z is None else Z, W)
    else:
        K = model.empirical_ntk(X, Z, W=W)
    return {"W": K} if by_layer else K


def _by_products(model: Model, X: Any, Z: Any, W: Array) -> Array:
    columns: list[Array] = []
    for j in range(len(Z)):
        u = np.zeros(len(Z), W.dtype)
        u[j] = 1
        columns.append(model.jvp(X, W, model.vjp(Z, W, u)))
    return np.stack(columns, axis=1)
