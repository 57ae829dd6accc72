"""What chapters use: checks that can fail, numbers that do not flap, figures with three faces."""

import gzip
import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from ntklib.book import CheckFailed, check, grade, show
from ntklib.book import interactive as inter
from ntklib.book.figures import intro
from ntklib.book.figures.style import COLOR, INK, new_axes
from ntklib.book.printing import fixed, fmt, minus, typeset
from tests.unit.samples import refused

# Numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456789, "0.123457"),
        (-0.0, "0"),
        (-1e-17, "0"),
        (3, "3"),
        (True, "True"),
        ("word", "word"),
        (1234567.0, "1.23457e+06"),
        (np.float32(0.5), "0.5"),
        (np.array(2), "2"),
        (np.array([1.0, -2e-16]), "[1  0]"),
        (np.array([[1.0, 10.5], [0.25, 2.0]]), "[   1  10.5]\n[0.25     2]"),
        ([1, 2.5], "(1, 2.5)"),
    ],
)
def test_fmt(value, text):
    assert fmt(value) == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0.125001, 2, "0.13"), (-0.004, 2, "0.00"), (-1, 0, "-1"), (np.float32(-0.5), 3, "-0.500")],
)
def test_fixed(value, decimals, text):
    assert fixed(value, decimals) == text


def test_a_minus_is_no_hyphen():
    assert minus("-1.5, half-plane, 2e-05") == "−1.5, half-plane, 2e-05"


def test_fmt_refuses_what_it_cannot_round():
    refused("complex", fmt, 1j, error=TypeError)
    refused("at most 2 dimensions", fmt, np.zeros((2, 2, 2)))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("rank-deficient, 40 000", "rank-deficient, 40\u00a0000"),
        ("K_m^+ u, K_mm, w_0^2", "K_{m}^{+} u, K_mm, w_{0}^{2}"),
        ("w_0 is u^2, 6 x 6 - 1", "w_{0} is u^{2}, 6\u00a0×\u00a06\u00a0−\u00a01"),
        ("1e-10, -2.5e-09, 1e5", "10^{−10}, −2.5\u00a0·\u00a010^{−9}, 10^{5}"),
        ("eps^2 <x, x'> <= sqrt(2), alphas", "ε^{2} ⟨x, x′⟩\u00a0≤\u00a0√2, alphas"),
        ("y_c' of Euler's, sigma'(0), points' w'", "y_{c}′ of Euler’s, σ′(0), points’ w′"),
        ("P(false alarm) < 6e-7", "P(false\u00a0alarm)\u00a0<\u00a06\u00a0·\u00a010^{−7}"),
    ],
)
def test_typeset(text, parts):
    marks = {"": "{}", "sub": "_{{{}}}", "sup": "^{{{}}}", "over": "^{{{}}}"}
    assert "".join(marks[place].format(part) for place, part in typeset(text)) == parts


def test_an_exponent_stands_over_its_own_index_only():
    places = [place for place, part in typeset("w_0 is u^2, w_0^2") if part]
    assert places == ["", "sub", "", "sup", "", "sub", "over"]


def test_show_prints_one_line(capsys):
    show(rank=3, residual=1 / 3, digits=3)
    assert capsys.readouterr().out == "rank = 3   residual = 0.333\n"


# Checks -------------------------------------------------------------------------------------


def passes(**keywords):
    try:
        check("prp-test", "a claim", because="a reason", **keywords)
    except CheckFailed:
        return False
    return True


@pytest.mark.parametrize(
    ("keywords", "holds"),
    [
        ({"measured": 1.0, "at_most": 1.0}, True),
        ({"measured": 1.0000001, "at_most": 1.0}, False),
        ({"measured": np.float64(2), "at_least": 2.0}, True),
        ({"measured": 1.9, "at_least": 2.0}, False),
        ({"measured": float("nan"), "at_most": 1.0}, False),
        ({"measured": float("nan"), "at_least": 1.0}, False),
        ({"measured": float("inf"), "at_least": 1.0}, False),
        ({"measured": -float("inf"), "at_most": 1.0}, False),
        ({"measured": 3, "equals": 3}, True),
        ({"measured": np.int64(3), "equals": 3}, True),
        ({"measured": 3, "equals": 4}, False),
        ({"measured": 1, "equals": True}, False),
        ({"measured": "[0, 1]", "equals": "[0, 1]"}, True),
    ],
)
def test_check_bites(keywords, holds):
    assert passes(**keywords) is holds


def test_check_prints_statement_value_bound_and_verdict(capsys):
    check("thm-a-b", "x is small", measured=0.25, at_most=1.0, because="it must")
    assert capsys.readouterr().out == "holds  thm-a-b: x is small. Measured 0.25, bound ≤ 1\n"


def test_rounding_errors_are_not_printed(capsys):
    check("prp-x", "equal", measured=3.7e-16, at_most=1e-10, because="algebra")
    assert "Measured rounding error, bound ≤ 1e-10" in capsys.readouterr().out


def test_a_failure_shows_its_value():
    with pytest.raises(CheckFailed, match=r"Measured 2e-09, bound ≤ 1e-10"):
        check("prp-x", "equal", measured=2e-9, at_most=1e-10, because="algebra")


def test_check_wants_one_bound_a_label_and_a_reason():
    refused("exactly one", check, "prp-x", "c", error=TypeError, measured=1.0, because="r")
    with pytest.raises(TypeError, match="exactly one"):
        check("prp-x", "c", measured=1.0, at_most=2.0, at_least=0.0, because="r")
    refused("label must look like", check, "relu", "c", measured=1.0, at_most=2.0, because="r")
    refused("must say something", check, "prp-x", "c", measured=1.0, at_most=2.0, because=" ")


