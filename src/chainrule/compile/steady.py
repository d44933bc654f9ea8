"""Checks that a function does the same on every call, because values that are not arguments are compiled in.

Random numbers, the time, a counter or a file would then be frozen. So a function is recorded twice before it is
compiled, and the two recordings are compared step by step: if they differ and no argument explains it, the function is
refused. Two random draws may be equal by chance (a mask of three entries one time in eight), so the random generators
that the function can reach are watched too.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import random
import sys
import types
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import Array, node_of
from chainrule.block import Block
from chainrule.compile.entropy import listening
from chainrule.errors import RecordingError
from chainrule.graph import Graph, graph_between
from chainrule.layout import bytes_of
from chainrule.node import Line, Node, is_library
from chainrule.reach import is_filled, reached

__all__ = [
    "Compared",
    "Draws",
    "RecordingsDiffer",
    "Told",
    "agree",
    "content_key",
    "is_generator",
    "refusal",
    "same_inside",
    "told",
]

ADVICE = (
    "A compiled function would use what was recorded for ever. Give what changes from call to call (random numbers, "
    "the time, a counter, an array that is written to) as an argument: "
    "cr.dropout(x, p, mask=mask) with mask = rng.random(x.shape) >= p drawn outside"
)


# Two recordings ------------------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """One step of a recording without its values, to be compared with another recording of the function.

    Attributes
    ----------
    what : the block and operands of the step, or the result that is returned.
    outcome : of a guard; None for any other step.
    place : its place in the user's code: a code object and an offset.
    """

    what: Any
    outcome: Any
    place: tuple[Any, int]

    @property
    def line(self) -> Line | None:
        return Node(None, (), {}, None, *self.place).line


def told(inputs: Sequence[Node], outputs: Sequence[Any], guards: Sequence[Any] = ()) -> list[Told]:
    """A recording as a list of steps: before each guard, and before the results, the steps that lead to it."""
    targets = [*(g.node for g in guards), *outputs]
    dependent = set(graph_between(inputs, targets).nodes)
    places: dict[Node, int] = {node: i for i, node in enumerate(inputs)}
    free = itertools.count(len(inputs))
    found: list[Told] = []

    def key(x: Any) -> Any:
        if type(x) is Node and x in places:  # most operands are
            return "step", places[x]
        return content_key(x, lambda node: ("step", places[node]) if node in places else content_key(node.value))

    def add_steps(target: Any) -> None:
        for node in _new_steps(target, dependent, places):
            places[node] = next(free)
            inputs_of = tuple([key(x) for x in node.inputs])
            what = (_key_of_block(node.block), inputs_of, key(node.params) if node.params else (), _form(node.value))
            found.append(Told(what, None, (node.code, node.lasti)))

    for guard in guards:
        add_steps(guard.node)
        outcome = content_key(guard.outcome)
        found.append(Told(("guard", guard.how, key(guard.node)), outcome, (guard.node.code, guard.node.lasti)))
    for out in outputs:
        add_steps(out)
        place = (out.code, out.lasti) if type(out) is Node else (None, 0)
        found.append(Told(("result", key(out)), None, place))
    return found


def _new_steps(target: Any, dependent: set[Node], known: dict[Node, int]) -> list[Node]:
    """The steps that lead to a result and are not known yet, oldest first."""
    found: set[Node] = set()
    stack = [target]
    while stack:
        node = stack.pop()
        if type(node) is Node and node in dependent and node not in known and node not in found:
            found.add(node)
            stack += node.inputs
    return sorted(found, key=attrgetter("order"))


def _form(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return type(value) if value.ndim == 0 else np.ndarray, value.shape, value.dtype.str
    return type(value) if np.ndim(value) == 0 else np.ndarray, np.shape(value), None


def agree(one: Sequence[Told], other: Sequence[Told]) -> bool:
    """Whether two recordings are the same; False if a guard sent them on different paths.

    Raises Differs, with the step, if they differ although all earlier guards had equal outcomes.
    """
    if _errors(one) != _errors(other):  # the code caught an error that depends on values, perhaps before any guard
        return False
    for a, b in zip(one, other, strict=False):
        if a.what != b.what:
            raise RecordingsDiffer(b)
        if a.outcome != b.outcome:
            return False
    if len(one) != len(other):
        raise RecordingsDiffer(max(one, other, key=len)[min(len(one), len(other))])
    return True


def _errors(steps: Sequence[Told]) -> list[Any]:
    return [(step.what, step.outcome) for step in steps if step.what[:2] == ("guard", "error")]


class RecordingsDiffer(Exception):
    """Two recordings of one function differ at a step."""

    def __init__(self, step: Told):
        super().__init__(step.what)
        self.step = step


def same_inside(one: Graph, other: Graph) -> bool:
    """Whether two recordings of a block's inside are equal."""
    try:
        return agree(told(one.inputs, one.outputs), told(other.inputs, other.outputs))
    except RecordingsDiffer:
        return False


class Compared:
    """A parameter of a step that is compared by its content, which consists of plain values."""

    content: Any


# Keys of values ------------------------------------------------------------------------------------------------------

DEPTH = 12
"""Values nested deeper than this are not compared."""


