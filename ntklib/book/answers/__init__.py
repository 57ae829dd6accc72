"""Checkers of the exercises: `grade` says whether an answer is right without giving it away.

One module a chapter, with a dictionary ANSWERS from an exercise's label to an `Answer`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

_LABEL = re.compile(r"ex-([a-z_]+)-\d+")
_ROUNDING = 1e-13
_COUNTS = ("no", "one", "two", "three", "four", "five")


@dataclass(frozen=True)
class Answer:
    """What an exercise expects.

    Attributes
    ----------
    expected : callable
        Computes the right answer: a number or a list of numbers.
    hint : str
        Said when the answer is wrong in a way that nobody foresaw.
    mistakes : mapping from str to callable
        From a question to the wrong answer to which it is asked, computed as a reader would
        who makes this one mistake.
    rtol : float
        Relative tolerance for each number; answers are often given to a few digits. Where the
        answer is a whole number, only that number is right.
    """

    expected: Callable[[], Any]
    hint: str
    mistakes: Mapping[str, Callable[[], Any]]
    rtol: float = 1e-2


class Verdict(NamedTuple):
    """What is said of an answer: what kind it is, and words where it is not right."""

    kind: Literal["right", "known", "unlike", "unknown"]
    words: str


def grade(label: str, answer: Any) -> None:
    """Print whether `answer` solves the exercise `label`, such as ``ex-span-2``."""
    verdict = judge(label, answer)
    told = "right" if verdict.kind == "right" else f"not yet. {verdict.words}"
    print(f"{label}: {told}")


def judge(label: str, answer: Any) -> Verdict:
    """Whether `answer` is right, a known mistake, unlike what is asked for, or just wrong."""
    wanted = find(label)
    right = wanted.expected()
    if agrees(answer, right, wanted.rtol):
        return Verdict("right", "")
    if described(answer) != described(right):
        asked = f"The answer is {described(right)}, and this is {described(answer)}."
        return Verdict("unlike", asked)
    for question, wrong in wanted.mistakes.items():
        if agrees(answer, wrong(), wanted.rtol):
            return Verdict("known", question)
    return Verdict("unknown", wanted.hint)


def find(label: str) -> Answer:
    """The answer of the exercise `label`."""
    match = _LABEL.fullmatch(label)
    if match is None:
        raise ValueError(f"label must look like 'ex-span-2', got {label!r}")
    try:
        module = importlib.import_module(f"ntklib.book.answers.{match[1]}")
        found: Answer = module.ANSWERS[label]
    except (ModuleNotFoundError, KeyError) as error:
        raise ValueError(f"there is no exercise {label!r}") from error
    return found


def agrees(answer: Any, value: Any, rtol: float) -> bool:
    """Whether `answer` has the shape and, up to rounding, the numbers of `value`."""
    given, right = _numbers(answer), np.asarray(value)
    if given is None or given.shape != right.shape:
        return False
    return bool((np.abs(given - right) <= margin(right, rtol)).all())


def margin(value: Any, rtol: float) -> Any:
    """How far a number may be from each of `value`; whole numbers are taken as they are.

    A zero, up to rounding, has no relative error: the smallest of the other numbers counts there.
    """
    right = np.asarray(value)
    if right.dtype.kind in "iu" or not right.any():
        return np.zeros(right.shape)
    size = np.abs(right)
    there = size > _ROUNDING * size.max()
    return rtol * np.where(there, size, size[there].min())


def described(answer: Any) -> str:
    """The kind of thing that an answer is, in words."""
    numbers = _numbers(answer)
    if numbers is None:
        return f"of the type {type(answer).__name__}"
    if not np.isfinite(numbers).all():
        return "not finite"
    if numbers.ndim == 0:
        return "one number"
    if numbers.ndim == 1:
        size = numbers.size
        count = _COUNTS[size] if size < len(_COUNTS) else str(size)
        return f"a list of {count} number" + "s" * (size != 1)
    return f"an array of the shape {numbers.shape}"


def _numbers(answer: Any) -> np.ndarray[Any, Any] | None:
    """The answer as an array of numbers, fractions too, or None."""
    try:
        given = np.asarray(answer)
        if given.dtype.kind == "O":
            given = np.asarray(np.frompyfunc(float, 1, 1)(given), dtype=np.float64)
    except (TypeError, ValueError):  # no numbers, or lists of different lengths
        return None
    return given if given.dtype.kind in "biuf" else None
