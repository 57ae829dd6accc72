"""The kernels on arrays of other libraries: their kind comes back, with the same numbers.

array-api-strict and Dask are tested with all other tests, torch by
`python do.py libraries`; `tests/libraries`, which has JAX, fails where one of them is missing.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import array_api_strict
import dask.array as da
import numpy as np
import pytest

import ntklib
from ntklib import activations
from ntklib._engine import portable, sizes
from ntklib._engine.portable import is_foreign
from tests.unit.samples import refused

KERNELS = [ntklib.relu_ntk, ntklib.relu_nngp, ntklib.gate_kernel]
DEEP = [ntklib.ntk, ntklib.nngp]
# NumPy's path errs by 4e-15, this one scales rows by a division more.
TOLERANCE = {np.float64: 1e-14, np.float32: 4e-6}


def _torch() -> Any:
    import torch

    return torch.asarray


MAKERS: dict[str, Callable[[], Any]] = {
    "array_api_strict": lambda: array_api_strict.asarray,
    "dask": lambda: lambda A: da.from_array(A, chunks=2),
}
OPTIONAL = {
    name: maker for name, maker in {"torch": _torch}.items() if importlib.util.find_spec(name)
}


@pytest.fixture(params=[*MAKERS, *OPTIONAL])
def asarray(request):
    return {**MAKERS, **OPTIONAL}[request.param]()


def points(dtype=np.float64):
    """General position, equal, opposite, nearly so, tiny, huge, zero."""
    X = np.random.default_rng(3).standard_normal((12, 5))
    X[1], X[2] = 2 * X[0], -3 * X[0]
    X[3] = X[0] + 1e-9 * X[4]
    X[5] = -X[0] + 1e-7 * X[4]
    X[6] = 0
    if dtype == np.float64:
        X[7], X[8] = 1e-150 * X[7], 1e150 * X[8]
    return X.astype(dtype)


def scale(kernel, A, B):
    if kernel is ntklib.gate_kernel:
        return np.ones((len(A), len(B)))
    norms = [np.linalg.norm(points.astype(np.float64), axis=1) for points in (A, B)]
    return np.outer(*norms)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_numbers_and_own_kind(asarray, kernel, dtype):
    A, B = points(dtype), np.random.default_rng(4).standard_normal((5, 5)).astype(dtype)
    for X, Z in ((A, None), (A, B), (B, A)):
        given = [asarray(X)] + ([] if Z is None else [asarray(Z)])
        found = kernel(*given)
        assert type(found) is type(given[0])
        assert str(found.dtype).endswith(np.dtype(dtype).name)
        K = np.asarray(found)
        right = kernel(X.astype(np.float64), None if Z is None else Z.astype(np.float64))
        bound = TOLERANCE[dtype] * scale(kernel, X, X if Z is None else Z)
        gap = np.abs(K - right)
        assert (gap <= bound + np.finfo(dtype).tiny).all()
        if Z is None:
            assert (K == K.T).all()


# Activation, depth and options; the points are those of `points` for activations of degree one,
# which do not mind their norms, else of `moderate`.
ANY_NORM = [
    ("relu", 1, {}),
    ("relu", 3, {}),
    ("relu", 20, {}),
    ("relu", 1, {"b_std": 0.1}),
    ("relu", 3, {"b_std": 0.1}),
    ("relu", 20, {"b_std": 0.1}),
    ("leaky_relu", 3, {"b_std": 0.1}),
    ("absolute", 20, {"W_std": 1.0}),
]
MODERATE = [
    *((name, depth, {"b_std": b}) for name in ("erf", "gaussian", "rbf", "cos", "sin", "exp")
      for depth, b in ((1, 0.1), (3, 0.1), (2, 0.0))),
    (activations.monomial(3), 1, {"b_std": 0.1}),
    (activations.rectified_monomial(2), 2, {"b_std": 0.1}),
    ("tanh", 1, {"b_std": 0.1}),
    ("tanh", 2, {}),
]  # fmt: skip


def moderate(dtype):
    """As `points`, with norms up to one."""
    X = points(np.float32).astype(np.float64)
    X[7] *= 1e-15
    X[10] = X[4] + 1e-3 * X[11]
    return (X / np.linalg.norm(X, axis=1).max()).astype(dtype)


def deep_tolerance(dtype, depth, steep=1.0):
    """Error relative to sqrt(k(x, x) k(x', x')), as a sum over what rounds.

    In five dimensions a norm is off by 2.5 ulp, the product of two by 5, and the factors are put
    together with 2 more. The cosine of two points is off by 3 ulp, which beyond 0.99 is not used:
    its angle by 3 / sin(0.14) = 21 at most. ReLU layers shrink angles, so each layer has that and
    about 4 ulp of its own. A covariance feels 3 ulp of it. A tangent kernel is a sum over layers
    l, and its term l a product of L - l slopes, on the average L / 2 of them; a slope feels an
    angle's error divided by pi. In all 7 + 3 + (21 / pi + 4) L / 2, at most 10 + 6 L ulps.
    Steeper activations have slopes up to `steep`, where that of the ReLU has 1.
    """
    return (10 + 6 * depth) * steep * np.finfo(dtype).eps


def deep_error(kernel, found, X, Z, options):
    """Distance from NumPy's float64 kernel relative to its scale, the largest."""
    X, Z = (A.astype(np.float64) for A in (X, X if Z is None else Z))
    right = kernel(X, Z, **options)
    left, top = (np.sqrt(np.diag(kernel(A, **options))) for A in (X, Z))
    scale = left[:, None] * top
    gap = np.abs(np.asarray(found, dtype=np.float64) - right)
    assert (gap[scale == 0] == 0).all()
    return (gap / np.where(scale > 0, scale, 1)).max()


