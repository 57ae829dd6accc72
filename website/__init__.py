"""The build of the website and the printed book: one Sphinx extension."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from website import ledger
from website.downloads import take_away
from website.page import page
from website.printed import pdf


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    for part in (ledger, page, take_away, pdf):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
