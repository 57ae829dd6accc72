r"""The kernels of the lecture on any array: torch (CPU, CUDA), JAX, CuPy, Dask, and whatever else
follows the array API standard.

The functions of :mod:`ntklib.kernels` come here by themselves when they are given such an array;
there is no need to call this module. The result is of the caller's own kind, on its device. The
arithmetic is in the dtype of the input (for NumPy arrays it is float64 throughout), so a float32
tensor gives float32 accuracy: an error of a few ulp times the scale of the kernel.

Where two points are close to one direction or to opposite ones, the matrix product does not know
the angle; those few entries are computed again from differences, as for NumPy. Their number
depends on the data, so the functions run eagerly and not inside ``jax.jit``.

Needs array-api-compat. Statements: :prf:ref:`prp-relu-ntk`, :prf:ref:`cor-general-norms`,
:prf:ref:`prp-angle`, :prf:ref:`prp-nngp`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ntklib._validate import positive

# As for NumPy: beyond this cosine an ulp of the inner product shows in the angle.
_NEAR = 0.99
# Coordinates of differences held at once.
_CHUNK = 1 << 24
_FOREIGN = ("torch", "jax", "jaxlib", "cupy", "dask", "array_api_strict")


def is_foreign(X: object) -> bool:
    """Whether X is an array of a library other than NumPy; imports nothing."""
    return type(X).__module__.split(".", 1)[0] in _FOREIGN


class Pairs(NamedTuple):
    """Angles between rows of X and Z, and norms as factors that do not overflow."""

    cos: Any
    sin: Any
    supplement: Any
    left: tuple[Any, Any]
    right: tuple[Any, Any]
    itself: bool


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
    if not xp.isdtype(X.dtype, "real floating"):
        raise TypeError(f"{name} must be real floating-point numbers, got dtype {X.dtype}")
    if X.ndim != 2:
        raise ValueError(f"{name} must have 2 dimension(s), got shape {tuple(X.shape)}")
    if 0 in tuple(X.shape):
        raise ValueError(f"{name} must not be empty, got shape {tuple(X.shape)}")
    if columns is not None and X.shape[1] != columns:
        raise ValueError(f"{name} must have {columns} columns, got shape {tuple(X.shape)}")
    if not bool(xp.all(xp.isfinite(X))):
        raise ValueError(f"{name} must be finite, got NaN or inf")
    return X


def _unit(X: Any, xp: Any) -> tuple[Any, Any, Any]:
    """Unit rows, and norms as the product of two numbers, one of them the largest coordinate."""
    largest = xp.max(xp.abs(X), axis=1, keepdims=True)
    scaled = X / xp.where(largest > 0, largest, xp.ones_like(largest))
    norm = xp.sqrt(xp.sum(scaled * scaled, axis=1, keepdims=True))
    unit = scaled / xp.where(norm > 0, norm, xp.ones_like(norm))
    return unit, norm[:, 0], largest[:, 0]


def _replace(target: Any, where: Any, values: Any, xp: Any) -> Any:
    """`target` with the entries at `where` taken from `values`, in row-major order."""
    flat = xp.reshape(where, (-1,))
    position = xp.cumulative_sum(xp.astype(flat, xp.int64)) - 1
    position = xp.where(flat, position, xp.zeros_like(position))
    spread = xp.reshape(xp.take(values, position, axis=0), tuple(target.shape))
    return xp.where(where, spread, target)


def pairs(X: Any, Z: Any | None, xp: Any) -> Pairs:
    """The geometry of all pairs of rows."""
    X = _matrix("X", X, xp)
    U, *left = _unit(X, xp)
    if Z is None:
        V, right = U, left
    else:
        Z = _matrix("Z", Z, xp, X.shape[1])
        V, *right = _unit(Z, xp)
    cos = xp.clip(U @ xp.matrix_transpose(V), -1.0, 1.0)
    supplement = xp.acos(-cos)
    sin = xp.sqrt((1 - cos) * (1 + cos))
    near = xp.abs(cos) > _NEAR
    found = xp.nonzero(xp.reshape(near, (-1,)))[0]
    if found.shape[0]:
        s, c = _differences(U, V, found, xp)
        closer = xp.where(s < c, 1 - s * s / 2, c * c / 2 - 1)
        cos = _replace(cos, near, closer, xp)
        sin = _replace(sin, near, s * c / 2, xp)
        supplement = _replace(supplement, near, 2 * xp.atan2(c, s), xp)
    return Pairs(cos, sin, supplement, (left[0], left[1]), (right[0], right[1]), Z is None)


def _differences(U: Any, V: Any, found: Any, xp: Any) -> tuple[Any, Any]:
    """2 sin(theta / 2) and 2 cos(theta / 2) of the pairs with these flat indices."""
    columns, step = V.shape[0], max(1, _CHUNK // V.shape[1])
    sines, cosines = [], []
    for start in range(0, found.shape[0], step):
        index = found[start : min(start + step, found.shape[0])]
        u = xp.take(U, index // columns, axis=0)
        v = xp.take(V, index % columns, axis=0)
        sines.append(xp.sqrt(xp.sum((u - v) ** 2, axis=1)))
        cosines.append(xp.sqrt(xp.sum((u + v) ** 2, axis=1)))
    return xp.concat(sines), xp.concat(cosines)


def _scaled(profile: Any, p: Pairs, eps: float, xp: Any) -> Any:
    """eps^2 |x| |x'| times a profile; one half of it on the diagonal, without rounding."""
    scale = positive("eps", eps) ** 2
    if p.itself:
        n = profile.shape[0]
        eye = xp.eye(n, dtype=xp.bool, device=_device(profile))
        profile = xp.where(eye, xp.full_like(profile, 0.5), profile)
    (a, big_a), (b, big_b) = p.left, p.right
    value = profile * (a[:, None] * b[None, :]) * scale
    return value * big_a[:, None] * big_b[None, :]


