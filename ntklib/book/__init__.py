"""What the chapters use to show the mathematics: checks, numbers, figures, sliders, grading."""

from ntklib.book.answers import grade
from ntklib.book.checks import EXACT, KERNEL, SIGMAS, CheckFailed, check
from ntklib.book.interactive import figure, interact
from ntklib.book.printing import show

__all__ = [
    "EXACT",
    "KERNEL",
    "SIGMAS",
    "CheckFailed",
    "check",
    "figure",
    "grade",
    "interact",
    "show",
]
