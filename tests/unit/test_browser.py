"""Which browser the tests of the pages take, and how one is got."""

import pytest

from tools import browser


@pytest.fixture
def nowhere(monkeypatch):
    """A machine whose path has no program and whose browsers do not start."""
    for name in ("PATH", "CHROMIUM"):
        monkeypatch.setenv(name, "")

    class Playwright:
        class chromium:
            @staticmethod
            def launch(executable_path, channel, args):
                raise browser.Error(f"{executable_path or channel} is not there")

    return Playwright


def test_a_named_browser_is_the_only_one(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "a/b")
    assert browser.ways() == [browser.Way("a/b")]


def test_those_on_the_path_come_before_those_that_each_system_keeps(monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browser.shutil, "which", {"google-chrome": "/x/google-chrome"}.get)
    first, *others = browser.ways()
    assert first == browser.Way("/x/google-chrome")
    assert [way.channel for way in others] == ["chrome", "msedge", None]


def test_no_browser_is_a_clear_failure(nowhere):
    with pytest.raises(RuntimeError, match=r"set CHROMIUM(.|\n)*msedge is not there"):
        browser.launch(nowhere)


SYSTEM = ["chromium-headless-shell fonts-dejavu-core", "chromium fonts-dejavu-core"]


@pytest.mark.parametrize(
    ("root", "apt", "expected"),
    [
        (False, True, ["playwright install chromium"]),
        (True, True, ["update", *SYSTEM, "install --with-deps chromium"]),
        (True, False, ["install --with-deps chromium"]),
    ],
)
def test_who_may_ask_the_system_does(root, apt, expected, monkeypatch):
    monkeypatch.setattr(browser.shutil, "which", {"apt-get": "/x/apt-get"}.get if apt else {}.get)
    commands = [" ".join(command) for command in browser.installs(root=root)]
    assert len(commands) == len(expected)
    assert all(end in command for end, command in zip(expected, commands, strict=True))


@pytest.mark.parametrize("works_after", [0, 1, 9])
def test_commands_run_until_a_browser_starts(works_after, monkeypatch, capsys):
    ran = []

    def version():
        if len(ran) < works_after:
            raise RuntimeError("none")
        return "1.2"

    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browser, "version", version)
    monkeypatch.setattr(browser, "installs", lambda *, root: [["one"], ["two", "more"]])
    monkeypatch.setattr(browser.subprocess, "run", lambda command, **how: ran.append(command))
    assert browser.main() == (works_after == 9)
    printed = capsys.readouterr()
    assert ran == [["one"], ["two", "more"]][: min(works_after, 2)]
    assert ("Getting one: one" in printed.out) is bool(works_after)
    assert printed.err == ("none\n" if works_after == 9 else "")


def test_a_named_browser_that_does_not_start_is_not_replaced(monkeypatch, capsys):
    def version():
        raise RuntimeError("it does not start")

    monkeypatch.setenv("CHROMIUM", "no/such/browser")
    monkeypatch.setattr(browser, "version", version)
    monkeypatch.setattr(browser.subprocess, "run", None)
    assert browser.main() == 1
    assert capsys.readouterr().err == "it does not start\n"
