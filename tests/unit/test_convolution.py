"""Convolutional kernels: stored values, mpmath, patches, shifts, networks, bad input."""

import math

import mpmath as mp
import numpy as np
import pytest

from ntklib import activations, conv_nngp, conv_ntk, ntk, relu_ntk
from tests.unit import exact
from tests.unit.samples import stored

TOLERANCE = 1e-13
DATA = stored("conv_kernels.json")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", sorted(DATA["cases"]))
def test_stored_values(name):
    A, B = (np.array(DATA[k]) / math.sqrt(2) for k in "AB")
    depth = 2 if "L2" in name else 1
    options = dict(
        depth=depth,
        padding=next(p for p in ("same", "valid", "circular") if p in name.lower()),
        pool=(2, 1) if "avgpool2" in name else 1,
        readout="mean" if "gap" in name else "flatten",
        W_std=(math.sqrt(2),) * depth + (1.0,),
        b_std=0.1 if "bias" in name else 0.0,
    )
    case = DATA["cases"][name]
    np.testing.assert_allclose(conv_nngp(A, B, **options), case["AB_nngp"], rtol=TOLERANCE)
    np.testing.assert_allclose(conv_ntk(A, B, **options), case["AB_ntk"], rtol=TOLERANCE)
    K, right = conv_ntk(A, **options), np.array(case["AA_ntk"])
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(K[off], right[off], rtol=TOLERANCE)
    # Equal images: the library's arccos keeps half of the digits there; ours are tested below.
    np.testing.assert_allclose(K, right, rtol=1e-9)


def reference(
    x, z, *, depth, law, W_std, b_std, kernel_size, padding, readout, **layers
):  # one-dimensional signals
    """(xx, zz, xz) of NNGP and NTK, straight from the recursion, by dictionaries."""
    W, b = mp.mpf(W_std) ** 2, mp.mpf(b_std) ** 2
    strides, pools, skips = (
        layers.get(name, (default,) * depth)
        for name, default in (("stride", 1), ("pool", 1), ("residual", 0))
    )
    n = len(x)
    both = ((x, x), (z, z), (x, z))
    dot = lambda u, v: mp.fsum(mp.mpf(float(s)) * mp.mpf(float(t)) for s, t in zip(u, v))  # noqa: B905, E731
    E = [{(i, j): dot(s[i], t[j]) for i in range(n) for j in range(n)} for s, t in both]
    D = [dict.fromkeys(e, mp.mpf(0)) for e in E]
    history = []
    for stride, pool, skip in zip(strides, pools, skips, strict=True):
        size = (n - kernel_size) // stride + 1 if padding == "valid" else -(-n // stride)
        over = max(0, (size - 1) * stride + kernel_size - n)
        shift = 0 if padding == "valid" else over // 2

        def window(values, i, j, n=n, stride=stride, shift=shift):
            total = mp.mpf(0)
            for o in range(kernel_size):
                s, t = i * stride + o - shift, j * stride + o - shift
                if padding == "circular":
                    s, t = s % n, t % n
                total += values.get((s, t), 0)
            return W * total / kernel_size

        places = [(i, j) for i in range(size) for j in range(size)]
        K = [{p: window(e, *p) + b for p in places} for e in E]
        T = [{p: k[p] + window(d, *p) for p in places} for k, d in zip(K, D, strict=True)]
        history.append((K, T))
        if skip:
            before = history[-1 - skip]
            K, T = (
                [{p: v[p] + u[p] for p in places} for v, u in zip(*sides, strict=True)]
                for sides in ((K, before[0]), (T, before[1]))
            )
            history[-1] = (K, T)
        moments = [
            {
                (i, j): law(K[0 if c != 1 else 1][i, i], K[0 if c == 0 else 1][j, j], K[c][i, j])
                for i, j in places
            }
            for c in range(3)
        ]
        E = [{p: m[p][0] for p in places} for m in moments]
        D = [{p: t[p] * m[p][1] for p in places} for t, m in zip(T, moments, strict=True)]
        n = size // pool
        inside = [(s, t) for s in range(pool) for t in range(pool)]
        E, D = (
            [
                {
                    (i, j): mp.fsum(v[i * pool + s, j * pool + t] for s, t in inside) / pool**2
                    for i in range(n)
                    for j in range(n)
                }
                for v in values
            ]
            for values in (E, D)
        )
    pixels = [(i, j) for i in range(n) for j in range(n) if readout == "mean" or i == j]
    K = [W * mp.fsum(e[p] for p in pixels) / len(pixels) + b for e in E]
    return K, [k + W * mp.fsum(d[p] for p in pixels) / len(pixels) for k, d in zip(K, D)]  # noqa: B905


