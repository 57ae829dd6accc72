"""Links to what a reader can take home: on the page that lists it, and on each chapter's."""

from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from website.downloads.places import FOLDER, ZIP, launch_links
from website.project import WHOLE, chapters, project, repository, whole


class take_away_node(nodes.General, nodes.Element):
    """Placeholder: the links depend on the builder, and on what has been built before."""


class TakeAway(SphinxDirective):
    """`{take-away}`: what there is to download."""

    def run(self) -> list[nodes.Node]:
        return [take_away_node()]


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace `{take-away}` by the links."""
    for placeholder in list(doctree.findall(take_away_node)):
        placeholder.replace_self(nodes.bullet_list("", *_downloads(app, docname)))


def _downloads(app: Sphinx, docname: str) -> Iterator[nodes.list_item]:
    base = str(app.config.html_baseurl).rstrip("/")
    home = base + "/" if app.builder.format != "html" else "../" * docname.count("/")
    if app.builder.format != "html" and not base:
        yield nodes.list_item("", nodes.paragraph("", "All of it is on the website's first page."))
        return
    wheel = f"ntklib-{project(app)['version']}-py3-none-any.whl"
    yield _item(
        f"{home}{FOLDER}/{ZIP}", "All notebooks and the package", " in one zip, to run anywhere."
    )
    yield _item(f"{home}{FOLDER}/{wheel}", "The package alone", ", a wheel for pip.")
    for path in whole(app) if app.builder.format == "html" else ():
        _, text, rest = WHOLE[path.name]
        yield _item(f"{home}{path.name}", text, rest)


def _item(uri: str, text: str, rest: str) -> nodes.list_item:
    link = nodes.reference("", text, refuri=uri, internal=True)
    return nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(rest)))


def offer(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the page of a chapter its download, its launch links and, on localhost, `make lab`."""
    path = chapters(app.env).get(page)
    if path is None:
        return
    context["notebook_download"] = context["pathto"](f"{FOLDER}/{path.name}", 1)
    context["launch_links"] = launch_links(repository(app), path.stem)
    app.add_js_file("live.js", priority=810, defer="defer")
