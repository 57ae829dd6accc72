"""Leave-one-out residuals in closed form against n fits, in one run.

    python benchmarks/left_out.py

Gram matrices of unit points with a ridge; a fit is one call of `ntklib.systems.solve` with the rows
and columns of the others, and a product. The two ways take turns, round after round, so that what
else the machine does meets both alike. Seconds are the smallest of the rounds, after one that warms
up; the ratio is that of these. From 250 points on, n fits are not all made: twenty of them, spread
over the points, times n/20.
"""

import argparse
import time

import numpy as np

from ntklib import relu_ntk
from ntklib.complexity import leave_one_out
from ntklib.systems import solve

SIZES = [60, 125, 250, 500, 1000, 2000]
RIDGES = [0.0, *np.geomspace(1e-4, 1e2, 25)]
FITS, ALL_BELOW = 20, 250


def refit(K: np.ndarray, y: np.ndarray, ridge: float, i: int) -> float:
    """The residual at a point of the fit to the others."""
    rest = np.delete(np.arange(len(K)), i)
    coef = solve(K[np.ix_(rest, rest)], y[rest], ridge=ridge).coef
    return float(y[i] - K[i, rest] @ coef)


def seconds(function, *arguments) -> tuple[float, np.ndarray]:
    began = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - began, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    arguments = parser.parse_args()
    for n in arguments.sizes:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, 10))
        K = relu_ntk(X / np.linalg.norm(X, axis=1, keepdims=True))
        y = rng.standard_normal(n)
        at = np.arange(n) if n < ALL_BELOW else np.linspace(0, n - 1, FITS).astype(int)

        def fits(K: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
            return np.array([refit(K, y, 0.1, i) for i in at])

        rounds = []
        for _ in range(arguments.rounds + 1):
            once, found = seconds(leave_one_out, K, y, 0.1)
            many, _ = seconds(leave_one_out, K, y, RIDGES)
            n_fits, right = seconds(fits, K, y, at)
            rounds.append((once, many, n_fits * n / len(at)))
        one, grid, by_fits = (min(times) for times in zip(*rounds[1:], strict=True))
        gap = np.abs(found[at] - right).max() / np.abs(y).max()
        print(
            f"n = {n}: closed form {one:.4f} s, {n} fits {by_fits:.3g} s, {by_fits / one:.0f} "
            f"times as long; they differ by {gap:.0e}; {len(RIDGES)} ridges together take "
            f"{grid / one:.1f} times as long as one",
            flush=True,
        )


if __name__ == "__main__":
    main()
