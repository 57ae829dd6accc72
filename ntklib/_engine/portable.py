"""Matrices of kernels on arrays of other libraries: torch, JAX, CuPy, Dask, array-api-strict.

The public kernels come here by themselves when they are given such an array. The formulas for pairs
of points are those of NumPy's arrays, from 1 - cos and 1 + cos; what is known of each point is
moved to the array's device.

What is done here can be differentiated, by torch and by JAX. A norm and an angle have kinks where
they are zero; `root` and the constants of `side` give them there the derivative zero, which is the
mean of those in opposite directions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ntklib._engine import sizes
from ntklib._engine.sizes import slices
from ntklib._validate import Array

# As for NumPy: beyond this cosine an ulp of the inner product shows in the angle.
NEAR = 0.99
_FOREIGN = ("torch", "jax", "jaxlib", "cupy", "dask", "array_api_strict")


def is_foreign(X: object) -> bool:
    """Whether ``X`` is an array of a library named above; imports nothing."""
    return type(X).__module__.split(".", 1)[0] in _FOREIGN


def library(array: object) -> str:
    """Which library an array is of, by the name that is imported."""
    name = type(array).__module__.split(".", 1)[0]
    return "jax" if name == "jaxlib" else name


def traced(array: Any) -> bool:
    """Whether an array has no values to look at: inside jit, vmap and grad of torch or JAX."""
    if library(array) == "torch":
        functorch = sys.modules["torch"]._C._functorch
        return bool(functorch.is_functorch_wrapped_tensor(array))
    return library(array) == "jax" and isinstance(array, sys.modules["jax"].core.Tracer)


def followed(array: Any) -> bool:
    """Whether derivatives of what is computed from an array may be asked for, or it is traced."""
    if library(array) == "torch":
        grads = sys.modules["torch"].is_grad_enabled()
        return bool(array.requires_grad and grads) or traced(array)
    return traced(array)


def constant(array: Any) -> Any:
    """The array, for which derivatives take it as a constant."""
    if library(array) == "torch":
        return array.detach()
    return sys.modules["jax"].lax.stop_gradient(array) if library(array) == "jax" else array


def scale(name: str, value: Any, check: Callable[[str, object], float]) -> Any:
    """A checked number, from any library; where derivatives in it are asked for as it is."""
    if not is_foreign(value):
        return check(name, value)
    if value.ndim != 0:
        raise ValueError(f"{name} must be a number, got shape {tuple(value.shape)}")
    if traced(value):
        return value
    number = check(name, float(constant(value)))
    return value if followed(value) else number


def refuse_others(says: str, scales: Iterable[Any], X: Any, Z: Any) -> None:
    """TypeError for a scale that is followed, beside points of another library or of NumPy."""
    home = next((library(A) for A in (X, Z) if is_foreign(A)), "numpy")
    for value in scales:
        if is_foreign(value) and library(value) != home:
            raise TypeError(
                f"{says} of the library of X, {home}, where derivatives are asked for, got "
                f"{library(value)}"
            )


def root(x: Any) -> Any:
    """The square root; its derivative at zero is taken as zero."""
    if isinstance(x, np.ndarray | np.generic):
        return np.sqrt(x)
    return _root(x, x > 0, 0.0)


def root_of_defect(x: Any, factor: float) -> Any:
    """The square root of x, `factor` times 1 - cos; within rounding of zero its derivative is zero.

    Equal rows that a compiler normalizes in two ways differ by an ulp, and the derivative of an
    angle of one ulp is that of the kink, times the rounding of its own numerator.
    """
    if isinstance(x, np.ndarray | np.generic):
        return np.sqrt(x)
    xp = namespace(x)
    small = constant(xp.sqrt(xp.where(x > 0, x, 0.0)))
    return _root(x, x > factor * (8 * float(xp.finfo(x.dtype).eps)) ** 2, small)


def _root(x: Any, inside: Any, otherwise: Any) -> Any:
    xp = namespace(x)
    return xp.where(inside, xp.sqrt(xp.where(inside, x, 1.0)), otherwise)


def namespace(array: Any) -> Any:
    """Where the array's library keeps the functions of the array API standard."""
    return _namespace(array) if is_foreign(array) else np


