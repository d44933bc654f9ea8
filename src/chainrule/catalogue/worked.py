"""A worked example: a block's numbers on its example, forward and backward."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.check.sample import Sample
from chainrule.jacobians import local_gradient
from chainrule.libraries import is_complex
from chainrule.transforms import vjp

__all__ = ["Worked", "work"]

LOCAL = 64
"""A local gradient is shown as a matrix up to this number of entries."""


@dataclass(frozen=True)
class Worked:
    """The numbers of a worked example.

    Attributes
    ----------
    operands : name → value.
    value : the result of the block.
    dz : ∂L/∂z.
    gradients : name → ∂L/∂x.
    matrices : name → the local gradient with a row for each entry of x and a column for each of z; only where small.
    """

    operands: dict[str, Any]
    value: Any
    dz: Any
    gradients: dict[str, Any]
    matrices: dict[str, np.ndarray]


def work(sample: Sample) -> Worked:
    """The block on its example. ∂L/∂z is 1 for a scalar, else a few fixed easy numbers."""
    z = sample.node.value
    rng = np.random.default_rng(zlib.crc32(sample.block.name.encode()))
    dz = np.ones_like(z) if np.ndim(z) == 0 else rng.choice([-1.0, -0.5, 0.5, 1.0, 2.0], np.shape(z)).astype(z.dtype)
    labels = [sample.labels[i] for i in sample.places]
    gradients = vjp(sample.f, *sample.inputs)[1](dz) if sample.places else ()
    matrices = {label: m for i, label in enumerate(labels) if (m := _matrix(sample, i)) is not None}
    operands = dict(zip(sample.labels, sample.values, strict=True))
    return Worked(operands, z, dz, dict(zip(labels, gradients, strict=True)), matrices)


def _matrix(sample: Sample, index: int) -> np.ndarray | None:
    """∂z/∂x; None if it is large or complex: only holomorphic functions have a complex derivative."""
    inputs = sample.inputs
    x, z = inputs[index], sample.node.value
    if not 1 < np.size(x) * np.size(z) <= LOCAL or is_complex(x) or is_complex(z):
        return None

    def f(x: Any) -> Any:
        return sample.f(*inputs[:index], x, *inputs[index + 1 :])

    return np.reshape(local_gradient(f, x), (np.size(x), np.size(z)))
