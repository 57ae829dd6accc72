"""A course of chapters: what course.yml may say, what is kept, what stands for the rest."""

import json
import re
import shutil
import tomllib

import nbformat
import pytest

from tools import chapter, course, course_parts, names

ROOT = course.ROOT
GOOD = (ROOT / "tools" / "template" / "course.yml").read_text(encoding="utf-8")
PAGES = course.pages(ROOT)
FREE = [name for name in PAGES if name not in course.BESIDE]
WHOLE = {name: course.cells(path) for name, path in PAGES.items()}
TEXTS = {name: course.joined(page) for name, page in WHOLE.items()}
# What pages refer to others by: roles, links with a label or a file.
ROLE = re.compile(r"\{(?:prf:ref|numref|eq|ref)\}`(?:[^`<]*<)?([\w-]+)>?`")
FILE = re.compile(
    r"(?<!\$)\]\(([\w-]+)\.(?:md|ipynb)(?:#[\w-]*)?\)|\{doc\}`(?:[^`<]*<)?([\w-]+)>?`"
)
MINIMAL = "title: A course\nchapters: [linearization, span]\n"


@pytest.fixture(scope="module")
def example() -> course.Course:
    return course.read(GOOD, ROOT)


def kept_labels(files: dict[str, str], tmp_path) -> set[str]:
    """What the pages of a course let others refer to."""
    found: set[str] = set()
    for name, text in files.items():
        if re.fullmatch(r"chapters/\w+\.(md|ipynb)", name):
            path = tmp_path / name.replace("/", "-")
            path.write_text(text, encoding="utf-8")
            page = course.cells(path)
            found |= {one.label for one in names.numbered(path, name)}
            found |= {one[1] for one in course_parts.EQUATION.finditer(course.joined(page))}
            found |= {one[1] for one in course_parts.TARGET.finditer(course.joined(page))}
    return found


@pytest.mark.parametrize("dropped", FREE)
def test_whatever_is_dropped_all_that_is_named_is_there_or_absent(dropped):
    kept = [name for name in FREE if name != dropped]
    here = {name: WHOLE[name] for name in [*kept, *course.BESIDE]}
    away = course.absent(WHOLE, here, course.named(ROOT))
    own = {one.label for one in names.numbered(PAGES[dropped], f"chapters/{dropped}")}
    assert own <= away["labels"].keys()
    assert {one["page"] for one in away["labels"].values()} <= {f"chapters/{dropped}"}
    there = {label for name in here for label in course_parts.labels(TEXTS[name], *NAMED)}
    there |= {label for page in here.values() for label in course_parts.figures(page)}
    for name in here:
        for label in ROLE.findall(TEXTS[name]):
            assert (label in there) != (label in away["labels"]), (name, label)
        for one in FILE.findall(TEXTS[name]):
            page = "".join(one)
            assert (page in here) != (f"chapters/{page}" in away["pages"]), (name, page)


NAMED = (
    course.named(ROOT),
    {one[1]: "" for text in TEXTS.values() for one in course_parts.EQUATION.finditer(text)},
)


def test_the_example_keeps_what_it_says(example, tmp_path):
    files = course.files(ROOT, example)
    away = json.loads(files["absent.json"])
    assert f"# {example.title}\n\n{example.term}, {example.institution}\n" in files["course.md"]
    assert "| 5 April 2027 | [Linearization](chapters/linearization.ipynb) |" in files["course.md"]
    assert "| 12 April 2027 | {ref}`ex-linearization-1` |" in files["course.md"]
    assert "](http" not in files["course.md"]
    pages = [name for name in files if re.fullmatch(r"chapters/\w+\.(md|ipynb)", name)]
    assert len(pages) == len(example.chapters) + len(course.BESIDE)
    linearization = nbformat.reads(files["chapters/linearization.ipynb"], as_version=4)
    text = course.joined(linearization.cells)
    assert "## In the scan" not in text
    assert "## Further reading" in text
    assert course_parts.exercises(text) == ["ex-linearization-1", "ex-linearization-3"]
    assert re.findall(r"\{solution-start\} (\S+)", text) == course_parts.exercises(text)
    here = kept_labels(files, tmp_path)
    assert not here & away["labels"].keys()
    assert here | away["labels"].keys() >= set(course.named(ROOT))
    assert away["labels"]["ex-linearization-2"]["words"].startswith("Exercise 2 “")
    assert away["labels"]["thm-rank"]["words"].startswith("Theorem ")
    assert away["labels"]["thm-rank"]["page"] == "chapters/interpolation"


