"""cr.compile: a function that records on its first call, and runs native code from then on."""

from __future__ import annotations

import importlib.util
import inspect
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from chainrule.compile.blas import all_threads
from chainrule.compile.counters import Counters, only_arithmetic, same_result
from chainrule.compile.dispatch import FAST, entries_of, fast_path, plain
from chainrule.compile.failures import LEFT, CallFailed, CannotCompile
from chainrule.compile.recorder import Recorded, Signature, record, signature_of
from chainrule.compile.steady import Differs, Told, agree, refusal
from chainrule.compile.values import Value
from chainrule.errors import ChainruleError, CompilerError, NoAnswer, RecordingError, asking_others
from chainrule.forks import IMPORTING
from chainrule.node import Node
from chainrule.recording import name_of, needs_function
from chainrule.trees import leaf_names

__all__ = ["Compiled", "compile"]

MANY = 8
"""More versions than this for one signature are a sign that branching on values does not pay."""
TOO_MANY = 32
STRICT = False
"""Whether a function that would run uncompiled is an error instead; the tests say so."""
SIGNATURES = 128
"""Versions are kept for so many signatures (shapes, dtypes, texts, …), those that were asked for last."""


def compile(f: Callable[..., Any], *, donate: Sequence[int | str] = ()) -> Compiled:
    """A function that computes what f computes, at native speed.

    The first call runs f on recorded arrays and returns what it returned. The next one records once more, compares the
    two, and compiles what was recorded, for these shapes and dtypes; so does each new shape, dtype or path. What f
    calls inside (`cr.grad`, `cr.hessian`, a whole training step) is compiled with it.
    Arrays and numbers (float, complex) may change from call to call. Integers, strings and other arguments are part of
    what is compiled: another one is another version. So is the outcome of a branch on values, which each run checks.
    An integer that took several values, as a counter of steps does, may change too if only arithmetic depends on it.

    What f takes from outside (globals, its closure, attributes of objects) is read when it is recorded, and stays what
    it was then: give what changes as an argument. Refused are a rule of a block of your own that uses what its last
    call has kept, and what changes from run to run: random numbers, the time, a counter, a file. Draw outside and give
    the numbers as an argument: `cr.dropout(x, p, mask=mask)` with `mask = rng.random(x.shape) >= p`. Accepted are a
    generator with a fixed seed that f makes anew, since it draws the same on each call, and weights that f draws on
    its first run and keeps.

    Parameters
    ----------
    f : a function of arrays, numbers, or trees of them. It must not have side effects: it runs only to be recorded,
        twice for each version.
        Its arguments are not changed, also where f writes into them.
    donate : positions or names of arguments whose arrays are consumed: results of the same shape and dtype are
        written into them, as a training step does with parameters, and are these arrays. A large program computes them
        there, without allocating; the result of the first call, which records, is fresh.

    Raises
    ------
    ImportError : llvmlite is not installed.
    RecordingError : an argument, or what f does, cannot be compiled; f does not do the same in two runs.

    >>> import numpy as np, chainrule as cr
    >>> area = cr.compile(lambda x, y: np.sum(x * y))
    >>> area(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    np.float64(11.0)
    """
    return Compiled(f, donate)


