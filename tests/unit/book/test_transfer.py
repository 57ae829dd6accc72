"""Networks of the study of rates: their gradients, their rules, and the record of them."""

import numpy as np
import pytest

from ntklib.book import records, transfer


def _loss(weights, X, y):
    return np.mean((transfer.features(weights, X)[1] @ weights[2] - y) ** 2) / 2


def test_a_step_follows_the_gradient():
    rng = np.random.default_rng(0)
    weights = [W.astype(np.float64) for W in transfer.start(8, "standard", rng)]
    X, y = transfer.bits(40, rng)
    moved = transfer.step(weights, X, y, [np.float64(1.0)] * 3)
    for layer, (before, after) in enumerate(zip(weights, moved, strict=True)):
        direction = rng.standard_normal(before.shape)
        shifted = [
            _loss([W + h * direction if k == layer else W for k, W in enumerate(weights)], X, y)
            for h in (1e-6, -1e-6)
        ]
        slope = (shifted[0] - shifted[1]) / 2e-6
        # Central differences of a piecewise cubic: an error of 1e-10, but for a kink passed.
        assert np.sum((before - after) * direction) == pytest.approx(slope, abs=1e-7)


@pytest.mark.parametrize("rule", transfer.POWERS)
def test_rules_are_powers_of_the_width(rule):
    power, powers = transfer.POWERS[rule]
    wide, base = (transfer.start(w, rule, np.random.default_rng(1)) for w in (256, 64))
    assert [W.dtype for W in wide] == [np.float32] * 3
    assert [W.shape for W in wide] == [(256, 16), (256, 256), (256,)]
    # Standard deviation of a standard deviation of 64 and 256 normal numbers: 9 % and 5 %.
    assert wide[2].std() / base[2].std() == pytest.approx(2.0**power, rel=0.5)
    assert transfer.rates(256, rule, 0.5) == [np.float32(0.5 * 4.0**power) for power in powers]


def test_bits_are_those_of_the_task():
    X, y = transfer.bits(100, np.random.default_rng(2))
    assert set(X.ravel()) == {-1.0, 1.0}
    np.testing.assert_array_equal(y, X[:, 0] * X[:, 1])


def test_training_that_diverges_is_infinite():
    assert transfer.train(64, "standard", 1e3, 0) == transfer.DIVERGED


def test_features_are_measured_at_the_end():
    """At a small rate they stay about as long as they were, and none falls silent."""
    found = [transfer.train(64, "mu", 2.0**k, 0) for k in (-7, -2)]
    assert found[0].silent == 0
    assert found[0].left == pytest.approx(1, abs=0.1)
    # |after - before| is within the triangle inequality.
    for run in found:
        assert abs(1 - run.left) <= run.moved <= 1 + run.left


def test_the_record_is_of_these_networks():
    record = records("transfer")
    constants = [record[name] for name in ("bits", "batch", "steps", "base")]
    assert constants == [transfer.BITS, transfer.BATCH, transfer.STEPS, transfer.BASE]
    shape = (len(record["seeds"]), len(record["log2_rates"]))
    for rule in transfer.POWERS:
        for table in record["runs"][rule].values():
            loss, moved = (np.array(table[name], dtype=float) for name in ("loss", "moved"))
            assert loss.shape == moved.shape == shape
            np.testing.assert_array_equal(np.isnan(loss), np.isnan(moved))
        for width, ends in record["best"][rule].items():
            lowest = np.nanmin(np.array(record["runs"][rule][width]["loss"], dtype=float), axis=1)
            np.testing.assert_array_equal(ends["loss"], lowest)
    again = transfer.train(128, "mu", 2.0 ** record["log2_rates"][4], 1).loss
    # Other BLAS round differently; 200 steps far below the largest stable rate do not amplify it.
    assert record["runs"]["mu"]["128"]["loss"][1][4] == pytest.approx(again, rel=1e-2)
