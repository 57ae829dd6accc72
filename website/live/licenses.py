"""`{live-licenses}`: what the site carries for the Python of its pages, each with its license."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from website.live.sources import LOCK


class Licenses(SphinxDirective):
    """A list of the names, versions and licenses in website/live/lock.json."""

    def run(self) -> list[nodes.Node]:
        rows = (f"{one['name']} {one['version']}: {one['license']}" for one in LOCK["licenses"])
        items = (nodes.list_item("", nodes.paragraph("", row)) for row in rows)
        return [nodes.bullet_list("", *items)]
