"""The package alone, and all that there is to take in one zip: the same source, the same bytes."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from website.downloads.places import EXTRAS

# The same in every build: the first moment that a zip can name.
_EPOCH = (1980, 1, 1, 0, 0, 0)
# What the chapters run on. The wheel asks for no versions, so that it can live with others.
_PINNED = ("numpy", "scipy", "scikit-learn", "matplotlib", "ipywidgets", "ipykernel", "jupyterlab")


def build_wheel(root: Path, out: Path) -> Path:
    """The wheel of ntklib, the same bytes for the same source.

    Built from a copy, since a build leaves folders beside what it builds.
    """
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, "source")
        shutil.copytree(
            root / "ntklib", copied / "ntklib", ignore=shutil.ignore_patterns("__pycache__")
        )
        for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT"):
            shutil.copyfile(root / name, copied / name)
        for path in copied.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        # The hook of PEP 517, which is all that pip would call.
        done = subprocess.run(
            [sys.executable, "-c", _BUILD, str(Path(folder, "wheel"))],
            cwd=copied,
            env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},  # 1980, as below
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the wheel of ntklib cannot be built:\n{done.stderr}")
        (built,) = Path(folder, "wheel").glob("*.whl")
        return Path(shutil.copyfile(built, out / built.name))


_BUILD = """
import sys
from setuptools import build_meta
build_meta.build_wheel(sys.argv[1])
"""


def pack(folder: Path, target: Path) -> None:
    """Every file of a folder in a zip, in alphabetical order, without times or a system."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            if path != target:
                entry = zipfile.ZipInfo(f"{target.stem}/{path.name}", _EPOCH)
                entry.create_system = 3  # Unix, also on Windows
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes())


def requirements(wheel: str) -> str:
    """What pip needs to run the notebooks as this build did."""
    pins = (f"{name}=={importlib.metadata.version(name)}" for name in _PINNED)
    return "\n".join((f"./{wheel}[{EXTRAS}]", *pins)) + "\n"
