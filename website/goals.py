"""The language of Coq and mathcomp in the letters of the book: terms and goals as HTML.

Only what can be told from the marks themselves is set: indices, exponents, products, norms, the
words of logic. What is not known stays as Coq writes it; nothing is left out but the marks of
scopes.
"""

import html
import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from functools import partial
from typing import NamedTuple

TOKEN = re.compile(
    r"'(?:[cr]V|[A-Z]+)(?:\[\w+\])?_(?:\([^()]*\)|[\w.]+)|\\\w+|\^(?:T|-1|\+|-)?|%:[MR]|%[A-Z]\b|\*[m:]|<->|<=|>="
    r"|=>|->|:=|!=|==|/\\|\\/|\|->|\.\+1|[A-Za-z_][\w.]*(?<!\.)'*|\d+|\s+|."
)


class Token(NamedTuple):
    """A mark of a term, and whether the step has changed it."""

    text: str
    new: bool = False


class Group(NamedTuple):
    """What stands in brackets."""

    opens: Token
    inner: "list[Token | Group]"
    closes: Token


Item = Token | Group


def tokens(term: str) -> list[str]:
    """The marks of a term."""
    return TOKEN.findall(term)


def compared(before: str, after: str) -> tuple[list[Token], list[Token]]:
    """Both terms, with the marks that only one of them has."""
    old, new = tokens(before), tokens(after)
    flags = [True] * len(old), [True] * len(new)
    for i, j, length in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        flags[0][i : i + length] = flags[1][j : j + length] = [False] * length
    return (
        [Token(*pair) for pair in zip(old, flags[0], strict=True)],
        [Token(*pair) for pair in zip(new, flags[1], strict=True)],
    )


def typeset(term: str | Sequence[Token]) -> str:
    """A term as HTML; changed marks stand in <mark>."""
    marks = [Token(text) for text in tokens(term)] if isinstance(term, str) else list(term)
    tree, _ = _tree(marks, 0)
    return re.sub(r"</mark>(\s*)<mark>", r"\1", _line(tree)).strip()


BRACKETS = {"(": ")", "[": "]", "{": "}"}


def _tree(marks: list[Token], i: int, closing: str = "") -> tuple[list[Item], int]:
    items: list[Item] = []
    while i < len(marks):
        mark = marks[i]
        if mark.text == closing:
            return items, i
        if mark.text in BRACKETS:
            inner, end = _tree(marks, i + 1, BRACKETS[mark.text])
            closes = marks[end] if end < len(marks) else Token("")
            items.append(Group(mark, inner, closes))
            i = end + 1
        else:
            items.append(mark)
            i += 1
    return items, i


def _shown(mark: Token, text: str) -> str:
    return f"<mark>{text}</mark>" if mark.new and text.strip() else text


POSTFIX = ("^T", "^-1", "%:M", "%:R", ".+1")
NO_ARGUMENT = {"in", "of", "is", "forall", "exists", "exists2", "fun", "else", "then", "if"}


def _arguments(items: list[Item], i: int) -> tuple[list[list[Item]], list[int]]:
    """The arguments after a name: each an atom with what is attached to it; and their ends."""
    found: list[list[Item]] = []
    ends: list[int] = []
    while i + 1 < len(items) and _is(items[i], " "):
        head = items[i + 1]
        if isinstance(head, Token) and (
            not re.fullmatch(r"[A-Za-z_0-9][\w.']*", head.text) or head.text in NO_ARGUMENT
        ):
            break
        end = i + 2
        while end < len(items) and isinstance(items[end], Token) and items[end][0] in POSTFIX:
            end += 1
        found.append(items[i + 1 : end])
        ends.append(end)
        i = end
    return found, ends


def _is(item: Item, text: str) -> bool:
    return isinstance(item, Token) and item.text == text


def _bare(argument: list[Item]) -> str:
    """An argument without brackets of its own."""
    if len(argument) == 1 and isinstance(argument[0], Group) and argument[0].opens.text == "(":
        return _line(argument[0].inner)
    return _line(argument)


