r"""What training has left, and what it has fitted, of each eigen-coordinate of the residual.

Everything that training does to a linearized network it does to one coordinate at a time: that of
the eigenvalue :math:`\lambda` keeps the factor :math:`\varphi_t(\lambda)`, and the dual
coefficients have :math:`\psi_t(\lambda)=(1-\varphi_t(\lambda))/\lambda` of it. The closed forms
here have no cancellation where :math:`\lambda t` is small, and none at a double root.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ntklib._precision import representable
from ntklib._validate import Array, nonnegative, positive, real_array

# Below this a product is so small that what follows after the first term is beyond any digit.
_TINY = 1e-290


class Rule(NamedTuple):
    """How it is trained: gradient flow without a step, else descent, with momentum and a ridge."""

    step: float | None = None
    momentum: float = 0.0
    ridge: float = 0.0

    @property
    def limit(self) -> float:
        """The product of step and largest eigenvalue from which on descent does not converge."""
        return 2 * (1 + self.momentum)

    def time(self, t: Array) -> Array:
        r"""The coefficient of a zero eigenvalue, :math:`\psi_t(0)`: that of the flow is t."""
        if self.step is None:
            return t
        b = self.momentum
        if b == 0:
            return self.step * t
        with np.errstate(under="ignore"):
            late = b * -np.expm1(t * np.log(b)) / (1 - b)
        return np.where(np.isinf(t), np.inf, self.step / (1 - b) * (t - late))


def rule(step: object = None, momentum: object = 0.0, ridge: object = 0.0) -> Rule:
    """The rule with these settings, each of them checked."""
    ridge, beta = nonnegative("ridge", ridge), nonnegative("momentum", momentum)
    if beta >= 1:
        raise ValueError(f"momentum must lie in [0, 1), got {beta}")
    if step is None:
        if beta:
            raise ValueError(f"momentum needs a step, got momentum {beta} without one")
        return Rule(None, 0.0, ridge)
    return Rule(positive("step", step), beta, ridge)


def times(t: object, trained: Rule) -> Array:
    """Times, or numbers of steps, as float64 of any shape; infinity is one of them."""
    array = np.asarray(t)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"t must be real numbers, got dtype {array.dtype}")
    if array.size == 0:
        raise ValueError(f"t must not be empty, got shape {array.shape}")
    array = array.astype(np.float64)
    if np.isnan(array).any():
        raise ValueError(f"t must not be NaN, got {np.sum(np.isnan(array))} of them")
    if array.min() < 0:
        raise ValueError(f"t must be at least 0, got {array.min()}")
    finite = array[np.isfinite(array)]
    if trained.step is not None and (finite != np.floor(finite)).any():
        other = finite[finite != np.floor(finite)][0]
        raise ValueError(f"t counts steps of descent and must be whole or inf, got {other}")
    return array


def check_step(trained: Rule, largest: float) -> None:
    """Refuse a step with which descent would not converge."""
    top = largest + trained.ridge
    if trained.step is not None and trained.step * top >= trained.limit:
        name = "2 / lambda_max" if trained.momentum == 0 else "2 (1 + momentum) / lambda_max"
        more = " with the ridge in lambda_max" if trained.ridge else ""
        raise ValueError(
            f"step must be below {name} = {trained.limit / top:.6g}{more}, got {trained.step:.6g}: "
            "descent would not converge"
        )


def filter(
    eigenvalues: object,
    *,
    t: object = np.inf,
    step: object = None,
    momentum: object = 0.0,
    ridge: object = 0.0,
    fitted: bool = False,
) -> Array:
    r"""The factor of the residual that training keeps at each eigenvalue of :math:`K`.

    Without a ridge :math:`e^{-\lambda t}` for gradient flow, :math:`(1-\eta\lambda)^t` for descent
    with the step :math:`\eta`, and for heavy-ball momentum :math:`\beta` the :math:`e_t` of
    :math:`e_{t+1}=(1+\beta-\eta\lambda)e_t-\beta e_{t-1}`, which starts at rest
    :cite:p:`polyak1964some`. With a ridge :math:`\nu` the loss is
    :math:`\tfrac12\lVert F_0(X;w)-y\rVert^2+\tfrac\nu2\lVert w-w_0\rVert^2`; at
    :math:`t=\infty` it keeps :math:`\nu/(\lambda+\nu)`.

    Parameters
    ----------
    eigenvalues : array_like, shape s
        Numbers :math:`\lambda\ge0`: one, a vector or a matrix of them.
    t : float or array_like, shape u
        Times of the flow, at least 0, or with a step numbers of steps; ``inf`` is the limit.
    step : float, optional
        Step :math:`\eta>0` of descent; gradient flow when left out.
    momentum : float
        :math:`\beta` in :math:`[0,1)`, only with a step.
    ridge : float
        :math:`\nu\ge0`.
    fitted : bool
        Give one minus the factor, with all of its digits where it is small.

    Returns
    -------
    ndarray, shape u + s
        float64, of all eigenvalues at each time. A zero eigenvalue keeps 1 at all times.

    Raises
    ------
    ValueError, TypeError
        A negative eigenvalue; ``t`` negative, NaN, or with a step not whole; ``step`` not positive;
        ``momentum`` out of range or without a step; ``ridge`` below 0.
    ValueError
        ``t`` is infinite and ``step`` at least :math:`2(1+\beta)/(\lambda+\nu)`: no limit.
    OverflowError
        Such a step after so many steps that the factor is beyond the range of float64.

    Notes
    -----
    Statements: :prf:ref:`thm-flow`, with a step :prf:ref:`prp-descent`, and for the ridge beside
    the flow :prf:ref:`prp-early-stopping`.

    With momentum, what is fitted has a relative error of up to some
    :math:`\epsilon/(1-\sqrt\beta)`, else of some ulps and what the rounding of :math:`\lambda t`
    or :math:`\eta\lambda` makes of it.
    """
    trained = rule(step, momentum, ridge)
    values = real_array("eigenvalues", eigenvalues, ndim=(0, 1, 2)).astype(np.float64)
    if values.min() < 0:
        raise ValueError(f"eigenvalues must be at least 0, got {values.min()}")
    at = times(t, trained)
    if np.isinf(at).any():
        check_step(trained, float(values.max()))
    late = at.reshape(at.shape + (1,) * values.ndim)
    nu = trained.ridge
    if fitted:
        result = (
            values * coefficient(values + nu, late, trained)
            if nu
            else _fitted(values, late, trained)
        )
    else:
        result = _kept(values + nu, late, trained)
        if nu:
            result = (nu + values * result) / (values + nu)
    return np.asarray(representable("the factors are", result))


def coefficient(values: Array, t: Array, trained: Rule) -> Array:
    r"""The :math:`\psi_t(\lambda)=(1-\varphi_t(\lambda))/\lambda` of eigenvalues with the ridge."""
    zero = trained.time(t)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        small = (values == 0) | (values * zero < _TINY)
        return np.where(small, zero, _fitted(values, t, trained) / values)


def _product(values: Array, t: Any) -> Array:
    """Values times t, zero where a value is, whatever t."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        return np.where(values == 0, 0.0, values * t)


