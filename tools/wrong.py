"""Show what each check of a chapter would catch: wrong statements, tried out.

    python -m tools.wrong limit                    try them, write the record for the ledger
    python -m tools.wrong limit --only prp-series  try those of one statement, print what is found
    python -m tools.wrong limit --check            see that what is on record still turns red

`chapters/wrong/NAME.toml` has an entry for each check of the chapter, found by label and claim:

    [[check]]
    label = "prp-series"
    claim = "the odd part of kappa is t/4"
    [[check.wrong]]
    says = "{c} t/4 for t/4"
    find = "- t / 2"
    put = "- {c} * t / 2"

The chapter runs up to the latest cell, not after that of the check, in which `find` stands (without
one: to that of the check). There a forked process puts `put` in its place, runs `before` if that
is given (to replace a function), and goes on until this check is done; it must turn red. In place
of `{c}` stand factors: what is recorded are those nearest to one that turn red. `find` without
`put` only names the cell.

A check is a test of its statement if something structural turns it red, or a factor from .67 to
1.5. If not, the entry says why as `illustration`, and the ledger calls the check that.
Needs a system that can fork.
"""

import argparse
import contextlib
import io
import itertools
import json
import os
import pickle
import sys
import tomllib
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

import ntklib.book
from ntklib.book.checks import CheckFailed
from tools.reseed import without_figures

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"
# From far to near. Beyond the first two a factor says how loose the bound is.
ABOVE = (10.0, 3.0, 1.5, 1.2, 1.1, 1.05, 1.02, 1.01, 1.001)
BELOW = (0.1, 0.33, 0.67, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
NEAR = (0.67, 1.5)

Key = tuple[str, str]


class Wrong(NamedTuple):
    """A wrong version of a statement, as an edit of a chapter."""

    says: str
    find: str = ""
    put: str | None = None
    before: str = ""

    @property
    def has_factor(self) -> bool:
        """Whether a constant is wrong by a factor to be looked for."""
        return "{c}" in (self.put or "") + self.before


class Entry(NamedTuple):
    """What is said of one check."""

    key: Key
    wrong: list[Wrong]
    illustration: str = ""


class _Red(BaseException):
    """The check that was looked for fails."""


class _Done(BaseException):
    """The check that was looked for holds."""


def entries(name: str) -> list[Entry]:
    """The entries of a chapter, in order."""
    path = CHAPTERS / "wrong" / f"{name}.toml"
    found = tomllib.loads(path.read_text(encoding="utf-8"))["check"]
    return [
        Entry(
            (one["label"], one["claim"]),
            [Wrong(**wrong) for wrong in one.get("wrong", [])],
            one.get("illustration", ""),
        )
        for one in found
    ]


def cells(name: str) -> list[str]:
    """The code cells of a chapter."""
    notebook = nbformat.read(CHAPTERS / f"{name}.ipynb", as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def in_child(task: Callable[[], Any]) -> Any:
    """What a task returns in a forked process, which leaves no trace here."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = pickle.dumps((task(), ""))
        except BaseException:
            answer = pickle.dumps((None, traceback.format_exc()))
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    result, error = pickle.loads(answer)
    if error:
        raise RuntimeError(error)
    return result


def run(source: str, names: dict[str, Any]) -> None:
    """Run a cell without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, "<cell>", "exec"), names)


def recording(found: dict[Key, int], here: Callable[[], int]) -> Callable[..., None]:
    """A check that only notes that it is called, and in which cell."""

    def check(label: str, claim: str, **_: Any) -> None:
        if (label, claim) in found:
            raise ValueError(f"two checks of {label} claim: {claim}")
        found[label, claim] = here()

    return check


def checks_of(sources: list[str]) -> dict[Key, int]:
    """Which checks the chapter runs, in order, and in which cell."""
    found: dict[Key, int] = {}
    at = 0
    ntklib.book.check = recording(found, lambda: at)
    names: dict[str, Any] = {"__name__": "__main__"}
    for at, source in enumerate(sources):  # noqa: B007 - read by the check
        run(source, names)
    return found


def place(wrong: Wrong, sources: list[str], last: int) -> int:
    """The cell that is edited."""
    for index in range(last, -1, -1):
        if not wrong.find or wrong.find in sources[index]:
            if wrong.find and sources[index].count(wrong.find) > 1:
                raise ValueError(f"{wrong.find!r} stands more than once in:\n{sources[index]}")
            return index
    raise ValueError(f"no cell up to that of the check has {wrong.find!r}")


def turns_red(
    key: Key, edited: list[str], names: dict[str, Any], before: str, factor: float | None
) -> bool:
    """Whether a check fails in these cells, the first of which is wrong. Runs in a child."""

    def check(label: str, claim: str, **bound: Any) -> None:
        sought = (label, claim) == key
        try:
            right(label, claim, **bound)
        except CheckFailed:
            if sought:
                raise _Red from None
        if sought:
            raise _Done

    right = ntklib.book.checks.check
    ntklib.book.check = names["check"] = check
    try:
        for source in [before, *edited]:
            run(source.replace("{c}", repr(factor)) if factor else source, names)
    except _Red:
        return True
    except _Done:
        return False
    raise ValueError(f"the check {key} was not run")


def nearest(reds: Callable[[float], bool], factors: tuple[float, ...]) -> float | None:
    """The factor nearest to one that turns red, if those before it do, too."""
    near = itertools.takewhile(reds, factors[2:])
    found = list(near)
    if found:
        return found[-1]
    return next((factor for factor in reversed(factors[:2]) if reds(factor)), None)


