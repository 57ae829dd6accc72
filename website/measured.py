r"""Numbers in prose: each is one that a cell of its page printed, and the build fails where not.

The role ``{measured}`0.035 <gap_doubled>` `` shows 0.035 if a cell of the same page printed
``gap_doubled = ...`` with a value that rounds to it. The literal comes first, so that the sources
read well. It is

- a text with numbers: ``0.035``, ``94 %`` (of 0.94), ``12 000``, ``4.1 to 5.2``;
- a formula whose numbers stand after its last ``=`` or ``\approx``: ``$1.5\cdot10^{-8}$``,
  ``$\lambda_1\approx0.039$``, ``$w=(4.4,\,-0.8)$``;
- a share: ``94 in 100``, ``nine in ten``, ``seven cases of ten``;
- words: ``six``, ``a third``, ``two thirds``, ``twice``, ``four times``.

A name is what `ntklib.book.show` printed before the value, or the label of a statement for what its
check measured. ``name[1]`` is the second entry of an array, or of all that the page printed under
that name. Entries of arrays, and names between semicolons, belong to the numbers of the literal in
turn.

A number agrees within half a unit of its last digit; n in m within half a case of m. Words have no
last digit: p/q agrees within 1/(2q(q + 1)), half of what p/q differs at least from any other
fraction with denominator q + 1.

Elsewhere on a page with code a decimal, a percentage, a power of ten, a share, a fraction in words
or a multiple ("four times as") is reported: in text, captions, inline formulas and exercises.
Exempt are

- decimals, percentages and powers of ten that stand in the page's code: its settings;
- statements, proofs and displays, which are proved, and the tables "In the scan", which quote;
- alternative texts of figures: functions write them from what they draw;
- pages without code of their own. The tables of the speed page are written by the benchmark, its
  text measures nothing; what the blocks of "Your own network" print is compared by a test; the
  others have versions, licenses and references.
"""

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole
from sphinx.util.logging import get_node_location
from sphinx_proof.nodes import proof_node

from website.absent import absent
from website.facts import Facts
from website.ledger import Checks

logger = logging.getLogger(__name__)

# What a literal claims: a value, and how far from it the printed one may be.
Claim = tuple[Fraction, Fraction]

_UP_TO_TWENTY = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
_PARTS = (
    "half third quarter fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_COUNTS = {word: i for i, word in enumerate(_UP_TO_TWENTY.split(), start=1)}
_COUNTS |= {"a": 1, "an": 1, "hundred": 100, "thousand": 1000, "twice": 2}
_DENOMINATORS = {word: i for i, word in enumerate(_PARTS.split(), start=2)} | {"hundredth": 100}
_COUNT = rf"(?:{_UP_TO_TWENTY.replace(' ', '|')}|(?:an? )?(?:hundred|thousand))\b"
_PART = "|".join(word for word in _DENOMINATORS if word != "half")
_CASES = rf"(?:{_COUNT}|\d+)"

_DECIMAL = r"\d{1,3}(?:(?:\\,|[ \u00a0\u202f])\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
_NUMBER = re.compile(
    rf"""
    (?<![\d.^_]) (?<!_\{{)
    (?: (?: (?P<factor>{_DECIMAL}) \s*(?:\\cdot|\\times|[·×])\s* )?
        10 (?: \^ (?: \{{(?P<braced>[-−]?\d+)\}} | (?P<bare>\d)) | (?P<raised>[⁻⁰¹²³⁴-⁹]+) )
      | (?P<plain>{_DECIMAL}) (?:e(?P<e>[-+]?\d+))? (?!\d|\.\d) )
    (?P<percent> \s*(?:\\?%|percent\b) )?
    """,
    re.VERBOSE,
)
_MINUS = re.compile(r"(?<![\w)}\]])[-−–]$")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")
_SHARE = re.compile(
    rf"(?<![\w.])(?!one of)(?P<n>{_CASES}) (?:(?:cases|times|draws) )?(?:in|of|out of) "
    rf"(?P<m>{_CASES})\b(?! dimension| thousand| million|\.\d)",
    re.IGNORECASE,
)
_WORDS = re.compile(
    rf"(?:(?P<p>an?|{_COUNT})[ -])?(?P<q>half|{_PART})s?|(?P<k>twice|{_COUNT})(?: times)?",
    re.IGNORECASE,
)
_THAN = "(?:larg|small|long|short|fast|slow|wid|narrow|bigg|bett|high|low|farth|great)er"
# A part of a whole, and not the next in a row; a multiple, and not a repetition.
_IN_WORDS = re.compile(
    rf"\b(?:an?|{_COUNT})[ -](?:{_PART})(?:s\b|(?=\ (?:of|as)\b|\s*[.;:)]|\s*$))"
    rf"|(?<![\w.])(?:{_CASES})\ times\ (?:as|more|less|the|its|their|that|{_THAN})\b"
    rf"|\b{_COUNT}\ percent\b",
    re.IGNORECASE | re.VERBOSE,
)
_CITED = re.compile(r"(?:Theorem|Lemma|Proposition|Corollary|Section|Chapter|Equation|Figure)\s$")
_ROLE = re.compile(r"(.+?)\s*<([^<>]+)>", re.DOTALL)
_SHOWN = re.compile(r"(?:^| {3,})(\w+) = *(.*?)(?= {3,}\w+ =|$)", re.MULTILINE)
_MATRIX = re.compile(r"=\n((?:\[.*\](?:\n|$))+)")


class Measured(SphinxRole):
    """The role: its literal, until the page is whole with the literal and the name beside it."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        text, name = _parts(self.text)
        node = nodes.inline(self.rawtext, "", literal=text, printed=name)
        self.set_source_info(node)
        if formula := _formula(text):
            node += nodes.math(formula, formula)
        else:
            node += nodes.Text(text)
        return [node], []


def literal(content: str) -> str:
    """What a reader sees of the role's content."""
    return _parts(content)[0]


def _parts(content: str) -> tuple[str, str]:
    match = _ROLE.fullmatch(content)
    return (match[1], match[2]) if match else (content, "")


def _formula(text: str) -> str:
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] == "$" else ""


