"""What the extra ``large`` installs, and the bars that are made with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


def extra(module: str) -> Any:
    """The module, or an ImportError that says how to get it."""
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ImportError(f"this needs {library}: pip install 'ntklib[large]'") from error


@contextmanager
def bar(
    shown: bool, total: int, unit: str, numbers: float = 0, seconds: float = 0
) -> Iterator[Any]:
    """A bar of tqdm, or None where none was asked for; it is gone at the end, also of an error.

    Before anything is done it says what so many numbers of float64 take, and how long it takes
    where that is known. Where no terminal and no notebook shows it, it is quiet.
    """
    if not shown:
        yield None
        return
    memory = f"up to {numbers / 2**27:.2g} GiB" if numbers else None
    if seconds:
        memory = f"{memory}, about {seconds:.2g} s"
    options = {"total": total, "unit": unit, "desc": memory, "leave": False, "disable": None}
    with extra("tqdm.auto").tqdm(**options) as made:
        yield made
