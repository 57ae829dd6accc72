"""Writes piecewise_expectations.json: Gaussian expectations of straight pieces, to 20 digits.

E f(u) g(v) is the integral over u of f(u) times the mean of g(v) given u, which is a sum of normal
tails and densities; mpmath integrates between the kinks of f and across the steps of that mean.
Run with: python tests/unit/data/piecewise_expectations.py
"""

import json
from itertools import pairwise
from pathlib import Path

import mpmath as mp

FUNCTIONS = {
    "hardtanh": ([-1, 1], [-1, 1], 0, 0),
    "relu6": ([0, 6], [0, 6], 0, 0),
    "stairs": ([-1, 0.5, 2], [0, 1, -1], 0.25, -0.5),
}
STDS = [(1e-3, 1e-3), (30, 30), (1e3, 1e3), (0.25, 2), (1, 1 + 1e-9)]
SMALL = [1e-16, 0.25]


def slopes(function):
    t, y, left, right = function
    points = list(zip(map(mp.mpf, t), map(mp.mpf, y), strict=True))
    inner = [(q - p) / (v - u) for (u, p), (v, q) in pairwise(points)]
    return [mp.mpf(left), *inner, mp.mpf(right)]


def value(function, z, order):
    t, y, *_ = function
    s, k = slopes(function), sum(z >= kink for kink in t)
    anchor = max(0, k - 1)
    return s[k] if order else y[anchor] + s[k] * (z - t[anchor])


def mean(function, center, width, order):
    """E f(center + width xi), or of its derivative."""
    t, y, *_ = function
    s = slopes(function)
    if width == 0:
        return value(function, center, order)
    total = s[0] if order else y[0] + s[0] * (center - t[0])
    for kink, jump in zip(t, [q - p for p, q in pairwise(s)], strict=True):
        x = (center - kink) / width
        tail = mp.erfc(-x / mp.sqrt(2)) / 2
        total += jump * (tail if order else width * (x * tail + mp.npdf(x)))
    return total


def expectation(function, a, b, minus, opposite, order):
    a, b, minus = mp.mpf(a), mp.mpf(b), mp.mpf(minus)
    rho = (minus - 1) if opposite else (1 - minus)
    width = mp.sqrt(minus * (2 - minus))
    ends = {-mp.mpf(12), mp.mpf(12), mp.mpf(0), mp.mpf(-4), mp.mpf(4)}
    for kink in function[0]:
        ends.add(kink / a)
        center = kink / (b * rho)
        ends |= {center + k * width / abs(rho) for k in (-12, -3, 0, 3, 12)}
    ends = sorted(e for e in ends if abs(e) <= 12)

    def integrand(x):
        return (
            value(function, a * x, order)
            * mean(function, b * rho * x, b * width, order)
            * mp.npdf(x)
        )

    # Just inside of each stretch, so that values at a kink are those of this side.
    return mp.fsum(mp.quad(integrand, [p, q]) for p, q in pairwise(ends))


def main():
    mp.mp.dps = 30
    rows = []
    for name, function in FUNCTIONS.items():
        for a, b in STDS:
            sizes = [mp.sqrt(expectation(function, s, s, 0, False, 0)) for s in (a, b)]
            for small in SMALL:
                for opposite in (False, True):
                    product, slope = (
                        expectation(function, a, b, small, opposite, order) for order in (0, 1)
                    )
                    r = product / sizes[0] / sizes[1]
                    exact = [*sizes, product, slope, 1 - r, 1 + r]
                    rows.append([name, a, b, small, opposite, *(mp.nstr(v, 20) for v in exact)])
    text = ",\n".join(json.dumps(row) for row in rows)
    Path(__file__).with_suffix(".json").write_text(f"[\n{text}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
