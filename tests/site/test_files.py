"""The files of the built site: policy, metadata, links, pictures."""

import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import pytest

from tests.site import checks, sound
from website import project
from website.page import metadata


def test_policy(site, name):
    assert checks.policy_faults(checks.parse(site / name)) == []


def test_metadata(site, name):
    assert checks.metadata_faults(checks.parse(site / name)) == []


def test_text(site, name):
    least = 1 if name == "search.html" else 30
    assert checks.text_faults(checks.parse(site / name), at_least=least) == []


def test_pictures(site, name):
    assert checks.picture_faults(checks.parse(site / name)) == []


def test_links(site):
    assert checks.link_faults(site, sorted(site.rglob("*.html"))) == []


def test_styles(site):
    assert checks.style_faults(site) == []


def test_titles_differ(site):
    titles = [str(checks.parse(path).title) for path in site.glob("**/*.html")]
    assert len(set(titles)) >= len(titles) - 1  # index.html has the title of the landing page


def test_the_address_of_the_site_leads_to_the_landing_page(site):
    html = checks.parse(site / "index.html")
    assert checks.policy_faults(html) == []
    refresh = html.find("meta", attrs={"http-equiv": "refresh"})
    target = refresh["content"].split("url=")[1]
    assert html.find("a", href=target)
    landing = checks.parse(site / target)
    assert landing.select("figure .ntk-interact input[type=range]")


def test_robots_and_pictures_of_the_site(site):
    assert "Allow: /" in site.joinpath("robots.txt").read_text(encoding="utf-8")
    for path in ("_static/favicon.svg", "_static/favicon.png", "_static/card.png"):
        assert site.joinpath(path).stat().st_size > 100
    width, height = png_size(site.joinpath("_static/card.png").read_bytes())
    assert (width, height) == (1200, 630)  # what previews of links are cut to


def png_size(data: bytes) -> tuple[int, int]:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


# ---- Planted faults ---------------------------------------------------------------------------

PLANTED = [
    (checks.policy_faults, 'http-equiv="Content-Security-Policy"', 'name="x"', "no content sec"),
    (checks.policy_faults, "default-src 'self'", "default-src *", "does not start from 'self'"),
    (checks.policy_faults, "img-src 'self'", "img-src https:", "allows"),
    (checks.policy_faults, "</main>", "<script>1</script></main>", "written into the page"),
    (checks.policy_faults, "<h1>", '<h1 onclick="f()">', "a handler"),
    (checks.policy_faults, "<meta charset", '<script src="a.js"></script><meta charset', "before"),
    (checks.metadata_faults, 'lang="en"', "", "language"),
    (checks.metadata_faults, "<title>A sound page</title>", "", "title"),
    (checks.metadata_faults, "<h1>", "<h1>One</h1><h1>", "one h1"),
    (checks.metadata_faults, "A small page on which nothing is wrong.", "", "description"),
    (checks.metadata_faults, 'rel="icon"', 'rel="x"', "icon"),
    (checks.metadata_faults, 'name="viewport"', 'name="x"', "phone"),
    (
        checks.text_faults,
        "Here are enough words for a page to count as one that has something",
        "",
        "w",
    ),
    (checks.picture_faults, "</main>", '<img src="a.png"></main>', "alt None"),
    (checks.picture_faults, "</main>", '<img src="a.png" alt="img/a.png"></main>', "a.png"),
    (checks.picture_faults, 'aria-label="A line of width three"', "", "a drawing"),
    (checks.picture_faults, "</main>", "<figure></figure></main>", "shows nothing"),
]


