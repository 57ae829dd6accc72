"""The lecture's network, against which one written in a library is held."""

from typing import Any

import numpy as np

from ntklib import Linearization, ShallowNetwork
from ntklib.empirical.adapted import AdaptedModel
from ntklib.model import Model

RNG = np.random.default_rng(0)
NET, W = ShallowNetwork.random(3, 11, rng=RNG, activation="tanh", eps=0.7)
X, Z = RNG.standard_normal((6, 3)), RNG.standard_normal((4, 3))
# Rounding, times the square of the condition number where it goes by the Gram matrix.
EXACT = 1e-10


def refuse_jacobians(monkeypatch: Any) -> None:
    """Take every network as one whose Jacobian is too large."""

    def formed(*args: Any) -> None:
        raise AssertionError("a Jacobian was formed")

    monkeypatch.setattr("ntklib.linearization._LARGE", 0)
    monkeypatch.setattr(AdaptedModel, "jacobian", formed)


def same_as_shallow(model: Model, start: np.ndarray) -> None:
    """The same outputs, projections and fits, to rounding, as those of the lecture's network."""
    rng = np.random.default_rng(1)
    change, y = rng.standard_normal(W.shape), rng.standard_normal((6, 2))
    lin, right = Linearization(model, start), Linearization(NET, W)
    J = NET.jacobian(X, W)
    assert 100 * np.finfo(float).eps * np.linalg.cond(J) ** 2 <= EXACT
    assert np.array_equal(start, W.ravel())
    assert model(X, start + change.ravel()).shape == (6,)
    assert np.abs(model(X, start + change.ravel()) - NET(X, W + change)).max() <= EXACT
    assert np.abs(lin(Z, start + change.ravel()) - right(Z, W + change)).max() <= EXACT
    assert np.abs(lin.kernel(Z, X) - right.kernel(Z, X)).max() <= EXACT
    projected = W.ravel() + np.linalg.pinv(J) @ (J @ change.ravel())
    assert np.abs(lin.project(X, start + change.ravel()) - projected).max() <= EXACT
    for targets in (y, y[:, 0]):
        found = lin.fit(X, targets)
        weights = np.linalg.pinv(J) @ (targets.T - NET(X, W)).T
        assert found.rank == 6
        assert np.abs(found.W - start - weights.T).max() <= EXACT
        assert np.abs(found.predict(Z) - right.fit(X, targets).predict(Z)).max() <= EXACT
