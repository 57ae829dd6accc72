"""Networks of torch as people write them, small, in float64, with points for each."""

from typing import Any

import torch
import torch.nn.functional as F
import torch.utils.checkpoint
from torch import nn

Made = tuple[nn.Module, Any]


def points(*shape: int) -> torch.Tensor:
    return torch.randn(*shape)


class Residual(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.one, self.two = (nn.Conv2d(c, c, 3, padding=1) for _ in range(2))
        self.a, self.b = nn.GroupNorm(2, c), nn.GroupNorm(2, c)

    def forward(self, x):
        return F.relu(x + self.b(self.two(F.relu(self.a(self.one(x)), inplace=True))))


class Tokens(nn.Module):
    """Attention written out, with a learned position and a class token."""

    def __init__(self, width: int = 8, heads: int = 2, depth: int = 2, out: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.first = nn.Parameter(torch.randn(1, 1, width))
        self.place = nn.Parameter(torch.randn(1, 5, width))
        names = ("norm", "qkv", "back", "norm2", "up", "down")
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                dict(
                    zip(
                        names,
                        (
                            *(nn.LayerNorm(width), nn.Linear(width, 3 * width)),
                            *(nn.Linear(width, width), nn.LayerNorm(width)),
                            *(nn.Linear(width, 2 * width), nn.Linear(2 * width, width)),
                        ),
                        strict=True,
                    )
                )
            )
            for _ in range(depth)
        )
        self.head = nn.Linear(width, out)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(x), -1, -1), x], 1) + self.place
        n, length, width = x.shape
        for b in self.blocks:
            parts = b["qkv"](b["norm"](x)).reshape(n, length, 3, self.heads, -1)
            q, k, v = parts.permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, width)
            x = x + b["back"](y)
            x = x + b["down"](F.gelu(b["up"](b["norm2"](x))))
        return self.head(x[:, 0])


class Words(nn.Module):
    def __init__(
        self, *, tied: bool = False, padding: int | None = None, axis: bool = True
    ) -> None:
        super().__init__()
        self.axis = axis
        self.words, self.place = nn.Embedding(11, 6, padding_idx=padding), nn.Embedding(4, 6)
        self.norm, self.mixed, self.head = nn.LayerNorm(6), nn.Linear(6, 6), nn.Linear(6, 11)
        if tied:
            self.head.weight = self.words.weight

    def forward(self, t):
        place = torch.arange(t.shape[1])
        x = self.words(t) + self.place(place.expand(len(t), -1) if self.axis else place)
        return self.head(torch.tanh(self.mixed(self.norm(x)))).mean(1)


class Again(nn.Module):
    """A layer used three times, one of them twice over the input."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.again, self.out = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.norm = nn.RMSNorm(6)

    def forward(self, x):
        h = torch.tanh(self.into(x))
        for _ in range(3):
            h = torch.tanh(self.norm(self.again(h)) + self.into(x))
        return self.out(h)


class Shared(nn.Module):
    """One weight in two layers with biases of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.a, self.b, self.out = (
            *(nn.Linear(5, 6), nn.Linear(6, 6)),
            *(nn.Linear(6, 6), nn.Linear(6, 2)),
        )
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.out(torch.tanh(self.b(torch.tanh(self.a(torch.tanh(self.into(x)))))))


class Bare(nn.Module):
    """Parameters that no layer holds, one of them in two roles, one through exp."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 6)
        shapes = {"W": (6, 6), "s": (6,), "t": (), "b": (6,), "q": (6, 3), "u": (6,), "c": (3,)}
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape)))

    def forward(self, x):
        h = torch.tanh(F.linear(self.layer(x), self.W, self.b))
        y = torch.addmm(self.c, torch.sigmoid(h * self.s + self.b) * self.t, self.q)
        return y + (h * torch.exp(self.u)).sum(1, keepdim=True)


class Turned(nn.Module):
    """Time first inside: examples on the second axis."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.s = nn.Linear(5, 6), nn.Linear(6, 2), nn.Parameter(torch.randn(6))

    def forward(self, x):
        return self.b(torch.tanh(self.a(x.transpose(0, 1)) * self.s)).mean(0)


