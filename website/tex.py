"""How much room a formula will take, guessed from its source.

The page keeps that room until MathJax has set the formula, so that the text around it hardly
moves. A guess may be a tenth off; what matters is that lines break at about the same words.
"""

import re


def _words(text: str) -> set[str]:
    return set(text.split())


def _table(text: str) -> dict[str, float]:
    """Names and numbers in turn."""
    items = text.split()
    return {name: float(size) for name, size in zip(items[::2], items[1::2], strict=True)}


# Size of formulas against the text around, as maths.js tells MathJax.
SCALE = 1.12
# A macro that is nothing elsewhere; maths.js also indents the line that follows.
ON_A_PHONE: dict[str, object] = {"phonebreak": r"\\"}
# Widths in em of MathJax's letters (Computer Modern); those not named are about as wide as "x".
_LETTERS = _table(
    "a .53 b .43 c .43 d .52 e .47 f .55 g .48 h .58 i .35 j .41 k .52 l .30 m .88 n .60 o .49 "
    "p .50 q .46 r .45 s .47 t .36 u .57 v .49 w .72 x .57 y .49 z .47 A .75 B .76 C .76 D .83 "
    "E .76 F .75 G .79 H .89 I .50 J .63 K .89 L .68 M 1.05 N .89 O .76 P .75 Q .79 R .76 S .65 "
    "T .70 U .77 V .77 W 1.05 X .85 Y .76 Z .72 . .28 / .50 ! .28 ( .39 ) .39 [ .28 ] .28 | .28 "
    "' .28 , .44 ; .44 : .83"
)
_NAMED = _table(
    "alpha .64 beta .57 gamma .54 delta .44 epsilon .47 varepsilon .47 theta .47 kappa .58 "
    "lambda .58 mu .60 nu .53 pi .57 rho .52 sigma .57 tau .52 phi .60 varphi .65 psi .65 chi .63 "
    "omega .62 Sigma .72 Pi .75 Omega .72 Phi .72 Delta .83 Gamma .63 Lambda .69 Theta .78 "
    "infty 1.0 partial .57 ell .42 top .78 dots 1.40 ldots 1.40 cdots 1.40 langle .39 rangle .39 "
    "lVert .50 rVert .50 lvert .28 rvert .28 | .50 { .50 } .50 lceil .44 rceil .44 lfloor .44 "
    "rfloor .44 exists .56 forall .56 nabla .83 prime .28 % .83 sum 1.22 prod 1.11 int .73 "
    "bigcup 1.0 bigcap 1.0 quad 1.0 qquad 2.0 , .17 ; .28 : .22 ! -.17"
)
_NAMED[" "] = 0.25
_RELATIONS = _words(
    "= < > le ge leq geq ne neq in notin approx sim simeq equiv subset subseteq supset mid perp "
    "propto coloneqq prec succ preceq succeq"
)
_LONG = _words("ll gg to mapsto rightarrow Rightarrow longrightarrow xrightarrow iff implies")
# After these a sign is that of a number, and has no room around it.
_BEFORE = _RELATIONS | _LONG | _words("( [ , ; { langle lvert quad qquad")
_BINARY = _words("+ - times pm mp cup cap setminus oplus otimes")
_DOTS = _words("cdot circ")
_SILENT = _words(
    "left right big Big bigl bigr Bigl Bigr bigg biggl biggr bar hat tilde boldsymbol displaystyle "
    "textstyle mathit limits nolimits nonumber overline underline widehat widetilde vec"
)
_FUNCTIONS = _words(
    "log exp cos sin arccos arcsin arctan max min sup inf det lim ln tan cot tanh dim ker Pr"
)
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
                one, rest = argument(rest)
                arguments.append(one)
            text = str(body)
            for i, one in enumerate(arguments, start=1):
                text = text.replace(f"#{i}", one)
            # A letter after a command would become part of its name.
            glue = " " if re.search(r"\\[A-Za-z]+$", text) and rest[:1].isalpha() else ""
            tex = tex[: match.start()] + text + glue + rest
    return tex


def argument(tex: str) -> tuple[str, str]:
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
    return SCALE * _natural(tex)


def _natural(tex: str, *, script: bool = False) -> float:
    """Width in em of the formula's own letters; in scripts there is no room around relations."""
    total = 0.0
    first = True
    while tex:
        token = _TOKEN.match(tex)
        assert token is not None  # any character matches
        command, char = token[1], token[2]
        tex = tex[token.end() :]
        if command in ("frac", "tfrac", "dfrac", "binom"):
            above, tex = argument(tex)
            below, tex = argument(tex)
            size = 1.0 if command == "dfrac" else 0.707
            parts = (_natural(part, script=size < 1) for part in (above, below))
            total += size * max(parts) + (0.94 if command == "binom" else 0.36)
        elif command == "sqrt":
            inside, tex = argument(tex)
            total += _natural(inside, script=script) + 0.9
        elif command in ("begin", "end", "label", "tag", "phantom"):
            _, tex = argument(tex)
        elif command in ("text", "operatorname", "operatorname*", "mathrm", "textbf"):
            inside, tex = argument(tex)
            total += _upright(inside) + (0.17 if command.startswith("operator") else 0)
        elif command == "mathcal":
            inside, tex = argument(tex)
            total += 0.98 * len(inside)
        elif command in ("mathbb", "mathbf", "mathsf"):
            inside, tex = argument(tex)
            total += 0.72 * len(inside)
        elif char is not None and char in "_^":
            inside, tex = argument(tex)
            other = ""
            if tex[:1] and tex[0] in "_^" and tex[0] != char:
                other, tex = argument(tex[1:])
            scripts = (_natural(part, script=True) for part in (inside, other))
            total += (0.83 if script else 0.707) * max(scripts) + 0.05
        else:
            widths = _LETTERS if command is None else _NAMED
            total += _one(command or char, widths, tight=script or first)
        first = (command or char) in _BEFORE or (first and (command or char) in "{ &")
    return total


def _upright(text: str) -> float:
    narrow = {"f": 0.31, "i": 0.28, "j": 0.31, "l": 0.28, "t": 0.39, "r": 0.39, " ": 0.25}
    return sum(0.74 if letter.isupper() else narrow.get(letter, 0.48) for letter in text)


def _one(name: str, widths: dict[str, float], *, tight: bool) -> float:
    """Width of a letter, a sign or a command without an argument."""
    if name in widths:
        return widths[name]
    if name in _LONG:
        return 1.0 if tight else 1.56
    if name in _RELATIONS:
        return 0.78 if tight else 1.33
    if name in _BINARY:
        return 0.78 if tight else 1.22
    if name in _DOTS:
        return 0.28 if tight else 0.72
    if name in _FUNCTIONS:
        return 0.47 * len(name) + 0.1
    if name in _SILENT or name.isspace() or name in "{}&":
        return 0.0
    return 0.5 if name.isdigit() else 0.57


def height(tex: str) -> float:
    """Height in em of a formula on lines of its own; macros already expanded."""
    lines = re.split(r"\\\\", tex)
    return sum(_line(line) for line in lines) + 0.5 * len(lines)


def _line(line: str) -> float:
    if re.search(r"\\(sum|prod|int|bigcup|bigcap)(?![A-Za-z])", line):
        return 3.0 if re.search(r"\\(sum|prod|bigcup|bigcap)\s*(\\limits)?_.*\^", line) else 2.6
    if re.search(r"\\d?frac", line):
        return 2.4
    if re.search(r"\\(lim|sup|inf|max|min|argmin|operatorname\*)\s*_", line):
        return 1.7
    return 1.4 if "\\sqrt" in line else 1.1