def judge(entry: Entry, cell: int, found: list[list[float]]) -> dict[str, Any]:
    """The record of a check, or an error: it catches nothing near, and nobody said so."""
    label, claim = entry.key
    caught = [(wrong, factors) for wrong, factors in zip(entry.wrong, found, strict=True)]
    for wrong, factors in caught:
        if wrong.has_factor and not factors:
            raise ValueError(f"no factor turns {label!r} ({claim}) red: {wrong.says}")
    near = any(not wrong.has_factor for wrong in entry.wrong) or any(
        NEAR[0] <= factor <= NEAR[1] for factors in found for factor in factors
    )
    if near == bool(entry.illustration):
        words = "is a test, not an illustration" if near else "catches nothing near: say why"
        raise ValueError(f"the check of {label!r} ({claim}) {words}")
    said = [{"says": say(one, factors), "factors": factors} for one, factors in caught]
    return {
        "label": label,
        "claim": claim,
        "cell": cell,
        "wrong": said,
        "illustration": entry.illustration,
    }


def say(wrong: Wrong, factors: list[float]) -> str:
    """A wrong statement in words, with its factors."""
    return wrong.says.replace("{c}", " or ".join(f"{factor:g}" for factor in factors))


def match(name: str, listed: list[Entry], where: dict[Key, int]) -> None:
    """Each check has its entry, each entry its check, in the same order."""
    keys = [entry.key for entry in listed]
    if keys != list(where):
        missing = [key for key in where if key not in keys]
        extra = [key for key in keys if key not in where]
        words = (
            f"without entry {missing}, without check {extra}" if missing + extra else "the order"
        )
        raise ValueError(f"chapters/wrong/{name}.toml against the checks of {name}: {words}")


def try_out(
    name: str, record: list[dict[str, Any]] | None = None, only: str = ""
) -> list[dict[str, Any]]:
    """Try every wrong version of a chapter, with a record only the factors in it; the record.

    With a record the chapter runs once: where its checks stand is taken from there, and compared.
    """
    sources, listed = cells(name), entries(name)
    if record is None:
        where = in_child(lambda: checks_of(sources))
    else:
        where = {(one["label"], one["claim"]): one["cell"] for one in record}
    if only:
        listed = [entry for entry in listed if entry.key[0] == only]
    else:
        match(name, listed, where)
    places = [
        [place(wrong, sources, where[entry.key]) for wrong in entry.wrong] for entry in listed
    ]
    found = [[list[float]() for _ in entry.wrong] for entry in listed]
    names: dict[str, Any] = {"__name__": "__main__"}
    errors = []
    seen: dict[Key, int] = {}
    here = 0
    ntklib.book.check = recording(seen, lambda: here)
    last = max((at for row in places for at in row), default=0)
    for here, source in enumerate(sources):
        for i, j in [
            (i, j) for i, at in enumerate(places) for j, one in enumerate(at) if one == here
        ]:
            key, wrong = listed[i].key, listed[i].wrong[j]
            edited = sources[here : where[key] + 1]
            if wrong.put is not None:
                edited[0] = source.replace(wrong.find, wrong.put)
            known = None if record is None else record[i]["wrong"][j]["factors"]
            red = partial(turns_red, key, edited, names, wrong.before)
            try:
                found[i][j] = tried(wrong, red, known)
            except (ValueError, RuntimeError) as error:
                errors.append(f"{key}, {wrong.says}: {error}")
        if here == last and record is None:
            break
        run(source, names)
    if record is not None and list(seen.items()) != list(where.items()):
        errors.insert(0, "the checks stand elsewhere than on record: run without --check")
    judged = []
    for entry, factors in zip(listed, found, strict=True):
        try:
            judged.append(judge(entry, where[entry.key], factors))
        except ValueError as error:
            errors.append(str(error))
    if errors:
        raise ValueError("\n".join([f"{name}:", *errors]))
    return judged


def tried(
    wrong: Wrong, red: Callable[[float | None], bool], known: list[float] | None
) -> list[float]:
    """The factors that turn a check red: those nearest to one, or those known; none needed: []."""

    def reds(factor: float | None) -> bool:
        return bool(in_child(partial(red, factor)))

    if wrong.has_factor and known is None:
        return [factor for side in (ABOVE, BELOW) if (factor := nearest(reds, side))]
    must: Sequence[float | None] = known or [] if wrong.has_factor else [None]
    green = [factor for factor in must if not reds(factor)]
    if green:
        raise ValueError(f"stays green {green if wrong.has_factor else ''}".strip())
    return known or []


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("names", nargs="*", help="chapters (default: all that have entries)")
    parser.add_argument("--only", default="", metavar="LABEL", help="print these, write nothing")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    args = parser.parse_args(argv)
    folder = CHAPTERS / "wrong"
    for name in args.names or sorted(path.stem for path in folder.glob("*.toml")):
        path = folder / f"{name}.json"
        record = json.loads(path.read_text(encoding="utf-8")) if args.check else None
        with without_figures():
            found = try_out(name, record, args.only)
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        if args.only:
            print(text)
            continue
        if args.check and found != record:
            print(f"{path}: not what is found now; run without --check", file=sys.stderr)
            return 1
        path.write_text(text, encoding="utf-8")
        tests = sum(not one["illustration"] for one in found)
        print(f"{name}: {tests} of {len(found)} checks are tests", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
