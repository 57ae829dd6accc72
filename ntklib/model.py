r"""What is asked of a network and of a kernel: two protocols, met by having the methods.

A *model* is a function :math:`F(x;w)` of points and weights with its first derivatives in the
weights. :class:`ntklib.ShallowNetwork` is one, :func:`ntklib.empirical.as_model` makes one of a
module of torch or a function of JAX, and any other network becomes one by a class of a few lines
with these methods, which return NumPy arrays. :class:`ntklib.Linearization` takes any model.

A *kernel* takes points to the matrix of its values. Those of this package are, and what takes a
kernel (:mod:`ntklib.large`, :mod:`ntklib.regression`) takes any.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ntklib._validate import Array


class Kernel(Protocol):
    """Points to the matrix of values :math:`k(x_i,z_j)`."""

    def __call__(self, X: Any, Z: Any = None, /) -> Array:
        """The matrix between the points of ``X`` and ``Z``, shape ``(n, n')``.

        ``Z`` is ``X`` itself when left out or None.
        """


class Model(Protocol):
    r"""A function :math:`F(x;w)` of :math:`n` points and the weights, with its derivatives.

    ``X`` has a point for each index of its first axis. ``W`` is one array of any shape, and
    :math:`p` its size; :math:`w` are its entries in row-major order. Wrong arguments raise
    ValueError or TypeError.
    """

    def __call__(self, X: Any, W: Any) -> Array:
        """Outputs :math:`F(x_i;w)`, shape ``(n,)``."""

    def jacobian(self, X: Any, W: Any) -> Array:
        r"""The Jacobian :math:`J`: the gradients in :math:`w`, one a row, shape ``(n, p)``."""

    def jvp(self, X: Any, W: Any, D: Any) -> Array:
        """The product :math:`Jd`, shape ``(n,)``, with a change ``D`` of the shape of ``W``."""

    def vjp(self, X: Any, W: Any, u: Any) -> Array:
        r"""The product :math:`J^\top u` for ``u`` of shape ``(n,)``, in the shape of ``W``.

        For ``u`` of shape ``(n, k)``, those of its columns, shape ``(k, *W.shape)``.
        """

    def empirical_ntk(self, X: Any, Z: Any = None, *, W: Any) -> Array:
        r"""The kernel :math:`J_XJ_Z^\top` between the points of ``X`` and ``Z``, shape ``(n, n')``.

        ``Z`` is ``X`` itself when left out or None.
        """


@runtime_checkable
class OwnPoints(Protocol):
    """What a :class:`Model` may have beside: points that are no array of real numbers.

    Without it, :class:`ntklib.Linearization` takes the points to such an array.
    """

    def points(self, X: Any) -> tuple[Any, int]:
        """A copy of ``X``, which later changes do not reach, and the number of points."""
