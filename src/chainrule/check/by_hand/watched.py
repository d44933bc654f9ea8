"""Watching a user's function: what each statement assigns, and its results if a statement assigned another value."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.check.by_hand.statements import AssignedTarget, SimpleStatement, statements_of
from chainrule.errors import NoAnswer, asking_others
from chainrule.node import is_library

__all__ = ["Assigned", "TooLong", "Watched", "array_of", "unwatched", "watch_frames"]

LIMIT = 20_000
"""The largest number of assignments that are followed."""

BYTES = 500_000_000
"""The largest amount of memory for their values."""


FEW = 50
"""At most this many entries of a tuple, a list or a dict are followed."""


class TooLong(Exception):
    """A function assigns more values than can be followed."""


@dataclass(frozen=True)
class Assigned:
    """One execution of a statement that assigns an array or a number.

    Attributes
    ----------
    call : the number of the function call in which it happens.
    text : the variable, as it is written in the statement.
    name : its name, or the last part of it: `W` for `grads['W']`.
    value : a copy of the variable's value afterwards.
    whole : whether the variable was bound to a new value, not partly written into.
    rebound : whether the new value was computed from the older one: `x = f(x)`.
    given : whether it is the argument of a function that the watched function calls.
    argument : whether it is an argument of the watched function itself.
    """

    call: int
    file: str
    line: int
    text: str
    name: str
    value: np.ndarray
    whole: bool
    rebound: bool = False
    given: bool = False
    argument: bool = False


def array_of(x: Any) -> np.ndarray | None:
    """An array or a number as an array; a tensor of PyTorch as NumPy's; None for anything else."""
    if isinstance(x, np.ndarray):
        return x if x.dtype.kind in "fciub" else None
    if isinstance(x, np.generic | float | int | complex) and not isinstance(x, bool):
        return np.asarray(x)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        return x.detach().cpu().numpy()
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer):
        return np.asarray(x)
    return None


def _is_called_by_library(frame: Any) -> bool:
    """Whether a library runs this code. The code that makes a named tuple has no file that could tell."""
    return frame.f_back is not None and is_library(frame.f_back.f_code.co_filename)


def watch_frames(
    called: Callable[[Any], Callable[[Any, str, Any], None] | None],
) -> contextlib.AbstractContextManager[None]:
    """While user code runs, call `called(frame)` for every function that it enters.

    It returns a function that is called with the frame, "line" or "return" and the returned value before each line and
    at the end, or None.
    """

    def enter(frame: Any, event: str, argument: Any) -> Any:
        code = frame.f_code
        if is_library(code.co_filename) or (code.co_name[0] == "<" and code.co_name != "<lambda>"):
            return None
        if frame.f_globals.get("__name__", "").startswith("namedtuple_") and _is_called_by_library(frame):
            return None
        told = called(frame)
        if told is None:
            return None

        def look(frame: Any, event: str, argument: Any) -> Any:
            if event in ("line", "return"):
                told(frame, event, argument)
            return look

        return look

    return traced_by(enter)


def unwatched() -> contextlib.AbstractContextManager[None]:
    """Code that runs inside is not watched: a forward pass that a backward pass needs."""
    return traced_by(None)


@contextlib.contextmanager
def traced_by(trace: Callable[..., Any] | None) -> Iterator[None]:
    """Context in which Python calls this trace function, or none."""
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


