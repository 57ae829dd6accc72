"""The audit of proofs/: the project's own passes, and every planted fault is seen."""

import shutil
from pathlib import Path

import pytest

from tools import proofs_audit as audit

# A small project of proofs, on the natural numbers: quick to check.
PREFACE = "Definition twice (n : nat) : nat := n + n.\n"
SPAN = """From NTK Require Import preface.
Section Some.
Variable n : nat.
Hypothesis even : exists k, n = twice k.
(* statement: prp-span (1) "a number is a double" *)
(* difference: none *)
Theorem prp_span_1 : exists k, n = twice k.
Proof. exact even. Qed.
End Some.
"""


@pytest.fixture
def project(tmp_path):
    """The small project, with what it states recorded as far as that needs no Coq."""
    (tmp_path / "_CoqProject").write_text("-R . NTK\n\npreface.v\nspan.v\n", encoding="utf-8")
    (tmp_path / "preface.v").write_text(PREFACE, encoding="utf-8")
    (tmp_path / "span.v").write_text(SPAN, encoding="utf-8")
    audit.write({"prp_span_1": ("a type", [])}, tmp_path)
    return tmp_path


def changed(folder: Path, old: str, new: str, name: str = "span.v") -> list[str]:
    """The faults of the source once some text of a file is another."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    return audit.source_faults(folder)


def test_the_proofs_of_the_book_are_closed_and_as_recorded():
    assert audit.source_faults() == []
    assert len({one.label for one in audit.statements()}) >= 20


def test_a_proof_may_change_and_comments_too(project):
    assert changed(project, "exact even.", "destruct even as [k E]. exists k. exact E.") == []
    assert changed(project, "none *)", "(* nested *) Admitted. *)") == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("exact even. Qed.", "Admitted.", "span.v:8: Admitted is not allowed"),
        (
            "Section",
            "Axiom all : forall n m : nat, n = m.\nSection",
            "span.v:2: Axiom is not allowed",
        ),
        ("Section", "Parameter all : nat = nat.\nSection", "Parameter is not allowed"),
        ("Section", "Hypothesis h : 1 = 2.\nSection", "span.v:2: Hypothesis outside a section"),
        ("End Some.", "End Some.\nVariable x : nat.", "span.v:10: Variable outside a section"),
        ("n = twice k.\nProof", "True.\nProof", "not those recorded"),
        ("exists k, n = twice k.\n(*", "False.\n(*", "not those recorded"),
        ("prp-span", "prp-spam", "the book has no prp-spam"),
        ("prp-span", "prp-gram", "prp_span_1 does not begin with its label prp-gram"),
        ("prp-span", "thm-rank", "thm-rank is of the chapter interpolation"),
        ("prp_span_1", "prp_span_2", "prp_span_1 is recorded, but not stated"),
        ("prp-span (1)", "prp-span 1", "1 of 1 statement lines cannot be read"),
    ],
)
def test_planted_faults_are_seen_without_coq(project, old, new, said):
    faults = changed(project, old, new)
    assert any(said in fault for fault in faults), faults


def test_a_definition_that_changes_is_seen(project):
    assert any("preface.v" in fault for fault in changed(project, "n + n", "n", "preface.v"))


def test_a_file_that_is_not_listed_is_seen(project):
    (project / "extra.v").write_text("", encoding="utf-8")
    assert audit.source_faults(project) == ["extra.v is not in _CoqProject"]


def test_types_and_axioms_that_coq_prints_are_compared(project):
    printed = (
        "=== prp_span_1\n@a\n     : forall\n  n, P n\n--- axioms\nClosed under the global context\n"
    )
    assert audit.answers(printed) == {"prp_span_1": ("@a : forall n, P n", [])}
    assert list(audit.machine_faults({"prp_span_1": ("a type", [])}, project)) == []
    weaker = {"prp_span_1": ("another", ["Classical_Prop.classic", "falso"])}
    first, second = audit.machine_faults(weaker, project)
    assert "not the statement recorded" in first
    assert second == "prp_span_1 rests on falso"


@pytest.mark.coq
@pytest.mark.skipif(not shutil.which("coqc"), reason="needs Coq")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("exact even.", "exists 0; reflexivity."),  # no proof
        ("n = twice k.\nProof", "n = k.\nProof"),  # another statement with the old proof
        ("Theorem", "Theorem false : 0 = 1. Proof. reflexivity. Qed.\nTheorem"),
    ],
)
def test_coq_refuses_what_is_false(project, monkeypatch, old, new):
    monkeypatch.setattr(audit, "QUESTIONS", "From NTK Require Import preface.")
    assert audit.checked(project)[1] == []
    changed(project, old, new)
    types, faults = audit.checked(project)
    assert types == {}
    assert len(faults) == 1
    assert faults[0].startswith("span.v: ")


@pytest.mark.coq
@pytest.mark.skipif(not shutil.which("coqc"), reason="needs Coq")
def test_coq_tells_a_weaker_statement_and_a_hidden_axiom(project, monkeypatch):
    monkeypatch.setattr(audit, "QUESTIONS", "From NTK Require Import preface.")
    types, _ = audit.checked(project)
    audit.write(types, project)
    assert types["prp_span_1"][1] == []
    assert list(audit.machine_faults(types, project)) == []
    changed(project, "n = twice k.\nProof. exact even.", "n = k.\nProof. now exists n.")
    (fault,) = audit.machine_faults(audit.checked(project)[0], project)
    assert "prp_span_1 is not the statement recorded" in fault
    # A library may bring an axiom: in the source it has another name.
    library = "Require Import Classical.\nSection Some."
    faults = changed(project, "Section Some.", library)
    assert not any("Axiom" in fault for fault in faults)
    changed(project, "now exists n.", "destruct (classic (n = n)); now exists n.")
    types, _ = audit.checked(project)
    assert types["prp_span_1"][1] == ["Classical_Prop.classic"]
