"""Copy the scripts of others that the website needs into website/assets/vendor.

Run by hand when a version changes: `python tools/vendor.py`. It asks npm for each package, refuses
one whose SHA-512 is not the one written here, and copies what is named: the book's pages then
fetch nothing from anywhere else. The editor of cells comes in many packages: npm holds them to
the hashes of tools/editor/package-lock.json, and esbuild makes one file of them.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "website" / "assets" / "vendor"
EDITOR = Path(__file__).resolve().parent / "editor"


@dataclass(frozen=True)
class Package:
    """A package of npm, and what is copied from it: path in the package -> path in the folder."""

    name: str
    version: str
    sha512: str
    folder: str
    wanted: dict[str, str]


PACKAGES = (
    # The parts that set formulas, without the menu, which weighs as much as all of them together.
    # Packages of TeX such as boldsymbol are loaded by the page that uses them.
    Package(
        "mathjax",
        "3.2.2",
        "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        "mathjax",
        {
            "es5/startup.js": "startup.js",
            "es5/core.js": "core.js",
            "es5/input/tex.js": "input/tex.js",
            "es5/input/tex/extensions/": "input/tex/extensions/",
            "es5/output/chtml.js": "output/chtml.js",
            "es5/output/chtml/fonts/tex.js": "output/chtml/fonts/tex.js",
            "es5/output/chtml/fonts/woff-v2/": "output/chtml/fonts/woff-v2/",
            "es5/a11y/assistive-mml.js": "a11y/assistive-mml.js",
            "LICENSE": "LICENSE",
        },
    ),
    # Places the preview of a statement beside its link.
    Package(
        "@floating-ui/core",
        "1.8.0",
        "0CIZ5itps/8x7BG8dEIhs53BvCUH2PCoogtakwRTut+Arm58sJooJ0AuZhLw2HJYIR5cMLNPBSS728sPho2khQ==",
        "floating-ui",
        {"dist/floating-ui.core.umd.min.js": "core.js", "LICENSE": "LICENSE"},
    ),
    Package(
        "@floating-ui/dom",
        "1.8.0",
        "yXSrzeHZBTZadLOlfyhCkJHNeLJnHRnRInwdZ40L7ZiaAtrBwoYlsDrX3v5zB1Utk7CLfzcOVnVVWoXEky7Ceg==",
        "floating-ui",
        {"dist/floating-ui.dom.umd.min.js": "dom.js"},
    ),
)


def program(name: str) -> str:
    """A program of Node; on Windows its name ends in .cmd."""
    return shutil.which(name) or name


def fetch(package: Package, folder: Path) -> Path:
    """The package's archive, verified."""
    address = f"{package.name}@{package.version}"
    command = [program("npm"), "pack", "--silent", address]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    archive = folder / done.stdout.strip()
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != package.sha512:
        raise SystemExit(f"{address} has SHA-512 {digest}, expected {package.sha512}")
    return archive


def target(name: str, wanted: dict[str, str]) -> str | None:
    """Where a file of a package goes; None where it is not wanted."""
    for source, place in wanted.items():
        if name == source:
            return place
        if source.endswith("/") and name.startswith(source):
            return place + name.removeprefix(source)
    return None


def bundle_editor() -> None:
    """The editor of cells in one file, the same bytes each time, and the licenses of its parts."""
    target = VENDOR / "codemirror"
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        source = shutil.copytree(EDITOR, Path(folder, "editor"))
        install = [program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*install, "--silent"], cwd=source, check=True)
        options = ["--bundle", "--minify", "--format=esm", "--target=es2022", "--charset=utf8"]
        out = f"--outfile={target / 'editor.js'}"
        esbuild = [program("npx"), "esbuild", "editor.js", *options, "--log-level=warning", out]
        subprocess.run(esbuild, cwd=source, check=True)
        texts: dict[str, list[str]] = {}
        for path in sorted(source.glob("node_modules/**/LICENSE")):
            name = path.parent.relative_to(source / "node_modules").as_posix()
            if "esbuild" not in name:  # it is not in what it makes
                texts.setdefault(path.read_text(encoding="utf-8"), []).append(name)
    parts = (f"{', '.join(names)}\n\n{text.strip()}\n" for text, names in texts.items())
    (target / "LICENSE").write_text("\n\n".join(parts), encoding="utf-8")


def main() -> None:
    """Fetch, verify and copy."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    bundle_editor()
    for package in PACKAGES:
        with (
            tempfile.TemporaryDirectory() as folder,
            tarfile.open(fetch(package, Path(folder))) as archive,
        ):
            for member in archive.getmembers():
                place = target(member.name.removeprefix("package/"), package.wanted)
                if not member.isfile() or place is None:
                    continue
                source = archive.extractfile(member)
                assert source is not None  # isfile() said so
                path = VENDOR / package.folder / place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(source.read())


if __name__ == "__main__":
    main()
