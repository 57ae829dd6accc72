r"""Kernel regression and classification with the interface of scikit-learn.

Implements :prf:ref:`prp-predictor` and :prf:ref:`prp-ridge` with the limiting kernel in place of
:math:`K_m`: with no ridge the prediction is :math:`k(x,X)K^{+}y`, the minimum-norm interpolation.

Needs scikit-learn, as does :mod:`ntklib.gaussian_process`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntklib._engine.portable import is_foreign
from ntklib._precision import representable
from ntklib._validate import Array, complete, weights
from ntklib.complexity.chosen import choose
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


def _numbers(name: str, X: Any) -> Any:
    """Refuse words and dates, which scikit-learn would turn into numbers.

    Arrays of other libraries come back as NumPy's: scikit-learn does not see that they are float32.
    """
    if is_foreign(X):
        X = np.asarray(X)
    dtypes = list(X.dtypes) if hasattr(X, "dtypes") else [getattr(X, "dtype", None)]
    if dtypes == [None]:
        dtypes = [np.asarray(X).dtype]
    for dtype in dtypes:
        # Of pandas, the kind of words is that of objects, among which are numbers.
        if getattr(dtype, "kind", None) in set("mMSU") or str(dtype).startswith("str"):
            raise TypeError(f"{name} must be real numbers, got dtype {dtype}")
    return X


def _precomputed(X: Array, Z: Array | None = None) -> Array:
    """Itself, the matrix between the points and those of the fit."""
    if Z is None and X.shape[0] != X.shape[1]:
        raise ValueError(f"X must be square when the kernel is precomputed, got shape {X.shape}")
    return X


_KERNELS: dict[str, Kernel] = {
    "relu_ntk": relu_ntk,
    "relu_nngp": relu_nngp,
    "precomputed": _precomputed,
}


def _kernel(kernel: str | Kernel) -> Kernel:
    if not isinstance(kernel, str):
        return kernel
    if kernel not in _KERNELS:
        raise ValueError(f"kernel must be callable or one of {sorted(_KERNELS)}, got {kernel!r}")
    return _KERNELS[kernel]


def _ridges(alpha: Any, y: Array) -> list[float]:
    """A ridge for each target, or one for all."""
    if np.ndim(alpha) == 1 and y.ndim == 2:
        if len(alpha) != y.shape[1]:
            raise ValueError(f"alpha must be one number or {y.shape[1]}, one a target, got {alpha}")
        return [_ridges(a, y[:, 0])[0] for a in alpha]
    if not (isinstance(alpha, int | float | np.number) and 0 <= alpha < np.inf):
        raise ValueError(f'alpha must be a finite number, at least 0, or "loo", got {alpha!r}')
    return [float(alpha)]


def _coefficients(K: Array, y: Array, alpha: float) -> Array:
    """(K + alpha I)^-1 y, or K^+ y when alpha is zero."""
    if alpha == 0:
        return dual_coefficients(K, y)[0]
    return solve(K, y, ridge=alpha).coef.astype(y.dtype)


class _Ridge(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: dual coefficients for targets, and outputs from them."""

    def __init__(self, kernel: str | Kernel = "relu_ntk", alpha: Any = 0.0) -> None:
        self.kernel = kernel
        self.alpha = alpha

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = isinstance(self.kernel, str) and self.kernel == "precomputed"
        return tags

    def _solve(self, X: Array, y: Array, sample_weight: Any) -> None:
        """The coefficients of least weighted squares with the ridge.

        With weights w: sqrt(w) times those of sqrt(w) K sqrt(w) and sqrt(w) y.
        """
        chosen = isinstance(self.alpha, str) and self.alpha == "loo"
        alphas = [0.0] if chosen else _ridges(self.alpha, y)
        K, least = _kernel(self.kernel)(X, None), min(alphas)
        points = not isinstance(self.kernel, str) or self.kernel != "precomputed"
        if points and X.dtype == np.float32 and (least == 0 or least < smallest_ridge(K)):
            # In float32 the small eigenvalues are rounding: float32 points are exact in float64.
            X, y = X.astype(np.float64), y.astype(np.float64)
            K = _kernel(self.kernel)(X, None)
        self.X_fit_ = X
        for name in ("alpha_", "alphas_", "loo_"):
            self.__dict__.pop(name, None)  # of an earlier fit
        if sample_weight is not None:
            sample_weight = weights("sample_weight", sample_weight, len(X))
        if chosen:
            self.dual_coef_ = self._choose(K, y, sample_weight)
            return
        if sample_weight is not None:
            root = np.sqrt(sample_weight).astype(X.dtype)
            K = root[:, None] * K * root
            y = (root * y.T).T
        if len(alphas) == 1:
            coef = _coefficients(K, y, alphas[0])
        else:
            columns = [_coefficients(K, t, a) for t, a in zip(y.T, alphas, strict=True)]
            coef = np.stack(columns, axis=1)
        self.dual_coef_ = coef if sample_weight is None else (root * coef.T).T

    def _choose(self, K: Array, y: Array, sample_weight: Array | None) -> Array:
        """The coefficients with the ridge that does best on points left out."""
        found = choose(K, y.reshape(len(y), -1), sample_weight)
        self.alpha_, self.alphas_, self.loo_ = found.ridge, found.ridges, found.errors
        return found.coef.reshape(y.shape).astype(y.dtype)

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self)
        complete("X", X)
        X = _numbers("X", X)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        outputs = _kernel(self.kernel)(X, self.X_fit_) @ self.dual_coef_
        return np.asarray(representable("predictions are", outputs.astype(X.dtype, copy=False)))


