"""What of MyST is left in a text that should be plain."""

import re
from collections.abc import Mapping

from website.downloads.markdown import parser

LEFTOVERS = {
    "a directive": re.compile(r"^[ \t>]*(?:`{3,}|:{3,}|~{3,})[ \t]*\{", re.MULTILINE),
    "a role": re.compile(r"\{[a-zA-Z][\w:+-]*\}`"),
    "an option": re.compile(r"^[ \t>]*:[a-z-]+:", re.MULTILINE),
    "a target": re.compile(r"^\([\w-]+\)=", re.MULTILINE),
    "a label": re.compile(r"\$\$[ \t]*\([\w:-]+\)"),
    "a comment": re.compile(r"^%", re.MULTILINE),
    "a link into the sources": re.compile(r"\]\([^()\s:]+\.md(?:#[^()\s]*)?\)"),
}
_MYST_TOKENS = ("myst_", "colon_fence", "math_block_label", "amsmath", "substitution", "footnote")


def leftovers(text: str, macros: Mapping[str, object]) -> list[str]:
    """What of MyST is left in a text that should be plain, in words."""
    found = [
        f"{what}: {match[0]!r}" for what, seen in LEFTOVERS.items() for match in seen.finditer(text)
    ]
    for token in parser().parse(text):
        for one in (token, *(token.children or ())):
            if one.type.startswith(_MYST_TOKENS):
                found.append(f"{one.type}: {one.content[:60]!r}")
            if one.type == "text" and re.search(r"\\(begin|end)\{", one.content):
                found.append(f"a formula in the text: {one.content[:60]!r}")
            if "math" in one.type:
                found += [
                    f"the macro \\{name} in {one.content[:60]!r}"
                    for name in macros
                    if re.search(rf"\\{re.escape(str(name))}(?![A-Za-z])", one.content)
                ]
    return found
