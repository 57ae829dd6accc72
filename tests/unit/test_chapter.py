"""A chapter that is begun is whole: it runs, its check bites, and the tables have its lines."""

import importlib.util
import os
import sys
import tomllib

import nbformat
import pytest
import yaml

import ntklib.book
from tools import chapter, names, wrong


@pytest.fixture
def root(tmp_path):
    """What of the project a new chapter adds lines to, with room for its files."""
    for folder in ("chapters/wrong", "proofs", "ntklib/book/figures", "ntklib/book/answers"):
        tmp_path.joinpath(folder).mkdir(parents=True)
    for name in ("_toc.yml", "proofs/not.toml"):
        text = (chapter.ROOT / name).read_text(encoding="utf-8")
        tmp_path.joinpath(name).write_text(text, encoding="utf-8")
    for path, text in chapter.files(tmp_path, "my_topic").items():
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_the_tables_have_it_once(root):
    pages = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))["parts"][1]["chapters"]
    assert [one["file"] for one in pages[-2:]] == ["chapters/my_topic", "chapters/closing"]
    reasons = tomllib.loads((root / "proofs/not.toml").read_text(encoding="utf-8"))["reason"]
    labels = [label for one in reasons for label in one["labels"]]
    assert labels.count("prp-my-topic-length") == 1


def test_what_it_numbers_has_a_label(root):
    found = names.numbered(root / "chapters" / "my_topic.ipynb", "chapters/my_topic")
    assert [(one.label, one.kind) for one in found] == [
        ("fig-my-topic-length", "Figure"),
        ("prp-my-topic-length", "Proposition"),
        ("ex-my_topic-1", "Exercise"),
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_it_runs_and_its_check_turns_red(root, monkeypatch, capsys):
    for room in ("figures", "answers"):
        spec = importlib.util.spec_from_file_location(
            f"ntklib.book.{room}.my_topic", root / "ntklib" / "book" / room / "my_topic.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setitem(sys.modules, spec.name, module)
        parent = sys.modules[f"ntklib.book.{room}"]
        monkeypatch.setattr(parent, "my_topic", module, raising=False)
    words = sys.modules["ntklib.book.figures.my_topic"].lengths_alt(60)
    assert words.endswith("from zero to 0.33 at c = 2.")
    monkeypatch.setattr(wrong, "CHAPTERS", root / "chapters")
    monkeypatch.setattr("ntklib.book.check", ntklib.book.check)  # put back afterwards
    (found,) = wrong.try_out("my_topic")
    assert found["wrong"][0]["factors"] == [1.001, 0.999]
    # The answer of the text is the one that the exercise expects.
    notebook = nbformat.read(root / "chapters" / "my_topic.ipynb", as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    space = {}
    for source in (code[0], code[2].split("\n", 1)[0], code[3]):
        exec(source, space)
    assert capsys.readouterr().out.strip().endswith("ex-my_topic-1: right")


@pytest.mark.parametrize("name", ["My_topic", "2nd", "my-topic", "", "a__b"])
def test_what_is_no_name_is_refused(root, name):
    with pytest.raises(ValueError, match="NAME must be small letters"):
        chapter.files(root, name)


def test_what_is_there_is_not_written_over(root):
    with pytest.raises(ValueError, match=r"there is chapters.my_topic\.ipynb"):
        chapter.files(root, "my_topic")


def test_a_table_that_has_changed_is_told(root):
    with pytest.raises(ValueError, match="must have chapters/closing once, found 0"):
        chapter.with_page("format: jb-book\n", "x")
    with pytest.raises(ValueError, match="must have one reason 'a closed form', found 0"):
        chapter.with_reason("", "x")
