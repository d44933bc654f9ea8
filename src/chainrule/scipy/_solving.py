"""One call of a solver of SciPy's, which compiled code repeats for other numbers.

The recorded steps of the callbacks at the solution are functions of their arguments and of the values from outside. So
SciPy can solve again with them, without the user's functions. Where a callback has branches, its other steps on the way
to the solution are recorded too. If SciPy cannot solve again (a callback decides by numbers, say), a compiled function
is guarded by the numbers that SciPy has used.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.array import WATCHER, Array, node_of, read, read_by_error
from chainrule.errors import NoAnswer, asking_others
from chainrule.libraries import PLAIN
from chainrule.node import Node
from chainrule.scipy._callbacks import Again, Callback, solved_step
from chainrule.scipy._replayed import OtherSteps, Replayed
from chainrule.standins.buffer import Buffer, plain_of
from chainrule.standins.scipy_values import plain_values, with_value, with_values

__all__ = ["Solving"]

BRANCHES = 8
"""The largest number of kinds of steps of one callback."""

Solver = Callable[[Sequence[Any], Any], Any]


class Solving:
    """One call of a solver.

    Attributes
    ----------
    solver : a function of the callbacks (None where there is none) and of the other arguments.
    callbacks : functions of the unknown, the first is the one that is solved.
    given : the other arguments, a tree. Nothing has a derivative by them.
    result : SciPy's.
    operands : the recorded values on which the result depends, after `settle`: those from outside of the first callback
        come first.
    """

    def __init__(self, solver: Solver, callbacks: Sequence[Callback | None], given: Any):
        self.solver, self.callbacks, self.given = solver, callbacks, _kept(given)
        self.operands: list[Any] = []
        self._nodes: list[Node] = []
        self._replays: list[list[Replayed]] = []
        self._solves_again = False
        self._last: tuple[Any, Any] | None = None
        try:
            self.result = solver(callbacks, plain_values(self.given))
        except Exception:
            self._read("error")
            with_values(self.given, read_by_error)
            raise

    def settle(self, x: Any, find: Callable[[Any], Any], solves_again: bool = True) -> Replayed:
        """The first callback near the solution x. Decides whether the solver can solve again.

        Parameters
        ----------
        find : the solution, as a function of SciPy's result.
        solves_again : False where this call must not be repeated.
        """
        first = self.callbacks[0]
        assert first is not None
        near = first.at(x)
        if WATCHER.get() is None:
            self.operands = first.operands()
            return near
        self._replays = [[near], *([] if f is None else [f.at(x)] for f in self.callbacks[1:])]
        self._solves_again = solves_again and self._is_whole() and self._repeats(find)
        self._nodes = self._outside()
        self.operands = [Array(node) for node in self._nodes]
        if not self._solves_again:
            self._read("error")
            with_values(self.given, lambda part: read(node_of(part), "error"))
            self.operands = first.operands()
        return near

    def again(self, find: Callable[[Any], Any]) -> Again | None:
        """How a part of the result is computed for other operands; None if SciPy cannot solve again."""
        if not self._solves_again:
            return None
        contents = [replays[0].content if replays else None for replays in self._replays]
        return Again(lambda *operands: find(self._solved(operands)), (contents, self.given))

    def part(self, name: str, find: Callable[[Any], Any]) -> Any:
        """A part of the result that does not move with the operands, such as a count: a step if SciPy solves again."""

        def number(result: Any) -> Any:
            return np.asarray(find(result))[()]

        again = self.again(number)
        if again is None:
            return find(self.result)
        return solved_step(name, number(self.result), self.operands, _nothing, again)

    def with_value(self, name: str, recorded: Any, find: Callable[[Any], Any]) -> Any:
        """A recorded result with a part of SciPy's result as its value, in compiled code too."""

        def backward(xp: Any, dz: Any, z: Any, *operands: Any) -> Any:
            return [dz, *[None] * (len(operands) - 1)]

        again = self.again(find)
        if again is None or type(recorded) is not Array:
            return with_value(recorded, find(self.result))
        whole = Again(lambda own, *operands: again.value.f(*operands), again.content)
        return solved_step(name, find(self.result), [recorded, *self.operands], backward, whole)

    def guard_part(self, name: str, find: Callable[[Any, list[Any]], Any]) -> None:
        """Guard a compiled function by truths that follow from the result and the values of the operands."""
        again = self.again(lambda result: result)
        if again is not None:
            of_all = Again(lambda *operands: find(again.value.f(*operands), [*operands]), again.content)
            value = find(self.result, [node.value for node in self._nodes])
            read(node_of(solved_step(name, value, self.operands, _nothing, of_all)), "error")

    def guard_decisions(self, f: Callback) -> None:
        """Guard a compiled function by what a callback has decided since the last call of `at`."""
        if self._solves_again:
            for node in f.decisions:
                read(node, "error")

    def guard(self, z: Any) -> None:
        """Guard a compiled function by the truths that decided the steps of the first callback at its solution z."""
        if self._solves_again:
            self._replays[0][0].guard(z, *self.operands)

    def _outside(self) -> list[Node]:
        """All recorded values on which the result depends; first those of the first callback at its solution."""
        near = self._replays[0][0]
        found = dict.fromkeys(near.inputs[len(near.arguments) :])
        for f in self.callbacks:
            if f is not None:
                found.update(dict.fromkeys((*f.outside, *f.fixed)))
        with_values(self.given, lambda part: found.setdefault(node_of(part)))
        return list(found)

    def _read(self, how: str) -> None:
        for f in self.callbacks:
            if f is not None:
                f.read(how)

    def _is_whole(self) -> bool:
        return _is_data(self.given) and all(replay.is_whole() for replays in self._replays for replay in replays)

    def _repeats(self, find: Callable[[Any], Any]) -> bool:
        """Whether SciPy finds the same solution with the recorded steps; other steps on its way are recorded now."""
        try:
            with asking_others():
                found = find(self._result({}, explores=True))
        except NoAnswer:
            return False
        return bool(np.allclose(found, find(self.result), rtol=1e-6, atol=1e-9, equal_nan=True))

    def _solved(self, operands: Sequence[Any]) -> Any:
        """SciPy's result for these numbers."""
        last = self._last
        if last is not None and all(map(_equal, last[0], operands)):
            return last[1]
        result = self._result(dict(zip(self._nodes, operands, strict=True)))
        self._last = [np.copy(x)[()] for x in operands], result
        return result

    def _result(self, values: dict[Node, Any], explores: bool = False) -> Any:
        """SciPy's result for these values of nodes; the others have their own."""
        functions = [
            _Branches(f, replays, values, explores) if f is not None else None
            for f, replays in zip(self.callbacks, self._replays, strict=True)
        ]
        return self.solver(functions, with_values(self.given, lambda part: _value_in(values, node_of(part))))


