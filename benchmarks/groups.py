"""Kernels averaged over cyclic shifts: Fourier transforms against the explicit sum, in one run.

    python benchmarks/groups.py

Gram matrices of standard Gaussian points; the two ways take turns, round after round, so that what
else the machine does meets both alike. Seconds are the smallest of the rounds, after one that warms
up; the ratio is that of these.
"""

import argparse
import time
from functools import partial

import numpy as np

from ntklib import ntk, relu_ntk
from ntklib.groups import averaged, cyclic_shifts
from ntklib.model import Kernel

KERNELS: dict[str, Kernel] = {"lecture": relu_ntk, "depth 3": partial(ntk, depth=3)}
# Grids and numbers of points.
CASES = [
    ((64,), 500),
    ((128,), 400),
    ((256,), 300),
    ((1024,), 100),
    ((16, 16), 300),
    ((28, 28), 200),
]


def seconds(kernel: Kernel, X: np.ndarray) -> float:
    began = time.perf_counter()
    kernel(X)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for name, kernel in KERNELS.items():
        for grid, n in CASES:
            group = cyclic_shifts(*grid)
            X = np.random.default_rng(0).standard_normal((n, group.dimension))
            pair = [averaged(kernel, group, method=method) for method in ("sum", "fft")]
            rounds = [[seconds(k, X) for k in pair] for _ in range(arguments.rounds + 1)][1:]
            by_sum, by_fft = (min(times) for times in zip(*rounds, strict=True))
            gap = np.abs(pair[0](X) - pair[1](X)).max() / np.abs(kernel(X)).max()
            print(
                f"{name}, shifts of {' x '.join(map(str, grid))}, n = {n}: sum {by_sum:.3f} s, "
                f"transforms {by_fft:.3f} s, {by_sum / by_fft:.1f} times as fast; they differ by "
                f"{gap:.0e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
