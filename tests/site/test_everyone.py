"""Each page on a narrow screen, by keys, and without motion. axe-core has a file of its own."""

from __future__ import annotations

import pytest

from tests.site import checks, sound
from tools.browser import serve


@pytest.fixture(scope="module")
def settled(browser, origin, name):
    """The page on a phone."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="light")
    page = context.new_page()
    checks.visit(page, f"{origin}/{name}")
    yield page
    context.close()


def test_nothing_is_cut_off_on_a_phone(settled):
    assert checks.overflow_faults(settled) == []


def test_what_is_wide_can_be_scrolled_by_keys(settled):
    assert checks.reach_faults(settled) == []


def test_nothing_moves_for_who_asked_so(settled):
    settled.emulate_media(reduced_motion="reduce")
    assert checks.motion_faults(settled) == []


# ---- Planted faults ---------------------------------------------------------------------------


@pytest.fixture
def planted(page, tmp_path):
    """Opens the sound page with a text replaced, on a narrow screen."""
    page.set_viewport_size({"width": 390, "height": 844})
    with serve(tmp_path) as address:

        def open_with(old="", new=""):
            sound.write(tmp_path, old, new)
            return checks.visit(page, f"{address}/page.html")

        yield open_with


PLANTED = [
    (checks.overflow_faults, "overflow-x: auto", "", "px"),
    (
        checks.overflow_faults,
        "<main>",
        '<main style="overflow-x: hidden"><div style="width: 500px">wide words</div>',
        "ends",
    ),
    (
        checks.overflow_faults,
        "<h1>",
        '<h1 style="overflow: hidden; white-space: nowrap; width: 4em">',
        "cuts off",
    ),
    (checks.reach_faults, 'id="wide" tabindex="0"', 'id="wide"', "cannot be reached"),
    (checks.reach_faults, 'aria-label="A wide line"', "", "cannot be reached"),
    (checks.motion_faults, "<h1>", '<h1 style="transition: color 1s">', "<h1"),
    (checks.motion_faults, "<html", '<html style="scroll-behavior: smooth"', "<html"),
]


@pytest.mark.parametrize(("check", "old", "new", "words"), PLANTED)
def test_planted_fault_is_seen(planted, page, check, old, new, words):
    planted()
    assert check(page) == []
    planted(old, new)
    faults = check(page)
    assert faults
    assert words in faults[0]


def test_keys_that_do_nothing_are_seen(planted, page, tmp_path):
    tmp_path.joinpath("keys.js").write_text("onkeydown = (event) => event.preventDefault()")
    planted("</main>", '<script src="keys.js"></script></main>')
    assert any("does not move" in fault for fault in checks.reach_faults(page))
