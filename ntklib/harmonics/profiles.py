"""Which kernel it is, and its values as a function of the angle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ntklib._engine.sizes import STREAMED, slices
from ntklib._validate import Array, matrix, positive, real_array
from ntklib.harmonics import closed
from ntklib.kernels import gate_kernel, relu_nngp, relu_ntk, with_bias

Kernel = Callable[..., Any]

_LAWS: dict[Kernel, closed.Law] = {
    relu_ntk: closed.tangent,
    relu_nngp: closed.covariance,
    gate_kernel: closed.gate,
}

# How far the kernel at other pairs of the same angle may be from its profile, as a share of its
# largest value. A kernel of something else differs by far more, and rounding of the points, which
# ill-conditioned kernels magnify, by far less.
_SAME = 1e-8


@dataclass(frozen=True)
class DotProduct:
    r"""The kernel :math:`\kappa(\langle x,x'\rangle)` of points of the unit sphere.

    Called with ``X`` and, for other points than those, ``Z``, it gives the matrix, as
    :func:`ntklib.relu_ntk` does. Rows must be of length 1, up to :math:`10^{-8}`
    (float32: :math:`10^{-6}`); inner products that rounding takes beyond 1 are taken as 1. Close to
    1 and -1 a profile with a root in it loses up to half of the digits to the rounding of the inner
    product.

    Attributes
    ----------
    profile : callable
        :math:`\kappa`, elementwise on arrays of numbers in :math:`[-1,1]`.

    Raises
    ------
    ValueError, TypeError
        Wrong shapes, points that are not finite real numbers, a row not of length 1.
    """

    profile: Callable[[Array], Any]

    def __call__(self, X: object, Z: object | None = None) -> Array:
        left = on_sphere("X", X)
        right = left if Z is None else on_sphere("Z", Z, columns=left.shape[1])
        return np.asarray(self.profile(np.clip(left @ right.T, -1, 1)))


def on_sphere(name: str, value: object, columns: int | None = None) -> Array:
    """Points, one a row, each of length 1 up to 1e-8, of float32 up to 1e-6, in float64."""
    X = matrix(name, value, columns=columns)
    limit = 1e-8 if X.dtype == np.float64 else 1e-6
    X = X.astype(np.float64, copy=False)
    off = np.abs(np.linalg.norm(X, axis=1) - 1)
    if (off > limit).any():
        row = int(np.argmax(off))
        length = np.linalg.norm(X[row])
        raise ValueError(f"{name} must have rows of length 1, row {row} has length {length:.6g}")
    return X


def bias_of(value: object) -> float:
    """The size of a bias: its sign is that of one coordinate of all points."""
    beta = abs(float(real_array("bias", value, ndim=0)))
    if beta and not 1e-150 <= beta <= 1e150:  # its square is in the range
        raise ValueError(f"bias must be 0 or between 1e-150 and 1e150 in size, got {beta}")
    return beta


class Known(NamedTuple):
    """A kernel whose eigenvalues are known, and the scale whose square is before it."""

    law: closed.Law
    eps: float


def known(kernel: Kernel) -> Known | None:
    """The closed form of a kernel of the shallow ReLU network, also with its scale filled in."""
    options: dict[str, Any] = {}
    while isinstance(kernel, partial) and not kernel.args:
        options = kernel.keywords | options
        kernel = kernel.func
    # Equality as of dictionaries, but for kernels that cannot be hashed.
    law = next((law for own, law in _LAWS.items() if own is kernel), None)
    if law is None or not set(options) <= {"eps"} or (options and law is closed.gate):
        return None
    return Known(law, positive("eps", options.get("eps", 1.0)))


def angles_to_values(kernel: Kernel, d: int, theta: Array, beta: float) -> Array:
    r"""The kernel at the pairs :math:`e_1,\cos\theta\,e_1+\sin\theta\,e_2`, with their bias.

    Raises ValueError where other pairs of the same angle have other values: then the kernel is not
    one of the inner product.
    """
    first, second = np.eye(2, d)
    values, at = _values(kernel, first, second, theta, beta), np.array([0.5, 1.5, 2.5])
    here = _values(kernel, first, second, at, beta)
    rng = np.random.default_rng(0)  # whatever the pairs, the answer is the same
    size = float(np.abs(values).max())
    for _ in range(3):
        u, v = np.linalg.qr(rng.standard_normal((d, 2)))[0].T
        gap = np.abs(_values(kernel, u, v, at, beta) - here)
        if (gap > _SAME * size).any():
            raise ValueError(
                "kernel must be a function of the inner product of unit vectors: at two pairs of "
                f"the angle {at[np.argmax(gap)]:.6g} it differs by {gap.max():.3g}"
            )
    return values


def at_equal_points(kernel: Kernel, d: int, beta: float) -> float:
    r"""The value :math:`\kappa(1)`, with the bias."""
    first, second = np.eye(2, d)
    return float(_values(kernel, first, second, np.zeros(1), beta)[0])


def _values(kernel: Kernel, u: Array, v: Array, theta: Array, beta: float) -> Array:
    """The kernel of u and unit vectors at these angles from it, towards v."""
    far = theta > np.pi / 2
    small = np.where(far, np.pi - theta, theta)
    cosine = np.where(far, -np.cos(small), np.cos(small))
    found = np.empty(len(theta))
    for part in slices(0, len(theta), STREAMED // len(u)):
        Z = cosine[part, None] * u + np.sin(small[part, None]) * v
        sides = (u[None], Z) if beta == 0 else (with_bias(u[None], beta), with_bias(Z, beta))
        K = real_array("values of kernel", kernel(*sides))
        if K.shape != (1, len(Z)):
            raise ValueError(
                f"kernel must give a matrix of shape {(1, len(Z))} for points of shapes "
                f"{sides[0].shape} and {sides[1].shape}, got shape {K.shape}"
            )
        found[part] = K[0]
    return found
