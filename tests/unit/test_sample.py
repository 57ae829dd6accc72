"""The part of the long tests that a commit runs."""

from types import SimpleNamespace

import pytest

from tests import conftest
from tools.sample import sample, turn

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
    assert all(turn(case, 3, at="a commit") for case in CASES)


def test_what_stands_alone_has_its_turn_at_one_commit_of_so_many(monkeypatch):
    """Of 300 commits 100 on average; more than 40 away with probability 8e-7 (binomial)."""
    monkeypatch.delenv("ALL", raising=False)
    turns = [turn("alone", 3, at=f"commit {i}") for i in range(300)]
    assert turns == [turn("alone", 3, at=f"commit {i}") for i in range(300)]
    assert abs(sum(turns) - 100) <= 40


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
    book = pytest.mark.drawn(3, group="book").mark
    grouped = [Item(f"of-the-book-{i}", book) for i in range(9)]
    alone = [Item(f"alone-{i}", drawn) for i in range(40)]  # all or none: 2 of 2^40
    sixth = pytest.mark.drawn(6).mark  # one of three cases, at one commit of two
    rare = [Item(f"rare-{i}", sixth, one=case) for i in range(40) for case in CASES[:3]]
    items, dropped = [*whole, *halved, *paired, *grouped, *alone, *rare], []
    config = SimpleNamespace(
        hook=SimpleNamespace(pytest_deselected=lambda items: dropped.extend(items))
    )
    conftest.pytest_collection_modifyitems(config, items)
    assert [item for item in items if item in whole] == whole
    assert len([item for item in items if item in halved]) == 9
    kept = [item.callspec.params["name"] for item in items if item in paired]
    assert len(kept) == 2 * len(set(kept)) == 12
    assert len([item for item in items if item in grouped]) in (0, 9)
    assert 0 < len([item for item in items if item in alone]) < 40
    assert 0 < len(kept := [item.nodeid.split("[")[0] for item in items if item in rare]) < 40
    assert len(kept) == len(set(kept))
    collected = (whole, halved, paired, grouped, alone, rare)
    assert len(items) + len(dropped) == sum(map(len, collected))
