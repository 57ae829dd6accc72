"""Cells run in the page, which is kept at the end, and its server is stopped.

The tests build on each other, in their order: one browser, one page, Python started twice.
"""

import re
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, expect

from tests.site import checks
from tests.site.conftest import SITE
from tools.browser import serve

# Python starts in seconds; a loaded machine takes its time.
SLOW = 240_000
PAGE = "chapters/interpolation.html"

pytestmark = pytest.mark.skipif(
    not (SITE / "live" / "manifest.json").exists(),
    reason="_build/html/live was not built: make live fetches Python for the pages",
)

CHECK = """from ntklib.book import check
print("bound", {bound})
check("prp-fit", "two is small", measured=2.0, at_most={bound}, because="two is two")
"""


class Cells:
    """The cells of the open page, by their number from 1."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panel = page.locator(".live-panel p").first

    def cell(self, number):
        return self.page.locator("div.cell:has(.cell-bar)").nth(number - 1)

    def press(self, number, words):
        bar = self.cell(number).locator(".cell-bar")
        bar.get_by_role("button", name=f"{words}, cell {number}", exact=True).click()

    def output(self, number):
        return self.cell(number).locator(".own")

    def write(self, number, code):
        self.press(number, "Edit")
        editor = self.cell(number).locator(".cm-content")
        expect(editor).to_be_focused(timeout=SLOW)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(code)
        return editor

    def says(self, words):
        expect(self.panel).to_have_text(words, timeout=SLOW)

    def answer(self, words):
        self.page.locator(".live-panel").get_by_role("button", name=words).click()


@pytest.fixture(scope="module")
def opened(browser):
    """The page on a phone, all that it asked for, and its server, which a test may stop."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, permissions=["clipboard-write"]
    )
    page = context.new_page()
    witness = checks.Witness(page)
    with ExitStack() as server:
        origin = server.enter_context(serve(SITE))
        page.goto(f"{origin}/{PAGE}")
        yield Cells(page), witness, origin, server
    context.close()


@pytest.fixture
def cells(opened):
    return opened[0]


def test_who_only_reads_fetches_a_small_script(opened):
    witness = opened[1]
    fetched = [address for address in witness.requests if "/live/" in address]
    assert fetched == []
    assert (SITE / "_static" / "cells.js").stat().st_size < 6_000


def test_a_cell_runs_and_its_slider_takes_other_values(cells):
    cells.press(2, "Run")
    cells.says("Cells 1 to 2 have run.")
    own = cells.output(2)
    expect(own).to_contain_text("Output of your run")
    frame = own.locator(".ntk-stage svg")
    before = frame.get_attribute("aria-label")
    own.locator("input[type=range]").first.press("ArrowRight")
    expect(frame).not_to_have_attribute("aria-label", before, timeout=SLOW)
    own.locator(".own-value").fill("3.5")
    own.locator(".own-value").press("Enter")
    expect(frame).to_have_attribute("aria-label", re.compile("3.5"), timeout=SLOW)
    own.locator(".own-value").fill("__import__('os')")
    own.locator(".own-value").press("Enter")
    expect(own.locator(".own-complaint")).to_contain_text("must be a number", timeout=SLOW)
    own.locator(".own-value").fill("2")


def test_the_book_is_kept(cells):
    # A keep that was cut off leaves a cache, which is not the book.
    cells.page.evaluate("caches.open('kernels-book').then(() => null)")
    cells.answer("Keep this book on this device")
    cells.answer("MB")
    cells.says("The book is on this device, and reads and runs without a network.")


def test_an_edited_check_turns_red(cells):
    cells.write(1, CHECK.format(bound=3.0))
    cells.page.keyboard.press("Shift+Enter")
    cells.says("Cell 1 has run.")
    assert cells.output(1).locator("pre").inner_text() == "bound 3.0\n"
    line = cells.output(1).locator(".ntk-check")
    expect(line).to_contain_text("Holds")
    green = line.evaluate("(e) => getComputedStyle(e).borderLeftColor")
    cells.write(1, CHECK.format(bound=1.0))
    cells.press(1, "Run")
    cells.says("Cell 1 ended with an error.")
    expect(line).to_contain_text("Fails")
    assert line.evaluate("(e) => getComputedStyle(e).borderLeftColor") != green
    assert checks.overflow_faults(cells.page) == []


