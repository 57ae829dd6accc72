"""Derivatives of convolutional kernels by torch and JAX, against NumPy's kernels and identities.

Signals are images of 5 x 5 pixels and two channels in general position. No angle between their
windows is below a tenth, except where windows are equal or opposite on purpose.
"""

import numpy as np
import pytest

from ntklib import conv_nngp, conv_ntk, ntk
from tests.libraries.test_gradients import EPS, Jax, Torch, library  # noqa: F401

KERNELS = [conv_ntk, conv_nngp]
RNG = np.random.default_rng(0)
X, Z = RNG.standard_normal((2, 2, 5, 5, 2))
X[0, :2, :2], Z[1, 2] = 0, 0  # zero pixels
HOLE = X[:1].copy()
HOLE[:, 1:4, 1:4] = 0  # one window of zeros in the first layer, and none in the second
W_STD, B_STD = np.array([0.9, 1.1, 0.8]), np.array([0.2, 0.3, 0.1])
LAYOUTS = [
    {},
    {"padding": "circular", "readout": "mean", "residual": (0, 1)},
    {"padding": "valid", "kernel_size": 2, "pool": (2, 1)},
    {"pool": (5, 1), "readout": "mean"},
    {"stride": (2, 1), "kernel_size": (2, 3)},
    {"pool": (1, 5)},
]


def along(function, direction, h):
    """Of fourth order: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / (12 h)."""
    near, far = (function(k * h * direction) - function(-k * h * direction) for k in (1, 2))
    return (8 * near - far) / (12 * h)


def unit(shape, seed):
    values = np.random.default_rng(seed).standard_normal(shape)
    return values / np.linalg.norm(values)


@pytest.mark.torch
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("law", ["relu", "erf"])
def test_values_are_those_of_numpy(law, layout):
    """A layer of either sums 9 terms of one sign and does some 30 operations more: 40 ulps.

    Two layers of both are 160, and angles above a tenth have ten times as much after a mean.
    """
    torch = Torch()
    A, B = np.concatenate([X, -X[:1], HOLE, 0 * HOLE]), np.concatenate([Z, X[:1]])
    for kernel in KERNELS:
        for other in (None, B):
            for b_std in (0.0, (0.0, 0.4, 0.2)) if other is None else (0.0, 0.3):
                given = {"depth": 2, "activation": law, "b_std": b_std, **layout}
                right = kernel(A, other, **given)
                second = other if other is None else torch.array(other)
                found = kernel(torch.array(A).requires_grad_(), second, **given)
                assert found.requires_grad
                found = found.detach().numpy()
                assert np.abs(found - right).max() <= 1600 * EPS * np.abs(right).max()
                if other is None:
                    assert np.array_equal(found, found.T)


@pytest.mark.torch
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("law", ["relu", "erf", "square"])
def test_in_signals_and_scales(law, layout):
    """Along a direction of each.

    A step h errs by h^4 / 30 times a fifth derivative, for an angle of c at most 8.1 / c^4: with
    h = 1e-4 and c = 0.1 by 3e-13. Rounding errs by 1600 ulps over h at most: 4e-9.
    """
    torch = Torch()
    at = [X, Z, W_STD, B_STD]
    weights = unit((2, 2), 1)

    def kernel(values):
        A, B, W, b = values
        return conv_ntk(A, B, depth=2, activation=law, W_std=W, b_std=b, **layout)

    found = torch.grad(lambda *values: (kernel(values) * torch.array(weights)).sum(), *at)
    size = np.abs(kernel(at)).max()
    for i, (value, slope) in enumerate(zip(at, found, strict=True)):
        direction = unit(value.shape, i)

        def function(step, i=i):
            moved = [v + step if k == i else v for k, v in enumerate(at)]
            return (kernel(moved) * weights).sum()

        right = along(function, direction, 1e-4)
        assert abs((slope * direction).sum() - right) <= 4e-9 * max(1, size)


