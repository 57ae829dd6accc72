"""How fast, how exact: ntklib against other ways to the same matrices, and against the BLAS limit.

    make bench                          everything; about ten minutes on two cores
    python benchmarks/run.py --sizes 2000 5000    without the largest, about half of that
    python benchmarks/run.py --quick              tiny sizes, a minute, nothing written

Contenders run in processes of their own, one at a time, in turn: round after round each does one
job, so that what else the machine does meets all of them alike. Reported are ratios to `syrk`, the
BLAS routine for one triangle of X X^T, which every exact method needs at least: the ratio of the
smallest times, and the median over the rounds of the ratio within a round. Memory is warm.

Writes results.json, results.md, results.svg and results.png beside this file; the book's page
"How fast, how exact" shows them. neural-tangents, scikit-ntk and PyTorch get an environment each
(.venv-bench-*), made on the first run. What cannot be installed is named in the results.
"""

import argparse
import contextlib
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from joblib import cpu_count
from report import LARGE, write_figure, write_table

HERE = Path(__file__).parent
ROOT = HERE.parent
PINS = {
    # The last release, of 2023, imports on no JAX from 0.6 up; these ran everything.
    "neural-tangents": [
        "jax==0.4.23",
        "jaxlib==0.4.23",
        "numpy<2",
        "scipy<1.13",
        "tf2jax==0.3.6",
        "neural-tangents==0.6.5",
        "threadpoolctl",
    ],
    "scikit-ntk": ["scikit-ntk==1.2.1", "threadpoolctl"],
    "PyTorch": ["torch", "numpy", "threadpoolctl"],
}
# What tells the peak of memory where the system's own library does not.
PEAK = ["psutil"] if sys.platform == "win32" else []
# Versions of Python for which these are published.
PYTHONS = {
    "neural-tangents": ((3, 9), (3, 12)),
    "scikit-ntk": ((3, 9), (3, 14)),
    "PyTorch": ((3, 10), (3, 14)),
}
KERNELS = ("lecture", "depth 3")
D = 784
PAUSE = 0.1


