"""Begin a chapter: all files that one needs, small and whole, so that book and tests take it.

    python -m tools.chapter my_topic

NAME is that of the file, in small letters with underscores. The chapter states something true of
the lecture's kernel, proves it, checks it, draws it with a slider, and asks one exercise. Put your
own in its place, piece by piece; after each the book still builds. What is written:

    chapters/NAME.ipynb                run, with its outputs
    chapters/wrong/NAME.toml, .json    wrong statements that its check catches, tried out
    ntklib/book/figures/NAME.py        its figure, and what the figure shows in words
    ntklib/book/answers/NAME.py        what its exercise expects
    _toc.yml, proofs/not.toml, chapters/names.toml    a line each, or a few
"""

import re
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
NAME = re.compile(r"[a-z]+(_[a-z]+)*")
TEMPLATE = Path(__file__).parent / "template"
# The page of the contents before which it stands, and why no machine has read its statement.
CLOSING = "chapters/closing"
REASON = "a closed form"


def files(root: Path, name: str) -> dict[Path, str]:
    """Path -> text of all that is new or changed, but for what programs write afterwards.

    Raises
    ------
    ValueError
        A name that is none, or is taken.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"NAME must be small letters with underscores, got {name!r}")
    new = {
        root / "chapters" / f"{name}.ipynb": "chapter.md",
        root / "chapters" / "wrong" / f"{name}.toml": "wrong.toml",
        root / "ntklib" / "book" / "figures" / f"{name}.py": "figures.py",
        root / "ntklib" / "book" / "answers" / f"{name}.py": "answers.py",
    }
    if taken := [path for path in new if path.exists()]:
        raise ValueError(f"NAME must be new, but there is {taken[0].relative_to(root)}")
    texts = {
        path: filled((TEMPLATE / part).read_text(encoding="utf-8"), name)
        for path, part in new.items()
    }
    page = next(iter(new))
    texts[page] = notebook(texts[page])
    contents, unread = root / "_toc.yml", root / "proofs" / "not.toml"
    return texts | {
        contents: with_page(contents.read_text(encoding="utf-8"), name),
        unread: with_reason(unread.read_text(encoding="utf-8"), filled("prp-LABEL-length", name)),
    }


def filled(text: str, name: str) -> str:
    """A template with the names of a chapter."""
    title = name.replace("_", " ").capitalize()
    return (
        text.replace("TITLE", title).replace("LABEL", name.replace("_", "-")).replace("FILE", name)
    )


def with_page(contents: str, name: str) -> str:
    """The table of contents with a page more, before that which closes the chapters."""
    before = f"      - file: {CLOSING}\n"
    if contents.count(before) != 1:
        raise ValueError(f"_toc.yml must have {CLOSING} once, found {contents.count(before)}")
    return contents.replace(before, f"      - file: chapters/{name}\n{before}")


def with_reason(unread: str, label: str) -> str:
    """The reasons why no machine has read a statement, with one more label."""
    pattern = rf'(name = "{REASON}"\nbecause = .*\nlabels = \[.*)\]'
    changed, count = re.subn(pattern, rf'\1, "{label}"]', unread)
    if count != 1:
        raise ValueError(f"proofs/not.toml must have one reason {REASON!r}, found {count}")
    return changed


def notebook(text: str) -> str:
    """The chapter before it is run, from cells that begin with +++ and their kind.

    A kind that is neither is the name of the figure that a cell of code shows; its caption comes
    behind it.
    """
    cells = []
    for part in re.split(r"^\+\+\+ ", text, flags=re.MULTILINE)[1:]:
        head, _, source = part.partition("\n")
        kind, _, caption = head.partition(" ")
        if kind == "markdown":
            cells.append(nbformat.v4.new_markdown_cell(source.strip()))
            continue
        figure = {"mystnb": {"figure": {"name": kind, "caption": caption}}} if caption else {}
        cells.append(nbformat.v4.new_code_cell(source.strip(), metadata=figure))
    return str(nbformat.writes(nbformat.v4.new_notebook(cells=cells), version=4)) + "\n"


def main(name: str) -> None:
    """Write the files, run the chapter, try its wrong statements out, give it numbers."""
    try:
        texts = files(ROOT, name)
    except ValueError as error:
        sys.exit(str(error))
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    for command in (
        ("tools/notebooks.py", name),
        ("-m", "tools.wrong", name),
        ("-m", "tools.names"),
    ):
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
    print(f"chapters/{name}.ipynb is in the contents; python do.py book shows it")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
