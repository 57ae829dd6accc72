"""Everything this project does, each by one word, on Linux, macOS and Windows.

To begin, only Python is needed: a command that needs more makes the environment .venv from
requirements.lock first, with plain pip. `make book` is `python do.py book`.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from tools import torch_lock

ROOT = Path(__file__).resolve().parent
HTML, LATEX = ROOT / "_build" / "html", ROOT / "_build" / "latex"
COURSE = ROOT / "_build" / "course"
# What a Debian or Ubuntu needs to set the book.
TEX = (
    "latexmk texlive-xetex texlive-latex-recommended texlive-latex-extra "
    "texlive-fonts-recommended lmodern"
)
# What a Debian 12 needs to check the proofs.
COQ = "coq libcoq-mathcomp-algebra-tactics libcoq-mathcomp-real-closed libcoq-interval"
DEFAULTS = {
    # One BLAS thread a process: tests and chapters already run side by side.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    # Figures need no screen.
    "MPLBACKEND": "agg",
}
# The status of website.live.make where Python for the pages is not to be had.
UNAVAILABLE = 3
SETTINGS = {
    # A module is compiled once, and not in each of some hundred processes.
    "PYTHONDONTWRITEBYTECODE": "",
    # Jupyter must not prefer the user's own kernels to this environment's.
    "JUPYTER_PREFER_ENV_PATH": "1",
    # A debugger's warning is not an output.
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    # Text is UTF-8, also where the system thinks otherwise.
    "PYTHONUTF8": "1",
}

COMMANDS: dict[str, Callable[..., None]] = {}


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Make a function a command; its docstring is the help."""
    COMMANDS[function.__name__.replace("_", "-")] = function
    return function


# ---- Programs and the environment ----------------------------------------------------------------


def say(words: str) -> None:
    """Print what is being done, before a program prints more."""
    print(f"== {words}", flush=True)


def call(*program: str | Path, folder: Path = ROOT, quiet: bool = False) -> int:
    """Run a program to its end and give its status; Ctrl-C is for the program to answer."""
    process = subprocess.Popen(
        list(map(str, program)),
        cwd=folder,
        env=DEFAULTS | dict(os.environ) | SETTINGS,
        stdout=subprocess.DEVNULL if quiet else None,
        stderr=subprocess.DEVNULL if quiet else None,
    )
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:  # it has come to the program, too
            continue
        return status if status >= 0 else 128 - status  # ended by a signal, as shells say it


def run(*program: str | Path) -> None:
    """Run a program; where it fails, so does this one, with its status."""
    if status := call(*program):
        raise SystemExit(status)


@contextmanager
def beside(*program: str | Path) -> Iterator[None]:
    """Run a program while something else is done; then show what it said, and fail where it did."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            list(map(str, program)),
            cwd=ROOT,
            env=DEFAULTS | dict(os.environ) | SETTINGS,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        finally:  # it is not left running where the other thing failed
            status = process.wait()
            said.seek(0)
            print(said.read(), end="", flush=True)
    if status:
        raise SystemExit(status)


def remove(*names: str | Path) -> None:
    """Delete folders of the project that are there."""
    for folder in (ROOT / name for name in names):
        if folder.exists():
            shutil.rmtree(folder)


def venv() -> Path:
    """The folder of the environment; VENV names another."""
    return ROOT / (os.environ.get("VENV") or ".venv")


def scripts(folder: Path, scheme: str = "venv") -> Path:
    """Where an environment has its programs: bin, or Scripts on Windows."""
    return Path(sysconfig.get_path("scripts", scheme, {"base": str(folder)}))


def tool(name: str) -> str:
    """A program of the environment."""
    found = shutil.which(name, path=str(scripts(venv())))
    return found or sys.exit(f"{name} is not in {venv()}")


def pip(*arguments: str) -> None:
    """Install into the environment."""
    run(tool("python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments)


def up_to_date(stamp: Path, *sources: Path) -> bool:
    """Whether a file is there and none of its sources is newer."""
    if not stamp.exists():
        return False
    return stamp.stat().st_mtime_ns >= max(path.stat().st_mtime_ns for path in sources)


def set_up(
    name: str = "requirements.lock",
    *,
    change: Callable[[str, str], tuple[str, Sequence[str]]] = lambda lock, python: (lock, ()),
) -> None:
    """Make the environment, unless its stamp says that it is; a failed install leaves no stamp.

    ``change``, which may ask the environment's pip and may refuse, takes the lock to what is
    installed of it, and to requirements that pip is to install afterwards with all they need.
    """
    stamp = venv() / ".stamp"
    if up_to_date(stamp, ROOT / name, ROOT / "pyproject.toml"):
        return
    say(f"Setting up {venv().name} with Python {platform.python_version()} (about a minute)")
    stamp.unlink(missing_ok=True)
    create()
    python = str(scripts(venv()) / "python")
    lock, more = change((ROOT / name).read_text(encoding="utf-8"), python)
    installed = venv() / "installed.lock"
    installed.write_text(lock, encoding="utf-8")
    # Modules are compiled when they are first used: most never are.
    pip("--no-deps", "--no-compile", "--require-hashes", "-r", str(installed))
    if more:
        pip(*more)
    # Each install of the package writes what describes it beside its source, so that two
    # environments take turns; the lock of a database ends with its process, however that ends.
    with closing(sqlite3.connect(ROOT / ".installing", timeout=600)) as turn:
        turn.execute("begin exclusive")
        pip("--no-deps", "--no-build-isolation", "-e", ".")
    stamp.touch()


def create() -> None:
    """Make the environment, empty but for pip, where there is none yet."""
    if not shutil.which("pip", path=str(scripts(venv()))):
        run(sys.executable, "-m", "venv", venv())


# ---- Commands ------------------------------------------------------------------------------------


@command
def help() -> None:
    """Show this list."""
    parser().print_help()


@command
def live(needed: bool = True) -> None:
    """Fetch Python for the pages, by hash, into _build/live (once; NTKLIB_LIVE_CACHE keeps it)."""
    set_up()
    status = call(tool("python"), "-m", "website.live.make")
    if status and (needed or status != UNAVAILABLE):
        raise SystemExit(status)


@command
def live_check(names: Sequence[str] = ()) -> None:
    """Run every chapter, or those named, on the pages' Python; compare all that it prints."""
    live()
    run(tool("python"), "-m", "tools.live_check", *names)


