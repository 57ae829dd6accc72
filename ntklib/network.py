r"""The shallow network :math:`F(x;w)`, its Jacobian and its kernel at finite width.

Implements :prf:ref:`dfn-network`, :prf:ref:`dfn-kernel`, :prf:ref:`prp-unbiased` and
:prf:ref:`prp-doubling`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import numpy as np

from ntklib._engine import sizes, threads
from ntklib._engine.sizes import Tile, lower_tiles, slices
from ntklib._precision import largest, representable
from ntklib._validate import Array, matrix, positive, positive_int, real_array, targets
from ntklib.activations import Activation, get, relu


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

    def __reduce__(self) -> tuple[object, ...]:
        # Copies are built again, and so as immutable as this one.
        return type(self), (self.a, self.activation, self.eps)

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

    @np.errstate(over="ignore", invalid="ignore")  # reported by representable
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

        Raises
        ------
        ValueError, TypeError
            Arguments that are not finite real arrays of these shapes.
        OverflowError
            Values beyond the range of the dtype; so for the derivatives below.
        """
        X, W = self._points(X, W)
        outputs = self.activation.f(X @ W.T) * self.a.astype(X.dtype)
        if self.m % 2 == 0:
            # Neighbors first: a doubled network is then exactly zero at its start.
            outputs = outputs[:, 0::2] + outputs[:, 1::2]
        result = X.dtype.type(self.scale) * outputs.sum(axis=1)
        return np.asarray(representable("F has values", result))

    @np.errstate(over="ignore", invalid="ignore")  # reported by representable
    def jacobian(self, X: object, W: object) -> Array:
        r"""The Jacobian: gradients in :math:`w`, one a row, shape ``(n, m * d)``.

        The row of a point :math:`x` has the :math:`m` blocks
        :math:`\frac\varepsilon{\sqrt m}\,a_j\sigma'(w_j^\top x)\,x`.

        Notes
        -----
        Statement: :prf:ref:`dfn-network`.
        """
        X, W = self._points(X, W)
        gates = self._gates(X, W)
        J = (gates[:, :, None] * X[:, None, :]).reshape(len(X), -1)
        if not largest(gates) * largest(X) < np.finfo(X.dtype).max:  # else no entry need be seen
            representable("the Jacobian has entries", J)
        return J

    @np.errstate(over="ignore", invalid="ignore")  # reported by representable
    def jvp(self, X: object, W: object, D: object) -> Array:
        r"""Derivatives of the outputs as the weights change by ``D``: the Jacobian times ``D``.

        .. math:: \langle\bar\partial F(x_i;w),D\rangle
            = \frac\varepsilon{\sqrt m}\sum_ja_j\sigma'(w_j^\top x_i)\,d_j^\top x_i

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one a row.
        W : array_like, shape (m, d)
            Weights, one neuron a row.
        D : array_like, shape (m, d)
            A change of the weights, with the rows :math:`d_j`.

        Returns
        -------
        ndarray, shape (n,)

        Raises
        ------
        ValueError, TypeError
            Arguments that are not finite real arrays of these shapes.

        Notes
        -----
        Statement: :prf:ref:`dfn-linearization`. The Jacobian is not formed.
        """
        X, W = self._points(X, W)
        D = matrix("D", D)
        if D.shape != W.shape:
            raise ValueError(f"D must have shape {W.shape}, got {D.shape}")
        result = np.einsum("ij,ij->i", self._gates(X, W), X @ D.T)
        return np.asarray(representable("J d has entries", result))

    @np.errstate(over="ignore", invalid="ignore")  # reported by representable
    def vjp(self, X: object, W: object, u: object) -> Array:
        r"""Sum of the gradients at the rows of ``X``, each times its ``u``, :math:`J^\top u`.

        Its row :math:`j` is
        :math:`\frac\varepsilon{\sqrt m}\,a_j\sum_iu_i\,\sigma'(w_j^\top x_i)\,x_i`.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one a row.
        W : array_like, shape (m, d)
            Weights, one neuron a row.
        u : array_like, shape (n,) or (n, k)
            Coefficients of the gradients; the columns of a matrix are taken one by one.

        Returns
        -------
        ndarray, shape (m, d), or (k, m, d)

        Raises
        ------
        ValueError, TypeError
            Arguments that are not finite real arrays of these shapes.

        Notes
        -----
        Statement: :prf:ref:`prp-kernel-expansion`. The Jacobian is not formed.
        """
        X, W = self._points(X, W)
        u = targets("u", u, len(X))
        gates = self._gates(X, W)
        parts = [(gates * column[:, None]).T @ X for column in u.reshape(len(u), -1).T]
        sums = parts[0] if u.ndim == 1 else np.stack(parts)
        return np.asarray(representable("J'u has entries", sums))

    @np.errstate(over="ignore", invalid="ignore")  # reported by representable
    def empirical_ntk(self, X: object, Z: object | None = None, *, W: object) -> Array:
        r"""Kernel :math:`k_m` between the rows of ``X`` and ``Z``, without the Jacobian.

        The inner products of gradients factor,

        .. math:: k_m(x,z) = \frac{\varepsilon^2}m\langle x,z\rangle
            \sum_j\sigma'(w_j^\top x)\,\sigma'(w_j^\top z) .

        The result has shape ``(n, n')``. With ``Z`` left out it stands for ``X``, and the result is
        exactly symmetric. Beside the result, memory is taken for up to 34 MB of derivatives, or
        for those of 512 neurons at all points where that is more.

        Notes
        -----
        Statements: :prf:ref:`dfn-kernel`, :prf:ref:`prp-unbiased`.
        """
        X, W = self._points(X, W)
        other = X if Z is None else self._points(Z, W, name="Z")[0]
        dtype = np.result_type(X, other)
        # Gates of the ReLU are 0 or 1: single precision counts them exactly, twice as fast.
        counting = self.activation == relu and self.m <= 1 << 24
        gate_dtype = np.dtype(np.float32) if counting else dtype
        K = np.zeros((len(X), len(other)), dtype)
        rows = len(X) if Z is None else len(X) + len(other)
        # With fewer neurons at once the product would wait for the kernel's memory.
        step = min(self.m, max(sizes.BLOCK[0], sizes.HELD // rows))
        sides = [np.empty((len(P), step), gate_dtype) for P in ((X,) if Z is None else (X, other))]
        parts, others = (slices(0, n, sizes.BLOCK[0]) for n in K.shape)
        tiles = lower_tiles(len(X), sizes.BLOCK[0]) if Z is None else list(product(parts, others))
        for neurons in slices(0, self.m, step):
            block = W[neurons]
            gates = [side[:, : len(block)] for side in sides]
            for points, out in zip((X, other), gates, strict=False):
                self._derivatives(points, block, out)
            left, right = gates[0], gates[-1]

            def add(tasks: Iterator[Tile], left: Array = left, right: Array = right) -> None:
                for i, j in tasks:
                    K[i, j] += left[i] @ right[j].T

            threads.in_threads(add, tiles, alone=K.size * len(block) < threads.SMALL)
        # Not self.scale squared: eps^2 / m rounds once less.
        scale = dtype.type(self.eps * self.eps / self.m)

        @np.errstate(over="ignore", invalid="ignore")  # of this thread
        def finish(tasks: Iterator[Tile]) -> None:
            for i, j in tasks:
                K[i, j] *= (X[i] @ other[j].T) * scale
                representable("the kernel has values", K[i, j])
                if Z is None:
                    if i == j:
                        K[i, i] = np.tril(K[i, i]) + np.tril(K[i, i], -1).T
                    else:
                        K[j, i] = K[i, j].T

        threads.in_threads(finish, tiles, alone=K.size * (X.shape[1] + 16) < threads.SMALL)
        return K

    def _gates(self, X: Array, W: Array) -> Array:
        """What multiplies each point in the gradients, shape (n, m)."""
        return self.activation.df(X @ W.T) * (self.scale * self.a).astype(X.dtype)

    def _derivatives(self, X: Array, W: Array, out: Array) -> None:
        """sigma'(w_j . x_i), shape (n, m), row blocks in threads."""

        def run(tasks: Iterator[slice]) -> None:
            for rows in tasks:
                out[rows] = self.activation.df(X[rows] @ W.T)

        tasks = slices(0, len(X), sizes.STREAMED // len(W))
        threads.in_threads(run, tasks, alone=out.size * X.shape[1] < threads.SMALL)

    def _points(self, X: object, W: object, name: str = "X") -> tuple[Array, Array]:
        W = matrix("W", W)
        if len(W) != self.m:
            raise ValueError(f"W must have {self.m} rows, one a neuron, got shape {W.shape}")
        X = matrix(name, X, columns=W.shape[1])
        dtype = np.result_type(X, W)
        X, W = X.astype(dtype, copy=False), W.astype(dtype, copy=False)
        # An activation may take an infinite argument to a finite value, which would be wrong.
        if W.shape[1] * largest(X) * largest(W) > np.finfo(dtype).max:
            representable(f"the products of {name} and W are", X @ W.T)
        return X, W
