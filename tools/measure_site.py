"""Measure the built pages in a browser: weight, paint, layout shift, time to formulas.

    python tools/measure_site.py [SITE] [--before OTHER] [--repeat 5] [--slow 4] [--width 1280]

Serves SITE (_build/html by default) with gzip, opens every page with an empty cache, and prints a
table; with `--repeat`, medians. `--before` is a second site, such as the build of an older commit:
each of its pages is opened in turn with the new one, and the table shows both. `--slow` divides
the speed of the processor; the network is then that of a good phone (10 Mbit/s, 40 ms).

"kB" is what a first visit transfers, compressed; "frames" is the part of it that the frames of
sliders take; "LCP" is the largest paint; "maths" is when the formulas in sight are set.
"""

import argparse
import gzip
import re
import statistics
import sys
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.browser import launch, serve  # noqa: E402

OBSERVE = """
window.measured = {lcp: 0, cls: 0, maths: 0, shown: 0};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) measured.lcp = entry.startTime;
}).observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) measured.cls += entry.value;
}).observe({type: "layout-shift", buffered: true});
const arrived = new IntersectionObserver((list) => {
  for (const entry of list) if (entry.isIntersecting) measured.maths = performance.now();
});
new MutationObserver((changes) => {
  for (const { addedNodes } of changes)
    for (const node of addedNodes) if (node.localName === "mjx-container") arrived.observe(node);
}).observe(document, {childList: true, subtree: true});
// This book hides its formulas until their letters are there, and says when it shows them.
document.addEventListener("maths-in-sight", () => (measured.shown = performance.now()));
"""


class Measured(NamedTuple):
    """One page on a first visit. Sizes in bytes, times in milliseconds."""

    transfer: float
    frames: float
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
    maths = got["maths"] and max(got["maths"], got["shown"])  # 0: no formula is in sight
    return Measured(sum(received), frames_weight(response.body()), got["lcp"], got["cls"], maths)


def settle(page: Page) -> None:
    """Wait until formulas are set, fonts are there and nothing moves any more."""
    # Not wait_for_function: it evaluates strings in the page, which the page's policy forbids.
    page.evaluate(
        """async () => {
            const formulas = window.MathJax?.startup?.promise;
            const set = document.documentElement.dataset.maths === "ready";
            if (!formulas && !set && document.querySelector(".math"))
                throw new Error("MathJax is not there");
            const late = new Promise((_, reject) =>
                setTimeout(() => reject(new Error("formulas are not set after a minute")), 60000));
            await Promise.race([formulas, late]);
        }"""
    )
    page.evaluate("document.fonts.ready.then(() => true)")
    page.wait_for_timeout(300)


def pages(site: Path) -> list[str]:
    """The pages of a built site that have content of their own."""
    paths = (path.relative_to(site) for path in sorted(site.rglob("*.html")))
    names = [path.as_posix() for path in paths if "_static" not in path.parts]
    return [name for name in names if name != "index.html"]


def medians(rows: list[Measured]) -> Measured:
    """What is typical of several visits of one page."""
    return Measured(*(statistics.median(values) for values in zip(*rows, strict=True)))


def largest(rows: list[Measured]) -> Measured:
    """The worst of several pages, measure by measure."""
    return Measured(*map(max, zip(*rows, strict=True)))


def line(name: str, rows: list[Measured]) -> str:
    """One line of the table: a page, before and after if it was opened at two sites."""
    cells = []
    for field, (scale, digits) in COLUMNS.items():
        texts = [f"{getattr(row, field) / scale:.{digits}f}" for row in rows]
        cells.append(" > ".join(texts).rjust(8 + 8 * (len(rows) - 1)))
    return f"{name:30}" + "".join(cells)


COLUMNS = {
    "transfer": (1e3, 0),
    "frames": (1e3, 0),
    "lcp": (1, 0),
    "shift": (1, 3),
    "maths": (1, 0),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("site", nargs="?", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--before", type=Path, help="a second site, opened in turn with the first")
    parser.add_argument("--repeat", type=int, default=1, help="visits of each page; medians show")
    parser.add_argument("--slow", type=float, default=1, help="divide the processor's speed")
    parser.add_argument("--width", type=int, default=1280)
    options = parser.parse_args()
    sites = [site for site in (options.before, options.site) if site]
    for site in sites:
        if not pages(site):
            parser.error(f"no page in {site}: run make book first")
    names = [name for name in pages(options.site) if all(name in pages(site) for site in sites)]
    wide = 8 * len(sites)
    print(
        "page".ljust(30)
        + "".join(head.rjust(wide) for head in ("kB", "frames", "LCP ms", "shift", "maths ms"))
    )
    table: list[list[Measured]] = []
    with ExitStack() as stack, sync_playwright() as playwright:
        bases = [stack.enter_context(serve(site)) for site in sites]
        browser = launch(playwright)
        for name in names:
            visits: list[list[Measured]] = [[] for _ in bases]
            for _, (base, rows) in product(range(options.repeat), zip(bases, visits, strict=True)):
                context = browser.new_context(viewport={"width": options.width, "height": 900})
                rows.append(measure(context.new_page(), f"{base}/{name}", slow=options.slow))
                context.close()
            table.append([medians(rows) for rows in visits])
            print(line(name, table[-1]), flush=True)
        browser.close()
    for what, choose in (("median", medians), ("largest", largest)):
        print(line(what, [choose(list(rows)) for rows in zip(*table, strict=True)]))


if __name__ == "__main__":
    main()