def _kept(values: Array, t: Array, trained: Rule) -> Array:
    if trained.step is None:
        return np.asarray(np.exp(-_product(values, t)))
    x = trained.step * values
    if trained.momentum == 0:
        with np.errstate(over="ignore", under="ignore"):
            return np.where(x < 0.5, np.exp(_power(x, t)[0]), np.power(1 - x, t))
    return _heavy_ball(x, t, trained.momentum)[0]


def _fitted(values: Array, t: Array, trained: Rule) -> Array:
    if trained.step is None:
        return np.asarray(-np.expm1(-_product(values, t)))
    x = trained.step * values
    if trained.momentum == 0:
        power, odd = _power(x, t)
        with np.errstate(over="ignore", under="ignore"):
            return np.where(odd, 1 + np.exp(power), -np.expm1(power))
    return _heavy_ball(x, t, trained.momentum)[1]


def _power(x: Array, t: Array) -> tuple[Array, Array]:
    """The logarithm of |1 - x| ** t, and where (1 - x) ** t is negative."""
    with np.errstate(divide="ignore"):
        # From one half on the difference with 1 is exact, or x is known no better.
        log = np.where(x < 0.5, np.log1p(-np.minimum(x, 0.5)), np.log(np.abs(1 - x)))
    with np.errstate(invalid="ignore"):
        power = np.where((log == 0) | (t == 0), 0.0, log * t)
    return power, (x > 1) & (np.mod(np.where(np.isinf(t), 0, t), 2) == 1)


