r"""Training of the linearized network, at any time, without stepping through it.

Implements :prf:ref:`thm-flow`, :prf:ref:`prp-descent`, :prf:ref:`prp-early-stopping` and
:prf:ref:`thm-ensemble`.
"""

from __future__ import annotations

from ntklib.dynamics.filters import filter
from ntklib.dynamics.flow import Coefficients, coefficients, max_step, predict
from ntklib.dynamics.trained import ensemble

__all__ = ["Coefficients", "coefficients", "ensemble", "filter", "max_step", "predict"]
