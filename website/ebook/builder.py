"""The builder: Sphinx's own for EPUB 3, with the book's pages, contents and metadata."""

import html
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.epub3 import Epub3Builder, NavPoint, validate_config_values
from sphinx.config import Config

from website.ebook.formulas import INLINE, unnamed
from website.page.formulas import around, glue
from website.page.search import plain
from website.printed.parts import captions
from website.project import project, put

HOME = Path(__file__).parent
# Made once, and the same for all versions of the book; `dcterms:modified` tells them apart.
IDENTIFIER = "urn:uuid:5f0c3f52-6f0b-4c39-9d0e-6a1c2a0b7f4e"
COVER, STYLE = "_static/cover.png", "_static/book.css"
COVER_ALT = "Kernels: the lecture that checks itself. A disk cut by two lines through its center."
OPF, DC = "http://www.idpf.org/2007/opf", "http://purl.org/dc/elements/1.1/"
# What readers are told before they open the book: all of it is there as text, too.
ACCESS = (
    ("accessMode", "textual"),
    ("accessMode", "visual"),
    ("accessModeSufficient", "textual"),
    ("accessModeSufficient", "textual,visual"),
    ("accessibilityFeature", "MathML"),
    ("accessibilityFeature", "alternativeText"),
    ("accessibilityFeature", "displayTransformability"),
    ("accessibilityFeature", "readingOrder"),
    ("accessibilityFeature", "structuralNavigation"),
    ("accessibilityFeature", "tableOfContents"),
    ("accessibilityHazard", "none"),
    (
        "accessibilitySummary",
        "Formulas are MathML, figures have alternative texts, headings and the table of contents "
        "follow the structure of the book.",
    ),
)
GLUED = around(INLINE)
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" \
lang="{language}" xml:lang="{language}">
<head><meta charset="utf-8"/><title>{title}</title>
<link rel="stylesheet" type="text/css" href="{up}{style}"/></head>
<body>
{body}
</body>
</html>
"""


def configure(app: Sphinx, config: Config) -> None:
    """How Sphinx is to make the book: the same for each builder, which all read the same pages."""
    config.epub_basename = "kernels"
    config.epub_show_urls = "no"
    config.epub_tocdepth = 1
    config.epub_tocdup = False
    config.epub_tocscope = "includehidden"
    config.epub_cover = (COVER, "cover")
    # Sphinx asks for a version in its settings, which each page of the website would show, too.
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if one.handler is not validate_config_values]


class EpubBuilder(Epub3Builder):
    """Pages with nothing but their text: no theme, no scripts, no steps of the website."""

    format = "epub"

    def init(self) -> None:
        """Write nodes of extensions as they are written for the website."""
        super().init()
        handlers = self.app.registry.translation_handlers
        handlers["epub"] = handlers["html"]

    def prepare_writing(self, docnames: set[str]) -> None:
        """No list of names: the page of the package serves better."""
        super().prepare_writing(docnames)
        self.use_index, self.domain_indices = False, []

    def copy_static_files(self) -> None:
        """One style, one cover, and nothing that extensions have left in an earlier build."""
        shutil.rmtree(Path(self.outdir, "_static"), ignore_errors=True)
        put(Path(self.outdir, STYLE), (HOME / "book.css").read_text(encoding="utf-8"))
        shutil.copyfile(HOME / "cover.png", Path(self.outdir, COVER))

    def handle_page(
        self,
        pagename: str,
        addctx: dict[str, Any],
        templatename: str = "page.html",
        outfilename: str | None = None,
        event_arg: Any = None,
    ) -> None:
        """Write a page.

        Raises
        ------
        ValueError
            The page is not well-formed.
        """
        up = "../" * pagename.count("/")
        if pagename == Path(self.coverpage_name).stem:
            body, title = f'<p class="cover"><img src="{COVER}" alt="{COVER_ALT}"/></p>', "Cover"
        else:
            body, title = addctx["body"], self.words(self.env.titles[pagename])
        # The standard has no longer a role for one work of a bibliography.
        body = glue(unnamed(body).replace(' role="doc-biblioentry"', ""), GLUED)
        text = PAGE.format(
            language=self.config.epub_language,
            title=html.escape(title),
            up=up,
            style=STYLE,
            body=body,
        )
        try:
            ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise ValueError(f"the page {pagename} is not well-formed: {error}") from error
        put(Path(self.outdir, pagename + self.out_suffix), text)

    def words(self, node: nodes.Node) -> str:
        """The text of a title, its formulas in words and signs."""
        macros = self.config.mathjax3_config["tex"]["macros"]
        if isinstance(node, nodes.math):
            return plain(node.astext(), macros)
        if isinstance(node, nodes.Element) and node.children:
            return "".join(map(self.words, node.children))
        return node.astext()

    def get_refnodes(
        self, doctree: nodes.Node, result: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """The contents, with formulas in words."""
        if isinstance(doctree, nodes.reference):
            doctree[:] = [nodes.Text(self.words(doctree))]
        return super().get_refnodes(doctree, result)

    def content_metadata(self) -> dict[str, Any]:
        """What the book is, as the project states it."""
        cited = yaml.safe_load(Path(self.srcdir, "CITATION.cff").read_text(encoding="utf-8"))
        return super().content_metadata() | {
            "title": html.escape(self.config.html_title),
            "uid": "book",
            "id": IDENTIFIER,
            "description": html.escape(cited["abstract"].strip()),
            "copyright": f"{html.escape(self.config.copyright)}. Text: CC BY 4.0, code: BSD.",
            "version": project(self.app)["version"],
        }

    def build_content(self) -> None:
        """Add to the list of files which hold formulas and drawings, and for whom the book is."""
        Path(self.outdir, self.coverpage_name).unlink(missing_ok=True)  # of an earlier build
        super().build_content()
        path = Path(self.outdir, "content.opf")
        ElementTree.register_namespace("", OPF)
        ElementTree.register_namespace("dc", DC)
        tree = ElementTree.parse(path)
        about = tree.find(f"{{{OPF}}}metadata")
        assert about is not None  # Sphinx writes one
        for one in list(about):
            # What Sphinx asks for and this book does not have, and what one company's reader takes.
            if one.text == "unknown" or "ibooks" in one.get("property", ""):
                about.remove(one)
        for name, value in ACCESS:
            element = ElementTree.SubElement(about, f"{{{OPF}}}meta", property=f"schema:{name}")
            element.text = value
        for item in tree.iter(f"{{{OPF}}}item"):
            href = item.get("href", "")
            if href == COVER:
                item.set("properties", "cover-image")
            elif href.endswith(self.out_suffix) and href != "nav.xhtml":
                text = Path(self.outdir, href).read_text(encoding="utf-8")
                held = [name for name, tag in (("mathml", "<math"), ("svg", "<svg")) if tag in text]
                if held:
                    item.set("properties", " ".join(held))
        tree.write(path, encoding="utf-8", xml_declaration=True)

    def toc_metadata(self, level: int, navpoints: list[Any]) -> dict[str, Any]:
        """The contents for old readers, which are to name the same identifier."""
        return super().toc_metadata(level, navpoints) | {"uid": IDENTIFIER}

    def navigation_doc_metadata(self, navlist: list[NavPoint]) -> dict[str, Any]:
        """The contents, with the parts of the book and the sections of each page."""
        pages = {self.get_target_uri(page): page for page in self.env.found_docs}
        named = {self.get_target_uri(page): name for page, name in captions(self.env)}
        parts: list[NavPoint] = []
        inside = None
        for point in navlist:
            if name := named.get(point.refuri):
                inside = NavPoint(html.escape(name), point.refuri, [])
                parts.append(inside)
            whole = point._replace(children=self.sections(pages[point.refuri]))
            (parts if inside is None else inside.children).append(whole)
        return super().navigation_doc_metadata(parts)

    def sections(self, page: str) -> list[NavPoint]:
        """The sections of a page; of the page that has the contents, without those."""
        items = [item for whole in self.env.tocs[page] for below in whole[1:] for item in below]
        links = [i.next_node(nodes.reference) for i in items if isinstance(i, nodes.list_item)]
        there = self.get_target_uri(page)
        return [
            NavPoint(html.escape(self.words(one)), there + one["anchorname"], []) for one in links
        ]
