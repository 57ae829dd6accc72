"""One function for all libraries: which one a model belongs to, and what it is asked."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from ntklib._validate import Array
from ntklib.empirical import shallow
from ntklib.empirical.adapted import AdaptedModel, one_output
from ntklib.empirical.cost import Cost
from ntklib.empirical.request import parse_batch, parse_method, parse_outputs
from ntklib.model import Model


def _library(model: object, params: object, part: str) -> Any:
    """The module that serves this model; None for a model of this package's protocol.

    torch and JAX are loaded only for what cannot be without them.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        return import_module(f"ntklib.empirical.torch_{part}")
    if hasattr(model, "empirical_ntk") and hasattr(model, "jacobian"):
        return None
    if not callable(model):
        raise TypeError(
            "model must be a module of torch, a JAX function f(params, X) or a model with the "
            f"methods of ntklib.model.Model, got {type(model).__name__}"
        )
    if params is None:
        raise ValueError("params must be the parameters of a function f(params, X), got None")
    try:
        import_module("jax")
    except ImportError as error:
        raise ImportError("a function f(params, X) needs JAX: pip install 'ntklib[jax]'") from error
    return import_module(f"ntklib.empirical.jax_{part}")


def empirical_ntk(
    model: Any,
    X: Any,
    Z: Any = None,
    *,
    params: Any = None,
    outputs: Any = "full",
    by_layer: Any = False,
    batch: int | None = None,
    method: str = "auto",
    check: bool = True,
) -> Any:
    r"""The kernel :math:`\langle\partial_wF_a(x_i;w),\partial_wF_b(z_j;w)\rangle` of any network.

    Of two inputs it is the inner product of the gradients of their outputs in the parameters, at
    the parameters that the model has: the kernel of its linearization there.

    Parameters
    ----------
    model : torch.nn.Module, function of JAX, or :class:`ntklib.model.Model`
        A module as it is. A function ``f(params, X)`` of JAX takes the parameters as a tree, and
        returns the outputs of all examples of ``X``. Of flax that is, with the ``variables`` of a
        module, ``lambda p, X: net.apply(variables | {"params": p}, X)`` at
        ``variables["params"]``; of ``graph, p, rest = nnx.split(net, nnx.Param, ...)`` it is
        ``lambda p, X: nnx.merge(graph, p, rest)(X)``, where running statistics stay in the rest;
        and of ``arrays, rest = equinox.partition(net, equinox.is_inexact_array)`` it is
        ``lambda a, X: jax.vmap(equinox.combine(a, rest))(X)``.
    X : tensor or array, or a tuple or dict of them
        Examples, one for each index of the first axis. A module takes the items of a tuple by
        place and those of a dict by name; a function of JAX takes any tree as it is.
    Z : optional
        Other examples, of the same kind; ``X`` itself when left out or None, and then only half of
        the kernel is computed.
    params : optional
        For a module names of parameters or of layers that count, all that require gradients when
        left out; for a function of JAX, the tree of parameters, of which leaves of floating
        numbers count; for a :class:`ntklib.model.Model`, its weights.
    outputs : str, int, function or pair
        What is kept of the pairs of outputs: ``"full"``; ``"trace"``, the sum of each output with
        itself; ``"diagonal"``, each output with itself; an integer, that one output with itself.
        Or a function that takes the model's output, whatever it is, to one tensor with the
        examples on its first axis, such as ``lambda y: y["logits"]``; or the pair of a function
        and one of the others.
    by_layer : bool or mapping
        Whether a dict is returned with the kernel of each layer, by the layer's name; their sum is
        the whole kernel. A mapping takes names of groups to names of parameters or layers, and
        leaves out the parameters that it does not name. A parameter that several layers share
        belongs to the first.
    batch : int, optional
        Examples whose gradients are held at a time. When left out, as many as fit in one GB.
    method : str
        ``"structured"``, for modules: layer by layer from activations and gradients of the
        outputs, never a Jacobian; parameters used in a way that it does not know go by
        ``"contract"``. ``"contract"``: Jacobians in blocks. ``"products"``: a gradient of one
        output at a time, and its product with the Jacobian. ``"auto"`` takes the one with the
        least work that fits, as :func:`ntklib.empirical.cost` says.
    check : bool
        Whether the model is asked for what the kernel needs, at the cost of two or three passes:
        that its output for an example does not depend on the other examples or on chance, that the
        gradients found sum to those that the library finds for all examples at once, and that no
        parameter moves the output without a gradient. False takes such parameters as constant.

    Returns
    -------
    tensor or array, shape (n, n', ...)
        In the dtype and on the device of the model's output. With outputs of shape ``s`` the rest
        of the shape is ``(*s, *s)`` for ``"full"``, ``s`` for ``"diagonal"``, and nothing for a
        trace or a single output. With ``Z`` left out it is exactly symmetric. With ``by_layer`` a
        dict of them.

    Raises
    ------
    ValueError
        An argument that is none of the above, not finite or empty; parameters that are frozen or
        unknown; a model whose output for an example depends on the others (batch normalization in
        training) or on chance (active dropout), named where it is a layer; ``"products"`` where
        the library has no forward derivative; ``"structured"`` where no parameter is used in a way
        that it knows.
    TypeError
        Arguments of wrong types; parameters or outputs that are not float32 or float64.
    OverflowError
        Values beyond the range of the dtype.
    ImportError
        A function of JAX where JAX is not installed.

    Notes
    -----
    Statement: :prf:ref:`dfn-kernel`, for networks with several outputs. A module, its parameters,
    their gradients, its mode, its buffers and the states of the random generators are as they were
    before, also after an error. A compiled module runs as it was written, and autocast is off.

    The structured method knows linear layers, convolutions and transposed ones in one to three
    dimensions, products with a parameter, embeddings, normalization by layer, group, root mean
    square or by running statistics, and parameters that are added, multiplied or repeated, however
    often each is used; also rows of a parameter where they do not overlap, so all of
    ``nn.MultiheadAttention``.
    """
    asked, size, to = parse_outputs(outputs), parse_batch(batch), parse_method(method)
    library = _library(model, params, "kernel")
    options = {"params": params, "outputs": asked, "by_layer": by_layer, "method": to}
    if library is None:
        return shallow.empirical_ntk(model, X, Z, **options)
    return library.empirical_ntk(model, X, Z, batch=size, check=bool(check), **options)


