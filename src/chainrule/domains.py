"""Domains: sets from which the operands of a block's example are drawn, away from kinks and poles.

A domain is called with a shape: `positive(2, 3)` is an operand of 2 rows and 3 columns with positive entries.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = [
    "Example",
    "Operand",
    "above_one",
    "apart",
    "between",
    "exactly",
    "example",
    "far_from_zero",
    "hermitian",
    "inside",
    "integers",
    "normal",
    "positive",
    "positive_definite",
    "probabilities",
]

Sample = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Operand:
    """An operand: its shape and the domain from which its entries come.

    Attributes
    ----------
    project : a function that moves an array onto the domain, if its entries depend on each other (a symmetric matrix).
        Derivatives are then checked along the domain: a block may read one triangle only.
    """

    shape: tuple[int, ...]
    sample: Sample
    project: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Example:
    """Operands and parameters on which a block is shown and checked.

    Attributes
    ----------
    operands : an Operand for each operand of the block.
    params : the block's parameters that differ from its defaults.
    """

    operands: tuple[Operand, ...]
    params: dict[str, Any] = field(default_factory=dict)

    def arrays(self, name: str = "", dtype: Any = np.float64) -> list[np.ndarray]:
        """The operands, floating ones in the dtype; the same name gives the same numbers each time.

        Complex operands have the domain's numbers as real parts and small imaginary parts.
        """
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        arrays = [_in_dtype(np.asarray(o.sample(rng, o.shape)), np.dtype(dtype), rng) for o in self.operands]
        return [x if o.project is None else o.project(x) for o, x in zip(self.operands, arrays, strict=True)]


def _in_dtype(x: np.ndarray, dtype: np.dtype, rng: np.random.Generator) -> np.ndarray:
    if x.dtype.kind not in "fc":
        return x
    if dtype.kind == "c" and x.dtype.kind != "c":
        x = x + 0.3j * rng.uniform(-1, 1, x.shape)
    return x.astype(dtype)


def example(*operands: Operand, **params: Any) -> Example:
    """An example of a block: its operands, and parameters by name.

    >>> example(positive(2, 3), axis=0).arrays()[0].shape
    (2, 3)
    """
    return Example(operands, params)


def domain(sample: Sample) -> Callable[..., Operand]:
    """A domain: a function from a shape to an operand."""

    def operand(*shape: int) -> Operand:
        return Operand(shape, sample)

    operand.__doc__ = sample.__doc__
    return operand


@domain
def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Any numbers."""
    return rng.normal(size=shape)


@domain
def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Positive numbers, none near zero."""
    return rng.uniform(0.3, 3.0, shape)


@domain
def inside(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers between −1 and 1."""
    return rng.uniform(-0.9, 0.9, shape)


@domain
def above_one(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers greater than 1."""
    return rng.uniform(1.2, 3.0, shape)


@domain
def far_from_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of either sign, none near zero."""
    return rng.uniform(0.3, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


@domain
def apart(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Distinct entries, not near each other or zero: away from every tie and kink."""
    size = int(np.prod(shape, dtype=int))
    return (rng.permutation(size) - size / 2 + 0.25 + rng.uniform(0, 0.2, size)).reshape(shape) * 0.6


@domain
def probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Rows of positive numbers whose sum is 1."""
    p = rng.uniform(0.2, 1.0, shape)
    return p / p.sum(axis=-1, keepdims=True)


@domain
def positive_definite(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Symmetric positive definite matrices."""
    a = rng.normal(size=shape)
    return a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])


def hermitian(*shape: int) -> Operand:
    """Symmetric (if complex, Hermitian) positive definite matrices, for blocks defined on them alone."""
    return Operand(shape, positive_definite(*shape).sample, lambda x: (x + np.conj(np.swapaxes(x, -1, -2))) / 2)


def integers(high: int) -> Callable[..., Operand]:
    """Integers from 0 to high − 1: labels, indices."""
    return domain(lambda rng, shape: rng.integers(0, high, shape))


def between(low: float, high: float) -> Callable[..., Operand]:
    """Numbers between two bounds."""
    return domain(lambda rng, shape: rng.uniform(low, high, shape))


def exactly(x: Any) -> Operand:
    """An operand with these entries and no others."""
    x = np.asarray(x)
    return Operand(x.shape, lambda rng, shape: x.copy())