def _opened(argument: list[Item]) -> bool:
    """Whether brackets are new that are not shown around an argument."""
    return len(argument) == 1 and isinstance(argument[0], Group) and argument[0].opens.new


Rule = Callable[[Callable[[str], str], list[list[Item]]], str]


def _hat(at: Callable[[str], str], given: list[list[Item]]) -> str:
    last = given[-1]
    if len(last) == 1 and isinstance(last[0], Token):
        first, rest = last[0].text[0], last[0].text[1:].replace("'", "′")
        return at(f"<i>{first}</i>\u0302{rest}")
    return at("hat(") + _bare(last) + at(")")


def _named(name: str) -> Rule:
    """The name of a function with its last argument in brackets."""
    return lambda at, given: at(f"{name}(") + _bare(given[-1]) + at(")")


def _after(word: str) -> Rule:
    return lambda at, given: f"{_bare(given[-1])} {at(word)} {_line(given[0])}"


# Name -> number of arguments and how it is set.
RULES: dict[str, tuple[tuple[int, ...], Rule]] = {
    "dot": ((2,), lambda at, g: f"{at('⟨')}{_bare(g[0])}{at(', ')}{_bare(g[1])}{at('⟩')}"),
    "sq": ((1,), lambda at, g: f"{at('‖')}{_bare(g[0])}{at('‖<sup>2</sup>')}"),
    "norm": ((1,), lambda at, g: f"{at('‖')}{_bare(g[0])}{at('‖')}"),
    "pinv": ((1,), lambda at, g: f"{_line(g[0])}{at('<sup>+</sup>')}"),
    "gram": ((1,), lambda at, g: f"{_line(g[0])}\u2009{_line(g[0])}{at('<sup>⊤</sup>')}"),
    "proj": ((1,), lambda at, g: at("<i>P<sub>S</sub></i>")),
    "hat": ((1, 3), _hat),
    "preface.hat": ((1, 3), _hat),
    "lin": ((4,), _named("<i>F</i><sub>0</sub>")),
    "F0": ((1,), _named("<i>F</i><sub>0</sub>")),
    "F": ((1,), _named("<i>F</i>")),
    "L": ((1,), _named("<i>L</i>")),
    "Omega": ((1,), _named("Ω")),
    "S": ((1,), lambda at, g: f"{_bare(g[0])} {at('∈ <i>S</i>')}"),
    "inrange": ((2,), lambda at, g: f"{_bare(g[1])} {at('∈ range')} {_line(g[0])}"),
    "minimizer": ((2,), _after("minimizes")),
    "posdef": ((1,), lambda at, g: f"{_line(g[0])} {at('≻ 0')}"),
    "psd": ((1,), lambda at, g: f"{_line(g[0])} {at('⪰ 0')}"),
    "Num.sqrt": ((1,), lambda at, g: f"{at('√')}{_line(g[0])}"),
}

WORDS = {
    "forall": "for all",
    "exists": "there is",
    "exists2": "there is",
    "<->": "⇔",
    "->": "⇒",
    "<=": "≤",
    ">=": "≥",
    "!=": "≠",
    "==": "=",
    "/\\": "and",
    "\\/": "or",
    "&": "and",
    "|->": "↦",
    "=>": "↦",
    "-": "−",
    "*": "·",
    "\\in": "∈",
    "\\notin": "∉",
    "\\rank": "rank",
    "\\tr": "tr",
    "\\row_i": "row",
    "unitmx": "the invertible matrices",
    "fun": "",
    "nat": "ℕ",
    "bool": "{true, false}",
    "realFieldType": "an ordered field",
    "rcfType": "a real closed field",
    "^T": "<sup>⊤</sup>",
    "^-1": "<sup>−1</sup>",
    ".+1": " + 1",
    "%:R": "",
    "'": "′",
    "~~": "not",
    "~": "not ",
}
GREEK = {
    "alpha": "α",
    "beta": "β",
    "delta": "δ",
    "dsigma": "σ′",
    "eps": "ε",
    "eta": "η",
    "lambda": "λ",
    "Omega": "Ω",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "theta": "θ",
}
# How mathcomp names the laws of a ring.
LAWS = {
    "commutative +": "x + y = y + x",
    "associative +": "x + (y + z) = x + y + z",
    "right_commutative +": "x + y + z = x + z + y",
    "left_commutative +": "x + (y + z) = y + (x + z)",
    "commutative *": "x * y = y * x",
    "associative *": "x * (y * z) = x * y * z",
    "right_id 0 +": "x + 0 = x",
    "left_id 0 +": "0 + x = x",
    "right_id 1 *": "x * 1 = x",
    "left_id 1 *": "1 * x = x",
    "right_zero 0 *": "x * 0 = 0",
    "left_zero 0 *": "0 * x = 0",
    "right_inverse 0 - +": "x - x = 0",
    "left_inverse 0 - +": "- x + x = 0",
    "rev_right_loop - +": "x - y + y = x",
    "right_loop - +": "x + y - y = x",
    "right_injective +": "x + y = x + z -> y = z",
    "left_injective +": "y + x = z + x -> y = z",
    "right_distributive * +": "x * (y + z) = x * y + x * z",
    "left_distributive * +": "(x + y) * z = x * z + y * z",
    "involutive -": "- - x = x",
    "transitive <=": "x <= y -> y <= z -> x <= z",
    "cancel trmx trmx": "(A^T)^T = A",
}


