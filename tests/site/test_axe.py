"""No barrier that axe-core knows, on any page, light and dark, wide and narrow."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.site import checks, sound
from tools.browser import serve

# Most strokes of drawings, glyphs of formulas and words of code are like the first ones of their
# kind; without the rest axe-core takes seconds and not half a minute on a long page.
THIN = """() => {
  const cut = (what, keep, by) => [...document.querySelectorAll(what)].slice(keep).forEach(by);
  cut("svg[role=img]", 3, (drawing) => drawing.replaceChildren());
  cut("mjx-math, mjx-assistive-mml", 20, (formula) => formula.replaceChildren());
  cut("div.highlight pre", 6, (code) => (code.textContent = code.textContent));
}"""
SETTINGS = [(1280, "light"), (1280, "dark"), (390, "dark"), (390, "light")]


@pytest.fixture(scope="module")
def settled(browser, origin, name):
    """The page, thinned out."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    checks.visit(page, f"{origin}/{name}")
    page.evaluate(THIN)
    yield page
    context.close()


@pytest.mark.parametrize(("width", "mode"), SETTINGS)
def test_no_barrier(settled, width, mode):
    settled.emulate_media(color_scheme=mode)
    settled.set_viewport_size({"width": width, "height": 900})
    expect(settled.locator("html")).to_have_attribute("data-theme", mode)
    settled.wait_for_timeout(500)  # the page looks a little later at what has become too wide
    assert checks.axe_faults(settled) == []


# ---- Planted faults ---------------------------------------------------------------------------

PLANTED = [
    ("<h1>", '<h1 style="color: #ccc">', "color-contrast"),
    ('<label for="m">width</label>', "", "label"),
    ("</main>", "<button></button></main>", "button-name"),
    (' aria-label="A line of width one"', "", "svg-img-alt"),
    ('<html lang="en"', "<html", "html-has-lang"),
]


@pytest.mark.parametrize(("old", "new", "rule"), PLANTED)
def test_planted_barrier_is_seen(page, tmp_path, old, new, rule):
    with serve(tmp_path) as address:
        sound.write(tmp_path)
        checks.visit(page, f"{address}/page.html")
        assert checks.axe_faults(page) == []
        sound.write(tmp_path, old, new)
        checks.visit(page, f"{address}/page.html")
        faults = checks.axe_faults(page)
    assert any(fault.startswith(rule) for fault in faults)
