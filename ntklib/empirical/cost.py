"""What each method would do, counted before it is done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One part of the structured method.

    Attributes
    ----------
    parameters : tuple of str
        Names of its parameters.
    route : str
        How its products are ordered: ``"explicit"`` or ``"reduced"`` by gradients of each example,
        ``"mix"`` or ``"hadamard"`` without; ``"rows"`` for scales, shifts and norms, and
        ``"contract"`` for what has no known form and goes by Jacobians in blocks.
    work : float
        Multiply-adds, those of small products counted by how slow they are.
    """

    parameters: tuple[str, ...]
    route: str
    work: float


@dataclass(frozen=True)
class Cost:
    """Work and memory of the methods that can serve, and which one ``"auto"`` picks.

    Attributes
    ----------
    method : str
        The method that is picked: that of least work.
    work : dict of str to float
        Multiply-adds of each method that can serve.
    memory : dict of str to int
        Bytes of gradients that each holds at a time, beside the kernel and the model's pass.
    batch : int
        How many points' gradients the picked method holds at a time.
    layers : tuple of :class:`ntklib.empirical.Layer`
        The parts of the structured method, where it can serve.
    reason : str
        One sentence that says what was picked and why.
    """

    method: str
    work: dict[str, float]
    memory: dict[str, int]
    batch: int
    layers: tuple[Layer, ...]
    reason: str


def picked(method: str, work: dict[str, float], forced: bool) -> tuple[str, str]:
    """The method of least work, or the one asked for, and the sentence about it."""
    if forced:
        return method, f"{method}: asked for"
    best = min(work, key=lambda name: work[name])
    parts = ", ".join(f"{name} {value:.1e}" for name, value in sorted(work.items()))
    return best, f"{best}: the least of the multiply-adds, {parts}"
