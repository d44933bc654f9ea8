"""Recording a function for compilation: its inputs, its results, and the concrete values it read."""

from __future__ import annotations

import contextlib
import enum
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.argnums import name_of
from chainrule.array import WATCHER, Array, constant, node_of
from chainrule.bodies import Body
from chainrule.compile.rolling import rolled
from chainrule.compile.segments import MemoryBudget, looped_in_segments
from chainrule.compile.steady import Draws, Told, is_generator, told
from chainrule.errors import RecordingError
from chainrule.foreign_calls import refused_by_their_error
from chainrule.forks import imported
from chainrule.graph import graph_between
from chainrule.layout import layout_of
from chainrule.libraries import PLAIN, is_foreign, is_jax
from chainrule.node import NO_PARAMS, Line, Node, at_line
from chainrule.recording import Rolls, checked_result
from chainrule.sharing import sharing_pairs
from chainrule.standins.names import standins
from chainrule.trees import flatten, orders_of

__all__ = [
    "Guard",
    "Recorded",
    "RecordedRun",
    "Signature",
    "copied",
    "found",
    "is_constant",
    "record",
    "refused_argument",
    "run_recorded",
    "signature_of",
]


class Guard(NamedTuple):
    """A concrete value that the function read, and that may have decided its path.

    Attributes
    ----------
    node : the value.
    how : what was read: its "truth" (a boolean), an "integer", the whole "value", or "error": whether it leads to an
        error that the code may have caught.
    outcome : the result of that read.
    """

    node: Node
    how: str
    outcome: Any


class Signature(NamedTuple):
    """The arguments of a call, flattened.

    Attributes
    ----------
    key : selects a compiled version: structure, shapes, dtypes, and all arguments that are not arrays.
    leaves : the arrays and numbers, in order.
    rebuild : (args, kwargs) with other leaves in place of these.
    family : a key shared by all calls that differ only in their integers.
    integers : those integers, by their positions among all arguments.
    ranges : the ranges of the leaves that are Python integers, by their positions among the leaves.
    """

    key: Any
    leaves: list[Any]
    rebuild: Callable[[list[Any]], Any]
    family: Any
    integers: dict[int, int]
    ranges: dict[int, tuple[int, int]]


STATIC = (
    bool,
    int,
    str,
    bytes,
    type(None),
    type,
    np.dtype,
    slice,
    type(Ellipsis),
    type(lambda: 0),
    type(np.sin),
    type(len),
    enum.Enum,
)
"""Types of arguments that are compiled in: a new value makes a new version."""


def is_constant(x: Any) -> bool:
    """Whether an argument is compiled in."""
    return isinstance(x, STATIC)


def refused_argument(x: Any, name: str) -> RecordingError:
    """The error for an argument, or a part of one, that cannot be compiled; `name` is that of the function."""
    kind = type(x)
    if kind is np.ndarray:
        return RecordingError(f"{name}: arrays of dtype {x.dtype} cannot be compiled" + at_line())
    if is_generator(x):
        return RecordingError(
            f"{name}: an argument of type {kind.__name__} cannot be compiled: a compiled function draws nothing.\n"
            "Draw outside and give the numbers: noise = rng.normal(size=3), or mask = rng.random(x.shape) >= p for "
            "cr.dropout(x, p, mask=mask)" + at_line()
        )
    why = "because nobody can tell when it changes"
    instead = "give arrays, numbers, strings, or trees of them; what never changes is named in the function that is "
    instead += f"compiled: cr.compile(lambda x: f(x, {kind.__name__.lower()}))"
    if is_foreign(x):
        why, instead = "for the machine code takes NumPy's arrays", "give it np.asarray(x)"
        if is_jax(x):
            instead += ', or write cr.compile(f, engine="jax"), which XLA compiles'
    return RecordingError(
        f"{name}: an argument of type {kind.__name__} cannot be compiled, {why}; {instead}" + at_line()
    )


