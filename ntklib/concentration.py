r"""How fast the kernel of a random ReLU network settles on its limit.

Gates, not weights, carry the randomness: entry :math:`(i,i')` of the Gram matrix at width :math:`m`
is :math:`\varepsilon^2\langle x_i,x_{i'}\rangle` times the fraction of the :math:`m` neurons whose
gates are open on both points. So the rates for the kernel follow from coin flips.

Implements :prf:ref:`prp-unbiased` (:func:`expected_squared_error`), :prf:ref:`prp-binomial`
(:func:`kernel_variance`), :prf:ref:`prp-variance` (both of them),
:prf:ref:`prp-hoeffding` (:func:`hoeffding_deviation`, :func:`hoeffding_width`),
:prf:ref:`thm-chernoff` (:func:`chernoff_failure`, :func:`chernoff_width`),
:prf:ref:`prp-lazy-smooth` (:func:`smooth_gap_bound`) and :prf:ref:`prp-relu-flips`
(:func:`relu_gap_bound`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ntklib._precision import representable
from ntklib._validate import Array, matrix, nonnegative, positive, positive_int, probability
from ntklib.kernels import gate_kernel, relu_ntk


@np.errstate(over="ignore", invalid="ignore")  # reported by representable
def kernel_variance(X: object, m: int, *, eps: float = 1.0) -> Array:
    r"""Variance of every entry of the Gram matrix of a random ReLU network of width :math:`m`.

    .. math:: \operatorname{Var} k_m(x_i,x_{i'})
       = \frac{\varepsilon^4}{m}\langle x_i,x_{i'}\rangle^2\,q_{ii'}(1-q_{ii'}),

    where :math:`q_{ii'}` is the probability that a Gaussian neuron is active on both points
    (:func:`ntklib.gate_kernel`): the gates of :math:`m` neurons are :math:`m` independent coin
    flips (:prf:ref:`prp-binomial`).

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points, one a row.
    m : int
        Width, the number of neurons, at least 1.
    eps : float
        Scale of the network, positive.

    Returns
    -------
    ndarray, shape (n, n), float64
        The variances.

    Raises
    ------
    ValueError
        Wrong shapes, empty or non-finite points, a width or scale out of range.
    TypeError
        Arguments that are not real numbers, a width that is not an integer.
    OverflowError
        A result beyond 1.8e308.

    Notes
    -----
    Statement: :prf:ref:`prp-variance`.
    """
    X = matrix("X", X).astype(np.float64)
    m, eps = positive_int("m", m), positive("eps", eps)
    q = gate_kernel(X)
    variance = np.float64(eps) ** 4 / m * (X @ X.T) ** 2 * q * (1 - q)
    return np.asarray(representable("the variances are", variance))


def expected_squared_error(X: object, m: int, *, eps: float = 1.0) -> float:
    r"""The mean of :math:`\lVert K_m-K\rVert_F^2` over random ReLU networks, exactly.

    :math:`K_m` is the Gram matrix at width :math:`m`, and :math:`K` the limiting one. The entries
    of :math:`K_m` have mean :math:`K` (:prf:ref:`prp-unbiased`), so this is the sum of their
    variances; no independence between entries is needed.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points, one a row.
    m : int
        Width, the number of neurons, at least 1.
    eps : float
        Scale of the network, positive.

    Returns
    -------
    float
        Its root is the typical size of :math:`\lVert K_m-K\rVert_F`, and falls like
        :math:`1/\sqrt m`.

    Raises
    ------
    ValueError
        Wrong shapes, empty or non-finite points, a width or scale out of range.
    TypeError
        Arguments that are not real numbers, a width that is not an integer.
    OverflowError
        A result beyond 1.8e308.

    Notes
    -----
    Statement: :prf:ref:`prp-variance`.
    """
    with np.errstate(over="ignore"):
        total = kernel_variance(X, m, eps=eps).sum()
    return float(representable("the sum of the variances is", total))


def hoeffding_deviation(n: int, m: int, delta: float, *, spread: float = 1.0) -> float:
    r"""How far an entry of the Gram matrix can stray from its limit.

    With probability at least :math:`1-\delta`, for all pairs of :math:`n` points at once,

    .. math:: |k_m(x_i,x_{i'})-k(x_i,x_{i'})| \le \varepsilon^2|\langle x_i,x_{i'}\rangle|\,t,
       \qquad t = b\,\sqrt{\frac{\ln(n(n+1)/\delta)}{2m}},

    and this function returns :math:`t`.

    Parameters
    ----------
    n : int
        Number of points, at least 1: there are :math:`n(n+1)/2` pairs.
    m : int
        Width, the number of neurons, at least 1.
    delta : float
        Probability of failure :math:`\delta`, strictly between 0 and 1.
    spread : float
        Length :math:`b` of an interval that contains every product
        :math:`\sigma'(v^\top x)\sigma'(v^\top x')`: 1 for the ReLU, :math:`L^2` if
        :math:`0\le\sigma'\le L`, :math:`2L^2` if only :math:`|\sigma'|\le L`.

    Returns
    -------
    float
        The :math:`t` of the formula.

    Raises
    ------
    ValueError
        An argument out of range.
    TypeError
        An argument that is not a real number, a count that is not an integer.

    Notes
    -----
    Statement: :prf:ref:`prp-hoeffding`. Hoeffding's inequality
    :cite:p:`hoeffding1963probability` for each pair and a union bound over the pairs.
    """
    n, m = positive_int("n", n), positive_int("m", m)
    log = math.log(n * (n + 1) / probability("delta", delta))
    return positive("spread", spread) * math.sqrt(log / (2 * m))


def hoeffding_width(n: int, deviation: float, delta: float, *, spread: float = 1.0) -> int:
    r"""Smallest width for which :func:`hoeffding_deviation` is at most ``deviation``.

    Parameters
    ----------
    n : int
        Number of points, at least 1.
    deviation : float
        The :math:`t` to be reached, positive.
    delta : float
        Probability of failure :math:`\delta`, strictly between 0 and 1.
    spread : float
        Length of an interval that contains the products of two derivatives, see
        :func:`hoeffding_deviation`.

    Returns
    -------
    int
        The width.

    Raises
    ------
    ValueError
        An argument out of range.
    TypeError
        An argument that is not a real number, a count that is not an integer.

    Notes
    -----
    Statement: :prf:ref:`prp-hoeffding`.
    """
    deviation = positive("deviation", deviation)
    ratio = hoeffding_deviation(n, 1, delta, spread=spread) / deviation
    return _smallest_width(
        ratio * ratio, lambda m: hoeffding_deviation(n, m, delta, spread=spread) <= deviation
    )


def chernoff_failure(X: object, m: int) -> float:
    r"""Bound on the probability that width :math:`m` halves the Gram matrix's smallest eigenvalue.

    .. math:: \mathbb P\bigl[\lambda_{\min}(K_m)\le\tfrac12\lambda_{\min}(K)\bigr]
       \le n\Bigl(\frac2e\Bigr)^{m\lambda/(2s)},\qquad
       \lambda=\lambda_{\min}(K)/\varepsilon^2,\quad s=\lVert X\rVert_{\mathrm{op}}^2.

    The scale :math:`\varepsilon` cancels, so it is not asked for.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points, one a row, with an invertible limiting Gram matrix.
    m : int
        Width, the number of neurons, at least 1.

    Returns
    -------
    float
        The bound, or 1 where it exceeds 1 and says nothing.

    Raises
    ------
    ValueError
        Wrong shapes, empty or non-finite points, a width below 1; points whose limiting Gram matrix
        is singular to working precision.
    TypeError
        Points that are not real numbers, a width that is not an integer.

    Notes
    -----
    Statement: :prf:ref:`thm-chernoff`. The matrix Chernoff inequality at one half (Theorem 5.1.1 of
    :cite:t:`tropp2015introduction`).
    """
    n, exponent = _chernoff_exponent(X)
    return min(1.0, n * math.exp(-positive_int("m", m) * exponent))


def chernoff_width(X: object, delta: float) -> int:
    r"""Smallest width for which :func:`chernoff_failure` is at most ``delta``.

    That is, the smallest integer with

    .. math:: m \ge \frac{2}{1-\ln2}\cdot\frac s\lambda\,\ln\frac n\delta ,

    where :math:`\lambda` and :math:`s` are those of :func:`chernoff_failure`.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points, one a row, with an invertible limiting Gram matrix.
    delta : float
        Probability of failure :math:`\delta`, strictly between 0 and 1.

    Returns
    -------
    int
        The width.

    Raises
    ------
    ValueError
        Wrong shapes, empty or non-finite points, a probability out of range; points whose limiting
        Gram matrix is singular to working precision.
    TypeError
        Arguments that are not real numbers.

    Notes
    -----
    Statement: :prf:ref:`thm-chernoff`.
    """
    n, exponent = _chernoff_exponent(X)
    delta = probability("delta", delta)
    return _smallest_width(
        math.log(n / delta) / exponent, lambda m: n * math.exp(-m * exponent) <= delta
    )


def smooth_gap_bound(distance: float, m: int, *, smoothness: float, eps: float = 1.0) -> float:
    r"""Bound on :math:`|F-F_0|` in the unit ball, for weights at a given distance from :math:`W_0`.

    .. math:: \sup_{\lVert x\rVert\le1}|F(x;w)-F_0(x;w)|
       \le \frac{\varepsilon\beta}{2\sqrt m}\lVert W-W_0\rVert_F^2,
       \qquad \beta=\sup|\sigma''| .

    Parameters
    ----------
    distance : float
        The distance :math:`\lVert W-W_0\rVert_F`, at least 0.
    m : int
        Width, the number of neurons, at least 1; of a doubled network all its neurons count.
    smoothness : float
        The constant :math:`\beta`, at least 0 and finite (``activation.smoothness``).
    eps : float
        Scale of the network, positive.

    Returns
    -------
    float
        The bound.

    Raises
    ------
    ValueError
        An argument out of range.
    TypeError
        An argument that is not a real number, a count that is not an integer.
    OverflowError
        A result beyond 1.8e308.

    Notes
    -----
    Statement: :prf:ref:`prp-lazy-smooth`.
    """
    distance = nonnegative("distance", distance)
    beta, m, eps = nonnegative("smoothness", smoothness), positive_int("m", m), positive("eps", eps)
    bound = eps * beta * distance * distance / (2 * math.sqrt(m))
    return float(representable("the bound is", bound))


def relu_gap_bound(distance: float, m: int, delta: float, *, eps: float = 1.0) -> float:
    r"""Bound on the linearization gap of a random ReLU network, for all weights in a ball at once.

    For a fixed :math:`x` with :math:`\lVert x\rVert\le1`, with probability at least
    :math:`1-\delta` over Gaussian :math:`W_0`, every :math:`W` with
    :math:`\lVert W-W_0\rVert_F\le B` has

    .. math:: |F(x;w)-F_0(x;w)| \le \varepsilon B\,
       \sqrt{\Bigl(1+\sqrt{\tfrac2\pi}\Bigr)\frac{B^{2/3}}{m^{1/3}}
       +\sqrt{\frac{\ln(1/\delta)}{2m}}}\,.

    Parameters
    ----------
    distance : float
        The radius :math:`B` of the ball, at least 0.
    m : int
        Width, the number of independent neurons, at least 1.
    delta : float
        Probability of failure :math:`\delta`, strictly between 0 and 1.
    eps : float
        Scale of the network, positive.

    Returns
    -------
    float
        The bound.

    Raises
    ------
    ValueError
        An argument out of range.
    TypeError
        An argument that is not a real number, a count that is not an integer.
    OverflowError
        A result beyond 1.8e308.

    Notes
    -----
    Statement: :prf:ref:`prp-relu-flips`.
    """
    B = nonnegative("distance", distance)
    m, delta, eps = positive_int("m", m), probability("delta", delta), positive("eps", eps)
    flipped = (1 + math.sqrt(2 / math.pi)) * (B * B / m) ** (1 / 3)
    bound = eps * B * math.sqrt(flipped + math.sqrt(math.log(1 / delta) / (2 * m)))
    return float(representable("the bound is", bound))


def _chernoff_exponent(X: object) -> tuple[int, float]:
    X = matrix("X", X).astype(np.float64)
    smallest = float(np.linalg.eigvalsh(relu_ntk(X))[0])
    s = float(np.linalg.norm(X, 2) ** 2)
    # The largest eigenvalue of K is at most s / 2: rounding in the smallest stays below this.
    if smallest <= len(X) * np.finfo(np.float64).eps * s:
        raise ValueError(
            "X must have an invertible limiting Gram matrix, but its smallest eigenvalue is "
            f"{smallest:.2g}: points on one ray, zero, or linearly dependent opposite pairs do that"
        )
    return len(X), (1 - math.log(2)) * smallest / (2 * s)


def _smallest_width(needed: float, enough: Callable[[int], bool]) -> int:
    """Round a real requirement up to a width, and mend what rounding errors did to it."""
    if not math.isfinite(needed):
        raise ValueError(f"the width asked for must be finite, got {needed}")
    m = max(1, math.ceil(needed))
    if m > 1 and enough(m - 1):
        return m - 1
    return m if enough(m) else m + 1