@pytest.fixture(params=["NumPy", "compiled"])
def way(request, monkeypatch):
    """Both ways of the arithmetic; without numba the first one twice."""
    start = 0 if request.param == "compiled" else 1 << 62
    monkeypatch.setattr("ntklib._engine.angular.COMPILED_FROM", start)


@pytest.mark.parametrize("readout", ["flatten", "mean"])
@pytest.mark.parametrize("padding", ["same", "valid", "circular"])
@pytest.mark.parametrize(("name", "b_std"), [("relu", 0.0), ("relu", 0.2), ("erf", 0.2)])
def test_in_many_digits(name, b_std, padding, readout, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 2))
    options = dict(depth=2, W_std=1.3, b_std=b_std, kernel_size=3, padding=padding, readout=readout)
    others = [x, -x, 2 * x, x + 1e-9 * rng.standard_normal(x.shape), rng.standard_normal(x.shape)]
    scales = [(1.0, 1.0)]
    if name == "relu" and not b_std:
        scales.append((2.0**-498, 2.0**498))
    for z in others:
        for a, c in scales:
            with mp.workdps(60):
                K, T = reference(a * x, c * z, law=exact.LAWS[name], **options)
                X, Z = a * x[None], c * z[None]
                for start in (0, 1 << 62):  # compiled, NumPy
                    monkeypatch.setattr("ntklib._engine.angular.COMPILED_FROM", start)
                    got = conv_nngp(X, Z, activation=name, **options)[0, 0]
                    assert exact.error(got, K) <= TOLERANCE
                    got = conv_ntk(X, Z, activation=name, **options)[0, 0]
                    assert exact.error(got, T) <= TOLERANCE


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", ["relu", "absolute", "erf"])
@pytest.mark.parametrize(
    "layers",
    [
        {"stride": (2, 1, 1)},
        {"stride": (1, 3, 2)},
        {"residual": (0, 1, 2)},
        {"residual": (0, 0, 1), "pool": (2, 1, 1)},
        {"pool": (1, 2, 2)},
        {"pool": (1, 1, 4), "residual": (0, 1, 0)},
    ],
    ids=str,
)
def test_strides_means_and_residuals_in_many_digits(name, layers):
    rng = np.random.default_rng(11)
    paddings = {"same": 8, "circular": 8} if "residual" in layers else {"circular": 8, "valid": 12}
    for padding, size in paddings.items():
        # One positive channel: all unit pixels are equal, and yet the signals differ.
        channels = 1 if name == "relu" else 2
        x, z = rng.uniform(0.1, 1, (2, size, channels))
        for readout in ("flatten", "mean"):
            options = dict(depth=3, W_std=1.3, b_std=0.2, kernel_size=3, padding=padding)
            options |= dict(readout=readout, **layers)
            with mp.workdps(40):
                K, T = reference(x, z, law=exact.LAWS[name], **options)
                X, Z = x[None], z[None]
                got = conv_nngp(X, Z, activation=name, **options)[0, 0]
                assert exact.error(got, K) <= TOLERANCE
                got = conv_ntk(X, Z, activation=name, **options)[0, 0]
                assert exact.error(got, T) <= TOLERANCE


