"""What links lead to, gathered in one file that a page loads when a reader first asks for it.

A page cannot read its neighbors when it is opened as a file, but it can load a script: so the
statements, formulas, sources and functions that other pages link to are written into one.
"""

import json
from pathlib import Path
from urllib.parse import unquote, urldefrag

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

from website.page.written import pages
from website.project import put

# The parts of a page that can be shown beside a link.
SHOWN = ".admonition[id], div.math[id], div.citation[id], dl.py > dt[id]"


def write(app: Sphinx) -> None:
    """Write `_static/previews.js` from the pages of the website."""
    out = Path(app.outdir)
    text = json.dumps(previews(out), ensure_ascii=False, sort_keys=True)
    put(out / "_static/previews.js", f"window.PREVIEWS = {text};\n")


def previews(out: Path) -> dict[str, str]:
    """Address within the site -> markup, of every part that a link in a text leads to."""
    wanted = set()
    for path, page in pages(out).items():
        for link in page.select("article a.internal[href*='#']"):
            bare, anchor = urldefrag(str(link["href"]))
            target = (path.parent / unquote(bare)).resolve() if bare else path.resolve()
            wanted.add((target, unquote(anchor)))
    found = {}
    for path, page in pages(out).items():
        for part in page.select(SHOWN):
            if (path.resolve(), part["id"]) in wanted:
                found[f"{path.relative_to(out).as_posix()}#{part['id']}"] = markup(part)
    return found


def markup(part: Tag) -> str:
    """A part as it stands on its page, without names and without links to itself."""
    if part.name == "dt":
        first = part.find_next_sibling("dd")
        text = first.find("p") if isinstance(first, Tag) else None
        html = f"<p>{part}</p>{text or ''}".replace("<dt", "<code").replace("</dt>", "</code>")
    else:
        html = str(part)
    copy = BeautifulSoup(html, "html.parser")
    for link in copy.select("a.headerlink, p.in-code"):
        link.decompose()
    for tag in copy.find_all(id=True):
        del tag["id"]
    return str(copy)
