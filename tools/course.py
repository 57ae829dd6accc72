"""A course made of chapters of the book: its sources, from the book's and a `course.yml`.

    python -m tools.course course.yml

`make course` (`python do.py course`) builds them. `tools/template/course.yml` is an example in
which each key is explained. What is written into `_build/course/source` is a book for the same
website extension: the chapters that are kept, without the sections and the exercises that are not,
a first page with the plan, the pages beside the text, and `absent.json`, from which references to
what has been left out get their words (website/absent.py). Numbers stay those of the book.

The code of kept chapters is not touched, so that what a build of the book has executed serves here:
cells that belong to what is left out are hidden, and run all the same where later ones need them.
"""

import datetime
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tools.course_parts import (
    Page,
    absent,
    cells,
    cut,
    exercises,
    headings,
    joined,
    named,
    others,
    pages,
    reduced,
    sections,
    title,
    written,
)

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "_build" / "course"
FIRST = "course"
# Beside the text of every course: they show what is there.
BESIDE = ("api", "notation", "map", "ledger", "proofs", "bibliography", "about")
# What is taken as it is.
COPIED = (
    *("README.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "LICENSE-TEXT", "pyproject.toml"),
    *("editions.toml", "ntklib", "website/assets", "website/templates", "benchmarks"),
    *("chapters/references.bib", "chapters/names.toml", "chapters/decisions.toml"),
    *("chapters/errata.yml", "chapters/takes.toml"),
)
KEYS = {
    "title": str,
    "term": str,
    "institution": str,
    "book": str,
    "chapters": list,
    "without": dict,
    "exercises": list,
    "dates": dict,
}


class Course(NamedTuple):
    """What course.yml says; chapters by their short names, such as ``span``, in their order."""

    title: str
    chapters: list[str]
    term: str = ""
    institution: str = ""
    book: str = ""
    without: Mapping[str, list[str]] = {}
    exercises: list[str] | None = None
    dates: Mapping[str, datetime.date] = {}


# ---- course.yml ----------------------------------------------------------------------------------


def read(text: str, root: Path, address: str = "") -> Course:
    """What a course.yml says.

    Parameters
    ----------
    text : str
        The file.
    root : Path
        The folder of the book, which must have what the file names.
    address : str
        Where the full book is, if the file does not say.

    Raises
    ------
    ValueError
        A key or a value that is none of what can be there: named, with what can.
    """
    said = yaml.safe_load(text)
    if not isinstance(said, dict):
        raise ValueError(f"a course must have keys such as 'title', got {said!r}")
    for key, value in said.items():
        if key not in KEYS:
            raise ValueError(f"unknown {key!r}; there are {_listed(KEYS)}")
        if not isinstance(value, KEYS[key]) or not value:
            kind = {str: "a text", list: "a list", dict: "a table"}[KEYS[key]]
            raise ValueError(f"{key!r} must be {kind}, and not empty, got {value!r}")
    if missing := [key for key in ("title", "chapters") if key not in said]:
        raise ValueError(f"{missing[0]!r} is missing; a course needs a title and chapters")
    course = Course(**dict[str, Any]({"book": address} | said))
    if course.book and not course.book.startswith(("http://", "https://")):
        raise ValueError(f"'book' must be an address with http, got {course.book!r}")
    _check(course, pages(root))
    return course._replace(book=course.book and course.book.rstrip("/") + "/")


def _check(course: Course, book: Mapping[str, Path]) -> None:
    """All that a course names is there, and kept."""
    free = [name for name in book if name not in BESIDE]
    for name in course.chapters:
        if name in BESIDE:
            raise ValueError(f"'chapters': {name!r} is a page of every course")
        if name not in free:
            raise ValueError(f"'chapters': there is no {name!r}; there are {_listed(free)}")
        if course.chapters.count(name) > 1:
            raise ValueError(f"'chapters': {name!r} is there twice")
    for name, dropped in course.without.items():
        if name not in course.chapters:
            raise ValueError(
                f"'without': {name!r} is not kept; kept are {_listed(course.chapters)}"
            )
        there = [words for _, level, words in headings(joined(cells(book[name]))) if level > 1]
        if not isinstance(dropped, list) or not dropped:
            raise ValueError(f"'without': {name!r} needs a list of sections, got {dropped!r}")
        for section in dropped:
            if there.count(section) != 1:
                raise ValueError(
                    f"'without': {name!r} has no section {section!r}; it has {_listed(there)}"
                )
    every = {label: name for name in free for label in exercises(joined(cells(book[name])))}
    kept = {
        label
        for name in course.chapters
        for text in [joined(cells(book[name]))]
        for label in exercises(cut(text, sections(text, course.without.get(name, ()))))
    }
    for label in course.exercises or ():
        if label not in every:
            raise ValueError(
                f"'exercises': there is no {label!r}; labels look like {next(iter(every))!r}"
            )
        if label not in kept:
            raise ValueError(
                f"'exercises': {label!r} is of a part of {every[label]!r} that is not kept; kept "
                f"are {_listed(course.chapters)}"
            )
    dated = [*course.chapters, *(kept if course.exercises is None else course.exercises)]
    for name, day in course.dates.items():
        if name not in dated:
            raise ValueError(
                f"'dates': {name!r} is neither a chapter nor an exercise of the course"
            )
        if not isinstance(day, datetime.date):
            raise ValueError(f"'dates': {name!r} needs a day such as 2027-04-05, got {day!r}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


# ---- The folder ----------------------------------------------------------------------------------


def files(root: Path, course: Course, *, solutions: bool = True) -> dict[str, str]:
    """Path -> text of all that the folder of a course has but what is copied.

    Parameters
    ----------
    root : Path
        The folder of the book.
    course : Course
    solutions : bool
        Whether the solutions of exercises are kept.
    """
    book = pages(root)
    whole = {name: cells(path) for name, path in book.items()}
    here = {name: whole[name] for name in (*course.chapters, *BESIDE)}
    lacking = []
    texts = {}
    for name in here:
        path, text = book[name], joined(whole[name])
        dropped = sections(text, course.without.get(name, ()))
        gone = others(text, course.exercises, solutions)
        source = path.read_text(encoding="utf-8")
        if dropped or gone:
            lacking.append(f"chapters/{name}")
            here[name] = reduced(whole[name], dropped, gone)
            source = written(source, here[name], path.suffix)
        texts[f"chapters/{path.name}"] = source
        tried = Path("chapters", "wrong", f"{name}.json")
        if (root / tried).is_file():
            texts[tried.as_posix()] = (root / tried).read_text(encoding="utf-8")
    away = absent(whole, here, named(root)) | {"book": course.book, "cut": lacking}
    configuration = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return texts | {
        "absent.json": json.dumps(away, ensure_ascii=False, indent=1) + "\n",
        "_config.yml": config(configuration, course, root),
        "_toc.yml": contents(course),
        f"{FIRST}.md": first(course, configuration["title"], here, book),
        **read_by_a_machine(root, set(away["labels"])),
    }


def config(book: dict[str, Any], course: Course, root: Path) -> str:
    """The settings of the book, with the course's title, and what the book has executed.

    The title of the printed course is that of its first page.
    """
    html = book.get("html", {}) | {"baseurl": ""}
    execute = book.get("execute", {}) | {"cache": str(root / "_build" / ".jupyter_cache")}
    printed = [[FIRST, "kernels.tex", "", book.get("author", ""), "manual"]]
    sphinx = book.get("sphinx", {})
    settings = sphinx.get("config", {}) | {"latex_documents": printed}
    new = book | {
        "title": course.title,
        "html": html,
        "execute": execute,
        "sphinx": sphinx | {"config": settings},
    }
    return str(yaml.safe_dump(new, allow_unicode=True, sort_keys=False))


def contents(course: Course) -> str:
    """The table of contents."""
    parts = {"Chapters": course.chapters, "Beside the text": BESIDE}
    listed = [
        {"caption": caption, "chapters": [{"file": f"chapters/{name}"} for name in names]}
        for caption, names in parts.items()
    ]
    return str(yaml.safe_dump({"format": "jb-book", "root": FIRST, "parts": listed}))


def first(course: Course, book: str, here: Mapping[str, Page], paths: Mapping[str, Path]) -> str:
    """The first page: what the course is, its plan, what to take home."""
    whose = ", ".join(filter(None, (course.term, course.institution)))
    source = f"[*{book}*]({course.book})" if course.book else f"*{book}*"
    where = " and linked there" if course.book else ""
    chapters = [
        (name, f"[{title(joined(here[name]))}](chapters/{paths[name].name})")
        for name in course.chapters
    ]
    lines = [f"# {course.title}", whose, ORIGIN.format(source=source, where=where)]
    lines += ["## Plan", table(("Day", "Chapter"), chapters, course.dates)]
    if course.exercises is not None:
        tasks = [(label, f"{{ref}}`{label}`") for label in course.exercises]
        lines += ["## Exercises", table(("Due", "Exercise"), tasks, course.dates)]
    return "\n\n".join(filter(None, [*lines, "## To take home", "```{take-away}\n```"])) + "\n"


ORIGIN = (
    "The chapters are those of {source}. Statements, figures, equations and exercises have the "
    "numbers that they have there. What the course leaves out is named by its number and its "
    "title{where}."
)


def table(
    head: tuple[str, str], rows: Iterable[tuple[str, str]], dates: Mapping[str, datetime.date]
) -> str:
    """Rows with their days; a list where none has one."""
    listed = list(rows)
    if not any(name in dates for name, _ in listed):
        return "\n".join(f"- {words}" for _, words in listed)
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    for name, words in listed:
        day = f"{dates[name].day} {dates[name]:%B %Y}" if name in dates else ""
        lines.append(f"| {day} | {words} |")
    return "\n".join(lines)


def read_by_a_machine(root: Path, away: set[str]) -> dict[str, str]:
    """Path -> text of the folder proofs without what is said of statements that are not there."""
    home = root / "proofs"
    texts = {f"proofs/{path.name}": path.read_text(encoding="utf-8") for path in home.glob("*.v")}
    for path in home.glob("states/*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        record["theorems"] = [one for one in record["theorems"] if one["label"] not in away]
        texts[f"proofs/states/{path.name}"] = json.dumps(record, ensure_ascii=False)
    for name, kind in (("not.toml", "reason"), ("words.toml", "sentence")):
        rows = tomllib.loads((home / name).read_text(encoding="utf-8"))[kind]
        kept = []
        for row in rows:
            if "labels" in row:
                row["labels"] = [label for label in row["labels"] if label not in away]
            if row.get("labels") or row.get("label", next(iter(away), "")) not in away:
                kept.append(row)
        texts[f"proofs/{name}"] = "\n".join(_row(kind, row) for row in kept) or f"{kind} = []\n"
    return texts


def _row(kind: str, row: Mapping[str, Any]) -> str:
    """A row of a table in TOML, which Python reads and does not write."""

    def value(one: Any) -> str:
        if isinstance(one, dict):
            return "{ " + ", ".join(f"{key} = {value(own)}" for key, own in one.items()) + " }"
        return json.dumps(one, ensure_ascii=False)

    lines = (f"{key} = {value(one)}" for key, one in row.items())
    return "\n".join([f"[[{kind}]]", *lines, ""])


def make(root: Path, out: Path, course: Course, *, solutions: bool = True) -> None:
    """Write the folder of a course, from nothing."""
    shutil.rmtree(out, ignore_errors=True)
    unneeded = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        source, target = root / name, out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=unneeded)
        elif source.is_file():
            shutil.copyfile(source, target)
    for path in () if solutions else (out / "ntklib" / "book" / "answers").glob("[!_]*.py"):
        path.unlink()
    for name, text in files(root, course, solutions=solutions).items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text, encoding="utf-8", newline="\n")


def main(path: str) -> None:
    """Write the sources of a course."""
    book = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    address = os.environ.get("BOOK_URL") or book["html"]["baseurl"]
    solutions = os.environ.get("SOLUTIONS") or "yes"
    try:
        if solutions not in ("yes", "no"):
            raise ValueError(f"SOLUTIONS may be yes or no, got {solutions!r}")
        course = read(Path(path).read_text(encoding="utf-8"), ROOT, address)
    except (OSError, ValueError, yaml.YAMLError) as error:
        sys.exit(f"{path}: {error}")
    make(ROOT, OUT / "source", course, solutions=solutions == "yes")
    subprocess.run([sys.executable, "tools/execute.py", *course.chapters], cwd=ROOT, check=True)
    shutil.copyfile(ROOT / "_build" / ".executed-with", OUT / ".executed-with")
    if solutions == "yes" and (ROOT / "_build" / "live").is_dir():
        shutil.copytree(ROOT / "_build" / "live", OUT / "live", dirs_exist_ok=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
