"""Outputs as the book shows them: numbers rounded below the noise, so that they can be compared."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

NOISE = 1e-9

# Who takes the outputs where a reader runs the page itself (ntklib.book._live).
receiver: ContextVar[Callable[[dict[str, Any]], None] | None] = ContextVar("receiver", default=None)

# How a formula is written in plain text, as in Python or in a letter, and how it is read.
_LETTERS = {
    "alpha": "α", "chi": "χ", "delta": "δ", "eps": "ε", "eta": "η", "kappa": "κ", "lambda": "λ",
    "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "theta": "θ", "Pi": "Π", "Sigma": "Σ",
    "w-hat": "ŵ", "<=": "≤", ">=": "≥",
}  # fmt: skip
_LETTER = re.compile(r"(?<![A-Za-z])(?:" + "|".join(map(re.escape, _LETTERS)) + r")(?![A-Za-z])")
_ROOT = re.compile(r"\bsqrt\((\w+)\)")
_POWER_OF_TEN = re.compile(r"(?<![\w.])(\d(?:\.\d+)?)e([+-]?)0*(\d+)\b")
_THOUSANDS = re.compile(r"(?<=\d) (?=\d{3}\b)")
_PRODUCT = re.compile(r"<([^<>=]+,[^<>=]+)>")
_MINUS = re.compile(r"(?<![\w.)])-(?=[\w.])|(?<= )-(?= )")
_PRIME = re.compile(r"(?<![^\W_])([^\W_])'")  # x', but not Euler's
_TIMES = re.compile(r"(?<=\d) x (?=\d)")
_PROBABILITY = re.compile(r"(?<=P\()(\w+) ")  # P(false alarm), on one line
_FACTOR = re.compile(r"(?<=\b[b-z]) (?=[a-z]+\()")  # u cond(K), too
_SIGN = re.compile(r"(?<=\S) ([=≤≥<>+−]) (?=\S)")  # a line does not break beside it
# An index of one letter or a number; an exponent of a word, a number, or of the pseudoinverse.
_RAISED = re.compile(r"(?<=[\w)])(?:_(\d+|[A-Za-z])(?!\w)|\^([-−]?\d+|[A-Za-z]+|\+))")


def fmt(value: object, digits: int = 6, noise: float = NOISE) -> str:
    """`value` as text: `digits` significant digits; 0 below `noise` in size; never -0.

    Integers, booleans and strings are printed as they are; arrays of at most two dimensions row
    by row.
    """
    if isinstance(value, np.ndarray) and value.ndim > 0:
        if value.ndim > 2:
            raise ValueError(f"value must have at most 2 dimensions, got shape {value.shape}")
        cells = [[fmt(x, digits, noise) for x in np.atleast_1d(row)] for row in value]
        if value.ndim == 1:
            return "[" + "  ".join(cell[0] for cell in cells) + "]"
        wide = max(len(cell) for row in cells for cell in row)
        lines = ("[" + "  ".join(cell.rjust(wide) for cell in row) + "]" for row in cells)
        return "\n".join(lines)
    if isinstance(value, np.generic | np.ndarray):
        value = value.item()
    if isinstance(value, bool | int | str):
        return str(value)
    if isinstance(value, tuple | list):
        return "(" + ", ".join(fmt(x, digits, noise) for x in value) + ")"
    if not isinstance(value, float):
        raise TypeError(f"value must be a number, a string or an array, got {type(value).__name__}")
    if abs(value) < noise:
        return "0"
    return f"{value:.{digits}g}"


def fixed(value: float, decimals: int) -> str:
    """`value` with so many decimals, for a text; no negative zero."""
    return f"{round(float(value), decimals) + 0.0:.{decimals}f}"


def minus(text: str) -> str:
    """A text with minus signs where Python writes hyphens."""
    return _MINUS.sub("−", text)


def show(*, digits: int = 6, **values: object) -> None:
    """Print `name = value` for each argument, on one line if none is a matrix."""
    parts = []
    for name, value in values.items():
        text = fmt(value, digits)
        parts.append(f"{name} =\n{text}" if "\n" in text else f"{name} = {text}")
    print(("\n" if any("\n" in part for part in parts) else "   ").join(parts))


def publish(bundle: dict[str, Any]) -> None:
    """Display an output in its forms; print its text where there is no notebook."""
    if (receive := receiver.get()) is not None:
        receive(bundle)
    elif notebook() is None:
        print(bundle["text/plain"])
    else:
        sys.modules["IPython"].display.publish_display_data(bundle)


def notebook() -> Any:
    """The shell of IPython in which this runs, or None; imports nothing."""
    found = sys.modules.get("IPython")
    return None if found is None else found.get_ipython()


def typeset(text: str) -> Iterator[tuple[str, str]]:
    """A formula in plain text, such as ``w_0 + 2.5e-09``, in parts to be set one after the other.

    Yields pairs of a place and what stands there: "", "sub", "sup", or "over" for an exponent that
    stands over the index before it.
    """
    text = _LETTER.sub(lambda found: _LETTERS[found[0]], _ROOT.sub(r"√\1", text))
    text = _THOUSANDS.sub("\u00a0", _POWER_OF_TEN.sub(_power_of_ten, text))
    text = _PRODUCT.sub(r"⟨\1⟩", minus(text))
    text = _PRIME.sub(r"\1′", text).replace("'", "’")
    text = _SIGN.sub("\u00a0\\1\u00a0", _TIMES.sub("\u00a0×\u00a0", text))
    text = _FACTOR.sub("\u00a0", _PROBABILITY.sub("\\1\u00a0", text))
    end, after = 0, -1
    for found in _RAISED.finditer(text):
        yield "", text[end : found.start()]
        index, exponent = found.groups()
        if index:
            after = found.end()
            yield "sub", index
        else:
            yield "over" if found.start() == after else "sup", exponent.replace("-", "−")
        end = found.end()
    yield "", text[end:]


def _power_of_ten(found: re.Match[str]) -> str:
    digits, sign, exponent = found.groups()
    factor = "" if digits == "1" else f"{digits}\u00a0·\u00a0"
    return f"{factor}10^{sign.replace('+', '')}{exponent}"
