"""A matrix of second derivatives without a known structure: products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.structured.solving import as_columns

__all__ = ["ProductMatrix"]


class ProductMatrix:
    """A matrix in which no structure was found: `@` is one backward pass, all else takes the dense matrix.

    Attributes
    ----------
    kind : "unknown".
    shape : its rows and columns; an argument of several axes counts in the order of `ravel`.
    """

    kind = "unknown"

    def __init__(self, product: Callable[[np.ndarray], np.ndarray], n: int, dtype: Any):
        self._product = product
        self.shape = (n, n)
        self.dtype = dtype

    def __repr__(self) -> str:
        n = self.shape[0]
        told = "@ by Hessian-vector products, all else by the dense matrix"
        return f"<{n}×{n} matrix in which no structure was found: {told}>"

    def __matmul__(self, x: Any) -> np.ndarray:
        x = np.asarray(x)
        columns = as_columns(x, self.shape[0]).astype(np.result_type(x, self.dtype))
        return self._product(columns.T).T.reshape(x.shape)

    @cached_property
    def _dense(self) -> np.ndarray:
        return self._product(np.eye(self.shape[0], dtype=self.dtype))

    def dense(self) -> np.ndarray:
        """The matrix as a NumPy array."""
        return self._dense.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.dense(), dtype=dtype)

    def tosparse(self) -> Any:
        """The matrix as a `scipy.sparse.csr_array`."""
        from scipy import sparse

        return sparse.csr_array(self._dense)

    def diagonal(self) -> np.ndarray:
        return self._dense.diagonal().copy()

    def solve(self, b: Any) -> np.ndarray:
        """The solution x of `H @ x = b`. Raises `np.linalg.LinAlgError` if the matrix is singular."""
        return np.linalg.solve(self._dense, b)

    def lstsq(self, b: Any) -> np.ndarray:
        """The x of least norm among those for which `H @ x` is closest to b."""
        return np.linalg.lstsq(self._dense, b, rcond=None)[0]
