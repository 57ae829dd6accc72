"""The look and manners of a page: what the theme leaves to mend, folds, metadata, site map.

Every page carries a content security policy that allows nothing from elsewhere, and no inline
script. Styles written into elements are allowed, because MathJax sets sizes that way; pictures may
be data, because figures of matrices contain small ones.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.search.en import SearchEnglish
from sphinx_exercise.nodes import solution_node
from sphinx_proof.nodes import proof_node

from website.page.previews import write_previews
from website.tex import ON_A_PHONE, expand, height, width

POLICY = "; ".join(
    (
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)

# Scripts and styles of extensions that Jupyter Book always loads and this book does not use.
UNUSED = ("thebe", "togglebutton", "design-tabs", "styles/theme.css", "exercise.css")

# Files that they and the theme copy, and no page names.
UNUSED_FILES = (
    "**/*.map",
    "*thebe*",
    "*togglebutton*",
    "design-tabs.js",
    "exercise.css",
    "scripts/bootstrap*",
    "scripts/fontawesome*",
    "styles/theme.css",
    "*webpack-macros.html",
)

# What MathJax loads, named so that the browser can fetch all of it at once.
MATHJAX = ("core", "input/tex", "output/chtml", "output/chtml/fonts/tex", "a11y/assistive-mml")


# Between the word and the number of an exercise.
NUMBERED = re.compile(r"(?<=Exercise) (?=\d)")


class fold_node(nodes.General, nodes.Element):
    """A part of the page that the reader can fold: a proof, a solution."""


def visit_fold(self: Any, node: fold_node) -> None:
    """Open a native <details>: it works without a script and prints open."""
    attributes = {"open": "open"} if node["open"] else {}
    self.body.append(self.starttag(node, "details", **attributes))
    self.body.append(f"<summary>{html.escape(node['summary'])}</summary>\n")


def depart_fold(self: Any, node: fold_node) -> None:
    """Close it."""
    self.body.append("</details>\n")


def fold(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Make proofs (open) and solutions (closed) foldable in the website."""
    if app.builder.format != "html":
        return
    for proof in list(doctree.findall(proof_node)):
        first = proof.next_node(nodes.Text)
        first.parent.replace(first, nodes.Text(first.removeprefix("Proof. ")))
        content = [child for part in proof.children for child in part.children]
        proof.replace_self(_fold("Proof", content, open=True, classes=["proof"]))
    for solution in list(doctree.findall(solution_node)):
        title = solution.next_node(nodes.title)
        content = [child for child in solution.children if child is not title]
        for part in content:
            part["ids"] = []
        solution.replace_self(
            _fold(
                NUMBERED.sub("\u00a0", title.astext()),
                content,
                open=False,
                classes=["solution"],
                ids=solution["ids"],
            )
        )
    # The extension gives every statement's content the same id.
    for section in doctree.findall(nodes.section):
        section["ids"] = [
            i for i in section["ids"] if i not in ("proof-content", "exercise-content")
        ]


def _fold(summary: str, content: list[nodes.Node], **attributes: Any) -> fold_node:
    return fold_node("", *content, summary=" ".join(summary.split()), **attributes)


