"""The folder `notebooks`: plain notebooks, the wheel, licenses, and a zip of all these."""

import shutil
from pathlib import Path

import nbformat
from sphinx.application import Sphinx

from website.downloads.names import Pages
from website.downloads.notebook import notebook
from website.downloads.places import FOLDER, ZIP, guard
from website.downloads.wheel import build_wheel, pack, requirements
from website.project import chapters, project, put, repository, whole


def write(app: Sphinx) -> None:
    """Fill the folder `notebooks` of the website."""
    out = Path(app.outdir, FOLDER)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    root = Path(app.srcdir)
    wheel = build_wheel(root, out).name
    first = guard(wheel, str(app.config.html_baseurl).rstrip("/"), repository(app))
    for page, path in chapters(app.env).items():
        pages = Pages(app, page)
        source = nbformat.read(path, as_version=4)
        plain = notebook(source, path.stem, pages.book(), guard=first, closing=pages.closing)
        put(out / path.name, nbformat.writes(plain, version=4) + "\n")
    for license in ("LICENSE", "LICENSE-TEXT"):
        shutil.copyfile(root / license, out / license)
    put(out / "requirements.txt", requirements(wheel))
    put(out / "README.md", readme(app, wheel))
    pack(out, out / ZIP)
    # Binder's own file: repo2docker takes its Python from here.
    put(out / "runtime.txt", "python-3.12\n")
    for built in whole(app):
        shutil.copyfile(built, Path(app.outdir, built.name))


def readme(app: Sphinx, wheel: str) -> str:
    """A page for whoever unpacks the zip."""
    env = app.env
    listed = "\n".join(
        f"- `{path.name}`: {env.titles[page].astext()}" for page, path in chapters(env).items()
    )
    return README.format(
        title=app.config.html_title or app.config.project,
        chapters=listed,
        wheel=wheel,
        python=project(app)["requires-python"].lstrip(">="),
    )


README = """# {title}

The chapters of the book as notebooks, and the package `ntklib` that they run on.

With Python {python} or newer, in this folder:

```
python -m venv .venv
.venv/bin/python -m pip install -r requirements.txt
.venv/bin/jupyter lab
```

On Windows, write `.venv\\Scripts` for `.venv/bin`.
The sliders are live, and every cell may be changed.

{chapters}

`{wheel}` is the package alone: `python -m pip install {wheel}` needs NumPy and SciPy only.

Code: BSD 3-Clause (`LICENSE`). Text and figures: CC BY 4.0 (`LICENSE-TEXT`).
"""
