"""Proofs that Coq has read: the line below a proof, its steps, the ledger's face, the plain text.

`proofs/states/NAME.json`, written by `tools/proofs.py`, has what Coq showed at each step. Below the
proof of a statement stands one line that says so. The steps are in a script for each statement,
`_static/proofs/LABEL.js`, which `proofs.js` loads when a reader asks for them: a page that was
opened as a file cannot fetch, but can load a script. Without scripts the line is a link to a text.
`proofs/not.toml` says of every other statement why no machine has read it, `proofs/words.toml`
which sentence of a written proof is which steps.
"""

import hashlib
import html
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx_proof.nodes import proof_node

from website.goals import GREEK, compared, law, typeset
from website.project import put
from website.statements import stated, statements

logger = logging.getLogger(__name__)
HOME = Path("proofs")
Theorem = dict[str, Any]


# ---- What is committed ---------------------------------------------------------------------------


@cache
def read(root: Path) -> dict[str, list[Theorem]]:
    """Label -> what Coq has read of the statement, in the order of the file."""
    found: dict[str, list[Theorem]] = {}
    for path in sorted((root / HOME / "states").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        for theorem in record["theorems"]:
            uses = {"file": path.stem, "lemmas": record["lemmas"]}
            found.setdefault(theorem["label"], []).append(theorem | uses)
    return found


def reasons(root: Path) -> list[dict[str, Any]]:
    """Why no machine has read the other statements: a name, a sentence, labels."""
    return _table(root, "not.toml", "reason")


def excused(root: Path) -> dict[str, str]:
    """Label -> the name of the reason why no machine has read the statement."""
    return {label: one["name"] for one in reasons(root) for label in one["labels"]}


def spoken(root: Path) -> list[dict[str, Any]]:
    """The sentences of written proofs that are steps of Coq's."""
    return _table(root, "words.toml", "sentence")


def _table(root: Path, name: str, rows: str) -> list[dict[str, Any]]:
    """The rows of a table; a book without proofs for a machine has none."""
    path = root / HOME / name
    return tomllib.loads(path.read_text(encoding="utf-8"))[rows] if path.is_file() else []


def digest(root: Path) -> str:
    """Changes with what is committed."""
    paths = sorted([*(root / HOME).glob("*.toml"), *(root / HOME / "states").glob("*.json")])
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


# ---- Words ---------------------------------------------------------------------------------------


def parts(theorems: list[Theorem]) -> str:
    """Which parts of a statement were read, such as "parts 1 and 3"; empty where it has none.

    "In part" is said where less was read than is written: of a part, or of a statement whose parts
    have no numbers.
    """
    if any(one["part"] == "in part" for one in theorems):
        return "in part"
    found: set[str] = set()
    less: set[str] = set()
    for one in theorems:
        numbers = re.findall(r"\d+", one["part"])
        (less if "in part" in one["part"] else found).update(numbers)
    words = [_listed(found - less), _listed(less) + " in part" if less else ""]
    return "; ".join(filter(None, words))


def _listed(numbers: set[str]) -> str:
    *most, last = sorted(numbers, key=int) or [""]
    names = f"{', '.join(most)} and {last}" if most else last
    return f"part{'s' if most else ''} {names}" if names else ""


# What the axioms of Coq's library of the reals say, and those of the integers of a processor.
MEANT = {
    "Classical_Prop.classic": "excluded middle",
    "FunctionalExtensionality.functional_extensionality_dep": "equality of functions",
    "ClassicalDedekindReals.sig_forall_dec": "decisions about sequences",
    "ClassicalDedekindReals.sig_not_dec": "decisions about negations",
}
INTEGERS = ("PrimInt63.", "Uint63.")


def axioms(theorems: list[Theorem]) -> str:
    """What the proofs rest on, in words; an axiom without a word by its name."""
    names = {axiom for one in theorems for axiom in one["axioms"]}
    words = {
        "63-bit integers" if one.startswith(INTEGERS) else MEANT.get(one, one) for one in names
    }
    if not words:
        return "no axioms"
    return f"axiom{'s' if len(words) > 1 else ''}: {', '.join(sorted(words))}"


def summary(theorems: list[Theorem]) -> str:
    """What the line says."""
    count = sum(len(one["steps"]) for one in theorems)
    which = f" ({named})" if (named := parts(theorems)) else ""
    return f"Read by Coq{which}: {count} step{'s' if count > 1 else ''}, {axioms(theorems)}"


def face(root: Path, label: str) -> str:
    """What the ledger says of a statement; nothing in a book without proofs for a machine."""
    if not (root / HOME).is_dir():
        return ""
    if theorems := read(root).get(label):
        return f"{summary(theorems)}."
    return f"Not read by Coq: {excused(root).get(label, 'no reason given')}."


class Unread(SphinxDirective):
    """`{unread}`: the reasons why no machine has read a statement, and how many it is so for."""

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        self.env.note_dependency(str(root / HOME / "not.toml"))
        items = []
        for one in reasons(root):
            count = len(one["labels"])
            words = f" ({count} statement{'s' if count > 1 else ''}). {one['because']}"
            name = nodes.strong("", one["name"][0].upper() + one["name"][1:])
            paragraph = nodes.paragraph("", "", name, nodes.Text(words))
            items.append(nodes.list_item("", paragraph))
        return [nodes.bullet_list("", *items, bullet="-")]


# ---- The line below a proof ----------------------------------------------------------------------


def name_steps(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the line below each statement's proof, and mark the sentences that are steps."""
    root = Path(app.srcdir)
    known, said = read(root), spoken(root)
    proof_of: dict[str, nodes.Element] = {}
    label = ""
    marked = {id(node): node["label"] for node in stated(doctree)}
    for node in doctree.findall(nodes.Element):
        if isinstance(node, proof_node):
            if label:
                proof_of[label] = node
            label = ""
        elif id(node) in marked:
            label = marked[id(node)]
            proof_of[label] = node
    for label, place in proof_of.items():
        if theorems := known.get(label):
            if app.builder.format == "html":
                mark_words(place, [one for one in said if one["label"] == label])
                line = nodes.raw("", _line(docname, label, theorems), format="html")
            else:
                line = nodes.paragraph("", f"{summary(theorems)}.", classes=["machine"])
            place.parent.insert(place.parent.index(place) + 1, line)


def _line(docname: str, label: str, theorems: list[Theorem]) -> str:
    up = "../" * docname.count("/")
    text = f"{up}{HOME.as_posix()}/{theorems[0]['file']}.txt"
    return (
        f'<div class="machine" data-steps="{label}">'
        f'<a href="{text}">{html.escape(summary(theorems))}</a></div>'
    )


def mark_words(proof: nodes.Element, said: list[dict[str, Any]]) -> None:
    """Wrap each sentence, from its first words to its last, in an element of its own.

    Raises
    ------
    ValueError
        A sentence of the table is not in the proof.
    """
    for number, one in enumerate(said):
        if not any(_wrap(paragraph, one, number) for paragraph in proof.findall(nodes.paragraph)):
            raise ValueError(
                f"proofs/words.toml: the proof of {one['label']} has no {one['from']!r}"
                f" ... {one['to']!r}"
            )


def _wrap(paragraph: nodes.Element, one: dict[str, Any], number: int) -> bool:
    begin = _split(paragraph, one["from"], after=False)
    if begin is None:
        return False
    end = _split(paragraph, one["to"], after=True, start=begin)
    if end is None:
        return False
    taken = paragraph.children[begin:end]
    span = nodes.inline("", classes=["said", f"said-{number}"])
    paragraph.children[begin:end] = [span]
    span.parent = paragraph
    span += taken
    return True


def _split(paragraph: nodes.Element, words: str, *, after: bool, start: int = 0) -> int | None:
    """Where a paragraph's children are cut before or after some words, which are in one of them."""
    for i, child in enumerate(paragraph.children):
        if i < start or not isinstance(child, nodes.Text):
            continue
        text = child.astext()
        at = " ".join(text.replace("\u00a0", " ").split("\n")).find(words)
        if at < 0:
            continue
        at += len(words) * after
        halves = [nodes.Text(half) for half in (text[:at], text[at:]) if half]
        for half in halves:
            half.parent = paragraph
        paragraph.children[i : i + 1] = halves
        return i + (len(halves) == 2 or (after and at > 0) or (not after and at == len(text)))
    return None


# ---- The steps -----------------------------------------------------------------------------------


def write(app: Sphinx) -> None:
    """Write the steps of each statement, and each file with its states as a text."""
    root, out = Path(app.srcdir), Path(app.outdir)
    said = spoken(root)
    files: dict[str, list[Theorem]] = {}
    for label, theorems in read(root).items():
        markup = steps(label, theorems, [one for one in said if one["label"] == label])
        text = json.dumps({label: markup}, ensure_ascii=False)
        put(out / f"_static/proofs/{label}.js", f"window.STEPS = {text};\n")
        for one in theorems:
            files.setdefault(one["file"], []).append(one)
    for name, theorems in files.items():
        put(out / HOME / f"{name}.txt", plain_text(root / HOME / f"{name}.v", theorems))


def steps(label: str, theorems: list[Theorem], said: list[dict[str, Any]]) -> str:
    """All that was read of a statement, as a list of theorems that can be opened."""
    one = "".join(_theorem(label, i, theorem, said) for i, theorem in enumerate(theorems))
    return f'<div class="steps">{INTRODUCTION}{one}</div>'


INTRODUCTION = (
    "<p>Each line is a step of the proof. Open one to see what is to be shown before it and after "
    "it, with <mark>what it changes</mark> marked. The arrow keys lead from step to step. "
    '<a href="proofs.html">How to read this</a>.</p>'
)


HATS = {"hat": "\u0302", "bar": "\u0304"}
LETTERS = GREEK | {"Pi": "Π", "Sigma": "Σ"}
# Formulas in the words of comments, which are plain ASCII.
SPELLED: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"\b([a-z])-(hat|bar)\b", lambda m: f"<i>{m[1]}</i>{HATS[m[2]]}"),
    (r"\b([A-Za-z])_?(0|\*)(?!\w)", lambda m: f"<i>{m[1]}</i><sub>{m[2]}</sub>"),
    (r"\^(\+|T|-1|[2n])", lambda m: f"<sup>{m[1].replace('T', '⊤').replace('-', '−')}</sup>"),
    (rf"\b({'|'.join(LETTERS)})(?![a-z])", lambda m: LETTERS[m[1]]),
    (r"(?<=\w)_(\w+)\b", lambda m: f"<sub>{m[1]}</sub>"),
    (r" - ", lambda _: " − "),
    (r" &lt;= ", lambda _: " ≤ "),
)


