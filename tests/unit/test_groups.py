"""Averaged kernels: projections, orbits, counts of invariants, and what is refused."""

import copy
import itertools
import math
import pickle
from functools import partial

import array_api_strict
import dask.array as da
import numpy as np
import pytest
from scipy.special import eval_chebyt, eval_gegenbauer
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.model_selection import cross_val_score

from ntklib import gate_kernel, ntk, relu_ntk
from ntklib.gaussian_process import AveragedKernel, NetworkKernel
from ntklib.groups import Group, averaged, cyclic_shifts, generated, invariant_multiplicity
from ntklib.large import gram_operator, pivoted_cholesky, ridge_solve
from ntklib.regression import NTKClassifier, NTKRegressor
from tests.unit.samples import refused

EPS = np.finfo(float).eps


def turned(d):
    """A signed permutation: a shift by one, the first coordinate with a minus."""
    matrix = np.roll(np.eye(d, dtype=int), 1, axis=1)
    matrix[0] *= -1
    return matrix


# By name: a group, and its number of elements.
GROUPS = {
    "shifts": (cyclic_shifts(6), 6),
    "shifts of images": (cyclic_shifts(2, 3), 6),
    "identity": (generated([[0, 1, 2, 3]]), 1),
    "flip": (generated([[3, 2, 1, 0]]), 2),
    "square": (generated([[3, 2, 1, 0], [1, 2, 3, 0]]), 8),
    "permutations": (Group(list(itertools.permutations(range(4)))), 24),
    "opposite": (generated(-np.eye(3, dtype=int)[None]), 2),
    "all signs": (generated([np.diag(1 - 2 * row) for row in np.eye(4, dtype=int)]), 16),
    "turned": (generated(turned(3)[None]), 6),
    "cube": (generated([turned(3), np.diag([-1, 1, 1]), np.eye(3, dtype=int)[[1, 0, 2]]]), 48),
}
KERNELS = {
    "relu_ntk": partial(relu_ntk, eps=0.7),
    "gate": gate_kernel,
    "deep": partial(ntk, depth=3, b_std=0.2),
    "own": lambda X, Z=None: np.exp(X @ (X if Z is None else Z).T),
}
every_group = pytest.mark.parametrize("group", [g for g, _ in GROUPS.values()], ids=GROUPS)
every_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


def points(group, n, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, group.dimension))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


# -- groups ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GROUPS)
def test_elements(name):
    """As many as there should be; orthogonal, closed under products, with the inverses named."""
    group, size = GROUPS[name]
    assert len(group) == size
    matrices = group.orbits(np.eye(group.dimension)).transpose(0, 2, 1)
    rows = {m.tobytes() for m in matrices + 0.0}
    assert len(rows) == size
    assert {(g @ h + 0.0).tobytes() for g in matrices for h in matrices} == rows
    one = np.eye(group.dimension)
    products = matrices @ matrices[group.inverses()]
    assert (products == one).all()
    again = Group(matrices.astype(int))
    assert (again.orbits(one) == group.orbits(one)).all()


def test_what_generates_is_little():
    """At most log2 |G| elements, each of which at least doubles what the others generate."""
    found = Group(list(itertools.permutations(range(5)))).generators
    assert len(found) <= math.log2(120)
    assert len(generated(found - 1)) == 120


def test_equal_groups():
    """The order of elements and the way they were given do not matter."""
    shifts = cyclic_shifts(4)
    assert (
        shifts
        == generated([[3, 0, 1, 2]])
        == Group(np.eye(4, dtype=int)[shifts.codes([0, 3, 2, 1]) - 1])
    )
    assert shifts == cyclic_shifts(4, 1)
    assert shifts != cyclic_shifts(2, 2)
    assert cyclic_shifts(2, 2) == Group([[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]])
    assert shifts != "shifts"
    assert len({shifts, generated([[3, 0, 1, 2]])}) == 1


def test_shifts_are_not_stored_and_not_changed():
    group = cyclic_shifts(1 << 20)
    assert len(pickle.dumps(group)) < 10 * 8 * (1 << 20)
    for array in (cyclic_shifts(4).generators, generated([[1, 0]]).codes(slice(None))):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


# -- kernels --------------------------------------------------------------------------------------


