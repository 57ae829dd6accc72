r"""Deep kernels with the interface of scikit-learn's Gaussian processes.

Needs scikit-learn, as does :mod:`ntklib.regression`. Functions for arrays are :func:`ntklib.ntk`
and :func:`ntklib.nngp`.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from ntklib._validate import Array
from ntklib.architecture import ActivationLike, Architecture, Trained, architecture
from ntklib.deep import kernel_diagonal, kernel_matrix, kernel_slope

try:
    from sklearn.gaussian_process.kernels import Hyperparameter, Kernel
except ImportError as error:
    raise ImportError(
        "ntklib.gaussian_process needs scikit-learn 1.6 or newer: pip install 'ntklib[regression]'"
    ) from error

Bounds = tuple[float, float] | str


def _double(X: Any) -> Any:
    """Points in float32 as float64, which is exact; all else as it is."""
    return X.astype(np.float64) if getattr(X, "dtype", None) == np.float32 else X


class NetworkKernel(Kernel):  # type: ignore[misc]
    r"""NTK or NNGP kernel of a fully connected network, with gradients in ``W_std`` and ``b_std``.

    To be used where scikit-learn takes a kernel: ``GaussianProcessRegressor``,
    ``GaussianProcessClassifier``, ``KernelRidge``, ``SVC``, sums and products with other kernels. A
    Gaussian process with the kernel ``"nngp"`` is the posterior of the wide network with random
    weights; with ``"ntk"`` its mean is the wide network after training by gradient descent
    :cite:p:`jacot2018ntk,lee2019wide`, while its variance is only that of a process with this
    covariance.

    Parameters
    ----------
    depth : int
        Hidden layers, at least 1.
    activation : str, Activation, callable or Dual
        As for :func:`ntklib.ntk`.
    W_std : float
        Scale of the weights of all layers, positive.
    b_std : float
        Scale of the biases of all layers, at least 0. At 0 it stays 0: its logarithm, in which
        scikit-learn would search, is not finite.
    kind : {"ntk", "nngp"}
        Tangent kernel or covariance at random weights.
    trained : {"all", "inner", "readout"} or iterable of int
        Trained layers, for ``"ntk"``; as for :func:`ntklib.ntk`.
    W_std_bounds, b_std_bounds : pair of floats or "fixed"
        Where a Gaussian process may search.

    Raises
    ------
    ValueError, TypeError, OverflowError
        When called, as :func:`ntklib.ntk`; also for an unknown ``kind``.

    Notes
    -----
    Statements: :prf:ref:`prp-deep`, :prf:ref:`prp-layers`.

    Gradients are in the logarithms of ``W_std`` and ``b_std``, as scikit-learn wants them, and
    exact to rounding (a complex step). With an activation of degree one and without biases the
    kernel is proportional to ``W_std ** (2 * depth + 2)``; multiply by scikit-learn's
    ``ConstantKernel`` to fit the scale of the output apart.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> from ntklib.gaussian_process import NetworkKernel
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> y = np.sin(3 * X[:, 0])
    >>> kernel = NetworkKernel(depth=2, b_std=0.5)
    >>> model = GaussianProcessRegressor(kernel, alpha=1e-6)
    >>> model = model.fit(X, y)
    >>> float(model.score(X, y)) > 0.999
    True
    """

    def __init__(
        self,
        depth: int = 1,
        activation: ActivationLike = "relu",
        W_std: float = math.sqrt(2),
        b_std: float = 0.1,
        kind: str = "ntk",
        trained: Trained = "all",
        W_std_bounds: Bounds = (0.1, 10.0),
        b_std_bounds: Bounds = (1e-3, 10.0),
    ) -> None:
        self.depth = depth
        self.activation = activation
        self.W_std = W_std
        self.b_std = b_std
        self.kind = kind
        self.trained = trained
        self.W_std_bounds = W_std_bounds
        self.b_std_bounds = b_std_bounds

    @property
    def hyperparameter_W_std(self) -> Hyperparameter:
        return Hyperparameter("W_std", "numeric", self.W_std_bounds)

    @property
    def hyperparameter_b_std(self) -> Hyperparameter:
        return Hyperparameter("b_std", "numeric", self.b_std_bounds if self.b_std else "fixed")

    def _network(self) -> tuple[Architecture, bool]:
        if self.kind not in ("ntk", "nngp"):
            raise ValueError(f"kind must be ntk or nngp, got {self.kind!r}")
        net = architecture(self.depth, self.activation, self.W_std, self.b_std, self.trained)
        return net, self.kind == "ntk"

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """Kernel between the rows of ``X`` and ``Y``, and its gradient in ``theta``.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one a row.
        Y : array_like, shape (n', d), optional
            Other points; ``X`` itself when left out.
        eval_gradient : bool
            Also give the gradient; only without ``Y``.

        Returns
        -------
        K : ndarray, shape (n, n')
            The kernel, float64 as those of scikit-learn whatever the points are: a Gaussian process
            adds :math:`10^{-10}` to the diagonal, which float32 does not see.
        gradient : ndarray, shape (n, n, number of free hyperparameters)
            float64; only with ``eval_gradient``.
        """
        net, tangent = self._network()
        X, Y = _double(X), _double(Y)
        K = kernel_matrix(net, X, Y, tangent)
        if not eval_gradient:
            return K
        if Y is not None:
            raise ValueError("Y must be None when eval_gradient is set")
        names = {"W_std": "weights", "b_std": "biases"}
        free = [names[h.name] for h in self.hyperparameters if not h.fixed]
        slopes = [kernel_slope(net, X, tangent, scale) for scale in free]
        return K, np.stack(slopes, axis=-1) if slopes else np.empty((*K.shape, 0))

    def diag(self, X: Any) -> Array:
        """The kernel at equal points, shape ``(n,)``, without its matrix."""
        net, tangent = self._network()
        return kernel_diagonal(net, _double(X), tangent)

    def is_stationary(self) -> bool:
        """False: the kernel depends on norms and angles, not on differences."""
        return False

    def __repr__(self) -> str:
        return (
            f"NetworkKernel(depth={self.depth}, activation={self.activation!r}, "
            f"W_std={self.W_std:.3g}, b_std={self.b_std:.3g}, kind={self.kind!r})"
        )


def __getattr__(name: str) -> Any:
    """``GPyTorchKernel``, whose libraries are imported only where it is used."""
    if name == "GPyTorchKernel":
        return importlib.import_module("ntklib._gpytorch").GPyTorchKernel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
