"""Ridge regression in the span of centres: time, memory and error as n grows, beside rivals.

    python benchmarks/nystroem.py                     n to 800 000 and, streamed, 10^7
    python benchmarks/nystroem.py --sizes 20000 --streamed 0 --centers 500      smaller

Data, ridge and test points are those of large.py. Each run has a process of its own, so that its
peak of memory is its own; runs of one size follow on each other. The contenders:

* kept: `nystroem_solve` with the kernel values kept in float32;
* formed: the same with little memory, so that the normal equations are formed;
* scikit-learn: its `Nystroem` and `Ridge`, with the same kernel and the same centres;
* boosting: its `HistGradientBoostingRegressor` as it comes;
* all points: `ridge_solve` with every point as a centre, up to 50 000 points;
* streamed: `formed`, where the points are made chunk by chunk and are never in memory together.

Beside seconds by the clock there are seconds of the processors, which other programs on the machine
hardly change.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from large import TEST, data
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from worker import peak_bytes

from ntklib import relu_ntk
from ntklib.book.figures.style import INK, new_axes
from ntklib.book.interactive import png, svg
from ntklib.large import (
    gram_operator,
    low_rank_preconditioner,
    nystroem_solve,
    pivoted_cholesky,
    ridge_solve,
)

RESULTS = Path(__file__).with_name("nystroem.json")
SIZES, STREAMED, CENTERS, LAST_EXACT = [50_000, 200_000, 800_000], 10_000_000, 2000, 50_000
WAYS = ("kept", "formed", "scikit-learn", "boosting", "all points")
EQUATIONS = 50  # bytes times m^2 in which the equations fit and the kernel values do not


class Made:
    """Points of large.py's kind that are made when they are read, chunk by chunk."""

    STEP = 8192

    def __init__(self, n: int) -> None:
        self.shape, self.chunks = (n, 64), (self.STEP, 64)
        self._last: tuple[int, Any] = (-1, None)

    def chunk(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        if self._last[0] != k:
            rng, shared = np.random.default_rng([7, k]), np.random.default_rng(7)
            sheet = rng.uniform(-1, 1, (self.STEP, 3)).astype(np.float32)
            turn = shared.uniform(-3, 3, (3, 64)).astype(np.float32)
            X = np.sin(sheet @ turn + shared.uniform(0, 6, 64).astype(np.float32))
            X += 0.1 * rng.standard_normal(X.shape, dtype=np.float32)
            X /= np.linalg.norm(X, axis=1, keepdims=True)
            noise = 0.05 * rng.standard_normal(self.STEP)
            self._last = (k, (X, np.sin(3 * sheet[:, 0]) * sheet[:, 1] + noise))
        made: tuple[np.ndarray, np.ndarray] = self._last[1]
        return made

    def __getitem__(self, rows: slice) -> np.ndarray:
        k = rows.start // self.STEP
        return self.chunk(k)[0][rows.start - k * self.STEP : rows.stop - k * self.STEP]

    def targets(self) -> np.ndarray:
        """The values at all points."""
        chunks = range(-(-self.shape[0] // self.STEP))
        return np.concatenate([self.chunk(k)[1] for k in chunks])[: self.shape[0]]


def fit(way: str, n: int, m: int, X: np.ndarray, y: np.ndarray) -> Any:
    """A function from points to predictions."""
    ridge, rng = n / 1e5, np.random.default_rng(0)
    # The points that scikit-learn's Nystroem takes with random_state=0.
    centers = X[np.random.RandomState(0).permutation(n)[:m]]
    if way in ("kept", "formed"):
        memory = 1e11 if way == "kept" else EQUATIONS * m * m
        found = nystroem_solve(relu_ntk, X, y, centers, ridge, rng=rng, memory=memory)
        return lambda Z: relu_ntk(Z, found.centers) @ found.coef
    if way == "all points":
        K = gram_operator(relu_ntk, X, block=4096, dtype=np.float32)
        F = pivoted_cholesky(relu_ntk, X, 500, diagonal=np.full(n, 0.5), rng=rng)
        near = low_rank_preconditioner(F, ridge)
        coef = ridge_solve(K, y, ridge, preconditioner=near, rtol=1e-6).coef
        return lambda Z: relu_ntk(Z, X) @ coef
    if way == "boosting":
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(random_state=0).fit(X, y).predict
    return rival(m, ridge).fit(X, y).predict


def rival(m: int, ridge: float) -> Any:
    """scikit-learn's route. A kernel of its Gaussian processes is called on matrices, not pairs."""
    from sklearn.gaussian_process.kernels import Kernel, StationaryKernelMixin
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    class Lecture(StationaryKernelMixin, Kernel):
        def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
            return relu_ntk(X, Y)

        def diag(self, X: Any) -> Any:
            return 0.5 * np.sum(X * X, axis=1)

    features = Nystroem(kernel=Lecture(), n_components=m, random_state=0)
    return make_pipeline(features, Ridge(alpha=ridge, fit_intercept=False))


def one(way: str, n: int, m: int) -> dict[str, Any]:
    """One run, in this process."""
    if way == "streamed":
        X: Any = Made(n)
        y = X.targets()
        points, values = X.chunk(-(-n // Made.STEP))  # after the last
        points, values = points[:TEST], values[:TEST]
    else:
        every, values = data(n + TEST, np.random.default_rng(0))
        X, y = every[:n].astype(np.float32), values[:n]
        points, values = every[n:].astype(np.float32), values[n:]
        del every
    relu_ntk(points[:10])
    before, wall, cpu = peak_bytes(), time.perf_counter(), time.process_time()
    if way == "streamed":
        rng = np.random.default_rng(0)
        found = nystroem_solve(relu_ntk, X, y, m, n / 1e5, rng=rng, memory=EQUATIONS * m * m)

        def predict(Z: np.ndarray) -> Any:
            return relu_ntk(Z, found.centers) @ found.coef
    else:
        predict = fit(way, n, m, X, y)
    seconds, processors = time.perf_counter() - wall, time.process_time() - cpu
    return {
        **{"way": way, "n": n, "m": m, "seconds": seconds, "processors": processors},
        "error": float(np.sqrt(np.mean((predict(points) - values) ** 2))),
        "points_gib": before / 2**30,
        "peak_gib": peak_bytes() / 2**30,
    }


def apart(way: str, n: int, m: int) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--one", way, str(n), str(m)]
    # Threads of OpenMP that wait do so asleep: awake they would take the cores from one another.
    environment = os.environ | {"OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(
        command, check=True, capture_output=True, encoding="utf-8", env=environment
    )
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(row), flush=True)
    return row


def table(results: dict[str, Any]) -> str:
    """The results in words and a table, for the book."""
    lines = [
        f"Measured {results['date']} on {results['machine']}, with the data and the ridge of the "
        "table above. *Seconds* are by the clock, *processors* the seconds of all cores together, "
        "which other programs on the machine change least. *Memory* is the peak of the process, "
        "with the points.",
        "",
        "| *n* | *m* | way | seconds | processors | test error | GB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in results["runs"]:
        m = "" if row["way"] in ("boosting", "all points") else row["m"]
        figures = (row["seconds"], row["processors"], row["error"], row["peak_gib"] * 2**30 / 1e9)
        cells = [str(row["n"]), str(m), row["way"], *(f"{v:#.3g}".rstrip(".") for v in figures)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def figure(results: dict[str, Any]) -> Any:
    """Time against error: a line for each way, a point for each size."""
    fig, ax = new_axes(height=3.6)
    markers = "osD^vP"
    for way, marker in zip((*WAYS, "streamed"), markers, strict=True):
        rows = [row for row in results["runs"] if row["way"] == way]
        if rows:
            x, y = [row["processors"] for row in rows], [row["error"] for row in rows]
            ax.plot(x, y, marker=marker, label=way)
            for row, at in zip(rows, zip(x, y, strict=True), strict=True):
                label, shift = f"{row['n'] // 1000}k", {"xytext": (5, 4), "color": INK}
                ax.annotate(label, at, textcoords="offset points", fontsize=8, **shift)
    ax.set(xscale="log", yscale="log", xlabel="seconds of the processors", ylabel="test error")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_locator(LogLocator(subs=(5, 6, 7, 8, 9, 10)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        axis.set_minor_locator(NullLocator())
    ax.axhline(0.05, color=INK, linewidth=0.8, linestyle=":")
    ax.legend()
    return fig


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS)
    parser.add_argument("--centers", type=int, default=CENTERS)
    parser.add_argument("--streamed", type=int, default=STREAMED, help="points; 0 for none")
    parser.add_argument("--add", action="store_true", help="to the results that are there")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        print(json.dumps(one(args.one[0], int(args.one[1]), int(args.one[2]))))
        return 0
    wanted = [
        (way, n, args.centers)
        for n in args.sizes
        for way in args.ways
        if way != "all points" or n <= LAST_EXACT
    ]
    if args.streamed:
        wanted.append(("streamed", args.streamed, args.centers))
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    about = {"date": date.today().isoformat(), "machine": machine}
    runs: list[dict[str, Any]] = []
    if args.add:
        runs = json.loads(RESULTS.read_text(encoding="utf-8"))["runs"]
    for each in wanted:
        runs = [row for row in runs if (row["way"], row["n"], row["m"]) != each]
        runs = sorted([*runs, apart(*each)], key=lambda row: row["n"])
        write(about | {"runs": runs})
    return 0


def write(results: dict[str, Any]) -> None:
    """Figures, table and picture."""
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(table(results), encoding="utf-8")
    picture = figure(results)
    RESULTS.with_suffix(".png").write_bytes(png(picture))
    alt = "Seconds of the processors against the test error, a line for each way."
    drawn = svg(picture, alt, "nystroem") + "\n"
    RESULTS.with_suffix(".svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
