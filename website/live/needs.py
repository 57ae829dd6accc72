"""Which packages a chapter needs: those that it imports, itself or by way of ntklib."""

import ast
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from website.live.sources import ROOT

# What every chapter needs: figures draw with Matplotlib and are packed by pillow.
ALWAYS = ("matplotlib", "ntklib", "numpy", "pillow", "scipy")
# scipy in two: these modules are the first package, the others need the second as well.
CORE = ("scipy.fft", "scipy.linalg", "scipy.sparse", "scipy.special", "scipy.version")
REST = "scipy-rest"


def imported(source: str, package: str = "") -> Iterator[str]:
    """The modules that a source may import, in functions too, and names that may be modules."""
    base = package.split(".") if package else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = base[: len(base) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def module_file(module: str) -> Path | None:
    """The file of a module of ntklib, or None."""
    place = ROOT.joinpath(*module.split("."))
    found = (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file())
    return next(found, None) if module.split(".")[0] == "ntklib" else None


def reached(source: str) -> set[str]:
    """All modules that a source imports, itself or by way of ntklib."""
    found: set[str] = set()
    waiting = list(imported(source))
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        if above := module.rpartition(".")[0]:
            waiting.append(above)
        waiting += _inside(module)
    return found


@cache
def _inside(module: str) -> list[str]:
    """What a module of ntklib imports; nothing for others."""
    path = module_file(module)
    if path is None:
        return []
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return list(imported(path.read_text(encoding="utf-8"), package))


def packages(modules: set[str], provided: Mapping[str, str]) -> list[str]:
    """The packages of some modules, given the package of each top-level module."""
    needed = {*ALWAYS, *(provided[name] for name in modules if name in provided)}
    if "scikit-learn" in needed or any(map(_beyond, modules)):
        needed.add(REST)
    return sorted(needed)


def _beyond(module: str) -> bool:
    # A name of scipy itself is a module or not; of the package's own names the book uses none.
    return module.startswith("scipy.") and ".".join(module.split(".")[:2]) not in CORE


def code(path: Path) -> str:
    """The code of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def chapters() -> dict[str, Path]:
    """Page -> notebook."""
    paths = sorted((ROOT / "chapters").glob("*.ipynb"))
    return {path.relative_to(ROOT).with_suffix("").as_posix(): path for path in paths}


def pages(provided: Mapping[str, str]) -> dict[str, list[str]]:
    """Page -> the packages that it needs."""
    return {page: packages(reached(code(path)), provided) for page, path in chapters().items()}
