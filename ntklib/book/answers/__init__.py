"""Checkers of the exercises: `grade` says whether an answer is right without giving it away.

One module a chapter, with a dictionary ANSWERS from an exercise's label to an `Answer`.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_LABEL = re.compile(r"ex-([a-z_]+)-\d+")


@dataclass(frozen=True)
class Answer:
    """What an exercise expects.

    Attributes
    ----------
    expected : callable
        Computes the right answer: a number, a string or an array.
    hint : str
        Said when the answer is wrong.
    rtol : float
        Relative tolerance for numbers; answers are often given to a few digits.
    """

    expected: Callable[[], Any]
    hint: str
    rtol: float = 1e-2


def grade(label: str, answer: Any) -> None:
    """Print whether `answer` solves the exercise `label`, such as ``ex-span-2``."""
    match = _LABEL.fullmatch(label)
    if match is None:
        raise ValueError(f"label must look like 'ex-span-2', got {label!r}")
    try:
        module = importlib.import_module(f"ntklib.book.answers.{match[1]}")
        wanted: Answer = module.ANSWERS[label]
    except (ModuleNotFoundError, KeyError) as error:
        raise ValueError(f"there is no exercise {label!r}") from error
    verdict = "right" if _agree(answer, wanted.expected(), wanted.rtol) else "not yet"
    print(f"{label}: {verdict}" + ("" if verdict == "right" else f". {wanted.hint}"))


def _agree(answer: Any, expected: Any, rtol: float) -> bool:
    if isinstance(expected, str | bool):
        return bool(answer == expected)
    given, right = np.asarray(answer), np.asarray(expected)
    if given.shape != right.shape or given.dtype.kind not in "biuf":
        return False
    if right.dtype.kind in "iu":
        return bool((given == right).all())
    size = float(np.abs(right).max()) or 1.0
    worst = float(np.abs(given - right).max())
    return math.isfinite(worst) and worst <= rtol * size