@pytest.mark.torch
@pytest.mark.parametrize("trained", ["all", "inner", "readout"])
@pytest.mark.parametrize("law", ["relu", "leaky_relu", "erf", "cos"])
def test_one_pixel_is_a_point(law, trained):
    """Everywhere, also at equal, opposite and zero points, and in deep networks."""
    torch = Torch()
    a, b = np.random.default_rng(3).standard_normal((2, 4))
    points = np.stack([a, -a, 2 * a, 0 * a, b])
    weights = torch.array(unit((5, 5), 2))
    for depth in (1, 3):
        for b_std in (0.0, 0.3, (*[0.0] * depth, 0.3)):
            given = {"depth": depth, "activation": law, "b_std": b_std, "trained": trained}
            (right,) = torch.grad(lambda A, g=given: (ntk(A, **g) * weights).sum(), points)
            (found,) = torch.grad(
                lambda A, g=given: (conv_ntk(A, kernel_size=1, **g) * weights).sum(),
                points[:, None],
            )
            # Three layers of both do some 200 operations on values of the kernel's size, by norms
            # above one, and those of cos cancel.
            size = max(ntk(points, **given).max(), np.abs(right).max())
            assert np.abs(found[:, 0] - right).max() <= 1600 * EPS * size


@pytest.mark.torch
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_norms_pass_through(layout):
    """k(cx, z) = c k(x, z) for ReLU without biases: its derivative along x is k itself.

    At equal, opposite and general signals, with windows of zeros; by Euler's identity, exactly.
    """
    torch = Torch()
    if "residual" in layout:
        layout = {**layout, "W_std": (0.9, 1.1, 0.8)}
    for kernel in KERNELS:
        for x in (X[:1], -X[:1], Z[:1], HOLE):

            def value(A, k=kernel):
                return k(A, torch.array(X[:1]), depth=2, **layout)[0, 0]

            (found,) = torch.grad(value, x)
            right = kernel(x, X[:1], depth=2, **layout)[0, 0]
            size = np.sqrt(kernel(x, depth=2, **layout) * kernel(X[:1], depth=2, **layout))[0, 0]
            assert abs((found * x).sum() - right) <= 1600 * EPS * size