@every_group
@every_kernel
def test_the_mean_is_what_it_says(kernel, group):
    """Against the sum over all images; kernels here are exact to 1e-13 of their size."""
    X, Z = points(group, 7), points(group, 5, seed=1)
    right = np.mean([kernel(X, image) for image in group.orbits(Z)], axis=0)
    size = np.abs(kernel(X)).max()
    k = averaged(kernel, group)
    assert np.abs(k(X, Z) - right).max() <= 1e-13 * size
    right = np.mean([kernel(X, image) for image in group.orbits(X)], axis=0)
    assert np.abs(k(X) - right).max() <= 1e-13 * size
    assert (k(X) == k(X).T).all()
    assert np.abs(k.diag(X) - right.diagonal()).max() <= 1e-13 * size


@every_group
@every_kernel
def test_it_is_a_projection(kernel, group):
    """Invariant in each argument, the same when averaged again, positive semidefinite."""
    X, Z = points(group, 7), points(group, 5, seed=1)
    k, g = averaged(kernel, group), len(group) // 2
    K, size = k(X, Z), np.abs(kernel(X)).max()
    assert np.abs(k(group.orbits(X)[g], Z) - K).max() <= 1e-13 * size
    assert np.abs(k(X, group.orbits(Z)[g]) - K).max() <= 1e-13 * size
    assert np.abs(averaged(k, group)(X, Z) - K).max() <= 1e-13 * size
    # Rounding of a symmetric matrix moves eigenvalues by no more than its norm, n times an entry.
    assert np.linalg.eigvalsh(k(X)).min() >= -7 * 1e-13 * size
    if len(group) > 1:
        assert np.abs(kernel(X, Z) - K).max() > 1e-3 * size


@every_group
def test_points_and_their_orbits(group):
    """n points with ridge nu are their n |G| images with ridge |G| nu; another ridge is seen.

    Eigenvalues of the system lie between the ridge and n |G| + |G| nu: condition below 100, times
    |G| n eps of rounding.
    """
    X, Z, nu = points(group, 7), points(group, 5, seed=1), 0.1
    y = np.random.default_rng(2).standard_normal((7, 2))
    mean = NTKRegressor(averaged(relu_ntk, group), alpha=nu).fit(X, y).predict(Z)
    images, labels = np.concatenate(group.orbits(X)), np.tile(y, (len(group), 1))
    full = NTKRegressor(relu_ntk, alpha=len(group) * nu).fit(images, labels).predict(Z)
    assert np.abs(mean - full).max() <= 1e-10
    other = NTKRegressor(relu_ntk, alpha=nu).fit(images, labels).predict(Z)
    assert len(group) == 1 or np.abs(mean - other).max() > 1e-3


def zonal(d, k):
    """The reproducing kernel of the harmonics of degree k, and their number."""
    N = invariant_multiplicity([list(range(d))], k)
    if d == 2:
        return (lambda X, Z=None: N * eval_chebyt(k, X @ (X if Z is None else Z).mT)), N
    order = (d - 2) / 2
    scale = N / eval_gegenbauer(k, order, 1)
    return (lambda X, Z=None: scale * eval_gegenbauer(k, order, X @ (X if Z is None else Z).mT)), N


def test_a_single_degree():
    """Nine points find an invariant cubic of six variables; of all 50 cubics they find 9/50.

    The plain distance has mean exactly 1 - n/N; 2000 draws, five standard errors. The averaged one
    is rounding: the square of the condition of the system times a few dozen roundings.
    """
    rng = np.random.default_rng(5)
    group, (kernel, N) = cyclic_shifts(6), zonal(6, 3)
    k = averaged(kernel, group)
    assert (N, invariant_multiplicity(group, 3)) == (50, 9)

    def sphere(n):
        X = rng.standard_normal((n, 6))
        return X / np.linalg.norm(X, axis=1, keepdims=True)

    centers, c = sphere(9), rng.standard_normal(9)
    square = c @ k(centers) @ c  # the norm of the invariant cubic f
    draws = sphere(9 * 2000).reshape(2000, 9, 6)
    f = (k(draws.reshape(-1, 6), centers) @ c).reshape(2000, 9, 1)
    found = f.transpose(0, 2, 1) @ np.linalg.solve(kernel(draws), f)
    plain = 1 - found[:, 0, 0] / square
    assert abs(plain.mean() - (1 - 9 / 50)) <= 5 * plain.std() / math.sqrt(2000)
    X, Z = draws[0], sphere(200)
    condition = np.linalg.cond(k(X))
    error = k(Z, X) @ np.linalg.solve(k(X), f[0, :, 0]) - k(Z, centers) @ c
    assert (error**2).mean() / square <= (100 * condition * EPS) ** 2 <= 1e-20


