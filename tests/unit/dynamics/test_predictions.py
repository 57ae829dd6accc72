"""Predictions at any time: against an integrator and steps."""

import io
import sys

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.sparse.linalg import aslinearoperator

from ntklib import relu_ntk
from ntklib.dynamics import coefficients, ensemble, filter, max_step, predict
from ntklib.least_squares import dual_coefficients
from tests.unit.samples import points, refused

EPS = np.finfo(np.float64).eps
N = 40


def test_flow_is_what_an_integrator_finds(K, K_test, y):
    """Weights are integrated: outputs at both kinds of points follow from one dual vector."""
    f0, f0_test, t = np.sin(np.arange(N)), np.cos(np.arange(7)), [0.0, 0.3, 2.0, 9.0]
    flow = solve_ivp(
        lambda _, a: y - f0 - K @ a, (0, 9), 0 * y, "DOP853", t_eval=t, rtol=1e-12, atol=1e-13
    )
    # 1e-12 a step, a few hundred of them; what remains of the flow only shrinks errors.
    assert flow.nfev < 1e4
    here, there = predict(K, y, t=t, f0=f0), predict(K, y, K_test, t=t, f0=f0, f0_test=f0_test)
    limit = 1e-9 * np.linalg.norm(y) * np.linalg.norm(K, 2)
    assert np.abs(here - (f0 + flow.y.T @ K)).max() <= limit
    assert np.abs(there - (f0_test + flow.y.T @ K_test.T)).max() <= limit
    assert np.abs(coefficients(K, y - f0, t=t).coef - flow.y.T).max() <= limit
    assert np.abs(here - predict(K, y, t=np.array(t) * 1.001, f0=f0)).max() > 1e-4 > limit


@pytest.mark.parametrize(
    ("share", "beta", "nu"), [(0.3, 0, 0), (0.98, 0, 0), (0.7, 0.8, 0), (0.99, 0.5, 0.2)]
)
def test_descent_is_what_its_steps_find(K, K_test, y, share, beta, nu):
    step = share * max_step(K, momentum=beta, ridge=nu)
    a, before, found = np.zeros(N), np.zeros(N), {}
    for t in range(301):
        found[t] = a
        a, before = a + step * (y - K @ a - nu * a) + beta * (a - before), a
    options = {"step": step, "momentum": beta, "ridge": nu}
    ts = np.array([[0, 1, 2], [17, 100, 300]])
    there = predict(K, y, K_test, t=ts, **options)
    here = predict(K, y, t=ts, **options)
    assert there.shape == (2, 3, 7)
    # An error in a step is not enlarged but by 1 / (1 - beta): each is of n ulps of K a.
    size = np.linalg.norm(K, 2) * max(np.linalg.norm(v) for v in found.values())
    limit = 300 * N * EPS * size * step / (1 - beta) * np.linalg.norm(K, 2)
    assert limit < 1e-7
    for index, t in np.ndenumerate(ts):
        assert np.abs(here[index] - K @ found[t]).max() <= limit
        assert np.abs(there[index] - K_test @ found[t]).max() <= limit
    assert np.abs(here[1, 1] - K @ found[101]).max() > limit


def test_the_step_at_which_descent_stops_to_converge(K, y):
    step = max_step(K)
    assert abs(step * np.linalg.norm(K, 2) - 2) <= 1e-12
    assert np.abs(predict(K, y, t=np.inf, step=0.999 * step) - y).max() <= 1e-10
    name = rf"step must be below 2 / lambda_max = {step:.6g}, got {step:.6g}"
    refused(name, predict, K, y, t=3, step=step)
    refused("2 \\(1 \\+ momentum\\)", predict, K, y, t=3, step=1.5 * step, momentum=0.4)
    predict(K, y, t=3, step=1.5 * step, momentum=0.6)
    assert max_step(np.zeros((3, 3))) == np.inf
    assert max_step(np.zeros((3, 3)), ridge=4.0) == 0.5


def test_the_best_step_has_the_factor_of_the_condition(K, y):
    values = np.linalg.eigvalsh(K)
    condition = values[-1] / values[0]
    factor = (condition - 1) / (condition + 1)
    step = 2 / (values[0] + values[-1])
    kept = np.abs(filter(values, t=1, step=step))
    assert abs(kept.max() - factor) <= 1e-12
    assert np.abs(filter(values, t=1, step=1.01 * step)).max() > factor