class NTKRegressor(MultiOutputMixin, RegressorMixin, _Ridge):  # type: ignore[misc]
    """Kernel (ridge) regression with a neural tangent kernel.

    Once fitted, it has ``X_fit_``, the points, shape ``(n, d)``; ``dual_coef_``, the dual
    coefficients, shape ``(n,)`` or ``(n, k)``; and ``n_features_in_``, which is ``d``. Predictions
    have the dtype of the points at which they are made, float32 or float64. With ``alpha="loo"`` it
    also has ``alpha_``, the ridge that was chosen; ``alphas_``, those tried; and ``loo_``, their
    mean squared errors on points left out, weighted where points are.

    Parameters
    ----------
    kernel : {"relu_ntk", "relu_nngp", "precomputed"} or callable
        A callable takes ``(X, Z)`` with ``Z`` possibly None and returns the kernel matrix, shape
        ``(n, n')``, as the kernels of ``ntklib`` do. With ``"precomputed"`` the methods take such a
        matrix in place of ``X``: ``(n, n)`` in ``fit``, else ``(n', n)``.
    alpha : float, array_like, shape (k,), or "loo"
        Ridge, added to the diagonal of the Gram matrix, for all targets or one a column of ``y``.
        With 0 the data are interpolated where they can be, by the solution of least norm. With
        ``"loo"`` it is the one, for all targets, with the least mean squared error of the points
        left out one by one, in closed form from one eigendecomposition. It is looked for among 0,
        unless rounding decides about the rank, and four ridges a decade, from a tenth of the least
        eigenvalue that is not zero to ten times the largest. Points in
        float32 are taken to float64, exactly, for 0, for ``"loo"`` and wherever the ridge does not
        stand out from the rounding of a float32 matrix; then ``X_fit_`` and ``dual_coef_`` are
        float64.

    Raises
    ------
    ValueError
        In ``fit``: an unknown kernel, ``alpha`` not a number of at least 0, weights below 0, data
        of the wrong shape, missing or not finite.
    TypeError
        Sparse data; points that are words or dates.

    Notes
    -----
    Statements: :prf:ref:`prp-predictor`, with a ridge :prf:ref:`prp-ridge`.

    ``alpha="loo"`` leaves out a point with its whole weight and with its copies, which would tell
    the answer: a weight of 2 is as good as a repetition. Copies are points whose features differ by
    rounding only. On different points it is what ``RidgeCV`` of scikit-learn does; one ridge serves
    all targets, as there without ``alpha_per_target``.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NTKRegressor:
        """Solve for the dual coefficients.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one a row.
        y : array_like, shape (n,) or (n, k)
            Targets.
        sample_weight : array_like, shape (n,), optional
            Factors of the squared errors at the points, at least 0; 1 when left out.

        Returns
        -------
        :class:`ntklib.regression.NTKRegressor`
            This regressor.
        """
        complete("X", X)
        complete("y", y)
        X = _numbers("X", X)
        X, y = validate_data(
            self, X, y, dtype=(np.float64, np.float32), multi_output=True, y_numeric=True
        )
        self._solve(X, y.astype(X.dtype), sample_weight)
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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NTKClassifier:
        """Solve for the dual coefficients.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Points, one a row.
        y : array_like, shape (n,)
            Labels of at least two classes.
        sample_weight : array_like, shape (n,), optional
            Factors of the squared errors at the points, at least 0; 1 when left out.

        Returns
        -------
        :class:`ntklib.regression.NTKClassifier`
            This classifier.
        """
        complete("X", X)
        complete("y", y)
        X = _numbers("X", X)
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        binarizer = LabelBinarizer(neg_label=-1, pos_label=1).fit(y)
        self.classes_ = binarizer.classes_
        if len(self.classes_) < 2:
            raise ValueError(f"y must have at least two classes, got one class: {self.classes_[0]}")
        targets = binarizer.transform(y).astype(X.dtype)
        self._solve(X, targets.ravel() if targets.shape[1] == 1 else targets, sample_weight)
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
