"""Who asks the operating system for random bits, as a generator without a seed does when it is made.

NumPy's generators and Python's get them through two functions of Python's module `random`. While a function is
recorded, these are replaced by ones that tell so first, to the thread that records. Tracing every call
(`sys.settrace`) would tell it too, but makes recording twice as slow.
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
"""Those who listen now. One whose end was interrupted (Ctrl-C) goes with its frame."""


@contextlib.contextmanager
def listening(hear: Callable[[], None]) -> Iterator[None]:
    """Within this, `hear` is called whenever this thread asks for random bits or seeds a generator with them.

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
    """A function of the module `random` or of a class in it, and the one that takes its place for a while."""

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
        """Put the one or the other in its place, unless somebody else has put a third there."""
        now = vars(self.holder)[self.name]
        if telling and now is not self.telling:
            self.found = now
            setattr(self.holder, self.name, self.telling)
        elif not telling and now is self.telling:
            setattr(self.holder, self.name, self.found)


def _takes_bits(generator: Any, a: Any = None, version: int = 2) -> bool:
    return a is None and not isinstance(generator, random.SystemRandom)


_REPLACED = [_Replaced(random, "_urandom", lambda size: True), _Replaced(random.Random, "seed", _takes_bits)]
