"""Deep kernels with the interface of GPyTorch; public as `ntklib.gaussian_process`.GPyTorchKernel.

Needs GPyTorch, which nothing else in the package imports.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ntklib.architecture import ActivationLike, Trained, architecture
from ntklib.deep import nngp, ntk

try:
    import torch
    from gpytorch.constraints import Interval, Positive
    from gpytorch.kernels import Kernel
except ImportError as error:
    raise ImportError(
        "GPyTorchKernel needs GPyTorch 1.13 or newer: pip install 'ntklib[gpytorch]'"
    ) from error


class GPyTorchKernel(Kernel):  # type: ignore[misc]
    r"""NTK or NNGP kernel of a fully connected network, for GPyTorch and BoTorch.

    The kernel of :class:`NetworkKernel`, whose scales are parameters that an optimizer of torch
    trains. Derivatives in the points pass through it too, as BoTorch needs them.

    Parameters
    ----------
    depth : int
        Hidden layers, at least 1.
    activation : str, Activation or Dual
        As for :func:`ntklib.ntk`; it must have a closed form, or be a
        :class:`ntklib.expectations.Mixture`, as tanh and gelu are.
    W_std, b_std : float or sequence of depth + 1 floats
        The scales at the start, of all layers or one a layer: weights positive, biases at least 0.
        Biases that are all 0 stay 0 and are no parameter.
    kind : {"ntk", "nngp"}
        Tangent kernel or covariance at random weights.
    trained : {"all", "inner", "readout"} or iterable of int
        Layers of the network that are trained, for ``"ntk"``; as for :func:`ntklib.ntk`.
    W_std_constraint, b_std_constraint : gpytorch.constraints.Interval, optional
        Positive numbers when left out.
    **options
        Those of ``gpytorch.kernels.Kernel``, such as ``batch_shape`` and ``active_dims``.

    Raises
    ------
    ValueError, TypeError
        As :func:`ntklib.ntk`, and for an unknown ``kind``; when called, for points that are not
        finite, an activation without closed form, and ``last_dim_is_batch``.

    Notes
    -----
    Statements: :prf:ref:`prp-deep`, :prf:ref:`prp-layers`.

    Examples
    --------
    >>> from ntklib.gaussian_process import GPyTorchKernel  # doctest: +SKIP
    >>> kernel = GPyTorchKernel(depth=2, activation="erf")  # doctest: +SKIP
    """

    has_lengthscale = False

    def __init__(
        self,
        depth: int = 1,
        activation: ActivationLike = "relu",
        W_std: float | Sequence[float] = math.sqrt(2),
        b_std: float | Sequence[float] = 0.1,
        kind: str = "ntk",
        trained: Trained = "all",
        W_std_constraint: Interval | None = None,
        b_std_constraint: Interval | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if kind not in ("ntk", "nngp"):
            raise ValueError(f"kind must be ntk or nngp, got {kind!r}")
        net = architecture(depth, activation, W_std, b_std, trained)
        law = net.law.followed
        if not law.portable:
            raise TypeError(
                f"activation must have a closed form or be a mixture of Gaussians, got "
                f"{activation!r}"
            )
        trained_layers = [i + 1 for i, one in enumerate(net.trained) if one]
        self._options: dict[str, Any] = {"depth": depth, "activation": law}
        if kind == "ntk":
            self._options["trained"] = trained_layers
        self._kernel = ntk if kind == "ntk" else nngp
        self._register("W_std", W_std, W_std_constraint)
        self._biased = any(net.biases)
        if self._biased:
            self._register("b_std", b_std, b_std_constraint)

    def _register(self, name: str, start: Any, constraint: Interval | None) -> None:
        values = torch.atleast_1d(torch.as_tensor(start, dtype=torch.get_default_dtype()))
        raw = torch.nn.Parameter(torch.zeros(*self.batch_shape, len(values)))
        self.register_parameter(f"raw_{name}", raw)
        self.register_constraint(f"raw_{name}", constraint or Positive())
        self.initialize(**{name: values.expand_as(raw)})

    def _scale(self, name: str) -> Any:
        constraint = getattr(self, f"raw_{name}_constraint")
        return constraint.transform(getattr(self, f"raw_{name}"))

    def _set(self, name: str, value: Any) -> None:
        raw = getattr(self, f"raw_{name}")
        value = torch.as_tensor(value).to(raw).expand_as(raw)
        constraint = getattr(self, f"raw_{name}_constraint")
        self.initialize(**{f"raw_{name}": constraint.inverse_transform(value)})

    @property
    def W_std(self) -> Any:
        """The scales of the weights, shape ``(*batch_shape, 1)`` or ``(*batch_shape, depth+1)``."""
        return self._scale("W_std")

    @W_std.setter
    def W_std(self, value: Any) -> None:
        self._set("W_std", value)

    @property
    def b_std(self) -> Any:
        """The scales of the biases, likewise; 0 where they are no parameter."""
        return self._scale("b_std") if self._biased else torch.zeros_like(self.W_std[..., :1])

    @b_std.setter
    def b_std(self, value: Any) -> None:
        if not self._biased:
            raise ValueError("b_std must be given at the start: zero biases are no parameter")
        self._set("b_std", value)

    def forward(
        self, x1: Any, x2: Any, diag: bool = False, last_dim_is_batch: bool = False, **_: Any
    ) -> Any:
        """The kernel of points of shapes ``(..., n, d)`` and ``(..., n', d)``, of its diagonal."""
        if last_dim_is_batch:
            raise ValueError("last_dim_is_batch must be False: the kernel takes all coordinates")
        scales = [self.W_std] + ([self.b_std] if self._biased else [])

        def one(a: Any, b: Any, *scales: Any) -> Any:
            named = zip(("W_std", "b_std"), scales, strict=False)
            # One number for all layers, or one a layer.
            given = {name: v[0] if v.shape == (1,) else v for name, v in named}

            def matrix(a: Any, b: Any) -> Any:
                return self._kernel(a, b, **given, **self._options)

            if not diag:
                return matrix(a, b)
            return torch.func.vmap(lambda p, q: matrix(p[None], q[None])[0, 0])(a, b)

        batch = torch.broadcast_shapes(
            x1.shape[:-2], x2.shape[:-2], *(v.shape[:-1] for v in scales)
        )
        if not batch:
            return one(x1, x2, *scales)
        tail = [(x1, 2), (x2, 2), *((v, 1) for v in scales)]
        flat = [A.expand(*batch, *A.shape[-k:]).flatten(0, len(batch) - 1) for A, k in tail]
        found = torch.func.vmap(one)(*flat)
        return found.unflatten(0, batch)
