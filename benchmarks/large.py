"""Kernel ridge regression past memory: time, memory and accuracy as n grows, and what Dask costs.

    python benchmarks/large.py                       n = 6250, 12500, 25000, 50000
    python benchmarks/large.py --sizes 5000 10000    smaller
    python benchmarks/large.py --dask tcp://host:8786   the blocks on a cluster that is there

Unit points in 64 dimensions near a sheet of dimension 3, so that the spectrum falls as in data; a
smooth target with noise; ridge 1e-2 n / 1000. For each n it prints: building the blocks in float32,
a product with what is kept, a product recomputed from the points, the preconditioner, the solve to
a residual of 1e-6, the test error, and the largest memory of the process so far. The Dask part runs
the same solve through a LocalCluster of two workers and gives the ratio to the single process.
"""

import argparse
import json
import os
import platform
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from worker import peak_bytes

from ntklib import relu_ntk
from ntklib.large import (
    dask_gram,
    dask_operator,
    gram_operator,
    low_rank_preconditioner,
    pivoted_cholesky,
    ridge_solve,
)

RESULTS = Path(__file__).with_name("large.json")
RTOL, RANK, TEST = 1e-6, 500, 1000


def data(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of the unit sphere, one a row, and noisy values of a smooth function."""
    sheet = rng.uniform(-1, 1, (n, 3))
    features = np.sin(sheet @ rng.uniform(-3, 3, (3, 64)) + rng.uniform(0, 6, 64))
    X = features + 0.1 * rng.standard_normal((n, 64))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X, np.sin(3 * sheet[:, 0]) * sheet[:, 1] + 0.05 * rng.standard_normal(n)


def timed(function: Any, *args: Any, **keywords: Any) -> tuple[Any, float]:
    """The result and the seconds it took."""
    start = time.perf_counter()
    result = function(*args, **keywords)
    return result, time.perf_counter() - start


def memory() -> float:
    """Largest resident memory of this process so far, in GiB."""
    return peak_bytes() / 2**30


def measure(n: int, *, recompute: bool) -> dict[str, float]:
    """One size, in one process."""
    rng = np.random.default_rng(n)
    points, values = data(n + TEST, np.random.default_rng(0))
    X, y = points[:n].astype(np.float32), values[:n]
    ridge, v = 1e-2 * n / 1000, rng.standard_normal(n)
    K, build = timed(gram_operator, relu_ntk, X, block=4096, dtype=np.float32)
    _, product = min((timed(K.__matmul__, v) for _ in range(3)), key=lambda pair: pair[1])
    row: dict[str, float] = {"n": n, "build": build, "product": product}
    if recompute:
        _, row["recomputed"] = timed(gram_operator(relu_ntk, X, block=2048).__matmul__, v)
    diagonal = np.full(n, 0.5)
    F, row["preconditioner"] = timed(
        pivoted_cholesky, relu_ntk, X, RANK, diagonal=diagonal, rng=rng
    )
    preconditioner = low_rank_preconditioner(F, ridge)
    solution, row["solve"] = timed(
        ridge_solve, K, y, ridge, preconditioner=preconditioner, rtol=RTOL
    )
    row |= {"iterations": solution.iterations, "residual": solution.residual}
    predicted = relu_ntk(points[n:].astype(np.float32), X) @ solution.coef
    row["test_rmse"] = float(np.sqrt(np.mean((predicted - values[n:]) ** 2)))
    row["memory_gib"] = memory()
    return row


def with_dask(n: int, address: str | None) -> dict[str, float]:
    """The same solve with the blocks on workers, without a preconditioner, and without Dask."""
    from dask.distributed import Client, LocalCluster

    points, values = data(n, np.random.default_rng(0))
    X, y, ridge = points.astype(np.float32), values, 1e-2 * n / 1000
    K = gram_operator(relu_ntk, X, block=4096, dtype=np.float32)
    single, alone = timed(ridge_solve, K, y, ridge, rtol=RTOL)
    del K
    if address:
        client: Any = Client(address)
        cluster: Any = None
    else:
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        client = Client(cluster)
    with client:
        blocks, build = timed(lambda: _persisted(dask_gram(relu_ntk, X, chunk=4096)))
        spread, seconds = timed(ridge_solve, dask_operator(blocks), y, ridge, rtol=RTOL)
    if cluster is not None:
        cluster.close()
    return {
        "n": n,
        "build": build,
        "single": alone / single.iterations,
        "dask": seconds / spread.iterations,
        "ratio": (seconds / spread.iterations) / (alone / single.iterations),
        "gap": float(np.linalg.norm(spread.coef - single.coef) / np.linalg.norm(single.coef)),
    }


def _persisted(blocks: Any) -> Any:
    from dask.distributed import wait

    blocks = blocks.persist()
    wait(blocks)
    return blocks


def power(value: float) -> str:
    """A number with one digit, as a formula."""
    digit, exponent = f"{value:.0e}".split("e")
    factor = "" if digit == "1" else rf"{digit}\cdot"
    return f"${factor}10^{{{int(exponent)}}}$"


def _digits(value: float) -> str:
    return f"{value:#.3g}".rstrip(".")


def table(results: dict[str, Any]) -> str:
    """The results in words and tables, for the book."""
    columns = {
        "n": "*n*",
        "build": "blocks",
        "product": "product",
        "recomputed": "recomputed",
        "preconditioner": "preconditioner",
        "solve": "solve",
        "iterations": "steps",
        "test_rmse": "test error",
        "memory_gib": "GB",
    }
    lines = [
        f"Measured {results['date']} on {results['machine']}. Unit points in 64 dimensions, ridge "
        f"$n/100000$, residual {power(RTOL)}, preconditioner of rank {RANK}. The noise of the "
        "targets is 0.05.",
        "",
        "The blocks of the triangle are computed once and kept in single precision. A product "
        "with a vector reads them; recomputed, it computes them anew. The preconditioner is made "
        "of columns that are computed for it. *Solve* is conjugate gradients with the kept blocks, "
        "*steps* their number, *test error* the root mean square on new noisy targets. Times are "
        "in seconds; the last column is the peak of memory.",
        "",
        "| " + " | ".join(columns.values()) + " |",
        "|" + "|".join(["---"] * len(columns)) + "|",
    ]
    for row in results["sizes"]:
        shown = row | {"memory_gib": row["memory_gib"] * 2**30 / 1e9}
        cells = (str(shown[k]) if k in ("n", "iterations") else _digits(shown[k]) for k in columns)
        lines.append("| " + " | ".join(cells) + " |")
    dask = results["dask"]
    lines += [
        "",
        f"Through Dask, two workers of one thread each, $n={dask['n']}$, a step of the "
        f"solver without a preconditioner takes {_digits(dask['dask'])}\u00a0s; in one process it "
        f"takes {_digits(dask['single'])}\u00a0s. The ratio is {_digits(dask['ratio'])}. "
        f"The solutions differ by {power(dask['gap'])}.",
        "",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--sizes", type=int, nargs="+", default=[6250, 12500, 25000, 50000])
    parser.add_argument("--dask-size", type=int, default=12500)
    parser.add_argument("--dask", metavar="ADDRESS", help="scheduler of a cluster")
    args = parser.parse_args(argv)
    rows = []
    for n in args.sizes:
        rows.append(measure(n, recompute=True))
        print(json.dumps({k: round(v, 4) for k, v in rows[-1].items()}), flush=True)
    dask = with_dask(args.dask_size, args.dask)
    print(json.dumps({k: round(v, 6) for k, v in dask.items()}), flush=True)
    about = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "settings": {"rtol": RTOL, "rank": RANK, "dimension": 64},
    }
    results = {**about, "sizes": rows, "dask": dask}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(table(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
