"""The book on paper: what LaTeX must be told so that the PDF says what the website says.

Numbers of statements, exercises and equations are those of the website. A slider is one frame,
with the address where it moves. The macros are the ones that MathJax gets.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node, solution_node
from sphinx_proof.nodes import proof_node

from website.downloads.take_away import project
from website.ledger import statements
from website.tex import expand, width

# Words that LaTeX has for other things already; the book's meaning is the one that counts.
_MACRO = r"\providecommand{{\{0}}}{{}}\renewcommand{{\{0}}}[{1}]{{{2}}}"
_SLIDERS = re.compile(r"Figure with sliders \((.*?)\): ")

# Letters of code and labels that the text's fonts do not have, as formulas.
SIGNS = {
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\ne",
    "≈": r"\approx",
    "→": r"\to",
    "√": r"\surd",
    "∎": r"\square",
    "∞": r"\infty",
    "×": r"\times",
    "−": "-",
    "′": r"{}^\prime",
    "⇒": r"\Rightarrow",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "½": r"\tfrac12",
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "δ": r"\delta",
    "ε": r"\varepsilon",
    "ζ": r"\zeta",
    "η": r"\eta",
    "θ": r"\theta",
    "κ": r"\kappa",
    "λ": r"\lambda",
    "μ": r"\mu",
    "ν": r"\nu",
    "ξ": r"\xi",
    "π": r"\pi",
    "ρ": r"\rho",
    "σ": r"\sigma",
    "τ": r"\tau",
    "φ": r"\varphi",
    "χ": r"\chi",
    "ψ": r"\psi",
    "ω": r"\omega",
    "Γ": r"\Gamma",
    "Δ": r"\Delta",
    "Θ": r"\Theta",
    "Λ": r"\Lambda",
    "Ξ": r"\Xi",
    "Π": r"\Pi",
    "Σ": r"\Sigma",
    "Φ": r"\Phi",
    "Ψ": r"\Psi",
    "Ω": r"\Omega",
    **{sign: f"{{}}_{digit}" for digit, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    **{sign: f"{{}}^{digit}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    "ᵀ": r"{}^\top",
    "⁺": "{}^+",
    "⁻": "{}^-",
    **dict(zip("ₐₑₕᵢⱼₖₗₘₙₒₚₛₜₓ", (f"{{}}_{letter}" for letter in "aehijklmnopstx"), strict=True)),
}


def macros(given: dict[str, Any]) -> str:
    """The macros of MathJax as LaTeX."""
    lines = []
    for name, value in given.items():
        body, count = value if isinstance(value, list) else (value, 0)
        lines.append(_MACRO.format(name, count, body))
    return "\n".join(lines)


def configure(app: Sphinx, config: Config) -> None:
    """Fill in what LaTeX needs, from what the website has."""
    signs = "\n".join(
        rf"\newunicodechar{{{sign}}}{{\ensuremath{{{formula}}}}}" for sign, formula in SIGNS.items()
    )
    preamble = Path(__file__).with_name("book.tex").read_text(encoding="utf-8")
    config.today = f"Version {project(app)['version']}"  # the title page's, instead of a day
    config.latex_domain_indices = False
    config.latex_elements = {
        "papersize": "a4paper",
        "pointsize": "11pt",
        "extraclassoptions": "openany,oneside",
        "fontpkg": FONTS,
        "fncychap": "",
        "makeindex": "",
        "printindex": "",
        "preamble": "\n".join((preamble, signs, macros(config.mathjax3_config["tex"]["macros"]))),
        **config.latex_elements,
    }


FONTS = r"""
\setmainfont{Latin Modern Roman}
\setsansfont{Latin Modern Sans}
\setmonofont{Latin Modern Mono}
"""


class Captions(SphinxPostTransform):
    """Below a slider's frame, say what moves it and where."""

    default_priority = 3  # before myst-nb keeps one form of each output and drops the others
    formats = ("latex",)

    def run(self, **options: Any) -> None:
        for bundle in list(self.document.findall(_is_bundle)):
            forms = {form["mime_type"]: form for form in bundle.children}
            if "text/plain" not in forms or "image/png" not in forms:
                continue
            if match := _SLIDERS.match(forms["text/plain"].astext()):
                base = str(self.config.html_baseurl).rstrip("/")
                caption = slider_caption(match[1], base, _docname(bundle, self.env))
                bundle.parent.insert(bundle.parent.index(bundle) + 1, caption)


