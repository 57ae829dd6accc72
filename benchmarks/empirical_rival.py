"""The empirical kernel of the perceptron by neural-tangents, in a process of its own.

Reads lines `outputs n implementation` and answers each with seconds by the clock and of the
processor, after a call that compiles. `benchmarks/empirical.py --rival PYTHON` asks, with the
Python of an environment that has neural-tangents; `benchmarks/run.py` makes one.
"""

import sys
import time
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import neural_tangents as nt

SIZES = (784, 512, 512, 512, 10)


def network(p: Any, x: Any) -> Any:
    for W, b in p[:-1]:
        x = jax.nn.relu(x @ W + b)
    return x @ p[-1][0] + p[-1][1]


@cache
def compiled(outputs: str, n: int, implementation: int) -> Any:
    keys = jax.random.split(jax.random.PRNGKey(0), len(SIZES))
    p = [
        (jax.random.normal(key, (d, m)) / d**0.5, jnp.zeros(m))
        for key, d, m in zip(keys, SIZES[:-1], SIZES[1:], strict=False)
    ]
    X = jax.random.normal(keys[-1], (n, SIZES[0]))
    kernel = nt.empirical_ntk_fn(
        network,
        trace_axes=(-1,) if outputs == "trace" else (),
        vmap_axes=0,
        implementation=nt.NtkImplementation(implementation),
    )
    run = jax.jit(lambda x: kernel(x, None, p))
    run(X).block_until_ready()
    return lambda: run(X).block_until_ready()


if __name__ == "__main__":
    print(f"neural-tangents {nt.__version__}, JAX {jax.__version__}", flush=True)
    for line in sys.stdin:
        words = line.split()
        run = compiled(words[0], int(words[1]), int(words[2]))
        began = time.perf_counter(), time.process_time()
        run()
        print(time.perf_counter() - began[0], time.process_time() - began[1], flush=True)
