r"""Kernel matrices past memory, and past one machine.

Implements :prf:ref:`prp-ridge` when the Gram matrix does not fit, or takes too long to factor:
products :math:`Kv` without :math:`K` (:func:`gram_operator`), a solver that needs nothing but such
products (:func:`ridge_solve`) and a preconditioner for it (:func:`pivoted_cholesky`,
:func:`low_rank_preconditioner`; :prf:ref:`prp-preconditioner`). The functions that compute entries
take the kernel as a callable of ``(X, Z)``, with ``Z`` left out for ``X`` against itself: any
kernel of this package, or your own. :func:`leave_one_out` estimates the residuals of points left
out, and says how well. :func:`nystroem_solve` and :func:`nystroem_path` seek the fit in the span of
a few centres (:prf:ref:`prp-centers`), the second for many ridges at once.

:func:`dask_gram` spreads the blocks of the matrix over the workers of a Dask cluster, for
:func:`dask_operator` to multiply with, and :func:`store_gram` writes them to disk and takes up
again where it was stopped. These three and the bars of ``progress=True`` need the extra ``large``;
the rest needs nothing beyond NumPy and SciPy.
"""

from __future__ import annotations

from ntklib.large.cluster import dask_gram, dask_operator
from ntklib.large.conjugate_gradients import ConvergenceWarning, RidgeSolution, ridge_solve
from ntklib.large.left_out import LeftOut, leave_one_out
from ntklib.large.nystroem import NystroemSolution, nystroem_solve
from ntklib.large.nystroem_path import NystroemPath, nystroem_path
from ntklib.large.operators import gram_operator
from ntklib.large.preconditioner import low_rank_preconditioner, pivoted_cholesky
from ntklib.large.store import store_gram

__all__ = [
    "ConvergenceWarning",
    "LeftOut",
    "NystroemPath",
    "NystroemSolution",
    "RidgeSolution",
    "dask_gram",
    "dask_operator",
    "gram_operator",
    "leave_one_out",
    "low_rank_preconditioner",
    "nystroem_path",
    "nystroem_solve",
    "pivoted_cholesky",
    "ridge_solve",
    "store_gram",
]
