"""Drive Coq through the proofs, and keep what it shows: the goals before and after each step.

    python -m tools.proofs                 write proofs/states/NAME.json of every proofs/NAME.v
    python -m tools.proofs span --check    compare with what is there; the status says whether equal

`make proofs` compares all. A statement of the book is announced in a comment above its theorem,
with its part where it has parts:

    (* statement: prp-span (1) "no training value changes" *)
    (* difference: over any ordered field, not only the real numbers *)

A sentence of Coq often does much at once: `by rewrite a b.` is two steps and an end. It is taken
apart where that can be done and leads Coq to the same goals as the whole; else it stays whole. So
every step that is kept was done by Coq, and ends where the proof in the file ends.

What is kept has no file names, no times and no numbers of goals; spaces are single.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tools.proofs_audit import files

ROOT = Path(__file__).resolve().parents[1]
PROOFS = ROOT / "proofs"
STATES = PROOFS / "states"
STATEMENT = re.compile(r'statement:\s+([\w-]+)(?:\s+\(([^()]*)\))?\s+"([^"]+)"')
DIFFERENCE = re.compile(r"difference:\s+(.*)", re.DOTALL)
THEOREM = re.compile(r"(?:Theorem|Lemma|Corollary|Proposition|Fact|Remark)\s+([\w']+)")
END = re.compile(r"(?:Qed|Defined)\s*\.")
# What opens or closes a part of a proof; Coq takes it for a sentence of its own.
BULLET = re.compile(r"(?:[-+*]+|(?:\d+:\s*)?\{|\})(?=\s)\s*")
NAME = re.compile(r"(?<![\w'.])[A-Za-z_][\w']*(?![\w'])")

State = dict[str, Any]


class ProofFailed(Exception):
    """Coq refuses a sentence, or a comment announces what is not there."""


def plain(text: str) -> str:
    """A text with single spaces."""
    return " ".join(text.split())


# ---- The text of a file --------------------------------------------------------------------------


class Sentence(NamedTuple):
    """What ends with a period, and the comments before and within it."""

    text: str
    comments: list[str]


def sentences(source: str) -> Iterator[Sentence]:
    """Take a file apart; bullets and braces stay with the sentence that they begin."""
    comments: list[str] = []
    text, depth, start, quoted = "", 0, 0, False
    for i, mark in enumerate(source):
        pair = source[i : i + 2]
        if not depth and mark == '"':
            quoted = not quoted
        if not quoted and pair == "(*":
            depth += 1
            start = i if depth == 1 else start
        if not depth:
            text += mark
            last = mark == "." and source[i - 1] != "." and not pair[1:].strip()
            if last and not quoted and pair != "..":
                yield Sentence(plain(text), comments)
                text, comments = "", []
        if not quoted and depth and i > start + 2 and source[i - 1 : i + 1] == "*)":
            depth -= 1
            if not depth:
                comments.append(plain(source[start:i].strip("(*)")))
    if text.strip() or depth:
        raise ProofFailed(f"the file ends within {plain(text)[:60]!r}")


def cut(text: str, mark: str) -> list[str]:
    """Cut at a mark wherever no bracket is open."""
    parts, depth, i, begun = [], 0, 0, 0
    while i < len(text):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if not depth and text.startswith(mark, i):
            parts.append(text[begun:i].strip())
            begun = i = i + len(mark)
        else:
            i += 1
    return [*parts, text[begun:].strip()]


def pieces(tactic: str) -> list[str]:
    """The steps of a sentence without its period, as far as they can be told from its text."""
    if tactic.startswith("by ") and tactic[3:].strip() not in ("[]", "done"):
        return [*pieces(tactic[3:].strip()), "done"]
    first, *more = cut(tactic, ";")
    if more:
        return [*pieces(first), *(one for part in more for one in _branch(part))]
    head, *by = cut(tactic, " by ")
    if head.startswith("have") and by:
        return [head, *pieces("by " + " by ".join(by))]
    if head.startswith("rewrite "):
        rules, *then = cut(tactic.removeprefix("rewrite "), "=>")
        rules, *place = cut(rules, " in ")
        where = f" in {place[0]}" if place else ""
        moved = [f"move=> {then[0]}"] if then else []
        return [*(f"rewrite {rule}{where}" for rule in cut(rules, " ") if rule), *moved]
    return [tactic]


def _branch(part: str) -> list[str]:
    """What follows a semicolon: `first` is the goal that is shown anyway."""
    return pieces(part[6:]) if part.startswith("first by ") else [part]


# ---- Coq -----------------------------------------------------------------------------------------

PROMPT = re.compile(r"<prompt>\S+ < (\d+) \|[^|]*\| \d+ < </prompt>")
REFUSED = re.compile(r"^(?:Error|Syntax error)\b", re.MULTILINE)
NOISE = re.compile(r"<infomsg>.*?</infomsg>|<warning>.*?</warning>", re.DOTALL)


class Coq:
    """A toplevel that is asked one sentence after another."""

    def __init__(self, folder: Path) -> None:
        command = ["coqtop", "-q", "-emacs", "-w", "none", "-R", str(folder), "NTK"]
        self._process = subprocess.Popen(
            command,
            cwd=folder,  # where lia and nra keep their caches
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.state = 0
        self._read()

    def _read(self) -> str:
        assert self._process.stdout
        said = b""
        while not said.endswith(b"</prompt>"):
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            if not more:
                raise ProofFailed(f"Coq ended: {said[-300:].decode()}")
            said += more
        answer = said.decode()
        prompt = PROMPT.search(answer)
        assert prompt, answer
        self.state = int(prompt[1])
        return NOISE.sub("", answer[: prompt.start()]).strip()

    def tell(self, sentence: str) -> str:
        """The answer to a sentence, refusals included."""
        assert self._process.stdin
        self._process.stdin.write(sentence.encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def do(self, sentence: str) -> str:
        """The answer to a sentence that must not be refused."""
        answer = self.tell(sentence)
        if REFUSED.search(answer):
            raise ProofFailed(f"{sentence}\n{answer}")
        return answer

    def back_to(self, state: int) -> None:
        """Return to an earlier state."""
        self.do(f"BackTo {state}.")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def goals(answer: str) -> State:
    """What Coq shows of the goals: `given` and `shows` of the first, and what is `left` after it.

    Without `shows` the goal at hand is proved.
    """
    left = [plain(one) for one in re.findall(r"^goal \d+.*? is:\n(.*?)(?=^goal |\Z)", answer, MORE)]
    shown = re.search(r"^\d+ (?:focused )?goals?.*?\n(.*?)={10,}\n(.*?)(?=^goal |\Z)", answer, MORE)
    state: State = {"left": left} if left else {}
    if shown:
        lines = re.sub(r"\n {3,}", " ", shown[1]).splitlines()
        state["given"] = [plain(line) for line in lines if line.strip()]
        state["shows"] = plain(re.split(r"\n\(", shown[2])[0])
    if "on the shelf" in answer:
        state["left"] = [*left, "a goal on the shelf"]
    return state


MORE = re.DOTALL | re.MULTILINE


@dataclass
class Reader:
    """Reads one file, sentence by sentence."""

    coq: Coq
    lemmas: dict[str, str] = field(default_factory=dict)
    theorems: list[dict[str, Any]] = field(default_factory=list)
    # The names of hypotheses so far in a proof.
    local: set[str] = field(default_factory=set)

    def read(self, source: str) -> dict[str, Any]:
        """All announced theorems of a file, with the steps of their proofs."""
        announced: dict[str, Any] | None = None
        steps: list[dict[str, Any]] = []
        proof: list[Sentence] = []
        state: State = {}
        begun = 0
        for text, comments in sentences(source):
            announced = self._announced(comments) or announced
            theorem = THEOREM.match(text)
            if announced is None:
                self.coq.do(self._bulleted(text))
            elif "name" not in announced:
                if not theorem:
                    raise ProofFailed(f"{announced['label']} is announced above {text[:60]!r}")
                state = goals(self.coq.do(text))
                announced |= {"name": theorem[1], "coq": text, "start": state}
                steps, proof, begun = [], [], self.coq.state
                self.local = set()
                self._remember(state)
            elif END.fullmatch(text):
                if REFUSED.search(self.coq.tell(text)):  # a step has left what is not shown
                    self.coq.back_to(begun)
                    steps = self._whole(proof)
                    self.coq.do(text)
                self.theorems.append(announced | {"steps": steps})
                announced = None
            elif re.match(r"Proof\b", text):
                state = goals(self.coq.do(text)) or state
            else:
                proof.append(Sentence(text, comments))
                steps += self._steps(text, comments)
        if announced:
            raise ProofFailed(f"{announced['label']} has no proof")
        for one in self.theorems:
            one["axioms"] = self._axioms(one["name"])
        return {"lemmas": dict(sorted(self.lemmas.items())), "theorems": self.theorems}

    def _announced(self, comments: list[str]) -> dict[str, Any] | None:
        found: dict[str, Any] | None = None
        for comment in comments:
            if match := STATEMENT.match(comment):
                found = {"label": match[1], "part": match[2] or "", "says": match[3]}
                found["differs"] = []
            elif (match := DIFFERENCE.match(comment)) and found:
                found["differs"].append(plain(match[1]))
        return found

    def _whole(self, proof: list[Sentence]) -> list[dict[str, Any]]:
        """The steps of a proof, none of them taken apart."""
        return [step for one in proof for step in self._steps(*one, apart=False)]

    def _steps(self, text: str, comments: list[str], *, apart: bool = True) -> list[dict[str, Any]]:
        """Do a sentence of a proof, in its pieces where that comes to the same."""
        found = self._done(text, apart)
        if comments and found:
            found[0]["says"] = " ".join(comments)
        return found

    def _bulleted(self, text: str) -> str:
        """Do the bullets before a sentence, each of which Coq answers by itself; give the rest."""
        while bullet := BULLET.match(text):
            self.coq.do(bullet[0].strip())
            text = text[bullet.end() :]
        return text

    def _done(self, text: str, apart: bool) -> list[dict[str, Any]]:
        text = self._bulleted(text)
        tactic = text.removesuffix(".").strip()
        before = self.coq.state
        answer = self.coq.do(text)
        whole = goals(answer)
        parts = pieces(tactic)
        if apart and len(parts) > 1:
            self.coq.back_to(before)
            if found := self._try(parts, whole):
                return found
            self.coq.back_to(before)
            self.coq.do(text)
        return [self._step(tactic, whole)]

    def _try(self, parts: list[str], whole: State) -> list[dict[str, Any]] | None:
        """The pieces one by one, or None where they do not lead to the same goals."""
        found: list[dict[str, Any]] = []
        for part in parts:
            if part == "done" and found and "shows" not in found[-1]["state"]:
                continue  # the step before has ended it
            left = len(found[-1]["state"].get("left", [])) if found else 0
            chosen = f"{left + 1}: {part[5:]}" if part.startswith("last by ") else part
            answer = self.coq.tell(f"{chosen} .")
            if REFUSED.search(answer):
                if part == "done" and found and _closed(found[-1]["state"], found[:-1]):
                    continue
                return None
            found.append(self._step(part, goals(answer)))
        return found if found[-1]["state"] == whole else None

    def _step(self, tactic: str, state: State) -> dict[str, Any]:
        self._remember(state)
        self._look_up(tactic)
        return {"does": tactic, "state": state}

    def _remember(self, state: State) -> None:
        for one in state.get("given", []):
            self.local.update(re.split(r", ", re.split(r" :", one)[0]))

    def _look_up(self, tactic: str) -> None:
        """What the lemmas that a step names say."""
        known = TACTICS | self.lemmas.keys() | self.local
        for name in dict.fromkeys(NAME.findall(tactic)):
            if name in known:
                continue
            kind = f"let t := type of @{name} in let s := type of t in exact s"
            if self.coq.tell(f"Check ltac:({kind}).").startswith("Prop"):
                said = plain(self.coq.tell(f"Check @{name}."))
                self.lemmas[name] = conclusion(said.partition(" : ")[2])

    def _axioms(self, name: str) -> list[str]:
        """The axioms that a theorem rests on."""
        answer = self.coq.do(f"Print Assumptions {name}.")
        if "Closed under the global context" in answer:
            return []
        found = re.findall(r"^([\w.']+)(?= :|$)", answer.partition("Axioms:")[2], re.MULTILINE)
        if not found:
            raise ProofFailed(f"the axioms of {name} cannot be read: {answer}")
        return sorted(found)


# Words of tactics, which name no lemma.
TACTICS = frozenset(
    ("by", "rewrite", "have", "move", "apply", "exact", "case", "done", "first", "last", "split")
)


def _closed(now: State, before: list[dict[str, Any]]) -> bool:
    """Whether the last step has ended a goal of several."""
    then = len(before[-1]["state"].get("left", [])) if before else 0
    return len(now.get("left", [])) < then


def conclusion(said: str) -> str:
    """What a lemma says, without what it says it of."""
    while said.startswith("forall "):
        said = cut(said, ",")[1] if said.count(",") == 1 else said.split(cut(said, ",")[0], 1)[1]
        said = said.lstrip(", ")
    return re.sub(r"\s*\(\w+:=[^()]*\)|%[A-Z]\b", "", said)


# ---- What is kept --------------------------------------------------------------------------------


def compact(record: dict[str, Any]) -> dict[str, Any]:
    """Each hypothesis once for a theorem; states name them by number."""
    for theorem in record["theorems"]:
        table: list[str] = []
        for state in (theorem["start"], *(step["state"] for step in theorem["steps"])):
            for one in state.get("given", []):
                if one not in table:
                    table.append(one)
            if "given" in state:
                state["given"] = [table.index(one) for one in state["given"]]
        theorem["hypotheses"] = table
    return record


def written(record: dict[str, Any]) -> str:
    """The record as JSON, a step a line."""
    lines = []
    for theorem in record["theorems"]:
        steps = ",\n   ".join(_json(step) for step in theorem.pop("steps"))
        lines.append(f'  {_json(theorem)[:-1]}, "steps": [\n   {steps}]}}')
    lemmas = ",\n  ".join(f"{_json(k)}: {_json(v)}" for k, v in record["lemmas"].items())
    theorems = ",\n".join(lines)
    return f'{{"lemmas": {{\n  {lemmas}}},\n "theorems": [\n{theorems}]}}\n'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def states(path: Path, compiled: Path) -> str:
    """The states of a file, as they are kept."""
    coq = Coq(compiled)
    try:
        record = Reader(coq).read(path.read_text(encoding="utf-8"))
    except ProofFailed as error:
        raise ProofFailed(f"{path.name}: {error}") from error
    finally:
        coq.close()
    return written(compact(record))


def compile_all(folder: Path) -> None:
    """Compile all files in a folder of its own."""
    shutil.copy(PROOFS / "_CoqProject", folder)
    for path in files():
        shutil.copy(path, folder)
        command = ["coqc", "-q", "-w", "none", "-R", ".", "NTK", path.name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProofFailed(f"{path.name}: {done.stderr.strip()}")


def announces(path: Path) -> bool:
    """Whether a file proves statements of the book."""
    return bool(STATEMENT.search(path.read_text(encoding="utf-8")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare the states of the files that are named, or of all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="files of proofs/, without .v (default: all)")
    parser.add_argument("--check", action="store_true", help="compare; write nothing")
    chosen = parser.parse_args(arguments)
    paths = [PROOFS / f"{name}.v" for name in chosen.names] or sorted(PROOFS.glob("*.v"))
    differ = []
    with tempfile.TemporaryDirectory() as name:
        compile_all(Path(name))
        for path in filter(announces, paths):
            kept, text = STATES / f"{path.stem}.json", states(path, Path(name))
            if not chosen.check:
                kept.parent.mkdir(exist_ok=True)
                kept.write_text(text, encoding="utf-8", newline="\n")
            elif not kept.is_file() or kept.read_text(encoding="utf-8") != text:
                differ.append(path.stem)
    if chosen.check and not chosen.names:
        known = {path.stem for path in paths if announces(path)}
        differ += [path.stem for path in sorted(STATES.glob("*.json")) if path.stem not in known]
    for name in differ:
        print(f"proofs/states/{name}.json is not what Coq shows: python -m tools.proofs {name}")
    return bool(differ)


if __name__ == "__main__":
    sys.exit(main())
