"""Wheels made smaller, the same bytes each time."""

import base64
import fnmatch
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable

# The first moment that a zip can name.
_EPOCH = (1980, 1, 1, 0, 0, 0)
Files = dict[str, bytes]


def unpack(data: bytes) -> Files:
    """The files of a zip by name, without its folders."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}


def pack(files: Files) -> bytes:
    """A zip of some files: in alphabetical order, compressed, without times or a system."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, also on Windows
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def select(files: Files, wanted: Callable[[str], bool]) -> Files:
    """The files that are wanted, and always what describes the package and its license."""
    return {
        name: data
        for name, data in files.items()
        if ".dist-info/" in name or wanted(name) or _legal(name)
    }


def _legal(name: str) -> bool:
    last = name.rsplit("/", 1)[-1].upper()
    return last.startswith(("LICENSE", "COPYING", "NOTICE"))


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name fits one of some patterns, in which a star may stand for slashes, too."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def record(files: Files) -> Files:
    """The files of a wheel with a RECORD that says what is there now."""
    (place,) = (name for name in files if name.endswith(".dist-info/RECORD"))
    lines = []
    for name in sorted(set(files) - {place}):
        code = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).decode().rstrip("=")
        lines.append(f"{name},sha256={code},{len(files[name])}\n")
    lines.append(f"{place},,\n")
    return files | {place: "".join(lines).encode()}


def renamed(files: Files, name: str, wanted: Iterable[str]) -> Files:
    """Some files of a wheel as a wheel of another name, which installs into the same folders."""
    (place,) = (file for file in files if file.endswith(".dist-info/METADATA"))
    folder = place.removesuffix("/METADATA")
    version = folder.removesuffix(".dist-info").split("-")[1]
    own = f"{name.replace('-', '_')}-{version}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    described = {
        f"{own}/METADATA": head.encode(),
        f"{own}/WHEEL": files[f"{folder}/WHEEL"],
        f"{own}/RECORD": b"",
    }
    return record({file: files[file] for file in wanted} | described)


def signposts(elsewhere: Iterable[str], there: Files, package: str) -> Files:
    """Modules that say which package has the real ones, in the name of the module that is missing.

    They stand for modules whose packages are there; the other package overwrites them.
    """
    posts = {}
    for name in elsewhere:
        folder, _, last = name.removesuffix("/__init__.py").rpartition("/")
        if name.endswith(".py") and f"{folder}/__init__.py" in there:
            module = f"{folder}/{last.removesuffix('.py')}".replace("/", ".")
            words = f"{module} is in the package {package}, which is not loaded"
            posts[name] = f"raise ModuleNotFoundError({words!r}, name={package!r})\n".encode()
    return posts


def font_list(files: Files) -> Files:
    """Matplotlib with a list of the fonts that it has, of the version that it asks for.

    The list in Pyodide's build is of another version: Matplotlib made it anew at each start.
    """
    place = "matplotlib/fontlist.json"
    fonts = json.loads(files[place])
    source = files["matplotlib/font_manager.py"].decode()
    version = source.split("__version__ = ", 1)[1].split("\n", 1)[0]
    fonts["_version"] = int(version)
    for kind in ("afmlist", "ttflist"):
        fonts[kind] = [
            font for font in fonts[kind] if f"matplotlib/mpl-data/{font['fname']}" in files
        ]
    return files | {place: json.dumps(fonts).encode()}