class Flattened(nn.Module):
    """Time first, both axes in one: the examples take turns."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(5, 6), nn.Linear(6, 2)

    def forward(self, x):
        n, length, d = x.shape
        h = torch.tanh(self.a(x.transpose(0, 1).reshape(-1, d))).reshape(length, n, 6)
        return self.b(h.transpose(0, 1).reshape(-1, 6)).reshape(n, length, 2).sum(1)


class Attention(nn.Module):
    """Queries, keys and values are one, or the first or none is another."""

    def __init__(self, first: bool = True, kinds: int = 1, **settings: Any) -> None:
        super().__init__()
        self.first, self.kinds = first, kinds
        self.attention = nn.MultiheadAttention(
            6, 2, batch_first=first, add_bias_kv=not first, **settings
        )
        self.out = nn.Linear(6, 2)

    def forward(self, x):
        y = x if self.first else x.transpose(0, 1)
        k = torch.sin(y) if self.kinds > 1 else y
        v = torch.cos(y) if self.kinds > 2 else k
        y, _ = self.attention(y, k, v, need_weights=False)
        return self.out((y if self.first else y.transpose(0, 1)).mean(1))


class Pieces(nn.Module):
    """Rows of one weight in several roles, of which some may overlap or be used whole too."""

    def __init__(self, stop: int = 4, *, whole: bool = False, changed: bool = False) -> None:
        super().__init__()
        self.W, self.b = nn.Parameter(torch.randn(10, 5)), nn.Parameter(torch.randn(10))
        self.stop, self.whole, self.changed = stop, whole, changed

    def forward(self, x):
        first, rest = self.W[:4], self.W[self.stop :]
        h = torch.tanh(F.linear(x, first * 2 if self.changed else first, self.b[:4]))
        bias = torch.split(self.b, [4, 6])[1]
        h = torch.cat([h, F.linear(x, rest).sum(1, keepdim=True) * bias], 1)
        h = h + (F.linear(x, self.W).sum(1, keepdim=True) if self.whole else 0)
        return torch.sin(h) + F.linear(x, self.W[:4]).sum(1, keepdim=True)


class Rare(nn.Module):
    """Layers with no known form: they go by Jacobians."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Bilinear(5, 5, 4), nn.ConvTranspose2d(4, 2, 2), nn.Linear(8, 2)
        self.d = nn.PReLU()

    def forward(self, x):
        return self.c(self.d(self.b(self.a(x, x)[:, :, None, None])).flatten(1))


def transposed() -> nn.Module:
    settings = {"stride": (3, 1), "padding": (1, 0), "output_padding": (2, 1), "dilation": (1, 2)}
    return nn.Sequential(
        *(nn.ConvTranspose2d(4, 6, (3, 2), groups=2, **settings), nn.Tanh()),
        *(nn.ConvTranspose2d(6, 6, 2, stride=2, groups=3, bias=False), nn.Tanh()),
        *(nn.ConvTranspose2d(6, 2, 2, padding=1), nn.AdaptiveAvgPool2d(2), nn.Flatten()),
        nn.Linear(8, 3),
    )


def decoder() -> nn.Module:
    """Transposed convolutions of signals and of volumes, one of them used again."""
    again = nn.ConvTranspose1d(4, 4, 3, padding=1)
    return nn.Sequential(
        *(nn.ConvTranspose1d(2, 4, 3, stride=2), nn.Tanh(), again, nn.Tanh(), again),
        *(nn.Unflatten(2, (3, 1, 3)), nn.Tanh(), nn.ConvTranspose3d(4, 2, (1, 2, 2), stride=2)),
        *(nn.Flatten(), nn.Linear(120, 2)),
    )


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.LSTM(5, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x):
        return self.b(self.a(x)[0][:, -1])


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool = False) -> None:
        super().__init__()
        self.a, self.b, self.reentrant = nn.Linear(5, 6), nn.Linear(6, 2), reentrant

    def forward(self, x):
        run = torch.utils.checkpoint.checkpoint
        return self.b(run(lambda t: torch.tanh(self.a(t)), x, use_reentrant=self.reentrant))


