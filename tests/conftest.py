"""What is tested in part, another one for each commit."""

from collections import defaultdict

import pytest

from tools.sample import sample, turn


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test marked `drawn(share)` leave a part of the cases, another one for each commit.

    With `by` the values of that argument are drawn, and all else stays together. What has too few
    cases for one at each commit has one at some: at one commit of so many where there is one case.
    What has the same name in `group` is left at the same commits.
    """
    cases: dict[str, dict[pytest.Item, str]] = defaultdict(dict)
    shares: dict[str, int] = {}
    left_out = set()
    for item in items:
        if not (mark := item.get_closest_marker("drawn")):
            continue
        call, group = getattr(item, "callspec", None), mark.kwargs.get("group")
        name, by = item.nodeid.partition("[")[0], mark.kwargs.get("by")
        if group or not call:
            if not turn(group or name, mark.args[0]):
                left_out.add(item)
        else:
            shares[name] = mark.args[0]
            cases[name][item] = str(call.params[by]) if by else call.id
    left_out |= {
        item
        for name, drawn in cases.items()
        for kept in [_kept(name, list(dict.fromkeys(drawn.values())), shares[name])]
        for item, case in drawn.items()
        if case not in kept
    }
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _kept(name: str, cases: list[str], share: int) -> list[str]:
    return sample(cases, share) if turn(name, max(1, share // len(cases))) else []
