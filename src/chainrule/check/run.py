"""A run of the function that is checked: recorded, with a cotangent for each result, and its gradients."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.array import value_of
from chainrule.block import Block
from chainrule.check.blame import roughness, users, wrong_rule, wrong_value
from chainrule.check.by_hand import HandWritten, NamedValues
from chainrule.check.call import CheckedCall
from chainrule.check.compare import compare_gradients
from chainrule.check.parts import random_like
from chainrule.check.problem import Problem
from chainrule.check.report import Blame, Comparison
from chainrule.errors import GradientError, NoAnswer, NoDerivative, asking_others
from chainrule.graph import Graph, graph_between
from chainrule.layout import copied_as_it_lies, laid_out_as
from chainrule.libraries import as_numpy_number, is_complex, is_inexact
from chainrule.node import Node, at_line
from chainrule.recording import Recording, record_call
from chainrule.transforms import stop_gradient
from chainrule.trees import flatten

__all__ = ["Run", "run_twice"]

WEIGHTS = 8128
"""The seed of the random weights. Not 0: the user may have drawn the inputs with that seed."""


@dataclass(frozen=True)
class Run:
    """A recorded run of a function, and how L is computed from its results.

    Attributes
    ----------
    named : the values of the recording by the names that they have in the function; empty unless asked for.
    outputs : the results, as NumPy's numbers and arrays.
    seeds : a cotangent for each result.
    weighted : how L is computed from the results: "random weights", their "sum", or "" if the only result is L.
    """

    call: CheckedCall
    recording: Recording
    named: NamedValues
    outputs: list[Any]
    seeds: list[np.ndarray]
    weighted: str

    @classmethod
    def of(cls, call: CheckedCall, hand: HandWritten | None, network: Any, seed: int = 0) -> Run:
        """Run the function of a call; with a gradient written by hand its local variables are watched."""
        named = NamedValues() if network is None else NamedValues(network.revealed)
        with contextlib.nullcontext() if hand is None else named.watched():
            recording = _recorded(call)
        outputs = [_as_numpys(value_of(out)) for out in recording.outputs]
        seeds, weighted = _seeds(outputs, _weights_for(call, hand), seed)
        return cls(call, recording, named, outputs, seeds, weighted)

    @functools.cached_property
    def graph(self) -> Graph:
        return graph_between(self.recording.inputs, self.recording.outputs)

    @property
    def stopped(self) -> list[Node]:
        """The calls of `stop_gradient`."""
        return [node for node in self.graph.nodes if node.block is stop_gradient]

    def gradients(self) -> list[np.ndarray] | Blame:
        """The gradients, or the rule that failed."""
        try:
            with asking_others():
                return [np.asarray(value_of(g)) for g in self.recording.pull(self.seeds)]
        except NoAnswer as none:
            if isinstance(none.error, NoDerivative):
                raise none.error from None  # without a gradient nothing can be wrong
            if (blame := wrong_rule(self._newest_first, self._path)) is None:
                raise none.error from None
            return blame

    def problem(self, gradients: list[np.ndarray], steady: bool) -> Problem:
        """The problem to compare; without finite differences if the function is not deterministic."""
        f = None if not steady else _with_stops(self.graph) if self.stopped else self.call.run
        inputs = [_as_numpys(x) for x in self.call.leaves]
        return Problem(self.call.labels, self.graph, f, inputs, self.seeds, gradients, roughness(self.graph))

    def compare(self, problem: Problem, others: dict[str, Any]) -> list[Comparison]:
        """Compare the gradients with the libraries', with differences, and with others by their names."""
        slopes = compare_gradients(problem, others)
        if not all(c.ok for c in slopes):  # the gradient may be only rounding error, as that of np.cross(x, x)
            moved = self._moved_by_rounding(problem.gradients)
            slopes = compare_gradients(replace(problem, least=10 * moved), others) if moved else slopes
        return slopes

    def blame(self, problem: Problem, wrong: Sequence[Comparison]) -> Blame | None:
        """The first wrong block, going back from the loss, given the comparisons that show that chainrule is wrong."""
        suspects = self._newest_first if wrong else users(self._newest_first)
        blame = wrong_rule(suspects, self._path)
        if blame is None and any(c.label.startswith("value") for c in wrong):
            return wrong_value(problem)
        return blame

    @property
    def _newest_first(self) -> list[Node]:
        return self.recording.path.between[::-1]

    @property
    def _path(self) -> set[Node]:
        return {*self.recording.path.inputs, *self.recording.path.between}

    def _moved_by_rounding(self, gradients: Sequence[np.ndarray]) -> float:
        """How much the gradients change when the last digit of each input changes.

        Where terms cancel this is their rounding error (D. S. Parker, Monte Carlo Arithmetic). It is 0 if they
        change by more than that, as at a kink, where slopes jump.
        """
        leaves = self.call.leaves
        if not all(isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fc" for x in leaves):
            return 0.0
        rng = np.random.default_rng(0)
        moved = 0.0
        for _ in range(3):
            near = [x * (1 + np.finfo(x.dtype).eps * rng.choice([-1, 1], np.shape(x))).astype(x.dtype) for x in leaves]
            near = [laid_out_as(y, x) if isinstance(x, np.ndarray) else y for x, y in zip(leaves, near, strict=True)]
            for g, other in zip(gradients, _recorded(self.call.with_leaves(near)).pull(self.seeds), strict=True):
                with np.errstate(invalid="ignore"):
                    apart = np.abs(g - np.asarray(value_of(other)))
                moved = max(moved, float(np.max(apart, where=np.isfinite(apart), initial=0.0)))
        size = max(float(np.max(np.abs(x), initial=1.0)) for x in [*leaves, *self.seeds])
        return moved if moved <= 1e3 * max(np.finfo(x.dtype).eps for x in leaves) * size else 0.0


def _recorded(call: CheckedCall) -> Recording:
    def run(*leaves: Any) -> Any:
        return call.run(leaves)

    run.__name__ = getattr(call.f, "__name__", "f")
    return record_call(run, tuple(enumerate(call.labels)), tuple(call.leaves), {})


def _as_numpys(x: Any) -> Any:
    return as_numpy_number(x, np.dtype(np.float64))


def _weights_for(call: CheckedCall, hand: HandWritten | None) -> str:
    """How L is made of the results: "random" weights in any case, "ones", or random ones unless it is a real scalar."""
    if isinstance(call.f, Block) or (hand is not None and hand.takes_cotangents):
        return "random"
    return "" if hand is None else "ones"


def _seeds(outputs: Sequence[Any], weights: str, seed: int = 0) -> tuple[list[np.ndarray], str]:
    """A cotangent for each output, and how L is made of the outputs; "" if it is the one output."""
    floating = [z for z in outputs if is_inexact(z)]
    if not floating:
        raise GradientError(
            "the function returns nothing of a floating type, so there is no gradient to check" + at_line()
        )
    several = len(floating) > 1 or np.shape(floating[0]) != () or is_complex(floating[0])
    random = weights == "random" or (several and weights != "ones")
    rng = np.random.default_rng([WEIGHTS, seed])
    seeds = []
    for z in outputs:
        dtype = z.dtype if isinstance(z, np.ndarray | np.generic) and is_inexact(z) else np.float64
        drawn = random_like(rng, z) if random else np.ones(np.shape(z))
        seeds.append(np.asarray(drawn if is_inexact(z) else np.zeros(np.shape(z)), dtype=dtype))
    return seeds, "random weights" if random else "sum" if several else ""


def _plain(x: Any) -> Any:
    """A leaf for a plain run: arrays copied, Python's numbers as NumPy's, as in the recording, so that 1 / 0 is inf."""
    return copied_as_it_lies(x) if isinstance(x, np.ndarray) else np.asarray(x)[()]


def run_twice(call: CheckedCall) -> tuple[list[Any], bool]:
    """The outputs of f for plain values, and whether a second run returns the same."""
    first, second = (flatten(call.run([_plain(x) for x in call.leaves]))[0] for _ in range(2))
    same = len(first) == len(second) and all(
        not is_inexact(a) or np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True)
    )
    return [value_of(x) for x in first], same


def _with_stops(graph: Graph) -> Callable[..., Any]:
    """The recorded function with the results of `stop_gradient` held fixed, as in its gradient."""

    def f(leaves: Sequence[Any], wide: bool) -> Any:
        stop = lambda node, value: node.value if node.block is stop_gradient else value  # noqa: E731
        return graph.run(np, leaves, np.float64 if wide else None, stop)

    return f
