"""Read the log of XeLaTeX for what a reader of the PDF would notice; fail if there is any.

    python tools/latex_log.py _build/latex/kernels.log

Reported: errors, with the lines that say where; characters that no font has, references without a
target, labels that occur twice, and text that sticks out of its column by more than a few points.
"""

import argparse
import re
from pathlib import Path

# TeX breaks its log at this many characters, in the middle of words.
_WIDTH = 79
# A line may stick out by this much, about the width of a letter.
POINTS = 10.0

_NOTICED = (
    re.compile(r"^! (?P<what>.*(?:\n.*){0,6})", re.MULTILINE),
    re.compile(r"Missing character: There is no (?P<what>\S+ \(U\+\w+\))"),
    re.compile(r"(?:Reference|Citation|Hyper reference) `(?P<what>[^']+)'.{0,40}undefined"),
    re.compile(r"Label `(?P<what>[^']+)' multiply defined"),
)
_OVERFULL = re.compile(r"Overfull \\hbox \((?P<points>[\d.]+)pt too wide\) (?P<where>[^\n]*)")


def joined(log: str) -> str:
    """The log with the lines that TeX broke put together again."""
    lines: list[str] = []
    whole = True
    for line in log.split("\n"):
        if whole:
            lines.append(line)
        else:
            lines[-1] += line
        whole = len(line) < _WIDTH
    return "\n".join(lines)


def faults(log: str) -> list[str]:
    """One line for each kind of fault, in words; each once."""
    text = joined(log)
    found = [f"{match[0]}" for pattern in _NOTICED for match in pattern.finditer(text)]
    found += [
        f"sticks out by {float(match['points']):.0f}pt {match['where']}"
        for match in _OVERFULL.finditer(text)
        if float(match["points"]) > POINTS
    ]
    return sorted(set(found))


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("log", type=Path)
    found = faults(parser.parse_args().log.read_text(encoding="utf-8", errors="replace"))
    for fault in found:
        print(fault)
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
