"""Products alone: against the Taylor series of SciPy, with the error that is stated."""

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator, expm_multiply

from ntklib import large, relu_ntk
from ntklib.dynamics import coefficients, max_step, predict
from tests.unit.samples import points, refused

EPS = np.finfo(np.float64).eps


RULES = {
    "flow": {},
    "small steps": {"step": 0.4},
    "large steps": {"step": 0.97},
    "momentum": {"step": 0.8, "momentum": 0.9},
    "ridge": {"ridge": 0.1},
    "all": {"step": 0.9, "momentum": 0.5, "ridge": 0.1},
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("rtol", [1e-2, 1e-8])
def test_products_alone_with_the_error_that_is_stated(name, rtol, rng):
    X = points(100, 5)
    K, Y, K_test = relu_ntk(X), rng.standard_normal((100, 2)), relu_ntk(points(6, 5, 2), X)
    rules = dict(RULES[name])
    if "step" in rules:
        beta, nu = rules.get("momentum", 0), rules.get("ridge", 0)
        rules["step"] *= max_step(K, momentum=beta, ridge=nu)
    t = np.array([0, 1, 7, 120, 3000])
    found = coefficients(aslinearoperator(K), Y, t=t, rtol=rtol, **rules)
    assert found.converged
    assert (found.error <= rtol).all()
    assert found.iterations < 100
    here = predict(aslinearoperator(K), Y, t=t, rtol=rtol, **rules)
    size = np.linalg.norm(Y, axis=0)
    off = np.linalg.norm(here - predict(K, Y, t=t, **rules), axis=1) / size
    top, tau = np.linalg.norm(K, 2), t * rules.get("step", 1) / (1 - rules.get("momentum", 0))
    noise = 100 * EPS * (1 + np.minimum(top * tau, top / np.linalg.eigvalsh(K)[0]))
    assert (off.max(axis=1) <= found.error + noise).all()
    if rtol == 1e-2 and name in ("flow", "ridge"):  # nor is the bound far, before all is fitted
        seen = 3 if name == "flow" else 2
        assert off[seen].max() >= 0.01 * found.error[seen] > 100 * noise[seen]
    # In weights, and so at new points.
    change = found.coef - coefficients(K, Y, t=t, **rules).coef
    moved = np.sqrt(np.einsum("tnk,nm,tmk->tk", change, K, change)) / size
    if name in ("flow", "small steps", "ridge"):
        assert (moved.max(axis=1) <= np.sqrt(tau) * (found.error + noise)).all()
        there = predict(aslinearoperator(K), Y, K_test, t=t, rtol=rtol, **rules)
        there = there - predict(K, Y, K_test, t=t, **rules)
        longest = np.sqrt(np.max(np.sum(points(6, 5, 2) ** 2, axis=1) / 2))
        limit = longest * np.sqrt(tau) * (found.error + noise) * size.max()
        assert (np.abs(there).max(axis=(1, 2)) <= limit).all()


def test_the_bound_sees_a_space_that_is_too_small(K, y):
    """Half of it would be wrong; and without one, the process stops and says so."""
    with pytest.warns(large.ConvergenceWarning, match="after 6 steps of Lanczos' process"):
        found = coefficients(aslinearoperator(K), y, t=[1.0, 50.0], maxiter=6)
    assert not found.converged
    here = K @ found.coef[1]
    assert np.linalg.norm(here - predict(K, y, t=50.0)) > 1e-3


@pytest.mark.parametrize("make", ["gram", "kept", "dask"])
def test_the_same_call_for_every_operator(make, rng):
    X, Z = points(60, 5), points(4, 5, 3)
    y = rng.standard_normal(60)
    if make == "dask":
        operator = large.dask_operator(large.dask_gram(relu_ntk, X, chunk=40, dtype=np.float64))
    else:
        dtype = None if make == "gram" else np.float64
        operator = large.gram_operator(relu_ntk, X, block=40, dtype=dtype)
    K, K_test, t = relu_ntk(X), relu_ntk(Z, X), [0.3, 2.0]
    found = predict(operator, y, K_test, t=t, rtol=1e-10, progress=make == "gram")
    noise = 1e-10 * np.linalg.norm(y) * np.sqrt(2 * np.max(np.sum(Z * Z, axis=1)) / 2)
    assert np.abs(found - predict(K, y, K_test, t=t)).max() <= 2 * noise
    there = predict(operator, y, aslinearoperator(K_test), t=t, rtol=1e-10)
    assert np.abs(found - there).max() <= noise
    left = expm_multiply(-2.0 * K, y)  # a Taylor series: nothing in common
    assert np.abs(
        y - predict(operator, y, t=2.0, rtol=1e-10) - left
    ).max() <= 2e-10 * np.linalg.norm(y)
    if make != "dask":
        assert abs(max_step(operator) / max_step(K) - 1) <= 1e-9


def test_rounded_entries_are_multiplied_in_double(rng):
    X, y = points(300, 5), rng.standard_normal(300)
    operator = large.gram_operator(relu_ntk, X, block=300, dtype=np.float32)
    rounded = relu_ntk(X).astype(np.float32).astype(np.float64)
    found = predict(operator, y, t=20.0, rtol=1e-10)
    assert np.linalg.norm(found - predict(rounded, y, t=20.0)) <= 2e-10 * np.linalg.norm(y)


def test_invariant_spaces_and_zeros_end_the_process(rng):
    J = rng.standard_normal((50, 3))
    K, y = J @ J.T, rng.standard_normal((50, 3))
    y[:, 1] = 0.0
    y[:, 2] = K @ y[:, 0]
    found = coefficients(aslinearoperator(K), y, t=[1.0, np.inf], rtol=1e-12)
    assert found.converged
    assert found.iterations <= 6
    right = predict(K, y, t=[1.0, np.inf])
    assert np.abs(predict(aslinearoperator(K), y, t=[1.0, np.inf]) - right).max() <= 1e-9
    assert np.array_equal(found.coef[:, :, 1], np.zeros((2, 50)))
    one = predict(aslinearoperator(np.array([[2.0]])), [3.0], t=[0.5, np.inf])
    assert np.abs(one[:, 0] - [3 * (1 - np.exp(-1)), 3]).max() <= 8 * EPS


def test_operators_that_are_no_gram_matrix_are_refused(K, y, rng):
    refused("K must be symmetric", predict, aslinearoperator(np.triu(K)), y, t=1e3)
    refused("K must be positive semidefinite", predict, aslinearoperator(-K), y, t=1.0)
    refused("K must be positive semidefinite", max_step, aslinearoperator(-K))
    refused("K must be square", predict, aslinearoperator(K[:3]), y, t=1.0)
    step = 1.01 * max_step(K)
    refused("step must be below", predict, aslinearoperator(K), y, t=100, step=step)
    refused("K_test must have 40", predict, aslinearoperator(K), y, aslinearoperator(K[:, :3]), t=1)
    operator = aslinearoperator(K)
    refused("K_test must be a matrix", predict, K, y, operator, t=1, error=TypeError)
    refused("rtol must be positive", predict, operator, y, t=1, rtol=0)
    refused("maxiter must be at least 1", predict, operator, y, t=1, maxiter=0)
    dask = large.dask_gram(relu_ntk, points(5, 2))
    refused("large.dask_operator", predict, dask, np.ones(5), t=1, error=TypeError)
    broken = large.gram_operator(lambda X, Z=None: np.full((len(X),) * 2, 1e308), y[:, None])
    refused("products with K leave the range", predict, broken, y, t=1, error=OverflowError)
