"""Derivatives of deep kernels by torch and JAX, against closed forms and differences."""

import numpy as np
import pytest

from ntklib import nngp, ntk, relu_nngp, relu_ntk
from ntklib.activations import piecewise_linear
from ntklib.expectations import Quadrature, QuadratureError
from tests.libraries.test_gradients import EPS, Jax, Torch, library, x, z  # noqa: F401

KERNELS = [ntk, nngp]
LAWS = ["relu", "leaky_relu", "square", "erf", "gaussian", "rbf", "exp", "cos", "sin"]
SMOOTH = [law for law in LAWS if law not in ("relu", "leaky_relu")]
BIASES = [0.0, 0.3, (0.0, 0.4, 0.2)]
# In general position, and one point that equals no other but nearly.
POINTS = np.stack([x, z, 0.4 * x + z, x + 1e-2 * z])
WEIGHTS = np.random.default_rng(0).standard_normal((4, 4))


def differences(function, at, h):
    """Of fourth order: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / (12 h)."""
    found = np.zeros(at.shape)
    for i in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[i] = h
        near, far = (function(at + k * step) - function(at - k * step) for k in (1, 2))
        found[i] = (8 * near - far) / (12 * h)
    return found


def options(law, b_std=0.3):
    return {
        "depth": 2,
        "activation": law,
        "W_std": 0.5 if law == "exp" else 0.9,
        "b_std": b_std,
    }


# Step h errs by h^4 / 30 times a fifth derivative, and rounds by 1e-15 / h for a kernel of size 1.
# The ReLU's kernels go like the angle of the near pair, which is c = 1e-2 apart: like the root of
# c^2 + s^2 for a step s across, whose fifth derivative is at most 8.1 / c^4. With h = 1e-4 that is
# an error of 3e-9, and rounding one of 1e-11.
STEP, TOLERANCE = 1e-4, 1e-8


@pytest.mark.torch
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
@pytest.mark.parametrize("b_std", BIASES, ids=str)
@pytest.mark.parametrize("law", LAWS)
def test_in_the_points(law, b_std, kernel):
    torch = Torch()
    given = options(law, b_std)
    weights = torch.array(WEIGHTS)
    found = torch.grad(lambda A: (kernel(A, **given) * weights).sum(), POINTS)[0]
    right = differences(lambda A: (kernel(A, **given) * WEIGHTS).sum(), POINTS, STEP)
    assert np.abs(found - right).max() <= TOLERANCE * max(1, np.abs(right).max())
    # The value is that of NumPy's layers.
    value = kernel(torch.array(POINTS).requires_grad_(), **given).detach().numpy()
    assert np.abs(value - kernel(POINTS, **given)).max() <= 1e-13 * np.abs(value).max()


@pytest.mark.torch
@pytest.mark.parametrize("law", LAWS)
def test_in_the_scales(law):
    """Of each layer, by differences; the kernel is 4 times a fourth power of all weights at most.

    Scales of one number are the sums of those.
    """
    torch = Torch()
    scales = np.array([[0.8, 0.7, 0.9], [0.2, 0.4, 0.3]])

    def value(both, A):
        given = {"depth": 2, "activation": law, "W_std": both[0], "b_std": both[1]}
        return ntk(A, **given).sum()

    points = torch.array(POINTS)
    found = torch.grad(lambda both: value(both, points), scales)[0]
    right = differences(lambda both: value(both, POINTS), scales, STEP)
    assert np.abs(found - right).max() <= TOLERANCE * max(1, np.abs(right).max())
    alike = np.array([0.8, 0.2])
    each = torch.grad(lambda both: value(both, points), np.outer(alike, np.ones(3)))[0]
    both = torch.grad(lambda both: value(both, points), alike)[0]
    assert np.abs(both - each.sum(axis=1)).max() <= 64 * EPS * max(1, np.abs(each).max())


