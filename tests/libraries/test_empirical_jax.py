"""The empirical kernel of JAX functions against explicit Jacobians in float64."""

import re

import equinox
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from ntklib import empirical_ntk
from ntklib.empirical import cost, jax_kernel

jax.config.update("jax_enable_x64", True)
# Compiling takes most of the time here.
jax.config.update("jax_disable_most_optimizations", True)
EXACT = 1e-12


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed + sum(shape)).standard_normal(shape))


PARAMETERS = {
    "first": {"kernel": draw(5, 7), "bias": draw(7)},
    "second": {"kernel": draw(7, 6), "bias": draw(6)},
    "steps": jnp.asarray(3),
}
X, Z = draw(5, 5), draw(3, 5, seed=1)


def network(p, X):
    h = jnp.tanh(X @ p["first"]["kernel"] + p["first"]["bias"])
    return h @ p["second"]["kernel"] + p["second"]["bias"] * p["steps"]


def jacobian(f, p, X, layers=("first", "second")):
    """By `jax.jacrev` of the whole batch, shape (n, o, parameters)."""

    def of_floats(q):
        return f(p | q, X)

    J = jax.jacrev(of_floats)({key: p[key] for key in layers})
    leaves = jax.tree_util.tree_leaves(J)
    shape = f(p, X).shape
    rows = [np.asarray(leaf).reshape(shape[0], int(np.prod(shape[1:])), -1) for leaf in leaves]
    return np.concatenate(rows, axis=2)


def error(found, expected):
    assert isinstance(found, jax.Array)
    assert found.shape == expected.shape
    return float(np.abs(np.asarray(found) - expected).max() / np.abs(expected).max())


CASES = [  # each call compiles: not all combinations
    ("contract", 2, "full", Z),
    ("contract", 2, "diagonal", None),
    ("contract", None, "trace", Z),
    ("contract", None, 2, None),
    ("products", 2, "full", None),
    ("products", None, "diagonal", Z),
]


@pytest.mark.drawn(2)
@pytest.mark.parametrize(("method", "batch", "outputs", "other"), CASES)
def test_kernels_agree_with_explicit_jacobians(method, batch, outputs, other):
    J = jacobian(network, PARAMETERS, X)
    H = J if other is None else jacobian(network, PARAMETERS, other)
    full = np.einsum("iap,jbp->ijab", J, H)
    own = np.einsum("ijaa->ija", full)
    expected = {"full": full, "trace": own.sum(2), "diagonal": own, 2: own[:, :, 2]}[outputs]
    options = {"params": PARAMETERS, "method": method, "batch": batch, "outputs": outputs}
    found = empirical_ntk(network, X, other, **options)
    assert error(found, expected) <= EXACT
    assert found.dtype == jnp.float64
    if other is None and outputs == "full":
        assert bool((found == found.transpose(1, 0, 3, 2)).all())


def test_layers_shapes_and_functions_of_outputs():
    layers = empirical_ntk(network, X, params=PARAMETERS, by_layer=True, method="products")
    assert list(layers) == ["first", "second"]
    for layer, K in layers.items():
        J = jacobian(network, PARAMETERS, X, (layer,))
        assert error(K, np.einsum("iap,jbp->ijab", J, J)) <= EXACT

    def shaped(p, X):
        return {"y": network(p, X).reshape(-1, 2, 3), "X": X}

    found = empirical_ntk(shaped, X, params=PARAMETERS, outputs=lambda r: r["y"])
    J = jacobian(network, PARAMETERS, X)
    assert error(found, np.einsum("iap,jbp->ijab", J, J).reshape(5, 5, 2, 3, 2, 3)) <= EXACT


