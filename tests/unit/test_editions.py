"""A frozen edition: what may be frozen, the same bytes each time, and nothing else in its place."""

import hashlib
import re

import pytest

from tools import editions

LINES = """
["v1.0"]
version = "1.0.0"
date = "2027-01-31"
sha256 = "{sha256}"
archive = "https://example.org/kernels-v1.0.zip"
"""


@pytest.fixture
def root(tmp_path):
    """A project with a built site, frozen."""
    html = tmp_path / editions.HTML
    html.joinpath("chapters").mkdir(parents=True)
    html.joinpath("sitemap.xml").write_text(
        "<loc>https://a.org/v1.0/x.html</loc>", encoding="utf-8"
    )
    html.joinpath("chapters", "limit.html").write_text("It holds.", encoding="utf-8")
    packed = editions.pack(html)
    lines = LINES.format(sha256=hashlib.sha256(packed).hexdigest())
    tmp_path.joinpath(editions.TABLE).write_text(lines, encoding="utf-8")
    return tmp_path


def test_the_table_of_the_project_is_sound():
    assert editions.read(editions.ROOT) == {}


def test_an_edition_comes_back_as_it_was(root):
    html = root / editions.HTML
    packed = editions.pack(html)
    html.joinpath("chapters", "limit.html").write_text("It does not.", encoding="utf-8")
    asked = []
    assert editions.place(root, lambda address: asked.append(address) or packed) == ["v1.0"]
    assert asked == ["https://example.org/kernels-v1.0.zip"]
    assert (html / "v1.0/chapters/limit.html").read_text(encoding="utf-8") == "It holds."
    assert (html / "chapters/limit.html").read_text(encoding="utf-8") == "It does not."


def test_other_bytes_are_refused(root):
    other = editions.pack(root / editions.HTML / "chapters")
    with pytest.raises(ValueError, match=r"v1\.0 has SHA-256 [0-9a-f]{64}, frozen is"):
        editions.place(root, lambda address: other)
    assert not (root / editions.HTML / "v1.0").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('["v1.0"]', '["v1"]', "v1 must be v1.0"),
        ('"1.0.0"', '"1.0"', "version of v1.0 must be"),
        ("https:", "http:", "archive of v1.0 must be"),
        ("date", "day", "date of v1.0 must be"),
        ("archive", 'doi = "zenodo"\narchive', "doi of v1.0 must be"),
        ("archive", 'name = "first"\narchive', "v1.0 must be v1.0, got"),
    ],
)
def test_a_bad_line_is_refused(root, old, new, told):
    path = root / editions.TABLE
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(told)):
        editions.read(root)


def test_what_may_be_frozen(root):
    sealed = {"1.0.0": "x", "1.1.0": "x"}
    assert "not released" in editions.ready(root, "unreleased", sealed)
    assert "not sealed" in editions.ready(root, "2.0.0", sealed)
    assert "frozen already" in editions.ready(root, "1.0.0", sealed)
    assert "ends in /v1.1" in editions.ready(root, "1.1.0", sealed)
    sitemap = root / editions.HTML / "sitemap.xml"
    sitemap.write_text("<loc>https://a.org/v1.1/x.html</loc>", encoding="utf-8")
    assert editions.ready(root, "1.1.0", sealed) == ""
    sitemap.unlink()
    assert "BOOK_URL" in editions.ready(root, "1.1.0", sealed)
