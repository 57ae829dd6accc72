"""A page reads well on a phone: marks stay with formulas, tables fit, what goes on says so."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.site import checks

PHONE = {"width": 390, "height": 844}

# Where a line ends between a formula and the mark after it, or the bracket before it.
TORN = """() => {
  const faults = [];
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT,
    (n) => n.data && !n.parentElement.closest("mjx-container, template, svg, .eqno, .label")
      ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_REJECT);
  const edge = (node, at) => {
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + 1);
    return range.getBoundingClientRect();
  };
  const say = (formula, text) => faults.push(
    `torn from ${formula.querySelector("mjx-assistive-mml")?.textContent}: ${text.slice(0, 20)}`);
  for (const formula of document.querySelectorAll("main span.math")) {
    if (!formula.checkVisibility({visibilityProperty: true})) continue;
    const box = formula.getBoundingClientRect(), block = formula.closest("p, li, dd, td, summary");
    walker.currentNode = formula;
    const before = walker.previousNode();
    walker.currentNode = formula;
    // The words of the formula itself are rejected, so the next are those behind it.
    const after = walker.nextNode();
    if (after && block?.contains(after) && /^[.,;:!?)\\]’”]/.test(after.data)
        && edge(after, 0).left < box.left) say(formula, after.data);
    const last = before?.data.length - 1;
    if (before && block?.contains(before) && /[(\\[“‘]$/.test(before.data)
        && edge(before, last).left > box.left + 1) say(formula, before.data.slice(-20));
  }
  return faults;
}"""

# Tables of words that one would have to push sideways.
WIDE_TABLES = """() => [...document.querySelectorAll("main table.cards")]
  .filter((table) => table.scrollWidth > table.parentElement.clientWidth + 1)
  .map((table) => `a table is ${table.scrollWidth} px wide: ${table.textContent.slice(0, 40)}`)"""

# Boxes that scroll sideways and do not fade where they go on, or fade where they do not.
UNFADED = """() => [...document.querySelectorAll("main [role=group]")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1 && box.checkVisibility())
  .filter((box) => (box.scrollLeft + box.clientWidth < box.scrollWidth - 1)
    !== /linear-gradient\\(to left/.test(getComputedStyle(box).maskImage))
  .map((box) => `looks cut: ${box.textContent.trim().slice(0, 60)}`)"""


@pytest.fixture(scope="module")
def phone(browser, origin, name) -> Page:  # type: ignore[misc]  # a generator
    context = browser.new_context(viewport=PHONE, color_scheme="light")
    page = context.new_page()
    checks.visit(page, f"{origin}/{name}")
    yield page
    context.close()


def test_marks_stay_with_their_formulas(phone):
    assert phone.evaluate(TORN) == []


def test_tables_of_words_fit(phone):
    assert phone.evaluate(WIDE_TABLES) == []


def test_what_goes_on_sideways_fades_there(phone):
    assert phone.evaluate(UNFADED) == []


@pytest.mark.parametrize(
    ("address", "plant", "question", "fault"),
    [
        (
            "chapters/linearization.html",
            "document.querySelectorAll('.glue').forEach((e) => e.replaceWith(...e.childNodes))",
            TORN,
            "torn from",
        ),
        (
            "chapters/scan.html",
            "document.querySelectorAll('table.cards td').forEach("
            "(e) => e.style.setProperty('white-space', 'nowrap'))",
            WIDE_TABLES,
            "px wide",
        ),
        (
            "chapters/speed.html",
            "document.querySelectorAll('.more-after').forEach((e) => (e.className = ''))",
            UNFADED,
            "looks cut",
        ),
    ],
    ids=["marks", "tables", "fading"],
)
def test_a_planted_fault_is_found(
    page: Page, origin: str, address: str, plant: str, question: str, fault: str
) -> None:
    page.set_viewport_size(PHONE)
    checks.visit(page, f"{origin}/{address}")
    assert page.evaluate(question) == []
    page.evaluate(plant)
    assert any(fault in found for found in page.evaluate(question))
