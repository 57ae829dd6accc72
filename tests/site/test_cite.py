"""What has a number is cited and reported: by keys, on a phone, as a file, on paper."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.site import checks

CHAPTER = "chapters/span.html"
LABEL = "prp-span"
PLACES = ["#prp-span", "#ex-span-1", "#fig-levels"]


@pytest.mark.parametrize("served", [True, False], ids=["http", "file"])
def test_a_reader_cites_a_line(page, site, origin, served):
    address = origin if served else site.as_uri()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    if served:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    witness = checks.visit(page, f"{address}/{CHAPTER}")
    assert not any("cite" in url for url in witness.requests)
    for place in PLACES if served else PLACES[:1]:
        box = page.locator(place)
        button = box.get_by_role("button", name="Cite", exact=False).first
        name = " ".join(box.locator(".caption-number").first.inner_text().split())
        button.press("Enter")
        expect(button).to_have_attribute("aria-expanded", "true")
        panel = box.get_by_role("group", name=f"How to cite {name}")
        expect(panel.locator("p").first).to_contain_text(f"{name} ({place[1:]}).")
        expect(panel.locator("pre")).to_contain_text(f"@misc{{ntklib-{place[1:]},")
        assert panel.get_by_role("link").count() == (1 if served else 0)
        if served:
            link = panel.get_by_role("link")
            expect(link).to_have_attribute("href", f"{origin}/{CHAPTER}{place}")
            panel.get_by_role("button", name="Copy BibTeX").press("Enter")
            expect(panel.get_by_role("status").nth(1)).to_have_text("Copied")
            assert page.evaluate("navigator.clipboard.readText()").endswith("}\n}")
    if served:
        assert checks.overflow_faults(page) == []
        assert checks.axe_faults(page, within=".cite-panel, :has(> button.cite)") == []
    page.emulate_media(media="print")
    for shown in (page.locator("button.cite").first, page.locator(".cite-panel").first):
        expect(shown).to_be_hidden()
    page.emulate_media(media="screen")
    button.click()
    expect(panel).to_have_count(0)
    assert witness.complaints == []
    assert witness.foreign(address) == []


def test_a_report_carries_the_line_and_what_the_reader_ran(page, origin, site):
    file = "_static/cite-data.js"
    start, text = (site / file).read_text(encoding="utf-8").split(" = ")
    facts = json.loads(text.rstrip(";\n")) | {"repository": "https://github.com/someone/book"}
    page.route(f"**/{file}", lambda route: route.fulfill(body=f"{start} = {json.dumps(facts)};"))
    checks.visit(page, f"{origin}/{CHAPTER}")
    box = page.locator(f"#{LABEL}")
    box.get_by_role("button", name="Cite").click()
    link = box.get_by_role("link", name="Report an error in this line")
    # What the reader ran comes after the panel was opened; of the next statement it is not.
    page.evaluate(
        """(label) => { const place = document.getElementById(label);
          const made = (text) => Object.assign(document.createElement("div"),
            {className: "cell_output own", textContent: text});
          place.after(made("mine: 42"));
          document.getElementById("prp-span-network").after(made("not mine")); }""",
        LABEL,
    )
    link.evaluate("(e) => e.addEventListener('click', (event) => event.preventDefault())")
    link.click()
    asked = urlsplit(link.get_attribute("href"))
    assert asked.geturl().startswith("https://github.com/someone/book/issues/new?")
    sent = parse_qs(asked.query)
    assert LABEL in sent["title"][0]
    (body,) = sent["body"]
    assert f"{origin}/{CHAPTER}#{LABEL}" in body
    assert facts["version"] in body
    assert "mine: 42" in body
    assert "not mine" not in body


def test_without_a_script_each_line_has_its_link(browser, origin):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{origin}/{CHAPTER}")
    for place in PLACES[:2]:
        link = page.locator(f"{place} a.headerlink").first
        assert link.get_attribute("href") == place
        assert link.evaluate("(e) => getComputedStyle(e).opacity") == "1"
    assert page.locator("button.cite").count() == 0
    context.close()
