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

So a layer is a map of correlations, and its derivative carries the tangent kernel. A correlation
is passed on as the two numbers :math:`1-\rho` and :math:`1+\rho`, each with its own relative
accuracy: the ReLU kernels have the slope of a square root at :math:`\rho=1`, where the difference
of one and a rounded :math:`\rho` has lost half of its digits. The formulas below are sums of terms
of one sign, or what cancels costs no more than an ulp in the angle.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ntklib import activations
from ntklib._validate import Array, positive, positive_int, real_array
from ntklib.activations import Activation
from ntklib.array_api import namespace

# Standard deviations outside are taken as these where only the correlation is meant. At the lower
# one it has reached its limit up to 1e-20, its square, and products of two stay representable, in
# float32 too; at the upper one in float64.
_SMALLEST, _LARGEST = 1e-10, 1e153
# 1024 x 1024 polynomials are 8 MiB, and found in under a second.
_MOST_NODES = 1024
_ROUNDING = 2.0**-52
# Below this angle sin - angle * cos is summed as a series.
_SERIES = 0.5
# (-1)^(k+1) 2k / (2k+1)!, the series of (sin x - x cos x) / x in x^2; the next is 1e-18 at 0.5.
_COEFFICIENTS = tuple((-1) ** (k + 1) * 2 * k / math.factorial(2 * k + 1) for k in range(1, 9))


class QuadratureWarning(UserWarning):
    """Gauss-Hermite quadrature did not reach its tolerance; the message has the estimate."""


class Rows(NamedTuple):
    """What a layer needs to know of each point.

    :math:`a`, :math:`e(a)`, and terms of the closed form.
    ``largest`` has bounds of the terms at all points, where the pairs need them.
    """

    std: Array
    size: Array
    terms: tuple[Array, ...] = ()
    largest: tuple[float, ...] = ()

    def map(self, change: Callable[[Array], Any]) -> Rows:
        """The rows with all arrays changed."""
        terms = tuple(change(t) for t in self.terms)
        return Rows(change(self.std), change(self.size), terms, self.largest)

    def at(self, index: Any) -> Rows:
        """The rows indexed, for example ``[:, None]`` to stand against others."""
        return self.map(lambda values: values[index])


class Layer(NamedTuple):
    """:math:`1-r`, :math:`1+r` and :math:`r'` of each pair."""

    minus: Array
    plus: Array
    slope: Array


class Dual(ABC):
    """The dual of an activation: what the activation does to a kernel.

    Its method ``rows`` does the work for each point, on NumPy arrays. Its method ``pairs`` does the
    work for each pair of points, on arrays of any library with the names of the array API standard
    (:mod:`ntklib.array_api`), all of one kind and dtype.
    """

    #: Whether :math:`\sigma(cz)=c\sigma(z)` for :math:`c>0`. Norms then pass through untouched.
    homogeneous: bool = False

    @abstractmethod
    def rows(self, std: Array) -> Rows:
        """What ``pairs`` needs of points whose preactivations have these standard deviations."""

    @abstractmethod
    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        r"""The layer at correlations given as :math:`1-\rho`, :math:`1+\rho`; arrays broadcast."""


def _real(x: Any) -> Any:
    """The real part, of the complex numbers of a complex-step derivative; NumPy's only."""
    return x.real if isinstance(x, np.ndarray | np.generic) else x


def _hypot(x: Any, y: Any) -> Any:
    """sqrt(x^2 + y^2), also for the complex numbers of a complex-step derivative."""
    xp = namespace(x)
    if xp is np and (np.iscomplexobj(x) or np.iscomplexobj(y)):
        return np.sqrt(x * x + y * y)
    return xp.hypot(x, y)


def _nonnegative(x: Any) -> Any:
    """Rounding below zero removed."""
    return namespace(x).where(_real(x) > 0, x, 0.0)


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    """Horner's rule, lowest coefficient first; a number for a constant."""
    value: Any = coefficients[-1]
    for c in coefficients[-2::-1]:
        value = value * x + c
    return value


def _clipped(std: Array) -> Array:
    inside = np.where(std.real < _SMALLEST, std.dtype.type(_SMALLEST), std)
    return np.where(inside.real > _LARGEST, std.dtype.type(_LARGEST), inside)


