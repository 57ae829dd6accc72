"""Records of studies: what a program measured once, for pages that have no time to do it again.

A study is a program of its own and takes minutes or hours. What it measured is committed as JSON in
the folder ``records`` beside this file, and travels with the package, so that a notebook that was
downloaded alone reads the same numbers as the page.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def records(name: str) -> Any:
    """What a study has recorded.

    Parameters
    ----------
    name : str
        Such as ``"parity"`` for the file ``parity.json``, or ``"tables"`` for the files in a folder
        ``tables``.

    Returns
    -------
    object
        The content of the file, read anew at each call; of a folder a dictionary from the names of
        its files, without ``.json`` and in alphabetical order, to their contents.

    Raises
    ------
    ValueError
        There is no such record.
    """
    folder = files("ntklib.book") / "records"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"name must be the name of a record, such as 'tables', got {name!r}")
    if (folder / f"{name}.json").is_file():
        return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    if (folder / name).is_dir():
        inside = {path.name: path for path in (folder / name).iterdir()}
        return {
            file.removesuffix(".json"): json.loads(inside[file].read_text(encoding="utf-8"))
            for file in sorted(inside)
            if file.endswith(".json")
        }
    raise ValueError(f"name must be one of {_known()}, got {name!r}")


def _known() -> list[str]:
    """The names of all records."""
    folder = files("ntklib.book") / "records"
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted({path.name.removesuffix(".json") for path in found})
