"""Leave-one-out residuals against as many fits, and where rounding decides."""

import re

import mpmath
import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from ntklib import relu_ntk
from ntklib.complexity import RankError, leave_one_out
from tests.unit.samples import refused

# Algebra on matrices of moderate condition.
EXACT = 1e-10
EPS = np.finfo(float).eps


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def refits(K, y, ridge=0.0):
    """n fits, each by a pseudoinverse: singular values below 1e-11 of the largest are rounding."""
    K, y = np.asarray(K, dtype=float), np.asarray(y, dtype=float)
    found = np.empty_like(y)
    for i in range(len(K)):
        rest = np.delete(np.arange(len(K)), i)
        A = K[np.ix_(rest, rest)] + ridge * np.eye(len(rest))
        found[i] = y[i] - K[i, rest] @ (np.linalg.pinv(A, rcond=1e-11, hermitian=True) @ y[rest])
    return found


def refits_in_digits(K, y, ridge, digits=60):
    """n fits in many digits."""
    with mpmath.workdps(digits):
        K, y = mpmath.matrix(K.tolist()), mpmath.matrix(y.tolist())
        found = []
        for i in range(len(y)):
            rest = [j for j in range(len(y)) if j != i]
            A = mpmath.matrix(len(rest), len(rest))
            for r, a in enumerate(rest):
                for c, b in enumerate(rest):
                    A[r, c] = K[a, b] + (mpmath.mpf(ridge) if a == b else 0)
            coef = mpmath.lu_solve(A, mpmath.matrix([y[a] for a in rest]))
            found.append(float(y[i] - sum(K[i, a] * coef[r] for r, a in enumerate(rest))))
    return np.array(found)


def matrices(rng):
    """Regular and singular in every way; the nonzero eigenvalues are of the order of one."""
    X = rng.standard_normal((12, 4))
    yield "regular", relu_ntk(X)
    twice = X.copy()
    twice[3], twice[8], twice[9] = X[5], X[0], X[0]
    yield "repeated points", relu_ntk(twice)
    twice[7] = 0
    yield "repeated points and a zero row", relu_ntk(twice)
    yield "two zero rows", np.diag([0.0, 0, *range(1, 11)])
    yield "linear, of rank 4", X @ X.T
    yield "linear, one point alone in its direction", np.diag([9.0, *11 * [0]]) + without_first(X)
    yield "of rank 1", np.outer(X[:, 0], X[:, 0])
    yield "zero", np.zeros((12, 12))
    yield "averaged over signs", relu_ntk(X) + relu_ntk(X, -X)


def without_first(X):
    """Of rank 3, with a first row of zeros."""
    Z = X[:, :3].copy()
    Z[0] = 0
    return Z @ Z.T


@pytest.mark.parametrize("ridge", [0.0, 1e-3, 1.0, 50.0])
def test_is_n_refits(rng, ridge):
    for name, K in matrices(rng):
        for y in (rng.standard_normal(12), rng.standard_normal((12, 3)), np.arange(12) - 5):
            found, right = leave_one_out(K, y, ridge), refits(K, y, ridge)
            assert found.shape == y.shape
            assert np.abs(found - right).max() <= EXACT * np.abs(y).max(), name


def test_repeated_points(rng):
    """Equal targets: nothing is left. Different ones: their difference, half of what P y says."""
    X, y = rng.standard_normal((6, 3)), rng.standard_normal(6)
    X[1], y[1] = X[0], y[0]
    K = relu_ntk(X)
    assert np.abs(leave_one_out(K, y)[:2]).max() <= 1e-13
    y[1] = y[0] + 3
    np.testing.assert_allclose(leave_one_out(K, y)[:2], [-3, 3], rtol=1e-13)
    # The slip: the formula of regular matrices, with the pseudoinverse.
    pinv = np.linalg.pinv(np.ones((2, 2)))
    assert (pinv @ [1, 1] / pinv.diagonal()) == pytest.approx([2, 2])
    assert leave_one_out(np.ones((2, 2)), [1, 1]) == pytest.approx([0, 0])


