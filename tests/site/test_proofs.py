"""Steps that Coq has read, as a reader opens them: by hand, by keyboard, on a phone, on paper."""

import pytest
from playwright.sync_api import expect

from tests.site import checks

CHAPTER = "chapters/least_squares.html"
LABEL = "thm-minimum-norm"


@pytest.mark.parametrize("served", [True, False], ids=["http", "file"])
def test_a_reader_steps_through_a_proof(page, site, origin, served):
    address = origin if served else site.as_uri()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    witness = checks.visit(page, f"{address}/{CHAPTER}")
    assert not any("_static/proofs/" in url for url in witness.requests)
    line = page.locator(f".machine[data-steps='{LABEL}']")
    button = line.get_by_role("button")
    assert "no axioms" in button.inner_text()
    button.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    assert [url for url in witness.requests if "_static/proofs/" in url] == [
        f"{address}/_static/proofs/{LABEL}.js"
    ]

    part = line.locator("details.theorem").nth(1)
    part.locator("> summary").press("Enter")
    first, second = (part.locator("ol > li > details").nth(i) for i in (0, 1))
    first.locator("summary").press("Enter")
    expect(first.get_by_text("Before")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(second.locator("summary")).to_be_focused()
    expect(second.locator("mark").first).to_be_visible()
    assert not first.evaluate("(e) => e.open")  # one at a time

    sentence = page.locator("details.proof .said[tabindex]", has_text="Hence").first
    sentence.focus()
    assert line.locator("li.lit").count() > 1
    sentence.press("Enter")
    expect(line.locator("li.lit summary").first).to_be_focused()

    if served:
        assert checks.overflow_faults(page) == []
        assert checks.axe_faults(page) == []
    page.emulate_media(media="print")
    expect(line.locator(".steps")).to_be_hidden()
    page.emulate_media(media="screen")
    button.click()
    expect(line.locator(".steps")).to_be_hidden()
    assert witness.complaints == []
    assert witness.foreign(address) == []


def test_without_a_script_the_line_leads_to_a_text(browser, origin, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{origin}/{CHAPTER}")
    link = page.locator(f".machine[data-steps='{LABEL}'] a")
    assert link.get_attribute("href") == "../proofs/least_squares.txt"
    context.close()
    text = (site / "proofs/least_squares.txt").read_text(encoding="utf-8")
    assert "thm_minimum_norm_2" in text
    assert "(proved)" in text