def test_a_singular_matrix_keeps_what_it_cannot_reach(rng):
    J = rng.standard_normal((12, 5))
    K, y, other = J @ J.T, rng.standard_normal(12), rng.standard_normal((3, 5))
    reached = J @ np.linalg.lstsq(J, y, rcond=None)[0]
    beside = other @ np.linalg.lstsq(J, y, rcond=None)[0]
    top = np.linalg.norm(K, 2)
    for t in (1e3, 1e9, 1e18, 1e300, np.inf):
        # Of the limit K's least eigenvalue above zero leaves nothing; the rest is algebra.
        assert np.abs(predict(K, y, t=t) - reached).max() <= 1e-12 * top
        assert np.abs(predict(K, y, other @ J.T, t=t) - beside).max() <= 1e-12 * top
    alpha = coefficients(K, y, t=[1e18, np.inf]).coef  # not 1e18 times what K cannot see
    assert np.abs(alpha - dual_coefficients(K, y)[0]).max() <= 1e-12
    forced = coefficients(K, y, t=1.0, rcond=0.5).coef
    values, V = np.linalg.eigh(K)
    kept = values > 0.5 * values[-1]
    right = V[:, kept] @ (-np.expm1(-values[kept]) / values[kept] * (V[:, kept].T @ y))
    assert np.abs(forced - right).max() <= 1e-12


def test_a_kernel_of_zero():
    """Nothing is fitted; where another kernel sees the points all the same, time adds up."""
    K, y, other = np.zeros((2, 2)), [1.0, 2.0], np.ones((1, 2))
    assert np.array_equal(predict(K, y, t=[5.0, np.inf]), np.zeros((2, 2)))
    assert np.array_equal(predict(K, y, other, t=[0.5, np.inf]), [[1.5], [0.0]])
    a, before = np.zeros(2), np.zeros(2)
    for _ in range(50):
        a, before = a + 0.3 * np.array(y) + 0.9 * (a - before), a
    found = coefficients(K, y, t=50, step=0.3, momentum=0.9).coef
    assert np.abs(found / a - 1).max() <= 100 * EPS


def test_small_eigenvalues_count_while_time_is_short():
    """A smooth kernel: most eigenvalues are rounding, and early on what they carry is not."""
    x = np.linspace(0, 1, 60)[:, None]
    z = np.linspace(0, 1.2, 50)[:, None]

    def kernel(X, Z):
        return np.exp(-((X - Z.T) ** 2) * 3)

    K, y = kernel(x, x), np.sign(np.sin(40 * x[:, 0]))
    # Steps of descent, few and exact, make t step with step -> 0 no: the flow as its own series.
    t, term, dual = 0.5, y.copy(), np.zeros(60)
    for k in range(1, 400):
        term = term * t / k
        dual = dual + term
        term = -K @ term
    right = kernel(z, x) @ dual
    size = np.abs(kernel(z, x)).sum(axis=1).max()
    # The terms of the series are at most e^(t lambda) in size.
    limit = 60 * EPS * size * np.exp(t * np.linalg.norm(K, 2))
    assert np.abs(predict(K, y, kernel(z, x), t=t) - right).max() <= limit


def test_entries_in_float32_keep_what_they_know():
    """Eigenvalues below n epsilons of the largest count while time is short, by what rounding is.

    At infinity they do not: the rank is that of `dual_coefficients`.
    """
    X, Z, y = points(600, 3), points(20, 3, 1), np.sin(np.arange(600.0))
    X, Z = (P / np.linalg.norm(P, axis=1, keepdims=True) for P in (X, Z))
    K, K_test = relu_ntk(X), relu_ntk(Z, X)
    single, single_test = K.astype(np.float32), K_test.astype(np.float32)
    values = np.linalg.eigvalsh(K)
    below = values < 600 * np.finfo(np.float32).eps * values[-1]
    assert below.sum() > 50
    t = 3 / np.median(values[below])
    # Half an ulp of each entry, with no order: of norm sqrt(n) times the largest, at most.
    noise = np.finfo(np.float32).eps / 2 * np.sqrt(600) * K.max() * 2
    assert t * noise * np.linalg.norm(y) < 0.1
    for right, found in (
        (predict(K, y, t=t), predict(single, y, t=t)),
        (predict(K, y, K_test, t=t), predict(single, y, single_test, t=t)),
    ):
        assert np.abs(right - found).max() <= t * noise * np.linalg.norm(y)
    alpha = dual_coefficients(single.astype(float), y, 600 * np.finfo(np.float32).eps)[0]
    late = predict(single, y, K_test, t=np.inf)
    assert np.abs(late - K_test @ alpha).max() <= 1e-9 * np.abs(K_test).max() * np.abs(alpha).sum()