def test_code_is_what_the_book_has_executed(example):
    files = course.files(ROOT, example, solutions=False)
    for name in example.chapters:
        before = nbformat.read(PAGES[name], as_version=4)
        after = nbformat.reads(files[f"chapters/{name}.ipynb"], as_version=4)
        code = [
            [cell.source for cell in one.cells if cell.cell_type == "code"]
            for one in (before, after)
        ]
        assert code[0] == code[1]
        assert before.metadata.kernelspec == after.metadata.kernelspec


def test_without_solutions_no_word_of_them_is_left():
    said = course.read(MINIMAL, ROOT)
    files = course.files(ROOT, said, solutions=False)
    for name in said.chapters:
        page = nbformat.reads(files[f"chapters/{name}.ipynb"], as_version=4).cells
        text = course.joined(page)
        assert "{solution" not in text
        assert course_parts.exercises(text) == course_parts.exercises(TEXTS[name])
        gone = [cell for cell in page if course_parts.GONE in cell.metadata.get("tags", ())]
        graded = [cell for cell in page if cell.cell_type == "code" and "grade(" in cell.source]
        assert len(graded) == len(course_parts.exercises(text))
        assert all(cell in gone and not cell.outputs for cell in graded)


def test_numbers_are_those_of_the_book():
    away = json.loads(course.files(ROOT, course.read(MINIMAL, ROOT))["absent.json"])
    order = [one[1] for text in TEXTS.values() for one in course_parts.EQUATION.finditer(text)]
    assert away["equations"] == {f"equation-{label}": str(i + 1) for i, label in enumerate(order)}
    number = away["equations"]["equation-eq-limit-mean"]
    assert away["labels"]["eq-limit-mean"]["words"].startswith(f"({number}) of ")


def test_what_a_machine_has_read_is_of_what_is_kept():
    files = course.files(ROOT, course.read(MINIMAL, ROOT))
    away = json.loads(files["absent.json"])["labels"].keys()
    reasons = tomllib.loads(files["proofs/not.toml"])["reason"]
    spoken = tomllib.loads(files["proofs/words.toml"])["sentence"]
    states = [json.loads(text) for name, text in files.items() if "/states/" in name]
    found = {label for one in reasons for label in one["labels"]}
    found |= {one["label"] for one in [*spoken, *(t for s in states for t in s["theorems"])]}
    kinds = ("Figure", "Exercise")
    numbered = {label for label, name in course.named(ROOT).items() if not name.startswith(kinds)}
    assert found == numbered - away
    whole = tomllib.loads((ROOT / "proofs" / "words.toml").read_text(encoding="utf-8"))["sentence"]
    assert spoken == [one for one in whole if one["label"] not in away]


def test_the_address_of_the_book_ends_with_one_slash():
    for said in ("https://example.org/kernels", "https://example.org/kernels/"):
        made = course.read(MINIMAL, ROOT, said)
        assert made.book == "https://example.org/kernels/"
        assert f"]({made.book})" in course.files(ROOT, made)["course.md"]
    assert course.read(f"{MINIMAL}book: http://a.b", ROOT, "https://c.d").book == "http://a.b/"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("a course", "must have keys such as 'title', got 'a course'"),
        ("chapters: [span]", "'title' is missing"),
        ("title: A course", "'chapters' is missing"),
        ("titel: A course", "unknown 'titel'; there are 'title', 'term'"),
        ("title: A\nchapters: []", r"'chapters' must be a list, and not empty, got \[\]"),
        ("title: A\nchapters: span", "'chapters' must be a list, and not empty, got 'span'"),
        ("title: A\nchapters: [spam]", "there is no 'spam'; there are 'intro', 'linearization'"),
        ("title: A\nchapters: [ledger]", "'ledger' is a page of every course"),
        ("title: A\nchapters: [span, span]", "'span' is there twice"),
        (MINIMAL + "exercises: []", "'exercises' must be a list, and not empty"),
        (MINIMAL + "exercises: [ex-span]", "there is no 'ex-span'; labels look like 'ex-lin"),
        (MINIMAL + "exercises: [ex-limit-1]", "of a part of 'limit' that is not kept; kept are 'l"),
        (
            MINIMAL + "without: {span: [Exercises]}\nexercises: [ex-span-1]",
            "'ex-span-1' is of a part of 'span' that is not kept",
        ),
        (MINIMAL + "without: {limit: [Summary]}", "'limit' is not kept; kept are 'linearization'"),
        (MINIMAL + "without: {span: [Nothing]}", "'span' has no section 'Nothing'; it has '"),
        (MINIMAL + "without: {span: []}", r"'span' needs a list of sections, got \[\]"),
        (MINIMAL + "dates: {limit: 2027-04-05}", "'limit' is neither a chapter nor an exercise"),
        (MINIMAL + "dates: {span: Monday}", "'span' needs a day such as 2027-04-05, got 'Monday'"),
        (MINIMAL + "book: example.org", "must be an address with http, got 'example.org'"),
    ],
)
def test_what_cannot_be_is_named(changed, told):
    with pytest.raises(ValueError, match=told):
        course.read(changed, ROOT)


