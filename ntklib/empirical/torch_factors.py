r"""The derivative of one call, example by example, as two factors.

For one output :math:`a` of example :math:`i`, a layer's gradient in its weight is
:math:`\sum_l g_{ial}\,x_{il}^\top` over the positions :math:`l` at which the weight is used: pixels
of a convolution, tokens, the passes of a layer that is used again. So it is never formed: ``A`` has
the inputs, shape (n, L, d), and ``G`` the gradients at the output, shape (n, o, c, L).

Examples need not lie on the first axis inside a model: a *layout* says where they are.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from ntklib.empirical.torch_capture import Call

Tensor = Any  # of torch, which need not be there when types are checked


def layouts(shape: tuple[int, ...], n: int) -> list[Any]:
    """Where n examples may lie in an output: rows example by example, an axis, the last in rows."""
    found: list[Any] = []
    if shape[0] % n == 0:
        found.append("rows")
    if len(shape) > 2 and shape[1] == n:
        found.append(1)
    if shape[0] % n == 0 and shape[0] != n:
        found.append("turns")
    return found


def split(t: Any, layout: Any, n: int) -> Any:
    """The same tensor with the examples on the first axis, shape (n, ...)."""
    if layout == "rows":
        return t if t.shape[0] == n else t.reshape(n, -1, *t.shape[1:])
    if layout == "turns":
        return t.reshape(-1, n, *t.shape[1:]).movedim(1, 0)
    return t.movedim(layout, 0)


def windows(x: Any, options: Any) -> Any:
    """The inputs of a convolution at each position: (n, channels, positions..., window...)."""
    sizes, stride, pads, dilation, _, _ = options
    if any(any(pad) for pad in pads):
        x = F.pad(x, [k for pad in reversed(pads) for k in pad])
    for axis, (size, step, gap) in enumerate(zip(sizes, stride, dilation, strict=True), start=2):
        x = x.unfold(axis, (size - 1) * gap + 1, step)[..., ::gap]
    return x


def inputs(call: Call, n: int) -> Any:
    """``A`` of a call, shape (n, groups, L, d)."""
    if call.kind != "conv":
        x = split(call.x, call.layout, n)
        return x.reshape(n, 1, -1, x.shape[-1])
    dims, groups = len(call.options[0]), call.options[4]
    x = split(call.x, call.layout, n)
    x = windows(x.reshape(-1, *x.shape[-dims - 1 :]), call.options)
    k, positions = len(x) // n, math.prod(x.shape[2 : 2 + dims])
    x = x.reshape(n, k, groups, x.shape[1] // groups, positions, -1)
    return x.permute(0, 2, 1, 4, 3, 5).reshape(n, groups, k * positions, -1)


def gradients(call: Call, g: Any, n: int) -> Any:
    """``G`` of a call for one output, shape (n, groups, c, L), of the gradient at its output."""
    g = split(g, call.layout, n)
    if call.kind != "conv":
        return g.reshape(n, 1, -1, g.shape[-1]).transpose(2, 3)
    dims, groups, channels = len(call.options[0]), call.options[4], call.options[5]
    g = g.reshape(n, -1, groups, channels // groups, math.prod(g.shape[-dims:]))
    return g.permute(0, 2, 3, 1, 4).reshape(n, groups, channels // groups, -1)


def tokens(call: Call, n: int) -> Any:
    """The rows of an embedding that each example takes, shape (n, L)."""
    return split(call.x, call.layout, n).reshape(n, -1)


def broadcasts(call: Call, p: Any) -> bool:
    """Whether a parameter that scales or shifts does so in the same way for every example."""
    axis = call.layout if isinstance(call.layout, int) else 0
    if call.kind == "norm":
        return bool(axis < call.options[0])
    first = len(call.shape) - p.dim()
    return axis < first or bool(p.shape[axis - first] == 1)


def summed(call: Call, p: Any, g: Any, n: int) -> Any:
    """Gradients at the output, summed to those of a parameter that was broadcast: (n, size)."""
    if call.kind == "norm":
        first = call.options[0]
        full = [1] * len(call.shape)
        full[first : first + p.dim()] = p.shape
    else:
        full = [1] * (len(call.shape) - p.dim()) + list(p.shape)
    axis = call.layout if isinstance(call.layout, int) else 0
    g = split(g, call.layout, n)
    rest = [size for k, size in enumerate(full) if k != axis]
    extra = g.dim() - 1 - len(rest)
    sums = [1 + k for k in range(extra)]
    sums += [
        1 + extra + k for k, size in enumerate(rest) if size == 1 and g.shape[1 + extra + k] > 1
    ]
    return (g.sum(sums) if sums else g).reshape(n, -1)


def rows(call: Call, p: Any, g: Any, n: int) -> Any:
    """The gradients of one output in a parameter of the call, one example a row: (n, size)."""
    if call.kind in ("norm", "add", "multiply"):
        if call.kind == "norm" and p is call.weight:
            if call.factor is None:
                with torch.no_grad():
                    call.factor = call.options[1](call.x)
            g = g * call.factor
        elif call.kind == "multiply":
            g = g * call.x
        return summed(call, p, g, n)
    q = gradients(call, g, n)
    if p is call.bias:
        return q.sum(3).reshape(n, -1)
    if call.kind == "lookup":
        at, (skipped, size) = tokens(call, n), call.options
        values = q[:, 0].transpose(1, 2)
        if skipped is not None:
            values = values * (at != skipped)[..., None]
        found = values.new_zeros(n, size, values.shape[2])
        return found.scatter_add_(1, at[..., None].expand_as(values), values).reshape(n, -1)
    J = q @ inputs(call, n)
    return (J.transpose(2, 3) if call.kind == "matmul" else J).reshape(n, -1)
