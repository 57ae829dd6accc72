"""Measure the built pages in a browser: weight, paint, layout shift, time to formulas.

    python tools/measure_site.py [SITE] [--slow 4] [--width 1280]

Serves SITE (_build/html by default) with gzip, opens every page with an empty cache, and prints a
table. `--slow` divides the speed of the processor; the network is then that of a good phone
(10 Mbit/s, 40 ms). "kB" is what a first visit transfers, compressed; "frames" is the part of it
that the frames of sliders take.
"""

from __future__ import annotations

import argparse
import gzip
import re
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.browser import launch, serve  # noqa: E402

OBSERVE = """
window.measured = {lcp: 0, cls: 0, maths: 0};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) measured.lcp = entry.startTime;
}).observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) measured.cls += entry.value;
}).observe({type: "layout-shift", buffered: true});
document.addEventListener("maths-in-sight", () => (measured.maths = performance.now()));
"""


@dataclass(frozen=True)
class Measured:
    """One page on a first visit. Sizes in bytes, times in milliseconds."""

    transfer: int
    frames: int
    lcp: float
    shift: float
    maths: float


def frames_weight(html: bytes) -> int:
    """Compressed bytes that the frames of the sliders add to a page."""
    bare = re.sub(rb"<template.*?</template>", b"", html, flags=re.DOTALL)
    return len(gzip.compress(html)) - len(gzip.compress(bare))


def measure(page: Page, url: str, *, slow: float = 1) -> Measured:
    """Open an address in a fresh page of a fresh context, and wait until its formulas are set."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    if slow > 1:
        session.send("Emulation.setCPUThrottlingRate", {"rate": slow})
        session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": 40,
                "downloadThroughput": 1.25e6,
                "uploadThroughput": 1.25e6,
            },
        )
    received: list[float] = []
    session.on("Network.loadingFinished", lambda e: received.append(e["encodedDataLength"]))
    page.add_init_script(OBSERVE)
    response = page.goto(url, wait_until="load")
    assert response is not None
    settle(page)
    got = page.evaluate("measured")
    return Measured(
        int(sum(received)), frames_weight(response.body()), got["lcp"], got["cls"], got["maths"]
    )


def settle(page: Page) -> None:
    """Wait until formulas are set, fonts are there and nothing moves any more."""
    # Not wait_for_function: it evaluates strings in the page, which the page's policy forbids.
    page.evaluate(
        """() => new Promise((resolve, reject) => {
            const root = document.documentElement;
            if (!document.querySelector(".math") || root.dataset.maths) resolve();
            document.addEventListener("maths-ready", resolve);
            setTimeout(() => reject(new Error("formulas are not set after a minute")), 60000);
        })"""
    )
    page.evaluate("document.fonts.ready.then(() => true)")
    page.wait_for_timeout(300)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("site", nargs="?", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--slow", type=float, default=1, help="divide the processor's speed")
    parser.add_argument("--width", type=int, default=1280)
    options = parser.parse_args()
    pages = sorted(options.site.rglob("*.html"))
    if not pages:
        parser.error(f"no page in {options.site}: run make book first")
    rows = []
    print(f"{'page':32}{'kB':>8}{'frames':>8}{'LCP ms':>8}{'shift':>8}{'maths ms':>9}")
    with serve(options.site) as base, sync_playwright() as playwright:
        browser = launch(playwright)
        for path in pages:
            name = path.relative_to(options.site).as_posix()
            if "_static" in name or name == "index.html":
                continue
            context = browser.new_context(viewport={"width": options.width, "height": 900})
            row = measure(context.new_page(), f"{base}/{name}", slow=options.slow)
            context.close()
            rows.append(row)
            print(
                f"{name:32}{row.transfer / 1e3:8.0f}{row.frames / 1e3:8.0f}{row.lcp:8.0f}"
                f"{row.shift:8.3f}{row.maths:9.0f}"
            )
        browser.close()
    for name, digits in (("transfer", 0), ("lcp", 0), ("shift", 3), ("maths", 0)):
        values = [getattr(row, name) for row in rows]
        print(
            f"{name}: median {statistics.median(values):.{digits}f}, "
            f"largest {max(values):.{digits}f}"
        )


if __name__ == "__main__":
    main()
