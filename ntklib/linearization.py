r"""The linearized network :math:`F_0` and its least-squares fit.

Implements :prf:ref:`dfn-linearization`, :prf:ref:`prp-affine`, :prf:ref:`dfn-span`,
:prf:ref:`prp-span`, :prf:ref:`prp-kernel-expansion`, :prf:ref:`dfn-least-squares`,
:prf:ref:`thm-minimum-norm`, :prf:ref:`prp-predictor` and :prf:ref:`thm-rank`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ntklib._precision import cutoff, epsilon, representable, scaled, unscaled
from ntklib._validate import Array, real_array, targets
from ntklib.model import Model, OwnPoints

# A Jacobian with more entries than this (400 MB) is not formed; the Gram matrix is used instead.
_LARGE = 50_000_000


class Linearization:
    r"""The network :math:`F_0(x;w)=F(x;w_0)+\langle\bar\partial F(x;w_0),w-w_0\rangle`.

    Parameters
    ----------
    model : ShallowNetwork or other Model
        The network: anything with the methods of :class:`ntklib.model.Model`, such as
        :func:`ntklib.empirical.as_model` makes of a module of torch or a function of JAX.
    W0 : array_like
        Weights at which the network is linearized, in the shape that it takes: for a
        :class:`ntklib.ShallowNetwork` ``(m, d)``, as in the shapes below.

    Raises
    ------
    ValueError, TypeError
        ``W0`` not a finite real array. Whether it fits, the network says when it is called.

    Notes
    -----
    Statement: :prf:ref:`dfn-linearization`.
    """

    def __init__(self, model: Model, W0: object) -> None:
        W = np.array(real_array("W0", W0))
        W.flags.writeable = False
        self.model = model
        self.W0 = W

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.model, self.W0)  # copies too cannot be written to

    def __call__(self, X: object, W: object) -> Array:
        """Values :math:`F_0(x_i;w)` at the rows of ``X`` and the weights ``W``.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one a row.
        W : array_like, shape (m, d)
            Weights.

        Returns
        -------
        ndarray, shape (n,)

        Notes
        -----
        Statement: :prf:ref:`prp-affine`, part 2, without the Jacobian.
        """
        value = self.model(X, self.W0) + self.model.jvp(X, self.W0, self._change(W))
        return np.asarray(representable("F_0 has values", value))

    def jacobian(self, X: object) -> Array:
        """The Jacobian :math:`J`: the gradients at :math:`w_0`, one a row, shape ``(n, m * d)``."""
        return self.model.jacobian(X, self.W0)

    def kernel(self, X: object, Z: object | None = None) -> Array:
        """The kernel :math:`k_m` between the rows of ``X`` and ``Z`` (:prf:ref:`dfn-kernel`)."""
        return self.model.empirical_ntk(X, Z, W=self.W0)

    def project(self, X: object, W: object) -> Array:
        r"""The weights :math:`W_0+P_S(W-W_0)`, shape ``(m, d)``.

        Here :math:`S` is the span of the gradients at the rows of ``X``, and :math:`P_S` the
        orthogonal projector on it.

        Notes
        -----
        Statements: :prf:ref:`dfn-span`, :prf:ref:`prp-span`. :math:`P_S` comes from the singular
        value decomposition of :math:`J`. Where that is too large (see :meth:`fit`) it is
        :math:`J^\top K^{+}J` by products, and what that leaves of the change is projected once
        more, which squares the relative error.
        """
        change, power = scaled(self._change(W))
        X, n = self._points(X)
        if n * self.W0.size <= _LARGE:
            J = self.jacobian(X)
            _, s, vt = np.linalg.svd(scaled(J)[0], full_matrices=False)
            basis = vt[s > cutoff(J.shape, epsilon(J), None) * s[0]]
            projected = (basis.T @ (basis @ change.ravel())).reshape(self.W0.shape)
        else:
            found = self._gram(X, None)
            projected = self._spanned(X, found, change)
            projected = projected + self._spanned(X, found, change - projected)
        return self.W0 + unscaled("the projected change has entries", projected, power)

    def fit(self, X: object, y: object, rcond: float | None = None) -> Fit:
        r"""The minimizer of the squared loss that is nearest to :math:`w_0`.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one a row.
        y : array_like, shape (n,) or (n, k)
            Targets; the columns of a matrix are fitted one by one with the same factorization.
        rcond : float, optional
            Singular values of :math:`J` up to ``rcond`` times the largest count as zero. The
            default is :math:`\max(n,p)` times the machine epsilon of the precision of :math:`J`
            (float32 for points and weights in float32), with :math:`p=md`.

        Returns
        -------
        :class:`ntklib.Fit`

        Raises
        ------
        ValueError, TypeError
            Arguments of wrong shapes, or that are not finite real arrays.
        OverflowError
            Residuals or dual coefficients beyond the range of their dtype.

        Notes
        -----
        Statements: :prf:ref:`dfn-least-squares`, :prf:ref:`thm-minimum-norm`. The decomposition is
        that of :math:`J`. Only where :math:`J` in float64 would be larger than 400 MB is it that of
        the Gram matrix :math:`K`, of the same rank (:prf:ref:`prp-gram`), whose condition number is
        the square (:prf:ref:`prp-conditioning`). Then ``rcond`` applies to the square roots of its
        eigenvalues, and is at least :math:`\sqrt{n\epsilon}` with the machine epsilon
        :math:`\epsilon` of the precision of :math:`K`.
        """
        X, n = self._points(X)
        start = self.model(X, self.W0)
        y = targets("y", y, n)
        with np.errstate(over="ignore"):
            residual = y - (start if y.ndim == 1 else start[:, None])
        r, up = scaled(representable("y - F(X; w_0) has entries", residual))
        if n * self.W0.size <= _LARGE:
            J = self.jacobian(X)
            scaled_J, down = scaled(J)
            u, s, _ = np.linalg.svd(scaled_J, full_matrices=False)
            found = _kept(u, s, cutoff(J.shape, epsilon(J), rcond), 2 * down)
        else:
            found = self._gram(X, rcond)
        return Fit(self, X, residual, _dual(found, r, up), len(found.s))

    def _points(self, X: object) -> tuple[Any, int]:
        """A copy of the points, and their number."""
        if isinstance(self.model, OwnPoints):
            return self.model.points(X)
        array = np.array(real_array("X", X))
        return array, len(array)

    def _gram(self, X: Any, rcond: float | None) -> _Spectrum:
        K, down = scaled(self.kernel(X))
        values, u = np.linalg.eigh(K)
        shortest = cutoff(K.shape, epsilon(K), None) ** 0.5
        negligible = max(cutoff(K.shape, epsilon(K), rcond), shortest)
        return _kept(u, np.sqrt(np.maximum(values, 0)), negligible, down)

    def _spanned(self, X: Any, found: _Spectrum, change: Array) -> Array:
        along, up = scaled(self.model.jvp(X, self.W0, change))
        return self.model.vjp(X, self.W0, _dual(found, along, up))

    def _change(self, W: object) -> Array:
        array = real_array("W", W)
        if array.shape != self.W0.shape:
            raise ValueError(f"W must have shape {self.W0.shape}, got {array.shape}")
        with np.errstate(over="ignore"):
            return np.asarray(representable("W - W0 has entries", array - self.W0))


class _Spectrum(NamedTuple):
    """Of :math:`J` the left singular vectors and values above rounding.

    2^down times the squares are eigenvalues of :math:`K`.
    """

    u: Array
    s: Array
    down: int


def _kept(u: Array, s: Array, negligible: float, down: int) -> _Spectrum:
    kept = s > negligible * s.max()
    return _Spectrum(u[:, kept], s[kept], down)


def _dual(found: _Spectrum, r: Array, up: int) -> Array:
    """Dual coefficients of 2^up times ``r``."""
    u, s, down = found
    with np.errstate(over="ignore", invalid="ignore"):  # reported just below
        alpha = u @ ((u.T @ r).T / s**2).T
    return unscaled("the dual coefficients are", alpha, up - down)


@dataclass(frozen=True)
class Fit:
    r"""The least-squares fit nearest to :math:`w_0`.

    Attributes
    ----------
    linearization : :class:`ntklib.Linearization`
        The linearized network.
    X : ndarray, shape (n, d)
        The points; of a model with points of its own, what those are.
    residual : ndarray, shape (n,) or (n, k)
        What it was fitted to, :math:`r=y-F(X;w_0)`.
    alpha : ndarray, shape (n,) or (n, k)
        Dual coefficients :math:`\alpha=K^{+}r`.
    rank : int
        Numerical rank of :math:`J`. Where it is :math:`n`, every ``y`` is reached
        (:prf:ref:`thm-rank`).

    Notes
    -----
    Statements: :prf:ref:`dfn-least-squares`, :prf:ref:`thm-minimum-norm`.
    """

    linearization: Linearization
    X: Any
    residual: Array
    alpha: Array
    rank: int

    @property
    def W(self) -> Array:
        r"""The weights :math:`w_0+J^\top\alpha`, shape ``(m, d)``.

        For targets of shape ``(n, k)`` their shape is ``(k, m, d)``.
        """
        lin = self.linearization
        with np.errstate(over="ignore"):
            W = lin.W0 + lin.model.vjp(self.X, lin.W0, self.alpha)
        return np.asarray(representable("W has entries", W))

    def predict(self, Z: object) -> Array:
        r"""Values :math:`F(z;w_0)+k_m(z,X)\alpha` at the rows :math:`z` of ``Z``.

        Their shape is ``(n',)``, or ``(n', k)`` for targets of shape ``(n, k)``.

        Notes
        -----
        Statements: :prf:ref:`prp-kernel-expansion`, :prf:ref:`prp-predictor`.
        """
        lin = self.linearization
        start = lin.model(Z, lin.W0)
        with np.errstate(over="ignore", invalid="ignore"):  # reported just below
            change = lin.kernel(Z, self.X) @ self.alpha
            value = change + (start if change.ndim == 1 else start[:, None])
        return np.asarray(representable("the predictions are", value))