def test_an_error_is_told_from_the_cell_on(cells):
    cells.write(1, "def half(x):\n    return x / 0\n\nhalf(1)")
    cells.press(1, "Run")
    told = cells.output(1).locator(".error pre")
    expect(told).to_contain_text("ZeroDivisionError", timeout=SLOW)
    assert told.inner_text().splitlines()[1] == '  File "cell 1", line 4, in <module>'


def test_what_a_cell_can_reach(cells):
    """No other site, nothing that this one keeps, and no script in what it shows."""
    code = """import js
from pyodide.ffi import JsException
for name in ("indexedDB", "caches", "localStorage", "Worker"):
    print(name, hasattr(js, name))
try:
    await_me = js.XMLHttpRequest.new()
    await_me.open("GET", "http://127.0.0.1:9/x", False)
    await_me.send()
except JsException:
    print("refused")
class Sly:
    def _repr_html_(self):
        return "<b>bold</b><img src='http://127.0.0.1:9/a.png' onerror='x()'><script>x()</script>"
Sly()"""
    cells.write(1, code)
    cells.press(1, "Run")
    cells.says("Cell 1 has run.")
    text = cells.output(1).locator("pre").inner_text().split()
    assert text == ["indexedDB", "False", "caches", "False", "localStorage", "False",
                    "Worker", "False", "refused"]  # fmt: skip
    shown = cells.output(1).locator(".text_html")
    assert shown.inner_html() == "<b>bold</b><img>"


def test_a_loop_without_end_is_stopped(cells):
    cells.write(1, "while True:\n    pass")
    cells.press(1, "Run")
    cells.says("Running cell 1")
    cells.answer("Stop")
    cells.says("Stopped in cell 1. All variables are gone.")
    again = cells.page.locator(".live-panel").get_by_role("button", name="Run up to cell 1 again")
    expect(again).to_be_visible()


def test_escape_leaves_and_reset_restores(cells):
    editor = cells.write(1, "x = 1")
    cells.page.keyboard.press("Escape")  # may close a list of completions
    cells.page.keyboard.press("Escape")
    expect(editor).not_to_be_focused()
    cells.press(1, "Reset")
    expect(cells.output(1)).to_have_count(0)
    expect(cells.cell(1).locator(".cell_input pre")).to_be_visible()


def test_a_link_shows_code_and_does_not_run_it(cells):
    cells.write(1, "# from a friend\nprint(1)")
    cells.press(1, "Link")
    expect(cells.cell(1).locator(".own-note")).to_contain_text("The link")
    address = cells.page.evaluate("location.href")
    page = cells.page.context.new_page()
    page.goto(address)
    note = page.locator(".own-note")
    expect(note).to_contain_text("has not been run", timeout=SLOW)
    expect(page.locator(".cm-content").first).to_contain_text("# from a friend")
    assert page.locator(".live-panel").count() == 0
    page.close()


def test_nothing_is_asked_of_another_site(opened):
    _, witness, origin, _ = opened
    asked = [one for one in witness.foreign(origin) if "127.0.0.1:9" not in one]
    assert asked == []


def test_the_kept_book_runs_without_a_server(opened):
    cells, _, origin, server = opened
    server.close()
    cells.page.goto(f"{origin}/chapters/span.html")
    # Of scipy the chapter needs a part; a reader may want the rest.
    cells.write(1, "from scipy import stats\nstats.norm.cdf(0.0).item()")
    cells.press(1, "Run")
    cells.says("Cell 1 has run.")
    assert cells.output(1).locator(".text pre").inner_text() == "0.5"
    cells.answer("Keep this book on this device")
    cells.answer("Remove it")
    cells.says("The copy is removed from this device.")
    assert cells.page.evaluate("caches.keys()") == []
