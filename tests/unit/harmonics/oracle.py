"""Eigenvalues in many digits, by other ways than the package's."""

import mpmath as mp


def gegenbauer(d, degree, t):
    """P_k(t), by its recursion in the arithmetic of mpmath."""
    previous, current = mp.mpf(0), mp.mpf(1)
    for k in range(degree):
        share = mp.mpf(k) / (k + d - 2) if k else mp.mpf(0)
        previous, current = current, (1 + share) * t * current - share * previous
    return current


def step(d, k):
    """The coefficient of the step function at degree k: Rodrigues' formula, for odd k."""
    if k % 2 == 0:
        return mp.mpf(1) / 2 if k == 0 else mp.mpf(0)
    half, j = mp.mpf(d) / 2, (k - 1) // 2
    c = mp.gamma(half) / mp.sqrt(mp.pi) / mp.gamma(half - mp.mpf(1) / 2)
    rodrigues = mp.gamma(half - mp.mpf(1) / 2) / mp.mpf(2) ** k / mp.gamma(k + half - 0.5)
    return c * rodrigues * mp.factorial(2 * j) * (-1) ** j * mp.binomial(k + half - 1.5, j)


def gate(d, k):
    return step(d, k) ** 2


def times_t(coefficient, d, k):
    """The coefficient of t f at degree k, from those of f."""
    below = k * coefficient(d, k - 1) if k else mp.mpf(0)
    weight = 2 * k + d - 2
    if weight == 0:
        return coefficient(d, 1)
    return (below + (k + d - 2) * coefficient(d, k + 1)) / weight


def tangent(d, k):
    return times_t(gate, d, k)


def covariance(d, k):
    """The square of the coefficient of the ReLU, t times a step; d is the mean of |v|^2."""
    return d * times_t(step, d, k) ** 2


def profile(kernel, t, beta):
    """The kernel of the points (x, beta) at the inner product t of x."""
    square = mp.mpf(beta) ** 2
    theta = mp.acos((t + square) / (1 + square))
    gates = (mp.pi - theta) / (2 * mp.pi)
    return {
        "gate": gates,
        "tangent": (t + square) * gates,
        "covariance": (1 + square) * mp.sin(theta) / (2 * mp.pi) + (t + square) * gates,
    }[kernel]


def integral(kernel, d, k, beta=0):
    """Funk and Hecke's integral over the angle, in parts that close in on the opposite point."""
    half = mp.mpf(d) / 2
    c = mp.gamma(half) / mp.sqrt(mp.pi) / mp.gamma(half - mp.mpf(1) / 2)
    ends = [mp.pi * j / 4 for j in range(4)] + [mp.pi * (1 - mp.mpf(2) ** -j) for j in range(3, 9)]

    def integrand(theta):
        t = mp.cos(theta)
        return profile(kernel, t, beta) * gegenbauer(d, k, t) * mp.sin(theta) ** (d - 2)

    return c * mp.quad(integrand, [*ends, mp.pi], method="gauss-legendre")