@pytest.mark.parametrize("depth", [1, 3])
def test_one_pixel_is_the_fully_connected_kernel(depth):
    rng = np.random.default_rng(1)
    X, Z = rng.standard_normal((5, 4)), rng.standard_normal((3, 4))
    options = dict(depth=depth, W_std=1.2, b_std=0.3, activation="erf")
    one = dict(kernel_size=1, **options)
    for trained in ("all", "inner", {1}):
        right = ntk(X, Z, trained=trained, **options)
        for readout in ("flatten", "mean"):
            found = conv_ntk(X[:, None], Z[:, None], readout=readout, trained=trained, **one)
            np.testing.assert_allclose(found, right, rtol=1e-13)


@pytest.mark.parametrize("shape", [(7, 2), (5, 4, 3)])
def test_the_lecture_on_patches(shape):
    """Means of the lecture's kernel over the patches of two signals."""
    rng = np.random.default_rng(2)
    X, Z = rng.standard_normal((3, *shape)), rng.standard_normal((2, *shape))
    grid = tuple(range(1, len(shape)))
    window = 3 if len(shape) == 2 else (2, 3)
    sides = (3,) if len(shape) == 2 else (2, 3)

    def patches(signals):
        views = np.lib.stride_tricks.sliding_window_view(signals, sides, axis=grid)
        places = math.prod(views.shape[1 : len(shape)])
        return views.reshape(len(signals), places, -1)

    P, Q = patches(X), patches(Z)
    K = relu_ntk(P.reshape(-1, P.shape[2]), Q.reshape(-1, Q.shape[2]))
    K = K.reshape(*P.shape[:2], *Q.shape[:2])
    options = dict(
        depth=1,
        kernel_size=window,
        padding="valid",
        W_std=(math.sqrt(math.prod(sides)), 1),
        trained="inner",
    )
    np.testing.assert_allclose(
        conv_ntk(X, Z, readout="mean", **options), K.mean(axis=(1, 3)), atol=1e-14
    )
    np.testing.assert_allclose(
        conv_ntk(X, Z, readout="flatten", **options),
        np.einsum("ipjp->ij", K) / K.shape[1],
        atol=1e-14,
    )


def test_shifts_do_not_matter_to_a_mean():
    rng = np.random.default_rng(3)
    X, Z = rng.standard_normal((2, 3, 4, 5, 2))
    options = dict(depth=2, padding="circular", b_std=0.1)
    shifted = np.roll(X, (1, 2), axis=(1, 2))
    K = conv_ntk(X, Z, readout="mean", **options)
    np.testing.assert_allclose(conv_ntk(shifted, Z, readout="mean", **options), K, rtol=1e-13)
    # Pixel by pixel they do.
    K = conv_ntk(X, Z, **options)
    assert np.abs(conv_ntk(shifted, Z, **options) / K - 1).max() > 0.01


@pytest.mark.parametrize("options", [{}, {"readout": "mean"}, {"pool": 2}, {"pool": (1, 2)}])
def test_gram_matrix(options):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((9, 4, 4, 1))
    X[3], X[4], X[5], X[6, :2] = X[0], -X[1], 0, 0
    options = dict(depth=2, b_std=0.1, **options)
    K = conv_ntk(X, **options)
    np.testing.assert_array_equal(K, K.T)
    assert np.linalg.eigvalsh(K)[0] >= -1e-14 * np.trace(K)
    np.testing.assert_allclose(K[3], K[0], rtol=1e-13)
    # The same from two arrays, in which equal signals are found out.
    np.testing.assert_allclose(conv_ntk(X, X.copy(), **options), K, rtol=1e-13, atol=1e-15)


