"""Detects code that asks the operating system for random bits, as making a generator without a seed does.

NumPy's and Python's generators get these bits through two functions of Python's module `random`. While a function is
recorded, the two are replaced by functions that first notify the recording thread. Tracing every call (`sys.settrace`)
would detect it too, but makes recording twice as slow.
"""

from __future__ import annotations

import contextlib
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from chainrule.forks import waited_for

__all__ = ["listening"]


class _Listener:
    """One call of `listening`."""


_HEAR: ContextVar[Callable[[], None] | None] = ContextVar("_HEAR", default=None)
_lock = waited_for(threading.Lock())
_listeners: weakref.WeakSet[_Listener] = weakref.WeakSet()
"""The active listeners. One whose end was interrupted (Ctrl-C) is removed together with its frame."""


@contextlib.contextmanager
def listening(hear: Callable[[], None]) -> Iterator[None]:
    """Context in which `hear` is called whenever this thread asks for random bits or seeds a generator with them.

    >>> with listening(lambda: print("asked")):
    ...     generator = random.Random()
    asked
    """
    token = _HEAR.set(hear)
    me = _Listener()
    try:
        with _lock:
            _listeners.add(me)
            for replaced in _REPLACED:
                replaced.show(True)
        yield
    finally:
        with _lock:
            _listeners.discard(me)
            for replaced in _REPLACED:
                replaced.show(bool(_listeners))
        _HEAR.reset(token)


class _Replaced:
    """A function of the module `random` (or of a class in it), and its temporary replacement."""

    def __init__(self, holder: Any, name: str, asks: Callable[..., bool]):
        self.holder, self.name, self.asks = holder, name, asks
        self.found: Any = None

        def telling(*args: Any, **kwargs: Any) -> Any:
            hear = _HEAR.get()
            if hear is not None and asks(*args, **kwargs):
                hear()
            return self.found(*args, **kwargs)

        self.telling = telling

    def show(self, telling: bool) -> None:
        """Install the replacement or the original, unless other code has installed a third function."""
        now = vars(self.holder)[self.name]
        if telling and now is not self.telling:
            self.found = now
            setattr(self.holder, self.name, self.telling)
        elif not telling and now is self.telling:
            setattr(self.holder, self.name, self.found)


def _takes_bits(generator: Any, a: Any = None, version: int = 2) -> bool:
    return a is None and not isinstance(generator, random.SystemRandom)


_REPLACED = [_Replaced(random, "_urandom", lambda size: True), _Replaced(random.Random, "seed", _takes_bits)]
