"""Forks: a new process must not inherit a lock that is held.

The new process has one thread. A lock that another thread held, or a module that another thread was importing, would
stay locked in it for ever. So a fork waits for the locks registered here, and for imports on first use.
"""

from __future__ import annotations

import importlib
import os
import threading
from contextlib import AbstractContextManager
from typing import Any, TypeVar

__all__ = ["IMPORTING", "imported", "waited_for"]

Lock = TypeVar("Lock", bound=AbstractContextManager[Any])

IMPORTING = threading.RLock()
"""Held while a module is imported on first use. It is taken before any other lock here."""

_locks: list[AbstractContextManager[Any]] = [IMPORTING]
_imported: dict[str, Any] = {}


def imported(name: str) -> Any:
    """A module, imported on first use.

    >>> imported("math").sqrt(9)
    3.0
    """
    found = _imported.get(name)
    if found is None:
        with IMPORTING:
            found = _imported[name] = importlib.import_module(name)
    return found


def waited_for(lock: Lock) -> Lock:
    """Register a lock that forks wait for; returns it."""
    _locks.append(lock)
    return lock


_held: list[AbstractContextManager[Any]] = []


def _before_fork() -> None:
    for lock in _locks:  # also one that is registered while this waits for another
        lock.__enter__()
        _held.append(lock)


def _after_fork() -> None:
    """Release the locks that were taken; last the one for imports, after which another thread may fork."""
    while (lock := _held.pop()) is not IMPORTING:
        lock.__exit__(None, None, None)
    IMPORTING.__exit__(None, None, None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
