"""Training of the linearized network: against steps, an integrator, mpmath and trained networks."""

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar
from scipy.sparse.linalg import aslinearoperator, expm_multiply

from ntklib import Linearization, ShallowNetwork, dynamics, large, relu_nngp, relu_ntk
from ntklib.dynamics import coefficients, ensemble, filter, max_step, predict
from ntklib.least_squares import dual_coefficients
from tests.unit.samples import points, refused

EPS = np.finfo(np.float64).eps
N = 40


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def K():
    return relu_ntk(points(N, 4))


@pytest.fixture
def K_test():
    return relu_ntk(points(7, 4, seed=1), points(N, 4))


@pytest.fixture
def y(rng):
    return rng.standard_normal(N)


# --- The filters


def polynomial(x, t, beta, wrong=""):
    """What heavy ball keeps, step by step."""
    before, now = mpmath.mpf(1), mpmath.mpf(1)
    for _ in range(t):
        look = now - before if wrong != "nesterov" else (1 - x) * (now - before)
        before, now = now, (now - x * now) + beta * look
    return now


def near(values, beta):
    """The exact factors at these arguments, and how far half an ulp of them moves each."""
    h = mpmath.mpf(10) ** -40
    for x, t in values:
        exact = polynomial(mpmath.mpf(x), t, mpmath.mpf(beta))
        moved = polynomial(mpmath.mpf(x) * (1 + h), t, mpmath.mpf(beta))
        yield x, t, exact, float(abs(moved - exact) / h)