def label_cells(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Name the column in each cell of a table of words; the style shows the names on a phone.

    There a row becomes a card, because three to five columns of words do not fit side by side.
    Tables of numbers keep their columns, which are there to be compared, and scroll.
    """
    for table in doctree.findall(nodes.table):
        head, rows = table.next_node(nodes.thead), table.next_node(nodes.tbody)
        names = [entry.astext() for entry in head.findall(nodes.entry)] if head else []
        texts = [entry.astext().strip() for entry in rows.findall(nodes.entry)]
        if _numeric(texts):
            table["classes"].append("numbers")
            for column in zip(*(row.children for row in table.findall(nodes.row)), strict=True):
                if _numeric([entry.astext().strip() for entry in column[1:]]):
                    for entry in column:
                        entry["classes"].append("number")
            continue
        if app.builder.format != "html" or not 3 <= len(names) <= 5:
            continue
        table["classes"].append("cards")
        for row in rows.findall(nodes.row):
            for name, entry in zip(names, row.children, strict=True):
                if (words := entry.next_node(nodes.paragraph)) and entry.astext().strip():
                    mark = " " if name == "Line" else ": "  # line 30, but claim: ...
                    label = nodes.inline("", name + mark, classes=["label", nodes.make_id(name)])
                    words.insert(0, label)


def _numeric(texts: list[str]) -> bool:
    """Whether most of them are numbers."""
    return 2 * sum(NUMBER.fullmatch(text) is not None for text in texts) > len(texts)


# A number, or two of them with one in parentheses.
NUMBER = re.compile(r"[-+]?[\d.]+(?:e[-+]?\d+)?(?: \([\d.]+\))?")


def straighten(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """In descriptions of names, take back quotes that were bent: "mean" is code, n' has a prime.

    What the extension for docstrings calls variables are attributes. And citations in docstrings
    have the same ids over and over, which nothing links to.
    """
    if next(doctree.findall(addnodes.desc_content), None):
        for citation in doctree.findall(nodes.inline):
            if "bibtex-citation" in citation["classes"]:
                citation["ids"] = []
    for description in doctree.findall(addnodes.desc_content):
        for text in list(description.findall(nodes.Text)):
            straight = QUOTED.sub(r'"\1"', text)
            if text == "Variables" and isinstance(text.parent, nodes.field_name):
                straight = "Attributes"
            text.parent.replace(text, nodes.Text(PRIMED.sub("′", straight)))


QUOTED = re.compile(r"[“”](\w+)[“”]")
PRIMED = re.compile(r"(?<=\b[a-z])’(?!\w)")


def drop_listeners(app: Sphinx) -> None:
    """Silence sphinx-thebe, which writes scripts into the text of every page."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if "thebe" not in one.handler.__module__]


def mend_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Choose the scripts and styles of a page, and describe it."""
    context["content_security_policy"] = POLICY
    context["page_metadata"] = metadata(app, page, context, doctree)
    context.setdefault("notebook_download", "")
    context.setdefault("launch_links", [])
    body = glue(give_room(context.get("body", ""), app.config.mathjax3_config))
    body = REFERENCE.sub(r'<span class="glue">\1</span>', body)
    body = NAME.sub(lambda match: match[0].replace(".", ".<wbr>"), body)
    body = HEAD.sub(r'\1<span class="glue">\2</span>\3', body)
    body = ET_AL.sub("\u00a0<em>et\u00a0al.</em>", body)
    if "doc-biblioentry" in body:
        body = RANGE.sub("\u2060–\u2060", body)
    # Deprecated in ARIA 1.2; the entries stand in a list.
    body = context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
    maths = 'class="math' in body
    context["mathjax_parts"] = [f"vendor/mathjax/{part}.js" for part in MATHJAX if maths]
    scripts = []
    for script in context["script_files"]:
        name = str(script.filename or "")
        if not name or any(word in name for word in UNUSED):
            continue
        if ("mathjax" in name or name == "_static/maths.js") and not maths:
            continue
        if ("clipboard" in name or "copybutton" in name) and "highlight" not in body:
            continue
        script.attributes["defer"] = "defer"
        scripts.append(script)
    context["script_files"] = scripts
    context["css_files"] = [style for style in context["css_files"] if _used(style.filename, body)]


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


def glue(body: str) -> str:
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

    return GLUED.sub(wrap, body)


GLUED = re.compile(
    r"((?:\w{1,20}\u00a0)?(?:[^\s<>&;]|&quot;){0,3})"
    r'(<span class="math notranslate nohighlight"[^>]*>[^<]*</span>)'
    r"((?:</em>|</strong>)*)((?:[^\s<>&]|&quot;){0,14}(?:\u00a0\w{1,10})?)"
)

# A reference by kind and number, such as "Proposition 8".
REFERENCE = re.compile(r'(?<=">)([A-Z][a-z]+ \d+)(?=</a>)')

# A dash between page numbers, where a line does not break.
RANGE = re.compile(r"(?<=\d)–(?=\d)")

# A name of the package in the text that is too long for a line of a phone: it breaks after a dot.
NAME = re.compile(r'(?<=<span class="pre">)ntklib\.[\w.]{27,}')

# A name with a hyphen at the head of a column.
HEAD = re.compile(r"(<th[^>]*><p>)(\w{1,6}-\w{1,4})(</p>)")

ET_AL = re.compile(r"\s+<em>et al\.</em>")


def _used(filename: object, body: str) -> bool:
    name = str(filename)
    if any(word in name for word in UNUSED):
        return False
    return "sd-" in body or "sphinx-design" not in name


def take_address(app: Sphinx, config: Config) -> None:
    """Let the environment say where the site will stand, which only who publishes it knows.

    Site map, canonical links and the cards of social networks need whole addresses.
    """
    if address := os.environ.get(ADDRESS):
        if not address.startswith(("http://", "https://")):
            raise ValueError(f"{ADDRESS} must be the address of the site, got {address!r}")
        config.html_baseurl = address.rstrip("/") + "/"


ADDRESS = "BOOK_URL"


def metadata(
    app: Sphinx, page: str, context: dict[str, Any], doctree: nodes.document | None
) -> list[tuple[str, str]]:
    """What search engines and previews of links show of a page."""
    title = html.unescape(re.sub("<[^>]*>", "", context.get("title", "")))
    return card(app, title, DESCRIPTIONS.get(page) or describe(doctree), f"{page}.html")


def card(app: Sphinx, title: str, description: str, path: str) -> list[tuple[str, str]]:
    """Title, description and picture of what stands at a path of the site."""
    pairs = [
        ("og:title", title),
        ("og:type", "article"),
        ("og:site_name", app.config.html_title),
    ]
    if description:
        pairs += [("description", description), ("og:description", description)]
    if base := app.config.html_baseurl.rstrip("/"):
        pairs += [
            ("og:url", f"{base}/{path}"),
            ("og:image", f"{base}/_static/card.png"),
            ("og:image:alt", CARD_ALT),
            ("twitter:card", "summary_large_image"),
        ]
    return pairs


def describe(doctree: nodes.document | None, length: int = 200) -> str:
    """The first paragraph, cut at a word."""
    if doctree is None:
        return ""
    for paragraph in doctree.findall(nodes.paragraph):
        text = "".join(_plain(node) for node in paragraph.children)
        text = " ".join(text.split())
        if len(text) > 40:
            return text if len(text) <= length else text[:length].rsplit(" ", 1)[0] + " …"
    return ""


def _plain(node: nodes.Node) -> str:
    # A formula in a description is read as its source, without the commands' backslashes.
    text = node.astext()
    return text.replace("\\", "") if isinstance(node, nodes.math) else text


def write_maths(app: Sphinx) -> None:
    """Write the configuration of MathJax into a file, since inline scripts are forbidden."""
    if app.builder.format == "html":
        static = Path(app.outdir, "_static")
        static.mkdir(parents=True, exist_ok=True)
        text = f"window.MathJax = {json.dumps(app.config.mathjax3_config)};\n"
        static.joinpath("mathjax_config.js").write_text(text, encoding="utf-8")


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Write the landing address, robots.txt and the site map; drop what no page uses."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    base = app.config.html_baseurl.rstrip("/")
    out.joinpath("index.html").write_text(landing(app), encoding="utf-8")
    robots = "User-agent: *\nAllow: /\n"
    if base:
        pages = sorted(app.builder.get_target_uri(doc) for doc in app.env.found_docs)
        urls = "".join(f"<url><loc>{html.escape(f'{base}/{page}')}</loc></url>" for page in pages)
        out.joinpath("sitemap.xml").write_text(SITEMAP.format(urls=urls), encoding="utf-8")
        robots += f"Sitemap: {base}/sitemap.xml\n"
    out.joinpath("robots.txt").write_text(robots, encoding="utf-8")
    write_previews(out)
    static = out / "_static"
    for unused in ("vendor/fontawesome", "locales", "images"):
        shutil.rmtree(static / unused, ignore_errors=True)
    for pattern in UNUSED_FILES:
        for path in static.glob(pattern):
            path.unlink()
    style = static / "styles/pydata-sphinx-theme.css"
    style.write_text(without_icons(style.read_text(encoding="utf-8")), encoding="utf-8")


def landing(app: Sphinx) -> str:
    """The page at the site's own address: it leads on, and has the card that links to it show."""
    root = app.config.root_doc
    about = describe(app.env.get_doctree(root))
    pairs = card(app, app.config.html_title, about, "")
    tags = (
        f'<meta {"property" if name.startswith("og:") else "name"}="{name}" '
        f'content="{html.escape(content)}">'
        for name, content in pairs
    )
    return LANDING.format(
        policy=POLICY,
        title=html.escape(app.config.html_title),
        target=html.escape(app.builder.get_target_uri(root)),
        card="\n".join(tags),
    )


def without_icons(css: str) -> str:
    """The theme's style without Font Awesome: its fonts and a rule for each of its icons."""
    css = re.sub(r"/\*!\s*\* Font Awesome.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"@font-face\{[^}]*Font Awesome[^}]*\}", "", css)
    css = re.sub(r"(?<=[}])(?:\.fa-[\w-]+(?::before)?,?)+\{[^}]*\}", "", css)
    return re.sub(r"/\*# sourceMappingURL=[^*]*\*/", "", css)


