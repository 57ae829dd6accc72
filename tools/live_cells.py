"""Run notebooks in Pyodide and compare what they print; tools/live_check.mjs calls `compare`."""

import io
import json
import os
import re
import sys
import time
import traceback
import types
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from pyodide.code import eval_code

# As for nbval: pictures are not compared, so that one frame of each slider is enough.
os.environ.update(NTKLIB_BOOK_FIRST="1", MPLBACKEND="agg")
# What has no build for the browser: cells that import it are passed over.
ABSENT = re.compile(r"^\s*(?:import|from) (dask|jax|numba|torch|zarr)\b", re.MULTILINE)


class Shell:
    """Stands for IPython's shell, by which the book knows a notebook; has no kernel."""

    def __bool__(self) -> bool:
        # So that Matplotlib looks for no windows of its.
        return False


class Outputs(io.TextIOBase):
    """What a cell prints and displays, in order, as a notebook stores it."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.stream = ""

    def write(self, text: str) -> int:
        self.stream += text
        return len(text)

    def display(self, bundle: dict[str, Any]) -> None:
        self.end_stream()
        self.found.append(bundle["text/plain"])

    def end_stream(self) -> list[str]:
        if self.stream:
            self.found.append(self.stream)
        self.stream = ""
        return self.found


def stored(cell: dict[str, Any]) -> list[str]:
    """The texts of a cell's outputs in git."""
    texts = (
        each["text"] if each["output_type"] == "stream" else each["data"]["text/plain"]
        for each in cell["outputs"]
    )
    return ["".join(text) for text in texts]


def printed(source: str, namespace: dict[str, Any]) -> list[str]:
    """The texts that a cell puts out now; an error and a warning are among them."""
    outputs = Outputs()
    display = types.ModuleType("IPython.display")
    display.publish_display_data = outputs.display  # type: ignore[attr-defined]
    shell = types.ModuleType("IPython")
    shell.display, shell.get_ipython = display, Shell  # type: ignore[attr-defined]
    sys.modules |= {"IPython": shell, "IPython.display": display}
    with redirect_stdout(outputs), redirect_stderr(outputs):
        try:
            value = eval_code(source, namespace)
            if value is not None:
                print(repr(value))
        except Exception:
            print(traceback.format_exc())
    return outputs.end_stream()


def compare(text: str) -> str:
    """Run a notebook, given as JSON, from top to bottom in an empty namespace.

    Returns, as JSON: how many texts were compared, how many seconds it took, the cells passed over,
    and each cell whose texts differ with what was stored and what came.
    """
    for name in [name for name in sys.modules if name.split(".")[0] == "ntklib"]:
        del sys.modules[name]  # it counts figures and checks
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    count, absent, wrong, began = 0, [], [], time.perf_counter()
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        if missing := ABSENT.search(source):
            absent.append(f"{cell['id']} ({missing[1]})")
            continue
        want, got = stored(cell), printed(source, main.__dict__)
        count += len(want)
        if got != want:
            wrong.append({"cell": cell["id"], "stored": want, "here": got})
    seconds = time.perf_counter() - began
    return json.dumps({"count": count, "seconds": seconds, "absent": absent, "wrong": wrong})


def loaded() -> str:
    """The files of packages that have been imported, as JSON."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return json.dumps(sorted({file for file in files if file and "/site-packages/" in file}))
