"""What `grade` expects for the exercises of the chapter *Fitting noise*."""

from __future__ import annotations

from ntklib.book.answers import Answer


def _directions(n: int = 1000, k: int = 5, most: float = 0.01) -> int:
    """The root of k/(n-k-1) (q-1)/(q-n+k-1) + n/(q-n-1) = most, rounded up."""
    # With z = q - n - 1: A (z + n) (z) + n (z + k) = most z (z + k), A = k/(n-k-1).
    share = k / (n - k - 1)
    a, b, c = most - share, most * k - share * n - n, -n * k
    z = (-b + (b * b - 4 * a * c) ** 0.5) / (2 * a)
    return int(-(-z // 1)) + n + 1


ANSWERS = {
    "ex-noise-1": Answer(
        lambda: [105.0, 4 + 1 / 2 + 100 / 101], "What was never seen costs the same in both."
    ),
    "ex-noise-2": Answer(lambda: [49, 127], "Part 4 of the theorem, then part 1.", rtol=0.0),
    "ex-noise-3": Answer(lambda: 25 / 16, "The best ridge is proportional to the variance."),
    "ex-noise-4": Answer(lambda: [1.0, 2 / 3, 1 / 4], "Add up the squares of the weights."),
    "ex-noise-5": Answer(_directions, "The first part is nearly one in 199."),
}
