"""The commands: one list for do.py, the Makefile and the README; what differs between systems."""

import json
import os
import re
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

import do
from tools import torch_lock

README = (do.ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (do.ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_makefile_has_the_same_commands():
    listed = re.search(r"^COMMANDS := (.*)$", MAKEFILE, re.MULTILINE)
    assert listed[1].split() == list(do.COMMANDS)
    assert "$(PYTHON) do.py $@" in MAKEFILE


def test_the_readme_names_commands_that_are_there():
    named = re.findall(r"(?:make|python do\.py) ([a-z][\w-]*)", README)
    assert len(named) > 10
    assert set(named) <= set(do.COMMANDS)


def test_help_says_what_each_command_does(capsys):
    do.main(["help"])
    printed = " ".join(capsys.readouterr().out.split())
    for name, function in do.COMMANDS.items():
        assert f"{name} {function.__doc__}" in printed


def test_what_is_no_command_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        do.main(["bok"])
    assert ended.value.code == 2
    assert "'book'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        (["study"], []),
        (["study", "iris"], ["iris"]),
        (["study", "--again", "iris", "wine"], ["--again", "iris", "wine"]),
    ],
)
def test_the_study_is_told_what_to_run(asked, passed, monkeypatch):
    ran, locks = [], []
    monkeypatch.setenv("VENV", "another")
    monkeypatch.setattr(do, "tool", str)
    monkeypatch.setattr(do, "set_up", lambda lock: locks.append((os.environ["VENV"], lock)))
    monkeypatch.setattr(do, "run", lambda *program: ran.append(program))
    do.main(asked)
    assert locks == [(".venv-study", "requirements-study.lock")]
    assert ran == [("python", "-m", "study.run", *passed)]


def test_faults_are_planted_in_the_modules_that_are_named(monkeypatch):
    ran = []
    monkeypatch.setattr(do, "tool", str)
    monkeypatch.setattr(do, "set_up", lambda: None)
    monkeypatch.setattr(do, "run", lambda *program: ran.append(program))
    do.main(["mutants", "ntklib.network"])
    assert ran == [("python", "-m", "tools.mutants", "ntklib.network")]


@pytest.mark.parametrize(("scheme", "name"), [("posix_venv", "bin"), ("nt_venv", "Scripts")])
def test_programs_stand_where_the_system_has_them(scheme, name):
    assert do.scripts(Path("a", ".venv"), scheme) == Path("a", ".venv", name)


def test_the_tools_are_those_of_this_environment():
    assert Path(do.tool("pytest")).parent == Path(sys.executable).parent


def test_a_stamp_is_good_until_a_source_is_newer(tmp_path):
    stamp, source = tmp_path / ".stamp", tmp_path / "lock"
    source.touch()
    assert not do.up_to_date(stamp, source)
    stamp.touch()
    for moment, good in ((10, True), (20, True), (30, False)):
        os.utime(stamp, (20, 20))
        os.utime(source, (moment, moment))
        assert do.up_to_date(stamp, source) is good


def test_what_runs_beside_is_shown_at_its_end_and_fails_the_rest(capfd):
    with pytest.raises(SystemExit) as ended:  # noqa: SIM117 - the outer one sees how it ends
        with do.beside(sys.executable, "-c", "import sys; print('beside'); sys.exit(3)"):
            print("first", flush=True)
    assert ended.value.code == 3
    assert capfd.readouterr().out.split() == ["first", "beside"]


def test_what_runs_beside_a_failure_is_not_left_running(tmp_path):
    late = "import pathlib, time; time.sleep(0.3); pathlib.Path(r'{}').touch()"
    with pytest.raises(KeyError), do.beside(sys.executable, "-c", late.format(tmp_path / "done")):
        raise KeyError
    assert (tmp_path / "done").exists()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project without an environment, whose installs are only noted."""
    monkeypatch.setattr(do, "ROOT", tmp_path)
    monkeypatch.delenv("VENV", raising=False)
    monkeypatch.setattr(do, "create", lambda: do.venv().mkdir(exist_ok=True))
    for name in ("requirements.lock", "pyproject.toml"):
        tmp_path.joinpath(name).touch()
    return tmp_path


def test_what_is_installed_is_not_installed_again(project, monkeypatch):
    installed = []
    monkeypatch.setattr(do, "pip", lambda *arguments: installed.append(arguments))
    do.set_up()
    assert ["--require-hashes" in arguments for arguments in installed] == [True, False]
    assert all("--no-deps" in arguments for arguments in installed)
    do.set_up()
    assert len(installed) == 2


def test_two_environments_install_the_package_in_turn(project, monkeypatch):
    installed = []
    monkeypatch.setattr(do, "pip", lambda *arguments: installed.append("-e" in arguments))
    with closing(sqlite3.connect(project / ".installing")) as other, ThreadPoolExecutor() as pool:
        other.execute("begin exclusive")
        waiting = pool.submit(do.set_up)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.5)
        assert installed == [False]  # the lock's packages only
        other.rollback()
        waiting.result(timeout=30)
    assert installed == [False, True]


def test_a_failed_install_leaves_no_stamp(project, monkeypatch):
    stamp = project / ".venv" / ".stamp"
    stamp.parent.mkdir()
    stamp.touch()
    os.utime(stamp, (0, 0))
    monkeypatch.setattr(do, "pip", lambda *arguments: sys.exit(3))
    with pytest.raises(SystemExit):
        do.set_up()
    assert not stamp.exists()


LOCK = "requirements-libraries.lock"


def test_torch_is_left_out_with_what_needs_it():
    whole = (do.ROOT / LOCK).read_text(encoding="utf-8")
    left, more = torch_lock.without_torch(whole)
    assert more == ()
    gone = set(whole.splitlines()) - set(left.splitlines())
    named = {line.split("==")[0] for line in gone if not line.startswith(" ")}
    assert named == set(torch_lock.WITH_TORCH)
    assert all(line in whole for line in left.splitlines())


@pytest.mark.parametrize("known", [True, False])
def test_the_cpu_build_of_torch_is_named_and_held_to_its_hash(known, monkeypatch, capsys):
    """By name, as pip prefers the other build where only that one's hash is announced."""
    whole = (do.ROOT / LOCK).read_text(encoding="utf-8")
    hashes = re.search(r"^torch==.*\n(?: .*\n)+", whole, flags=re.MULTILINE)[0]
    digest = re.search(r"sha256:(\w+)", hashes)[1] if known else "0" * 64
    monkeypatch.setattr(
        torch_lock, "torch_found", lambda wanted, python: (f"{wanted[7:]}+cpu", digest)
    )
    lock, more = torch_lock.with_torch(whole, "python")
    assert more == ()
    assert f"+cpu \\\n    --hash=sha256:{digest}\n" in lock
    assert len(lock.splitlines()) == len(whole.splitlines()) - len(hashes.splitlines()) + 2
    assert ("does not know" in capsys.readouterr().out) != known


