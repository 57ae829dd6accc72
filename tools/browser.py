"""A browser and a small web server, for the tests of the site and for measuring it.

python tools/browser.py     say which browser there is; get one if there is none
"""

import gzip
import io
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

# A browser without windows comes first: it takes less of the processor for the same pages.
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Way(NamedTuple):
    """How Playwright finds a browser: by its path, by its name, or by neither, its own."""

    path: str | None = None
    channel: str | None = None


def ways() -> list[Way]:
    """The browser that CHROMIUM names; or those on the path, Chrome, Edge, Playwright's own."""
    if named := os.environ.get("CHROMIUM"):
        return [Way(named)]
    on_path = [Way(path) for path in map(shutil.which, NAMES) if path]
    return [*on_path, Way(channel="chrome"), Way(channel="msedge"), Way()]


def launch(playwright: Playwright) -> Browser:
    """Start the first browser that starts, without a window.

    Raises
    ------
    RuntimeError
        None does; the message says why, and how to get one.
    """
    refused = []
    for path, channel in ways():
        try:
            return playwright.chromium.launch(executable_path=path, channel=channel, args=ARGUMENTS)
        except Error as error:
            refused.append(str(error).splitlines()[0])
    raise RuntimeError(
        "No browser starts. Install Chrome, Chromium or Edge, or set CHROMIUM to the path of one.\n"
        + "\n".join(refused)
    )


def version() -> str:
    """Version of the browser that starts."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        found = browser.version
        browser.close()
    return found


def installs(*, root: bool) -> list[list[str]]:
    """Commands that may bring a browser, best first: the system keeps up to date what is its own.

    Only root may ask the system. Playwright's own browser needs libraries that a desktop has.
    """
    own = [sys.executable, "-m", "playwright", "install"]
    if not root:
        return [[*own, "chromium"]]
    apt = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    fonts = "fonts-dejavu-core"
    packages = ([*apt, name, fonts] for name in ("chromium-headless-shell", "chromium"))
    ask = [["apt-get", "update", "-qq"], *packages]
    return [*(ask if shutil.which("apt-get") else []), [*own, "--with-deps", "chromium"]]


def get() -> str:
    """Version of a browser that is there, or is got.

    Raises
    ------
    RuntimeError
        There is none, and none came.
    """
    root = getattr(os, "geteuid", lambda: None)() == 0  # Windows has no such number
    commands = [] if os.environ.get("CHROMIUM") else installs(root=root)
    for command in commands:
        try:
            return version()
        except RuntimeError:
            print(f"No browser yet. Getting one: {' '.join(command)}", flush=True)
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return version()


def main() -> int:
    """Say which browser the tests of the pages get, or why they get none."""
    try:
        print(f"Chromium {get()}")
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


class _Handler(SimpleHTTPRequestHandler):
    """Serves files compressed, as web hosts do."""

    def send_head(self):  # type: ignore[no-untyped-def]  # the base class has no types either
        path = Path(self.translate_path(self.path))
        if path.suffix not in {".html", ".js", ".css", ".svg", ".xml", ".txt", ".json"}:
            return super().send_head()
        if not path.is_file():
            self.send_error(404)
            return None
        body = _compressed(path, path.stat().st_mtime_ns)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return io.BytesIO(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@lru_cache(maxsize=256)
def _compressed(path: Path, changed: int) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=6)


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of this machine; yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    raise SystemExit(main())
