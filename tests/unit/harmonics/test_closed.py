"""Eigenvalues of the shallow ReLU kernels: against many digits, sums, Gram matrices, decay."""

import math
import time
from functools import partial

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntklib import gate_kernel, harmonics, relu_ntk, with_bias
from ntklib import relu_nngp as nngp
from ntklib.harmonics import eigenvalues, multiplicity
from tests.unit.harmonics import oracle

KERNELS = {
    "gate": (gate_kernel, oracle.gate),
    "tangent": (relu_ntk, oracle.tangent),
    "covariance": (nngp, oracle.covariance),
}
DEGREES = np.array([0, 1, 2, 3, 4, 7, 10, 31, 32, 33, 34, 99, 100, 500, 777, 999, 1000])


@pytest.mark.parametrize("d", [2, 3, 4, 10, 33, 100, 999, 1000])
@pytest.mark.parametrize("name", KERNELS)
def test_against_many_digits(name, d):
    """The promise is 1e-12; of logarithms it is that of values, where values underflow."""
    kernel, exact = KERNELS[name]
    with mp.workdps(40):
        right = [exact(d, int(k)) for k in DEGREES]
        logs = [mp.log(v) if v else -mp.inf for v in right]
        values, errors = eigenvalues(kernel, d, DEGREES, return_error=True)
        found, shares = eigenvalues(kernel, d, DEGREES, log=True, return_error=True)
        for k, v, e, w, s, r, log in zip(
            DEGREES, values, errors, found, shares, right, logs, strict=True
        ):
            if r == 0:
                assert v == e == s == 0
                assert w == -np.inf
                continue
            off = abs(mp.mpf(float(w)) - log)
            assert off <= 1e-12, (d, k)
            assert off <= s <= 1e-12
            if r > 1e-290:
                assert abs(mp.mpf(float(v)) - r) <= min(1e-12 * r, mp.mpf(float(e))), (d, k)


def test_the_first_of_the_tangent_kernel():
    np.testing.assert_allclose(
        eigenvalues(relu_ntk, 3, range(5)), [1 / 16, 1 / 12, 7 / 256, 0, 7 / 3072], rtol=1e-15
    )
    k = np.arange(0, 40, 2.0)
    circle = (k**2 + 1) / (math.pi * (k**2 - 1)) ** 2
    np.testing.assert_allclose(eigenvalues(relu_ntk, 2, np.arange(0, 40, 2)), circle, rtol=1e-14)
    for d in (2, 3, 17):
        assert eigenvalues(relu_ntk, d, 1) == pytest.approx(1 / (4 * d), rel=1e-15)


def test_scale_and_shape():
    k = np.arange(6).reshape(2, 3)
    scaled = eigenvalues(partial(partial(relu_ntk, eps=3.0), eps=2.0), 4, k)
    np.testing.assert_allclose(scaled, 4 * eigenvalues(relu_ntk, 4, k), rtol=1e-15)
    assert scaled.shape == (2, 3)
    assert np.ndim(eigenvalues(relu_ntk, 4, 2)) == 0
    assert eigenvalues(relu_ntk, 4, [0, 2]).shape == (2,)
    large = eigenvalues(partial(relu_ntk, eps=1e100), 4, 2, log=True)
    assert large == pytest.approx(eigenvalues(relu_ntk, 4, 2, log=True) + 200 * math.log(10))
    with pytest.raises(OverflowError, match="eigenvalues are beyond"):
        eigenvalues(partial(relu_ntk, eps=1e160), 4, 2)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 10**6), st.integers(0, 10**6))
def test_the_laplacian_takes_one_kernel_to_the_other(d, k):
    """(1 - Laplacian) nngp / d is the tangent kernel: 1 + k (k + d - 2) at degree k."""
    ntk, cov = (eigenvalues(kernel, d, k, log=True) for kernel in (relu_ntk, nngp))
    if k % 2 and k > 1:
        assert ntk == cov == -np.inf
    else:
        # Each logarithm is off by an ulp of its largest term, which is below d + k.
        near = 1e-14 + 1e-15 * abs(ntk)
        assert ntk - cov == pytest.approx(math.log((1 + k * (k + d - 2)) / d), abs=near)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("d", [2, 3, 6, 50])
def test_the_gates_make_the_others(d, beta):
    k = np.arange(1, 30)
    mu = eigenvalues(gate_kernel, d, np.arange(31), bias=beta)
    below, above = k * mu[k - 1], (k + d - 2) * mu[k + 1]
    np.testing.assert_allclose(
        eigenvalues(relu_ntk, d, k, bias=beta),
        (below + above) / (2 * k + d - 2) + beta**2 * mu[k],
        rtol=1e-12,
    )
    shifted = eigenvalues(gate_kernel, d + 2, k - 1, bias=beta) / d
    np.testing.assert_allclose(eigenvalues(nngp, d, k, bias=beta), shifted, rtol=1e-12)


@pytest.mark.parametrize(("name", "d", "beta"), [("tangent", 3, 0.25), ("covariance", 2, 1.0)])
def test_with_a_bias_against_many_digits(name, d, beta):
    """To the last digits also where a direct integral in float64 has lost half of them."""
    degrees = [0, 1, 12]
    found, errors = eigenvalues(KERNELS[name][0], d, degrees, bias=beta, return_error=True)
    with mp.workdps(20):  # the oracle's integrand is smooth in each part
        for k, value, error in zip(degrees, found, errors, strict=True):
            right = oracle.integral(name, d, k, beta)
            assert abs(value - right) <= min(1e-12 * right, error), k


