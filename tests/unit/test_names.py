"""Permanent names: the table fits the book, and what it has is neither lost nor changed unseen."""

import copy
import re

import pytest

from tools import names
from tools.names import Found

BOOK = names.book(names.ROOT)
PAGES, SEALED = names.read(names.ROOT)
RULES = (names.errata(names.ROOT), names.release(names.ROOT))


def test_the_table_fits_the_book():
    assert names.faults(PAGES, SEALED, BOOK, *RULES) == []


def test_the_table_is_as_the_program_writes_it():
    text = (names.ROOT / names.TABLE).read_text(encoding="utf-8")
    assert text == names.written(names.updated(PAGES, BOOK, RULES[1]), SEALED)


# ---- A small book --------------------------------------------------------------------------------

ONE = Found("one", "dfn-a", "Definition", "a" * 12)
TWO = Found("one", "fig-a", "Figure", "")
THREE = Found("one", "lem-b", "Lemma", "b" * 12)
FOUR = Found("two", "thm-c", "Theorem", "c" * 12)
SMALL = [ONE, TWO, THREE, FOUR]


def new(page, label, kind="Lemma"):
    return Found(page, label, kind, "d" * 12)


def given(found, *before):
    """The names that a book gets, after books before it that were released one by one."""
    pages = {}
    for i, book in enumerate([*before, found]):
        pages = names.updated(pages, book, f"0.{i + 1}.0")
    return {label: one["name"] for page in pages.values() for label, one in page.items()}


def test_each_kind_of_thing_is_counted():
    numbers = {"dfn-a": "Definition 1", "fig-a": "Figure 1", "lem-b": "Lemma 2"}
    assert given(SMALL) == numbers | {"thm-c": "Theorem 3"}


def test_what_is_put_in_moves_nothing():
    put = [new("one", "prp-0", "Proposition"), *SMALL[:2], new("one", "lem-x"), THREE]
    after = [*put, new("one", "cor-y"), new("one", "cor-z"), FOUR]
    old, found = given(SMALL), given(after, SMALL)
    assert found | old == found
    assert (found["prp-0"], found["lem-x"]) == ("Proposition 0a", "Lemma 1a")
    assert (found["cor-y"], found["cor-z"]) == ("Lemma 2a", "Lemma 2b")


def test_a_new_page_and_a_new_end_take_the_next_free_numbers():
    after = [*SMALL[:3], new("between", "lem-x"), FOUR, new("two", "lem-y")]
    found = given(after, SMALL)
    assert (found["lem-x"], found["lem-y"]) == ("Lemma 4", "Lemma 5")


def test_a_number_that_was_given_is_not_given_again():
    later = [*SMALL[:3], new("one", "lem-x"), FOUR]
    again = [*SMALL[:3], new("one", "lem-y"), FOUR]
    assert given(again, SMALL, later)["lem-y"] == "Lemma 2b"
    assert given([*SMALL[:3], new("two", "lem-y")], SMALL)["lem-y"] == "Lemma 4"


def test_letters_go_on():
    assert [names.letters(k) for k in (1, 26, 27, 52, 53)] == ["a", "z", "aa", "az", "ba"]


def released():
    """The table of the small book, released and sealed."""
    pages = names.updated({}, SMALL, "1.0.0")
    return pages, {"1.0.0": names.seal(pages, "1.0.0")}


def told(found, pages=None, listed=None, version="1.0.0"):
    own, sealed = released()
    return names.faults(own if pages is None else pages, sealed, found, listed or {}, version)


def test_the_sound_book_has_no_fault():
    assert told(SMALL) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (SMALL[:3], "thm-c has left the book"),
        ([*SMALL, new("two", "lem-x")], "lem-x has no name"),
        ([ONE, TWO, THREE, FOUR._replace(page="one")], "thm-c has moved from two to one"),
        ([ONE, TWO, THREE._replace(kind="Remark"), FOUR], "is called Lemma 2, and has become a Re"),
        ([ONE, TWO, THREE._replace(text="e" * 12), FOUR], "the text of lem-b has changed"),
    ],
)
def test_a_change_of_the_book_is_seen(found, words):
    assert [words in one for one in told(found)] == [True]