def cost(
    model: Any,
    X: Any,
    Z: Any = None,
    *,
    params: Any = None,
    outputs: Any = "full",
    batch: int | None = None,
    method: str = "auto",
) -> Cost:
    """What :func:`ntklib.empirical_ntk` would do with these arguments, and how much of it.

    The model runs once on one or two examples; nothing else is computed.

    Parameters
    ----------
    model, X, Z, params, outputs, batch, method
        As for :func:`ntklib.empirical_ntk`; the model is a module of torch or a function of JAX.

    Returns
    -------
    :class:`ntklib.empirical.Cost`

    Raises
    ------
    ValueError, TypeError, ImportError
        As :func:`ntklib.empirical_ntk`.
    """
    asked, size, to = parse_outputs(outputs), parse_batch(batch), parse_method(method)
    library = _library(model, params, "kernel")
    if library is None:
        raise TypeError("model must be a module of torch or a function of JAX: others have one way")
    found: Cost = library.cost(model, X, Z, params=params, outputs=asked, batch=size, method=to)
    return found


def as_model(
    model: Any,
    *,
    params: Any = None,
    outputs: Any = None,
    batch: int | None = None,
    check: bool = True,
) -> tuple[Model, Array]:
    r"""A module of torch or a function of JAX as a :class:`ntklib.model.Model`, and its weights.

    With both it is linearized, projected and fitted as the lecture's network is:
    ``lin = Linearization(*as_model(net))``.

    Parameters
    ----------
    model : torch.nn.Module or function of JAX
        As for :func:`ntklib.empirical_ntk`.
    params : optional
        As there: for a module which of its parameters are trained, for a function of JAX the tree
        of them.
    outputs : int, function or pair, optional
        Which number is the output for an example: an integer counts the outputs, a function takes
        the model's output, whatever it is, to one number for each example; or the pair of a
        function and an integer. Left out for a model with one output.
    batch : int, optional
        Examples that are passed through the model at a time, and whose gradients are held. When
        left out 64 are passed, and gradients as many as fit in one GB.
    check : bool
        Whether each call checks the model as :func:`ntklib.empirical_ntk` does, at the cost of a
        few passes.

    Returns
    -------
    model : :class:`ntklib.model.Model`
        Its methods take the examples as :func:`ntklib.empirical_ntk` does, and arrays of NumPy in
        place of tensors.
    W0 : ndarray, shape (p,)
        The trained parameters one after another: in the order of ``module.parameters()``, or of
        the leaves of the tree. In float64 where one of them is, else float32; so are the results.

    Raises
    ------
    ValueError, TypeError, OverflowError, ImportError
        As :func:`ntklib.empirical_ntk`, and likewise the methods; also several outputs of which
        none was picked, and weights or examples of NumPy that have more digits than the parameters.

    Notes
    -----
    Statements: :prf:ref:`dfn-linearization`, :prf:ref:`thm-minimum-norm`. A module is run at other
    weights without a change of it: other tensors stand in the places of its parameters. What is not
    trained, buffers too, is as it is at the time of the call.

    The minimum-norm fit of a network that has no Jacobian of 400 MB or less goes by its kernel,
    which :func:`ntklib.empirical_ntk` computes without one, and a gradient of all examples at once.
    Of a model in float32 that finds only directions whose singular values are above
    :math:`\sqrt{n\epsilon}` of the largest, a few thousandths: a fit wants a model in float64.
    """
    asked, size = one_output(outputs), parse_batch(batch)
    library = _library(model, params, "model")
    if library is None:
        raise TypeError(
            "model must be a module of torch or a function of JAX: one with the methods of "
            "ntklib.model.Model is a model already"
        )
    network = library.NETWORK(model, params, asked, bool(check))
    return AdaptedModel(network, size), network.start()
