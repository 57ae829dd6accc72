"""A function as a sum of Gaussians of many widths, of their integrals and of a smooth |z|."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ntklib._validate import Array
from ntklib.expectations.base import PROMISE, QuadratureError

# Where a function is looked at, on either side of zero: between these, and so near in log z.
_LEAST, _MOST, _STEP = 1e-4, 1e5, 0.05
# Where errors are looked at: also nearer, for kinks, and farther, for what is no straight line.
_NEAREST, _FARTHEST = 1e-8, 1e12
# How densely values alone are looked at, for what is narrow and far from zero; and how much may be
# off there, of what the function has reached.
_DENSE, _UNSEEN = 0.002, 1e-10
# Rates between which terms are looked for; widths from far below the first z to far above the last.
_SLOWEST, _FASTEST = 1e-12, 1e10
# Steps in the logarithm of a rate. The first does where the measure over the rates is smooth; one
# that sits on a few rates needs a finer one.
_STEPS = 0.25, 0.2, 0.14, 0.1
# Enough digits not to look for a finer step; what a leaner sum may cost; most terms of a sum.
_GOOD, _LEAN, _TERMS = 3e-14, 3.0, 200
# What is farther off with the first step comes no nearer than 1e-6 with the others.
_HOPELESS = 1e-5
# Beyond so many deviations a Gaussian counts for nothing.
_FAR = 9.0


class Terms(NamedTuple):
    """A sum of terms, and how near it is to the function for which it stands.

    sigma(z) = constant + linear z + sum c int_0^z exp(-rate t^2) dt + sum b (exp(-rate z^2) - 1)
    + growth (A(z) - A(0)) with A(z) = E|z + w xi|, w^2 = 1 / (2 growth_rate): pairs (c, rate) in
    ``odd``, (b, rate) in ``even``. ``errors`` are those of a kernel at the deviations ``stds``.
    """

    constant: float
    linear: float
    odd: tuple[tuple[float, float], ...]
    even: tuple[tuple[float, float], ...]
    growth: float
    growth_rate: float
    stds: tuple[float, ...]
    errors: tuple[float, ...]


def odd_term(z: Array, rate: float) -> Array:
    """The integral of exp(-rate t^2) from 0 to z."""
    from scipy.special import erf  # costs more to import than the rest of the package

    root = math.sqrt(rate)
    return np.asarray(math.sqrt(math.pi) / (2 * root) * erf(root * z) if rate else z)


def growth_term(z: Array, rate: float) -> Array:
    """A(z) - A(0)."""
    from scipy.special import erf

    root = math.sqrt(rate)
    return np.asarray(z * erf(root * z) + np.expm1(-rate * z * z) / (root * math.sqrt(math.pi)))


def even_term(z: Array, rate: float) -> Array:
    return np.asarray(np.expm1(-rate * z * z))


class _Sample(NamedTuple):
    """Points z, the odd part there, the even part less its value at zero, and that value."""

    z: Array
    odd: Array
    even: Array
    zero: float

    def weights(self) -> Array:
        """One over the size of the function up to here, less what it is at zero.

        But for a hundredth of all of it, so that its rounding is not looked at.
        """
        apart = np.maximum.accumulate(np.abs(self.odd) + np.abs(self.even))
        weights = 1 / np.maximum(apart, 0.01 * (apart + abs(self.zero)) + np.finfo(float).tiny)
        return np.asarray(weights)


def _sample(function: Callable[[Array], Array], z: Array) -> _Sample | None:
    """None where too little of the function is finite. It may overflow far out."""
    up, down, zero = (np.asarray(function(t), np.float64) for t in (z, -z, np.zeros(1)))
    finite = np.isfinite(up) & np.isfinite(down) & np.isfinite(zero[0])
    count = len(z) if finite.all() else int(np.argmin(finite))
    if count < 100:
        return None
    up, down = up[:count], down[:count]
    at = float(zero[0])
    return _Sample(z[:count], (up - down) / 2, (up - at) / 2 + (down - at) / 2, at)


@np.errstate(all="ignore")  # of functions that grow beyond all numbers; they are refused
def fitted(function: Callable[[Array], Array], name: str) -> Terms:
    """The terms of a function.

    Raises
    ------
    QuadratureError
        Where no sum of at most 200 terms of each kind serves at any deviation.
    """
    here, between, dense = (
        _sample(function, np.exp(np.arange(math.log(first), math.log(last), step)))
        for first, last, step in (
            (_LEAST, _MOST, _STEP),
            (_NEAREST, _FARTHEST, _STEP),
            (_NEAREST, _FARTHEST, _DENSE),
        )
    )
    terms = _terms(here) if here is not None else None
    if terms is not None and between is not None and dense is not None:
        terms = _looked_over(_with_errors(terms, between), dense)
        if min(terms.errors) <= PROMISE:
            return terms
    raise QuadratureError(f"{name} is not a sum of Gaussians of many widths about zero")


def _terms(sample: _Sample) -> Terms | None:
    z, weights, even = sample.z, sample.weights(), sample.even
    linear = float((sample.odd[-1] - sample.odd[-14]) / (z[-1] - z[-14]))
    if abs(linear) * weights[-1] * z[-1] <= 1e-3:
        linear = 0.0
    odd = sample.odd - linear * z
    slope, rate = float((even[-1] - even[-14]) / (z[-1] - z[-14])), 1.0
    if abs(slope) * weights[-1] * z[-1] > 1e-3:
        # |z| of the width at which the even part has half of its slope.
        half = z[np.argmax(np.abs(even) >= np.abs(slope) * z / 2)]
        rate = float(1 / (2 * half * half))
        even = even - slope * growth_term(z, rate)
    else:
        slope = 0.0
    found_odd = _combination(weights * odd, lambda rate: weights * odd_term(z, rate), z[-1])
    found_even = _combination(weights * even, lambda rate: weights * even_term(z, rate), z[-1])
    if found_odd is None or found_even is None:
        return None
    return Terms(sample.zero, linear, found_odd, found_even, slope, rate, (), ())


def _combination(
    target: Array, term: Callable[[float], Array], last: float
) -> tuple[tuple[float, float], ...] | None:
    """Pairs of coefficient and rate, by least squares: of as few rates as serve."""
    if np.abs(target).max() <= _GOOD:
        return ()
    best: tuple[float, tuple[tuple[float, float], ...]] | None = None
    for step in _STEPS:
        rates = np.exp(np.arange(math.log(_SLOWEST), math.log(_FASTEST), step))
        rates = rates[rates * last * last > 1e-3]
        columns = np.stack([term(float(rate)) for rate in rates], axis=1)
        error, low, high, c = _leanest(columns, target)
        if high - low <= _TERMS and (best is None or error < best[0]):
            best = error, tuple(zip(c.tolist(), rates[low:high].tolist(), strict=True))
        if best is not None and best[0] <= _GOOD:
            break
        if error > _HOPELESS:
            return None
    return None if best is None else best[1]


def _leanest(columns: Array, target: Array) -> tuple[float, int, int, Array]:
    """The shortest run of columns that does nearly as well as all of them."""
    from scipy.linalg import lstsq  # not needed where a closed form is known

    sizes = np.linalg.norm(columns, axis=0)
    sizes[sizes == 0] = 1
    units = columns / sizes

    def solved(low: int, high: int) -> tuple[float, Array]:
        A = units[:, low:high]
        c: Array = lstsq(A, target, cond=1e-15, lapack_driver="gelsy", check_finite=False)[0]
        error = float(np.abs(A @ c - target).max())
        return error if math.isfinite(error) else math.inf, c / sizes[low:high]

    low, high = 0, columns.shape[1]
    enough = max(_GOOD / _LEAN, _LEAN * solved(low, high)[0])
    step = 64
    while step:
        while low + step < high and solved(low + step, high)[0] <= enough:
            low += step
        while high - step > low and solved(low, high - step)[0] <= enough:
            high -= step
        step //= 2
    error, c = solved(low, high)
    return error, low, high, c


def _columns(terms: Terms, z: Array) -> tuple[list[Array], list[Array]]:
    """The odd terms and the even ones, with their coefficients."""
    odd = [c * odd_term(z, rate) for c, rate in terms.odd]
    even = [b * even_term(z, rate) for b, rate in terms.even]
    if terms.linear:
        odd.append(terms.linear * z)
    if terms.growth:
        even.append(terms.growth * growth_term(z, terms.growth_rate))
    return odd, even


def _looked_over(terms: Terms, sample: _Sample) -> Terms:
    """Without any promise for deviations at which points count where the function is elsewhere."""
    odd, even = _columns(terms, sample.z)
    zero = np.zeros_like(sample.z)
    apart = np.abs(sum(odd, zero) - sample.odd) + np.abs(sum(even, zero) - sample.even)
    wrong = sample.z[apart * sample.weights() > _UNSEEN]
    first = float(wrong.min(initial=math.inf))
    pairs = zip(terms.stds, terms.errors, strict=True)
    return terms._replace(errors=tuple(e if _FAR * a < first else math.inf for a, e in pairs))


def _with_errors(terms: Terms, sample: _Sample) -> Terms:
    """What kernels are off by, at deviations up to where the function was looked at.

    Between the points of the fit. Twice the norm of the difference over that of the function, by
    Cauchy and Schwarz, of the functions and of their derivatives; and some ulps of the square of
    all terms' norms over that of their sum.
    """
    z = sample.z
    odd, even = _columns(terms, z)
    zero = np.zeros_like(z)
    parts = [
        (sample.odd, sum(odd, zero), odd, 0.0),
        (sample.even, sum(even, zero), even, sample.zero),
    ]
    stds = np.geomspace(10 * _NEAREST, z[-1] / _FAR, 320)
    # Over both signs: E f(a xi)^2 is twice the integral over z > 0.
    scaled = z / stds[:, None]
    density = np.exp(-scaled * scaled / 2) * scaled * (2 * _STEP / math.sqrt(2 * math.pi))

    def norms(values: Array) -> Array:
        return np.asarray(density @ (values * values))

    lost, lost_slope = np.zeros_like(stds), np.zeros_like(stds)
    whole, whole_slope = np.full_like(stds, sample.zero**2), np.zeros_like(stds)
    size = np.full_like(stds, abs(sample.zero))
    size_slope = np.zeros_like(stds)
    for function, found, columns, constant in parts:
        apart = found - function
        apart[np.abs(apart) <= 4 * np.finfo(float).eps * abs(sample.zero)] = 0  # rounding
        lost += norms(apart)
        lost_slope += norms(_slope(apart, z))
        whole += norms(function) + 2 * constant * (density @ function)
        whole_slope += norms(_slope(function, z))
        for column in columns:
            size += np.sqrt(norms(column))
            size_slope += np.sqrt(norms(_slope(column, z)))
    tiny = np.finfo(float).tiny
    whole, whole_slope = np.maximum(whole, tiny), np.maximum(whole_slope, tiny)
    ulps = np.maximum(size * size / whole, size_slope * size_slope / whole_slope)
    away = np.sqrt(np.maximum(lost / whole, lost_slope / whole_slope))
    errors = np.nan_to_num(2 * away + 4 * np.finfo(float).eps * ulps, nan=np.inf)
    return terms._replace(stds=tuple(stds.tolist()), errors=tuple(errors.tolist()))


def _slope(values: Array, z: Array) -> Array:
    """The derivative at points equally spaced in log z, by differences of eighth order."""
    weights = [4 / 5, -1 / 5, 4 / 105, -1 / 280]
    found = np.gradient(values)
    for k, weight in enumerate(weights, start=1):
        change = values[4 + k : len(values) - 4 + k] - values[4 - k : len(values) - 4 - k]
        found[4:-4] = (0 if k == 1 else found[4:-4]) + weight * change
    return np.asarray(found / _STEP / z)
