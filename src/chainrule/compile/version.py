"""A version: a function compiled for one signature and one path through it, and the types of its results."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from chainrule.compile.dispatch import FAST, entries_of, fast_path, plain
from chainrule.compile.failures import LEFT, CannotCompile, Overflowed, TooMuch
from chainrule.compile.recorder import Recorded, Signature, copied
from chainrule.compile.rolled import is_long
from chainrule.compile.signatures import OVERFLOW, TRUTHS
from chainrule.compile.steady import Told
from chainrule.compile.values import Value, input_of
from chainrule.forks import IMPORTING
from chainrule.node import Node

__all__ = ["Version", "is_same"]


class Version:
    """A function compiled for one signature and one path through it.

    Attributes
    ----------
    steady : whether two recordings agreed; the version runs only then.
    is_planned : whether its program comes from the cache of another process, and has not run here yet.
    told : the steps of the recording, to be compared with another.
    held : whether its guards have held in a run.
    read : the number of its guards on what the function reads; the others are the compiler's own.
    missed : what was read at the first of these that failed in the last run; None if none did.
    limit : the largest number of bytes for intermediate results; None without a limit.
    """

    def __init__(
        self,
        name: str,
        signature: Signature,
        recorded: Recorded,
        donated: list[int],
        told: list[Told],
        limit: int | None = None,
    ):
        self.limit = limit
        self.steady = self.is_planned = self.held = False
        self.missed: str | None = None
        self.key: str | None = None
        self.told = told
        self.name = name
        self.recorded: Recorded | None = recorded
        self.donated = donated
        self.writes = recorded.writes
        self.fast: Callable[..., Any] | None = None
        self.kinds = [_kind(out.value) if type(out) is Node else None for out in recorded.outputs]
        self.constants = [None if type(out) is Node else out for out in recorded.outputs]
        self.rebuild = recorded.rebuild
        self.expected = [(g.how, g.outcome) for g in recorded.guards]
        self.read = len(recorded.guards)
        self.signature: Signature | None = signature
        self.program: Any = None
        self.failure: Exception | None = None
        self.function: Callable[..., Any] | None = None
        self.entry: Callable[..., Any] | None = None

    def forget(self) -> None:
        """Drop the recording: another one will be made before this is compiled."""
        if self.function is None:
            self.recorded, self.signature, self.constants = None, None, []

    def has_plan(self) -> bool:
        """Whether the cache has a plan: another process has compiled the same recording, and found it steady."""
        return is_long(self.told) and self._plan()[1] is not None

    def _plan(self) -> tuple[str | None, Any]:
        """The key of the recording in the cache of plans, and its plan; None where there is none."""
        with IMPORTING:  # a fork waits for it
            from chainrule.compile import plans

        assert self.recorded is not None
        assert self.signature is not None
        if self.key is None and not self.donated:
            self.key = plans.key_of(self.told, self.signature.leaves, self.recorded.names)
        return self.key, None if self.key is None else plans.kept(self.key)

    def prepare(self) -> None:
        """Compile, if that has not been done."""
        if self.function is not None:
            return
        recorded, key, plan = self.recorded, *self._plan()
        assert recorded is not None
        if plan is not None:
            self._require_memory(plan.program)
            self.program, self.expected = plan.program, plan.expected
            inputs = [input_of(node, name) for node, name in zip(recorded.inputs, recorded.names, strict=True)]
            self.program.inputs = [inputs[i] for i in plan.used]
            with contextlib.suppress(CannotCompile):  # if its machine code has been removed from the cache
                self._load(inputs)
                self.is_planned = True
                return
        self._compile(key)

    def _compile(self, key: str | None = None) -> None:
        """Compile the recording; with a key, the plan is kept."""
        with IMPORTING:
            from chainrule.compile import plans
            from chainrule.compile.lowering import lower
            from chainrule.compile.program import write_program

        recorded = self.recorded
        assert recorded is not None
        nodes = [*recorded.outputs, *(g.node for g in recorded.guards)]
        inputs, values, further = lower(recorded.inputs, nodes, recorded.names)
        self.expected = [*((g.how, g.outcome) for g in recorded.guards), *(guard[1:] for guard in further)]
        outputs = [*(v for v in values if v is not None), *(v for v, _, _ in further)]
        count = len(outputs) - len(self.expected)
        guards = [(v, *expected) for v, expected in zip(outputs[count:], self.expected, strict=True)]
        overwritable = all(how in TRUTHS for how, _ in self.expected)
        donated = [inputs[i] for i in self.donated] if overwritable else []
        self.program = write_program(self.name, inputs, outputs, None, donated, guards)
        self._require_memory(self.program)
        self._load(inputs)
        if key is not None:
            plans.keep(key, self.program, inputs, self.expected)
        self._end()

    def _require_memory(self, program: Any) -> None:
        if self.limit is not None and (taken := program.memory()) > self.limit:
            raise TooMuch(taken)

    def _end(self) -> None:
        """Drop the recording, which is not needed any more."""
        self.recorded, self.signature, self.told, self.is_planned = None, None, [], False

    def _load(self, inputs: Sequence[Value]) -> None:
        program = self.program
        entries = entries_of(self, inputs) if program.native else {}
        functions = program.load(entries)
        used, overwritten = set(program.inputs), set(program.overwritten)
        self.used = [i for i, v in enumerate(inputs) if v in used]
        self.overwritten = [i for i, v in enumerate(inputs) if v in overwritten]
        self.entry = functions.get(FAST)
        self.fast = fast_path(self, functions[program.name])
        self.function = functions[program.name]  # set last, so that an interrupted compilation starts again

    def run(self, leaves: Sequence[Any]) -> tuple[bool, Any]:
        """Whether this version is right for these values (all guards hold), and the function's result if so."""
        done, result = self._run(leaves)
        if self.is_planned:
            if done:
                self._end()
            else:  # the plan may have been made for other values
                self._compile()
                done, result = self._run(leaves)
        return done, result

    def _run(self, leaves: Sequence[Any]) -> tuple[bool, Any]:
        self.failure = self.missed = None
        given = [plain(leaves[i]) for i in self.used]
        if self.overwritten:
            given = self._with_own_memory(given)
        try:
            results = self.function(*given)  # type: ignore[misc]
        except Overflowed:
            raise
        except LEFT as error:
            self.failure = error  # the function itself reports the error, or takes another path
            return False, None
        count = sum(kind is not None for kind in self.kinds)
        overflowed = False
        for k, ((how, found), value) in enumerate(zip(self.expected, results[count:], strict=True)):
            if not _as_found(how, found, value):
                if how != OVERFLOW:
                    self.missed = how if k < self.read else None
                    return False, None
                overflowed = True
        if overflowed:
            raise Overflowed
        self.held = True
        made = iter(results[:count])
        outputs = [
            _boxed(kind, next(made)) if kind is not None else copied(constant)
            for kind, constant in zip(self.kinds, self.constants, strict=True)
        ]
        if self.donated:
            outputs = self._into_donated(outputs, leaves)
        return True, self.rebuild(outputs)

    def _with_own_memory(self, given: list[Any]) -> list[Any]:
        """The arguments; donated ones are copied if they are read-only or share memory with another argument."""
        sharing = _sharing(given)
        for k, i in enumerate(self.used):
            if i in self.overwritten and (k in sharing or not given[k].flags.writeable):
                given[k] = given[k].copy()
        return given

    def _into_donated(self, outputs: list[Any], leaves: Sequence[Any]) -> list[Any]:
        """The results, written into donated arrays of equal shape and dtype that share no other argument's memory."""
        sharing = _sharing(leaves)
        free = [leaves[i] for i in self.donated if i not in sharing and not any(leaves[i] is out for out in outputs)]
        for k, out in enumerate(outputs):
            if not isinstance(out, np.ndarray) or any(out is leaves[i] for i in self.donated):
                continue
            for i, target in enumerate(free):
                if target.shape == out.shape and target.dtype == out.dtype and target.flags.writeable:
                    np.copyto(target, out)
                    outputs[k] = free.pop(i)
                    break
        return outputs


