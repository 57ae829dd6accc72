"""Copy the parts of MathJax that the website needs into site/assets/vendor/mathjax.

Run by hand when the version changes: `python tools/vendor_mathjax.py`. It asks npm for the
package, refuses it when its SHA-512 is not the one written here, and copies one script and the
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
# tex-chtml-full: plain tex-chtml loads extensions such as boldsymbol on demand, and fails to.
WANTED = ("es5/tex-chtml-full.js", "es5/output/chtml/fonts/woff-v2/", "LICENSE")


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
