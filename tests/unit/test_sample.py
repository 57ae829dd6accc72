"""The part of the long tests that a commit runs."""

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
