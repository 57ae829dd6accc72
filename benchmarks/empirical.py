"""The empirical kernel of modules of torch, against the recipe of torch.func, in one run.

    python benchmarks/empirical.py [--rounds 3] [--threads 2] [--only MLP] [--memory]

The recipe is the one in torch's documentation: the Jacobian of each example by
``vmap(jacrev(...))``, then products over the parameters. Both are asked for the same kernel of the
same network at the same points, one after the other in each round, after a call that warms up; a
machine under load meets both alike. Ratios are the median of those of the rounds, of seconds by
the clock and of seconds of processor time; on a busy machine the second says more. Each job says
how far both are from each other, as a share of the largest value.

Traces with ``--threads 1 --rounds 3`` on a machine that others used too, ratios by the clock and of
processor time: MLP 126 and 111; ResNet at n = 32, 128, 256: 1.7 and 1.8, 3.7 and 2.6, 2.3 and 2.3;
transformer 1.1 and 1.1, 1.3 and 1.4, 1.6 and 1.5. On two threads, while nobody else used them, by
the clock at n = 256: ResNet 0.94 s, ratio 2.3, transformer 1.2 s, ratio 1.6.

All pairs of outputs at n = 256 with ``--threads 1 --rounds 1``, while a dozen other programs were
at work, by the clock and of processor time: ResNet 3.1 and 3.1, transformer 2.2 and 1.9.

Peak memory at n = 256, ntklib and the recipe: ResNet 382 and 1570 MB, transformer 459 and
1864 MB; MLP at n = 128: 18 and 4495 MB.

``--large 10000`` on one thread: 56 s, 27 s of the processor, peak memory 1172 MB, of which the
kernel takes 382.

neural-tangents 0.6.5 does not import on JAX 0.10.2, which these tests run on (``jax.core`` has no
``Jaxpr`` any more), and asks for TensorFlow. ``--rival PYTHON`` asks it in an environment of its
own, with JAX 0.4.23, as ``benchmarks/run.py`` makes one. MLP, trace, n = 32, one thread, seconds of
the processor: Jacobian contraction 2.18, products 0.45, structured derivatives 2.13, ntklib 0.02.
"""

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, jacrev, vmap

from ntklib import empirical_ntk


class Residual(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.one, self.two = (nn.Conv2d(c, c, 3, padding=1) for _ in range(2))
        self.a, self.b = nn.GroupNorm(4, c), nn.GroupNorm(4, c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.b(self.two(F.relu(self.a(self.one(x))))))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.back = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, length, width = x.shape
        parts = self.qkv(self.before(x)).reshape(n, length, 3, self.heads, -1)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, width)
        x = x + self.back(y)
        return x + self.down(F.gelu(self.up(self.between(x))))


class Transformer(nn.Module):
    def __init__(self, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.place = nn.Parameter(torch.randn(1, 16, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width, 4) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.place
        return self.head(self.norm(self.blocks(x)).mean(1))


def perceptron() -> nn.Module:
    sizes = (784, 512, 512, 512)
    layers = [layer for d, m in itertools.pairwise(sizes) for layer in (nn.Linear(d, m), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(512, 10))


def residual() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), Residual(16)),
        *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(), Residual(32)),
        *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(), Residual(64)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
    )


JOBS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], tuple[int, ...]]] = {
    "MLP 784-512-512-512-10": (perceptron, (784,), (128,)),
    "ResNet, 16 x 16": (residual, (3, 16, 16), (32, 128, 256)),
    "transformer, 16 x 16": (Transformer, (3, 16, 16), (32, 128, 256)),
}


