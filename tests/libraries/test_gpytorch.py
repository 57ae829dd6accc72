"""The kernel for GPyTorch and BoTorch, against scikit-learn's and against linear algebra."""

import importlib
from typing import Any

import numpy as np
import pytest

import ntklib

pytestmark = pytest.mark.torch
X = np.linspace(-1, 1, 12)[:, None] * np.array([1.0, 0.5]) + np.array([0.0, 0.3])
y = np.sin(3 * X[:, 0])
NOISE = 1e-2


@pytest.fixture
def libraries():
    """torch and the kernel; imported here, so that collecting needs neither."""
    torch = importlib.import_module("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch, importlib.import_module("ntklib.gaussian_process").GPyTorchKernel
    torch.set_default_dtype(before)


def process(torch: Any, kernel: Any) -> tuple[Any, Any]:
    """A Gaussian process with fixed noise, and the logarithm of its marginal likelihood."""
    gpytorch = importlib.import_module("gpytorch")
    inputs, targets = torch.as_tensor(X), torch.as_tensor(y)
    likelihood = gpytorch.likelihoods.FixedNoiseGaussianLikelihood(NOISE * torch.ones(len(y)))

    class Process(gpytorch.models.ExactGP):
        def __init__(self):
            super().__init__(inputs, targets, likelihood)
            self.mean_module, self.covar_module = gpytorch.means.ZeroMean(), kernel

        def forward(self, points):
            mean = self.mean_module(points)
            return gpytorch.distributions.MultivariateNormal(mean, self.covar_module(points))

    model = Process().train()
    mll = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    return model, lambda: len(y) * mll(model(inputs), targets)


def sklearn_process(W_std: float, b_std: float) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor

    kernel = importlib.import_module("ntklib.gaussian_process").NetworkKernel(
        depth=1, activation="erf", W_std=W_std, b_std=b_std, kind="nngp"
    )
    return GaussianProcessRegressor(kernel, alpha=NOISE)


def test_trained_as_by_scikit_learn(libraries):
    """Both searches end where the gradient is below 1e-5: the scales agree to its root."""
    torch, GPyTorchKernel = libraries
    other = sklearn_process(1.2, 0.4).fit(X, y)
    kernel = GPyTorchKernel(1, "erf", 1.2, 0.4, kind="nngp")
    _, likelihood = process(torch, kernel)
    first = sklearn_process(1.2, 0.4)
    first.optimizer = None
    value, slope = first.fit(X, y).log_marginal_likelihood(np.log([1.2, 0.4]), eval_gradient=True)
    found = likelihood()
    found.backward()
    assert abs(found.item() - value) <= 1e-9 * abs(value)
    # In the logarithm of a scale s = log(1 + exp(raw)): ds/draw = 1 - exp(-s).
    for raw, scale, right in zip(
        (kernel.raw_W_std, kernel.raw_b_std), (1.2, 0.4), slope, strict=True
    ):
        in_log = raw.grad.item() * scale / (1 - np.exp(-scale))
        assert abs(in_log - right) <= 1e-7 * np.abs(slope).max()
    search = torch.optim.LBFGS(
        kernel.parameters(), max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-7
    )

    def step():
        search.zero_grad()
        loss = -likelihood()
        loss.backward()
        return loss

    search.step(step)
    right = np.exp(other.kernel_.theta)
    assert abs(likelihood().item() - other.log_marginal_likelihood_value_) <= 1e-5
    scales = [kernel.W_std.item(), kernel.b_std.item()]
    assert np.abs(scales / right - 1).max() <= 1e-2


def test_batches(libraries):
    """Every matrix of a batch is that of its points and scales; so is the diagonal."""
    torch, GPyTorchKernel = libraries
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, 3, 4, 2)), rng.standard_normal((3, 5, 2))
    weights, biases = rng.uniform(0.5, 1.5, (3, 2)), rng.uniform(0.1, 0.5, (3, 1))
    kernel = GPyTorchKernel(1, "relu", [1.0, 1.0], 0.1, batch_shape=torch.Size([3]))
    kernel.W_std, kernel.b_std = torch.as_tensor(weights), torch.as_tensor(biases)
    K = kernel(torch.as_tensor(A), torch.as_tensor(B)).to_dense().detach().numpy()
    diagonal = kernel(torch.as_tensor(A), diag=True).detach().numpy()
    assert K.shape == (2, 3, 4, 5)
    for i, j in np.ndindex(2, 3):
        options = {"depth": 1, "W_std": weights[j], "b_std": biases[j, 0]}
        right = ntklib.ntk(A[i, j], B[j], **options)
        assert np.abs(K[i, j] - right).max() <= 1e-13 * right.max()
        ends = np.diag(ntklib.ntk(A[i, j], **options))
        assert np.abs(diagonal[i, j] - ends).max() <= 1e-13 * ends.max()


def test_posterior_of_botorch(libraries):
    """By linear algebra: K* (K + noise)^-1 y and K** - K* (K + noise)^-1 K*^T."""
    torch, GPyTorchKernel = libraries
    models = importlib.import_module("botorch.models")
    options = {"depth": 2, "activation": "erf", "W_std": 1.3, "b_std": 0.3}
    kernel = GPyTorchKernel(**options)
    mean = importlib.import_module("gpytorch.means").ZeroMean()
    model = models.SingleTaskGP(
        torch.as_tensor(X),
        torch.as_tensor(y)[:, None],
        torch.full((len(y), 1), NOISE),
        covar_module=kernel,
        mean_module=mean,
        outcome_transform=None,
    )
    points = torch.tensor([[0.2, 0.1], [1.5, -0.4]], requires_grad=True)
    found = model.posterior(points)
    new = points.detach().numpy()
    K = ntklib.ntk(X, **options) + NOISE * np.eye(len(X))
    K_new, K_ends = ntklib.ntk(new, X, **options), ntklib.ntk(new, **options)
    tolerance = 1e-13 * np.linalg.cond(K)
    right = K_new @ np.linalg.solve(K, y)
    assert np.abs(found.mean[:, 0].detach().numpy() - right).max() <= tolerance
    right = np.diag(K_ends - K_new @ np.linalg.solve(K, K_new.T))
    assert np.abs(found.variance[:, 0].detach().numpy() - right).max() <= tolerance * K_ends.max()
    (slope,) = torch.autograd.grad(found.mean.sum(), points)
    h = 1e-5
    for i, j in np.ndindex(2, 2):
        ends = [new + s * h * np.outer(np.eye(2)[i], np.eye(2)[j]) for s in (1, -1)]
        means = [(ntklib.ntk(A, X, **options) @ np.linalg.solve(K, y)).sum() for A in ends]
        assert abs(slope[i, j].item() - (means[0] - means[1]) / (2 * h)) <= 1e-6


def test_what_is_refused(libraries):
    _, GPyTorchKernel = libraries
    with pytest.raises(ValueError, match="kind must be ntk or nngp, got 'rbf'"):
        GPyTorchKernel(kind="rbf")
    with pytest.raises(TypeError, match="activation must have a closed form or be a mixture"):
        GPyTorchKernel(activation=np.cosh)
    assert GPyTorchKernel(activation="tanh")._options["activation"].portable
    with pytest.raises(ValueError, match="W_std must be positive, got -1"):
        GPyTorchKernel(W_std=-1.0)
    fixed = GPyTorchKernel(b_std=0.0)
    assert [name for name, _ in fixed.named_parameters()] == ["raw_W_std"]
    with pytest.raises(ValueError, match="zero biases are no parameter"):
        fixed.b_std = 0.1