@pytest.mark.drawn(2)
@pytest.mark.parametrize("kernel", DEEP, ids=lambda k: k.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("activation", "depth", "options", "given"),
    [(*case, points) for case in ANY_NORM] + [(*case, moderate) for case in MODERATE],
    ids=lambda v: getattr(v, "name", getattr(v, "__name__", str(v))),
)
def test_deep_kernels(asarray, kernel, dtype, activation, depth, options, given):
    options = {"activation": activation, "depth": depth, **options}
    steep = 1.0
    if given is moderate:
        # The largest slopes of r and r', at 1: (p (p - 1))^2 / ((2p - 1)(2p - 3)) = 2.4 of r' for
        # z^p with p = 3. The Gaussian's 1.8 at a = 0.9 is the next.
        options, steep = {"W_std": 0.5 if activation == "exp" else 0.9, **options}, 2.4
    A, B = given(dtype), moderate(dtype)[[4, 11, 9, 8, 10]]
    for X, Z in ((A, None), (A, B), (B, A)):
        own = [asarray(X)] + ([] if Z is None else [asarray(Z)])
        found = kernel(*own, **options)
        assert type(found) is type(own[0])
        assert str(found.dtype).endswith(np.dtype(dtype).name)
        assert deep_error(kernel, found, X, Z, options) <= deep_tolerance(dtype, depth, steep)
        if Z is None:
            K = np.asarray(found)
            assert (K == K.T).all()


@pytest.mark.parametrize("name", ["relu", "absolute"])
def test_deep_kernels_at_the_ends_of_float32(asarray, name):
    X = points(np.float32)
    X[7], X[8] = np.float32(1e-18) * X[7], np.float32(1e18) * X[8]
    for kernel in DEEP:
        options = {"activation": name, "depth": 3, "W_std": 0.5}
        found = kernel(asarray(X), **options)
        assert deep_error(kernel, found, X, None, options) <= deep_tolerance(np.float32, 3)


@pytest.mark.parametrize("kernel", [*KERNELS, *DEEP], ids=lambda k: k.__name__)
def test_blocks_of_rows(asarray, kernel, monkeypatch):
    """The matrix in blocks of two rows is the same, to the rounding of other products."""
    A, B = moderate(np.float64), np.random.default_rng(4).standard_normal((5, 5))
    options = {"depth": 3, "b_std": 0.1} if kernel in DEEP else {}
    for X, Z in ((A, None), (A, B), (B, A)):
        own = [asarray(X)] + ([] if Z is None else [asarray(Z)])
        whole = np.asarray(kernel(*own, **options))
        with monkeypatch.context() as patch:
            patch.setattr(sizes, "HELD", 8 * len(X if Z is None else Z))
            K = np.asarray(kernel(*own, **options))
        assert np.abs(K - whole).max() <= deep_tolerance(np.float64, 3) * whole.max()
        assert Z is not None or (K == K.T).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_tests_can_tell(dtype, monkeypatch):
    """Without differences near angle zero, or with a scale that is slightly off, they fail."""
    X, options = points(dtype), {"activation": "relu", "depth": 3}
    own = array_api_strict.asarray(X)
    bound = deep_tolerance(dtype, 3)
    assert deep_error(ntklib.ntk, ntklib.ntk(own, **options), X, None, options) <= bound
    wrong = ntklib.ntk(own, **options, W_std=1.41421)  # for the square root of 2
    assert deep_error(ntklib.ntk, wrong, X, None, options) > bound
    monkeypatch.setattr(portable, "NEAR", 2.0)
    found = ntklib.ntk(own, **options)
    assert deep_error(ntklib.ntk, found, X, None, options) > 10 * bound


