"""What a course leaves out of the book: named by number and title, with a link to the full book.

`absent.json`, which tools/course.py writes beside the chapters of a course, says of each label and
each page that is not there what it is called and where the full book has it. A reference to one
becomes its name, and a link where the address of the full book is known. The book itself has no
such file; nothing of it is absent, and a reference to what does not exist fails its build.
"""

import json
import posixpath
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform

from website.statements import with_maths

SOURCE = "absent.json"
NOTHING: dict[str, Any] = {"book": "", "labels": {}, "pages": {}, "cut": [], "equations": {}}


@cache
def absent(root: Path) -> dict[str, Any]:
    """What is not there.

    Returns
    -------
    dict
        ``book``, the address of the full one, or empty; ``labels``, label -> ``page``, ``anchor``,
        ``words``; ``pages``, page -> its title; ``cut``, the pages that lack a part; ``equations``,
        label -> the number in the full book, also of those that are there.
    """
    path = root / SOURCE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else NOTHING


def place(root: Path, page: str, target: str) -> tuple[str, str] | None:
    """Words for what a target names, and its address or nothing; None if it is not absent.

    Parameters
    ----------
    root : Path
        The folder of the sources.
    page : str
        The page on which the target stands: it names other pages as seen from there.
    target : str
        A label, a page, or a page and a place on it.
    """
    known = absent(root)
    path, _, anchor = target.partition("#")
    if one := known["labels"].get(path or anchor):
        words, there, anchor = one["words"], one["page"], one["anchor"]
    else:
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        there = beside.removesuffix(".md").removesuffix(".ipynb")
        if there not in known["pages"]:
            return None
        words = known["pages"][there]
    address = f"{known['book']}{there}.html" + (f"#{anchor}" if anchor else "")
    return words, address if known["book"] else ""


def restated(root: Path, page: str, node: pending_xref) -> nodes.Element | None:
    """What stands for a reference to what is absent; None for any other."""
    if node["refdomain"] in ("py", "cite"):
        return None
    found = place(root, page, node["reftarget"])
    if found is None:
        return None
    words, address = found
    own = node[0].children if node.get("refexplicit") else ()
    text = [child.deepcopy() for child in own] or with_maths(words)
    if address:
        return nodes.reference("", "", *text, refuri=address, internal=False)
    return nodes.inline("", "", *text)


class Restate(SphinxPostTransform):
    """Resolve these references, before Sphinx and its extensions look for what is not there."""

    default_priority = 4

    def run(self, **options: Any) -> None:
        """Replace each by its words."""
        root = Path(self.env.srcdir)
        for node in list(self.document.findall(pending_xref)):
            if found := restated(root, node.get("refdoc", self.env.docname), node):
                node.replace_self(found)
