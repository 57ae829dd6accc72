"""What the figures of the chapter on new data compute themselves, and the record of the study."""

import math

import numpy as np
import pytest

from ntklib.book import records
from ntklib.book.figures import new_data as figures
from ntklib.complexity import leave_one_out, norm_bound
from study import bound as study

PAIRS = ("0 and 1", "3 and 8", "4 and 9")


@pytest.mark.parametrize(("pair", "n"), list(zip(PAIRS, (360, 357, 361), strict=True)))
def test_digits_are_unit_rows_of_both_labels(pair, n):
    K, y = figures.digits(pair)
    assert K.shape == (n, n)
    np.testing.assert_allclose(K.diagonal(), 0.5, rtol=1e-14)
    assert set(y) == {-1.0, 1.0}


@pytest.mark.parametrize("n", [5, 120, 350])
def test_the_bound_without_a_ridge_is_that_of_the_package(n):
    K, y = figures.digits("3 and 8")
    G, labels = K[:n, :n], y[:n]
    found = norm_bound(G, labels, figures.DELTA, h=figures.STEP)
    np.testing.assert_allclose(figures.promises(G, labels)[0][0], found.value, rtol=1e-11)
    np.testing.assert_allclose(figures.remainder(n), found.union + found.confidence, rtol=1e-13)


def test_coefficients_are_those_of_the_ridges():
    K, y = figures.digits("0 and 1")
    G, labels = K[:40, :40], y[:40]
    for nu, row in zip(figures.RIDGES, figures.promises(G, labels)[1], strict=True):
        np.testing.assert_allclose(G @ row + nu * row, labels, rtol=0, atol=1e-11)


def test_margins_left_out_are_those_of_the_package():
    K, _ = figures.digits("3 and 8")
    out, new, fitted = figures.margins()
    assert out.shape == fitted.shape == (len(figures.GRID), 40, 120)
    assert new.shape[2] == len(K) - 120
    # Left out, a residual is larger than fitted: prp-loo, 1.
    assert (np.abs(1 - out) >= np.abs(1 - fitted) * (1 - 1e-9)).all()
    assert leave_one_out(K[:3, :3], np.ones(3)).shape == (3,)


def test_the_record_has_the_settings_of_the_page_and_of_its_program():
    record = records("bound")
    assert record["delta"] == figures.DELTA
    assert record["step"] == figures.STEP
    assert record["sizes"] == list(study.SIZES)
    assert (record["seed"], record["draws"]) == (study.SEED, study.DRAWS)
    np.testing.assert_allclose(record["ridges"], figures.RIDGES, rtol=1e-5)
    told = [figures.remainder(n) for n in record["sizes"]]
    np.testing.assert_allclose(record["remainder"], told, rtol=1e-5)
    assert tuple(record["pairs"]) == study.PAIRS


def test_the_program_does_the_same_to_images_that_are_at_hand():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    K, y = figures.digits("0 and 1")
    row = study.one_draw(K, y, np.random.default_rng(1), sizes=(60, 100))[1]
    order = np.random.default_rng(1).permutation(len(y))[:100]
    found = norm_bound(K[np.ix_(order, order)], y[order], figures.DELTA, h=figures.STEP)
    np.testing.assert_allclose(row[0], found.value, rtol=1e-11)
    assert row[2] <= row[0]
    assert row[3] > 4  # shuffled
    whole = study.pair(images, labels, "0 and 1", sizes=(60, 100))
    assert whole["images"] == 360
    np.testing.assert_allclose(
        whole["first_term_of_all"], math.sqrt(2 * y @ np.linalg.solve(K, y) / 360), rtol=1e-11
    )
