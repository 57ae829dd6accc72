"""A page served at home says how to run it; a page elsewhere does not."""

from urllib.parse import urlsplit

import pytest

NOTE = ".live-note"


def test_at_home_a_chapter_names_make_lab(page, origin):
    page.goto(f"{origin}/chapters/span.html")
    assert page.locator(NOTE).inner_text() == "To run it live: make lab"


def test_a_page_without_code_says_nothing(page, origin):
    page.goto(f"{origin}/chapters/notation.html")
    assert page.locator(NOTE).count() == 0


@pytest.mark.parametrize("elsewhere", ["file", "https"])
def test_elsewhere_a_chapter_says_nothing(page, site, elsewhere):
    if elsewhere == "file":
        page.goto(f"{site.as_uri()}/chapters/span.html")
    else:
        home = "https://book.example"
        page.route(
            f"{home}/**",
            lambda route: route.fulfill(path=site / urlsplit(route.request.url).path[1:]),
        )
        page.goto(f"{home}/chapters/span.html")
    page.wait_for_load_state("load")
    assert page.locator(".page-tools").count() == 1
    assert page.locator(NOTE).count() == 0
