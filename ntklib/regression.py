r"""Kernel regression and classification with the interface of scikit-learn.

Implements :prf:ref:`prp-predictor` and :prf:ref:`prp-ridge` with the limiting kernel in place of
:math:`K_m`: with no ridge the prediction is :math:`k(x,X)K^{+}y`, the minimum-norm interpolation.
Of many points it implements :prf:ref:`prp-centers`, the fit in the span of a few.

Needs scikit-learn, as does :mod:`ntklib.gaussian_process`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntklib._batches import Batches, in_batches
from ntklib._engine import sizes
from ntklib._engine.portable import is_foreign
from ntklib._engine.sizes import slices
from ntklib._precision import representable
from ntklib._spanned import Span
from ntklib._validate import Array, columns_of, complete, from_columns, positive, weights
from ntklib.complexity.chosen import Choice, choose
from ntklib.kernels import relu_nngp, relu_ntk
from ntklib.least_squares import dual_coefficients
from ntklib.model import Kernel
from ntklib.systems import smallest_ridge, solve

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
    from sklearn.preprocessing import LabelBinarizer
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import (
        check_consistent_length,
        check_is_fitted,
        validate_data,
    )
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
    columns = columns_of(X)
    if columns is not None:
        from_columns(name, columns)
        return X
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


_FLOATS = (np.float64, np.float32)
_SOLVERS = ("auto", "direct", "nystroem")
# Matrices of the size of the Gram matrix that the direct solver holds at most: seven were measured,
# with an eigendecomposition.
_MATRICES = 8


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


def _dtype(X: Any) -> Any:
    """That of the points, of batches that of the first."""
    return X.dtype if isinstance(X, np.ndarray) else X[0:1].dtype


class _Ridge(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: dual coefficients for targets, and outputs from them."""

    def __init__(
        self,
        kernel: str | Kernel = "relu_ntk",
        alpha: Any = 0.0,
        solver: str = "auto",
        centers: Any = None,
        memory: float = 4e9,
        random_state: Any = None,
    ) -> None:
        self.kernel = kernel
        self.alpha = alpha
        self.solver = solver
        self.centers = centers
        self.memory = memory
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = isinstance(self.kernel, str) and self.kernel == "precomputed"
        return tags

    def _data(self, X: Any, y: Any, **options: Any) -> tuple[Any, Array]:
        """Points, of which those that are to be read in batches are not yet looked at; targets."""
        complete("X", X)
        complete("y", y)
        if self.solver not in _SOLVERS:
            raise ValueError(f"solver must be one of {sorted(_SOLVERS)}, got {self.solver!r}")
        if in_batches(X) and self._solver(X.shape[0]) == "nystroem":
            y = validate_data(self, y=y, **options)
            check_consistent_length(X, y)
            points = Batches(X, self._rows)
            self._rows(points.read(slice(0, 1)), reset=True)
            return points, y
        X, y = validate_data(self, _numbers("X", X), y, dtype=_FLOATS, **options)
        return X, y

    def _rows(self, X: Any, reset: bool = False) -> Array:
        """A batch of points; whether they are finite is looked at by whom knows their rows."""
        result: Array = validate_data(
            self, _numbers("X", X), dtype=_FLOATS, reset=reset, ensure_all_finite=False
        )
        return result

    def _solver(self, n: int) -> str:
        """Which solver is taken for so many points."""
        if self.solver != "auto":
            return self.solver
        if self.centers is not None:
            return "nystroem"
        fits = _MATRICES * 8 * n * n <= positive("memory", self.memory)
        given = isinstance(self.kernel, str) and self.kernel == "precomputed"
        return "direct" if fits or given else "nystroem"

    def _solve(self, X: Any, y: Array, sample_weight: Any) -> None:
        """The coefficients of least weighted squares with the ridge."""
        for name in ("alpha_", "alphas_", "loo_", "X_fit_", "centers_"):
            self.__dict__.pop(name, None)  # of an earlier fit
        if sample_weight is not None:
            sample_weight = weights("sample_weight", sample_weight, X.shape[0])
        chosen = isinstance(self.alpha, str) and self.alpha == "loo"
        alphas = None if chosen else _ridges(self.alpha, y)
        self.solver_ = self._solver(X.shape[0])
        if self.solver_ == "direct":
            self._direct(X, y, alphas, sample_weight)
        else:
            self._nystroem(X, y, alphas, sample_weight)

    def _direct(
        self, X: Array, y: Array, alphas: list[float] | None, sample_weight: Array | None
    ) -> None:
        """In the span of all points.

        With weights w: sqrt(w) times the coefficients of sqrt(w) K sqrt(w) and sqrt(w) y.
        """
        if self.centers is not None:
            raise ValueError('centers must be None with solver="direct": all points are centers')
        K, least = _kernel(self.kernel)(X, None), min(alphas or [0.0])
        points = not isinstance(self.kernel, str) or self.kernel != "precomputed"
        if points and X.dtype == np.float32 and (least == 0 or least < smallest_ridge(K)):
            # In float32 the small eigenvalues are rounding: float32 points are exact in float64.
            X, y = X.astype(np.float64), y.astype(np.float64)
            K = _kernel(self.kernel)(X, None)
        self.X_fit_ = X
        if alphas is None:
            self._chosen(choose(K, y.reshape(len(y), -1), sample_weight), y, y.dtype)
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

    def _chosen(self, found: Choice, y: Array, dtype: Any) -> None:
        """The coefficients with the ridge that does best on points left out."""
        self.alpha_, self.alphas_, self.loo_ = found.ridge, found.ridges, found.errors
        self.dual_coef_ = found.coef.reshape(-1, *y.shape[1:]).astype(dtype)

    def _nystroem(
        self, X: Any, y: Array, alphas: list[float] | None, sample_weight: Array | None
    ) -> None:
        """In the span of centres."""
        if isinstance(self.kernel, str) and self.kernel == "precomputed":
            raise ValueError('kernel must not be "precomputed" with solver="nystroem" or centers')
        state = check_random_state(self.random_state)
        rng = np.random.default_rng(state.randint(2**32, size=4, dtype=np.uint32))
        span = Span(_kernel(self.kernel), X, self.centers, sample_weight, rng)
        if alphas is None:
            self.centers_, found = span.choose(y.reshape(len(y), -1))
            self._chosen(found, y, np.float64)
            return
        memory = positive("memory", self.memory)
        self.centers_, self.dual_coef_ = span.fit(y, alphas, _dtype(X), memory)

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self)
        complete("X", X)
        if in_batches(X):
            X = Batches(X, self._rows)
        else:
            X = validate_data(self, _numbers("X", X), dtype=_FLOATS, reset=False)
        points = self.X_fit_ if self.solver_ == "direct" else self.centers_
        kernel, outputs = _kernel(self.kernel), []
        for rows in slices(0, X.shape[0], max(sizes.BLOCK[0], sizes.HELD // len(points))):
            some = X[rows]
            values = kernel(some, points) @ self.dual_coef_
            outputs.append(values.astype(some.dtype, copy=False))
        result = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
        return np.asarray(representable("predictions are", result))


class NTKRegressor(MultiOutputMixin, RegressorMixin, _Ridge):  # type: ignore[misc]
    r"""Kernel (ridge) regression with a neural tangent kernel.

    Once fitted, it has ``solver_``, ``"direct"`` or ``"nystroem"``; ``X_fit_``, the points, shape
    ``(n, d)``, or ``centers_`` in their place, shape ``(m, d)``; ``dual_coef_``, the coefficients
    of their kernel functions, shape ``(n,)`` or ``(n, k)``, of centres ``(m,)`` or ``(m, k)``; and
    ``n_features_in_``, which is ``d``. Predictions have the dtype of the points at which they are
    made, float32 or float64. With ``alpha="loo"`` it also has ``alpha_``, the ridge that was
    chosen; ``alphas_``, those tried; and ``loo_``, their mean squared errors on points left out,
    weighted where points are.

    Parameters
    ----------
    kernel : {"relu_ntk", "relu_nngp", "precomputed"} or callable
        A callable takes ``(X, Z)`` with ``Z`` possibly None and returns the kernel matrix, shape
        ``(n, n')``, as the kernels of ``ntklib`` do. With ``"precomputed"`` the methods take such a
        matrix in place of ``X``: ``(n, n)`` in ``fit``, else ``(n', n)``; then only the direct
        solver serves.
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
    solver : {"auto", "direct", "nystroem"}
        With ``"direct"`` the fit is sought in the span of all points, from their Gram matrix. With
        ``"nystroem"`` it is that of :func:`ntklib.large.nystroem_solve`: the one of all functions
        in the span of the centres with the least
        :math:`\lVert f(X)-y\rVert^2+\alpha\lVert f\rVert^2`, the same that the direct one makes
        least among all functions. ``"auto"`` is direct, unless ``centers`` are given or eight Gram
        matrices in float64 do not fit in ``memory``, which is beyond 7905 points by default.
    centers : int, array_like, shape (m, d), or rule, optional
        The centres; or how many of the points are drawn, each set with the same probability; or a
        name that :func:`ntklib.large.nystroem_solve` knows. By default 2000 are drawn, or all
        points taken if these are fewer.
    memory : float
        Bytes: for the choice of ``"auto"``, and for what Nystroem's solver keeps.
    random_state : int, RandomState or None
        Draws the centres.

    Raises
    ------
    ValueError
        In ``fit``: an unknown kernel or solver, ``alpha`` not a number of at least 0, weights below
        0, data of the wrong shape, missing or not finite; ``centers`` beside a direct solver, of
        another width, more than points, or dependent without a ridge; a precomputed kernel or a
        rule with ``"loo"`` beside centres.
    TypeError
        Sparse data; points that are words or dates.

    Warns
    -----
    ConvergenceWarning
        Nystroem's solver did not reach a residual of 1e-8 (float32: 1e-6); the message says what it
        reached.

    Notes
    -----
    Statements: :prf:ref:`prp-predictor`, with a ridge :prf:ref:`prp-ridge`, in the span of centres
    :prf:ref:`prp-centers`.

    ``alpha="loo"`` leaves out a point with its whole weight and with its copies, which would tell
    the answer: a weight of 2 is as good as a repetition. Copies are points whose features differ by
    rounding only. On different points it is what ``RidgeCV`` of scikit-learn does; one ridge serves
    all targets, as there without ``alpha_per_target``. In the span of centres these stay, whatever
    is left out; copies are then equal points, and 0 is not tried.

    More than 8192 points on disk (:class:`numpy.memmap`, zarr, HDF5) or in a table are read in
    batches of rows, in ``fit`` by Nystroem's solver and wherever predictions are made: what is held
    of them at once is a batch. ``alpha="loo"`` reads them twice, other ridges once for each number
    in ``alpha``. Kernel values of float32 points are in float32, sums over points in float64.
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
        X, y = self._data(X, y, multi_output=True, y_numeric=True)
        self._solve(X, y.astype(_dtype(X)), sample_weight)
        return self

    def predict(self, X: Any) -> Array:
        """Predictions at the rows of ``X``, shape ``(n',)`` or ``(n', k)``."""
        return self._outputs(X)


class NTKClassifier(ClassifierMixin, _Ridge):  # type: ignore[misc]
    r"""Classification by kernel (ridge) regression on targets :math:`\pm1`.

    The targets have a column for each class, and a single one for two classes.

    Once fitted, it has ``classes_``; ``X_fit_``, the points, shape ``(n, d)``; ``dual_coef_``, the
    dual coefficients, shape ``(n,)`` for two classes, else ``(n, number of classes)``; and
    ``n_features_in_``, which is ``d``. In the span of centres it has ``centers_`` in place of
    ``X_fit_``, as :class:`NTKRegressor` has.

    Parameters
    ----------
    kernel, alpha, solver, centers, memory, random_state
        As for :class:`NTKRegressor`; a ridge for each target is one for each column.

    Notes
    -----
    Statements: :prf:ref:`prp-predictor`, with a ridge :prf:ref:`prp-ridge`, in the span of centres
    :prf:ref:`prp-centers`. The largest output decides, with two classes the sign.
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
        X, y = self._data(X, y)
        check_classification_targets(y)
        binarizer = LabelBinarizer(neg_label=-1, pos_label=1).fit(y)
        self.classes_ = binarizer.classes_
        if len(self.classes_) < 2:
            raise ValueError(f"y must have at least two classes, got one class: {self.classes_[0]}")
        targets = binarizer.transform(y).astype(_dtype(X))
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
