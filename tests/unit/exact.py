"""Profiles, and kernels straight from their recursion, in as many digits as mpmath is told."""

import mpmath as mp


def arc_cosine(p, theta):
    """J_p of Cho and Saul, by its integral representation as a recursion in the order."""
    t = mp.cos(theta)
    values = [mp.pi - theta, mp.sin(theta) + (mp.pi - theta) * t]
    for q in range(2, p + 1):
        values.append((2 * q - 1) * t * values[-1] + (q - 1) ** 2 * (1 - t * t) * values[-2])
    return values[p]


def homogeneous(p, alpha, beta):
    """E[s(u) s(v)] and E[s'(u) s'(v)] of s(z) = alpha z_+^p + beta (-z)_+^p."""
    square = mp.mpf(alpha) ** 2 + mp.mpf(beta) ** 2
    twice = 2 * mp.mpf(alpha) * mp.mpf(beta)

    def law(q, r, c):
        size = mp.sqrt(q) * mp.sqrt(r)
        theta = mp.acos(max(-1, min(1, c / size)))
        J, K = arc_cosine(p, theta), arc_cosine(p, mp.pi - theta)
        dJ, dK = arc_cosine(p - 1, theta), arc_cosine(p - 1, mp.pi - theta)
        return (
            size**p * (square * J + twice * K) / (2 * mp.pi),
            p * p * size ** (p - 1) * (square * dJ - twice * dK) / (2 * mp.pi),
        )

    return law


def erf(q, r, c):
    D = (1 + 2 * q) * (1 + 2 * r)
    return 2 / mp.pi * mp.asin(2 * c / mp.sqrt(D)), 4 / mp.pi / mp.sqrt(D - 4 * c * c)


def gaussian(q, r, c):
    D = (1 + 2 * q) * (1 + 2 * r) - 4 * c * c
    return 1 / mp.sqrt(D), 4 * c / mp.sqrt(D) ** 3


def rbf(q, r, c):
    value = mp.exp(c - (q + r) / 2)
    return value, value


def exp(q, r, c):
    value = mp.exp(c + (q + r) / 2)
    return value, value


def cos(q, r, c):
    scale = mp.exp(-(q + r) / 2)
    return scale * mp.cosh(c), scale * mp.sinh(c)


def sin(q, r, c):
    scale = mp.exp(-(q + r) / 2)
    return scale * mp.sinh(c), scale * mp.cosh(c)


LAWS = {
    "relu": homogeneous(1, 1, 0),
    "leaky_relu": homogeneous(1, 1, -0.01),
    "absolute": homogeneous(1, 1, 1),
    "identity": homogeneous(1, 1, -1),
    "square": homogeneous(2, 1, 1),
    "erf": erf,
    "gaussian": gaussian,
    "rbf": rbf,
    "exp": exp,
    "cos": cos,
    "sin": sin,
}


def kernels(x, z, *, depth, law, W_std, b_std):
    """(xx, zz, xz) of the NNGP and of the NTK; floats and numbers of mpmath, taken exactly.

    Scales are for all layers or one a layer.
    """
    x, z = [[v if isinstance(v, mp.mpf) else mp.mpf(float(v)) for v in p] for p in (x, z)]
    scales = (s if isinstance(s, list) else [s] * (depth + 1) for s in (W_std, b_std))
    W, b = ([mp.mpf(v) ** 2 for v in s] for s in scales)
    pairs = ((x, x), (z, z), (x, z))
    K = [W[0] * mp.fsum(s * t for s, t in zip(*p, strict=True)) + b[0] for p in pairs]
    T = list(K)
    for layer in range(1, depth + 1):
        moments = [law(K[0], K[0], K[0]), law(K[1], K[1], K[1]), law(*K)]
        K = [W[layer] * value + b[layer] for value, _ in moments]
        T = [W[layer] * t * slope for t, (_, slope) in zip(T, moments, strict=True)]
        T = [t + k for t, k in zip(T, K, strict=True)]
    return K, T


def error(measured, exact):
    """Distance of a float from the last of (xx, zz, xz), relative to sqrt(xx zz)."""
    return float(abs(mp.mpf(float(measured)) - exact[2]) / mp.sqrt(exact[0]) / mp.sqrt(exact[1]))


def lecture(x, z):
    """NTK, NNGP (both over the product of norms), gate kernel, angle, product of norms."""
    with mp.workdps(60):
        x, z = [mp.mpf(float(v)) for v in x], [mp.mpf(float(v)) for v in z]
        nx, nz = mp.norm(x), mp.norm(z)
        s = mp.norm([a / nx - b / nz for a, b in zip(x, z, strict=True)])
        c = mp.norm([a / nx + b / nz for a, b in zip(x, z, strict=True)])
        theta = 2 * mp.atan2(s, c)
        ntk, nngp, gate = (
            profile(theta, *terms) / (2 * mp.pi) for terms in ((0, 1, 0), (0, 1, 1), (1, 0, 0))
        )
        return ntk, nngp, gate, theta, nx * nz


def profile(theta, shift, slope, height, mirrored=False):
    """(shift + slope cos theta)(pi - theta) + height sin theta; mirrored, of pi - theta."""
    if mirrored:
        theta = mp.pi - theta
    return (shift + slope * mp.cos(theta)) * (mp.pi - theta) + height * mp.sin(theta)


def relu_layer(theta, leak):
    """The slope of a layer and its correlation: (1 + leak) kappa_0 - leak, and with kappa_1."""
    slope, value = arc_cosine(0, theta) / mp.pi, arc_cosine(1, theta) / mp.pi
    return (1 + leak) * slope - leak, (1 + leak) * value - leak * mp.cos(theta)