class Compiled:
    """What `cr.compile` returns. Call it like the function."""

    def __init__(self, f: Callable[..., Any], donate: Sequence[int | str] = ()):
        needs_function(f, "compile")
        _require_llvm()
        self.__wrapped__ = f
        self.__name__ = name_of(f)
        self.__doc__ = f.__doc__
        self._donate = (donate,) if isinstance(donate, int | str) else tuple(donate)
        self._versions: dict[Any, list[Version]] = {}
        self._latest: Any = None
        self._fast: Callable[..., Any] | None = None
        self._known: list[Callable[..., Any]] = []
        self._lock = threading.RLock()
        _every.add(self)
        self._counters = Counters()
        self._refused: str | None = None
        self._warned = self._failed = False

    def __repr__(self) -> str:
        versions = sum(len(v) for v in self._versions.values())
        return f"<compiled {self.__name__}: {versions} version(s)>"

    def __reduce__(self) -> Any:
        """Copied or sent to another process it is compiled anew, or found in the cache: machine code is not sent."""
        return Compiled, (self.__wrapped__, self._donate)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            fast = self._fast
            if fast is not None and not kwargs:
                try:
                    return fast(*args)
                except LEFT:  # other arguments, or an error: both are found out below
                    pass
            return self._call(args, kwargs)
        except BaseException:  # a program gives the threads back; where Ctrl-C interrupts just that, it is done here
            all_threads()
            raise

    def _uncompiled(self, error: CannotCompile, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What records runs, even where LLVM fails: another version of it, a full disk."""
        if STRICT:
            raise error
        if not self._failed:
            self._failed = True
            told = str(error).strip().splitlines()[0]
            warnings.warn(
                f"{self.__name__} cannot be compiled and runs uncompiled ({told})", RuntimeWarning, stacklevel=4
            )
        return self.__wrapped__(*args, **kwargs)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._failed:
            return self.__wrapped__(*args, **kwargs)
        for fast in self._known if not kwargs else ():  # another label, and the like
            try:
                result = fast(*args)
            except LEFT:
                continue
            self._fast = fast
            return result
        if self._refused is not None:
            raise RecordingError(self._refused)
        signature = self._signature(args, kwargs)
        versions = self._versions_of(signature)
        tried = len(versions)
        for version in versions[:tried]:
            if version.steady:
                done, result = self._run(version, signature, args, kwargs)
                if done:
                    return result
        recorded = record(self.__wrapped__, signature, self._names(args, kwargs, signature))
        first = recorded.result
        if recorded.drew:  # weights made on the first call, or random numbers on each: a second run tells
            again = record(self.__wrapped__, signature, recorded.names)
            if again.drew:
                raise self._refusal(recorded, again)
            recorded = again
        told = recorded.told()
        for k, version in enumerate(versions[:tried]):
            if not version.steady and self._same_path(version.told, told, recorded):
                version = self._version(signature, recorded, told, args, kwargs)
                version.steady = True
                with self._lock:
                    versions[k] = version
                return self._run(version, signature, args, kwargs, first)[1]
        if STRICT:
            self._require_compiled(versions[:tried], recorded)
        if len(versions) < TOO_MANY:
            self._keep(versions, tried, self._version(signature, recorded, told, args, kwargs))
        return first

    def _signature(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signature:
        """The signature of a call; integers that took many values are leaves of it where only arithmetic needs them."""
        signature = signature_of(args, kwargs, self.__name__)
        ranges = self._counters.ranges(signature) if signature.integers else None
        if not ranges:
            return signature
        wider = signature_of(args, kwargs, self.__name__, ranges)
        if wider.key in self._versions or self._computes_only(signature, wider, args, kwargs):
            return wider
        self._counters.refuse(signature, ranges)
        return signature

    def _computes_only(
        self, signature: Signature, wider: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> bool:
        """Whether integers may be operands: the function is run with and without, and must do the same."""
        with_plain = record(self.__wrapped__, signature, self._names(args, kwargs, signature))
        try:
            with asking_others():
                with_recorded = record(self.__wrapped__, wider, self._names(args, kwargs, wider))
        except NoAnswer:  # the user's code takes no recorded integer; with plain ones it runs
            return False
        return only_arithmetic(with_recorded, wider.ranges) and same_result(with_plain, with_recorded)

    def _require_compiled(self, versions: list[Version], recorded: Recorded) -> None:
        """A call of a block has not failed where the function itself runs; nor are there too many paths."""
        path = [(g.how, g.outcome) for g in recorded.guards]
        for version in versions:
            if isinstance(version.failure, CallFailed) and repr(version.expected[: len(path)]) == repr(path):
                raise CompilerError(f"{self.__name__} runs, but not as it was compiled") from version.failure
        if len(versions) >= TOO_MANY:
            raise CompilerError(f"{self.__name__} has more than {TOO_MANY} paths and ran uncompiled")

    def _versions_of(self, signature: Signature) -> list[Version]:
        """The versions for a signature, which is now the one that was asked for last."""
        with self._lock:
            versions = self._versions.pop(signature.key, [])
            self._versions[signature.key] = versions
            while len(self._versions) > SIGNATURES:
                del self._versions[next(iter(self._versions))]
        return versions

    def _run(
        self,
        version: Version,
        signature: Signature,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        otherwise: Any = None,
    ) -> tuple[bool, Any]:
        """Whether a version is the one for these values, and what the function returns: `otherwise` if it is not."""
        try:
            with self._lock:
                version.prepare()
        except CannotCompile as error:
            return True, self._uncompiled(error, args, kwargs)
        self._latest = version
        done, result = version.run(signature.leaves)
        if not done:
            return False, otherwise
        if version.writes and len(signature.leaves) > 1:
            return True, result  # the short way does not ask whether arguments share memory
        self._fast = version.fast
        if version.fast is not None and not version.expected and version.fast not in self._known:
            self._known = [version.fast, *self._known[: MANY - 1]]
        return True, result

    def _version(
        self, signature: Signature, recorded: Recorded, told: list[Told], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Version:
        return Version(self.__name__, signature, recorded, self._donated(args, kwargs, signature), told)

    def _keep(self, versions: list[Version], tried: int, version: Version) -> None:
        """Add a version, to be compiled when a second recording says the same. Only the latest keeps its recording."""
        if len(versions) == MANY and not self._warned:
            self._warned = True
            warnings.warn(
                f"{self.__name__} has taken {MANY} different paths, and each is compiled by itself; what it looks at: "
                f"{_what_is_looked_at(version.recorded)}. Use np.where, or compile the parts between the branches",
                stacklevel=4,
            )
        with self._lock:
            if len(versions) == tried:  # else another thread has recorded meanwhile, perhaps the same path
                versions.append(version)
                if self._latest is not None and not self._latest.steady:
                    self._latest.forget()
                self._latest = version

    def _same_path(self, told: list[Told], again: list[Told], recorded: Recorded) -> bool:
        """Whether a recording repeats an earlier one. Refuses a function that is not the same on every call."""
        try:
            same = agree(told, again)
        except Differs as error:
            raise self._refusal(recorded, None, error.step) from None
        if same and recorded.drew:
            raise self._refusal(recorded)
        return same

    def _refusal(self, recorded: Recorded, again: Recorded | None = None, step: Told | None = None) -> RecordingError:
        """The error for a function that is not the same on every call; it is that from now on."""
        if again is not None:
            try:
                agree(recorded.told(), again.told())
            except Differs as error:
                step = error.step
        refused = refusal(self.__name__, self.__wrapped__, step, recorded.drew, recorded.seeded)
        self._refused = str(refused)
        return refused

    def _names(self, args: tuple[Any, ...], kwargs: dict[str, Any], signature: Signature) -> list[str]:
        """A name for each leaf, by the function's parameters."""
        try:
            bound = inspect.signature(self.__wrapped__).bind(*args, **kwargs).arguments
        except (TypeError, ValueError):
            bound = {}
        names: dict[int, str] = {}
        for parameter, argument in bound.items():
            from chainrule.trees import flatten

            for leaf, name in zip(flatten(argument)[0], leaf_names(argument, parameter), strict=False):
                names.setdefault(id(leaf), name)
        return [names.get(id(leaf), f"x{i}") for i, leaf in enumerate(signature.leaves)]

    def _donated(self, args: tuple[Any, ...], kwargs: dict[str, Any], signature: Signature) -> list[int]:
        """Which leaves may be overwritten."""
        if not self._donate:
            return []
        from chainrule.recording import positions_of
        from chainrule.trees import flatten

        ids: set[int] = set()
        for position, name in positions_of(self.__wrapped__, self._donate):
            given = args[position] if 0 <= position < len(args) else kwargs.get(name)
            ids |= {id(leaf) for leaf in flatten(given)[0] if isinstance(leaf, np.ndarray)}
        return [i for i, leaf in enumerate(signature.leaves) if id(leaf) in ids]

    def source(self) -> str:
        """The Python source of the version that ran last."""
        if self._latest is None:
            raise ChainruleError(f"{self.__name__} has not been called yet, so there is nothing to show")
        with self._lock:
            self._latest.prepare()
        return self._latest.program.text

    def memory(self) -> int:
        """The most bytes that the version that ran last takes for what it computes in between."""
        if self._latest is None:
            raise ChainruleError(f"{self.__name__} has not been called yet")
        with self._lock:
            self._latest.prepare()
        return self._latest.program.memory()


_every: weakref.WeakSet[Compiled] = weakref.WeakSet()


def _after_fork() -> None:
    """What another thread was compiling is compiled anew in the new process."""
    for compiled in list(_every):
        compiled._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _what_is_looked_at(recorded: Recorded | None) -> str:
    assert recorded is not None
    lines = {str(g.node.line) for g in recorded.guards if g.node.line is not None}
    return ", ".join(sorted(lines)[:3]) or "values"


def _require_llvm() -> None:
    if importlib.util.find_spec("llvmlite") is None:  # it is imported when something is compiled
        raise ImportError('cr.compile needs llvmlite, the compiler: pip install "chainrule[compile]"')


class Version:
    """A function compiled for one signature and one path through it.

    Attributes
    ----------
    steady : whether it was recorded twice, alike: only then it is run.
    told : what the recording says, to compare with.
    """

    def __init__(self, name: str, signature: Signature, recorded: Recorded, donated: list[int], told: list[Told]):
        self.steady = False
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
        self.signature: Signature | None = signature
        self.program: Any = None
        self.failure: Exception | None = None
        self.function: Callable[..., Any] | None = None
        self.entry: Callable[..., Any] | None = None

    def forget(self) -> None:
        """Let go of the recording: another one will be made before this is compiled."""
        if self.function is None:
            self.recorded, self.signature, self.constants = None, None, []

    def prepare(self) -> None:
        """Compile, if that has not been done."""
        if self.function is not None:
            return
        with IMPORTING:  # a fork waits
            from chainrule.compile.lowering import lower
            from chainrule.compile.program import write_program

        recorded = self.recorded
        assert recorded is not None
        nodes = [*recorded.outputs, *(g.node for g in recorded.guards)]
        inputs, values, further = lower(recorded.inputs, nodes, recorded.names)
        self.expected = [*((g.how, g.outcome) for g in recorded.guards), *(guard[1:] for guard in further)]
        outputs = [*(v for v in values if v is not None), *(v for v, _, _ in further)]
        count = len(outputs) - len(self.expected)
        guards = [(v, found) for v, (_, found) in zip(outputs[count:], self.expected, strict=True)]
        overwritable = all(how == "truth" for how, _ in self.expected)
        donated = [inputs[i] for i in self.donated] if overwritable else []
        self.program = write_program(self.name, inputs, outputs, None, donated, guards)
        self._load(inputs)
        self.recorded, self.signature, self.told = None, None, []  # not needed any more

    def _load(self, inputs: Sequence[Value]) -> None:
        program = self.program
        entries = entries_of(self, inputs) if program.native else {}
        functions = program.load(entries)
        used, overwritten = set(program.inputs), set(program.overwritten)
        self.used = [i for i, v in enumerate(inputs) if v in used]
        self.overwritten = [i for i, v in enumerate(inputs) if v in overwritten]
        self.entry = functions.get(FAST)
        self.fast = fast_path(self, functions[program.name])
        self.function = functions[program.name]  # the last: an interrupted compilation starts again

    def run(self, leaves: Sequence[Any]) -> tuple[bool, Any]:
        """Whether this is the version for these values, and then what the function returns."""
        self.failure = None
        given = [plain(leaves[i]) for i in self.used]
        if self.overwritten:
            given = self._with_own_memory(given)
        try:
            results = self.function(*given)  # type: ignore[misc]
        except LEFT as error:
            self.failure = error  # the function itself says what is wrong, or takes another path
            return False, None
        count = sum(kind is not None for kind in self.kinds)
        for (how, found), value in zip(self.expected, results[count:], strict=True):
            if not _as_found(how, found, value):
                return False, None
        made = iter(results[:count])
        outputs = [
            _boxed(kind, next(made)) if kind is not None else _copied(constant)
            for kind, constant in zip(self.kinds, self.constants, strict=True)
        ]
        if self.donated:
            outputs = self._into_donated(outputs, leaves)
        return True, self.rebuild(outputs)

    def _with_own_memory(self, given: list[Any]) -> list[Any]:
        """What will be overwritten, copied if it is read-only or if another argument lies in the same memory."""
        sharing = _sharing(given)
        for k, i in enumerate(self.used):
            if i in self.overwritten and (k in sharing or not given[k].flags.writeable):
                given[k] = given[k].copy()
        return given

    def _into_donated(self, outputs: list[Any], leaves: Sequence[Any]) -> list[Any]:
        """Results of the shape and dtype of a donated array are written into it, if it lies in memory of its own."""
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
    """Which of several arrays may lie in the same memory as another: their places."""
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
    """Where an array begins and ends in memory."""
    start = x.__array_interface__["data"][0]
    return (start, start + x.nbytes) if x.flags.forc else byte_bounds(x)


def _kind(value: Any) -> tuple[str, Any]:
    """How a result is handed out: as an array, an array without axes, or a number of a type."""
    if isinstance(value, np.ndarray):
        return ("array", None) if value.ndim else ("0-d", value.dtype)
    return ("number", type(value))


def _boxed(kind: tuple[str, Any], value: Any) -> Any:
    if kind[0] == "array":
        return value
    return np.array(value, kind[1]) if kind[0] == "0-d" else value if type(value) is kind[1] else kind[1](value)


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _as_found(how: str, found: Any, value: Any) -> bool:
    if how == "truth":
        return bool(value) is found
    if how == "integer":
        return int(value) == found
    value = np.asarray(value)
    return np.array_equal(value, found, equal_nan=value.dtype.kind in "fc")
