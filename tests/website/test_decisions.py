"""The decision guide: what its file must say, and how its rows become links."""

import json
import re
from pathlib import Path

import pytest

from website import decisions

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / decisions.SOURCE).read_text(encoding="utf-8")
ANSWER = """
[[question]]
asks = "How many?"

[[question.answer]]
if = "Few."
evidence = ["thm-rank"]
then = "Solve."
chapters = ["guide"]
"""


def test_the_file_can_be_read():
    questions = decisions.read(GUIDE)
    assert all(len(question["answer"]) > 1 for question in questions)
    assert len({question["asks"] for question in questions}) == len(questions)


@pytest.mark.parametrize("key", decisions.KEYS)
@pytest.mark.parametrize("row", ["", '{} = ""', "{} = []", "{} = 3"])
def test_an_answer_that_leads_nowhere_is_refused(key, row):
    assert decisions.read(ANSWER)
    text = re.sub(rf"^{key} = .*$", row.format(key), ANSWER, flags=re.MULTILINE)
    with pytest.raises(ValueError, match=f"an answer to 'How many\\?' needs '{key}', got"):
        decisions.read(text)


def test_an_unknown_key_is_refused():
    with pytest.raises(ValueError, match="unknown \\['evidense'\\]"):
        decisions.read(ANSWER + 'evidense = ["thm-rank"]\n')


@pytest.mark.parametrize(
    ("label", "cited"),
    [
        ("thm-rank", "{prf:ref}`thm-rank`"),
        ("cor-unseen", "{prf:ref}`cor-unseen`"),
        ("fig-peak", "{numref}`fig-peak`"),
        ("least_squares", "{doc}`least_squares`"),
    ],
)
def test_a_label_is_cited_by_its_kind(label, cited):
    assert decisions.reference(label) == cited


def test_the_number_of_points_is_one_that_was_measured():
    (stated,) = (int(number.replace("\\,", "")) for number in re.findall(r"\d+\\,\d{3}", read()))
    record = json.loads((ROOT / "benchmarks/large.json").read_text(encoding="utf-8"))
    assert stated == max(size["n"] for size in record["sizes"])


def read() -> str:
    """All texts of the guide."""
    answers = [one for question in decisions.read(GUIDE) for one in question["answer"]]
    return " ".join(one["if"] + one["then"] for one in answers)
