"""pytest in a process and a folder of its own, for tests of what pytest says."""

import os
import subprocess
import sys
from pathlib import Path

NBVAL = ("-p", "nbval.plugin", "--nbval", "--nbval-current-env")


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a folder, whose modules come first on the path."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # To find every plugin that is installed takes longer than most of these runs.
    alone = {"PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=os.environ | alone,
        capture_output=True,
        text=True,
        check=False,
    )
