"""What a case of the catalogue is, and the domains from which operands come."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Operand:
    """An operand: its shape and the domain from which its entries come."""

    shape: tuple[int, ...]
    sample: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Case:
    """A function as a user writes it, the same function in PyTorch, and its operands."""

    name: str
    f: Callable[..., Any]
    torch: Callable[..., Any]
    operands: tuple[Operand, ...]

    def arrays(self, dtype: Any = np.float64) -> list[np.ndarray]:
        """The operands; the same ones each time."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        return [np.asarray(o.sample(rng, o.shape)).astype(dtype) for o in self.operands]


def _domain(sample: Any) -> Callable[..., Operand]:
    return lambda *shape: Operand(shape, sample)


normal = _domain(lambda rng, shape: rng.normal(size=shape))
positive = _domain(lambda rng, shape: rng.uniform(0.3, 3.0, shape))
inside = _domain(lambda rng, shape: rng.uniform(-0.9, 0.9, shape))
above_one = _domain(lambda rng, shape: rng.uniform(1.2, 3.0, shape))
far_from_zero = _domain(lambda rng, shape: rng.uniform(0.3, 2.0, shape) * rng.choice([-1.0, 1.0], shape))


@_domain
def apart(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Distinct entries, none near another or near zero: away from every tie and kink."""
    size = int(np.prod(shape, dtype=int))
    return (rng.permutation(size) - size / 2 + 0.25 + rng.uniform(0, 0.2, size)).reshape(shape) * 0.6


@_domain
def probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    p = rng.uniform(0.2, 1.0, shape)
    return p / p.sum(axis=-1, keepdims=True)


def tensor(x: Any) -> torch.Tensor:
    return torch.tensor(np.array(x))