@pytest.mark.torch
def test_one_layer_is_the_shallow_kernel():
    """Everywhere, also at equal, opposite and zero points, where both have corners."""
    torch = Torch()
    X, Z = np.stack([x, 2 * x, -x, 0 * x, z]), np.stack([x, z, 0 * x])
    weights = torch.array(np.random.default_rng(1).standard_normal((5, 3)))
    for shallow, deep, scales in (
        (relu_ntk, lambda A, B: ntk(A, B, depth=1, W_std=(1, 0.7), trained="inner"), 0.7),
        (relu_nngp, lambda A, B: nngp(A, B, depth=1, W_std=(1, 0.7)), 0.7),
    ):
        found = torch.grad(lambda A, B, k=deep: (k(A, B) * weights).sum(), X, Z)
        right = torch.grad(lambda A, B, k=shallow, e=scales: (k(A, B, eps=e) * weights).sum(), X, Z)
        for one, other in zip(found, right, strict=True):
            assert np.abs(one - other).max() <= 1e-13 * np.abs(other).max()


@pytest.mark.torch
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
@pytest.mark.parametrize("other", [1.0, -1.0, 0.0])
def test_corners_have_the_mean_of_opposite_directions(other, kernel):
    """At equal and opposite points, across; at a zero point along the other and across it.

    The one-sided derivatives differ; (k(h) - k(-h)) / 2h is their mean up to h^2 times a third
    derivative of their difference, and the rounding of the kernel over h.
    """
    torch, h = Torch(), 1e-4
    given = options("relu", 0.0)
    across = np.array([1.0, 2.0, 0.0]) / np.sqrt(5)  # orthogonal to x
    at = other * x

    def value(a):
        return kernel(a[None], x[None], **given)[0, 0]

    right_point = torch.array(x[None])
    (found,) = torch.grad(lambda a: kernel(a[None], right_point, **given)[0, 0], at)
    for direction in (across, x):
        mean = (value(at + h * direction) - value(at - h * direction)) / (2 * h)
        assert abs(found @ direction - mean) <= 10 * h * h + 4 * EPS / h


@pytest.mark.drawn(2)
@pytest.mark.torch
@pytest.mark.parametrize("b_std", [0.0, 0.3])
@pytest.mark.parametrize("law", SMOOTH)
def test_second_derivatives_of_smooth_kernels_anywhere(law, b_std):
    """In one point, at a general one and where it equals or opposes the other, or is zero.

    Against differences of the gradient, which err by h^2 / 6 times a third derivative of it, and by
    its rounding over h: 2e-9 and 1e-11 for a third derivative of 100. Beside equal points 1e-5
    apart their direction is off by 1e-11, and so is the gradient.
    """
    torch, given, h = Torch(), options(law, b_std), 1e-5
    other = torch.array(x[None])

    def function(a):
        return ntk(a[None], other, **given)[0, 0]

    for at in (z, x, -x, x + 1e-5 * z, 0 * x):
        found = torch.hessian(function, at)
        for row, e in zip(found, np.eye(3), strict=True):
            ends = [torch.grad(function, at + s * h * e)[0] for s in (1, -1)]
            right = (ends[0] - ends[1]) / (2 * h)
            assert np.abs(row - right).max() <= 1e-6 * max(1, np.abs(right).max()), at


# XLA takes a minute to compile two layers of erf.
@pytest.mark.drawn(4)
@pytest.mark.parametrize(("law", "depth"), [("relu", 2), ("erf", 1)])
def test_compiled_by_jax(law, depth):
    """Values, first derivatives, and the second in the scale, of which K is a polynomial for ReLU.

    Differences with step 1e-4 err by 1e-8 times a third or fourth derivative, at most 100 here, and
    by the rounding of a sum of 25 entries, 1e-14, over the step or its square.
    """
    X = np.stack([x, x, -x, z, 0 * x])
    weights = np.random.default_rng(1).standard_normal((5, 5))
    jax, h = Jax(), 1e-4

    def function(A, scale, weights=weights):
        return (ntk(A, depth=depth, activation=law, W_std=scale, b_std=0.3) * weights).sum()

    def traced(A, scale):
        return function(A, scale, jax.array(weights))

    def all_of_it(A, scale):
        first = jax.jax.value_and_grad(traced, (0, 1))(A, scale)
        return *first, jax.jax.jvp(jax.jax.grad(traced, 1), (A, scale), (0 * A, 1.0))[1]

    value, (points, slope), twice = jax.jax.jit(all_of_it)(jax.array(X), jax.array(0.9))
    below, right, above = (function(X, 0.9 + k * h) for k in (-1, 0, 1))
    assert abs(value - right) <= 1e-13 * np.abs(weights).sum()
    assert abs(slope - (above - below) / (2 * h)) <= 1e-6
    assert abs(twice - (above + below - 2 * right) / h**2) <= 1e-5
    wanted = differences(lambda A: function(A, 0.9), X, 1e-4)
    smooth = slice(None) if law == "erf" else slice(3, None)  # the others are equal or opposite
    assert np.abs(np.asarray(points) - wanted)[smooth].max() <= 1e-6