DESCRIPTIONS = {"search": "Search the pages of the book for a word, a statement or a name."}

CARD_ALT = "A circle of directions with two half-planes; the wedge where both hold is shaded."

LANDING = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta http-equiv="refresh" content="0; url={target}">
<meta name="viewport" content="width=device-width, initial-scale=1">
{card}
<title>{title}</title>
<link rel="canonical" href="{target}">
<link rel="icon" type="image/svg+xml" href="_static/favicon.svg">
</head>
<body><main><h1>{title}</h1><p><a href="{target}">Open the book</a></p></main></body>
</html>
"""

SITEMAP = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>\n'
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_node(fold_node, html=(visit_fold, depart_fold))
    app.connect("config-inited", take_address)
    app.connect("builder-inited", drop_listeners)
    app.connect("builder-inited", write_maths)
    app.connect("doctree-resolved", fold)
    app.connect("doctree-resolved", straighten)
    # After the ledger has become tables.
    app.connect("doctree-resolved", label_cells, priority=550)
    app.connect("html-page-context", mend_page, priority=950)
    app.connect("build-finished", finish)
    SearchEnglish.stopwords.update(ON_A_PHONE)  # no word that a reader would look for
    app.add_js_file("mathjax_config.js", priority=480, defer="defer")
    app.add_js_file("maths.js", priority=490, defer="defer")
    app.add_js_file("page.js", priority=800, defer="defer")
    app.add_js_file("preview.js", priority=810, defer="defer")
    app.add_css_file("page.css", priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
