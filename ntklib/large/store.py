"""Gram matrices on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ntklib._engine.sizes import slices
from ntklib._validate import matrix, positive_int
from ntklib.large.extra import bar, extra
from ntklib.large.operators import block_of
from ntklib.model import Kernel


def store_gram(
    kernel: Kernel,
    X: object,
    path: str | Path,
    *,
    name: str,
    chunk: int = 2048,
    dtype: object = np.float32,
    progress: bool = False,
) -> Any:
    """The Gram matrix in a zarr store on disk, block by block.

    Each block is written, mirrored and then ticked off, so that a run that was stopped anywhere
    loses at most the block it was at. A second call goes on with the blocks that are missing.

    Parameters
    ----------
    kernel, X
        As for :func:`gram_operator`.
    path : str or pathlib.Path
        Folder of the store; made if it is not there.
    name : str
        What the kernel is called, with its parameters: stored beside the matrix, because a
        function cannot be compared with the one of an earlier run.
    chunk : int
        Rows and columns of a block, and of a chunk of the store.
    dtype : {numpy.float32, numpy.float64}
        Precision in which the entries are stored.
    progress : bool
        Show a bar, where a terminal or a notebook does (needs tqdm).

    Returns
    -------
    zarr.Array, shape (n, n)
        Through ``dask.array.from_zarr`` and :func:`dask_operator` it can be multiplied with
        vectors out of core.

    Raises
    ------
    ImportError
        zarr is not installed, or ``progress`` without tqdm.
    ValueError
        The store holds the matrix of other points, another kernel name, chunk or dtype; otherwise
        as :func:`gram_operator`.
    """
    zarr = extra("zarr")
    X = matrix("X", X)
    n, chunk = len(X), positive_int("chunk", chunk)
    if np.dtype(dtype) not in (np.float32, np.float64):  # type: ignore[call-overload]
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    ranges = slices(0, n, chunk)
    about = {
        "kernel": name,
        "points": hashlib.sha256(X.tobytes()).hexdigest(),
        "shape": list(X.shape),
        "chunk": chunk,
        "dtype": np.dtype(dtype).name,  # type: ignore[call-overload]
    }
    store = zarr.open_group(str(path), mode="a")
    if not dict(store.attrs):
        store.attrs.update(about)
    for key, value in about.items():
        if store.attrs.get(key) != value:
            raise ValueError(
                f"path holds another matrix: its {key} is {store.attrs.get(key)!r}, "
                f"asked for is {value!r}"
            )
    if "K" not in store:
        store.create_array("K", shape=(n, n), chunks=(chunk, chunk), dtype=about["dtype"])
    if "done" not in store:
        store.create_array("done", shape=(len(ranges),) * 2, chunks=(1, 1), dtype="bool")
    K, done = store["K"], store["done"]
    finished = done[:]
    todo = [(i, j) for i in range(len(ranges)) for j in range(i + 1) if not finished[i, j]]
    with bar(progress, len(todo), "block") as shown:
        for i, j in todo:
            value = block_of(kernel, X, ranges[i], ranges[j]).astype(dtype)  # type: ignore[call-overload]
            K[ranges[i], ranges[j]] = value
            if i != j:
                K[ranges[j], ranges[i]] = value.T
            done[i, j] = True
            if shown is not None:
                shown.update()
    return K