@pytest.mark.torch
def test_an_elu():
    """Derivatives at equal, opposite and general points; compiled by JAX, the values."""
    torch, jax, X = Torch(), Jax(), np.stack([x, -x, z])

    def kernel(A, other):
        return ntk(A, other, depth=1, activation="elu", b_std=0.3)

    right = differences(lambda A: kernel(A, x[None]).sum(), X, STEP)
    found = torch.grad(lambda A: kernel(A, torch.array(x[None])).sum(), X)[0]
    assert np.abs(found - right).max() <= TOLERANCE * max(1, np.abs(right).max())
    compiled = jax.jax.jit(lambda A: kernel(A, jax.array(x[None])))(jax.array(X))
    values = kernel(X, x[None])
    assert np.abs(np.asarray(compiled) - values).max() <= 1e-13 * values.max()


def test_mapped(library):  # noqa: F811
    """vmap over batches of matrices, one of them with a zero and with equal points."""
    A = np.random.default_rng(0).standard_normal((3, 4, 3))
    A[0, 1], A[1, 1], A[2, 1] = A[0, 0], -A[1, 0], 0
    given = options("relu", 0.0)
    found = np.asarray(library.vmap(lambda B: ntk(B, **given))(library.array(A)))
    right = np.stack([ntk(B, **given) for B in A])
    assert np.abs(found - right).max() <= 1e-13 * right.max()


STAIRS = piecewise_linear([-1, 0.5, 2], [0, 1, -1], 0.25, -0.5)


@pytest.mark.drawn(6)
@pytest.mark.torch
@pytest.mark.parametrize(("law", "kernel"), [("hardtanh", ntk), ("relu6", nngp), (STAIRS, ntk)])
def test_straight_pieces(law, kernel):
    """In the points, two of one norm among them, and the scales; then the second derivatives.

    Where two norms are equal, places of kinks meet, and the formulas have corners that cancel. The
    tolerances are those of the other laws; second ones by differences of gradients, of step 1e-5,
    err by 1e-10 times a third derivative, below 1000 here, and by 1e-11 of rounding.
    """
    torch = Torch()
    X, scales = np.stack([x, z, z[::-1]]), np.array([1.3, 0.3])
    W, h = WEIGHTS[:3, :3], 1e-5
    weights, other = torch.array(W), torch.array(x[None])

    def value(A, s):
        return kernel(A, depth=1, activation=law, W_std=s[0], b_std=s[1])

    found = torch.grad(lambda A, s: (value(A, s) * weights).sum(), X, scales)
    right = (
        differences(lambda A: (value(A, scales) * W).sum(), X, STEP),
        differences(lambda s: (value(X, s) * W).sum(), scales, STEP),
    )
    for one, wanted in zip(found, right, strict=True):
        assert np.abs(one - wanted).max() <= TOLERANCE * max(1, np.abs(wanted).max())
    same = value(torch.array(X).requires_grad_(), scales).detach().numpy()
    assert np.abs(same - value(X, scales)).max() <= 1e-13 * np.abs(same).max()

    def function(a):
        return kernel(a[None], other, depth=1, activation=law, W_std=1.3, b_std=0.3)[0, 0]

    ends = [[torch.grad(function, z + s * h * e)[0] for e in np.eye(3)] for s in (1, -1)]
    wanted = (np.array(ends[0]) - np.array(ends[1])) / (2 * h)
    assert np.abs(torch.hessian(function, z) - wanted).max() <= 1e-7 * max(1, np.abs(wanted).max())


