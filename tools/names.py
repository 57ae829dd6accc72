"""Give each statement, figure and exercise its permanent name, in `chapters/names.toml`.

    python -m tools.names                          names for what has none
    python -m tools.names --check                  only say what is wrong
    python -m tools.names --reworded LABEL "WHY"   its words have changed, not its meaning
    python -m tools.names --renumber               count anew, before an edition is sealed

A name is a kind and a number. What is put into a page takes the number before it with a letter
(Lemma 23a); a new page, or what is put behind all else, takes the next free numbers. A name that is
given is never changed, and one whose label leaves the book is kept, so that no other gets it.

`since` is the version that first had the label, or "unreleased". Of what has been released the
table keeps a digest of the statement's text, from the day on which the table was begun. Where the
text changes, the new digest stands below the old one with the reason: that it was only reworded, or
the number of the erratum in `chapters/errata.yml` that says what was wrong. When CHANGELOG.md has
no section of unreleased changes, the program puts the version for "unreleased" and seals it: from
then on the check also fails for who edits an old line of the table by hand.
"""

import argparse
import hashlib
import json
import re
import string
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path("chapters", "names.toml")
UNRELEASED = "unreleased"
# Statements have one counter, figures and exercises one each.
OTHERS = ("Figure", "Exercise")
BLOCK = re.compile(
    r"^(?P<fence>`{3,})\{(?P<kind>prf:(?!proof|ref)\w+|exercise|figure)\} *(?P<title>.*)\n"
    r"(?P<options>(?::[\w-]+:.*\n)*)(?P<text>(?:.*\n)*?)(?P=fence) *$",
    re.MULTILINE,
)
LABEL = re.compile(r"^:(?:label|name): *(\S+)", re.MULTILINE)
# What breaks a line changes no meaning.
LAYOUT = re.compile(r"\\phonebreak(?![A-Za-z])|\s+")

Table = dict[str, dict[str, dict[str, Any]]]


class Found(NamedTuple):
    """What a page numbers: its page, label, kind, and the digest of a statement's text."""

    page: str
    label: str
    kind: str
    text: str


# ---- The book ------------------------------------------------------------------------------------


def digest(text: str) -> str:
    """Changes with the words and the formulas, and not with the lines they stand on."""
    return hashlib.sha256(LAYOUT.sub("", text).encode()).hexdigest()[:12]


def blocks(source: str, page: str) -> list[Found]:
    """What the Markdown of a page numbers, in its order."""
    found = []
    for block in BLOCK.finditer(source + "\n"):
        label = LABEL.search(block["options"])
        if label is None:
            raise ValueError(f"{page}: {block['kind']} {block['title']!r} has no label")
        kind = block["kind"].removeprefix("prf:").capitalize()
        text = "" if kind in OTHERS else digest(f"{block['title']}\n{block['text']}")
        found.append(Found(page, label[1], kind, text))
    return found


def numbered(path: Path, page: str) -> list[Found]:
    """What a page numbers, in its order: also the figures that its cells name."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return blocks(text, page)
    found = []
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "markdown":
            found += blocks("".join(cell["source"]), page)
        elif label := cell["metadata"].get("mystnb", {}).get("figure", {}).get("name"):
            found.append(Found(page, label, "Figure", ""))
    return found


def book(root: Path) -> list[Found]:
    """All that the book numbers, in the order of its table of contents."""
    contents = (root / "_toc.yml").read_text(encoding="utf-8")
    found = []
    for page in re.findall(r"(?:root|file): (\S+)", contents):
        path = next(p for p in (root / f"{page}.ipynb", root / f"{page}.md") if p.is_file())
        found += numbered(path, page)
    return found


def release(root: Path) -> str:
    """The version, or "unreleased" where the changelog has changes that are not released."""
    if "\n## Unreleased" in (root / "CHANGELOG.md").read_text(encoding="utf-8"):
        return UNRELEASED
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


# ---- The table -----------------------------------------------------------------------------------


def read(root: Path) -> tuple[Table, dict[str, str]]:
    """The pages of the table, and the seals of the editions."""
    path = root / TABLE
    pages = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return pages, pages.pop("sealed", {})


def errata(root: Path) -> dict[str, set[str]]:
    """Number of an erratum -> the labels that it is about."""
    path = root / "chapters" / "errata.yml"
    listed = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else []
    return {str(one["number"]): set(one["where"]) for one in listed}


def seal(pages: Table, version: str) -> str:
    """Changes with every name that an edition had: its page, its label, its kind and number."""
    order = versions(pages)
    lines = [
        f"{page} {label} {one['name']}"
        for page, labels in pages.items()
        for label, one in labels.items()
        if one["since"] in order[: order.index(version) + 1]
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def versions(pages: Table) -> list[str]:
    """The versions of the table, the oldest first, without the unreleased."""
    found = {one["since"] for labels in pages.values() for one in labels.values()} - {UNRELEASED}
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def written(pages: Table, sealed: dict[str, str]) -> str:
    """The table as it stands in its file."""
    lines = [HEAD]
    for page, labels in pages.items():
        lines.append(f'\n["{page}"]')
        for label, one in labels.items():
            own = {key: value for key, value in one.items() if key != "text"}
            words = [f"{key} = {json.dumps(value)}" for key, value in own.items()]
            if texts := one.get("text"):
                tail = "".join(f",\n  {json.dumps(text, ensure_ascii=False)}" for text in texts[1:])
                words.append(f"text = [{json.dumps(texts[0])}{tail}]")
            lines.append(f"{label} = {{ {', '.join(words)} }}")
    lines += ["\n[sealed]", *(f'"{version}" = "{mark}"' for version, mark in sealed.items())]
    return "\n".join(lines) + "\n"


HEAD = """\
# The permanent names of statements, figures and exercises; written by `python do.py names`, which
# says what each part means (tools/names.py). A line that an edition has is never changed."""