@pytest.mark.parametrize(("check", "old", "new", "words"), PLANTED)
def test_planted_fault_is_seen(tmp_path, check, old, new, words):
    assert check(checks.parse(sound.write(tmp_path))) == []
    faults = check(checks.parse(sound.write(tmp_path, old, new)))
    assert any(words in fault for fault in faults)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('href="#there"', 'href="#nowhere"', "names no element"),
        ('href="#there"', 'href="other.html"', "leads nowhere"),
        ('href="#there"', 'href="/page.html"', "leaves the site"),
        ('href="#there"', 'href="page.html?q=1#nowhere"', "names no element"),
        ('src="slider.js"', 'src="slide.js"', "leads nowhere"),
        ("<h1>", '<h1 id="there">', "two elements are called 'there'"),
    ],
)
def test_planted_dead_link_is_seen(tmp_path, old, new, words):
    assert checks.link_faults(tmp_path, [sound.write(tmp_path)]) == []
    faults = checks.link_faults(tmp_path, [sound.write(tmp_path, old, new)])
    assert len(faults) == 1
    assert words in faults[0]


@pytest.mark.parametrize(
    ("css", "words"),
    [
        ("a { background: url(https://example.org/a.png) }", "asks"),
        ("@font-face { src: url('a.woff2') }", "missing"),
    ],
)
def test_planted_style_is_seen(tmp_path, css, words):
    tmp_path.joinpath("a.css").write_text(
        "b { background: url(data:image/png;base64,) }", encoding="utf-8"
    )
    assert checks.style_faults(tmp_path) == []
    tmp_path.joinpath("b.css").write_text(css, encoding="utf-8")
    assert words in checks.style_faults(tmp_path)[0]


# ---- The site map, which needs an address -----------------------------------------------------


def test_site_map_and_card_where_the_address_is_known(tmp_path):
    config = SimpleNamespace(
        html_baseurl="https://example.org/book/", root_doc="intro", html_title="A book"
    )
    builder = SimpleNamespace(format="html", get_target_uri=lambda doc: f"{doc}.html")
    app = SimpleNamespace(
        builder=builder,
        outdir=str(tmp_path),
        config=config,
        env=SimpleNamespace(found_docs={"intro", "chapters/limit"}, get_doctree=lambda doc: None),
    )
    metadata.write_address(app)
    root = ET.fromstring(tmp_path.joinpath("sitemap.xml").read_text(encoding="utf-8"))
    places = [element.text for element in root.iter() if element.tag.endswith("loc")]
    base = "https://example.org/book"
    assert places == [f"{base}/chapters/limit.html", f"{base}/intro.html"]
    robots = tmp_path.joinpath("robots.txt").read_text(encoding="utf-8")
    assert f"Sitemap: {base}/sitemap.xml" in robots
    context = {"title": "<em>Start</em>"}
    metadata.describe_page(app, "intro", "page.html", context, None)
    pairs = dict(context["page_metadata"])
    assert pairs["og:title"] == "Start"
    assert pairs["og:image"] == f"{base}/_static/card.png"
    assert len(pairs["og:image:alt"].split()) > 5
    first = checks.parse(tmp_path / "index.html")
    assert first.find("meta", attrs={"property": "og:url"})["content"] == f"{base}/"
    assert first.find("meta", attrs={"property": "og:image"})["content"] == pairs["og:image"]


def test_the_environment_may_say_the_address(monkeypatch):
    config = SimpleNamespace(html_baseurl="")
    monkeypatch.setenv(project.ADDRESS, "")
    project.take_address(None, config)
    assert config.html_baseurl == ""
    monkeypatch.setenv(project.ADDRESS, "https://example.org/book")
    project.take_address(None, config)
    assert config.html_baseurl == "https://example.org/book/"
    monkeypatch.setenv(project.ADDRESS, "example.org/book")
    with pytest.raises(ValueError, match=r"BOOK_URL must be the address .* 'example\.org/book'"):
        project.take_address(None, config)


def test_icons_of_the_theme_are_cut_out_of_its_style(site):
    style = site.joinpath("_static/styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
    assert not re.search(r"@font-face\s*\{[^}]*Font Awesome", style)
    assert not re.search(r'content:"\\f[0-9a-f]{3}"', style)
