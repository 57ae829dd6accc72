"""Writes elu_expectations.json: Gaussian expectations of ELU and SELU, to 18 digits.

E f(u) g(v) is the integral over u of f(u) times the mean of g(v) given u, which is a sum of normal
tails, densities and exponentials; mpmath integrates on both sides of the kink, on stretches as long
as what changes there.
Run with: python tests/unit/data/elu_expectations.py
"""

import json
from itertools import pairwise
from pathlib import Path

import mpmath as mp

# Slope above zero; scale and width of the exponential below.
FUNCTIONS = {
    "elu": (1, 1, 1),
    "selu": (mp.mpf("1.0507009873554805"), mp.mpf("1.7580993408473773"), 1),
}
STDS = [(1e-3, 1e-3), (1, 1), (100, 100), (0.25, 2)]
SMALL = [1e-6, 0.25]


def value(function, z, order):
    slope, scale, width = function
    if z >= 0:
        return slope if order else slope * z
    return scale * (mp.exp(z / width) / width if order else mp.expm1(z / width))


def mean(function, center, wide, order):
    """E f(center + wide xi), or of its derivative."""
    slope, scale, width = function
    if wide == 0:
        return value(function, center, order)
    shift, x = wide / width, center / wide
    fall = scale * mp.exp(center / width + shift**2 / 2) * mp.ncdf(-x - shift)
    if order:
        return slope * mp.ncdf(x) + fall / width
    return slope * (center * mp.ncdf(x) + wide * mp.npdf(x)) + fall - scale * mp.ncdf(-x)


def expectation(function, a, b, minus, opposite, order):
    a, b, minus = mp.mpf(a), mp.mpf(b), mp.mpf(minus)
    rho = (minus - 1) if opposite else (1 - minus)
    wide = mp.sqrt(minus * (2 - minus))
    ends = {mp.mpf(k) for k in (-12, -4, 0, 4, 12)}
    for size in (wide / abs(rho), function[2] / a, function[2] / b):
        ends |= {k * size for k in (-40, -10, -2, 2, 10, 40)}
    ends = sorted(e for e in ends if abs(e) <= 12)

    def integrand(x):
        other = mean(function, b * rho * x, b * wide, order)
        return value(function, a * x, order) * other * mp.npdf(x)

    return mp.fsum(mp.quad(integrand, [p, q]) for p, q in pairwise(ends))


def main():
    mp.mp.dps = 20
    rows = []
    for name, function in FUNCTIONS.items():
        for a, b in STDS:
            sizes = [mp.sqrt(expectation(function, s, s, 0, False, 0)) for s in (a, b)]
            steep = [expectation(function, s, s, 0, False, 1) for s in (a, b)]
            for small in SMALL:
                for opposite in (False, True):
                    product, slope = (
                        expectation(function, a, b, small, opposite, order) for order in (0, 1)
                    )
                    r = product / sizes[0] / sizes[1]
                    largest = mp.sqrt(steep[0] * steep[1])
                    exact = [*sizes, product, slope, largest, 1 - r, 1 + r]
                    rows.append([name, a, b, small, opposite, *(mp.nstr(v, 18) for v in exact)])
    text = ",\n".join(json.dumps(row) for row in rows)
    Path(__file__).with_suffix(".json").write_text(f"[\n{text}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
