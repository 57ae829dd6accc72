r"""Deep kernels with the interface of scikit-learn's Gaussian processes.

Needs scikit-learn, as does :mod:`ntklib.regression`. Functions for arrays are :func:`ntklib.ntk`
and :func:`ntklib.nngp`.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ntklib._precision import representable
from ntklib._slopes import length_slopes, scale_slope
from ntklib._validate import Array, matrix, nonnegative, positive, real_array
from ntklib.architecture import ActivationLike, Architecture, Trained, architecture
from ntklib.deep import kernel_diagonal, kernel_matrix
from ntklib.groups import averaged
from ntklib.groups.averages import images
from ntklib.groups.elements import as_group

try:
    from sklearn.gaussian_process.kernels import Hyperparameter, Kernel
except ImportError as error:
    raise ImportError(
        "ntklib.gaussian_process needs scikit-learn 1.6 or newer: pip install 'ntklib[regression]'"
    ) from error

Scales = float | Sequence[float]
Bounds = tuple[float, float] | Sequence[tuple[float, float]] | str


def _searched(
    name: str, value: Any, bounds: Any, check: Callable[[str, object], float] = positive
) -> Hyperparameter:
    """A parameter as scikit-learn searches it: its values and bounds are checked here."""
    values = real_array(name, value, ndim=(0, 1))
    for i, v in enumerate(np.atleast_1d(values)):
        check(f"{name}[{i}]" if values.ndim else name, v)
    if isinstance(bounds, str):
        if bounds != "fixed":
            raise ValueError(f"{name}_bounds must be pairs of numbers or 'fixed', got {bounds!r}")
        return Hyperparameter(name, "numeric", "fixed", values.size)
    if not values.any():
        return Hyperparameter(name, "numeric", "fixed", values.size)
    if not values.all():
        raise ValueError(
            f"{name} must be positive in all layers or 0 in all, got {_short(value)}: scikit-learn "
            f"searches its logarithm. With {name}_bounds='fixed' it may be 0 in some"
        )
    try:
        pairs = np.atleast_2d(np.asarray(bounds, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name}_bounds must be pairs of numbers or 'fixed', got {bounds!r}"
        ) from error
    if pairs.shape not in ((1, 2), (values.size, 2)):
        wanted = "a pair of numbers" if values.size == 1 else f"one pair or {values.size}"
        raise ValueError(f"{name}_bounds must be {wanted}, got shape {np.shape(bounds)}")
    if not ((pairs[:, 0] > 0) & (pairs[:, 0] <= pairs[:, 1])).all():
        raise ValueError(f"{name}_bounds must be positive, the lower first, got {bounds!r}")
    return Hyperparameter(name, "numeric", pairs, values.size)


def _short(value: Any) -> str:
    """A parameter in three digits, whatever it is: what shows a kernel must not fail."""
    if isinstance(value, float | np.floating):
        return f"{value:.3g}"
    if isinstance(value, tuple | list) or (isinstance(value, np.ndarray) and value.ndim == 1):
        return f"[{', '.join(map(_short, value))}]"
    return str(value) if isinstance(value, np.integer) else repr(value)


class NetworkKernel(Kernel):  # type: ignore[misc]
    r"""NTK or NNGP kernel of a fully connected network, with gradients in its scales.

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
    W_std : float or sequence of depth + 1 floats
        Scale of the weights of all layers, or one a layer, the readout last; positive.
    b_std : float or sequence of depth + 1 floats
        Scale of the biases, likewise; at least 0. At 0 it stays 0: its logarithm, in which
        scikit-learn would search, is not finite.
    kind : {"ntk", "nngp"}
        Tangent kernel or covariance at random weights.
    trained : {"all", "inner", "readout"} or iterable of int
        Trained layers, for ``"ntk"``; as for :func:`ntklib.ntk`.
    W_std_bounds, b_std_bounds : pair of floats, a pair for each layer, or "fixed"
        Where a Gaussian process may search: for all layers together if the scale is one number,
        for each by itself if it is a sequence.
    length_scale : float or sequence of d floats, optional
        Divides the points, all columns or each by its own; positive. One a column is what is known
        as automatic relevance determination: a column that does not matter gets a large one.
    length_scale_bounds : pair of floats, a pair for each column, or "fixed"
        Where a Gaussian process may search, if ``length_scale`` is given.

    Raises
    ------
    ValueError, TypeError, OverflowError
        When called, as :func:`ntklib.ntk`; also for an unknown ``kind``, a ``length_scale`` that is
        not positive or not one a column, points that leave the range when divided by it. When
        fitted or asked for ``theta`` or ``bounds``: scales and bounds that are out of range or do
        not fit each other, a ``b_std`` that is 0 in some layers only and not fixed.

    Notes
    -----
    Statements: :prf:ref:`prp-deep`, :prf:ref:`prp-layers`.

    Gradients are in the logarithms of the scales, as scikit-learn wants them, and exact to rounding
    (a complex step). Some scales do the same, and the likelihood cannot tell them apart: dividing
    all columns by ``length_scale`` is multiplying ``W_std`` of the first layer by its inverse. With
    an activation of degree one and without biases only the product of ``W_std`` over the layers
    matters, and its square is a factor of the kernel.

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
        W_std: float | Sequence[float] = math.sqrt(2),
        b_std: Scales = 0.1,
        kind: str = "ntk",
        trained: Trained = "all",
        W_std_bounds: Bounds = (0.1, 10.0),
        b_std_bounds: Bounds = (1e-3, 10.0),
        length_scale: Scales | None = None,
        length_scale_bounds: Bounds = (1e-2, 1e2),
    ) -> None:
        self.depth = depth
        self.activation = activation
        self.W_std = W_std
        self.b_std = b_std
        self.kind = kind
        self.trained = trained
        self.W_std_bounds = W_std_bounds
        self.b_std_bounds = b_std_bounds
        self.length_scale = length_scale
        self.length_scale_bounds = length_scale_bounds

    @property
    def hyperparameter_W_std(self) -> Hyperparameter:
        return _searched("W_std", self.W_std, self.W_std_bounds)

    @property
    def hyperparameter_b_std(self) -> Hyperparameter:
        return _searched("b_std", self.b_std, self.b_std_bounds, nonnegative)

    @property
    def hyperparameter_length_scale(self) -> Hyperparameter:
        if self.length_scale is None:
            return Hyperparameter("length_scale", "numeric", "fixed")
        return _searched("length_scale", self.length_scale, self.length_scale_bounds)

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
        X = self._points("X", X)
        if Y is not None:
            Y = self._points("Y", Y)
            if X.shape[1] != Y.shape[1]:
                raise ValueError(f"Y must have {X.shape[1]} columns, got shape {Y.shape}")
        K = kernel_matrix(net, X, Y, tangent)
        if not eval_gradient:
            return K
        if Y is not None:
            raise ValueError("Y must be None when eval_gradient is set")
        slopes = [self._slopes(net, X, tangent, h) for h in self.hyperparameters if not h.fixed]
        return K, np.concatenate([np.empty((*K.shape, 0)), *slopes], axis=-1)

    def _points(self, name: str, X: Any) -> Array:
        """Points in float64, divided by the length scale."""
        points: Array = matrix(name, X).astype(np.float64, copy=False)
        if self.length_scale is None:
            return points
        scale = real_array("length_scale", self.length_scale, ndim=(0, 1))
        if (scale <= 0).any():
            raise ValueError(f"length_scale must be positive, got {scale.min()}")
        if scale.ndim and len(scale) != points.shape[1]:
            raise ValueError(
                f"length_scale must be one number or {points.shape[1]}, one a column of {name}, "
                f"got {len(scale)} numbers"
            )
        with np.errstate(over="ignore"):
            result: Array = representable(f"{name} over length_scale is", points / scale)
        return result

    def _slopes(
        self, net: Architecture, X: Array, tangent: bool, searched: Hyperparameter
    ) -> Array:
        """Derivatives in the logarithms of one parameter's numbers, one after the other."""
        if searched.name != "length_scale":
            scale = {"W_std": "weights", "b_std": "biases"}[searched.name]
            layers = range(searched.n_elements) if searched.n_elements > 1 else (None,)
            return np.stack([scale_slope(net, X, tangent, scale, i) for i in layers], axis=-1)
        if searched.n_elements > 1:
            return length_slopes(net, X, tangent)
        # The first layer multiplies what one length divides.
        return -scale_slope(net, X, tangent, "weights", 0)[:, :, None]

    def diag(self, X: Any) -> Array:
        """The kernel at equal points, shape ``(n,)``, without its matrix."""
        net, tangent = self._network()
        return kernel_diagonal(net, self._points("X", X), tangent)

    def is_stationary(self) -> bool:
        """False: the kernel depends on norms and angles, not on differences."""
        return False

    def __repr__(self) -> str:
        names = ("W_std", "b_std", "kind")
        shown: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.trained != "all":
            shown["trained"] = self.trained
        if self.length_scale is not None:
            shown["length_scale"] = self.length_scale
        words = ", ".join(f"{name}={_short(value)}" for name, value in shown.items())
        return f"NetworkKernel(depth={self.depth}, activation={self.activation!r}, {words})"


