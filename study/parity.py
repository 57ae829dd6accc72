"""The parity of two bits among sixty: a trained network, its linearization, and the kernel.

    python -m study.parity          fill ntklib/book/records/parity.json, some five minutes
    python -m study.parity --check  compute the first run of each size again, compare

Every run draws training points, test points and first weights from a generator seeded by its
number and the number of points, so that any run can be repeated alone.
"""

import argparse
import json
import math
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import scipy

import ntklib
from ntklib import relu_ntk
from ntklib.book import parity

RECORD = Path(__file__).resolve().parents[1] / "ntklib/book/records/parity.json"
D, M, STEPS, TEST = 60, 256, 1000, 4000
SIZES = (50, 100, 200, 300, 400, 800)
RUNS = 20
# Gradient descent with step 0.1 m d / n: the sum over n points, each of length one, is a mean, and
# the factor m takes back what the mean over the neurons does to the gradient of one of them.
STEP = 0.1 * M * D


def run(seed: int, n: int) -> dict[str, Any]:
    """One draw of everything: squared errors and shares of right signs of the three."""
    rng = np.random.default_rng([seed, n])
    X, Z = parity.signs(n, D, rng), parity.signs(TEST, D, rng)
    y, told = X[:, 0] * X[:, 1], Z[:, 0] * Z[:, 1]
    net, W0 = parity.network(D, M, rng)
    A, B = X / math.sqrt(D), Z / math.sqrt(D)
    W = parity.descend(net, W0, A, y, step=STEP / n, steps=STEPS)[STEPS]
    K, below = net.empirical_ntk(A, W=W0), net.empirical_ntk(B, A, W=W0)
    linear = below @ np.linalg.lstsq(K, y, rcond=None)[0]
    alpha = np.linalg.solve(relu_ntk(A), y)
    on = parity.cube(relu_ntk, D)
    found: dict[str, Any] = {
        "trained": parity.scores(net(B, W), told),
        "training error": parity.scores(net(A, W), y)[0],
        "linearized": parity.scores(linear, told),
        "kernel": (
            parity.error(on, X, y, 2, alpha),
            parity.scores(relu_ntk(B, A) @ alpha, told)[1],
        ),
        "distance": parity.distance(on, X, y, 2),
        "mean distance": parity.mean_distance(on, X, 2),
    }
    return {name: np.round(value, 8).tolist() for name, value in found.items()}


def record() -> dict[str, Any]:
    """All runs, with their settings and the versions of what computed them."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for n in SIZES:
        runs[str(n)] = [run(seed, n) for seed in range(RUNS)]
        print(n, "points done", flush=True)
    return {
        "says": "pairs: mean squared error, share of right signs",
        "settings": {"d": D, "m": M, "steps": STEPS, "step": "0.1 m d / n", "test": TEST,
                     "bits": [0, 1], "seed of a run": "[number of the run, n]"},
        "versions": {"python": platform.python_version(), "numpy": np.__version__,
                     "scipy": scipy.__version__, "ntklib": ntklib.__version__},
        "runs": runs,
    }  # fmt: skip


def differences() -> list[str]:
    """What the first run of each size gives now, where it is not what is on record.

    Rounding differs between machines and descent amplifies it, measured, to 1e-8 at most.
    """
    told = json.loads(RECORD.read_text(encoding="utf-8"))["runs"]
    found = []
    for n in SIZES:
        now = run(0, n)
        for name, value in told[str(n)][0].items():
            off = float(np.abs(np.subtract(now[name], value)).max())
            if off > 1e-3:
                found.append(f"{n} points, {name}: {now[name]}, on record {value}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    if parser.parse_args(argv).check:
        found = differences()
        print("\n".join(found) or "as on record")
        return 1 if found else 0
    text = json.dumps(record(), indent=1) + "\n"
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
