"""Copy the parts of MathJax that the website needs into site/assets/vendor/mathjax.

Run by hand when the version changes: `python tools/vendor_mathjax.py`. It asks npm for the
package, refuses it when its SHA-512 is not the one written here, and copies the scripts and
fonts: the book's pages then fetch nothing from anywhere else.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

VERSION = "3.2.2"
SHA512 = "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw=="
TARGET = Path(__file__).resolve().parent.parent / "site" / "assets" / "vendor" / "mathjax"
# The parts that set formulas, without the menu, which weighs as much as all of them together.
# Packages such as boldsymbol are loaded by the page that uses them.
WANTED = (
    "es5/startup.js",
    "es5/core.js",
    "es5/input/tex.js",
    "es5/input/tex/extensions/",
    "es5/output/chtml.js",
    "es5/output/chtml/fonts/tex.js",
    "es5/output/chtml/fonts/woff-v2/",
    "es5/a11y/assistive-mml.js",
    "LICENSE",
)


def main() -> None:
    """Fetch, verify and copy."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", f"mathjax@{VERSION}"], cwd=folder, check=True)
        archive = Path(folder) / f"mathjax-{VERSION}.tgz"
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != SHA512:
            raise SystemExit(f"mathjax-{VERSION}.tgz has SHA-512 {digest}, expected {SHA512}")
        shutil.rmtree(TARGET, ignore_errors=True)
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                name = member.name.removeprefix("package/")
                if not member.isfile() or not name.startswith(WANTED):
                    continue
                source = tar.extractfile(member)
                assert source is not None  # isfile() said so
                path = TARGET / name.removeprefix("es5/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(source.read())


if __name__ == "__main__":
    main()
