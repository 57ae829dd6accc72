r"""The derivative of one call, example by example, as two factors.

For one output :math:`a` of example :math:`i`, a layer's gradient in its weight is
:math:`\sum_l g_{ial}\,x_{il}^\top` over the positions :math:`l` at which the weight is used: pixels
of a convolution, tokens, the passes of a layer that is used again. So it is never formed: ``A`` has
the inputs, shape (n, L, d), and ``G`` the gradients at the output, shape (n, o, c, L). A transposed
convolution has the roles exchanged: its positions are those of the input, and the windows are taken
of the gradients.

Examples need not lie on the first axis inside a model: a *layout* says where they are.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from ntklib.empirical.torch_capture import Call

Tensor = Any  # of torch, which need not be there when types are checked
CONVOLUTIONS = ("conv", "transposed")
# Their weights have the inputs' axis first.
TURNED = ("matmul", "transposed")


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


def _spread(call: Call, x: Any, n: int, moved: bool) -> Any:
    """A signal as (n, groups, times, channels, positions...), or its windows, those after them.

    ``times`` counts the signals of one example.
    """
    dims, groups = len(call.options[0]), call.options[4]
    x = x.reshape(-1, *x.shape[-dims - 1 :])
    if moved:
        x = windows(x, call.options)
    return x.unflatten(0, (n, -1)).unflatten(2, (groups, -1)).transpose(1, 2)


def _outer(dims: int, view: Any) -> Any:
    """From (n, groups, times, channels, positions..., window...) to positions before channels."""
    positions = range(4, 4 + dims)
    return view.permute(0, 1, 2, *positions, 3, *range(4 + dims, view.dim()))


def put_inputs(call: Call, n: int, into: Any) -> None:
    """Write ``A`` of a call to ``into``, shape (n, groups, L, d)."""
    x = split(call.x, call.layout, n)
    if call.kind not in CONVOLUTIONS:
        into.copy_(x.reshape(n, 1, -1, x.shape[-1]))
        return
    dims = len(call.options[0])
    x = _outer(dims, _spread(call, x, n, call.kind == "conv"))
    into.unflatten(3, x.shape[3 + dims :]).unflatten(2, x.shape[2 : 3 + dims]).copy_(x)


def inputs(call: Call, n: int) -> Any:
    """``A`` of a call, shape (n, groups, L, d)."""
    groups = call.options[4] if call.kind in CONVOLUTIONS else 1
    x = split(call.x, call.layout, n)
    if call.kind in CONVOLUTIONS:
        dims = len(call.options[0])
        shape = _outer(dims, _spread(call, x, n, call.kind == "conv")).shape
        L, d = math.prod(shape[2 : 3 + dims]), math.prod(shape[3 + dims :])
    else:
        d = x.shape[-1]
        L = x.numel() // (n * d)
    found = x.new_empty(n, groups, L, d)
    put_inputs(call, n, found)
    return found


def gradients(call: Call, g: Any, n: int) -> Any:
    """``G`` of a call for one output, shape (n, groups, c, L), of the gradient at its output.

    The examples are on the first axis, as `split` puts them.
    """
    if call.kind not in CONVOLUTIONS:
        return g.reshape(n, 1, -1, g.shape[-1]).transpose(2, 3)
    dims = len(call.options[0])
    if call.kind == "conv":
        return _spread(call, g, n, False).movedim(3, 2).flatten(3)
    places = call.x.shape[-dims:]
    g = _spread(call, g, n, True)
    for axis, length in enumerate(places, start=4):
        g = g.narrow(axis, 0, length)  # padding of the output may leave room for more
    inside = range(4 + dims, 4 + 2 * dims)
    g = g.permute(0, 1, 3, *inside, 2, *range(4, 4 + dims))
    return g.flatten(3 + dims).flatten(2, 2 + dims)


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
    if p is call.bias:
        g = split(g, call.layout, n)
        if call.kind in CONVOLUTIONS:
            dims = len(call.options[0])
            return g.reshape(n, -1, g.shape[-dims - 1], math.prod(g.shape[-dims:])).sum((1, 3))
        return g.reshape(n, -1, g.shape[-1]).sum(1)
    q = gradients(call, split(g, call.layout, n), n)
    if call.kind == "lookup":
        at, (skipped, size) = tokens(call, n), call.options
        values = q[:, 0].transpose(1, 2)
        if skipped is not None:
            values = values * (at != skipped)[..., None]
        found = values.new_zeros(n, size, values.shape[2])
        return found.scatter_add_(1, at[..., None].expand_as(values), values).reshape(n, -1)
    J = q @ inputs(call, n)
    return (J.transpose(2, 3) if call.kind in TURNED else J).reshape(n, -1)