def _heavy_ball(x: Array, t: Array, beta: float) -> tuple[Array, Array]:
    """What momentum keeps, and one minus it; x is step times eigenvalue.

    The characteristic roots are q exp(+-eta) or q exp(+-i theta), q the root of beta, and the
    factor is u_t - beta u_{t-1} with u_t the sum of all z_1^i z_2^{t-i}. Angles come from
    the distance of x to its values at a double root, so that nothing is lost there.
    """
    q = np.sqrt(beta)
    gap = (1 - beta) / (1 + q)  # 1 - q
    low, high = gap * gap, (1 + q) ** 2  # double roots q and -q
    x, t = np.broadcast_arrays(x, t)
    kept, fitted = np.zeros(x.shape), np.ones(x.shape)  # the limit
    rest = (x == 0) | (t == 0)
    kept[rest], fitted[rest] = 1.0, 0.0
    todo = np.isfinite(t) & ~rest
    for regime, where in (
        (_overdamped, x <= low),
        (_oscillating, (x > low) & (x <= (low + high) / 2)),
        (_alternating, (x > (low + high) / 2) & (x <= high)),
        (_negative, x > high),
    ):
        chosen = where & todo
        if chosen.any():
            with np.errstate(over="ignore", under="ignore"):
                kept[chosen], fitted[chosen] = regime(x[chosen], t[chosen], beta, q, gap)
    return kept, fitted


def _geometric(log: Array, t: Array) -> Array:
    """1 + r + ... + r^{t-1} for the logarithm of r, at most 0."""
    steep = np.where(log == 0, -1.0, log)
    return np.where(log == 0, t, np.expm1(t * steep) / np.expm1(steep))


def _overdamped(x: Array, t: Array, beta: float, q: float, gap: float) -> tuple[Array, Array]:
    # 1 - z_1, without cancellation; the larger root is z_1.
    root = np.sqrt((gap * gap - x) * ((1 + q) ** 2 - x))
    zeta = 2 * x / (1 - beta + x + root)
    ratio = -4 * np.arcsinh(np.sqrt((gap * gap - x) / (4 * q)))  # log(z_2 / z_1)
    power = t * np.log1p(-zeta)
    more = np.exp(power) * zeta * np.exp(ratio) * _geometric(ratio, t)
    return np.exp(power) + more, -np.expm1(power) - more


def _oscillating(x: Array, t: Array, beta: float, q: float, gap: float) -> tuple[Array, Array]:
    half = np.arcsin(np.sqrt((x - gap * gap) / (4 * q)))  # theta / 2
    theta = 2 * half
    decay = t * np.log(beta) / 2
    sine = np.where(theta == 0, t, np.sin(t * theta) / np.where(theta == 0, 1, np.sin(theta)))
    behind = np.exp(decay) * gap * sine
    kept = np.exp(decay) * np.cos((2 * t + 1) * half) / np.cos(half) + behind
    turned = 2 * np.sin((t + 1) * half) * np.sin(t * half) / np.cos(half)
    return kept, -np.expm1(decay) - behind + np.exp(decay) * turned


def _alternating(x: Array, t: Array, beta: float, q: float, gap: float) -> tuple[Array, Array]:
    theta = 2 * np.arcsin(np.sqrt(np.maximum((1 + q) ** 2 - x, 0) / (4 * q)))  # to pi
    safe = np.where(theta == 0, 1, theta)

    def ratio(k: Array) -> Array:
        return np.where(theta == 0, k, np.sin(k * safe) / np.sin(safe))

    sign = np.where(np.mod(t, 2) == 1, -1.0, 1.0)
    kept = sign * np.exp(t * np.log(beta) / 2) * (ratio(t + 1) + q * ratio(t))
    return kept, 1 - kept


def _negative(x: Array, t: Array, beta: float, q: float, gap: float) -> tuple[Array, Array]:
    eta = 2 * np.arcsinh(np.sqrt((x - (1 + q) ** 2) / (4 * q)))
    larger = np.log(beta) / 2 + eta
    sign = np.where(np.mod(t, 2) == 1, -1.0, 1.0)
    sums = _geometric(-2 * eta, t + 1) + np.exp(larger - 2 * eta) * _geometric(-2 * eta, t)
    kept = sign * np.exp(t * larger) * sums
    return kept, 1 - kept
