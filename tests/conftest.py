"""What is tested in part, another one for each commit."""

from collections import defaultdict

import pytest

from tools.sample import sample


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
