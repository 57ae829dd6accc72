"""Execute the chapters for the website, side by side, into the cache that the build reads.

    python tools/execute.py [NAME ...]

The build would execute them one after another. What is in the cache is not executed again, unless
the package, on which every output depends, or the environment has changed since: then the cache is
dropped.
"""

import hashlib
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.executors import load_executor

from ntklib.book.interactive import PRINT

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "_build" / ".jupyter_cache"
STAMP = ROOT / "_build" / ".executed-with"


def fingerprint() -> str:
    """Of everything besides the notebooks that an output depends on."""
    digest = hashlib.sha256(sys.version.encode())
    kinds = (".py", ".mplstyle", ".json")
    sources = (path for path in (ROOT / "ntklib").rglob("*") if path.suffix in kinds)
    for path in [ROOT / "requirements.lock", *sorted(sources)]:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def main(names: Sequence[str] = ()) -> int:
    """Execute what is not in the cache of all chapters, or of those named; say which failed."""
    fresh = STAMP.exists() and STAMP.read_text(encoding="utf-8") == fingerprint()
    if CACHE.exists() and not fresh:
        shutil.rmtree(CACHE)
    cache = get_cache(str(CACHE))
    chapters = [
        str(path)
        for path in sorted((ROOT / "chapters").glob("*.ipynb"))
        if not names or path.stem in names
    ]
    for path in chapters:
        cache.add_nb_to_project(path)
    os.environ[PRINT] = "1"  # the kernels draw each figure for the PDF, too
    executor = load_executor("local-parallel", cache, logger=logging.getLogger(__name__))
    done = executor.run_and_cache(filter_uris=chapters, timeout=300)
    STAMP.write_text(fingerprint(), encoding="utf-8")
    failed = [*done.excepted, *done.errored]
    for path in failed:
        record = cache.get_project_record(path)
        print(f"{Path(path).name} failed:\n{record.traceback or ''}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