def test_nearly_equal_signals_after_a_mean():
    """The one place where half of the digits of an angle may go: 1 - cos has an error of ulps."""
    rng = np.random.default_rng(9)
    x = rng.standard_normal((1, 8, 2))
    options = dict(depth=2, pool=(2, 1))
    k = conv_ntk(x, **options)[0, 0]
    assert conv_ntk(x, x.copy(), **options)[0, 0] == pytest.approx(k, rel=1e-14)
    for size in (1e-15, 1e-12, 1e-9):
        z = x + size * rng.standard_normal(x.shape)
        # The kernel has slope one in the angle, of the order of `size`; 64 ulps in 1 - cos.
        error = math.sqrt(2 * 64 * np.finfo(float).eps) + 10 * size
        assert abs(conv_ntk(x, z, **options)[0, 0] / k - 1) <= error


def test_blocks_make_no_difference(monkeypatch):
    X = np.random.default_rng(5).standard_normal((7, 6, 2))
    for readout in ("flatten", "mean"):
        whole = conv_ntk(X, depth=2, readout=readout)
        other = conv_ntk(X, X[:5], depth=2, readout=readout)
        with monkeypatch.context() as patch:
            patch.setattr("ntklib._engine.sizes.CACHED", 150)
            np.testing.assert_array_equal(conv_ntk(X, depth=2, readout=readout), whole)
            np.testing.assert_array_equal(conv_ntk(X, X[:5], depth=2, readout=readout), other)


def test_float32():
    X = np.random.default_rng(6).standard_normal((6, 5, 5, 2)).astype(np.float32)
    K, right = conv_ntk(X, depth=3), conv_ntk(X.astype(np.float64), depth=3)
    assert K.dtype == np.float32
    np.testing.assert_allclose(K, right, rtol=2e-7)


