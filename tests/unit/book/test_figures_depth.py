"""What the figures of the chapter on depth compute themselves."""

import numpy as np
import pytest

from ntklib import ntk
from ntklib.book.figures import depth, structure
from ntklib.expectations import expectations

RHO = np.array([-1.0, -0.7, 0.0, 0.4, 0.95])


@pytest.mark.parametrize(
    ("step", "name", "c", "b"),
    [
        (depth.relu_map, "relu", np.sqrt(2), 0.0),
        (depth.tanh_map(0.8), "tanh", *depth.tanh_scales(0.8)),
        (depth.tanh_map(1.17), "tanh", *depth.tanh_scales(1.17)),
    ],
)
def test_correlation_maps_are_those_of_the_package(step, name, c, b):
    value, slope = expectations(name, 1.0, 1.0, RHO)
    # Quadrature of tanh is good to 1e-10.
    np.testing.assert_allclose(step(RHO)[0], c**2 * value + b**2, rtol=0, atol=3e-10)
    np.testing.assert_allclose(step(RHO)[1], c**2 * slope, rtol=0, atol=3e-10)


@pytest.mark.parametrize("chi", [0.8, 1.0, 1.17])
def test_tanh_has_variance_one_and_the_slope_that_was_asked_for(chi):
    value, slope = depth.tanh_map(chi)(np.ones(1))
    np.testing.assert_allclose([value[0], slope[0]], [1, chi], rtol=1e-13)


@pytest.mark.parametrize("kind", depth.KINDS)
def test_kernels_have_one_on_the_diagonal_at_every_depth(kind):
    angles = np.array([np.pi, 1.0, 0.0])
    values = depth._kernel(kind)(np.cos(angles), 1000)
    assert values[-1] == 1
    # 1000 layers of chaos, 1.17^1000 on the diagonal, leave nothing off it.
    most = 1e-60 if kind == "tanh, chaos" else 1 + 1e-12
    assert np.abs(values[:-1]).max() <= most


def test_the_residual_kernel_is_that_of_one_network():
    # One block, L = 1: h^2 = h^1 + 2 sqrt(2/m) w s(h^1), then the readout; by hand at 90 degrees.
    value, slope = 1 / np.pi, 0.5  # r(0), r'(0)
    rho = 4 * value / 5
    tangent = 4 * value  # Theta^1 = 0 there
    (after,), (turn,) = depth.relu_map(np.array([rho]))
    wanted = 5 * after + turn * tangent
    top = 5 + (1 + 4 * (1 + 1))
    found = depth._residual(depth.relu_map, np.array([0.0, 1.0]), 1)
    np.testing.assert_allclose(found, [wanted / top, 1], rtol=1e-13)
    assert slope == depth.relu_map(np.zeros(1))[1][0]


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_no_rival_is_better_than_the_bound_and_the_last_is_perfect(layers):
    most = 2**layers - 1
    for breaks in range(most + 1):
        error = structure._rival(layers, breaks)[2]
        assert error >= (1 - breaks / 2 ** (layers - 1)) / 12 - 1e-14
    assert structure._rival(layers, 0)[2] == pytest.approx(1 / 12, rel=1e-12)
    assert error < 1e-28


def test_the_zonal_kernel_reproduces():
    rng = np.random.default_rng(0)
    X = structure._sphere(rng, 7)
    np.testing.assert_allclose(np.diag(structure.zonal(3, X, X)), 50, rtol=1e-12)
    assert np.linalg.matrix_rank(structure.zonal(2, *[structure._sphere(rng, 40)] * 2)) == 20


def test_signals_have_their_motif_where_it_is_said():
    X, which, half = structure.signals(200, 16, np.random.default_rng(0))
    assert set(which) == set(half) == {-1.0, 1.0}
    # The right match is 4, any other at most 2, with noise of 0.6 each: 2 is 2.4 deviations of the
    # difference, and a few places compete, so that about 95 in 100 are told right.
    match = [sum(m * np.roll(X, -i, axis=1) for i, m in enumerate(one)) for one in structure.MOTIFS]
    found = np.sign(match[1].max(axis=1) - match[0].max(axis=1))
    assert np.mean(found == which) > 0.9
    place = np.where(which > 0, match[1].argmax(axis=1), match[0].argmax(axis=1))
    assert np.mean(np.where(place < 8, 1, -1) == half) > 0.9


def test_scores_and_intervals():
    X = np.eye(4)
    labels = np.array([1.0, -1.0, 1.0, -1.0])
    sets = [(X, labels, -labels), (X, labels, labels)]
    right = structure.scores(lambda A, B: A @ (A if B is None else B).T, sets, (4,))
    np.testing.assert_array_equal(right, [[1.0], [0.0]])
    mean, half = structure.interval(np.array([0.0, 1.0]), level=0.5)
    np.testing.assert_allclose([mean, half], [0.5, 0.5], rtol=1e-12)  # the quartile of Cauchy is 1


def test_the_profile_is_the_kernel_of_the_package():
    T = ntk([[1.0, 0.0]], [[0.0, 1.0]], depth=30, W_std=depth._he(30))[0, 0]
    at = np.interp(np.pi / 2, depth._ANGLES, depth._profile(30))
    # Between angles 0.02 apart the kernel bends by less than 1, and 0.02^2 / 8 < 1e-4.
    assert abs(at - T / 31) < 1e-4


def test_small_eigenvalues_of_the_gram_matrices_are_theirs():
    # Chords of a profile that is known 0.02 apart would make 6e-5 of the smallest, 1.2e-5.
    t = depth._points()[0]
    value, slope = depth.tanh_map(1.0)(t)
    K = (value + slope * t) / 2
    np.fill_diagonal(K, 1.0)
    # Entries up to 1 to some ulps, in a matrix of 40.
    wanted = np.linalg.eigvalsh(K)
    np.testing.assert_allclose(depth._phase("tanh, edge", 1)[1], wanted, rtol=0, atol=1e-12)
    assert wanted[0] < 1.3e-5
