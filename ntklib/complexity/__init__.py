r"""What the Gram matrix says of new data: errors left out, bounds, and exact risks.

Implements :prf:ref:`prp-loo`, residuals left out in closed form (:func:`leave_one_out`);
:prf:ref:`prp-rademacher`, the complexity of a ball (:func:`rademacher`,
:func:`rademacher_estimate`); :prf:ref:`cor-union`, a bound of the risk by the norm of the
interpolant (:func:`norm_bound`); and the expected risk of least squares with noise,
:prf:ref:`thm-peak` without a ridge for Gaussian features (:func:`ridgeless_risk`), and
:prf:ref:`prp-conditional-risk` for given features at every ridge (:func:`ridge_risk`).
"""

from __future__ import annotations

from ntklib.complexity.bounds import (
    InterpolationError,
    NormBound,
    norm_bound,
    rademacher,
    rademacher_estimate,
)
from ntklib.complexity.left_out import leave_one_out
from ntklib.complexity.risk import Risk, ridge_risk, ridgeless_risk
from ntklib.complexity.spectrum import RankError

__all__ = [
    "InterpolationError",
    "NormBound",
    "RankError",
    "Risk",
    "leave_one_out",
    "norm_bound",
    "rademacher",
    "rademacher_estimate",
    "ridge_risk",
    "ridgeless_risk",
]
