"""Formulas in the markup of a page: the room they will take, the marks that stay beside them."""

import html
import re
from typing import Any

from sphinx.application import Sphinx

from website.tex import ON_A_PHONE, expand, height, width


def hold(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Keep room for the formulas of a page, and lines together around them."""
    context["body"] = glue(give_room(context.get("body", ""), app.config.mathjax3_config))


def give_room(body: str, config: dict[str, Any]) -> str:
    """Write into each formula the room it will take, for the style to keep until it is set."""
    macros = config["tex"]["macros"]

    def room(match: re.Match[str]) -> str:
        tag, attributes, number, tex = match.groups()
        source = html.unescape(tex[2:-2])
        size = width if tag == "span" else height
        wide, phone = (size(expand(source, given)) for given in (macros, macros | ON_A_PHONE))
        style = f"--room:{wide:.2f}em" + (f";--room-phone:{phone:.2f}em" if phone != wide else "")
        return (
            f'<{tag} class="math notranslate nohighlight"{attributes} '
            f'style="{style}">{number}{tex}</{tag}>'
        )

    return FORMULA.sub(room, body)


FORMULA = re.compile(
    r'<(span|div) class="math notranslate nohighlight"([^>]*)>'
    r'(\s*(?:<span class="eqno">.*?</a></span>)?\s*)(\\[(\[].*?\\[)\]])\s*</\1>',
    re.DOTALL,
)


def glue(body: str, glued: re.Pattern[str] | None = None) -> str:
    """Keep a formula on one line with the brackets before it and the marks after it.

    A browser may break a line on either side of a formula, whatever stands there, even a no-break
    space; so what such a space ties to the formula is kept, too.
    """

    def wrap(match: re.Match[str]) -> str:
        before, formula, ends, after = match.groups()
        # A mark that follows emphasis moves into it: a span cannot cross its end.
        return (
            f'<span class="glue">{before}{formula}{after}</span>{ends}'
            if before + after
            else match[0]
        )

    return (glued or GLUED).sub(wrap, body)


def around(formula: str) -> re.Pattern[str]:
    """What stands at a formula, of which a pattern is given, without a space between."""
    return re.compile(
        rf"((?:\w{{1,20}}\u00a0)?(?:[^\s<>&;]|&quot;){{0,3}})({formula})"
        r"((?:</em>|</strong>)*)((?:[^\s<>&]|&quot;){0,14}(?:\u00a0\w{1,10})?)"
    )


GLUED = around(r'<span class="math notranslate nohighlight"[^>]*>[^<]*</span>')
