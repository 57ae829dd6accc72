r"""Kernel regression and classification with the interface of scikit-learn.

Implements :prf:ref:`prp-predictor` and :prf:ref:`prp-ridge` with the limiting kernel in place of
:math:`K_m`: with no ridge the prediction is :math:`k(x,X)K^{+}y`, the minimum-norm interpolation.

Needs scikit-learn, as does :mod:`ntklib.gaussian_process`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntklib._precision import representable
from ntklib._validate import Array
from ntklib.kernels import relu_nngp, relu_ntk
from ntklib.least_squares import dual_coefficients
from ntklib.model import Kernel
from ntklib.systems import smallest_ridge, solve

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
    from sklearn.preprocessing import LabelBinarizer
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "ntklib.regression needs scikit-learn 1.6 or newer: pip install 'ntklib[regression]'"
    ) from error

_KERNELS: dict[str, Kernel] = {"relu_ntk": relu_ntk, "relu_nngp": relu_nngp}


def _kernel(kernel: str | Kernel) -> Kernel:
    if not isinstance(kernel, str):
        return kernel
    if kernel not in _KERNELS:
        raise ValueError(f"kernel must be callable or one of {sorted(_KERNELS)}, got {kernel!r}")
    return _KERNELS[kernel]


class _Ridge(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: dual coefficients for targets, and outputs from them."""

    def __init__(self, kernel: str | Kernel = "relu_ntk", alpha: float = 0.0) -> None:
        self.kernel = kernel
        self.alpha = alpha

    def _solve(self, X: Array, y: Array) -> None:
        """(K + alpha I)^-1 y, or K^+ y when alpha is zero."""
        alpha = self.alpha
        if not (isinstance(alpha, int | float | np.number) and 0 <= alpha < np.inf):
            raise ValueError(f"alpha must be a finite number, at least 0, got {alpha!r}")
        K = _kernel(self.kernel)(X, None)
        if X.dtype == np.float32 and (alpha == 0 or alpha < smallest_ridge(K)):
            # In float32 the small eigenvalues are rounding: float32 points are exact in float64.
            X, y = X.astype(np.float64), y.astype(np.float64)
            K = _kernel(self.kernel)(X, None)
        self.X_fit_ = X
        if alpha == 0:
            self.dual_coef_ = dual_coefficients(K, y)[0]
        else:
            self.dual_coef_ = solve(K, y, ridge=alpha).coef.astype(y.dtype)

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        outputs = _kernel(self.kernel)(X, self.X_fit_) @ self.dual_coef_
        return np.asarray(representable("predictions are", outputs.astype(X.dtype, copy=False)))


class NTKRegressor(MultiOutputMixin, RegressorMixin, _Ridge):  # type: ignore[misc]
    """Kernel (ridge) regression with a neural tangent kernel.

    Once fitted, it has ``X_fit_``, the points, shape ``(n, d)``; ``dual_coef_``, the dual
    coefficients, shape ``(n,)`` or ``(n, k)``; and ``n_features_in_``, which is ``d``. Predictions
    have the dtype of the points at which they are made, float32 or float64.

    Parameters
    ----------
    kernel : {"relu_ntk", "relu_nngp"} or callable
        A callable takes ``(X, Z)`` with ``Z`` possibly None and returns the kernel matrix, shape
        ``(n, n')``, as the kernels of ``ntklib`` do.
    alpha : float
        Ridge, added to the diagonal of the Gram matrix. With 0 the data are interpolated where
        they can be, by the solution of least norm. Points in float32 are taken to float64, exactly,
        for 0 and wherever the ridge does not stand out from the rounding of a float32 matrix; then
        ``X_fit_`` and ``dual_coef_`` are float64.

    Raises
    ------
    ValueError
        In ``fit``: an unknown kernel, ``alpha`` not a number of at least 0, data of the wrong shape
        or not finite.

    Notes
    -----
    Statements: :prf:ref:`prp-predictor`, with a ridge :prf:ref:`prp-ridge`.
    """

    def fit(self, X: Any, y: Any) -> NTKRegressor:
        """Solve for the dual coefficients.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one a row.
        y : array_like, shape (n,) or (n, k)
            Targets.

        Returns
        -------
        :class:`ntklib.regression.NTKRegressor`
            This regressor.
        """
        X, y = validate_data(
            self, X, y, dtype=(np.float64, np.float32), multi_output=True, y_numeric=True
        )
        self._solve(X, y.astype(X.dtype))
        return self

    def predict(self, X: Any) -> Array:
        """Predictions at the rows of ``X``, shape ``(n',)`` or ``(n', k)``."""
        return self._outputs(X)


class NTKClassifier(ClassifierMixin, _Ridge):  # type: ignore[misc]
    r"""Classification by kernel (ridge) regression on targets :math:`\pm1`.

    The targets have a column for each class, and a single one for two classes.

    Once fitted, it has ``classes_``; ``X_fit_``, the points, shape ``(n, d)``; ``dual_coef_``, the
    dual coefficients, shape ``(n,)`` for two classes, else ``(n, number of classes)``; and
    ``n_features_in_``, which is ``d``.

    Parameters
    ----------
    kernel, alpha
        As for :class:`NTKRegressor`.

    Notes
    -----
    Statements: :prf:ref:`prp-predictor`, with a ridge :prf:ref:`prp-ridge`. The largest output
    decides, with two classes the sign.
    """

    def fit(self, X: Any, y: Any) -> NTKClassifier:
        """Solve for the dual coefficients.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one a row.
        y : array_like, shape (n,)
            Labels of at least two classes.

        Returns
        -------
        :class:`ntklib.regression.NTKClassifier`
            This classifier.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        binarizer = LabelBinarizer(neg_label=-1, pos_label=1).fit(y)
        self.classes_ = binarizer.classes_
        if len(self.classes_) < 2:
            raise ValueError(f"y must have at least two classes, got one class: {self.classes_[0]}")
        targets = binarizer.transform(y).astype(X.dtype)
        self._solve(X, targets.ravel() if targets.shape[1] == 1 else targets)
        return self

    def decision_function(self, X: Any) -> Array:
        """Outputs before the decision at the rows of ``X``.

        Their shape is ``(n',)`` for two classes, else ``(n', number of classes)``.
        """
        return self._outputs(X)

    def predict(self, X: Any) -> Array:
        """Labels at the rows of ``X``, shape ``(n',)``."""
        scores = self.decision_function(X)
        index = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        result: Array = self.classes_[index]
        return result