class Numbers(Facts):
    """Where a page has a number that is not measured, and the complaint."""

    def gather(self, page: nodes.document) -> list[tuple[str | None, str]]:
        """The complaints about a page; the marks leave it."""
        values, found = printed(page), []
        marked = [node for node in page.findall(nodes.inline) if "printed" in node]
        for node in marked:
            try:
                compare(node["literal"], node["printed"], values)
            except ValueError as error:
                found.append((get_node_location(node), str(error)))
        if sources := [cell.astext() for cell in _classed(page, "cell_input")]:
            settings = {abs(value) for text in sources for value, _ in numbers(text)}
            for block in _blocks(page):
                where = get_node_location(block)
                found += [(where, one) for one in unmarked(_text(block), settings)]
        for node in marked:
            node.parent[node.parent.index(node) : node.parent.index(node) + 1] = node.children
        return found


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of numbers that are not measured, but where a course has left out the cell that did."""
    cut = absent(Path(env.srcdir))["cut"]
    for page, complaints in sorted(Numbers.of(env).items()):
        if page in cut:
            continue
        for where, words in complaints:
            logger.warning("%s", words, location=where or page)


# What cells printed.


def printed(page: nodes.document) -> dict[str, list[Any]]:
    """Name -> the values printed under it, in order: numbers, lists of lists, None for words."""
    found: dict[str, list[Any]] = {}
    for output in _classed(page, "stream"):
        text = _MATRIX.sub(lambda rows: f"= [{rows[1].replace(chr(10), ' ')}]\n", output.astext())
        for name, value in _SHOWN.findall(text):
            found.setdefault(name, []).append(_value(value))
    for record in Checks().gather(page):
        found.setdefault(record["label"], []).append(_value(str(record.get("raw"))))
    return found


def _value(text: str) -> Any:
    """A number or nested lists of numbers, as `show` prints tuples and arrays; else None."""
    listed = text.strip().replace("(", "[").replace(")", "]")
    listed = re.sub(r"(?<=\[) +| +(?=\])", "", listed)
    try:
        return json.loads(re.sub(r",? +", ",", listed), parse_float=Fraction, parse_int=Fraction)
    except json.JSONDecodeError:
        return None


def look_up(names: str, values: dict[str, list[Any]]) -> list[Fraction]:
    """The numbers behind ``name``, ``name[1]`` or several of them between semicolons."""
    found: list[Fraction] = []
    for name in map(str.strip, names.split(";")):
        key, *indices = re.split(r"[\[\]]+", name.removesuffix("]"))
        if key not in values:
            raise ValueError(f"no cell of this page prints {key!r}")
        several = values[key]
        value = several if indices and len(several) > 1 else several[0]
        if not indices and any(one != value for one in several):
            raise ValueError(f"this page prints {key!r} {len(several)} times: say {key}[0] or so")
        try:
            for index in indices:
                value = value[int(index)]
        except (IndexError, TypeError, ValueError):
            raise ValueError(f"nothing is printed as {name!r}") from None
        found += _flat(value, name)
    return found


def _flat(value: Any, name: str) -> list[Fraction]:
    if isinstance(value, list):
        return [number for one in value for number in _flat(one, name)]
    if not isinstance(value, Fraction):
        raise ValueError(f"what is printed as {name!r} is not a number")
    return [value]


# What literals claim.


def numbers(text: str) -> list[Claim]:
    """The numbers of a text or a formula."""
    return [_number(match) for match in _NUMBER.finditer(text)]


def _number(match: re.Match[str]) -> Claim:
    digits = re.sub(r"\\,|[ \u00a0\u202f]", "", match["plain"] or match["factor"] or "1")
    power = match["braced"] or match["bare"] or match["raised"] or match["e"] or "0"
    scale = Fraction(10) ** int(power.translate(_RAISED))
    if match["percent"]:
        scale /= 100
    sign = -1 if _MINUS.search(match.string[: match.start()]) else 1
    unit = Fraction(1, 10 ** len(digits.partition(".")[2]))
    return sign * Fraction(digits) * scale, unit * scale / 2


def claims(text: str) -> list[Claim]:
    """What a literal claims."""
    text = " ".join(text.split())
    if match := _SHARE.fullmatch(text):
        n, m = _count(match["n"]), _count(match["m"])
        return [(Fraction(n, m), Fraction(1, 2 * m))]
    if match := _WORDS.fullmatch(text):
        p = _count(match["k"] or match["p"] or "one")
        q = _DENOMINATORS[match["q"].lower()] if match["q"] else 1
        return [(Fraction(p, q), Fraction(1, 2 * q * (q + 1)))]
    return numbers(_halves(text)[1])


def _count(word: str) -> int:
    return int(word) if word.isdigit() else _COUNTS[word.lower().split()[-1]]


def _halves(text: str) -> tuple[str, str]:
    """A formula until its last relation, and what follows; a text is all of the second kind."""
    if not (formula := _formula(text)):
        return "", text
    end = max((match.end() for match in re.finditer(r"=|\\approx", formula)), default=0)
    return formula[:end], formula[end:]


def compare(text: str, names: str, values: dict[str, list[Any]]) -> None:
    """Hold a literal against what was printed.

    Raises
    ------
    ValueError
        They disagree, in words.
    """
    if not names:
        raise ValueError(f"{text!r} needs the name of what a cell printed: {{measured}}`2 <name>`")
    claimed, found = claims(text), look_up(names, values)
    if len(claimed) != len(found):
        raise ValueError(f"{len(claimed)} numbers in {text!r}, {len(found)} in {names!r}")
    for (value, slack), true in zip(claimed, found, strict=True):
        if abs(value - true) > slack:
            raise ValueError(f"{text!r} does not agree with {names!r}, printed {float(true):.6g}")


# What is not marked.


def unmarked(text: str, settings: set[Fraction]) -> Iterator[str]:
    """Complaints about the numbers of a text that are neither marked nor settings."""
    text = " ".join(text.split())
    found = [match[0] for kind in (_SHARE, _IN_WORDS) for match in kind.finditer(text)]
    for match in _NUMBER.finditer(text):
        telling = "." in match[0] or match["percent"] or match["e"] or match["plain"] is None
        cited = _CITED.search(text[: match.start()])
        if telling and not cited and abs(_number(match)[0]) not in settings:
            found.append(match[0])
    for number in found:
        yield f"{number!r} is neither in a {{measured}} role nor a setting in the page's code"


def _classed(page: nodes.document, kind: str) -> list[nodes.Element]:
    return [node for node in page.findall(nodes.Element) if kind in node.get("classes", ())]


def _blocks(node: nodes.Element) -> Iterator[nodes.TextElement]:
    """Paragraphs, titles, captions: prose, one after the other."""
    for child in node.children:
        quoted = isinstance(child, nodes.table) and node[0].astext() == "In the scan"
        stated = isinstance(child, nodes.Element) and "realtype" in child
        if quoted or stated or isinstance(child, proof_node | nodes.FixedTextElement):
            continue
        if isinstance(child, nodes.TextElement):
            yield child
        elif isinstance(child, nodes.Element):
            yield from _blocks(child)


def _text(node: nodes.Node) -> str:
    """The words of a block; a sign stands for code, for references and for what is marked."""
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, nodes.math):
        return f"${node.astext()}$"
    if isinstance(node, nodes.inline) and "printed" in node:
        return f"${_halves(node['literal'])[0]}$\ufffc"
    if isinstance(node, nodes.literal | nodes.raw | nodes.image) or "reftarget" in node:
        return "\ufffc"
    return "".join(map(_text, node.children))
