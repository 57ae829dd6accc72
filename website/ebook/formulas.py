"""Formulas as MathML, which readers of books set themselves, enlarge and read aloud."""

import html
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging

from website.printed.displays import equation_number

logger = logging.getLogger(__name__)

# Where a display goes on, indented, on a new line: always, as a page may be as narrow as a phone.
BREAK = {"phonebreak": r"\\&\quad{}"}
MATHML = "http://www.w3.org/1998/Math/MathML"
INLINE = rf'<math xmlns="{MATHML}">.*?</math>'
_ALIGNED = re.compile(r"text-align: ?(left|right)")


def put_in(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace every formula by its MathML; one that cannot be set is a warning."""
    macros = app.config.mathjax3_config["tex"]["macros"]
    for node in [*doctree.findall(nodes.math), *doctree.findall(nodes.math_block)]:
        display = isinstance(node, nodes.math_block)
        try:
            markup = mathml(node.astext(), macros, display=display)
        except ValueError as error:
            logger.warning("no MathML for a formula: %s", error, location=node)
            continue
        if display:
            ids = "".join(f' id="{html.escape(name)}"' for name in node["ids"][:1])
            number = ""
            if node.get("label"):
                number = f'<span class="eqno">({equation_number(app.env, node)})</span>'
            markup = f'<div class="display"{ids}>{markup}{number}</div>\n'
        node.replace_self(nodes.raw("", markup, format="html"))


def mathml(tex: str, macros: Mapping[str, Any], *, display: bool) -> str:
    """The markup of a formula.

    Raises
    ------
    ValueError
        The formula has a command that is not known, or an error.
    """
    given = tuple((str(k), v if isinstance(v, str) else str(v[0])) for k, v in macros.items())
    if display and r"\\" in tex and not tex.lstrip().startswith(r"\begin"):
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    try:
        markup = _converter(given).convert_with_local_state(tex.strip(), displaystyle=display)
    except LatexError as error:
        raise ValueError(f"{error} in {tex!r}") from error
    return older(unnamed(markup)).replace("<math", f'<math xmlns="{MATHML}"', 1)


def unnamed(markup: str) -> str:
    """Markup in which letters have no names but those of XML."""
    return re.sub(r"&(?!amp;|lt;|gt;|quot;|apos;)\w+;", lambda m: html.unescape(m[0]), markup)


def older(markup: str) -> str:
    """MathML 3, which books have, of what is written for browsers.

    There a style is an element of its own, and a column says itself how it is aligned.
    """
    formula = ElementTree.fromstring(markup)
    for element in list(formula.iter()):
        if aligned := _ALIGNED.search(element.get("style", "")):
            element.set("columnalign", aligned[1])
        if element.tag == "mtable":
            element.attrib.pop("scriptlevel", None)
        elif element.tag not in ("math", "mstyle"):
            names = element.attrib.keys() & {"displaystyle", "scriptlevel"}
            if style := {name: element.attrib.pop(name) for name in sorted(names)}:
                inner = ElementTree.Element(element.tag, element.attrib)
                inner.text, inner[:] = element.text, element[:]
                tail = element.tail
                element.clear()
                element.tag, element.tail = "mstyle", tail
                element.attrib.update(style)
                element.append(inner)
    return ElementTree.tostring(formula, encoding="unicode")


@cache
def _converter(macros: tuple[tuple[str, str], ...]) -> LatexToMathML:
    own = dict(macros) | BREAK
    return LatexToMathML(macros=own, fancy_error=False)
