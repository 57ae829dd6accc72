"""Deep kernels: exact at every angle, norm and depth; limits of networks; bad input."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntklib import activations, nngp, ntk, relu_nngp, relu_ntk
from ntklib._engine import angular
from ntklib.expectations import Homogeneous, QuadratureError
from tests.unit import exact
from tests.unit.samples import pair, refused, stored

# What the kernels promise, relative to sqrt(k(x, x) k(x', x')).
TOLERANCE = 1e-13
PI = math.pi
ANGLES = [0.0, 1e-12, 1e-8, 1e-4, 0.1, 1.0, PI / 2, 2.5]
ANGLES += [PI - a for a in (1e-4, 1e-8, 1e-12)] + [PI]
# Equal, nearly equal, different, and at both ends of what is promised. Powers of two: multiples
# of one vector are then parallel also as floats.
NORMS = [(1.0, 1.0), (1.0, 1 + 1e-8), (1.0, 1.0001), (0.3, 2.0)]
EXTREMES = [(a, b) for a in (2.0**-498, 1.0, 2.0**498) for b in (2.0**-498, 2.0**498)]


def assert_exact(name, depth, W_std, b_std, norms, angles=ANGLES, digits=50, activation=None):
    """Covariance, tangent kernel, and that without the readout, against the recursion."""
    law = exact.LAWS.get(name) or exact.homogeneous(*name)
    options = dict(depth=depth, W_std=W_std, b_std=b_std)
    rng = np.random.default_rng(depth)
    for theta in angles:
        for sizes in norms:
            x, z = pair(theta, rng, 4, sizes)
            with mp.workdps(digits):
                K, T = exact.kernels(x, z, law=law, **options)
                inner = [t - k for t, k in zip(T, K, strict=True)]
                for kernel, right, more in (
                    (nngp, K, {}),
                    (ntk, T, {}),
                    (ntk, inner, {"trained": "inner"}),
                ):
                    got = kernel(x[None], z[None], activation=activation or name, **options, **more)
                    assert exact.error(got[0, 0], right) <= TOLERANCE, (theta, sizes, more)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "absolute", "identity"])
@pytest.mark.parametrize(("depth", "b_std"), [(1, 0.0), (3, 0.1), (3, 1e-9)])
def test_exact_for_activations_of_degree_one(name, depth, b_std):
    assert_exact(name, depth, 1.4, b_std, NORMS + EXTREMES)


@pytest.mark.parametrize("b_std", [0.0, 0.05])
@pytest.mark.parametrize("name", ["relu", "absolute"])
def test_exact_at_depth_100(name, b_std):
    W_std = math.sqrt(2) if name == "relu" else 1.0
    angles = [0.0, 1e-12, 1e-4, 1.0, PI - 1e-8, PI]
    assert_exact(name, 100, W_std, b_std, [(1.0, 1.0001)], angles)
    assert_exact(name, 100, W_std, b_std, [(2.0**-498, 2.0**498)], [1e-4])


@pytest.mark.parametrize("compiled_from", [0, 10**18])
def test_exact_at_depth_1000(compiled_from, monkeypatch):
    """Compiled and in ufuncs; for this depth the promise is 1e-15 a layer, here 1e-12.

    The weights are the floats next to sqrt 2, which make a factor of their own.
    """
    monkeypatch.setattr(angular, "COMPILED_FROM", compiled_from)
    for theta in (1e-6, 0.2, 3.1):
        x, z = pair(theta, np.random.default_rng(1), 4, (1.0, 2.0))
        with mp.workdps(35):
            u, v = ([mp.mpf(float(c)) for c in p] for p in (x, z))
            norms = mp.norm(u) * mp.norm(v)
            r = t = mp.fsum(a * b for a, b in zip(u, v, strict=True)) / norms
            for _ in range(1000):
                slope, r = exact.relu_layer(mp.acos(r), 0)
                t = r + slope * t
            half = mp.mpf(math.sqrt(2)) ** 2 / 2
            right, size = (2 * half**1001 * norms * value for value in (t, 1001))
            assert (
                abs(mp.mpf(float(ntk(x[None], z[None], depth=1000)[0, 0])) - right) <= 1e-12 * size
            )


@pytest.mark.parametrize("name", ["erf", "gaussian", "rbf", "exp", "cos", "sin"])
@pytest.mark.parametrize(("depth", "b_std"), [(1, 0.1), (2, 0.0), (3, 0.1)])
def test_exact_for_closed_forms(name, depth, b_std):
    W_std = 0.4 if name == "exp" else 1.3
    assert_exact(name, depth, W_std, b_std, NORMS)


@pytest.mark.parametrize("name", ["erf", "gaussian", "cos", "sin"])
def test_closed_forms_at_depth_100(name):
    assert_exact(name, 100, 1.3, 0.1, [(1.0, 1.0001)], [0.0, 1e-4, PI / 2, PI])


@pytest.mark.parametrize("name", ["erf", "gaussian"])
def test_saturating_activations_at_extreme_norms(name):
    # 600 digits before the point: 1 beside the square of a product of norms.
    assert_exact(name, 2, 1.3, 0.1, EXTREMES, [0.0, 1.0, PI], digits=1300)
    assert_exact("sin", 2, 1.3, 0.0, EXTREMES[:2], [0.0, 1.0, PI], digits=900)


@pytest.mark.parametrize(
    ("law", "activation"),
    [
        ((3, 1, -1), activations.monomial(3)),
        ((2, 1, 0), activations.rectified_monomial(2)),
        ((3, 1, 0), activations.rectified_monomial(3)),
        ((10, 1, 0), activations.rectified_monomial(10)),
        ((5, 1, 0.75), Homogeneous(5, 1, 0.75)),
        ((1, 2, -6), Homogeneous(1, 2, -6)),
        ((1, 1, -0.25), activations.leaky_relu(0.25)),
    ],
)
def test_homogeneous_activations(law, activation):
    assert_exact(law, 1, 0.9, 0.1, NORMS, activation=activation)
    assert_exact(law, 2, 0.5, 0.0, NORMS[1:3], activation=activation)


DATA = stored("deep_kernels.json")


def stored_cases():
    for column in DATA["columns"][1:]:
        if column in ("shallow_relu_inner", "nngp_relu_shallow"):
            continue
        act, scales, *bias, depth, kind = column.split("_")
        depth = int(depth[1:])
        W = (math.sqrt(2),) * depth + (1.0,) if scales == "he" else float(scales[1:])
        options = dict(activation=act, depth=depth, W_std=W, b_std=float((bias or ["b0"])[0][1:]))
        yield pytest.param(column, ntk if kind == "ntk" else nngp, options, id=column)
    for column, kernel in (("shallow_relu_inner", ntk), ("nngp_relu_shallow", nngp)):
        options = dict(depth=1, W_std=1.0, **({"trained": "inner"} if kernel is ntk else {}))
        yield pytest.param(column, kernel, options, id=column)


@pytest.mark.parametrize(("column", "kernel", "options"), list(stored_cases()))
def test_stored_values(column, kernel, options):
    """Values of 60-digit arithmetic, among them those of gelu, which goes by quadrature here."""
    index = DATA["columns"].index(column)
    with mp.workdps(30):
        angles = [mp.mpf(row[0]) for row in DATA["rows"]]
        Z = np.array([[float(mp.cos(a)), float(mp.sin(a))] for a in angles])
    x = np.array([[1.0, 0.0]])
    right = np.array([float(row[index]) for row in DATA["rows"]])
    error = np.abs(kernel(x, Z, **options)[0] - right)
    assert error.max() <= TOLERANCE * kernel(x, **options)[0, 0], angles[error.argmax()]


def test_arccos_of_a_rounded_cosine_would_not_do():
    """The recursion as it is usually written misses the promise by six orders of magnitude."""
    x, z = pair(1e-8, np.random.default_rng(0), 4)
    rho = theta = min(1.0, float(x @ z))
    for _ in range(3):
        angle = math.acos(min(1.0, rho))
        kappa = (math.sin(angle) + (PI - angle) * rho) / PI
        rho, theta = kappa, kappa + theta * (PI - angle) / PI
    with mp.workdps(50):
        _, T = exact.kernels(x, z, depth=3, law=exact.LAWS["relu"], W_std=math.sqrt(2), b_std=0)
        assert exact.error(2 * theta, T) > 1e-10
        right = ntk(x[None], z[None], depth=3)[0, 0]
        assert exact.error(right, T) <= TOLERANCE


# -- relations ------------------------------------------------------------------------------------


def test_the_lecture_is_the_inner_layer_of_depth_one():
    X = np.random.default_rng(1).standard_normal((30, 6)) * np.logspace(-6, 6, 30)[:, None]
    Z = np.random.default_rng(2).standard_normal((20, 6))
    for eps in (1.0, 0.3):
        options = dict(depth=1, W_std=(1, eps))
        scale = eps**2 * np.linalg.norm(X, axis=1)[:, None] * np.linalg.norm(Z, axis=1)
        same = scale * 8e-15  # the accuracy of both
        assert (
            np.abs(ntk(X, Z, trained="inner", **options) - relu_ntk(X, Z, eps=eps)) < same
        ).all()
        assert (np.abs(nngp(X, Z, **options) - relu_nngp(X, Z, eps=eps)) < same).all()


def test_trained_layers_add_up():
    X = np.random.default_rng(3).standard_normal((12, 4))
    options = dict(depth=3, b_std=0.2, activation="erf")
    parts = [ntk(X, trained={layer}, **options) for layer in (1, 2, 3, 4)]
    np.testing.assert_allclose(sum(parts), ntk(X, **options), rtol=1e-13)
    np.testing.assert_allclose(sum(parts[:3]), ntk(X, trained="inner", **options), rtol=1e-13)
    np.testing.assert_array_equal(parts[3], nngp(X, **options))
    np.testing.assert_array_equal(parts[3], ntk(X, trained="readout", **options))
    # The lecture's kernel as neural-tangents gives it: all layers less the covariance.
    shallow = dict(depth=1, W_std=1.0)
    np.testing.assert_allclose(
        ntk(X, **shallow) - nngp(X, **shallow), relu_ntk(X), atol=1e-14, rtol=1e-13
    )


def test_scales_for_each_layer():
    X = np.random.default_rng(4).standard_normal((5, 3))
    np.testing.assert_array_equal(
        ntk(X, depth=2, W_std=1.2, b_std=0.3), ntk(X, depth=2, W_std=[1.2] * 3, b_std=[0.3] * 3)
    )
    # A readout's scale is a factor.
    np.testing.assert_allclose(
        ntk(X, depth=2, W_std=(1.2, 1.2, 3.0)), 9 * ntk(X, depth=2, W_std=(1.2, 1.2, 1)), rtol=1e-14
    )


@pytest.mark.parametrize("name", ["relu", "erf", "cos", "tanh"])
def test_gram_matrix(name):
    rng = np.random.default_rng(5)
    X = rng.standard_normal((60, 5)) / 4
    X[30:40], X[40:50], X[50] = X[:10], -X[:10], 0
    X[51] = X[0] * (1 + 1e-15)
    for depth in (1, 4):
        K = ntk(X, depth=depth, activation=name, W_std=1.1, b_std=0.1)
        np.testing.assert_array_equal(K, K.T)
        np.testing.assert_allclose(K[30:40], K[:10], atol=1e-14 * K.max())
        assert np.linalg.eigvalsh(K)[0] >= -1e-14 * np.trace(K)
        scale = np.sqrt(np.outer(np.diag(K), np.diag(K)))
        other = ntk(X, X.copy(), depth=depth, activation=name, W_std=1.1, b_std=0.1)
        assert (np.abs(other - K) <= TOLERANCE * scale).all()


def test_zero_points():
    X = np.array([[0.0, 0.0], [1.0, 2.0]])
    np.testing.assert_array_equal(ntk(X, depth=2)[0], [0, 0])
    # Without input the network is its biases: K^1 = b^2 for all pairs with zero.
    with mp.workdps(40):
        K, T = exact.kernels(X[0], X[1], depth=2, law=exact.LAWS["relu"], W_std=1.5, b_std=0.5)
        options = dict(depth=2, W_std=1.5, b_std=0.5)
        assert exact.error(nngp(X, **options)[0, 1], K) <= TOLERANCE
        assert exact.error(ntk(X, **options)[0, 1], T) <= TOLERANCE


@pytest.mark.parametrize("name", ["relu", "erf", "gelu"])
@pytest.mark.parametrize("depth", [1, 10])
def test_float32(name, depth):
    rng = np.random.default_rng(6)
    X = rng.standard_normal((40, 8)).astype(np.float32) / 3
    X[20:] = X[:20] + 1e-3 * rng.standard_normal((20, 8)).astype(np.float32)
    options = dict(depth=depth, activation=name, b_std=0.1)
    K, right = ntk(X, **options), ntk(X.astype(np.float64), **options)
    assert K.dtype == np.float32
    scale = np.sqrt(np.outer(np.diag(right), np.diag(right)))
    assert (np.abs(K - right) <= 4 * np.finfo(np.float32).eps * scale).all()


# -- properties -----------------------------------------------------------------------------------

# Not so small that a product of two underflows.
numbers = st.floats(-1e3, 1e3).map(lambda v: v if abs(v) > 1e-20 else 0.0)
points = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=numbers)
names = st.sampled_from(["relu", "leaky_relu", "erf", "gaussian", "sin"])


@settings(max_examples=80, deadline=None)
@given(points, names, st.integers(1, 5), st.sampled_from([0.0, 0.1, 1.0]))
def test_symmetric_and_positive_semidefinite(X, name, depth, b_std):
    for kernel in (nngp, ntk):
        K = kernel(X, depth=depth, activation=name, b_std=b_std)
        assert (K == K.T).all()
        assert np.linalg.eigvalsh(K)[0] >= -1e-13 * max(np.trace(K), 1e-300)


@settings(max_examples=60, deadline=None)
@given(points, st.integers(1, 20), st.integers(-300, 300), st.data())
def test_scaling_and_permutation(X, depth, power, data):
    K = ntk(X, depth=depth)
    np.testing.assert_array_equal(ntk(np.ldexp(X, power), depth=depth), np.ldexp(K, 2 * power))
    order = data.draw(st.permutations(range(len(X))))
    np.testing.assert_allclose(
        ntk(X[order], depth=depth), K[np.ix_(order, order)], atol=1e-13 * np.abs(K).max()
    )


@settings(max_examples=40, deadline=None)
@given(points, st.integers(1, 4), st.floats(-PI, PI))
def test_rotation_invariance(X, depth, angle):
    if X.shape[1] < 2:
        return
    R = np.eye(X.shape[1])
    R[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    options = dict(depth=depth, b_std=0.3)
    K = ntk(X, **options)
    # The rotation itself rounds: an ulp of the points, which near angle zero is one of the angle.
    np.testing.assert_allclose(ntk(X @ R, **options), K, atol=1e-14 * np.abs(K).max() * 10)


# -- networks -------------------------------------------------------------------------------------


def random_network_kernels(X, width, draws, rng, W_std, b_std):
    """Output products and tangent kernels of networks with two hidden erf layers, (draws, 2, 2)."""
    sigma, slope = activations.erf.f, activations.erf.df
    covariance, tangent = np.empty((draws, 2, 2)), np.empty((draws, 2, 2))
    root = W_std / math.sqrt(width)
    for draw in range(draws):
        W1, W2 = rng.standard_normal((width, X.shape[1])), rng.standard_normal((width, width))
        w3 = rng.standard_normal(width)
        b1, b2 = rng.standard_normal((2, width))
        h1 = W_std * X @ W1.T + b_std * b1
        h2 = root * sigma(h1) @ W2.T + b_std * b2
        # Integrated over the readout's weights and bias: that is exact, and less noise.
        covariance[draw] = root**2 * sigma(h2) @ sigma(h2).T + b_std**2
        back2 = root * slope(h2) * w3  # d output / d h2
        back1 = root * slope(h1) * (back2 @ W2)
        tangent[draw] = (
            covariance[draw]
            + (back2 @ back2.T) * (root**2 * sigma(h1) @ sigma(h1).T + b_std**2)
            + (back1 @ back1.T) * (W_std**2 * X @ X.T + b_std**2)
        )
    return covariance, tangent


def test_wide_random_networks_converge_to_the_kernels():
    """The mean over networks of width m is k + c / m + O(1 / m^2); two widths cancel c."""
    rng = np.random.default_rng(7)
    X = np.array([[1.0, 0.5], [-0.3, 0.8]])
    W_std, b_std, draws = 1.3, 0.4, 400
    options = dict(depth=2, activation="erf", W_std=W_std, b_std=b_std)
    wide = random_network_kernels(X, 256, draws, rng, W_std, b_std)
    narrow = random_network_kernels(X, 128, draws, rng, W_std, b_std)
    for kernel, a, b in zip((nngp, ntk), wide, narrow, strict=True):
        estimate = 2 * a.mean(axis=0) - b.mean(axis=0)
        variance = (4 * a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / draws
        z = (estimate - kernel(X, **options)) / np.sqrt(variance)
        assert np.abs(z).max() <= 5
        # And the test can tell: without the bias the kernel is elsewhere.
        wrong = kernel(X, depth=2, activation="erf", W_std=W_std)
        assert np.abs((estimate - wrong) / np.sqrt(variance)).max() > 5


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"depth": 0}, ValueError, "depth must be at least 1, got 0"),
        ({"activation": lambda z: z[0]}, ValueError, "activation must map real arrays"),
        ({"activation": lambda z: z + 1j}, ValueError, "activation must map real arrays"),
        ({"activation": lambda z: z / 0 * z}, ValueError, "activation must be finite"),
        ({"X": [[1.0, math.nan]]}, ValueError, "X must be finite"),
        ({"X": [[1.0, 1j]]}, TypeError, "X must be real numbers"),
        ({"X": [1.0, 2.0]}, ValueError, r"X must have 2 dimension\(s\), got shape \(2,\)"),
        ({"X": np.zeros((0, 2))}, ValueError, "X must not be empty"),
        ({"Z": [[1.0]]}, ValueError, "Z must have 2 columns"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bad_input(changes, error, match):
    arguments = {"X": [[1.0, 2.0]], "depth": 2, **changes}
    refused(match, ntk, arguments.pop("X"), arguments.pop("Z", None), error=error, **arguments)


def test_overflow_is_said():
    refused("values beyond", ntk, [[1e160]], error=OverflowError, depth=1)
    with pytest.raises(OverflowError, match="hidden layer 1 have no finite mean square"):
        ntk([[100.0]], depth=1, activation="exp")
    with pytest.raises(OverflowError, match=r"values beyond .* float32"):
        ntk(np.array([[1e30]], np.float32), depth=1)


def test_input_is_not_changed():
    X = np.random.default_rng(8).standard_normal((4, 3))
    before = X.copy()
    ntk(X, X[:2], depth=3, b_std=0.1)
    np.testing.assert_array_equal(X, before)


def test_a_quadrature_that_fails_says_so():
    with pytest.raises(
        QuadratureError, match=r"error of the kernel would be .* take smaller scales"
    ):
        ntk([[30.0]], depth=1, activation="tanh")
    with pytest.raises(QuadratureError, match="PiecewiseLinear for a function of straight pieces"):
        ntk([[30.0]], depth=1, activation=lambda z: np.clip(z, -1, 1))
