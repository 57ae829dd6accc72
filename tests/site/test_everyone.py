"""Each page for everyone: as a file, on a phone, by keys, still; no barrier that axe-core knows."""

from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from tests.site import checks
from tools.measure_site import OBSERVE

# Most strokes of drawings, formulas in a line, words of code and rows of a table are like the first
# ones of their kind; without the rest axe-core takes seconds and not half a minute on a long page.
THIN = """() => {
  const cut = (what, keep, by) => [...document.querySelectorAll(what)].slice(keep).forEach(by);
  cut("svg[role=img]", 3, (drawing) => drawing.replaceChildren());
  cut("mjx-container:not([display])", 20, (formula) => formula.remove());
  cut("mjx-math, mjx-assistive-mml", 20, (formula) => formula.replaceChildren());
  const flatten = (code) => (code.textContent = code.textContent);
  cut("div.highlight pre", 6, flatten);
  cut("dl.py > dt, dl.field-list > dd", 12, flatten);
  cut("tbody tr", 60, (row) => row.remove());
}"""
# What a thing is called, and what it is to others, is the same in every setting, and the first
# sees all of it. Colors and places, which the others change, are given by styles to kinds of
# things; two of each are looked at: with the same names and classes, in parents with the same.
KINDS = """() => {
  const seen = new Map(), kinds = new Map();
  const kind = (e) => {
    if (!kinds.has(e)) {
      const color = /color/.test(e.getAttribute("style")) ? e.style.cssText : "";
      const own = `${e.localName}.${e.className.baseVal ?? e.className} ${color}`;
      kinds.set(e, e.parentElement ? `${kind(e.parentElement)} ${own}` : own);
    }
    return kinds.get(e);
  };
  const count = (e) => seen.get(kind(e)) ?? 0;
  const visit = (e) => {
    const novel = [e, ...e.querySelectorAll("*")].some((one) => count(one) < 2);
    if (!novel && !e.matches("dt, dd")) return e.remove();  // a list without its terms is a fault
    seen.set(kind(e), count(e) + 1);
    [...e.children].forEach(visit);
  };
  visit(document.body);
}"""
# Colors depend on the mode and places on the width: each of both, and not all four pairs.
SETTINGS = [(1280, "light"), (390, "dark")]


class Settled(NamedTuple):
    """A page, and what was seen while it opened."""

    page: Page
    witness: checks.Witness


@pytest.fixture(scope="module")
def phone(browser, site, name):
    """The page on a phone, opened as a file: nothing here needs a server."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="light")
    page = context.new_page()
    page.add_init_script(OBSERVE)
    yield Settled(page, checks.visit(page, (site / name).as_uri()))
    context.close()


def test_as_a_file(phone, site):
    assert phone.witness.requests
    assert phone.witness.foreign(site.as_uri()) == []
    assert phone.witness.failed == []
    assert phone.witness.complaints == []
    assert checks.maths_faults(phone.page) == []


def test_reads_as_text(phone):
    assert checks.raw_text_faults(phone.page) == []


def test_is_still_on_a_phone(phone):
    assert phone.page.evaluate("measured.cls") < 0.05


def test_nothing_is_cut_off_on_a_phone(phone):
    assert checks.overflow_faults(phone.page) == []


def test_no_page_scrolls_sideways_on_a_small_phone(phone):
    phone.page.set_viewport_size({"width": 320, "height": 640})
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 320
    phone.page.set_viewport_size({"width": 390, "height": 844})


def test_displays_are_broken_for_a_phone(phone):
    assert checks.phonebreak_faults(phone.page) == []


def test_marks_stay_with_their_formulas(phone):
    assert checks.torn_faults(phone.page) == []


def test_tables_of_words_fit(phone):
    assert checks.wide_table_faults(phone.page) == []


def test_what_goes_on_sideways_fades_there(phone):
    assert checks.unfaded_faults(phone.page) == []


def test_what_is_wide_can_be_scrolled_by_keys(phone):
    assert checks.reach_faults(phone.page) == []


def test_nothing_moves_for_who_asked_so(phone):
    phone.page.emulate_media(reduced_motion="reduce")
    assert checks.motion_faults(phone.page) == []


@pytest.mark.drawn(4, by="name")
@pytest.mark.parametrize(("width", "mode"), SETTINGS)
def test_no_barrier(phone, width, mode):
    page = phone.page
    page.emulate_media(color_scheme=mode, reduced_motion="reduce")
    expect(page.locator("html")).to_have_attribute("data-theme", mode)
    if page.viewport_size["width"] != width:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(500)  # the page looks a little later at what has become too wide
    if (width, mode) == SETTINGS[0]:
        page.evaluate(THIN)
        # Contrast takes two thirds of the time, and follows from the kind.
        assert checks.axe_faults(page, rules={"color-contrast": {"enabled": False}}) == []
    page.evaluate(KINDS)
    assert checks.axe_faults(page) == []


# ---- Planted faults ---------------------------------------------------------------------------


def test_keys_that_do_nothing_are_seen(planted, page, tmp_path):
    tmp_path.joinpath("keys.js").write_text(
        "onkeydown = (event) => event.preventDefault()", encoding="utf-8"
    )
    planted("</main>", '<script src="keys.js"></script></main>')
    assert any("does not move" in fault for fault in checks.reach_faults(page))


# On pages of the book itself: a page, what is done to it, who sees it, and what is said.
SPOILT = [
    (
        "span",
        "document.querySelectorAll('main mjx-mtr:last-child').forEach((e) => e.remove())",
        checks.phonebreak_faults,
        "lines, not",
    ),
    (
        "span",
        "document.querySelectorAll('main mjx-mtr').forEach((e) => (e.style.fontSize = '2em'))",
        checks.phonebreak_faults,
        "too wide",
    ),
    (
        "linearization",
        "document.querySelectorAll('.glue').forEach((e) => e.replaceWith(...e.childNodes))",
        checks.torn_faults,
        "torn from",
    ),
    (
        "scan",
        "document.querySelectorAll('table.cards td').forEach("
        "(e) => e.style.setProperty('white-space', 'nowrap'))",
        checks.wide_table_faults,
        "px wide",
    ),
    (
        "speed",
        "document.querySelectorAll('.more-after').forEach((e) => (e.className = ''))",
        checks.unfaded_faults,
        "looks cut",
    ),
]


@pytest.mark.drawn(3)
@pytest.mark.parametrize(("chapter", "plant", "check", "words"), SPOILT)
def test_a_spoilt_page_is_seen(page, origin, chapter, plant, check, words):
    page.set_viewport_size({"width": 390, "height": 844})
    checks.visit(page, f"{origin}/chapters/{chapter}.html")
    assert check(page) == []
    page.evaluate(plant)
    assert any(words in fault for fault in check(page))


def test_of_each_kind_something_is_left_to_see(page, origin):
    checks.visit(page, f"{origin}/chapters/guide.html")
    page.evaluate(KINDS)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert checks.axe_faults(page) == []
    page.evaluate(
        """() => document.head.append(Object.assign(document.createElement("style"),
          {textContent: "html[data-theme=dark] .ntk-check span { color: #333 }"}))"""
    )
    assert any("color-contrast" in fault for fault in checks.axe_faults(page))
