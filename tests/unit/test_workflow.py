"""The workflow of the website: it runs what do.py has, pins what it uses, comes weekly."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import do
from website import project
from website.downloads import places

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load(TEXT)
# YAML 1.1 reads the key `on` as true.
TRIGGERS = WORKFLOW[True]
JOBS = WORKFLOW["jobs"]


def commands(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def asked(text: str) -> set[str]:
    """What a text asks do.py for."""
    return set(re.findall(r"\bpython3? do\.py ([a-z][\w-]*)", text))


def faults(workflow: dict[Any, Any]) -> list[str]:
    """What is wrong with a workflow, in words."""
    found = []
    for name, job in workflow["jobs"].items():
        if "runs-on" not in job:
            found.append(f"{name} runs nowhere")
        for step in job["steps"]:
            if ("uses" in step) == ("run" in step):
                found.append(f"{name}: a step must use or run, and not both")
            if "uses" in step and not re.fullmatch(r"[\w.-]+/[\w./-]+@v\d+", step["uses"]):
                found.append(f"{name}: {step['uses']} is not pinned to a major version")
        found += [f"{name}: there is no {one}" for one in asked(commands(job)) - set(do.COMMANDS)]
        needed = job.get("needs", [])
        for other in [needed] if isinstance(needed, str) else needed:
            if other not in workflow["jobs"]:
                found.append(f"{name} needs {other}, which is no job")
    return found + address_faults(workflow)


def address_faults(workflow: dict[Any, Any]) -> list[str]:
    """What keeps the published site from knowing its address."""
    job = workflow["jobs"]["pages"]
    uses = [step.get("uses", "").split("@")[0] for step in job["steps"]]
    found = []
    if "actions/configure-pages" not in uses:
        return ["nothing asks where the site will stand"]
    asked = uses.index("actions/configure-pages")
    step = job["steps"][asked]
    if job.get("permissions", {}).get("pages") != "read":
        found.append("the job may not ask")
    if "refs/heads/main" not in step.get("if", ""):
        found.append("pull requests ask, which fails where there are no pages")
    wanted = "${{ steps." + str(step.get("id")) + ".outputs.base_url }}"
    built = [
        i
        for i, one in enumerate(job["steps"])
        if one.get("run") == "python do.py book"
        and one.get("env", {}).get(project.ADDRESS) == wanted
    ]
    upload = uses.index("actions/upload-pages-artifact")
    if not any(asked < i < upload for i in built):
        found.append("the site is built without its address")
    return found


def test_it_is_sound():
    assert faults(WORKFLOW) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("do.py test\n", "do.py tset\n", "there is no tset"),
        ("actions/checkout@v4", "actions/checkout@main", "not pinned"),
        ("needs: [test,", "needs: [tests,", "no job"),
        ("actions/configure-pages@", "actions/setup-pages@", "nothing asks"),
        ("pages: read", "pages: none", "may not ask"),
        ("BOOK_URL:", "BASE_URL:", "without its address"),
        ("outputs.base_url", "outputs.url", "without its address"),
    ],
)
def test_a_planted_fault_is_found(old, new, fault):
    assert old in TEXT
    assert any(fault in found for found in faults(yaml.safe_load(TEXT.replace(old, new))))


def test_it_tests_on_three_systems():
    systems = {name.split("-")[0] for name in JOBS["test"]["strategy"]["matrix"]["system"]}
    assert systems == {"ubuntu", "macos", "windows"}
    assert asked(commands(JOBS["test"])) == {"test"}


def test_it_tests_before_it_deploys():
    assert asked(commands(JOBS["pages"])) == {"pdf", "book", "epub", "editions", "tex-packages"}
    assert JOBS["deploy"]["needs"] == JOBS["notebooks"]["needs"] == ["test", "proofs", "pages"]
    for job in ("deploy", "notebooks"):
        assert "pull_request" in JOBS[job]["if"]
    assert JOBS["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}


def test_the_proofs_are_checked_by_the_version_they_are_written_for():
    job = JOBS["proofs"]
    assert job["container"] == "debian:bookworm"
    assert "make proofs" in str(job["steps"])
    assert "$(python3 do.py proof-packages)" in str(job["steps"])


def test_once_a_week_it_runs_without_lock_and_cache():
    (when,) = TRIGGERS["schedule"]
    minute, hour, day, month, weekday = when["cron"].split()
    assert (day, month) == ("*", "*")
    assert all(part.isdigit() for part in (minute, hour, weekday))
    newest = JOBS["newest"]
    assert "schedule" in newest["if"]
    assert "cache" not in str(newest)
    assert asked(commands(newest)) == {"test-newest"}


def test_the_newest_libraries_come_without_lock_and_cache(monkeypatch, tmp_path):
    installed = []
    monkeypatch.setenv("VENV", "")  # what the command sets is undone
    monkeypatch.setattr(do, "ROOT", tmp_path)
    for step in ("create", "test", "remove"):
        monkeypatch.setattr(do, step, lambda *names: None)
    monkeypatch.setattr(do, "pip", lambda *arguments: installed.append(arguments))
    (tmp_path / ".venv-newest").mkdir()
    do.test_newest()
    assert all("--no-cache-dir" in arguments for arguments in installed)
    assert installed[-1][-1] == ".[test]"
    assert "requirements.lock" not in str(installed)


def test_the_branch_of_the_launch_buttons_is_the_one_published():
    assert f"git push --force origin {places.BRANCH}" in commands(JOBS["notebooks"])
    uploads = [step["with"].get("path") for step in JOBS["pages"]["steps"] if "with" in step]
    assert f"_build/html/{places.FOLDER}" in uploads
