"""How a line is cited: a link to itself, and what a citation is made of.

Each statement and each exercise ends its title with a link to itself, as headings and figures do:
that is all that a page says, and without scripts it is what there is. From it page.js makes the
button *Cite*, which loads `cite.js` and the facts of the whole book that are written here.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx

from website.absent import absent
from website.project import project, put, repository

# The title of a statement or of an exercise, in the markup of a page.
TITLE = re.compile(
    r'(<div class="(?:proof|exercise)[^"]*\badmonition\b[^"]*" id="([\w-]+)">\s*'
    r'<p class="admonition-title">.*?)(?=</p>)',
    re.DOTALL,
)


def link(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """End the title of each statement and each exercise with a link to it."""
    if doctree is not None:
        context["body"] = linked(context["body"])


def linked(body: str) -> str:
    """The markup of a page with these links."""
    return TITLE.sub(r'\1<a class="headerlink" href="#\2" title="Link to this line">#</a>', body)


def write(app: Sphinx) -> None:
    """Write `_static/cite-data.js`."""
    text = json.dumps(facts(app), ensure_ascii=False, sort_keys=True)
    put(Path(app.outdir, "_static", "cite-data.js"), f"window.CITATION = {text};\n")


def facts(app: Sphinx) -> dict[str, str]:
    """What all citations of the book have in common; empty is what the book does not have."""
    root = Path(app.srcdir)
    # BaseLoader: a date stays as it is written.
    known = yaml.load((root / "CITATION.cff").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    found = repository(app)
    return {
        "author": " and ".join(one["name"] for one in known["authors"]),
        # A line of a course is cited where the full book has it.
        "base": absent(root)["book"] or str(app.config.html_baseurl),
        "doi": known.get("doi", ""),
        "repository": f"https://github.com/{'/'.join(found)}" if found else "",
        "title": known["title"],
        "version": version(root, project(app)["version"]),
        "year": known["date-released"][:4],
    }


def version(root: Path, released: str) -> str:
    """The version, and whether the text has changed since."""
    changed = "\n## Unreleased" in (root / "CHANGELOG.md").read_text(encoding="utf-8")
    return f"{released}, with later changes" if changed else released
