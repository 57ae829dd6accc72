r"""From factors to the kernel: ways to sum the same products, which differ in work.

With the factors :math:`A_i` (L, d) and :math:`G_{ia}` (c, L) of a layer, its part of the kernel is

.. math:: K_{ij,ab}=\langle G_{ia}A_i,G_{jb}A_j\rangle=\langle G_{ia}A_iA_j^\top,G_{jb}\rangle .

*explicit* forms the gradients :math:`G_{ia}A_i`, some channels at a time; *mix* first multiplies
the inputs of two examples; *hadamard* multiplies inputs with inputs and gradients with gradients,
and those two tables entry by entry. `work` counts what each would cost.

Kernels are kept as full (n o, n' o), trace (n, n') or diagonal (o, n, n'). Where they are symmetric
only blocks on and above the diagonal are summed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ntklib.empirical.request import Mode

Tensor = Any  # of torch, which need not be there when types are checked
# Rates relative to a large product of matrices: forming gradients and the products of `mix` are
# made of many small ones, tables are wide. A byte moved costs as much as so many multiply-adds.
FORMED, MIXED, NARROW, TABLED, BYTE = 0.5, 0.6, 0.25, 0.85, 8.0
# Numbers held at a time beside the factors, in entries.
TABLE, CHUNK = 1 << 21, 1 << 22
# The same for products of many small matrices: what one writes the next reads from the cache.
PIECE = 3 << 16
# Fewest terms of a sum for which a large kernel is read and written.
DEEP = 512
ROWS = 64


@dataclass(frozen=True)
class Sizes:
    """Of a layer's part: examples on both sides, outputs, positions, channels, inputs, groups."""

    n: int
    m: int
    o: int
    L: int
    c: int
    d: int
    groups: int = 1
    symmetric: bool = True


def work(size: Sizes, mode: Mode, width: int = 4) -> dict[str, float]:
    """Multiply-adds of each route, those of small products counted by how slow they are."""
    n, m, o, L, c, d = size.n, size.m, size.o, size.L, size.c, size.d
    square = o * o if mode == "full" else o
    pairs = n * m * (0.55 if size.symmetric else 1.0)
    sides = n if size.symmetric else n + m
    byte = BYTE * width
    forming = sides * o * (L * c * d / FORMED + c * d * byte / 2)
    rows = n * (o if mode == "full" else 1)
    found = {"explicit": forming + n * m * half(rows, size.symmetric) * square * c * d}
    if mode != "full":
        tables = 1 if mode == "trace" else o
        found["hadamard"] = pairs * L * L * ((d + o * c) / TABLED + 2 * tables * byte)
    elif L == 1:
        found["hadamard"] = pairs * (d + square * c + 3 * square * byte)
    else:
        mixed = L * L * d + L * L * o * c / MIXED + square * L * c / NARROW
        found["mix"] = 0.85 * pairs * mixed
    return {route: size.groups * value for route, value in found.items()}


def half(rows: int, symmetric: bool) -> float:
    """What of a product with itself is computed, in time: blocks, and short ones are slower."""
    return min(1.0, 1.18 * (0.5 + ROWS / (2 * rows))) if symmetric else 1.0


def add_rows(K: Any, W: Any, V: Any, mode: Mode, symmetric: bool) -> None:
    """Add the products of rows of Jacobians, (n, o, p) and (n', o, p)."""
    if mode == "full":
        _product(K, W.reshape(-1, W.shape[2]), V.reshape(-1, V.shape[2]), symmetric)
    elif mode == "trace" and W.is_contiguous() and V.is_contiguous():
        _product(K, W.flatten(1), V.flatten(1), symmetric)
    else:
        for a in range(W.shape[1]):
            _product(K if mode == "trace" else K[a], W[:, a], V[:, a], symmetric)


def _product(K: Any, W: Any, V: Any, symmetric: bool) -> None:
    if not symmetric:
        K.addmm_(W, V.T)
        return
    step = ROWS if len(W) < 8 * ROWS else 2 * ROWS
    for start in range(0, len(W), step):
        stop = start + step
        K[start:stop, start:].addmm_(W[start:stop], V[start:].T)


class _Formed:
    """Gradients of some rows of G at a time, in one piece of memory that stays in the cache."""

    def __init__(self, A: Any, rows: int) -> None:
        self.A = A
        self.held = A.new_empty(len(A) * rows * A.shape[2])

    def __call__(self, g: Any) -> Any:
        """G A for g, (n, rows, L), in shape (n, rows, d)."""
        n, rows, d = len(g), g.shape[1], self.A.shape[2]
        out = self.held[: n * rows * d].view(n, rows, d)
        if g.shape[2] == 1:
            return torch.mul(g, self.A, out=out)
        return torch.bmm(g, self.A, out=out)


