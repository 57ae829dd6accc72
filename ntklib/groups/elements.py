"""Finite groups of permutations and sign changes of coordinates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntklib._engine.points import Index
from ntklib._engine.portable import is_foreign, moved, namespace, numbers
from ntklib._engine.shifts import Grid, positions
from ntklib._validate import Array, matrix, positive_int

# Elements that `generated` lists at most.
_LARGEST = 1 << 16


class Group:
    r"""A finite group of permutations and sign changes of coordinates.

    Element :math:`g` takes a point :math:`x` to :math:`(gx)_i=s_ix_{\pi(i)}`.

    Parameters
    ----------
    elements : array_like of int
        All elements, in any order: permutations :math:`\pi`, shape ``(|G|, d)``, each row of which
        has the numbers 0 to d - 1; or with sign changes as matrices with one entry :math:`\pm1` in
        each row and column, shape ``(|G|, d, d)``.

    Attributes
    ----------
    dimension : int
        :math:`d`, the number of coordinates. The number of elements is ``len(group)``.

    Raises
    ------
    ValueError
        Another shape, rows that are no permutations, matrices of another kind, an element given
        twice, no identity, or a product of two elements that is not among them.
    TypeError
        Elements that are not whole numbers.

    See Also
    --------
    ntklib.groups.generated, ntklib.groups.cyclic_shifts
    """

    def __init__(self, elements: object) -> None:
        codes = _codes("group", elements)
        self._set(codes, _generators(codes), None)

    def _set(self, codes: Index | None, generators: Index, grid: Grid | None) -> None:
        self._codes, self.generators, self.grid = codes, generators, grid
        self.dimension = generators.shape[1] if codes is None else codes.shape[1]
        for array in (codes, generators):
            if array is not None:
                array.flags.writeable = False

    def __reduce__(self) -> tuple[object, ...]:
        # Copies are built again, and so as immutable as this one, but not tested again.
        return _group, (self._codes, self.generators, self.grid)

    def __len__(self) -> int:
        return self.dimension if self._codes is None else len(self._codes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Group):
            return NotImplemented
        if self.grid is not None and self.grid == other.grid:
            return True
        mine, theirs = self.codes(slice(None)), other.codes(slice(None))
        return mine.shape == theirs.shape and {*map(bytes, mine)} == {*map(bytes, theirs)}

    def __hash__(self) -> int:
        return hash((len(self), self.dimension))

    def __repr__(self) -> str:
        return f"Group of {len(self)} elements in dimension {self.dimension}"

    def codes(self, which: slice | Index) -> Index:
        r"""Elements in one line: :math:`s_i(\pi(i)+1)`, shape ``(elements, d)``."""
        if self._codes is not None:
            return self._codes[which]
        assert self.grid is not None
        return positions(self.grid, which) + 1

    def inverses(self) -> Index:
        """The position of the inverse of each element, shape ``(|G|,)``."""
        if self.grid is not None:
            shifts = np.unravel_index(np.arange(len(self)), self.grid)
            back = [-s % k for s, k in zip(shifts, self.grid, strict=True)]
            return np.ravel_multi_index(back, self.grid)
        codes = self.codes(slice(None))
        inverse = np.empty_like(codes)
        one = np.arange(1, self.dimension + 1)
        np.put_along_axis(inverse, np.abs(codes) - 1, np.sign(codes) * one, axis=1)
        place = {row.tobytes(): i for i, row in enumerate(codes)}
        return np.array([place[row.tobytes()] for row in inverse])

    def orbits(self, X: object) -> Array:
        """All images of points.

        Parameters
        ----------
        X : array_like, shape (n, d)

        Returns
        -------
        ndarray, shape (|G|, n, d)
            Entry ``[g, i]`` is the image of point ``i`` under element ``g``.

        Raises
        ------
        ValueError, TypeError
            ``X`` not a finite real array of shape ``(n, d)``.

        Notes
        -----
        Statement: :prf:ref:`prp-orbits`.
        """
        X = matrix("X", X, columns=self.dimension)
        return np.stack([image(X, code) for code in self.codes(slice(None))])


def _group(codes: Index | None, generators: Index, grid: Grid | None) -> Group:
    found = Group.__new__(Group)
    found._set(codes, generators, grid)
    return found


def cyclic_shifts(*grid: int) -> Group:
    r"""All cyclic shifts of signals, or of images and other grids.

    Parameters
    ----------
    *grid : int
        The length of a signal; height and width of an image; more for grids of more axes. A point
        has ``prod(grid)`` coordinates, in row-major order.

    Returns
    -------
    :class:`ntklib.groups.Group`
        As many shifts as coordinates; the elements are not stored.

    Raises
    ------
    ValueError, TypeError
        No length, or one that is not an integer of at least 1.

    Examples
    --------
    >>> from ntklib.groups import cyclic_shifts
    >>> cyclic_shifts(3).orbits([[1.0, 2.0, 3.0]])[:, 0].tolist()
    [[1.0, 2.0, 3.0], [2.0, 3.0, 1.0], [3.0, 1.0, 2.0]]
    """
    if not grid:
        raise ValueError("grid must have at least one length, got none")
    checked = tuple(positive_int(f"grid[{i}]", k) for i, k in enumerate(grid))
    # The shift by one along each axis.
    ones = [math.prod(checked[i + 1 :]) for i, k in enumerate(checked) if k > 1]
    return _group(None, positions(checked, np.array(ones, dtype=np.intp)) + 1, checked)


def generated(generators: object) -> Group:
    r"""The group that some permutations and sign changes generate.

    Parameters
    ----------
    generators : array_like of int, shape (r, d) or (r, d, d)
        Permutations or signed permutation matrices, as for :class:`Group`.

    Raises
    ------
    ValueError, TypeError
        As for :class:`Group`; more than 65536 elements.

    Examples
    --------
    >>> import numpy as np
    >>> from ntklib.groups import generated
    >>> flip = np.array([[3, 2, 1, 0]])  # read a signal backwards
    >>> opposite = -np.eye(4, dtype=int)[None]  # all signs
    >>> len(generated(flip)), len(generated(opposite))
    (2, 2)
    >>> turn = [1, 2, 3, 0]  # with the flip, the symmetries of a square
    >>> len(generated([*flip, turn]))
    8
    """
    codes = _codes("generators", generators)
    found = {_identity(codes).tobytes(): _identity(codes)}
    frontier = _identity(codes)[None]
    while len(frontier):
        new = {row.tobytes(): row for g in codes for row in _after(frontier, g)}
        fresh = {key: row for key, row in new.items() if key not in found}
        found |= fresh
        if len(found) > _LARGEST:
            raise ValueError(f"generators must generate at most {_LARGEST} elements, got more")
        frontier = np.array(list(fresh.values()), dtype=codes.dtype).reshape(-1, codes.shape[1])
    return _group(np.array(list(found.values())), codes, None)


def _codes(name: str, elements: object) -> Index:
    """Permutations or matrices in one line: s_i (pi(i) + 1)."""
    try:
        array = np.asarray(elements)
    except ValueError as error:
        raise ValueError(f"{name} must have rows of one length: {error}") from error
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be whole numbers, got dtype {array.dtype}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[1] != array.shape[2]):
        raise ValueError(
            f"{name} must be permutations, shape (elements, d), or signed permutation matrices, "
            f"shape (elements, d, d), got shape {array.shape}"
        )
    d = array.shape[-1]
    array = array.astype(np.intp)
    if array.ndim == 2:
        codes = array + 1
        what = f"the numbers from 0 to {d - 1} in each row"
    else:
        codes = array @ np.arange(1, d + 1)
        what = "one entry 1 or -1 and else 0 in each row and column of each matrix"
        if np.abs(array).max() > 1 or (np.abs(array).sum(axis=2) != 1).any():
            bad = (np.abs(array).max(axis=(1, 2)) > 1) | (np.abs(array).sum(axis=2) != 1).any(1)
            raise ValueError(f"{name} must have {what}, not so in element {int(np.argmax(bad))}")
    good = (np.sort(np.abs(codes), axis=1) == np.arange(1, d + 1)).all(axis=1)
    if array.ndim == 2:
        good &= (array >= 0).all(axis=1)
    if not good.all():
        raise ValueError(f"{name} must have {what}, not so in element {int(np.argmin(good))}")
    return codes


def _identity(codes: Index) -> Index:
    return np.arange(1, codes.shape[1] + 1, dtype=np.intp)


def _after(codes: Index, g: Index) -> Index:
    """The products h g: first g, then each h."""
    product: Index = np.sign(codes) * g[np.abs(codes) - 1]
    return product


def _generators(codes: Index) -> Index:
    """Some elements that generate all, found by trying that these are a group.

    Let S have the identity and be closed under multiplication by some of its elements, of which all
    of S are products: then S is the group that they generate. Each new one at least doubles the
    subgroup, so there are at most log2 |S|.
    """
    place = {row.tobytes(): i for i, row in enumerate(codes)}
    if len(place) < len(codes):
        rows = [place[row.tobytes()] for row in codes]
        first = next(i for i, j in enumerate(rows) if i != j)
        raise ValueError(f"group must have each element once, {first} and {rows[first]} are equal")
    start = place.get(_identity(codes).tobytes())
    if start is None:
        raise ValueError("group must have the identity, got none: generated() adds what is missing")
    reached = np.zeros(len(codes), dtype=bool)
    reached[start] = True
    chosen: list[int] = []
    steps: list[Index] = []
    while not reached.all():
        new = int(np.argmin(reached))
        step = [place.get(row.tobytes(), -1) for row in _after(codes, codes[new])]
        if -1 in step:
            raise ValueError(
                f"group must be closed under products, {new} before {step.index(-1)} is not in it: "
                "generated() adds what is missing"
            )
        chosen.append(new)
        steps.append(np.array(step))
        (frontier,) = np.nonzero(reached)
        while len(frontier):
            found = np.unique(np.concatenate([s[frontier] for s in steps]))
            frontier = found[~reached[found]]
            reached[frontier] = True
    return codes[chosen]


def image(X: Any, code: Index) -> Any:
    """Points under an element, for arrays of any library."""
    order, sign = np.abs(code) - 1, np.sign(code)
    if not is_foreign(X):
        moved_to = X[:, order]
        return moved_to if (sign > 0).all() else moved_to * sign.astype(X.dtype)
    moved_to = namespace(X).take(X, numbers(order, X), axis=1)
    return moved_to if (sign > 0).all() else moved_to * moved(sign, X)


def as_group(group: object) -> Group:
    return group if isinstance(group, Group) else Group(group)