@pytest.mark.parametrize("ridge", [1.0, 1e-6, 1e-10, 1e-13, 1e-14, 1e-16, 1e-18, 1e-30, 1e-300])
def test_small_ridges(rng, ridge):
    """Down to any size, with a repeated point, against as many fits in many digits.

    Entries are whole numbers, so that nothing is rounded but in the function.
    """
    G = rng.integers(-5, 6, (8, 12)).astype(float)
    G[4] = G[2]
    K, y = G @ G.T, rng.standard_normal(8)
    right = refits_in_digits(K, y, ridge, digits=700)
    # Rounding of n ulps over the share of the least eigenvalue that is not zero, 10 of 500.
    assert np.abs(leave_one_out(K, y, ridge) - right).max() <= 8 * EPS * 50 * 10
    pair = np.abs(right[[2, 4]] - [y[2] - y[4], y[4] - y[2]]).max()
    assert pair <= max(1e-13, ridge)


def test_a_ridge_in_the_gap_of_the_spectrum(rng):
    """Eigenvalues 1 and 1e-6, ridges from above to below both: no threshold is crossed unseen."""
    Q = np.linalg.qr(rng.standard_normal((9, 9)))[0]
    K = Q * np.array([1e-6, 1e-6, 1e-6, 1, 1, 2, 2, 3, 3]) @ Q.T
    K = (K + K.T) / 2
    y = rng.standard_normal(9)
    for ridge in 10.0 ** np.arange(-20, 4):
        right = refits_in_digits(K, y, ridge)
        # Rounding of 9 ulps of the norm, over the least eigenvalue, some times.
        bound = max(100 * 9 * EPS * 3 / (1e-6 + ridge), 1e-13)
        assert np.abs(leave_one_out(K, y, ridge) - right).max() <= bound


def test_several_ridges(rng):
    ridges = [1.0, 0.0, 1e-3, 1e-20, 7.0]
    for name, K in matrices(rng):
        for y in (rng.standard_normal(12), rng.standard_normal((12, 2))):
            found = leave_one_out(K, y, ridges)
            assert found.shape == (5, *y.shape)
            for part, ridge in zip(found, ridges, strict=True):
                assert np.abs(part - leave_one_out(K, y, ridge)).max() <= 1e-13, name


def test_scikit_learn(rng):
    """Another implementation of the closed form, and one that refits."""
    X, y = rng.standard_normal((30, 5)), rng.standard_normal(30)
    ridges = [0.1, 1.0, 10.0]
    squares = leave_one_out(X @ X.T, y, ridges) ** 2
    theirs = RidgeCV(ridges, fit_intercept=False, store_cv_results=True).fit(X, y).cv_results_
    np.testing.assert_allclose(squares.T, theirs, rtol=EXACT)
    K = relu_ntk(X)
    right = cross_val_predict(KernelRidge(kernel="precomputed", alpha=0.1), K, y, cv=LeaveOneOut())
    np.testing.assert_allclose(leave_one_out(K, y, 0.1), y - right, rtol=EXACT, atol=EXACT)


def test_float32(rng):
    X, y = rng.standard_normal((20, 4)), rng.standard_normal(20)
    K, K32 = relu_ntk(X), relu_ntk(X.astype(np.float32))
    for ridge in (0.0, 1e-3, 1.0):
        found = leave_one_out(K32, y.astype(np.float32), ridge)
        assert found.dtype == np.float32
        # Entries off by some ulps of float32, over the least eigenvalue.
        bound = 100 * 1.2e-7 * np.linalg.norm(K) / (np.linalg.eigvalsh(K)[0] + ridge)
        assert np.abs(found - leave_one_out(K, y, ridge)).max() <= bound
        assert leave_one_out(K32, y, ridge).dtype == np.float64
    X[3], y[3] = X[4], y[4]
    K32 = relu_ntk(X.astype(np.float32))
    assert np.abs(leave_one_out(K32, y)[3:5]).max() <= 1e-4
    assert np.abs(leave_one_out(K32, y, 1e-9)[3:5]).max() <= 1e-4