def test_random_networks_have_the_kernel_as_their_mean():
    """With one convolution the mean over networks is the kernel at every number of channels."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal((2, 4, 2))  # two signals, four pixels on a ring, two channels
    W_std, b_std, channels, draws = 1.2, 0.4, 8, 20_000
    windows = np.stack([np.roll(x, 1 - o, axis=1) for o in range(3)], axis=2)  # (signal, i, o, c)
    w = rng.standard_normal((draws, channels, 3, 2))
    bias, v = rng.standard_normal((2, draws, channels))
    h = W_std / math.sqrt(3) * np.einsum("nioc,dmoc->dnim", windows, w)
    h += b_std * bias[:, None, None]
    y = np.maximum(h, 0).mean(axis=2)  # mean over pixels: (draw, signal, channel)
    covariance = W_std**2 / channels * np.einsum("dnm,dkm->dnk", y, y) + b_std**2
    inner = W_std**2 / 3 * np.einsum("nioc,kjoc->nikj", windows, windows) + b_std**2
    gate = (h >= 0) * v[:, None, None] / 4
    tangent = covariance + W_std**2 / channels * np.einsum(
        "dnim,dkjm,nikj->dnk", gate, gate, inner, optimize=True
    )
    options = dict(depth=1, padding="circular", readout="mean", W_std=W_std, b_std=b_std)
    for sample, kernel in ((covariance, conv_nngp), (tangent, conv_ntk)):
        z = (sample.mean(axis=0) - kernel(x, **options)) / sample.std(axis=0) * math.sqrt(draws)
        assert np.abs(z).max() <= 5
        options["b_std"] = 0.0
        z = (sample.mean(axis=0) - kernel(x, **options)) / sample.std(axis=0) * math.sqrt(draws)
        assert np.abs(z).max() > 5
        options["b_std"] = b_std


def deep_networks(x, m, draws, rng, *, W_std, b_std, strides, pool, skip):
    """Empirical covariance and tangent kernel of random networks of m channels, (draw, n, n).

    Three convolutions on a ring, ReLU; a mean after the second, a residual connection into it.
    """
    signals, pixels, channels = x.shape
    y = np.broadcast_to(x, (draws, *x.shape))
    layers, hs, incoming = [], [], channels
    for layer, stride in enumerate(strides):
        size = -(-pixels // stride)
        shift = max(0, (size - 1) * stride + 3 - pixels) // 2
        where = (np.arange(size)[:, None] * stride + np.arange(3) - shift) % pixels
        P = y[:, :, where].reshape(draws, signals, size, 3 * incoming)
        factor = W_std / math.sqrt(3 * (m if layer else 1))
        w = factor * rng.standard_normal((draws, 1, 3 * incoming, m))
        h = P @ w + b_std * rng.standard_normal((draws, 1, 1, m))
        if layer == 1 and skip:
            h = h + hs[0]
        hs.append(h)
        layers.append((P, w, factor, where, pixels, incoming))
        y = np.maximum(h, 0)
        if layer == 1:
            y = y.reshape(draws, signals, size // pool, pool, m).mean(axis=3)
        pixels, incoming = y.shape[2], m
    v = W_std / math.sqrt(m) * rng.standard_normal((draws, 1, 1, m))
    y = y.mean(axis=2)
    covariance = W_std**2 / m * (y @ y.swapaxes(1, 2)) + b_std**2
    tangent = covariance.copy()
    up, later = np.broadcast_to(v / pixels, hs[-1].shape), 0.0
    for layer in (2, 1, 0):
        P, w, factor, where, before, incoming = layers[layer]
        if layer == 1:
            up = np.repeat(up, pool, axis=2) / pool
        delta = up * (hs[layer] > 0) + (later if layer == 0 else 0.0)
        G = np.einsum("dnpa,dnpm->dnam", P, delta)
        H = delta.sum(axis=2)
        tangent += factor**2 * np.einsum("dnam,dkam->dnk", G, G, optimize=True)
        tangent += b_std**2 * (H @ H.swapaxes(1, 2))
        if layer == 1 and skip:
            later = delta
        if layer:
            back = (delta @ w.swapaxes(2, 3)).reshape(*delta.shape[:3], 3, incoming)
            up = np.zeros((draws, signals, before, incoming))
            for o in range(3):  # a stride of at most 3: no pixel twice in one position
                up[:, :, where[:, o]] += back[:, :, :, o]
    return covariance, tangent


def test_deep_random_networks_with_strides_means_and_residuals():
    """Averages at m channels are off by c/m + O(1/m^2): twice that at 2m, less that at m."""
    rng = np.random.default_rng(12)
    x = rng.standard_normal((2, 8, 2))
    scales = dict(W_std=1.2, b_std=0.3)
    draws = 1500
    networks = dict(strides=(1, 1, 2), pool=2, skip=True, **scales)
    small, large = (
        [
            np.concatenate(v)
            for v in zip(
                *(deep_networks(x, m, 100, rng, **networks) for _ in range(draws // 100)),
                strict=True,
            )
        ]
        for m in (24, 48)
    )
    options = dict(depth=3, padding="circular", readout="mean", stride=(1, 1, 2), pool=(1, 2, 1))
    for index, kernel in enumerate((conv_nngp, conv_ntk)):
        mean = 2 * large[index].mean(axis=0) - small[index].mean(axis=0)
        variance = 4 * large[index].var(axis=0) + small[index].var(axis=0)
        z = (mean - kernel(x, residual=(0, 1, 0), **options, **scales)) / np.sqrt(variance / draws)
        assert np.abs(z).max() <= 5
        # Without the residual connection it would be found out.
        z = (mean - kernel(x, **options, **scales)) / np.sqrt(variance / draws)
        assert np.abs(z).max() > 5


@pytest.mark.parametrize("layers", [{}, {"residual": (0, 1, 0)}, {"stride": (2, 1, 1)}], ids=str)
def test_compiled_and_single_precision(layers, monkeypatch):
    X = np.random.default_rng(13).uniform(-0.2, 1, (5, 8, 8, 3)).astype(np.float32)
    options = dict(depth=3, readout="mean", b_std=0.1, **layers)
    values = {}
    for start in (0, 1 << 62):
        monkeypatch.setattr("ntklib._engine.angular.COMPILED_FROM", start)
        values[start] = conv_ntk(X.astype(np.float64), **options)
        single = conv_ntk(X, **options)
        assert single.dtype == np.float32
        # In a layer 1 - r and the tangent kernel, sums of terms of one sign over 9 + 9 + 2
        # positions, are rounded at most 24 times each, functions of the angle another 8 times, and
        # before that unit pixels 8 times. Beyond a right angle there are only inputs, so that
        # 1 - r <= 2 passes this on to the kernel, over its scale, at most doubled.
        root = np.sqrt(np.diag(values[start]))
        bound = 2 * (3 * 32 * 2 + 8) * 2.0**-24
        assert np.abs((single - values[start]) / np.outer(root, root)).max() <= bound
        np.testing.assert_array_equal(single, single.T)
    np.testing.assert_allclose(values[0], values[1 << 62], rtol=TOLERANCE)


def test_threads_make_no_difference(monkeypatch):
    X = np.random.default_rng(14).standard_normal((6, 8, 8, 3))
    one = conv_ntk(X, depth=2, readout="mean")
    monkeypatch.setattr("ntklib._engine.threads.SMALL", 0)
    np.testing.assert_array_equal(conv_ntk(X, depth=2, readout="mean"), one)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"X": np.ones((2, 3))}, ValueError, r"X must have 3 or 4 or 5 dimension\(s\)"),
        ({"X": np.full((2, 3, 1), np.nan)}, ValueError, "X must be finite"),
        ({"Z": np.ones((2, 5, 1))}, ValueError, r"Z must have signals of shape \(4, 1\)"),
        ({"Z": np.ones((2, 4, 1, 1))}, ValueError, r"Z must have 3 dimension\(s\)"),
        ({"padding": "full"}, ValueError, "padding must be one of .* got 'full'"),
        ({"readout": "max"}, ValueError, "readout must be one of .* got 'max'"),
        ({"kernel_size": 0}, ValueError, "kernel_size must be at least 1"),
        ({"kernel_size": (3, 3)}, ValueError, "kernel_size must be one number or 1, one a dim"),
        ({"kernel_size": 5, "padding": "valid"}, ValueError, "kernel_size must be at most the sha"),
        ({"pool": 3}, ValueError, r"pool must divide the shape \(4,\) of the signal there"),
        ({"pool": (1, 1)}, ValueError, "pool must be one number or 1, one a layer"),
        ({"pool": 0}, ValueError, "pool must be at least 1"),
        ({"stride": 0}, ValueError, "stride must be at least 1"),
        ({"stride": (1, 1)}, ValueError, "stride must be one number or 1, one a layer"),
        ({"residual": 1}, ValueError, "residual must lead back to a layer, got 1 in layer 1"),
        ({"residual": -1}, ValueError, "residual must be at least 0"),
        ({"residual": True}, TypeError, "residual must be an integer"),
        (
            {"depth": 2, "residual": (0, 1), "stride": (1, 2)},
            ValueError,
            r"residual must join layers of one shape, got \(4,\) and \(2,\) in layers 1 and 2",
        ),
        ({"depth": 0}, ValueError, "depth must be at least 1"),
        ({"X": np.full((1, 4, 1), 1e160)}, OverflowError, "the kernel has values beyond"),
        ({"X": np.full((1, 4, 1), 99.0), "activation": "exp"}, OverflowError, "hidden layer 1"),
    ],
)
def test_bad_input(changes, error, match):
    arguments = {"X": np.ones((2, 4, 1)), "depth": 1, **changes}
    with pytest.raises(error, match=match):
        conv_ntk(arguments.pop("X"), arguments.pop("Z", None), **arguments)


def test_activation_without_closed_form():
    X = np.random.default_rng(8).standard_normal((2, 4, 1)) / 2
    own = conv_ntk(X, depth=1, activation=activations.erf)
    np.testing.assert_allclose(conv_ntk(X, depth=1, activation=activations.erf.f), own, rtol=1e-11)
