"""The pages of the book in parts: what others may refer to, what a course keeps of them.

A page is a list of cells; one of Markdown is a single cell.
"""

import ast
import copy
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat

from tools.names import BLOCK, LABEL

# Not shown, but run; and in no notebook either, where a later cell has no use for it.
HIDDEN, GONE = "remove-cell", "left-out"

FENCE = re.compile(r"^ *(`{3,})(.*)$")
HEADING = re.compile(r"^(#+) +(.+?) *$")
TARGET = re.compile(r"^\(([\w-]+)\)=\n+#+ +(.+)$", re.MULTILINE)
EQUATION = re.compile(r"^ *\$\$ *\(([\w-]+)\) *$", re.MULTILINE)
SOLUTION = re.compile(
    r"^(`{3,})\{solution-start\} +(\S+)\n(?:.*\n)*?`{3,}\{solution-end\}\n`{3,}(?:\n|\Z)",
    re.MULTILINE,
)
MARK = "\x1e"

Page = list[nbformat.NotebookNode]
Spans = list[tuple[int, int]]


# ---- The book ------------------------------------------------------------------------------------


def pages(root: Path) -> dict[str, Path]:
    """Short name -> file of each page, in the order of the contents."""
    contents = (root / "_toc.yml").read_text(encoding="utf-8")
    found = re.findall(r"(?:root|file): chapters/(\S+)", contents)
    ends = (".ipynb", ".md")
    return {
        name: next(p for end in ends if (p := root / "chapters" / f"{name}{end}").is_file())
        for name in found
    }


def cells(path: Path) -> Page:
    """The cells of a page; a page of Markdown is one."""
    if path.suffix == ".ipynb":
        return list(nbformat.read(path, as_version=4).cells)
    return [nbformat.v4.new_markdown_cell(path.read_text(encoding="utf-8"))]


def joined(page: Page) -> str:
    """The Markdown of a page with a mark before each cell; of code there is the mark alone."""
    parts = (cell.source if cell.cell_type == "markdown" else "" for cell in page)
    return "".join(f"{MARK}\n{part}\n" for part in parts)


def headings(text: str) -> list[tuple[int, int, str]]:
    """Place, level and words of each heading; what stands in a fence is none."""
    found, place, fence = [], 0, ""
    for line in text.splitlines(keepends=True):
        if match := FENCE.match(line.rstrip("\n")):
            if not fence:
                fence = match[1]
            elif len(match[1]) >= len(fence) and not match[2].strip():
                fence = ""
        elif not fence and (match := HEADING.match(line.rstrip("\n"))):
            found.append((place, len(match[1]), match[2]))
        place += len(line)
    return found


def labelled(block: re.Match[str]) -> str:
    """The label of a statement, a figure or an exercise."""
    label = LABEL.search(block["options"])
    return label[1] if label else ""


