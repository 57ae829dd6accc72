"""Eigenvalues of the tangent kernel on the sphere to degree 1000, against how else one gets them.

    python benchmarks/harmonics.py [--rounds 5] [--top 1000]

Three ways, for each dimension, in turn in every round: the closed form of ``ntklib.harmonics``; the
Gauss rule of Gegenbauer's weight with twice as many nodes as degrees (nodes and polynomials by
SciPy), which is how a kernel's expansion is usually written; and SciPy's adaptive ``quad`` of the
integral over the angle, degree by degree, of which one in fifty is done and the time multiplied.
Also the quadrature of ``ntklib.harmonics``, for a kernel that it does not know. Each line has the
median of the rounds' ratios to the closed form, and the largest relative error over the degrees
that are not zero.

One run on a busy machine, ``--rounds 3`` with one thread, in d = 2, 3 and 10. The closed form takes
0.15, 0.14 and 0.14 ms. Gauss: 142, 1697 and 1376 times as long, off by 1e-01, 6e-02 and 4e+00.
Adaptive: 22467, 439110 and 4602 times, off by 7e-10, 6e-08 and 8e+13. As a kernel that is not
known: 520, 527 and 466 times, off by 7e-09, 5e-08 and 2e+00; in ten dimensions float64 does not
hold more, and the error that is stated says so.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import scipy.integrate
import scipy.special

from ntklib import kappa, relu_ntk
from ntklib.harmonics import eigenvalues, gegenbauer

EACH = 50


def closed(d: int, k: np.ndarray) -> np.ndarray:
    return eigenvalues(relu_ntk, d, k)


def integrated(d: int, k: np.ndarray) -> np.ndarray:
    """As a kernel that is not known."""
    return eigenvalues(lambda X, Z: relu_ntk(X, Z), d, k)


def gauss(d: int, k: np.ndarray) -> np.ndarray:
    """Chebyshev's or Gegenbauer's rule, and the polynomials by their recursion."""
    count = 2 * (int(k.max()) + 1)
    if d == 2:
        t, w = scipy.special.roots_chebyt(count)
    else:
        t, w = scipy.special.roots_gegenbauer(count, d / 2 - 1)
    return gegenbauer(d, k, t) @ (w / w.sum() * kappa(t))


def adaptive(d: int, k: np.ndarray) -> np.ndarray:
    c = math.exp(math.lgamma(d / 2) - math.lgamma((d - 1) / 2)) / math.sqrt(math.pi)

    def value(degree: int) -> float:
        def integrand(theta: float) -> float:
            t = math.cos(theta)
            shape = t * (math.pi - theta) / (2 * math.pi) * math.sin(theta) ** (d - 2)
            if d == 2:
                return shape * math.cos(degree * theta)
            norm = scipy.special.eval_gegenbauer(degree, d / 2 - 1, 1.0)
            return shape * float(scipy.special.eval_gegenbauer(degree, d / 2 - 1, t) / norm)

        return c * scipy.integrate.quad(integrand, 0, math.pi, limit=1000)[0]

    return np.array([value(int(degree)) for degree in k])


def seconds(way: Callable[[int, np.ndarray], np.ndarray], d: int, k: np.ndarray) -> float:
    began = time.perf_counter()
    way(d, k)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--top", type=int, default=1000)
    arguments = parser.parse_args()
    k = np.arange(arguments.top + 1)
    few = np.concatenate([[0, 1], k[2::EACH]])
    for d in (2, 3, 10):
        right = closed(d, k)
        rounds: dict[str, list[float]] = {way.__name__: [] for way in (integrated, gauss, adaptive)}
        times = []
        for _ in range(arguments.rounds):
            times.append(min(seconds(closed, d, k) for _ in range(5)))
            for way in (integrated, gauss):
                rounds[way.__name__].append(seconds(way, d, k) / times[-1])
            part = seconds(adaptive, d, few) * len(k) / len(few)
            rounds["adaptive"].append(part / times[-1])
        print(f"d = {d}: closed form {1e3 * statistics.median(times):.2f} ms")
        for way in (integrated, gauss, adaptive):
            chosen = few if way is adaptive else k
            exact = right[chosen]
            error = np.abs(way(d, chosen) - exact)[exact > 0] / exact[exact > 0]
            ratio = statistics.median(rounds[way.__name__])
            print(f"   {way.__name__:10s} {ratio:10.0f} times as long, off by {error.max():.0e}")


if __name__ == "__main__":
    main()
