"""A slider on paper, or in an EPUB, is one frame, with the address where it moves."""

import re
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from website.printed.raw import page_of, raw

_SLIDERS = re.compile(r"Figure with sliders \((.*?)\): ")


class Captions(SphinxPostTransform):
    """Below a slider's caption, say what moves it and where."""

    default_priority = 3  # before myst-nb keeps one form of each output and drops the others
    formats = ("latex", "epub")

    def run(self, **options: Any) -> None:
        for bundle in list(self.document.findall(_is_bundle)):
            forms = {form["mime_type"]: form for form in bundle.children}
            if "text/plain" not in forms or "image/png" not in forms:
                continue
            if match := _SLIDERS.match(forms["text/plain"].astext()):
                base = str(self.config.html_baseurl).rstrip("/")
                caption = slider_caption(match[1], base, page_of(bundle, self.env))
                bundle.parent += nodes.legend("", caption)


def _is_bundle(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "mime_bundle"


def slider_caption(controls: str, base: str, page: str) -> nodes.paragraph:
    """One line in small print."""
    text: list[nodes.Node] = [nodes.Text(f"One frame of many; {controls.replace(' from ', ': ')}.")]
    if not base:
        text.append(nodes.Text(" Move it on the website."))
    else:
        address = f"{base}/{page}.html"
        text += [nodes.Text(" Move it: "), nodes.reference("", address, refuri=address)]
    return nodes.paragraph("", "", raw(r"{\slidercaption "), *text, raw("}"))
