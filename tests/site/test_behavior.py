"""What a reader does: searches, turns to dark, looks at previews, follows links, opens folds."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError, expect

from tests.pytest_process import run_pytest
from tests.site import checks

LANDING = "chapters/intro.html"
CHAPTER = "chapters/limit.html"
SHORT = "chapters/guide.html"


@pytest.fixture(params=["http", "file"])
def address(request, site):
    """Where the site is: served, or opened as files."""
    return request.getfixturevalue("origin") if request.param == "http" else site.as_uri()


def test_the_search_finds_a_word(page, address):
    witness = checks.visit(page, f"{address}/{LANDING}")
    page.get_by_role("searchbox").first.fill("Hoeffding")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=Hoeffding*")
    found = page.locator("#search-results li a")
    expect(found.first).to_be_visible()
    assert any(CHAPTER in (link.get_attribute("href") or "") for link in found.all())
    checks.visit(page, f"{address}/{CHAPTER}")
    expect(page.locator("main span.highlighted").first).to_have_text(re.compile("hoeffding", re.I))
    assert witness.complaints == []


def test_the_search_says_when_there_is_nothing(page, address):
    checks.visit(page, f"{address}/search.html?q=xyzzyplugh")
    expect(page.locator("#search-results")).to_contain_text("did not match any")


@pytest.mark.parametrize("word", ["gradient", "eps", "tanh"])
def test_results_are_readable(page, origin, word):
    page.emulate_media(color_scheme="dark")
    checks.visit(page, f"{origin}/search.html?q={word}")
    expect(page.locator("#search-results p.context").first).to_be_visible()
    expect(page.locator("#search-results .search-summary")).to_contain_text("finished")
    shown = page.locator("#search-results").inner_text()
    assert not re.search(r"\\[A-Za-z()\[\]]", shown), shown
    assert checks.axe_faults(page) == []


def test_the_color_mode_turns_and_stays(page, address):
    checks.visit(page, f"{address}/{LANDING}")
    background = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for _ in range(3):
        page.get_by_role("button", name="Color mode").click()
        root = page.locator("html")
        seen[root.get_attribute("data-mode")] = page.evaluate(background)
    assert set(seen) == {"auto", "dark", "light"}
    assert seen["dark"] != seen["light"] == seen["auto"]  # the browser of this test is light
    while page.locator("html").get_attribute("data-mode") != "dark":
        page.get_by_role("button", name="Color mode").click()
    page.reload()
    assert page.evaluate(background) == seen["dark"]


# Links to a statement of the same page and of another, to an equation, to a source and to the
# package; and one from a page that has no formula of its own.
PREVIEWED = {
    CHAPTER: [
        ("a.internal[href^='#prp-']", "Proposition"),
        ("a.internal[href*='least_squares.html#']", "Theorem"),
        ("a.internal[href^='#equation-']", "("),
        ("a.internal[href*='bibliography.html#']", "["),
        ("a.internal[href*='api.html#']", "("),
    ],
    "chapters/ledger.html": [("a.internal[href*='limit.html#thm-']", "Theorem")],
    # A short one, for the planted faults.
    SHORT: [
        ("a.internal[href^='#prp-']", "Proposition"),
        ("a.internal[href*='least_squares.html#']", "Proposition"),
    ],
}


def a_link_shows(page, address, start=SHORT):
    witness = checks.visit(page, f"{address}/{start}")
    preview = page.locator("#preview.shown")
    for selector, words in PREVIEWED[start]:
        link = page.locator(f"article {selector}:visible").first
        link.scroll_into_view_if_needed()
        link.hover()
        preview.wait_for()
        expect(preview).to_contain_text(words)
        expect(preview).to_be_in_viewport(ratio=0.9)
        assert checks.maths_faults(page) == []
        assert preview.locator(".math:not(:has(mjx-container))").count() == 0
        assert link.get_attribute("aria-describedby") == "preview"
        page.keyboard.press("Escape")
        preview.wait_for(state="detached")
        assert link.get_attribute("aria-describedby") is None
    assert witness.complaints == []
    assert witness.foreign(address) == []


@pytest.mark.parametrize("start", PREVIEWED)
def test_a_link_shows_what_it_leads_to(page, origin, start):
    a_link_shows(page, origin, start)


def test_a_link_of_a_file_shows_what_it_leads_to(page, site):
    a_link_shows(page, site.as_uri())


def test_a_preview_follows_the_keyboard(page, origin):
    checks.visit(page, f"{origin}/{SHORT}")
    link = page.locator("article p > a.internal[href^='#prp-']").first
    preview = page.locator("#preview.shown")
    page.keyboard.press("Shift")  # the next focus counts as one by keyboard
    link.focus()
    preview.wait_for()
    page.keyboard.press("Tab")
    preview.wait_for(state="detached")
    link.hover()
    preview.wait_for()
    preview.hover()
    page.wait_for_timeout(500)
    preview.wait_for()
    page.mouse.move(1, 1)
    preview.wait_for(state="detached")


def test_figures_take_the_color_of_the_text(page, origin):
    checks.visit(page, f"{origin}/{LANDING}")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    color = "(e) => getComputedStyle(e).color"
    text = page.locator("article p").first.evaluate(color)
    assert page.locator("article figure svg").first.evaluate(color) == text
    fills = page.locator(
        "main figure svg [fill=currentColor], main figure svg [stroke=currentColor]"
    )
    assert fills.count() > 10


def test_the_way_to_the_next_page_and_back(page, origin):
    checks.visit(page, f"{origin}/{LANDING}")
    page.locator("a[rel=next]").click()
    expect(page.locator("h1")).to_have_count(1)
    assert LANDING not in page.url
    page.locator("a[rel=prev]").last.click()
    page.wait_for_url(f"**/{LANDING}*")


def test_the_skip_link_is_the_first_stop(page, origin):
    checks.visit(page, f"{origin}/{LANDING}")
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    expect(focused).to_have_text("Skip to the text")
    expect(focused).to_be_in_viewport()


def test_the_chapters_on_a_phone(page, origin):
    page.set_viewport_size({"width": 390, "height": 844})
    checks.visit(page, f"{origin}/{LANDING}")
    chapter = page.get_by_role("link", name="Two remarks").first
    expect(chapter).not_to_be_in_viewport()
    page.get_by_role("button", name="Chapters").click()
    expect(chapter).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(chapter).not_to_be_in_viewport()


def test_a_link_into_a_fold_opens_it(page, origin):
    checks.visit(page, f"{origin}/chapters/interpolation.html")
    solution = page.locator("details.solution").first
    assert not solution.evaluate("(e) => e.open")
    ident = solution.evaluate("(e) => e.id || e.querySelector('[id]').id")
    page.evaluate("(id) => (location.hash = id)", ident)
    expect(solution).to_have_attribute("open", "")


# ---- Planted faults ---------------------------------------------------------------------------


def a_result_is_readable(page, origin):
    test_results_are_readable(page, origin, "gradient")


# A behavior, the file that is served with a fault, what stands there, and what instead; nothing
# in place of what stands there empties the file.
PLANTED = [
    (test_the_search_finds_a_word, "searchindex.js", "hoeffd", "hoeffe"),
    (test_the_search_says_when_there_is_nothing, "_static/searchtools.js", "did not match", "did"),
    (a_result_is_readable, "_static/search.js", "", ""),
    (test_the_color_mode_turns_and_stays, "_static/scripts/pydata-sphinx-theme.js", "", ""),
    (test_the_color_mode_turns_and_stays, "_static/head.js", 'getItem("mode")', 'getItem("x")'),
    (a_link_shows, "_static/preview.js", "", ""),
    (a_link_shows, "_static/previews.js", "Proposition", "Position"),
    (a_link_shows, "_static/preview.js", '"Escape"', '"Enter"'),
    (test_a_preview_follows_the_keyboard, "_static/preview.js", '"focusin"', '"focusing"'),
    (test_figures_take_the_color_of_the_text, LANDING, "currentColor", "#123456"),
    (test_the_way_to_the_next_page_and_back, LANDING, 'rel="next"', 'rel="other"'),
    (test_the_skip_link_is_the_first_stop, LANDING, 'class="skip" href', 'class="skip" name'),
    (test_the_chapters_on_a_phone, "_static/scripts/pydata-sphinx-theme.js", "", ""),
    (test_a_link_into_a_fold_opens_it, "_static/page.js", "fold.open = true", "fold.open"),
]


@pytest.fixture
def impatient():
    """What does not come within a second does not come."""
    expect.set_options(timeout=1000)
    yield
    expect.set_options(timeout=checks.PATIENCE)


@pytest.mark.drawn(3)
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("behavior", "file", "old", "new"), PLANTED)
def test_planted_fault_is_seen(page, origin, site, behavior, file, old, new):
    page.set_default_timeout(1000)
    page.set_default_navigation_timeout(10_000)
    path = site / file
    sound = path.read_text(encoding="utf-8")
    assert old in sound
    kind = "text/html" if path.suffix == ".html" else "text/javascript"
    body = sound.replace(old, new) if old else ""
    page.route(f"**/{file}*", lambda route: route.fulfill(body=body, content_type=kind))
    with pytest.raises((AssertionError, TimeoutError)):
        behavior(page, origin)


# ---- What is missing is said -------------------------------------------------------------------


def test_no_site_is_a_clear_failure(tmp_path):
    copy = tmp_path / "tests" / "site"
    shutil.copytree(Path(__file__).parent, copy)
    for package in ("tools", "website"):
        ignored = shutil.ignore_patterns("vendor")
        shutil.copytree(checks.ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(checks.ROOT / "tests" / "pytest_process.py", copy.parent)
    chosen = ("--import-mode=importlib", "-k", "test_policy or test_links")
    done = run_pytest(tmp_path, *chosen, str(copy))
    assert done.returncode == 1
    assert "run make book first" in done.stdout
    assert "passed" not in done.stdout
    assert "skipped" not in done.stdout
