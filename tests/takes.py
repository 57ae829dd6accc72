"""The functions of chapters/takes.toml, each called with points that the tests make for it.

Points are zeros and ones, which every dtype holds exactly, so that results differ by rounding only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ntklib
from ntklib import complexity, concentration, groups, harmonics, large, least_squares, systems
from ntklib.gaussian_process import AveragedKernel, NetworkKernel
from ntklib.regression import NTKClassifier, NTKRegressor

POINTS = np.array([[1, 0], [0, 1], [1, 1]])
SQUARE = np.eye(3, dtype=int)
IMAGES = np.array([[[[1], [0]], [[0], [1]]], [[[1], [1]], [[0], [1]]]])
SWAP = groups.Group([[0, 1], [1, 0]])
NET, W0 = ntklib.ShallowNetwork.random(2, 4, rng=np.random.default_rng(0))
ERRORS = {"TypeError": TypeError, "ValueError": ValueError}

Call = Callable[[Any, Any], Any]


def weights(dtype: Any) -> Any:
    """Weights, in float32 beside points in float32."""
    return W0.astype(dtype)


def ones(n: int, dtype: Any) -> Any:
    return np.ones(n, dtype)


def lin(dtype: Any) -> Any:
    return ntklib.Linearization(NET, weights(dtype))


DIAGONAL = np.array([0.5, 0.5, 1.0])
y = np.array([0.0, 1.0, 3.0])

# Name -> points, and what is called with them and the dtype, float32 or float64, of all else.
CALLS: dict[str, tuple[Any, Call]] = {
    "relu_ntk": (POINTS, lambda X, t: ntklib.relu_ntk(X)),
    "relu_nngp": (POINTS, lambda X, t: ntklib.relu_nngp(X)),
    "gate_kernel": (POINTS, lambda X, t: ntklib.gate_kernel(X)),
    "averaged": (POINTS, lambda X, t: groups.averaged(ntklib.relu_ntk, SWAP)(X)),
    "ntk": (POINTS, lambda X, t: ntklib.ntk(X, depth=2, b_std=0.5)),
    "nngp": (POINTS, lambda X, t: ntklib.nngp(X, depth=2, activation="erf")),
    "angles": (POINTS, lambda X, t: ntklib.angles(X)),
    "kappa": (POINTS, lambda X, t: ntklib.kappa(X)),
    "lift": (SQUARE, lambda X, t: ntklib.lift(X)),
    "with_bias": (POINTS, lambda X, t: ntklib.with_bias(X)),
    "conv_ntk": (IMAGES, lambda X, t: ntklib.conv_ntk(X, depth=1)),
    "conv_nngp": (IMAGES, lambda X, t: ntklib.conv_nngp(X, depth=1)),
    "ShallowNetwork": (POINTS, lambda X, t: NET(X, weights(t))),
    "ShallowNetwork.jacobian": (POINTS, lambda X, t: NET.jacobian(X, weights(t))),
    "ShallowNetwork.jvp": (POINTS, lambda X, t: NET.jvp(X, weights(t), weights(t))),
    "ShallowNetwork.vjp": (POINTS, lambda X, t: NET.vjp(X, weights(t), ones(3, t))),
    "ShallowNetwork.empirical_ntk": (POINTS, lambda X, t: NET.empirical_ntk(X, W=weights(t))),
    "Linearization": (POINTS, lambda X, t: lin(t)(X, weights(t))),
    "Linearization.jacobian": (POINTS, lambda X, t: lin(t).jacobian(X)),
    "Linearization.kernel": (POINTS, lambda X, t: lin(t).kernel(X)),
    "Linearization.project": (POINTS, lambda X, t: lin(t).project(X, weights(t) + ones(2, t))),
    "Linearization.fit": (POINTS, lambda X, t: lin(t).fit(X, y.astype(t)).alpha),
    "Fit.predict": (
        POINTS,
        lambda X, t: lin(t).fit(POINTS.astype(t), y.astype(t)).predict(X),
    ),
    "pinv_solve": (POINTS, lambda J, t: least_squares.pinv_solve(J, ones(3, t))),
    "primal_solve": (POINTS, lambda J, t: least_squares.primal_solve(J, ones(3, t))),
    "dual_solve": (POINTS.T, lambda J, t: least_squares.dual_solve(J, ones(2, t))),
    "dual_coefficients": (SQUARE, lambda K, t: least_squares.dual_coefficients(K, ones(3, t))[0]),
    "leave_one_out": (SQUARE, lambda K, t: complexity.leave_one_out(K, y.astype(t), 0.5)),
    "rademacher": (SQUARE, lambda K, t: complexity.rademacher(K)),
    "rademacher_estimate": (
        SQUARE,
        lambda K, t: complexity.rademacher_estimate(K, rng=np.random.default_rng(0))[0],
    ),
    "norm_bound": (SQUARE, lambda K, t: complexity.norm_bound(K, [-1, 1, 1]).value),
    "ridge_risk": (POINTS, lambda Z, t: complexity.ridge_risk(Z, y[:2], 1.0, 0.5).total),
    "Group.orbits": (POINTS, lambda X, t: SWAP.orbits(X)),
    "solve": (SQUARE, lambda K, t: systems.solve(K, ones(3, t)).coef),
    "numerical_rank": (POINTS, lambda A, t: least_squares.numerical_rank(A)),
    "expected_squared_error": (POINTS, lambda X, t: concentration.expected_squared_error(X, 5)),
    "chernoff_failure": (POINTS, lambda X, t: concentration.chernoff_failure(X, 5)),
    "chernoff_width": (POINTS, lambda X, t: concentration.chernoff_width(X, 0.1)),
    "NTKRegressor": (POINTS, lambda X, t: NTKRegressor(alpha=1.0).fit(X, y).predict(X)),
    "NTKClassifier": (
        POINTS,
        lambda X, t: NTKClassifier(alpha=1.0).fit(X, y > 0).decision_function(X),
    ),
    "NetworkKernel": (POINTS, lambda X, t: NetworkKernel()(X)),
    "AveragedKernel": (POINTS, lambda X, t: AveragedKernel(NetworkKernel(), SWAP)(X)),
    "kernel_variance": (POINTS, lambda X, t: concentration.kernel_variance(X, 5)),
    "gram_operator": (POINTS, lambda X, t: large.gram_operator(ntklib.relu_ntk, X) @ y),
    "pivoted_cholesky": (
        POINTS,
        lambda X, t: large.pivoted_cholesky(
            ntklib.relu_ntk, X, 3, diagonal=DIAGONAL, rng=np.random.default_rng(0)
        ),
    ),
    "low_rank_preconditioner": (POINTS, lambda F, t: large.low_rank_preconditioner(F, 1.0) @ y),
    "ridge_solve": (SQUARE, lambda Y, t: large.ridge_solve(np.eye(3), Y, 1.0).coef),
    "large.leave_one_out": (
        POINTS,
        lambda X, t: (
            large.leave_one_out(
                ntklib.relu_ntk, X, y, 0.5, rank=3, rng=np.random.default_rng(0)
            ).residuals
        ),
    ),
    "nystroem_solve": (
        POINTS,
        lambda X, t: (
            large.nystroem_solve(
                ntklib.relu_ntk, X, y, 2, 0.5, rng=np.random.default_rng(0), dtype=np.float64
            ).coef
        ),
    ),
    "nystroem_path": (
        POINTS,
        lambda X, t: large.nystroem_path(
            ntklib.relu_ntk, X, y, 2, [0.5], rng=np.random.default_rng(0), dtype=np.float64
        ).coef[0],
    ),
    "spherical_harmonics": (SQUARE, lambda X, t: harmonics.spherical_harmonics(X, 2)),
    "features": (SQUARE, lambda X, t: harmonics.features(X, ntklib.relu_ntk, 2)),
    "DotProduct": (SQUARE, lambda X, t: harmonics.DotProduct(np.exp)(X)),
    "gram_eigenvalue_bound": (POINTS, lambda X, t: harmonics.gram_eigenvalue_bound(X).lower),
    "separation": (POINTS, lambda X, t: harmonics.separation(X)),
    "dask_gram": (
        POINTS,
        lambda X, t: large.dask_gram(ntklib.relu_ntk, X, dtype=np.float64).compute(),
    ),
}


def library(value: Any) -> str:
    """Which library an array is of."""
    name = type(value).__module__.split(".")[0]
    return "jax" if name == "jaxlib" else name


def holds(cell: Any, X: Any) -> None:
    """The call has the result that the table says, in value, dtype and kind.

    The right value is that of NumPy's float64; results are of order one and come from matrices of
    condition below 50, in a handful of operations an entry: 1000 ulps of the precision are enough.
    """
    points, call = CALLS[cell.function]
    single = cell.stored.lower() == "float32"
    if "Error" in cell.result:
        kinds = tuple(ERRORS[name] for name in cell.result.split(" or "))
        with pytest.raises(kinds, match=r"(?i)must be (real|float32 or)|complex|argument must be"):
            call(X, np.float64)
        return
    found = call(X, np.float32 if single else np.float64)
    right = call(points.astype(np.float64), np.float64)
    if cell.result == "number":
        assert type(found) is type(right), cell
        assert found == pytest.approx(right, rel=1000 * epsilon(cell.stored))
        return
    assert library(found) == cell.kind, cell
    assert re.sub("^torch.", "", str(found.dtype)) == cell.result, cell
    error = np.abs(np.asarray(found).astype(np.float64) - right).max()
    eps = max(epsilon(cell.stored), float(np.finfo(cell.result).eps))
    assert error <= 1000 * eps * max(1, np.abs(right).max()), cell


def epsilon(stored: str) -> float:
    """Of the precision in which a function may compute for points that are stored like this."""
    return float(np.finfo("float32" if stored.lower() == "float32" else "float64").eps)