def recipe(net: nn.Module, X: torch.Tensor, outputs: str) -> torch.Tensor:
    """The kernel as torch's documentation has it."""
    parameters = {name: p.detach() for name, p in net.named_parameters()}

    def one(p: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return functional_call(net, p, (x[None],))[0]

    J = vmap(jacrev(one), (None, 0))(parameters, X)
    pattern = {"full": "Naf,Mbf->NMab", "trace": "Naf,Maf->NM"}[outputs]
    parts = [torch.einsum(pattern, j.flatten(2), j.flatten(2)) for j in J.values()]
    return torch.stack(parts).sum(0)


def seconds(function: Callable[[], Any]) -> tuple[float, float, Any]:
    """By the clock, of the processor, and what was found."""
    began = time.perf_counter(), time.process_time()
    found = function()
    return time.perf_counter() - began[0], time.process_time() - began[1], found


def drawn(name: str, n: int) -> tuple[nn.Module, torch.Tensor]:
    """A network of `JOBS` and points for it."""
    make, shape, _ = JOBS[name]
    torch.manual_seed(0)
    return make().eval(), torch.randn(n, *shape)


def peak() -> float:
    """The largest memory of this process so far, in MB.

    On Linux by the status of the process: what `getrusage` says there a child takes over.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found / 2 ** (20 if sys.platform == "darwin" else 10)


def alone(name: str, n: int, outputs: str, who: str, threads: int) -> float:
    """Peak memory in MB of one call in a process of its own, less what loading torch takes."""
    program = (
        "import sys, torch; sys.path.insert(0, sys.argv[1]); import empirical as b; "
        "torch.set_num_threads(int(sys.argv[6])); "
        "net, X = b.drawn(sys.argv[2], int(sys.argv[3])); "
        "ours = lambda X: b.empirical_ntk(net, X, outputs=sys.argv[4]); "
        "run = ours if sys.argv[5] == 'ntklib' else lambda X: b.recipe(net, X, sys.argv[4]); "
        "run(X[:2]); before = b.peak(); run(X); print(b.peak() - before)"
    )
    folder = str(Path(__file__).resolve().parent)
    options = (folder, name, str(n), outputs, who, str(threads))
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *options],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(found.stdout)


def large(n: int) -> None:
    """The trace of the perceptron's kernel at many points, once, and what it takes."""
    name = next(iter(JOBS))
    net, X = drawn(name, n)
    empirical_ntk(net, X[:2], outputs="trace")
    before = peak()
    clock, processor, K = seconds(lambda: empirical_ntk(net, X, outputs="trace"))
    print(
        f"{name}, n = {n}, trace: {clock:.3g} s, of the processor {processor:.3g} s; "
        f"peak memory {peak() - before:.4g} MB, of which the kernel takes {K.nbytes / 2**20:.4g}"
    )


RIVAL = {1: "its Jacobian contraction", 2: "its products", 3: "its structured derivatives"}


def beside(python: str, n: int, threads: int, outputs: list[str]) -> None:
    """The perceptron's kernel by neural-tangents too, three ways, in turns with ntklib."""
    one = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    rival = subprocess.Popen(
        [python, "-W", "ignore", str(Path(__file__).with_name("empirical_rival.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        env=os.environ | ({"XLA_FLAGS": one} if threads == 1 else {}),
    )
    assert rival.stdin is not None
    assert rival.stdout is not None
    print(rival.stdout.readline().strip() + f", n = {n}")
    net, X = drawn(next(iter(JOBS)), n)
    for kind in outputs:
        empirical_ntk(net, X, outputs=kind)
        for k, words in RIVAL.items():
            print(f"{kind} {n} {k}", file=rival.stdin, flush=True)
            answer = rival.stdout.readline().split()
            if not answer:
                print(f"{kind}, {words}: the process ended with status {rival.wait()}")
                return
            ours = seconds(lambda kind=kind: empirical_ntk(net, X, outputs=kind))
            print(
                f"{kind}, {words}: {float(answer[0]):.3g} s, of the processor "
                f"{float(answer[1]):.3g} s; ntklib {ours[0]:.3g} s and {ours[1]:.3g} s",
                flush=True,
            )
    rival.stdin.close()
    rival.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="networks whose name starts so")
    parser.add_argument("--counts", type=int, nargs="+", help="numbers of points")
    parser.add_argument("--outputs", nargs="+", default=["full", "trace"])
    parser.add_argument("--memory", action="store_true", help="peak memory too, one process each")
    parser.add_argument("--large", type=int, metavar="N", help="only the MLP's trace at N points")
    parser.add_argument("--rival", metavar="PYTHON", help="only the MLP, beside neural-tangents")
    parser.add_argument("--json", help="where to write the figures too")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.large:
        large(arguments.large)
        return
    if arguments.rival:
        n = (arguments.counts or [32])[0]
        beside(arguments.rival, n, arguments.threads, arguments.outputs)
        return
    rows = []
    jobs = {name: job for name, job in JOBS.items() if name.startswith(arguments.only)}
    for name, (_, _, counts) in jobs.items():
        for n in arguments.counts or counts:
            net, X = drawn(name, n)
            for outputs in arguments.outputs:

                def ours(net: nn.Module = net, X: Any = X, outputs: str = outputs) -> Any:
                    return empirical_ntk(net, X, outputs=outputs)

                def theirs(net: nn.Module = net, X: Any = X, outputs: str = outputs) -> Any:
                    return recipe(net, X, outputs)

                # The recipe takes seconds: its own warm-up is a few points.
                theirs(net, X[:2])
                ours()
                rounds = [(seconds(theirs), seconds(ours)) for _ in range(arguments.rounds)]
                clock, processor = (
                    statistics.median(a[k] / b[k] for a, b in rounds) for k in (0, 1)
                )
                K, found = rounds[0][0][2], rounds[0][1][2]
                row = {
                    "network": name,
                    "n": n,
                    "outputs": outputs,
                    "recipe": statistics.median(a[0] for a, _ in rounds),
                    "ntklib": statistics.median(b[0] for _, b in rounds),
                    "ratio": clock,
                    "ratio of processor time": processor,
                    "difference": float((K - found).abs().max() / K.abs().max()),
                }
                rows.append(row)
                if arguments.memory:
                    for who in ("recipe", "ntklib"):
                        row[f"MB of {who}"] = alone(name, n, outputs, who, arguments.threads)
                    print(
                        f"peak memory: {row['MB of recipe']:.0f} and {row['MB of ntklib']:.0f} MB"
                    )
                print(
                    f"{name}, n = {n}, {outputs}: recipe {row['recipe']:.3g} s, "
                    f"ntklib {row['ntklib']:.3g} s, ratio {clock:.3g}, "
                    f"of processor time {processor:.3g}, "
                    f"difference {row['difference']:.1e}",
                    flush=True,
                )
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"threads": arguments.threads, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