def _sine_defect(angle: Any, cos: Any, sin: Any) -> Any:
    """Sin x - x cos x, of relative accuracy also at small x."""
    square = angle * angle
    series = _polynomial(_COEFFICIENTS, square) * square * angle
    return namespace(angle).where(_real(angle) < _SERIES, series, sin - angle * cos)


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

    They satisfy :math:`J_p=(2p-1)\,t\,J_{p-1}+(p-1)^2(1-t^2)J_{p-2}` for :math:`p\ge2`: the
    function :math:`y=(\pi-\arccos t)/\sqrt{1-t^2}` has :math:`(1-t^2)y'=ty+1`; differentiate
    :math:`p-1` times and multiply by :math:`(1-t^2)^{p-1/2}`.
    Hence :math:`J_p=(\pi-\theta)B_p(t)+\sin\theta\,A_p(t)` with polynomials, the
    :math:`B_p` from the same recursion, :math:`B_p(1)=(2p-1)!!`.

    Parameters
    ----------
    degree : int
        :math:`p`, from 1 to 10.
    positive, negative : float
        :math:`\alpha` and :math:`\beta`, not both zero.
    """

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
        self._square, self._twice = alpha * alpha + beta * beta, 2 * alpha * beta
        #: The :math:`\ell=2\alpha\beta/(\alpha^2+\beta^2)` of
        #: :math:`r(\rho)=(1+\ell)\kappa_1(\rho)-\ell\rho`, for degree 1. Here :math:`\kappa_1` is
        #: the :math:`r` of the ReLU.
        self.leak = self._twice / self._square
        self._sum, self._difference = (alpha + beta) ** 2, (alpha - beta) ** 2
        self._odd = math.prod(range(1, 2 * self.degree, 2))  # (2p-1)!!
        self._norm = largest * math.sqrt(self._square * self._odd / 2)
        polynomials = _arc_polynomials(self.degree)
        self._below = tuple(polynomials[self.degree - 1].tolist())
        # (B(1) - B(t)) / (1 - t), coefficient by coefficient.
        self._quotient = tuple(np.cumsum(polynomials[self.degree][:0:-1])[::-1].tolist())

    def rows(self, std: Array) -> Rows:
        return Rows(std, self._norm * std**self.degree)

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        p, xp = self.degree, namespace(minus)
        far = _real(minus) > _real(plus)  # beyond a right angle: work with the supplement
        small = xp.where(far, plus, minus)
        angle = 2 * xp.asin(xp.sqrt(small / 2))
        cos, square = 1 - small, small * (2 - small)
        sin = xp.sqrt(square)
        # H_q = J_q(pi - angle); below is H_{p-1}, top is H_p.
        below, top = angle, _sine_defect(angle, cos, sin)
        for q in range(2, p + 1):
            below, top = top, (q - 1) ** 2 * square * below - (2 * q - 1) * cos * top
        top_one = math.pi * self._odd  # J_p(0)
        # J_p(0) - J_p(angle), without the subtraction.
        drop = math.pi * small * _polynomial(self._quotient, cos) + (-1) ** p * top
        near_slope = math.pi * _polynomial(self._below, cos) + (-1) ** p * below
        s, c = self._square, self._twice
        change = xp.where(far, c * drop - s * top, s * drop - c * top) / (s * top_one)
        change_far = self._difference / s + change
        minus = _nonnegative(xp.where(far, change_far, change))
        plus = _nonnegative(xp.where(far, self._sum / s - change, 2 - change))
        slope = xp.where(far, s * below - c * near_slope, s * near_slope - c * below)
        return Layer(minus, plus, slope * (p * p / (s * top_one)))


@cache
def _arc_polynomials(degree: int) -> list[Array]:
    """B_0, ..., B_degree, lowest coefficient first."""
    found = [np.array([1.0]), np.array([0.0, 1.0])]
    for p in range(2, degree + 1):
        new = np.zeros(p + 1)
        new[1:] += (2 * p - 1) * found[-1]
        new[: p - 1] += (p - 1) ** 2 * found[-2]
        new[2:] -= (p - 1) ** 2 * found[-2]
        found.append(new)
    return found


class _Bounded(NamedTuple):
    """A = sqrt 2 a / sqrt(1 + 2 a^2), its complement, and sqrt(1 - A^4): terms of erf."""

    std: Array
    root: Array
    large: Array
    rest: Array
    diagonal: Array


def _bounded(std: Array) -> _Bounded:
    a = _clipped(std)
    root = _hypot(math.sqrt(2) * a, 1.0)
    large, rest = math.sqrt(2) * a / root, 1 / root
    return _Bounded(a, root, large, rest, rest * np.sqrt(1 + large * large))


def _bounded_pair(x: _Bounded, z: _Bounded) -> tuple[Array, Array]:
    """A - B without cancellation, and sqrt(1 - A^2 B^2)."""
    a, b = x.std, z.std
    gap = math.sqrt(2) * ((a - b) * x.rest) * ((a + b) * z.rest / (a * z.root + b * x.root))
    return gap, _hypot(x.rest, x.large * z.rest)


class Erf(Dual):
    r"""Dual of the error function.

    .. math::
        \mathbb E[\sigma(u)\sigma(v)] &= \frac2\pi\arcsin(\rho AB),\qquad
        A=\frac{\sqrt2\,a}{\sqrt{1+2a^2}},\\
        \mathbb E[\sigma'(u)\sigma'(v)] &= \frac{4/\pi}{\sqrt{(1+2a^2)(1+2b^2)-4a^2b^2\rho^2}}

    and :math:`B` likewise with :math:`b`. Since, with :math:`\xi\sim\mathcal N(0,1)`,
    :math:`\operatorname{erf}(z)=\mathbb E\operatorname{sign}(z+\xi/\sqrt2)`, the first is the mean
    product of the signs of a Gaussian pair, :math:`\frac2\pi\arcsin` of its correlation; the second
    is its derivative in :math:`ab\rho`.
    """

    def rows(self, std: Array) -> Rows:
        t = _bounded(std)
        size = np.sqrt(2 / math.pi * np.arctan(t.large * t.large / t.diagonal))
        return Rows(std, np.where(std.real < _SMALLEST, size * (std / t.std), size), t)

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        x, z = _Bounded(*left.terms), _Bounded(*right.terms)
        gap, end = _bounded_pair(x, z)
        scale = xp.sqrt(xp.atan(x.large * x.large / x.diagonal)) * xp.sqrt(
            xp.atan(z.large * z.large / z.diagonal)
        )
        product = x.large * z.large
        root = xp.sqrt(end * end + product * product * minus * plus)
        # arcsin A^2, arcsin B^2 less arcsin AB, by tan((s - t) / 2) = (sin s - sin t) /
        # (cos s + cos t).
        up = 2 * xp.atan(x.large * gap / (x.diagonal + end)) / scale
        down = -2 * xp.atan(z.large * gap / (z.diagonal + end)) / scale
        top = xp.atan(product / end) / scale
        # At rho = 1 by differences where a and b are comparable; elsewhere 1 - r is not small, or
        # so flat that its own rounding does not show.
        alike = (xp.abs(up) < 1) & (xp.abs(down) < 1)
        differences = xp.where(alike, (top * (up + down) + up * down) / (1 + top), 1 - top)
        parallel = _nonnegative(differences)

        def apart(defect: Array) -> Array:
            value: Array = parallel + 2 * xp.atan(product * defect / (end + root)) / scale
            return value

        return Layer(apart(minus), apart(plus), product / (root * scale))


class Gaussian(Dual):
    r"""Dual of :math:`\sigma(z)=e^{-z^2}`.

    .. math::
        \mathbb E[\sigma(u)\sigma(v)] &= D^{-1/2},\\
        \mathbb E[\sigma'(u)\sigma'(v)] &= 4ab\rho\,D^{-3/2},\\
        D &= (1+2a^2)(1+2b^2)-4a^2b^2\rho^2

    The first is :math:`\mathbb E\,e^{-u^2-v^2}=\det(I+2\Sigma)^{-1/2}` with :math:`\Sigma` the
    covariance of :math:`(u,v)`, and :math:`D` is that determinant; the second is its derivative in
    :math:`ab\rho`.
    """

    def rows(self, std: Array) -> Rows:
        t = _bounded(std)
        return Rows(std, np.sqrt(t.rest / np.sqrt(1 + t.large * t.large)), t)

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        x, z = _Bounded(*left.terms), _Bounded(*right.terms)
        gap, end = _bounded_pair(x, z)
        product = (x.large * z.large) ** 2
        root = xp.sqrt(end * end + product * minus * plus)
        both = xp.sqrt(x.diagonal) * xp.sqrt(z.diagonal)
        spread = (gap * (x.large + z.large)) ** 2 / (end * end + both * both)
        defect = (product * minus * plus + spread) / root / (root + both)
        value = both / root
        return Layer(defect, 1 + value, value * (product / root) * ((plus - minus) / 2 / root))


def _distances(left: Rows, right: Rows, defect: Array) -> Array:
    """Half the squared distance of the points, from a, b and 1 - rho."""
    a, b = left.std, right.std
    return (a - b) ** 2 / 2 + a * b * defect


class Rbf(Dual):
    r"""Dual of :math:`\sigma(z)=\sin z+\cos z`, the Gaussian kernel.

    .. math:: \mathbb E[\sigma(u)\sigma(v)]=e^{-(a^2+b^2-2ab\rho)/2}
        =\mathbb E[\sigma'(u)\sigma'(v)]

    The cross terms :math:`\mathbb E[\sin u\cos v]` vanish by symmetry; the rest is
    :math:`\mathbb E\cos(u-v)`, a characteristic function.
    """

    def rows(self, std: Array) -> Rows:
        return Rows(std, np.ones_like(std))

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        half = _distances(left, right, minus)
        value = xp.exp(-half)
        return Layer(-xp.expm1(-half), 1 + value, left.std * right.std * value)


class Exponential(Rbf):
    r"""Dual of :math:`\sigma(z)=e^z`.

    .. math:: \mathbb E[\sigma(u)\sigma(v)]=e^{(a^2+b^2)/2+ab\rho}
        =\mathbb E[\sigma'(u)\sigma'(v)],

    the moment generating function of :math:`u+v`. Its :math:`r` is that of :class:`Rbf`.
    """

    def rows(self, std: Array) -> Rows:
        with np.errstate(over="ignore"):  # reported by those who use the size
            return Rows(std, np.exp(std * std))


class Cosine(Dual):
    r"""Dual of the cosine.

    .. math::
        \mathbb E[\cos u\cos v] &= e^{-(a^2+b^2)/2}\cosh(ab\rho),\\
        \mathbb E[\sin u\sin v] &= e^{-(a^2+b^2)/2}\sinh(ab\rho)

    from :math:`2\cos u\cos v=\cos(u-v)+\cos(u+v)` and the characteristic function.

    With :math:`M^2=(1+e^{-2a^2})(1+e^{-2b^2})` and the mean squares
    :math:`d_\pm^2=\mathbb E(u\pm v)^2` one has :math:`r=(e^{-d_-^2/2}+e^{-d_+^2/2})/M`. At
    :math:`\rho=1` the two terms are :math:`p=e^{-(a-b)^2/2}` and :math:`q=e^{-(a+b)^2/2}`, and the
    identity :math:`M^2-(p+q)^2=(1-e^{-(a+b)^2})(1-e^{-(a-b)^2})+(e^{-a^2}-e^{-b^2})^2` gives
    :math:`1-r` there as a sum of nonnegative terms. At other :math:`\rho` one more such term comes
    in.
    """

    _sign = 1

    def rows(self, std: Array) -> Rows:
        root = np.sqrt(1 + np.exp(-2 * std * std))
        return Rows(std, root / math.sqrt(2), (root,))

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        a, b = left.std, right.std
        root = left.terms[0] * right.terms[0]
        parallel, nearest = self._parallel(a, b, root)
        near, far = xp.exp(-_distances(left, right, minus)), xp.exp(-_distances(left, right, plus))
        defect = parallel + nearest * xp.expm1(-a * b * minus) * xp.expm1(-a * b * plus) / root
        # exp(-x) - exp(-y) from the larger of the two.
        rho = (plus - minus) / 2
        back = _real(rho) < 0
        size = xp.where(back, far, near) * -xp.expm1(-2 * a * b * xp.where(back, -rho, rho))
        slope = a * b * xp.where(back, -size, size) / root
        return Layer(defect, 1 + (near + far) / root, slope)

    def _parallel(self, a: Array, b: Array, root: Array) -> tuple[Array, Array]:
        """1 - r at rho = 1, from p +- q, and p."""
        xp = namespace(root)
        p = xp.exp(-((a - b) ** 2) / 2)
        joint = p * (1 + xp.exp(-2 * a * b) if self._sign > 0 else -xp.expm1(-2 * a * b))
        both = xp.expm1(-((a + b) ** 2)) * xp.expm1(-((a - b) ** 2))
        step = (xp.exp(-a * a) - xp.exp(-b * b)) ** 2
        rest = _nonnegative(both + self._sign * step)
        return rest / root / (root + joint), p


class Sine(Cosine):
    r"""Dual of the sine; the formulas are those of :class:`Cosine`.

    Here :math:`M^2=(1-e^{-2a^2})(1-e^{-2b^2})`, :math:`r=(e^{-d_-^2/2}-e^{-d_+^2/2})/M` and
    :math:`M^2-(p-q)^2=(1-e^{-(a+b)^2})(1-e^{-(a-b)^2})-(e^{-a^2}-e^{-b^2})^2`.
    """

    _sign = -1

    def rows(self, std: Array) -> Rows:
        a = _clipped(std)
        root = np.sqrt(-np.expm1(-2 * a * a))
        return Rows(a, root / math.sqrt(2) * np.where(std.real < _SMALLEST, std / a, 1), (root,))

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        a, b = left.std, right.std
        root = left.terms[0] * right.terms[0]
        parallel, nearest = self._parallel(a, b, root)
        # The difference in it has lost its digits when a and b are of different size.
        apart_in_size = (_real(a) > 2 * _real(b)) | (_real(b) > 2 * _real(a))
        direct = 1 + nearest / root * xp.expm1(-2 * a * b)
        parallel = xp.where(apart_in_size, _nonnegative(direct), parallel)

        def apart(defect: Array, other: Array) -> Array:
            value: Array = parallel - nearest / root * xp.expm1(-a * b * defect) * (
                1 + xp.exp(-a * b * other)
            )
            return value

        near, far = xp.exp(-_distances(left, right, minus)), xp.exp(-_distances(left, right, plus))
        return Layer(apart(minus, plus), apart(plus, minus), a * b * (near + far) / root)


@cache
def _gauss_hermite(nodes: int) -> tuple[Array, Array]:
    """Nodes x of the standard Gaussian's quadrature, and Q[k, i] = sqrt(w_i) h_k(x_i), orthogonal.

    Nodes are eigenvalues of the Jacobi matrix, polished by Newton; a weight is the inverse of
    sum_k h_k(x_i)^2. Orthogonal to 1e-14, where SciPy's nodes and weights reach 4e-13, and fail
    from 400 nodes on.
    """
    off = np.sqrt(np.arange(1, nodes))
    x = np.linalg.eigvalsh(np.diag(off, 1) + np.diag(off, -1))

    def polynomials(x: Array) -> Array:
        h = np.ones((nodes + 1, nodes))
        h[1] = x
        for k in range(1, nodes):
            h[k + 1] = (x * h[k] - math.sqrt(k) * h[k - 1]) / math.sqrt(k + 1)
            # A column may be scaled: only its direction is used.
            large = np.abs(h[k + 1]) > 1e150
            h[: k + 2, large] *= 1e-150
        return h

    for _ in range(3):
        h = polynomials(x)
        x = x - h[-1] / (math.sqrt(nodes) * h[-2])  # h_n' = sqrt(n) h_{n-1}
        x = (x - x[::-1]) / 2
    h = polynomials(x)[:-1]
    Q = h / np.sqrt(np.sum(h * h, axis=0))
    x.flags.writeable = Q.flags.writeable = False
    return x, Q


class Quadrature(Dual):
    r"""Dual of any function, by Gauss-Hermite quadrature and Mehler's formula.

    .. math:: \mathbb E[\sigma(u)\sigma(v)]\approx\sum_{k<K}f_kg_k\rho^k,\qquad
        f_k=\sum_i w_i\,\sigma(ax_i)h_k(x_i)

    with :math:`N` nodes :math:`x_i` of weights :math:`w_i`, :math:`K=3N/4`, and :math:`g_k` the
    same with :math:`b` for :math:`a`; no derivative of :math:`\sigma` is needed.

    The errors of :math:`r` and :math:`r'` are estimated by one number,
    :math:`3\sum_k\max(1,k)\,|f_k^2-\tilde f_k^2|/e^2`, where :math:`\tilde f_k` comes from
    :math:`N/2` nodes and is zero from :math:`3N/8` on. Without the 3 it bounds the change of
    :math:`\sum_kf_k^2\rho^k/e^2`, and of its derivative in :math:`\rho`, from :math:`N/2` to
    :math:`N` nodes at every :math:`\rho`. The 3 covers functions with a kink: the error of
    :math:`r'` then falls only as :math:`N^{-1/2}`, so that the error left is
    :math:`1/(\sqrt2-1)\approx2.4` times the last change. For a smooth function the estimate is far
    above the error, since the coefficients fall off fast (for tanh as
    :math:`e^{-\pi\sqrt{k/2}/a}`: the larger the standard deviation, the slower).

    :math:`N` is doubled until the estimate meets the tolerance, but not beyond 1024.

    Parameters
    ----------
    function : callable
        :math:`\sigma`, elementwise on float64 arrays.
    nodes : int
        :math:`N` at the start, from 4 to 1024.
    tolerance : float
        What the estimate should not exceed; a :class:`QuadratureWarning` says when it does.
    name : str
        What messages call the function; its own name when left out.
    """

    def __init__(
        self,
        function: Callable[[Array], Array],
        *,
        nodes: int = 128,
        tolerance: float = 1e-12,
        name: str = "",
    ) -> None:
        if not callable(function):
            raise TypeError(f"function must be callable, got {function!r}")
        self.nodes = positive_int("nodes", nodes)
        if not 4 <= self.nodes <= _MOST_NODES:
            raise ValueError(f"nodes must lie between 4 and {_MOST_NODES}, got {nodes}")
        self.function = function
        self.tolerance = positive("tolerance", tolerance)
        self.name = name or getattr(function, "__name__", "the activation")

    def coefficients(self, std: object) -> tuple[Array, Array]:
        """Hermite coefficients at standard deviations ``std``, with an estimate of their error.

        Parameters
        ----------
        std : array_like, shape (n,)
            Nonnegative.

        Returns
        -------
        coefficients : ndarray, shape (n, K)
            The :math:`f_k`, a row for each deviation.
        error : ndarray, shape (n,)
            The estimate, relative to :math:`e^2`.

        Raises
        ------
        ValueError
            The function returns another shape, or values that are not finite.
        """
        a = real_array("std", std, ndim=1).astype(np.float64)
        if (a < 0).any():
            raise ValueError(f"std must be at least 0, got {a.min()}")
        nodes = self.nodes
        coarse = self._transform(a, nodes // 2)
        while True:
            fine = self._transform(a, nodes)
            change = fine * fine
            total = np.maximum(np.sum(change, axis=1), np.finfo(float).tiny)
            change[:, : coarse.shape[1]] -= coarse * coarse
            error: Array = 3 * (np.abs(change) @ np.maximum(1, np.arange(fine.shape[1]))) / total
            if error.max() <= self.tolerance or 2 * nodes > _MOST_NODES:
                return fine, error
            coarse, nodes = fine, 2 * nodes

    def _transform(self, a: Array, nodes: int) -> Array:
        """The coefficients from so many nodes; the last quarter, spoilt by aliases, is left out."""
        x, Q = _gauss_hermite(nodes)
        values = np.asarray(self.function(a[:, None] * x))
        if values.shape != (len(a), nodes) or values.dtype.kind not in "biuf":
            raise ValueError(
                f"activation must map real arrays to real arrays of their shape, "
                f"got {values.dtype} {values.shape} for {(len(a), nodes)}"
            )
        if not np.isfinite(values).all():
            raise ValueError(f"activation must be finite, {self.name} is not")
        result: Array = (values.astype(np.float64) * Q[0]) @ Q[: 3 * nodes // 4].T
        return result

    def rows(self, std: Array) -> Rows:
        shape, flat = std.shape, std.reshape(-1)
        f, error = self.coefficients(flat.real)
        worst = float(error.max())
        if worst > self.tolerance:
            warnings.warn(
                f"quadrature of {self.name}: the relative error of the kernel is about {worst:.1e} "
                f"at standard deviation {flat.real[error.argmax()]:.3g}",
                QuadratureWarning,
                stacklevel=2,
            )
        if np.iscomplexobj(flat):
            f = f + 1j * (flat.imag / np.where(flat.real > 0, flat.real, 1))[:, None] * _euler(f)
        size = np.sqrt(np.sum(f * f, axis=1))
        f = f / np.where(size == 0, 1, size)[:, None]
        # Coefficients below the rounding of the others add nothing but time.
        heard = np.nonzero(np.abs(f).max(axis=0) > _ROUNDING)[0]
        f = f[:, : int(heard.max(initial=0)) + 1]
        largest = tuple(np.abs(f).max(axis=0).tolist())
        return Rows(std, size.reshape(shape), tuple(c.reshape(shape) for c in f.T), largest)

    def pairs(self, left: Rows, right: Rows, minus: Array, plus: Array) -> Layer:
        xp = namespace(minus)
        far = _real(minus) > _real(plus)
        small = xp.where(far, plus, minus)
        sign, x = xp.where(far, -xp.ones_like(minus), 1.0), 1 - small
        zero = xp.zeros_like(small, dtype=xp.result_type(small, left.std, right.std))
        # With w_k = f_k g_k sign^k and R(x) = sum_k w_k x^k: q = (R(1) - R(x)) / (1 - x), whose
        # coefficients are the sums W_j of w_k over k > j, and its derivative; by Horner's rule.
        # Not the same array twice: they change in place, where the library has that.
        total, q, dq = xp.zeros_like(zero), xp.zeros_like(zero), xp.zeros_like(zero)
        even, odd = xp.zeros_like(zero), xp.zeros_like(zero)  # half the squares of f - g
        first, *ends = [end(side.std) for end in (xp.min, xp.max) for side in (left, right)]
        same = all(bool(end == first) for end in ends)
        # Products small enough to leave out: for equal deviations half of them.
        rounding = float(xp.finfo(zero.dtype).eps)
        sizes = [
            k * f * g for k, (f, g) in enumerate(zip(left.largest, right.largest, strict=False))
        ]
        count = int(np.nonzero(np.array(sizes) > rounding / 64)[0].max(initial=0)) + 1
        for k in range(max(len(left.terms), len(right.terms)) - 1, -1, -1):
            f = left.terms[k] if k < len(left.terms) else zero
            g = right.terms[k] if k < len(right.terms) else zero
            if k < count:
                # total is W_k here, the coefficient of x^k.
                dq *= x
                dq += q
                q *= x
                q += total
                w = f * g
                total += w * sign if k % 2 else w
            if not same:
                half_square = (f - g) ** 2 / 2
                if k % 2:
                    odd += half_square
                else:
                    even += half_square
        lost = small * q
        mass = sum(f * f for f in left.terms[::2]) + sum(g * g for g in right.terms[::2])
        # Near 1: 1 - R. Near -1, where the even terms change their sign: 1 + R.
        side = odd + xp.where(far, mass - even - lost, even + lost)
        side = _nonnegative(side)
        minus, plus = xp.where(far, 2 - side, side), xp.where(far, side, 2 - side)
        slope = q - small * dq
        return Layer(minus, plus, xp.where(far, -slope, slope))


def _euler(f: Array) -> Array:
    """a d/da of the Hermite coefficients of sigma(a x): k f_k + sqrt((k+1)(k+2)) f_{k+2}.

    x d/dx sigma(a x), in coefficients: d/dx lowers, x raises and lowers.
    """
    k = np.arange(f.shape[1])
    up = np.zeros_like(f)
    up[:, :-2] = np.sqrt((k + 1) * (k + 2))[:-2] * f[:, 2:]
    result: Array = k * f + up
    return result


_CLOSED: dict[str, tuple[Activation, Dual]] = {
    a.name: (a, d)
    for a, d in (
        (activations.erf, Erf()),
        (activations.gaussian, Gaussian()),
        (activations.rbf, Rbf()),
        (activations.exp, Exponential()),
        (activations.cos, Cosine()),
        (activations.sin, Sine()),
    )
}


def dual(activation: str | Activation | Dual | Callable[[Array], Array]) -> Dual:
    r"""The dual of an activation: a closed form where one is known, else by quadrature.

    Parameters
    ----------
    activation : str, Activation, callable or Dual
        One of the names that :mod:`ntklib.activations` lists, or an
        :class:`ntklib.activations.Activation`; a homogeneous one (with a ``degree``, up to 10) has
        a closed form by its values at :math:`\pm1`. Any other function on arrays is integrated by
        :class:`Quadrature`. A dual is returned as it is.

    Returns
    -------
    :class:`ntklib.expectations.Dual`

    Raises
    ------
    ValueError
        An unknown name, a degree above 10.
    TypeError
        Not a name, nor callable.
    """
    if isinstance(activation, Dual):
        return activation
    if isinstance(activation, str):
        activation = activations.get(activation)
    if not isinstance(activation, Activation):
        if not callable(activation):
            raise TypeError(
                f"activation must be a name, an Activation or callable, got {activation!r}"
            )
        return Quadrature(activation)
    known, closed = _CLOSED.get(activation.name, (None, None))
    if closed is not None and activation == known:
        return closed
    if activation.degree:
        ends = activation.f(np.array([1.0, -1.0]))
        return Homogeneous(activation.degree, float(ends[0]), float(ends[1]))
    return Quadrature(activation.f, name=activation.name)


def expectations(
    activation: str | Activation | Dual | Callable[[Array], Array],
    a: object,
    b: object,
    rho: object,
) -> tuple[Array, Array]:
    r"""The two expectations of a Gaussian pair that a layer needs.

    They are :math:`\mathbb E[\sigma(u)\sigma(v)]` and :math:`\mathbb E[\sigma'(u)\sigma'(v)]` for
    centered Gaussian :math:`(u,v)`.

    Parameters
    ----------
    activation : str, Activation, callable or Dual
        As for :func:`dual`.
    a, b : array_like
        Standard deviations of :math:`u` and :math:`v`, positive, at most two dimensions.
    rho : array_like
        Their correlation, in :math:`[-1,1]`. All three broadcast.

    Returns
    -------
    value, derivative : ndarray
        The two expectations, of the shape to which the arguments broadcast.

    Raises
    ------
    ValueError
        A deviation that is not positive, a correlation outside, NaN; otherwise as :func:`dual`.
    OverflowError
        A value beyond the largest float64.
    """
    left, right = (real_array(n, v, ndim=(0, 1, 2)) for n, v in (("a", a), ("b", b)))
    correlation = real_array("rho", rho, ndim=(0, 1, 2)).astype(np.float64)
    for name, std in (("a", left), ("b", right)):
        if (std <= 0).any():
            raise ValueError(f"{name} must be positive, got {std.min()}")
    if (np.abs(correlation) > 1).any():
        raise ValueError(f"rho must lie in [-1, 1], got {np.abs(correlation).max()} in size")
    left, right, correlation = np.broadcast_arrays(
        left.astype(np.float64), right.astype(np.float64), correlation
    )
    law = dual(activation)
    x, z = law.rows(left), law.rows(right)
    layer = law.pairs(x, z, 1 - correlation, 1 + correlation)
    with np.errstate(over="ignore", invalid="ignore"):  # reported just below
        size = x.size * z.size
        value = size * (layer.plus - layer.minus) / 2
        slope = size / (left * right) * layer.slope
    if not (np.isfinite(value).all() and np.isfinite(slope).all()):
        raise OverflowError("the expectations have values beyond 1.8e308")
    return value, slope