def explicit(K: Any, left: Any, right: Any, mode: Mode, symmetric: bool) -> None:
    """Form the gradients of some channels at a time and multiply them."""
    (A, G), (B, H) = left, right
    (n, o, c, _), m, d = G.shape, len(H), A.shape[2]
    most = max(n, m)
    if mode == "trace":  # outputs and channels are alike
        G, H = G.flatten(1, 2), H.flatten(1, 2)
        step = max(1, min(o * c, CHUNK // (most * d)))
        rows = step
    else:
        # Of all pairs of outputs the kernel is read and written each time: let it be worth it.
        step = max(1, min(c, max(CHUNK // (most * o * d), DEEP // d)))
        rows = o * step
    one = _Formed(A, rows)
    two = one if symmetric else _Formed(B, rows)

    def part(side: Any, at: slice) -> Any:
        return (
            side[:, at] if mode == "trace" else side[:, :, at].reshape(len(side), -1, side.shape[3])
        )

    for start in range(0, o * c if mode == "trace" else c, step):
        at = slice(start, start + step)
        W = one(part(G, at))
        V = W if symmetric else two(part(H, at))
        if mode == "trace":
            _product(K, W.flatten(1), V.flatten(1), symmetric)
        else:
            add_rows(K, W.view(n, o, -1), V.view(m, o, -1), mode, symmetric)


def _table(A: Any, B: Any, out: Any) -> Any:
    """Inner products of the inputs of all positions; of tokens, whether they are equal."""
    if A.dim() == 2:
        return out.copy_(A.reshape(-1)[:, None] == B.reshape(-1)[None])
    return torch.mm(A.reshape(-1, A.shape[-1]), B.reshape(-1, B.shape[-1]).T, out=out)


def mix(K: Any, left: Any, right: Any, mode: Mode, symmetric: bool) -> None:
    """All pairs of outputs, many positions: inputs first, one example against a block of them."""
    (A, G), (B, H) = left, right
    (n, o, c, L), (m, _, _, M) = G.shape, H.shape
    first, second = G.reshape(n, o, c * L), H.reshape(m, o * c, M)
    many = max(1, min(m, PIECE // (o * c * L)))
    few = max(1, min(n, TABLE // (L * M * m)))
    held = G.new_empty(many, o * c, L)
    for start in range(0, n, few):
        stop = min(n, start + few)
        at = start if symmetric else 0
        S = _table(B[at:], A[start:stop], G.new_empty((m - at) * M, (stop - start) * L))
        S = S.view(m - at, M, stop - start, L).permute(2, 0, 1, 3).contiguous()
        for i in range(start, stop):
            for j in range(i if symmetric else 0, m, many):
                k = min(m, j + many)
                T = torch.bmm(second[j:k], S[i - start, j - at : k - at], out=held[: k - j])
                block = K[i * o : (i + 1) * o, j * o : k * o]
                block.addmm_(first[i], T.view((k - j) * o, c * L).T)


def hadamard(K: Any, left: Any, right: Any, mode: Mode, symmetric: bool) -> None:
    """Inputs with inputs times gradients with gradients, entry by entry."""
    (A, G), (B, H) = left, right
    (n, o, c, L), (m, _, _, M) = G.shape, H.shape
    if mode == "full":
        _hadamard_full(K, left, right, symmetric)
        return
    sides = []
    for side in (G,) if symmetric else (G, H):
        rows = len(side) * side.shape[3]
        if mode == "trace":
            sides.append(side.permute(0, 3, 1, 2).reshape(1, rows, o * c))
        else:
            sides.append(side.permute(1, 0, 3, 2).reshape(o, rows, c))
    first, second = sides[0], sides[-1]
    few = max(1, min(n, TABLE // (L * M * m)))
    if symmetric:
        few = min(few, max(1, n // 8))
    held = G.new_empty(2, few * L * m * M)
    for start in range(0, n, few):
        stop, at = min(n, start + few), start if symmetric else 0
        here = (stop - start) * L, (m - at) * M
        S, P = (part[: here[0] * here[1]].view(here) for part in held)
        _table(A[start:stop], B[at:], S)
        for a in range(len(first)):
            torch.mm(first[a, start * L : stop * L], second[a, at * M :].T, out=P).mul_(S)
            sums = P.view(stop - start, L, m - at, M).sum((1, 3)) if L * M > 1 else P
            (K if mode == "trace" else K[a])[start:stop, at:] += sums


def _hadamard_full(K: Any, left: Any, right: Any, symmetric: bool) -> None:
    """All pairs of outputs of a layer with one position."""
    (A, G), (B, H) = left, right
    (n, o, c, _), m = G.shape, len(H)
    first, second = G.reshape(n * o, c), H.reshape(m * o, c)
    few = max(1, min(n, 2 * TABLE // (o * o * m)))
    for start in range(0, n, few):
        stop, at = min(n, start + few), start if symmetric else 0
        S = _table(A[start:stop], B[at:], G.new_empty(stop - start, m - at))
        P = first[start * o : stop * o] @ second[at * o :].T
        P.view(stop - start, o, m - at, o).mul_(S[:, None, :, None])
        K[start * o : stop * o, at * o :] += P


ROUTES = {"explicit": explicit, "mix": mix, "hadamard": hadamard}


def mirrored(K: Any) -> Any:
    """The lower half of a symmetric kernel, put in place from the upper one; K (..., N, N)."""
    step = 4 * ROWS
    for M in K if K.dim() == 3 else [K]:
        for start in range(0, len(M), step):
            stop = start + step
            block = M[start:stop, start:stop]
            block.copy_(block.triu() + block.triu(1).T)
            M[stop:, start:stop] = M[start:stop, stop:].T
    return K


def zeros(n: int, m: int, o: int, mode: Mode, like: Any) -> Any:
    """An empty kernel."""
    shape = {"full": (n * o, m * o), "trace": (n, m), "diagonal": (o, n, m)}[mode]
    return torch.zeros(shape, dtype=like.dtype, device=like.device)


def block(K: Any, rows: slice, columns: slice, o: int, mode: Mode) -> Any:
    """The part of a kernel between some examples and others."""
    if mode == "full":
        at = [slice(s.start * o, s.stop * o) for s in (rows, columns)]
        return K[at[0], at[1]]
    return K[..., rows, columns]


def finished(K: Any, n: int, m: int, inner: tuple[int, ...], mode: Mode) -> Any:
    """The kernel in the shape that is returned; ``inner`` is the shape of one output."""
    if mode == "trace":
        return K
    if mode == "diagonal":
        return K.movedim(0, 2).reshape(n, m, *inner)
    o = len(K) // n
    return K.reshape(n, o, m, o).permute(0, 2, 1, 3).reshape(n, m, *inner, *inner)