def test_scale_of_the_network(asarray):
    B = np.random.default_rng(4).standard_normal((5, 5))
    found = np.asarray(ntklib.relu_ntk(asarray(B), eps=0.3))
    assert np.abs(found - ntklib.relu_ntk(B, eps=0.3)).max() <= 1e-14


def test_input_is_not_changed(asarray):
    A = points()
    X = asarray(A.copy())
    ntklib.relu_ntk(X)
    ntklib.ntk(X, depth=2, b_std=0.1)
    assert np.array_equal(np.asarray(X), A)


def test_two_precisions(asarray):
    """The wider one, as for NumPy."""
    X, Z = moderate(np.float32), moderate(np.float64)[:5]
    for kernel, options in ((ntklib.relu_ntk, {}), (ntklib.ntk, {"depth": 2, "b_std": 0.1})):
        found = kernel(asarray(X), asarray(Z), **options)
        assert str(found.dtype).endswith("float64")
        gap = np.abs(np.asarray(found) - kernel(X, Z, **options))
        assert gap.max() <= deep_tolerance(np.float64, 2) * np.asarray(found).max()


def deep(X, Z=None):
    return ntklib.ntk(X, Z, depth=2, activation="erf")


@pytest.mark.parametrize("kernel", [*KERNELS, deep], ids=lambda k: k.__name__)
def test_bad_input_is_named(asarray, kernel):
    X = asarray(np.ones((3, 2)))
    refused(r"X must have 2 dimension\(s\)", kernel, asarray(np.ones((2, 2, 2))))
    refused("Z must have 2 columns", kernel, X, asarray(np.ones((3, 4))))
    refused("X must be finite", lambda: np.asarray(kernel(asarray(np.full((3, 2), np.nan)))))


def test_bad_options_are_named(asarray):
    X = asarray(np.ones((3, 2)))
    refused("eps must be positive", ntklib.relu_ntk, X, eps=-1.0)
    refused("depth must be at least 1, got 0", ntklib.ntk, X, depth=0)
    refused("b_std must be at least 0, got -1", ntklib.nngp, X, depth=1, b_std=-1.0)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_overflow_is_said(asarray):
    large = asarray(np.array([[1e160, 0.0]]))
    for kernel in (ntklib.relu_ntk, lambda X: ntklib.ntk(X, depth=1)):
        with pytest.raises(OverflowError, match="the kernel has values beyond"):
            np.asarray(kernel(large))
    with pytest.raises(OverflowError, match="hidden layer 1 have no finite mean square"):
        np.asarray(ntklib.ntk(asarray(np.array([[100.0]])), depth=1, activation="exp"))
    single = asarray(np.array([[1e30]], dtype=np.float32))
    if type(single).__module__.startswith("dask"):
        return  # float64 inside
    with pytest.raises(OverflowError, match=r"hidden layer 1 .* points must be float64"):
        ntklib.ntk(single, depth=1, activation="erf")


def test_integers_and_complex_numbers_are_refused():
    for dtype in ("int64", "complex128"):
        X = array_api_strict.asarray(np.ones((3, 2), dtype=dtype))
        refused("X must be real floating-point numbers", ntklib.relu_ntk, X, error=TypeError)
        refused("X must be real floating-point numbers", ntklib.ntk, X, error=TypeError, depth=1)


if "torch" in OPTIONAL:

    def test_what_torch_has_and_deep_kernels_have_not():
        import torch

        with pytest.raises(TypeError, match=r"must be float32 or float64, got torch\.float16"):
            ntklib.ntk(torch.ones((3, 2), dtype=torch.float16), depth=1)
        with pytest.raises(TypeError, match="activation must have a closed form or be a mixture"):
            ntklib.ntk(torch.ones((3, 2), requires_grad=True), depth=1, activation=np.cosh)


def test_mixed_libraries_are_refused():
    strict, dask = array_api_strict.asarray(np.ones((3, 2))), da.ones((3, 2))
    with pytest.raises(TypeError, match="must be arrays of one library, got array_api_strict and"):
        ntklib.relu_ntk(strict, dask)
    with pytest.raises(TypeError, match="must be arrays of one library, got array_api_strict and"):
        ntklib.ntk(strict, np.ones((3, 2)), depth=1)


def test_numpy_and_lists_are_at_home():
    assert not is_foreign(np.ones(3))
    assert not is_foreign([[1.0]])
    assert not is_foreign(None)