def signature_of(
    args: tuple[Any, ...], kwargs: dict[str, Any], name: str, operands: Mapping[int, tuple[int, int]] | None = None
) -> Signature:
    """The signature of a call.

    Parameters
    ----------
    name : of the function, for errors.
    operands : the ranges of the integers that are leaves, by their positions among all arguments.
    """
    optree = imported("optree")
    flatten((args, kwargs))  # registers its dataclasses with the tree library
    everything: list[Any]
    everything, structure = optree.tree_flatten((args, kwargs), namespace="chainrule")  # type: ignore[arg-type]
    key: list[Any] = []
    leaves: list[Any] = []
    at: list[int] = []
    integers: dict[int, int] = {}
    ranges: dict[int, tuple[int, int]] = {}
    for i, leaf in enumerate(everything):
        if type(leaf) is int:
            integers[i] = leaf
            if operands and i in operands:
                ranges[len(leaves)] = operands[i]
                key.append(operands[i])
                leaves.append(leaf)
                at.append(i)
                continue
        if is_constant(leaf):
            key.append((type(leaf), repr(leaf) if type(leaf) is slice else leaf))
            continue
        key.append(_kind_of(leaf, name))
        leaves.append(leaf)
        at.append(i)

    def rebuild(new: list[Any]) -> Any:
        full = list(everything)
        for i, leaf in zip(at, new, strict=True):
            full[i] = leaf
        return optree.tree_unflatten(structure, full)

    if pairs := sharing_pairs(leaves):
        key.append(("shared memory", *pairs))
    form = structure, orders_of((args, kwargs))
    family = (*form, tuple(int if i in integers else part for i, part in enumerate(key)))
    return Signature((*form, tuple(key)), leaves, rebuild, family, integers, ranges)


def _kind_of(leaf: Any, name: str) -> Any:
    """The part of a signature for an array or a number: everything but its values."""
    kind = type(leaf)
    if kind is np.ndarray:
        if leaf.dtype.kind not in "fciub":
            raise refused_argument(leaf, name)
        return (leaf.dtype, leaf.shape, layout_of(leaf), leaf.flags.writeable)
    if kind is float or kind is complex or (kind in PLAIN and isinstance(leaf, np.number | np.bool_)):
        return kind
    raise refused_argument(leaf, name)


class Recorded(NamedTuple):
    """One run of a function."""

    inputs: list[Node]
    outputs: list[Any]
    rebuild: Callable[[list[Any]], Any]
    result: Any
    guards: list[Guard]
    names: list[str]
    drew: bool
    """Whether it drew random numbers."""
    seeded: Line | None
    """The line where it made a generator without a seed, or None."""
    writes: bool
    """Whether it updates an argument in place; then arguments must not share memory."""

    def told(self) -> list[Told]:
        return told(self.inputs, self.outputs, self.guards)


class _Watcher(Rolls):
    """Notes which concrete values are read while a function is recorded.

    Attributes
    ----------
    seen : the guards so far.
    rolls : whether steps that repeat become loops.
    memory : if given, long loops keep fewer states.
    """

    def __init__(self, rolls: bool, memory: MemoryBudget | None) -> None:
        self.seen: dict[tuple[Node, str], Guard] = {}
        self.rolls, self.memory = rolls, memory

    def __call__(self, node: Node, how: str) -> None:
        if how == "integer" and not np.isfinite(node.value):
            how = "error"
        if (node, how) not in self.seen and (node, "value") not in self.seen:
            self.seen[node, how] = Guard(node, how, found(node.value, how))

    def rolled(self, inputs: Sequence[Node], outputs: Sequence[Any]) -> list[Any]:
        if not self.rolls:
            return list(outputs)
        return rolled(inputs, outputs, {node for node, _ in self.seen}, self.memory)

    def takes_bodies(self) -> bool:
        return self.memory is not None

    def looped(self, body: Body, operands: Sequence[Any], length: int) -> tuple[list[Any], list[Any]] | None:
        return None if self.memory is None else looped_in_segments(body, operands, length, self.memory)


