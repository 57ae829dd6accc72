"""A check: one line of a chapter that measures something and can fail.

Each check leaves a record in the notebook's output, from which the site builds its ledger.
"""

from __future__ import annotations

import html
import json
import math
import re
from typing import Any

import numpy as np

from ntklib.book.printing import fmt, publish, typeset

# The three classes of tolerance: exact algebra, kernel values, statistics in standard errors.
EXACT = 1e-10
KERNEL = 1e-12
SIGMAS = 5.0

_LABEL = re.compile(r"(dfn|prp|thm|lem|cor|rmk)-[a-z0-9-]+")
_BOUND = {"at_most": "bound ≤", "at_least": "bound ≥", "equals": "expected"}
# Below this a bound is about rounding errors, whose digits differ from machine to machine.
_ROUNDING = 1e-8


class CheckFailed(AssertionError):
    """A statement of the book does not hold as measured."""


def check(
    label: str,
    claim: str,
    *,
    measured: float | int | bool | str,
    at_most: float | None = None,
    at_least: float | None = None,
    equals: int | bool | str | None = None,
    because: str,
) -> None:
    """Compare what was measured with the bound that mathematics puts on it.

    Parameters
    ----------
    label : str
        Label of the statement, such as ``prp-relu-ntk``.
    claim : str
        What holds, in a few words.
    measured : float, int, bool or str
        A NaN fails.
    at_most, at_least, equals
        Exactly one bound.
    because : str
        Why this bound and no other.

    Raises
    ------
    CheckFailed
        If the bound is broken. The record is left first.
    """
    bounds = {"at_most": at_most, "at_least": at_least, "equals": equals}
    given = [(relation, bound) for relation, bound in bounds.items() if bound is not None]
    if len(given) != 1:
        raise TypeError(f"give exactly one of at_most, at_least, equals; got {len(given)}")
    if not _LABEL.fullmatch(label):
        raise ValueError(f"label must look like 'prp-relu-ntk', got {label!r}")
    if not because.strip() or not claim.strip():
        raise ValueError("claim and because must say something")
    relation, bound = given[0]
    if isinstance(measured, np.generic | np.ndarray):
        measured = measured.item()
    if isinstance(bound, np.generic):
        bound = bound.item()
    passed = _holds(measured, relation, bound)
    text = _text(measured, relation, bound, passed)
    verdict = "holds" if passed else "FAILS"
    line = f"{verdict}  {label}: {claim}. Measured {text}, {_BOUND[relation]} {_tidy(bound)}"
    record = {
        "label": label,
        "claim": claim,
        "measured": text,
        "relation": relation,
        "bound": _tidy(bound),
        "because": because,
        "passed": passed,
    }
    publish({"text/plain": line, "text/html": _page(record, measured)})
    if not passed:
        raise CheckFailed(line)


def _holds(measured: Any, relation: str, bound: Any) -> bool:
    if relation == "equals":
        return type(measured) is type(bound) and bool(measured == bound)
    value = float(measured)
    if not math.isfinite(value):
        return False
    return bool(value <= bound if relation == "at_most" else value >= bound)


def _text(measured: Any, relation: str, bound: Any, passed: bool) -> str:
    """The measured value without digits that differ between machines."""
    if passed and relation == "at_most" and bound <= _ROUNDING and isinstance(measured, float):
        return "rounding error"
    if isinstance(measured, bool):
        return _tidy(measured)
    small = isinstance(measured, float | int) and abs(measured) < 1e-6
    return fmt(measured, digits=4, noise=0.0 if small else 1e-9)


def _tidy(bound: Any) -> str:
    if isinstance(bound, bool):
        return "yes" if bound else "no"
    return f"{bound:.4g}" if isinstance(bound, float) else str(bound)


def _page(record: dict[str, Any], measured: Any) -> str:
    """The line as markup, with its record."""
    if not isinstance(measured, float) or math.isfinite(measured):
        record["raw"] = measured
    # The record rides in the page's markup, which regression tests do not compare.
    # A reason that starts so says that the number is in standard errors.
    unit = "|z| = " if record["because"].startswith("|z|") else ""
    name, *sign = _BOUND[record["relation"]].split()
    failing = "" if record["passed"] else ' data-passed="false"'
    return (
        f'<p class="ntk-check"{failing} data-record="{html.escape(json.dumps(record))}">'
        f"<strong>{'Holds' if record['passed'] else 'Fails'}:</strong> {_html(record['claim'])}. "
        f"<span>Measured {_value(unit + record['measured'])}, "
        f"{name}\u00a0{_value(' '.join([*sign, record['bound']]))}.</span></p>"
    )


def _html(text: str) -> str:
    """A formula in plain text, with its letters, indices and exponents."""
    return "".join(_MARKS[place].format(html.escape(part)) for place, part in typeset(text))


_MARKS = {
    "": "{}",
    "sub": "<sub>{}</sub>",
    "sup": "<sup>{}</sup>",
    "over": '<sup class="over">{}</sup>',
}


def _value(text: str) -> str:
    """A value that a line does not tear; a long list of values may be torn."""
    if "," in text and len(text) > 24:
        return _html(text)
    return f'<span class="ntk-value">{_html(text)}</span>'