@command
def book() -> None:
    """Build the website into _build/html (executes every chapter)."""
    set_up()
    live(needed=False)
    say("Building the website (a first build executes every chapter)")
    remove(*HTML.glob("v[0-9]*"))  # editions that were put beside it
    run(tool("python"), "tools/execute.py")
    run(*pages())
    say("Done. Open _build/html/index.html")


def pages(*builder: str) -> tuple[str, ...]:
    """The command that writes the website, or another book; it executes what has not been yet."""
    return (tool("jupyter-book"), "build", "-W", "-n", "--keep-going", "--quiet", *builder, ".")


@command
def pdf() -> None:
    """Build the whole book into _build/latex/kernels.pdf (needs XeLaTeX)."""
    set_up()
    if not has_tex():
        sys.exit(f"pdf needs latexmk and xelatex; on Debian or Ubuntu: apt-get install {TEX}")
    say("Writing the book for LaTeX (a first build executes every chapter)")
    run(*pages("--builder", "latex"))
    typeset(LATEX)
    say("Done. Open _build/latex/kernels.pdf")


def has_tex() -> bool:
    """Whether the programs that set a book are there."""
    return bool(shutil.which("latexmk") and shutil.which("xelatex"))


def typeset(folder: Path) -> None:
    """Run XeLaTeX on what Sphinx has written for it."""
    say("Setting it (a minute or two)")
    options = ("-xelatex", "-interaction=nonstopmode", "-halt-on-error", "-silent")
    failed = call("latexmk", *options, "kernels.tex", folder=folder, quiet=True)
    log = folder / "kernels.log"
    faults = call(tool("python"), "tools/latex_log.py", log)
    if failed or faults:
        sys.exit(f"XeLaTeX failed; all of it is in {log.relative_to(ROOT)}" if failed else faults)


@command
def tex_packages() -> None:
    """Print the packages of Debian and Ubuntu that pdf needs."""
    print(TEX)


@command
def epub() -> None:
    """Build the whole book for e-readers into _build/epub/kernels.epub."""
    set_up()
    say("Writing the book for e-readers (a first build executes every chapter)")
    remove("_build/epub")  # what is left there would be packed, too
    run(*pages("--builder", "custom", "--custom-builder", "epub"))
    say("Done. Open _build/epub/kernels.epub")


