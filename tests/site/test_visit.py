"""Each page, opened once over http and once as a file: wire, console, formulas, weight."""

from __future__ import annotations

import pytest

from tests.site import checks, sound
from tools.browser import serve
from tools.measure_site import measure


@pytest.fixture(scope="module")
def opened(browser, origin, name):
    """The page over http, with an empty cache, and what was seen while it opened."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    witness = checks.visit(page, f"{origin}/{name}")
    yield page, witness
    context.close()


def test_asks_only_its_own_site(opened, origin):
    _, witness = opened
    assert witness.requests
    assert witness.foreign(origin) == []
    assert witness.failed == []


def test_says_nothing_on_the_console(opened):
    _, witness = opened
    assert witness.complaints == []


def test_formulas_are_set(opened):
    page, _ = opened
    assert checks.maths_faults(page) == []


def test_reads_as_text(opened):
    page, _ = opened
    assert checks.raw_text_faults(page) == []


def test_light_and_still(browser, origin, name):
    measured = measure(browser, f"{origin}/{name}")
    assert measured.transfer - measured.frames < 600e3
    assert measured.shift < 0.05


def test_still_on_a_phone(browser, origin, name):
    assert measure(browser, f"{origin}/{name}", width=390).shift < 0.05


def test_as_a_file(page, site, name):
    witness = checks.visit(page, f"{(site / name).as_uri()}")
    assert witness.foreign(site.as_uri()) == []
    assert witness.failed == []
    assert witness.complaints == []
    assert checks.maths_faults(page) == []


# ---- Planted faults ---------------------------------------------------------------------------

NO_POLICY = 'http-equiv="Content-Security-Policy"'


@pytest.fixture
def planted(page, tmp_path):
    """Opens the sound page with a text replaced, over http."""
    with serve(tmp_path) as address:

        def open_with(old="", new="", *more):
            path = sound.write(tmp_path, old, new)
            for before, after in more:
                path.write_text(path.read_text().replace(before, after, 1))
            return checks.visit(page, f"{address}/page.html"), address

        yield open_with


def test_the_sound_page_has_no_fault(planted, page):
    witness, address = planted()
    assert witness.foreign(address) == []
    assert witness.failed == []
    assert witness.complaints == []
    assert checks.maths_faults(page) == []
    assert checks.raw_text_faults(page) == []


def test_a_foreign_request_is_seen(planted):
    image = '<img src="http://127.0.0.1:9/a.png"></main>'
    witness, address = planted("</main>", image, (NO_POLICY, 'name="x"'))
    assert witness.foreign(address) == ["asks http://127.0.0.1:9/a.png"]


def test_a_request_that_the_policy_stops_is_seen(planted):
    witness, _ = planted("</main>", '<img src="http://127.0.0.1:9/a.png"></main>')
    assert any("Content Security Policy" in one for one in witness.complaints)


def test_a_missing_file_is_seen(planted):
    witness, address = planted("</main>", '<script src="missing.js"></script></main>')
    assert set(witness.failed) == {f"{address}/missing.js"}


def test_an_error_and_a_warning_are_heard(planted, tmp_path):
    tmp_path.joinpath("bad.js").write_text("console.warn('careful'); throw new Error('broken')")
    witness, _ = planted("</main>", '<script src="bad.js"></script></main>')
    assert witness.complaints == ["warning: careful", "error: broken"]


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("x", "not set"),
        ("<mjx-container><mjx-merror data-mjx-error='bad'>x</mjx-merror></mjx-container>", "bad"),
        ("<mjx-container><i style='color: red'>\\foo</i></mjx-container>", "in red"),
    ],
)
def test_a_broken_formula_is_seen(planted, page, inside, words):
    planted("<details open>", f'<p class="math">{inside}</p><details open>')
    faults = checks.maths_faults(page)
    assert len(faults) == 1
    assert words in faults[0]


@pytest.mark.parametrize(
    "text",
    ["a stray $ here", r"\begin{aligned}", "{prf:ref}`thm`", "see {eq} here", "::: note", "```"],
)
def test_raw_source_is_seen(planted, page, text):
    planted("It is plain.", text)
    faults = checks.raw_text_faults(page)
    assert len(faults) == 1
    assert text.split()[0].strip("`") in faults[0]


def test_code_may_hold_dollars(planted, page):
    planted("It is plain.", "<code>$HOME</code><pre>{prf:ref}</pre>")
    assert checks.raw_text_faults(page) == []


def test_a_heavy_page_is_seen(browser, tmp_path):
    # Random text does not compress.
    import base64
    import random

    noise = base64.b64encode(random.Random(0).randbytes(700_000)).decode()
    sound.write(tmp_path, "It is plain.", f"<!--{noise}-->")
    with serve(tmp_path) as address:
        assert measure(browser, f"{address}/page.html").transfer > 600e3


def test_frames_do_not_count_and_the_rest_does(browser, tmp_path):
    import base64
    import random

    noise = base64.b64encode(random.Random(0).randbytes(50_000)).decode()
    sound.write(tmp_path, '<path d="M0 3h9">', f'<path d="{noise}">')
    with serve(tmp_path) as address:
        measured = measure(browser, f"{address}/page.html")
    assert measured.frames > 45e3
    assert measured.transfer - measured.frames < 5e3


def test_a_page_that_moves_is_seen(browser, tmp_path):
    tmp_path.joinpath("late.js").write_text(
        "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => {"
        "const box = document.createElement('div'); box.style.height = '300px';"
        "document.body.prepend(box); }, 50)))"
    )
    sound.write(tmp_path, "</main>", '<script src="late.js"></script></main>')
    with serve(tmp_path) as address:
        assert measure(browser, f"{address}/page.html").shift > 0.05
