"""What a deep network is: scales of each layer, which are trained, and what is refused."""

import math

import pytest

from ntklib.architecture import architecture

WHOLE = {"depth": 2, "activation": "relu", "W_std": 1.0, "b_std": 0.0, "trained": "all"}


@pytest.mark.parametrize(
    ("trained", "layers"),
    [
        ("all", (True, True, True)),
        ("inner", (True, True, False)),
        ("readout", (False, False, True)),
        ({1, 3}, (True, False, True)),
        ([2, 2], (False, True, False)),
    ],
)
def test_layers_that_are_trained(trained, layers):
    assert architecture(**WHOLE | {"trained": trained}).trained == layers


def test_scales_of_each_layer():
    net = architecture(**WHOLE | {"W_std": 1.2, "b_std": [0, 0.5, 0.25]})
    assert net.weights == (1.2, 1.2, 1.2)
    assert net.biases == (0, 0.5, 0.25)


@pytest.mark.parametrize(
    ("changes", "homogeneous"),
    [({}, True), ({"b_std": (0, 0, 0.1)}, False), ({"activation": "erf"}, False)],
)
def test_norms_may_be_factored_out_without_biases(changes, homogeneous):
    assert architecture(**WHOLE | changes).homogeneous is homogeneous


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"depth": 0}, ValueError, "depth must be at least 1, got 0"),
        ({"depth": 2.0}, TypeError, "depth must be an integer"),
        ({"depth": True}, TypeError, "depth must be an integer"),
        ({"W_std": 0}, ValueError, "W_std must be positive, got 0"),
        ({"W_std": -1.0}, ValueError, "W_std must be positive, got -1"),
        ({"W_std": math.nan}, ValueError, "W_std must be finite"),
        ({"W_std": "2"}, TypeError, "W_std must be real numbers"),
        ({"W_std": (1, 1)}, ValueError, "W_std must be one number or 3, one a layer, got 2"),
        ({"W_std": (1, 1, 0)}, ValueError, r"W_std\[2\] must be positive"),
        ({"W_std": 1j}, TypeError, "W_std must be real numbers"),
        ({"b_std": -0.1}, ValueError, "b_std must be at least 0, got -0.1"),
        ({"b_std": (0, -1, 0)}, ValueError, r"b_std\[1\] must be at least 0"),
        ({"b_std": math.inf}, ValueError, "b_std must be finite"),
        ({"activation": "rely"}, ValueError, "activation must be one of .* got 'rely'"),
        ({"activation": 3}, TypeError, "activation must be a name, an Activation or callable"),
        ({"trained": "some"}, ValueError, "trained must be one of .* got 'some'"),
        ({"trained": 1}, TypeError, "trained must be a name or layer numbers, got 1"),
        ({"trained": {0}}, ValueError, "each layer in trained must be at least 1"),
        ({"trained": {1.0}}, TypeError, "each layer in trained must be an integer"),
        ({"trained": {4}}, ValueError, r"trained must name layers from 1 to 3, .* got \[4\]"),
        ({"trained": ()}, ValueError, "at least one, got"),
    ],
)
def test_bad_input(changes, error, match):
    with pytest.raises(error, match=match):
        architecture(**WHOLE | changes)
