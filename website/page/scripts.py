"""Which scripts and styles a page has, and which files the website keeps."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from website.project import put

POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'"
)
# Where cells run: WebAssembly, and a thread started from a blob, which has the page's policy. One
# started from a file has that of the file's own answer, which a host of plain files does not give.
LIVE_POLICY = f"{POLICY}; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:"

# The book's own, in the order in which they are loaded.
OWN = (
    ("mathjax_config.js", 480),
    ("maths.js", 490),
    ("page.js", 800),
    ("cells.js", 820),
    ("proofs.js", 830),
    ("map.js", 840),
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

# The tooltip of a link within the book.
TOOLTIP = re.compile(r'(<a class="reference internal"[^>]*?) title="[^"]*"')

# What MathJax loads, named so that the browser can fetch all of it at once.
MATHJAX = ("core", "input/tex", "output/chtml", "output/chtml/fonts/tex", "a11y/assistive-mml")


def drop_listeners(app: Sphinx) -> None:
    """Silence sphinx-thebe, which writes scripts into the text of every page."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if "thebe" not in one.handler.__module__]


def add(app: Sphinx) -> None:
    """Load the scripts of the book, and its style after the theme's; `choose` leaves some out."""
    app.set_html_assets_policy("always")
    for name, priority in OWN:
        app.add_js_file(name, priority=priority, defer="defer")
    app.add_css_file("page.css", priority=900)
    app.add_css_file("cells.css", priority=910)
    app.add_css_file("map.css", priority=920)


def write_maths(app: Sphinx) -> None:
    """Write the configuration of MathJax into a file, since inline scripts are forbidden."""
    text = f"window.MathJax = {json.dumps(app.config.mathjax3_config)};\n"
    put(Path(app.outdir, "_static", "mathjax_config.js"), text)


def choose(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave each page the scripts and styles that it uses."""
    # A preview shows the entry of the bibliography that a tooltip would show as well.
    body = context["body"] = TOOLTIP.sub(r"\1", context["body"])
    # The build puts `live` into html_context where it has Python for the browser.
    live = bool(context.get("live")) and 'class="cell_input' in body
    context["content_security_policy"] = LIVE_POLICY if live else POLICY
    maths = 'class="math' in body
    context["mathjax_parts"] = [f"vendor/mathjax/{part}.js" for part in MATHJAX if maths]
    for kind in ("script_files", "css_files"):
        named = ((one, str(one.filename or "")) for one in context[kind])
        context[kind] = [one for one, name in named if _used(name, page, body, live)]
    for script in context["script_files"]:
        script.attributes["defer"] = "defer"


def _used(name: str, page: str, body: str, live: bool) -> bool:
    """Whether a page of this markup, `live` where its cells run, uses a script or a style."""
    if "sphinx_highlight" in name:  # page.js fetches it for who comes from a search
        return page == "search"
    if not name or any(word in name for word in UNUSED):
        return False
    if name in ("_static/cells.js", "_static/cells.css"):
        return live
    if "mathjax" in name or name == "_static/maths.js":
        return 'class="math' in body
    if name in ("_static/map.js", "_static/map.css"):
        return 'class="statement-map"' in body
    if "clipboard" in name or "copybutton" in name:
        return "highlight" in body
    if name == "_static/proofs.js":
        return 'class="machine"' in body
    return "sd-" in body or "sphinx-design" not in name


def discard(app: Sphinx) -> None:
    """Drop the files that no page uses."""
    static = Path(app.outdir, "_static")
    for unused in ("vendor/fontawesome", "locales", "images"):
        shutil.rmtree(static / unused, ignore_errors=True)
    for pattern in UNUSED_FILES:
        for path in static.glob(pattern):
            path.unlink()
    style = static / "styles/pydata-sphinx-theme.css"
    put(style, without_icons(style.read_text(encoding="utf-8")))
    for path in (*static.glob("*.js"), *static.glob("*.css")):
        if Path(app.srcdir, "website", "assets", path.name).is_file():
            put(path, without_comments(path.read_text(encoding="utf-8"), path.suffix))


def without_comments(source: str, kind: str) -> str:
    """A script or a style of the book without what is for those who read the source."""
    if kind == ".js":
        return re.sub(r"^ *//.*\n", "", source, flags=re.MULTILINE)
    source = re.sub(r"/\*.*?\*/\n?", "", source, flags=re.DOTALL)
    return re.sub(r";? \}", "}", re.sub(r"\n\s+", "\n", source))


def without_icons(css: str) -> str:
    """The theme's style without Font Awesome: its fonts and a rule for each of its icons."""
    css = re.sub(r"/\*!\s*\* Font Awesome.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"@font-face\{[^}]*Font Awesome[^}]*\}", "", css)
    css = re.sub(r"(?<=[}])(?:\.fa-[\w-]+(?::before)?,?)+\{[^}]*\}", "", css)
    return re.sub(r"/\*# sourceMappingURL=[^*]*\*/", "", css)
