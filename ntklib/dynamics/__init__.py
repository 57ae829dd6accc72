r"""Training of the linearized network, at any time, without stepping through it.

Implements :prf:ref:`thm-flow` and :prf:ref:`prp-descent`: outputs (:func:`predict`) and dual
coefficients (:func:`coefficients`) under gradient flow, gradient descent and heavy-ball momentum,
from one eigendecomposition of the Gram matrix for all times, or past memory from products with it;
:prf:ref:`prp-early-stopping`: what training keeps of the residual at each eigenvalue, beside what a
ridge keeps (:func:`filter`); and :prf:ref:`thm-ensemble`: mean and covariance over random starts
(:func:`ensemble`). :func:`max_step` is the step from which on descent no longer converges.

The loss is :math:`\tfrac12\lVert F_0(X;w)-y\rVert^2`, and with a ridge :math:`\nu`
:math:`\tfrac\nu2\lVert w-w_0\rVert^2` more.
"""

from __future__ import annotations

from ntklib.dynamics.filters import filter
from ntklib.dynamics.flow import Coefficients, coefficients, max_step, predict
from ntklib.dynamics.trained import ensemble

__all__ = ["Coefficients", "coefficients", "ensemble", "filter", "max_step", "predict"]