def test_single_precision_and_trees_of_examples():
    single = jax.tree_util.tree_map(lambda t: t.astype(jnp.float32), PARAMETERS)

    def two(p, given):
        return network(p, given["a"] * given["b"])

    given = {"a": X.astype(jnp.float32), "b": jnp.ones((5, 1), jnp.float32)}
    found = empirical_ntk(two, given, params=single | {"steps": jnp.asarray(3)})
    assert found.dtype == jnp.float32
    J = jacobian(network, PARAMETERS, X)
    exact = np.einsum("iap,jbp->ijab", J, J)
    # Sums of 90 products, each of numbers with a few roundings.
    assert float(jnp.abs(found - exact).max() / exact.max()) <= 100 * np.finfo(np.float32).eps


def test_a_module_of_equinox_by_its_own_partition():
    net = equinox.nn.MLP(5, 6, 7, 1, activation=jnp.tanh, key=jax.random.key(0))
    arrays, rest = equinox.partition(net, equinox.is_inexact_array)

    def whole(a, X):
        return jax.vmap(equinox.combine(a, rest))(X)

    layers = empirical_ntk(whole, X, params=arrays, by_layer=True)
    assert list(layers) == ["layers.0", "layers.1"]
    found = sum(layers.values())
    p = {
        name: {"kernel": layer.weight.T, "bias": layer.bias}
        for name, layer in zip(("first", "second"), net.layers, strict=True)
    }
    J = jacobian(network, p | {"steps": jnp.asarray(1)}, X)
    assert error(found, np.einsum("iap,jbp->ijab", J, J)) <= EXACT


DOUBLE = {"param_dtype": jnp.float64}
NORM = {"use_running_average": True, "epsilon": 0.0} | DOUBLE


class Linen(linen.Module):
    """Its weights are apart from it, and so are the running statistics of the norm."""

    @linen.compact
    def __call__(self, X):
        h = jnp.tanh(linen.Dense(7, name="first", **DOUBLE)(X))
        h = linen.BatchNorm(name="norm", **NORM)(h)
        return linen.Dense(6, name="second", **DOUBLE)(h)


class Stateful(nnx.Module):
    """The same with weights, statistics and random keys in it."""

    def __init__(self, rngs):
        self.first = nnx.Linear(5, 7, rngs=rngs, **DOUBLE)
        self.norm = nnx.BatchNorm(7, rngs=rngs, **NORM)
        self.drop = nnx.Dropout(0.5, deterministic=True, rngs=rngs)
        self.second = nnx.Linear(7, 6, rngs=rngs, **DOUBLE)

    def __call__(self, X):
        return self.second(self.drop(self.norm(jnp.tanh(self.first(X)))))


def normed(p, X):
    """Both by hand: the running mean is 0 and the variance 1."""
    h = jnp.tanh(X @ p["first"]["kernel"] + p["first"]["bias"])
    h = h * p["norm"]["scale"] + p["norm"]["bias"]
    return h @ p["second"]["kernel"] + p["second"]["bias"]


def test_modules_of_flax_by_their_own_ways():
    options = {"by_layer": True, "method": "contract"}
    net = Linen()
    variables = net.init(jax.random.key(0), X)
    p = variables["params"]

    def applied(p, X):
        return net.apply(variables | {"params": p}, X)

    layers = empirical_ntk(applied, X, params=p, **options)
    graph, state, rest = nnx.split(Stateful(nnx.Rngs(0)), nnx.Param, ...)

    def merged(p, X):
        return nnx.merge(graph, p, rest)(X)

    others = empirical_ntk(merged, X, params=state, **options)
    names = ["first", "norm", "second"]
    for found, weights in ((layers, p), (others, nnx.to_pure_dict(state))):
        assert list(found) == names
        for name in names:
            J = jacobian(normed, weights, X, (name,))
            assert error(found[name], np.einsum("iap,jbp->ijab", J, J)) <= EXACT


