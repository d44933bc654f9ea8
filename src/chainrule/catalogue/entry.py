"""An entry of the catalogue: one block, described by its rules; nothing here is written for a single block.

The block is recorded on its example, its backward rule is recorded over a fresh ∂L/∂z, and both are read as formulas.
"""

from __future__ import annotations

import inspect
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.block import Block, Elementwise, minus_one, one
from chainrule.catalogue.names import Answers, answers_of, family_of, place_of
from chainrule.check.sample import Sample, sample_of
from chainrule.errors import CannotRecord, NoAnswer, NoDerivative, asking_others
from chainrule.explain.data import NO_DATA, Data
from chainrule.explain.notation import constant_formula, step_formula
from chainrule.explain.reader import read_value
from chainrule.formula import Formula, formula, name, number, partial
from chainrule.graph import inside
from chainrule.namespace import RECORDING
from chainrule.node import Node

__all__ = ["NO_DERIVATIVE", "BlockEntry", "OperandRule"]

LOSS = name("L")
NO_DERIVATIVE = "no derivative in closed form"
INSIDE = "derived from its inside"
LONG = "a rule too long for one line"


@dataclass(frozen=True)
class OperandRule:
    """The backward rule for one operand.

    Attributes
    ----------
    name : ∂L/∂x.
    rule : its formula over ∂L/∂z, the operands and the result; None if it has no readable one.
    local : the formula of the local gradient ∂z/∂x of an elementwise block or a scalar z; for a vector z that of
        ∂z[0]/∂x, the first column of the matrix. None if it has no readable one.
    of : z, or z[0].
    told : a description in words if there is no formula.
    """

    name: Formula
    rule: Formula | None
    local: Formula | None
    of: Formula
    told: str = ""

    @property
    def local_name(self) -> Formula:
        """∂z/∂x, or ∂z[0]/∂x."""
        return partial(self.of, self.name.parts[1])


@dataclass(frozen=True)
class BlockEntry:
    """What the catalogue shows of a block."""

    block: Block

    @property
    def name(self) -> str:
        return self.block.name

    @property
    def elementwise(self) -> bool:
        return isinstance(self.block, Elementwise)

    @property
    def family(self) -> str:
        """The file or folder under blocks/ where the block is defined."""
        return family_of(self.block.__module__)

    @property
    def place(self) -> str:
        """File and line of the forward rule."""
        return place_of(inspect.unwrap(self.block))

    @property
    def description(self) -> str:
        """The docstring without its examples."""
        return inspect.cleandoc(self.block.__doc__ or "").partition("\n>>>")[0].strip()

    @property
    def answers(self) -> Answers:
        return answers_of(self.block)

    @cached_property
    def sample(self) -> Sample | None:
        dtype = np.complex128 if self.family == "complex_numbers" else np.float64
        example = self.block.example
        return None if example is None or not example.operands else sample_of(self.block, dtype)

    # Formulas ---------------------------------------------------------------------------------------------

    @cached_property
    def result(self) -> Formula:
        """The result's name in the backward rule."""
        label = self.block.result
        taken = () if self.sample is None else self.sample.labels
        return name(next(n for n in (label, "z", "y", "out") if n not in taken), self._shape)

    @property
    def _shape(self) -> tuple[int, ...]:
        return () if self.sample is None else np.shape(self.sample.node.value)

    def symbol(self, x: Any) -> Formula:
        """The name of a node of the sample; a constant as its number."""
        return name(x.name or "x", np.shape(x.value)) if type(x) is Node else self._constant(x)

    def _constant(self, x: Any) -> Formula:
        return constant_formula(x, NO_DATA if self.sample is None else Data(self.sample.plain))

    @cached_property
    def symbols(self) -> dict[Node, Formula]:
        assert self.sample is not None
        found = {node_of(x): self.symbol(node_of(x)) for x in self.sample.operands if type(x) is Array}
        return {**found, self.sample.node: self.result}

    @cached_property
    def forward(self) -> Formula | None:
        """The formula of the block by its notation."""
        return None if self.sample is None else step_formula(self.sample.node, self.symbol)

    @cached_property
    def inside(self) -> Formula | None:
        """The forward rule as a formula; None if it only calls a function of NumPy, or has no readable formula."""
        if self.sample is None or self.forward is None:
            return None
        try:
            graph = inside(self.sample.node)
        except CannotRecord:
            return None
        (out,) = graph.outputs
        if type(out) is not Node or out.block in (None, self.block):
            return None
        leaves = dict(zip(graph.inputs, map(self.symbol, graph.inputs), strict=True))
        found = self._read(Array(out), leaves)
        return None if found == self.forward else found

    def _read(self, x: Any, leaves: Mapping[Node, Formula]) -> Formula | None:
        """The simplified formula of a recorded value over the leaves; None if it is too long to read."""
        found = read_value(x, leaves, self._constant)[1]
        return None if found is None else formula(found)

    # The backward rule ------------------------------------------------------------------------------------

    @cached_property
    def upstream(self) -> Formula:
        """∂L/∂z."""
        return partial(LOSS, self.result).of_shape(self._shape)

    @cached_property
    def backward(self) -> tuple[OperandRule, ...]:
        """A rule for each operand with a gradient; empty for a block that is not differentiable."""
        if self.sample is None or not self.block.differentiable:
            return ()
        return tuple(self._gradients(self.sample))

    def size_of(self, gradient: OperandRule) -> str:
        """The size of a local gradient as a matrix, a row for each entry of the operand."""
        if gradient.told == NO_DERIVATIVE:
            return ""
        rows, columns = (int(np.prod(f.shape, dtype=int)) for f in (gradient.name, self.result))
        return f"{rows}×{columns} matrix"

    def _gradients(self, sample: Sample) -> Iterator[OperandRule]:
        dz = Node(None, (), {}, np.ones_like(sample.node.value))
        leaves: Mapping[Node, Formula] = ChainMap({dz: self.upstream}, self.symbols)
        for index, x in enumerate(sample.operands):
            if type(x) is not Array:
                continue
            gradient = partial(LOSS, self.symbols[node_of(x)])
            try:
                dx = sample.pulled(Array(dz), index)
            except NoDerivative:
                yield OperandRule(gradient, None, None, self.result, NO_DERIVATIVE)
                continue
            if dx is None:
                yield OperandRule(gradient, number(0), number(0), self.result)
                continue
            rule = self._read(dx, leaves)
            told = INSIDE if not self.block.has_rule else "" if rule else LONG
            local = self._local(sample, index)
            first = not self.elementwise and local is not None and self._shape != ()
            yield OperandRule(gradient, rule, local, self.result.at("0") if first else self.result, told)

    def _local(self, sample: Sample, index: int) -> Formula | None:
        """∂z/∂x: for an elementwise block from its table, for others the rule at ∂L/∂z = 1, or e₀ if z is a vector."""
        if isinstance(self.block, Elementwise):
            derivative = self.block.derivatives[index]
            if derivative in (one, minus_one):
                return number(1 if derivative is one else -1)
            slope = derivative(RECORDING, Array(sample.node), *sample.operands, **sample.node.params)
            return self._read(slope, self.symbols)
        if len(self._shape) > 1 or 0 in self._shape:
            return None
        seed = np.zeros_like(sample.node.value)
        seed[(0,) * len(self._shape)] = 1
        try:
            with asking_others():  # the rule gets a plain ∂L/∂z beside recorded operands
                slope = sample.pulled(seed[()], index)
        except NoAnswer:
            return None
        return None if slope is None else self._read(slope, self.symbols)
