"""What a model of torch does with its parameters, call by call, while it runs.

A mode of torch sees every call of a function, also those with bare parameters that no hook of a
module would see. Of a call whose derivative in a parameter has a known form it keeps the input and
the edge of the graph at which the gradient of the output arrives: an edge stays right where the
output itself is later changed in place.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd.graph import get_gradient_edge
from torch.overrides import TorchFunctionMode

T = torch.Tensor
MATMUL = {torch.matmul, T.matmul, T.__matmul__, torch.mm, T.mm}
ADD = {torch.add, T.add, T.__add__, T.__radd__}
MULTIPLY = {torch.mul, T.mul, T.__mul__, T.__rmul__}
CONVOLUTION = {torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}
TRANSPOSED = {torch.conv_transpose1d: 1, torch.conv_transpose2d: 2, torch.conv_transpose3d: 3}
SPLIT = {torch.split, T.split, torch.chunk, T.chunk}
DROPOUT = {
    *(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout),
    *(torch.dropout, F.rrelu),
}
# Those of them that are active unless they are told otherwise.
ALWAYS = {F.dropout, F.dropout1d, F.dropout2d, F.dropout3d}
# The order of their arguments, for those that are called by position.
_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TRANSPOSED = (
    "input",
    "weight",
    "bias",
    "stride",
    "padding",
    "output_padding",
    "groups",
    "dilation",
)
_EMBEDDING = ("input", "weight", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq")
_LAYER_NORM = ("input", "normalized_shape", "weight", "bias", "eps")
_RMS_NORM = ("input", "normalized_shape", "weight", "eps")
_GROUP_NORM = ("input", "num_groups", "weight", "bias", "eps")
_BATCH_NORM = (
    *("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
)


class RefusedError(ValueError):
    """A model whose gradients are not those of one example each."""


@dataclass(frozen=True)
class Match:
    """A call that is linear in its parameters: its kind, the parameters, the input, settings."""

    kind: str
    weight: Any = None
    bias: Any = None
    x: Any = None
    options: Any = None


@dataclass(eq=False)
class Call:
    """A call that was seen: what it matched, its output's edge and shape, the uses it explains."""

    kind: str
    weight: Any
    bias: Any
    x: Any
    options: Any
    version: int | None
    edge: Any
    shape: tuple[int, ...]
    dtype: Any
    explains: set[Any] = field(default_factory=set)
    layout: Any = None
    factor: Any = None  # what a scale multiplies, once it was asked for

    @property
    def intact(self) -> bool:
        """Whether the input still is what it was."""
        return self.x is None or self.x._version == self.version


def named(names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(names, args, strict=False)) | kwargs


def opened(func: Any) -> Callable[..., Any]:
    """A function of torch.nn.functional whose own calls the mode sees.

    It asks whether somebody overrides it, which the mode does, and would be called again without
    end; in this copy the answer is no.
    """
    asks = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")
    names = dict(func.__globals__) | dict.fromkeys(asks, lambda *a: False)
    parts = func.__name__, func.__defaults__, func.__closure__
    copy = types.FunctionType(func.__code__, names, *parts)
    copy.__kwdefaults__ = func.__kwdefaults__
    return copy


