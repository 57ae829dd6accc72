"""Derivatives of the shallow kernels by torch and JAX, against closed forms and differences."""

import importlib
from typing import Any

import numpy as np
import pytest

from ntklib import gate_kernel, relu_nngp, relu_ntk
from ntklib.groups import averaged, cyclic_shifts

KERNELS = [relu_ntk, relu_nngp]
EPS = np.finfo(np.float64).eps
x = np.array([0.6, -0.3, 0.9])
z = np.array([-0.2, 1.1, 0.4])
across = np.array([1.0, 2.0, 0.0]) / np.sqrt(5)  # orthogonal to x


class Torch:
    """Arrays and derivatives, by names that both libraries share."""

    def __init__(self) -> None:
        self.torch = importlib.import_module("torch")
        self.func = self.torch.func

    def array(self, values: Any) -> Any:
        return self.torch.as_tensor(values, dtype=self.torch.float64)

    def grad(self, function, *at):
        at = [self.array(value).requires_grad_() for value in at]
        return [found.numpy() for found in self.torch.autograd.grad(function(*at), at)]

    def hessian(self, function, at):
        return self.torch.autograd.functional.hessian(function, self.array(at)).numpy()

    def vmap(self, function):
        return self.func.vmap(function)

    def mapped_grad(self, function):
        return self.func.vmap(self.func.grad(function))


class Jax:
    def __init__(self) -> None:
        self.jax = importlib.import_module("jax")
        self.jax.config.update("jax_enable_x64", True)

    def array(self, values: Any) -> Any:
        return self.jax.numpy.asarray(values, dtype="float64")

    def grad(self, function, *at):
        numbers = tuple(range(len(at)))
        return [
            np.asarray(found) for found in self.jax.grad(function, numbers)(*map(self.array, at))
        ]

    def hessian(self, function, at):
        return np.asarray(self.jax.jit(self.jax.hessian(function))(self.array(at)))

    def vmap(self, function):
        return self.jax.jit(self.jax.vmap(function))

    def mapped_grad(self, function):
        return self.jax.jit(self.jax.vmap(self.jax.grad(function)))


@pytest.fixture(
    params=[pytest.param(Torch, marks=pytest.mark.torch), Jax], ids=lambda kind: kind.__name__
)
def library(request):
    return request.param()


def pair(kernel):
    """The kernel of two vectors, a number."""
    return lambda a, b, **options: kernel(a[None, :], b[None, :], **options)[0, 0]


def closed_form(kernel, a, b):
    """Derivatives of k in a, b in general position.

    With s = pi - theta, and s' = (b/|b| - cos a/|a|) / (|a| sin): for <a,b> s / (2 pi) it is
    (b s + <a,b> s') / (2 pi); for the covariance, (b s + |b| sin a/|a|) / (2 pi).
    """
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    cos = a @ b / np.prod(lengths)
    # The angle by its tangent, accurate everywhere.
    half = (
        np.linalg.norm(a / lengths[0] - b / lengths[1]),
        np.linalg.norm(a / lengths[0] + b / lengths[1]),
    )
    s, sin = np.pi - 2 * np.arctan2(*half), half[0] * half[1] / 2
    if kernel is relu_nngp:
        return (b * s + lengths[1] * sin * a / lengths[0]) / (2 * np.pi)
    turn = (b / lengths[1] - cos * a / lengths[0]) / (lengths[0] * sin)
    return (b * s + a @ b * turn) / (2 * np.pi)


@pytest.mark.drawn(2)
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
@pytest.mark.parametrize("gap", [0.5, 1e-3, 1e-6])
@pytest.mark.parametrize("sign", [1, -1])
def test_in_general_position_and_near_equal_and_opposite_points(library, kernel, gap, sign):
    """Unit rows are off by some ulps, their difference's direction by as much over the gap.

    Three ulps a row of three coordinates, two rows and both the gradient and its reference: 12; the
    other arithmetic of both has some 20 more, before it is divided by the sine, at least gap / 2.
    """
    b = sign * (x + gap * across)
    found = library.grad(pair(kernel), x, b)
    right = closed_form(kernel, x, b), closed_form(kernel, b, x)
    for one, other in zip(found, right, strict=True):
        assert np.abs(one - other).max() <= 32 * EPS / (gap / 2) * np.linalg.norm(b)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
@pytest.mark.parametrize("factor", [1.0, 2.5, -1.0, -0.3])
def test_at_equal_and_opposite_directions(library, kernel, factor):
    """Half of the other point, and zero: the mean of the derivatives in opposite directions."""
    for found, other in zip(
        library.grad(pair(kernel), x, factor * x), (factor * x, x), strict=True
    ):
        right = other / 2 if factor > 0 else 0 * other
        # Unit rows that differ by two ulps have an angle, and the kink gives its slope: at most
        # <x, x'> / (2 pi |x|), which is the width of the kink.
        kink = 0.0 if abs(factor) in (1.0,) else np.linalg.norm(other) / (2 * np.pi)
        kink *= kernel is relu_ntk
        assert np.abs(found - right).max() <= kink + 8 * EPS


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
def test_at_zero(library, kernel):
    """A quarter of the other point: k(h, z) - k(-h, z) = <h, z> / 2 for both kernels."""
    found = library.grad(pair(kernel), 0 * x, z)
    assert np.abs(found[0] - z / 4).max() <= 4 * EPS
    assert (found[1] == 0).all()
    h = 1e-3 * x
    difference = kernel(h[None], z[None]) - kernel(-h[None], z[None])
    assert abs(difference[0, 0] - h @ z / 2) <= 8 * EPS


