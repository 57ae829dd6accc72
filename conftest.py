"""What nbval must not compare and need not draw, and what is tested in part; and why."""

import os
from collections import defaultdict
from unittest.mock import patch

import pytest

from tools.sample import sample


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test marked `drawn(share)` leave a part of the cases, another one for each commit.

    With `by` the values of that argument are drawn, and all else stays together.
    """
    cases: dict[str, dict[pytest.Item, str]] = defaultdict(dict)
    shares: dict[str, int] = {}
    for item in items:
        call = getattr(item, "callspec", None)
        if call and (mark := item.get_closest_marker("drawn")):
            name, by = item.nodeid.partition("[")[0], mark.kwargs.get("by")
            shares[name] = mark.args[0]
            cases[name][item] = str(call.params[by]) if by else call.id
    left_out = {
        item
        for name, drawn in cases.items()
        for kept in [sample(list(dict.fromkeys(drawn.values())), shares[name])]
        for item, case in drawn.items()
        if case not in kept
    }
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
