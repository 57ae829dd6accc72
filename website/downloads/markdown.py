"""MyST Markdown as plain Markdown, for Jupyter, VS Code and Colab.

The chapters are written in MyST Markdown, whose directives and roles those programs show as raw
text. Here they become headings, quotations and words; the numbers come from the website's build,
through a `Book`. Whatever is not known here raises: a notebook never carries a directive on.
"""

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from website.measured import literal
from website.tex import expand

# The syntax of _config.yml, under `parse`.
SYNTAX = (
    "amsmath",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "fieldlist",
    "linkify",
    "substitution",
)

# Blocks of MyST that have no plain form; the chapters do without them.
UNKNOWN = (
    "myst_target",
    "dl_open",
    "field_list_open",
    "footnote_block_open",
    "substitution_block",
    "front_matter",
)

BOXES = {"note", "tip", "hint", "important", "warning", "caution", "attention", "seealso"}
# How the blocks that are replaced begin.
_OPENINGS = {
    "fence": ("`", "~"),
    "colon_fence": (":",),
    "math_block": ("$$",),
    "math_block_label": ("$$",),
    "amsmath": ("\\begin",),
    "myst_line_comment": ("%",),
    "myst_block_break": ("+++",),
}

# Ends a cell where a solution begins or an exercise ends.
_CUT = "\x1e"
_OPTION = re.compile(r":([a-z-]+):[ \t]*(.*)")
_DIRECTIVE = re.compile(r"\{([^}]+)\}[ \t]*(.*)", re.DOTALL)
_INLINE = re.compile(
    r"""
    (?P<escape> \\[^\w\s] )
  | \{(?P<role>[a-zA-Z][\w:+-]*)\} (?P<tick>`+) (?P<content>.+?) (?P=tick)(?!`)
  | (?P<code> (?P<ticks>`+)(?!`) .+? (?<!`)(?P=ticks)(?!`) )
  | \$\$ (?P<display>.+?) \$\$
  | \$(?![\s$]) (?P<math>(?:\\.|[^$\\])+?) (?<!\s)\$(?!\d)
  | \[(?P<text>(?:\$[^$]*\$|`[^`]*`|\\.|[^\[\]\\])*)\] \((?P<target>[^()\s]+)\)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Book:
    """What a chapter must be told by the rest of the book.

    Attributes
    ----------
    macros : mapping
        The TeX macros, as MathJax takes them.
    role : callable
        Name and content of a role, such as ``prf:ref`` and ``prp-span``, to Markdown.
    name : callable
        Label of a statement, a figure or an exercise to its name and number, such as ``Lemma 12``.
    equation : callable
        Label of an equation to its number.
    link : callable
        Target of a link to an address that works away from the book, or None if there is none.
    code : callable
        Label of a statement to a line that names its code, or to nothing.
    """

    macros: Mapping[str, object]
    role: Callable[[str, str], str]
    name: Callable[[str], str]
    equation: Callable[[str], str]
    link: Callable[[str], str | None]
    code: Callable[[str], str]


@cache
def parser() -> MarkdownIt:
    """The parser that reads the chapters when the website is built."""
    config = MdParserConfig(enable_extensions=set(SYNTAX))
    return create_md_parser(config, RendererHTML)


@cache
def blocks() -> MarkdownIt:
    """The same parser for blocks alone: what stands within a line is read here, below."""
    alone = parser.__wrapped__()
    alone.core.ruler.disable("inline")
    return alone


def markdown(text: str, book: Book) -> str:
    """MyST Markdown as plain Markdown.

    Raises
    ------
    ValueError
        A directive or another construct that has no plain form here.
    """
    return re.sub(r"\n{3,}", "\n\n", _blocks(text, book).replace(_CUT, "")).strip("\n")


def cells(text: str, book: Book) -> list[str]:
    """The same in parts, cut where a solution begins or an exercise ends."""
    parts = re.sub(r"\n{3,}", "\n\n", _blocks(text, book)).split(_CUT)
    return [part.strip("\n") for part in parts if part.strip()]


def _blocks(text: str, book: Book) -> str:
    """Blocks of MyST replaced, and everything between them read for roles, formulas, links."""
    lines, parts, done = text.split("\n"), [], 0
    for token in blocks().parse(text):
        if token.type in UNKNOWN:
            raise ValueError(f"{token.type} has no plain form: {token.content[:60]!r}")
        if token.map is None or token.map[0] < done:
            continue
        start, end = token.map
        if token.type == "amsmath":  # whose map ends a line early
            end = start + len(token.content.strip("\n").split("\n"))
        block = _block(token, "\n".join(lines[start:end]), book)
        if block is None:
            continue
        parts += [_inline("\n".join(lines[done:start]), book), block]
        done = end
    parts.append(_inline("\n".join(lines[done:]), book))
    return "\n".join(part for part in parts if part != "")


def _block(token: Any, source: str, book: Book) -> str | None:
    """What replaces the lines of one token; None if they are plain Markdown already."""
    indent = source[: len(source) - len(source.lstrip(" \t"))]
    opening = _OPENINGS.get(token.type)
    if opening and not source.startswith(opening, len(indent)):
        raise ValueError(f"a block must start on a line of its own: {source[:60]!r}")
    if token.type in ("fence", "colon_fence"):
        if not token.info.startswith("{"):
            if token.type == "colon_fence":
                raise ValueError(f"a fence of colons without a directive: {source[:60]!r}")
            return source
        block = _directive(token.info.strip(), token.content, book)
    elif token.type == "code_block":
        return source
    elif token.type == "math_block":
        block = display(token.content, book)
    elif token.type == "math_block_label":
        block = display(token.content, book, label=token.info)
    elif token.type == "amsmath":
        block = display(_plain_environment(token.content), book)
    elif token.type in ("myst_line_comment", "myst_block_break"):
        return ""
    else:
        return None
    return "\n" + "\n".join(indent + line if line else line for line in block.split("\n")) + "\n"


def _directive(info: str, content: str, book: Book) -> str:
    match = _DIRECTIVE.fullmatch(info)
    if match is None:
        raise ValueError(f"not a directive: {info!r}")
    name, argument = match[1], match[2].strip()
    options, body = _options(content)
    inside = _blocks(body, book).strip("\n")
    title = f" ({_inline(argument, book)})" if argument else ""
    if name == "prf:proof":
        first = f"{_inline(argument, book)} " if argument else ""
        return _closed(f"*Proof.* {first}{inside}")
    if name.startswith("prf:"):
        label = _label(name, options)
        inside = f"{inside}\n\n{book.code(label)}".strip("\n")
        return f"<blockquote>\n\n**{book.name(label)}{title}.**\n\n{inside}\n\n</blockquote>"
    if name == "exercise":
        return f"{_CUT}\n### {book.name(_label(name, options))}{title}\n\n{inside}"
    if name in ("solution-start", "solution"):
        # In a cell of its own, the heading folds all that follows it.
        return f"{_CUT}\n#### Solution to {book.name(argument)}\n{_CUT}\n{inside}"
    if name == "solution-end":
        return _CUT
    if name in ("unchecked", "take-away"):
        return ""  # shown on other pages of the website
    if name == "math":
        return display(body, book, label=options.get("label", ""))
    if name in BOXES or name == "admonition":
        if name != "admonition":
            inside = f"{_inline(argument, book)}\n\n{inside}".strip("\n")
            title = name.capitalize()
        else:
            title = _inline(argument, book)
        return f"<blockquote>\n\n**{title}.** {inside}\n\n</blockquote>"
    raise ValueError(f"the directive {name!r} has no plain form")


def _options(content: str) -> tuple[dict[str, str], str]:
    """The `:key: value` lines at the head of a directive, and its body."""
    lines, options = content.split("\n"), {}
    while lines and (match := _OPTION.fullmatch(lines[0].strip())):
        options[match[1]] = match[2].strip()
        lines = lines[1:]
    return options, "\n".join(lines).strip("\n")


def _label(name: str, options: Mapping[str, str]) -> str:
    if not options.get("label"):
        raise ValueError(f"a {name} without a label")
    return options["label"]


def _closed(proof: str) -> str:
    """The sign that a proof ends here, beside the last line if that is text."""
    return proof + ("\n\n∎" if proof.endswith(("$$", "</blockquote>", "```")) else " ∎")


def _inline(text: str, book: Book) -> str:
    """Roles, formulas and links within text that holds no directive."""

    def plain(match: re.Match[str]) -> str:
        if match["role"] == "measured":
            return _inline(literal(match["content"]), book)
        if match["role"]:
            return book.role(match["role"], " ".join(match["content"].split()))
        if match["math"]:
            return f"${tex(match['math'], book)}$"
        if match["display"]:
            return f"$${tex(match['display'], book)}$$"
        if match["target"]:
            return _link(_inline(match["text"], book), match["target"], book)
        return match[0]

    return _INLINE.sub(plain, text)


def _link(text: str, target: str, book: Book) -> str:
    if re.match(r"(https?|mailto):", target):
        return f"[{text}]({target})"
    address = book.link(target)
    return text if address is None else f"[{text}]({address})"


def display(content: str, book: Book, label: str = "") -> str:
    """A formula on lines of its own, with its number if it has a label."""
    body = tex(textwrap.dedent(content).strip(), book)
    # Lines of a formula are broken and aligned as the website does it.
    if _breaks(body):
        body = f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
    if label:
        body += f"\n\\tag{{{book.equation(label)}}}"
    return f"$$\n{body}\n$$"


def tex(source: str, book: Book) -> str:
    """A formula without the book's own macros."""
    names = "|".join(re.escape(str(name)) for name in book.macros)
    # As a subscript a macro of several symbols needs braces once it is written out.
    braced = re.sub(rf"([_^])\s*(\\(?:{names})(?![A-Za-z]))(?!\{{)", r"\1{\2}", source)
    return expand(braced, dict(book.macros))


def _breaks(formula: str) -> bool:
    """Whether a line ends outside every environment."""
    depth = 0
    for match in re.finditer(r"\\(begin|end)\{|\\\\", formula):
        depth += {"begin": 1, "end": -1}.get(match[1] or "", 0)
        if match[1] is None and depth == 0:
            return True
    return False


def _plain_environment(formula: str) -> str:
    """`align` and its kin, which stand alone, as the ones that stand within dollars."""
    for outer, inner in (("align", "aligned"), ("gather", "gathered")):
        formula = re.sub(rf"\\(begin|end)\{{{outer}\*?\}}", rf"\\\1{{{inner}}}", formula)
    return re.sub(r"\\(begin|end)\{equation\*?\}", "", formula).strip("\n")
