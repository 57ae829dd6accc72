"""Each check of an open page sees the faults that it is for, planted in a sound page."""

import pytest

from tests.site import checks

PLANTED = [
    (checks.axe_faults, "<h1>", '<h1 style="color: #ccc">', "color-contrast"),
    (checks.axe_faults, '<label for="m">width</label>', "", "label"),
    (checks.axe_faults, "</main>", "<button></button></main>", "button-name"),
    (checks.axe_faults, ' aria-label="A line of width one"', "", "svg-img-alt"),
    (checks.axe_faults, '<html lang="en"', "<html", "html-has-lang"),
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
    (checks.slider_faults, '<label for="m">width</label>', "", "no label"),
    (checks.slider_faults, 'data-values="1|2|3"', 'data-values="1|2|2"', "values repeat"),
    (checks.slider_faults, 'data-values="1|2|3"', 'data-values="1|2"', "values and range differ"),
    (checks.slider_faults, 'value="0"', 'value="1"', "does not start at its value"),
    (checks.slider_faults, 'max="2"', 'max="1"', "3 frames for 2 values"),
    (checks.slider_faults, '<svg role="img" aria-label="A line of width three"', "<svg", "words"),
    (checks.slider_faults, '<script defer src="slider.js"></script>', "", "another frame is shown"),
    (checks.slider_key_faults, '<script defer src="slider.js"></script>', "", "gives"),
    (checks.fold_faults, "<details open>", "<details>", "folded: Proof"),
    (checks.unscripted_faults, "<details open>", '<details class="proof">', "a proof is folded"),
    (checks.unscripted_faults, 'class="ntk-stage"', "hidden", "a figure shows nothing"),
    (checks.unscripted_faults, 'class="math"', 'class="math" style="visibility: hidden"', "hidden"),
]


@pytest.mark.drawn(3)
@pytest.mark.parametrize(("check", "old", "new", "words"), PLANTED)
def test_planted_fault_is_seen(planted, page, check, old, new, words):
    planted()
    assert check(page) == []
    planted(old, new)
    assert any(words in fault for fault in check(page))
