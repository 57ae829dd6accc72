"""Numbers as the book prints them: rounded below the noise, so that outputs can be compared."""

from __future__ import annotations

import numpy as np

NOISE = 1e-9


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


def show(*, digits: int = 6, **values: object) -> None:
    """Print `name = value` for each argument, on one line if none is a matrix."""
    parts = []
    for name, value in values.items():
        text = fmt(value, digits)
        parts.append(f"{name} =\n{text}" if "\n" in text else f"{name} = {text}")
    print(("\n" if any("\n" in part for part in parts) else "   ").join(parts))
