"""Duals of activations that are a power on each side of zero."""

from __future__ import annotations

import math

from ntklib._engine.layers import Power, power_layer
from ntklib._validate import Array, positive_int, real_array
from ntklib.expectations.base import Dual, Layer, Rows


class Homogeneous(Dual):
    r"""Dual of :math:`\sigma(z)=\alpha z_+^p+\beta(-z)_+^p`, homogeneous of degree :math:`p`.

    The triple :math:`(p,\alpha,\beta)` is :math:`(1,1,0)` for the ReLU, :math:`(1,1,-s)` for the
    leaky ReLU of slope :math:`s`, :math:`(1,1,1)` for the absolute value, :math:`(p,1,(-1)^p)` for
    monomials and :math:`(p,1,0)` for rectified monomials.

    .. math::
        \mathbb E[\sigma(u)\sigma(v)] &= \frac{(ab)^p}{2\pi}
        \bigl[(\alpha^2+\beta^2)J_p(\theta)+2\alpha\beta J_p(\pi-\theta)\bigr],\\
        \mathbb E[\sigma'(u)\sigma'(v)] &= \frac{p^2(ab)^{p-1}}{2\pi}
        \bigl[(\alpha^2+\beta^2)J_{p-1}(\theta)-2\alpha\beta J_{p-1}(\pi-\theta)\bigr]

    with the arc-cosine kernels of :cite:t:`cho2009kernel`, :math:`t=\cos\theta=\rho`,

    .. math::
        J_p &= (1-t^2)^{p+1/2}\,\frac{d^p}{dt^p}\frac{\pi-\arccos t}{\sqrt{1-t^2}},\\
        J_0 &= \pi-\theta,\qquad J_1=\sin\theta+(\pi-\theta)\cos\theta .

    The first two are those of :prf:ref:`lem-wedge` and :prf:ref:`prp-nngp`. They satisfy
    :math:`J_p=(2p-1)\,t\,J_{p-1}+(p-1)^2(1-t^2)J_{p-2}` for :math:`p\ge2`: the function
    :math:`y=(\pi-\arccos t)/\sqrt{1-t^2}` has :math:`(1-t^2)y'=ty+1`; differentiate :math:`p-1`
    times and multiply by :math:`(1-t^2)^{p-1/2}`.
    Hence :math:`J_p=(\pi-\theta)B_p(t)+\sin\theta\,A_p(t)` with polynomials, the
    :math:`B_p` from the same recursion, :math:`B_p(1)=(2p-1)!!`.

    Parameters
    ----------
    degree : int
        :math:`p`, from 1 to 10.
    positive, negative : float
        :math:`\alpha` and :math:`\beta`, not both zero.
    """

    portable = True

    def __init__(self, degree: int, positive: float, negative: float) -> None:
        self.degree = positive_int("degree", degree)
        if self.degree > 10:
            raise ValueError(f"degree must be at most 10, got {degree}")
        alpha = float(real_array("positive", positive, ndim=0))
        beta = float(real_array("negative", negative, ndim=0))
        largest = max(abs(alpha), abs(beta))
        if largest == 0:
            raise ValueError("positive and negative must not both be zero")
        self.homogeneous = self.degree == 1
        alpha, beta = alpha / largest, beta / largest
        self._power = power = Power(self.degree, alpha, beta)
        #: The :math:`\ell=2\alpha\beta/(\alpha^2+\beta^2)` of
        #: :math:`r(\rho)=(1+\ell)\kappa_1(\rho)-\ell\rho`, for degree 1. Here :math:`\kappa_1` is
        #: the :math:`r` of the ReLU.
        self.leak = power.twice / power.square
        self._norm = largest * math.sqrt(power.square * power.odd / 2)

    def rows(self, std: Array) -> Rows:
        return Rows(std, self._norm * std**self.degree)

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        return Layer(*power_layer(self._power, minus, plus))
