"""`make lab`: the server starts, ipywidgets is enabled in it, and a chapter's slider is live."""

import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import do

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-this-test"
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """JupyterLab as `make lab` starts it, without a browser and without the user's settings."""
    home = tmp_path_factory.mktemp("home")
    private = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = {**os.environ, **{name: str(home / name) for name in private}}
    # Root has to be asked twice, as in a container.
    options = ["--no-browser", "--allow-root", "--port=0", f"--IdentityProvider.token={TOKEN}"]
    process = subprocess.Popen(
        [*do.jupyter_lab("_build/html/notebooks"), *options],  # of which `make lab` makes copies
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield address(process)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def address(process: subprocess.Popen[str]) -> str:
    """Where the server says that it listens."""
    seen = []
    for line in process.stderr:
        seen.append(line)
        if match := re.search(r"(http://127\.0\.0\.1:\d+)/", line):
            return match[1]
    raise RuntimeError(f"JupyterLab did not start:\n{''.join(seen)}")


def fetch(url: str) -> str:
    """A page of the server; it may need a moment after it has said where it is."""
    request = urllib.request.Request(url, headers={"Authorization": f"token {TOKEN}"})
    last = None
    for _ in range(50):
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.read().decode()
        except OSError as error:  # refused, as long as it does not listen
            last = error
            time.sleep(0.2)
    raise RuntimeError(f"no answer from {url}") from last


def test_the_chapters_are_there(server):
    listed = {entry["name"] for entry in json.loads(fetch(f"{server}/api/contents"))["content"]}
    assert {path.name for path in (ROOT / "chapters").glob("*.ipynb")} <= listed


def test_ipywidgets_is_enabled(server):
    page = fetch(f"{server}/lab/tree/intro.ipynb")
    config = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.S)[1])
    loaded = {extension["name"] for extension in config["federated_extensions"]}
    assert "@jupyter-widgets/jupyterlab-manager" in loaded
    assert "@jupyter-widgets/jupyterlab-manager" not in config["disabledExtensions"]


def test_a_chapter_shows_a_live_slider():
    """The kernel's side: the output refers to a widget that exists, a slider over a picture."""
    notebook = nbformat.read(ROOT / "_build" / "html" / "notebooks" / "intro.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    (view,) = [output.data[VIEW] for output in outputs if VIEW in output.get("data", {})]
    state = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    children = state[view["model_id"]]["state"]["children"]
    models = [state[child.removeprefix("IPY_MODEL_")] for child in children]
    assert [model["model_name"] for model in models] == ["SelectionSliderModel", "HTMLModel"]
    assert "<svg" in models[1]["state"]["value"]
