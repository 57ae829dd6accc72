"""What nbval must not compare, and need not draw, and why."""

import os
from unittest.mock import patch

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Leave out text/html: the frames of the sliders, which git does not keep.

    The alt text of the figure, which stands beside them as text/plain, is compared; the frames
    themselves are drawn by the build and tested in a browser. So the kernel, which takes the
    environment of its start, draws none but the first.
    """
    if collector.path.suffix != ".ipynb" or not hasattr(collector, "skip_compare"):
        return
    collector.skip_compare += ("text/html",)
    start = collector.setup

    def setup() -> None:
        # As ntklib.book.interactive calls it; a small notebook may be run without the book.
        with patch.dict(os.environ, {"NTKLIB_BOOK_FIRST": "1"}):
            start()

    collector.setup = setup  # type: ignore[method-assign]
