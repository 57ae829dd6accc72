"""Eigenvalues of any kernel of the inner product."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ntklib._precision import EPS, representable
from ntklib._validate import Array, positive
from ntklib.expectations import QuadratureError
from ntklib.harmonics.counting import Degrees, degrees_of, dimension, log_multiplicity
from ntklib.harmonics.nodes import clenshaw_curtis, intervals, log_area, orthonormal
from ntklib.harmonics.profiles import Kernel, angles_to_values, bias_of, known


class Spectrum(NamedTuple):
    """Eigenvalues of some degrees and how far they may be off, by logarithms, and their signs."""

    log: Array
    sign: Array
    log_error: Array


def eigenvalues(
    kernel: Kernel,
    d: int,
    degrees: object,
    *,
    bias: float = 0.0,
    log: bool = False,
    tol: float = 1e-10,
    return_error: bool = False,
) -> Any:
    r"""Eigenvalues of a kernel of the inner product on the sphere :math:`S^{d-1}`.

    For the uniform probability on the sphere every spherical harmonic of degree :math:`k` is an
    eigenfunction, with the eigenvalue

    .. math:: \lambda_k=c_d\int_{-1}^1\kappa(t)\,P_k(t)\,(1-t^2)^{(d-3)/2}\,dt

    where :math:`k(x,x')=\kappa(\langle x,x'\rangle)`, :math:`P_k` is the Gegenbauer polynomial with
    :math:`P_k(1)=1` (:func:`gegenbauer`), and :math:`c_d` makes the weight a probability. There are
    :func:`multiplicity` such harmonics.

    For :func:`ntklib.relu_ntk`, :func:`ntklib.relu_nngp` and :func:`ntklib.gate_kernel`, also with
    their scale filled in by ``functools.partial``, the eigenvalues are known in closed form,

    .. math::
        \mu_k&=\Bigl[\frac{B(d/2,k/2)}{2\pi}\Bigr]^2\quad(k\text{ odd}),\\
        \lambda_k&=\varepsilon^2\,\frac{k(k+d-2)+1}{(k+d-1)^2}\,\mu_{k-1}\quad(k\ge2\text{ even}),\\
        \nu_k&=\varepsilon^2\,\frac{d}{(k+d-1)^2}\,\mu_{k-1}\quad(k\ge2\text{ even}),

    of the gates, the tangent kernel and the covariance, with the beta function :math:`B`. Further
    :math:`\mu_0=1/4`, :math:`\lambda_0=\varepsilon^2\mu_1`, :math:`\nu_0=\varepsilon^2d\mu_1`,
    :math:`\lambda_1=\nu_1=\varepsilon^2/(4d)`, and all others are zero. With a bias they are
    integrals of something positive, by quadrature. Every other kernel is integrated as it is.

    Parameters
    ----------
    kernel : callable
        ``kernel(X, Z)`` gives the matrix for points that are rows: a kernel of this package, its
        options filled in by ``functools.partial``, a :class:`DotProduct`, or any other that
        depends on the inner product alone where rows have length 1.
    d : int
        Dimension of the space around the sphere, at least 2.
    degrees : int or array_like of int
        Degrees :math:`k`, at least 0.
    bias : float
        :math:`\beta`: the kernel of the points :math:`(x,\beta)` (:func:`ntklib.with_bias`) as
        one of :math:`x`. Zero, or from :math:`10^{-150}` to :math:`10^{150}` in size.
    log : bool
        Give logarithms, which do not leave the range: ``-inf`` for zero.
    tol : float
        The error that is allowed where the kernel is integrated as it is: at most
        :math:`\mathrm{tol}\max|\kappa|/\sqrt{N(d,k)}` for each eigenvalue. Then the part of the
        kernel in each degree is off by at most :math:`\mathrm{tol}\max|\kappa|` in mean square.
    return_error : bool
        Give a pair: eigenvalues, and how far each may be off; of logarithms if they are asked for.

    Returns
    -------
    float64, or ndarray of the shape of ``degrees``
        Also the errors, if asked for. In closed form the relative error is below
        :math:`10^{-12}` up to degree and dimension 1000; beyond, it is some ulps of
        :math:`\log\lambda_k`. With a bias the error that is stated is below
        :math:`10^{-11}` up to there. For other kernels see the notes.

    Raises
    ------
    ValueError, TypeError
        ``d`` below 2, a negative degree, either not an integer; ``tol`` not positive; a kernel that
        is not one of the inner product, gives something else than a matrix of that shape, or
        values that are not finite real numbers. With ``log`` also an eigenvalue that is not above
        its error.
    OverflowError
        Values beyond the range of float64.
    QuadratureError
        The error is not below ``tol`` (:class:`ntklib.expectations.QuadratureError`).

    Notes
    -----
    Statements: :prf:ref:`thm-funk-hecke`, :prf:ref:`prp-eigenvalues`,
    :prf:ref:`prp-eigenvalues-gate`, :prf:ref:`prp-eigenvalues-nngp`, :prf:ref:`prp-decay`,
    :prf:ref:`prp-bias-degrees`.

    **What the error is.** Kernels of networks have roots of :math:`1-t` and :math:`1+t` in
    them, at which Gauss's rules for the weight converge slowly; in the angle
    :math:`\theta=\arccos t` they are smooth. So the integral is over the angle, by the rule of
    Clenshaw and Curtis, with so many nodes that the rule with every second node agrees to
    ``tol``. The error is the difference of the two plus
    :math:`(64+\sqrt d)\epsilon\max|\kappa|/\sqrt{N(d,k)}` for rounding,
    :math:`\epsilon=2^{-52}`. This is an estimate and no bound: what both rules miss, as a spike
    between the nodes, goes unseen, and so does an error of the kernel's own values. It is relative
    to the kernel and not to the eigenvalue: small eigenvalues have few digits or none, and those
    that are zero come out as rounding. That the kernel is one of the inner product is tried at nine
    pairs of points.

    With a bias the integrals are of squares, so that nothing cancels; their error is estimated,
    from the rounding of the recursion of the polynomials. In closed form the error that is stated
    was held against 40 digits.
    """
    d, k = dimension("d", d), degrees_of("degrees", degrees)
    found = spectrum(kernel, d, k.ravel(), bias=bias, tol=tol)
    if log:
        # A zero in closed form is exact.
        weak = (found.log_error > -np.inf) & ((found.log_error >= found.log) | (found.sign < 0))
        if weak.any():
            raise ValueError(
                "log needs eigenvalues above their error, that of degree "
                f"{k.ravel()[weak][0]} is not"
            )
        with np.errstate(invalid="ignore"):
            off = np.exp(found.log_error - found.log)
        values, errors = found.log, np.where(found.log_error > -np.inf, off, 0.0)
    else:
        with np.errstate(over="ignore"):
            values = found.sign * representable("eigenvalues are", np.exp(found.log))
            errors = np.exp(found.log_error)
    values, errors = values.reshape(k.shape)[()], errors.reshape(k.shape)[()]
    return (values, errors) if return_error else values


def spectrum(kernel: Kernel, d: int, k: Degrees, *, bias: object, tol: object) -> Spectrum:
    """The same for checked degrees, a vector of them."""
    beta, limit = bias_of(bias), positive("tol", tol)
    own = known(kernel)
    if own is None:
        return _integrated(kernel, d, k, beta, limit)
    values = own.law(d, k, beta)
    # Measured against more digits: logarithms are off by an ulp of theirs, means over caps by what
    # the recursion of as many steps as degrees loses.
    off = EPS * (16 + 2 * np.abs(values) + (8 * k if beta else 0))
    with np.errstate(invalid="ignore"):
        log_error = np.where(values == -np.inf, -np.inf, values + np.log(off))
    shift = 2 * math.log(own.eps)
    return Spectrum(values + shift, np.ones(len(k)), log_error + shift)


def _powers_of_sine(theta: Array, power: float) -> Array:
    """For angles up to a right one, near which it is 1 less something that must not be lost."""
    square = np.minimum(np.cos(theta) ** 2, 0.5)
    return np.where(
        theta < math.pi / 4, np.sin(theta) ** power, np.exp(power / 2 * np.log1p(-square))
    )


def _integrated(kernel: Kernel, d: int, k: Degrees, beta: float, tol: float) -> Spectrum:
    top = int(k.max())
    for count in intervals(d, top):
        theta, rules = clenshaw_curtis(count, math.pi)
        small = np.minimum(theta, theta[::-1])  # sin is that of the angle or its supplement
        with np.errstate(under="ignore"):
            root = math.exp(log_area(d) / 2) * _powers_of_sine(small, (d - 2) / 2)
            # Elsewhere the sphere has no area, and in high dimensions that is nearly everywhere.
            there = root > 1e-30 * root.max()
            there[[0, -1]] = True
            kappa = np.zeros_like(theta)
            kappa[there] = angles_to_values(kernel, d, theta[there], beta)
            weights = rules * (kappa * root)
            cosine = np.where(small == theta, 1.0, -1.0) * np.cos(small)
            parts = np.array([weights @ h for h in orthonormal(d, cosine, root, top + 1)])
        size = float(np.abs(kappa).max())
        # The weight is 1 / sqrt(d) wide, and the angle rounded by an ulp.
        error = np.abs(parts[:, 0] - parts[:, 1]) + (64 + math.sqrt(d)) * EPS * size
        if (error[k] <= tol * size).all():
            break
    else:
        worst = int(k[np.argmax(error[k])])
        raise QuadratureError(
            f"the part of the kernel of degree {worst} is known to {error[worst] / size:.1e} of "
            f"its largest value, and tol is {tol:.1e}: the kernel is not smooth in the angle, or "
            "tol below what rounding leaves"
        )
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs(parts[k, 0])), np.log(error[k])
    half = log_multiplicity(d, k) / 2
    return Spectrum(logs[0] - half, np.sign(parts[k, 0]), logs[1] - half)
