"""What search engines and previews of links see: descriptions, cards, the site's own address."""

import html
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from website.page.scripts import POLICY
from website.project import put


def describe_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Title, description and picture of a page, for its head."""
    title = html.unescape(re.sub("<[^>]*>", "", context.get("title", "")))
    about = DESCRIPTIONS.get(page) or describe(doctree)
    context["page_metadata"] = card(app, title, about, f"{page}.html")


def card(app: Sphinx, title: str, description: str, path: str) -> list[tuple[str, str]]:
    """Title, description and picture of what stands at a path of the site."""
    site = app.config.html_title
    pairs = [("og:title", title), ("og:type", "article"), ("og:site_name", site)]
    if description:
        pairs += [("description", description), ("og:description", description)]
    if base := app.config.html_baseurl.rstrip("/"):
        pairs += [
            ("og:url", f"{base}/{path}"),
            ("og:image", f"{base}/_static/card.png"),
            ("og:image:alt", CARD_ALT),
            ("twitter:card", "summary_large_image"),
        ]
    return pairs


def describe(doctree: nodes.document | None, length: int = 200) -> str:
    """The first paragraph, cut at a word."""
    if doctree is None:
        return ""
    for paragraph in doctree.findall(nodes.paragraph):
        text = "".join(_plain(node) for node in paragraph.children)
        text = " ".join(text.split())
        if len(text) > 40:
            return text if len(text) <= length else text[:length].rsplit(" ", 1)[0] + " …"
    return ""


def _plain(node: nodes.Node) -> str:
    # A formula in a description is read as its source, without the commands' backslashes.
    text = node.astext()
    return text.replace("\\", "") if isinstance(node, nodes.math) else text


def write_address(app: Sphinx) -> None:
    """Write the landing address, robots.txt and, where the address is known, the site map."""
    out = Path(app.outdir)
    base = app.config.html_baseurl.rstrip("/")
    put(out / "index.html", landing(app))
    robots = "User-agent: *\nAllow: /\n"
    if base:
        pages = sorted(app.builder.get_target_uri(doc) for doc in app.env.found_docs)
        urls = "".join(f"<url><loc>{html.escape(f'{base}/{page}')}</loc></url>" for page in pages)
        put(out / "sitemap.xml", SITEMAP.format(urls=urls))
        robots += f"Sitemap: {base}/sitemap.xml\n"
    put(out / "robots.txt", robots)


def landing(app: Sphinx) -> str:
    """The page at the site's own address: it leads on, and has the card that links to it show."""
    root = app.config.root_doc
    about = describe(app.env.get_doctree(root))
    pairs = card(app, app.config.html_title, about, "")
    tags = (
        f'<meta {"property" if name.startswith("og:") else "name"}="{name}" '
        f'content="{html.escape(content)}">'
        for name, content in pairs
    )
    return LANDING.format(
        policy=POLICY,
        title=html.escape(app.config.html_title),
        target=html.escape(app.builder.get_target_uri(root)),
        card="\n".join(tags),
    )


DESCRIPTIONS = {"search": "Search the pages of the book for a word, a statement or a name."}
CARD_ALT = "A circle of directions with two half-planes; the wedge where both hold is shaded."
LANDING = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta http-equiv="refresh" content="0; url={target}">
<meta name="viewport" content="width=device-width, initial-scale=1">
{card}
<title>{title}</title>
<link rel="canonical" href="{target}">
<link rel="icon" type="image/svg+xml" href="_static/favicon.svg">
</head>
<body><main><h1>{title}</h1><p><a href="{target}">Open the book</a></p></main></body>
</html>
"""


SITEMAP = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>\n'
)