def _device(array: Any) -> Any:
    from array_api_compat import device

    return device(array)


def _blocks(kernel: Callable[[Any, Any], Any], X: Any, Z: Any | None) -> Any:
    """A Dask array: each pair of chunks of rows by itself, lower blocks mirrored."""
    import dask.array as da
    from dask.delayed import delayed

    def rows(name: str, A: Any) -> tuple[list[Any], tuple[int, ...]]:
        if A.ndim != 2:
            raise ValueError(f"{name} must have 2 dimension(s), got shape {A.shape}")
        A = A.rechunk({1: -1})
        return [block for (block,) in A.to_delayed()], A.chunks[0]

    left, heights = rows("X", X)
    right, widths = (left, heights) if Z is None else rows("Z", Z)
    if Z is not None and Z.shape[1] != X.shape[1]:
        raise ValueError(f"Z must have {X.shape[1]} columns, got shape {Z.shape}")
    dtype = X.dtype if Z is None else da.result_type(X.dtype, Z.dtype)

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


def _evaluate(name: str, profile: Callable[[Pairs, Any], Any], X: Any, Z: Any, eps: Any) -> Any:
    """`profile` of the pairs, times the norms; a Dask array block by block with NumPy's kernel."""
    kinds = {type(A).__module__.split(".", 1)[0] for A in (X, Z) if A is not None}
    if len(kinds) > 1:
        raise TypeError(f"X and Z must be arrays of one library, got {' and '.join(sorted(kinds))}")
    if kinds == {"dask"}:
        from ntklib import kernels

        return _blocks(partial(getattr(kernels, name), **eps), X, Z)
    xp = _namespace(X) if Z is None else _namespace(X, Z)
    p = pairs(X, Z, xp)
    value = profile(p, xp)
    if eps:
        value = _scaled(value, p, eps["eps"], xp)
    if Z is None:  # rounding does not know that the matrix is symmetric
        value = xp.tril(value) + xp.matrix_transpose(xp.tril(value, k=-1))
    return value


def relu_ntk(X: Any, Z: Any | None, eps: float) -> Any:
    """:func:`ntklib.relu_ntk`, already known to be given a foreign array."""

    def profile(p: Pairs, xp: Any) -> Any:
        return p.cos * p.supplement / (2 * math.pi)

    return _evaluate("relu_ntk", profile, X, Z, {"eps": eps})


def relu_nngp(X: Any, Z: Any | None, eps: float) -> Any:
    """:func:`ntklib.relu_nngp`, already known to be given a foreign array."""

    def profile(p: Pairs, xp: Any) -> Any:
        return (p.sin + p.supplement * p.cos) / (2 * math.pi)

    return _evaluate("relu_nngp", profile, X, Z, {"eps": eps})


def gate_kernel(X: Any, Z: Any | None) -> Any:
    """:func:`ntklib.gate_kernel`, already known to be given a foreign array."""

    def profile(p: Pairs, xp: Any) -> Any:
        zeros = [
            xp.astype(norm == 0, p.cos.dtype) for norm in (p.left[0][:, None], p.right[0][None, :])
        ]
        # One zero point: 1/2; two: 1; none: the angle decides.
        at_zero = (zeros[0] + zeros[1]) / 2
        return xp.where(at_zero > 0, at_zero, p.supplement / (2 * math.pi))

    return _evaluate("gate_kernel", profile, X, Z, {})