class Watched:
    """One run of a function, with what it assigns.

    Parameters
    ----------
    put_right : other values for some of its assignments, by their position in `assigned`.

    Attributes
    ----------
    assigned : in the order in which it happened.
    returned : the file and the return statement that ended the function; None if there is none.
    lambdas : what lambdas returned, with their file and line.
    """

    def __init__(self, put_right: dict[int, np.ndarray] | None = None):
        self.assigned: list[Assigned] = []
        self.returned: tuple[str, SimpleStatement] | None = None
        self.lambdas: list[tuple[str, int, np.ndarray]] = []
        self._put_right = put_right or {}
        self._calls = 0
        self._open = 0  # calls that have not returned
        self._bytes = 0

    def run(self, f: Callable[[], Any]) -> Any:
        """Call f."""
        with watch_frames(self._enter), np.errstate(all="ignore"):
            return f()

    def _enter(self, frame: Any) -> Callable[[Any, str, Any], None] | None:
        if frame.f_code.co_name == "<lambda>":
            return self._of_lambda
        statements = statements_of(frame.f_code.co_filename)
        if not statements:
            return None
        call, self._calls = self._calls, self._calls + 1
        outermost, self._open = self._open == 0, self._open + 1
        file = frame.f_code.co_filename
        code = frame.f_code
        given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        back = frame.f_back
        where = (file, code.co_firstlineno) if outermost else (back.f_code.co_filename, back.f_lineno)
        self._note(frame, call, where, [AssignedTarget(name, name) for name in given], None if outermost else True)
        before: SimpleStatement | None = None

        def look(frame: Any, event: str, argument: Any) -> None:
            nonlocal before
            now = statements.get(frame.f_lineno) if event == "line" else None
            if now is not None and now is before and (now.first != now.last or frame.f_lineno != now.first):
                return
            if before is not None and before.targets:
                self._note(frame, call, (file, before.first), before.targets)
            if event == "return":
                self._open -= 1
                if outermost and before is not None and before.returned:
                    self.returned = (file, before)
            before = now

        return look

    def _of_lambda(self, frame: Any, event: str, argument: Any) -> None:
        if event == "return" and (value := array_of(argument)) is not None:
            self.lambdas.append((frame.f_code.co_filename, frame.f_lineno, np.array(value)))

    def _note(
        self,
        frame: Any,
        call: int,
        where: tuple[str, int],
        targets: Sequence[AssignedTarget],
        given: bool | None = False,
    ) -> None:
        variables = frame.f_locals  # a snapshot; what is written into it becomes the variable's value
        written: list[tuple[Any, Any, Any]] = []
        for target in targets:
            try:
                with asking_others():  # a path may lead through a property of the user's
                    owner, key, text, name = _place(target, frame.f_globals, variables)
                    now = getattr(owner, key.name) if isinstance(key, _Attribute) else owner[key]
            except NoAnswer:
                continue
            found = _Place(owner, key, text, name)
            if not target.sure and isinstance(now, list):  # what was appended
                found = _Place(now, len(now) - 1, f"{text}[{len(now) - 1}]", "")
                now = now[-1] if now else None
            for place in _arrays_in(found, now):
                value = array_of(place.now)
                assert value is not None
                if value.dtype.kind not in "fc" and value.ndim == 0:
                    continue
                number = len(self.assigned)
                if number >= LIMIT or self._bytes > BYTES:
                    raise TooLong
                if not target.sure and self._is_unchanged(call, place.text, value):
                    continue
                if number in self._put_right and place.owner is not None:
                    value = _fitted(self._put_right[number], value)
                    written.append((place.owner, place.key, _put(place.now, value)))
                self._bytes += value.nbytes
                how = (target.whole, target.rebound, bool(given), given is None)
                self.assigned.append(Assigned(call, *where, place.text, place.name, np.array(value), *how))
        for owner, key, new in written:
            if isinstance(key, _Attribute):
                setattr(owner, key.name, new)
            else:
                owner[key] = new

    def _is_unchanged(self, call: int, text: str, value: np.ndarray) -> bool:
        last = next((a for a in reversed(self.assigned) if a.call == call and a.text == text), None)
        return last is None or np.array_equal(last.value, value, equal_nan=True)


@dataclass(frozen=True)
class _Attribute:
    name: str


@dataclass(frozen=True)
class _Place:
    """Where a value is stored: an entry or an attribute of its owner; None if it cannot be replaced there."""

    owner: Any
    key: Any
    text: str
    name: str
    now: Any = None


def _arrays_in(place: _Place, now: Any) -> Iterator[_Place]:
    """The array at a place, or those in the tuple, list or dict that is there."""
    if array_of(now) is not None:
        yield replace(place, now=now)
    elif isinstance(now, tuple | list) and len(now) <= FEW:
        for i, part in enumerate(now):
            owner = now if isinstance(now, list) else None
            yield from _arrays_in(_Place(owner, i, f"{place.text}[{i}]", ""), part)
    elif isinstance(now, dict) and len(now) <= FEW:
        for key, part in now.items():
            yield from _arrays_in(_Place(now, key, f"{place.text}[{key!r}]", str(key)), part)


def _place(target: AssignedTarget, outside: dict[str, Any], variables: Any) -> tuple[Any, Any, str, str]:
    """Where a target is stored (an object, and its key or attribute), its text and its name."""
    if target.owner is None:
        return variables, target.name, target.text, target.name
    owner = eval(target.owner, outside, dict(variables))  # a path of names, as it is written
    if target.key is None:
        return owner, _Attribute(target.attribute), target.text, target.name
    assert target.outer is not None
    if not isinstance(owner, dict | list):
        return _place(target.outer, outside, variables)
    key = eval(target.key, outside, dict(variables))
    name = key if isinstance(key, str) else target.outer.name
    text = f"{target.outer.text}[{key!r}]"
    return owner, key, text, name


def _fitted(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """A value in the dtype of the one whose place it takes, and in its shape if that differs by axes of length 1."""
    new = np.array(new, dtype=old.dtype if old.dtype.kind in "fc" else None)
    return new.reshape(old.shape) if np.squeeze(new).shape == np.squeeze(old).shape else new


def _put(now: Any, value: np.ndarray) -> Any:
    """The object that takes the place of a value: the same one, written into, if it is a part of another array."""
    if isinstance(now, np.ndarray):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's, of arrays that were broadcast
            inside = now.base is not None and now.flags.writeable and now.shape == value.shape
            if inside:
                now[...] = value
                return now
        return np.array(value)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(now, torch.Tensor):
        return torch.from_numpy(np.array(value)).to(now.device)
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(now, jax.Array):
        return jax.numpy.asarray(value)
    return value[()] if value.ndim == 0 else np.array(value)
