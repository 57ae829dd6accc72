"""Each page, opened over http and without scripts: wire, formulas, sliders, paper."""

import base64
import random
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from tests.site import checks, sound
from tools.browser import serve
from tools.measure_site import Measured, line, measure, medians

# Another visit of every page takes minutes; what a phone asks of each is in test_everyone.
some_pages = pytest.mark.drawn(3, by="name")


class Opened(NamedTuple):
    """A page on a first visit, and what was seen while it opened."""

    page: Page
    witness: checks.Witness
    measured: Measured


@pytest.fixture(scope="module")
def opened(browser, origin, name):
    """The page over http, wide, with an empty cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    witness = checks.Witness(page)
    yield Opened(page, witness, measure(page, f"{origin}/{name}"))
    context.close()


@some_pages
def test_asks_only_its_own_site(opened, origin):
    assert opened.witness.requests
    assert opened.witness.foreign(origin) == []
    assert opened.witness.failed == []


@some_pages
def test_says_nothing_on_the_console(opened):
    assert opened.witness.complaints == []


@some_pages
def test_is_light_and_still(opened):
    assert opened.measured.transfer - opened.measured.frames < 600e3
    assert opened.measured.shift < 0.05


@some_pages
def test_formulas_are_set(opened):
    assert checks.maths_faults(opened.page) == []


@some_pages
def test_displays_are_not_broken_for_a_phone(opened):
    assert checks.phonebreak_faults(opened.page) == []


@some_pages
def test_every_slider_through_all_frames(opened):
    assert checks.slider_faults(opened.page) == []
    assert checks.slider_key_faults(opened.page) == []


@some_pages
def test_on_paper_every_fold_is_open(opened):
    opened.page.emulate_media(media="print")
    assert checks.fold_faults(opened.page) == []
    expect(opened.page.locator(".bd-sidebar-primary")).to_be_hidden()


@some_pages
def test_without_scripts(browser, origin, name):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{origin}/{name}")
    assert len(page.locator("main").inner_text().split()) > 5
    assert checks.unscripted_faults(page) == []
    context.close()


# ---- Planted faults ---------------------------------------------------------------------------

NO_POLICY = 'http-equiv="Content-Security-Policy"'


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
    tmp_path.joinpath("bad.js").write_text(
        "console.warn('careful'); throw new Error('broken')", encoding="utf-8"
    )
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


def noise(size: int) -> str:
    """Text that does not compress."""
    return base64.b64encode(random.Random(0).randbytes(size)).decode()


def test_a_heavy_page_is_seen(page, tmp_path):
    sound.write(tmp_path, "It is plain.", f"<!--{noise(700_000)}-->")
    with serve(tmp_path) as address:
        assert measure(page, f"{address}/page.html").transfer > 600e3


def test_frames_do_not_count_and_the_rest_does(page, tmp_path):
    sound.write(tmp_path, '<path d="M0 3h9">', f'<path d="{noise(50_000)}">')
    with serve(tmp_path) as address:
        measured = measure(page, f"{address}/page.html")
    assert measured.frames > 45e3
    assert measured.transfer - measured.frames < 5e3


def test_a_page_that_moves_is_seen(page, tmp_path):
    tmp_path.joinpath("late.js").write_text(
        "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => {"
        "const box = document.createElement('div'); box.style.height = '300px';"
        "document.body.prepend(box); }, 50)))",
        encoding="utf-8",
    )
    sound.write(tmp_path, "</main>", '<script src="late.js"></script></main>')
    with serve(tmp_path) as address:
        assert measure(page, f"{address}/page.html").shift > 0.05


def test_two_sites_stand_in_one_line():
    visits = [Measured(2000.0 * k, 0, 900, 0.1, 0) for k in (1, 5, 2)]
    before, after = medians(visits), Measured(1000, 0, 450.4, 0.0, 3)
    assert line("a.html", [before, after]).split()[:4] == ["a.html", "4", ">", "1"]
    assert "900 > 450" in line("a.html", [before, after])
