"""What the engine lets itself be told, set for a test: sizes, and how many threads."""

import threading
from contextlib import contextmanager

import pytest

from ntklib._engine import sizes, threads


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles of a few rows, so that small matrices have many, with an odd edge."""

    def cut():
        monkeypatch.setattr(sizes, "TILE", 16)
        monkeypatch.setattr(sizes, "BLOCK", (24, 40))

    return cut


@pytest.fixture
def threaded(monkeypatch):
    """A context in which there are four threads whatever the machine, and the threads seen."""
    seen = set()
    share = threads.in_threads

    @contextmanager
    def four():
        yield 4

    def watched(run, tasks, *, alone):
        def observed(part):
            seen.add(threading.get_ident())
            run(part)

        share(observed, tasks, alone=alone)

    @contextmanager
    def context():
        with monkeypatch.context() as patch:
            patch.setattr(threads, "SMALL", 0)
            patch.setattr(threads, "one_blas_thread", four)
            patch.setattr(threads, "in_threads", watched)
            yield seen

    return context
