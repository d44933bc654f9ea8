"""A block on its example, for the catalogue and for checks."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.backward import pulled
from chainrule.block import Block, Elementwise
from chainrule.errors import NoDerivative
from chainrule.libraries import is_inexact
from chainrule.node import Node

__all__ = ["Sample", "sample_of"]


@dataclass(frozen=True)
class Sample:
    """A block, recorded on its example.

    Attributes
    ----------
    operands : a recorded array for each operand of a floating type, the plain value of every other.
    labels : the names of the operands.
    node : the recorded step.
    """

    block: Block
    operands: tuple[Any, ...]
    labels: tuple[str, ...]
    node: Node

    @cached_property
    def places(self) -> tuple[int, ...]:
        """The positions of the differentiable operands: those of a floating type, or only some of these."""
        if not self.block.differentiable or not is_inexact(self.node.value):
            return ()
        return tuple(i for i, x in enumerate(self.operands) if type(x) is Array and self._has_derivative(i))

    def _has_derivative(self, index: int) -> bool:
        try:
            with np.errstate(all="ignore"):
                self.pulled(np.ones_like(self.node.value), index, recorded=False)
        except NoDerivative:
            return False
        return True

    def pulled(self, dz: Any, index: int, recorded: bool = True) -> Any:
        """The gradient of one operand by the backward rule."""
        wanted = [i == index for i in range(len(self.operands))]
        return pulled(self.node, dz, wanted, recorded)[index]

    @property
    def values(self) -> list[Any]:
        return [node_of(x).value if type(x) is Array else x for x in self.operands]

    @property
    def inputs(self) -> list[Any]:
        """The values of the differentiable operands."""
        return [self.values[i] for i in self.places]

    def f(self, *inputs: Any) -> Any:
        """The block as a function of the inputs, along the domains of its example."""
        assert self.block.example is not None
        operands = self.values
        for i, x in zip(self.places, inputs, strict=True):
            project = self.block.example.operands[i].project
            operands[i] = x if project is None else project(x)
        return self.block(*operands, **self.block.example.params)

    @property
    def plain(self) -> dict[str, Any]:
        """The operands without a gradient, by name: indices, labels, conditions."""
        return {label: x for label, x in zip(self.labels, self.operands, strict=True) if type(x) is not Array}


def sample_of(block: Block, dtype: Any = np.float64, arrays: Sequence[np.ndarray] | None = None) -> Sample:
    """The block on its example in a dtype, or on other operands with the example's parameters."""
    assert block.example is not None
    arrays = block.example.arrays(block.name, dtype) if arrays is None else arrays
    labels = _labels(block, len(arrays))
    operands = tuple(
        Array(Node(None, (), {}, x, name=label)) if is_inexact(x) else x
        for x, label in zip(arrays, labels, strict=True)
    )
    return Sample(block, operands, labels, node_of(block(*operands, **block.example.params)))


def _labels(block: Block, count: int) -> tuple[str, ...]:
    """The names of the operands, from the forward rule or the table of derivatives."""
    if names := block.names_of(count):
        return names
    if isinstance(block, Elementwise) and (rule := next(filter(None, block.derivatives), None)):
        parameters = list(inspect.signature(rule).parameters.values())[2:]
        if len(parameters) == count and all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters):
            return tuple(p.name for p in parameters)
    return ("x",) if count == 1 else tuple(f"x{i}" for i in range(count))
