"""Features of a kernel that is cut off at a degree, and what is cut off."""

from __future__ import annotations

import numpy as np

from ntklib._validate import Array
from ntklib.harmonics.counting import degree_of, dimension, log_multiplicity
from ntklib.harmonics.polynomials import harmonics_up_to
from ntklib.harmonics.profiles import Kernel, at_equal_points, bias_of, on_sphere
from ntklib.harmonics.spectrum import Spectrum, spectrum


def features(
    X: object, kernel: Kernel, degree: int, *, bias: float = 0.0, tol: float = 1e-10
) -> Array:
    r"""Features of a kernel on the sphere up to a degree: its eigenfunctions, times the roots.

    .. math:: \Phi(x)=\bigl(\sqrt{\lambda_k}\,Y_{k,i}(x)\bigr)_{k\le K,\ i\le N(d,k)},\qquad
        \langle\Phi(x),\Phi(x')\rangle=\sum_{k\le K}\lambda_kN(d,k)\,P_k(\langle x,x'\rangle)

    What is left out of a positive semidefinite kernel is at most :func:`truncation_error`, and that
    much where :math:`x=x'`. Where no eigenvalue of a higher degree is above one that is kept, no
    kernel of that rank is closer to it in mean square.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points of length 1, one a row (:func:`spherical_harmonics`).
    kernel, bias, tol
        As in :func:`eigenvalues`.
    degree : int
        The degree :math:`K` up to which harmonics are kept.

    Returns
    -------
    ndarray, shape (n, N(d, 0) + ... + N(d, K))
        float64, degree by degree; columns of degrees with the eigenvalue zero are zero.

    Raises
    ------
    ValueError, TypeError, QuadratureError
        As :func:`spherical_harmonics` and :func:`eigenvalues`; also a kernel with an eigenvalue
        below zero by more than its error.

    Notes
    -----
    Statement: :prf:ref:`prp-mercer`.
    """
    points, top = on_sphere("X", X), degree_of("degree", degree)
    d = dimension("columns of X", points.shape[1])
    found = _semidefinite(kernel, d, top, bias, tol)
    root = np.where(found.sign > 0, np.exp(found.log / 2), 0.0)
    levels = harmonics_up_to(points, top)
    return np.hstack([size * Y for size, Y in zip(root, levels, strict=True)])


def truncation_error(
    kernel: Kernel, d: int, degree: int, *, bias: float = 0.0, tol: float = 1e-10
) -> float:
    r"""How far a kernel is from its part up to a degree: at most, and at equal points.

    .. math:: \sup_{x,x'}\Bigl|k(x,x')-\sum_{k\le K}\lambda_kN(d,k)\,P_k(\langle x,x'\rangle)\Bigr|
        =\kappa(1)-\sum_{k\le K}\lambda_kN(d,k)=\sum_{k>K}\lambda_kN(d,k)

    The trace of the operator that is left, for a continuous kernel that is positive semidefinite on
    the sphere; that is checked up to the degree :math:`K` and not beyond. Parameters and exceptions
    are those of :func:`eigenvalues` and :func:`features`. It is computed as the difference in the
    middle, with an error of some ulps of :math:`\kappa(1)`, and of what quadrature adds, of
    :math:`\mathrm{tol}\,\max|\kappa|\sum_{k\le K}\sqrt{N(d,k)}` at most by its estimates.

    Notes
    -----
    Statement: :prf:ref:`prp-mercer`.
    """
    d, top = dimension("d", d), degree_of("degree", degree)
    found = _semidefinite(kernel, d, top, bias, tol)
    shares = found.sign * np.exp(found.log + log_multiplicity(d, np.arange(top + 1)))
    return at_equal_points(kernel, d, bias_of(bias)) - float(shares.sum())


def _semidefinite(kernel: Kernel, d: int, top: int, bias: object, tol: object) -> Spectrum:
    """Eigenvalues up to a degree, none of which is below zero by more than its error."""
    found = spectrum(kernel, d, np.arange(top + 1), bias=bias, tol=tol)
    negative = (found.sign < 0) & (found.log > found.log_error)
    if negative.any():
        k = int(np.argmax(negative))
        raise ValueError(
            f"kernel must be positive semidefinite on the sphere, its eigenvalue of degree {k} is "
            f"{-np.exp(found.log[k]):.3g}"
        )
    return found