def title(text: str) -> str:
    """The first heading of a page."""
    found = re.search(r"^# +(.+?) *$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"a page must begin with a heading, got {text[:60]!r}")
    return found[1]


def named(root: Path) -> dict[str, str]:
    """Label -> its permanent name."""
    table = tomllib.loads((root / "chapters" / "names.toml").read_text(encoding="utf-8"))
    return {
        label: one["name"]
        for page, labels in table.items()
        if page != "sealed"
        for label, one in labels.items()
    }


def labels(text: str, names: Mapping[str, str], equations: Mapping[str, str]) -> dict[str, Any]:
    """Label -> ``anchor`` and ``words`` of all that a page lets others refer to."""
    found: dict[str, Any] = {}
    around = [(0, len(text), f"the chapter “{title(text)}”")]
    for block in BLOCK.finditer(text):
        label = labelled(block)
        called = names.get(label, block["kind"].removeprefix("prf:").capitalize())
        words = f"{called} “{block['title'].strip()}”" if block["title"].strip() else called
        found[label] = {"anchor": label, "words": words}
        around.append((*block.span(), words))
    for equation in EQUATION.finditer(text):
        label = equation[1]
        *_, where = (words for start, end, words in around if start <= equation.start() < end)
        words = f"({equations[label]}) of {where}"
        found[label] = {"anchor": f"equation-{label}", "words": words}
    for target in TARGET.finditer(text):
        found[target[1]] = {"anchor": target[1], "words": target[2]}
    return found


def figures(page: Page) -> list[str]:
    """The labels of the figures that cells of code show."""
    metadata = (cell.metadata.get("mystnb", {}) for cell in page if cell.cell_type == "code")
    return [one["figure"]["name"] for one in metadata if "figure" in one]


# ---- What is kept of a page ----------------------------------------------------------------------


def exercises(text: str) -> list[str]:
    """The labels of a page's exercises."""
    return [labelled(block) for block in BLOCK.finditer(text) if block["kind"] == "exercise"]


def sections(text: str, dropped: Iterable[str]) -> Spans:
    """From where to where the sections go that have these titles."""
    found, wanted = headings(text), set(dropped)
    spans = []
    for i, (start, level, words) in enumerate(found):
        if level > 1 and words in wanted:
            ends = (place for place, other, _ in found[i + 1 :] if other <= level)
            spans.append((start, next(ends, len(text))))
    return spans


def others(text: str, kept: Iterable[str] | None, solutions: bool) -> Spans:
    """From where to where exercises and solutions go that are not kept; None keeps all."""
    wanted = set(exercises(text) if kept is None else kept)
    spans = [
        block.span()
        for block in BLOCK.finditer(text)
        if block["kind"] == "exercise" and labelled(block) not in wanted
    ]
    answers = SOLUTION.finditer(text)
    return spans + [one.span() for one in answers if one[2] not in wanted or not solutions]


def cut(text: str, spans: Spans) -> str:
    """A page without these parts; the marks of its cells stay."""
    kept, done = "", 0
    for start, end in sorted(spans):
        kept += text[done : max(start, done)] + MARK * text.count(MARK, max(start, done), end)
        done = max(done, end)
    return kept + text[done:]


def reduced(page: Page, dropped: Spans, gone: Spans) -> Page:
    """The cells of a page without some sections, and without some exercises and solutions.

    Their Markdown goes. Their code stays where it is, hidden and without outputs; that of exercises
    is marked as gone where no later cell uses a name that it binds.
    """
    text = joined(page)
    places = [match.start() for match in re.finditer(MARK, text)]
    parts = cut(text, dropped + gone).split(MARK)[1:]
    made: Page = []
    needed: set[str] = set()
    for cell, place, part in reversed(list(zip(page, places, parts, strict=True))):
        new = copy.deepcopy(cell)
        if cell.cell_type == "markdown":
            new.source = part.strip()
            made += [new] if new.source else []
            continue
        bound, used = bound_and_used(cell.source)
        unused = inside(place, gone) and not bound & needed
        needed |= set() if unused else used
        if inside(place, dropped + gone):
            new.metadata.pop("mystnb", None)
            tags = {HIDDEN, *([GONE] if unused else ()), *new.metadata.get("tags", ())}
            new.metadata["tags"] = sorted(tags)
            new.outputs = []
        made.append(new)
    return made[::-1]


def inside(place: int, spans: Spans) -> bool:
    """Whether a place is in one of these parts."""
    return any(start <= place < end for start, end in spans)


def bound_and_used(source: str) -> tuple[set[str], set[str]]:
    """The names that code binds, and those that it reads."""
    bound: set[str] = set()
    used: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
    return bound, used


def written(source: str, page: Page, suffix: str) -> str:
    """A page with other cells."""
    if suffix == ".md":
        return f"{page[0].source}\n"
    notebook = nbformat.reads(source, as_version=4)
    notebook.cells = page
    return f"{nbformat.writes(notebook)}\n"


def absent(
    whole: Mapping[str, Page], here: Mapping[str, Page], names: Mapping[str, str]
) -> dict[str, Any]:
    """What of the book's pages is not here, and the numbers of all equations."""
    equations = [one[1] for page in whole.values() for one in EQUATION.finditer(joined(page))]
    numbers = {label: str(count) for count, label in enumerate(equations, 1)}
    every: dict[str, Any] = {}
    for name, page in whole.items():
        drawn = {label: {"anchor": label, "words": names[label]} for label in figures(page)}
        for label, one in (labels(joined(page), names, numbers) | drawn).items():
            every[label] = one | {"page": f"chapters/{name}"}
    for page in here.values():
        for label in [*labels(joined(page), names, numbers), *figures(page)]:
            del every[label]
    return {
        "labels": every,
        "pages": {
            f"chapters/{name}": f"“{title(joined(page))}”"
            for name, page in whole.items()
            if name not in here
        },
        "equations": {f"equation-{label}": number for label, number in numbers.items()},
    }
