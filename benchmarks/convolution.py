"""Pooled convolutional kernels against those of another commit, in one run.

    python benchmarks/convolution.py COMMIT

Pairs of images of 32 x 32 pixels and 3 channels, uniform on [0, 1], windows of 3 x 3, the mean over
pixels at the end. Each of the two versions has a process of its own; they do their jobs in turn,
round after round, so that what else the machine does meets both alike. Seconds are the smallest of
the rounds, after one that warms up; the ratio is that of these.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
JOBS = [
    {"depth": depth, "dtype": dtype, "signals": signals}
    for depth in (2, 5)
    for dtype in ("float64", "float32")
    for signals in (1, 2)
]
WORKER = """
import json, sys, time
import numpy as np
from ntklib import conv_ntk
for line in sys.stdin:
    job = json.loads(line)
    X, Z = np.random.default_rng(0).uniform(size=(2, job["signals"], 32, 32, 3))
    X, Z = X.astype(job["dtype"]), Z.astype(job["dtype"])
    began = time.perf_counter()
    K = conv_ntk(X, Z, depth=job["depth"], readout="mean")
    print(json.dumps([time.perf_counter() - began, float(K[0, 0])]), flush=True)
"""


def worker(home: Path) -> subprocess.Popen[str]:
    """A process that measures the package in this folder."""
    return subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(home)},
    )


def ask(process: subprocess.Popen[str], job: dict[str, Any]) -> list[float]:
    """Seconds and the first value."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    answer: list[float] = json.loads(process.stdout.readline())
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("commit", help="what to compare with")
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    command = ["git", "archive", arguments.commit, "ntklib"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.TarFile(fileobj=BytesIO(archive)) as packed:
            packed.extractall(folder, filter="data")
        pair = worker(Path(folder)), worker(ROOT)
        for job in JOBS:
            rounds = [[ask(process, job) for process in pair] for _ in range(arguments.rounds)][1:]
            before, after = (min(r[k][0] for r in rounds) / job["signals"] ** 2 for k in (0, 1))
            change = abs(rounds[0][1][1] / rounds[0][0][1] - 1)
            print(
                f"{job}: {before:.3f} s a pair before, {after:.3f} s now, {before / after:.1f} "
                f"times as fast; values differ by {change:.0e}",
                flush=True,
            )
        for process in pair:
            process.communicate()


if __name__ == "__main__":
    main()