def content_key(x: Any, of_node: Callable[[Node], Any] | None = None, depth: int = 0) -> Any:
    """A comparable key of a value's content, without a reference to the value."""

    def key(part: Any) -> Any:
        return content_key(part, of_node, depth + 1)

    if type(x) is Array:
        x = node_of(x)
    if type(x) is Node:
        return of_node(x) if of_node is not None else _form(x.value)  # a rule may ask for its dtype
    if isinstance(x, np.ndarray) and x.dtype.kind == "O":
        return x.shape, key(x.ravel().tolist())
    if isinstance(x, np.ndarray | np.generic):
        entries = bytes_of(x)
        short = entries if len(entries) <= 32 else hashlib.blake2b(entries, digest_size=16).digest()
        return type(x), x.dtype.str, x.shape, short
    if isinstance(x, float | complex):
        return type(x), repr(x)  # distinguishes −0.0 from 0.0; NaN equals NaN
    if x is None or isinstance(x, int | str | bytes | type | np.dtype | types.CodeType | types.BuiltinFunctionType):
        return type(x), x
    if depth > DEPTH:
        return type(x)
    if isinstance(x, tuple | list):
        return type(x), tuple(map(key, x))
    if isinstance(x, set | frozenset):
        return type(x), frozenset(map(key, x))
    if isinstance(x, dict):
        return type(x), tuple((key(k), key(v)) for k, v in x.items())
    if isinstance(x, slice):
        return slice, key((x.start, x.stop, x.step))
    if isinstance(x, functools.partial):
        return type(x), key((x.func, x.args, x.keywords))
    if isinstance(x, Block):
        return _key_of_block(x, depth)
    if isinstance(x, Compared):
        return type(x).__name__, x.content
    if isinstance(x, types.FunctionType):
        cells = [c.cell_contents for c in x.__closure__ or () if is_filled(c)]
        return x.__code__, key((cells, x.__defaults__, x.__kwdefaults__))
    if isinstance(x, types.MethodType):
        return types.MethodType, key((x.__func__, x.__self__))
    if hasattr(x, "__array__"):
        return type(x), key(np.asarray(x))
    return type(x), key(getattr(x, "__dict__", None)) if not isinstance(x, types.ModuleType) else x.__name__


def _key_of_block(block: Block, depth: int = 0) -> Any:
    """The key of a block: its identity for the library's; the content of its rule for others, which f may make anew."""
    return block if block.pure else (block.name, content_key(block.__wrapped__, None, depth + 1))  # type: ignore[attr-defined]


# Random generators ---------------------------------------------------------------------------------------------------


class Draws:
    """Detects whether a function draws random numbers: from a generator that it can reach, or the system's."""

    def __init__(self, f: Callable[..., Any]):
        self.generators = _generators(f)
        self.before = self._states()
        self.seeded: Line | None = None

    def _states(self) -> list[Any]:
        return [state if type(state) is tuple else content_key(state) for state in (take() for take in self.generators)]

    def watched(self) -> Any:
        """Context: while f runs, notice where it makes a generator without a seed."""
        return listening(self._hear)

    def _hear(self) -> None:
        if self.seeded is None:
            self.seeded = _caller(sys._getframe(1))

    def happened(self) -> bool:
        return self.seeded is not None or self._states() != self.before


def _caller(frame: Any) -> Line:
    """The user's line from which a function of Python's own was called."""
    while frame.f_back is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return Line(frame.f_code.co_filename, frame.f_lineno)


def _generators(f: Callable[..., Any]) -> list[Callable[[], Any]]:
    """For each random generator that a function can reach, a function that returns its state."""
    found: list[Callable[[], Any]] = [random.getstate, lambda: np.random.get_state(legacy=False)]
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        found.append(torch.get_rng_state)
    return found + [state for item in reached(f) if (state := _state_of(item)) is not None]


def is_generator(x: Any) -> bool:
    """Whether x is a random generator."""
    return _state_of(x) is not None


def _state_of(item: Any) -> Callable[[], Any] | None:
    if isinstance(item, np.random.Generator):
        return lambda: item.bit_generator.state
    if isinstance(item, np.random.BitGenerator):
        return lambda: item.state
    if isinstance(item, np.random.RandomState):
        return lambda: item.get_state(legacy=False)
    if isinstance(item, random.Random) and not isinstance(item, random.SystemRandom):
        return item.getstate
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "Generator") and isinstance(item, torch.Generator):
        return item.get_state
    return None


# The error -----------------------------------------------------------------------------------------------------------


def _line_of_function(f: Callable[..., Any]) -> Line | None:
    """The line where the user's function begins; for cr.grad(f), that of f."""
    for item in reached(f):
        if isinstance(item, types.FunctionType) and not is_library(item.__code__.co_filename):
            return Line(item.__code__.co_filename, item.__code__.co_firstlineno)
    return None


def refusal(name: str, f: Callable[..., Any], step: Told | None, drawn: bool, seeded: Line | None) -> RecordingError:
    """The error for a function that differs from call to call.

    Parameters
    ----------
    step : the step at which two recordings differ, or None if they do not.
    drawn : whether random numbers were drawn.
    seeded : the line where a generator without a seed was made, if known.
    """
    line = (step.line if step is not None else None) or seeded or _line_of_function(f)
    what = (
        "it drew random numbers"
        if drawn
        else "two runs differ where no argument does, because something that it takes from outside has changed"
    )
    return RecordingError(f"{name} cannot be compiled: {what}" + (f"\n  at {line}" if line else "") + f"\n{ADVICE}")