# -- counts ---------------------------------------------------------------------------------------


@every_group
def test_counts_are_ranks(group):
    """The averaged zonal kernel has as many nonzero eigenvalues as there are invariants."""
    for k in range(6):
        kernel, N = zonal(group.dimension, k)
        count = invariant_multiplicity(group, k)
        X = points(group, 3 * count + 1)
        mean = np.mean([kernel(X, image) for image in group.orbits(X)], axis=0)
        values = np.linalg.eigvalsh(mean)[::-1]
        # Entries are at most N, and known to some ulps of the sum of a polynomial's terms.
        assert (np.abs(values[count:]) <= 1e-10 * len(X) * N).all()
        assert count == 0 or values[count - 1] > 1e-4 * values[0]


def test_counts_of_monomials():
    """Invariant polynomials of a group of permutations have the orbits of monomials as a basis."""
    for d, k in itertools.product(range(1, 7), range(6)):
        monomials = set(itertools.combinations_with_replacement(range(d), k))
        orbits = {
            min(tuple(sorted((i + s) % d for i in monomial)) for s in range(d))
            for monomial in monomials
        }
        group = cyclic_shifts(d)
        polynomials = sum(invariant_multiplicity(group, j) for j in range(k, -1, -2))
        assert polynomials == len(orbits)
        listed = Group(group.codes(slice(None)) - 1)
        assert invariant_multiplicity(listed, k) == invariant_multiplicity(group, k)