def test_gate_probability_has_no_slope_at_kinks(library):
    for other in (x, -x, 0 * x):
        found = library.grad(pair(gate_kernel), x, other)
        assert all((one == 0).all() for one in found)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
def test_in_the_scale(library, kernel):
    """k is proportional to eps^2."""
    (found,) = library.grad(
        lambda eps: pair(kernel)(library.array(x), library.array(z), eps=eps), 0.7
    )
    assert abs(found - 1.4 * kernel(x[None], z[None])[0, 0]) <= 16 * EPS
    with pytest.raises(ValueError, match="eps must be positive"):
        kernel(library.array(x[None]), eps=library.array(-1.0))


@pytest.mark.drawn(2)
@pytest.mark.parametrize("kernel", [*KERNELS, gate_kernel], ids=lambda k: k.__name__)
def test_second_derivatives(library, kernel):
    """Against central differences of the gradient.

    With step h they err by h^2 / 6 times a third derivative of the gradient, and by the gradient's
    rounding over h. Away from kinks, here at angle 1.6, no coefficient of these is above 100.
    """
    h = 1e-5

    def function(a):
        return pair(kernel)(a, library.array(z))

    found = library.hessian(function, x)
    for i, direction in enumerate(np.eye(3)):
        ends = [library.grad(function, x + s * h * direction)[0] for s in (1, -1)]
        difference = (ends[0] - ends[1]) / (2 * h)
        assert np.abs(found[i] - difference).max() <= 100 * h * h + 32 * EPS / h


@pytest.mark.drawn(2)
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
def test_matrix_against_itself(library, kernel):
    """With equal, opposite, zero rows; the diagonal is |x|^2 / 2, its derivative x."""
    X = np.stack([x, x, -x, 0 * x, z])
    eye = library.array(np.eye(5))
    (found,) = library.grad(lambda A: (kernel(A) * eye).sum(), X)
    assert np.abs(found - X).max() <= 4 * EPS
    (found,) = library.grad(lambda A: kernel(A).sum(), X)
    assert np.isfinite(found).all()
    # By pairs: twice the derivative in the first, as the matrix is symmetric.
    right = np.stack([sum(library.grad(pair(kernel), a, b)[0] for b in X) for a in X])
    assert np.abs(found - 2 * right).max() <= 64 * EPS


@pytest.mark.parametrize("kernel", [relu_ntk, gate_kernel], ids=lambda k: k.__name__)
def test_mapped(library, kernel):
    """vmap over batches of matrices, and over pairs with their derivatives."""
    A = np.random.default_rng(0).standard_normal((4, 6, 3))
    A[0, 1], A[1, 1], A[2, 1], A[3, 1] = A[0, 0], -A[1, 0], 0, A[3, 0] + 1e-9
    found = np.asarray(library.vmap(kernel)(library.array(A)))
    right = np.stack([kernel(one) for one in A])
    assert np.abs(found - right).max() <= 1e-14 * np.sum(A * A, axis=2).max()
    other = library.array(z)
    mapped = library.mapped_grad(lambda a: pair(kernel)(a, other))(library.array(A[0]))
    one_by_one = [library.grad(lambda a: pair(kernel)(a, other), row)[0] for row in A[0]]
    assert np.abs(np.asarray(mapped) - one_by_one).max() <= 1e-14 * np.abs(one_by_one).max()


@pytest.mark.drawn(2)
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
def test_averages(library, kernel):
    """The derivative of a mean over a group is the mean of the derivatives, also in a Gram matrix.

    There the identity meets equal points, and each element and its inverse count as one.
    """
    shifts = averaged(kernel, cyclic_shifts(3))
    (found,) = library.grad(pair(shifts), x, z)[:1]
    images = [np.roll(z, s) for s in range(3)]
    right = np.mean([library.grad(pair(kernel), x, image)[0] for image in images], axis=0)
    assert np.abs(found - right).max() <= 16 * EPS
    X = np.stack([x, z])
    (found,) = library.grad(lambda A: shifts(A).sum(), X)
    right = np.stack([sum(library.grad(pair(shifts), a, b)[0] for b in X) for a in X])
    assert np.abs(found - 2 * right).max() <= 64 * EPS
    assert (
        np.abs(np.asarray(library.vmap(shifts)(library.array(X[None]))) - shifts(X)).max() < 1e-14
    )


@pytest.mark.parametrize("kernel", [*KERNELS, gate_kernel], ids=lambda k: k.__name__)
def test_compiled_by_jax(kernel):
    jax = Jax()
    X = np.stack([x, x, -x, 0 * x, z, x + 1e-8 * z])
    found = np.asarray(jax.jax.jit(kernel)(jax.array(X)))
    assert np.abs(found - kernel(X)).max() <= 1e-14 * np.sum(X * X, axis=1).max()
    assert (found == found.T).all()