@command
def test() -> None:
    """Do what CI does: lint, types, unit tests, notebooks, the site (ALL=1: no part drawn)."""
    say("Lint, and the chapters executed; beside them, the environment of torch and JAX, tested")
    remove("_build")
    with beside(sys.executable, "do.py", "libraries"):
        set_up()
        lint()
        say("A browser")
        browser = call(tool("python"), "tools/browser.py") == 0
        live(needed=False)
        run(tool("python"), "tools/execute.py")
    say("Unit tests and notebooks; beside them, a full build of the website from nothing")
    # The durations tell what to cut first, should all of it take too long.
    pytest = (
        tool("pytest"),
        "-q",
        "--durations=20",
        "-n",
        "2",
        "--dist",
        "loadscope",
        "--no-loadscope-reorder",
    )
    of_site = ("tests/book", "tests/site", "tests/website")
    apart = [f"--ignore={folder}" for folder in (*of_site, "tests/libraries")]
    with beside(*pages()):
        failed = call(*pytest, "--nbval", "--nbval-current-env", "chapters", "tests", *apart)
    say("The site in a browser, ledger, faults")
    chosen = [] if browser else ["-m", "not browser"]
    live_too = (HTML.parent / "live").exists()
    checked = (tool("python"), "-m", "tools.live_check", "--sample")
    with beside(*checked) if live_too else nullcontext():
        failed = call(*pytest, *of_site, *chosen) or failed
    sys.exit(failed if browser else "== Not run, for want of a browser: the tests of the pages")


@command
def libraries() -> None:
    """Test the kernels on torch and JAX, in .venv-libraries (WITHOUT=torch leaves torch out)."""
    without = os.environ.get("WITHOUT") or ""
    if without not in ("", "torch"):
        sys.exit(f"WITHOUT may be torch, got {without!r}")
    lock = "requirements-libraries.lock"
    if without:
        os.environ["VENV"] = ".venv-libraries-without-torch"
        set_up(lock, change=torch_lock.without_torch)
    else:
        os.environ["VENV"] = ".venv-libraries"
        set_up(lock, change=torch_lock.with_torch)
    say("The kernels on arrays of other libraries")
    tests = ("tests/libraries", "tests/unit/engine/test_portable.py")
    chosen = ("-k", "libraries or torch", *(["-m", "not torch"] if without else []))
    run(tool("pytest"), "-q", "-n", "2", *tests, *chosen)
    if without:
        say("Not run, as WITHOUT=torch asks: the tests with torch, gpytorch and botorch")


@command
def study(names: Sequence[str] = (), again: bool = False) -> None:
    """Run what the study on real data lacks, in .venv-study; --again compares."""
    os.environ["VENV"] = ".venv-study"
    set_up("requirements-study.lock")
    say("The study on real data" + (": once more" if again else ": what has no record yet"))
    run(tool("python"), "-m", "study.run", *(["--again"] if again else []), *names)


@command
def test_newest() -> None:
    """Do the same with the newest version of every library, in .venv-newest."""
    os.environ["VENV"] = ".venv-newest"
    say(f"Setting up {venv().name} with the newest versions of everything")
    remove(venv(), "_build")
    create()
    pip("--no-cache-dir", "--upgrade", "pip", "setuptools>=77")
    pip("--no-cache-dir", "--no-build-isolation", "-e", ".[test]")
    (venv() / ".stamp").touch()
    test()


@command
def serve() -> None:
    """Build, then serve the website on http://localhost:8000."""
    book()
    say("Serving on http://localhost:8000 (Ctrl-C stops)")
    where = ("--bind", "127.0.0.1", "--directory", HTML)
    run(tool("python"), "-m", "http.server", "8000", *where)


def jupyter_lab(folder: str) -> tuple[str, ...]:
    """The command that opens a folder in JupyterLab."""
    return (tool("jupyter"), "lab", "--notebook-dir", folder)


@command
def lab() -> None:
    """Open the chapters in JupyterLab, with live sliders (your copies: _build/lab)."""
    book()
    copy_new(HTML / "notebooks", ROOT / "_build" / "lab")
    run(*jupyter_lab("_build/lab"))


def copy_new(source: Path, target: Path) -> None:
    """Copy the notebooks that are not there yet: copies stay as the reader leaves them."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("*.ipynb"):
        if not (target / path.name).exists():
            shutil.copyfile(path, target / path.name)


@command
def edit() -> None:
    """Open the sources of the chapters in JupyterLab, with what makes the website."""
    set_up()
    run(*jupyter_lab("chapters"))


@command
def notebooks(names: Sequence[str] = ()) -> None:
    """Run every chapter, or those named, in a fresh kernel and normalize it for git."""
    set_up()
    run(tool("python"), "tools/notebooks.py", *names)


@command
def wrong(names: Sequence[str] = ()) -> None:
    """Try wrong statements on every chapter's checks, or on those named: what would they catch?"""
    set_up()
    run(tool("python"), "-m", "tools.wrong", *names)


