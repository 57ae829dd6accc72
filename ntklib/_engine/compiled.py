"""Profiles and ReLU layers compiled with numba (the extra ``fast``).

A row of cosines is read once, taken through all layers while it is in the first-level cache,
multiplied by its factors and written back.

One square root an entry and layer. With a = abs(x), let s = sqrt((1 - a) / 2) where a > 1/2, and
s = a elsewhere; z = s^2 is at most 1/4 and

    arcsin a = pi/2 - 2 arcsin s,  sqrt(1 - a^2) = 2 s sqrt(1 - z)     where a > 1/2,
    arcsin a = arcsin s,           sqrt(1 - a^2) = sqrt(1 - z)         elsewhere.

arcsin s = s + s^3 P(z) and sqrt(1 - z) = 1 + z R(z), with polynomials that interpolate P and R at
the Chebyshev points of [0, 1/4]. Errors: 2e-16 of P, which counts s^3 <= 1/8, and 2e-15 of R, which
counts z <= 1/4, in float64; 4e-9 and 9e-8 in float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

# Multiply-add in one rounding, and no care for the sign of zero; NaN and infinity stay.
_MATH = {"contract", "nsz"}


@njit(fastmath=_MATH)  # type: ignore[untyped-decorator]
def _arcsin_double(z: Any) -> Any:
    p = 0.028169218060881414
    p = p * z + -0.010749050339697808
    p = p * z + 0.01603551434914882
    p = p * z + 0.0078029494773533175
    p = p * z + 0.011875494382636922
    p = p * z + 0.013929652902326633
    p = p * z + 0.017355259955786323
    p = p * z + 0.02237204763174451
    p = p * z + 0.03038194736709848
    p = p * z + 0.044642857103423646
    p = p * z + 0.07500000000020764
    return p * z + 0.1666666666666665


@njit(fastmath=_MATH)  # type: ignore[untyped-decorator]
def _arcsin_single(z: Any) -> Any:
    p = np.float32(0.03369084720283012)
    p = p * z + np.float32(0.017149238357677253)
    p = p * z + np.float32(0.03110066273549457)
    p = p * z + np.float32(0.04459940152851218)
    p = p * z + np.float32(0.07500094543497424)
    return p * z + np.float32(0.16666666337430908)


@njit(fastmath=_MATH)  # type: ignore[untyped-decorator]
def _root_double(z: Any) -> Any:
    p = -0.030336770093371594
    p = p * z + 0.011368622748428647
    p = p * z + -0.017471657075426302
    p = p * z + -0.008810342253960478
    p = p * z + -0.01343897233730603
    p = p * z + -0.016075569365753807
    p = p * z + -0.020510486539711933
    p = p * z + -0.02734363057679604
    p = p * z + -0.039062503131324706
    p = p * z + -0.062499999957752454
    p = p * z + -0.12500000000022246
    return p * z + -0.49999999999999983


@njit(fastmath=_MATH)  # type: ignore[untyped-decorator]
def _root_single(z: Any) -> Any:
    p = np.float32(-0.04574374363891939)
    p = p * z + np.float32(-0.03459101350752276)
    p = p * z + np.float32(-0.0629184290981586)
    p = p * z + np.float32(-0.1249866437477498)
    return p * z + np.float32(-0.500000067049571)


def _arcsin(z: Any) -> Any:
    """P, in the precision of z."""


def _root(z: Any) -> Any:
    """R, in the precision of z."""


@overload(_arcsin, jit_options={"fastmath": _MATH})  # type: ignore[untyped-decorator]
def _choose_arcsin(z):  # type: ignore[no-untyped-def]  # numba compares the signatures
    if z == types.float64:
        return lambda z: _arcsin_double(z)
    return lambda z: _arcsin_single(z)


@overload(_root, jit_options={"fastmath": _MATH})  # type: ignore[untyped-decorator]
def _choose_root(z):  # type: ignore[no-untyped-def]  # numba compares the signatures
    if z == types.float64:
        return lambda z: _root_double(z)
    return lambda z: _root_single(z)


@njit(fastmath=_MATH)  # type: ignore[untyped-decorator]
def _arc(x: Any, T: Any) -> Any:
    """Pi/2 + arcsin x and sqrt(1 - x^2)."""
    half = T(0.5)
    a = abs(x)
    large = a > half
    z = half - half * a if large else x * x
    s = math.sqrt(z)
    arc = s + s * z * _arcsin(z)
    arc = T(math.pi / 2) - (arc + arc) if large else arc
    sine = T(1) + z * _root(z)
    sine = (s + s) * sine if large else sine
    return T(math.pi / 2) + (arc if x > 0 else -arc), sine


@njit(fastmath=_MATH, nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def profile_tile(
    tile: Any, shift: Any, slope: Any, height: Any, mirrored: Any, left: Any, right: Any
) -> None:
    """Values of a profile in the place of cosines away from -1 and 1.

    Parameters
    ----------
    tile : ndarray, shape (p, q)
        Cosines; overwritten by values.
    shift, slope, height, mirrored
        The profile (:class:`ntklib._engine.angular.Profile`).
    left, right : ndarray, shapes (p,), (q,)
        Factors.
    """
    T = tile.dtype.type
    a, b, c = T(shift), T(slope), T(height)
    sign = T(-1) if mirrored else T(1)
    p, q = tile.shape
    row = np.empty(q, tile.dtype)
    for i in range(p):
        row[:] = tile[i]  # contiguous: on rows of a larger matrix the loops are not vectorized
        factor = left[i]
        if c == 0:  # no need of the sine
            for j in range(q):
                x = sign * row[j]
                w, _ = _arc(x, T)
                row[j] = (a + b * x) * w * factor * right[j]
        else:
            for j in range(q):
                x = sign * row[j]
                w, s = _arc(x, T)
                row[j] = ((a + b * x) * w + c * s) * factor * right[j]
        tile[i] = row


@njit(fastmath=_MATH, nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def relu_tile(
    tile: Any,
    leak: Any,
    trained: Any,
    mixed: Any,
    tangent: Any,
    left: Any,
    right: Any,
    shares: Any,
    biases: Any,
    shares_right: Any,
    biases_right: Any,
) -> None:
    """Kernel values of a ReLU network in the place of cosines away from -1 and 1.

    Parameters
    ----------
    tile : ndarray, shape (p, q)
        Cosines; overwritten by values.
    leak : float
        A layer is (1 + leak) kappa_1 - leak times the identity; zero for ReLU.
    trained, mixed : ndarray of bool, shape (L + 1,)
        Layers that are trained, layers that have biases.
    tangent : bool
        Tangent kernel, or covariance.
    left, right : ndarray, shapes (p,), (q,)
        Factors.
    shares, biases : ndarray, shape (L + 1, p); with ``_right``, shape (L + 1, q)
        Shares of weights and of biases in each layer. Read where `mixed`.
    """
    T = tile.dtype.type
    p, q = tile.shape
    last_layer = len(trained) - 1
    down = T(leak)
    up = (T(1) + down) * T(1 / math.pi)
    r, t = np.empty(q, tile.dtype), np.empty(q, tile.dtype)
    for i in range(p):
        r[:] = tile[i]
        begun = False
        for layer in range(last_layer + 1):
            if mixed[layer]:
                a, b = shares[layer, i], biases[layer, i]
                for j in range(q):
                    r[j] = a * shares_right[layer, j] * r[j] + b * biases_right[layer, j]
                if begun:
                    for j in range(q):
                        t[j] *= a * shares_right[layer, j]
            if tangent and trained[layer]:
                if begun:
                    for j in range(q):
                        t[j] += r[j]
                else:
                    begun = True
                    for j in range(q):
                        t[j] = r[j]
            if layer == last_layer:
                break
            if begun and layer + 1 == last_layer and not trained[last_layer]:
                # Nobody reads the correlation any more.
                for j in range(q):
                    w, _ = _arc(r[j], T)
                    t[j] *= up * w - down
            elif begun:
                for j in range(q):
                    w, sine = _arc(r[j], T)
                    t[j] *= up * w - down
                    r[j] = up * (sine + r[j] * w) - down * r[j]
            else:
                for j in range(q):
                    w, sine = _arc(r[j], T)
                    r[j] = up * (sine + r[j] * w) - down * r[j]
        c = left[i]
        if tangent:
            for j in range(q):
                tile[i, j] = t[j] * c * right[j]
        else:
            for j in range(q):
                tile[i, j] = r[j] * c * right[j]


@njit(fastmath=_MATH, nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def unit_tile(minus: Any, plus: Any, left: Any, right: Any, scale: Any, scale_right: Any) -> None:
    """Half the squared differences and sums of unit vectors, times their scales.

    Parameters
    ----------
    minus, plus : ndarray, shape (p, q)
        Overwritten by values.
    left, right : ndarray, shapes (c, p), (c, q)
        Unit vectors, components first.
    scale, scale_right : ndarray, shapes (p,), (q,)
        Factors.
    """
    half = minus.dtype.type(0.5)
    p, q = minus.shape
    m, n = np.empty(q, minus.dtype), np.empty(q, minus.dtype)
    for i in range(p):
        m[:] = 0
        n[:] = 0
        for k in range(len(left)):
            a = left[k, i]
            for j in range(q):
                d, e = a - right[k, j], a + right[k, j]
                m[j] += d * d
                n[j] += e * e
        c = scale[i] * half
        for j in range(q):
            minus[i, j] = m[j] * c * scale_right[j]
            plus[i, j] = n[j] * c * scale_right[j]


@njit(fastmath=_MATH)  # type: ignore[untyped-decorator]
def _bend(small: Any, T: Any) -> Any:
    """Angle and sin - angle * cos, from the smaller of 1 - cos and 1 + cos.

    With s the sine of half the angle, which is 2 s (1 + z P(z)) and has the sine 2 s (1 + z R(z)),
    the second is 2 s z (2 + R - P + 2 z P), a sum without cancellation.
    """
    half = T(0.5)
    near = small < half
    a = T(1) - small
    z = half * small if near else a * a
    s = math.sqrt(z)
    P, R = _arcsin(z), _root(z)
    arc = s + s * z * P
    angle = arc + arc if near else T(math.pi / 2) - arc
    # Both, and then the choice: loops with a choice of what to compute are not vectorized.
    close, wide = (s + s) * z * (T(2) + R - P + (z + z) * P), T(1) + z * R - angle * a
    return angle, close if near else wide


@njit(fastmath=_MATH, nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def deep_tile(
    tile: Any,
    leak: Any,
    trained: Any,
    mixed: Any,
    tangent: Any,
    left: Any,
    right: Any,
    shares: Any,
    biases: Any,
    shares_right: Any,
    biases_right: Any,
) -> None:
    """As `relu_tile`, from 1 - r and 1 + r in float64, which is accurate at every depth.

    The last four are float64, the factors of any precision.
    """
    p, q = tile.shape
    last_layer = len(trained) - 1
    one_more, one_less = 1.0 + leak, 1.0 - leak
    up = one_more / math.pi
    m, n, t = np.empty(q), np.empty(q), np.empty(q)
    for i in range(p):
        for j in range(q):
            r = np.float64(tile[i, j])
            m[j], n[j], t[j] = 1.0 - r, 1.0 + r, 0.0
        for layer in range(last_layer + 1):
            if mixed[layer]:
                a, b = shares[layer, i], biases[layer, i]
                for j in range(q):
                    share = a * shares_right[layer, j]
                    bias = b * biases_right[layer, j]
                    turn = a * biases_right[layer, j] - shares_right[layer, j] * b
                    lost = turn * turn / (1.0 + share + bias)
                    m[j] = share * m[j] + lost
                    n[j] = share * n[j] + (bias + bias) + lost
                    t[j] *= share
            if trained[layer]:
                for j in range(q):
                    t[j] += 0.5 * (n[j] - m[j])
            if layer == last_layer:
                break
            for j in range(q):
                far = m[j] > n[j]
                small = n[j] if far else m[j]
                angle, defect = _bend(small, np.float64)
                drop, turned = up * defect, leak * small
                opposite, equal = one_less - drop + turned, small - drop
                value = opposite if far else equal
                opposite, equal = one_more + drop - turned, 2.0 - value
                beyond = opposite if far else equal
                m[j], n[j] = max(value, 0.0), max(beyond, 0.0)
                opposite, equal = up * angle - leak, 1.0 - up * angle
                t[j] *= opposite if far else equal
        c = left[i]
        for j in range(q):
            tile[i, j] = (t[j] if tangent else 0.5 * (n[j] - m[j])) * c * right[j]


@njit(fastmath=_MATH, nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def window_tile(
    minus: Any,
    plus: Any,
    tangent: Any,
    kept: Any,
    leak: Any,
    trained: Any,
    shares: Any,
    shares_right: Any,
    bias: Any,
    into: Any,
    out: Any,
    bias_right: Any,
    into_right: Any,
    out_right: Any,
) -> None:
    """A ReLU layer of pairs of pixels, after the sums over windows, in their place.

    Parameters
    ----------
    minus, plus, tangent : ndarray, shape (p, q)
        Sums over windows of 1 - r, 1 + r and the tangent kernel, times the sizes of pixels;
        overwritten. `plus` empty: 1 + r is 2 - (1 - r). `tangent` empty: not asked for.
    kept : ndarray, shape (3, p, q)
        Written: the three before the activation. Empty: not asked for.
    leak : float
        A layer is (1 + leak) kappa_1 - leak times the identity; zero for ReLU.
    trained : bool
    shares : ndarray, shape (k, p); with ``_right``, shape (k, q)
        Unit vectors, components first.
    bias, into, out : ndarray, shape (p,); with ``_right``, shape (q,)
        Share of the bias; factors before the activation and after it.
    """
    T = minus.dtype.type
    p, q = minus.shape
    has_plus, has_tangent, keep = plus.size > 0, tangent.size > 0, kept.size > 0
    half, two, down = T(0.5), T(2), T(leak)
    one_more, one_less = T(1) + down, T(1) - down
    up = one_more * T(1 / math.pi)
    m, n, t = np.empty(q, minus.dtype), np.empty(q, minus.dtype), np.zeros(q, minus.dtype)
    for i in range(p):
        m[:] = 0
        for k in range(len(shares)):
            a = shares[k, i]
            for j in range(q):
                d = a - shares_right[k, j]
                m[j] += d * d
        c = into[i]
        if has_plus:
            b = two * bias[i]
            for j in range(q):
                n[j] = half * m[j] + b * bias_right[j] + c * into_right[j] * plus[i, j]
        for j in range(q):
            m[j] = half * m[j] + c * into_right[j] * minus[i, j]
        if not has_plus:
            for j in range(q):
                n[j] = two - m[j]
        if has_tangent:
            for j in range(q):
                t[j] = c * into_right[j] * tangent[i, j]
            if trained:
                for j in range(q):
                    t[j] += half * (n[j] - m[j])
        if keep:
            kept[0, i] = m
            kept[1, i] = n
            kept[2, i] = t
        c = out[i]
        for j in range(q):
            far = m[j] > n[j]
            small = n[j] if far else m[j]
            angle, defect = _bend(small, T)
            value = one_less - up * defect + down * small if far else small - up * defect
            beyond = one_more + up * defect - down * small if far else two - value
            slope = up * angle - down if far else T(1) - up * angle
            scale = c * out_right[j]
            m[j] = max(value, T(0)) * scale
            n[j] = max(beyond, T(0)) * scale
            t[j] *= slope * scale
        minus[i] = m
        if has_plus:
            plus[i] = n
        if has_tangent:
            tangent[i] = t
