"""Replaces the names of NumPy, SciPy and math in the user's code by stand-ins while a function is recorded.

`np.zeros(3)` calls no protocol, so chainrule would not see that a recorded value is written into its result. So while a
function is recorded, the names by which its code reaches NumPy, SciPy and math (`np`, `math`, or an imported `zeros`)
refer to our namespaces: in the globals of the functions that it can reach, and in closures. NumPy itself
is not changed. Other threads see those names too; there they behave as NumPy, because they check whether a function is
being recorded in their own context. Afterwards each name is restored, even after an error.
"""

from __future__ import annotations

import contextlib
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chainrule.array import Array
from chainrule.buffered import BUFFERED
from chainrule.forks import waited_for
from chainrule.libraries import NUMPY as PLAIN_TYPES
from chainrule.standins.needed import ON_IMPORT, needs_of
from chainrule.standins.outside import Outside
from chainrule.standins.replaced import ReplacedName
from chainrule.texts import WRITTEN

__all__ = ["standins"]


class _StandIns:
    """Context in which these names refer to our namespaces, and buffers stand for arrays from outside.

    Ctrl-C may come at any line. So each step can be repeated, and `__exit__` undoes whatever was done. If Ctrl-C comes
    before the first line of `__exit__`, the names are restored when the object is deleted.
    """

    __slots__ = ("before", "buffered", "imported", "left", "names", "outside", "written")

    def __init__(self, names: list[tuple[ReplacedName, Any]], outside: Outside | None):
        self.names = names
        self.outside = outside
        self.buffered = BUFFERED.get()
        self.written = WRITTEN.get()
        self.before = ON_IMPORT.get()
        self.imported = _Imported(id(self))

    def __enter__(self) -> None:
        self.left = False
        BUFFERED.set(True)
        WRITTEN.set([])
        ON_IMPORT.set(self.imported.add)
        try:
            with _lock:
                for name, standin in self.names:
                    name.users[id(self)] = standin
                    name.show()
            if self.outside is not None:
                self.outside.enter()
        except BaseException:
            self._leave()
            raise

    def __exit__(self, *failure: Any) -> None:
        self._leave()

    def __del__(self) -> None:
        if not getattr(self, "left", True):
            self._leave()

    def _leave(self) -> None:
        BUFFERED.set(self.buffered)
        WRITTEN.set(self.written)
        ON_IMPORT.set(self.before)
        try:
            for outside in (*self.imported.outside, self.outside):
                if outside is not None:
                    outside.leave()
                    if not self.buffered:
                        outside.settle()
        finally:
            with _lock:
                for name, _ in (*self.names, *self.imported.names):
                    name.users.pop(id(self), None)
                    name.show()
        self.left = True


class _Imported:
    """The user's modules that functions import while one recording runs, and their replaced names."""

    def __init__(self, user: int):
        self.user = user
        self.modules: set[types.ModuleType] = set()
        self.names: list[tuple[ReplacedName, Any]] = []
        self.outside: list[Outside] = []

    def add(self, module: types.ModuleType) -> None:
        """Replace names of the module's functions until the recording ends."""
        if module in self.modules:
            return
        self.modules.add(module)
        own = [x for x in vars(module).values() if isinstance(x, types.FunctionType | type)]
        roots = [x for x in own if x.__module__ == module.__name__]
        if roots:
            needed = needs_of(roots)
            with _lock:
                self.names += needed.names
                for name, standin in needed.names:
                    name.users[self.user] = standin
                    name.show()
            if needed.outside:
                self.outside.append(Outside(roots, needed.kept))
                self.outside[-1].enter()


_nothing = contextlib.nullcontext()


def standins(f: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], recorded: Iterable[Any] = ()) -> Any:
    """Context in which the names of NumPy, SciPy and math that f reaches are replaced, and plain arrays by buffers.

    `args` and `kwargs` are what f is called with; plain arrays in them are replaced too. `recorded` are the arrays
    whose recorded copies are among them.
    """
    roots = [f]
    for x in (*args, *kwargs.values()) if kwargs else args:
        if type(x) not in _HARMLESS:
            roots += _with_code(x)
    needed = needs_of(roots)
    if not needed.names and not needed.outside:
        return _nothing
    return _StandIns(needed.names, Outside([f, args, kwargs], needed.kept, recorded) if needed.outside else None)


_lock = waited_for(threading.Lock())
_HARMLESS = PLAIN_TYPES | {Array, str}
"""Types of arguments that contain no user code."""


def _with_code(x: Any, depth: int = 0) -> Iterator[Any]:
    """The arguments, or their parts, that may contain user code: functions and objects."""
    kind = type(x)
    if kind in _HARMLESS:
        return
    if (kind is list or kind is tuple or kind is dict) and depth < 6:
        for part in x.values() if kind is dict else x:
            if type(part) not in _HARMLESS:
                yield from _with_code(part, depth + 1)
    else:
        yield x