MAPPED = np.stack([[x, x, z], [x, -x, 0 * x]])


@pytest.mark.torch
def test_straight_pieces_mapped():
    """vmap of torch has NumPy's values at equal, opposite and zero points."""
    torch, given = Torch(), {"depth": 1, "activation": "hardtanh", "b_std": 0.1}
    found = torch.vmap(lambda B: ntk(B, **given))(torch.array(MAPPED)).numpy()
    right = np.stack([ntk(B, **given) for B in MAPPED])
    assert np.abs(found - right).max() <= 1e-13 * right.max()


@pytest.mark.drawn(9)
@pytest.mark.parametrize(("law", "kernel"), [("hardtanh", ntk), ("relu6", nngp), (STAIRS, ntk)])
def test_straight_pieces_under_jax(law, kernel):
    """Compiled, mapped, in points and scales, and second derivatives; as with torch above.

    The compiler takes some seconds for values and gradients, as it does for erf.
    """
    jax = Jax()
    given = {"depth": 1, "activation": law}
    scales, W = np.array([1.3, 0.3]), WEIGHTS[:3, :3]

    def value(A, s):
        return kernel(A, W_std=s[0], b_std=s[1], **given)

    mapped = jax.vmap(lambda B: kernel(B, W_std=1.3, b_std=0.3, **given))(jax.array(MAPPED))
    rights = np.stack([value(B, scales) for B in MAPPED])
    assert np.abs(np.asarray(mapped) - rights).max() <= 1e-13 * np.abs(rights).max()

    X = np.stack([x, z, z[::-1]])
    gradient = jax.jax.jit(jax.jax.grad(lambda A, s: (value(A, s) * W).sum(), (0, 1)))
    found = gradient(jax.array(X), jax.array(scales))
    right = (
        differences(lambda A: (value(A, scales) * W).sum(), X, STEP),
        differences(lambda s: (value(X, s) * W).sum(), scales, STEP),
    )
    for one, wanted in zip(found, right, strict=True):
        assert np.abs(np.asarray(one) - wanted).max() <= TOLERANCE * max(1, np.abs(wanted).max())
    # Equal, opposite and zero points have numbers.
    for B in MAPPED:
        assert all(np.isfinite(v).all() for v in gradient(jax.array(B), jax.array(scales)))

    way, h = np.random.default_rng(7).standard_normal((3, 3)), 1e-5
    slope = jax.jax.jit(
        lambda A: jax.jax.jvp(
            jax.jax.grad(lambda B: (value(B, jax.array(scales)) * W).sum()),
            (A,),
            (jax.array(way),),
        )[1]
    )
    ends = [np.asarray(gradient(jax.array(X + k * h * way), jax.array(scales))[0]) for k in (1, -1)]
    wanted = (ends[0] - ends[1]) / (2 * h)
    found = np.asarray(slope(jax.array(X)))
    assert np.abs(found - wanted).max() <= 1e-7 * max(1, np.abs(wanted).max())


def test_straight_pieces_that_jax_cannot_know():
    """Where NumPy raises an error there is no number, once compiled."""
    jax = Jax()
    far = piecewise_linear([50, 51], [0, 1])
    with pytest.raises(QuadratureError, match="no digits are left"):
        nngp(np.ones((1, 2)), depth=1, activation=far)
    found = jax.jax.jit(lambda A: nngp(A, depth=1, activation=far))(jax.array([[1.0, 1.0]]))
    assert np.isnan(np.asarray(found)).all()


def swish(z):
    return z / (1 + np.exp(-z))


