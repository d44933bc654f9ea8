"""Segments: a long loop as a loop of shorter loops (checkpointing); only the states between them are stored.

The backward pass of a loop needs the state before each step. A loop of n = m·k steps whose steps are segments of k
steps keeps m states; its backward pass computes each segment once more, with the k states in it. So m + k states are
in memory at once, some 2√n at best, and each step is computed twice. No further rule is needed: the derivative of a
loop is a loop, and that of a segment is a segment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.array import Array, form_of
from chainrule.blocks.joining import concatenate
from chainrule.bodies import Body, Inputs, Outputs
from chainrule.compile.failures import CannotRoll, TooMuch
from chainrule.compile.repeats import may_be_in_body
from chainrule.compile.rolled import Loop, LoopResults, handle, recorded_loop
from chainrule.errors import EngineError, RecordingError
from chainrule.graph import graph_between
from chainrule.node import NO_PARAMS, Node, at_line

__all__ = ["SHORTEST", "Known", "MemoryBudget", "Segments", "filled", "lengths_of", "looped_in_segments"]

SHORTEST = 16
"""A loop of fewer steps is not split: segments would save almost no memory."""


class MemoryBudget:
    """How much memory a compiled function may use for its backward passes.

    Attributes
    ----------
    limit : the largest number of bytes for intermediate results; None for no limit.
    is_tight : whether loops are recorded in segments: always without a limit; with a limit, if it needs that.
    """

    def __init__(self, limit: int | None):
        self.limit = limit
        self.is_tight = limit is None

    def segments(self, states: int) -> bool:
        """Whether loops whose states take `states` bytes in all are recorded in segments."""
        return self.is_tight or (self.limit is not None and states > self.limit)

    def refusal(self, name: str, error: CannotRoll) -> RecordingError:
        """The error for a function that cannot keep to this."""
        if isinstance(error, TooMuch):
            return RecordingError(
                f"{name} takes at least {error.taken:,} bytes for intermediate results, with the states of its loops "
                f"kept at every √n-th step, which is more than memory={self.limit:,}" + at_line()
            )
        return RecordingError(
            f"{name}: to keep fewer values its steps must be compiled as a loop, and they cannot be: {error}; "
            "leave memory out" + at_line()
        )

    @classmethod
    def of(cls, asked: Any) -> MemoryBudget | None:
        """What the user asked for."""
        if asked is None:
            return None
        if isinstance(asked, str) and asked in WORDS:
            return cls(None)
        if isinstance(asked, int | np.integer) and not isinstance(asked, bool) and asked > 0:
            return cls(int(asked))
        raise EngineError(
            f'memory={asked!r} is neither "√n" (or "sqrt"), to keep the state of every √n-th step, nor a number of '
            "bytes, as memory=10**9" + at_line()
        )


WORDS = ("√n", "sqrt")

Known = Callable[[str, int, int], Any]
"""The values of a loop: for (kind, i, t), "state" i before step t, or "result" i of step t."""


HELD = 3
"""The backward pass of a segment holds about three values for each step in memory: the state, an intermediate value,
and a cotangent."""


def lengths_of(n: int) -> tuple[int, int]:
    """The number of segments of a loop of n steps, and the number of steps of each; some steps may be left over.

    They minimise memory: the states between the segments, and the values that the backward pass of one segment, or of
    the steps that are left over, holds for each step.

    >>> lengths_of(10_000), lengths_of(101)
    ((200, 50), (20, 5))
    """
    root = math.isqrt(n)
    made = ((n // k, k) for k in range(max(root // 3, 2), root + 1))
    return min(made, key=lambda m_k: m_k[0] + HELD * max(m_k[1], n % m_k[1]) + n % m_k[1])


def filled(loop: Loop, known: Known, each: int = 1) -> np.ndarray:
    """The results of a loop whose steps are segments of `each` steps, from the known values of the single steps."""
    packed, parts = loop.memory()
    for i in range(loop.states):
        for t in range(loop.length + 1):
            parts[i][t] = known("state", i, t * each)
    for i in range(len(loop.body.outputs.results)):
        part = parts[loop.along(i)]
        rows = part.reshape(loop.length * each, *part.shape[1 if each == 1 else 2 :])
        for t in range(len(rows)):
            rows[t] = known("result", i, t)
    return packed


class Segments:
    """The results of a loop that was recorded in segments; the steps that are left over are a loop of their own.

    Parameters
    ----------
    body, length : the body of the loop, and its number of steps.
    operands : its operands.
    known : the values of the loop; None if they must be computed.
    like : a node at the line of the loop, if there is one.
    """

    def __init__(self, body: Body, length: int, operands: Sequence[Any], known: Known | None, like: Node | None):
        self.body, self.length = body, length
        self.many, self.each = lengths_of(length)
        self.covered = self.many * self.each
        given = body.taken_apart([handle(x) for x in operands])
        self.first = self._in_segments(given, known, like)
        self.rest = self._left_over(given, known, like) if self.covered < length else None
        self.arrays: dict[int, Array] = {}

    def _in_segments(self, given: Inputs, known: Known | None, like: Node | None) -> LoopResults:
        m, k = self.many, self.each
        entries = [np.reshape(x[: self.covered], (m, k, *np.shape(x)[1:])) for x in given.entries]
        loop = Loop(self._segment([*given.state], [x[0] for x in entries], given.outside), m, role="segments")
        packed = None if known is None else filled(loop, known, k)
        return recorded_loop(loop, [*given.state, *entries, *given.outside], packed, like)

    def _segment(self, *examples: Sequence[Any]) -> Body:
        """A step of the outer loop, which is a loop."""
        loop = Loop(self.body, self.each, role="segment")
        inputs = Inputs(*([Node(None, (), NO_PARAMS, form_of(x)) for x in part] for part in examples))
        everything = [x for part in inputs for x in part]
        made = recorded_loop(loop, everything)
        outputs = Outputs(
            [made(loop.last(i)) for i in range(loop.states)],
            [made(loop.along(i)) for i in range(len(self.body.outputs.results))],
        )
        graph = graph_between(everything, [out for part in outputs for out in part])
        return Body("segment", graph, inputs, outputs)

    def _left_over(self, given: Inputs, known: Known | None, like: Node | None) -> LoopResults:
        loop = Loop(self.body, self.length - self.covered, role="segment")
        packed = None if known is None else filled(loop, lambda kind, i, t: known(kind, i, self.covered + t))
        start = [self.first.last(i) for i in range(loop.states)]
        entries = [x[self.covered :] for x in given.entries]
        return recorded_loop(loop, [*start, *entries, *given.outside], packed, like)

    def last(self, i: int) -> Array:
        """State i after the last step."""
        return (self.rest or self.first).last(i)

    def along(self, i: int) -> Array:
        """Result i of all steps."""
        if i not in self.arrays:
            whole = self.first.along(i)
            steps: Any = np.reshape(whole, (self.covered, *whole.shape[2:]))
            self.arrays[i] = steps if self.rest is None else concatenate(steps, self.rest.along(i), axis=-steps.ndim)
        return self.arrays[i]


def looped_in_segments(
    body: Body, operands: Sequence[Any], length: int, memory: MemoryBudget
) -> tuple[list[Array], list[Array]] | None:
    """The last states and the results of a loop whose body was recorded once; None if it is to be written out."""
    nodes = [*body.graph.nodes, *(x for part in body.inputs for x in part)]
    if length < SHORTEST or not all(map(may_be_in_body, nodes)):
        return None
    states = length * sum(np.asarray(form_of(x)).nbytes for x in body.taken_apart(operands).state)
    if memory.segments(states):
        made: Segments | LoopResults = Segments(body, length, operands, None, None)
    else:
        made = recorded_loop(Loop(body, length, role="segment"), operands)
    return (
        [made.last(i) for i in range(len(body.outputs.state))],
        [made.along(i) for i in range(len(body.outputs.results))],
    )