def _is_bundle(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "mime_bundle"


def slider_caption(controls: str, base: str, page: str) -> nodes.paragraph:
    """One line in small print."""
    text: list[nodes.Node] = [nodes.Text(f"One frame of many; {controls.replace(' from ', ': ')}.")]
    if base:
        address = f"{base}/{page}.html"
        text += [nodes.Text(" Move it: "), nodes.reference("", address, refuri=address)]
    return nodes.paragraph("", "", _raw(r"{\slidercaption "), *text, _raw("}"))


def _raw(text: str) -> nodes.raw:
    return nodes.raw("", text, format="latex")


def _docname(node: nodes.Node, env: BuildEnvironment) -> str:
    """The page that a node of the one big tree comes from, which its sections keep."""
    while node is not None:
        if isinstance(node, nodes.section) and "docname" in node:
            return str(node["docname"])
        node = node.parent
    return str(env.config.root_doc)


def set_in_type(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give the whole book, already in one tree, the form of a printed one."""
    if app.builder.format != "latex":
        return
    known = statements(app.env)
    for node in list(
        doctree.findall(lambda one: isinstance(one, nodes.Element) and "realtype" in one)
    ):
        page = _docname(node, app.env)
        statement = known[node["label"]]
        title = node.next_node(nodes.title)
        heading: list[nodes.Node] = [
            nodes.Text(f"{statement['kind'].capitalize()} {statement['number']}")
        ]
        if statement["title"] and title is not None:
            heading += [child.deepcopy() for child in title.children]
        _box(node, "statement", heading, title, [f"{page}:{node['label']}"])
    for node in list(doctree.findall(proof_node)):
        first = node.next_node(nodes.Text)
        first.parent.replace(first, nodes.Text(first.removeprefix("Proof. ")))
        content = _flat(node)
        if isinstance(content[-1], nodes.paragraph):
            content[-1] += _raw("\\qedhere")  # beside the last line, not below it
        node.replace_self([_raw("\\begin{proof}\n"), *content, _raw("\\end{proof}\n")])
    for kinds, name in (
        ((exercise_node, exercise_enumerable_node), "exercise"),
        ((solution_node,), "solution"),
    ):
        for node in list(doctree.findall(lambda one, kinds=kinds: isinstance(one, kinds))):
            page, title = _docname(node, app.env), node.next_node(nodes.title)
            heading = [child.deepcopy() for child in title.children]
            labels = [f"exercise:{node['label']}", f"{page}:{node['label']}"]
            _box(node, name, heading, title, labels)
    given = app.config.mathjax3_config["tex"]["macros"]
    for formula in list(doctree.findall(nodes.math_block)):
        lines = broken(formula.astext(), given)
        formula.replace_self(new := formula.copy())
        new += nodes.Text(lines)
        if new.get("label"):
            number = equation_number(app.env, new)
            _before(new, _raw(rf"\renewcommand{{\theequation}}{{{number}}}"))
    leave_out(doctree)
    for printed in list(doctree.findall(_is_output)):
        join(printed)
    for cell in list(doctree.findall(_is_cell)):
        keep_together(cell)
    for image in doctree.findall(nodes.image):
        image["align"], image["width"] = "center", "75%"
    tie(doctree)
    for table in list(doctree.findall(nodes.table)):
        if (columns := widths(table)) is not None:
            size = r"\scriptsize" if columns.count("raggedleft") > 5 else r"\footnotesize"
            if len(list(table.findall(nodes.row))) > _ROWS:
                table["classes"].append("longtable")
            place = table.parent.index(table)
            spec = addnodes.tabular_col_spec(spec=columns)
            table.parent.insert(place, [_raw(f"{{{size}\\setlength{{\\tabcolsep}}{{3pt}}\n"), spec])
            table.parent.insert(place + 3, _raw("}\n"))
    arrange(app, doctree)


# Letters that fit on a line of the printed page; rows that certainly fit on a page.
_LINE = 80
_ROWS = 8
_CODE = 88
# Widths of the ledger's columns, in parts of the line.
_LEDGER = (33, 42, 23, 22, 36)


def widths(table: nodes.table) -> str | None:
    """Columns of a table as wide as their text asks for; None if all of it fits on a line.

    A column gets room in proportion to the square root of its longest cell: a cell twice as wide
    and twice as high holds four times the text.
    """
    rows = [row.children for row in table.findall(nodes.row)]
    if len({len(row) for row in rows}) != 1:
        return None  # cells that span columns: LaTeX decides
    columns = [[cell.astext() for cell in column] for column in zip(*rows, strict=True)]
    numbers = ["number" in cell["classes"] for cell in rows[0]]
    if "ledger" in table["classes"]:
        shares = list(_LEDGER)
    elif any(numbers):
        # Cells are not broken, names of columns between words.
        shares = [
            max(len(text) for text in [*column[1:], *column[0].split()]) + 2 for column in columns
        ]
    else:
        longest = [max(map(len, column)) for column in columns]
        if sum(longest) <= _LINE:
            return None
        shares = [max(round(10 * length**0.5), 25) for length in longest]
    total = max(sum(shares), _LINE if any(numbers) else 0)
    return "".join(
        rf">{{\ragged{'left' if number else 'right'}\arraybackslash}}\X{{{share}}}{{{total}}}"
        for number, share in zip(numbers, shares, strict=True)
    )


def leave_out(doctree: nodes.document) -> None:
    """What is of no use on paper: folded code, calls that draw a figure, words on downloads."""
    for cell in list(doctree.findall(_is_input)):
        folded = {"tag_hide-input", "tag_remove-input"} & set(cell.parent["classes"])
        if folded or cell.astext().startswith(("interact(", "figure(")):
            cell.parent.remove(cell)
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if paragraph.astext().startswith("Downloaded alone?"):
            paragraph.parent.remove(paragraph)
    for name in list(doctree.findall(_is_again)):
        name.parent.remove(name)
    for entry in doctree.findall(nodes.entry):
        if not entry.astext().strip():
            entry.clear()  # an empty paragraph would have a height


def _is_again(node: nodes.Node) -> bool:
    """The name of a statement that the row above has, too."""
    return isinstance(node, nodes.inline) and "again" in node["classes"]


def _is_input(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and "cell_input" in node["classes"]


def _is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


# A cell and its output of at most so many lines stay on one page.
_SHORT = 20


def keep_together(cell: nodes.container) -> None:
    """Begin a short cell where its output has room on the same page."""
    blocks = list(cell.findall(nodes.literal_block))
    lines = sum(block.astext().count("\n") + 1 for block in blocks) + len(blocks)
    if lines <= _SHORT and not any(cell.findall(nodes.image)):
        cell.parent.insert(
            cell.parent.index(cell), _raw(rf"\Needspace{{{0.75 * lines}\baselineskip}}")
        )


def tie(doctree: nodes.document) -> None:
    """Keep the two words of a reference, and "et al.", on one line; a small heading at its text."""
    for text in list(doctree.findall(nodes.Text)):
        above = text.parent
        linked = isinstance(above, nodes.reference) or isinstance(above.parent, nodes.reference)
        if text == "et al." or (linked and _NUMBERED.fullmatch(text)):
            above.replace(text, nodes.Text(text.replace(" ", "\u00a0")))
    for rubric in list(doctree.findall(nodes.rubric)):  # in a docstring
        start = r"\Needspace{3\baselineskip}\noindent"
        rubric.replace_self(_raw(rf"{start}\textbf{{{rubric.astext()}}}\par\nobreak"))


_NUMBERED = re.compile(r"[A-Z][a-z]+ [\d.]+")


def _box(
    node: nodes.Element,
    name: str,
    heading: list[nodes.Node],
    title: nodes.Node | None,
    labels: list[str],
) -> None:
    """Replace a node by one of the environments of book.tex."""
    marks = "".join(rf"\phantomsection\label{{{label}}}" for label in labels)
    content = [child for child in _flat(node) if child is not title]
    whole = "unbreakable" if sum(map(_lines, content)) <= _WHOLE else ""
    start = rf"\begin{{book{name}}}{{{whole}}}{{"
    node.replace_self(
        [
            nodes.paragraph("", "", _raw(start), *heading, _raw(f"}}{marks}")),
            *content,
            _raw(f"\\end{{book{name}}}\n"),
        ]
    )


# A box of at most so many lines stays on one page.
_WHOLE = 14


def _lines(node: nodes.Node) -> int:
    """About how many lines of the printed page a part of the text takes."""
    if isinstance(node, nodes.math_block):
        return 3 + node.astext().count(r"\\")
    if isinstance(node, nodes.paragraph | nodes.Text):
        return 1 + len(node.astext()) // _LINE
    return sum(map(_lines, node.children))


def _flat(node: nodes.Element) -> list[nodes.Node]:
    """The content without the sections and boxes that hold it, which are none of the book's."""
    found: list[nodes.Node] = []
    for child in node.children:
        inner = isinstance(child, nodes.section | nodes.admonition)
        found += _flat(child) if inner else [child]
    return found


def _before(node: nodes.Element, raw: nodes.raw) -> None:
    """Put something in front of a display without beginning a paragraph for it."""
    place = node.parent.index(node)
    if place and isinstance(node.parent[place - 1], nodes.paragraph):
        node.parent[place - 1] += raw
    else:
        node.parent.insert(place, raw)


# What fits on a line of the printed page, in em of its text.
_ROOM = 34.0


def broken(formula: str, given: dict[str, Any]) -> str:
    """A display too wide for the page on several lines, broken where its source is."""
    parts = re.split(r"\\qquad\s*\n", formula)
    if len(parts) == 1 or r"\\" in formula or width(expand(formula, given)) <= _ROOM:
        return formula
    return "\\begin{gathered}\n" + "\\\\\n".join(parts) + "\n\\end{gathered}"


def _is_output(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and "cell_output" in node["classes"]


def join(printed: nodes.container) -> None:
    """Lines that a cell printed one after the other, as one block."""
    for first, second in zip(list(printed.children), printed.children[1:], strict=False):
        if isinstance(first, nodes.literal_block) and isinstance(second, nodes.literal_block):
            _fill(second, first.astext().rstrip("\n") + "\n" + second.astext())
            printed.remove(first)
    for block in printed.findall(nodes.literal_block):
        _fill(block, "\n".join(_wrapped(block.astext())))


def _fill(block: nodes.literal_block, text: str) -> None:
    block.clear()
    block += nodes.Text(text)
    block.rawsource = text  # else the writer takes it for marked up


_BOUND = re.compile(r"\bbound [≤≥] |\bexpected ")


def _wrapped(text: str) -> Iterator[str]:
    """Lines that fit the page, broken at spaces and not before a bound."""
    for line in text.split("\n"):
        tied = _BOUND.sub(lambda found: found[0].replace(" ", "\u00a0"), line)
        short = textwrap.wrap(
            tied, _CODE, subsequent_indent="       ", break_long_words=False, break_on_hyphens=False
        )
        yield from (part.replace("\u00a0", " ") for part in short or [""])


def equation_number(env: BuildEnvironment, formula: nodes.math_block) -> str:
    """The number that the website prints beside an equation."""
    numbers = env.toc_fignumbers.get(formula["docname"], {}).get("displaymath", {})
    number = numbers.get(nodes.make_id(f"equation-{formula['label']}"), (formula["number"],))
    return ".".join(map(str, number))


def arrange(app: Sphinx, doctree: nodes.document) -> None:
    """Make the landing page the preface, and the captions of the contents parts."""
    root = doctree.next_node(nodes.section)
    own = [child for child in root.children[1:] if not _holds_pages(child)]
    for child in own:
        root.remove(child)
    root.insert(1, nodes.section("", nodes.title("", "Preface"), *own, ids=["preface"]))
    captions = dict(_captions(app.env))
    for page in list(doctree.findall(addnodes.start_of_file)):
        if page["docname"].endswith("/bibliography"):  # LaTeX sets it at the end
            label = rf"\phantomsection\label{{\detokenize{{{page['docname']}::doc}}}}"
            page.replace_self(_raw(label))
            continue
        start = ""
        if caption := captions.get(page["docname"]):
            start = f"\\part{{{caption}}}\n"
        number = app.env.toc_secnumbers.get(page["docname"], {}).get("")
        depth = -2 if number is None else 0
        start += f"\\setcounter{{secnumdepth}}{{{depth}}}\n"
        if number is not None:
            start += f"\\setcounter{{chapter}}{{{number[0] - 1}}}\n"
        page.parent.insert(page.parent.index(page), _raw(start))
    root.insert(1, _raw("\\setcounter{secnumdepth}{-2}\n"))


def _holds_pages(node: nodes.Node) -> bool:
    return next(iter(node.findall(addnodes.start_of_file)), None) is not None


def _captions(env: BuildEnvironment) -> Iterator[tuple[str, str]]:
    """First page of each part -> the part's name."""
    for toctree in env.get_doctree(env.config.root_doc).findall(addnodes.toctree):
        files = [page for page in toctree["includefiles"] if page in env.found_docs]
        if files and toctree.get("caption"):
            yield files[0], toctree["caption"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_post_transform(Captions)
    app.connect("config-inited", configure)
    app.connect("doctree-resolved", set_in_type, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