class Contender:
    """A worker process, started when it is first asked and again after it was closed."""

    def __init__(self, name: str, python: str, **settings: str) -> None:
        self.name = name
        self._command = [python, str(HERE / "worker.py"), name]
        self._environment = {
            key: value
            for key, value in os.environ.items()
            # Neither a kernel nor a number of threads chosen for something else.
            if not key.startswith(("OPENBLAS_", "OMP_", "MKL_", "VECLIB_", "NTKLIB_"))
        } | settings
        self._process: subprocess.Popen[str] | None = None

    def ask(self, **job: Any) -> dict[str, Any]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                env=self._environment,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:  # the pipe is broken
            line = ""
        if not line:
            return {"error": f"the process ended with status {self.close()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> int:
        """End the process and give its memory back."""
        if self._process is None:
            return 0
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended by itself
            self._process.stdin.close()
        status = self._process.wait()
        self._process = None
        return status


# -- environments ---------------------------------------------------------------------------------


def python_for(name: str) -> str | None:
    """A Python that the library is published for."""
    low, high = PYTHONS[name]
    if low <= sys.version_info[:2] <= high:
        return sys.executable
    for minor in range(high[1], low[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if (
            found
            and subprocess.run([found, "-V"], capture_output=True, check=False).returncode == 0
        ):
            return found
    return None


def environment(name: str) -> tuple[str | None, str]:
    """The Python of a rival's environment, made if need be, or None and why."""
    home = ROOT / f".venv-bench-{name.lower()}"
    scripts = sysconfig.get_path("scripts", "venv", {"base": str(home)})
    python, stamp, pins = Path(scripts, "python"), home / ".stamp", PINS[name] + PEAK
    if stamp.exists() and stamp.read_text(encoding="utf-8") == "\n".join(pins):
        return str(python), ""
    base = python_for(name)
    if base is None:
        low, high = PYTHONS[name]
        return None, f"needs a Python from 3.{low[1]} to 3.{high[1]}"
    print(f"== Setting up {home.name}", flush=True)
    made = subprocess.run([base, "-m", "venv", "--clear", str(home)], check=False)
    if made.returncode == 0:
        made = subprocess.run(
            [str(python), "-m", "pip", "install", "-q", *pins],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    if made.returncode != 0:
        print(made.stderr or "", flush=True)
        return None, "pip could not install it"
    stamp.write_text("\n".join(pins), encoding="utf-8")
    return str(python), ""


def start(kernel: str | None, missing: dict[str, str], few: bool) -> list[Contender]:
    """All contenders that can run here; `missing` says which cannot, and why."""
    forced = {} if kernel is None else {"OPENBLAS_CORETYPE": kernel}
    started = [
        Contender("syrk", sys.executable, **forced),
        Contender("ntklib", sys.executable, **forced),
        Contender("ntklib, NumPy alone", sys.executable, NTKLIB_NUMBA="0", **forced),
        Contender("naive NumPy", sys.executable, **forced),
    ]
    if not few:
        for name in PINS:
            python, why = environment(name)
            if python is None:
                missing[name] = why
            else:
                started.append(Contender(name, python, **forced))
    if find_spec("numba") is None:
        missing["numba"] = "not installed in this environment: ntklib ran with NumPy alone"
    if find_spec("threadpoolctl") is None:
        missing["threadpoolctl"] = "not installed in this environment: tiles went one by one"
    return started


# -- measurements ---------------------------------------------------------------------------------


def rounds(contenders: list[Contender], count: int, **job: Any) -> dict[str, Any]:
    """`count` rounds of one job each; smallest times, ratios to syrk."""
    times: dict[str, list[float]] = {c.name: [] for c in contenders}
    errors: dict[str, str] = {}
    peak: dict[str, int] = {}
    for _ in range(count):
        for c in contenders:
            if c.name in errors:
                continue
            # BLAS threads spin for a while after a call, and would take time from the next one.
            time.sleep(PAUSE)
            answer = c.ask(do="time", **job)
            if "error" in answer:
                errors[c.name] = answer["error"]
            else:
                times[c.name].append(answer["seconds"])
                peak[c.name] = answer["peak_bytes"]
    base = times["syrk"]
    table = {}
    for name, t in times.items():
        if len(t) == count:
            table[name] = {
                "seconds": min(t),
                "ratio_of_minima": min(t) / min(base),
                "median_of_ratios": statistics.median(a / b for a, b in zip(t, base, strict=True)),
                "peak_bytes": peak[name],
            }
    return {**job, "rounds": count, "contenders": table, "errors": errors}


def one_by_one(contenders: list[Contender], count: int, **job: Any) -> dict[str, Any]:
    """As :func:`rounds`, each contender in turn with syrk alone: all together need 20 GB.

    The slow ones get one round after the one that warms them up.
    """
    syrk, *others = contenders
    for c in others:
        c.close()
    parts = []
    for c in others:
        parts.append(rounds([syrk, c], count + 1 if c.name.startswith("ntklib") else 1, **job))
        c.close()
    merged = parts[0]
    for part in parts[1:]:
        merged["errors"] |= part["errors"]
        merged["contenders"] |= {k: v for k, v in part["contenders"].items() if k != "syrk"}
    fastest = min(part["contenders"]["syrk"]["seconds"] for part in parts)
    merged["contenders"]["syrk"]["seconds"] = fastest
    for c in merged["contenders"].values():
        c["ratio_of_minima"] = c["seconds"] / fastest
    return merged


def main_table(contenders: list[Contender], plan: dict[int, int]) -> list[dict[str, Any]]:
    found = []
    for n, count in plan.items():
        for dtype in ("float64", "float32"):
            for kernel in KERNELS:
                began = time.perf_counter()
                turn = one_by_one if n >= LARGE else rounds
                row = turn(contenders, count, kernel=kernel, n=n, d=D, dtype=dtype)
                found.append(row)
                print(
                    f"   {kernel}, n = {n}, {dtype}: "
                    + ", ".join(
                        f"{name} {c['ratio_of_minima']:.2f}"
                        for name, c in row["contenders"].items()
                    )
                    + f"  ({time.perf_counter() - began:.0f} s)",
                    flush=True,
                )
    return found


def scaling(contenders: list[Contender], small: bool) -> list[dict[str, Any]]:
    """ntklib and syrk along n, d and depth."""
    pair = [c for c in contenders if c.name in ("syrk", "ntklib")]
    n = 1000 if small else 4000
    cases: list[dict[str, Any]] = [{"n": k * n // 4} for k in (1, 2, 4)]
    cases += [{"d": d} for d in (16, 64, 256, 1024)]
    cases += [{"kernel": f"depth {depth}"} for depth in (1, 2, 4, 8, 16, 32)]
    found = []
    for case in cases:
        job = {"kernel": "lecture", "n": n, "d": D, "dtype": "float64"} | case
        found.append({"along": next(iter(case)), **rounds(pair, 3, **job)})
    return found


def threads(small: bool) -> list[dict[str, Any]]:
    """The same matrix with 1, 2, 4, ... threads."""
    found = []
    count = 1
    while count <= cpu_count():
        setting = {"OPENBLAS_NUM_THREADS": str(count), "OMP_NUM_THREADS": str(count)}
        pair = [Contender(name, sys.executable, **setting) for name in ("syrk", "ntklib")]
        job = {"kernel": "lecture", "n": 1000 if small else 4000, "d": D, "dtype": "float64"}
        found.append({"threads": count, **rounds(pair, 3, **job)})
        for c in pair:
            c.close()
        count *= 2
    return found


# -- exactness ------------------------------------------------------------------------------------


def hard_points() -> np.ndarray:
    """Points in general position, equal ones, and pairs at angles from 1e-2 down to 1e-12."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((24, 20))
    for k, angle in enumerate((0.0, 1e-12, 1e-9, 1e-6, 1e-4, 1e-2)):
        X[12 + 2 * k] = X[k] + angle * np.linalg.norm(X[k]) * X[k + 6] / np.linalg.norm(X[k + 6])
        X[13 + 2 * k] = -X[12 + 2 * k] * 1.5
    return X


def exact(X: np.ndarray, kernel: str) -> tuple[np.ndarray, np.ndarray]:
    """The kernel to 40 digits, rounded once, and which pairs are close to parallel."""
    with mpmath.workdps(40):
        rows = [[mpmath.mpf(float(v)) for v in row] for row in X]
        norms = [mpmath.norm(row) for row in rows]
        K, near = np.empty((len(X), len(X))), np.zeros((len(X), len(X)), dtype=bool)
        for i in range(len(X)):
            for j in range(len(X)):
                pairs = list(zip(rows[i], rows[j], strict=True))
                s = mpmath.norm([a / norms[i] - b / norms[j] for a, b in pairs])
                c = mpmath.norm([a / norms[i] + b / norms[j] for a, b in pairs])
                theta = 2 * mpmath.atan2(s, c)
                near[i, j] = min(theta, mpmath.pi - theta) < 0.1
                size = norms[i] * norms[j]
                if kernel == "lecture":
                    value = mpmath.cos(theta) * (mpmath.pi - theta) / (2 * mpmath.pi)
                else:
                    depth = int(kernel.removeprefix("depth "))
                    u = value = mpmath.cos(theta)
                    for _ in range(depth):
                        gate = (mpmath.pi - theta) / mpmath.pi
                        u = mpmath.sin(theta) / mpmath.pi + u * gate
                        value = u + value * gate
                        theta = mpmath.acos(min(mpmath.mpf(1), u))
                    value *= 2
                K[i, j] = float(value * size)
    return K, near


def exactness(contenders: list[Contender]) -> list[dict[str, Any]]:
    """Largest errors relative to sqrt(k(x, x) k(x', x'))."""
    X = hard_points()
    found = []
    for dtype in ("float64", "float32"):
        for kernel in KERNELS:
            table = {}
            for c in contenders:
                if c.name == "syrk":
                    continue
                # scikit-ntk has no kernel of the inner layer alone, and another scale.
                stands_in = c.name == "scikit-ntk" and kernel == "lecture"
                name = "depth 1" if stands_in else kernel
                answer = c.ask(do="values", kernel=kernel, X=X.tolist(), dtype=dtype)
                if "error" in answer:
                    table[c.name] = answer
                    continue
                right, near = exact(X.astype(dtype).astype(np.float64), name)
                value = np.array(answer["values"])
                if c.name == "scikit-ntk":
                    value *= 2 * (int(name.removeprefix("depth ")) + 1)
                scale = np.sqrt(np.outer(np.diag(right), np.diag(right)))
                error = np.abs(value - right) / scale
                table[c.name] = {
                    "generic": float(error[~near].max()),
                    "nearly parallel": float(error[near].max()),
                    "symmetric": bool((value == value.T).all()),
                }
            found.append({"kernel": kernel, "dtype": dtype, "contenders": table})
    return found


# -- the whole ------------------------------------------------------------------------------------


def processor() -> str:
    """The kind of processor, and nothing that tells which machine this is."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def has_avx512() -> bool:
    info = Path("/proc/cpuinfo")
    return info.exists() and " avx512f " in info.read_text(encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 5000, 10000])
    parser.add_argument("--quick", action="store_true", help="tiny sizes, nothing written")
    arguments = parser.parse_args()
    quick = arguments.quick
    began = time.perf_counter()
    missing: dict[str, str] = {}
    contenders = start(None, missing, few=False)
    print("== Versions and exactness", flush=True)
    about = {c.name: c.ask(do="about") for c in contenders}
    for c in list(contenders):
        if "error" in about[c.name]:
            missing[c.name] = about[c.name]["error"]
            contenders.remove(c)
            c.close()
    exact_table = exactness(contenders)
    print("== Gram matrices, ratios of minima to syrk", flush=True)
    # Rounds: the smaller, the more, for about the same time each.
    plan = {n: max(2, min(9, 24000 // n)) for n in ([400, 800] if quick else arguments.sizes)}
    table = main_table(contenders, plan)
    print("== Scaling", flush=True)
    along = scaling(contenders, quick)
    for c in contenders:
        if c.name != "ntklib":
            c.close()
    ours = next(c for c in contenders if c.name == "ntklib")
    by_threads = threads(quick)
    print("== Empirical kernel, systems", flush=True)
    sizes = {"n": 200, "d": 20, "m": 512} if quick else {"n": 1000, "d": 100, "m": 4096}
    empirical = sizes | ours.ask(do="empirical", **sizes)
    size = {"n": 500 if quick else 5000, "d": D, "dtype": "float64"}
    systems = size | ours.ask(do="systems", **size)
    ours.close()
    other: list[dict[str, Any]] = []
    kernels = {b["architecture"] for b in about["syrk"]["blas"] if b["architecture"]}
    if has_avx512():
        for kernel in sorted({"Haswell", "SkylakeX"} - kernels):
            print(f"== The same with OPENBLAS_CORETYPE={kernel}", flush=True)
            few = start(kernel, {}, few=True)
            other += [
                {"OPENBLAS_CORETYPE": kernel, **row}
                for row in main_table(few, {n: min(k, 7) for n, k in plan.items() if n < LARGE})
            ]
            for c in few:
                c.close()
    results = {
        "date": date.today().isoformat(),
        "processor": processor(),
        "threads": cpu_count(),
        "about": {name: a for name, a in about.items() if "error" not in a},
        "missing": missing,
        "table": table,
        "other_blas_kernel": other,
        "exactness": exact_table,
        "scaling": along,
        "by_threads": by_threads,
        "empirical": empirical,
        "systems": systems,
        "seconds": round(time.perf_counter() - began),
    }
    if not quick:
        (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        write_table(results, HERE / "results.md")
        write_figure(results, HERE / "results.svg", HERE / "results.png")
    for name, why in missing.items():
        print(f"   {name}: {why}")
    if not math.isfinite(results["seconds"]):
        raise SystemExit("no time was measured")
    print(f"== Done in {results['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