def test_counts_by_the_formula():
    """With Euler's function over the divisors; N / d exactly where no divisor is shared."""

    def M(d, k):
        if k < 0:
            return 0
        divisors = (e for e in range(1, d + 1) if d % e == 0 and k % e == 0)
        phi = {e: sum(math.gcd(e, i) == 1 for i in range(1, e + 1)) for e in range(1, d + 1)}
        return sum(phi[e] * math.comb((d + k) // e - 1, k // e) for e in divisors) // d

    for d, k in itertools.product(range(1, 13), range(13)):
        count = invariant_multiplicity(cyclic_shifts(d), k)
        assert count == M(d, k) - M(d, k - 2)
        if math.gcd(d, k) == math.gcd(d, k - 2) == 1 and k >= 2:
            assert d * count == invariant_multiplicity([list(range(d))], k)
    # Far beyond float64.
    assert invariant_multiplicity(cyclic_shifts(28, 28), 40) > 10**60


# -- where kernels go -----------------------------------------------------------------------------

SHIFTS = averaged(partial(ntk, depth=2), cyclic_shifts(6))
X = points(SHIFTS.group, 12)
y = X.sum(axis=1) ** 2


@pytest.mark.parametrize("estimator", [NTKRegressor, NTKClassifier])
def test_estimators(estimator):
    """Clones, parameters, copies and another process see the same kernel."""
    target = y if estimator is NTKRegressor else y > np.median(y)
    model = estimator(kernel=SHIFTS, alpha=1e-3)
    assert model.get_params()["kernel"] is SHIFTS
    fitted = clone(model).fit(X, target)
    assert (fitted.predict(X) == fitted.predict(np.roll(X, 2, axis=1))).all() or estimator is (
        NTKRegressor
    )
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict(X) == fitted.predict(X)).all()
    assert np.isfinite(cross_val_score(model, X, target, cv=3)).all()
    assert "Group of 6 elements in dimension 6" in repr(model)


def test_copies():
    for way in (copy.deepcopy, copy.copy, lambda thing: pickle.loads(pickle.dumps(thing))):
        for group, _ in GROUPS.values():
            kernel = way(averaged(relu_ntk, group))
            Z = points(group, 3)
            assert (kernel(Z) == averaged(relu_ntk, group)(Z)).all()
            with pytest.raises(ValueError, match="read-only"):
                kernel.group.generators[:] = 1


def test_gaussian_processes():
    """Value, gradient, parameters and copies of the averaged kernel, by all pairs of images.

    The gradient of a mean is the mean of gradients: 36 blocks, each exact to rounding.
    """
    inner, group = NetworkKernel(2, b_std=[0.3, 0.2, 0.4]), cyclic_shifts(6)
    kernel = AveragedKernel(inner, group)
    K, gradient = kernel(X, eval_gradient=True)
    values = inner(np.concatenate(group.orbits(X)), eval_gradient=True)
    for found, right in zip((K, gradient), values, strict=True):
        right = right.reshape(6, 12, 6, 12, -1).mean(axis=(0, 2)).reshape(found.shape)
        assert np.abs(found - right).max() <= 1e-13 * np.abs(right).max()
    assert np.abs(kernel.diag(X) - K.diagonal()).max() <= 1e-13 * K.max()
    assert np.abs(kernel(X, X[:3]) - K[:, :3]).max() <= 1e-13 * K.max()
    one = AveragedKernel(NetworkKernel(b_std_bounds="fixed"), group)
    model = GaussianProcessRegressor(one, alpha=1e-3).fit(X, y)
    assert model.log_marginal_likelihood_value_ > model.log_marginal_likelihood(one.theta)
    # Coefficients are below |y| / 1e-3, and the kernel is exact to 1e-13.
    assert np.abs(model.predict(X) - model.predict(np.roll(X, 1, axis=1))).max() <= 1e-8
    for again in (clone(kernel), pickle.loads(pickle.dumps(kernel))):
        assert again == kernel
        assert repr(again) == repr(kernel)
    again = kernel.clone_with_theta(kernel.theta + 1)
    assert again != kernel
    assert kernel.theta[0] + 1 == pytest.approx(again.theta[0])
    assert kernel.set_params(kernel__W_std=1.0).kernel.W_std == 1.0
    assert AveragedKernel(inner, group) != AveragedKernel(inner, generated([range(6)]))
    refused("Y must be None", kernel, X, X, eval_gradient=True)
    scaled = AveragedKernel(NetworkKernel(length_scale=[1, 2, 3, 4, 5, 6]), group)
    refused("kernel must have equal values", scaled, X)


def test_large_systems():
    """The residual is the stated one; a factor of full rank is the matrix, to rounding."""
    rng = np.random.default_rng(6)
    F = pivoted_cholesky(SHIFTS, X, 12, diagonal=SHIFTS.diag(X), rng=rng)
    K = SHIFTS(X)
    assert np.abs(F @ F.T - K).max() <= 1e-10 * K.max()
    found = ridge_solve(gram_operator(SHIFTS, X, block=5), y, 0.1)
    residual = np.linalg.norm(K @ found.coef + 0.1 * found.coef - y)
    assert residual <= found.residual * np.linalg.norm(y) + 1e-12


def test_dtypes_and_libraries():
    """float32 gives float32; Dask and the standard's arrays are served by the sum, as their own."""
    exact = SHIFTS(X, X[:5])
    single = SHIFTS(X.astype(np.float32), X[:5].astype(np.float32))
    assert single.dtype == np.float32
    assert np.abs(single - exact).max() <= 1e-6 * exact.max()
    signs = averaged(relu_ntk, generated(np.diag([-1, 1, 1, -1, 1, 1])[None]))
    for kernel in (averaged(relu_ntk, [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]]), signs):
        for make in (array_api_strict.asarray, partial(da.from_array, chunks=8)):
            for Z in (None, X[:5]):
                found = kernel(make(X), None if Z is None else make(Z))
                assert type(found) is type(make(X))
                assert np.abs(np.asarray(found) - kernel(X, Z)).max() <= 1e-13 * exact.max()


def test_tables_and_lists():
    assert (SHIFTS(X.tolist()) == SHIFTS(X)).all()