def test_columns_dtypes_and_time_shapes(K, K_test, y, rng):
    Y = np.stack([y, rng.standard_normal(N)], axis=1)
    F = rng.standard_normal((N, 2))
    both = predict(K, Y, K_test, t=[1, 2], f0=F, f0_test=F[:7])
    assert both.shape == (2, 7, 2)
    for j in range(2):
        one = predict(K, Y[:, j], K_test, t=2.0, f0=F[:, j], f0_test=F[:7, j])
        assert one.shape == (7,)
        assert np.abs(both[1, :, j] - one).max() <= 1e-13
    shared = predict(K, Y, t=1, f0=F[:, 0])
    assert np.abs(shared - predict(K, Y, t=1, f0=F[:, :1] * np.ones(2))).max() <= 1e-15
    assert np.array_equal(predict(K, Y, t=0, f0=F), F)
    single = predict(K.astype(np.float32), y.astype(np.float32), t=1)
    assert single.dtype == np.float64
    assert np.abs(single - predict(K, y, t=1)).max() <= 1e-6 * np.linalg.norm(K, 2)
    before = K.copy()
    predict(K, y, t=1)
    assert np.array_equal(K, before)


def test_range():
    """Powers of two in K and t cancel, and in y come out: to the bit where nothing rounds."""
    K, y = relu_ntk(points(9, 3)), np.arange(9.0)
    right = predict(K, y, t=3.0)
    for power in (-600, -40, 40, 600):
        found = predict(np.ldexp(K, power), y, t=np.ldexp(3.0, -power))
        assert np.abs(found - right).max() <= 1e-13
        found = predict(K, np.ldexp(y, power), t=3.0)
        assert np.abs(np.ldexp(found, -power) - right).max() <= 1e-13
        operator, late = aslinearoperator(np.ldexp(K, power)), np.ldexp(3.0, -power)
        lanczos = predict(operator, np.ldexp(y, power), t=late, rtol=1e-13)
        assert np.abs(np.ldexp(lanczos, -power) - right).max() <= 1e-12
    huge = np.full(9, 1.7e308)
    refused("y - f0 has entries", predict, K, huge, t=1, f0=-huge, error=OverflowError)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_decomposition_says_its_memory_before_it_starts_and_only_to_a_terminal(K, y, monkeypatch):
    """4 n^2 numbers of 8 bytes, of eigenvalues alone n^2; said when LAPACK is called."""
    said = []

    def stopped(A):
        said.append(sys.stderr.getvalue())
        raise KeyboardInterrupt

    X = points(N, 4)
    calls = (
        (4, lambda progress: coefficients(K, y, t=1.0, progress=progress)),
        (4, lambda progress: predict(K, y, t=1.0, progress=progress)),
        (4, lambda progress: ensemble(X, y, X, kernel=relu_ntk, progress=progress)),
        (1, lambda progress: max_step(K, progress=progress)),
    )
    monkeypatch.setattr(np.linalg, "eigh", stopped)
    monkeypatch.setattr(np.linalg, "eigvalsh", stopped)
    for times, call in calls:
        for stderr, progress in ((Terminal, True), (Terminal, False), (io.StringIO, True)):
            monkeypatch.setattr(sys, "stderr", stderr())
            with pytest.raises(KeyboardInterrupt):
                call(progress)
            heard = stderr is Terminal and progress
            memory = f"up to {times * N * N / 2**27:.2g} GiB"
            assert (memory in said[-1]) if heard else not said[-1]
    assert len(said) == 12
