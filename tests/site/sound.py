"""A small sound page, in which tests plant one fault at a time."""

from __future__ import annotations

from pathlib import Path

SOUND = """<!DOCTYPE html>
<html lang="en" data-maths="ready">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="A small page on which nothing is wrong.">
<title>A sound page</title>
<link rel="icon" href="data:,">
<script defer src="slider.js"></script>
</head>
<body>
<main>
<h1>A sound page</h1>
<p>Here are enough words for a page to count as one that has something to say, and a
<a href="#there">link</a> that leads to <span id="there">a place on it</span>.</p>
<p><span class="math"><mjx-container tabindex="0" aria-label="x squared">x</mjx-container></span></p>
<details open><summary>Proof</summary><p>It is plain.</p></details>
<figure class="ntk-figure ntk-interact">
<div class="ntk-stage"><svg role="img" aria-label="A line of width one" viewBox="0 0 9 9"><path d="M0 1h9"></path></svg></div>
<div class="ntk-control"><label for="m">width</label>
<input type="range" id="m" min="0" max="2" step="1" value="0" aria-valuetext="1" data-values="1|2|3">
<output for="m">1</output></div>
<template data-key="0"><svg role="img" aria-label="A line of width one" viewBox="0 0 9 9"><path d="M0 1h9"></path></svg></template>
<template data-key="1"><svg role="img" aria-label="A line of width two" viewBox="0 0 9 9"><path d="M0 2h9"></path></svg></template>
<template data-key="2"><svg role="img" aria-label="A line of width three" viewBox="0 0 9 9"><path d="M0 3h9"></path></svg></template>
</figure>
<div id="wide" tabindex="0" role="region" aria-label="A wide line" style="overflow-x: auto">
<div style="width: 3000px">wide</div></div>
</main>
</body>
</html>
"""

SLIDER = Path(__file__).resolve().parents[2] / "site" / "assets" / "slider.js"


def write(folder: Path, old: str = "", new: str = "") -> Path:
    """The sound page, with the text `old` replaced by `new`, in a folder of its own."""
    if SOUND.count(old) < 1:
        raise ValueError(f"the sound page has no {old!r} to replace")
    html = SOUND.replace(old, new, 1) if old else SOUND
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    folder.joinpath("slider.js").write_text(SLIDER.read_text(encoding="utf-8"), encoding="utf-8")
    return path