class AveragedKernel(Kernel):  # type: ignore[misc]
    r"""The mean of a kernel of scikit-learn's over a group, with gradients in its parameters.

    As :func:`ntklib.groups.averaged`, for Gaussian processes: functions drawn from the process, and
    its posterior mean, are invariant under the group.

    Parameters
    ----------
    kernel : sklearn.gaussian_process.kernels.Kernel
        As a :class:`NetworkKernel` without a ``length_scale`` for each column, it must not change
        when both points are moved by an element of the group; tried out in each call.
    group : :class:`ntklib.groups.Group` or array_like of int
        As for :func:`ntklib.groups.averaged`.

    Raises
    ------
    ValueError, TypeError
        When called, as the kernel and :func:`ntklib.groups.averaged`.

    Notes
    -----
    Statement: :prf:ref:`prp-averaged-spectrum`.

    The kernel takes the time of ``kernel`` between :math:`n` and :math:`n|G|` points, its gradient
    four times that of ``kernel`` for each element.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> from ntklib.gaussian_process import AveragedKernel, NetworkKernel
    >>> from ntklib.groups import cyclic_shifts
    >>> X = np.random.default_rng(0).standard_normal((30, 4))
    >>> kernel = AveragedKernel(NetworkKernel(), cyclic_shifts(4))
    >>> model = GaussianProcessRegressor(kernel, alpha=1e-3, optimizer=None)
    >>> model = model.fit(X, X.prod(axis=1))
    >>> shifted = np.roll(X, 1, axis=1)
    >>> bool(np.allclose(model.predict(X), model.predict(shifted)))
    True
    """

    def __init__(self, kernel: Any, group: Any) -> None:
        self.kernel = kernel
        self.group = group

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters, and with ``deep`` those of the kernel as ``kernel__name``."""
        params = {"kernel": self.kernel, "group": self.group}
        if deep:
            params |= {f"kernel__{name}": v for name, v in self.kernel.get_params().items()}
        return params

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """Those of the kernel, as ``kernel__name``."""
        return [
            Hyperparameter(f"kernel__{h.name}", h.value_type, h.bounds, h.n_elements)
            for h in self.kernel.hyperparameters
        ]

    @property
    def theta(self) -> Array:
        """Logarithms of the kernel's free parameters."""
        free: Array = self.kernel.theta
        return free

    @theta.setter
    def theta(self, theta: Array) -> None:
        self.kernel.theta = theta

    @property
    def bounds(self) -> Array:
        """Their bounds."""
        pairs: Array = self.kernel.bounds
        return pairs

    def __eq__(self, other: object) -> bool:
        return (
            type(self) is type(other)
            and self.kernel == other.kernel
            and as_group(self.group) == as_group(other.group)
        )

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """Kernel between the rows of ``X`` and ``Y``, and its gradient in ``theta``.

        Parameters and results are those of :class:`NetworkKernel`.
        """
        mean = averaged(self.kernel, self.group)
        X = matrix("X", X, columns=mean.group.dimension)
        if not eval_gradient:
            return mean(X, Y if Y is None else matrix("Y", Y, columns=mean.group.dimension))
        if Y is not None:
            raise ValueError("Y must be None when eval_gradient is set")
        gradient = self.kernel(X, eval_gradient=True)[1]
        for moved, weight in images(mean.group, X):
            both = self.kernel(np.concatenate([X, moved]), eval_gradient=True)[1]
            block = both[: len(X), len(X) :]
            gradient = gradient + weight / 2 * (block + block.transpose(1, 0, 2))
        return mean(X), gradient / len(mean.group)

    def diag(self, X: Any) -> Array:
        """The kernel at equal points, shape ``(n,)``, without its matrix."""
        return averaged(self.kernel, self.group).diag(X)

    def is_stationary(self) -> bool:
        """False: the kernel does not depend on differences alone."""
        return False

    def __repr__(self) -> str:
        return f"AveragedKernel({self.kernel!r}, {as_group(self.group)!r})"


def __getattr__(name: str) -> Any:
    """``GPyTorchKernel``, whose libraries are imported only where it is used."""
    if name == "GPyTorchKernel":
        return importlib.import_module("ntklib._gpytorch").GPyTorchKernel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