def _sharing(arrays: Sequence[Any]) -> set[int]:
    """The positions of the arrays that may share memory with another one."""
    spans = sorted((*_span(x), k) for k, x in enumerate(arrays) if isinstance(x, np.ndarray) and x.nbytes)
    found: set[int] = set()
    end, last = 0, -1
    for low, high, k in spans:
        if low < end:
            found |= {k, last}
        if high > end:
            end, last = high, k
    return found


def _span(x: np.ndarray) -> tuple[int, int]:
    """The first address of an array, and the one after its last byte."""
    start = x.__array_interface__["data"][0]
    return (start, start + x.nbytes) if x.flags.forc else byte_bounds(x)


def _kind(value: Any) -> tuple[str, Any]:
    """The form of a result: an array, a 0-d array with its dtype, or a number with its type."""
    if isinstance(value, np.ndarray):
        return ("array", None) if value.ndim else ("0-d", value.dtype)
    return ("number", type(value))


def _boxed(kind: tuple[str, Any], value: Any) -> Any:
    if kind[0] == "array":
        return value
    return np.array(value, kind[1]) if kind[0] == "0-d" else value if type(value) is kind[1] else kind[1](value)


def _as_found(how: str, found: Any, value: Any) -> bool:
    if how in TRUTHS:
        return bool(value) is found
    if how == "integer":
        return bool(np.isfinite(value)) and int(value) == found
    return is_same(np.asarray(value), found)


def is_same(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether two arrays are equal, with the signs of zeros; NaN is equal to NaN."""
    if x.dtype.kind == "c":
        return is_same(x.real, y.real) and is_same(x.imag, y.imag)
    if x.dtype.kind != "f":
        return np.array_equal(x, y)
    return np.array_equal(x, y, equal_nan=True) and np.array_equal(np.signbit(x[x == 0]), np.signbit(y[x == 0]))
