"""What the pages say of the package is true of it, and their code fits beside the text."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ABOUT = (ROOT / "chapters" / "about.md").read_text(encoding="utf-8")
# For people who work on the book itself.
INSIDE = {"book", "lab", "study", "test"}
FITS = 83  # characters of code beside the text of a page


def test_the_extras_of_the_page_are_those_of_the_package():
    listed = re.findall(r"^\| `(\w+)` \| ", ABOUT, re.MULTILINE)
    assert set(listed) == set(PROJECT["optional-dependencies"]) - INSIDE
    asked = {name for group in re.findall(r"\[([\w,]+)\]\"", ABOUT) for name in group.split(",")}
    assert asked <= set(listed)


def test_the_wheel_of_the_page_is_that_of_this_version():
    wheels = set(re.findall(r"ntklib-[\w.]+-py3-none-any\.whl", ABOUT))
    assert wheels == {f"ntklib-{PROJECT['version']}-py3-none-any.whl"}


@pytest.mark.parametrize("path", sorted((ROOT / "chapters").glob("*.ipynb")), ids=lambda p: p.stem)
def test_lines_of_code_fit_beside_the_text(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lines = "".join("".join(c["source"]) + "\n" for c in cells if c["cell_type"] == "code")
    assert [line for line in lines.splitlines() if len(line) > FITS] == []
