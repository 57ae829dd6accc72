"""The table of what functions take, cell by cell, for arrays of torch and JAX."""

import importlib
from itertools import groupby
from typing import Any

import pytest

from ntklib import angles
from tests import takes as calls
from tools import takes


def made(library: str, stored: str, points: Any) -> Any:
    if library == "torch":
        return importlib.import_module("torch").asarray(points.astype(stored))
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    return jax.numpy.asarray(points.astype(stored))


CELLS = [
    pytest.param(
        list(group),
        id="-".join(key),
        marks=[pytest.mark.torch] if key[1] == "torch" else [],
    )
    for key, group in groupby(sorted(takes.cells("libraries")), key=lambda cell: cell[:2])
]


@pytest.mark.drawn(2)
@pytest.mark.parametrize("cells", CELLS)
def test_the_cells_of_a_function(cells):
    for cell in cells:
        calls.holds(cell, made(cell.container, cell.stored, calls.CALLS[cell.function][0]))


@pytest.mark.torch
def test_what_would_cut_a_derivative_is_refused():
    X = made("torch", "float64", calls.POINTS).requires_grad_()
    with pytest.raises(RuntimeError, match="requires grad"):
        angles(X)
