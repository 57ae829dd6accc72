r"""The shallow network F(x; w), its Jacobian and its kernel at finite width.

Implements :prf:ref:`dfn-network`, :prf:ref:`dfn-kernel` and :prf:ref:`prp-doubling`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ntklib._validate import Array, matrix, positive, positive_int, real_array
from ntklib.activations import Activation, get

if TYPE_CHECKING:
    from ntklib.linearization import Linearization

# Gate values held at once while a kernel is contracted: 32 MiB of float64.
_BLOCK = 1 << 22


class ShallowNetwork:
    r"""F(x; w) = eps / sqrt(m) * sum_j a_j sigma(w_j . x); the inner weights are trained.

    Parameters
    ----------
    a : array_like, shape (m,)
        Outer weights, each -1 or +1, fixed.
    activation : str or Activation
        A name of :mod:`ntklib.activations`, or your own.
    eps : float
        Scale, positive.

    Raises
    ------
    ValueError
        An outer weight that is not -1 or +1, eps not positive, an unknown activation.

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
        """Random signs and standard Gaussian weights.

        Parameters
        ----------
        d, m : int
            Inputs and neurons.
        rng : numpy.random.Generator
        activation, eps
            As for the class.
        doubled : bool
            Take each of the m neurons twice, with opposite signs: 2 m neurons, output exactly
            zero at the returned weights, the kernel that of the m neurons
            (:prf:ref:`prp-doubling`).

        Returns
        -------
        net : ShallowNetwork
        W0 : ndarray, shape (m, d), or (2 m, d) when doubled
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
        """Outputs F(x_i; w), shape (n,), at points X (n, d) and weights W (m, d)."""
        X, W = self._points(X, W)
        outputs = self.activation.f(X @ W.T) * self.a.astype(X.dtype)
        if self.m % 2 == 0:
            # Neighbours first: a doubled network is then exactly zero at its start.
            outputs = outputs[:, 0::2] + outputs[:, 1::2]
        result: Array = X.dtype.type(self.scale) * outputs.sum(axis=1)
        return result

    def jacobian(self, X: object, W: object) -> Array:
        """Gradients in w, one a row: shape (n, m d), blocks scale * a_j * sigma'(w_j . x) * x."""
        X, W = self._points(X, W)
        gates = self.activation.df(X @ W.T) * (self.scale * self.a).astype(X.dtype)
        return (gates[:, :, None] * X[:, None, :]).reshape(len(X), -1)

    def empirical_ntk(self, X: object, Z: object | None = None, *, W: object) -> Array:
        """Kernel k_m between the rows of X and Z, shape (n, n'), without the Jacobian.

        The inner products of gradients factor: eps^2 / m * (x . z) * sum_j sigma'(w_j . x)
        sigma'(w_j . z). With Z left out the result is exactly symmetric.

        Notes
        -----
        Statement: :prf:ref:`dfn-kernel`.
        """
        X, W = self._points(X, W)
        other = X if Z is None else self._points(Z, W, name="Z")[0]
        gates = np.zeros((len(X), len(other)), dtype=np.result_type(X, other))
        step = max(1, _BLOCK // (len(X) + len(other)))
        for start in range(0, self.m, step):
            block = W[start : start + step]
            left = self.activation.df(X @ block.T)
            right = left if Z is None else self.activation.df(other @ block.T)
            gates += left @ right.T
        # Not self.scale squared: eps^2 / m rounds once less.
        gates *= (X @ other.T) * gates.dtype.type(self.eps * self.eps / self.m)
        return np.tril(gates) + np.tril(gates, -1).T if Z is None else gates

    def linearize(self, W0: object) -> Linearization:
        """The first-order Taylor polynomial in the weights at W0 (:prf:ref:`dfn-linearization`)."""
        from ntklib.linearization import Linearization

        return Linearization(self, W0)

    def _points(self, X: object, W: object, name: str = "X") -> tuple[Array, Array]:
        W = matrix("W", W)
        if len(W) != self.m:
            raise ValueError(f"W must have {self.m} rows, one a neuron, got shape {W.shape}")
        X = matrix(name, X, columns=W.shape[1])
        dtype = np.result_type(X, W)
        return X.astype(dtype, copy=False), W.astype(dtype, copy=False)
