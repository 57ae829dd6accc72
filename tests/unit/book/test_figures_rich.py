"""What the figures of the chapter *From lazy to rich* compute themselves."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ntklib.book import records
from ntklib.book.figures import rich, rich_width


@pytest.mark.parametrize("alpha", [3.0, 0.3])
def test_output_of_one_neuron(alpha):
    def speed(t, z):
        rest = (0.7 - alpha * z[0] * z[1]) / alpha
        return [z[1] * rest, z[0] * rest]

    t = np.linspace(0, 2, 9)
    a, w = solve_ivp(speed, (0, 2), [1.0, 0.0], t_eval=t, rtol=1e-11, atol=1e-12).y
    # The solver's tolerance, and room for growth by some hundreds.
    np.testing.assert_allclose(rich.output(t, alpha, 0.7), alpha * a * w, atol=1e-8)


@pytest.mark.parametrize("truth", rich_width.TRUTHS)
@pytest.mark.parametrize("alpha", [64.0, 0.1, 1e-8])
def test_chosen_fit_meets_its_conditions(truth, alpha):
    X, y, _ = rich_width.equations(truth)
    beta = rich_width.chosen(X, y, alpha)
    # Rounding of 24 products.
    np.testing.assert_allclose(X @ beta, y, atol=1e-12)
    slope = np.arcsinh(2 * beta / alpha)
    outside = slope - np.linalg.pinv(X) @ X @ slope
    # Small coefficients carry the rounding of the large ones: 1e-16 over alpha / 2.
    assert np.abs(outside).max() < (1e-10 if alpha > 1e-3 else 1e-5)


def test_the_dial_at_the_bottom_finds_the_sparse_truth():
    X, y, beta = rich_width.equations("sparse")
    np.testing.assert_allclose(rich_width.smallest_sum(X, y), beta, atol=1e-9)
    # The bound of thm-implicit-bias, part 4, on the sum; the distance is measured.
    found = rich_width.chosen(X, y, 1e-9)
    most = 2.2 * (1 + np.log(24) / np.arcsinh(2 * 2.2 / 24 / 1e-9))
    assert 2.2 - 1e-9 <= np.abs(found).sum() <= most
    assert np.linalg.norm(found - beta) < 1e-3


def test_one_step_against_a_network():
    m, s, inner, outer = 8, 0.3, 0.9, 0.2
    z = np.random.default_rng(5).standard_normal(m // 2)
    a, w = np.repeat([s, -s], m // 2), np.tile(z, 2)
    # One input x = 1 and the target one: gradients are a_j at open neurons, and their outputs.
    new_w, new_a = w + inner * a * (w >= 0), a + outer * np.maximum(w, 0)
    powers = [np.log(one) / np.log(m) for one in (s, inner, outer)]
    move, out = rich_width.one_step(m, tuple(powers), 5)
    np.testing.assert_allclose(move, inner * s, rtol=1e-12)
    np.testing.assert_allclose(out, new_a @ np.maximum(new_w, 0), rtol=1e-12)


def test_best_rates_are_on_the_grid_of_the_record():
    record = records("transfer")
    for rule in rich_width.NAMES:
        for width in record["widths"]:
            best = rich_width.best_rates(rule, width)
            assert len(best) == len(record["seeds"])
            assert set(best) <= set(record["log2_rates"])


def test_neurons_end_at_a_fit():
    for alpha in (16.0, 0.0625):
        paths, signs, _ = rich._grown(alpha)
        assert set(signs) == {-1.0, 1.0}
        # Contributions alpha |a_j| w_j / sqrt(m) with their signs make the outputs.
        outputs = np.maximum(rich.X @ paths[-1].T, 0) @ signs
        assert np.abs(outputs - rich.Y).max() < 0.05