def test_leaves_of_other_precision_are_checked_in_their_own():
    p = PARAMETERS | {"shift": jnp.zeros(6, jnp.float32)}
    found = empirical_ntk(
        lambda p, X: network(p, X) + p["shift"], X, params=p, by_layer={"shift": ["shift"]}
    )
    assert found["shift"].dtype == jnp.float64
    assert bool((found["shift"] == jnp.eye(6)).all())


@jax.custom_vjp
def centered(y):
    return y


centered.defvjp(lambda y: (y, None), lambda _, g: (g - g.mean(0),))

REFUSED = {
    "depends on the other examples": {"f": lambda p, X: network(p, X - X.mean(0))},
    "at once are not those of each": {"f": lambda p, X: centered(network(p, X))},
    "must be finite": {"X": X.at[0].set(jnp.nan)},
    "must have arrays with one number of rows": {"Z": (X, Z)},
    "must not be empty": {"X": X[:0]},
    "params must be the parameters": {"params": None},
    "params must have leaves": {"params": {"n": jnp.asarray(1)}},
    "params['a'] must be finite": {"params": {"a": jnp.asarray(jnp.inf)}},
    "is for modules of torch": {"method": "structured"},
    "must have 1 rows": {"f": lambda p, X: network(p, X)[0]},
    "outputs must index the 6": {"outputs": -7},
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused(words):
    given = {"f": network, "X": X, "Z": None, "params": PARAMETERS} | REFUSED[words]
    f, points = given.pop("f"), given.pop("X")
    with pytest.raises(ValueError, match=re.escape(words)):
        empirical_ntk(f, points, **given)


def test_types_and_overflow():
    with pytest.raises(TypeError, match="must be one array of JAX, got tuple"):
        empirical_ntk(lambda p, X: (network(p, X), X), X, params=PARAMETERS)
    with pytest.raises(TypeError, match=r"params\['a'\] must be real"):
        empirical_ntk(network, X, params={"a": jnp.asarray(1j)})
    p = {"a": jnp.ones((5, 1), jnp.float32)}
    with pytest.raises(OverflowError, match="float32"):
        empirical_ntk(lambda p, X: X @ p["a"], X.astype(jnp.float32) * 1e30, params=p)


def test_cost_picks_products_where_rows_do_not_fit(monkeypatch):
    assert cost(network, X, params=PARAMETERS).method == "contract"
    monkeypatch.setattr(jax_kernel, "HELD", 100)
    assert cost(network, X, params=PARAMETERS).method == "products"
    J = jacobian(network, PARAMETERS, X)
    found = empirical_ntk(network, X, params=PARAMETERS, outputs="trace")
    assert error(found, np.einsum("iap,jap->ij", J, J)) <= EXACT


def test_the_residual_of_a_differential_equation():
    """Poisson's equation in one dimension: the kernel of u'' for u = sum_j a_j tanh(w_j x + b_j).

    By hand, with s = tanh: u'' = sum_j a_j w_j^2 s''(z_j), so the gradients in a_j, w_j, b_j are
    w_j^2 s'', 2 a_j w_j s'' + a_j w_j^2 x s''' and a_j w_j^2 s'''.
    """
    p = {name: draw(7, seed=k) for k, name in enumerate("wba")}

    def u(p, x):
        return p["a"] @ jnp.tanh(p["w"] * x + p["b"])

    def residual(p, x):
        return jax.vmap(jax.grad(jax.grad(u, 1), 1), (None, 0))(p, x)

    x = np.linspace(-1, 1, 6)
    w, b, a = (np.asarray(p[name]) for name in "wba")
    t = np.tanh(np.multiply.outer(x, w) + b)
    second = -2 * t * (1 - t**2)
    third = (1 - t**2) * (6 * t**2 - 2)
    parts = (w**2 * second, 2 * a * w * second + a * w**2 * x[:, None] * third, a * w**2 * third)
    J = np.concatenate(parts, axis=1)
    found = empirical_ntk(residual, jnp.asarray(x), params=p)
    assert error(found, J @ J.T) <= EXACT
