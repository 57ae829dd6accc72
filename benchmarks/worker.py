"""One contender in a process of its own: reads jobs as JSON lines, answers with seconds.

Run by run.py under the Python of the contender's environment; it imports nothing of the others. One
process a contender, kept from job to job, so that memory is warm and compilation is done once, and
so that libraries with their own threads do not meet.
"""

import ctypes
import json
import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Job = dict[str, Any]
Run = Callable[[], Any]


def keep_memory() -> None:
    """Let glibc keep freed memory: a page that is asked for anew costs more than it holds."""
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:  # another C library: memory is then as warm as it keeps it
        return
    libc.mallopt(-4, 0)  # M_MMAP_MAX
    libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def points(job: Job) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((job["n"], job["d"])).astype(job["dtype"])


# -- contenders: from points and a kernel's name to a function that computes the matrix -----------
# Kernels: "lecture" is eps^2 <x, x'> (pi - theta) / (2 pi); "depth L" is the tangent kernel of L
# hidden ReLU layers, all layers trained, W_std = sqrt 2, no biases.


def depth_of(kernel: str) -> int:
    return int(kernel.removeprefix("depth "))


def syrk(X: np.ndarray, kernel: str) -> Run:
    """The BLAS limit: one triangle of X X^T, in place."""
    from scipy.linalg.blas import dsyrk, ssyrk

    routine = dsyrk if X.dtype == np.float64 else ssyrk
    C = np.zeros((len(X), len(X)), X.dtype, order="F")
    return lambda: routine(1.0, X.T, trans=1, lower=1, c=C, overwrite_c=1)


def ntklib_(X: np.ndarray, kernel: str) -> Run:
    from ntklib import ntk, relu_ntk

    if kernel == "lecture":
        return lambda: relu_ntk(X)
    return lambda: ntk(X, depth=depth_of(kernel))


def naive(X: np.ndarray, kernel: str) -> Run:
    """What one writes first: clip, arccos, one temporary after the other."""

    def run() -> np.ndarray:
        norm = np.linalg.norm(X, axis=1)
        scale = np.outer(norm, norm)
        u = np.clip(X @ X.T / scale, -1, 1)
        if kernel == "lecture":
            return scale * u * (np.pi - np.arccos(u)) / X.dtype.type(2 * np.pi)
        theta = u
        for _ in range(depth_of(kernel)):
            gate = (np.pi - np.arccos(u)) / X.dtype.type(np.pi)
            u = np.clip(np.sqrt(1 - u * u) / X.dtype.type(np.pi) + u * gate, -1, 1)
            theta = u + theta * gate
        return 2 * scale * theta

    return run


def scikit_ntk(X: np.ndarray, kernel: str) -> Run:
    """Divides by L + 1, and has W_std = 1 in the readout. No kernel with the inner layer only:
    for the lecture's, its kernel of depth 1 stands in, which costs about as much."""
    from skntk import NeuralTangentKernel

    found = NeuralTangentKernel(depth=1 if kernel == "lecture" else depth_of(kernel), bias=0.0)
    return lambda: found(X)


def neural_tangents(X: np.ndarray, kernel: str) -> Run:
    import jax

    # With x64 on, it would compute in float64 whatever it is given.
    jax.config.update("jax_enable_x64", X.dtype == np.float64)
    import jax.numpy as jnp
    from neural_tangents import stax

    def dense(w: float) -> Any:
        return stax.Dense(1, W_std=w, b_std=None)

    if kernel == "lecture":
        *_, kernel_fn = stax.serial(dense(1.0), stax.Relu(), dense(1.0))

        @jax.jit
        def matrix(x: Any) -> Any:
            both = kernel_fn(x, None, ("ntk", "nngp"))
            return both.ntk - both.nngp
    else:
        hidden = [layer for _ in range(depth_of(kernel)) for layer in (dense(2**0.5), stax.Relu())]
        *_, kernel_fn = stax.serial(*hidden, dense(2**0.5))
        matrix = jax.jit(lambda x: kernel_fn(x, None, "ntk"))

    # It divides inner products of inputs by d.
    x = jnp.asarray(X * X.dtype.type(math.sqrt(X.shape[1])))
    return lambda: matrix(x).block_until_ready()


