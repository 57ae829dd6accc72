"""The page *Your own network*: its blocks are run in order, and print what the page shows.

On the page a block marked ``python`` is run, and a block marked ``text`` right after it is what it
prints. After a change of a block, ``python -m tests.libraries.test_your_network`` writes what is
printed into the page; read it before you believe it.
"""

import contextlib
import io
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch

PAGE = Path(__file__).resolve().parents[2] / "chapters" / "your_network.md"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def executed(page: str) -> str:
    """The page with what its blocks print, run in one namespace."""
    names: dict[str, object] = {"__name__": "__main__"}
    printed: str | None = None

    def block(match: re.Match[str]) -> str:
        nonlocal printed
        kind, body = match.groups()
        if kind == "text":
            assert printed is not None, f"no code before this output:\n{body}"
            shown, printed = printed, None
            return f"```text\n{shown}```"
        assert not printed, f"the page does not show:\n{printed}"
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(body, str(PAGE), "exec"), names)
        printed = said.getvalue()
        return match[0]

    result = BLOCK.sub(block, page)
    assert not printed, f"the page does not show:\n{printed}"
    return result


@pytest.fixture
def _as_before():
    """Settings of the libraries that the page changes."""
    import jax
    import torch

    dtype, threads, x64 = (
        torch.get_default_dtype(),
        torch.get_num_threads(),
        jax.config.jax_enable_x64,
    )
    yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)
    jax.config.update("jax_enable_x64", x64)


@pytest.mark.usefixtures("_as_before")
@pytest.mark.drawn(2)
def test_the_page_shows_what_its_blocks_print():
    page = PAGE.read_text(encoding="utf-8")
    assert len(BLOCK.findall(page)) >= 10
    assert executed(page) == page


if __name__ == "__main__":
    PAGE.write_text(executed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
