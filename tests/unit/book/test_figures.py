"""Every figure of the book has words for each frame, and is legible on a phone.

There no text is small, pale, cut off or on another.
"""

import ast
import importlib
import inspect
import itertools
import json
import pkgutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from ntklib.book import figures as rooms
from ntklib.book import records
from ntklib.book.figures.style import INK, WIDTH, new_axes

CHAPTERS = Path(__file__).parents[3] / "chapters"
PHONE = 343  # CSS pixels that a figure gets on a screen 390 wide
SMALLEST = 9.0  # CSS pixels
TALLEST = 5.6  # inches: a figure and its sliders fit on a screen

DOWN = np.array([1.0, 0.4, 0.1, 0.04, 0.01])
WIDTHS = np.array([4, 16, 64, 256, 1024])
# The figures without sliders, on data like those that the chapters give them.
STILL = {
    "depth.motif": ((6, 12, 25, 50), {name: np.array([[DOWN[:4], 1 - DOWN[:4]]] * 2) / 2 + 0.4
                                      for name in ("shallow", "100 layers", "local", "pooled")}),
    "guide.scores": (np.linspace(0, 0.5, 8).reshape(2, 4), ["relu_ntk", "ntk, depth 1"],
                     [1, 10, 100, 1000]),
    "least_squares.digits_lost": (),
    "least_squares.widths": (np.column_stack([WIDTHS, [4, 16, 60, 64, 64], 100 * DOWN, DOWN]), 64),
    "limits.learners": ({n: [{name: [1.0 + d, 0.6] for name in ("kernel", "linearized", "trained")}
                             for d in (0.1, 0.2)] for n in ("50", "100", "200", "400", "800")},),
    "limit.question": (),
    "noise.digits": (np.linspace(0, 0.5, 6), {name: np.linspace(low, 0.3, 6) for name, low in
                                             (("no ridge", 0.01), ("ridge 0.2", 0.05))}),
    "limit.running_means": (np.arange(1, 1025), [np.full(1024, q) for q in (0.5, 0.1, 0.2)],
                            [0.5, 0.1, 0.2], [(0, 0), (0, 1), (2, 3)]),
    "limit.predictors": (),
    "limit.error_against_width": (WIDTHS, np.outer(DOWN, [1, 2]), DOWN, 4 * DOWN),
    "limit.chernoff": (WIDTHS, DOWN, DOWN, WIDTHS[:3], DOWN[:3], np.eye(3)),
    "limit.laziness": (WIDTHS, dict.fromkeys(itertools.product(("tanh", "relu"), (True, False)),
                                             DOWN), WIDTHS, DOWN, DOWN, 3 * DOWN),
    "real_data.cost": (),
    "real_data.curves": (),
    "real_data.memory": (),
    "relu_kernel.angle_errors": (),
    "relu_kernel.profiles": (),
    "relu_kernel.folds": ({"linear": 0.9 + DOWN / 20, "Gaussian SVM": 0.9 + DOWN / 20},),
    "rich.steps": (),
    "span.levels": (),
    "new_data.larger": (records("bound"),),
}  # fmt: skip


def _module(name):
    return importlib.import_module(f"ntklib.book.figures.{name}")


