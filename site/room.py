"""How much room a formula will take, guessed from its source.

The page keeps that room until MathJax has set the formula, so that the text around it hardly
moves. A guess may be a tenth off; what matters is that lines break at about the same words.
"""

from __future__ import annotations

import re


def _words(text: str) -> set[str]:
    return set(text.split())


# Relative widths of tokens, and what makes them em of the text around: fitted to 1120 formulas.
_SCALE = 0.91
_WIDE = {"=", "<", ">", ":"}
_RELATIONS = _words(
    "le ge leq geq ne neq in notin approx sim simeq equiv to mapsto subset subseteq supset ll gg "
    "mid perp propto longrightarrow rightarrow Rightarrow iff implies xrightarrow coloneqq"
)
_BINARY = _words("cdot times pm mp cup cap setminus circ oplus otimes")
_BIG = {"sum": 1.25, "prod": 1.15, "int": 0.7, "bigcup": 1.0, "bigcap": 1.0}
_SPACES = {"quad": 1.2, "qquad": 2.4, ",": 0.2, ";": 0.33, ":": 0.27, "!": -0.2, " ": 0.3}
_SILENT = _words(
    "left right big Big bigl bigr Bigl Bigr bigg biggl biggr mathbb mathcal mathbf mathrm mathsf "
    "text operatorname bar hat tilde boldsymbol displaystyle textstyle mathit limits nolimits "
    "lvert rvert label nonumber tfrac dfrac frac sqrt overline underline textbf operatorname* tag "
    "begin end widehat vec phantom"
)
_NAMES = _words("log exp cos sin arccos arcsin max min sup inf det lim ln tanh dim ker Pr")
_TOKEN = re.compile(r"\\([A-Za-z]+\*?|.)|(.)", re.DOTALL)


def expand(tex: str, macros: dict[str, object]) -> str:
    """Replace the book's own macros by what they stand for."""
    for name, value in macros.items():
        body, count = value if isinstance(value, list) else (value, 0)
        end = r"(?![A-Za-z])" if str(name).isalpha() else ""
        pattern = re.compile(rf"\\{re.escape(str(name))}{end}")
        while match := pattern.search(tex):
            rest, arguments = tex[match.end() :], []
            for _ in range(int(count)):
                argument, rest = _argument(rest)
                arguments.append(argument)
            text = str(body)
            for i, argument in enumerate(arguments, start=1):
                text = text.replace(f"#{i}", argument)
            # A letter after a command would become part of its name.
            glue = " " if re.search(r"\\[A-Za-z]+$", text) and rest[:1].isalpha() else ""
            tex = tex[: match.start()] + text + glue + rest
    return tex


def _argument(tex: str) -> tuple[str, str]:
    """The first argument of a command, and what follows it."""
    tex = tex.lstrip()
    if not tex.startswith("{"):
        token = _TOKEN.match(tex)
        return (token[0], tex[token.end() :]) if token else ("", "")
    depth = 0
    for i, char in enumerate(tex):
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return tex[1:i], tex[i + 1 :]
    return tex[1:], ""


def width(tex: str) -> float:
    """Width in em of a formula within a line; macros already expanded."""
    return _SCALE * _natural(tex)


def _natural(tex: str) -> float:
    total = 0.0
    while tex:
        token = _TOKEN.match(tex)
        assert token is not None  # any character matches
        command, char = token[1], token[2]
        tex = tex[token.end() :]
        if command in ("frac", "tfrac", "dfrac"):
            above, tex = _argument(tex)
            below, tex = _argument(tex)
            total += 0.72 * max(_natural(above), _natural(below)) + 0.3
        elif command == "sqrt":
            inside, tex = _argument(tex)
            total += _natural(inside) + 1.0
        elif command in ("begin", "end", "label", "tag", "phantom"):
            _, tex = _argument(tex)
        elif command in ("text", "operatorname", "operatorname*", "mathrm", "mathbf", "mathsf"):
            inside, tex = _argument(tex)
            total += 0.55 * len(inside) + (0.2 if command.startswith("operator") else 0)
        elif command is not None:
            total += _command(command)
        elif char in "_^":
            script, tex = _argument(tex)
            other = 0.0
            if tex[:1] and tex[0] in "_^" and tex[0] != char:
                above, tex = _argument(tex[1:])
                other = _natural(above)
            total += 0.72 * max(_natural(script), other) + 0.06
        else:
            total += _character(char)
    return total


def _command(name: str) -> float:
    if name in _SPACES:
        return _SPACES[name]
    if name in _BIG:
        return _BIG[name]
    if name in _RELATIONS:
        return 1.6
    if name in _BINARY:
        return 1.15
    if name in _NAMES:
        return 0.6 * len(name)
    if name in _SILENT:
        return 0.0
    if name in ("langle", "rangle", "lVert", "rVert", "|", "{", "}"):
        return 0.5
    return 0.7  # a Greek letter, most often


def _character(char: str) -> float:
    if char.isspace() or char in "{}&":
        return 0.0
    if char in _WIDE:
        return 1.6
    if char in "+-":
        return 1.35
    if char in "()[]|/!.;":
        return 0.45
    if char in ",":
        return 0.5
    if char == "'":
        return 0.33
    if char.isdigit():
        return 0.6
    return 0.8 if char.isupper() or char in "mw" else 0.62


def height(tex: str) -> float:
    """Height in em of a formula on lines of its own; macros already expanded."""
    lines = re.split(r"\\\\", tex)
    return sum(_line(line) for line in lines) + 0.5


def _line(line: str) -> float:
    if re.search(r"\\(sum|prod|int|bigcup|bigcap)(?![A-Za-z])", line):
        return 3.0 if re.search(r"\\(sum|prod|bigcup|bigcap)\s*(\\limits)?_.*\^", line) else 2.6
    if re.search(r"\\d?frac", line):
        return 2.7
    if re.search(r"\\(lim|sup|inf|max|min|argmin|operatorname\*)\s*_", line):
        return 2.0
    return 1.1