@command
def mutants(names: Sequence[str] = ()) -> None:
    """Plant faults in the package: which do its tests catch? What is known is not tried again."""
    set_up()
    run(tool("python"), "-m", "tools.mutants", *names)


@command
def chapter(name: str) -> None:
    """Begin a chapter of this name, small and whole, that book and tests take as it is."""
    set_up()
    run(tool("python"), "-m", "tools.chapter", name)


@command
def course(path: str) -> None:
    """Build a course of chapters that a file names, by default course.yml, into _build/course."""
    set_up()
    live(needed=False)
    remove(COURSE)
    say("Choosing the chapters (what has not been executed yet is)")
    run(tool("python"), "-m", "tools.course", Path(path).resolve())
    run(tool("jupyter-book"), "config", "sphinx", COURSE / "source")
    options = ("-W", "-n", "--keep-going", "-q", "-d", COURSE / ".doctrees")
    build = (tool("python"), "-m", "sphinx", *options)
    if has_tex():
        run(*build, "-b", "latex", COURSE / "source", COURSE / "latex")
        typeset(COURSE / "latex")
    say("Building its website")
    run(*build, "-b", "html", COURSE / "source", COURSE / "html")
    say("Done. Open _build/course/html/index.html")


@command
def names() -> None:
    """Give what is new in the book its permanent number; say what a change of it asks for."""
    set_up()
    run(tool("python"), "-m", "tools.names")


@command
def proofs() -> None:
    """Have Coq check all proofs from nothing, and compare what they state (needs Coq)."""
    shutil.which("coqc") or sys.exit(f"proofs needs Coq; on Debian 12: apt-get install {COQ}")
    run(sys.executable, "-m", "tools.proofs_audit")
    run(sys.executable, "-m", "tools.proofs", "--check")


@command
def proof_packages() -> None:
    """Print the packages of Debian 12 that proofs needs."""
    print(COQ)


@command
def lint() -> None:
    """Check style and types."""
    set_up()
    say("Lint and types")
    run(tool("ruff"), "check", ".")
    run(tool("ruff"), "format", "--check", ".")
    run(tool("mypy"))


@command
def bench() -> None:
    """Time ntklib against other libraries and the BLAS limit (about ten minutes)."""
    set_up()
    for name in ("run", "depth", "groups", "harmonics", "left_out"):
        say(f"benchmarks/{name}.py")
        run(tool("python"), f"benchmarks/{name}.py")


@command
def bench_large() -> None:
    """Time the fits of many points, alone and beside scikit-learn (an hour; 24 GB of memory)."""
    set_up()
    for name in ("large", "nystroem"):
        say(f"benchmarks/{name}.py")
        run(tool("python"), f"benchmarks/{name}.py")


@command
def freeze() -> None:
    """Pack the built site of a release as an edition; print its lines for editions.toml."""
    set_up()
    run(tool("python"), "-m", "tools.editions", "freeze")


@command
def editions() -> None:
    """Put the frozen editions, each by its hash, beside the built site (for who publishes it)."""
    set_up()
    run(tool("python"), "-m", "tools.editions", "place")


@command
def clean() -> None:
    """Remove what was built (not .venv)."""
    remove("_build", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis")


def parser() -> argparse.ArgumentParser:
    """The command line; its help is made of the docstrings."""
    whole = argparse.ArgumentParser(prog="do.py", description=__doc__)
    each = whole.add_subparsers(title="commands", metavar="command")
    for name, function in COMMANDS.items():
        one = each.add_parser(name, help=function.__doc__, description=function.__doc__)
        one.set_defaults(function=function)
        if function in (live_check, notebooks, wrong):
            one.add_argument("names", nargs="*", help="chapters, without .ipynb (default: all)")
        if function is chapter:
            one.add_argument("name", help="small letters with underscores, such as my_topic")
        if function is course:
            one.add_argument("path", nargs="?", default="course.yml", help="default: course.yml")
        if function is mutants:
            one.add_argument("names", nargs="*", help="as in tests/mutants.toml (default: all)")
        if function is study:
            one.add_argument("names", nargs="*", help="tables (default: all)")
            one.add_argument("--again", action="store_true", help="run those recorded, compare")
    whole.set_defaults(function=help)
    return whole


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks."""
    if sys.version_info < (3, 11):  # noqa: UP036  # an older Python gets as far as here
        sys.exit("Python 3.11 or newer is needed: python3.11 do.py, or make PYTHON=python3.11")
    asked = vars(parser().parse_args(arguments))
    asked.pop("function")(**asked)


if __name__ == "__main__":
    main()
