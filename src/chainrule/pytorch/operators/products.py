"""Products of arrays, and functions of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.blocks import layers

__all__ = ["PRODUCTS"]


def plus_product(product: Callable[..., Any]) -> Callable[..., Any]:
    """`addmm` and its like: beta · x + alpha · product."""

    def rule(x, a, b, beta=1, alpha=1):
        z = product(a, b) if alpha == 1 else alpha * product(a, b)
        return z if beta == 0 else z + (x if beta == 1 else beta * x)

    return rule


def solve(a, b, left=True):
    if not left:
        return NotImplemented
    as_vectors = np.ndim(b) == 1 or np.shape(b) == np.shape(a)[:-1]
    return np.linalg.solve(a, b[..., None])[..., 0] if as_vectors else np.linalg.solve(a, b)


def cholesky(x, upper=False):
    return np.matrix_transpose(np.linalg.cholesky(x)) if upper else np.linalg.cholesky(x)


PRODUCTS: dict[str, Callable[..., Any]] = {
    "linear": layers.linear,
    "bilinear": layers.bilinear,
    "matmul": np.matmul,
    "mm": np.matmul,
    "bmm": np.matmul,
    "mv": np.matmul,
    "dot": np.matmul,
    "vdot": np.vdot,
    "inner": np.inner,
    "outer": np.outer,
    "kron": np.kron,
    "einsum": lambda equation, tensors, path=None: np.einsum(equation.replace(" ", ""), *tensors),
    "tensordot": lambda x, y, dims_x, dims_y: np.tensordot(x, y, axes=(dims_x, dims_y)),
    "addmm": plus_product(np.matmul),
    "baddbmm": plus_product(np.matmul),
    "addmv": plus_product(np.matmul),
    "addr": plus_product(np.outer),
    "trace": np.trace,
    "linalg_inv": np.linalg.inv,
    "inverse": np.linalg.inv,
    "linalg_det": np.linalg.det,
    "det": np.linalg.det,
    "linalg_slogdet": np.linalg.slogdet,
    "slogdet": np.linalg.slogdet,
    "linalg_solve": solve,
    "linalg_cholesky": cholesky,
}