def _nothing(xp: Any, dz: Any, z: Any, *operands: Any) -> Any:
    """The rule of a result that does not move with its operands."""
    return [None] * len(operands)


def _value_in(values: dict[Node, Any], node: Node) -> Any:
    return values.get(node, node.value)


class _Branches:
    """A callback by its recorded steps, of which there may be several kinds, for its branches.

    Attributes
    ----------
    explores : whether steps that are not known are recorded.
    """

    def __init__(self, f: Callback, replays: list[Replayed], values: dict[Node, Any], explores: bool):
        self.f, self.replays, self.values, self.explores = f, replays, values, explores

    def __call__(self, *x: Any) -> Any:
        for replay in self.replays:
            with contextlib.suppress(OtherSteps):
                return self._of(replay, x)
        if not self.explores or len(self.replays) == BRANCHES:
            raise OtherSteps("a callback took a branch that is not recorded")
        made = self.f.at(*(np.array(part, float)[()] for part in x))
        if not made.is_whole():
            raise OtherSteps("a callback decides by numbers")
        self.replays.append(made)
        return self._of(made, x)

    def _of(self, replay: Replayed, x: Sequence[Any]) -> Any:
        return replay.plain(*x, *(_value_in(self.values, node) for node in replay.inputs[len(replay.arguments) :]))


def _equal(x: Any, y: Any) -> bool:
    return bool(np.array_equal(x, y))


def _kept(x: Any) -> Any:
    """A tree as it is now, whatever is written into its arrays later."""
    kind = type(x)
    if kind is Array or kind is Buffer:
        x = plain_of(x)
        return Array(node_of(x)) if type(x) is Array else np.copy(x)
    if kind is tuple or kind is list:
        return kind([_kept(part) for part in x])
    if kind is dict:
        return {key: _kept(part) for key, part in x.items()}
    return x.copy() if kind is np.ndarray else x


def _is_data(x: Any) -> bool:
    """Whether a tree consists of numbers, arrays and texts."""
    kind = type(x)
    if kind is tuple or kind is list:
        return all(map(_is_data, x))
    if kind is dict:
        return all(map(_is_data, x.values()))
    return kind is Array or kind in PLAIN or kind is str or x is None or (kind is np.ndarray and x.dtype.kind in "fiub")