@pytest.mark.parametrize("beta", [0.0, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_descent_with_momentum_has_its_digits(beta):
    """Also at and beside double roots, and one minus the factor where it is small."""
    q = np.sqrt(beta)
    double = [x * (1 + s) for x in ((1 - q) ** 2, (1 + q) ** 2) for s in (0, 1e-12, -1e-6, 1e-3)]
    xs = [1e-30, 1e-12, 1e-5, 0.1, 1.0, 1.5, 1.9, 2.5, 3.5, *double]
    xs = [x for x in xs if 0 < x < 2 * (1 + beta)]
    ts = [0, 1, 2, 3, 10, 101, 600]
    kept = filter(xs, t=ts, step=1.0, momentum=beta)
    fitted = filter(xs, t=ts, step=1.0, momentum=beta, fitted=True)
    assert kept.shape == (len(ts), len(xs))
    with mpmath.workdps(120):
        for i, t in enumerate(ts):
            for j, (x, _, exact, moved) in enumerate(near([(x, t) for x in xs], beta)):
                error = EPS * (1 + moved)
                assert abs(kept[i, j] - exact) <= 8 * error, (x, t)
                assert abs(fitted[i, j] - (1 - exact)) <= 8 * error, (x, t)
                if 0 < x * t * t < 0.5:
                    relative = EPS * (1 / (1 - q) + moved / float(1 - exact))
                    assert abs(fitted[i, j] / (1 - exact) - 1) <= 8 * relative, (x, t)


def test_another_momentum_is_seen():
    with mpmath.workdps(30):
        wrong = float(polynomial(mpmath.mpf("0.3"), 10, mpmath.mpf("0.5"), "nesterov"))
    assert abs(filter(0.3, t=10, step=1.0, momentum=0.5) - wrong) > 1e-3


def test_at_its_optimum_heavy_ball_is_a_jordan_block():
    """At both ends of the spectrum; t q^t is its order, q = (sqrt c - 1) / (sqrt c + 1)."""
    c = 100.0
    q = (np.sqrt(c) - 1) / (np.sqrt(c) + 1)
    step, t = (1 + q) ** 2 / c, np.array([5, 50, 200])
    ends = filter([1.0, c], t=t, step=step, momentum=q**2)
    # A double root z: (1 + t (1 - z)) z^t from rest when z = q; from -q with 1 + q.
    right = np.stack([q**t * (1 + t * (1 - q)), (-q) ** t * (1 + t * (1 + q))], axis=1)
    # The spectral ends are double roots but for rounding, of which t^2 is the square of an angle.
    assert np.abs(ends / right - 1).max() <= 200**2 * 8 * EPS * c


def test_flow_has_its_digits():
    s = np.logspace(-300, 3, 400)
    with mpmath.workdps(40):
        kept = np.array([float(mpmath.exp(-mpmath.mpf(x))) for x in s])
        fitted = np.array([float(-mpmath.expm1(-mpmath.mpf(x))) for x in s])
    for t in (1.0, 0.125, 1024.0):  # powers of two: the product is exact
        assert np.abs(filter(s / t, t=t) - kept).max() <= EPS
        assert np.abs(filter(s / t, t=t, fitted=True) / fitted - 1).max() <= 2 * EPS
    assert np.abs((1 - kept)[200] / fitted[200] - 1) > 1e-2 or fitted[200] > 1e-2  # the naive form


def test_ridge_beside_the_flow_has_the_constants_of_the_theorem():
    def ratio(s):
        return filter(s, t=1.0, fitted=True) / filter(s, ridge=1.0, fitted=True)

    def gap(s):
        return abs(filter(s, t=1.0) - filter(s, ridge=1.0))

    s = np.logspace(-6, 6, 1001)
    assert np.all(ratio(s) >= 1 - 4 * EPS)
    for function, value, place in ((ratio, 1.298426, 1.79328), (gap, 0.20364, 2.5129)):
        top = minimize_scalar(lambda s, f=function: -f(s), bounds=(0.5, 8), method="bounded")
        at = np.max(function(s))
        assert at <= -top.fun
        assert abs(-top.fun - value) <= 0.5 * 10 ** -(6 if function is ratio else 5) * 2
        assert abs(top.x - place) <= 1e-3


def test_ridge_and_time_together():
    """The flow of a loss with a ridge, against its closed form in mpmath."""
    values, nu, t = np.array([0.0, 1e-9, 0.3, 7.0]), 0.25, np.array([0.0, 0.5, 40.0, np.inf])
    kept = filter(values, t=t, ridge=nu)
    fitted = filter(values, t=t, ridge=nu, fitted=True)
    for i, time in enumerate(t):
        for j, value in enumerate(values):
            s = mpmath.mpf(value) + nu
            done = value / s * (1 if np.isinf(time) else -mpmath.expm1(-s * time))
            assert abs(kept[i, j] - (1 - done)) <= 4 * EPS
            assert abs(fitted[i, j] - done) <= 8 * EPS * done
    assert np.array_equal(kept[-1], [1.0, *(nu / (values[1:] + nu))])


def test_zero_keeps_all_and_limits():
    for options in ({}, {"step": 0.5}, {"step": 0.5, "momentum": 0.9}):
        at = [0, 1, 1000, np.inf]
        assert np.array_equal(filter([0.0, 1.0], t=at, **options)[:, 0], np.ones(4))
        assert np.array_equal(filter(1.0, t=[0, np.inf], **options), [1, 0])
        assert np.array_equal(filter(1.0, t=[0, np.inf], fitted=True, **options), [0, 1])
    assert filter(3.0, t=3, step=1.0) == -8
    assert filter(2.0, t=10**9 + 1, step=1.0) == -1
    assert filter(1.0, t=1, step=1.0) == 0
    refused("step must be below", filter, 2.0, t=np.inf, step=1.0)
    refused("the factors are beyond", filter, 9.0, t=1000, step=1.0, error=OverflowError)


# --- Predictions


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


# --- Products alone


RULES = {
    "flow": {},
    "small steps": {"step": 0.4},
    "large steps": {"step": 0.97},
    "momentum": {"step": 0.8, "momentum": 0.9},
    "ridge": {"ridge": 0.1},
    "all": {"step": 0.9, "momentum": 0.5, "ridge": 0.1},
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("rtol", [1e-2, 1e-8])
def test_products_alone_with_the_error_that_is_stated(name, rtol, rng):
    X = points(100, 5)
    K, Y, K_test = relu_ntk(X), rng.standard_normal((100, 2)), relu_ntk(points(6, 5, 2), X)
    rules = dict(RULES[name])
    if "step" in rules:
        beta, nu = rules.get("momentum", 0), rules.get("ridge", 0)
        rules["step"] *= max_step(K, momentum=beta, ridge=nu)
    t = np.array([0, 1, 7, 120, 3000])
    found = coefficients(aslinearoperator(K), Y, t=t, rtol=rtol, **rules)
    assert found.converged
    assert (found.error <= rtol).all()
    assert found.iterations < 100
    here = predict(aslinearoperator(K), Y, t=t, rtol=rtol, **rules)
    size = np.linalg.norm(Y, axis=0)
    off = np.linalg.norm(here - predict(K, Y, t=t, **rules), axis=1) / size
    top, tau = np.linalg.norm(K, 2), t * rules.get("step", 1) / (1 - rules.get("momentum", 0))
    noise = 100 * EPS * (1 + np.minimum(top * tau, top / np.linalg.eigvalsh(K)[0]))
    assert (off.max(axis=1) <= found.error + noise).all()
    if rtol == 1e-2 and name in ("flow", "ridge"):  # nor is the bound far, before all is fitted
        seen = 3 if name == "flow" else 2
        assert off[seen].max() >= 0.01 * found.error[seen] > 100 * noise[seen]
    # In weights, and so at new points.
    change = found.coef - coefficients(K, Y, t=t, **rules).coef
    moved = np.sqrt(np.einsum("tnk,nm,tmk->tk", change, K, change)) / size
    if name in ("flow", "small steps", "ridge"):
        assert (moved.max(axis=1) <= np.sqrt(tau) * (found.error + noise)).all()
        there = predict(aslinearoperator(K), Y, K_test, t=t, rtol=rtol, **rules)
        there = there - predict(K, Y, K_test, t=t, **rules)
        longest = np.sqrt(np.max(np.sum(points(6, 5, 2) ** 2, axis=1) / 2))
        limit = longest * np.sqrt(tau) * (found.error + noise) * size.max()
        assert (np.abs(there).max(axis=(1, 2)) <= limit).all()


def test_the_bound_sees_a_space_that_is_too_small(K, y):
    """Half of it would be wrong; and without one, the process stops and says so."""
    with pytest.warns(large.ConvergenceWarning, match="after 6 steps of Lanczos' process"):
        found = coefficients(aslinearoperator(K), y, t=[1.0, 50.0], maxiter=6)
    assert not found.converged
    here = K @ found.coef[1]
    assert np.linalg.norm(here - predict(K, y, t=50.0)) > 1e-3


@pytest.mark.parametrize("make", ["gram", "kept", "dask"])
def test_the_same_call_for_every_operator(make, rng):
    X, Z = points(60, 5), points(4, 5, 3)
    y = rng.standard_normal(60)
    if make == "dask":
        operator = large.dask_operator(large.dask_gram(relu_ntk, X, chunk=40, dtype=np.float64))
    else:
        dtype = None if make == "gram" else np.float64
        operator = large.gram_operator(relu_ntk, X, block=40, dtype=dtype)
    K, K_test, t = relu_ntk(X), relu_ntk(Z, X), [0.3, 2.0]
    found = predict(operator, y, K_test, t=t, rtol=1e-10, progress=make == "gram")
    noise = 1e-10 * np.linalg.norm(y) * np.sqrt(2 * np.max(np.sum(Z * Z, axis=1)) / 2)
    assert np.abs(found - predict(K, y, K_test, t=t)).max() <= 2 * noise
    there = predict(operator, y, aslinearoperator(K_test), t=t, rtol=1e-10)
    assert np.abs(found - there).max() <= noise
    left = expm_multiply(-2.0 * K, y)  # a Taylor series: nothing in common
    assert np.abs(
        y - predict(operator, y, t=2.0, rtol=1e-10) - left
    ).max() <= 2e-10 * np.linalg.norm(y)
    if make != "dask":
        assert abs(max_step(operator) / max_step(K) - 1) <= 1e-9


def test_rounded_entries_are_multiplied_in_double(rng):
    X, y = points(300, 5), rng.standard_normal(300)
    operator = large.gram_operator(relu_ntk, X, block=300, dtype=np.float32)
    rounded = relu_ntk(X).astype(np.float32).astype(np.float64)
    found = predict(operator, y, t=20.0, rtol=1e-10)
    assert np.linalg.norm(found - predict(rounded, y, t=20.0)) <= 2e-10 * np.linalg.norm(y)


def test_invariant_spaces_and_zeros_end_the_process(rng):
    J = rng.standard_normal((50, 3))
    K, y = J @ J.T, rng.standard_normal((50, 3))
    y[:, 1] = 0.0
    y[:, 2] = K @ y[:, 0]
    found = coefficients(aslinearoperator(K), y, t=[1.0, np.inf], rtol=1e-12)
    assert found.converged
    assert found.iterations <= 6
    right = predict(K, y, t=[1.0, np.inf])
    assert np.abs(predict(aslinearoperator(K), y, t=[1.0, np.inf]) - right).max() <= 1e-9
    assert np.array_equal(found.coef[:, :, 1], np.zeros((2, 50)))
    one = predict(aslinearoperator(np.array([[2.0]])), [3.0], t=[0.5, np.inf])
    assert np.abs(one[:, 0] - [3 * (1 - np.exp(-1)), 3]).max() <= 8 * EPS


def test_operators_that_are_no_gram_matrix_are_refused(K, y, rng):
    refused("K must be symmetric", predict, aslinearoperator(np.triu(K)), y, t=1e3)
    refused("K must be positive semidefinite", predict, aslinearoperator(-K), y, t=1.0)
    refused("K must be positive semidefinite", max_step, aslinearoperator(-K))
    refused("K must be square", predict, aslinearoperator(K[:3]), y, t=1.0)
    step = 1.01 * max_step(K)
    refused("step must be below", predict, aslinearoperator(K), y, t=100, step=step)
    refused("K_test must have 40", predict, aslinearoperator(K), y, aslinearoperator(K[:, :3]), t=1)
    operator = aslinearoperator(K)
    refused("K_test must be a matrix", predict, K, y, operator, t=1, error=TypeError)
    refused("rtol must be positive", predict, operator, y, t=1, rtol=0)
    refused("maxiter must be at least 1", predict, operator, y, t=1, maxiter=0)
    dask = large.dask_gram(relu_ntk, points(5, 2))
    refused("large.dask_operator", predict, dask, np.ones(5), t=1, error=TypeError)
    broken = large.gram_operator(lambda X, Z=None: np.full((len(X),) * 2, 1e308), y[:, None])
    refused("products with K leave the range", predict, broken, y, t=1, error=OverflowError)


# --- Ensembles


def test_an_ensemble_of_trained_networks():
    """With fixed weights and random signs the formula is exact at every width.

    The kernel does not depend on the signs, and the start's covariance is the mean over them.
    Networks are trained in their weights, step by step.
    """
    rng = np.random.default_rng(3)
    d, m, draws, steps, step = 3, 12, 20_000, 25, 0.3
    X, Z, W = rng.standard_normal((4, d)), rng.standard_normal((3, d)), rng.standard_normal((m, d))
    y = np.array([1.0, -2.0, 0.5, 1.5])

    def kernel(X, Z=None):
        return ShallowNetwork(np.ones(m)).empirical_ntk(X, Z, W=W)

    def covariance(X, Z=None):
        Z = X if Z is None else Z
        return np.maximum(X @ W.T, 0) @ np.maximum(Z @ W.T, 0).T / m

    everywhere = np.concatenate([X, Z])
    gates = ShallowNetwork(np.ones(m)).jacobian(everywhere, W).reshape(7, m, d)
    start = np.maximum(everywhere @ W.T, 0) / np.sqrt(m)
    signs = rng.choice([-1.0, 1.0], (draws, m))
    f0 = signs @ start.T
    w = np.zeros((draws, m * d))
    J = gates.reshape(7, m * d)
    for _ in range(steps):
        # The Jacobian is that of the gates, each neuron times its sign: so is w, in these terms.
        w -= step * (f0[:, :4] + w @ J[:4].T - y) @ J[:4]
    f = f0[:, 4:] + w @ J[4:].T
    options = {"t": steps, "step": step, "kernel": kernel, "covariance": covariance}
    mean, cov = ensemble(X, y, Z, return_cov=True, **options)
    spread = np.sqrt(np.diag(cov))
    assert np.abs((f.mean(axis=0) - mean) / (spread / np.sqrt(draws))).max() <= 5
    # Sums of signs have kurtosis of at most 3, products of two a variance of at most three times.
    noise = np.sqrt(3 / draws) * np.outer(spread, spread)
    found = (f - mean).T @ (f - mean) / draws
    assert (np.abs(found - cov) / noise).max() <= 5
    # The nearest wrong ones: the posterior of the start, and that of the limit in time.
    prior = covariance(Z) - covariance(Z, X) @ np.linalg.solve(covariance(X), covariance(X, Z))
    late = ensemble(X, y, Z, return_cov=True, **(options | {"t": np.inf}))[1]
    for wrong in (prior, late):
        assert (np.abs(found - wrong) / noise).max() > 5


def test_signs_belong_to_the_weights():
    """Of the test above: one network, by the linearization of the package itself."""
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((4, 3)), rng.standard_normal(4)
    net, W = ShallowNetwork.random(3, 12, rng=rng)
    lin, step = Linearization(net, W), 0.6
    moved = W.copy()
    for _ in range(25):
        moved = moved - step * net.vjp(X, W, lin(X, moved) - y)
    Z = rng.standard_normal((3, 3))
    K, K_test = lin.kernel(X), lin.kernel(Z, X)
    found = predict(K, y, K_test, t=25, step=step, f0=net(X, W), f0_test=net(Z, W))
    assert np.abs(found - lin(Z, moved)).max() <= 1e-12
    alpha = coefficients(K, y - net(X, W), t=25, step=step).coef
    assert np.abs(W + net.vjp(X, W, alpha) - moved).max() <= 1e-12


def test_the_ensemble_is_the_posterior_for_equal_kernels_only():
    X, Z, y = points(20, 4), points(6, 4, 1), np.sin(np.arange(20))
    k, S = relu_ntk, relu_nngp
    b = np.linalg.solve(k(X), k(X, Z))
    best = np.linalg.solve(S(X), S(X, Z))
    posterior = S(Z) - S(Z, X) @ best
    mean, cov = ensemble(X, y, Z, kernel=k, covariance=S, return_cov=True)
    limit = 1e-10 * np.linalg.cond(k(X)) ** 0.5
    assert np.abs(mean - b.T @ y).max() <= limit
    assert np.abs(cov - (posterior + (b - best).T @ S(X) @ (b - best))).max() <= limit
    assert np.abs(cov - posterior).max() > 1e-3
    same = ensemble(X, y, Z, kernel=lambda *a: 3 * S(*a), covariance=S, return_cov=True)[1]
    assert np.abs(same - posterior).max() <= limit
    std = ensemble(X, y, Z, kernel=k, covariance=S, return_std=True)[1]
    assert np.abs(std**2 - np.diag(cov)).max() <= limit


def test_shapes_of_ensembles_and_their_ends(rng):
    X, Z, Y = points(20, 4), points(300, 4, 1), rng.standard_normal((20, 2))
    options = {"kernel": relu_ntk, "covariance": relu_nngp}
    mean, std = ensemble(X, Y, Z, t=[0, 1, np.inf], return_std=True, **options)
    assert mean.shape == (3, 300, 2)
    assert std.shape == (3, 300)
    assert np.array_equal(mean[0], np.zeros((300, 2)))
    assert np.abs(std[0] ** 2 - np.diag(relu_nngp(Z))).max() <= 1e-14 * np.max(std[0] ** 2)
    assert np.array_equal(mean, ensemble(X, Y, Z, t=[0, 1, np.inf], kernel=relu_ntk))
    at_data, sure = ensemble(X, Y, X, return_std=True, **options)
    assert np.abs(at_data - Y).max() <= 1e-10
    # The root of rounding.
    assert sure.max() <= np.sqrt(20 * EPS * np.linalg.cond(relu_ntk(X)))
    cov = ensemble(X, Y, Z[:5], t=[1, 2], return_cov=True, ridge=0.1, **options)[1]
    assert cov.shape == (2, 5, 5)
    assert np.array_equal(cov, np.swapaxes(cov, 1, 2))
    # A ridge trains to k (K + nu)^-1.
    A = np.linalg.inv(relu_ntk(X) + 0.1 * np.eye(20))
    b = A @ relu_ntk(X, Z[:5])
    S, cross = relu_nngp(X), relu_nngp(X, Z[:5])
    right = relu_nngp(Z[:5]) - b.T @ cross - cross.T @ b + b.T @ S @ b
    late = ensemble(X, Y, Z[:5], return_cov=True, ridge=0.1, **options)[1]
    assert np.abs(late - right).max() <= 1e-11


# --- What is refused


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
