"""The part of the long tests that a commit runs."""

from types import SimpleNamespace

import pytest

from tests import conftest
from tools.sample import sample

CASES = [f"case-{i}" for i in range(17)]


def test_a_commit_always_draws_the_same_and_as_many_as_it_should(monkeypatch):
    monkeypatch.delenv("ALL", raising=False)
    drawn = sample(CASES, 3, at="a commit")
    assert drawn == sample(CASES, 3, at="a commit")
    assert len(drawn) == 6
    assert drawn == [case for case in CASES if case in drawn]
    assert sample(CASES[:1], 3, at="a commit") == CASES[:1]


def test_every_case_has_its_turn(monkeypatch):
    """Each is missed by one commit with probability 11/17: by 100 of them with 17 (11/17)^100."""
    monkeypatch.delenv("ALL", raising=False)
    drawn = {case for i in range(100) for case in sample(CASES, 3, at=f"commit {i}")}
    assert drawn == set(CASES)


def test_all_means_all(monkeypatch):
    monkeypatch.setenv("ALL", "1")
    assert sample(CASES, 3, at="a commit") == CASES


class Item:
    """What pytest collects of a test, as far as the choice looks at it."""

    def __init__(self, test, marker=None, **params):
        self.callspec = SimpleNamespace(id="-".join(params.values()), params=params)
        self.nodeid, self.marker = f"{test}[{self.callspec.id}]", marker
        if not params:
            del self.callspec

    def get_closest_marker(self, name):
        return self.marker


def test_marked_tests_are_drawn_and_what_belongs_together_stays_so(monkeypatch):
    monkeypatch.delenv("ALL", raising=False)
    drawn, pages = pytest.mark.drawn(2).mark, pytest.mark.drawn(3, by="name").mark
    whole = [Item("other", one=case) for case in CASES] + [Item("single")]
    halved = [Item("halved", drawn, one=case) for case in CASES]
    paired = [Item("paired", pages, name=case, mode=m) for case in CASES for m in ("light", "dark")]
    items, dropped = [*whole, *halved, *paired], []
    config = SimpleNamespace(
        hook=SimpleNamespace(pytest_deselected=lambda items: dropped.extend(items))
    )
    conftest.pytest_collection_modifyitems(config, items)
    assert [item for item in items if item in whole] == whole
    assert len([item for item in items if item in halved]) == 9
    kept = [item.callspec.params["name"] for item in items if item in paired]
    assert len(kept) == 2 * len(set(kept)) == 12
    assert len(items) + len(dropped) == len(whole) + len(halved) + len(paired)
