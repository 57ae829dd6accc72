"""Figures and sliders: one pure figure function, three faces in one output.

Where a kernel runs, a slider of ipywidgets; on the website, a native range input over frames that
were drawn when the site was built, with no kernel and no library; elsewhere a single picture.
"""

from __future__ import annotations

import base64
import html
import io
import itertools
import os
import re
from ast import literal_eval
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from ntklib.book.figures.style import INK
from ntklib.book.printing import fmt, minus, notebook, publish, receiver

Alt = str | Callable[..., str]

MAX_FRAMES = 60
# The build of the book sets this in the environment of its kernels.
PRINT = "NTKLIB_BOOK_PRINT"
# Where the reader runs the page, an output's drawing comes under this name in place of frames.
DRAWING = "drawing"
# And nbval this, which compares words and not pictures: then only the frame shown first is drawn.
FIRST = "NTKLIB_BOOK_FIRST"
# CSS pixels an inch of a drawing where no style sheet says more, and dots an inch of a picture,
# which is also what the printed book shows.
_CSS_DPI, _PNG_DPI = 110, 160
# Numbers the figures of a session, so that ids are unique on a page and the same in every build.
_count = itertools.count(1)


@dataclass(frozen=True)
class Drawing:
    """A figure with sliders that is drawn when its reader asks.

    Attributes
    ----------
    function : callable
        Parameters to a Figure.
    words : str or callable
        What a frame shows.
    values : dict
        The prepared values of each parameter.
    prefix : str
        Of the ids in its markup.
    """

    function: Callable[..., Figure]
    words: Alt
    values: Mapping[str, Sequence[Any]]
    prefix: str

    def draw(self, chosen: Sequence[int | str]) -> str:
        """Markup of the frame at `chosen`: of each parameter a position on its grid, or a value.

        Raises
        ------
        ValueError
            A value given as text that is not of the kind of those prepared.
        """
        pairs = zip(self.values.items(), chosen, strict=True)
        parameters = {name: _chosen(name, grid, one) for (name, grid), one in pairs}
        text = _frame_words(self.words, parameters)
        return svg(self.function(**parameters), text, self.prefix)


def _chosen(name: str, grid: Sequence[Any], one: int | str) -> Any:
    """A value of the grid by its position, or one that the reader wrote."""
    if not isinstance(one, str):
        return grid[one]
    whole = isinstance(grid[0], int) and not isinstance(grid[0], bool)
    what = f"{name} must be {'a whole number' if whole else 'a number'} such as {_text(grid[0])}"
    try:
        value = literal_eval(one.strip().replace("−", "-"))
    except (ValueError, SyntaxError):
        value = None
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise ValueError(f"{what}, got {one!r}")
    return value if whole else float(value)


def _frame_words(words: Alt, parameters: Mapping[str, Any]) -> str:
    return _described(words.format(**parameters) if isinstance(words, str) else words(**parameters))


def figure(function: Callable[..., Figure], *parameters: Any, alt: Alt | None = None) -> None:
    """Display a figure that does not move.

    Parameters
    ----------
    function : callable
        Pure: parameters to a Figure.
    *parameters
        What it draws.
    alt : str or callable, optional
        What the figure shows, in words: as in `interact`.
    """
    words = _words(function, alt)
    text = _described(words if isinstance(words, str) else words(*parameters))
    fig = function(*parameters)
    markup = f'<div class="ntk-figure">{svg(fig, text, _prefix())}</div>'
    publish({"text/html": markup, "text/plain": f"Figure: {text}", **_pictures(fig)})