# Figures ------------------------------------------------------------------------------------


def line(slope):
    fig, ax = new_axes(height=2)
    ax.plot([0, 1], [0, slope], color=COLOR["network"])
    return fig


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr(inter, "publish", bundles.append)
    return bundles


ALT = "A line of slope {slope} through the origin."


def test_interact_has_its_faces(shown):
    inter.interact(line, slope=[0, 1, 2], start={"slope": 1}, labels={"slope": "slope"}, alt=ALT)
    (bundle,) = shown
    assert bundle["text/plain"].startswith("Figure with sliders (slope from 0 to 2): A line of")
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert len(bundle["image/png"]) < 60_000
    page = bundle["text/html"]
    assert page.count("<template") == 3
    assert 'aria-valuetext="1"' in page
    assert "A line of slope 1 through the origin." in page
    # A strict content policy: no inline style, no script.
    assert "style=" not in page
    assert "<script" not in page


def test_where_words_are_compared_the_first_frame_will_do(shown, monkeypatch):
    grids = {"slope": [0, 1, 2], "start": {"slope": 1}, "alt": ALT}
    inter.interact(line, **grids)
    monkeypatch.setenv("NTKLIB_BOOK_FIRST", "1")  # as conftest.py does for nbval
    inter.interact(line, **grids)
    whole, first = shown
    assert first["text/plain"] == whole["text/plain"]
    assert first["image/png"] == whole["image/png"]
    assert [page["text/html"].count("<template") for page in shown] == [3, 1]


class Ids(HTMLParser):
    """Ids outside templates."""

    def __init__(self):
        super().__init__()
        self.depth, self.ids = 0, []

    def handle_starttag(self, tag, attrs):
        self.depth += tag == "template"
        if not self.depth:
            self.ids += [value for key, value in attrs if key == "id"]

    def handle_endtag(self, tag):
        self.depth -= tag == "template"


def test_ids_are_unique_over_figures(shown):
    for _ in range(2):
        inter.interact(line, slope=[0, 1], alt=ALT)
        inter.figure(line, 1, alt="A line of slope one.")
    parser = Ids()
    parser.feed("".join(bundle["text/html"] for bundle in shown))
    assert parser.ids
    assert len(parser.ids) == len(set(parser.ids))


def test_references_in_a_figure_resolve():
    text = inter.svg(intro.story(8), "a figure of something", "p")
    ids = set(re.findall(r'\bid="([^"]+)"', text))
    used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert used <= ids


def test_a_figure_is_the_same_every_time():
    assert inter.svg(line(1), "a line of slope", "p") == inter.svg(line(1), "a line of slope", "p")


def test_the_ink_is_the_pages_own():
    text = inter.svg(line(1), "a line of slope", "p")
    assert INK not in text
    assert "currentColor" in text


def test_twenty_frames_are_light():
    frames = "".join(inter.svg(intro.story(2**k % 97 + 1), "a figure here", "p") for k in range(20))
    assert len(gzip.compress(frames.encode())) < 250_000


def test_alt_text_is_escaped(shown):
    inter.figure(line, 1, alt='A "line" with slope < 2 & more.')
    assert html.escape('A "line" with slope < 2 & more.') in shown[0]["text/html"]


@pytest.mark.parametrize("alt", ["", "   ", "line", None])
def test_alt_text_is_required(alt):
    refused("alt must describe", inter.figure, line, 1, alt=alt)
    refused("alt must describe", inter.interact, line, slope=[1], alt=alt)


def test_the_words_of_a_figure_stand_beside_it(shown):
    inter.figure(intro.story, 4)
    inter.interact(intro.story, m=[4])
    for bundle in shown:
        assert html.escape(intro.story_alt(4)) in bundle["text/html"]
        assert bundle["text/plain"].endswith(intro.story_alt(4))


def test_bad_grids_are_named():
    refused("at least one parameter", inter.interact, line, alt=ALT)
    refused("at least one value", inter.interact, line, slope=[], alt=ALT)
    refused("at most 60 frames, got 61", inter.interact, line, slope=range(61), alt=ALT)
    with pytest.raises(ValueError, match="start must lie on the grid of slope"):
        inter.interact(line, slope=[1], start={"slope": 2}, alt=ALT)
    with pytest.raises(ValueError, match="labels must name parameters"):
        inter.interact(line, slope=[1], labels={"x": "y"}, alt=ALT)
    with pytest.raises(TypeError, match="must return a Figure"):
        inter.interact(lambda slope: None, slope=[1], alt=ALT)


def luminance(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("color", sorted(set(COLOR.values()) - {INK}))
@pytest.mark.parametrize("page", ["#ffffff", "#121212"])
def test_colors_stand_out_on_white_and_on_dark(color, page):
    light, dark = sorted((luminance(color), luminance(page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3  # WCAG 2.2, graphical objects


# Exercises ----------------------------------------------------------------------------------


def test_grade(capsys):
    grade("ex-interpolation-1", 10)
    grade("ex-interpolation-1", 11)
    grade("ex-interpolation-4", 0.0455)
    grade("ex-interpolation-4", float("nan"))
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "ex-interpolation-1: right"
    assert out[1].startswith("ex-interpolation-1: not yet. ")
    assert out[2] == "ex-interpolation-4: right"
    assert out[3].startswith("ex-interpolation-4: not yet")


@pytest.mark.parametrize("label", ["ex-interpolation-99", "ex-nowhere-1", "interpolation"])
def test_unknown_exercises_are_named(label):
    refused(label, grade, label, 1)
