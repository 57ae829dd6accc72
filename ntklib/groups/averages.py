"""The mean of a kernel over a group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

import numpy as np

from ntklib._engine import sizes
from ntklib._engine.angular import NNGP, NTK, Profile, angular
from ntklib._engine.blocks import TileKernel
from ntklib._engine.points import Index, Points, sides
from ntklib._engine.portable import is_foreign, namespace
from ntklib._engine.shifts import average, lengths
from ntklib._engine.sizes import slices
from ntklib._precision import epsilon
from ntklib._validate import Array, matrix, positive
from ntklib.architecture import architecture
from ntklib.deep import Deep, nngp, ntk
from ntklib.groups.elements import Group, as_group, image
from ntklib.kernels import relu_nngp, relu_ntk
from ntklib.model import Kernel

# The length of a transform, over the number of coordinates, costs this many matrix products of
# shifted points (benchmarks/groups.py).
_WORTH = 64

_PROFILES: dict[Any, Profile] = {relu_ntk: NTK, relu_nngp: NNGP}
_DEEP: dict[Any, bool] = {ntk: True, nngp: False}


def averaged(kernel: Kernel, group: object, *, method: str = "auto") -> Averaged:
    r"""The mean of a kernel over a group, :math:`k_G(x,z)=\frac1{|G|}\sum_{g\in G}k(x,gz)`.

    Parameters
    ----------
    kernel : callable
        Takes ``(X, Z)``, ``Z`` possibly left out, to the matrix of a kernel with
        :math:`k(gx,gz)=k(x,z)`. All of this package that take rows of points are such, since they
        depend on inner products only (but for a length scale for each column);
        ``functools.partial(ntk, depth=3)`` sets their options.
    group : :class:`ntklib.groups.Group` or array_like of int
        From :func:`cyclic_shifts` or :func:`generated`, or all elements as :class:`Group` takes
        them.
    method : {"auto", "sum", "fft"}
        With ``"sum"`` the kernel is called for all images. ``"fft"`` is for :func:`cyclic_shifts`
        and the kernels :func:`ntklib.relu_ntk`, :func:`ntklib.relu_nngp`, :func:`ntklib.ntk` and
        :func:`ntklib.nngp`: all inner products with shifted points come from a Fourier transform.
        ``"auto"`` takes it from 64 coordinates on, if no axis is padded (see below); else from
        about twice as many for each that is.

    Returns
    -------
    :class:`ntklib.groups.Averaged`
        A kernel, to be used like those of the package, also by the estimators of
        :mod:`ntklib.regression` and by :mod:`ntklib.large`; it can be copied and pickled if
        ``kernel`` can.

    Raises
    ------
    ValueError
        Elements that are no group; a kernel that is not invariant, tried out on some random points;
        an unknown ``method``, or ``"fft"`` where it does not serve.
    TypeError
        A kernel that cannot be called, elements that are not whole numbers.

    Notes
    -----
    Statements: :prf:ref:`prp-averaged-spectrum`, :prf:ref:`prp-orbits`,
    :prf:ref:`thm-single-degree`.

    Between :math:`n` and :math:`n'` points of :math:`d` coordinates the sum takes the time of the
    kernel's matrix between :math:`n` and :math:`n'|G|` points, half of that for a Gram matrix.
    Fourier transforms take a time like :math:`nn'd\log d` instead of :math:`nn'd^2`, and beside the
    result memory for some copies of the points and 32 MiB for each thread. An axis whose length has
    prime factors above 7 is padded with zeros to twice its length. Pairs of points of which one is
    at an angle below 0.15 to a shift of the other, or to its opposite, are computed again by
    differences; where most are, the sum is faster.

    Examples
    --------
    >>> import numpy as np
    >>> from ntklib import relu_ntk
    >>> from ntklib.groups import averaged, cyclic_shifts
    >>> kernel = averaged(relu_ntk, cyclic_shifts(4))
    >>> x, shifted = [[1.0, 2.0, 0.0, 0.0]], [[0.0, 1.0, 2.0, 0.0]]
    >>> bool(np.isclose(kernel(x, x), kernel(x, shifted)).all())
    True
    """
    if not callable(kernel):
        raise TypeError(f"kernel must be callable, got {kernel!r}")
    if method not in ("auto", "sum", "fft"):
        raise ValueError(f"method must be auto, sum or fft, got {method!r}")
    chosen = as_group(group)
    if method == "fft" and chosen.grid is None:
        raise ValueError("method must be sum or auto where group is not of cyclic_shifts, got fft")
    if method == "fft" and _tiles(kernel) is None:
        raise ValueError(
            "method must be sum or auto for a kernel other than relu_ntk, relu_nngp, ntk and nngp, "
            f"got fft and {kernel!r}"
        )
    _check_invariant(kernel, chosen)
    return Averaged(kernel, chosen, method)


def _check_invariant(kernel: Kernel, group: Group) -> None:
    """Refuse a kernel that changes when both points are moved, by elements that generate all."""
    rng = np.random.default_rng(0)
    X, Z = rng.standard_normal((2, 3, group.dimension))
    X, Z = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (X, Z))
    K = np.asarray(kernel(X, Z))
    for code in group.generators:
        change = np.abs(np.asarray(kernel(image(X, code), image(Z, code))) - K).max()
        # Half of the digits: one that is not invariant differs by about its size.
        if not change <= math.sqrt(epsilon(K)) * np.abs(K).max():
            raise ValueError(
                "kernel must have equal values at k(gx, gz) and k(x, z) for all g in group, got "
                f"values that differ by {change:.3g}, the largest being {np.abs(K).max():.3g}"
            )


@dataclass(frozen=True)
class Averaged:
    """What :func:`averaged` returns: the mean of a kernel over a group.

    Attributes
    ----------
    kernel : callable
        The kernel that is averaged.
    group : :class:`ntklib.groups.Group`
    method : str
        As given to :func:`averaged`.
    """

    kernel: Kernel
    group: Group
    method: str

    def __call__(self, X: Any, Z: Any = None, /) -> Array:
        r"""The matrix between points.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one a row. Arrays of other libraries go to the kernel as they are.
        Z : array_like, shape (n', d), optional
            Other points; ``X`` itself when left out, and then the result is exactly symmetric.

        Returns
        -------
        K : ndarray, shape (n, n')
            Of the dtype of the kernel's result; the mean is taken in float64, for arrays of other
            libraries in theirs. Its error is that of the kernel, and the rounding of the mean.
            With transforms over :math:`a` axes the cosine of an angle is off by at most
            :math:`(30\log_2d+60a+14)\,2^{-53}`, on paper; a few :math:`2^{-53}` are measured.
            :func:`ntklib.relu_ntk` magnifies that by 1.63 at most, since cosines beyond 0.99 come
            from differences; :func:`ntklib.relu_nngp` halves it.

        Raises
        ------
        ValueError, TypeError, OverflowError
            As the kernel; points of another dimension than the group's; arrays of other libraries
            with ``"fft"``.
        """
        if is_foreign(X) or is_foreign(Z):
            result: Array = self._foreign(X, Z)
            return result
        d = self.group.dimension
        X = matrix("X", X, columns=d)
        Z = Z if Z is None else matrix("Z", Z, columns=d)
        tiles = None if self.method == "sum" else _tiles(self.kernel)
        if tiles is None or self.group.grid is None:
            return self._by_sum(X, Z)
        if self.method == "auto" and d * d < _WORTH * math.prod(lengths(self.group.grid)):
            return self._by_sum(X, Z)
        left, right, dtype = sides(X, Z)
        mean: Array = average(tiles(left, right), left, right, self.group.grid, dtype)
        return mean

    def diag(self, X: object) -> Array:
        """Its values at equal points, shape ``(n,)``, without the matrix."""
        X = matrix("X", X, columns=self.group.dimension)
        # Small squares: nearly all of their entries are thrown away.
        return np.concatenate([self(X[rows]).diagonal() for rows in slices(0, len(X), 8)])

    def _by_sum(self, X: Array, Z: Array | None) -> Array:
        other = X if Z is None else Z
        n, p, d = len(X), len(other), X.shape[1]
        value = self._called(X, None, (n, n)) if Z is None else np.zeros((n, p), np.float32)
        total: Array = value.astype(np.float64)
        elements, weight = _terms(self.group, symmetric=Z is None)
        for part in slices(0, len(elements), sizes.HELD // (p * max(n, d))):
            codes = self.group.codes(elements[part])
            images = np.concatenate([image(other, code) for code in codes])
            value = self._called(X, images, (n, len(codes) * p))
            terms: Array = value.reshape(n, len(codes), p).transpose(1, 0, 2).astype(np.float64)
            terms *= weight[part, None, None]
            total += _sum(terms)
        if Z is None:
            total = (total + total.T) / 2
        total /= len(self.group)
        return total.astype(value.dtype, copy=False)

    def _called(self, X: Array, Z: Array | None, shape: tuple[int, int]) -> Array:
        value = np.asarray(self.kernel(X, Z))
        if value.shape != shape:
            raise ValueError(f"kernel must return shape {shape} here, got {value.shape}")
        return value

    def _foreign(self, X: Any, Z: Any) -> Any:
        """The sum in the arithmetic of another library, which may follow derivatives."""
        if self.method == "fft":
            raise TypeError(f"X and Z must be NumPy's where method is fft, got {type(X).__name__}")
        for name, A in (("X", X), ("Z", Z)):
            if A is not None and (len(A.shape) != 2 or A.shape[1] != self.group.dimension):
                wanted = f"(n, {self.group.dimension})"
                raise ValueError(f"{name} must have shape {wanted}, got {tuple(A.shape)}")
        total = self.kernel(X, None) if Z is None else 0.0
        for moved, weight in images(self.group, X, Z):
            total = total + weight * self.kernel(X, moved)
        total = total / len(self.group)
        return (total + namespace(total).matrix_transpose(total)) / 2 if Z is None else total


def _terms(group: Group, *, symmetric: bool) -> tuple[Index, Array]:
    """Elements to sum over, and how often each counts.

    For a Gram matrix the identity is left out, and of an element and its inverse, whose terms are
    each other's transposes, one stands for both.
    """
    elements = np.arange(len(group))
    if not symmetric:
        return elements, np.ones(len(group))
    inverses = group.inverses()
    codes = (group.codes(elements[i : i + 1])[0] for i in elements)
    one = np.arange(1, group.dimension + 1)
    identity = next(i for i, code in enumerate(codes) if np.array_equal(code, one))
    kept = elements[(elements <= inverses) & (elements != identity)]
    return kept, np.where(inverses[kept] == kept, 1.0, 2.0)


def images(group: Group, X: Any, Z: Any = None) -> Iterator[tuple[Any, float]]:
    """The images of Z that a sum over the group is of, and how often each term counts.

    Without Z, of X, beside X itself; and the sum is to be made symmetric.
    """
    elements, weights = _terms(group, symmetric=Z is None)
    for element, weight in zip(elements, weights, strict=True):
        (code,) = group.codes(np.array([element]))
        yield image(X if Z is None else Z, code), float(weight)


def _sum(terms: Array) -> Array:
    """The sum over the first axis, in pairs; the terms are overwritten."""
    while len(terms) > 1:
        half = (len(terms) + 1) // 2
        terms[: len(terms) - half] += terms[half:]
        terms = terms[:half]
    first: Array = terms[0]
    return first


Tiles = Callable[[Points, Points | None], TileKernel]


def _tiles(kernel: Kernel) -> Tiles | None:
    """A kernel of the angle that the engine knows, as its tiles take it; None for any other."""
    function: Any = kernel
    options: dict[str, Any] = {}
    if isinstance(kernel, partial) and not kernel.args:
        function, options = kernel.func, kernel.keywords
    names = [f for f in (*_PROFILES, *_DEEP) if f is function]
    if not names or any(map(_of_library, options.values())):
        return None
    bound = signature(function).bind(None, None, **options)
    bound.apply_defaults()
    if function in _PROFILES:
        return partial(_angular, function, positive("eps", bound.arguments["eps"]))
    given = {"trained": "all"} | dict(list(bound.arguments.items())[2:])
    net = architecture(**given)
    return lambda left, right: Deep(net, left, right, _DEEP[function])


def _angular(function: Any, eps: float, left: Points, right: Points | None) -> TileKernel:
    mantissa, power = math.frexp(eps)
    return angular(_PROFILES[function], left, right, mantissa * mantissa, 2 * power)


def _of_library(option: Any) -> bool:
    """Whether an option, or an entry of it, is a number of another library."""
    entries = option if isinstance(option, list | tuple) else [option]
    return any(map(is_foreign, entries))
