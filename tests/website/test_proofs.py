"""Proofs that Coq has read: how they are taken apart, what is kept of them, what a page shows."""

import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from docutils import nodes

from tools import proofs as driver
from website import goals, proofs

ROOT = Path(__file__).resolve().parents[2]
READ = proofs.read(ROOT)
FILES = sorted(path for path in (ROOT / "proofs").glob("*.v") if driver.announces(path))
THEOREMS = [one for theorems in READ.values() for one in theorems]
LABEL = re.compile(r"\{prf:(?!proof|ref)\w+\}[^\n]*\n:label: (\S+)")


def chapters():
    """Name -> prose of every page."""
    found = {
        path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "chapters").glob("*.md")
    }
    for path in (ROOT / "chapters").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        found[path.stem] = "\n".join(prose)
    return found


BOOK = {label for text in chapters().values() for label in LABEL.findall(text)}


# ---- Complete and up to date ---------------------------------------------------------------------


def test_every_statement_was_read_or_has_a_reason():
    assert len(BOOK) > 100
    assert proofs.faults(BOOK, set(READ), set(proofs.excused(ROOT))) == []
    labels = [label for one in proofs.reasons(ROOT) for label in one["labels"]]
    assert len(labels) == len(set(labels))
    assert all(one["because"].endswith(".") for one in proofs.reasons(ROOT))


def test_what_is_missing_is_said():
    found = proofs.faults({"prp-a", "prp-b", "prp-c"}, {"prp-a", "prp-d"}, {"prp-a", "prp-e"})
    assert [re.findall(r"'([\w-]+)'", fault)[0] for fault in found] == [
        *("prp-d", "prp-e", "prp-a", "prp-b", "prp-c")
    ]
    assert proofs.faults({"prp-a", "prp-b"}, {"prp-a"}, {"prp-b"}) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_states_are_those_of_the_file(path):
    stated, pending = [], None
    for text, comments in driver.sentences(path.read_text(encoding="utf-8")):
        for comment in comments:
            if match := driver.STATEMENT.match(comment):
                pending = match.groups()
        if pending and (theorem := driver.THEOREM.match(text)):
            stated.append((pending[0], pending[1] or "", pending[2], theorem[1], text))
            pending = None
    keys = ("label", "part", "says", "name", "coq")
    kept = json.loads((ROOT / f"proofs/states/{path.stem}.json").read_text(encoding="utf-8"))
    assert [tuple(one[key] for key in keys) for one in kept["theorems"]] == stated


def test_every_proof_begins_and_ends():
    assert len(THEOREMS) >= 40
    for one in THEOREMS:
        assert one["start"]["shows"], one["name"]
        assert one["steps"][-1]["state"] == {}, one["name"]
        assert all(step["does"] for step in one["steps"])
    assert all(path.read_text(encoding="utf-8").isascii() for path in FILES)


def test_sentences_of_the_text_lead_to_steps():
    pages = chapters()
    said = proofs.spoken(ROOT)
    assert len({one["label"] for one in said}) >= 5
    for one in said:
        counts = {theorem["name"]: len(theorem["steps"]) for theorem in READ[one["label"]]}
        for name, numbers in one["steps"].items():
            assert all(1 <= number <= counts[name] for number in numbers), (one["label"], name)
        assert any(f":label: {one['label']}\n" in text for text in pages.values())


# ---- Taking apart --------------------------------------------------------------------------------


def test_a_file_is_cut_into_sentences():
    source = 'Lemma a : x.+1 = 1. (* of (* all *) n. *)\nProof. by "a. b". Qed.\n'
    found = list(driver.sentences(source))
    assert [one.text for one in found] == ["Lemma a : x.+1 = 1.", "Proof.", 'by "a. b".', "Qed."]
    assert found[1].comments == ["of (* all *) n."]
    with pytest.raises(driver.ProofFailed, match="ends within"):
        list(driver.sentences("Lemma a : b"))


@pytest.mark.parametrize(
    ("tactic", "expected"),
    [
        ("by rewrite /lin seen", ["rewrite /lin", "rewrite seen", "done"]),
        ("rewrite -{1}(a b) [in RHS]c in H", ["rewrite -{1}(a b) in H", "rewrite [in RHS]c in H"]),
        ("have H : a = b by rewrite c", ["have H : a = b", "rewrite c", "done"]),
        ("rewrite a; first by b", ["rewrite a", "b", "done"]),
        ("rewrite a => /b H", ["rewrite a", "move=> /b H"]),
        ("by []", ["by []"]),
        ("split=> [a; b | c]", ["split=> [a; b | c]"]),
    ],
)
def test_a_sentence_is_cut_into_steps(tactic, expected):
    assert driver.pieces(tactic) == expected


