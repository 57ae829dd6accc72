"""Functions of the angle between two points, as data, and their arithmetic.

All that the ReLU does to a pair of points is made of three quantities of their angle theta: its
cosine r, pi - theta and sin theta. A `Profile` says which of them a kernel takes. They are computed
in three ways, each written once:

* in place on cosines away from -1 and 1, where the rounding of r is harmless: `arc`, `sine`;
* from 1 - r and 1 + r, each accurate where it is small, for arrays of any library: `fold`,
  `supplement`, `cosine`;
* compiled with numba, in one pass: `ntklib._engine.compiled`.

A new profile is a line below, and a line in the tests that hold the three against exact values.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ntklib._engine.blocks import Scratch
from ntklib._engine.points import Index, Points, Scaled
from ntklib._engine.portable import namespace, root_of_defect
from ntklib._validate import Array

Fused = Callable[[Array, slice, slice], None]

# Entries of a matrix from which on the compiled path is taken. The first such call of a process
# loads numba (about half a second), the first after installation compiles (some seconds); each
# later one saves a tenth to a third of its time.
COMPILED_FROM = 4_000_000


# -- in place on cosines --------------------------------------------------------------------------


def arc(cos: Array, out: Array) -> Array:
    """Pi less the angle: pi/2 + arcsin r."""
    np.arcsin(cos, out=out)
    out += math.pi / 2
    return out


def sine(cos: Array, out: Array) -> Array:
    """Its sine, sqrt(1 - r^2)."""
    np.multiply(cos, cos, out=out)
    np.subtract(1, out, out=out)
    return np.sqrt(out, out=out)


# -- from 1 - cos and 1 + cos, for arrays of any library ------------------------------------------


def real(x: Any) -> Any:
    """The real part, of the complex numbers of a complex-step derivative; NumPy's only."""
    return x.real if isinstance(x, np.ndarray | np.generic) else x


def fold(minus: Any, plus: Any) -> tuple[Any, Any, Any]:
    """Whether the angle is beyond a right one, and it or its supplement: 1 - cos, and itself."""
    xp = namespace(minus)
    far = real(minus) > real(plus)
    small = xp.where(far, plus, minus)
    return far, small, 2 * xp.asin(root_of_defect(small / 2, 0.5))


def supplement(minus: Any, plus: Any) -> Any:
    """Pi less the angle."""
    far, _, angle = fold(minus, plus)
    return namespace(minus).where(far, angle, math.pi - angle)


def cosine(minus: Any, plus: Any) -> Any:
    """The cosine."""
    return namespace(minus).where(minus < plus, 1 - minus, plus - 1)


# -- compiled -------------------------------------------------------------------------------------


def compiled(entries: int) -> Any | None:
    """The module of compiled arithmetic, where a matrix of so many entries is worth its start.

    None without numba (the extra ``fast``), and with the environment variable NTKLIB_NUMBA=0.
    """
    if entries < COMPILED_FROM or os.environ.get("NTKLIB_NUMBA", "1") == "0":
        return None
    return _load()


@cache
def _load() -> Any | None:
    try:
        return importlib.import_module("ntklib._engine.compiled")
    except ImportError:
        return None


# -- profiles -------------------------------------------------------------------------------------


class Profile(NamedTuple):
    """(shift + slope r)(pi - theta) + height sin theta; of the opposite point if `mirrored`."""

    shift: float = 0.0
    slope: float = 0.0
    height: float = 0.0
    mirrored: bool = False

    @property
    def start(self) -> float:
        """The value at angle zero, over 2 pi."""
        return 0.0 if self.mirrored else (self.shift + self.slope) / 2

    def on_cosines(self, cos: Array, scratch: Scratch) -> None:
        """Overwrite cosines away from -1 and 1 by values; buffer 0 of the scratch is taken."""
        if self.mirrored:
            np.negative(cos, out=cos)
        height = sine(cos, scratch(2, cos.shape)) if self.height else None
        if self.slope:
            width = arc(cos, scratch(1, cos.shape))
            _scale(cos, self.slope)
            if self.shift:
                cos += self.shift
            cos *= width
        else:
            _scale(arc(cos, cos), self.shift)
        if height is not None:
            cos += _scale(height, self.height)

    def of_defects(self, minus: Any, plus: Any) -> Any:
        """Values from 1 - cos and 1 + cos."""
        if self.mirrored:
            minus, plus = plus, minus
        value = supplement(minus, plus)
        value = value * (
            self.shift + self.slope * cosine(minus, plus) if self.slope else self.shift
        )
        if self.height:
            value = value + self.height * root_of_defect(minus * plus, 2.0)
        return value


def _scale(values: Array, factor: float) -> Array:
    if factor != 1:
        values *= factor
    return values


#: Over 2 pi: the probability that a ReLU's gate is open on both points.
GATE = Profile(shift=1.0)
#: Over 2 pi: r times that, the tangent kernel of the inner weights.
NTK = Profile(slope=1.0)
#: Over 2 pi: the mean product of the activations.
NNGP = Profile(slope=1.0, height=1.0)
#: The angle itself.
ANGLE = Profile(shift=1.0, mirrored=True)


class Angular(NamedTuple):
    """A profile times a factor of each point, for :func:`ntklib._engine.blocks.matrix_of`."""

    profile: Profile
    left: Scaled
    right: Scaled
    diagonal: Scaled

    def bulk(self, cos: Array, rows: slice, columns: slice, scratch: Scratch) -> None:
        self.profile.on_cosines(cos, scratch)

    def near(self, minus: Array, plus: Array, rows: Index, columns: Index) -> Array:
        result: Array = self.profile.of_defects(minus, plus)
        return result

    def fused(self, left: Array, right: Array) -> Fused | None:
        module = compiled(len(left) * len(right))
        if module is None:
            return None

        def run(tile: Array, rows: slice, columns: slice) -> None:
            module.profile_tile(tile, *map(float, self.profile), left[rows], right[columns])

        return run


def angular(
    profile: Profile, left: Points, right: Points | None, factor: float = 1.0, exponent: int = 0
) -> Angular:
    """Factor 2^exponent |x| |x'| times a profile over 2 pi."""
    other = left if right is None else right
    return Angular(
        profile,
        # What is divided by rides with the norms.
        (factor / (2 * math.pi) * left.norm, left.exponent + exponent),
        (other.norm, other.exponent),
        # Equal points: the squared norm without the detour over its square root.
        (factor * profile.start * left.square, 2 * left.exponent + exponent),
    )
