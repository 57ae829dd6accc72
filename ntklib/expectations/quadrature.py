"""The dual of any function, by Gauss-Hermite quadrature, or by a mixture where it is steep."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, cached_property
from typing import cast

import numpy as np

from ntklib._engine.angular import real
from ntklib._engine.layers import nonnegative_part
from ntklib._engine.portable import namespace
from ntklib._validate import Array, positive, positive_int, real_array
from ntklib.expectations._spaced import bends, missed
from ntklib.expectations._spaced import coefficients as spaced
from ntklib.expectations.base import PROMISE, Dual, Layer, QuadratureError, Rows
from ntklib.expectations.mixture import Mixture

# 2048 x 2048 polynomials are 32 MiB, and found in about a second.
_MOST_NODES = 2048

_ROUNDING = 2.0**-52


@cache
def _gauss_hermite(nodes: int) -> tuple[Array, Array]:
    """Nodes x of the standard Gaussian's quadrature, and Q[k, i] = sqrt(w_i) h_k(x_i), orthogonal.

    Nodes are eigenvalues of the Jacobi matrix, polished by Newton; a weight is the inverse of
    sum_k h_k(x_i)^2. Orthogonal to 1e-14, where SciPy's nodes and weights reach 4e-13, and fail
    from 400 nodes on.
    """
    from scipy.linalg import eigvalsh_tridiagonal  # not needed where a closed form is known

    x = eigvalsh_tridiagonal(np.zeros(nodes), np.sqrt(np.arange(1, nodes)))

    def polynomials(x: Array) -> Array:
        h = np.ones((nodes + 1, nodes))
        h[1] = x
        for k in range(1, nodes):
            h[k + 1] = (x * h[k] - math.sqrt(k) * h[k - 1]) / math.sqrt(k + 1)
            # A column may be scaled: only its direction is used.
            large = np.abs(h[k + 1]) > 1e150
            h[: k + 2, large] *= 1e-150
        return h

    for _ in range(3):
        h = polynomials(x)
        x = x - h[-1] / (math.sqrt(nodes) * h[-2])  # h_n' = sqrt(n) h_{n-1}
        x = (x - x[::-1]) / 2
    h = polynomials(x)[:-1]
    Q = h / np.sqrt(np.sum(h * h, axis=0))
    x.flags.writeable = Q.flags.writeable = False
    return x, Q


class Quadrature(Dual):
    r"""Dual of any function, by Gauss-Hermite quadrature and Mehler's formula.

    .. math:: \mathbb E[\sigma(u)\sigma(v)]\approx\sum_{k<K}f_kg_k\rho^k,\qquad
        f_k=\sum_i w_i\,\sigma(ax_i)h_k(x_i)

    with :math:`N` nodes :math:`x_i` of weights :math:`w_i`, :math:`K=3N/4`, and :math:`g_k` the
    same with :math:`b` for :math:`a`; no derivative of :math:`\sigma` is needed.

    The errors of :math:`r` and :math:`r'` are estimated by one number, the larger one of
    :math:`3\sum_k\max(1,k)\,|f_k^2-\tilde f_k^2|/e^2` and the error relative to :math:`r'(1)`,
    :math:`3\sum_kk\,|f_k^2-\tilde f_k^2|/\sum_kkf_k^2`, where :math:`\tilde f_k` comes from
    :math:`N/2` nodes and is zero from :math:`3N/8` on. Without the 3 it bounds the change of
    :math:`\sum_kf_k^2\rho^k/e^2`, and of its derivative in :math:`\rho`, from :math:`N/2` to
    :math:`N` nodes at every :math:`\rho`. The 3 covers functions with a kink: the error of
    :math:`r'` then falls only as :math:`N^{-1/2}`, so that the error left is
    :math:`1/(\sqrt2-1)\approx2.4` times the last change. For a smooth function the estimate is far
    above the error, since the coefficients fall off fast (for tanh as
    :math:`e^{-\pi\sqrt{k/2}/a}`: the larger the standard deviation, the slower).

    :math:`N` is doubled until the estimate meets the tolerance, but not beyond 2048. Where it then
    is above :math:`10^{-10}`, for tanh from standard deviations of about 2.5 on, a
    :class:`Mixture` of Gaussians takes the place of the quadrature, if it makes up the function: it
    does when that is smooth and steep about zero, as tanh, the logistic function, swish, softplus
    and mish are, however steep. For one that is smooth and steep elsewhere there are up to 32768
    coefficients, by the trapezoid rule; for sigmoids and bumps about any centre that is enough up
    to deviations of about 20 times their width. Otherwise a :class:`QuadratureError` is raised in
    place of a kernel. Functions with kinks converge too slowly for any standard deviation; of
    straight pieces they are a :class:`PiecewiseLinear`.

    Nodes may pass over what is narrow. So where the estimate is small, :math:`\sum_kf_k^2` and
    :math:`\sum_kkf_k^2` are held against the mean squares of the function and of its derivative, by
    nodes 0.005 deviations apart, and those against the function where it bends most, at points
    that are 0.002 apart in the logarithm. What is narrower than both is not seen.

    Parameters
    ----------
    function : callable
        :math:`\sigma`, elementwise on float64 arrays.
    nodes : int
        :math:`N` at the start, from 4 to 2048.
    tolerance : float
        What the estimate should not exceed. Above :math:`10^{-10}` it takes the place of that, for
        those who are content with less.
    name : str
        What messages call the function; its own name when left out.
    """

    def __init__(
        self,
        function: Callable[[Array], Array],
        *,
        nodes: int = 128,
        tolerance: float = 1e-12,
        name: str = "",
    ) -> None:
        if not callable(function):
            raise TypeError(f"function must be callable, got {function!r}")
        self.nodes = positive_int("nodes", nodes)
        if not 4 <= self.nodes <= _MOST_NODES:
            raise ValueError(f"nodes must lie between 4 and {_MOST_NODES}, got {nodes}")
        self.function = function
        self.tolerance = positive("tolerance", tolerance)
        self.name = name or getattr(function, "__name__", "the activation")

    def coefficients(self, std: object) -> tuple[Array, Array]:
        """Hermite coefficients at standard deviations ``std``, with an estimate of their error.

        Parameters
        ----------
        std : array_like, shape (n,)
            Nonnegative.

        Returns
        -------
        coefficients : ndarray, shape (n, K)
            The :math:`f_k`, a row for each deviation.
        error : ndarray, shape (n,)
            The estimate, relative to :math:`e^2`.

        Raises
        ------
        ValueError
            The function returns another shape, or values that are not finite.
        """
        a = real_array("std", std, ndim=1).astype(np.float64)
        if (a < 0).any():
            raise ValueError(f"std must be at least 0, got {a.min()}")
        nodes = self.nodes
        coarse = self._transform(a, nodes // 2)
        while True:
            fine = self._transform(a, nodes)
            # In units of the largest: squares of what is below 1e-154 would be zero.
            unit = np.maximum(np.abs(fine).max(axis=1), np.abs(coarse).max(axis=1))
            unit = np.maximum(unit, np.finfo(float).tiny)[:, None]
            scaled, before = fine / unit, coarse / unit
            change = scaled * scaled
            total = np.maximum(np.sum(change, axis=1), np.finfo(float).tiny)
            change[:, : coarse.shape[1]] -= before * before
            order, change = np.arange(fine.shape[1]), 3 * np.abs(change)
            steep = np.maximum((scaled * scaled) @ order, np.finfo(float).tiny)
            with np.errstate(over="ignore"):  # of what only the coarser nodes have met
                error: Array = np.maximum(
                    (change @ np.maximum(1, order)) / total, (change @ order) / steep
                )
            if error.max() <= self.tolerance or 2 * nodes > _MOST_NODES:
                return fine, self._looked_over(a, fine, error)
            coarse, nodes = fine, 2 * nodes

    def _looked_over(self, a: Array, f: Array, error: Array) -> Array:
        """The estimate, and what these nodes have not seen where it looks small."""
        small = error <= PROMISE
        if small.any():
            stds, index = np.unique(a[small], return_index=True)
            lost = missed(self.function, stds, f[small][index], self._bends)
            error[small] = np.maximum(error[small], lost[np.searchsorted(stds, a[small])])
        return error

    def _transform(self, a: Array, nodes: int) -> Array:
        """The coefficients from so many nodes; the last quarter, spoilt by aliases, is left out."""
        x, Q = _gauss_hermite(nodes)
        values = np.asarray(self.function(a[:, None] * x))
        if values.shape != (len(a), nodes) or values.dtype.kind not in "biuf":
            raise ValueError(
                f"activation must map real arrays to real arrays of their shape, "
                f"got {values.dtype} {values.shape} for {(len(a), nodes)}"
            )
        if not np.isfinite(values).all():
            raise ValueError(f"activation must be finite, {self.name} is not")
        result: Array = (values.astype(np.float64) * Q[0]) @ Q[: 3 * nodes // 4].T
        return result

    @cached_property
    def _bends(self) -> tuple[Array, Array]:
        return bends(self.function)

    @cached_property
    def mixture(self) -> Mixture | None:
        """The same function as a :class:`Mixture`, None where it is not like that."""
        try:
            return Mixture(self.function, name=self.name)
        except QuadratureError:
            return None

    @property
    def followed(self) -> Dual:
        return self.mixture or self

    def rows(self, std: Array) -> Rows:
        shape, flat = std.shape, std.reshape(-1)
        steepest = flat.real[np.argmax(flat.real)][None]
        limit = max(self.tolerance, PROMISE)
        if self.coefficients(steepest)[1][0] > limit and self._serves(flat.real):
            return cast(Mixture, self.mixture).rows(std)
        f, error = self.coefficients(flat.real)
        worst = float(error.max())
        if worst > limit and self._serves(flat.real):
            return cast(Mixture, self.mixture).rows(std)
        if worst > limit:
            more = spaced(self.function, flat.real, self.tolerance, self._bends)
            if more is not None and more[1].max() <= limit:
                f, error = more
                worst = float(error.max())
        if worst > limit:
            raise QuadratureError(
                f"quadrature of {self.name}: the relative error of the kernel would be about "
                f"{worst:.1e} at standard deviation {flat.real[error.argmax()]:.3g}; take smaller "
                f"scales, or expectations.PiecewiseLinear for a function of straight pieces, or "
                f"expectations.Quadrature(function, tolerance=...) to be content with that"
            )
        if np.iscomplexobj(flat):
            f = f + 1j * (flat.imag / np.where(flat.real > 0, flat.real, 1))[:, None] * _euler(f)
        unit = np.abs(f).max(axis=1)
        unit = np.where(unit == 0, 1, unit)
        size = unit * np.sqrt(np.sum((f / unit[:, None]) ** 2, axis=1))
        f = f / np.where(size == 0, 1, size)[:, None]
        # Coefficients below the rounding of the others add nothing but time.
        heard = np.nonzero(np.abs(f).max(axis=0) > _ROUNDING)[0]
        f = f[:, : int(heard.max(initial=0)) + 1]
        largest = tuple(np.abs(f).max(axis=0).tolist())
        return Rows(std, size.reshape(shape), tuple(c.reshape(shape) for c in f.T), largest)

    def _serves(self, std: Array) -> bool:
        """Whether the mixture knows the kernel at these deviations."""
        return self.mixture is not None and bool(self.mixture.error(std).max() <= PROMISE)

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        if not (left.largest and right.largest):  # one side by the mixture: then both
            law = cast(Mixture, self.mixture)
            x, z = (law.rows(side.std) if side.largest else side for side in (left, right))
            return law.pairs(x, z, minus, plus)
        xp = namespace(minus)
        far = real(minus) > real(plus)
        small = xp.where(far, plus, minus)
        sign, x = xp.where(far, -xp.ones_like(minus), 1.0), 1 - small
        zero = xp.zeros_like(small, dtype=xp.result_type(small, left.std, right.std))
        # With w_k = f_k g_k sign^k and R(x) = sum_k w_k x^k: q = (R(1) - R(x)) / (1 - x), whose
        # coefficients are the sums W_j of w_k over k > j, and its derivative; by Horner's rule.
        # Not the same array twice: they change in place, where the library has that.
        total, q, dq = xp.zeros_like(zero), xp.zeros_like(zero), xp.zeros_like(zero)
        even, odd = xp.zeros_like(zero), xp.zeros_like(zero)  # half the squares of f - g
        first, *ends = [end(side.std) for end in (xp.min, xp.max) for side in (left, right)]
        same = all(bool(end == first) for end in ends)
        # Products small enough to leave out: for equal deviations half of them.
        rounding = float(xp.finfo(zero.dtype).eps)
        sizes = [
            k * f * g for k, (f, g) in enumerate(zip(left.largest, right.largest, strict=False))
        ]
        count = int(np.nonzero(np.array(sizes) > rounding / 64)[0].max(initial=0)) + 1
        for k in range(max(len(left.terms), len(right.terms)) - 1, -1, -1):
            f = left.terms[k] if k < len(left.terms) else zero
            g = right.terms[k] if k < len(right.terms) else zero
            if k < count:
                # total is W_k here, the coefficient of x^k.
                dq *= x
                dq += q
                q *= x
                q += total
                w = f * g
                total += w * sign if k % 2 else w
            if not same:
                half_square = (f - g) ** 2 / 2
                if k % 2:
                    odd += half_square
                else:
                    even += half_square
        lost = small * q
        mass = sum(f * f for f in left.terms[::2]) + sum(g * g for g in right.terms[::2])
        # Near 1: 1 - R. Near -1, where the even terms change their sign: 1 + R.
        side = odd + xp.where(far, mass - even - lost, even + lost)
        side = nonnegative_part(side)
        minus, plus = xp.where(far, 2 - side, side), xp.where(far, side, 2 - side)
        slope = q - small * dq
        return Layer(minus, plus, xp.where(far, -slope, slope))


def _euler(f: Array) -> Array:
    """a d/da of the Hermite coefficients of sigma(a x): k f_k + sqrt((k+1)(k+2)) f_{k+2}.

    x d/dx sigma(a x), in coefficients: d/dx lowers, x raises and lowers.
    """
    k = np.arange(f.shape[1])
    up = np.zeros_like(f)
    up[:, :-2] = np.sqrt((k + 1) * (k + 2))[:-2] * f[:, 2:]
    return k * f + up