# -- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("elements", "message", "error"),
    [
        ([[0, 1, 2], [1, 2, 0]], r"closed under products, 1 before 1 is not in it", ValueError),
        ([[1, 2, 0], [2, 0, 1]], "must have the identity, got none", ValueError),
        ([[0, 1], [1, 0], [0, 1]], "each element once, 0 and 2 are equal", ValueError),
        ([[0, 1, 1]], "from 0 to 2 in each row, not so in element 0", ValueError),
        ([[0, 1], [-2, -1]], "from 0 to 1 in each row, not so in element 1", ValueError),
        ([[1, 2]], "from 0 to 1 in each row", ValueError),
        ([0, 1], r"got shape \(2,\)", ValueError),
        (np.zeros((2, 2, 3), int), r"got shape \(2, 2, 3\)", ValueError),
        (np.eye(2, dtype=int)[None] * 2, "one entry 1 or -1 and else 0", ValueError),
        ([[[1, 0], [1, 0]]], "one entry 1 or -1 and else 0 in each row and column", ValueError),
        ([[[1, 0], [1, -1]]], "one entry 1 or -1 and else 0 in each row and column", ValueError),
        ([[0, 1], [0]], "must have rows of one length", ValueError),
        (np.zeros((0, 3), int), "must not be empty", ValueError),
        ([[0.0, 1.0]], "must be whole numbers, got dtype float64", TypeError),
        ([[True, False]], "must be whole numbers, got dtype bool", TypeError),
        ("shifts", "must be whole numbers", TypeError),
    ],
)
def test_what_is_no_group(elements, message, error):
    refused(f"^group must .*{message}|{message}", averaged, relu_ntk, elements, error=error)
    refused(message, invariant_multiplicity, elements, 2, error=error)


def test_what_generates_too_much(monkeypatch):
    monkeypatch.setattr("ntklib.groups.elements._LARGEST", 1000)
    refused("at most 1000 elements", generated, [np.roll(range(9), 1), [1, 0, *range(2, 9)]])
    refused("generators must be whole numbers", generated, [[0.5]], error=TypeError)


@pytest.mark.parametrize(
    "kernel",
    [
        lambda X, Z=None: relu_ntk(X * range(1, 7), Z if Z is None else Z * range(1, 7)),
        lambda X, Z=None: relu_ntk(X + np.eye(6)[0], Z if Z is None else Z + 1),
        lambda X, Z=None: np.full((len(X), len(X if Z is None else Z)), np.nan),
    ],
)
def test_kernels_that_are_not_invariant(kernel):
    refused("equal values at k.gx, gz. and k.x, z.", averaged, kernel, cyclic_shifts(6))


def test_kernels_in_single_precision_are_taken():
    kernel = averaged(
        lambda *A: relu_ntk(*(np.float32(a) for a in A if a is not None)), [[1, 0], [0, 1]]
    )
    assert kernel(np.eye(2)).dtype == np.float32


def test_other_arguments():
    group = cyclic_shifts(6)
    refused("kernel must be callable, got 'relu_ntk'", averaged, "relu_ntk", group, error=TypeError)
    refused("method must be auto, sum or fft", averaged, relu_ntk, group, method="dft")
    refused("method must be sum or auto where", averaged, relu_ntk, [[0, 1]], method="fft")
    refused("for a kernel other than", averaged, gate_kernel, group, method="fft")
    refused("must have at least one length", cyclic_shifts)
    refused(r"grid\[1\] must be at least 1, got 0", cyclic_shifts, 2, 0)
    refused(r"grid\[0\] must be an integer", cyclic_shifts, (2, 3), error=TypeError)
    refused("k must be an integer", invariant_multiplicity, group, 2.0, error=TypeError)
    refused("k must be at least 0, got -1", invariant_multiplicity, group, -1)
    refused("must have 6 columns", SHIFTS, X[:, :5])
    refused("must have 6 columns", SHIFTS, X, X[:, :5])
    refused("must have 6 columns", SHIFTS.diag, X[:, :5])
    refused("must have 6 columns", group.orbits, X[:, :5])
    refused(r"Z must have shape \(n, 6\)", SHIFTS, da.from_array(X), da.from_array(X[:, :5]))
    fast = averaged(relu_ntk, group, method="fft")
    refused("NumPy's where method is fft, got Array", fast, da.from_array(X), error=TypeError)
    misshapen = averaged(lambda X, Z: relu_ntk(X, Z)[:3, :3], [[0, 1]])
    refused(r"kernel must return shape \(4, 5\) here", misshapen, np.ones((4, 2)), np.ones((5, 2)))
