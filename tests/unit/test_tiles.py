"""The engine behind the matrices: tiles, threads, memory, crowded data, compiled arithmetic."""

from __future__ import annotations

import subprocess
import sys
import threading
import tracemalloc
from contextlib import contextmanager

import mpmath
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ntklib import (
    Linearization,
    ShallowNetwork,
    angles,
    gate_kernel,
    nngp,
    ntk,
    relu_nngp,
    relu_ntk,
)
from ntklib._engine import angular, blocks, compiled, layers, near, threads
from ntklib._engine import points as rows

# As in test_kernels: what the functions promise relative to eps^2 |x| |x'|.
TOLERANCE = 4e-15
SINGLE = 1e-6
KERNELS = [relu_ntk, relu_nngp, gate_kernel]


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles of a few rows, so that small matrices have many, with an odd edge."""
    monkeypatch.setattr(blocks, "TILE", 16)
    monkeypatch.setattr(blocks, "BLOCK", (24, 40))


@pytest.fixture
def four_threads(monkeypatch):
    """Four threads whatever the machine, for matrices of any size."""
    seen = set()

    @contextmanager
    def four():
        yield 4

    def watched(run, tasks, *, alone, share=threads.in_threads):
        def observed(part):
            seen.add(threading.get_ident())
            run(part)

        share(observed, tasks, alone=False)

    monkeypatch.setattr(threads, "_one_blas_thread", four)
    monkeypatch.setattr(blocks, "in_threads", watched)
    return seen


def points(n, d, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) * rng.uniform(0.5, 2, (n, 1))).astype(dtype)


@pytest.mark.parametrize("kernel", [*KERNELS, angles])
@pytest.mark.parametrize("n", [1, 15, 16, 17, 49, 100])
def test_tiles_make_the_same_matrix(kernel, n, monkeypatch):
    X, Z = points(n, 7), points(61, 7, 1)
    whole, between = kernel(X), kernel(X, Z)
    monkeypatch.setattr(blocks, "TILE", 16)
    monkeypatch.setattr(blocks, "BLOCK", (24, 40))
    scale = np.outer(np.linalg.norm(X, axis=1), np.linalg.norm(X, axis=1)) + 4
    assert (np.abs(kernel(X) - whole) <= TOLERANCE * scale).all()
    assert (kernel(X) == kernel(X).T).all()
    assert np.abs(kernel(X, Z) - between).max() <= TOLERANCE * scale.max()


def test_threads_change_nothing(small_tiles, four_threads, monkeypatch):
    X, Z = points(200, 30), points(150, 30, 1)
    parallel = [k(X) for k in KERNELS] + [k(X, Z) for k in KERNELS]
    assert len(four_threads) >= 2
    monkeypatch.undo()
    monkeypatch.setattr(blocks, "TILE", 16)
    monkeypatch.setattr(blocks, "BLOCK", (24, 40))
    alone = [k(X) for k in KERNELS] + [k(X, Z) for k in KERNELS]
    for a, b in zip(parallel, alone, strict=True):
        assert np.array_equal(a, b)


def test_an_error_in_a_thread_arrives_and_stops_the_others(four_threads):
    done = []

    def run(tasks):
        for task in tasks:
            done.append(task)
            if task == 5:
                raise OverflowError("from a tile")

    with pytest.raises(OverflowError, match="from a tile"):
        threads.in_threads(run, list(range(100_000)), alone=False)
    assert len(done) < 100_000


def blas_threads():
    from threadpoolctl import ThreadpoolController

    return [c.num_threads for c in ThreadpoolController().select(user_api="blas").lib_controllers]


def test_blas_gets_its_threads_back():
    from threadpoolctl import threadpool_limits

    with threadpool_limits(2, user_api="blas"):
        before, others = blas_threads(), []
        with threads._one_blas_thread() as count:
            assert (count, blas_threads()) == (2, [1] * len(before))
            other = threading.Thread(target=lambda: others.append(relu_ntk(points(300, 40))))
            other.start()
            other.join()
            assert blas_threads() == [1] * len(before)
        assert np.array_equal(others[0], others[0].T)
        assert blas_threads() == before
        with pytest.raises(ValueError, match="on the way out"), threads._one_blas_thread():
            raise ValueError("on the way out")
        assert blas_threads() == before
        with threads._one_blas_thread() as count:
            assert count == 2
    with threadpool_limits(1, user_api="blas"), threads._one_blas_thread() as count:
        assert count == 1


def test_callers_in_threads_of_their_own(small_tiles, monkeypatch):
    monkeypatch.setattr(blocks, "SMALL", 0)
    X = points(120, 10)
    alone, results = relu_ntk(X), []
    callers = [threading.Thread(target=lambda: results.append(relu_ntk(X))) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(results) == 8
    assert all(np.array_equal(K, alone) for K in results)


def test_without_threadpoolctl_and_numba():
    code = (
        "import sys; sys.modules['threadpoolctl'] = None; sys.modules['numba'] = None\n"
        "import numpy as np; from ntklib import relu_ntk\n"
        "from ntklib._engine import angular, blocks, threads\n"
        "blocks.SMALL = 0; angular.COMPILED_FROM = 0\n"
        "X = np.random.default_rng(0).standard_normal((300, 5)); K = relu_ntk(X)\n"
        "assert threads._controller() is None and angular._load() is None\n"
        "print(float(abs(K - relu_ntk(X, X)).max()) < 1e-13, bool((K == K.T).all()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


def test_what_importing_loads():
    code = "import sys, ntklib; print([m for m in ('numba', 'threadpoolctl') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def crowd(kind, n, d, rng):
    """Data in which many pairs are nearly parallel or nearly opposite."""
    center = rng.standard_normal(d)
    if kind == "equal":
        return np.tile(center, (n, 1))
    if kind == "plus and minus":
        return np.outer(np.where(np.arange(n) % 2, 1.0, -1.0) * rng.uniform(0.5, 2, n), center)
    if kind == "scales":
        # Distances from 0.1 down to 1e-16 of the norm.
        return center + np.logspace(-1, -16, n)[:, None] * rng.standard_normal((n, d))
    if kind == "two scales":
        far = center + 0.05 * rng.standard_normal((n // 8, d))
        near = np.repeat(far, 8, axis=0)
        return near * rng.uniform(0.5, 2, (len(near), 1)) + 1e-7 * rng.standard_normal(near.shape)
    return np.where(rng.random((n, 1)) < 0.5, 1, -1) * (center + 1e-3 * rng.standard_normal((n, d)))


def exact_kernels(x, z):
    with mpmath.workdps(50):
        x, z = [mpmath.mpf(float(v)) for v in x], [mpmath.mpf(float(v)) for v in z]
        nx, nz = mpmath.norm(x), mpmath.norm(z)
        s = mpmath.norm([a / nx - b / nz for a, b in zip(x, z, strict=True)])
        c = mpmath.norm([a / nx + b / nz for a, b in zip(x, z, strict=True)])
        theta = 2 * mpmath.atan2(s, c)
        gate = (mpmath.pi - theta) / (2 * mpmath.pi)
        cos = mpmath.cos(theta)
        return (
            float(cos * gate),
            float(mpmath.sin(theta) / (2 * mpmath.pi) + cos * gate),
            float(gate),
        )


@pytest.mark.parametrize("kind", ["equal", "plus and minus", "scales", "two scales", "cones"])
@pytest.mark.parametrize("d", [2, 30])
def test_crowded_data_keep_all_digits(kind, d):
    rng = np.random.default_rng(d)
    X = crowd(kind, 64, d, rng)
    norm = np.linalg.norm(X, axis=1)
    scales = (np.outer(norm, norm), np.outer(norm, norm), np.ones((len(X), len(X))))
    values = [k(X) / s for k, s in zip(KERNELS, scales, strict=True)]
    between = [k(X, X.copy()) / s for k, s in zip(KERNELS, scales, strict=True)]
    for i, j in rng.integers(0, len(X), (150, 2)):
        for K, B, right in zip(values, between, exact_kernels(X[i], X[j]), strict=True):
            assert abs(K[i, j] - right) <= TOLERANCE
            assert abs(B[i, j] - right) <= TOLERANCE


def test_crowded_data_go_by_products(monkeypatch):
    """Most distances come from a product of short differences, not one by one."""
    pairs = []
    einsum = np.einsum

    def counted(how, *arrays):
        pairs.append(len(arrays[0]))
        return einsum(how, *arrays)

    rng = np.random.default_rng(0)
    left = rows.points(crowd("cones", 400, 50, rng))
    i, j = np.indices((400, 400)).reshape(2, -1)
    cos = np.sum(left.unit[i] * left.unit[j], axis=1)
    monkeypatch.setattr(np, "einsum", counted)
    every = slice(0, 400)
    found = near.defects_by_differences(left, left, every, every, i, j, cos < 0)
    # Beside the pairs, the lengths of 400 rows and as many columns.
    assert sum(pairs) < 0.01 * len(i)
    assert np.abs(found - (1 - np.abs(cos))).max() < 1e-14


def warm_up(monkeypatch, dtype):
    """Load the compiled arithmetic: numba's own memory is not the matrix's."""
    with monkeypatch.context() as patch:
        patch.setattr(angular, "COMPILED_FROM", 0)
        relu_ntk(np.eye(4, dtype=dtype))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["generic", "equal", "plus and minus", "two scales", "low"])
def test_memory(kind, dtype, monkeypatch):
    """The result, one copy of the points, some tiles: 1.1 times the result once n >> d."""
    rng = np.random.default_rng(0)
    if kind == "generic":
        X = rng.standard_normal((4000, 40))
    elif kind == "low":
        X = rng.standard_normal((4000, 2))
    else:
        X = crowd(kind, 4000, 8, rng)
    X = X.astype(dtype)
    warm_up(monkeypatch, dtype)
    tracemalloc.start()
    try:
        with threadpool_limits(1, user_api="blas"):  # there are as many tiles as threads
            K = relu_ntk(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert K.dtype == dtype
    # Beside the result: some tiles of one thread, 12 MB at worst.
    assert peak - K.nbytes <= 12e6


def test_memory_is_that_of_the_result_when_it_is_large(monkeypatch):
    X = np.random.default_rng(0).standard_normal((8000, 40)).astype(np.float32)
    warm_up(monkeypatch, np.float32)
    tracemalloc.start()
    try:
        K = relu_ntk(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 1.1 * K.nbytes


def test_extreme_norms_in_tiles(small_tiles):
    X = points(60, 5)
    scales = np.logspace(-150, 150, 60)
    ones = relu_ntk(X)
    K = relu_ntk(X * scales[:, None])
    factor = np.outer(scales, scales)
    assert (
        np.abs(K / factor - ones) <= 2 * TOLERANCE * np.outer(*[np.linalg.norm(X, axis=1)] * 2)
    ).all()
    wide = (X * np.logspace(-18, 18, 60)[:, None]).astype(np.float32)
    reference = relu_ntk(wide.astype(np.float64))
    norm = np.linalg.norm(wide.astype(np.float64), axis=1)
    inside = np.outer(norm, norm) > 1e-30  # below, float32 itself has fewer digits
    error = np.abs(relu_ntk(wide) - reference)
    assert (error[inside] <= SINGLE * np.outer(norm, norm)[inside]).all()
    with pytest.raises(OverflowError, match="values beyond"):
        relu_ntk(np.full((3, 2), 1e20, dtype=np.float32))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_was_in_memory_does_not_matter(dtype, monkeypatch):
    X, Z = points(300, 20, dtype=dtype), points(280, 20, 1, dtype)
    right = relu_ntk(X), relu_ntk(X, Z)
    empty = np.empty

    def full_of_nan(shape, dtype=float, **how):
        found = empty(shape, dtype, **how)
        if found.dtype.kind == "f":
            found.fill(np.nan)
        return found

    monkeypatch.setattr(np, "empty", full_of_nan)
    assert np.isnan(np.empty(3)).all()
    assert np.array_equal(relu_ntk(X), right[0])
    assert np.array_equal(relu_ntk(X, Z), right[1])


def test_no_negative_zero():
    assert not np.signbit(relu_ntk(np.eye(4))).any()
    assert not np.signbit(relu_ntk(np.vstack([np.eye(3), np.zeros(3)]))).any()


NETWORKS = {
    "shallow": lambda X: relu_ntk(X, eps=0.7),
    "shallow nngp": relu_nngp,
    "depth 3": lambda X: ntk(X, depth=3),
    "depth 3 nngp": lambda X: nngp(X, depth=3),
    "biases": lambda X: ntk(X, depth=4, b_std=0.3),
    "biases nngp": lambda X: nngp(X, depth=2, b_std=[0, 0.3, 0.5]),
    "leaky": lambda X: ntk(X, depth=3, activation="leaky_relu", b_std=0.1),
    "inner": lambda X: ntk(X, depth=3, trained="inner"),
    "some": lambda X: ntk(X, depth=4, trained=[2, 4], W_std=1.2),
    "readout": lambda X: ntk(X, depth=2, trained="readout"),
    "deep": lambda X: ntk(X, depth=30),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_fast_paths_are_as_exact_as_the_plain_one(name, dtype, monkeypatch):
    kernel = NETWORKS[name]
    X = points(150, 6, dtype=dtype)
    X[7], X[8] = X[6], -X[6]
    calls = []
    for tile in ("profile_tile", "relu_tile"):
        call = getattr(compiled, tile)
        monkeypatch.setattr(compiled, tile, lambda *a, call=call: calls.append(1) or call(*a))

    def value(X, compiled_from, depth=layers.DEPTH):
        monkeypatch.setattr(angular, "COMPILED_FROM", compiled_from)
        monkeypatch.setattr(layers, "DEPTH", depth)
        return kernel(X)

    numpy = value(X, 10**18)
    assert not calls
    fused = value(X, 0)
    if not (name == "deep" and dtype == np.float32):  # too deep for single precision
        assert calls
    # Layers from 1 - cos and 1 + cos, and the kernels of this depth in plain ufuncs.
    plain = value(X.astype(np.float64), 10**18, dict.fromkeys(layers.DEPTH, 0))
    scale = np.sqrt(np.outer(np.diag(plain), np.diag(plain)))
    bound = (4e-14 if dtype == np.float64 else SINGLE) * scale
    for fast in (numpy, fused):
        assert fast.dtype == dtype
        assert (fast == fast.T).all()
        assert (np.abs(fast - plain) <= bound).all()


def test_the_compiled_path_can_be_turned_off(monkeypatch):
    monkeypatch.setattr(angular, "COMPILED_FROM", 0)
    network = layers.ReluLayers((True, False))
    assert network.fused(np.ones(2), np.ones(2)) is not None
    monkeypatch.setenv("NTKLIB_NUMBA", "0")
    assert network.fused(np.ones(2), np.ones(2)) is None


def test_a_tangent_kernel_needs_a_trained_layer():
    with pytest.raises(ValueError, match="needs a trained layer"):
        layers.ReluLayers((False, False))


def test_polynomials_of_the_compiled_path():
    worst = dict.fromkeys(("arcsin", "root"), 0.0)
    single = dict(worst)
    for z in np.linspace(1e-9, 0.25, 400):
        with mpmath.workdps(40):
            s = mpmath.sqrt(mpmath.mpf(float(z)))
            right = {
                "arcsin": (mpmath.asin(s) / s - 1) / s**2,
                "root": (mpmath.sqrt(1 - s * s) - 1) / s**2,
            }
        for name, value in right.items():
            double = getattr(compiled, f"_{name}_double").py_func(z)
            worst[name] = max(worst[name], abs(double - float(value)))
            half = getattr(compiled, f"_{name}_single").py_func(float(z))
            single[name] = max(single[name], abs(half - float(value)))
    # The stated errors, and some ulps of the values, at most 0.6, for Horner's rule.
    assert worst["arcsin"] <= 2.4e-16 + 2e-16
    assert worst["root"] <= 2.6e-16 + 2e-16
    assert single["arcsin"] <= 4.3e-9 + 6e-8
    assert single["root"] <= 8.5e-8 + 6e-8


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh"])
@pytest.mark.parametrize("doubled", [False, True])
def test_empirical_kernel_in_tiles(name, doubled, monkeypatch):
    rng = np.random.default_rng(0)
    net, W = ShallowNetwork.random(5, 60, rng=rng, activation=name, eps=1.3, doubled=doubled)
    X, Z = points(50, 5), points(33, 5, 1)
    J, JZ = net.jacobian(X, W), net.jacobian(Z, W)
    for name, value in (("BLOCK", (7, 16)), ("HELD", 1), ("STREAMED", 1), ("SMALL", 0)):
        monkeypatch.setattr(f"ntklib.network.{name}", value)
    K, between = net.empirical_ntk(X, W=W), net.empirical_ntk(X, Z, W=W)
    bound = 100 * np.finfo(float).eps * np.abs(J @ J.T).max()
    assert (K == K.T).all()
    assert np.abs(K - J @ J.T).max() <= bound
    assert np.abs(between - J @ JZ.T).max() <= bound


def test_empirical_kernel_without_the_jacobian():
    """n = 1000, d = 100, m = 4096: the Jacobian would take 3.3 GB, the result takes 8 MB."""
    rng = np.random.default_rng(0)
    net, W = ShallowNetwork.random(100, 4096, rng=rng)
    X = points(1000, 100)
    tracemalloc.start()
    try:
        K = net.empirical_ntk(X, W=W)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 48e6
    few = net.jacobian(X[:7], W)
    assert np.abs(K[:7, :7] - few @ few.T).max() <= 100 * np.finfo(float).eps * np.abs(K).max()
    # And a fit through it: the residual is that of a Gram matrix this well conditioned.
    y = rng.standard_normal(1000)
    fit = Linearization(net, W).fit(X, y)
    assert fit.rank == 1000
    assert np.abs(fit.predict(X) - y).max() <= 1e-9