def law(said: str) -> str:
    """What a lemma says, in letters where mathcomp has a word for it."""
    return typeset(LAWS.get(said, said))


def _line(items: list[Item]) -> str:
    out, i = "", 0
    while i < len(items):
        item = items[i]
        if isinstance(item, Group):
            inner = _line(item.inner)
            out += _shown(item.opens, item.opens.text) + inner
            out += _shown(item.closes, item.closes.text)
            i += 1
            continue
        if item.text in RULES:
            counts, rule = RULES[item.text]
            given, ends = _arguments(items, i + 1)
            if len(given) in counts:
                new = item.new or any(map(_opened, given))
                out += rule(partial(_shown, Token(item.text, new)), given)
                i = ends[-1]
                continue
        # A space stands around the mark of a product, which is none in the book.
        joined = [_is(items[k], " ") for k in (i, i + 2) if k < len(items)]
        if joined == [True, True] and any(_is(items[i + 1], mark) for mark in ("*m", "*:")):
            out += "\u2009"
            i += 3
            continue
        if _is(item, "1") and i + 1 < len(items) and _is(items[i + 1], "%:M"):
            out += _shown(item, "<i>I</i>")
            i += 2
            continue
        if _is(item, "^") or _is(item, "^+"):
            k = i + 1 + (i + 1 < len(items) and _is(items[i + 1], " "))
            out += f"<sup>{_line(items[k : k + 1])}</sup>"
            i = k + 1
            continue
        out += _shown(item, _mark(item.text))
        i += 1
    return out


def _mark(text: str) -> str:
    """One mark that stands for itself."""
    if text in WORDS:
        return WORDS[text]
    if text in GREEK:
        return GREEK[text]
    if match := re.fullmatch(r"'([cr]V|M|I)(?:\[\w+\])?_(.*)", text):
        size = " × ".join(map(_name, match[2].strip("()").split(", ")))
        if match[1] == "I":
            return f"the indices below {size}"
        return f"<i>R</i><sup>{size}</sup>"
    if re.fullmatch(r"%[A-Z]", text):
        return ""
    if re.fullmatch(r"[A-Za-z_][\w.]*'*", text):
        return _name(text)
    if text.startswith("\\sum"):
        return "∑<sub>" + html.escape(text[5:].replace("_", "")) + "</sub>"
    return html.escape(text)


def _name(text: str) -> str:
    """A variable with its index, or a word."""
    match = re.fullmatch(r"([A-Za-z]|[a-zA-Z]+?)(\d*)('*)", text)
    if match is None or (len(match[1]) > 1 and match[1] not in GREEK):
        return html.escape(text)
    letter = GREEK.get(match[1]) or f"<i>{match[1]}</i>"
    index = f"<sub>{match[2]}</sub>" if match[2] else ""
    return letter + index + "′" * len(match[3])