class Side(NamedTuple):
    """Rows by direction and length, which is the product of two numbers that do not overflow.

    `square` is the square of `norm`, before the rounding of the root.
    """

    unit: Any
    norm: Any
    largest: Any
    square: Any

    def lengths(self) -> Lengths:
        """The lengths in NumPy's float64."""
        mantissa, exponent = np.frexp(numbers(self.largest))
        return Lengths(numbers(self.norm) * mantissa, exponent)


class Lengths(NamedTuple):
    """Norms of points as mantissa times two to the exponent, NumPy arrays."""

    norm: Array
    exponent: Any


#: 1 - cos and 1 + cos of a slice of the rows against all columns, to the kernel's values.
Values = Callable[[Any, Any, slice], Any]


def _namespace(*arrays: Any) -> Any:
    try:
        from array_api_compat import array_namespace
    except ImportError as error:
        raise ImportError(
            "arrays other than NumPy's need array-api-compat: pip install 'ntklib[arrays]'"
        ) from error
    return array_namespace(*arrays)


def _matrix(name: str, X: Any, xp: Any, columns: int | None = None) -> Any:
    """As :func:`ntklib._validate.matrix`; integers are refused, since their float is a choice."""
    X = _numbers(name, X, xp, (2,))
    if columns is not None and X.shape[1] != columns:
        raise ValueError(f"{name} must have {columns} columns, got shape {tuple(X.shape)}")
    return X


def _numbers(name: str, X: Any, xp: Any, ndim: tuple[int, ...]) -> Any:
    if not xp.isdtype(X.dtype, "real floating"):
        raise TypeError(f"{name} must be real floating-point numbers, got dtype {X.dtype}")
    if X.ndim not in ndim:
        wanted = " or ".join(map(str, ndim))
        raise ValueError(f"{name} must have {wanted} dimension(s), got shape {tuple(X.shape)}")
    if 0 in tuple(X.shape):
        raise ValueError(f"{name} must not be empty, got shape {tuple(X.shape)}")
    if not traced(X) and not bool(xp.all(xp.isfinite(X))):
        raise ValueError(f"{name} must be finite, got NaN or inf")
    return X


def side(X: Any, xp: Any) -> Side:
    """Unit rows, and norms as the product of two numbers, one of them the largest coordinate."""
    largest = constant(xp.max(xp.abs(X), axis=1, keepdims=True))
    scaled = X / xp.where(largest > 0, largest, 1.0)
    square = xp.sum(scaled * scaled, axis=1, keepdims=True)
    norm = root(square)
    unit = scaled / xp.where(norm > 0, norm, 1.0)
    return Side(unit, norm[:, 0], largest[:, 0], square[:, 0])


def checked(X: Any, Z: Any | None) -> tuple[Any, Any]:
    """Points of one library that follow derivatives, with the checks of :func:`evaluate`."""
    xp = _together(X, Z)
    X = _matrix("X", X, xp)
    return X, Z if Z is None else _matrix("Z", Z, xp, X.shape[1])


def checked_signals(X: Any, Z: Any | None) -> tuple[Any, Any]:
    """Signals of one library, of shape (n, *grid, channels) and one dtype, float32 or float64."""
    xp = _together(X, Z)
    X = _numbers("X", X, xp, (3, 4, 5))
    if Z is not None:
        Z = _numbers("Z", Z, xp, (X.ndim,))
        if tuple(Z.shape[1:]) != tuple(X.shape[1:]):
            raise ValueError(
                f"Z must have signals of shape {tuple(X.shape[1:])}, got shape {tuple(Z.shape)}"
            )
        dtype = xp.result_type(X, Z)
        X, Z = (xp.astype(A, dtype, copy=False) for A in (X, Z))
    if xp.finfo(X.dtype).bits not in (32, 64):
        raise TypeError(f"X and Z must be float32 or float64, got {X.dtype}")
    return X, Z


def _together(X: Any, Z: Any | None) -> Any:
    """The namespace of arrays that are of one library."""
    one_library(X, Z)
    return _namespace(X) if Z is None else _namespace(X, Z)


def one_library(X: Any, Z: Any | None) -> str:
    """Which library both are of."""
    kinds = {library(A) for A in (X, Z) if A is not None}
    if len(kinds) > 1:
        raise TypeError(f"X and Z must be arrays of one library, got {' and '.join(sorted(kinds))}")
    return kinds.pop()


