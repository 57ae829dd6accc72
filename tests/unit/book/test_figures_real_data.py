"""What the figures of the chapter on real data compute themselves, and what their records hold."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from ntklib.book.figures import calibration, real_data


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_critical_differences_are_those_of_the_tables(k, q):
    # Table 5 of Demšar (2006), three decimals.
    assert abs(real_data.critical(k, 30) / np.sqrt(k * (k + 1) / 180) - q) < 1e-3


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (0.4, []),
        (0.5, [(0, 1)]),
        (1.0, [(0, 1), (1, 2), (2, 3)]),
        (1.5, [(0, 2), (2, 3)]),
        (9.0, [(0, 3)]),
    ],
)
def test_bars_join_the_longest_runs(width, wanted):
    assert real_data.groups(np.array([1.0, 1.5, 2.5, 3.5]), width) == wanted


def test_a_margin_is_of_paired_differences():
    one, other = np.array([0.9, 0.8, 0.7, 0.8]), np.array([0.8, 0.8, 0.6, 0.6])
    gap, half = real_data.margin(one, other, 1 / 3)
    assert abs(gap - 0.1) < 1e-15
    s = np.std([0.1, 0.0, 0.1, 0.2], ddof=1)
    np.testing.assert_allclose(half, stats.t.ppf(0.975, 3) * s * np.sqrt(1 / 4 + 1 / 3), rtol=1e-12)
    assert real_data.margin(one, one, 1 / 3) == (0, 0)


@pytest.mark.parametrize("stated", [0.5, 1.0, 2.0])
def test_the_expected_interval_score_is_an_integral(stated):
    end = stats.norm.ppf(0.95) * stated
    beyond = quad(lambda y: (y - end) * stats.norm.pdf(y), end, 40)[0]
    found = calibration.expected_interval_score(np.array([stated]), 0.1)[0]
    np.testing.assert_allclose(found, 2 * end + 2 / 0.1 * 2 * beyond, rtol=1e-9)


def test_central_intervals_take_their_parts_from_the_middle():
    parts = [1, 2, 3, 4]
    np.testing.assert_allclose(calibration.covered(parts), [0.5, 1.0])


def test_the_record_of_calibration_is_whole():
    record = calibration.calibration()
    for table in record["regression"].values():
        rows = table["splits"] * table["tested"]
        for learner in table["learners"].values():
            assert sum(learner["transform"]) == rows
            assert all(len(learner[s]) == table["splits"] for s in calibration.SCORES.values())
            assert set(calibration.LEARNERS) >= set(table["learners"])
    for size in record["digits"].values():
        assert set(size["learners"]) == set(calibration.CLASSIFIERS)
        for learner in size["learners"].values():
            counts, stated, hits = np.array(learner["bins"])
            assert counts.sum() == size["splits"] * size["tested"]
            assert (stated <= counts).all()
            assert (hits <= counts).all()
            # The share of hits is the mean of the accuracies.
            assert abs(hits.sum() / counts.sum() - np.mean(learner["accuracy"])) < 1e-5


def test_the_records_of_tables_say_what_they_show():
    for table in real_data.tables().values():
        for cell in table["cells"].values():
            assert abs(np.mean(cell["scores"]) - cell["mean"]) < 2e-6
            low, high = cell["interval"]
            assert low <= cell["mean"] <= high


def test_the_best_of_a_table_is_not_beaten():
    for name in real_data.ranked():
        cells = real_data.tables()[name]["cells"]
        best = max(
            (one for one in real_data.LEARNERS if one in cells), key=lambda one: cells[one]["mean"]
        )
        assert not real_data.beaten(name)[best]