# ---- Numbers -------------------------------------------------------------------------------------


def counter(kind: str) -> str:
    """Which things are counted together."""
    return kind if kind in OTHERS else "Statement"


def parted(name: str) -> tuple[int, str]:
    """Number and letters of a name."""
    match = re.fullmatch(r"[A-Z][a-z]+ (\d+)([a-z]*)", name)
    if match is None:
        raise ValueError(f"a name must be a kind and a number, such as Lemma 23a, got {name!r}")
    return int(match[1]), match[2]


def letters(count: int) -> str:
    """The letters of the first, second, ... that was put in behind a number: a to z, aa, ab, ..."""
    most, last = divmod(count - 1, 26)
    return (letters(most) if most else "") + string.ascii_lowercase[last]


def updated(pages: Table, found: list[Found], version: str) -> Table:
    """The table with a name for all that the book numbers; nothing that it has is changed."""
    names = {label: one["name"] for labels in pages.values() for label, one in labels.items()}
    kinds = {name: counter(name.split()[0]) for name in names.values()}
    taken: dict[str, set[tuple[int, str]]] = {}
    for name, kind in kinds.items():
        taken.setdefault(kind, set()).add(parted(name))
    known = {(one.page, counter(one.kind)) for one in found if one.label in names}
    for i, one in enumerate(found):
        if one.label in names:
            continue
        kind = counter(one.kind)
        alike = [other for other in found if counter(other.kind) == kind]
        later = {other.label for other in found[i + 1 :]}
        used = taken.setdefault(kind, set())
        if (one.page, kind) not in known or not any(
            other.label in names for other in alike if other.label in later
        ):
            value = (max((number for number, _ in used), default=0) + 1, "")
        else:
            beside = [other for other in alike if other.page == one.page and other.label in names]
            before = [other for other in beside if other.label not in later]
            base = (
                parted(names[before[-1].label])[0]
                if before
                else parted(names[beside[0].label])[0] - 1
            )
            value = next(
                (base, letters(k)) for k in range(1, 10**6) if (base, letters(k)) not in used
            )
        used.add(value)
        names[one.label] = f"{one.kind} {value[0]}{value[1]}"
    return _arranged(pages, found, names, version)


def _arranged(pages: Table, found: list[Found], names: dict[str, str], version: str) -> Table:
    """Pages and labels in the order of the book; what has left a page stands at the page's end."""
    old = {label: one for labels in pages.values() for label, one in labels.items()}
    new: Table = {}
    for one in found:
        entry = dict(old.get(one.label, {"name": names[one.label], "since": UNRELEASED}))
        if entry["since"] == UNRELEASED and version != UNRELEASED:
            entry["since"] = version
        if one.text and entry["since"] != UNRELEASED and "text" not in entry:
            entry["text"] = [one.text]
        new.setdefault(one.page, {})[one.label] = entry
    here = {one.label for one in found}
    for page, labels in pages.items():
        for label, entry in labels.items():
            if label not in here and entry["since"] != UNRELEASED:
                new.setdefault(page, {})[label] = entry | {"gone": entry.get("gone", version)}
    return new


def renumbered(pages: Table, found: list[Found]) -> Table:
    """The table with numbers as if nothing had ever been put in or taken out."""
    fresh = updated({}, found, UNRELEASED)
    return {
        page: {
            label: one | {"name": fresh[page][label]["name"]}
            for label, one in labels.items()
            if label in fresh.get(page, {})
        }
        for page, labels in pages.items()
    }