class Times(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x @ w.T

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g @ w, g.T @ x


class Own(nn.Module):
    """A function with a derivative of its own, which cannot be mapped."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(5, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.b(torch.tanh(Times.apply(x, self.a.weight) + self.a.bias))


class InPlace(nn.Module):
    """Changes a layer's output in place, and if asked its input, which autograd refuses."""

    def __init__(self, broken: bool = False) -> None:
        super().__init__()
        self.a, self.b, self.broken = nn.Linear(5, 6), nn.Linear(6, 2), broken

    def forward(self, x):
        x = x * 1.0
        h = self.a(x)
        if self.broken:
            x.add_(1.0)
        h.mul_(2.0).relu_()
        return self.b(h + x.sum(1, keepdim=True))


class Several(nn.Module):
    """Takes two inputs by name or place and returns a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(5, 6), nn.Linear(3, 6)
        self.out = nn.Linear(6, 4)

    def forward(self, image, words):
        return {"logits": self.out(torch.tanh(self.a(image) + self.b(words))), "aux": words}


def frozen() -> nn.Module:
    net = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 7), nn.ReLU(), nn.Linear(7, 3))
    net[0].weight.requires_grad_(False)
    net[2].bias.requires_grad_(False)
    net[4].requires_grad_(False)
    return net


def weight_norm() -> nn.Module:
    first = torch.nn.utils.parametrizations.weight_norm(nn.Linear(5, 6))
    return nn.Sequential(first, nn.Tanh(), nn.Linear(6, 3))


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2, padding=(1, 2), dilation=(1, 2), groups=2),
        nn.Tanh(),
        nn.Conv2d(8, 8, (3, 2), groups=8, padding="same"),
        nn.Tanh(),
        nn.Conv2d(8, 6, (2, 3), padding=1, padding_mode="circular", bias=False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    )


def norms() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.Tanh(), nn.BatchNorm2d(4)),
        *(nn.LayerNorm((4, 5, 5)), nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2), nn.Flatten()),
        *(nn.BatchNorm1d(18), nn.Linear(18, 3)),
    )


def words() -> torch.Tensor:
    found = torch.randint(0, 11, (4, 4))
    found[0, :2] = found[1, 1] = 3
    return found


def one_layer_twice() -> nn.Module:
    """One module under two names, with parameters that go by Jacobians."""
    again = nn.PReLU(4)
    parts = nn.Conv1d(2, 4, 3), again, nn.Tanh(), again, nn.AdaptiveAvgPool1d(1), nn.Flatten()
    return nn.Sequential(*parts, nn.Linear(4, 2))


S = nn.Sequential
NETWORKS: dict[str, Any] = {
    "linear": lambda: (nn.Linear(4, 3, bias=False), points(5, 4)),
    "mlp": lambda: (S(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)), points(4, 5)),
    "relu in place": lambda: (S(nn.Linear(5, 7), nn.ReLU(True), nn.Linear(7, 3)), points(4, 5)),
    "in place on tokens": lambda: (
        S(nn.Linear(5, 7), nn.ReLU(True), nn.Linear(7, 2), nn.Flatten()),
        points(3, 4, 5),
    ),
    "more axes": lambda: (
        S(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2), nn.Flatten()),
        points(3, 2, 2, 5),
    ),
    "convolutions": lambda: (convolutions(), points(3, 4, 9, 9)),
    "conv1d": lambda: (
        S(
            *(nn.Conv1d(3, 4, 3, stride=2, padding=1, dilation=2), nn.Tanh()),
            *(nn.Conv1d(4, 4, 3, groups=2), nn.Flatten(), nn.Linear(8, 2)),
        ),
        points(3, 3, 9),
    ),
    "conv3d": lambda: (
        S(
            *(nn.Conv3d(2, 4, (2, 3, 2), stride=(1, 2, 1), padding=(0, 1, 1)), nn.Tanh()),
            *(nn.Conv3d(4, 2, 2, groups=2, dilation=(1, 1, 2)), nn.Flatten()),
        ),
        points(3, 2, 3, 5, 4),
    ),
    "norms": lambda: (norms(), points(3, 3, 5, 5)),
    "embedding": lambda: (Words(), words()),
    "embedding with padding": lambda: (Words(padding=3), words()),
    "embedding and head tied": lambda: (Words(tied=True), words()),
    "places without examples": lambda: (Words(axis=False), words()),
    "used again": lambda: (Again(), points(4, 5)),
    "one weight, two biases": lambda: (Shared(), points(4, 5)),
    "bare parameters": lambda: (Bare(), points(4, 5)),
    "weight norm": lambda: (weight_norm(), points(4, 5)),
    "frozen": lambda: (frozen(), points(4, 5)),
    "residual": lambda: (
        S(nn.Conv2d(3, 4, 3), Residual(4), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 2)),
        points(3, 3, 8, 8),
    ),
    "tokens": lambda: (Tokens(), points(3, 3, 8, 8)),
    "attention": lambda: (Attention(), points(3, 4, 6)),
    "attention, time first": lambda: (Attention(first=False), points(4, 4, 6)),
    "attention, other keys": lambda: (Attention(kinds=2), points(3, 4, 6)),
    "attention, three": lambda: (Attention(first=False, kinds=3), points(3, 4, 6)),
    "attention, sizes": lambda: (Attention(kinds=3, kdim=6, vdim=6), points(3, 4, 6)),
    "transposed": lambda: (transposed(), points(3, 4, 3, 4)),
    "transposed 1d and 3d": lambda: (decoder(), points(3, 2, 4)),
    "pieces": lambda: (Pieces(), points(4, 5)),
    "overlapping pieces": lambda: (Pieces(3), points(4, 5)),
    "pieces and whole": lambda: (Pieces(whole=True), points(4, 5)),
    "a piece that is changed": lambda: (Pieces(changed=True), points(4, 5)),
    "encoder layer": lambda: (
        S(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), nn.Flatten(), nn.Linear(18, 2)),
        points(3, 3, 6),
    ),
    "time first": lambda: (Turned(), points(3, 4, 5)),
    "time first, as many": lambda: (Turned(), points(4, 4, 5)),
    "in turns": lambda: (Flattened(), points(3, 4, 5)),
    "one layer twice": lambda: (one_layer_twice(), points(4, 2, 7)),
    "rare layers": lambda: (Rare(), points(3, 5)),
    "recurrent": lambda: (Recurrent(), points(3, 4, 5)),
    "checkpoint": lambda: (Checkpointed(), points(3, 5)),
    "own function": lambda: (Own(), points(3, 5)),
    "changed in place": lambda: (InPlace(), points(3, 5)),
    "compiled": lambda: (torch.compile(NETWORKS["mlp"]()[0], backend="eager"), points(4, 5)),
    "one example": lambda: (S(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)), points(1, 5)),
}
