"""A compiled function: it records on its first calls, and runs native code from then on."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from chainrule.argnums import name_of, needs_function, positions_of
from chainrule.compile.blas import all_threads
from chainrule.compile.counters import Counters, only_arithmetic, same_result
from chainrule.compile.failures import LEFT, CallFailed, CannotCompile, CannotRoll, Overflowed, TooMuch
from chainrule.compile.methods import CompiledFunction, MethodOfObject, as_method, is_recorded
from chainrule.compile.paths import MANY, TOO_MANY, Paths, is_of_numbers
from chainrule.compile.recorder import Guard, Recorded, Signature, record, signature_of
from chainrule.compile.segments import MemoryBudget
from chainrule.compile.signatures import OVERFLOW
from chainrule.compile.steady import RecordingsDiffer, Told, agree, refusal
from chainrule.compile.version import Version
from chainrule.errors import ChainruleError, CompilerError, NoAnswer, RecordingError, asking_others
from chainrule.trees import flatten, leaf_names

__all__ = ["Compiled"]

P = ParamSpec("P")
R = TypeVar("R")

STRICT = False
"""Whether to raise an error if a function would run uncompiled; set by the tests."""
SIGNATURES = 128
"""Versions are kept for this many most recently used signatures (shapes, dtypes, strings, …)."""


class Compiled(CompiledFunction[P, R]):
    """What `cr.compile` returns. Call it like the function."""

    def __init__(self, f: Callable[..., Any], donate: Sequence[int | str] = (), memory: int | str | None = None):
        needs_function(f, "compile")
        _require_llvm()
        super().__init__()
        self.__wrapped__ = f
        self.__name__ = name_of(f)
        self.__doc__ = f.__doc__
        with contextlib.suppress(TypeError, ValueError):  # a function of C may have none
            self.__signature__ = inspect.signature(f)
        self._donate = (donate,) if isinstance(donate, int | str) else tuple(donate)
        self._asked, self._memory = memory, MemoryBudget.of(memory)
        self._versions: dict[Any, Paths] = {}
        self._latest: Any = None
        self._fast: Callable[..., Any] | None = None
        self._known: list[Callable[..., Any]] = []
        _every.add(self)
        self._counters = Counters()
        self._rolls = True
        self._refused: str | None = None
        self._warned = self._failed = False

    def __repr__(self) -> str:
        versions = sum(len(v) for v in self._versions.values())
        return f"<compiled {self.__name__}: {versions} version(s)>"

    def __reduce__(self) -> Any:
        """A copy, also in another process, compiles anew or loads from the cache: machine code is not pickled."""
        return Compiled, (self.__wrapped__, self._donate, self._asked)

    def _as_method(self) -> CompiledMethod:
        return CompiledMethod(self.__wrapped__, self._donate, self._asked)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            fast = self._fast
            if fast is not None and not kwargs:
                try:
                    return fast(*args)
                except LEFT:  # other arguments, or an error: decided below
                    pass
            return self._call(args, kwargs)
        except BaseException:  # the program restores the threads itself; this line is for Ctrl-C while it does so
            all_threads()
            raise

    def _uncompiled(self, error: CannotCompile, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run f uncompiled, with one warning, if LLVM fails (an incompatible version, a full disk)."""
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
        if self._failed or is_recorded((args, kwargs)):
            return self.__wrapped__(*args, **kwargs)
        for fast in self._known if not kwargs else ():  # a version may refuse: another label, for instance
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
        if versions.stopped:
            return self.__wrapped__(*args, **kwargs)
        recorded = self._record(signature, self._names(args, kwargs, signature))
        first = recorded.result
        if recorded.drew:  # either weights on the first call, or random numbers on each call: a second run tells
            again = self._record(signature, recorded.names)
            if again.drew:
                raise self._refusal(recorded, again)
            recorded = again
        tried = min(tried, len(versions))  # there are fewer if loops had to be unrolled
        told = recorded.told()
        for k, version in enumerate(versions[:tried]):
            if not version.steady and self._same_path(version.told, told, recorded):
                return self._compiled(versions, k, recorded, told, signature, args, kwargs)
        if STRICT:
            self._require_compiled(versions[:tried], recorded)
        if not self._missed(versions, recorded):
            version = self._version(signature, recorded, told, args, kwargs)
            version.steady = not recorded.drew and version.has_plan()
            self._keep(versions, tried, version)
        return first

    def _compiled(
        self,
        versions: Paths,
        k: int,
        recorded: Recorded,
        told: list[Told],
        signature: Signature,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """The result of the version with number k, which is compiled, since a second recording agreed with it."""
        first = recorded.result
        version = self._version(signature, recorded, told, args, kwargs)
        if not self._prepared(version):  # its loops had to be unrolled
            recorded = self._record(signature, recorded.names)
            version = self._version(signature, recorded, recorded.told(), args, kwargs)
        version.steady = True
        with self._lock:
            versions[k : k + 1] = [version]
        done, result = self._run(version, signature, args, kwargs, first)
        if not done:
            self._missed(versions, recorded)
        return result

    def _missed(self, versions: Paths, recorded: Recorded) -> bool:
        """Whether no version is to be made of a recording: its path has one already, or compiling does not pay."""
        known = versions.steady_one(recorded)
        if known is None:
            versions.note(recorded)
        else:
            versions.note_digits(known)
        if versions.are_hopeless:
            with self._lock:
                versions.stop()
                self._fast = None
            digits = "its compiled form has other last digits in" if known else "each call takes another path, by"
            looked_at = _what_is_looked_at([guard for guard in recorded.guards if is_of_numbers(guard)])
            self._note_once(
                f"{self.__name__} runs uncompiled: {digits} the numbers that it looks at ({looked_at}). "
                "Compile the parts before and after"
            )
        return known is not None or versions.stopped

    def _record(self, signature: Signature, names: list[str]) -> Recorded:
        """Record f; with its loops unrolled if they cannot be rolled."""
        if self._rolls:
            try:
                return record(self.__wrapped__, signature, names, memory=self._memory)
            except CannotRoll as error:
                self._unroll(error)
        return record(self.__wrapped__, signature, names, rolls=False)

    def _prepared(self, version: Version) -> bool:
        """Compile a version; False if its loops cannot be compiled as loops, or if it takes too much memory."""
        try:
            with self._lock:
                version.prepare()
        except CannotRoll as error:
            self._unroll(error)
            return False
        except CannotCompile:  # reported when it runs
            pass
        return True

    def _unroll(self, error: CannotRoll, failed: Version | None = None) -> None:
        """From now on record unrolled, or in segments; drop earlier recordings, which look different."""
        if self._memory is not None and (self._memory.is_tight or not isinstance(error, TooMuch)):
            raise self._memory.refusal(self.__name__, error) from error
        with self._lock:
            if self._memory is not None:
                self._memory.is_tight = True
            else:
                self._rolls = False
            for versions in self._versions.values():
                versions[:] = [version for version in versions if version.steady and version is not failed]

    def _signature(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signature:
        """The signature of a call; integers that took many values are leaves if only arithmetic depends on them."""
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
        """Whether integers may be operands: f runs with them as operands and as plain integers, and both must agree."""
        with_plain = record(self.__wrapped__, signature, self._names(args, kwargs, signature), rolls=False)
        try:
            with asking_others():
                with_recorded = record(self.__wrapped__, wider, self._names(args, kwargs, wider), rolls=False)
        except NoAnswer:  # the user's code accepts plain integers only
            return False
        return only_arithmetic(with_recorded, wider.ranges) and same_result(with_plain, with_recorded)

    def _require_compiled(self, versions: list[Version], recorded: Recorded) -> None:
        """Raise if a block's call failed where f itself runs, or if there are too many paths."""
        path = [(g.how, g.outcome) for g in recorded.guards]
        for version in versions:
            if isinstance(version.failure, CallFailed) and repr(version.expected[: len(path)]) == repr(path):
                raise CompilerError(f"{self.__name__} runs, but not as it was compiled") from version.failure
        if len(versions) >= TOO_MANY:
            raise CompilerError(f"{self.__name__} has more than {TOO_MANY} paths and ran uncompiled")

    def _versions_of(self, signature: Signature) -> Paths:
        """The versions for a signature, which becomes the most recently used."""
        with self._lock:
            versions = self._versions.pop(signature.key, None)
            self._versions[signature.key] = versions = Paths() if versions is None else versions
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
        """Run a version: whether it is the right one for these values, and the result (`otherwise` if it is not)."""
        try:
            with self._lock:
                version.prepare()
            self._latest = version
            done, result = version.run(signature.leaves)
        except CannotCompile as error:
            return True, self._uncompiled(error, args, kwargs)
        except Overflowed:
            return True, self.__wrapped__(*args, **kwargs)
        except (
            CannotRoll
        ) as error:  # its plan was made for other values; for these its loops cannot be compiled as loops
            self._unroll(error, version)
            return False, otherwise
        if not done:
            return False, otherwise
        if version.writes and len(signature.leaves) > 1:
            return True, result  # the fast path does not check whether arguments share memory
        self._fast = version.fast
        only_one = all(how == OVERFLOW for how, _ in version.expected)
        if version.fast is not None and only_one and version.fast not in self._known:
            self._known = [version.fast, *self._known[: MANY - 1]]
        return True, result

    def _version(
        self, signature: Signature, recorded: Recorded, told: list[Told], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Version:
        return Version(self.__name__, signature, recorded, self._donated(args, kwargs, signature), told, self._limit)

    @property
    def _limit(self) -> int | None:
        return None if self._memory is None else self._memory.limit

    def _keep(self, versions: list[Version], tried: int, version: Version) -> None:
        """Add a version, to be compiled when a second recording agrees. Only the latest keeps its recording."""
        if len(versions) == MANY:
            assert version.recorded is not None
            looked_at = _what_is_looked_at(version.recorded.guards)
            self._note_once(
                f"{self.__name__} has taken {MANY} different paths, and each is compiled by itself; what it looks at: "
                f"{looked_at}. Use np.where, or compile the parts between the branches"
            )
        with self._lock:
            if len(versions) == tried:  # else another thread has recorded meanwhile, maybe the same path
                versions.append(version)
                if self._latest is not None and not self._latest.steady:
                    self._latest.forget()
                self._latest = version

    def _note_once(self, text: str) -> None:
        """Warn that compiling pays little; once for each function."""
        if not self._warned:
            self._warned = True
            warnings.warn(text, stacklevel=5)

    def _same_path(self, told: list[Told], again: list[Told], recorded: Recorded) -> bool:
        """Whether a recording repeats an earlier one. Raises if the function differs from call to call."""
        try:
            same = agree(told, again)
        except RecordingsDiffer as error:
            raise self._refusal(recorded, None, error.step) from None
        if same and recorded.drew:
            raise self._refusal(recorded)
        return same

    def _refusal(self, recorded: Recorded, again: Recorded | None = None, step: Told | None = None) -> RecordingError:
        """The error for a function that differs from call to call; later calls raise it too."""
        if again is not None:
            try:
                agree(recorded.told(), again.told())
            except RecordingsDiffer as error:
                step = error.step
        refused = refusal(self.__name__, self.__wrapped__, step, recorded.drew, recorded.seeded)
        self._refused = str(refused)
        return refused

    def _names(self, args: tuple[Any, ...], kwargs: dict[str, Any], signature: Signature) -> list[str]:
        """A name for each leaf, from the function's parameters."""
        try:
            bound = inspect.signature(self.__wrapped__).bind(*args, **kwargs).arguments
        except (TypeError, ValueError):
            bound = {}
        names: dict[int, str] = {}
        for parameter, argument in bound.items():
            for leaf, name in zip(flatten(argument)[0], leaf_names(argument, parameter), strict=False):
                names.setdefault(id(leaf), name)
        return [names.get(id(leaf), f"x{i}") for i, leaf in enumerate(signature.leaves)]

    def _donated(self, args: tuple[Any, ...], kwargs: dict[str, Any], signature: Signature) -> list[int]:
        """Which leaves may be overwritten."""
        if not self._donate:
            return []
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
        """The largest number of bytes that intermediate results take in the version that ran last."""
        if self._latest is None:
            raise ChainruleError(f"{self.__name__} has not been called yet")
        with self._lock:
            self._latest.prepare()
        return self._latest.program.memory()


class CompiledMethod(MethodOfObject, Compiled[..., Any]):
    """A compiled method, called with its object first."""

    def __init__(self, f: Callable[..., Any], donate: Sequence[int | str] = (), memory: int | str | None = None):
        super().__init__(as_method(f), donate, memory)

    def __reduce__(self) -> Any:
        return CompiledMethod, (self.__wrapped__.__wrapped__, self._donate, self._asked)


_every: weakref.WeakSet[Compiled[..., Any]] = weakref.WeakSet()


def _after_fork() -> None:
    """A version that another thread was compiling is compiled anew in the new process."""
    for compiled in list(_every):
        compiled._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _what_is_looked_at(guards: Sequence[Guard]) -> str:
    lines = {str(g.node.line) for g in guards if g.node.line is not None}
    return ", ".join(sorted(lines)[:3]) or "values"


def _require_llvm() -> None:
    if importlib.util.find_spec("llvmlite") is None:  # imported on the first compilation
        raise ImportError('cr.compile needs llvmlite, the compiler: pip install "chainrule[compile]"')
