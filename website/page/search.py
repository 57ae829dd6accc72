r"""What the search shows: formulas in words and signs, not as their source.

Sphinx cuts the summary of a result from the text of its page, where MathJax has not set the
formulas, and takes titles as they were written. The page of the search gets a table from each
formula of the book to a line that can be read: `\frac{\pi}{2}` is π/2 there.
"""

import json
import re
from pathlib import Path
from typing import Any

from pylatexenc import latexwalker
from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db
from pylatexenc.macrospec import LatexContextDb, MacroSpec
from sphinx.application import Sphinx

from website.page.written import pages
from website.project import put
from website.tex import argument, expand

FORMULAS = "_static/formulas.js"
# What holds together without brackets in a fraction or a script.
_ONE = re.compile(r"-?\w+|.|\w+\([^()]*\)")
# Scripts that need no brackets: a number, one sign, below a letter also a word.
_ALONE = {"^": re.compile(r"-?\d+|\\[A-Za-z]+|.?"), "_": re.compile(r"\w*|\\[A-Za-z]+|.")}


def write(app: Sphinx) -> None:
    """Write the table of formulas, and titles that can be read into the index."""
    out, macros = Path(app.outdir), app.config.mathjax3_config["tex"]["macros"]
    found: dict[str, str] = {}
    for page in pages(out).values():
        for formula in page.select('[role="main"] .math'):
            number = formula.find(class_="eqno") if formula.name == "div" else None
            named = number.get_text().strip() if number else ""
            source = formula.get_text().strip().removeprefix(named).strip()
            found[source] = found.get(source) or plain(source[2:-2], macros)
    table = json.dumps(found, ensure_ascii=False, sort_keys=True)
    put(out / FORMULAS, f"window.FORMULAS = {table};\n")
    index = out / "searchindex.js"
    call, text = index.read_text(encoding="utf-8").split("(", 1)
    content = json.loads(text.rstrip().removesuffix(")"))
    content["alltitles"] = {
        plain(title, macros) if "\\" in title else title: places
        for title, places in content["alltitles"].items()
    }
    put(index, f"{call}({json.dumps(content, separators=(',', ':'), ensure_ascii=False)})")


def plain(tex: str, macros: dict[str, object]) -> str:
    """A formula as one line of plain text; a command nobody knows leaves its name."""
    source = _bracketed(expand(tex, macros))
    text = _READER.latex_to_text(source, latex_context=_PARSED)
    text = re.sub(r"(?<=[⟨‖±]) ", "", text.replace("”", "''").replace("\\", ""))
    return " ".join(text.split())


def _bracketed(tex: str) -> str:
    """Brackets where braces hold a script together: x^{k+1} is x^(k+1)."""
    head, place, tail = re.match(r"(.*?)([_^](?=\{)|$)(.*)", tex, re.DOTALL).groups()  # type: ignore[union-attr]
    if not place:
        return tex
    text, rest = argument(tail)
    alone = _ALONE[place].fullmatch(text.strip())
    script = f"{{{text}}}" if alone else f"({_bracketed(text)})"
    return head + place + script + _bracketed(rest)


def _fraction(node: Any, l2tobj: Any) -> str:
    return "/".join(_group(part, l2tobj) for part in node.nodeargd.argnlist)


def _group(node: Any, l2tobj: Any) -> str:
    text = l2tobj.nodelist_to_text([node]).strip()
    return text if _ONE.fullmatch(text) else f"({text})"


def _root(node: Any, l2tobj: Any) -> str:
    return "√" + _group(node.nodeargd.argnlist[-1], l2tobj)


def _choose(node: Any, l2tobj: Any) -> str:
    top, bottom = (l2tobj.nodelist_to_text([part]) for part in node.nodeargd.argnlist)
    return f"C({top}, {bottom})"


def _vocabulary() -> tuple[LatexContextDb, LatexContextDb]:
    """How the commands of the book are parsed, and how they read."""
    parsed, read = latexwalker.get_default_latex_context_db(), get_default_latex_context_db()
    given = [MacroSpec(name, "{{") for name in ("tfrac", "dfrac", "binom", "overset")]
    given.append(MacroSpec("xrightarrow", "[{"))
    parsed.add_context_category("book", prepend=True, macros=given)
    sizes = ("left", "right", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr")
    silent = (*sizes, "operatorname", "textstyle", "displaystyle")
    texts = [
        *(MacroTextSpec(name, _fraction) for name in ("frac", "tfrac", "dfrac")),
        MacroTextSpec("binom", _choose),
        MacroTextSpec("sqrt", _root),
        MacroTextSpec("ne", "≠"),
        MacroTextSpec("overset", "%(2)s(%(1)s)"),
        MacroTextSpec("xrightarrow", "→(%(2)s)"),
        *(MacroTextSpec(name, "") for name in silent),
    ]
    read.set_unknown_macro_spec(MacroTextSpec("", lambda node: f"{node.macroname} "))
    read.add_context_category("book", prepend=True, macros=texts)
    return parsed, read


_PARSED, _READ = _vocabulary()
_READER = LatexNodes2Text(latex_context=_READ, strict_latex_spaces="based-on-source")