def test_a_section_goes_with_those_below_it_and_no_further():
    text = (
        "\x1e\n# A\n\n## B\n\nb\n\n````{note}\n## no heading\n````\n\x1e\n\n### C\n\x1e\n"
        "\n## D\n\n### E\n"
    )
    spans = course_parts.sections(text, ["B"])
    assert course_parts.cut(text, spans) == "\x1e\n# A\n\n\x1e\x1e## D\n\n### E\n"
    spans = course_parts.sections(text, ["C", "B", "E"])
    assert course_parts.cut(text, spans) == "\x1e\n# A\n\n\x1e\x1e## D\n\n"


def test_code_of_an_exercise_stays_where_a_later_cell_uses_it():
    answer = "````{solution-start} ex-%s\n````\n\n%s"
    end = "````{solution-end}\n````"
    page = [
        nbformat.v4.new_markdown_cell("# A\n\n```{exercise}\n:label: ex-a\n\na\n```\n\n"),
        nbformat.v4.new_markdown_cell(answer % ("a", "Two.")),
        nbformat.v4.new_code_cell("two = 1 + 1"),
        nbformat.v4.new_code_cell("three = 3"),
        nbformat.v4.new_markdown_cell(f"{end}\n\n```{{exercise}}\n:label: ex-b\n\nb\n```"),
        nbformat.v4.new_markdown_cell(answer % ("b", "Four.")),
        nbformat.v4.new_code_cell("four = 2 * two"),
        nbformat.v4.new_markdown_cell(end),
    ]
    text = course.joined(page)
    kept = course_parts.reduced(page, [], course_parts.others(text, ["ex-b"], solutions=True))
    tags = [cell.metadata.get("tags") for cell in kept if cell.cell_type == "code"]
    assert tags == [["remove-cell"], ["left-out", "remove-cell"], None]
    assert "Two." not in course.joined(kept)
    assert "ex-a" not in course.joined(kept)
    assert "Four." in course.joined(kept)
    kept = course_parts.reduced(page, [], course_parts.others(text, None, solutions=False))
    tags = [cell.metadata.get("tags") for cell in kept if cell.cell_type == "code"]
    assert tags == [["left-out", "remove-cell"]] * 3


def test_a_chapter_of_ones_own_is_one_of_them(tmp_path):
    for folder in ("chapters", "proofs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for name in ("_config.yml", "_toc.yml", "CHANGELOG.md", "pyproject.toml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    for path, text in chapter.files(tmp_path, "my_topic").items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    table, sealed = names.read(tmp_path)
    table = names.updated(table, names.book(tmp_path), "unreleased")
    (tmp_path / names.TABLE).write_text(names.written(table, sealed), encoding="utf-8")
    said = "title: A\nchapters: [relu_kernel, my_topic]\nexercises: [ex-my_topic-1]\n"
    files = course.files(tmp_path, course.read(said, tmp_path))
    assert "- [My topic](chapters/my_topic.ipynb)\n" in files["course.md"]
    assert "- file: chapters/my_topic\n" in files["_toc.yml"]
    away = json.loads(files["absent.json"])["labels"]
    assert "prp-my-topic-length" not in away
    assert "ex-relu_kernel-1" in away
    labels = tomllib.loads(files["proofs/not.toml"])["reason"]
    assert any("prp-my-topic-length" in one["labels"] for one in labels)
    without = course.read("title: A\nchapters: [span]\n", tmp_path)
    away = json.loads(course.files(tmp_path, without)["absent.json"])["labels"]
    words = table["chapters/my_topic"]["prp-my-topic-length"]["name"]
    assert away["prp-my-topic-length"]["words"] == f"{words} “Longer inputs”"


def test_what_nobody_has_said_is_an_empty_table():
    files = course.files(ROOT, course.read("title: A\nchapters: [limits]\n", ROOT))
    assert tomllib.loads(files["proofs/words.toml"]) == {"sentence": []}