# ---- What is wrong -------------------------------------------------------------------------------


def faults(
    pages: Table,
    sealed: dict[str, str],
    found: list[Found],
    listed: dict[str, set[str]],
    version: str,
) -> list[str]:
    """Where book and table differ, and where the table has lost what it must keep."""
    entries = {
        label: (page, one) for page, labels in pages.items() for label, one in labels.items()
    }
    told = []
    for one in found:
        page, entry = entries.get(one.label, ("", {}))
        if not entry:
            told.append(f"{one.label} has no name: run python do.py names")
            continue
        if page != one.page:
            told.append(f"{one.label} has moved from {page} to {one.page}: links to it would break")
        if entry["name"].split()[0] != one.kind:
            told.append(f"{one.label} is called {entry['name']}, and has become a {one.kind}")
        if (
            one.text
            and entry["since"] != UNRELEASED
            and entry.get("text", [""])[-1][:12] != one.text
        ):
            told.append(
                f"the text of {one.label} has changed: if it was wrong, write an erratum and run "
                f"python -m tools.names; if not, python -m tools.names --reworded {one.label} WHY"
            )
        if "gone" in entry:
            told.append(f"{one.label} is there, and the table says that it is gone")
    about = set().union(*listed.values()) if listed else set()
    here = {one.label for one in found}
    for label, (_, entry) in entries.items():
        if label not in here and not ("gone" in entry and label in about):
            told.append(f"{label} has left the book: write an erratum, run python do.py names")
        if entry["since"] == UNRELEASED != version:
            told.append(f"{label} is released with {version}: run python do.py names")
        for text in entry.get("text", [])[1:]:
            reason = re.fullmatch(r"[0-9a-f]{12} (?:reworded: \S.*|erratum: (\d+))", text)
            if reason is None or (reason[1] and label not in listed.get(reason[1], ())):
                told.append(f"{label}: a changed text needs a reason or its erratum, got {text!r}")
    names = [(counter(one["name"].split()[0]), parted(one["name"])) for _, one in entries.values()]
    told += [f"two have the name {one}" for one in sorted(set(names)) if names.count(one) > 1]
    for edition, mark in sealed.items():
        if edition not in versions(pages) or seal(pages, edition) != mark:
            told.append(f"a name of version {edition} was changed or dropped from {TABLE.name}")
    return told


def reworded(pages: Table, found: list[Found], label: str, why: str) -> None:
    """Write down that the text of a statement has changed, and why."""
    text = {one.label: one.text for one in found}.get(label)
    entry = next((labels[label] for labels in pages.values() if label in labels), {})
    if not text or "text" not in entry:
        raise ValueError(f"--reworded needs a released statement, got {label!r}")
    entry["text"].append(f"{text} {why}")


def mended(pages: Table, found: list[Found], listed: dict[str, set[str]]) -> None:
    """Write down which changed texts an erratum speaks of that no earlier change has taken."""
    for one in found:
        entry = pages.get(one.page, {}).get(one.label, {})
        texts = entry.get("text", [])
        if texts and one.text and texts[-1][:12] != one.text:
            spent = {text.split(": ")[1] for text in texts[1:] if " erratum: " in text}
            fresh = [n for n, labels in listed.items() if one.label in labels and n not in spent]
            if fresh:
                texts.append(f"{one.text} erratum: {fresh[-1]}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say what is wrong")
    parser.add_argument("--reworded", nargs=2, metavar=("LABEL", "WHY"))
    parser.add_argument("--renumber", action="store_true", help="count anew, if nothing is sealed")
    asked = parser.parse_args(arguments)
    pages, sealed = read(ROOT)
    found, listed, version = book(ROOT), errata(ROOT), release(ROOT)
    if asked.renumber:
        if sealed:
            sys.exit(f"--renumber: the names of version {list(sealed)[-1]} are sealed")
        pages = renumbered(pages, found)
    if asked.reworded:
        reworded(pages, found, asked.reworded[0], f"reworded: {asked.reworded[1]}")
    if not asked.check:
        mended(pages, found, listed)
        pages = updated(pages, found, version)
        if version != UNRELEASED and version not in sealed and version in versions(pages):
            sealed[version] = seal(pages, version)
        text = written(pages, sealed)
        (ROOT / TABLE).write_text(text, encoding="utf-8", newline="\n")
    if told := faults(pages, sealed, found, listed, version):
        sys.exit("\n".join(told))


if __name__ == "__main__":
    main()
