"""Freeze the built site of a version as an edition, and put frozen editions beside the newest site.

    python -m tools.editions freeze    pack _build/html; print its lines for editions.toml
    python -m tools.editions place     put each edition of editions.toml into _build/html

An edition is the site of a released version, built for its own address, which ends in /v1.0/: then
its links, its map and its citations name that address for good. It is kept as one zip, and taken
back only if it has the SHA-256 that editions.toml says; so what stands under an address cannot
change without a change of that file. Nothing is ever built again.
"""

import datetime
import hashlib
import re
import shutil
import sys
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from tools import names

ROOT = Path(__file__).resolve().parent.parent
HTML = Path("_build", "html")
TABLE = Path("editions.toml")
# The first moment that a zip can name: the same files, the same bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)
FORMS = {
    "version": r"\d+\.\d+\.\d+",
    "date": r"\d{4}-\d{2}-\d{2}",
    "sha256": r"[0-9a-f]{64}",
    "archive": r"https://\S+",
    "doi": r"10\.\d{4,}/\S+",
}

Editions = dict[str, dict[str, str]]


def read(root: Path) -> Editions:
    """The frozen editions.

    Raises
    ------
    ValueError
        One that lacks something, or says something that is not of its form.
    """
    editions: Editions = tomllib.loads((root / TABLE).read_text(encoding="utf-8"))
    for edition, one in editions.items():
        for key, form in FORMS.items():
            value = one.get(key, "")
            if not re.fullmatch(form, value) and not (key == "doi" and "doi" not in one):
                raise ValueError(f"{TABLE}: {key} of {edition} must be {form}, got {value!r}")
        if edition != named(one["version"]) or one.keys() - FORMS.keys():
            raise ValueError(f"{TABLE}: {edition} must be {named(one['version'])}, got {one}")
    return editions


def named(version: str) -> str:
    """The edition that a version is: v1.0 for 1.0.0."""
    return "v" + ".".join(version.split(".")[:2])


def ready(root: Path, version: str, sealed: dict[str, str]) -> str:
    """What keeps the built site from being frozen; empty if nothing does."""
    edition = named(version)
    if version == names.UNRELEASED:
        return "CHANGELOG.md has changes that are not released"
    if version not in sealed:
        return f"the names of version {version} are not sealed: run python do.py names"
    if edition in read(root):
        return f"edition {edition} is frozen already, and never changes"
    sitemap = root / HTML / "sitemap.xml"
    text = sitemap.read_text(encoding="utf-8") if sitemap.exists() else ""
    places = re.findall("<loc>(.*?)</loc>", text)
    if not places or not all(f"/{edition}/" in place for place in places):
        return f"the site must be built with BOOK_URL, an address that ends in /{edition}"
    return ""


def pack(folder: Path) -> bytes:
    """All files of a folder as a zip, without times or a system."""
    held = BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            entry.create_system = 3  # Unix, also on Windows
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return held.getvalue()


def freeze(root: Path) -> str:
    """Pack the built site; give the lines of editions.toml."""
    pages, sealed = names.read(root)
    version = names.release(root)
    listed = names.errata(root)
    if told := names.faults(pages, sealed, names.book(root), listed, version):
        sys.exit("\n".join(told))
    if reason := ready(root, version, sealed):
        sys.exit(reason)
    data = pack(root / HTML)
    target = root / "_build" / f"kernels-{named(version)}.zip"
    target.write_bytes(data)
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f'["{named(version)}"]\nversion = "{version}"\ndate = "{today}"\n'
        f'sha256 = "{hashlib.sha256(data).hexdigest()}"\n'
        f'archive = "https://..."  # where {target.name} will be kept\n'
    )


def fetched(address: str) -> bytes:
    """What stands at an address."""
    with urllib.request.urlopen(address, timeout=60) as answer:
        data: bytes = answer.read()
    return data


def place(root: Path, fetch: Callable[[str], bytes] = fetched) -> list[str]:
    """Put each edition into a folder of the site that has its name; give these names.

    Raises
    ------
    ValueError
        An archive that is not the one that was frozen.
    """
    for edition, one in read(root).items():
        data = fetch(one["archive"])
        found = hashlib.sha256(data).hexdigest()
        if found != one["sha256"]:
            raise ValueError(f"{edition} has SHA-256 {found}, frozen is {one['sha256']}")
        folder = root / HTML / edition
        shutil.rmtree(folder, ignore_errors=True)
        with zipfile.ZipFile(BytesIO(data)) as archive:
            archive.extractall(folder)
    return list(read(root))


if __name__ == "__main__":
    if sys.argv[1:] == ["freeze"]:
        print(freeze(ROOT), end="")
    elif sys.argv[1:] == ["place"]:
        print("Editions in place:", ", ".join(place(ROOT)) or "none")
    else:
        sys.exit(__doc__)
