"""The figures of the chapter *Linearization* show what their alt texts and the chapter say."""

import numpy as np
import pytest

from ntklib import Linearization
from ntklib.book.figures import linearization as figures


@pytest.mark.parametrize("m", range(1, 7))
def test_lines_cut_the_plane_into_twice_as_many_cones(m):
    lin, W, cuts, slopes = figures._plane(m)
    assert len(np.unique(cuts)) == 2 * m
    middle = (cuts + np.append(cuts[1:], cuts[0] + 2 * np.pi)) / 2
    x = np.stack([np.cos(middle), np.sin(middle)], axis=1)
    np.testing.assert_allclose(np.sum(slopes * x, axis=1), lin(x, W), atol=1e-12)


def test_level_lines_lie_where_the_linearization_has_that_level():
    lin, W, cuts, slopes = figures._plane(4)
    _, ax = figures.new_axes()
    figures._level_lines(ax, cuts, slopes)
    assert len(ax.lines) > 20
    for line in ax.lines:
        middle = np.mean(line.get_xydata(), axis=0)
        level = lin(middle[None], W)[0] / 0.25
        assert level == pytest.approx(round(level), abs=1e-9)
        assert (level > 0) == (line.get_linestyle() == "-")


@pytest.mark.parametrize("start", figures.STARTS)
def test_linearization_is_linear_where_the_chapter_says(start):
    lin, W, rank = figures._start(start)
    grid = np.stack([np.cos(figures.FINE), np.sin(figures.FINE)], axis=1)
    data = np.stack([np.cos(figures.QUADRANT), np.sin(figures.QUADRANT)], axis=1)
    fit = figures._linear_fit(lin(data, W))
    on_data = np.abs(data @ fit - lin(data, W)).max() < 1e-12
    everywhere = np.abs(grid @ fit - lin(grid, W)).max() < 1e-12
    assert on_data == (start != "Gaussian")
    assert everywhere == (start in ("zero", "σ linear"))
    assert (rank == 2) == on_data


def test_rank_stays_below_twice_the_patterns():
    for spread in figures.SPREADS:
        _, pattern, rank = figures._fan(float(spread))
        assert rank <= 2 * (pattern.max() + 1)


def test_gap_of_the_relu_is_that_of_the_network():
    m, rng = 16, np.random.default_rng(4)
    _, kinked, first = figures._gaps(m)
    net, W0 = figures.ShallowNetwork.random(2, m, rng=rng)
    u = rng.standard_normal(W0.shape)
    u /= np.linalg.norm(u)
    lin = Linearization(net, W0)
    for s, gap in zip(figures.SMALL_STEPS, kinked, strict=True):
        W = W0 + s * u
        assert abs(net(figures.POINT, W) - lin(figures.POINT, W))[0] == pytest.approx(
            gap, abs=1e-12
        )
        assert (gap == 0) == (s <= first)