def _sides(X: Any, Z: Any | None, xp: Any) -> tuple[Side, Side | None]:
    X = _matrix("X", X, xp)
    if Z is None:
        return side(X, xp), None
    Z = _matrix("Z", Z, xp, X.shape[1])
    dtype = xp.result_type(X, Z)
    return side(xp.astype(X, dtype, copy=False), xp), side(xp.astype(Z, dtype, copy=False), xp)


def numbers(array: Any) -> Array:
    """To NumPy, in float64."""
    return in_numpy(array).astype(np.float64)


def in_numpy(array: Any) -> Array:
    """To NumPy, in the same dtype."""
    from array_api_compat import is_cupy_array, is_torch_array

    if is_torch_array(array):
        array = array.detach().cpu()
    elif is_cupy_array(array):
        array = array.get()
    return np.asarray(array)


def moved(values: Array, like: Any) -> Any:
    """NumPy numbers as an array of the kind, dtype and device of another."""
    return namespace(like).asarray(values, dtype=like.dtype, device=_device(like))


def places(index: Any, like: Any) -> Any:
    """Whole numbers, of places in an array, as an array of the kind and device of another."""
    return namespace(like).asarray(index, device=_device(like))


def _replace(target: Any, where: Any, values: Any, xp: Any) -> Any:
    """`target` with the entries at `where` taken from `values`, in row-major order."""
    flat = xp.reshape(where, (-1,))
    # A block has fewer than 2^31 entries, and JAX by default no longer integers.
    position = xp.cumulative_sum(xp.astype(flat, xp.int32)) - 1
    position = xp.where(flat, position, xp.zeros_like(position))
    spread = xp.reshape(xp.take(values, position, axis=0), tuple(target.shape))
    return xp.where(where, spread, target)


def angles(U: Any, V: Any, xp: Any) -> tuple[Any, Any]:
    """1 - cos and 1 + cos between unit rows, each accurate where it is small."""
    cos = U @ xp.matrix_transpose(V)
    near = xp.abs(cos) > NEAR
    minus, plus = 1 - cos, 1 + cos
    if traced(cos):  # how many are near is not known, so all are done
        minus, plus = (
            xp.where(near, new, old)
            for old, new in zip((minus, plus), _all_differences(U, V, xp), strict=True)
        )
        return minus, plus
    found = xp.nonzero(xp.reshape(near, (-1,)))[0]
    if found.shape[0]:
        closer = _differences(U, V, found, xp)
        minus, plus = (
            _replace(old, near, new, xp) for old, new in zip((minus, plus), closer, strict=True)
        )
    return minus, plus


