"""What is wrong with a built page: pure functions from a page to faults in words.

Each function returns a list with one sentence a fault, empty when the page is sound. The first
half reads files; the second half asks a page that is open in a browser.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from playwright.sync_api import ConsoleMessage, Page

from tools.measure_site import settle

# ---- Files ------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]

# Milliseconds that a page may take on a machine that does much else: what is slow is not wrong.
PATIENCE = 30_000

# Sources that make a policy worthless: anything from anywhere, or scripts written into a page.
LOOSE = re.compile(r"\*|https?:|(?<!wasm-)unsafe-eval|script-src[^;]*unsafe-inline")


def parse(path: Path) -> BeautifulSoup:
    """The page as a tree, for reading only: a second call for the same text returns the same."""
    return _parsed(path.read_text(encoding="utf-8"))


@cache
def _parsed(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def policy_faults(html: BeautifulSoup) -> list[str]:
    """The content security policy: there, before anything it governs, and tight."""
    meta = html.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    if meta is None:
        return ["there is no content security policy"]
    faults = []
    content = str(meta["content"])
    if "default-src 'self'" not in content:
        faults.append(f"the policy does not start from 'self': {content}")
    if loose := LOOSE.findall(content):
        faults.append(f"the policy allows {loose}")
    if meta.find_previous(["script", "link", "style", "img"]):
        faults.append("something is loaded before the policy")
    for script in html.find_all("script"):
        if not script.get("src") and script.get("type") != "application/json":
            faults.append(f"a script is written into the page: {script.get_text()[:60]!r}")
    handlers = {name for tag in html.find_all(True) for name in tag.attrs if name.startswith("on")}
    faults += [f"a handler is written into the page: {name}" for name in sorted(handlers)]
    return faults


def metadata_faults(html: BeautifulSoup) -> list[str]:
    """What a search engine, a tab and a screen reader say first."""
    faults = []
    if not (html.html and html.html.get("lang")):
        faults.append("the language is not named")
    title = html.title.get_text().strip() if html.title else ""
    if len(title) < 4 or "<" in title:
        faults.append(f"the title says nothing: {title!r}")
    headings = [h.get_text().strip() for h in html.find_all("h1")]
    if len(headings) != 1 or not headings[0]:
        faults.append(f"there must be one h1, found {headings}")
    described = html.find("meta", attrs={"name": "description"})
    words = str(described["content"]).split() if described else []
    if len(words) < 5:
        faults.append(f"the description says nothing: {' '.join(words)!r}")
    if not html.find("link", rel="icon"):
        faults.append("there is no link to an icon")
    if not html.find("meta", attrs={"name": "viewport"}):
        faults.append("a phone is not told to use its own width")
    return faults


def text_faults(html: BeautifulSoup, *, at_least: int = 30) -> list[str]:
    """A page has something to read."""
    main = html.find("main")
    words = main.get_text(" ").split() if main else []
    return [] if len(words) >= at_least else [f"only {len(words)} words in the main part"]


def in_words(text: object) -> bool:
    """Whether an alternative text speaks: three words, and no path or file name."""
    words = str(text or "").split()
    return len(words) >= 3 and not re.search(r"[\w/]+\.(png|svg|jpe?g|gif)\b", str(text))


def picture_faults(html: BeautifulSoup) -> list[str]:
    """Every picture says in words what it shows, frames of sliders included."""
    faults = []
    for image in html.find_all("img"):
        if not in_words(image.get("alt")):
            faults.append(f"an image has alt {image.get('alt')!r}")
    for picture in html.find_all("svg"):
        if picture.find_parent("svg") or picture.get("aria-hidden") == "true":
            continue
        if picture.get("role") != "img" or not in_words(picture.get("aria-label")):
            faults.append(f"a drawing has label {picture.get('aria-label')!r}")
    faults += ["a figure shows nothing" for f in html.find_all("figure") if not _shows(f)]
    return faults


def _shows(figure: Any) -> bool:
    return figure.find(["img", "svg", "table", "pre", "video"]) is not None


ATTRIBUTES = ("href", "src", "poster", "data")


def link_faults(site: Path, pages: Iterable[Path]) -> list[str]:
    """Every address inside the site leads to a file, and every anchor to an element."""
    trees = {path: parse(path) for path in pages}
    anchors = {path: _anchors(tree) for path, tree in trees.items()}
    faults = []
    for path, tree in trees.items():
        for tag in tree.find_all(True):
            for name in ATTRIBUTES:
                if tag.has_attr(name) and tag.name != "use":
                    fault = _dead(site, path, str(tag[name]), anchors)
                    if fault:
                        faults.append(f"{path.relative_to(site)}: {fault}")
        ids = [str(tag["id"]) for tag in tree.find_all(id=True) if not tag.find_parent("template")]
        doubled = sorted({i for i in ids if ids.count(i) > 1 and not tag_in_svg(tree, i)})
        faults += [f"{path.relative_to(site)}: two elements are called {i!r}" for i in doubled]
    return sorted(set(faults))


def tag_in_svg(tree: BeautifulSoup, ident: str) -> bool:
    """Whether an id belongs to the inside of a drawing, which no link leads to."""
    return all(tag.find_parent("svg") for tag in tree.find_all(id=ident))


def _anchors(tree: BeautifulSoup) -> set[str]:
    named = {str(tag["name"]) for tag in tree.find_all("a", attrs={"name": True})}
    return named | {str(tag["id"]) for tag in tree.find_all(id=True)}


def _dead(site: Path, page: Path, address: str, anchors: dict[Path, set[str]]) -> str:
    parts = urlsplit(address)
    if parts.scheme in ("http", "https", "mailto", "data") or parts.netloc:
        return ""
    bare, anchor = urldefrag(address)
    bare = unquote(bare.split("?")[0])
    target = page if not bare else (page.parent / bare).resolve()
    if bare.startswith("/") or not target.is_relative_to(site.resolve()):
        return f"{address!r} leaves the site's folder"
    if not target.is_file():
        return f"{address!r} leads nowhere"
    if anchor and target in anchors and unquote(anchor) not in anchors[target]:
        return f"{address!r} names no element"
    return ""


def style_faults(site: Path) -> list[str]:
    """Nothing that a style sheet names is missing or elsewhere."""
    faults = []
    for path in site.rglob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for address in re.findall(r"url\(\s*[\"']?([^\"')]+)", text):
            if address.startswith(("data:", "#")):
                continue
            if urlsplit(address).scheme or urlsplit(address).netloc:
                faults.append(f"{path.name} asks {address}")
            elif not (path.parent / urldefrag(address)[0].split("?")[0]).is_file():
                faults.append(f"{path.name} names {address}, which is missing")
    return faults


# ---- In a browser -----------------------------------------------------------------------------


class Witness:
    """Writes down what a page asks for and complains about."""

    def __init__(self, page: Page) -> None:
        self.requests: list[str] = []
        self.failed: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.failed.append(request.url))
        page.on(
            "response",
            lambda answer: answer.status >= 400 and self.failed.append(answer.url),
        )
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.complaints.append(f"{message.type}: {message.text}")

    def foreign(self, origin: str) -> list[str]:
        """Requests that leave the site."""
        own = (origin, "data:", "blob:", "about:")
        return [f"asks {url}" for url in self.requests if not url.startswith(own)]


ASK = Path(__file__).with_name("ask.js").read_text(encoding="utf-8")


def ask(page: Page, question: str) -> list[str]:
    """Call a function of ask.js in the page."""
    answer: list[str] = page.evaluate(f"() => {{ {ASK}\nreturn {question}(); }}")
    return answer


def visit(page: Page, url: str) -> Witness:
    """Open an address and wait until nothing moves any more."""
    witness = Witness(page)
    page.goto(url, wait_until="load")
    settle(page)
    return witness


def maths_faults(page: Page) -> list[str]:
    """Every formula is set, and none shows an error or an unknown command (in red)."""
    return ask(page, "maths")


# What must not be read on a page: a dollar, a command of TeX, a role or directive of MyST, or what
# Python says of an object without words.
RAW = re.compile(
    r"\$|\\(?:begin|end|frac|left|right|mathbb|operatorname|ip|norm|label)\b"
    r"|\{(?:prf|eq|cite|doc|ref|numref|py|math|exercise|solution|unchecked|ledger)\b[^}]*\}"
    r"|:::|```|<(?:ntklib|numpy|matplotlib|object|function)[^>]* at 0x|\bundefined\b"
)


def raw_text_faults(page: Page) -> list[str]:
    """No source of TeX or MyST is left in what a reader reads (code apart)."""
    texts = ask(page, "texts")
    return [f"reads {' '.join(text.split())[:80]!r}" for text in texts if RAW.search(text)]


def axe_faults(page: Page, *, within: str | None = None, **options: Any) -> list[str]:
    """What axe-core finds, in its words, in parts or all of a page; it takes its options."""
    # What passes is most of a page, and describing it takes half of the time.
    options = {"resultTypes": ["violations"], **options}
    found = Axe().run(page, context=within, options=options).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def overflow_faults(page: Page) -> list[str]:
    """Nothing makes the page scroll sideways, and nothing is cut off at its edge."""
    return ask(page, "overflow")


def phonebreak_faults(page: Page) -> list[str]:
    """Displays with breaks for a phone have these there, and only there, and fit."""
    return ask(page, "phonebreaks")


def torn_faults(page: Page) -> list[str]:
    """Marks and brackets that a line end separates from their formula."""
    return ask(page, "torn")


def wide_table_faults(page: Page) -> list[str]:
    """Tables of words that do not fit."""
    return ask(page, "wideTables")


def unfaded_faults(page: Page) -> list[str]:
    """Boxes that look cut where they go on."""
    return ask(page, "unfaded")


SIDEWAYS = """() => [...document.querySelectorAll("main *")].filter((e) =>
  e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && e.checkVisibility()
  && /auto|scroll/.test(getComputedStyle(e).overflowX))"""


def reach_faults(page: Page, *, press: int = 6) -> list[str]:
    """What scrolls sideways takes the focus, has a name, and moves by the arrow keys.

    The keys are pressed in the first `press` boxes, the rest is asked for focus and name.
    """
    page.evaluate(f"window.sideways = ({SIDEWAYS})()")
    faults: list[str] = page.evaluate(
        """() => sideways.filter((e) => e.tabIndex < 0 || !e.ariaLabel)
          .map((e) => `cannot be reached: <${e.localName}> ${e.textContent.trim().slice(0, 60)}`)"""
    )
    for i in range(min(press, page.evaluate("sideways.length"))):
        page.evaluate(
            """(i) => { const e = sideways[i]; e.scrollIntoView({block: "center"});
              e.scrollLeft = 0; e.focus({preventScroll: true}); }""",
            i,
        )
        # Of a thousand presses in quick succession Chromium loses one; a hand presses again.
        moved = any(_moves(page, i) for _ in range(3))
        if not moved:
            text = page.evaluate("(i) => sideways[i].textContent.trim().slice(0, 60)", i)
            faults.append(f"does not move by keys: {text}")
    return faults


def _moves(page: Page, i: int) -> bool:
    """Whether the box with the focus moves within two seconds after a key."""
    page.keyboard.press("ArrowRight")
    moved: bool = page.evaluate(
        """(i) => new Promise((done) => { const start = performance.now();
          const look = () => sideways[i].scrollLeft > 0 ? done(true)
            : performance.now() - start > 2000 ? done(false) : requestAnimationFrame(look);
          look(); })""",
        i,
    )
    return moved


def slider_faults(page: Page) -> list[str]:
    """Every slider has a label, and every combination of values shows its own frame.

    Moves through the page's frames as a hand does: a value, then the event `input`.
    """
    return ask(page, "sliders")


def slider_key_faults(page: Page) -> list[str]:
    """The keys of a slider: Home, End and the arrows move it, and it says so each time."""
    faults = []
    sliders = page.locator(".ntk-interact input[type=range]")
    for i in range(sliders.count()):
        slider = sliders.nth(i)
        last = int(slider.get_attribute("max") or 0)
        words = (slider.get_attribute("data-values") or "").split("|")
        slider.focus()
        for key, value in (
            ("Home", 0),
            ("ArrowRight", 1),
            ("ArrowUp", min(2, last)),
            ("ArrowDown", min(2, last) - 1),
            ("End", last),
            ("ArrowLeft", last - 1),
        ):
            page.keyboard.press(key)
            now, said = slider.input_value(), slider.get_attribute("aria-valuetext")
            if (now, said) != (str(value), words[value]):
                faults.append(f"slider {i + 1}: {key} gives {now}, {said!r}; not {value}")
    return faults


def motion_faults(page: Page) -> list[str]:
    """Nothing moves by itself for a reader who asked for that."""
    return ask(page, "motion")


def fold_faults(page: Page) -> list[str]:
    """Every fold shows its content (for paper, and for proofs without a script)."""
    return ask(page, "folds")


def unscripted_faults(page: Page) -> list[str]:
    """Without scripts: a frame of every figure, open proofs, the source of every formula."""
    return ask(page, "unscripted")