def _calls(name):
    """What a chapter draws: (function, keywords of `interact`, or None for one of `figure`)."""
    cells = json.loads((CHAPTERS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    figures = _module(name)
    for cell in cells:
        if cell["cell_type"] != "code" or "figures." not in (source := "".join(cell["source"])):
            continue
        for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
            if getattr(call.func, "id", "") == "interact":
                given = {
                    k.arg: eval(ast.unparse(k.value), {"figures": figures}) for k in call.keywords
                }
                yield call.args[0].attr, given
            elif getattr(call.func, "id", "") == "figure":
                yield call.args[0].attr, None


CALLS = [
    pytest.param(name, function, given, id=f"{name}.{function}")
    for name in sorted(path.stem for path in CHAPTERS.glob("*.ipynb"))
    for function, given in _calls(name)
]


def _grids(given):
    return {k: v for k, v in given.items() if k not in {"labels", "start"}}


def _frames(name, function, given):
    """A few frames: the first one shown, and the corners of the sliders."""
    draw = getattr(_module(name), function)
    if given is None:
        return [draw(*STILL[f"{name}.{function}"])]
    grids = _grids(given)
    start = {k: given.get("start", {}).get(k, grid[0]) for k, grid in grids.items()}
    corners = itertools.product(*({grid[0]: 0, grid[-1]: 0} for grid in grids.values()))
    return [draw(**start), *(draw(**dict(zip(grids, key, strict=True))) for key in corners)]


def _texts(fig):
    """The texts that are drawn, with their boxes in dots."""
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    hidden = set()
    for ax in fig.axes:
        for axis in (ax.xaxis, ax.yaxis):
            scaled = axis.get_transform().transform  # ticks beyond the ends exist and are not drawn
            low, high = sorted(scaled(axis.get_view_interval()))
            slack = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                inside = low - slack <= scaled(tick.get_loc()) <= high + slack
                if not (ax.axison and inside):
                    hidden |= {tick.label1, tick.label2}
            hidden |= set() if ax.axison else {axis.label}
    for text in fig.findobj(Text):
        if text not in hidden and text.get_visible() and text.get_text().strip():
            yield text, text.get_window_extent(canvas.get_renderer())


def _faults(fig):
    faults, boxes = [], []
    for text, box in _texts(fig):
        pixels = text.get_fontsize() * PHONE / (72 * fig.get_figwidth())
        if pixels < SMALLEST:
            faults.append(f"{text.get_text()!r} is {pixels:.1f} pixels high on a phone")
        # No color but the page's own has enough contrast for text on white and on dark.
        if to_hex(text.get_color()) != INK and not (text.axes and text.axes.images):
            faults.append(f"{text.get_text()!r} is not in the color of text")
        if min(box.x0, box.y0, fig.bbox.x1 - box.x1, fig.bbox.y1 - box.y1) < -1:
            faults.append(f"{text.get_text()!r} is cut off")
        boxes.append((text.get_text(), box))
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        across, along = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if across > 0.5 and along > 0.5:
            faults.append(f"{one!r} and {other!r} overlap")
    return faults


@pytest.mark.drawn(4)
@pytest.mark.parametrize(("name", "function", "given"), CALLS)
def test_figures_are_legible_on_a_phone(name, function, given):
    frames = _frames(name, function, given)
    assert {fig.get_figwidth() for fig in frames} == {WIDTH}
    assert len({fig.get_figheight() for fig in frames}) == 1  # nothing jumps below a slider
    assert frames[0].get_figheight() <= TALLEST
    assert [fault for fig in frames for fault in _faults(fig)] == []


def test_the_figures_without_sliders_are_those_of_the_chapters():
    still = {f"{p.values[0]}.{p.values[1]}" for p in CALLS if p.values[2] is None}
    assert still == set(STILL)


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(rooms.__path__)])
def test_every_figure_has_its_words_beside_it(name):
    own = {
        key: value
        for key, value in vars(_module(name)).items()
        if inspect.isfunction(value) and value.__module__.endswith(name) and key[0] != "_"
    }
    figures = {key for key, value in own.items() if value.__annotations__["return"] == "Figure"}
    assert {key.removesuffix("_alt") for key in own if key.endswith("_alt")} == figures
    for key in figures:
        wanted = inspect.signature(own[key]).parameters.values()
        taken = inspect.signature(own[f"{key}_alt"]).parameters.values()
        named = [one.name for one in taken if one.kind is not one.VAR_POSITIONAL]
        assert named == [one.name for one in wanted][: len(named)]
        assert len(named) == len(wanted) or len(taken) > len(named)  # the rest goes unused


@pytest.mark.drawn(4)
@pytest.mark.parametrize(("name", "function", "given"), CALLS)
def test_no_two_frames_have_the_same_words(name, function, given):
    words = getattr(_module(name), f"{function}_alt")
    if given is None:
        assert words(*STILL[f"{name}.{function}"])
        return
    grids = _grids(given)
    alts = [
        words(**dict(zip(grids, key, strict=True))) for key in itertools.product(*grids.values())
    ]
    assert len(set(alts)) == len(alts) > 1


def test_faults_are_found():
    fig, ax = new_axes()
    ax.text(0.5, 0.5, "small", fontsize=7)
    fig.text(0.8, 0.2, "a long text that leaves the figure")
    ax.text(0.2, 0.8, "one", color="red")
    ax.text(0.2, 0.8, "other")
    found = " ".join(_faults(fig))
    assert "'small' is 6.9 pixels high" in found
    assert "leaves the figure' is cut off" in found
    assert "'one' and 'other' overlap" in found
    assert "'one' is not in the color of text" in found
    sound, ax = new_axes()
    ax.set(xlabel="x", title="title", xlim=(0, 1))
    assert _faults(sound) == []
