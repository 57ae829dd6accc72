"""The checkers of the exercises: each wrong answer that is foreseen, and what is said of others."""

import re
from fractions import Fraction
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest

from ntklib.book import answers, grade
from ntklib.book.answers import Verdict, judge, margin

ROOT = Path(__file__).resolve().parents[3]
CHAPTERS = [module.name for module in iter_modules(answers.__path__)]


def exercises(chapter):
    return import_module(f"ntklib.book.answers.{chapter}").ANSWERS


@cache
def values(label):
    """The right answer and the foreseen wrong ones, by their questions."""
    answer = answers.find(label)
    return answer.expected(), {ask: wrong() for ask, wrong in answer.mistakes.items()}


def apart(one, other, rtol):
    """Whether no answer agrees with both."""
    gap = np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float))
    return bool((gap > margin(one, rtol) + margin(other, rtol)).any())


def tells(question, right):
    """Whether a number in the question is one of the right ones; a name such as F_0 is none."""
    named = re.findall(r"(?<![\w.])\d+(?:\.\d+)?", question)
    return any(np.isclose(float(one), np.ravel(right), rtol=1e-2).any() for one in named)


def test_each_exercise_of_the_book_has_its_answer():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "chapters").glob("*.ipynb")]
    asked = {label for text in texts for label in re.findall(r":label: (ex-[a-z_]+-\d+)", text)}
    assert asked == {label for chapter in CHAPTERS for label in exercises(chapter)}
    assert len(asked) >= 72


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_mistakes_are_told_from_the_right_answer_and_from_each_other(chapter):
    for label, answer in exercises(chapter).items():
        right, wrong = values(label)
        assert len(wrong) >= 3, label
        shown = [right, *wrong.values()]
        for i, one in enumerate(shown):
            assert np.shape(one) == np.shape(right), label
            assert np.isfinite(one).all(), label
            for other in shown[:i]:
                assert apart(one, other, answer.rtol), (label, one, other)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_mistake_is_answered_by_its_question(chapter):
    for label, answer in exercises(chapter).items():
        right, wrong = values(label)
        assert judge(label, right) == Verdict("right", "")
        for question, value in wrong.items():
            assert re.fullmatch(r"[A-Z(][^?\n]*\?", question), question
            assert len(question) <= 90, question
            assert not tells(question, right), question
            given = np.asarray(value) * (1 + answer.rtol / 2)
            given = value if margin(value, answer.rtol).max() == 0 else given
            assert judge(label, given) == Verdict("known", question)


def test_a_question_that_tells_is_seen():
    assert tells("Is it 0.25 or more?", [1, 1 / 4])
    assert not tells("Is it F_0, or 3?", [0, 2])


def test_grade_prints_the_question(capsys):
    grade("ex-limit-3", 4)
    grade("ex-limit-3", 2)
    grade("ex-limit-3", 7)
    assert capsys.readouterr().out.splitlines() == [
        "ex-limit-3: right",
        "ex-limit-3: not yet. Does the bound contain m, or the root of m?",
        "ex-limit-3: not yet. Which product of eps and m must stay the same?",
    ]


@pytest.mark.parametrize(
    ("label", "answer", "words"),
    [
        ("ex-limit-3", [4, 4], "The answer is one number, and this is a list of two numbers."),
        ("ex-limit-3", "four", "The answer is one number, and this is of the type str."),
        ("ex-limit-3", None, "The answer is one number, and this is of the type NoneType."),
        ("ex-limit-3", float("nan"), "The answer is one number, and this is not finite."),
        ("ex-limits-2", [], "The answer is one number, and this is a list of no numbers."),
        ("ex-depth-2", 0.2, "The answer is a list of two numbers, and this is one number."),
        (
            "ex-depth-2",
            [[0.2, 0.2]],
            "The answer is a list of two numbers, and this is an array of the shape (1, 2).",
        ),
        (
            "ex-depth-2",
            [[1], [1, 2]],
            "The answer is a list of two numbers, and this is of the type list.",
        ),
    ],
)
def test_an_answer_of_another_kind_hears_what_is_expected(label, answer, words):
    assert judge(label, answer) == Verdict("unlike", words)


def test_each_number_counts_however_large_another_is():
    assert judge("ex-least_squares-5", [1e9, 1.001]).kind == "right"
    assert judge("ex-least_squares-5", [1e9, 1.5]).kind == "unknown"


def test_fractions_are_numbers():
    assert judge("ex-spectrum-1", Fraction(7, 256)).kind == "right"
    assert judge("ex-depth-2", [Fraction(1, 8), Fraction(1, 7)]).kind == "right"