def _all_differences(U: Any, V: Any, xp: Any) -> tuple[Any, Any]:
    """1 - cos and 1 + cos of all pairs in the same way."""
    minus, plus = [], []
    for rows in slices(0, U.shape[0], sizes.HELD // (V.shape[0] * V.shape[1])):
        u, v = U[rows, None, :], V[None, :, :]
        minus.append(xp.sum((u - v) ** 2, axis=2) / 2)
        plus.append(xp.sum((u + v) ** 2, axis=2) / 2)
    return xp.concat(minus), xp.concat(plus)


def _differences(U: Any, V: Any, found: Any, xp: Any) -> tuple[Any, Any]:
    """1 - cos and 1 + cos of the pairs with these flat indices: |u - v|^2 / 2, |u + v|^2 / 2."""
    columns = V.shape[0]
    minus, plus = [], []
    for part in slices(0, found.shape[0], sizes.HELD // V.shape[1]):
        index = found[part]
        u = xp.take(U, index // columns, axis=0)
        v = xp.take(V, index % columns, axis=0)
        minus.append(xp.sum((u - v) ** 2, axis=1) / 2)
        plus.append(xp.sum((u + v) ** 2, axis=1) / 2)
    return xp.concat(minus), xp.concat(plus)


def _device(array: Any) -> Any:
    from array_api_compat import device

    return None if library(array) == "jax" and traced(array) else device(array)


def _result(name: str, A: Any) -> Any:
    """The dtype of a kernel's values at such points, as for NumPy."""
    if A.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got dtype {A.dtype}")
    return A.dtype if A.dtype in (np.float32, np.float64) else np.dtype(np.float64)


def blocks(
    kernel: Callable[[Any, Any], Any], X: Any, Z: Any | None, ndim: tuple[int, ...] = (2,)
) -> Any:
    """A Dask array: each pair of chunks of rows by itself, lower blocks mirrored.

    Points are rows, or whatever has `ndim` dimensions with its own.
    """
    import dask.array as da
    from dask.delayed import delayed

    def rows(name: str, A: Any) -> tuple[list[Any], tuple[int, ...]]:
        if A.ndim not in ndim:
            wanted = " or ".join(map(str, ndim))
            raise ValueError(f"{name} must have {wanted} dimension(s), got shape {A.shape}")
        A = A.rechunk(dict.fromkeys(range(1, A.ndim), -1))
        return list(A.to_delayed().reshape(-1)), A.chunks[0]

    left, heights = rows("X", X)
    right, widths = (left, heights) if Z is None else rows("Z", Z)
    if Z is not None and Z.shape[1:] != X.shape[1:]:
        wanted = f"{X.shape[1]} columns" if X.ndim == 2 else f"signals of shape {X.shape[1:]}"
        raise ValueError(f"Z must have {wanted}, got shape {Z.shape}")
    dtype = np.result_type(*(_result(name, A) for name, A in (("X", X), ("Z", Z)) if A is not None))

    def place(i: int, j: int) -> Any:
        other = None if Z is None and i == j else right[j]
        return da.from_delayed(
            delayed(kernel)(left[i], other), (heights[i], widths[j]), dtype=dtype
        )

    count_left, count_right = range(len(left)), range(len(right))
    if Z is not None:
        return da.block([[place(i, j) for j in count_right] for i in count_left])
    lower = {(i, j): place(i, j) for i in count_left for j in range(i + 1)}
    return da.block(
        [[lower[i, j] if j <= i else lower[j, i].T for j in count_left] for i in count_left]
    )


def evaluate(
    kernel: Callable[[Any, Any], Any],
    build: Callable[[Side, Side], tuple[Values, Any | None]],
    X: Any,
    Z: Any | None,
) -> Any:
    """The matrix of a kernel between arrays of which at least one is foreign.

    Parameters
    ----------
    kernel : callable
        The kernel on NumPy arrays, for the blocks of Dask arrays.
    build : callable
        From two sides to the values at their pairs, and those at equal points if they are to be
        exactly these.
    X, Z : array, shapes (n, d), (n', d)
        ``Z`` may be None: ``X`` itself, and the result is exactly symmetric.

    Raises
    ------
    TypeError
        Arrays of two libraries, or not of real floating-point numbers.
    ValueError
        Wrong shapes, empty or non-finite points.
    OverflowError
        Values beyond the range of the dtype.
    """
    if one_library(X, Z) == "dask":
        return blocks(kernel, X, Z)
    xp = _namespace(X) if Z is None else _namespace(X, Z)
    left, right = _sides(X, Z, xp)
    values, diagonal = build(left, left if right is None else right)
    K = _matrix_of(values, left.unit, left.unit if right is None else right.unit, xp)
    if right is None:  # rounding does not know that the matrix is symmetric
        K = xp.tril(K) + xp.matrix_transpose(xp.tril(K, k=-1))
        if diagonal is not None:
            eye = xp.eye(K.shape[0], dtype=xp.bool, device=_device(K))
            K = xp.where(eye, diagonal[:, None], K)
    if not traced(K) and not bool(xp.all(xp.isfinite(K))):
        largest = float(xp.finfo(K.dtype).max)
        raise OverflowError(f"the kernel has values beyond {largest:.1e}, the largest {K.dtype}")
    return K


def _matrix_of(values: Values, U: Any, V: Any, xp: Any) -> Any:
    """The values at all pairs, some rows after the other: their temporaries stay small."""
    # Some temporaries at once: a quarter each.
    parts = slices(0, U.shape[0], sizes.HELD // 4 // V.shape[0])
    found = [values(*angles(U[rows, :], V, xp), rows) for rows in parts]
    return xp.concat(found) if len(found) > 1 else found[0]
