"""Answers to exercises are checked in the page, and which are solved is kept in the browser.

The tests build on each other, in their order: one browser, one page, Python started once.
"""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.site import checks
from tests.site.conftest import SITE

# Python starts in seconds; a loaded machine takes its time.
SLOW = 240_000
PAGE = "chapters/invertibility.html"
LABELS = [f"ex-invertibility-{i}" for i in range(1, 5)]

pytestmark = pytest.mark.skipif(
    not (SITE / "live" / "manifest.json").exists(),
    reason="_build/html/live was not built: make live fetches Python for the pages",
)


class Exercises:
    """The exercises of the open page, by their number from 1."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.line = page.locator(".solved-line")

    def form(self, number):
        return self.page.locator(f"#{LABELS[number - 1]} form")

    def answer(self, number, text):
        self.form(number).get_by_label("Your answer").fill(text)
        self.form(number).get_by_label("Your answer").press("Enter")

    def says(self, number, words):
        expect(self.form(number).locator("output")).to_have_text(words, timeout=SLOW)

    def near(self):
        self.page.locator(f"#{LABELS[0]}").scroll_into_view_if_needed()
        expect(self.form(len(LABELS))).to_be_visible(timeout=SLOW)

    def press(self, words):
        self.line.get_by_role("button", name=words).click()

    @property
    def kept(self):
        return self.page.evaluate("localStorage.getItem('solved')")


@pytest.fixture(scope="module")
def opened(browser, origin):
    """The page on a phone in the dark, and all that it asked for."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    witness = checks.Witness(page)
    page.goto(f"{origin}/{PAGE}")
    yield Exercises(page), witness
    context.close()


@pytest.fixture
def exercises(opened):
    return opened[0]


def test_places_for_answers_come_with_the_exercises_and_without_python(opened):
    exercises, witness = opened
    assert [one for one in witness.requests if "/live/" in one] == []
    exercises.near()
    assert exercises.page.locator(".exercise form").count() == len(LABELS)
    assert [one for one in witness.requests if "/live/py" in one and "static" not in one] == []
    expect(exercises.line).to_contain_text("Solved: 0 of 4 here, 0 in the book.")
    expect(exercises.line).to_contain_text("kept in this browser only")
    assert exercises.kept is None


def test_a_right_answer_by_the_keyboard(exercises):
    exercises.form(1).get_by_label("Your answer").focus()
    exercises.page.keyboard.type("sin(pi / 6)")
    exercises.page.keyboard.press("Enter")
    exercises.says(1, "Right. Solved.")
    expect(exercises.line).to_contain_text("Solved: 1 of 4 here, 1 in the book.")
    assert json.loads(exercises.kept) == ["ex-invertibility-1"]
    exercises.page.keyboard.press("Tab")
    button = exercises.form(1).get_by_role("button", name="Check")
    expect(button).to_be_focused()
    assert exercises.page.locator(".live-panel").count() == 0


def test_a_wrong_answer_gets_a_question_or_a_hint(exercises):
    exercises.answer(2, "2")
    exercises.says(2, "Not yet. The answer is a list of two numbers, and this is one number.")
    exercises.answer(2, "[2, 7]")
    exercises.says(2, "Not yet. What do the two gates of a pair add up to, for each of the pairs?")
    exercises.answer(3, "0.7")
    exercises.says(3, "Not yet. K is an entrywise product; what is XX'?")
    colors = [
        exercises.form(i).locator("output").evaluate("(e) => getComputedStyle(e).borderLeftColor")
        for i in (1, 2, 3)
    ]
    assert len(set(colors)) == 3
    assert json.loads(exercises.kept) == ["ex-invertibility-1"]


def test_an_answer_that_fails_is_told(exercises):
    exercises.answer(4, "[1, 1 / 0]")
    exercises.says(4, "Python cannot compute this. ZeroDivisionError: division by zero")
    trace = exercises.form(4).locator("pre").inner_text().splitlines()
    assert trace[1:3] == ['  File "your answer", line 1, in <module>', "    [1, 1 / 0]"]


def test_everyone_can_use_it(exercises):
    assert checks.axe_faults(exercises.page, within=".answer, .solved-line") == []
    assert checks.overflow_faults(exercises.page) == []


def test_an_endless_answer_is_stopped(exercises):
    exercises.answer(4, "max(iter(int, 1))")
    exercises.page.locator(".live-panel").get_by_role("button", name="Stop").click(timeout=SLOW)
    exercises.says(4, "Not checked.")
    panel = exercises.page.locator(".live-panel p").first
    expect(panel).to_have_text("Stopped in your answer. All variables are gone.")
    exercises.page.locator(".live-panel").get_by_role("button", name="Close").click()


def test_the_next_visit_shows_what_is_solved_without_python(opened):
    exercises, witness = opened
    witness.requests.clear()
    exercises.page.reload()
    exercises.near()
    exercises.says(1, "Solved.")
    exercises.says(2, "")
    assert [one for one in witness.requests if "pyodide" in one] == []


def test_what_is_solved_is_exported_erased_and_imported(exercises, tmp_path):
    with exercises.page.expect_download() as saved:
        exercises.press("Export")
    file = tmp_path / saved.value.suggested_filename
    saved.value.save_as(file)
    assert json.loads(file.read_text(encoding="utf-8")) == {"solved": ["ex-invertibility-1"]}
    exercises.press("Erase")
    assert json.loads(exercises.kept) == ["ex-invertibility-1"]
    exercises.press("Erase the marks of 1 exercise?")
    expect(exercises.line).to_contain_text("Solved: 0 of 4 here")
    assert exercises.kept is None
    exercises.says(1, "")
    two = {"solved": ["ex-invertibility-1", "ex-span-2"]}
    file.write_text(json.dumps(two), encoding="utf-8")
    exercises.line.locator("input[type=file]").set_input_files(file)
    expect(exercises.line).to_contain_text("2 exercises added.")
    expect(exercises.line).to_contain_text("Solved: 1 of 4 here, 2 in the book.")
    exercises.says(1, "Solved.")


@pytest.mark.parametrize(
    ("text", "why"),
    [("1, 2", "it is not JSON"), ('{"solved": ["<b>"]}', "it holds no list of exercises")],
)
def test_another_file_is_refused(exercises, tmp_path, text, why):
    file = tmp_path / "other.json"
    file.write_text(text, encoding="utf-8")
    exercises.line.locator("input[type=file]").set_input_files(file)
    expect(exercises.line).to_contain_text(f"other.json is not a file that Export saved: {why}.")
    assert json.loads(exercises.kept) == ["ex-invertibility-1", "ex-span-2"]


def test_a_browser_that_keeps_nothing_is_told_of(browser, origin):
    context = browser.new_context()
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no'); }})"
    )
    exercises = Exercises(context.new_page())
    exercises.page.goto(f"{origin}/{PAGE}")
    exercises.near()
    expect(exercises.line).to_contain_text("This browser keeps nothing for this page")
    context.close()