def test_one_point():
    for k in (2.0, 0.0):
        for ridge in (0.0, 1.0):
            assert leave_one_out([[k]], [3.0], ridge) == 3.0


def residuals_or_ridge(K, y):
    """The residuals and None, or where they are refused None and the ridge that would do."""
    try:
        return leave_one_out(K, y), None
    except RankError as error:
        found = re.search(
            r"its rank is 10 of 10 or less. Take a ridge of at least (\S+),", str(error)
        )
    return None, float(found[1])


def test_what_rounding_would_decide_is_refused(rng):
    """Two points that come closer: a residual, refused with a ridge that would do, and copies."""
    u, v = np.linalg.qr(rng.standard_normal((4, 2)))[0].T
    others = rng.standard_normal((8, 4))
    y = rng.standard_normal(10)
    copies, verdicts = refits(relu_ntk(np.vstack([u, u, others])), y), []
    for distance in 10.0 ** -np.arange(2.0, 17.0):
        K = relu_ntk(np.vstack([u, u + distance * v, others]))
        found, enough = residuals_or_ridge(K, y)
        if found is None:
            leave_one_out(K, y, enough)
            leave_one_out(K, y, rcond=1e-9)
            verdicts.append("refused")
            continue
        # The eigenvalue is about distance/(2 pi), rounding some ulps of the norm.
        if np.abs(found - refits_in_digits(K, y, 0.0)).max() <= 1e3 * EPS / distance:
            verdicts.append("told apart")
        else:
            verdicts.append("copies")
            assert np.abs(found - copies).max() <= 1e3 * distance + 1e-13
    kinds = list(dict.fromkeys(verdicts))
    assert kinds == ["told apart", "refused", "copies"]


def test_scales(rng):
    """Powers of two change nothing but exponents, to the ends of the range."""
    K, y = relu_ntk(rng.standard_normal((7, 3))), rng.standard_normal(7)
    for ridge in (0.0, 0.25):
        right = leave_one_out(K, y, ridge)
        for a, b in ((1000, 0), (-1000, 0), (0, 1000), (900, -1000), (-900, 900)):
            found = leave_one_out(np.ldexp(K, a), np.ldexp(y, b), np.ldexp(ridge, a))
            np.testing.assert_allclose(np.ldexp(found, -b), right, rtol=1e-12)
    with pytest.raises(OverflowError, match="ridge is beyond"):
        leave_one_out(1e-300 * K, y, 1e300)
    with pytest.raises(OverflowError, match="the residuals are beyond"):
        leave_one_out([[1.0, 4.0], [4.0, 16.0]], [-1.7e308, 1.7e308])


def test_nothing_is_changed(rng):
    K, y, ridges = relu_ntk(rng.standard_normal((5, 3))), np.arange(5.0), np.array([0.0, 1.0])
    before = K.copy(), y.copy(), ridges.copy()
    leave_one_out(K, y, ridges)
    for now, then in zip((K, y, ridges), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_bad_arguments_are_named():
    K, y = np.eye(3), np.ones(3)
    refused("K must be square", leave_one_out, np.ones((3, 2)), y)
    refused("K must be symmetric", leave_one_out, np.triu(np.ones((3, 3))), y)
    refused("K must be positive semidefinite", leave_one_out, -K, y)
    refused("K must be finite", leave_one_out, K * np.nan, y)
    refused("y must have 3 rows", leave_one_out, K, np.ones(4))
    refused("y must be finite", leave_one_out, K, [1, 2, np.inf])
    refused("ridge must be at least 0, got -1", leave_one_out, K, y, [1.0, -1.0])
    refused("ridge must have 0 or 1 dim", leave_one_out, K, y, [[1.0]])
    refused("ridge must not be empty", leave_one_out, K, y, [])
    refused("rcond must lie in", leave_one_out, K, y, rcond=1.0)
    refused("must be real numbers", leave_one_out, K * 1j, y, error=TypeError)