@pytest.mark.parametrize("beta", [0.25, 3.0])
@pytest.mark.parametrize("d", [2, 3, 10, 300])
@pytest.mark.parametrize("name", KERNELS)
def test_with_a_bias_against_the_kernel_itself(name, d, beta):
    """Integrated as any other kernel, of points that have the coordinate in place."""
    kernel, k = KERNELS[name][0], np.arange(12)
    found, error = eigenvalues(
        lambda X, Z: kernel(with_bias(X, beta), with_bias(Z, beta)), d, k, return_error=True
    )
    assert (np.abs(found - eigenvalues(kernel, d, k, bias=beta)) <= error).all()


@pytest.mark.parametrize("name", KERNELS)
def test_a_small_bias_is_next_to_none(name):
    kernel = KERNELS[name][0]
    k = np.arange(40)
    without = eigenvalues(kernel, 5, k)
    for beta in (1e-3, -1e-6):
        near = eigenvalues(kernel, 5, k, bias=beta)
        assert (near > 0).all()
        # beta^2 log(1 / beta), times at most k^2 of an eigenvalue: loose, but of the right order.
        assert np.abs(near - without).max() <= 20 * beta**2 * math.log(1 / abs(beta))


@pytest.mark.parametrize("beta", [0.5, 1.0])
@pytest.mark.parametrize("d", [2, 3, 5])
def test_decay(d, beta):
    """Even degrees like C (k + (d-2)/2)^-d; with a bias both parities, each by its constant."""
    k = np.array([1000, 1001])
    C = 2 ** (d - 2) * math.gamma(d / 2) ** 2 / math.pi**2
    rate = C * (k + (d - 2) / 2) ** -float(d)
    plain = eigenvalues(relu_ntk, d, k) / rate
    # The next term is of order d^3 / k^2.
    assert plain[0] == pytest.approx(1, abs=d**3 / k[0] ** 2)
    assert plain[1] == 0
    normalized = eigenvalues(relu_ntk, d, k, bias=beta) / (1 + beta**2) / rate
    # There it is of order 1 / k, as the caps of neurons reach to the edge.
    np.testing.assert_allclose(normalized, 1 / (2 * math.sqrt(1 + beta**2)), rtol=10 / k[0])


@pytest.mark.parametrize("d", [2, 3, 4])
def test_they_sum_to_the_trace(d):
    """What is left after degree K is about C' / K, by the decay; the trace itself is 1/2."""
    C = 2 ** (d - 2) * math.gamma(d / 2) ** 2 / math.pi**2 * 2 / math.factorial(d - 2)
    left = {K: harmonics.truncation_error(relu_ntk, d, K) for K in (500, 1000)}
    for K, value in left.items():
        # N lambda is 2 C / (d-2)! k^-2 for even k, and the first one left out is K + 2.
        assert value == pytest.approx(C / 2 / K, rel=2 * d / K)
    counts = multiplicity(d, np.arange(1001)).astype(float)
    total = counts @ eigenvalues(relu_ntk, d, np.arange(1001))
    assert total + left[1000] == pytest.approx(0.5, abs=1e-14)


@pytest.mark.parametrize("n", [5, 6, 9])
def test_the_gram_matrix_of_a_polygon_sums_aliases(n):
    """It is circulant: at frequency k it has n times the sum of lambda_j over j = k mod n."""
    angle = 2 * np.pi * np.arange(n) / n
    K = relu_ntk(np.column_stack([np.cos(angle), np.sin(angle)]))
    top = 10**5 - 10**5 % n
    lam = eigenvalues(relu_ntk, 2, np.arange(top + 1))
    alias = np.array([sum(lam[abs(s * k) :: n].sum() for s in (1,)) for k in range(n)])
    # Frequencies j and -j are one degree: j = k mod n or -j = k mod n, and 0 is both.
    found = n * np.array([alias[k] + alias[-k % n] - (lam[0] if k == 0 else 0) for k in range(n)])
    right = np.fft.fft(K[0]).real
    # Of each alias lambda_j <= 2 / (pi j)^2 past the top, with at most two in n consecutive j.
    left_out = 2 * n * 2 / math.pi**2 / (n * (top - n))
    assert (right - found >= -1e-13).all()
    assert (right - found <= left_out * n).all()
    assert left_out * n < 1e-3


def test_a_thousand_degrees_are_quick():
    """The promise is 10 ms; the smallest of five tries, on a machine that does other things too."""
    k = np.arange(1001)
    eigenvalues(relu_ntk, 10, k)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        eigenvalues(relu_ntk, 10, k)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.01


def test_multiplicities():
    assert multiplicity(3, 4) == 9
    assert [multiplicity(2, k) for k in range(4)] == [1, 2, 2, 2]
    assert multiplicity(1000, 1000) % 10**6 == (math.comb(1999, 999) - math.comb(1997, 999)) % 10**6
    many = multiplicity(7, [[0, 1], [2, 3]])
    assert many.tolist() == [[1, 7], [27, 77]]
    assert isinstance(many[1, 1], int)
    # All up to a degree are the polynomials of it and of one less, homogeneous.
    for d in (2, 5):
        total = sum(multiplicity(d, k) for k in range(11))
        assert total == math.comb(10 + d - 1, d - 1) + math.comb(9 + d - 1, d - 1)
