r"""Eigenvalues of the shallow ReLU kernels on the sphere, in closed form or by positive integrals.

Everything is made of the eigenvalues :math:`\mu_k^{(d)}` of the gate kernel, squares of the
coefficients of a step function. Without a bias they are squares of beta functions
(:prf:ref:`prp-eigenvalues-gate`). With a bias :math:`\beta` the gates of a neuron :math:`(v,b)` are
open on the cap :math:`\langle u,x\rangle\ge\tau`, :math:`u=v/\lVert v\rVert`,
:math:`\tau=-\beta b/\lVert v\rVert`, and its eigenvalues are means over :math:`\tau` of squared
coefficients of caps, which have a closed form (:prf:ref:`prp-bias-degrees`): integrals of something
positive, in which nothing cancels. The other two kernels follow from the gates for either:

* tangent kernel (:prf:ref:`prp-eigenvalues`): its profile is :math:`t+\beta^2` times that of the
  gates, and the recursion of Gegenbauer polynomials gives
  :math:`\lambda_k=\beta^2\mu_k+[k\mu_{k-1}+(k+d-2)\mu_{k+1}]/(2k+d-2)`;
* covariance (:prf:ref:`prp-eigenvalues-nngp`): the derivative of its profile is that of the gates,
  so by parts :math:`\nu^{(d)}_k=\mu^{(d+2)}_{k-1}/d` for :math:`k\ge1`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ntklib._precision import EPS
from ntklib._validate import Array
from ntklib.expectations import QuadratureError
from ntklib.harmonics.counting import Degrees, log_beta, log_multiplicity
from ntklib.harmonics.nodes import clenshaw_curtis, intervals, log_area, orthonormal

Law = Callable[[int, Degrees, float], Array]


def gate(d: int, k: Degrees, beta: float = 0.0) -> Array:
    """Logarithms of the eigenvalues of the gate kernel, -inf for those that are zero.

    Statements: :prf:ref:`prp-eigenvalues-gate`, :prf:ref:`prp-bias-degrees`.
    """
    if beta:
        return _gate_with_bias(d, k, beta)
    odd = np.where(k % 2 == 1, k, 1)
    values = 2 * (log_beta(d / 2, odd / 2) - math.log(2 * math.pi))
    return np.where(k == 0, -math.log(4), np.where(k % 2 == 1, values, -np.inf))


def tangent(d: int, k: Degrees, beta: float = 0.0) -> Array:
    """The same for the tangent kernel of the inner weights (:prf:ref:`prp-eigenvalues`)."""
    if beta:
        top = np.arange(int(k.max()) + 2)
        mu = gate(d, top, beta)
        share = k / np.maximum(2.0 * k + d - 2, 1)  # 0 at k = 0, where d = 2 leaves 0 / 0
        with np.errstate(divide="ignore"):
            below = np.log(share) + mu[np.maximum(k - 1, 0)]
            above = np.log1p(-share) + mu[k + 1]
        both = np.logaddexp(below, above)
        return np.asarray(np.logaddexp(both, 2 * math.log(beta) + mu[k]))
    even = np.where(k % 2 == 0, k, 2)
    # Of the two terms, over mu_{k-1}: (p + q)(p q + 1) / ((p + q)(q + 1)^2), p = k, q = k + d - 2.
    q = even + (d - 2.0)
    values = np.log1p(even * q) + _even(d, even)
    return np.where(k == 1, -math.log(4 * d), np.where(k % 2 == 0, values, -np.inf))


def covariance(d: int, k: Degrees, beta: float = 0.0) -> Array:
    """The same for the covariance of the network's output (:prf:ref:`prp-eigenvalues-nngp`)."""
    if beta:
        values = gate(d + 2, np.maximum(k - 1, 0), beta) - math.log(d)
        return np.where(k == 0, _mean_covariance(d, beta), values) if (k == 0).any() else values
    even = np.where(k % 2 == 0, k, 2)
    values = math.log(d) + _even(d, even)
    return np.where(k == 1, -math.log(4 * d), np.where(k % 2 == 0, values, -np.inf))


def _even(d: int, k: Degrees) -> Array:
    """The logarithm of mu_{k-1} / (k + d - 1)^2 for even k; at k = 0 of mu_1, its continuation."""
    at = np.maximum(k - 1, 1)
    factor = np.where(k == 0, 0.0, -2 * np.log(k + (d - 1.0)))
    return 2 * (log_beta(d / 2, at / 2) - math.log(2 * math.pi)) + factor


# -- with a bias ----------------------------------------------------------------------------------