def test_goals_are_read():
    answer = (
        "2 goals (ID 7)\n  \n  n, p : nat\n  w : a\n      b\n  ====================\n"
        "  x =\n  y\n\ngoal 2 (ID 8) is:\n z\n"
    )
    assert driver.goals(answer) == {
        "given": ["n, p : nat", "w : a b"],
        "shows": "x = y",
        "left": ["z"],
    }
    assert driver.goals("No more goals.") == {}
    assert driver.goals("All the remaining goals are on the shelf.")["left"]


def test_what_a_lemma_says_is_its_end():
    said = "forall (R : ringType) (A : 'M_(m, n)) (x y : R), A *m 0 = (x + y)%R"
    assert driver.conclusion(said) == "A *m 0 = (x + y)"


# ---- On the page ---------------------------------------------------------------------------------


def read_aloud(markup):
    return BeautifulSoup(markup, "html.parser").get_text()


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("sq (hat w - w0) <= sq (w' - w0)", "‖w\u0302 − w0‖2 ≤ ‖w′ − w0‖2"),
        ("dot (A *m u) v = dot u (A^T *m v)", "⟨A\u2009u, v⟩ = ⟨u, A⊤\u2009v⟩"),
        ("lin J f0 w0 w = f0 + J *m (w - w0)", "F0(w) = f0 + J\u2009(w − w0)"),
        ("(1%:M - proj J) *m g", "(I − PS)\u2009g"),
        ("inrange J^T v -> minimizer L w", "v ∈ range J⊤ ⇒ w minimizes L"),
        ("unknown_word a", "unknown_word a"),
    ],
)
def test_a_term_is_set(term, expected):
    assert read_aloud(goals.typeset(term)) == expected


def test_what_changes_is_marked():
    old, new = goals.compared("f (hat w) = 0", "f w = 0")
    assert {one.text for one in old if one.new} >= {"hat"}
    assert not any(one.new for one in new if one.text in ("f", "w", "="))
    assert "<mark>" in goals.typeset(goals.compared("a + b", "a + c")[1])
    assert "<mark>" not in goals.typeset(goals.compared("a + b", "a + b")[1])
    assert goals.typeset("a < script") == "<i>a</i> &lt; script"


def test_steps_show_each_goal_before_and_after():
    theorems = READ["prp-span"]
    tree = BeautifulSoup(proofs.steps("prp-span", theorems, []), "html.parser")
    assert len(tree.select("details.theorem")) == len(theorems)
    rows = tree.select("ol > li")
    assert len(rows) == sum(len(one["steps"]) for one in theorems)
    assert all(len(row.select(".goal")) == 2 for row in rows)
    ends = [part.select("ol > li")[-1].get_text() for part in tree.select("details.theorem")]
    assert all(end.endswith("Proved.") for end in ends)
    assert tree.select("mark")


def test_the_line_names_parts_steps_and_axioms():
    one = {"part": "1", "steps": [{}], "axioms": []}
    assert proofs.summary([one]) == "Read by Coq (part 1): 1 step, no axioms"
    more = {"part": "2", "steps": [{}, {}], "axioms": ["classic"]}
    assert proofs.summary([one, more]) == "Read by Coq (parts 1 and 2): 3 steps, axiom: classic"
    less = {"part": "2 in part", "steps": [{}], "axioms": []}
    assert proofs.parts([one, more, less]) == "part 1; part 2 in part"
    assert proofs.parts([one, {"part": "in part"}]) == "in part"
    more["axioms"] = ["PrimInt63.add", "Uint63.add_spec", "Classical_Prop.classic"]
    assert proofs.axioms([more]) == "axioms: 63-bit integers, excluded middle"
    assert proofs.axioms(THEOREMS).count(",") == len(proofs.MEANT)  # and the integers
    assert proofs.face(ROOT, "dfn-span") == "Not read by Coq: definition."


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("w-hat = w0 + J^+ r", "w\u0302 = w0 + J+ r"),
        ("1 - eta sigma_k", "1 − η σk"),
        ("a <= b", "a ≤ b"),
    ],
)
def test_words_of_comments_are_set(words, expected):
    assert read_aloud(proofs._words(words)) == expected


def paragraph():
    words = [nodes.Text("Then "), nodes.math("", "x"), nodes.Text(" is zero. And so on.")]
    return nodes.paragraph("", "", *words)


def test_a_sentence_is_wrapped():
    proof = nodes.container("", paragraph())
    one = {"label": "prp-a", "from": "Then", "to": "zero."}
    proofs.mark_words(proof, [one])
    (span,) = (node for node in proof.findall(nodes.inline))
    assert span.astext() == "Then x is zero."
    assert proof.astext() == "Then x is zero. And so on."
    with pytest.raises(ValueError, match="the proof of prp-a has no 'Thus'"):
        proofs.mark_words(nodes.container("", paragraph()), [one | {"from": "Thus"}])