def _words(text: str) -> str:
    """Words of a comment, with its simple formulas in the letters of the book."""
    text = html.escape(text)
    for pattern, letters in SPELLED:
        text = re.sub(pattern, letters, text)
    return text


def _theorem(label: str, index: int, theorem: Theorem, said: list[dict[str, Any]]) -> str:
    part = f"{theorem['part']}: " if theorem["part"] else ""
    count = len(theorem["steps"])
    differs = "".join(
        f'<p class="differs">Coq’s statement differs: {_words(one)}.</p>'
        for one in (words.rstrip(".") for words in theorem["differs"])
    )
    rows, before = [], theorem["start"]
    for number, step in enumerate(theorem["steps"], 1):
        numbers = (one["steps"].get(theorem["name"]) for one in said)
        words = [str(i) for i, own in enumerate(numbers) if own == [] or number in (own or ())]
        rows.append(_step(theorem, number, before, step, " ".join(words), f"{label}-{index}"))
        before = step["state"]
    says = _words(re.sub(r"^[a-z](?=[a-z])", lambda m: m[0].upper(), theorem["says"]))
    return (
        f'<details class="theorem"{" open" if index == 0 else ""}>'
        f"<summary>{part}{says} <small>({count} step{'s' if count > 1 else ''})</small></summary>"
        f'<div class="said-in-coq"><p>In Coq:</p><pre tabindex="0" role="group" '
        f'aria-label="The statement in Coq">{html.escape(theorem["coq"])}</pre></div>{differs}'
        f"{_goal('To be shown', theorem, theorem['start'], [], theorem['start'].get('shows', ''))}"
        f"<ol>{''.join(rows)}</ol></details>"
    )


