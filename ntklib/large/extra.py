"""What the extra ``large`` installs."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def extra(module: str) -> Any:
    """The module, or an ImportError that says how to get it."""
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ImportError(f"this needs {library}: pip install 'ntklib[large]'") from error