class Capture(TorchFunctionMode):  # type: ignore[misc]
    """Keeps the calls with parameters that count; refuses what mixes examples."""

    def __init__(self, wanted: Iterable[Any]) -> None:
        super().__init__()
        self.wanted = {id(p): p for p in wanted}
        self.pieces: dict[tuple[int, int, int], Any] = {}
        self.calls: list[Call] = []
        self.nodes: list[Any] = []  # they are told apart by what they are, so they must stay alive

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        refuse(func, args, kwargs)
        if func is F.multi_head_attention_forward:
            with self:
                return opened(func)(*args, **kwargs)
        if args and self.ours(args[0]):
            pieces = self.cut(func, args, kwargs)
            if pieces is not None:
                return pieces
        match = self.match(func, args, kwargs)
        inputs = [t for t in args if isinstance(t, T) and t.requires_grad] if match else []
        stops = [get_gradient_edge(t).node for t in inputs if id(t) not in self.wanted]
        out = func(*args, **kwargs)
        if match and isinstance(out, T) and out.requires_grad and out.dim():
            if out._is_view():
                # What changes a view in place rewrites its past, and the edge would be off the way.
                out = out.clone()
            self.keep(match, out, stops)
        return out

    def keep(self, match: Match, out: Any, stops: list[Any]) -> None:
        x = match.x
        call = Call(
            *(match.kind, match.weight, match.bias, None if x is None else x.detach()),
            *(match.options, None if x is None else x._version),
            *(get_gradient_edge(out), tuple(out.shape), out.dtype),
        )
        seen: set[Any] = set()
        waiting = [call.edge.node]
        while waiting:
            node = waiting.pop()
            if node in seen or node in stops:
                continue
            seen.add(node)
            for k, (after, _) in enumerate(node.next_functions):
                if hasattr(after, "variable"):
                    call.explains.add((node, k))
                elif after is not None:
                    waiting.append(after)
        self.nodes += [*seen, *stops]
        self.calls.append(call)

    def cut(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Rows of a parameter, each a parameter of its own from here on; None for another call.

        The weight of attention is three in one, and used in parts where keys are not queries.
        """
        p = args[0]
        if id(p) in {id(piece) for piece in self.pieces.values()} or p.dim() == 0:
            return None
        if func in SPLIT:
            if named(("self", "size", "dim"), args, kwargs).get("dim", 0) not in (0, -p.dim()):
                return None
            with torch.no_grad():
                sizes = [len(part) for part in func(*args, **kwargs)]
            stops = [sum(sizes[: k + 1]) for k in range(len(sizes))]
            return tuple(
                self.piece(p, stop - size, stop) for size, stop in zip(sizes, stops, strict=True)
            )
        if func is T.__getitem__ and isinstance(args[1], slice):
            start, stop, step = args[1].indices(len(p))
            return self.piece(p, start, stop) if step == 1 and start < stop else None
        return None

    def piece(self, p: Any, start: int, stop: int) -> Any:
        """These rows as a leaf of the graph, the same one where they are asked for again."""
        key = id(p), start, stop
        if key not in self.pieces:
            found = p.detach()[start:stop].requires_grad_()
            self.pieces[key] = found
            self.wanted[id(found)] = found
        return self.pieces[key]

    def ours(self, value: Any) -> bool:
        return id(value) in self.wanted

    def parameters(self, at: dict[str, Any]) -> tuple[Any, Any] | None:
        """The weight and bias of a call that are ours, None for one that is not; or None."""
        w, b = (v if self.ours(v) else None for v in (at.get("weight"), at.get("bias")))
        return None if w is None and b is None else (w, b)

    def match(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Match | None:
        """What the call is, where a known form has its derivative in a parameter that counts."""
        if not any(map(self.ours, (*args, *kwargs.values()))):
            return None
        if func is F.linear:
            return self.linear(named(("input", "weight", "bias"), args, kwargs))
        if func in CONVOLUTION:
            return self.convolution(CONVOLUTION[func], named(_CONVOLUTION, args, kwargs), "conv")
        if func in TRANSPOSED:
            at = named(_TRANSPOSED, args, kwargs)
            return self.convolution(TRANSPOSED[func], at, "transposed")
        if func is torch.addmm and not kwargs and len(args) == 3:
            b, x, w = args
            known = self.parameters({"weight": w, "bias": b})
            return Match("matmul", *known, x) if known and b.dim() == 1 and self.ours(w) else None
        if func in MATMUL and len(args) == 2 and self.ours(args[1]) and not self.ours(args[0]):
            return Match("matmul", args[1], None, args[0]) if args[1].dim() == 2 else None
        if func is F.embedding:
            return self.embedding(named(_EMBEDDING, args, kwargs))
        if func in (F.layer_norm, F.rms_norm, F.group_norm, F.batch_norm):
            return self.norm(func, args, kwargs)
        if (func in ADD or func in MULTIPLY) and len(args) == 2 and not kwargs:
            p, other = args if self.ours(args[0]) else args[::-1]
            if self.ours(other):
                return None
            if func in ADD:
                return Match("add", p)
            return Match("multiply", p, None, other) if isinstance(other, T) else None
        if func is T.expand and self.ours(args[0]):
            return Match("add", args[0])
        if func is T.repeat and self.ours(args[0]):
            return self.repeated(args[0], args[1:])
        return None

    def linear(self, at: dict[str, Any]) -> Match | None:
        known = self.parameters(at)
        return Match("linear", *known, at["input"]) if known else None

    def repeated(self, p: Any, times: tuple[Any, ...]) -> Match | None:
        """A parameter repeated along axes of size one, which is what broadcasting does."""
        counts = times[0] if len(times) == 1 and not isinstance(times[0], int) else times
        sizes = (1,) * (len(counts) - p.dim()) + tuple(p.shape)
        alike = all(k == 1 or size == 1 for k, size in zip(counts, sizes, strict=True))
        return Match("add", p) if alike else None

    def convolution(self, dims: int, at: dict[str, Any], kind: str) -> Match | None:
        known, w, x = self.parameters(at), at["weight"], at["input"]
        if known is None or x.dim() != dims + 2:
            return None

        def each(value: Any) -> tuple[int, ...]:
            values = (value,) if isinstance(value, int) else tuple(value)
            return values * dims if len(values) == 1 else values

        sizes, stride, dilation = (
            w.shape[2:],
            each(at.get("stride", 1)),
            each(at.get("dilation", 1)),
        )
        padding = at.get("padding", 0)
        if padding == "same":
            spans = [(size - 1) * step for size, step in zip(sizes, dilation, strict=True)]
            pads = tuple((span // 2, span - span // 2) for span in spans)
        else:
            pads = tuple((k, k) for k in each(0 if padding == "valid" else padding))
        groups = at.get("groups", 1)
        channels = w.shape[0] if kind == "conv" else w.shape[1] * groups
        return Match(kind, *known, x, (tuple(sizes), stride, pads, dilation, groups, channels))

    def embedding(self, at: dict[str, Any]) -> Match | None:
        w, skipped = at["weight"], at.get("padding_idx")
        if not self.ours(w) or at.get("max_norm") is not None or at.get("scale_grad_by_freq"):
            return None
        skipped = None if skipped is None else skipped % len(w)
        return Match("lookup", w, None, at["input"], (skipped, len(w)))

    def norm(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Match | None:
        names: dict[Any, tuple[str, ...]]
        names = {F.layer_norm: _LAYER_NORM, F.rms_norm: _RMS_NORM, F.group_norm: _GROUP_NORM}
        at = named(names.get(func, _BATCH_NORM), args, kwargs)
        known, x = self.parameters(at), at["input"]
        if known is None:
            return None
        settings = {key: at[key] for key in ("eps",) if key in at}
        if func is F.batch_norm:
            shape = (1, -1) + (1,) * (x.dim() - 2)
            mean, variance = (at[k].detach().view(shape) for k in ("running_mean", "running_var"))
            scale = torch.rsqrt(variance + at.get("eps", 1e-5))
            return Match("norm", *known, x, (1, lambda v: (v - mean) * scale))
        if func is F.group_norm:
            groups = at["num_groups"]
            return Match("norm", *known, x, (1, lambda v: F.group_norm(v, groups, **settings)))
        shape = tuple(at["normalized_shape"])
        return Match(
            "norm", *known, x, (x.dim() - len(shape), lambda v: func(v, shape, **settings))
        )


def refuse(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """What gives an example no gradients of its own, by name."""
    if func is F.batch_norm and named(_BATCH_NORM, args, kwargs).get("training"):
        raise RefusedError(
            "batch normalization takes the mean and variance of the batch: no example has a "
            "Jacobian of its own. model.eval() uses the running ones"
        )
    if func in DROPOUT:
        share = ("lower", "upper") if func is F.rrelu else ("p",)
        flag = "train" if func is torch.dropout else "training"
        at = named(("input", *share, flag), args, kwargs)
        if at.get(flag, func in ALWAYS) and at.get("p", 0.5) > 0:
            raise RefusedError(f"{func.__name__} is active: model.eval() turns it off")
    if func is F.scaled_dot_product_attention:
        names = ("query", "key", "value", "attn_mask", "dropout_p")
        if named(names, args, kwargs).get("dropout_p", 0.0) > 0:
            raise RefusedError("dropout of attention is active: model.eval() turns it off")
