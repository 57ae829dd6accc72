"""Tasks in as many threads as BLAS would use, with BLAS on one thread meanwhile."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

# Multiplications below which threads cost more than they save.
SMALL = 1 << 24


def in_threads(run: Callable[[Iterator[Any]], None], tasks: list[Any], *, alone: bool) -> None:
    """Call `run` on iterators that share out the tasks, in one thread or as many as BLAS has."""
    # In a browser a process cannot start a thread.
    if alone or len(tasks) == 1 or sys.platform == "emscripten":
        run(iter(tasks))
        return
    with one_blas_thread() as threads:
        waiting = deque(tasks)

        def worker() -> None:
            try:
                run(_drain(waiting))
            except BaseException:
                waiting.clear()  # the others stop at their next tile
                raise

        threads = min(threads, len(tasks))
        if threads == 1:
            worker()
            return
        # A pool for this call alone: one that is kept does not survive a fork.
        with ThreadPoolExecutor(threads - 1) as pool:
            others = [pool.submit(worker) for _ in range(threads - 1)]
            worker()
            for other in others:
                other.result()


def _drain(waiting: deque[Any]) -> Iterator[Any]:
    while True:
        try:
            task = waiting.popleft()
        except IndexError:
            return
        yield task


@cache
def _controller() -> Any | None:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController().select(user_api="blas")


# BLAS's number of threads belongs to the whole process: one caller at a time sets it.
_setting = threading.Lock()


@contextmanager
def one_blas_thread() -> Iterator[int]:
    """Set BLAS to one thread; gives the number of threads it had.

    That is 1 where nothing can be gained or set: without threadpoolctl or with a BLAS that it does
    not know (Apple's), with BLAS on one thread, and for callers who come while another is inside
    and has the cores.
    """
    controller = _controller()
    libraries = [] if controller is None else controller.lib_controllers
    threads = max((library.num_threads for library in libraries), default=1)
    if controller is None or threads == 1 or not _setting.acquire(blocking=False):
        yield 1
        return
    try:
        with controller.limit(limits=1):
            yield threads
    finally:
        _setting.release()