@pytest.mark.torch
@pytest.mark.parametrize(("function", "W_std"), [(np.tanh, 4.0), (swish, 0.9)])
def test_mixtures_have_derivatives(function, W_std):
    """Along a direction of the points, equal and opposite and zero ones too, and of the scales.

    Standard deviations are up to 10, so that kernels of size below 100 change over angles of a
    tenth: a fifth derivative of 100 x 10^5 is an error of 1e-16 / 30 x 1e7 with step 1e-4, and
    rounding one of 1e-14 x 100 / 1e-4 = 1e-8.
    """
    torch, rng = Torch(), np.random.default_rng(2)
    law = Quadrature(function)
    X = np.concatenate([POINTS[:2], -POINTS[:1], 0 * POINTS[:1], POINTS[:1]])
    weights, scales = rng.standard_normal((5, 5)), np.array([W_std, 0.3])
    way, turn = rng.standard_normal(X.shape), rng.standard_normal(2)

    def kernel(A, s, activation):
        return ntk(A, depth=1, activation=activation, W_std=s[0], b_std=s[1])

    A, s = (torch.array(v).requires_grad_() for v in (X, scales))
    found = kernel(A, s, law)
    (found * torch.array(weights)).sum().backward()
    for slope, right in (
        ((A.grad.numpy() * way).sum(), lambda h: kernel(X + h * way, scales, law.mixture)),
        ((s.grad.numpy() * turn).sum(), lambda h: kernel(X, scales + h * turn, law.mixture)),
    ):
        by_steps = differences(lambda h, k=right: (k(h[0]) * weights).sum(), np.zeros(1), 1e-4)[0]
        assert abs(slope - by_steps) <= 1e-7 * max(1, abs(by_steps))
    value = kernel(X, scales, law.mixture)
    assert np.abs(found.detach().numpy() - value).max() <= 1e-12 * value.max()


def test_a_mixture_compiled_by_jax():
    """One layer of tanh: its values are NumPy's, and outside of what it knows there are none."""
    jax = Jax()
    function = jax.jax.jit(lambda A: ntk(A, depth=1, activation="tanh", W_std=3.0))
    right = ntk(POINTS, depth=1, activation="tanh", W_std=3.0)
    assert np.abs(np.asarray(function(jax.array(POINTS))) - right).max() <= 1e-11 * right.max()
    assert np.isnan(np.asarray(function(1e15 * jax.array(POINTS)))).all()


@pytest.mark.torch
def test_what_is_refused():
    torch, jax = Torch(), Jax()
    one = torch.array(1.0).requires_grad_()
    with pytest.raises(TypeError, match="activation must have a closed form or be a mixture"):
        ntk(torch.array(POINTS).requires_grad_(), depth=1, activation=lambda z: np.tanh(z - 5))
    for points, name in ((POINTS, "numpy"), (POINTS.tolist(), "numpy"), (jax.array(POINTS), "jax")):
        with pytest.raises(
            TypeError, match=f"numbers or of the library of X, {name}, .* got torch"
        ):
            ntk(points, depth=1, W_std=one)
        with pytest.raises(TypeError, match=f"number or of the library of X, {name}, .* got torch"):
            relu_ntk(points, eps=one)
    with pytest.raises(ValueError, match=r"eps must be a number, got shape \(2,\)"):
        relu_ntk(torch.array(POINTS), eps=torch.array([0.1, 0.2]))
    with pytest.raises(ValueError, match="W_std must be positive, got -1"):
        ntk(torch.array(POINTS), depth=1, W_std=-one)
    with pytest.raises(ValueError, match="b_std must be one number or 2, one a layer, got 3"):
        ntk(torch.array(POINTS), depth=1, b_std=torch.array([0.1, 0.1, 0.1]))
    with pytest.raises(ValueError, match="Z must have 3 columns"):
        ntk(torch.array(POINTS).requires_grad_(), torch.array(POINTS[:, :2]), depth=1, b_std=0.1)
    # Scales that nothing follows are numbers, exactly.
    same = relu_nngp(POINTS, eps=0.5)
    assert np.array_equal(relu_nngp(POINTS, eps=one.detach() / 2), same)
    assert np.array_equal(relu_nngp(POINTS, eps=jax.array(0.5)), same)
    assert type(relu_nngp(jax.array(POINTS), eps=one.detach())).__module__.startswith("jax")
    found = ntk(POINTS, depth=1, W_std=torch.array(0.9), b_std=torch.array([0.1, 0.2]))
    assert np.array_equal(found, ntk(POINTS, depth=1, W_std=0.9, b_std=(0.1, 0.2)))