@pytest.mark.parametrize(
    ("system", "large", "answer"),
    [
        ("darwin", "", ()),
        ("linux", "torch", ("torch==2.13.0",)),
        ("linux", "", "about 3 GB"),
    ],
)
def test_a_build_of_several_gb_is_not_taken_unasked(system, large, answer, monkeypatch):
    whole = (do.ROOT / LOCK).read_text(encoding="utf-8")
    report = {
        "metadata": {"version": "2.13.0"},
        "download_info": {"archive_info": {"hashes": {"sha256": "0" * 64}}},
    }
    done = do.subprocess.CompletedProcess([], 0, stdout=json.dumps({"install": [report]}))
    monkeypatch.setattr(do.subprocess, "run", lambda *program, **options: done)
    monkeypatch.setattr(do.sys, "platform", system)
    monkeypatch.setenv("LARGE", large)
    if isinstance(answer, tuple):
        assert torch_lock.with_torch(whole, "python") == (whole, answer)
        return
    with pytest.raises(SystemExit, match=answer):
        torch_lock.with_torch(whole, "python")


@pytest.mark.parametrize("status", [0, 5])
def test_a_program_s_status_comes_through(status):
    program = (sys.executable, "-c", f"raise SystemExit({status})")
    assert do.call(*program) == status
    if status:
        with pytest.raises(SystemExit) as ended:
            do.run(*program)
        assert ended.value.code == status


@pytest.mark.parametrize(
    ("given", "seen"), [({}, "1 utf-8"), ({"OMP_NUM_THREADS": "4"}, "4 utf-8")]
)
def test_programs_get_one_thread_and_utf8(given, seen, monkeypatch, capfd):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    code = "import os, locale; print(os.environ['OMP_NUM_THREADS'], locale.getpreferredencoding())"
    do.run(sys.executable, "-c", code)
    assert capfd.readouterr().out.strip().lower() == seen


@pytest.mark.parametrize(("ended", "status"), [(0, 0), (-2, 130)])
def test_ctrl_c_is_left_to_the_program(ended, status, monkeypatch):
    answers = iter([KeyboardInterrupt, KeyboardInterrupt, ended])

    class Program:
        def __init__(self, *command, **options):
            pass

        def wait(self):
            answer = next(answers)
            if answer is KeyboardInterrupt:
                raise answer
            return answer

    monkeypatch.setattr(do.subprocess, "Popen", Program)
    assert do.call("a program that asks twice") == status


@pytest.mark.parametrize("place", ["_build", "_build/lab"])
def test_only_what_is_there_is_removed(project, place):
    (project / place).mkdir(parents=True)
    do.clean()
    do.clean()
    left = {path.name for path in project.iterdir()}
    assert left == {"pyproject.toml", "requirements.lock"}


def test_a_readers_copies_stay(tmp_path):
    source, target = tmp_path / "notebooks", tmp_path / "lab"
    for folder, text in ((source, "new"), (target, "mine")):
        folder.mkdir()
        folder.joinpath("a.ipynb").write_text(text, encoding="utf-8")
    source.joinpath("b.ipynb").touch()
    do.copy_new(source, target)
    assert sorted(path.name for path in target.iterdir()) == ["a.ipynb", "b.ipynb"]
    assert target.joinpath("a.ipynb").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("browser", [0, 1])
def test_without_a_browser_the_rest_runs_and_the_end_says_so(browser, monkeypatch, tmp_path):
    ran, besides = [], []
    monkeypatch.setattr(do, "HTML", tmp_path)  # without Python for the pages

    def call(*program, **options):
        ran.append(program)
        return browser if "tools/browser.py" in program else 0

    monkeypatch.setattr(do, "call", call)
    monkeypatch.setattr(do, "beside", lambda *program: nullcontext(besides.append(program[1:])))
    for step in ("set_up", "remove"):
        monkeypatch.setattr(do, step, lambda *names: None)
    with pytest.raises(SystemExit) as ended:
        do.test()
    assert besides == [("do.py", "libraries"), do.pages()[1:]]
    assert ("not browser" in ran[-1]) is bool(browser)
    assert "Not run" in ended.value.code if browser else ended.value.code == 0
