"""Python for the pages, beside the pages: what `make live` left, where it did."""

import json
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

FOLDER, LISTED = "live", "manifest.json"
# What the pages ask for; not what is there to be taken away, which the device would hold twice.
KEPT = {
    *(".html", ".css", ".js", ".json", ".svg", ".png", ".woff2", ".woff", ".txt", ".webmanifest"),
    *(".whl", ".zip", ".wasm"),
}
logger = logging.getLogger(__name__)


def made(app: Sphinx) -> Path | None:
    """The folder that `make live` filled, or None."""
    folder = Path(app.outdir).parent / FOLDER
    return folder if (folder / LISTED).is_file() else None


def manifest(app: Sphinx) -> dict[str, Any] | None:
    """What lies in that folder, or None."""
    folder = made(app)
    return json.loads((folder / LISTED).read_text(encoding="utf-8")) if folder else None


def flag(app: Sphinx) -> None:
    """Tell the templates, as `live`, whether the pages have Python of their own."""
    app.config.html_context["live"] = made(app) is not None
    if not app.config.html_context["live"]:
        logger.info("The pages have no Python of their own: _build/live is not there")


def copy(app: Sphinx) -> None:
    """Put the folder into the website, or take an old one away."""
    out = Path(app.outdir, FOLDER)
    shutil.rmtree(out, ignore_errors=True)
    if folder := made(app):
        shutil.copytree(folder, out)


def list_book(app: Sphinx) -> None:
    """List the website's files, for who keeps it on a device, beside what answers from the copy."""
    out = Path(app.outdir)
    listed, worker = out / FOLDER / "book.json", out / "offline.js"
    worker.unlink(missing_ok=True)
    if made(app) is None:
        return
    # A worker serves the folder that it lies in and those below.
    shutil.copyfile(out / "_static" / FOLDER / worker.name, worker)
    paths = sorted(path for path in out.rglob("*") if path.is_file() and path.suffix in KEPT)
    files = [
        {"path": path.relative_to(out).as_posix(), "bytes": path.stat().st_size} for path in paths
    ]
    total = sum(path.stat().st_size for path in paths)
    listed.write_text(json.dumps({"files": files, "total": total}), encoding="utf-8")
