"""The files around the code: they parse, they agree with each other, nothing is left behind."""

import ast
import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

import ntklib

ROOT = Path(__file__).resolve().parents[2]
# The schema published with the Citation File Format 1.2.0 (CC BY 4.0, its authors).
SCHEMA = json.loads((Path(__file__).parent / "cff-1.2.0.schema.json").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def citation() -> dict:
    # BaseLoader: dates stay strings, as the schema wants them.
    return yaml.load((ROOT / "CITATION.cff").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def test_citation_is_valid():
    jsonschema.validate(citation(), SCHEMA)


def test_an_invalid_citation_is_refused():
    broken = citation()
    del broken["authors"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMA)


def test_an_archive_can_be_named():
    """The line that waits in the file is one that the schema takes."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    (line,) = re.findall(r"^#? ?(doi: .*)$", text, re.MULTILINE)
    jsonschema.validate(citation() | {"doi": line[5:].replace("NUMBER", "1234")}, SCHEMA)


def test_the_paper_cites_what_is_in_its_bibliography_as_the_book_has_it():
    paper = (ROOT / "paper.md").read_text(encoding="utf-8")
    known = (ROOT / "paper.bib").read_text(encoding="utf-8").splitlines()
    keys = {re.match(r"@\w+{([^,]+),", line)[1] for line in known}
    assert set(re.findall(r"@(\w+)", paper)) == keys
    book = (ROOT / "chapters" / "references.bib").read_text(encoding="utf-8").splitlines()
    assert {line + " % V" for line in known} <= set(book)
    head = yaml.safe_load(paper.split("---")[1])
    assert head["title"] == citation()["title"]
    assert [one["name"] for one in head["authors"]] == [
        one["name"] for one in citation()["authors"]
    ]
    assert {"tags", "affiliations", "date"} <= set(head)
    assert 250 < len(paper.split()) < 1100


def test_one_version_everywhere():
    assert PROJECT["version"] == ntklib.__version__ == citation()["version"]
    assert f"## {ntklib.__version__} (" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_dependency_says_why():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    requirement = r'^  "(?!ntklib\[)[a-z0-9-]+(?:\[[a-z,]+\])?[><=].*$'
    for line in re.findall(requirement, text, flags=re.MULTILINE):
        assert re.search(r'",\s+# \w+', line), line


LOCKS = ("requirements.lock", "requirements-libraries.lock", "requirements-study.lock")


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_is_hashed_and_names_no_address(name):
    lock = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in lock
    pins = re.findall(r"^([a-z0-9._-]+)==\S+(?: ; [^\\\n]+)? \\$", lock, flags=re.MULTILINE)
    assert len(pins) > 20
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", lock)) >= len(pins)


def test_the_lock_has_every_direct_dependency():
    lock = "".join((ROOT / name).read_text(encoding="utf-8") for name in LOCKS)
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", lock, flags=re.MULTILINE))
    extras = PROJECT["optional-dependencies"].values()
    wanted = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    names = {re.match(r"[A-Za-z0-9._-]+", line).group().lower() for line in wanted}
    assert names - {"ntklib"} <= pinned


def test_the_study_has_the_versions_of_the_book():
    """Then a page that runs a small part of it again finds the recorded scores."""
    both = [(ROOT / name).read_text(encoding="utf-8") for name in (LOCKS[0], LOCKS[2])]
    book, study = (dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock, re.MULTILINE)) for lock in both)
    assert {name: study[name] for name in study if name in book and study[name] != book[name]} == {}
    assert {"numpy", "scipy", "scikit-learn", "numba"} <= set(study)


def test_every_page_is_in_the_table_of_contents():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"(?:file|root): (\S+)", toc))
    pages = {
        path.relative_to(ROOT).with_suffix("").as_posix()
        for path in (ROOT / "chapters").iterdir()
        if path.suffix in (".md", ".ipynb")
    }
    assert pages == listed


def unspoken(source: str) -> list[int]:
    """Lines that read or write a text and leave its encoding to the machine."""
    found = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        words = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        text = any(re.fullmatch(r"[rwax]\+?", str(word)) for word in words)
        opens = name in ("open", "fdopen") and (text or not call.args)
        said = any(keyword.arg == "encoding" for keyword in call.keywords)
        if (opens or name in ("read_text", "write_text")) and not said:
            found.append(call.lineno)
    return found


def test_every_text_names_its_encoding():
    paths = [*ROOT.glob("*.py"), *ROOT.glob("[!._]*/**/*.py")]
    assert ROOT / "do.py" in paths
    assert Path(__file__) in paths
    found = {str(path): unspoken(path.read_text(encoding="utf-8")) for path in paths}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_a_text_that_does_not_is_found():
    sound = "p.open('rb')\np.open('a', encoding='utf-8')\nImage.open(p)\n"
    assert unspoken(sound) == []
    assert unspoken(sound + "p.open()\np.read_text()\nopen(p, 'w')") == [4, 5, 6]


def test_scan_page_accounts_for_every_line():
    text = (ROOT / "chapters" / "scan.md").read_text(encoding="utf-8")
    rows = [int(n) for n in re.findall(r"^\| (\d+) \|", text, flags=re.MULTILINE)]
    # The lines of the machine's text that are not blank.
    expected = [
        *(3, 5, 6, 7, 8, 9, 11, 13, 14, 15, 17, 19, 21, 22, 23, 24, 26, 28, 30, 32, 34, 36, 38),
        *(40, 41, 43, 44, 45, 47, 48, 50, 52, 53, 54, 56, 58, 60, 62, 64, 66, 67, 69, 71, 73),
        *(75, 77, 79),
    ]
    assert rows == expected
