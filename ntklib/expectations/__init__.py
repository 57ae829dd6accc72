r"""Gaussian expectations of an activation: what one layer of a wide network does to a kernel.

Let :math:`(u,v)` be centered Gaussian with standard deviations :math:`a`, :math:`b` and correlation
:math:`\rho`. A layer needs :math:`\mathbb E[\sigma(u)\sigma(v)]` and
:math:`\mathbb E[\sigma'(u)\sigma'(v)]`. Write :math:`e(a)^2=\mathbb E[\sigma(u)^2]` and

.. math::
    r(\rho) = \frac{\mathbb E[\sigma(u)\sigma(v)]}{e(a)\,e(b)},\qquad
    r'(\rho) = \frac{ab\,\mathbb E[\sigma'(u)\sigma'(v)]}{e(a)\,e(b)} .

The second formula says that :math:`r'` is the derivative of :math:`r` (Price's theorem). Proof:
take the orthonormal Hermite polynomials :math:`h_k` and, with :math:`\xi\sim\mathcal N(0,1)`,
:math:`f_k=\mathbb E[\sigma(a\xi)h_k(\xi)]` and :math:`g_k=\mathbb E[\sigma(b\xi)h_k(\xi)]`. For
standard Gaussian :math:`\xi,\xi'` of correlation :math:`\rho`, Mehler's formula
:math:`\mathbb E[h_k(\xi)h_l(\xi')]=\rho^k\,\mathbf 1[k=l]` gives
:math:`\mathbb E[\sigma(u)\sigma(v)]=\sum_k f_kg_k\rho^k`. Since :math:`h_k'=\sqrt k\,h_{k-1}`, an
integration by parts gives the coefficients :math:`\sqrt{k+1}\,f_{k+1}` of :math:`a\sigma'(a\xi)`,
so :math:`ab\,\mathbb E[\sigma'(u)\sigma'(v)]=\sum_k k f_kg_k\rho^{k-1}`. This holds when
:math:`\sigma` is absolutely continuous and :math:`\sigma,\sigma'` are square integrable under every
Gaussian; this holds for every activation here.

So a layer is a map of correlations, and its derivative carries the tangent kernel
(:prf:ref:`prp-correlation-map`). A correlation is passed on as the two numbers :math:`1-\rho` and
:math:`1+\rho`, each with its own relative accuracy: the ReLU kernels have the slope of a square
root at :math:`\rho=1`, where the difference of one and a rounded :math:`\rho` has lost half of its
digits. The formulas below are sums of terms of one sign, or what cancels costs no more than an ulp
in the angle.
"""

from __future__ import annotations

from ntklib.expectations.base import Dual, Layer, QuadratureError, Rows
from ntklib.expectations.bounded import Erf, Gaussian, Rbf
from ntklib.expectations.elu import Elu
from ntklib.expectations.homogeneous import Homogeneous
from ntklib.expectations.lookup import dual, expectations
from ntklib.expectations.mixture import Mixture
from ntklib.expectations.piecewise import PiecewiseLinear
from ntklib.expectations.quadrature import Quadrature
from ntklib.expectations.waves import Cosine, Exponential, Sine

__all__ = [
    "Cosine",
    "Dual",
    "Elu",
    "Erf",
    "Exponential",
    "Gaussian",
    "Homogeneous",
    "Layer",
    "Mixture",
    "PiecewiseLinear",
    "Quadrature",
    "QuadratureError",
    "Rbf",
    "Rows",
    "Sine",
    "dual",
    "expectations",
]