def torch_(X: np.ndarray, kernel: str) -> Run:
    """The naive formula in PyTorch, eagerly."""
    import torch

    x = torch.from_numpy(X)

    def run() -> Any:
        norm = torch.linalg.vector_norm(x, dim=1)
        scale = torch.outer(norm, norm)
        u = (x @ x.T).div_(scale).clamp_(-1, 1)
        if kernel == "lecture":
            return (math.pi - torch.arccos(u)).mul_(u).mul_(scale).div_(2 * math.pi)
        theta = u.clone()
        for _ in range(depth_of(kernel)):
            gate = (math.pi - torch.arccos(u)) / math.pi
            u = torch.sqrt(1 - u * u).div_(math.pi).add_(u * gate).clamp_(-1, 1)
            theta = theta.mul_(gate).add_(u)
        return theta.mul_(scale).mul_(2)

    return run


CONTENDERS: dict[str, Callable[[np.ndarray, str], Run]] = {
    "syrk": syrk,
    "ntklib": ntklib_,
    "ntklib, NumPy alone": ntklib_,
    "naive NumPy": naive,
    "scikit-ntk": scikit_ntk,
    "neural-tangents": neural_tangents,
    "PyTorch": torch_,
}


def time_one(run: Run) -> float:
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    del result
    return seconds


# -- other jobs -----------------------------------------------------------------------------------


def empirical(job: Job) -> dict[str, Any]:
    """The empirical kernel contracted, and from the Jacobian."""
    from ntklib import Linearization, ShallowNetwork

    rng = np.random.default_rng(0)
    net, W = ShallowNetwork.random(job["d"], job["m"], rng=rng)
    X = rng.standard_normal((job["n"], job["d"]))

    def jacobian() -> np.ndarray:
        J = net.jacobian(X, W)
        return J @ J.T

    net.empirical_ntk(X, W=W)
    contracted = min(time_one(lambda: net.empirical_ntk(X, W=W)) for _ in range(5))
    explicit = min(time_one(jacobian) for _ in range(2))
    fit = time_one(lambda: Linearization(net, W).fit(X, X[:, 0]))
    gap = float(np.abs(net.empirical_ntk(X, W=W) - jacobian()).max())
    size = job["n"] * job["d"] * job["m"] * 8
    return {
        "contracted": contracted,
        "jacobian": explicit,
        "fit": fit,
        "gap": gap,
        "jacobian_bytes": size,
    }


def systems(job: Job) -> dict[str, Any]:
    """A ridge system: SciPy's Cholesky solve, ours from a float32 factor, ours in place."""
    import scipy.linalg

    from ntklib import relu_ntk
    from ntklib.systems import solve

    X = points(job)
    K = relu_ntk(X) + 0.1 * np.eye(len(X))
    y = np.random.default_rng(1).standard_normal(len(X))
    ways: dict[str, Run] = {
        "scipy": lambda: scipy.linalg.solve(K, y, assume_a="pos"),
        "mixed": lambda: solve(K, y, precision="mixed"),
        "double": lambda: solve(K, y, precision="double"),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(3):
        for name, run in ways.items():
            times[name].append(time_one(run))
    return {name: min(t) for name, t in times.items()}


def values(job: Job, contender: str) -> dict[str, Any]:
    X = np.array(job["X"], dtype=job["dtype"])
    K = np.asarray(CONTENDERS[contender](X, job["kernel"])()).astype(np.float64)
    return {"values": K.tolist()}


def about(contender: str) -> dict[str, Any]:
    """Versions, and the BLAS this process runs on."""
    from importlib.metadata import PackageNotFoundError, version

    CONTENDERS[contender](np.eye(3), "lecture")()
    versions = {}
    for name in (
        "numpy",
        "scipy",
        "numba",
        "jax",
        "jaxlib",
        "neural-tangents",
        "scikit-ntk",
        "torch",
    ):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    from threadpoolctl import threadpool_info

    blas = [
        {key: info.get(key) for key in ("internal_api", "version", "architecture", "num_threads")}
        for info in threadpool_info()
        if info["user_api"] == "blas"
    ]
    return {"versions": versions, "blas": blas, "python": sys.version.split()[0]}


def main() -> None:
    contender = sys.argv[1]
    keep_memory()
    # A library that writes to stdout must not spoil the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    ready: dict[str, Run] = {}
    for line in sys.stdin:
        job = json.loads(line)
        try:
            if job["do"] == "time":
                key = json.dumps(job)
                if key not in ready:
                    ready = {key: CONTENDERS[contender](points(job), job["kernel"])}
                    ready[key]()  # compile, load, warm the memory
                answer: dict[str, Any] = {"seconds": time_one(ready[key])}
            elif job["do"] == "values":
                answer = values(job, contender)
            elif job["do"] == "about":
                answer = about(contender)
            elif job["do"] == "empirical":
                answer = empirical(job)
            else:
                answer = systems(job)
        except Exception as error:  # reported, and the contender goes on
            answer = {"error": f"{type(error).__name__}: {error}"}
        answer["peak_bytes"] = peak_bytes()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