def interact(
    function: Callable[..., Figure],
    *,
    alt: Alt | None = None,
    labels: Mapping[str, str] | None = None,
    start: Mapping[str, Any] | None = None,
    **grids: Sequence[Any],
) -> None:
    """Display a figure with one slider for each parameter.

    Parameters
    ----------
    function : callable
        Pure: keyword parameters to a Figure.
    alt : str or callable, optional
        What a frame shows, in words: a template with the parameters' names in braces, or a
        function of the parameters. By default the function of that name and ``_alt`` that stands
        where `function` does, such as ``wedge_alt`` beside ``wedge``.
    labels : mapping, optional
        Name of each slider; the parameter's name by default.
    start : mapping, optional
        Values shown first; the first of each grid by default.
    **grids
        The values of each parameter. At most 60 frames in all.

    Raises
    ------
    ValueError
        An empty grid, more than 60 frames, a start that is not on the grid, no alt text.
    """
    values = {name: list(grid) for name, grid in grids.items()}
    if not values or not all(values.values()):
        raise ValueError("grids must name at least one parameter, each with at least one value")
    combinations = list(itertools.product(*(range(len(grid)) for grid in values.values())))
    if len(combinations) > MAX_FRAMES:
        raise ValueError(f"grids must give at most {MAX_FRAMES} frames, got {len(combinations)}")
    for given, what in ((labels, "labels"), (start, "start")):
        if unknown := set(given or {}) - set(values):
            raise ValueError(f"{what} must name parameters of grids, got {sorted(unknown)}")
    words = _words(function, alt)
    names = {name: (labels or {}).get(name, name) for name in values}
    first = []
    for name, grid in values.items():
        wanted = (start or {}).get(name, grid[0])
        if wanted not in grid:
            raise ValueError(f"start must lie on the grid of {name}, got {wanted!r}")
        first.append(grid.index(wanted))

    live = receiver.get() is not None
    if FIRST in os.environ or live:
        combinations = [tuple(first)]
    prefix = _prefix()
    frames: dict[tuple[int, ...], str] = {}
    pictures: dict[str, Any] = {}
    for key in combinations:
        parameters = {name: grid[i] for (name, grid), i in zip(values.items(), key, strict=True)}
        text = _frame_words(words, parameters)
        drawn = function(**parameters)
        frames[key] = svg(drawn, text, prefix)
        if key == tuple(first):
            shown, pictures = text, _pictures(drawn)
    controls = "; ".join(
        f"{names[name]} from {_text(grid[0])} to {_text(grid[-1])}" for name, grid in values.items()
    )
    bundle: dict[str, Any] = {
        "text/html": _page(frames, tuple(first), values, names, prefix),
        "text/plain": f"Figure with sliders ({controls}): {shown}",
        **pictures,
    }
    if live:
        bundle[DRAWING] = Drawing(function, words, values, prefix)
    elif (view := _widget(frames, first, values, names)) is not None:
        bundle["application/vnd.jupyter.widget-view+json"] = view
    publish(bundle)


def svg(fig: Figure, alt: str, prefix: str) -> str:
    """The figure as an inline <svg> that takes the page's text color and scales."""
    if not isinstance(fig, Figure):
        raise TypeError(f"a figure function must return a Figure, got {type(fig).__name__}")
    buffer = io.StringIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>|<!--.*?-->", "", text, flags=re.DOTALL)
    # Attributes in place of style="...": a strict content policy forbids inline styles.
    text = re.sub(r'style="([^"]*)"', _attributes, text)
    text = text.replace(INK, "currentColor")
    text = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r' d="[^"]*"', _rounded, text)
    text = re.sub(r">\s+<", "><", text)
    head, body = text.split(">", 1)
    box = re.search(r'viewBox="([^"]*)"', head)
    assert box is not None  # Matplotlib always writes one
    return (
        f'<svg viewBox="{box[1]}" width="{fig.get_figwidth() * _CSS_DPI:.0f}" role="img" '
        f'aria-label="{html.escape(alt)}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'stroke-linejoin="round" stroke-linecap="butt">{body.strip()}'
    )


def png(fig: Figure) -> bytes:
    """The figure as a PNG on white, for places without scripts."""
    drawn, packed = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, format="png", dpi=_PNG_DPI, facecolor="white")
    # A palette takes a third of the space, and a drawing of few colors loses nothing by it.
    picture = Image.open(drawn).convert("RGB").quantize(256)
    picture.save(packed, "png", optimize=True, dpi=(_PNG_DPI, _PNG_DPI))
    return packed.getvalue()


def pdf(fig: Figure) -> bytes:
    """The figure as a PDF, for the printed book."""
    drawn = io.BytesIO()
    fig.savefig(drawn, format="pdf", metadata={"CreationDate": None, "Creator": None})
    return drawn.getvalue()


def _prefix() -> str:
    """Of the ids of a figure; where a reader runs the page, other ones than it came with."""
    return f"{'ntk' if receiver.get() is None else 'own'}{next(_count)}"