class _Caps:
    """Nodes for means over the caps of neurons with a bias.

    With cot phi = sinh u for the angle phi of (v, b) from the last axis, tau = beta sinh u has the
    density cosh(u)^-d / B(d/2, 1/2) in u, even in u. The gates are neither all open nor all shut
    where |tau| < 1, for |u| < U. There u = U sin psi: roots of 1 - tau are smooth in psi.
    """

    def __init__(self, d: int, beta: float, count: int) -> None:
        psi, self.rules = clenshaw_curtis(count, math.pi / 2)
        end = math.asinh(1 / beta)
        u = end * np.sin(psi)
        gap = 2 * end * np.sin((math.pi / 2 - psi) / 2) ** 2  # end - u
        minus = 2 * beta * np.cosh((end + u) / 2) * np.sinh(gap / 2)  # 1 - tau
        self.tau = np.minimum(beta * np.sinh(u), 1.0)
        square = self.tau**2
        # The logarithm of 1 - tau^2, each half from what is exact there: d times it is taken.
        with np.errstate(divide="ignore"):
            near = np.log(minus * (1 + self.tau))
            self.log_defect = np.where(square < 0.5, np.log1p(-np.minimum(square, 0.5)), near)
        jacobian = end * np.sin(math.pi / 2 - psi)
        self.log_cosh = np.log1p(2 * np.sinh(u / 2) ** 2)
        density = np.exp(-d * self.log_cosh - log_beta(d / 2, 0.5))
        self.weights = self.rules * (density * jacobian)


def _settled(d: int, top: int, beta: float, mean: Callable[[_Caps], Array]) -> Array:
    """Means with so many nodes that those with half as many agree, up to rounding."""
    limit = EPS * (128 + 4 * top)
    for count in intervals(d, top):
        fine, coarse = mean(_Caps(d, beta, count))
        if (np.abs(fine - coarse) <= limit * np.abs(fine)).all():
            return np.asarray(fine)
    raise QuadratureError(
        f"eigenvalues with bias {beta} in dimension {d} up to degree {top} have not settled to a "
        f"share of {limit:.0e} with {count} nodes"
    )


def _gate_with_bias(d: int, k: Degrees, beta: float) -> Array:
    top = int(k.max())
    result = np.full(top + 1, _mean_gate(d, beta))
    if top:

        def squares(caps: _Caps) -> Array:
            root = np.exp((d - 1) / 4 * caps.log_defect)
            weights = caps.weights * (root * root)
            found = [weights @ (h * h) for h in orthonormal(d + 2, caps.tau, root, top)]
            return np.array(found).T

        # The coefficient of a cap is c_d / (d - 1) (1 - tau^2)^((d - 1)/2) P_{k-1}^{(d+2)}(tau);
        # twice for both signs of tau.
        constant = math.log(2) + 2 * (log_area(d) - math.log(d - 1))
        logs = np.log(_settled(d, top, beta, squares))
        result[1:] = constant + logs - log_multiplicity(d + 2, np.arange(top))
    return np.asarray(result[k])


def _mean_gate(d: int, beta: float) -> float:
    """The logarithm of mu_0: (1 + I^2) / 4 on average, with P(|<u, x>| < |tau|) = I."""
    from scipy.special import betaincc

    def loss(caps: _Caps) -> Array:
        outside = betaincc(0.5, (d - 1) / 2, np.minimum(caps.tau**2, 1.0))
        return np.array([caps.weights @ (outside * (2 - outside))]).T

    return math.log(0.5 - 0.5 * float(_settled(d, 0, beta, loss)[0]))


def _mean_covariance(d: int, beta: float) -> float:
    """The logarithm of nu_0: the square of the mean of a ReLU over the sphere, on average."""
    from scipy.special import betaincc

    size = math.exp(log_area(d)) / (d - 1)

    def more(caps: _Caps) -> Array:
        outside = betaincc(0.5, (d - 1) / 2, np.minimum(caps.tau**2, 1.0))
        inside = 1 - outside
        A = size * np.exp((d - 1) / 2 * caps.log_defect)
        # E(<u,x> - tau)_+^2 for both signs of tau, less tau^2, which is beta^2 on average.
        sides = 2 * A * A + 2 * A * caps.tau * inside - caps.tau**2 * outside * (1 + inside) / 2
        return np.array([caps.weights @ (sides * np.exp(-2 * caps.log_cosh))]).T

    excess = float(_settled(d, 0, beta, more)[0])
    return math.log(beta * beta / 2 + (d + 1) * excess)
