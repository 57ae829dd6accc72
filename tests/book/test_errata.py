"""Errors of released versions do not come back; each entry of the list is complete."""

import ast
import json
import re
from pathlib import Path

import numpy as np
import pytest

from ntklib import Linearization, ShallowNetwork, ntk
from ntklib.harmonics import eigenvalues
from website import errata

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = ROOT / "chapters"
LISTED = errata.read((ROOT / errata.SOURCE).read_text(encoding="utf-8"))


def prose(page: str) -> str:
    cells = json.loads((CHAPTERS / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


# ---- The list ------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", LISTED, ids=lambda one: f"erratum {one['number']}")
def test_each_is_pinned_by_a_test_that_is_there(one):
    path, name = one["test"].split("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


SOUND = """
- {number: 1, where: [limit], said: a, right: b, since: '0.1.0', until: '0.2.0',
   test: tests/book/test_errata.py::test_it}
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("said: a, ", "", "needs 'said', a str"),
        ("where: [limit]", "where: limit", "needs 'where', a list"),
        ("where: [limit]", "where: []", "needs 'where', a list"),
        ("number: 1", "number: 3", "must have the number 1"),
        ("'0.1.0'", "0.1", "needs 'since', a str"),
        ("'0.1.0'", "first", "must be a version"),
        ("test: tests", "test: chapters", "must be tests/FILE.py::NAME"),
        ("said: a", "said: a, by: me", "unknown ['by']"),
    ],
)
def test_a_bad_entry_is_refused(old, new, told):
    assert len(errata.read(SOUND)) == 1
    with pytest.raises(ValueError, match=re.escape(told)):
        errata.read(SOUND.replace(old, new))


# ---- The errors ----------------------------------------------------------------------------------


def test_at_the_initial_weights_both_functions_agree():
    """Erratum 1. One and the same expression is computed: to rounding."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6, 4))
    for activation in ("relu", "tanh"):
        net, W0 = ShallowNetwork.random(4, 50, rng=rng, activation=activation)
        np.testing.assert_allclose(Linearization(net, W0)(X, W0), net(X, W0), rtol=1e-13)
    rows = [re.search(r"^\| 50 .*", text, re.M)[0] for text in (prose("limit"), scan())]
    assert [bool(re.search("slip", row, re.I)) for row in rows] == [False, False]


def scan() -> str:
    return (CHAPTERS / "scan.md").read_text(encoding="utf-8")


def test_a_small_bias_brings_in_odd_degrees_with_a_logarithm():
    """Erratum 2. Of C b^2 log(1/b) + O(b^2) the quotient by b^2 grows by C log 10 a decade."""

    def quotient(b):
        return eigenvalues(lambda X, Z: ntk(X, Z, depth=1, b_std=[b, 0.0]), 2, [3])[0] / b**2

    first, second = np.diff([quotient(b) for b in (1e-1, 1e-2, 1e-3)])
    assert second > 0.5 * first > 0
    assert "in proportion to its square" not in prose("gallery")


def test_straight_pieces_need_no_kink_at_zero():
    """Erratum 3. Where no neuron leaves its piece, the network is its linearization."""
    rng = np.random.default_rng(1)
    net, W0 = ShallowNetwork.random(3, 40, rng=rng, activation="hardtanh")
    x = rng.standard_normal((1, 3))
    W = W0 + 1e-4 * rng.standard_normal(W0.shape)
    pieces = [np.searchsorted([-1.0, 1.0], (x @ V.T)[0]) for V in (W0, W)]
    assert (pieces[0] == pieces[1]).all()
    assert set(pieces[0]) == {0, 1, 2}
    np.testing.assert_allclose(net(x, W), Linearization(net, W0)(x, W), rtol=1e-12)
    assert "straight on either side of zero, and no other" not in prose("linearization")


def test_no_scale_removes_the_jumps_of_a_doubled_relu_network():
    """Erratum 4. The fit moves by 1/eps, the jumps are eps times the move: the same to rounding."""
    jumps = []
    for eps in (1.0, 1e6):
        rng = np.random.default_rng(2)
        net, W0 = ShallowNetwork.random(2, 6, rng=rng, eps=eps, doubled=True)
        fit = Linearization(net, W0).fit(rng.standard_normal((4, 2)), rng.standard_normal(4))
        unit = W0 / np.linalg.norm(W0, axis=1, keepdims=True)
        borders = np.column_stack([unit[:, 1], -unit[:, 0]])
        jumps.append(fit.predict(borders + 1e-9 * unit) - fit.predict(borders - 1e-9 * unit))
    assert abs(jumps[0]).max() > 0.1
    np.testing.assert_allclose(jumps[1], jumps[0], atol=1e-7)
    assert "A doubled one becomes lazy by width or by scale" not in prose("limit")


def test_weights_on_the_borders_of_gates_are_an_exception():
    """Erratum 5. The gate of 0 is open, so a border breaks the symmetry of an antipodal pair."""
    angles = np.array([0.3, 1.2, 2.4])
    half = np.column_stack([np.cos(angles), np.sin(angles)])
    X = np.vstack([half, -half])
    net, W0 = ShallowNetwork.random(2, 40, rng=np.random.default_rng(3))
    assert np.linalg.matrix_rank(net.empirical_ntk(X, W=W0)) == 5
    Z = np.vstack([np.eye(2), -np.eye(2), [[1.0, 1.0], [-1.0, -1.0]]])  # borders without rounding
    V = W0.copy()
    V[:6] = [[0, 1], [0, -1], [1, 0], [-1, 0], [1, -1], [-1, 1]]
    assert np.linalg.matrix_rank(net.empirical_ntk(Z, W=W0)) == 5
    assert np.linalg.matrix_rank(net.empirical_ntk(Z, W=V)) == 6
    assert "whatever its width and its draw" not in prose("invertibility")


def test_a_definite_matrix_may_stop_a_factorization():
    """Erratum 6. Of Fibonacci numbers below 2^53, with determinant one, and some stop it."""
    fibonacci = [1, 1]
    while len(fibonacci) < 77:
        fibonacci.append(fibonacci[-2] + fibonacci[-1])
    stopped = 0
    for k in range(44, 75, 2):
        a, b, c = fibonacci[k : k + 3]
        assert a * c - b * b == 1  # in whole numbers, so that a and the determinant are positive
        assert c < 2**53
        try:
            np.linalg.cholesky(np.array([[a, b], [b, c]], dtype=float))
        except np.linalg.LinAlgError:
            stopped += 1
    assert stopped > 0
    assert "so that a Cholesky factorization succeeds" not in prose("guide")


def test_the_span_cites_a_theorem_about_training_for_training():
    """Erratum 7."""
    (sentence,) = re.findall(r"[^.]*theorem about training[^.]*\.", prose("span"))
    assert "{prf:ref}`thm-lazy`" in sentence
