"""The frozen editions of the book, as a list with links: editions.toml on a page."""

import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

SOURCE = Path("editions.toml")
NONE = "No edition has been frozen yet."


class Editions(SphinxDirective):
    """`{editions}`: what `tools/editions.py` has frozen."""

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir, SOURCE)
        self.env.note_dependency(str(path))
        editions = tomllib.loads(path.read_text(encoding="utf-8"))
        home = str(self.config.html_baseurl)
        items = [_item(home, edition, one) for edition, one in editions.items()]
        return [nodes.bullet_list("", *items, bullet="-") if items else nodes.paragraph("", NONE)]


def _item(home: str, edition: str, one: dict[str, str]) -> nodes.list_item:
    """An edition; its address where the site knows its own, its DOI where it has one."""
    words: list[nodes.Node] = [nodes.Text(f"Version {one['version']}, {one['date']}")]
    links = {f"/{edition}/": f"{home}{edition}/" if home else ""}
    links[f"doi:{one.get('doi')}"] = f"https://doi.org/{one['doi']}" if "doi" in one else ""
    for text, address in links.items():
        if address:
            words += [nodes.Text(", "), nodes.reference("", text, refuri=address)]
    return nodes.list_item("", nodes.paragraph("", "", *words))