@pytest.mark.torch
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("law", ["relu", "leaky_relu", "absolute"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
def test_corners_have_the_mean_of_opposite_directions(kernel, law, depth):
    """In all directions, at equal and opposite signals and where windows are zero.

    The quotient (k(h) - k(-h)) / 2h is that mean and a power series in h, which has no term in h
    when 2q(h/2) - q(h) takes it away; the next is h^2 / 2 times derivatives below 100. Rounding is
    three quotients of 320 ulps over h.
    """
    torch, h = Torch(), 1e-4
    given = {"depth": depth, "activation": law, "b_std": 0.0}
    cases = [(Z[:1], Z[:1]), (-Z[:1], Z[:1]), (HOLE, Z[:1])]
    if depth == 1:
        cases.append((0 * Z[:1], Z[:1]))
    for i, (x, z) in enumerate(cases):
        (found,) = torch.grad(lambda A, B=z: kernel(A, torch.array(B), **given)[0, 0], x)
        direction = unit(x.shape, i)

        def quotient(step, x=x, z=z, d=direction):
            ends = (kernel(x + s * step * d, z, **given)[0, 0] for s in (1, -1))
            return (next(ends) - next(ends)) / (2 * step)

        mean = 2 * quotient(h / 2) - quotient(h)
        assert abs((found * direction).sum() - mean) <= 50 * h * h + 960 * EPS / h


@pytest.mark.torch
@pytest.mark.parametrize("padding", ["same", "circular"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
def test_at_a_zero_signal_along_the_other(kernel, padding):
    """Through several layers: half of k(z, z) - k(-z, z), since norms pass through."""
    torch, z = Torch(), X[1:]
    for law in ("relu", "leaky_relu", "absolute"):
        given = {"depth": 3, "activation": law, "padding": padding, "b_std": 0.0}
        (found,) = torch.grad(lambda A, g=given: kernel(A, torch.array(z), **g)[0, 0], 0 * z)
        same, opposite = (kernel(s * z, z, **given)[0, 0] for s in (1, -1))
        assert abs((found * z).sum() - (same - opposite) / 2) <= 1600 * EPS * same


@pytest.mark.torch
@pytest.mark.parametrize("layout", [{}, {"pool": (5, 1)}, LAYOUTS[2]], ids=str)
@pytest.mark.parametrize("law", ["erf", "cos"])
def test_smooth_kernels_where_windows_are_zero(law, layout):
    """Without biases, also under a mean; by differences, as in general position."""
    torch = Torch()
    given = {"depth": 2, "activation": law, **layout}
    for i, x in enumerate((HOLE, 0 * HOLE)):
        way = unit(x.shape, i)
        (found,) = torch.grad(lambda A: conv_ntk(A, torch.array(Z), **given).sum(), x)
        right = along(lambda step, x=x: conv_ntk(x + step, Z, **given).sum(), way, 1e-4)
        assert abs((found * way).sum() - right) <= 4e-9 * max(1, abs(right))


@pytest.mark.torch
@pytest.mark.parametrize("readout", ["flatten", "mean"])
def test_powers_of_powers_at_zero(readout):
    """Of degree eight in the signal: its derivative is zero, and lengths there underflow."""
    torch = Torch()
    given = {"depth": 3, "activation": "square", "readout": readout}
    (found,) = torch.grad(lambda A: conv_ntk(A, torch.array(Z), **given).sum(), 0 * X)
    assert np.abs(found).max() <= EPS


@pytest.mark.torch
@pytest.mark.parametrize("readout", ["flatten", "mean"])
def test_three_dimensions(readout):
    torch, A = Torch(), np.random.default_rng(6).standard_normal((2, 3, 2, 2, 1))
    given = {"depth": 2, "kernel_size": 2, "readout": readout}
    found = conv_ntk(torch.array(A).requires_grad_(), **given).detach().numpy()
    assert np.abs(found - conv_ntk(A, **given)).max() <= 1600 * EPS * np.abs(found).max()


@pytest.mark.torch
@pytest.mark.parametrize("layout", [{}, {"pool": (5, 1), "readout": "mean"}], ids=str)
@pytest.mark.parametrize("law", ["relu", "erf", "square"])
def test_second_derivatives(law, layout):
    """At a general pair, and where smooth kernels have equal, opposite or zero signals.

    Against differences of the gradient, which err by h^2 / 6 times a third derivative of it, and by
    its rounding over h: 2e-9 and 4e-8 for a third derivative of 100 and 1600 ulps.
    """
    torch, h, z = Torch(), 1e-5, Z[:1]
    direction = unit(z.shape, 5)
    for b_std in (0.3,) if layout else (0.0, 0.3):
        given = {"depth": 2, "activation": law, "W_std": 0.9, "b_std": b_std, **layout}

        def gradient(A, g=given):
            value = conv_ntk(A, torch.array(z), **g)[0, 0]
            return torch.torch.autograd.grad(value, A, create_graph=True)[0]

        for at in [X[1:]] if law == "relu" else [X[1:], z, -z, HOLE, 0 * z]:
            A = torch.array(at.copy()).requires_grad_()
            product = (gradient(A) * torch.array(direction)).sum()
            found = torch.torch.autograd.grad(product, A)[0].numpy()
            ends = (
                gradient(torch.array(at + s * h * direction).requires_grad_()).detach().numpy()
                for s in (1, -1)
            )
            right = (next(ends) - next(ends)) / (2 * h)
            assert np.abs(found - right).max() <= 5e-8 * max(1, np.abs(right).max())


def test_compiled_by_jax():
    """Signals on a line, two equal and a zero one, in which there is no corner with biases."""
    jax = Jax()
    at = [np.stack([X[0, 2, :4], X[0, 2, :4], 0 * X[0, 2, :4]]), np.array(0.9)]
    weights, given = unit((3, 3), 4), {"depth": 2, "kernel_size": 2, "b_std": 0.3}

    def function(A, scale, weights=weights):
        return (conv_ntk(A, W_std=scale, **given) * weights).sum()

    traced = jax.jax.value_and_grad(lambda *both: function(*both, jax.array(weights)), (0, 1))
    value, found = jax.jax.jit(traced)(*map(jax.array, at))
    size = np.abs(conv_ntk(at[0], W_std=0.9, **given)).max()
    assert abs(value - function(*at)) <= 1600 * EPS * size
    way = unit(at[0].shape, 0)
    way[:2] = 0
    points, scale = map(np.asarray, found)
    assert np.isfinite(points).all()
    right = along(lambda step: function(at[0] + step, 0.9), way, 1e-4)
    assert abs((points * way).sum() - right) <= 4e-9 * max(1, size)
    right = along(lambda step: function(at[0], 0.9 + step), 1.0, 1e-4)
    assert abs(scale - right) <= 4e-9 * max(1, size)


@pytest.mark.torch
def test_a_mixture():
    """One layer of tanh, along a direction; rounding of 1e-12 over h is 1e-8."""
    torch, A, way = Torch(), X[:, 0], unit((2, 5, 2), 7)
    given = {"depth": 1, "kernel_size": 2, "activation": "tanh"}
    (found,) = torch.grad(lambda B: conv_ntk(B, **given).sum(), A)
    right = along(lambda step: conv_ntk(A + step, **given).sum(), way, 1e-4)
    assert abs((found * way).sum() - right) <= 1e-8


def test_mapped(library):  # noqa: F811
    """vmap over batches of signals, with a zero and with equal ones."""
    A = np.random.default_rng(0).standard_normal((2, 3, 4, 2))
    A[0, 1], A[1, 2] = A[0, 0], 0
    given = {"depth": 1, "readout": "mean"}
    found = np.asarray(library.vmap(lambda B: conv_ntk(B, **given))(library.array(A)))
    right = np.stack([conv_ntk(B, **given) for B in A])
    assert np.abs(found - right).max() <= 1600 * EPS * right.max()


def test_what_is_not_followed_is_done_by_numpy(library):  # noqa: F811
    found = conv_ntk(library.array(X), library.array(Z), depth=2)
    assert type(found) is type(library.array(X))
    assert np.array_equal(np.asarray(found), conv_ntk(X, Z, depth=2))


@pytest.mark.torch
def test_single_precision():
    """An ulp of the unit vectors and 40 a layer, in values and in the derivatives."""
    torch, single = Torch(), np.finfo(np.float32).eps
    for layout in LAYOUTS:
        values = []
        for dtype in (torch.torch.float32, torch.torch.float64):
            A = torch.torch.as_tensor(np.concatenate([X, HOLE]), dtype=dtype).requires_grad_()
            K = conv_ntk(A, torch.array(Z).to(dtype), depth=2, **layout)
            assert K.dtype == dtype
            values.append((K, *torch.torch.autograd.grad(K.sum(), A)))
        for one, other in zip(*values, strict=True):
            error = (one.double() - other).abs().max()
            assert error <= 1600 * single * other.abs().max()


@pytest.mark.torch
def test_what_is_refused():
    torch, jax = Torch(), Jax()
    A, one = torch.array(X).requires_grad_(), torch.array(1.0).requires_grad_()
    with pytest.raises(TypeError, match="activation must have a closed form or be a mixture"):
        conv_ntk(A, depth=1, activation="hardtanh")
    for points, name in ((X, "numpy"), (jax.array(X), "jax")):
        with pytest.raises(TypeError, match=f"numbers or of the library of X, {name}, .* torch"):
            conv_ntk(points, depth=1, W_std=one)
    for B in (jax.array(X), X):
        with pytest.raises(TypeError, match="X and Z must be arrays of one library"):
            conv_ntk(A, B, depth=1)
    with pytest.raises(TypeError, match=r"X and Z must be float32 or float64, got torch\.float16"):
        conv_ntk(A.half(), depth=1)
    with pytest.raises(ValueError, match=r"X must have 3 or 4 or 5 dimension\(s\), got shape"):
        conv_ntk(A[0, 0], depth=1)
    with pytest.raises(ValueError, match=r"Z must have signals of shape \(5, 5, 2\), got shape"):
        conv_ntk(A, A[:, :, :3], depth=1)
    with pytest.raises(ValueError, match="padding must be one of"):
        conv_ntk(A, depth=1, padding="zeros")
    with pytest.raises(OverflowError, match="the kernel has values beyond"):
        conv_ntk(1e200 * A, depth=1)
