"""What runs the cells of a page in its reader's browser, run here."""

import pytest

from ntklib.book import _live
from ntklib.book._live import Session
from ntklib.book.figures import intro
from ntklib.book.printing import receiver


@pytest.fixture
def outputs():
    return []


@pytest.fixture
def session(outputs):
    return Session(lambda *output: outputs.append(output), ["absent"])


def told(outputs, kind):
    return "".join(text for one, text, _ in outputs if one == kind)


def test_one_namespace_and_outputs_in_their_order(session, outputs):
    assert session.run("x = 2\nprint(x)", "cell 1") == "done"
    assert session.run("x + 1", "cell 2") == "done"
    assert session.run("x = None\nx", "cell 3") == "done"
    assert outputs == [("stdout", "2", ""), ("stdout", "\n", ""), ("text", "3", "")]


def test_a_check_that_fails_shows_its_line_and_says_where(session, outputs):
    bad = "check('prp-x', 'small', measured=2.0, at_most=1.0, because='x')"
    code = f"from ntklib.book import check\n{bad}"
    assert session.run(code, "cell 4") == "failed"
    assert 'data-passed="false"' in told(outputs, "html")
    assert told(outputs, "failed").startswith("The check in cell 4, line 2, fails")


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [
        ("1 / 0", "Traceback", "ZeroDivisionError: division by zero"),
        ("def f(:", '  File "cell 1", line 1', "SyntaxError: invalid syntax"),
        ("raise SystemExit", "Traceback", "SystemExit"),
    ],
)
def test_an_error_is_told_from_the_cell_on(session, outputs, code, first, last):
    assert session.run(code, "cell 1") == "failed"
    lines = told(outputs, "error").splitlines()
    assert lines[0].startswith(first)
    assert lines[-1].startswith(last)
    assert not any("_live.py" in line for line in lines)


def test_a_missing_module_is_asked_for_once(session, outputs):
    assert session.run("import absent.part", "cell 1") == "absent"
    assert outputs == []
    assert session.run("import absent.part", "cell 1") == "failed"
    assert "No module named 'absent'" in told(outputs, "error")


def test_what_a_loop_prints_is_cut(session, outputs, monkeypatch):
    monkeypatch.setattr(_live, "MOST", 100)
    assert session.run("for k in range(1000): print(k)", "cell 1") == "done"
    text = told(outputs, "stdout")
    assert len(text) < 200
    assert text.endswith("(More was printed than the page shows.)\n")


def test_a_slider_takes_positions_and_values(session, outputs):
    code = "from ntklib.book import interact\nfrom ntklib.book.figures import intro\n"
    assert session.run(code + "interact(intro.story, m=[4, 8])", "cell 1") == "done"
    ((kind, markup, name),) = outputs
    assert kind == "sliders"
    assert markup.count("<template") == 1  # frames are drawn when they are asked for
    assert session.draw(name, [0]) in markup
    assert intro.story_alt(6) in session.draw(name, ["6"]).replace("&#x27;", "'")
    for wrong in ("six", "6.5", "__import__('os')", "True"):
        with pytest.raises(ValueError, match="m must be a whole number such as 4, got"):
            session.draw(name, [wrong])


def test_a_figure_of_the_readers_own(session, outputs):
    code = "from ntklib.book.figures.style import new_axes\nfig, _ = new_axes()\nfig"
    assert session.run(code, "cell 1") == "done"
    assert 'aria-label="A figure that your own code drew"' in told(outputs, "html")


def test_names_are_completed(session):
    session.run("import numpy as np", "cell 1")
    assert session.complete("np.linalg.in") == ["inv"]
    assert "np" in session.complete("n")


def test_elsewhere_outputs_go_where_they_went(session):
    session.run("1 / 0", "cell 1")
    assert receiver.get() is None


# ---- Answers to exercises ----------------------------------------------------------------------


def test_an_answer_is_judged_in_the_namespace_of_the_page(session, outputs):
    assert session.judge("ex-limit-3", " 2 * 2 ") == ("right", "")
    assert session.judge("ex-limit-3", "sqrt(np.float64(16))") == ("right", "")
    session.run("width = 2\nsqrt = 4", "cell 1")
    kind, words = session.judge("ex-limit-3", "print(1) or width")
    assert (kind, words[-1]) == ("known", "?")
    assert session.judge("ex-limit-3", "sqrt") == ("right", "")
    assert session.judge("ex-limit-3", "[width]")[0] == "unlike"
    assert session.judge("ex-limit-3", "width + 5")[0] == "unknown"
    assert outputs == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("[1, 2", "SyntaxError: '[' was never closed"),
        ("x = 4", "SyntaxError: invalid syntax"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("wide + 1", "run that cell first."),
        ("2.0^3", "as in 2**3."),
    ],
)
def test_an_answer_that_fails_says_where(session, source, words):
    kind, told = session.judge("ex-limit-3", source)
    assert kind == "error"
    assert 'File "your answer", line 1' in told
    assert told.rstrip().endswith(words)
    assert "_live.py" not in told


def test_an_answer_may_need_a_module_that_is_not_there(session):
    assert session.judge("ex-limit-3", "__import__('absent')") == ("missing", "absent")
    assert session.judge("ex-limit-3", "__import__('absent')")[0] == "error"
