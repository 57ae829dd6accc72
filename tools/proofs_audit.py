"""Have Coq check every proof from nothing, and compare what is stated with what was recorded.

    python -m tools.proofs_audit            # needs Coq: all proofs, types and axioms
    python -m tools.proofs_audit --write    # records them anew, after a change that was meant

A statement in proofs/*.v is a theorem or lemma under a line

    (* statement: prp-span (1) "no training value changes" *)

with the book's label, the part if there is one, and what is stated in a few words. "(1 in part)",
or "(in part)" where parts have no numbers, says that less is stated than in the book. It is in the
file of its chapter, or in that with the suffix _analysis if it needs Coq's real numbers.

Recorded in proofs/statements.toml are, for each file, the SHA-256 of its text without comments and
proofs: definitions, hypotheses and statements; and for each statement that of its type as Coq
prints it. A proof may change freely; anything else shows.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROOFS, CHAPTERS = ROOT / "proofs", ROOT / "chapters"
# The version whose words for a type are recorded.
VERSION = "8.16.1"
# The axioms of Coq's real numbers, and of the libraries of analysis over them.
ALLOWED = frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)
# The machine's integers, with which interval arithmetic computes: operations, and what they do.
INTEGERS = ("PrimInt63.", "Uint63.")
# The notations in which types are printed.
QUESTIONS = """From mathcomp Require Import all_ssreflect all_algebra.
From NTK Require Import preface.
Import GRing.Theory Num.Theory.
Local Open Scope ring_scope."""
# What leaves a proof open, assumes without a section, or lets Coq look away.
_NEVER = re.compile(
    r"\b(Admitted|admit|give_up|Axioms?|Parameters?|Conjectures?|Abort|Declare\s+Module|Module\s+Type"
    r"|Unset\s+(?:Guard|Positivity|Universe)\s+Checking|bypass_check|Primitive|Extract)\b"
)
_SECTION = re.compile(
    r"\b(?:(?P<open>Section|Module)\s+\w+\s*\.|(?P<close>End)\s+\w+\s*\."
    r"|(?P<assume>Hypothes[ie]s|Variables?|Context|Let)\s)"
)
_STATEMENT = re.compile(
    r"\(\* statement: (?P<label>[a-z]+(?:-[a-z0-9]+)+)"
    r"(?: \((?P<part>[0-9, ]+(?: in part)?|in part)\))?"
    r' "(?P<says>[^"]+)" \*\)\n'
    r"(?:\(\* (?!statement:).*?\*\)\n)*(?:Theorem|Lemma) (?P<name>\w+)",
    re.DOTALL,
)
_PROOF = re.compile(r"\bProof\.(.*?)\b(?:Qed|Defined)\.", re.DOTALL)
_LABEL = re.compile(r":label: ([\w-]+)")


@dataclass(frozen=True)
class Statement:
    """One machine statement: the book's label, the part of it or "", its words, and where it is."""

    label: str
    part: str
    says: str
    file: str
    name: str


def without_comments(source: str) -> str:
    """The source without its comments, which may be nested; lines keep their numbers."""
    kept, depth, at = [], 0, 0
    for match in re.finditer(r'\(\*|\*\)|"(?:[^"]|"")*"', source):
        if depth == 0:
            kept.append(source[at : match.start()])
        else:
            kept.append("\n" * source.count("\n", at, match.start()))
        if match[0] == "(*":
            depth += 1
        elif match[0] == "*)":
            depth -= 1
        else:
            kept.append(match[0] if depth == 0 else "\n" * match[0].count("\n"))
        at = match.end()
    return "".join(kept) + source[at:]


def skeleton(source: str) -> str:
    """What a file states and assumes: no comments, no proofs, one space between words."""
    return " ".join(_PROOF.sub("Proof.", without_comments(source)).split())