def record(
    f: Callable[..., Any],
    signature: Signature,
    names: list[str],
    rolls: bool = True,
    memory: MemoryBudget | None = None,
) -> Recorded:
    """Run f on recorded inputs, watching which concrete values it reads, and whether it draws random numbers.

    Steps that repeat become loops, if `rolls`, which keep fewer states if `memory` is given. Raises CannotRoll where
    that is not possible.
    """
    watch = _Watcher(rolls, memory)
    draws = Draws(f)
    with draws.watched():
        run = run_recorded(f, signature.leaves, signature.rebuild, names, watch)
    nodes = watch.rolled(run.inputs, run.outputs)
    drew = draws.happened() and not any(node.block.draws for node in graph_between(run.inputs, nodes).nodes)
    result = run.rebuild([copied(out.value if type(out) is Node else out) for out in nodes])
    guards = list(watch.seen.values())
    return Recorded(run.inputs, nodes, run.rebuild, result, guards, names, drew, draws.seeded, run.writes)


class RecordedRun(NamedTuple):
    """What a run of a function on recorded arguments made.

    Attributes
    ----------
    inputs, outputs : the nodes of its arguments and results; a result that is not recorded is a plain value.
    rebuild : builds the return value of the function from the results.
    writes : whether it updates an argument in place.
    """

    inputs: list[Node]
    outputs: list[Any]
    rebuild: Callable[[list[Any]], Any]
    writes: bool


def run_recorded(
    f: Callable[..., Any],
    leaves: list[Any],
    rebuild: Callable[[list[Any]], Any],
    names: Sequence[str],
    watcher: Callable[[Node, str], None],
) -> RecordedRun:
    """Run f with all arrays and numbers of its arguments recorded, and its reads of values watched.

    Parameters
    ----------
    leaves, names : these arrays and numbers, and what each is called.
    rebuild : builds (args, kwargs) from them.
    """
    inputs = [Node(None, (), NO_PARAMS, constant(x), name=name) for x, name in zip(leaves, names, strict=True)]
    handles = [Array(node) for node in inputs]
    for pair in sharing_pairs(leaves):
        for i, j in (pair, pair[::-1]):
            handles[i]._shares = names[j]
    args, kwargs = rebuild(handles)
    args = [*args]
    token = WATCHER.set(watcher)
    try:
        with _rarely_collected(), standins(f, args, kwargs, leaves):
            returned = f(*args, **kwargs)
    except (ValueError, TypeError, AttributeError) as error:
        if isinstance(error, ValueError) and isinstance(error.__cause__, RecordingError):
            raise error.__cause__ from None
        if (refusal := refused_by_their_error(error)) is not None:
            raise refusal from error
        raise
    finally:
        WATCHER.reset(token)
    writes = any(handle._own is not node for handle, node in zip(handles, inputs, strict=True))
    outputs, rebuild_outputs = flatten(returned)
    outputs = [out if is_constant(out) else checked_result(out, name_of(f)) for out in outputs]
    return RecordedRun(
        inputs, [node_of(out) if type(out) is Array else out for out in outputs], rebuild_outputs, writes
    )


YOUNG = 20_000
"""The threshold of new objects for the garbage collector while a function is recorded (Python's default is 700)."""


@contextlib.contextmanager
def _rarely_collected() -> Iterator[None]:
    """Context in which garbage is collected rarely: almost all objects of a recording are kept anyway."""
    before = gc.get_threshold()
    rarely = 0 < before[0] < YOUNG
    if rarely:
        gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        if rarely:
            gc.set_threshold(*before)


def found(value: Any, how: str) -> Any:
    """The outcome of reading a value."""
    return bool(value) if how == "truth" else int(value) if how == "integer" else np.array(value)


def copied(value: Any) -> Any:
    """A constant that a later write does not change."""
    return value.copy() if isinstance(value, np.ndarray) else value
