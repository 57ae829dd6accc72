"""A small sound page, in which tests plant one fault at a time."""

from pathlib import Path

SOUND = Path(__file__).with_name("sound.html").read_text(encoding="utf-8")

SLIDER = Path(__file__).resolve().parents[2] / "website" / "assets" / "slider.js"


def write(folder: Path, old: str = "", new: str = "") -> Path:
    """The sound page, with the text `old` replaced by `new`, in a folder of its own."""
    if SOUND.count(old) < 1:
        raise ValueError(f"the sound page has no {old!r} to replace")
    html = SOUND.replace(old, new, 1) if old else SOUND
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    folder.joinpath("slider.js").write_text(SLIDER.read_text(encoding="utf-8"), encoding="utf-8")
    return path
