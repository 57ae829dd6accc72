"""Blocks over the workers of a cluster."""

import os
import threading
import time

import numpy as np

from ntklib import dynamics, relu_ntk
from ntklib.large import dask_gram, dask_operator, ridge_solve
from tests.unit.samples import refused, rounding_of_product

N, RIDGE = 300, 1e-2


def test_dask_matrix(X, rng):
    K = dask_gram(relu_ntk, X, chunk=128, dtype=np.float64)
    whole = K.compute()
    assert (whole == whole.T).all()
    assert np.abs(whole - relu_ntk(X)).max() <= 8e-15
    V = rng.standard_normal((N, 2))
    assert np.abs(dask_operator(K) @ V - whole @ V).max() <= rounding_of_product(whole, V)
    refused("K must be square", dask_operator, K[:5])
    refused("K must be a Dask array, got ndarray", dask_operator, whole, error=TypeError)
    refused("dtype must be float32 or float64", dask_gram, relu_ntk, X, dtype=np.int8)


def test_two_workers_and_the_loss_of_one(X, rng):
    from dask.distributed import Client, LocalCluster

    y = rng.standard_normal(N)
    right = np.linalg.solve(relu_ntk(X) + RIDGE * np.eye(N), y)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        K = dask_gram(relu_ntk, X, chunk=100, dtype=np.float64).persist()
        operator = dask_operator(K)
        operator @ y  # every block is on a worker now
        lost = []

        def lose_one():
            time.sleep(0.1)  # in mid-run: the solver takes longer than this
            pid = int(next(iter(client.run(os.getpid).values())))
            os.kill(pid, 9)
            lost.append(time.monotonic())

        killer = threading.Thread(target=lose_one)
        killer.start()
        found = ridge_solve(operator, y, RIDGE, rtol=1e-10)
        ended = time.monotonic()
        killer.join()
        assert lost[0] < ended
        assert found.converged
        again = operator @ y
        trained = dynamics.predict(operator, y, t=0.05, rtol=1e-6)
    condition = (np.linalg.eigvalsh(relu_ntk(X))[-1] + RIDGE) / RIDGE
    assert np.linalg.norm(found.coef - right) <= 1e-10 * condition * np.linalg.norm(right)
    assert np.abs(again - relu_ntk(X) @ y).max() <= rounding_of_product(relu_ntk(X), y) + 8e-15 * N
    expected = dynamics.predict(relu_ntk(X), y, t=0.05)
    assert np.linalg.norm(trained - expected) <= 1.01e-6 * np.linalg.norm(y)
