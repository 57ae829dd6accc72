"""Threads: they change nothing, errors arrive, and BLAS gets its own back."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from ntklib import gate_kernel, relu_nngp, relu_ntk
from ntklib._engine import threads
from tests.unit.samples import points

KERNELS = [relu_ntk, relu_nngp, gate_kernel]


def test_threads_change_nothing(small_tiles, threaded):
    small_tiles()
    X, Z = points(200, 30), points(150, 30, 1)
    alone = [k(X) for k in KERNELS] + [k(X, Z) for k in KERNELS]
    with threaded() as seen:
        parallel = [k(X) for k in KERNELS] + [k(X, Z) for k in KERNELS]
        assert len(seen) >= 2
    for a, b in zip(parallel, alone, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_each_task_is_done_once_and_threads_are_used(threaded, count):
    """As many as there are, and no more than tasks: all of them have to meet."""
    meeting = threading.Barrier(min(4, count), timeout=30)
    done, calls = [], []

    def run(tasks):
        calls.append(threading.get_ident())
        for place, task in enumerate(tasks):
            if place == 0:
                meeting.wait()
            done.append((task, threading.get_ident()))

    with threaded():
        threads.in_threads(run, list(range(count)), alone=False)
    assert sorted(task for task, _ in done) == list(range(count))
    assert len({who for _, who in done}) == len(calls) == min(4, count)


def test_alone_means_the_caller(threaded):
    def run(tasks):
        done.append((threading.get_ident(), list(tasks)))

    done = []
    with threaded():
        threads.in_threads(run, [1, 2, 3], alone=True)
    assert done == [(threading.get_ident(), [1, 2, 3])]


def test_in_a_browser_all_is_done_by_the_caller(threaded, monkeypatch):
    monkeypatch.setattr(threads.sys, "platform", "emscripten")
    seen = []
    threads.in_threads(
        lambda tasks: seen.extend((task, threading.get_ident()) for task in tasks),
        list(range(8)),
        alone=False,
    )
    assert seen == [(task, threading.get_ident()) for task in range(8)]


def test_an_error_in_a_thread_arrives_and_stops_the_others(threaded):
    done = []

    def run(tasks):
        for task in tasks:
            done.append(task)
            if task == 5:
                raise OverflowError("from a tile")

    with threaded(), pytest.raises(OverflowError, match="from a tile"):
        threads.in_threads(run, list(range(100_000)), alone=False)
    assert len(done) < 100_000


def blas_threads():
    return [c.num_threads for c in ThreadpoolController().select(user_api="blas").lib_controllers]


def test_blas_gets_its_threads_back():
    with threadpool_limits(2, user_api="blas"):
        before, others = blas_threads(), []
        had = max(before, default=1)  # none are seen of a BLAS that threadpoolctl does not know
        with threads.one_blas_thread() as count:
            assert (count, blas_threads()) == (had, [1] * len(before))
            other = threading.Thread(target=lambda: others.append(relu_ntk(points(300, 40))))
            other.start()
            other.join()
            assert blas_threads() == [1] * len(before)
        assert np.array_equal(others[0], others[0].T)
        assert blas_threads() == before
        with pytest.raises(ValueError, match="on the way out"), threads.one_blas_thread():
            raise ValueError("on the way out")
        assert blas_threads() == before
        with threads.one_blas_thread() as count:
            assert count == had
    with threadpool_limits(1, user_api="blas"), threads.one_blas_thread() as count:
        assert count == 1


def test_callers_in_threads_of_their_own(small_tiles, monkeypatch):
    small_tiles()
    monkeypatch.setattr(threads, "SMALL", 0)
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
        "from ntklib._engine import angular, threads\n"
        "threads.SMALL = 0; angular.COMPILED_FROM = 0\n"
        "X = np.random.default_rng(0).standard_normal((300, 5)); K = relu_ntk(X)\n"
        "with threads.one_blas_thread() as count: print(count, angular.compiled(1))\n"
        "print(float(abs(K - relu_ntk(X, X)).max()) < 1e-13, bool((K == K.T).all()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "None", "True", "True"]
