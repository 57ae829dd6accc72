"""What the chapters use to show the mathematics: checks, numbers, figures, sliders, grading."""

try:
    import matplotlib  # noqa: F401 - asked for by name before one of the modules below fails
except ImportError as error:
    raise ImportError(
        "ntklib.book needs matplotlib 3.8 or newer: pip install 'ntklib[show]'"
    ) from error

from ntklib.book.answers import grade
from ntklib.book.checks import EXACT, KERNEL, SIGMAS, CheckFailed, check
from ntklib.book.interactive import figure, interact
from ntklib.book.printing import show
from ntklib.book.recorded import records

__all__ = [
    "EXACT",
    "KERNEL",
    "SIGMAS",
    "CheckFailed",
    "check",
    "figure",
    "grade",
    "interact",
    "records",
    "show",
]
