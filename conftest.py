"""What nbval must not compare, and why."""

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Leave out text/html: the frames of the sliders, which git does not keep.

    The alt text of the figure, which stands beside them as text/plain, is compared; the frames
    themselves are tested in a browser.
    """
    if collector.path.suffix == ".ipynb" and hasattr(collector, "skip_compare"):
        collector.skip_compare += ("text/html",)
