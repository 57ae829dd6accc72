r"""The spectrum of kernels of the inner product on the sphere :math:`S^{d-1}`.

For the uniform probability on the sphere the eigenfunctions of every kernel
:math:`\kappa(\langle x,x'\rangle)` are the spherical harmonics, with one eigenvalue a degree
(:prf:ref:`thm-funk-hecke`). For the kernels of the shallow ReLU network :func:`eigenvalues` has
them in closed form (:prf:ref:`prp-eigenvalues`, :prf:ref:`prp-eigenvalues-gate`,
:prf:ref:`prp-eigenvalues-nngp`), also with a bias (:prf:ref:`prp-bias-degrees`); for all others, as
those of deep networks, it integrates. :func:`features` are the eigenfunctions times the roots
(:prf:ref:`prp-mercer`), and :func:`gram_eigenvalue_bound` holds for any points
(:prf:ref:`thm-separation`).
"""

from __future__ import annotations

from ntklib.harmonics.bounds import EigenvalueBounds, gram_eigenvalue_bound, separation
from ntklib.harmonics.counting import multiplicity
from ntklib.harmonics.mercer import features, truncation_error
from ntklib.harmonics.polynomials import gegenbauer, spherical_harmonics
from ntklib.harmonics.profiles import DotProduct
from ntklib.harmonics.series import power_series
from ntklib.harmonics.spectrum import eigenvalues

__all__ = [
    "DotProduct",
    "EigenvalueBounds",
    "eigenvalues",
    "features",
    "gegenbauer",
    "gram_eigenvalue_bound",
    "multiplicity",
    "power_series",
    "separation",
    "spherical_harmonics",
    "truncation_error",
]