def _step(
    theorem: Theorem, number: int, before: Any, step: dict[str, Any], words: str, group: str
) -> str:
    after = step["state"]
    old, new = compared(before.get("shows", ""), after.get("shows", ""))
    comment = f'<p class="comment">{_words(step["says"])}</p>' if "says" in step else ""
    mark = f' data-said="{words}"' if words else ""
    return (
        f'<li{mark}><details name="{group}"><summary><code>{html.escape(step["does"])}</code>'
        f"</summary>{comment}{_uses(theorem, step['does'])}"
        f'<div class="goals">{_goal("Before", theorem, before, after, old)}'
        f"{_goal('After', theorem, after, before, new, last=number == len(theorem['steps']))}</div>"
        f"</details></li>"
    )


def _uses(theorem: Theorem, does: str) -> str:
    """What the lemmas say that a step names."""
    named = [name for name in NAME.findall(does) if name in theorem["lemmas"]]
    rows = "".join(
        f"<li><code>{html.escape(name)}</code>: {law(theorem['lemmas'][name])}</li>"
        for name in dict.fromkeys(named)
    )
    return f'<ul class="uses" aria-label="Lemmas used">{rows}</ul>' if rows else ""


def _goal(
    title: str, theorem: Theorem, state: Any, other: Any, shows: Any, *, last: bool = False
) -> str:
    """A state: what is given, what is to be shown, and how much remains after it."""
    body = ""
    if "shows" in state:
        old = {one for one in _given(theorem, other)} if other else None
        things, facts = [], []
        for name, kind in _given(theorem, state):
            new = old is not None and (name, kind) not in old
            if _is_fact(kind):
                fact = f"<code>{html.escape(name)}</code>: {typeset(kind)}"
                facts.append(f"<li>{f'<mark>{fact}</mark>' if new else fact}</li>")
            elif new or (old is None and kind not in KINDS):
                thing = _thing(name, kind)
                things.append(f"<mark>{thing}</mark>" if new else thing)
        given = "".join(facts)
        body += f'<p class="with">With {", ".join(things)}</p>' if things else ""
        body += f'<ul class="given" aria-label="Given">{given}</ul>' if given else ""
        body += f'<p class="shows"><span class="to-show">⊢ </span>{typeset(shows)}</p>'
    else:
        body += f'<p class="shows">{"Proved." if last else "This goal is proved."}</p>'
    if left := state.get("left"):
        more = "; ".join(map(typeset, left))
        body += f'<p class="left">Then to be shown: {more}</p>'
    return f'<div class="goal"><p class="goal-name">{title}</p>{body}</div>'


