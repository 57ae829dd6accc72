"""Deep kernels: a thousand layers against three, in one run, and against ufuncs alone.

    python benchmarks/depth.py

Gram matrices of standard Gaussian points; the jobs take turns, round after round, so that what else
the machine does meets all alike. Seconds are the smallest of the rounds, after one that warms up.
With ``--numpy`` the thousand layers are also done without numba, once, which takes a minute.
"""

import argparse
import os
import time

import numpy as np

from ntklib import ntk

DEPTHS = (3, 32, 33, 100, 1000)


def seconds(X: np.ndarray, depth: int) -> float:
    began = time.perf_counter()
    ntk(X, depth=depth)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--numpy", action="store_true")
    arguments = parser.parse_args()
    X = np.random.default_rng(0).standard_normal((arguments.points, 50))
    rounds = [[seconds(X, depth) for depth in DEPTHS] for _ in range(arguments.rounds + 1)][1:]
    best = [min(times) for times in zip(*rounds, strict=True)]
    for depth, found in zip(DEPTHS, best, strict=True):
        each = found / depth / (len(X) * (len(X) + 1) / 2)
        print(
            f"depth {depth}, n = {len(X)}: {found:.3f} s, {found / best[0]:.1f} times depth "
            f"{DEPTHS[0]}, {1e9 * each:.2f} ns a pair and layer"
        )
    if arguments.numpy:
        os.environ["NTKLIB_NUMBA"] = "0"
        found = seconds(X, DEPTHS[-1])
        print(f"depth {DEPTHS[-1]} in ufuncs: {found:.1f} s, {found / best[-1]:.0f} times as long")


if __name__ == "__main__":
    main()