def digest(text: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def files(folder: Path = PROOFS) -> list[Path]:
    """The files of proofs in the order in which Coq needs them, as _CoqProject lists them."""
    lines = (folder / "_CoqProject").read_text(encoding="utf-8").split("\n")
    return [folder / line for line in lines if line.endswith(".v")]


def statements(folder: Path = PROOFS) -> list[Statement]:
    """All machine statements, in the order of the files."""
    return [
        Statement(found["label"], found["part"] or "", found["says"], path.stem, found["name"])
        for path in files(folder)
        for found in _STATEMENT.finditer(path.read_text(encoding="utf-8"))
    ]


def labels(chapters: Path = CHAPTERS) -> dict[str, str]:
    """The chapter of each label of the book."""
    found = {}
    for path in sorted(chapters.glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for label in _LABEL.findall("".join(cell["source"])):
                found[label] = path.stem
    return found


def _open_assumptions(code: str) -> Iterator[str]:
    """Lines that assume something outside all sections."""
    depth = 0
    for match in _SECTION.finditer(code):
        if match["open"]:
            depth += 1
        elif match["close"]:
            depth -= 1
        elif depth == 0:
            line = code.count("\n", 0, match.start()) + 1
            yield f"{line}: {match['assume']} outside a section"


def source_faults(folder: Path = PROOFS, chapters: Path = CHAPTERS) -> list[str]:
    """What can be seen without Coq: open proofs, assumptions, labels, and unrecorded changes."""
    found = []
    known, recorded = labels(chapters), record(folder)
    listed = files(folder)
    for path in sorted(set(folder.glob("*.v")) - set(listed)):
        found.append(f"{path.name} is not in _CoqProject")
    for path in listed:
        source = path.read_text(encoding="utf-8")
        code = without_comments(source)
        for match in _NEVER.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            found.append(f"{path.name}:{line}: {match[0]} is not allowed")
        found += [f"{path.name}:{fault}" for fault in _open_assumptions(code)]
        marked, read = source.count("(* statement:"), len(_STATEMENT.findall(source))
        if marked != read:
            found.append(f"{path.name}: {marked - read} of {marked} statement lines cannot be read")
        if recorded["files"].get(path.stem) != digest(skeleton(source)):
            found.append(f"{path.name}: definitions or statements are not those recorded")
    stated = statements(folder)
    names = [statement.name for statement in stated]
    found += [
        f"{name} is stated twice" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    for one in stated:
        if one.label not in known:
            found.append(f"{one.file}.v: the book has no {one.label}")
        elif known[one.label] != one.file.removesuffix("_analysis"):
            found.append(f"{one.file}.v: {one.label} is of the chapter {known[one.label]}")
        if not one.name.startswith(one.label.replace("-", "_")):
            found.append(f"{one.file}.v: {one.name} does not begin with its label {one.label}")
    for name in sorted(set(names) ^ set(recorded["statements"])):
        found.append(f"{name} is {'not recorded' if name in names else 'recorded, but not stated'}")
    return found


def record(folder: Path = PROOFS) -> dict[str, dict[str, str]]:
    """What statements.toml says; empty tables where there is none."""
    path = folder / "statements.toml"
    read = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {"files": read.get("files", {}), "statements": read.get("statements", {})}


def _coqc(path: Path) -> tuple[str, str]:
    """What coqc prints on a file, and "" or the error that it ends with."""
    program = ["coqc", "-q", "-w", "none", "-R", ".", "NTK", path.name]
    done = subprocess.run(program, cwd=path.parent, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr.strip() if done.returncode else ""


def questions(stated: Iterable[Statement]) -> str:
    """A file of Coq that prints type and axioms of each statement, each under its name."""
    lines = [QUESTIONS, "Set Printing Width 100. Set Printing Depth 10000."]
    stated = list(stated)
    for name in dict.fromkeys(one.file for one in stated):
        lines.append(f"From NTK Require {name}.")
    for one in stated:
        whole = f"NTK.{one.file}.{one.name}"
        lines.append(f'Goal True. idtac "=== {one.name}". Abort. Check @{whole}.')
        lines.append(f'Goal True. idtac "--- axioms". Abort. Print Assumptions {whole}.')
    return "\n".join(lines) + "\n"


def answers(printed: str) -> dict[str, tuple[str, list[str]]]:
    """The type and the axioms of each statement, from what Coq printed to the questions."""
    found = {}
    for block in re.split(r"^=== ", printed, flags=re.MULTILINE)[1:]:
        name, rest = block.split("\n", 1)
        said, assumed = rest.split("--- axioms\n", 1)
        axioms = re.findall(r"^(?!Axioms:)([\w.']+)\s*:", assumed, flags=re.MULTILINE)
        closed = "Closed under the global context" in assumed
        assert closed != bool(axioms), f"Coq said of {name}: {assumed}"
        found[name] = (" ".join(said.split()), axioms)
    return found


def checked(folder: Path = PROOFS) -> tuple[dict[str, tuple[str, list[str]]], list[str]]:
    """Types and axioms of all statements after a check from nothing, and what Coq refused."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for path in files(folder):
            (place / path.name).write_bytes(path.read_bytes())
            _, error = _coqc(place / path.name)
            if error:
                return {}, [f"{path.name}: {error}"]
        (place / "questions.v").write_text(questions(statements(folder)), encoding="utf-8")
        printed, error = _coqc(place / "questions.v")
    return ({}, [f"questions: {error}"]) if error else (answers(printed), [])


def machine_faults(types: dict[str, tuple[str, list[str]]], folder: Path = PROOFS) -> Iterator[str]:
    """Types that are not those recorded, and axioms that are not allowed."""
    recorded = record(folder)["statements"]
    for name, (said, axioms) in types.items():
        if recorded.get(name) != digest(said):
            yield f"{name} is not the statement recorded; now it is\n    {said}"
        for axiom in axioms:
            if axiom not in ALLOWED and not axiom.startswith(INTEGERS):
                yield f"{name} rests on {axiom}"


def write(types: dict[str, tuple[str, list[str]]], folder: Path = PROOFS) -> None:
    """Record the files and the types."""
    lines = ["# Written by python -m tools.proofs_audit --write: SHA-256 of what is stated.", ""]
    lines.append("[files]")
    lines += [
        f'{path.stem} = "{digest(skeleton(path.read_text(encoding="utf-8")))}"'
        for path in files(folder)
    ]
    lines += ["", "[statements]"]
    lines += [f'{name} = "{digest(said)}"' for name, (said, _) in types.items()]
    (folder / "statements.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def report(types: dict[str, tuple[str, list[str]]], folder: Path = PROOFS) -> Iterator[str]:
    """A line for each label: its parts, how many machine statements, and the axioms."""
    by_label: dict[str, list[Statement]] = {}
    for one in statements(folder):
        by_label.setdefault(one.label, []).append(one)
    for label, stated in by_label.items():
        numbers = {n.strip() for one in stated for n in one.part.split(",") if n.strip().isdigit()}
        parts = f", parts {', '.join(sorted(numbers, key=int))}" if numbers else ""
        axioms = sorted(
            {
                "63-bit integers" if axiom.startswith(INTEGERS) else axiom.split(".")[-1]
                for one in stated
                for axiom in types[one.name][1]
            }
        )
        said = ", ".join(axioms) or "none"
        yield f"{label}{parts}: {len(stated)} statements; axioms: {said}"
    count = sum(len(stated) for stated in by_label.values())
    yield f"{len(by_label)} labels of the book, {count} machine statements"


def main(arguments: list[str] | None = None) -> int | str:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="record what is stated now")
    asked = parser.parse_args(arguments)
    version = subprocess.run(["coqc", "--version"], capture_output=True, text=True, check=True)
    if VERSION not in version.stdout:
        return f"the statements are recorded as Coq {VERSION} prints them; here: {version.stdout}"
    types, faults = checked()
    if not faults and asked.write:
        write(types)
    faults += source_faults()
    faults += machine_faults(types)
    if faults:
        return "\n".join(faults)
    print("\n".join(report(types)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