def _thing(name: str, kind: str) -> str:
    """A number, a vector or a function, with where it is or what it is."""
    own, _, value = name.partition(" := ")
    return f"{typeset(own)} = {typeset(value)}" if value else f"{typeset(own)} in {typeset(kind)}"


def _given(theorem: Theorem, state: Any) -> list[tuple[str, str]]:
    """The hypotheses of a state, one name each, with what is said of it."""
    found = []
    for index in state.get("given", []) if state else []:
        names, _, kind = theorem["hypotheses"][index].partition(" : ")
        found += [(name, kind) for name in names.split(", ")]
    return found


NAME = re.compile(r"(?<![\w'.])[A-Za-z_][\w']*(?![\w'])")
# A function from numbers or vectors, which is no implication.
MAP = re.compile(r"(?:[\w']+(?:_\w+|_\([^)]*\))?(?: -> )?)+")
KINDS = ("realFieldType", "rcfType", "nat")
RELATIONS = (" = ", " <-> ", " -> ", "<=", " < ", "!=", "==", "\\in", "forall", "exists")
PREDICATES = ("S ", "inrange ", "minimizer ", "posdef ", "psd ", "normal_eq ")


def _is_fact(kind: str) -> bool:
    """Whether a hypothesis says something, and is not a number, a matrix or a function."""
    if kind.startswith(PREDICATES):
        return True
    return any(one in kind for one in RELATIONS) and not MAP.fullmatch(kind)


# ---- A text for every file -----------------------------------------------------------------------


def plain_text(path: Path, theorems: list[Theorem]) -> str:
    """A file, and after it the goals of each step as Coq prints them."""
    lines = [path.read_text(encoding="utf-8").rstrip(), "", "", "(* ---- THE STEPS ---- *)"]
    for one in theorems:
        part = f" ({one['part']})" if one["part"] else ""
        lines += ["", "", f"(* {one['label']}{part}: {one['says']}. {axioms([one])} *)"]
        lines += [one["coq"], *_plain_state(one, one["start"])]
        for number, step in enumerate(one["steps"], 1):
            lines += ["", f"{number}. {step['does']}.", *_plain_state(one, step["state"])]
    return "\n".join(lines) + "\n"


def _plain_state(theorem: Theorem, state: Any) -> Iterator[str]:
    if "shows" not in state:
        yield "     (proved)"
    else:
        for index in state["given"]:
            yield f"     {theorem['hypotheses'][index]}"
        yield f"     |- {state['shows']}"
    for one in state.get("left", []):
        yield f"     then |- {one}"


# ---- Complete ------------------------------------------------------------------------------------


def check_consistency(app: Sphinx, env: BuildEnvironment) -> None:
    """Every statement was read by a machine or has a reason, and not both; all are statements."""
    root = Path(app.srcdir)
    if not (root / HOME).is_dir():
        return
    for fault in faults(set(statements(env)), set(read(root)), set(excused(root))):
        logger.warning(fault)


def faults(book: set[str], done: set[str], absent: set[str]) -> list[str]:
    """What is wrong with who has read what."""
    return [
        *(f"proofs/: {label!r} is no statement of the book" for label in sorted(done - book)),
        *(f"proofs/not.toml: {label!r} is no statement" for label in sorted(absent - book)),
        *(f"proofs/not.toml: Coq has read {label!r}" for label in sorted(absent & done)),
        *(f"proofs/not.toml lacks {label!r}" for label in sorted(book - done - absent)),
    ]
