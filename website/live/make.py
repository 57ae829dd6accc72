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
from website.live import wheels
from website.live.sources import LOCK, ROOT, Refused, Unavailable, digest, gather

OUT = ROOT / "_build" / "live"
RUNTIME = "pyodide"
LIST = "pyodide-lock.json"
UNAVAILABLE = 3
# What no page uses: headers, stubs, toolkits of windows, examples, other fonts than the book's.
UNUSED = {
    "*": ("*.h", "*.hpp", "*.pxd", "*.pyx", "*.pyi", "*.c", "*.cpp", "*.a", "*/tests/*"),
    "matplotlib": (
        "matplotlib/mpl-data/fonts/afm/*",
        "matplotlib/mpl-data/fonts/pdfcorefonts/*",
        "matplotlib/mpl-data/images/*",
        "matplotlib/mpl-data/sample_data/*",
    ),
}


def smaller(name: str, data: bytes) -> bytes:
    """A package without what no page uses, and compressed."""
    unused = (*UNUSED["*"], *UNUSED.get(name, ()))
    files = wheels.unpack(data)
    kept = wheels.select(files, lambda file: not wheels.matches(file, unused))
    if name == "matplotlib":
        kept = wheels.font_list(kept)
    if LOCK["packages"][name]["package_type"] == "package":
        kept = wheels.record(kept)
    return wheels.pack(kept)


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
        "sha256": digest(data),
        "unvendored_tests": False,
        "version": wheel.name.split("-")[1],
    }
    return entry, data


def build() -> dict[str, bytes]:
    """Every file of the folder `pyodide`, by name."""
    given = gather()
    files = {name: given[name] for name in LOCK["runtime"]}
    entries = {}
    for name, entry in LOCK["packages"].items():
        data = smaller(name, given[entry["file_name"]])
        files[entry["file_name"]] = data
        entries[name] = entry | {"sha256": digest(data)}
    entries["ntklib"], wheel = own()
    files[entries["ntklib"]["file_name"]] = wheel
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
            }
            for name, entry in listed.items()
        },
        "total": sum(map(len, files.values())),
        "licenses": LOCK["licenses"],
    }


def main() -> int:
    """Fetch, verify, make smaller, write."""
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
    print(f"== Python for the pages: {listed['total'] / 1e6:.1f} MB in _build/live")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
