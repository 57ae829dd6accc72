"""Profiles: one formula, held to exact values in each of the ways in which it is computed."""

import math

import array_api_strict
import mpmath as mp
import numpy as np
import pytest

from ntklib._engine import angular, compiled
from ntklib._engine.angular import Profile
from ntklib._engine.blocks import Scratch
from ntklib._engine.layers import ReluLayers
from ntklib._engine.near import NEAR
from ntklib._engine.points import points
from tests.unit import exact

# Those of the kernels, found; and what no kernel takes yet: the sine alone (of both sides the
# same), and every term at once, with factors that are not one.
PROFILES = {name: p for name, p in vars(angular).items() if isinstance(p, Profile)} | {
    "sine": Profile(height=1.0),
    "all": Profile(shift=-0.5, slope=0.7, height=1.3),
    "all, mirrored": Profile(shift=-0.5, slope=0.7, height=1.3, mirrored=True),
}
ENDS = [0.0, 1e-12, 1e-9, 1e-6, 1e-3]
ANGLES = np.array([*ENDS, *np.linspace(0.01, math.pi - 0.01, 30), *(math.pi - e for e in ENDS)])


def tolerance(profile, dtype):
    """Five ulps of the largest value that the terms could add up to.

    Pi - theta, of size pi: the arcsine is good to four ulps of at most pi/2 in single precision (to
    one in double), the constant and the sum add half of one each, in all 5/4 of eps times pi. The
    factor of it rounds twice, the product and the sum once each, each by half of an ulp: 2. The
    sine, from 1 - cos^2 of at least 0.02, is off by 1/2 / (2 sqrt(0.02)) + 1, less than 3. What
    multiplies the tile at the end rounds twice more, 1.
    """
    size = math.pi * (abs(profile.shift) + abs(profile.slope)) + abs(profile.height)
    return 5 * np.finfo(dtype).eps * size


def defects(dtype):
    """1 - cos and 1 + cos, and the angles that the smaller of them says, in many digits."""
    minus = (2 * np.sin(ANGLES / 2) ** 2).astype(dtype)
    plus = (2 * np.sin((math.pi - ANGLES) / 2) ** 2).astype(dtype)
    with mp.workdps(40):
        half = [2 * mp.asin(mp.sqrt(mp.mpf(float(v)) / 2)) for v in np.minimum(minus, plus)]
        theta = [mp.pi - a if m > p else a for a, m, p in zip(half, minus, plus, strict=True)]
    return minus, plus, theta


def cosines(dtype):
    cos = np.cos(ANGLES).astype(dtype)
    cos = cos[np.abs(cos) <= NEAR[np.dtype(dtype)]]
    with mp.workdps(40):
        return cos, [mp.acos(mp.mpf(float(c))) for c in cos]


def in_place(profile, dtype):
    cos, theta = cosines(dtype)
    values = cos[None].copy()
    profile.on_cosines(values, Scratch(values.dtype))
    return values[0], theta


def from_defects(profile, dtype):
    minus, plus, theta = defects(dtype)
    return profile.of_defects(minus, plus), theta


def portable(profile, dtype):
    minus, plus, theta = defects(dtype)
    values = profile.of_defects(array_api_strict.asarray(minus), array_api_strict.asarray(plus))
    return np.asarray(values), theta


def in_one_pass(profile, dtype):
    cos, theta = cosines(dtype)
    left, right = np.array([0.3, 1.7], dtype), np.linspace(0.2, 2.1, len(cos)).astype(dtype)
    values = np.tile(cos, (2, 1))
    compiled.profile_tile(values, *map(float, profile), left, right)
    values = values.astype(np.float64) / left[:, None] / right
    assert np.abs(values[0] - values[1]).max() <= tolerance(profile, dtype)
    return values[1], theta


WAYS = [in_place, from_defects, portable, in_one_pass]


def error(values, theta, profile):
    with mp.workdps(40):
        right = [exact.profile(t, *map(mp.mpf, profile[:3]), profile.mirrored) for t in theta]
        return max(abs(mp.mpf(float(v)) - r) for v, r in zip(values, right, strict=True))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PROFILES)
def test_exact_in_each_way(name, way, dtype):
    profile = PROFILES[name]
    values, theta = way(profile, dtype)
    assert values.dtype == dtype or way is in_one_pass
    assert error(values, theta, profile) <= tolerance(profile, dtype)


def test_the_profiles_of_the_kernels_are_found():
    assert {"GATE", "NTK", "NNGP", "ANGLE"} <= PROFILES.keys()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PROFILES)
def test_the_tests_can_tell_a_wrong_profile(name, way):
    """A term times 3/2 or 2/3 or of the other sign, one too many, and the opposite angle."""
    right = PROFILES[name]
    wrong = [
        right._replace(**{term: value})
        for term in ("shift", "slope", "height")
        for old in (getattr(right, term),)
        for value in ((1.5 * old, 0.67 * old, -old) if old else (0.01,))
    ]
    if right._replace(mirrored=False) != Profile(height=right.height):  # its own mirror image
        wrong.append(right._replace(mirrored=not right.mirrored))
    for profile in wrong:
        values, theta = way(profile, np.float32)
        assert error(values, theta, right) > 100 * tolerance(right, np.float32), profile


@pytest.mark.parametrize("name", PROFILES)
def test_the_value_at_angle_zero(name):
    """What the diagonal is made of, known without an angle."""
    profile = PROFILES[name]
    right = exact.profile(mp.mpf(0), *profile)
    assert abs(2 * mp.pi * profile.start - right) <= tolerance(profile, np.float64)


def test_angles_at_both_ends_have_all_their_digits():
    """From 1 - cos the angle itself is good to some ulps, not only its distance from pi."""
    minus, plus, theta = defects(np.float64)
    for values in (angular.ANGLE.of_defects(minus, plus), angular.GATE.of_defects(plus, minus)):
        for value, angle in zip(values, theta, strict=True):
            assert abs(mp.mpf(float(value)) - angle) <= 4 * np.finfo(float).eps * angle


@pytest.mark.parametrize(
    "kernel", [angular.angular(angular.NTK, points(np.eye(3)), None), ReluLayers((True, False))]
)
def test_the_compiled_path_is_for_large_matrices_and_can_be_turned_off(kernel, monkeypatch):
    assert angular.compiled(angular.COMPILED_FROM) is compiled
    monkeypatch.setattr(angular, "COMPILED_FROM", 4)
    assert kernel.fused(np.ones(2), np.ones(2)) is not None
    assert kernel.fused(np.ones(1), np.ones(3)) is None
    monkeypatch.setenv("NTKLIB_NUMBA", "0")
    assert kernel.fused(np.ones(2), np.ones(2)) is None
