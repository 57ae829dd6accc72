"""What `grade` expects for the exercises of the chapter *What depth and structure buy*."""

from __future__ import annotations

import math

from ntklib.book.answers import Answer
from ntklib.groups import cyclic_shifts, invariant_multiplicity


def window(degrees: float = 1.0, share: float = 0.5) -> list[float]:
    """Layers at which q / (q + L) is this share, q = 3 pi / theta; the profile there."""
    q = 3 * 180 / degrees
    return [q * (1 - share) / share, sum(share**i for i in range(4)) / 4]


def neurons(layers: int = 12, error: float = 1 / 48) -> list[int]:
    """The smallest M with (1 - M / 2^(L - 1)) / 12 <= error, and 2 L."""
    return [math.ceil((1 - 12 * error) * 2 ** (layers - 1)), 2 * layers]


def quadratics(d: int = 6) -> list[int]:
    """Harmonics of degree two, and those among them that cyclic shifts do not change."""
    return [math.comb(d + 1, 2) - 1, invariant_multiplicity(cyclic_shifts(d), 2)]


ANSWERS = {
    "ex-depth-1": Answer(window, "At which L does L theta reach three pi? Sum four powers of u."),
    "ex-depth-2": Answer(lambda: [1 / 8, 1 / 7], "The denominator is n + p + 1."),
    "ex-depth-3": Answer(neurons, "Solve the bound on the squared error for M."),
    "ex-depth-4": Answer(quadratics, "Leave out the square of the norm."),
    "ex-depth-5": Answer(lambda: [1600, 3.2], "Both numbers carry the size of the group."),
}