def _pictures(fig: Figure) -> dict[str, Any]:
    """The forms besides markup; none where only a page is asked for."""
    if receiver.get() is not None:
        return {}
    return {"image/png": png(fig), **_printed(fig)}


def _printed(fig: Figure) -> dict[str, str]:
    """The form for the printed book, only where a book is being built: a notebook has the PNG."""
    if PRINT not in os.environ:
        return {}
    return {"application/pdf": base64.b64encode(pdf(fig)).decode()}


def _attributes(match: re.Match[str]) -> str:
    pairs = (item.split(":", 1) for item in match[1].split(";") if ":" in item)
    return " ".join(f'{name.strip()}="{value.strip()}"' for name, value in pairs)


def _rounded(match: re.Match[str]) -> str:
    # A hundredth of a point is below what a screen shows.
    return re.sub(r"(\.\d\d)\d+", r"\1", match[0]).replace("\n", "")


def _words(function: Callable[..., Figure], alt: Alt | None) -> Alt:
    """What says in words what `function` draws; every figure must have it."""
    if alt is None:
        name = f"{getattr(function, '__name__', 'function')}_alt"
        alt = getattr(function, "__globals__", {}).get(name)
        if alt is None:
            raise ValueError(f"alt must describe the figure: give it, or define {name}")
    return alt


def _described(alt: str) -> str:
    if not isinstance(alt, str) or len(alt.split()) < 3:
        raise ValueError(f"alt must describe the figure in words, got {alt!r}")
    return " ".join(alt.split())


def _text(value: Any) -> str:
    return minus(fmt(value, digits=4))


def _symbols(label: str) -> str:
    """A label with its mathematical letters in italics, as the text has them."""
    return _LETTER.sub(r"<i>\1</i>", html.escape(label))


_LETTER = re.compile(r"(?<![\w&])([b-zα-ωA-Z])(?![\w;])")


def _page(
    frames: Mapping[tuple[int, ...], str],
    first: tuple[int, ...],
    values: Mapping[str, list[Any]],
    names: Mapping[str, str],
    prefix: str,
) -> str:
    """The face without a kernel; website/assets/slider.js moves it."""
    controls = []
    for (name, grid), index in zip(values.items(), first, strict=True):
        texts = [_text(value) for value in grid]
        ident = f"{prefix}-{name}"
        controls.append(
            f'<div class="ntk-control"><label for="{ident}">{_symbols(names[name])}</label>'
            f'<input type="range" id="{ident}" min="0" max="{len(grid) - 1}" step="1" '
            f'value="{index}" aria-valuetext="{html.escape(texts[index])}" '
            f'data-values="{html.escape("|".join(texts))}" autocomplete="off">'
            f'<output for="{ident}">{html.escape(texts[index])}</output></div>'
        )
    templates = (
        f'<template data-key="{"-".join(map(str, key))}">{frame}</template>'
        for key, frame in frames.items()
    )
    return (
        f'<div class="ntk-figure ntk-interact"><div class="ntk-stage">{frames[first]}</div>'
        f"{''.join(controls)}{''.join(templates)}</div>"
    )


def _widget(
    frames: Mapping[tuple[int, ...], str],
    first: list[int],
    values: Mapping[str, list[Any]],
    names: Mapping[str, str],
) -> dict[str, Any] | None:
    """The live face, as the view of a widget; None where no kernel can serve it."""
    if not hasattr(notebook(), "kernel"):
        return None
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError(
            "sliders in a notebook need ipywidgets 8.1 or newer: pip install 'ntklib[show]'"
        ) from error

    pane = ipywidgets.HTML(frames[tuple(first)])
    sliders = [
        ipywidgets.SelectionSlider(
            options=[(_text(value), i) for i, value in enumerate(grid)],
            value=index,
            description=names[name],
            style={"description_width": "initial"},
            continuous_update=True,
        )
        for (name, grid), index in zip(values.items(), first, strict=True)
    ]

    def redraw(change: object) -> None:
        pane.value = frames[tuple(slider.value for slider in sliders)]

    for slider in sliders:
        slider.observe(redraw, names="value")
    box = ipywidgets.VBox([*sliders, pane])
    return {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
