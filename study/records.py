"""What was measured: one file a table, a cell a learner. README.md shows one.

They are in the package, so that pages read them through ``ntklib.book.records("tables")``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "ntklib" / "book" / "records" / "tables"
SCHEMA = Path(__file__).with_name("schema.json")

Record = dict[str, Any]


def load(folder: Path = FOLDER) -> dict[str, Record]:
    """All records, in the order of their names."""
    paths = sorted(folder.glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def read(name: str, folder: Path = FOLDER) -> Record:
    """The record of a table; an empty one where there is none yet."""
    path = folder / f"{name}.json"
    if not path.exists():
        return {}
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    return record


def write(record: Record, folder: Path = FOLDER) -> None:
    """Save a record under the name of its table, in one step: half a file is never there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record['table']}.json"
    beside = path.with_suffix(".part")
    beside.write_text(_laid_out(record), encoding="utf-8")
    beside.replace(path)


def _laid_out(value: Any, indent: str = "") -> str:
    """JSON with a line for each entry, lists on one line: records that git can compare."""
    if not isinstance(value, dict) or len(json.dumps(value)) < 90 - len(indent):
        return json.dumps(value) + ("\n" if not indent else "")
    inner = indent + "  "
    lines = [f"{inner}{json.dumps(key)}: {_laid_out(v, inner)}" for key, v in value.items()]
    whole = "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return whole + ("\n" if not indent else "")
