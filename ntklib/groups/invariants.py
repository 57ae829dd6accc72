r"""How many harmonics of a degree a group leaves as they are."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from ntklib._engine.points import Index
from ntklib.groups.elements import Group, as_group

# Length and sign of a cycle.
Cycle = tuple[int, int]
# A cycle and how many there are of it; of one element.
Cycles = tuple[tuple[Cycle, int], ...]


def invariant_multiplicity(group: object, k: int) -> int:
    r"""Dimension of the spherical harmonics of degree k that are invariant under a group.

    .. math:: N_G(d,k)=M(d,k)-M(d,k-2),\qquad
        \sum_{k\ge0}M(d,k)\,t^k=\frac1{|G|}\sum_{g\in G}\frac1{\det(I-tg)}

    The series is Molien's: :math:`M(d,k)` is the dimension of the invariant homogeneous polynomials
    of degree :math:`k`. A cycle of :math:`g` of length :math:`l`, the product of whose signs is
    :math:`s`, is a factor :math:`1-st^l` of the determinant. For all cyclic shifts of :math:`d`
    coordinates

    .. math:: M(d,k)=\frac1d\sum_{e\mid\gcd(d,k)}\varphi(e)\binom{(d+k)/e-1}{k/e}

    with Euler's :math:`\varphi`, and :math:`\gcd(d,0)=d`.

    Parameters
    ----------
    group : :class:`ntklib.groups.Group` or array_like of int
        As for :func:`averaged`.
    k : int
        Degree, at least 0.

    Returns
    -------
    int
        Exact.

    Raises
    ------
    ValueError, TypeError
        Elements that are no group; a degree that is negative or not an integer.

    Notes
    -----
    Statement: :prf:ref:`prp-invariant-count`.

    Examples
    --------
    >>> from ntklib.groups import cyclic_shifts, invariant_multiplicity
    >>> invariant_multiplicity(cyclic_shifts(6), 3)
    9
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise TypeError(f"k must be an integer, got {k!r}")
    if k < 0:
        raise ValueError(f"k must be at least 0, got {k}")
    chosen, degree = as_group(group), int(k)
    kinds = _kinds(chosen)
    sums = [
        sum(count * _coefficient(cycles, j) for cycles, count in kinds.items())
        for j in (degree, degree - 2)
    ]
    return (sums[0] - sums[1]) // len(chosen)


def _kinds(group: Group) -> Counter[Cycles]:
    """How many elements there are with the same cycles."""
    if group.grid is None:
        return Counter(_cycles(code) for code in group.codes(slice(None)))
    # A shift moves all points of the grid in cycles of its order.
    shifts = np.unravel_index(np.arange(len(group)), group.grid)
    order = np.ones(len(group), dtype=np.intp)
    for by, length in zip(shifts, group.grid, strict=True):
        order = np.lcm(order, length // np.gcd(length, by))
    return Counter((((int(k), 1), len(group) // int(k)),) for k in order)


def _cycles(code: Index) -> Cycles:
    """Cycles of an element, in one line as :meth:`Group.codes` has it."""
    left, found = set(range(len(code))), Counter[Cycle]()
    while left:
        start = place = left.pop()
        length, sign = 0, 1
        while length == 0 or place != start:
            left.discard(place)
            length += 1
            sign *= 1 if code[place] > 0 else -1
            place = abs(int(code[place])) - 1
        found[length, sign] += 1
    return tuple(sorted(found.items()))


def _coefficient(cycles: Cycles, k: int) -> int:
    """That of t^k in the product over cycles of length l and sign s, m of each: (1 - s t^l)^-m."""
    if k < 0:
        return 0
    series = [1] + [0] * k
    for (length, sign), m in cycles:
        powers = [sign**j * math.comb(m + j - 1, j) for j in range(k // length + 1)]
        series = [
            sum(powers[j] * series[i - j * length] for j in range(i // length + 1))
            for i in range(k + 1)
        ]
    return series[k]
