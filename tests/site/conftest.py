"""A browser and the built site, for the tests of this folder. Nothing here is skipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.site import checks, sound
from tools.browser import launch, serve

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
MISSING = f"There is no site in {SITE}: run make book first."


def page_names() -> list[str]:
    """Every page of the site, as an address within it; the redirect of index.html apart."""
    found = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
    return [name for name in found if not name.startswith("_") and name != "index.html"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `name` runs once a page; without a site it runs once, and fails."""
    if "name" in metafunc.fixturenames:
        names = page_names() or ["no site"]
        metafunc.parametrize("name", names, ids=lambda name: Path(name).stem, scope="module")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser: without one, `-m "not browser"` runs the rest."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site."""
    if not page_names():
        pytest.fail(MISSING)
    return SITE


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a process."""
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright)
        except RuntimeError as error:
            pytest.fail(str(error))
        expect.set_options(timeout=checks.PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def origin(site: Path) -> Iterator[str]:
    """The address at which the built site is served."""
    with serve(site) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page, wide and light."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield context.new_page()
    context.close()


@pytest.fixture
def planted(page, tmp_path):
    """Opens the sound page with a text replaced, over http, on a narrow screen."""
    page.set_viewport_size({"width": 390, "height": 844})
    with serve(tmp_path) as address:

        def open_with(old="", new="", *more):
            path = sound.write(tmp_path, old, new)
            for before, after in more:
                text = path.read_text(encoding="utf-8").replace(before, after, 1)
                path.write_text(text, encoding="utf-8")
            return checks.visit(page, f"{address}/page.html"), address

        yield open_with
