"""The map of the book as a picture: one row a chapter, one dot a statement, one line a use.

For those who point: the lists below the picture, which it leads to, say the same in words.
"""

from collections import defaultdict
from html import escape
from typing import Any

from sphinx.application import Sphinx

from website.statements import name

# Distances in the units of the picture, which are pixels on a phone.
ROW, FIRST, LEFT, STEP, DOT = 52, 40, 14, 19, 6


def draw(
    app: Sphinx, page: str, rests: dict[str, list[str]], known: dict[str, dict[str, Any]]
) -> str:
    """The markup; `map.js` lights up what a dot rests on and what rests on it."""
    rows = defaultdict(list)
    for label in rests:
        rows[known[label]["docname"]].append(label)
    places = {
        label: (LEFT + STEP * i, FIRST + ROW * row)
        for row, labels in enumerate(rows.values())
        for i, label in enumerate(labels)
    }
    width = 2 * LEFT + STEP * (max(map(len, rows.values())) - 1)
    height = ROW * len(rows) + 10
    lines = [
        f'<path data-from="{need}" data-to="{label}" d="{_curve(places[need], places[label])}"/>'
        for label, needs in rests.items()
        for need in needs
    ]
    titles = [
        f'<text x="{LEFT - DOT}" y="{FIRST + ROW * row - 14}">'
        f"{escape(app.env.titles[docname].astext())}</text>"
        for row, docname in enumerate(rows)
    ]
    dots = [
        f'<a href="#map-{label}" tabindex="-1" data-label="{label}">'
        f"<title>{escape(_words(known[label]))}</title>"
        f'<circle class="{known[label]["kind"]}" cx="{x}" cy="{y}" r="{DOT}"/></a>'
        for label, (x, y) in places.items()
    ]
    return (
        f'<svg class="statement-map" viewBox="0 0 {width} {height}" aria-hidden="true">'
        f"<g>{''.join(lines)}</g>{''.join(titles)}{''.join(dots)}</svg>"
    )


def _curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    """From a dot to one that rests on it; within a row an arc below the dots."""
    (x, y), (u, v) = start, end
    bend = 0.5 * (v - y) if v != y else 8 + 0.12 * abs(u - x)
    under = v - bend if v != y else v + bend
    return f"M{x} {y}C{x} {y + bend:g} {u} {under:g} {u} {v}"


def _words(statement: dict[str, Any]) -> str:
    """Kind, number and title, without the dollars of formulas."""
    title = statement["title"].replace("$", "")
    return name(statement) + (f": {title}" if title else "")
