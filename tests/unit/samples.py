"""What the tests of several rooms share: points, stored values, and what is refused."""

import json
import math
from pathlib import Path

import numpy as np
import pytest


def stored(name):
    """The values in this file of the folder `data`."""
    return json.loads((Path(__file__).parent / "data" / name).read_text(encoding="utf-8"))


def points(n, d, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) * rng.uniform(0.5, 2, (n, 1))).astype(dtype)


def pair(theta, rng, d, norms=(1.0, 1.0)):
    """Two vectors of R^d of these norms at (very nearly) the given angle, in a random plane."""
    q = np.linalg.qr(rng.standard_normal((d, 2)))[0]
    ends = {0.0: (1.0, 0.0), math.pi: (-1.0, 0.0)}
    c, s = ends.get(theta, (math.cos(theta), math.sin(theta)))
    return norms[0] * q[:, 0], norms[1] * (c * q[:, 0] + s * q[:, 1])


def crowd(kind, n, d, rng):
    """Data in which many pairs are nearly parallel or nearly opposite."""
    center = rng.standard_normal(d)
    if kind == "equal":
        return np.tile(center, (n, 1))
    if kind == "plus and minus":
        return np.outer(np.where(np.arange(n) % 2, 1.0, -1.0) * rng.uniform(0.5, 2, n), center)
    if kind == "scales":
        # Distances from 0.1 down to 1e-16 of the norm.
        return center + np.logspace(-1, -16, n)[:, None] * rng.standard_normal((n, d))
    if kind == "two scales":
        far = center + 0.05 * rng.standard_normal((n // 8, d))
        near = np.repeat(far, 8, axis=0)
        return near * rng.uniform(0.5, 2, (len(near), 1)) + 1e-7 * rng.standard_normal(near.shape)
    return np.where(rng.random((n, 1)) < 0.5, 1, -1) * (center + 1e-3 * rng.standard_normal((n, d)))


def rounding_of_product(K, V):
    """A product of n terms is off by at most n eps times the product of absolute values."""
    return len(K) * np.finfo(np.float64).eps * (np.abs(K) @ np.abs(V)).max()


def refused(message, function, *arguments, error=ValueError, **options):
    """The call raises this error, whose message has this pattern."""
    with pytest.raises(error, match=message):
        function(*arguments, **options)
