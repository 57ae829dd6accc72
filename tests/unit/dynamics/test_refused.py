"""What training dynamics refuse, by name."""

import numpy as np

from ntklib import dynamics, relu_nngp, relu_ntk
from ntklib.dynamics import coefficients, ensemble, filter, max_step, predict
from tests.unit.samples import points, refused

N = 40


def test_bad_arguments_are_named(K, y):
    refused("t must be at least 0, got -1", predict, K, y, t=-1)
    refused("t must not be NaN", predict, K, y, t=[1, np.nan])
    refused("t must not be empty", predict, K, y, t=[])
    refused("t must be real", predict, K, y, t=1j, error=TypeError)
    refused("t must be real", predict, K, y, t=True, error=TypeError)
    refused("must be whole or inf, got 1.5", predict, K, y, t=[1, 1.5], step=0.01)
    refused("step must be positive, got 0", predict, K, y, t=1, step=0)
    refused("step must be positive, got -1", filter, 1.0, t=1, step=-1)
    refused("momentum needs a step", predict, K, y, t=1, momentum=0.5)
    refused("momentum must lie in", filter, 1.0, t=1, step=0.1, momentum=1.0)
    refused("momentum must be at least 0", filter, 1.0, t=1, step=0.1, momentum=-0.1)
    refused("ridge must be at least 0", predict, K, y, t=1, ridge=-1)
    refused("eigenvalues must be at least 0", filter, [-1.0], t=1)
    refused("K must be square", predict, K[:3], y, t=1)
    refused("K must be symmetric", predict, K + np.triu(K), y, t=1)
    refused("K must be positive semidefinite", predict, K - np.eye(N), y, t=1)
    refused("K must be positive semidefinite", max_step, -K)
    refused("K must be finite", predict, np.full((2, 2), np.nan), [1, 2], t=1)
    refused("y must have 40 rows", predict, K, y[:3], t=1)
    refused("y must be real", predict, K, y * 1j, t=1, error=TypeError)
    refused("r must have 40 rows", coefficients, K, y[:3], t=1)
    refused("K_test must have 40 columns", predict, K, y, K[:, :3], t=1)
    refused("f0 must be a number or have shape", predict, K, y, t=1, f0=[1.0, 2.0])
    refused("f0_test must be a number", predict, K, y, K[:3], t=1, f0_test=[1.0, 2.0])
    refused("f0_test must be left out", predict, K, y, t=1, f0_test=1.0)
    refused("f0_test must be given with f0", predict, K, y, K[:3], t=1, f0=1.0)
    refused("rcond must lie in", predict, K, y, t=1, rcond=2.0)


def test_bad_arguments_of_ensembles_are_named():
    X, y = points(5, 3), np.ones(5)
    both = {"return_std": True, "return_cov": True}
    refused("at most one", ensemble, X, y, X, kernel=relu_ntk, covariance=relu_nngp, **both)
    refused("covariance must be given", ensemble, X, y, X, kernel=relu_ntk, return_std=True)
    refused("kernel must return shape", ensemble, X, y, X, kernel=lambda *a: np.eye(3))
    refused("y must have 5 rows", ensemble, X, y[:2], X, kernel=relu_ntk)

    def negative(X, Z=None):
        return -relu_nngp(X, Z)

    refused(
        "covariance must be positive semidefinite",
        *(ensemble, X, y, X + 1),
        **{"kernel": relu_ntk, "covariance": negative, "return_std": True},
    )


def test_all_is_in_the_module():
    assert set(dynamics.__all__) <= set(dir(dynamics))
