"""Which rate is best at which width? Writes ``ntklib/book/records/transfer.json``.

    python -m study.transfer         train at all widths, rates and seeds below, some ten minutes
    python -m study.transfer --best  add to the record what became of features at the best rates

The networks are those of `ntklib.book.transfer`. The chapter *From lazy to rich* reads the record
and trains a few of them again.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ntklib.book import transfer

RECORD = Path(__file__).parents[1] / "ntklib" / "book" / "records" / "transfer.json"
WIDTHS = (64, 128, 256, 512, 1024)
LOG2_RATES = tuple(k / 2 for k in range(-14, 2))
SEEDS = (0, 1, 2, 3, 4)


def table(width: int, rule: str) -> dict[str, Any]:
    """Loss and movement for each seed (rows) and rate (columns); null where training diverged."""
    runs = [[transfer.train(width, rule, 2.0**rate, seed) for rate in LOG2_RATES] for seed in SEEDS]
    return {
        name: [[_rounded(getattr(run, name)) for run in row] for row in runs]
        for name in ("loss", "moved")
    }


def best(runs: dict[str, Any], rule: str) -> dict[str, Any]:
    """What is left of the second layer at each seed's best rate, smallest and largest width."""
    found: dict[str, Any] = {}
    for width in (min(WIDTHS), max(WIDTHS)):
        losses = np.array(runs[rule][str(width)]["loss"], dtype=float)
        chosen = [LOG2_RATES[at] for at in np.nanargmin(losses, axis=1)]
        ends = [
            transfer.train(width, rule, 2.0**rate, seed)
            for seed, rate in zip(SEEDS, chosen, strict=True)
        ]
        found[str(width)] = {
            name: [_rounded(getattr(end, name)) for end in ends]
            for name in ("loss", "left", "silent")
        }
    return found


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None


def measured() -> dict[str, Any]:
    """All runs, with their settings and the versions of what computed them."""
    began, tables = time.process_time(), {}
    for rule in transfer.POWERS:
        tables[rule] = {str(width): table(width, rule) for width in WIDTHS}
        print(f"{rule}: {time.process_time() - began:.0f} s of processor", flush=True)
    return {
        "what": "networks with two hidden layers on a product of two bits, ntklib.book.transfer",
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "bits": transfer.BITS,
        "batch": transfer.BATCH,
        "steps": transfer.STEPS,
        "base": transfer.BASE,
        "seeds": SEEDS,
        "widths": WIDTHS,
        "log2_rates": LOG2_RATES,
        "processor_seconds": round(time.process_time() - began),
        "runs": tables,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--best", action="store_true", help="only what the record has of the best")
    asked = parser.parse_args(arguments)
    record = json.loads(RECORD.read_text(encoding="utf-8")) if asked.best else measured()
    record["best"] = {rule: best(record["runs"], rule) for rule in transfer.POWERS}
    text = json.dumps(record, separators=(",", ":")).replace("],[", "],\n[").replace('},"', '},\n"')
    RECORD.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
