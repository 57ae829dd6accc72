"""Runs the cells of a page in its reader's browser, for website/assets/live/worker.js.

One `Session` is what a kernel is to a notebook: one namespace, and outputs in their order.
"""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import math
import re
import rlcompleter
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ntklib.book import answers
from ntklib.book.checks import CheckFailed
from ntklib.book.interactive import DRAWING, Drawing, svg
from ntklib.book.printing import receiver

# Characters that one cell may print: a loop that never ends must not fill the page.
MOST = 100_000
_COMPLETIONS = 100
_ANSWER = "your answer"
# What an answer may name before any cell has run.
_COMMON = {name: value for name, value in vars(math).items() if not name.startswith("_")}
_WORDS = "A figure that your own code drew"
_SITE = re.compile(r'(?<=File ")[^"]*/site-packages/')


class Session:
    """One run of a page.

    Parameters
    ----------
    post : callable
        Takes each output: its kind (stdout, stderr, html, text, sliders, error, failed), its
        content, and a name, empty but for sliders.
    available : iterable of str
        Modules that can still be fetched.
    """

    def __init__(
        self, post: Callable[[str, str, str], None], available: Iterable[str] = ()
    ) -> None:
        self._post = post
        self._available = set(available)
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._drawings: dict[str, Drawing] = {}
        self._own = 0

    def run(self, source: str, cell: str) -> str:
        """Run a cell called `cell`: "done", "failed", or a module that must be fetched first."""
        _remember(source, cell)
        out, err = _Stream(self._post, "stdout"), _Stream(self._post, "stderr")
        token = receiver.set(self._receive)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                self._run(source, cell)
                self._show_open_figures()
        except BaseException as error:  # whatever a reader's code raises is for the reader to see
            if missing := self._lacks(error):
                return missing
            kind = "failed" if isinstance(error, CheckFailed) else "error"
            self._post(kind, _explained(error, cell), "")
            return "failed"
        finally:
            receiver.reset(token)
        return "done"

    def judge(self, label: str, source: str) -> tuple[str, str]:
        """What is said of an expression that answers the exercise `label`: a kind, and words.

        The expression may use the names of the page, those of `math`, and ``np``. The kind is
        that of `ntklib.book.answers.judge`; or "error", with a traceback; or "missing", with a
        module that must be fetched first.
        """
        source = source.strip()
        _remember(source, _ANSWER)
        names = {**_COMMON, "np": np, **self._names}
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(None):
                return answers.judge(label, eval(compile(source, _ANSWER, "eval"), names))
        except BaseException as error:  # as above
            if missing := self._lacks(error):
                return "missing", missing
            if isinstance(error, NameError):
                error.add_note("If a cell of the page makes it, run that cell first.")
            elif isinstance(error, TypeError) and "^" in source:
                error.add_note("In Python a power is written with two asterisks, as in 2**3.")
            return "error", _explained(error, _ANSWER)

    def draw(self, prefix: str, chosen: Sequence[int | str]) -> str:
        """The frame of a figure with sliders at positions on its grids, or at values."""
        return self._drawings[prefix].draw(chosen)

    def complete(self, text: str) -> list[str]:
        """Names that go on from `text`, such as ``np.lin``: the last part of each."""
        completer = rlcompleter.Completer(self._names)
        matches = completer.attr_matches if "." in text else completer.global_matches
        found = {one.rstrip("( :").rpartition(".")[2] for one in matches(text)}
        return sorted(found)[:_COMPLETIONS]

    def _lacks(self, error: BaseException) -> str:
        """A module that can be fetched, for want of which an import failed; asked for once."""
        missing = self._available.intersection(_missing(error))
        self._available -= missing
        return missing.pop() if missing else ""

    def _run(self, source: str, cell: str) -> None:
        tree = ast.parse(source, cell)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, cell, "exec"), self._names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), cell, "eval"), self._names)
            if value is not None:
                self._show(value)

    def _show(self, value: object) -> None:
        """The value of a cell's last line, as a notebook shows it."""
        if isinstance(value, Figure):
            self._show_figure(value)
        elif callable(markup := getattr(value, "_repr_html_", None)) and (text := markup()):
            self._post("html", text, "")
        else:
            self._post("text", repr(value)[:MOST], "")

    def _show_figure(self, fig: Figure) -> None:
        self._own += 1
        words = _WORDS + (f": {fig.axes[0].get_title()}" if fig.axes else "")
        drawn = svg(fig, words.rstrip(": "), f"mine{self._own}")
        self._post("html", f'<div class="ntk-figure">{drawn}</div>', "")

    def _show_open_figures(self) -> None:
        """Those of pyplot, which the book does not use and a reader may."""
        if (plt := sys.modules.get("matplotlib.pyplot")) is not None:
            for number in plt.get_fignums():
                self._show_figure(plt.figure(number))
            plt.close("all")

    def _receive(self, bundle: dict[str, Any]) -> None:
        drawing = bundle.get(DRAWING)
        if drawing is not None:
            self._drawings[drawing.prefix] = drawing
            self._post("sliders", bundle["text/html"], drawing.prefix)
        elif "text/html" in bundle:
            self._post("html", bundle["text/html"], "")
        else:
            self._post("text", bundle["text/plain"], "")


class _Stream(io.TextIOBase):
    """What a cell prints, passed on as it comes, up to `MOST` characters."""

    def __init__(self, post: Callable[[str, str, str], None], kind: str) -> None:
        self._post, self._kind, self._left = post, kind, MOST

    def write(self, text: str) -> int:
        if self._left > 0 and text:
            self._post(self._kind, text[: self._left], "")
            self._left -= len(text)
            if self._left <= 0:
                self._post(self._kind, "\n(More was printed than the page shows.)\n", "")
        return len(text)


def _remember(source: str, name: str) -> None:
    """Let tracebacks show the lines of what was typed."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those from which it came."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__


def _missing(error: BaseException) -> set[str]:
    """The modules for want of which an import failed."""
    lacking = (one for one in _chain(error) if isinstance(one, ModuleNotFoundError))
    return {one.name.partition(".")[0] for one in lacking if one.name}


def _explained(error: BaseException, cell: str) -> str:
    """A traceback from the cell on; a failed check says where alone, since its line says what."""
    start = error.__traceback__
    while start is not None and start.tb_frame.f_code.co_filename == __file__:
        start = start.tb_next
    if isinstance(error, SyntaxError) and error.filename == cell:
        start = None  # the frames are the parser's
    if isinstance(error, CheckFailed):
        return f"The check in {cell}, line {_line(start)}, fails: the statement does not hold here."
    told = traceback.TracebackException(type(error), error, start, compact=True)
    return _SITE.sub("", "".join(told.format()))


def _line(start: TracebackType | None) -> int:
    return 0 if start is None else start.tb_lineno
