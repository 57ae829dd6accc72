"""The pages as they were written, for the steps that gather from all of them."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from bs4 import BeautifulSoup

# Most tags of a chapter draw its figures, and nothing is gathered from drawings.
_DRAWN = re.compile(r"<(svg|template)\b.*?</\1>", re.DOTALL)


def pages(out: Path) -> Mapping[Path, BeautifulSoup]:
    """Every page of the built site without its drawings, read once; not to be changed."""
    paths = sorted(out.rglob("*.html"))
    return _pages(tuple((path, path.stat().st_mtime_ns) for path in paths))


@lru_cache(maxsize=1)
def _pages(paths: tuple[tuple[Path, int], ...]) -> Mapping[Path, BeautifulSoup]:
    return {path: _parsed(path.read_text(encoding="utf-8")) for path, _ in paths}


def _parsed(text: str) -> BeautifulSoup:
    return BeautifulSoup(_DRAWN.sub("", text), "html.parser")
