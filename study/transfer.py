"""Which rate is best at which width? Writes ``ntklib/book/records/transfer.json``.

    python -m study.transfer

Trains the networks of `ntklib.book.transfer` at all widths, rates and seeds below, on one core in
about ten minutes. The chapter *From lazy to rich* reads the record and trains a few of them again.
"""

from __future__ import annotations

import json
import platform
import time
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


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None


def main() -> None:
    """Measure, and write the record."""
    began, tables = time.process_time(), {}
    for rule in transfer.POWERS:
        tables[rule] = {str(width): table(width, rule) for width in WIDTHS}
        print(f"{rule}: {time.process_time() - began:.0f} s of processor", flush=True)
    record = {
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
    text = json.dumps(record, separators=(",", ":")).replace("],[", "],\n[").replace('},"', '},\n"')
    RECORD.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
