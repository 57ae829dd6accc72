"""Fill _build/live: Python for the pages, made of files accepted only by their hash.

    python -m website.live.make

Ends with status 3, and one line that says why, where the files are not to be had.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from website.downloads.wheel import build_wheel
from website.live import needs, wheels
from website.live.sources import LOCK, ROOT, Refused, Unavailable, digest, gather

HERE = Path(__file__).parent
OUT = ROOT / "_build" / "live"
# What the folder was made of.
STAMP = ROOT / "_build" / ".live-made-of"
RUNTIME = "pyodide"
LIST = "pyodide-lock.json"
UNAVAILABLE = 3
# What no page uses: headers and sources, toolkits of windows, examples, other fonts than the
# book's, and formats of pictures that it has none of.
UNUSED = {
    "*": ("*.h", "*.hpp", "*.pxd", "*.pyx", "*.pyi", "*.c", "*.cpp", "*.a", "*/tests/*"),
    "matplotlib": (
        "matplotlib/_ttconv*.so",
        "matplotlib/backends/web_backend/*",
        "matplotlib/mpl-data/fonts/afm/*",
        "matplotlib/mpl-data/fonts/pdfcorefonts/*",
        "matplotlib/mpl-data/fonts/ttf/DejaVuSans-BoldOblique.ttf",
        "matplotlib/mpl-data/fonts/ttf/DejaVuSansMono-*.ttf",
        "matplotlib/mpl-data/fonts/ttf/DejaVuSerif*.ttf",
        "matplotlib/mpl-data/fonts/ttf/Humor-Sans.ttf",
        "matplotlib/mpl-data/images/*",
        "matplotlib/mpl-data/sample_data/*",
    ),
    "pillow": ("PIL/_imagingft*.so", "PIL/_webp*.so"),
    "python-dateutil": ("dateutil/zoneinfo/*.tar.gz",),
}
# Of these, only the files listed are kept, and tables of data that chapters read.
KEPT: dict[str, list[str]] = json.loads((HERE / "kept.json").read_text(encoding="utf-8"))
DATA = ("sklearn/datasets/data/*", "sklearn/datasets/descr/*", "*.css", "*.js")


def smaller(name: str, files: wheels.Files) -> wheels.Files:
    """The files of a package without those that no page uses."""
    if name in KEPT:
        listed = set(KEPT[name])
        return wheels.select(files, lambda file: file in listed or wheels.matches(file, DATA))
    unused = (*UNUSED["*"], *UNUSED.get(name, ()))
    kept = wheels.select(files, lambda file: not wheels.matches(file, unused))
    return wheels.font_list(kept) if name == "matplotlib" else kept


def packed(name: str, data: bytes, *, whole: bool) -> dict[str, tuple[dict[str, Any], bytes]]:
    """A package as the pages get it, in one part or more: name -> entry of the list, file."""
    entry, files = LOCK["packages"][name], wheels.unpack(data)
    if entry["package_type"] != "package":
        return {name: _listed(entry, wheels.pack(files))}
    if whole:
        return {name: _listed(entry, data)}
    kept = smaller(name, files)
    if name == "scikit-learn":
        entry = entry | {"depends": [*entry["depends"], needs.REST]}
    if name != "scipy":
        return {name: _listed(entry, wheels.pack(wheels.record(kept)))}
    rest = needs.REST.replace("-", "_")
    other = entry | {
        "name": needs.REST,
        "depends": ["scipy"],
        "file_name": entry["file_name"].replace("scipy", rest, 1),
        "imports": [rest],
    }
    kept |= wheels.signposts(KEPT[needs.REST], kept, rest)
    return {
        "scipy": _listed(entry, wheels.pack(wheels.record(kept))),
        needs.REST: _listed(
            other, wheels.pack(wheels.renamed(files, needs.REST, KEPT[needs.REST]))
        ),
    }


def _listed(entry: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    return entry | {"sha256": digest(data)}, data


def own() -> tuple[dict[str, Any], bytes]:
    """The entry of ntklib in Pyodide's list, and its wheel."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(ROOT, Path(folder))
        data = wheel.read_bytes()
    entry = {
        "depends": ["numpy", "scipy"],
        "file_name": wheel.name,
        "imports": ["ntklib"],
        "install_dir": "site",
        "name": "ntklib",
        "package_type": "package",
        "unvendored_tests": False,
        "version": wheel.name.split("-")[1],
    }
    return _listed(entry, data)


def build(*, whole: bool = False) -> dict[str, bytes]:
    """Every file of the folder `pyodide`, by name."""
    given = gather()
    files = {name: given[name] for name in LOCK["runtime"]}
    entries = {}
    parts = {"ntklib": own()}
    for name, entry in LOCK["packages"].items():
        parts |= packed(name, given[entry["file_name"]], whole=whole)
    for name, (entry, data) in parts.items():
        entries[name] = entry
        files[entry["file_name"]] = data
    listed = {"info": LOCK["info"], "packages": dict(sorted(entries.items()))}
    return files | {LIST: json.dumps(listed, indent=1).encode()}


def manifest(files: dict[str, bytes]) -> dict[str, Any]:
    """What is there, for the page that fetches it: paths from the folder of this list."""
    listed = json.loads(files[LIST])["packages"]
    return {
        "files": [
            {"path": f"{RUNTIME}/{name}", "sha256": digest(data), "bytes": len(data)}
            for name, data in sorted(files.items())
        ],
        "packages": {
            name: {
                "version": entry["version"],
                "path": f"{RUNTIME}/{entry['file_name']}",
                "bytes": len(files[entry["file_name"]]),
                "depends": entry["depends"],
                "imports": entry["imports"],
            }
            for name, entry in listed.items()
        },
        "pages": needs.pages(_provided(listed)),
        "total": sum(map(len, files.values())),
        "licenses": LOCK["licenses"],
    }


def _provided(listed: dict[str, Any]) -> dict[str, str]:
    return {module: name for name, entry in listed.items() for module in entry["imports"]}


def made_of() -> str:
    """One hash of all that the folder depends on."""
    below = (HERE.glob("*"), (ROOT / "ntklib").rglob("*"), (ROOT / "chapters").glob("*.ipynb"))
    kinds = (".py", ".json", ".mplstyle", ".ipynb")
    sources = sorted(path for paths in below for path in paths if path.suffix in kinds)
    told = [ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT")]
    parts = (path.name.encode() + digest(path.read_bytes()).encode() for path in (*sources, *told))
    return digest(sys.version.encode() + b"".join(parts))


def main() -> int:
    """Fetch, verify, make smaller, write; nothing where that was done before."""
    sources = made_of()
    made = STAMP.read_text(encoding="utf-8") if STAMP.is_file() else ""
    if made == sources and (OUT / "manifest.json").is_file():
        return 0
    STAMP.unlink(missing_ok=True)
    try:
        files = build()
    except Unavailable as why:
        print(f"== Pages without Python of their own, as it is not to be had: {why}")
        shutil.rmtree(OUT, ignore_errors=True)
        return UNAVAILABLE
    except Refused as why:
        sys.exit(f"live: {why}")
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / RUNTIME).mkdir(parents=True)
    for name, data in files.items():
        (OUT / RUNTIME / name).write_bytes(data)
    listed = manifest(files)
    (OUT / "manifest.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    STAMP.write_text(sources, encoding="utf-8")
    print(f"== Python for the pages: {listed['total'] / 1e6:.1f} MB in _build/live")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
