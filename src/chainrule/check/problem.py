"""The problem to check: some gradients, and the computation in a form that references can run again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.array import value_of
from chainrule.check.finite_differences import slopes, typical_step
from chainrule.check.libraries import LIBRARIES, Answer, Unavailable, answer_of
from chainrule.check.parts import dot, from_parts, real_parts, widest
from chainrule.errors import NoAnswer, asking_others
from chainrule.graph import Graph
from chainrule.layout import laid_out_as
from chainrule.libraries import is_complex, is_inexact
from chainrule.node import Node
from chainrule.trees import flatten

__all__ = ["Function", "Problem", "is_wide", "largest", "precision"]

Function = Callable[[Sequence[Any], bool], Any]
"""`f(leaves, wide)`: the outputs for other values of the inputs; `wide` computes all of it in double precision."""


@dataclass(frozen=True)
class Problem:
    """The gradients ∂L/∂x to check, where L = Re Σ d̄z z over the outputs z, and all that references need.

    Attributes
    ----------
    labels : the names of the arrays x.
    graph : the recording between x and the outputs.
    f : the function itself, for finite differences; None if they cannot be taken.
    inputs, gradients : the arrays x, and their gradients to check.
    seeds : a cotangent dz for each output.
    rough : the relative difference that rounding explains (the epsilon of the coarsest dtype in the graph).
    libraries : the libraries to compare with.
    least : smaller absolute differences count as rounding.
    """

    labels: Sequence[str]
    graph: Graph
    f: Function | None
    inputs: Sequence[Any]
    seeds: Sequence[np.ndarray]
    gradients: Sequence[np.ndarray]
    rough: float
    libraries: Sequence[str] = tuple(LIBRARIES)
    least: float = 0.0
    _answers: dict[str, Answer | Unavailable] = field(default_factory=dict)

    def direction(self, i: int, d: np.ndarray) -> np.ndarray:
        """A direction in which an input may be moved; symmetric if the function reads only one triangle of a matrix."""
        x = np.asarray(self.inputs[i])
        if x.ndim < 2 or is_complex(x) or not self._reads_a_triangle or not np.array_equal(x, np.swapaxes(x, -1, -2)):
            return d
        return (d + np.swapaxes(d, -1, -2)) / 2

    @property
    def _reads_a_triangle(self) -> bool:
        """Whether a block is for symmetric matrices only; its example says so."""
        examples = [node.block.example for node in self.graph.nodes if node.block.example]
        return any(operand.project is not None for example in examples for operand in example.operands)

    def answer(self, library: str) -> Answer | Unavailable:
        """A library's results for this problem, or the reason why there are none."""
        if library not in self._answers:
            try:
                self._answers[library] = answer_of(library, self.graph, self.inputs, self.seeds)
            except Unavailable as why:
                self._answers[library] = why
            else:
                if (chosen := self._chosen_otherwise(self._answers[library])) is not None:
                    self._answers[library] = Unavailable(f"another choice of signs in {chosen}, which are free")
        return self._answers[library]

    def _chosen_otherwise(self, answer: Answer | Unavailable) -> str | None:
        """The first block with arbitrary signs in its result (eigenvectors) for which a library chose other signs."""
        for node in self.graph.nodes:
            theirs = answer.values.get(node) if isinstance(answer, Answer) and node.block.free_signs else None
            if theirs is not None and not np.allclose(node.value, theirs, rtol=np.sqrt(self.rough)):
                return node.block.name
        return None

    @cached_property
    def is_nan(self) -> bool:
        """Whether L is NaN, so that it has no slopes."""
        outputs = [z.value if type(z) is Node else z for z in self.graph.outputs]
        return any(bool(np.isnan(z).any()) for z in outputs if is_inexact(z))

    # Neighbouring points ----------------------------------------------------------------------------------

    @cached_property
    def wide(self) -> bool:
        """Whether f computes in double precision if its arguments are."""
        if all(is_wide(x) for x in self.inputs):
            return True
        try:
            with asking_others():
                outputs = self.outputs(self.inputs, wide=True)
        except NoAnswer:
            return False
        return all(is_wide(z) for z in outputs if is_inexact(z))

    def outputs(self, inputs: Sequence[Any], wide: bool) -> list[Any]:
        assert self.f is not None
        inputs = [np.asarray(x, dtype=widest(np.asarray(x).dtype) if wide else None) for x in inputs]
        inputs = [
            laid_out_as(x, own) if isinstance(own, np.ndarray) else x[()]
            for x, own in zip(inputs, self.inputs, strict=True)
        ]
        with np.errstate(all="ignore"):
            return [value_of(z) for z in flatten(self.f(inputs, wide))[0]]

    @cached_property
    def timed(self) -> tuple[list[Any], float]:
        """The outputs of f at the inputs, and the seconds that it took."""
        start = time.perf_counter()
        return self.outputs(self.inputs, self.wide), time.perf_counter() - start

    @cached_property
    def noise(self) -> float:
        """How much rounding changes L."""
        narrows = all(is_wide(x) for x in self.inputs)  # then f itself rounds to lower precision
        eps = self.rough if narrows or not self.wide else np.finfo(float).eps
        terms = zip(self.seeds, self.timed[0], strict=True)
        size = float(sum(np.sum(np.abs(dz * z)) for dz, z in terms if is_inexact(z)))
        return float(eps) * (size if np.isfinite(size) else 1.0)

    def moved(self, i: int, amount: float, direction: np.ndarray) -> list[Any] | None:
        """The outputs with input i moved along a direction (of its real parts); None if f is not defined there."""
        inputs = list(self.inputs)
        own = np.asarray(inputs[i])
        there = own.astype(widest(own.dtype)) + amount * from_parts(direction, own)
        inputs[i] = there if isinstance(self.inputs[i], np.ndarray) else there[()]
        if not self.wide:
            inputs[i] = inputs[i].astype(own.dtype)
        try:
            with asking_others():
                return self.outputs(inputs, self.wide)
        except NoAnswer:  # outside of the domain
            return None

    def change(self, i: int, direction: np.ndarray) -> Callable[[float, float], float]:
        """L(x + b d) − L(x + a d), as a function of a and b."""

        def change(a: float, b: float) -> float:
            before, after = self.moved(i, a, direction), self.moved(i, b, direction)
            if before is None or after is None or len(before) != len(after):
                return np.nan
            total = 0.0
            for dz, z0, z1 in zip(self.seeds, before, after, strict=True):
                if is_inexact(z1):
                    if np.shape(z0) != np.shape(z1):
                        return np.nan
                    with np.errstate(all="ignore"):
                        total += float(dot(dz, np.asarray(z1, widest(np.asarray(z1).dtype)) - z0))
            return total

        return change

    def kink(self, i: int, direction: np.ndarray, step: float) -> tuple[float, float, float] | None:
        """The one-sided slopes (see `slopes`) if the function has a kink along this direction."""
        if self.f is None:
            return None
        step *= (np.finfo(float).eps if self.wide else self.rough) ** 0.25
        return slopes(self.change(i, direction), step, self.noise)

    # Scale ------------------------------------------------------------------------------------------------

    @cached_property
    def floor(self) -> float:
        """The rounding error of cancelling terms of this problem's size; smaller differences do not count."""
        outputs = [z.value if type(z) is Node else z for z in self.graph.outputs]
        size = sum(largest(dz * z) for dz, z in zip(self.seeds, outputs, strict=True) if is_inexact(z))
        steps = max(typical_step(real_parts(x)) for x in self.inputs)
        return max(self.least, 1e3 * self.rough * max(size / steps, *(largest(g) for g in self.gradients)))


def precision(values: Sequence[Any]) -> float:
    """The epsilon of the coarsest floating dtype among some values."""
    dtypes = {np.asarray(v).dtype for v in values if is_inexact(v)}
    return max(
        (float(np.finfo(d).eps) if d.kind in "fc" else 2.0**-7 for d in dtypes), default=float(np.finfo(float).eps)
    )


def largest(x: Any) -> float:
    x = np.abs(np.asarray(x)).astype(float)
    return float(np.max(x, where=np.isfinite(x), initial=0.0))


def is_wide(x: Any) -> bool:
    dtype = np.asarray(x).dtype
    return dtype == widest(dtype)
