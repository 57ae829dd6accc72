r"""The shallow network :math:`F(x;w)`, its Jacobian and its kernel at finite width.

Implements :prf:ref:`dfn-network`, :prf:ref:`dfn-kernel`, :prf:ref:`prp-unbiased` and
:prf:ref:`prp-doubling`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ntklib._engine.threads import in_threads
from ntklib._validate import Array, matrix, positive, positive_int, real_array
from ntklib.activations import Activation, get, relu

if TYPE_CHECKING:
    from ntklib.linearization import Linearization

Tile = tuple[slice, slice]

# Derivatives held at once while a kernel is contracted: 32 MiB of float64.
_BLOCK = 1 << 22
# Neurons at once, at least: fewer make the matrix product wait for the kernel's memory.
_NEURONS = 128
# Rows and columns of a tile.
_SIDE = 512
# Multiplications below which threads cost more than they save.
_SMALL = 1 << 24


def _tile_slices(shape: tuple[int, ...], *, symmetric: bool) -> list[Tile]:
    """Tiles that cover a matrix, or its lower triangle."""
    rows, columns = (
        [slice(start, min(n, start + _SIDE)) for start in range(0, n, _SIDE)] for n in shape
    )
    return [(i, j) for i in rows for j in columns if not symmetric or j.start <= i.start]


class ShallowNetwork:
    r"""The network :math:`F(x;w)=\frac\varepsilon{\sqrt m}\sum_ja_j\sigma(w_j^\top x)`.

    The inner weights :math:`w_j` are trained, the outer weights :math:`a_j` are not.

    Parameters
    ----------
    a : array_like, shape (m,)
        Outer weights, each :math:`\pm1`, fixed.
    activation : str or Activation
        One of the names that :mod:`ntklib.activations` lists, or an
        :class:`ntklib.activations.Activation` of your own.
    eps : float
        Scale :math:`\varepsilon`, positive.

    Raises
    ------
    ValueError
        An outer weight that is not :math:`\pm1`, ``eps`` not positive, an unknown activation.

    Notes
    -----
    Statement: :prf:ref:`dfn-network`. Networks are immutable; weights are passed in.
    """

    def __init__(self, a: object, activation: str | Activation = "relu", eps: float = 1.0) -> None:
        signs = real_array("a", a, ndim=1).astype(np.float64)
        if not (np.abs(signs) == 1).all():
            raise ValueError(f"a must be -1 or +1, got {signs[np.abs(signs) != 1][0]}")
        signs.flags.writeable = False
        self.a = signs
        self.m = len(signs)
        self.activation = get(activation)
        self.eps = positive("eps", eps)
        self.scale = self.eps / math.sqrt(self.m)

    @classmethod
    def random(
        cls,
        d: int,
        m: int,
        *,
        rng: np.random.Generator,
        activation: str | Activation = "relu",
        eps: float = 1.0,
        doubled: bool = False,
    ) -> tuple[ShallowNetwork, Array]:
        """A network with random signs, and standard Gaussian weights for it.

        Parameters
        ----------
        d, m : int
            Numbers of inputs and of neurons.
        rng : numpy.random.Generator
            Draws the signs and the weights.
        activation, eps
            As for the class.
        doubled : bool
            Take each of the :math:`m` neurons twice, with opposite signs: :math:`2m` neurons,
            output exactly zero at the returned weights, the kernel that of the :math:`m` neurons
            (:prf:ref:`prp-doubling`).

        Returns
        -------
        net : :class:`ntklib.ShallowNetwork`
            The network.
        W0 : ndarray, shape (m, d), or (2 * m, d) when doubled
            The weights.
        """
        d, m = positive_int("d", d), positive_int("m", m)
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
        W0 = rng.standard_normal((m, d))
        a = rng.choice([-1.0, 1.0], size=m)
        if doubled:
            # Copies side by side, so that they cancel in pairs and exactly.
            a, W0 = np.stack([a, -a], axis=1).ravel(), np.repeat(W0, 2, axis=0)
        return cls(a, activation, eps), W0

    def __call__(self, X: object, W: object) -> Array:
        """Outputs :math:`F(x_i;w)` at the rows of ``X`` and the weights ``W``.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one a row.
        W : array_like, shape (m, d)
            Weights, one neuron a row.

        Returns
        -------
        ndarray, shape (n,)
        """
        X, W = self._points(X, W)
        outputs = self.activation.f(X @ W.T) * self.a.astype(X.dtype)
        if self.m % 2 == 0:
            # Neighbors first: a doubled network is then exactly zero at its start.
            outputs = outputs[:, 0::2] + outputs[:, 1::2]
        result: Array = X.dtype.type(self.scale) * outputs.sum(axis=1)
        return result

    def jacobian(self, X: object, W: object) -> Array:
        r"""The Jacobian: gradients in :math:`w`, one a row, shape ``(n, m * d)``.

        The row of a point :math:`x` has the :math:`m` blocks
        :math:`\frac\varepsilon{\sqrt m}\,a_j\sigma'(w_j^\top x)\,x`.

        Notes
        -----
        Statement: :prf:ref:`dfn-network`.
        """
        X, W = self._points(X, W)
        gates = self.activation.df(X @ W.T) * (self.scale * self.a).astype(X.dtype)
        return (gates[:, :, None] * X[:, None, :]).reshape(len(X), -1)

    def empirical_ntk(self, X: object, Z: object | None = None, *, W: object) -> Array:
        r"""Kernel :math:`k_m` between the rows of ``X`` and ``Z``, without the Jacobian.

        The inner products of gradients factor,

        .. math:: k_m(x,z) = \frac{\varepsilon^2}m\langle x,z\rangle
            \sum_j\sigma'(w_j^\top x)\,\sigma'(w_j^\top z) .

        The result has shape ``(n, n')``. With ``Z`` left out it stands for ``X``, and the result is
        exactly symmetric. Beside the result, memory is taken for up to 34 MB of derivatives, or
        for those of 128 neurons at all points where that is more.

        Notes
        -----
        Statements: :prf:ref:`dfn-kernel`, :prf:ref:`prp-unbiased`.
        """
        X, W = self._points(X, W)
        other = X if Z is None else self._points(Z, W, name="Z")[0]
        dtype = np.result_type(X, other)
        # Gates of the ReLU are 0 or 1: single precision counts them exactly, twice as fast.
        counting = self.activation is relu and self.m <= 1 << 24
        gate_dtype = np.dtype(np.float32) if counting else dtype
        K = np.zeros((len(X), len(other)), dtype)
        rows = len(X) if Z is None else len(X) + len(other)
        step = min(self.m, max(_NEURONS, _BLOCK // rows))
        sides = [np.empty((len(P), step), gate_dtype) for P in ((X,) if Z is None else (X, other))]
        tiles = _tile_slices(K.shape, symmetric=Z is None)
        for start in range(0, self.m, step):
            block = W[start : start + step]
            gates = [side[:, : len(block)] for side in sides]
            for points, out in zip((X, other), gates, strict=False):
                self._derivatives(points, block, out)
            left, right = gates[0], gates[-1]

            def add(tasks: Iterator[Tile], left: Array = left, right: Array = right) -> None:
                for i, j in tasks:
                    K[i, j] += left[i] @ right[j].T

            in_threads(add, tiles, alone=K.size * len(block) < _SMALL)
        # Not self.scale squared: eps^2 / m rounds once less.
        scale = dtype.type(self.eps * self.eps / self.m)

        def finish(tasks: Iterator[Tile]) -> None:
            for i, j in tasks:
                K[i, j] *= (X[i] @ other[j].T) * scale
                if Z is None:
                    if i == j:
                        K[i, i] = np.tril(K[i, i]) + np.tril(K[i, i], -1).T
                    else:
                        K[j, i] = K[i, j].T

        in_threads(finish, tiles, alone=K.size * (X.shape[1] + 16) < _SMALL)
        return K

    def _derivatives(self, X: Array, W: Array, out: Array) -> None:
        """sigma'(w_j . x_i), shape (n, m), row blocks in threads."""
        step = max(1, _BLOCK // (16 * len(W)))

        def run(tasks: Iterator[slice]) -> None:
            for rows in tasks:
                out[rows] = self.activation.df(X[rows] @ W.T)

        tasks = [slice(start, start + step) for start in range(0, len(X), step)]
        in_threads(run, tasks, alone=out.size * X.shape[1] < _SMALL)

    def linearize(self, W0: object) -> Linearization:
        """The first-order Taylor polynomial in the weights at ``W0``.

        Parameters
        ----------
        W0 : array_like, shape (m, d)
            Weights, one neuron a row.

        Returns
        -------
        :class:`ntklib.Linearization`

        Notes
        -----
        Statement: :prf:ref:`dfn-linearization`.
        """
        from ntklib.linearization import Linearization

        return Linearization(self, W0)

    def _points(self, X: object, W: object, name: str = "X") -> tuple[Array, Array]:
        W = matrix("W", W)
        if len(W) != self.m:
            raise ValueError(f"W must have {self.m} rows, one a neuron, got shape {W.shape}")
        X = matrix(name, X, columns=W.shape[1])
        dtype = np.result_type(X, W)
        return X.astype(dtype, copy=False), W.astype(dtype, copy=False)