@pytest.mark.parametrize(
    ("label", "change", "words"),
    [
        ("lem-b", {"name": "Lemma 7"}, "a name of version 1.0.0 was changed"),
        ("lem-b", {"name": "Lemma 3"}, "two have the name"),
        ("fig-a", {"since": "1.1.0"}, "a name of version 1.0.0 was changed"),
        ("thm-c", {"since": "unreleased"}, "thm-c is released with 1.0.0"),
        ("lem-b", {"gone": "1.0.0"}, "lem-b is there"),
        ("lem-b", {"text": ["a" * 12, "b" * 12]}, "needs a reason or its erratum"),
        ("lem-b", {"text": ["a" * 12, "b" * 12 + " reworded: "]}, "needs a reason"),
        ("lem-b", {"text": ["a" * 12, "b" * 12 + " erratum: 1"]}, "needs a reason or its erratum"),
    ],
)
def test_an_edited_table_is_seen(label, change, words):
    pages = copy.deepcopy(released()[0])
    next(page for page in pages.values() if label in page)[label] |= change
    assert any(words in one for one in told(SMALL, pages))


def test_a_dropped_line_of_the_table_is_seen_though_the_book_agrees():
    pages = names.updated({}, SMALL[:3], "1.0.0")
    assert told(SMALL[:3], pages) == [
        "a name of version 1.0.0 was changed or dropped from names.toml"
    ]


def test_a_changed_text_needs_a_reason_or_an_erratum():
    changed = [ONE, TWO, THREE._replace(text="e" * 12), FOUR]
    pages = released()[0]
    names.reworded(pages, changed, "lem-b", "reworded: the order of two words")
    assert told(changed, pages) == []
    pages = released()[0]
    names.mended(pages, changed, {"4": {"thm-c"}})
    assert len(told(changed, pages)) == 1
    names.mended(pages, changed, {"4": {"lem-b"}})
    assert told(changed, pages, {"4": {"lem-b"}}) == []
    # The erratum has been used: a second change needs another.
    names.mended(pages, SMALL, {"4": {"lem-b"}})
    assert len(told(SMALL, pages, {"4": {"lem-b"}})) == 1
    with pytest.raises(ValueError, match="a released statement, got 'fig-a'"):
        names.reworded(pages, SMALL, "fig-a", "reworded: it")


def test_what_leaves_needs_an_erratum_and_its_name_is_kept():
    pages = names.updated(released()[0], SMALL[:3], "1.1.0")
    assert pages["two"]["thm-c"]["gone"] == "1.1.0"
    assert any("thm-c has left" in one for one in told(SMALL[:3], pages, version="1.1.0"))
    assert told(SMALL[:3], pages, {"1": {"thm-c"}}, "1.1.0") == []


def test_renumbering_counts_as_from_the_beginning():
    first, second = names.updated({}, SMALL, "unreleased"), [ONE, new("one", "lem-x"), THREE, FOUR]
    pages = names.updated(first, second, "unreleased")
    assert pages["one"]["lem-x"]["name"] == "Lemma 1a"
    again = names.renumbered(pages, second)
    assert [one["name"] for page in again.values() for one in page.values()] == [
        *("Definition 1", "Lemma 2", "Lemma 3", "Theorem 4")
    ]


# ---- Texts ---------------------------------------------------------------------------------------

TEXT = "```{prf:lemma} A sum\n:label: lem-sum\n\nLet $x>0$. Then\n$x+1>1$.\n```\n"


def digest(text):
    (found,) = names.blocks(text, "page")
    return found.text


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("Then\n", "\nThen ", True),
        ("$x+1", "$\\phonebreak x+1", True),
        ("```", "````", True),
        ("x>0", "x\\ge0", False),
        ("A sum", "Sums", False),
    ],
)
def test_the_digest_is_that_of_the_words(old, new, same):
    assert (digest(TEXT) == digest(TEXT.replace(old, new))) is same


def test_what_has_no_label_is_refused():
    with pytest.raises(ValueError, match=r"page: prf:lemma 'A sum' has no label"):
        names.blocks(TEXT.replace(":label: lem-sum\n", ""), "page")


def test_all_statements_of_the_book_are_found():
    sources = [
        path.read_text(encoding="utf-8") for path in (names.ROOT / "chapters").glob("*.ipynb")
    ]
    written = sum(len(re.findall(r"\{prf:(?!proof|ref)\w+\}", text)) for text in sources)
    assert sum(bool(one.text) for one in BOOK) == written
