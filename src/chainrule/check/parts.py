"""Complex arrays as pairs of real ones, so that real and complex arrays are compared in the same way.

The gradient of a real L by a complex x is ∂L/∂Re x + i ∂L/∂Im x (PyTorch's convention), so its parts are the
derivatives along the real and the imaginary direction, which finite differences measure separately.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.libraries import is_complex

__all__ = ["dot", "from_parts", "largest", "random_like", "real_parts", "widest"]


def real_parts(x: Any, split: bool | None = None) -> np.ndarray:
    """x as real numbers in double precision; for a complex x with one more axis, for its real and imaginary parts.

    `split=True` adds that axis for a real x, too.

    >>> real_parts([1 + 2j, 3])
    array([[1., 2.],
           [3., 0.]])
    """
    x = np.asarray(x)
    if is_complex(x) if split is None else split:
        return np.stack([x.real, x.imag], axis=-1).astype(np.float64)
    return x.astype(np.float64)


def from_parts(parts: np.ndarray, like: Any) -> np.ndarray:
    """The array with these parts: complex if `like` is complex, otherwise the parts themselves."""
    return parts[..., 0] + 1j * parts[..., 1] if is_complex(np.asarray(like)) else parts


def dot(dz: Any, z: Any) -> Any:
    """Re Σ d̄z z: the real L whose gradient by z is dz."""
    return np.sum(np.real(np.conj(dz) * z))


def widest(dtype: Any) -> np.dtype:
    """The double precision dtype of the same kind: float64 or complex128."""
    return np.dtype(np.complex128 if np.dtype(dtype).kind == "c" else np.float64)


def random_like(rng: np.random.Generator, z: Any) -> np.ndarray:
    """Random weights of the shape of z, complex if z is."""
    weights = rng.standard_normal(np.shape(z))
    return weights + 1j * rng.standard_normal(np.shape(z)) if is_complex(z) else weights


def largest(x: np.ndarray) -> float:
    """The largest magnitude among the finite entries."""
    return float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x)))
